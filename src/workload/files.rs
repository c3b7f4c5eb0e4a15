//! A scenario as parsimon-eval's files: flows, topology, the ns-3 program's flow list, and paths.
//!
//! ```text
//! flows.json    [{"id":0,"src":1,"dst":0,"size":86223,"start":1000000000},…]             bytes, ns; one line, no newline
//! topology.txt  nodes switches links ⏎ switch ids ⏎ then per link: a b 10000000000bps 1000ns 0 ⏎   (0 = error rate)
//! flows.txt     n ⏎ then per flow: id src dst 3 100 size start-in-s   (3 = priority group, 100 = port; no final newline)
//! path_1.txt    n,distinct-paths ⏎ then per flow: id:src-dst,a-b,b-c,…, ⏎
//! ```

use mixlab_contract::{NodeId, NodeKind, Scenario};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Priority group of every flow in `flows.txt`.
const PRIORITY_GROUP: u32 = 3;
/// Destination port of every flow in `flows.txt`.
const PORT: u16 = mixlab_contract::routing::DESTINATION_PORT;

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {file}: {source}", file = file.display())]
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
        append(
            &mut out,
            format_args!(r#"{comma}{{"id":{},"src":{src},"dst":{dst},"size":{size},"start":{start}}}"#, f.id),
        );
    }
    out.push(']');
    out
}

/// `topology.txt`.
pub fn topology_txt(scenario: &Scenario) -> String {
    let t = scenario.topology();
    let switches: Vec<String> = t.switch_order().iter().map(|s| s.0.to_string()).collect();
    debug_assert!(t.switch_order().iter().all(|s| t.kind(*s) == NodeKind::Switch));
    let mut out = format!("{} {} {}\n{}\n", t.node_count(), switches.len(), t.links().len(), switches.join(" "));
    for l in t.links() {
        append(&mut out, format_args!("{} {} {}bps {}ns 0\n", l.a.0, l.b.0, l.rate.0, l.delay.ns_floor()));
    }
    out
}

/// `flows.txt`.
pub fn flows_txt(scenario: &Scenario) -> String {
    let mut out = scenario.flows().len().to_string();
    for f in scenario.flows() {
        let start_s = f.start.ns_floor() as f64 / 1e9;
        let (src, dst, size) = (f.src.0, f.dst.0, f.size.0);
        append(&mut out, format_args!("\n{} {src} {dst} {PRIORITY_GROUP} {PORT} {size} {start_s}", f.id));
    }
    out
}

/// `path_1.txt`.
pub fn path_txt(scenario: &Scenario) -> String {
    let t = scenario.topology();
    let distinct: HashSet<_> = scenario.indices().map(|i| scenario.path(i)).collect();
    let mut out = format!("{},{}\n", scenario.flows().len(), distinct.len());
    for index in scenario.indices() {
        let f = scenario.flow(index);
        append(&mut out, format_args!("{}:{}-{},", f.id, f.src.0, f.dst.0));
        for channel in scenario.path(index) {
            let (NodeId(a), NodeId(b)) = (t.tail(*channel), t.head(*channel));
            append(&mut out, format_args!("{a}-{b},"));
        }
        out.push('\n');
    }
    out
}

/// Writes the four files into `dir`, which is created if needed. Each file appears whole or not at all.
///
/// # Errors
/// [`WriteError`] for the first file that cannot be written.
pub fn write_scenario_files(scenario: &Scenario, dir: &Path) -> Result<(), WriteError> {
    fs::create_dir_all(dir).map_err(|source| WriteError { file: dir.to_path_buf(), source })?;
    write_whole(&dir.join("flows.json"), &flows_json(scenario))?;
    write_whole(&dir.join("topology.txt"), &topology_txt(scenario))?;
    write_whole(&dir.join("flows.txt"), &flows_txt(scenario))?;
    write_whole(&dir.join("path_1.txt"), &path_txt(scenario))
}

/// Writes beside `file` first, then renames.
fn write_whole(file: &Path, text: &str) -> Result<(), WriteError> {
    let mut name = file.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let part = file.with_file_name(name);
    let written = fs::write(&part, text).and_then(|()| fs::rename(&part, file));
    written.map_err(|source| {
        // The part may not exist; the first error is the one to tell.
        let _ = fs::remove_file(&part);
        WriteError { file: file.to_path_buf(), source }
    })
}

fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string cannot fail");
}
