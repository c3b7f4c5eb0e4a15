//! The table behind a figure: what is drawn, written beside the picture as CSV, and what tests compare.
//!
//! Tables are tidy (one row per point, one column per variable, units in column names), so that pandas or polars can
//! redraw the figure. CSV as in RFC 4180 with `\n`; numbers in the shortest form that reads back to the same bits.

use super::scope::Scope;

/// One value of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A name.
    Text(String),
    /// A count or an id.
    Count(u64),
    /// A measured number; NaN is written as an empty field.
    Number(f64),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_string())
    }
}

/// Rows and what has to be said about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Column names.
    pub columns: &'static [&'static str],
    /// Rows, each with one cell per column, in drawing order.
    pub rows: Vec<Vec<Cell>>,
    /// What is compared over which scenarios.
    pub scope: Scope,
    /// Further sentences for the caption.
    pub notes: Vec<String>,
    /// Range of the horizontal axis where it is chosen together with the statistic.
    pub x_range: Option<(f64, f64)>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: &'static [&'static str], scope: Scope) -> Self {
        Self { columns, rows: Vec::new(), scope, notes: Vec::new(), x_range: None }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<Cell>) {
        assert_eq!(row.len(), self.columns.len(), "a row has one cell per column");
        self.rows.push(row);
    }

    /// The rows whose column `column` holds `text`, in order.
    pub fn select_all<'t>(&'t self, column: &str, text: &'t str) -> impl Iterator<Item = Row<'t>> {
        let at = self.column(column);
        let matching = self.rows.iter().filter(move |row| matches!(&row[at], Cell::Text(t) if t == text));
        matching.map(|cells| Row { table: self, cells })
    }

    /// The rows whose column `first` holds `a` and whose column `second` holds `b`, in order.
    pub fn select<'t>(&'t self, first: &str, a: &'t str, second: &str, b: &'t str) -> impl Iterator<Item = Row<'t>> {
        let (first, second) = (self.column(first), self.column(second));
        let is = |cell: &Cell, text: &str| matches!(cell, Cell::Text(t) if t == text);
        let matching = self.rows.iter().filter(move |row| is(&row[first], a) && is(&row[second], b));
        matching.map(|cells| Row { table: self, cells })
    }

    /// The different texts of a column, in order of appearance.
    pub fn distinct(&self, column: &str) -> Vec<&str> {
        let at = self.column(column);
        let mut seen: Vec<&str> = Vec::new();
        for row in &self.rows {
            if let Cell::Text(text) = &row[at]
                && !seen.contains(&text.as_str())
            {
                seen.push(text);
            }
        }
        seen
    }

    /// All rows, in order.
    pub fn all(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row { table: self, cells })
    }

    /// The scope's sentences and the notes: the end of every caption.
    pub fn remarks(&self) -> String {
        let notes: String = self.notes.iter().map(|note| format!(" {note}")).collect();
        self.scope.sentences() + &notes
    }

    fn column(&self, name: &str) -> usize {
        let at = self.columns.iter().position(|c| *c == name);
        at.expect("figures read only columns that they write")
    }

    /// The table as CSV with a header line.
    pub fn to_csv(&self) -> String {
        let mut out = self.columns.join(",");
        out.push('\n');
        for row in &self.rows {
            for (i, cell) in row.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                match cell {
                    Cell::Text(text) => out.push_str(&quoted(text)),
                    Cell::Count(count) => out.push_str(&count.to_string()),
                    Cell::Number(number) if number.is_nan() => {}
                    Cell::Number(number) => out.push_str(&number.to_string()),
                }
            }
            out.push('\n');
        }
        out
    }
}

/// One row of a table.
#[derive(Clone, Copy)]
pub struct Row<'t> {
    table: &'t Table,
    cells: &'t [Cell],
}

impl<'t> Row<'t> {
    /// The text in a column; empty for a number.
    pub fn text(&self, column: &str) -> &'t str {
        match &self.cells[self.table.column(column)] {
            Cell::Text(text) => text,
            _ => "",
        }
    }

    /// The number in a column (counts too); NaN for a text.
    pub fn number(&self, column: &str) -> f64 {
        match &self.cells[self.table.column(column)] {
            Cell::Number(number) => *number,
            Cell::Count(count) => *count as f64,
            Cell::Text(_) => f64::NAN,
        }
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_string() }
}
