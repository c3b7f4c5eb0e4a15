//! Importing: folders that were written here and then changed, and the results of the real ns-3.

use crate::program::reference;
use flate2::{Compression, write::GzEncoder};
use mixlab::import::{ImportError, Imported, import_dir, import_dirs, scenario_dirs};
use mixlab_contract::conformance::{Scope, check_output, random_scenario};
use mixlab_contract::files::{
    ConfigFiles, read_config, write_config, write_fct, write_flows, write_paths, write_topology,
};
use mixlab_contract::{
    Application, Backend, BitsPerSec, Bytes, ChannelId, Counters, FlowIndex, FlowOutcome, IdealBackend, Marking,
    NodeId, RunOutput, Scenario, Silent, SimDuration,
};
use proptest::prelude::*;
use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// A scenario whose transport config.txt can say, and its outcomes.
pub fn example(seed: u64, closed: bool) -> (Scenario, Vec<FlowOutcome>) {
    let scope = Scope { closed_loops: false, mixed_links: false, ..Scope::default() };
    let mut parts = random_scenario(seed, scope).into_parts();
    let m = Marking { k_min: Bytes(4000), k_max: Bytes(16_000), p_max: 0.2 };
    parts.transport.marking = vec![(BitsPerSec::from_gbps(10), m)];
    if closed {
        parts.application = Application::ClosedLoop { max_inflight: 2, hosts_per_group: 2 };
    }
    let scenario = Scenario::new(parts).expect("still valid");
    let outcomes = IdealBackend.run(&scenario, &Silent).expect("runs").outcomes;
    (scenario, outcomes)
}

pub fn write_folder(dir: &Path, scenario: &Scenario, outcomes: &[FlowOutcome]) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("config.txt"), write_config(scenario, &ConfigFiles::default()).unwrap()).unwrap();
    fs::write(dir.join("topology.txt"), write_topology(scenario)).unwrap();
    fs::write(dir.join("flows.txt"), write_flows(scenario)).unwrap();
    fs::write(dir.join("fct.txt"), write_fct(scenario, outcomes)).unwrap();
}

fn edit(file: PathBuf, change: impl FnOnce(String) -> String) {
    fs::write(&file, change(fs::read_to_string(&file).unwrap())).unwrap();
}

fn compress(file: &Path) {
    let mut name = file.as_os_str().to_owned();
    name.push(".gz");
    let mut out = GzEncoder::new(fs::File::create(name).unwrap(), Compression::fast());
    out.write_all(&fs::read(file).unwrap()).unwrap();
    out.finish().unwrap();
    fs::remove_file(file).unwrap();
}

#[test]
fn what_was_written_is_imported_unchanged_plain_and_compressed() {
    for seed in 0..20 {
        let (scenario, outcomes) = example(seed, seed % 2 == 1);
        let dir = tempfile::tempdir().unwrap();
        write_folder(dir.path(), &scenario, &outcomes);
        let plain = import_dir(dir.path()).unwrap();
        assert_eq!(plain.scenario.digest(), scenario.digest(), "seed {seed}");
        assert_eq!((&plain.outcomes, plain.warnings.as_slice()), (&outcomes, &[][..]), "seed {seed}");
        fs::write(dir.path().join("path_1.txt"), write_paths(&scenario)).unwrap();
        for name in ["config.txt", "topology.txt", "flows.txt", "fct.txt", "path_1.txt"] {
            compress(&dir.path().join(name));
        }
        assert_eq!(import_dir(dir.path()).unwrap(), plain, "seed {seed}");
    }
}

#[test]
fn files_are_found_by_the_name_in_the_config_then_plain_then_only() {
    let (scenario, outcomes) = example(4, false);
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    write_folder(dir.path(), &scenario, &outcomes);
    let expected = import_dir(dir.path()).unwrap();
    fs::rename(at("fct.txt"), at("fct_topology_flows.txt")).unwrap();
    fs::rename(at("topology.txt"), at("topology_a.txt")).unwrap();
    assert_eq!(import_dir(dir.path()).unwrap(), expected, "the only one of its kind");
    fs::write(at("topology_b.txt"), "").unwrap();
    let error = import_dir(dir.path()).unwrap_err();
    assert!(matches!(&error, ImportError::Ambiguous { kind: "topology", found, .. } if found.len() == 2), "{error}");
    edit(at("config.txt"), |c| c.replace("TOPOLOGY_FILE topology.txt", "TOPOLOGY_FILE /far/away/topology_a.txt"));
    assert_eq!(import_dir(dir.path()).unwrap(), expected, "named by the config");
    fs::remove_file(at("flows.txt")).unwrap();
    let error = import_dir(dir.path()).unwrap_err();
    assert!(matches!(error, ImportError::Missing { kind: "flows", .. }), "{error}");
}

#[test]
fn odd_but_readable_files_are_warned_about() {
    let (scenario, outcomes) = example(6, false);
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    write_folder(dir.path(), &scenario, &outcomes);
    fs::write(at("elapsed.txt"), "12,1,2,3").unwrap();
    fs::write(at("mix.json"), "{\"id\": 3}").unwrap();
    fs::write(at("meta.json"), "{\"run\": {\"wall_s\": 99, \"cpu_s\": 1.5}, \"rng_run\": 7}").unwrap();
    edit(at("flows.txt"), |f| f + "\n7 0 1 3 100 5 9");
    edit(at("fct.txt"), |f| f.lines().skip(1).map(|l| format!("{l}\n")).collect());
    edit(at("config.txt"), |c| c.replace(" 10000000000 ", " 25000000000 "));
    let imported = import_dir(dir.path()).unwrap();
    assert_eq!((imported.wall_s, imported.cpu_s), (Some(12.0), Some(1.5)));
    assert_eq!((imported.mix_json.as_deref(), imported.scenario.transport().rng_run), (Some("{\"id\": 3}"), 7));
    assert_eq!(imported.outcomes.iter().filter(|o| o.fct().is_none()).count(), 1);
    let zero = Marking { k_min: Bytes(0), k_max: Bytes(0), p_max: 0.0 };
    assert_eq!(imported.scenario.transport().marking, [(BitsPerSec::from_gbps(10), zero)]);
    let all = imported.warnings.join("\n");
    for part in ["1 rows beyond the count", "have no row: unfinished", "no ECN thresholds for links of 10 Gb/s"] {
        assert!(all.contains(part), "{all}\nshould say: {part}");
    }
}

#[test]
fn results_of_older_programs_are_recognised() {
    let (scenario, outcomes) = example(8, false);
    let dir = tempfile::tempdir().unwrap();
    write_folder(dir.path(), &scenario, &outcomes);
    // ns-3.17 rounds starts down, and its predecessors have no ids.
    let down = |row: &str| {
        let mut words: Vec<String> = row.split(' ').map(String::from).collect();
        let seconds = words[6].parse::<u64>().unwrap() as f64 / 1e9;
        // Starts lie in 1..4 s, so 2^52 times one is an integer.
        let scaled = (seconds * 2f64.powi(52)) as u128;
        words[6] = ((scaled * 1_000_000_000) >> 52).to_string();
        words[1..].join(" ") + "\n"
    };
    edit(dir.path().join("fct.txt"), |f| f.lines().map(down).collect());
    let imported = import_dir(dir.path()).unwrap();
    let pairs = || imported.scenario.flows().iter().zip(scenario.flows());
    assert!(pairs().all(|(a, b)| a.start <= b.start && b.start.since(a.start) <= SimDuration::from_ns(1)));
    assert!(pairs().any(|(a, b)| a.start < b.start), "some double lies below its decimal");
    let fcts = |o: &[FlowOutcome]| o.iter().map(FlowOutcome::fct).collect::<Vec<_>>();
    assert_eq!(fcts(&imported.outcomes), fcts(&outcomes));
    let all = imported.warnings.join("\n");
    assert!(all.contains("rounded down") && all.contains("no flow ids"), "{all}");
}

/// A flow of `scenario` with a choice of spines, its spine and another one.
fn detour(scenario: &Scenario) -> Option<(FlowIndex, NodeId, NodeId)> {
    let t = scenario.topology();
    let index = scenario.indices().find(|i| scenario.path(*i).len() == 4)?;
    let path = scenario.path(index);
    let (up, spine, down) = (t.tail(path[1]), t.head(path[1]), t.head(path[2]));
    let joins = |s: &NodeId| t.channel_between(up, *s).is_some() && t.channel_between(*s, down).is_some();
    let other = t.switch_order().iter().copied().find(|s| *s != spine && joins(s))?;
    Some((index, spine, other))
}

#[test]
fn given_paths_replace_ecmp_for_data() {
    let found = (0..100).map(|seed| example(seed, false)).find_map(|(s, o)| detour(&s).map(|d| (s, o, d)));
    let (scenario, outcomes, (index, spine, other)) = found.expect("some seed has two spines");
    let dir = tempfile::tempdir().unwrap();
    write_folder(dir.path(), &scenario, &outcomes);
    let (id, old, new) = (scenario.flow(index).id, spine.0, other.0);
    let moved = |line: &str| match line.starts_with(&format!("{id}:")) {
        true => line.replace(&format!("-{old},{old}-"), &format!("-{new},{new}-")) + "\n",
        false => format!("{line}\n"),
    };
    let text: String = write_paths(&scenario).lines().map(moved).collect();
    fs::write(dir.path().join("path_1.txt"), text).unwrap();
    let imported = import_dir(dir.path()).unwrap();
    assert_eq!(scenario.topology().head(imported.scenario.path(index)[1]), other);
    assert_eq!(imported.scenario.ack_path(index), scenario.ack_path(index));
    assert!(imported.warnings[0].contains("1 paths are not those of ECMP routing"), "{:?}", imported.warnings);
}

#[test]
fn folders_of_folders_are_expanded_in_order_and_each_fails_alone() {
    let root = tempfile::tempdir().unwrap();
    for (name, seed) in [("b/ns3", 1), ("a/ns3", 2), ("c", 3)] {
        let (scenario, outcomes) = example(seed, false);
        write_folder(&root.path().join(name), &scenario, &outcomes);
    }
    fs::create_dir_all(root.path().join("d/empty")).unwrap();
    fs::write(root.path().join("b/ns3/fct.txt"), "1 2 3").unwrap();
    let all = import_dirs(&[root.path().to_path_buf(), root.path().join("c")]).unwrap();
    let names: Vec<(PathBuf, bool)> =
        all.map(|(dir, result)| (dir.strip_prefix(root.path()).unwrap().to_path_buf(), result.is_ok())).collect();
    assert_eq!(names, [("a/ns3".into(), true), ("b/ns3".into(), false), ("c".into(), true)]);
    assert!(matches!(scenario_dirs(&[root.path().join("d")]), Err(ImportError::NoScenario { .. })));
    assert!(matches!(scenario_dirs(&[root.path().join("nowhere")]), Err(ImportError::Read { .. })));
}

proptest! {
    #[test]
    fn a_damaged_file_never_panics(
        file in proptest::sample::select(vec!["config.txt", "topology.txt", "flows.txt", "fct.txt", "path_1.txt", "meta.json"]),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        compressed: bool,
    ) {
        let (scenario, outcomes) = example(3, true);
        let dir = tempfile::tempdir().unwrap();
        write_folder(dir.path(), &scenario, &outcomes);
        fs::write(dir.path().join("path_1.txt"), write_paths(&scenario)).unwrap();
        fs::write(dir.path().join("meta.json"), "{\"run\": {\"wall_s\": 1}, \"rng_run\": 2}").unwrap();
        let mut path = dir.path().join(file);
        if compressed {
            compress(&path);
            path = dir.path().join(format!("{file}.gz"));
        }
        let mut bytes = fs::read(&path).unwrap();
        for (at, byte) in damage {
            *at.get_mut(&mut bytes) = byte;
        }
        fs::write(&path, bytes).unwrap();
        if let Ok(imported) = import_dir(dir.path()) {
            prop_assert_eq!(imported.outcomes.len(), imported.scenario.flows().len());
        }
    }
}

fn read_maybe_compressed(dir: &Path, name: &str) -> Option<String> {
    if let Ok(text) = fs::read_to_string(dir.join(name)) {
        return Some(text);
    }
    let mut text = String::new();
    let file = fs::File::open(dir.join(format!("{name}.gz"))).ok()?;
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    Some(text)
}

/// Nodes of a path, joined with `-`.
fn nodes(s: &Scenario, path: &[ChannelId]) -> String {
    let heads = path.iter().map(|c| s.topology().head(*c).0.to_string());
    let all: Vec<String> = std::iter::once(s.topology().tail(path[0]).0.to_string()).chain(heads).collect();
    all.join("-")
}

/// Compares data and ACK paths with those the real ns-3 took (`id data D ack A` or `id D A`; D may be `=`: as in path_1.txt,
/// A `?`: never seen): how many.
fn check_taken_paths(run: &Imported, text: &str) -> usize {
    let s = &run.scenario;
    let index_of: HashMap<u64, FlowIndex> = s.indices().map(|i| (s.flow(i).id, i)).collect();
    let mut compared = 0;
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().filter(|w| !matches!(*w, "data" | "ack")).collect();
        let index = index_of[&words[0].parse::<u64>().unwrap()];
        for (taken, path) in words[1..].iter().zip([s.path(index), s.ack_path(index)]) {
            let ours = nodes(s, path);
            // A lost first packet leaves a path that ends in `-1`.
            let known = match taken.strip_suffix("-1") {
                Some(start) if !ours.ends_with("-1") => ours.starts_with(start),
                _ => *taken == ours,
            };
            assert!(known || matches!(*taken, "=" | "?"), "{}: {line}: {ours}", run.dir.display());
            compared += usize::from(known);
        }
    }
    compared
}

/// The program's ideal column equals ours where senders have 10 Gb/s; above, it takes them for 10 Gb/s all the same.
fn check_ideal_column(run: &Imported) {
    let at_10g = run.scenario.transport().max_rate == BitsPerSec::from_gbps(10);
    let warned = run.warnings.iter().any(|w| w.contains("another ideal FCT"));
    assert_eq!(warned, !at_10g, "{}: {:?}", run.dir.display(), run.warnings);
}

/// What we write for an imported scenario is what was read: bytes, but for starts written as `1.0` by hand and for the order
/// of rows delivered in the same nanosecond.
fn check_written_again(run: &Imported) {
    let name = run.dir.display();
    let read = |file: &str| fs::read_to_string(run.dir.join(file)).unwrap();
    assert_eq!(write_topology(&run.scenario), read("topology.txt"), "{name}");
    if run.mix_json.is_some() {
        assert_eq!(write_flows(&run.scenario), read("flows.txt"), "{name}");
    }
    let ideal_column = if run.scenario.transport().max_rate == BitsPerSec::from_gbps(10) { 9 } else { 8 };
    let sorted = |text: &str| {
        let mut rows: Vec<Vec<String>> =
            text.lines().map(|l| l.split(' ').take(ideal_column).map(String::from).collect()).collect();
        rows.sort_unstable();
        rows
    };
    assert_eq!(sorted(&write_fct(&run.scenario, &run.outcomes)), sorted(&read("fct.txt")), "{name}");
    let mut parts = run.scenario.clone().into_parts();
    parts.transport.rng_run = 1;
    let plain = Scenario::new(parts).unwrap();
    let config = write_config(&plain, &ConfigFiles::default()).unwrap();
    assert_eq!(read_config("written", &config).unwrap().transport, *plain.transport(), "{name}");
}

#[test]
fn every_result_of_the_real_ns3_is_imported_whole() {
    let Some(truth) = reference("truth") else { return };
    let described =
        walkdir::WalkDir::new(&truth).into_iter().filter(|e| e.as_ref().unwrap().file_name() == "meta.json");
    let described = described.count();
    let (mut runs, mut flows, mut unfinished, mut paths) = (0, 0, 0, 0);
    for (dir, imported) in import_dirs(&[truth]).unwrap() {
        let name = dir.display();
        let run = imported.unwrap_or_else(|e| panic!("{name}: {e}"));
        let meta = fs::read_to_string(dir.join("meta.json")).unwrap();
        let meta: serde_json::Value = serde_json::from_str(&meta).unwrap();
        let pairs = run.scenario.flows().iter().zip(&run.outcomes);
        let missing: Vec<u64> = pairs.filter(|(_, o)| o.fct().is_none()).map(|(f, _)| f.id).collect();
        let listed = meta["unfinished_flow_ids"].as_array().unwrap();
        let mut listed: Vec<u64> = listed.iter().map(|id| id.as_u64().unwrap()).collect();
        listed.sort_unstable();
        assert_eq!(missing, listed, "{name}");
        assert_eq!(run.scenario.transport().rng_run, meta["rng_run"].as_u64().unwrap_or(1), "{name}");
        assert!(run.wall_s.is_some() && run.cpu_s.is_some(), "{name}");
        // Complete, no FCT below our ideal (which knows rates above 10 Gb/s), nothing after the horizon.
        let output = RunOutput { outcomes: run.outcomes.clone(), counters: Counters::default(), supervision: None };
        check_output(&run.scenario, &output, SimDuration::ZERO).unwrap_or_else(|e| panic!("{name}: {e}"));
        check_ideal_column(&run);
        check_written_again(&run);
        if let Some(text) = read_maybe_compressed(&dir, "path_1.txt") {
            assert_eq!(text, write_paths(&run.scenario), "{name}");
            assert!(!run.warnings.iter().any(|w| w.contains("not those of ECMP")), "{name}");
        }
        paths += read_maybe_compressed(&dir, "paths_ns3.txt").map_or(0, |text| check_taken_paths(&run, &text));
        (runs, flows, unfinished) = (runs + 1, flows + run.outcomes.len(), unfinished + missing.len());
    }
    println!("{runs} folders, {flows} flows, {unfinished} unfinished, {paths} paths equal to those taken");
    assert!(runs == described && paths > 0, "{described} folders have a meta.json");
}
