//! HTML by hand: everything that is not markup of this crate goes through [`escaped`], since names of mixes, files and backends
//! and the texts of errors come from anywhere.

use std::fmt::Write;

/// Text as it may stand in elements and in quoted attributes. Control characters become "�".
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// One cell: what is shown and, for numbers, what is sorted by.
pub struct Cell {
    text: String,
    key: Option<f64>,
    class: &'static str,
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), key: None, class: "" }
    }

    /// A number, shown as `text`.
    pub fn number(value: f64, text: impl Into<String>) -> Self {
        Self { text: text.into(), key: Some(value), class: "n" }
    }

    /// A state: text with a colour of its own (`ok`, `bad`, `warn`).
    pub fn state(text: &str, class: &'static str) -> Self {
        Self { text: text.into(), key: None, class }
    }
}

/// A table that sorts by any column and filters by text. Without scripts it is a plain table.
pub fn table(caption: &str, heads: &[&str], rows: &[Vec<Cell>]) -> String {
    let mut out = String::from("<div class=\"scroll\" tabindex=\"0\" role=\"region\"");
    let _ = write!(
        out,
        " aria-label=\"{}\"><table class=\"sortable\"><caption>{}</caption><thead><tr>",
        escaped(caption),
        escaped(caption)
    );
    for head in heads {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escaped(head));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (i, cell) in row.iter().enumerate() {
            let (open, close) = if i == 0 { ("<th scope=\"row\"", "</th>") } else { ("<td", "</td>") };
            out.push_str(open);
            if !cell.class.is_empty() {
                let _ = write!(out, " class=\"{}\"", cell.class);
            }
            if let Some(key) = cell.key.filter(|key| key.is_finite()) {
                let _ = write!(out, " data-key=\"{key}\"");
            }
            let _ = write!(out, ">{}{close}", escaped(&cell.text));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_hostile_text_is_markup() {
        let hostile = "<script>alert('1')</script>\" onload=\"x\" &amp; \u{0}";
        let text = escaped(hostile);
        assert!(!text.contains(['<', '>', '"', '\'', '\0']), "{text}");
        let table = table(hostile, &[hostile], &[vec![Cell::text(hostile)]]);
        assert!(!table.contains("<script") && !table.contains("onload=\""), "{table}");
    }
}
