//! A fault in a spec drawn with the lines it is about, by miette: what is wrong, where, and what to do.
//!
//! The excerpt is the line of the fault and one line on each side. Of very long lines (matrices and listings are often one line
//! of megabytes) only the part around the fault is shown.

use super::plain::{masked, plain, plain_line};
use crate::spec::Fault;
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};
use std::fmt;

/// Longest line that is shown whole, in characters.
const WHOLE_LINE: usize = 110;
/// Characters that are shown before a fault in a longer line, and from there on.
const BEFORE: usize = 30;
const AFTER: usize = 70;

/// The fault as a drawing of at most `width` columns of prose, ending in a line break.
pub fn draw(fault: &Fault, width: usize, colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false);
    let mut text = String::new();
    match handler.render_report(&mut text, &Drawn { fault, excerpt: Excerpt::of(fault) }) {
        Ok(()) => text.trim_start_matches('\n').to_owned(),
        Err(_) => format!("error: {fault}\n"),
    }
}

#[derive(Debug)]
struct Drawn<'a> {
    fault: &'a Fault,
    excerpt: Excerpt,
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&plain(&self.fault.headline()))
    }
}

impl std::error::Error for Drawn<'_> {}

impl Diagnostic for Drawn<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let hint = &self.fault.hint;
        (!hint.is_empty()).then(|| Box::new(plain(hint)) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.excerpt)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_primary_with_span(Some("here".into()), self.excerpt.span);
        Some(Box::new(std::iter::once(label)))
    }
}

/// A few lines of a file, with their place in it.
#[derive(Debug)]
struct Excerpt {
    file: String,
    text: String,
    span: SourceSpan,
    /// Lines before the excerpt.
    lines_before: usize,
    /// Characters cut off at the start of the fault's line, less the mark that says so.
    columns_before: usize,
}

impl Excerpt {
    fn of(fault: &Fault) -> Self {
        let whole: &str = &fault.text;
        let line_start = whole[..fault.span.start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = whole[fault.span.start..].find('\n').map_or(whole.len(), |at| fault.span.start + at);
        let line = &whole[line_start..line_end];
        let mut text = String::new();
        if line_start > 0 {
            let previous = whole[..line_start - 1].rfind('\n').map_or(0, |at| at + 1);
            text = cut(&whole[previous..line_start - 1]) + "\n";
        }
        // A fault about a whole object or array is drawn at its first line only.
        let (from, to) = (fault.span.start - line_start, fault.span.end.min(line_end) - line_start);
        let (shown, cut_off) = around(line, from);
        let mark = if cut_off > 0 { '…'.len_utf8() } else { 0 };
        let start = text.len() + mark + from - cut_off;
        let columns_before = line[..cut_off].chars().count().saturating_sub(usize::from(mark > 0));
        text += &shown;
        let length = (to - from).min(text.len().saturating_sub(start));
        if let Some(next) = whole.get(line_end + 1..).filter(|rest| !rest.is_empty()) {
            text += "\n";
            text += &cut(next.split('\n').next().unwrap_or_default());
        }
        let lines_before = fault.line - 1 - usize::from(line_start > 0);
        let file = plain_line(&fault.file.display().to_string()).into_owned();
        let text = masked(&text);
        Self { file, text, span: (start, length).into(), lines_before, columns_before }
    }
}

/// The start of a line.
fn cut(line: &str) -> String {
    match line.char_indices().nth(WHOLE_LINE) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.trim_end_matches('\r').to_owned(),
    }
}

/// The part of a line around byte `at`, and how many bytes were cut off before it.
fn around(line: &str, at: usize) -> (String, usize) {
    if line.chars().count() <= WHOLE_LINE {
        return (line.to_owned(), 0);
    }
    let from = line[..at].char_indices().rev().nth(BEFORE - 1).map_or(0, |(i, _)| i);
    let to = line[at..].char_indices().nth(AFTER).map_or(line.len(), |(i, _)| at + i);
    let (head, tail) = (if from > 0 { "…" } else { "" }, if to < line.len() { "…" } else { "" });
    (format!("{head}{}{tail}", &line[from..to]), from)
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.text.read_span(span, before, after)?;
        // miette counts bytes; people, and our plain messages, count characters.
        let at = inner.span().offset();
        let column = self.text[at - inner.column()..at].chars().count();
        Ok(Box::new(MietteSpanContents::new_named(
            self.file.clone(),
            inner.data(),
            *inner.span(),
            inner.line() + self.lines_before,
            column + self.columns_before,
            inner.line_count(),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::json::Document;
    use std::path::Path;

    fn drawn(text: &str, at: &str, hint: &str) -> String {
        let start = text.find(at).expect("it is there");
        let document = Document::new(Path::new("my.mix.json"), text.into());
        draw(&document.fault_at(start..start + at.len(), "a load above 0", at, hint), 80, false)
    }

    #[test]
    fn a_fault_is_drawn_under_its_line_with_what_to_do() {
        let text = drawn("{\n  \"id\": 0,\n  \"max_load\": 70,\n  \"x\": 1\n}\n", "70", "write 0.7 for 70 %");
        let want = "  \
  × expected a load above 0, found 70
   ╭─[my.mix.json:3:15]
 2 │   \"id\": 0,
 3 │   \"max_load\": 70,
   ·               ─┬
   ·                ╰── here
 4 │   \"x\": 1
   ╰────
  help: write 0.7 for 70 %
";
        assert_eq!(text, want);
    }

    #[test]
    fn of_a_line_of_megabytes_only_the_neighbourhood_is_drawn() {
        let text =
            drawn(&format!("[{}{}]", "1,é,".repeat(300_000), "70, 1".to_owned() + &",2".repeat(300_000)), "70", "");
        assert!(text.chars().count() < 1000, "{}", text.len());
        assert!(text.contains("…") && text.contains("[my.mix.json:1:1200002]"), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        let line = lines.iter().position(|l| l.contains("70, 1")).expect("the line is drawn");
        let column = |l: &str, what: &str| l.split(what).next().expect("split has a first").chars().count();
        assert_eq!(column(lines[line], "70"), column(lines[line + 1], "─┬"), "{text}");
    }

    #[test]
    fn every_place_of_a_text_can_be_drawn() {
        let text = "äöü\n\n[1,\n 2]\r\n";
        let document = Document::new(Path::new("f"), text.into());
        let places = (0..=text.len()).filter(|at| text.is_char_boundary(*at));
        for from in places.clone() {
            for to in places.clone().filter(|to| *to >= from) {
                assert!(
                    draw(&document.fault_at(from..to, "x", "y", ""), 80, true).contains("expected"),
                    "{from}..{to}"
                );
            }
        }
    }
}
