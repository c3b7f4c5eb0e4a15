//! Plain text tables: first column left, the others right, two spaces between, no lines.

use super::plain::plain_line;

/// Rows of equal length under a header; `text` renders them.
pub struct TextTable {
    rows: Vec<Vec<String>>,
}

impl TextTable {
    /// A table with these column heads.
    pub fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|h| (*h).to_owned()).collect()] }
    }

    /// Appends a row (as many cells as the header).
    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.rows[0].len());
        self.rows.push(cells.iter().map(|cell| plain_line(cell).into_owned()).collect());
    }

    /// The whole table, one line per row.
    pub fn text(&self) -> String {
        let columns = self.rows[0].len();
        let width = |c: usize| self.rows.iter().map(|r| r[c].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (c, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let pad = " ".repeat(width - cell.chars().count());
                let cell = if c == 0 { format!("{cell}{pad}") } else { format!("  {pad}{cell}") };
                line.push_str(&cell);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// A fraction as percent with one digit, such as `12.3`.
pub fn percent(fraction: f64) -> String {
    format!("{:.1}", fraction * 100.0)
}

/// Seconds in three significant digits.
pub fn seconds(s: f64) -> String {
    match s {
        s if s >= 99.95 => format!("{s:.0}"),
        s if s >= 9.995 => format!("{s:.1}"),
        s if s >= 0.9995 => format!("{s:.2}"),
        s => format!("{s:.4}"),
    }
}

/// A ratio such as `250x`, in two or three significant digits.
pub fn ratio(r: f64) -> String {
    match r {
        r if !r.is_finite() => "-".into(),
        r if r >= 9.95 => format!("{r:.0}x"),
        r if r >= 0.995 => format!("{r:.1}x"),
        r => format!("{r:.3}x"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut t = TextTable::new(&["backend", "n"]);
        t.row(vec!["flowsim".into(), "10".into()]);
        t.row(vec!["≤".into(), "7".into()]);
        assert_eq!(t.text(), "backend   n\nflowsim  10\n≤         7\n");
    }
}
