//! External backends: simulators and estimators in any language, described by a `backend.toml`. No Rust is needed.
//!
//! ```text
//! backend.toml ── manifest ──► Manifest ──► ExternalBackend (a contract Backend like any other)
//! scenario ─► topology.txt, flows.txt … in a fresh folder ─► command line under supervision ─► table of FCTs, read strictly
//! ```
//!
//! The program is not trusted: no shell sees its arguments, it has its own process group, a clean environment, a time limit and
//! a fresh folder; exit status, completeness and every number of its output are checked, and the runner holds the result to
//! the same laws as those of the built-in engines. Format and a worked example: `backends/example-python/`.
//! Left out: online networks (closed loops driven from here); a program may model closed loops on its own.

mod backend;
mod manifest;
mod results;

pub use backend::ExternalBackend;
pub use manifest::{
    FILE_NAME, Input, KEYS, LONGEST_NAME, Manifest, OUTPUT_KEYS, Output, SUPPORTS_KEYS, Supports, discover, is_name,
};
pub use results::{Column, TableError, read_table};
