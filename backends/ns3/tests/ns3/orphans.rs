//! A runner that is killed outright leaves no ns-3 process behind, whether it simulates or waits for requests.

use crate::support::{gone, real_ns3};
use mixlab_contract::conformance::{Scope, random_scenario};
use mixlab_contract::{Application, Backend, Bytes, Scenario, Silent};
use mixlab_ns3::Ns3Network;
use std::fs;
use std::process::{Command, Stdio};
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
        let mut runner = Command::new(std::env::current_exe().expect("tests know their own file"))
            .args(["--exact", "orphans::runner_to_be_killed"])
            .env(MODE, mode)
            .stdout(Stdio::null())
            .spawn()
            .expect("the test binary starts");
        let found = (0..500).find_map(|_| {
            std::thread::sleep(Duration::from_millis(20));
            programs_of(runner.id()).into_iter().next()
        });
        let pid = found.expect("the runner starts ns-3 within ten seconds");
        runner.kill().expect("the runner is ours");
        runner.wait().expect("the runner is ours");
        assert!(gone(&pid), "{mode}: ns-3 (process {pid}) outlived its runner");
    }
}
