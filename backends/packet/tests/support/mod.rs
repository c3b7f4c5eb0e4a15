//! Stored outputs of the real ns-3 program, as cases to run: where they are, and how to read one.
//!
//! The data is not part of the repository. It is looked for in `$MIXLAB_SHARED`, then in `../shared` beside the workspace.

#![allow(dead_code, reason = "shared by several binaries, each of which uses a part")]

pub mod cases;
pub mod compare;
pub mod files;
pub mod logs;
pub mod scenarios;

use std::path::PathBuf;

/// The folder with the stored outputs, if there is one.
pub fn truth() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("MIXLAB_SHARED").map_or(beside, PathBuf::from);
    let truth = shared.join("truth");
    truth.is_dir().then_some(truth)
}

/// The folder, or a visible notice that the test is skipped.
pub fn truth_or_skip(test: &str) -> Option<PathBuf> {
    let found = truth();
    if found.is_none() {
        eprintln!("skipped: {test} needs the stored ns-3 outputs (set MIXLAB_SHARED)");
    }
    found
}
