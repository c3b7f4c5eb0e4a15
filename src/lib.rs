//! mixlab: experiment mixes over data-centre network simulators, and an honest comparison of the simulators.
//!
//! ```text
//! mix file ── spec ──► mixes ── workload ──► scenarios ── plan × backends − done ──► runner ──► store (SQLite)
//!                                                                                               │
//!                                       figures, compare, export, status ◄── dataset ◄── reader ┘
//! ```

pub mod dataset;
pub mod figures;
pub mod import;
pub mod spec;
pub mod statistics;
pub mod store;
pub mod workload;
