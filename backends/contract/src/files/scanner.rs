//! Words and numbers of a text, with their line: strict ones, and ones that stop where a C++ input stream stops.

use super::FileError;

/// Longest piece of a file that an error repeats, in characters.
const SHOWN: usize = 40;

/// A place in a text.
#[derive(Clone, Debug)]
pub(super) struct Scanner<'a> {
    file: &'a str,
    rest: &'a str,
    /// Line of `rest`.
    at: usize,
    /// Line of what was read last.
    line: usize,
}

impl<'a> Scanner<'a> {
    /// The start of `text`, whose first line has number `line`.
    pub(super) fn new(file: &'a str, text: &'a str, line: usize) -> Self {
        Self { file, rest: text, at: line, line }
    }

    /// One scanner per line that is not blank.
    pub(super) fn lines(file: &'a str, text: &'a str) -> impl Iterator<Item = Self> {
        let numbered = text.lines().enumerate();
        numbered.filter(|(_, l)| l.bytes().any(|b| !is_space(b))).map(move |(i, l)| Self::new(file, l, i + 1))
    }

    /// Line of the word or number read last.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// Words left.
    pub(super) fn count_words(&self) -> usize {
        let mut ahead = self.clone();
        std::iter::from_fn(|| ahead.next_word()).count()
    }

    /// The next word, if there is one.
    pub(super) fn next_word(&mut self) -> Option<&'a str> {
        self.skip_space();
        let end = self.rest.bytes().position(is_space).unwrap_or(self.rest.len());
        self.take(end)
    }

    /// The next word, which must be there.
    pub(super) fn word(&mut self, expected: &str) -> Result<&'a str, FileError> {
        self.next_word().ok_or_else(|| self.unexpected("the end", expected))
    }

    /// A word that is a non-negative integer of type `T` as a whole.
    pub(super) fn number<T: std::str::FromStr>(&mut self, expected: &str) -> Result<T, FileError> {
        let word = self.word(expected)?;
        word.parse().map_err(|_| self.unexpected_word(word, expected))
    }

    /// An unsigned integer up to `max`, read as a C++ stream does: it stops at the first character that is no digit, and
    /// what follows (a decimal part, say) is left for the next read.
    pub(super) fn integer_prefix(&mut self, max: u64, expected: &str) -> Result<u64, FileError> {
        self.skip_space();
        let end = self.rest.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(self.rest.len());
        let value = self.rest[..end].parse().ok().filter(|v| *v <= max);
        let Some(value) = value else { return Err(self.unexpected_next(expected)) };
        self.take(end);
        Ok(value)
    }

    /// A finite real number, read as a C++ stream does: sign, digits, point, digits, exponent; the rest is left.
    pub(super) fn real_prefix(&mut self, expected: &str) -> Result<f64, FileError> {
        self.skip_space();
        let end = real_length(self.rest.as_bytes());
        let value: Option<f64> = self.rest[..end].parse().ok().filter(|v: &f64| v.is_finite());
        let Some(value) = value else { return Err(self.unexpected_next(expected)) };
        self.take(end);
        Ok(value)
    }

    /// Checks that no word is left.
    pub(super) fn end(&mut self, expected: &str) -> Result<(), FileError> {
        match self.next_word() {
            None => Ok(()),
            Some(word) => Err(self.unexpected_word(word, expected)),
        }
    }

    /// An error about the thing read last.
    pub(super) fn unexpected(&self, found: impl Into<String>, expected: impl Into<String>) -> FileError {
        FileError::Unexpected {
            file: self.file.into(),
            line: self.line,
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// An error about a word.
    pub(super) fn unexpected_word(&self, word: &str, expected: impl Into<String>) -> FileError {
        let shown: String = word.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        let more = if word.chars().nth(SHOWN).is_some() { "…" } else { "" };
        self.unexpected(format!("`{shown}{more}`"), expected)
    }

    /// An error about something valid that is not supported.
    pub(super) fn unsupported(&self, feature: impl Into<String>, supported: &'static str) -> FileError {
        FileError::Unsupported { file: self.file.into(), line: self.line, feature: feature.into(), supported }
    }

    fn unexpected_next(&mut self, expected: &str) -> FileError {
        match self.next_word() {
            Some(word) => self.unexpected_word(word, expected),
            None => self.unexpected("the end", expected),
        }
    }

    fn skip_space(&mut self) {
        let end = self.rest.bytes().position(|b| !is_space(b)).unwrap_or(self.rest.len());
        self.at += self.rest[..end].bytes().filter(|b| *b == b'\n').count();
        self.rest = &self.rest[end..];
    }

    fn take(&mut self, length: usize) -> Option<&'a str> {
        if length == 0 {
            return None;
        }
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.line = self.at;
        Some(taken)
    }
}

/// White space of the C locale.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Length of the longest real number at the start of `text`.
fn real_length(text: &[u8]) -> usize {
    let digits = |from: usize| text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let sign = |at: usize| usize::from(matches!(text.get(at), Some(b'+' | b'-')));
    let mut end = sign(0);
    end += digits(end);
    if text.get(end) == Some(&b'.') {
        end += 1;
        end += digits(end);
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        end += 1;
        end += sign(end);
        end += digits(end);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stop_where_a_stream_stops_and_the_rest_is_the_next_word() {
        let mut s = Scanner::new("f", " 113.39\n1e-3x  7", 1);
        assert_eq!(s.integer_prefix(u64::MAX, "n"), Ok(113));
        assert_eq!(s.next_word(), Some(".39"));
        assert_eq!((s.real_prefix("r"), s.line()), (Ok(1e-3), 2));
        assert_eq!(s.next_word(), Some("x"));
        assert!(s.clone().integer_prefix(6, "n").is_err());
        assert_eq!(s.number::<u8>("n"), Ok(7));
        assert!(s.real_prefix("r").is_err() && s.number::<u8>("n").is_err() && s.end("end").is_ok());
    }

    #[test]
    fn errors_name_the_line_and_shorten_what_they_found() {
        let text = format!("a\n\n{}", "é".repeat(100));
        let mut s = Scanner::new("f.txt", &text, 1);
        s.next_word();
        let error = s.number::<u32>("a count").unwrap_err().to_string();
        assert_eq!(error, format!("f.txt:3: found `{}…`, expected a count", "é".repeat(SHOWN)));
    }
}
