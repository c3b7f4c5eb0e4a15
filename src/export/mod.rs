//! Results for other programs: parsimon-eval's folder layout, so that existing notebooks keep working, and one tidy table
//! (CSV or parquet) for pandas, polars and R.
//!
//! Both read the store only. Every file appears whole: it is written under a temporary name beside its place, then renamed.

mod parsimon;
mod table;
mod tidy_parquet;

pub use parsimon::parsimon_layout;
pub use table::{tidy, tidy_csv};

use crate::store::StoreError;
use parquet::errors::ParquetError;
use std::io;
use std::path::{Path, PathBuf};

/// File format of the tidy table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated text with a header; missing values are empty.
    Csv,
    /// Apache parquet, snappy-compressed; missing values are null.
    Parquet,
}

/// Why results could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Reading the store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Writing a file or folder.
    #[error("{}", crate::atomic::refusal(path, source))]
    Io {
        /// What was written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Writing to the stream that was handed in.
    #[error("can't write the table: {0}")]
    Stream(io::Error),
    /// Encoding a parquet file.
    #[error("{}: {source}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the encoder said.
        source: ParquetError,
    },
    /// The layout has one folder per mix id.
    #[error(
        "mix {mix_id} has several scenarios (other seeds, flow counts or workloads), but the layout has one folder per mix; select one by its digest"
    )]
    SeveralScenarios {
        /// The mix.
        mix_id: u64,
    },
    /// A backend id can't be a folder name.
    #[error("backend {backend:?} can't be a folder name; ids are lower-case letters, digits and '-'")]
    BackendName {
        /// The id.
        backend: String,
    },
}

impl ExportError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    /// What the encoder said, or the file system through it.
    fn parquet(path: &Path, source: ParquetError) -> Self {
        let path = path.to_owned();
        match source {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(source) => Self::Io { path, source: *source },
                Err(other) => Self::Parquet { path, source: ParquetError::External(other) },
            },
            source => Self::Parquet { path, source },
        }
    }
}
