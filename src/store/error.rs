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
    /// It is not the file any more that was opened.
    #[error(
        "{} was removed or replaced while this command wrote to it, and what was stored is lost with it; repeat the command",
        path.display()
    )]
    Replaced {
        /// The database file.
        path: PathBuf,
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
    #[error(
        "{} can't be opened; check permissions and owner of the file and its folder, then space and health of the disk (the system log)",
        path.display()
    )]
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
    /// The disk, or what is in its place, did not do what it should.
    #[error(
        "the disk refused to read or write {} ({source}); look at the system log for why; finished runs are kept, repeat the command when it works again",
        path.display()
    )]
    Disk {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// No shared memory or no locks beside the file, without which there is no write-ahead log.
    #[error(
        "{}: no shared memory or locks there ({source}), as on some network file systems, or the disk is full; free some space or use a --root on a local disk",
        path.display()
    )]
    NoSharedMemory {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// A folder or the lock file.
    #[error("{}", crate::atomic::refusal(path, source))]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is stored contradicts itself.
    #[error(
        "{} is damaged or its disk can't read it: {problem}; look at the system log for errors of the disk; if there are none, restore a copy, or move it away and repeat the runs",
        path.display()
    )]
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
    /// The SQLite library linked is not the one that was tested.
    #[error("SQLite {found} is linked, expected the bundled {expected}; build without LIBSQLITE3_SYS_USE_PKG_CONFIG")]
    OtherSqlite {
        /// Version linked.
        found: String,
        /// The only version accepted.
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
const IOERR: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const PROTOCOL: i32 = 15;
const NOTADB: i32 = 26;

/// SQLite says the same of a lock that somebody has and of one that nobody can get.
const BUSY_WITH: &str =
    "another program that writes to the database file (or by none, where a network file system gives no locks)";

/// Kinds of `IOERR` (the second byte of the extended code) that are about locks and shared memory.
const LOCK_OR_MEMORY: [i32; 7] = [
    8,  // unlock
    9,  // shared lock
    14, // check of a reserved lock
    15, // lock
    18, // open shared memory
    20, // lock shared memory
    21, // map shared memory
];
/// The kind that is about the length of shared memory: a full disk, as far as anybody has seen.
const MEMORY_SIZE: i32 = 19;

impl StoreError {
    /// Names the cause of a database error at `path`.
    pub(super) fn database(path: &Path, source: sqlx::Error) -> Self {
        let path = path.to_owned();
        let Some(extended) = code(&source) else { return Self::Database { path, source } };
        match (extended & 0xff, extended >> 8) {
            (READONLY, _) => Self::ReadOnly { path },
            (CANTOPEN, _) => Self::NoAccess { path },
            (FULL, _) | (IOERR, MEMORY_SIZE) => Self::DiskFull { path },
            (NOTADB, _) => Self::NotAStore { path },
            (CORRUPT, _) => Self::Corrupt { path, problem: source.to_string() },
            (BUSY, _) => Self::Locked { path, by: BUSY_WITH.into() },
            (PROTOCOL, _) => Self::NoSharedMemory { path, source },
            (IOERR, kind) if LOCK_OR_MEMORY.contains(&kind) => Self::NoSharedMemory { path, source },
            (IOERR, _) => Self::Disk { path, source },
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

/// The extended result code.
fn code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error().and_then(DatabaseError::code)?.parse().ok()
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
