//! Weights on disk: our own folder (manifest + safetensors) and the TorchScript files of the original program.
//!
//! ```text
//! folder/manifest.json          what the weights are: architecture, dimensions, training provenance, digest
//! folder/weights.safetensors    named f32 tensors
//! folder/gnn_layer_0.pt …       or: the eight files that the original exports
//! ```
//!
//! Everything here treats files as hostile: sizes are bounded before anything is allocated, offsets are checked, nothing
//! panics. Left out: other number formats than little-endian f32, compressed archives, pickled code of any kind.

pub mod manifest;
pub mod safetensors;
pub mod tensor;
pub mod torchscript;

pub use manifest::Manifest;
pub use tensor::{Tensor, Tensors};

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// No file of weights is larger (the published model has 5.7 MB).
pub const LARGEST_FILE: u64 = 256 << 20;

/// Why there are no weights.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file could not be read.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{path}: {problem}", path = path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A tensor the model needs is not there.
    #[error("tensor `{name}` is missing")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A tensor has the wrong shape.
    #[error("tensor `{name}` has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape the model needs.
        expected: Vec<usize>,
    },
    /// A weight is not a finite number.
    #[error("tensor `{name}` contains {value}; every weight must be finite")]
    NotFinite {
        /// Its name.
        name: String,
        /// The first such number.
        value: f32,
    },
    /// A tensor the model does not know.
    #[error("tensor `{name}` is not part of the architecture")]
    Unknown {
        /// Its name.
        name: String,
    },
    /// The manifest contradicts the weights.
    #[error("{field} is {found}, expected {expected}")]
    Manifest {
        /// Which entry.
        field: &'static str,
        /// What it says.
        found: String,
        /// What it should say.
        expected: String,
    },
}

impl WeightsError {
    fn format(path: &Path, problem: impl Into<String>) -> Self {
        Self::Format { path: path.to_path_buf(), problem: problem.into() }
    }
}

/// Reads a plain file of at most `largest` bytes.
///
/// # Errors
/// [`WeightsError::File`], or [`WeightsError::Format`] if it is larger, or a pipe or device.
pub fn read(path: &Path, largest: u64) -> Result<Vec<u8>, WeightsError> {
    let failed = |source| WeightsError::File { path: path.to_path_buf(), source };
    let found = std::fs::metadata(path).map_err(failed)?;
    if !found.is_file() {
        return Err(WeightsError::format(path, "not a plain file"));
    }
    let mut bytes = Vec::new();
    if found.len() <= largest {
        File::open(path).map_err(failed)?.take(largest + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    if found.len().max(bytes.len() as u64) > largest {
        return Err(WeightsError::format(path, format!("larger than {} MiB", largest >> 20)));
    }
    Ok(bytes)
}

/// `N` bytes at `at`, if they are there.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}
