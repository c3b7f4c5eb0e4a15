//! What can go wrong when a figure is made.

use std::path::PathBuf;

use super::scope::mix_ranges;

/// A backend whose finished runs do not cover what a figure needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The backend.
    pub backend: String,
    /// Mixes of the scenarios without a usable run of it.
    pub mixes: Vec<u64>,
    /// Why, as far as the dataset knows (failed, unsupported, …), one line each, without repetitions.
    pub reasons: Vec<String>,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.mixes.len() == 1 { "mix" } else { "mixes" };
        write!(f, "{} in {plural} {}", self.backend, mix_ranges(&self.mixes))?;
        if !self.reasons.is_empty() {
            write!(f, " ({})", self.reasons.join("; "))?;
        }
        Ok(())
    }
}

/// Why a figure was not made; nothing was written then.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// The figure compares with a baseline and the request names none.
    #[error("figure {figure} compares with a baseline, but none was named (`--baseline BACKEND`)")]
    NoBaseline {
        /// Name of the figure.
        figure: &'static str,
    },
    /// No scenario has a finished run of every backend that is compared.
    #[error(
        "figure {figure}: of {scenarios} scenarios none has a finished run of every backend compared; missing: {}",
        list(missing)
    )]
    MissingData {
        /// Name of the figure.
        figure: &'static str,
        /// Scenarios in the dataset.
        scenarios: usize,
        /// What is missing, by backend.
        missing: Vec<Missing>,
    },
    /// Fewer backends than the figure compares.
    #[error("figure {figure} needs finished runs of at least {needed} backends, found {}", names(found))]
    TooFewBackends {
        /// Name of the figure.
        figure: &'static str,
        /// How many it needs, the baseline included.
        needed: usize,
        /// The backends there are.
        found: Vec<String>,
    },
    /// The filter keeps no scenario.
    #[error("figure {figure}: none of {scenarios} scenarios is one with {filter}")]
    NothingChosen {
        /// Name of the figure.
        figure: &'static str,
        /// The filter as written.
        filter: String,
        /// Scenarios in the dataset.
        scenarios: usize,
    },
    /// The scenarios have nothing of what the figure shows.
    #[error("figure {figure}: {lacking}")]
    Lacking {
        /// Name of the figure.
        figure: &'static str,
        /// What is not there, and how to get it.
        lacking: String,
    },
    /// The drawing library refused.
    #[error("figure {figure} could not be drawn: {reason}")]
    Draw {
        /// Name of the figure.
        figure: &'static str,
        /// What the library said.
        reason: String,
    },
    /// The drawing could not be turned into another form.
    #[error("figure {figure} could not be turned into {form}: {reason}")]
    Render {
        /// Name of the figure.
        figure: &'static str,
        /// `PDF` or `PNG`.
        form: &'static str,
        /// What the library said.
        reason: String,
    },
    /// A file or directory could not be written.
    #[error("{}", crate::atomic::refusal(path, source))]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl FigureError {
    /// Whether runs are missing, rather than that something broke: more runs or fewer `--backends` would help.
    pub fn is_missing_data(&self) -> bool {
        matches!(
            self,
            Self::MissingData { .. } | Self::TooFewBackends { .. } | Self::NothingChosen { .. } | Self::Lacking { .. }
        )
    }
}

fn list(missing: &[Missing]) -> String {
    if missing.is_empty() {
        return "everything".to_string();
    }
    missing.iter().map(Missing::to_string).collect::<Vec<_>>().join(", ")
}

fn names(found: &[String]) -> String {
    if found.is_empty() { "none".to_string() } else { found.join(", ") }
}
