//! A scenario as parsimon-eval's files: `flows.json` here, the ones it shares with ns-3 in [`mixlab_contract::files`].
//!
//! ```text
//! flows.json    [{"id":0,"src":1,"dst":0,"size":86223,"start":1000000000},…]             bytes, ns; one line, no newline
//! ```

use crate::atomic;
use mixlab_contract::Scenario;
use mixlab_contract::files::{write_flows, write_paths, write_topology};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{}", crate::atomic::refusal(file, source))]
pub struct WriteError {
    /// The file.
    pub file: PathBuf,
    /// Why not.
    pub source: io::Error,
}

/// `flows.json`.
pub fn flows_json(scenario: &Scenario) -> String {
    let mut out = String::from("[");
    for (i, f) in scenario.flows().iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        let (src, dst, start) = (f.src.0, f.dst.0, f.start.ns_floor());
        let size = f.size.0;
        write!(out, r#"{comma}{{"id":{},"src":{src},"dst":{dst},"size":{size},"start":{start}}}"#, f.id)
            .expect("writing to a string cannot fail");
    }
    out.push(']');
    out
}

/// Writes the four files into `dir`, which is created if needed. Each file appears whole or not at all.
///
/// # Errors
/// [`WriteError`] for the first file that cannot be written.
pub fn write_scenario_files(scenario: &Scenario, dir: &Path) -> Result<(), WriteError> {
    let write = |name, text: String| {
        let file = dir.join(name);
        atomic::write(&file, text.as_bytes()).map_err(|source| WriteError { file, source })
    };
    write("flows.json", flows_json(scenario))?;
    write("topology.txt", write_topology(scenario))?;
    write("flows.txt", write_flows(scenario))?;
    write("path_1.txt", write_paths(scenario))
}
