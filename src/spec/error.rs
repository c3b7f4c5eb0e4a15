//! What is wrong with a spec, where, and what to do about it.

use crate::atomic::shown;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a spec cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The file given on the command line cannot be read.
    #[error("{}", crate::atomic::unreadable(file, source))]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Something in a file is not what it should be.
    #[error("{0}")]
    Fault(Box<Fault>),
}

/// One fault in a spec file. Displays as
/// `file:line:column: $[3].max_load: expected …, found …`, and on a second line `hint: …` if there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// Where in a JSON file (`$[3].max_load`); empty in other files.
    pub json_path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
    /// What to do; may be empty.
    pub hint: String,
    /// The file's text, as far as it was read.
    pub text: Arc<str>,
    /// Bytes of the text the fault is about.
    pub span: Range<usize>,
}

/// Without the text, which may have megabytes.
impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({self})")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", shown(&self.file), self.line, self.column, self.headline())?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "\n  hint: {}", self.hint) }
    }
}

impl Fault {
    /// What is wrong, without where and without the hint: `$[3].max_load: expected …, found …`.
    pub fn headline(&self) -> String {
        let separator = if self.json_path.is_empty() { "" } else { ": " };
        format!("{}{separator}expected {}, found {}", self.json_path, self.expected, self.found)
    }
}

impl From<Fault> for SpecError {
    fn from(fault: Fault) -> Self {
        Self::Fault(Box::new(fault))
    }
}

/// The name in `known` that `written` was probably meant to be.
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase();
    let scored = known.into_iter().map(|name| (strsim::jaro_winkler(&lower, &name.to_lowercase()), name));
    scored.filter(|(score, _)| *score > 0.84).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

/// `did you mean ‘x’?`, or the list of all names.
pub fn suggestion(written: &str, known: &[&str]) -> String {
    match did_you_mean(written, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known: {}", known.join(", ")),
    }
}
