//! The store: every experiment and result under a root, in one SQLite file (`mixlab.sqlite`), documented in `schema.sql`
//! and `README.md` beside this file.
//!
//! Two doors: a [`Writer`], of which a root has at most one at a time, and any number of [`Reader`]s, which never write
//! and may read while it does. Laws: a run's status and all its outcomes appear together or not at all; a finished run
//! is never replaced; the key of a run is content (scenario digest, backend, fingerprint), never a file name.

mod audit;
mod columns;
mod error;
mod format;
mod insert;
mod ledger;
mod lock;
mod origins;
mod physics;
mod reader;
mod rows;
mod summary;
mod supervision;
mod writer;

pub use audit::StoredRun;
pub use error::StoreError;
pub use format::sqlite_version;
pub use ledger::{Ledger, NoStore};
pub use origins::Origin;
pub(crate) use reader::FlowColumns;
pub use reader::{Reader, Selection, StatusRow};

pub use writer::{ScenarioId, Writer};

use crate::dataset::Attributes;
use mixlab_contract::Counters;

/// Name of the database file under a root.
const FILE_NAME: &str = "mixlab.sqlite";

/// A mix as written and the generator settings that make it a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct MixEntry {
    /// Id in the spec file.
    pub mix_id: u64,
    /// Where it was read from.
    pub spec_file: String,
    /// The mix as written.
    pub mix_json: String,
    /// Seed of the workload generator.
    pub seed: u64,
    /// Flows asked for.
    pub nr_flows: u64,
    /// Workload generator: `compat`, `calibrated` or `import`.
    pub workload: String,
    /// Whether the mix's application (closed loop) was on.
    pub enable_app: bool,
    /// What was chosen in the mix.
    pub attributes: Attributes,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// One outcome per flow, checked.
    Ok,
    /// It has an error instead of outcomes.
    Failed,
    /// The backend does not model something the scenario needs.
    Unsupported,
}

impl RunStatus {
    /// Its name in the store: `ok`, `failed`, `unsupported`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Unsupported => "unsupported",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Ok, Self::Failed, Self::Unsupported].into_iter().find(|status| status.name() == name)
    }
}

/// What made a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Version of mixlab.
    pub version: String,
    /// Commit it was built from.
    pub commit: String,
    /// Machine.
    pub host: String,
    /// Command line.
    pub command: String,
}

/// Everything about a run but its outcomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunMeta {
    /// Backend id.
    pub backend: String,
    /// Digest of everything besides the scenario that can change the answer.
    pub fingerprint: String,
    /// How it ended.
    pub status: RunStatus,
    /// When it started, ms since 1970.
    pub started_at_unix_ms: u64,
    /// Wall-clock time.
    pub wall_ns: u64,
    /// CPU time.
    pub cpu_ns: u64,
    /// Peak resident memory.
    pub peak_rss_bytes: u64,
    /// Whether nothing else of the sweep ran at the same time.
    pub timed_alone: bool,
    /// Phases in order, each with its wall-clock time in ns.
    pub phases: Vec<(String, u64)>,
    /// What the engine counted.
    pub counters: Counters,
    /// What made it.
    pub provenance: Provenance,
    /// Chain of causes, if it is not ok.
    pub error: Option<String>,
    /// Last lines an outside program wrote.
    pub log_tail: Option<String>,
    /// Its files, if they were kept.
    pub work_dir: Option<String>,
}
