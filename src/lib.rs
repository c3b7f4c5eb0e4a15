//! mixlab: experiment mixes over data-centre network simulators, and an honest comparison of the simulators.
//!
//! ```text
//! mix file ── spec ──► mixes ── workload ──► scenarios ── plan × backends − done ──► runner ──► store (SQLite)
//!                                                                                               │
//!                                       figures, compare, export, status ◄── dataset ◄── reader ┘
//! ```

pub mod atomic;
pub mod backends;
pub mod bounded;
pub mod check;
pub mod cli;
pub mod compare;
pub mod conformance;
pub mod dataset;
pub mod details;
pub mod export;
pub mod external;
pub mod figures;
pub mod floor;
pub mod groups;
pub mod import;
pub mod plan;
pub mod probe;
pub mod report;
pub mod runner;
pub mod spec;
pub mod statistics;
pub mod store;
pub mod train;
pub mod workload;
