//! Reader of reference scenarios: the input and output files of the RDMA ns-3 programs (`topology.txt`, `flows.txt`,
//! `config.txt`, `fct.txt`), one folder each, found through `MIXLAB_SHARED`.

use mixlab_contract::files::{StartRounding, read_config, read_fct, read_flows, read_topology};
use mixlab_contract::{Application, Scenario, ScenarioParts, SimTime};
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder of reference runs, if this machine has it.
pub fn truth() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("MIXLAB_SHARED").map_or_else(beside, PathBuf::from).join("truth");
    folder.is_dir().then_some(folder)
}

/// Says on stderr, past the test harness's capture, that a test has nothing to compare with.
pub fn skipped() {
    // A closed stderr is no reason to fail.
    let _ = writeln!(std::io::stderr(), "skipped: no reference runs (set MIXLAB_SHARED)");
}

fn text(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The scenario of a folder, with every flow at its own start and no horizon.
pub fn scenario(folder: &Path) -> Scenario {
    let read = |name: &str| (folder.join(name).display().to_string(), text(folder, name));
    let ((config, config_text), (topology, topology_text)) = (read("config.txt"), read("topology.txt"));
    let (flows, flows_text) = read("flows.txt");
    let parts = ScenarioParts {
        topology: read_topology(&topology, &topology_text).unwrap_or_else(|e| panic!("{e}")),
        flows: read_flows(&flows, &flows_text, StartRounding::Nearest).unwrap_or_else(|e| panic!("{e}")).flows,
        paths: None,
        transport: read_config(&config, &config_text).unwrap_or_else(|e| panic!("{e}")).transport,
        application: Application::Open,
        horizon: SimTime::from_ns(1_000_000_000_000),
    };
    Scenario::new(parts).unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
}

/// FCT in ns and ideal FCT in ns of each flow that finished, by flow number.
pub fn fcts(folder: &Path) -> HashMap<usize, (u64, u64)> {
    let file = read_fct("fct.txt", &text(folder, "fct.txt")).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let row = |row: &mixlab_contract::files::FctRow| {
        (row.id.expect("rows have flow ids") as usize, (row.fct.ns_floor(), row.ideal.ns_floor()))
    };
    file.rows.iter().map(row).collect()
}
