//! Errors on their way out: one text, one exit code. Faults in files are drawn with the lines they are about if a person
//! looks at them (stderr is a terminal), and are plain text otherwise.

use super::args::MessageFormat;
use super::drawing::draw;
use super::exit::Exit;
use super::plain::plain;
use super::say;
use crate::atomic::refusal;
use crate::backends::BackendError;
use crate::export::ExportError;
use crate::figures::FigureError;
use crate::spec::{Fault, SpecError};
use crate::store::StoreError;
use crate::workload::WorkloadError;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

/// An error that ends the program.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    message: String,
    fault: Option<Box<Fault>>,
}

impl Failure {
    /// With a chosen exit code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), fault: None }
    }

    /// A fault of mixlab or of the machine.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Exit::Internal, message)
    }

    /// A file or folder that can't be written, with what to do.
    pub fn unwritable(path: &Path, why: &std::io::Error) -> Self {
        Self::internal(refusal(path, why))
    }

    /// What went wrong.
    pub fn message(&self) -> &str {
        self.message.trim_end()
    }

    /// Prints the error and gives the exit code.
    pub fn report(self, form: MessageFormat) -> ExitCode {
        let set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let person = std::io::stderr().is_terminal() && form == MessageFormat::Human;
        match &self.fault {
            Some(fault) if person && std::env::var_os("TERM").is_none_or(|t| t != "dumb") => {
                let width = terminal_size::terminal_size_of(std::io::stderr()).map_or(80, |(w, _)| usize::from(w.0));
                say(draw(fault, width.clamp(40, 120), !set("NO_COLOR")).trim_end());
            }
            _ => say(&format!("error: {}", plain(self.message()))),
        }
        self.exit.into()
    }
}

impl From<SpecError> for Failure {
    fn from(e: SpecError) -> Self {
        let message = e.to_string();
        let fault = match e {
            SpecError::Fault(fault) => Some(fault),
            SpecError::Read { .. } => None,
        };
        Self { fault, ..Self::new(Exit::BadSpec, message) }
    }
}

impl From<WorkloadError> for Failure {
    fn from(e: WorkloadError) -> Self {
        Self::new(Exit::BadSpec, e.to_string())
    }
}

impl From<BackendError> for Failure {
    fn from(e: BackendError) -> Self {
        let exit = match e {
            BackendError::Unavailable { .. } => Exit::BackendUnavailable,
            BackendError::Unknown { .. } | BackendError::Option(_) => Exit::Usage,
        };
        Self::new(exit, e.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(e: StoreError) -> Self {
        let exit = match e {
            StoreError::NotFound { .. } => Exit::MissingResults,
            _ => Exit::Store,
        };
        Self::new(exit, e.to_string())
    }
}

impl From<FigureError> for Failure {
    fn from(e: FigureError) -> Self {
        let exit = match e {
            FigureError::NoBaseline { .. } => Exit::MissingResults,
            ref e if e.is_missing_data() => Exit::MissingResults,
            _ => Exit::Internal,
        };
        Self::new(exit, e.to_string())
    }
}

impl From<ExportError> for Failure {
    fn from(e: ExportError) -> Self {
        match e {
            ExportError::Store(e) => e.into(),
            e => Self::internal(e.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(e: std::io::Error) -> Self {
        Self::internal(e.to_string())
    }
}
