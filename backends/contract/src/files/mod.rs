//! The text files that the RDMA ns-3 programs exchange (HPCC and its descendants: `third.cc`), read and written.
//!
//! | file | content | read | write |
//! |---|---|---|---|
//! | `topology.txt` | nodes, switches, links | [`read_topology`] | [`write_topology`] |
//! | `flows.txt` | flows by start | [`read_flows`] | [`write_flows`] |
//! | `config.txt` | transport, switches, closed loop, stop time, names of the other files | [`read_config`] | [`write_config`] |
//! | `fct*.txt` | one row per delivered flow | [`read_fct`], [`match_outcomes`] | [`write_fct`] |
//! | `path_1.txt` | data path of every flow (parsimon-eval) | [`read_paths`] | [`write_paths`] |
//! | `pfc*.txt` | PFC frames sent and received | [`read_pfc`] | [`write_pfc`] |
//!
//! Readers take what those programs take (numbers stop where C++ streams stop, rates and times are rounded as ns-3 rounds)
//! and refuse what they would misread in silence. They never panic, and memory grows with the text, not with the counts
//! it claims. Writers give what parsimon-eval and the programs write, byte for byte. Nothing here opens a file.
//!
//! Sources: parsimon-eval, alibaba-edu/High-Precision-Congestion-Control, liecn/UNISON-for-ns-3 (formats and defaults).
//! Left out: queue-length series and binary traces.

mod config;
mod config_writer;
mod fct;
mod flows;
mod paths;
mod pfc;
mod quantity;
mod scanner;
mod topology;

pub use config::{Config, ConfigFiles, read_config};
pub use config_writer::{NotExpressible, write_config};
pub use fct::{FctFile, FctForm, FctRow, match_outcomes, read_fct, write_fct};
pub use flows::{FlowFile, StartRounding, read_flows, write_flows};
pub use paths::{read_paths, write_paths};
pub use pfc::{PfcEvent, PfcKind, read_pfc, write_pfc};
pub use topology::{read_topology, write_topology};

use crate::topology::TopologyError;

/// Why a file could not be read. `file` is the name the caller gave; lines count from 1.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Something else than the format allows, or than the other files say.
    #[error("{file}:{line}: found {found}, expected {expected}")]
    Unexpected {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What stands there, shortened.
        found: String,
        /// What should.
        expected: String,
    },
    /// Something valid that no scenario can express.
    #[error("{file}:{line}: {feature} is not supported (supported: {supported})")]
    Unsupported {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What it asks for.
        feature: String,
        /// What can be asked for instead.
        supported: &'static str,
    },
    /// A key that has no usable default is missing.
    #[error("{file}: key {key} is missing, but {needed_by} needs it")]
    MissingKey {
        /// Name of the file.
        file: String,
        /// The key.
        key: &'static str,
        /// What needs it.
        needed_by: &'static str,
    },
    /// Nodes and links were read, but are not a network.
    #[error("{file}: {source}")]
    Topology {
        /// Name of the file.
        file: String,
        /// Why not.
        source: TopologyError,
    },
}
