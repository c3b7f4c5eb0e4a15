//! The text files that the ns-3 programs exchange, and whole folders of them.

use super::{chosen, text};
use mixlab::import::import_dir;
use mixlab_contract::files::{
    ConfigFiles, StartRounding, match_outcomes, read_config, read_fct, read_flows, read_paths, read_pfc, read_topology,
    write_config, write_fct, write_flows, write_paths, write_pfc, write_topology,
};
use mixlab_contract::{Application, Paths, Scenario, ScenarioParts, SimTime};
use std::io::Write;
use std::sync::LazyLock;

/// A line that begins a file in an input of [`import`], before the file's name.
const MARK: &str = "=== ";

/// Eight hosts under two ToRs and a spine.
const TOPOLOGY: &str = "11 3 10\n8 9 10\n0 8 10Gbps 1us 0\n1 8 10Gbps 1us 0\n2 8 10Gbps 1us 0\n3 8 10Gbps 1us 0\n\
    4 9 10Gbps 1us 0\n5 9 10Gbps 1us 0\n6 9 10Gbps 1us 0\n7 9 10Gbps 1us 0\n8 10 40Gbps 1us 0\n9 10 40Gbps 1us 0\n";
const FLOWS: &str = "4\n0 0 1 3 100 1000 1\n1 0 4 3 100 5000 1.000001\n2 7 2 3 100 90000 1.000001\n3 0 4 3 100 1 1.5\n";
const CONFIG: &str = "CC_MODE 8 EWMA_GAIN 0.0625 FIXED_WIN 18000 BUFFER_SIZE 400 SIMULATOR_STOP_TIME 4 MAX_RATE 10Gb/s";

/// A small sound scenario, whose parts targets replace.
static BASE: LazyLock<Scenario> = LazyLock::new(|| {
    let config = read_config("c", CONFIG).expect("sound");
    let flows = read_flows("f", FLOWS, StartRounding::Nearest).expect("sound").flows;
    let (topology, paths) = (read_topology("t", TOPOLOGY).expect("sound"), None);
    let (transport, application, horizon) = (config.transport, config.application, config.horizon);
    Scenario::new(ScenarioParts { topology, flows, paths, transport, application, horizon }).expect("sound")
});

fn changed(change: impl FnOnce(&mut ScenarioParts)) -> Option<Scenario> {
    let mut parts = ScenarioParts { paths: None, ..BASE.clone().into_parts() };
    change(&mut parts);
    Scenario::new(parts).ok()
}

/// The first byte chooses: topology, flows, paths, PFC log.
pub fn files(bytes: &[u8]) {
    let Some((choice, rest)) = chosen(bytes) else { return };
    let text = text(rest);
    match choice {
        b't' => topology(&text),
        b'f' => flows(&text),
        b'p' => paths(&text),
        b'q' => {
            let Ok(events) = read_pfc("q", &text) else { return };
            assert_eq!(read_pfc("q", &write_pfc(&events)).as_ref(), Ok(&events));
        }
        _ => {}
    }
}

fn topology(text: &str) {
    let Ok(topology) = read_topology("t", text) else { return };
    let Some(scenario) = changed(|parts| (parts.topology, parts.flows) = (topology, Vec::new())) else { return };
    assert_eq!(read_topology("t", &write_topology(&scenario)).as_ref(), Ok(scenario.topology()));
}

fn flows(text: &str) {
    for rounding in [StartRounding::Nearest, StartRounding::Down] {
        let Ok(read) = read_flows("f", text, rounding) else { continue };
        let Some(scenario) = changed(|parts| parts.flows = read.flows) else { continue };
        let again = read_flows("f", &write_flows(&scenario), StartRounding::Nearest).expect("written by us");
        // Beyond 2^53 ns (104 days) the file's seconds, which are doubles, do not tell all nanoseconds apart.
        if scenario.flows().last().is_none_or(|f| f.start.ns_floor() < 1 << 53) {
            assert_eq!(again.flows, scenario.flows());
        }
    }
}

fn paths(text: &str) {
    let Ok(paths) = read_paths("p", text, BASE.topology(), BASE.flows()) else { return };
    let acks = BASE.indices().fold(Paths::new(), |mut acks, i| {
        acks.push(BASE.ack_path(i));
        acks
    });
    let Some(scenario) = changed(|parts| parts.paths = Some((paths.clone(), acks))) else { return };
    let again = read_paths("p", &write_paths(&scenario), BASE.topology(), BASE.flows());
    assert_eq!(again.as_ref(), Ok(&paths));
}

pub fn fct(bytes: &[u8]) {
    let Ok(read) = read_fct("r", &text(bytes)) else { return };
    for application in [Application::Open, Application::ClosedLoop { max_inflight: 1, hosts_per_group: 8 }] {
        let scenario = changed(|parts| parts.application = application).expect("sound");
        let Ok(outcomes) = match_outcomes(&read, &scenario) else { continue };
        let again = read_fct("r", &write_fct(&scenario, &outcomes)).and_then(|fct| match_outcomes(&fct, &scenario));
        assert_eq!(again.as_ref(), Ok(&outcomes));
    }
}

pub fn config(bytes: &[u8]) {
    let Ok(read) = read_config("c", &text(bytes)) else { return };
    let scenario = changed(|parts| {
        parts.transport = read.transport.clone();
        parts.application = read.application;
        parts.horizon = read.horizon;
    });
    let Some(scenario) = scenario else { return };
    let Ok(written) = write_config(&scenario, &ConfigFiles::default()) else { return };
    let again = read_config("c", &written).expect("written by us");
    let want: (_, _, SimTime) = (read.transport, read.application, read.horizon);
    assert_eq!((again.transport, again.application, again.horizon), want);
}

/// A folder as one text: `=== NAME` begins a file; names that end in `.gz` are compressed here.
pub fn import(bytes: &[u8]) {
    let text = text(bytes);
    let dir = tempfile::tempdir().expect("a temporary folder");
    for part in text.split(MARK).skip(1).take(8) {
        let (name, content) = part.split_once('\n').unwrap_or((part, ""));
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._".contains(&b));
        if !plain || name.is_empty() || name.len() > 40 || name.starts_with('.') {
            continue;
        }
        let mut content = content.as_bytes().to_vec();
        if name.ends_with(".gz") {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(&content).expect("into memory");
            content = packed.finish().expect("into memory");
        }
        std::fs::write(dir.path().join(name), content).expect("a writable folder");
    }
    if let Ok(imported) = import_dir(dir.path()) {
        assert_eq!(imported.outcomes.len(), imported.scenario.flows().len());
        assert_eq!(imported.scenario.digest().len(), 64);
    }
}
