//! Legends: a sample of each curve beside its name, in lines over the width of the figure, above everything else.

use super::canvas::{Anchor, Canvas, DrawResult, Point, shortened, text_width};
use super::scope::Scope;
use super::style::{self, Look};

/// One entry.
pub struct Entry {
    /// The name.
    pub text: String,
    /// Its look.
    pub look: Look,
    /// Whether its curve is wide.
    pub wide: bool,
    /// Whether a mark is shown on the sample.
    pub mark: bool,
    /// Whether a stretch of curve is shown.
    pub line: bool,
}

/// Height of a line.
const LINE: f64 = 13.0;
/// Sample and the space after it; space after a name.
const KEY: f64 = 24.0;
const SPACE: f64 = 14.0;
/// Free at both sides.
const MARGIN: f64 = 6.0;

/// The entries of the backends of a scope that `keep` says, the baseline called so.
pub fn backends(scope: &Scope, mark: bool, keep: impl Fn(&str) -> bool) -> Vec<Entry> {
    let looks = style::looks(&scope.backends);
    let entry = |(id, look): (&String, Look)| {
        let baseline = scope.baseline.as_ref() == Some(id);
        let text = if baseline { format!("{id} (baseline)") } else { id.clone() };
        Entry { text, look, wide: baseline, mark, line: true }
    };
    scope.backends.iter().zip(looks).filter(|(id, _)| keep(id)).map(entry).collect()
}

fn entry_width(entry: &Entry, page: f64) -> f64 {
    (KEY + text_width(&entry.text, style::FONT) + SPACE).min(page - 2.0 * MARGIN)
}

/// Entries in lines that fit `page` points; each line is a list of entries.
fn lines(entries: &[Entry], page: f64) -> Vec<Vec<usize>> {
    let mut lines: Vec<Vec<usize>> = Vec::new();
    let mut room = 0.0;
    for (i, entry) in entries.iter().enumerate() {
        let width = entry_width(entry, page);
        match lines.last_mut() {
            Some(line) if width - SPACE <= room => line.push(i),
            _ => {
                lines.push(vec![i]);
                room = page - 2.0 * MARGIN;
            }
        }
        room -= width;
    }
    lines
}

/// Height of the legend, the space below it included.
pub fn height(entries: &[Entry], page: f64) -> f64 {
    if entries.is_empty() { 0.0 } else { lines(entries, page).len() as f64 * LINE + 6.0 }
}

/// Draws the legend at the top of the canvas, each line centred.
pub fn draw(canvas: &Canvas, entries: &[Entry]) -> DrawResult {
    let page = canvas.width();
    for (line, members) in lines(entries, page).into_iter().enumerate() {
        let y = 9.0 + line as f64 * LINE;
        let width: f64 = members.iter().map(|i| entry_width(&entries[*i], page)).sum();
        let mut x = ((page - width + SPACE) / 2.0).max(MARGIN);
        for i in members {
            let entry = &entries[i];
            key(canvas, (x + 10.0, y), entry)?;
            let name = shortened(&entry.text, style::FONT, page - 2.0 * MARGIN - KEY);
            canvas.text(&name, (x + KEY, y), Anchor::Left, style::FONT, style::INK)?;
            x += entry_width(entry, page);
        }
    }
    Ok(())
}

/// The sample of an entry: a stretch of its curve and its mark, centred at `at`, 20 points wide.
pub fn key(canvas: &Canvas, at: Point, entry: &Entry) -> DrawResult {
    let look = &entry.look;
    if entry.line {
        let width = if entry.wide { style::BASELINE_CURVE } else { style::CURVE };
        canvas.dashed(&[(at.0 - 10.0, at.1), (at.0 + 10.0, at.1)], look.color, width, look.dash)?;
    }
    if entry.mark { canvas.mark(at, look.mark, look.color, style::MARK) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Entry {
        let look = style::looks(&["packet".to_string()])[0];
        Entry { text: text.into(), look, wide: false, mark: true, line: true }
    }

    #[test]
    fn legends_break_into_lines_that_fit() {
        let names = ["flowsim-window", "flowsim-window", "m4", "packet (baseline)"].map(entry);
        assert_eq!(lines(&names, 504.0), [[0, 1, 2, 3]]);
        assert_eq!(lines(&names, 240.0), [vec![0, 1], vec![2, 3]]);
        let wide = [entry(&"w".repeat(200)), entry("x")];
        assert_eq!(lines(&wide, 240.0), [[0], [1]]);
    }
}
