//! The two kernels of ns-3: which one runs, what it says of itself, and what its results may depend on.
//!
//! The first tests need no ns-3: a folder with the right file names stands in for a tree. The others run a UNISON tree where
//! one is named, and print a "skipped" line otherwise.

use crate::stored::{all, folder};
use crate::support::{Keeper, real_ns3, script, unison_tree};
use mixlab_contract::conformance::{
    Scope, disjoint_parts_do_not_interact, lone_flow_is_ideal, output_is_sound_and_repeatable, random_scenario,
};
use mixlab_contract::{Application, Availability, Backend, Scenario, Silent, SimDuration};
use mixlab_ns3::{Ns3Backend, Ns3Network};
use std::fs;
use std::path::Path;
use std::process::Command;

/// As in the laws of the default kernel.
const SLACK: SimDuration = SimDuration::from_ns(3_000);

/// A folder that looks like a built tree with these headers and modules.
fn looks_like_a_tree(headers: &[&str], modules: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let build = dir.path().join("build");
    let write = |file: std::path::PathBuf| {
        fs::create_dir_all(file.parent().expect("it is in a folder")).expect("the folder is writable");
        fs::write(file, "x").expect("the folder is writable");
    };
    headers.iter().for_each(|h| write(build.join("include/ns3").join(h)));
    modules.iter().for_each(|m| write(build.join(format!("lib/libns3.41-{m}-optimized.so"))));
    dir
}

fn on_threads(tree: &Path, threads: u32) -> Ns3Backend {
    Ns3Backend::new().with_dir(tree).with_threads(threads)
}

/// The reason and hint of a backend that can't run here.
fn missing(backend: &Ns3Backend) -> String {
    match backend.probe() {
        Availability::Missing { reason, hint } => format!("{reason}; {hint}"),
        Availability::Available => panic!("it is available"),
    }
}

#[test]
fn threads_need_a_unison_tree_and_the_reason_says_what_to_do() {
    let headers = ["simulator.h", "mtp-interface.h", "mpi-interface.h"];
    let cases = [(&headers[..1], "no mtp module"), (&headers[..2], "no mtp module"), (&headers[..], "MPI")];
    for (headers, expected) in cases {
        let tree = looks_like_a_tree(headers, &["core", "network"]);
        for threads in [1, 2] {
            let text = missing(&on_threads(tree.path(), threads));
            assert!(text.contains(expected), "{headers:?}: {text}");
        }
    }
    let text = missing(&on_threads(looks_like_a_tree(&headers[..1], &["core"]).path(), 2));
    assert!(text.contains("--ns3-threads") && text.contains("--enable-mtp"), "{text}");
}

#[test]
fn the_fingerprint_tells_kernels_apart_and_never_the_number_of_threads() {
    let tree = looks_like_a_tree(&["simulator.h", "mtp-interface.h"], &["core", "network", "mtp"]);
    let default = Ns3Backend::new().with_dir(tree.path());
    if default.probe() != Availability::Available {
        eprintln!("skipped: {}", missing(&default));
        return;
    }
    let [one, two] = [1, 2].map(|n| on_threads(tree.path(), n).fingerprint());
    assert!(one.contains("kernel=mtp") && one == two, "{one} and {two}");
    assert!(default.fingerprint().contains("kernel=default"), "{}", default.fingerprint());
    assert!(default.describe().is_ok_and(|d| d.contains("kernels default and mtp")));
}

#[test]
fn the_number_of_threads_reaches_the_program_and_only_if_asked_for() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let program = dir.path().join("stand-in");
    script(&program, "while read -r line; do [ \"$line\" = end ] && break; done\necho \"arguments $*\"");
    let scenario = random_scenario(1, Scope { closed_loops: false, ..Scope::default() });
    let said = |backend: Ns3Backend| {
        let result = backend.with_program(&program).run(&scenario, &Keeper(dir.path().into()));
        result.expect_err("the stand-in gives no results").to_string()
    };
    assert!(said(Ns3Backend::new().with_threads(3)).contains("'arguments batch 3'"));
    assert!(said(Ns3Backend::new()).contains("'arguments batch'"));
}

/// Whatever made ns-3 choose another kernel (here its environment, which runs of the backend don't have) is noticed.
#[test]
fn a_program_on_another_kernel_than_asked_for_fails_and_says_so() {
    let Some(ns3) = real_ns3() else { return };
    let program = ns3.program(&Silent).expect("ns-3 is installed");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("scenario");
    let text = "mixlab-ns3 1 nodes 2 switches 0 links 1 0 1 1000000000 5 payload 1000 window 0 variable_window 0 min_rate 1 \
                max_rate 1000000000 rate_bound 0 ack_high_priority 0 pfc 0 ecn 0 buffer 1000 rng_run 1 base_rtt 10 marking 0 \
                congestion_control dctcp 0.5 1000 application open horizon 100 flows 0 end";
    fs::write(&file, text).expect("the folder is writable");
    let start = |kernel: &str| {
        let mut command = Command::new(&program);
        command.arg("batch").env("NS_GLOBAL_VALUE", format!("SimulatorImplementationType=ns3::{kernel}"));
        command.stdin(fs::File::open(&file).expect("it was just written")).output().expect("the program starts")
    };
    assert!(start("DefaultSimulatorImpl").status.success());
    let output = start("RealtimeSimulatorImpl");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && log.contains("ns-3 runs ns3::RealtimeSimulatorImpl where"), "{log}");
}

#[test]
fn threads_are_refused_online() {
    let scenario = random_scenario(1, Scope { closed_loops: false, ..Scope::default() });
    let backend = Ns3Backend::new().with_program("/bin/false").with_threads(2);
    let error = Ns3Network::new(&backend, &scenario, &Silent).err().expect("it can't");
    assert!(error.to_string().contains("whole scenarios only"), "{error}");
}

/// Scenarios that the backend supports, of the kind that `wanted` accepts.
fn scenarios(backend: &Ns3Backend, count: usize, wanted: impl Fn(&Scenario) -> bool) -> Vec<(u64, Scenario)> {
    let scope = Scope { flows: 40, largest: 60_000, ..Scope::default() };
    let all = (0..400).map(|seed| (seed, random_scenario(seed, scope)));
    let found: Vec<_> = all.filter(|(_, s)| backend.check(s).is_ok() && wanted(s)).take(count).collect();
    assert_eq!(found.len(), count, "400 seeds give enough scenarios");
    found
}

fn switches(scenario: &Scenario) -> usize {
    scenario.topology().switch_order().len()
}

fn closed(scenario: &Scenario) -> bool {
    matches!(scenario.application(), Application::ClosedLoop { .. })
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let Some(tree) = unison_tree() else { return };
    let backends = [1, 2, 2, 3].map(|n| on_threads(&tree, n));
    let mut chosen = scenarios(&backends[0], 12, |s| switches(s) > 1 && !closed(s));
    chosen.extend(scenarios(&backends[0], 6, |s| switches(s) > 1 && closed(s)));
    for (seed, scenario) in chosen {
        let run = |b: &Ns3Backend| b.run(&scenario, &Silent).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let [first, rest @ ..] = backends.each_ref().map(run);
        for other in rest {
            assert_eq!((&first.outcomes, &first.counters), (&other.outcomes, &other.counters), "seed {seed}");
        }
    }
}

#[test]
fn laws_hold_on_the_multithreaded_kernel() {
    let Some(tree) = unison_tree() else { return };
    let ns3 = on_threads(&tree, 2);
    for (seed, scenario) in scenarios(&ns3, 15, |_| true) {
        let holds = |verdict: mixlab_contract::conformance::Verdict| {
            verdict.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        };
        holds(output_is_sound_and_repeatable(&ns3, &scenario));
        holds(lone_flow_is_ideal(&ns3, &scenario, SLACK));
        // A copy beside it has other marking streams.
        if scenario.transport().congestion_control.name() != "dcqcn" {
            holds(disjoint_parts_do_not_interact(&ns3, &scenario));
        }
    }
}

/// Parts get their own order of equal-time events; a network that is one part has the default kernel's, and the original's.
#[test]
fn where_nothing_is_cut_stored_runs_are_equal_on_the_multithreaded_kernel() {
    let Some((tree, root)) = unison_tree().zip(folder()) else { return };
    let ns3 = on_threads(&tree, 2);
    let cases = all(&root).into_iter().filter(|s| s.set == "micro").map(|s| (s.name.clone(), s.open()));
    let mut compared = 0;
    for (name, case) in cases.filter(|(_, c)| switches(&c.scenario) == 1) {
        let output = ns3.run(&case.scenario, &Silent).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(case.equal(&output), case.scenario.flows().len(), "{name}");
        compared += 1;
    }
    assert!(compared > 0, "there are stored runs with one switch");
}

#[test]
fn without_threads_a_unison_tree_runs_the_default_kernel_with_its_results() {
    let Some((tree, root)) = unison_tree().zip(folder()) else { return };
    let ns3 = Ns3Backend::new().with_dir(&tree);
    assert!(ns3.fingerprint().contains("kernel=default"));
    for stored in all(&root).into_iter().filter(|s| s.set == "train32_dcqcn_seeds" || s.set == "micro").step_by(4) {
        let case = stored.open();
        let output = ns3.run(&case.scenario, &Silent).unwrap_or_else(|e| panic!("{}: {e}", stored.name));
        assert_eq!(case.equal(&output), case.scenario.flows().len(), "{}", stored.name);
    }
}
