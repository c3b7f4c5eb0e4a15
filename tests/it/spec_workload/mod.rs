//! Specs and workloads, held to the reference data where they are present and to their own laws where they are not.

mod calibrated;
mod errors;
mod fuzz;
mod gold;
mod shipped;
mod tcp;
mod transport;

pub use crate::program::reference;
use mixlab::spec::{LoadedMix, load_mixes};
use mixlab::workload::{Generator, WorkloadOptions};
use std::path::{Path, PathBuf};

/// The folder of shipped specs.
pub fn shipped_spec() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("spec")
}

/// The mixes of a file that must be valid.
pub fn mixes(file: &Path) -> Vec<LoadedMix> {
    load_mixes(file).unwrap_or_else(|e| panic!("{e}")).mixes
}

/// Options of an open workload with seed 0.
pub fn options(nr_flows: usize, generator: Generator) -> WorkloadOptions {
    WorkloadOptions { seed: 0, nr_flows, enable_app: false, generator }
}
