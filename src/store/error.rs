//! What can go wrong with a store, each with the path and what to do about it.

use sqlx::error::DatabaseError;
use std::io;
use std::path::{Path, PathBuf};

/// Why the store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no store at this root.
    #[error("no store at {}; run a backend with this --root first", path.display())]
    NotFound {
        /// The database file looked for.
        path: PathBuf,
    },
    /// Another process (or this one) writes to the same root.
    #[error("{} is held by {by}; wait for it to end or use another --root", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Process and host that hold it.
        by: String,
    },
    /// A newer mixlab wrote it.
    #[error("{} has format version {found}, this mixlab knows versions up to {known}; use a newer mixlab", path.display())]
    TooNew {
        /// The database file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version understood.
        known: u32,
    },
    /// An older mixlab wrote it, and a reader can't migrate it.
    #[error("{} has format version {found}, expected {known}; any command that runs a backend migrates it", path.display())]
    TooOld {
        /// The database file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version expected.
        known: u32,
    },
    /// The file belongs to some other program.
    #[error("{} is not a mixlab store; move it away or use another --root", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// The file or its folder can't be written.
    #[error("{} can't be written; check its permissions and owner, or use another --root", path.display())]
    ReadOnly {
        /// The database file.
        path: PathBuf,
    },
    /// The file, or one that SQLite keeps beside it, can't be opened.
    #[error("{} can't be opened; check permissions and owner of the file and its folder", path.display())]
    NoAccess {
        /// The database file.
        path: PathBuf,
    },
    /// No space left.
    #[error("no space left for {}; nothing of this write was kept, free some and repeat the command", path.display())]
    DiskFull {
        /// The database file.
        path: PathBuf,
    },
    /// A folder or the lock file.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is stored contradicts itself.
    #[error("{} is damaged: {problem}; restore a copy, or delete it and repeat the runs", path.display())]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// The contradiction.
        problem: String,
    },
    /// An ok run of the same scenario, backend and fingerprint is there already.
    #[error("a finished run of {backend} ({fingerprint}) on this scenario exists; finished runs are never replaced")]
    AlreadyDone {
        /// Backend id.
        backend: String,
        /// Its fingerprint.
        fingerprint: String,
    },
    /// A run repeated for its supervision had other outcomes than the stored one.
    #[error(
        "{backend} ({fingerprint}) gave other outcomes than its stored run of this scenario; the fingerprint should differ"
    )]
    NotRepeatable {
        /// Backend id.
        backend: String,
        /// Its fingerprint.
        fingerprint: String,
    },
    /// An ok run must have one outcome per flow, any other run none.
    #[error("{found} outcomes for a run that must have {expected}")]
    Incomplete {
        /// Outcomes it must have.
        expected: usize,
        /// Outcomes given.
        found: usize,
    },
    /// SQLite's integers are signed.
    #[error("{column} is {found}, the store holds at most 9,223,372,036,854,775,807")]
    OutOfRange {
        /// Column.
        column: &'static str,
        /// Its value.
        found: u64,
    },
    /// No scenario with this digest.
    #[error("no scenario {digest} in the store")]
    UnknownScenario {
        /// The digest asked for.
        digest: String,
    },
    /// The SQLite library linked is too old to be trusted with concurrent readers.
    #[error("SQLite {found} is linked, expected at least {expected}; build with the bundled SQLite")]
    OldSqlite {
        /// Version linked.
        found: String,
        /// Oldest version accepted.
        expected: &'static str,
    },
    /// Anything else SQLite said.
    #[error("{}: {source}", path.display())]
    Database {
        /// The database file.
        path: PathBuf,
        /// What it said.
        source: sqlx::Error,
    },
}

// Primary result codes (https://www.sqlite.org/rescode.html); extended codes keep them in their low byte.
const BUSY: i32 = 5;
const READONLY: i32 = 8;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const NOTADB: i32 = 26;

impl StoreError {
    /// Names the cause of a database error at `path`.
    pub(super) fn database(path: &Path, source: sqlx::Error) -> Self {
        let path = path.to_owned();
        match primary_code(&source) {
            Some(READONLY) => Self::ReadOnly { path },
            Some(CANTOPEN) => Self::NoAccess { path },
            Some(FULL) => Self::DiskFull { path },
            Some(NOTADB) => Self::NotAStore { path },
            Some(CORRUPT) => Self::Corrupt { path, problem: source.to_string() },
            Some(BUSY) => Self::Locked { path, by: "another program that writes to the database file".into() },
            _ => Self::Database { path, source },
        }
    }

    /// Whether permissions kept SQLite from opening or locking its files.
    pub(super) fn is_access(&self) -> bool {
        matches!(self, Self::ReadOnly { .. } | Self::NoAccess { .. })
    }

    /// Names the cause of a file-system error at `path`.
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            io::ErrorKind::StorageFull => Self::DiskFull { path },
            _ => Self::Io { path, source },
        }
    }
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error().and_then(DatabaseError::code)?;
    code.parse::<i32>().ok().map(|extended| extended & 0xff)
}

/// Attaches the path of the store to what SQLite said.
pub(super) trait At<T> {
    fn at(self, path: &Path) -> Result<T, StoreError>;
}

impl<T> At<T> for Result<T, sqlx::Error> {
    fn at(self, path: &Path) -> Result<T, StoreError> {
        self.map_err(|e| StoreError::database(path, e))
    }
}
