//! Specs and workloads, held to the reference data where they are present and to their own laws where they are not.

mod calibrated;
mod errors;
mod fuzz;
mod gold;
mod shipped;
mod transport;

use mixlab::spec::{LoadedMix, load_mixes};
use mixlab::workload::{Generator, WorkloadOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder of reference data, if there is one; says so if not.
pub fn reference(what: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = std::env::var_os("MIXLAB_SHARED").map_or_else(beside, PathBuf::from).join(what);
    if folder.exists() {
        Some(folder)
    } else {
        // Straight to stderr: the test harness would swallow `eprintln!` of a test that passes.
        let _ = writeln!(std::io::stderr(), "skipped: no reference data {what} (set MIXLAB_SHARED)");
        None
    }
}

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
