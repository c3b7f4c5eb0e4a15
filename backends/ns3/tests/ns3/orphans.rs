//! A runner that is killed outright leaves no ns-3 process behind, whether it simulates or waits for requests.

use crate::support::{Keeper, gone, real_ns3, script};
use mixlab_contract::conformance::{Scope, random_scenario};
use mixlab_contract::{Application, Backend, Bytes, Scenario, Silent};
use mixlab_ns3::{Ns3Network, Ns3Tree};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Tells the test below that it is the runner to be killed, and in which mode.
const MODE: &str = "MIXLAB_TEST_RUNNER_MODE";

/// A scenario that takes minutes: one flow of 4 GB.
fn long_scenario() -> Scenario {
    let mut parts = random_scenario(3, Scope { mixed_links: false, ..Scope::default() }).into_parts();
    parts.flows.truncate(1);
    parts.flows[0].size = Bytes(4_000_000_000);
    parts.paths = None;
    parts.application = Application::Open;
    Scenario::new(parts).expect("a longer flow is valid")
}

/// Plays the runner when it is started for that; otherwise there is nothing to test.
#[test]
fn runner_to_be_killed() {
    let Ok(mode) = std::env::var(MODE) else { return };
    if let Some(dir) = mode.strip_prefix("tree ") {
        let keeper = Keeper(PathBuf::from(dir));
        return drop(Ns3Tree::new(dir).run(&scenario_for_trees(), &keeper));
    }
    let Some(ns3) = real_ns3() else { return };
    let scenario = long_scenario();
    match mode.as_str() {
        "batch" => drop(ns3.run(&scenario, &Silent)),
        _ => {
            let network = Ns3Network::new(&ns3, &scenario, &Silent).expect("ns-3 starts");
            std::thread::sleep(Duration::from_secs(60));
            drop(network);
        }
    }
}

/// A scenario whose parameters a config file can say.
fn scenario_for_trees() -> Scenario {
    let mut parts = long_scenario().into_parts();
    for (_, m) in &mut parts.transport.marking {
        m.k_min.0 -= m.k_min.0 % 1_000;
        m.k_max.0 -= m.k_max.0 % 1_000;
    }
    Scenario::new(parts).expect("rounder thresholds are valid")
}

/// Process ids of the running ns-3 programs whose parent is `parent`.
fn programs_of(parent: u32) -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|e| e.file_name().into_string().ok());
    let child = |pid: &String| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        stat.contains("(mixlab-ns3") && fields.get(1).is_some_and(|p| *p == parent.to_string())
    };
    pids.filter(child).collect()
}

#[test]
fn a_killed_runner_leaves_no_orphan() {
    let Some(ns3) = real_ns3() else { return };
    // Build first, so that the runner starts the program at once.
    drop(Ns3Network::new(&ns3, &long_scenario(), &Silent));
    for mode in ["batch", "online"] {
        let mut runner = start_runner(mode);
        let pid = soon(|| programs_of(runner.id()).into_iter().next());
        runner.kill().expect("the runner is ours");
        runner.wait().expect("the runner is ours");
        assert!(gone(&pid), "{mode}: ns-3 (process {pid}) outlived its runner");
    }
}

#[test]
fn a_killed_runner_leaves_no_program_of_a_tree() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir_all(dir.path().join("build/scratch")).expect("the folder is writable");
    let body = "sleep 1000 & echo $! > starting; echo $$ >> starting; mv starting pids; wait";
    script(&dir.path().join("build/scratch/third"), body);
    assert_eq!(Ns3Tree::new(dir.path()).check(&scenario_for_trees()), Ok(()));
    let mut runner = start_runner(&format!("tree {}", dir.path().display()));
    let pids = soon(|| fs::read_to_string(dir.path().join("pids")).ok());
    runner.kill().expect("the runner is ours");
    runner.wait().expect("the runner is ours");
    assert_eq!(pids.lines().count(), 2);
    pids.lines().for_each(|pid| assert!(gone(pid), "process {pid} outlived its runner"));
}

fn start_runner(mode: &str) -> Child {
    Command::new(std::env::current_exe().expect("tests know their own file"))
        .args(["--exact", "orphans::runner_to_be_killed"])
        .env(MODE, mode)
        .stdout(Stdio::null())
        .spawn()
        .expect("the test binary starts")
}

/// What `look` finds within a minute (a compiler may have to run first).
fn soon<T>(look: impl Fn() -> Option<T>) -> T {
    let found = (0..3_000).find_map(|_| {
        std::thread::sleep(Duration::from_millis(20));
        look()
    });
    found.expect("the runner starts its program within a minute")
}
