//! Driving the trees of the papers, with scripts in place of their program: what it is given, and every way it can fail.

use crate::stored;
use crate::support::{Keeper, gone, script};
use mixlab_contract::conformance::{Scope, random_scenario};
use mixlab_contract::files::{StartRounding, read_config, read_flows, read_topology, write_fct};
use mixlab_contract::{Application, Availability, Backend, FlowOutcome, RunError, RunOutput, Scenario, SimDuration};
use mixlab_ns3::Ns3Tree;
use std::fs;
use std::path::Path;
use std::time::Duration;

fn scenario() -> Scenario {
    let mut parts = random_scenario(1, Scope { closed_loops: false, ..Scope::default() }).into_parts();
    parts.paths = None;
    parts.application = Application::Open;
    // The config file counts thresholds in thousands of bytes.
    for (_, m) in &mut parts.transport.marking {
        m.k_min.0 -= m.k_min.0 % 1_000;
        m.k_max.0 -= m.k_max.0 % 1_000;
    }
    Scenario::new(parts).expect("rounder thresholds are valid")
}

fn outcomes(scenario: &Scenario) -> Vec<FlowOutcome> {
    let fct = SimDuration::from_ns(9_000_000);
    scenario.flows().iter().map(|f| FlowOutcome::Completed { start: f.start, fct }).collect()
}

/// A tree whose program copies `results` to where its config wants them, and then does `body`.
fn tree(dir: &Path, results: &str, body: &str) -> Ns3Tree {
    fs::create_dir_all(dir.join("build/scratch")).expect("the folder is writable");
    fs::write(dir.join("results"), results).expect("the folder is writable");
    let copy = "fct=$(sed -n 's/^FCT_OUTPUT_FILE //p' \"$1\")\ncp results \"$fct\"";
    script(&dir.join("build/scratch/ns3.39-third-optimized"), &format!("{copy}\n{body}"));
    Ns3Tree::new(dir).with_time_limit(Duration::from_secs(30))
}

struct Run {
    result: Result<RunOutput, RunError>,
    dir: tempfile::TempDir,
}

fn run(results: &str, body: &str) -> Run {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let work = dir.path().join("work");
    fs::create_dir(&work).expect("the folder is writable");
    let result = tree(&dir.path().join("tree"), results, body).run(&scenario(), &Keeper(work));
    Run { result, dir }
}

fn fails_with(results: &str, body: &str, text: &str) {
    match run(results, body).result {
        Err(RunError::Failed { message, .. }) => assert!(message.contains(text), "'{message}' does not say '{text}'"),
        other => panic!("expected a failed run that says '{text}', got {other:?}"),
    }
}

#[test]
fn rows_become_outcomes_and_the_inputs_say_the_scenario() {
    let (scenario, expected) = (scenario(), outcomes(&scenario()));
    let run = run(&write_fct(&scenario, &expected), "");
    assert_eq!(run.result.expect("all rows are there").outcomes, expected);
    let folder = run.dir.path().join("work/ns3-hpcc");
    let text = |name: &str| fs::read_to_string(folder.join(name)).expect("the file was written");
    let config = read_config("config.txt", &text("config.txt")).expect("the config is valid");
    assert_eq!(&config.transport, scenario.transport());
    assert_eq!(config.horizon, scenario.horizon());
    assert_eq!(&read_topology("topology.txt", &text("topology.txt")).expect("valid"), scenario.topology());
    let flows = read_flows("flows.txt", &text("flows.txt"), StartRounding::Nearest).expect("valid");
    assert_eq!(flows.flows, scenario.flows());
}

#[test]
fn missing_short_and_wrong_results_are_failures() {
    let (scenario, expected) = (scenario(), outcomes(&scenario()));
    let all = write_fct(&scenario, &expected);
    let rows: Vec<&str> = all.lines().collect();
    let but_last = rows[..rows.len() - 1].join("\n") + "\n";
    let last = expected.len();
    fails_with(&all, "rm \"$fct\"", "ns3 left no results");
    fails_with(&but_last, "", &format!("fct.txt has no row for 1 of {last} flows"));
    fails_with(&all[..all.len() - 3], "", "cut off in its last line");
    fails_with(&format!("{all}{}\n", rows[0]), "", "fct.txt:");
    fails_with("hello world\n", "", "fct.txt:1");
    fails_with("", "", &format!("no row for {last} of {last} flows"));
}

/// Right rows followed by a hole as large as the disk allows: nothing of it is read; nor is a pipe waited for.
#[test]
fn results_that_no_flows_need_are_a_failure_and_not_read() {
    let all = write_fct(&scenario(), &outcomes(&scenario()));
    fails_with(&all, "truncate -s 100G \"$fct\"", "fct.txt has more than");
    fails_with(&all, "rm \"$fct\"; mkfifo \"$fct\"", "fct.txt is not a plain file");
}

#[test]
fn trouble_in_the_log_is_a_failure_even_with_all_rows() {
    let all = write_fct(&scenario(), &outcomes(&scenario()));
    fails_with(&all, "echo 'IntHeader unknown rate: 10000'", "ns3 reported trouble: 'IntHeader unknown rate: 10000'");
    fails_with(&all, "echo 'terminate called after throwing' >&2", "terminate called");
    fails_with(&all, "exit 3", "exit status: 3");
    fails_with(&all, "kill -ABRT $$", "exit status: 134");
}

#[test]
fn old_results_are_never_taken_for_new_ones() {
    let (scenario, expected) = (scenario(), outcomes(&scenario()));
    let first = run(&write_fct(&scenario, &expected), "");
    first.result.expect("all rows are there");
    let keeper = Keeper(first.dir.path().join("work"));
    let again = tree(&first.dir.path().join("tree"), "", "").run(&scenario, &keeper);
    assert!(matches!(&again, Err(RunError::Failed { message, .. }) if message.contains("File exists")), "{again:?}");
}

#[test]
fn a_hang_ends_with_everything_it_started() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let body = "sleep 1000 & echo $! > pids; echo $$ >> pids; wait";
    let hanging = tree(&dir.path().join("tree"), "", body).with_time_limit(Duration::from_secs(1));
    fs::create_dir(dir.path().join("work")).expect("the folder is writable");
    let result = hanging.run(&scenario(), &Keeper(dir.path().join("work")));
    assert!(matches!(&result, Err(RunError::Failed { message, .. }) if message.contains("killed")), "{result:?}");
    let pids = fs::read_to_string(dir.path().join("tree/pids")).expect("the program ran in its tree");
    pids.lines().for_each(|pid| assert!(gone(pid), "process {pid} is still there"));
}

#[test]
fn without_a_built_program_the_trees_own_script_is_used() {
    let (scenario, expected) = (scenario(), outcomes(&scenario()));
    for (name, command) in [("ns3", "run"), ("waf", "--run")] {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let tree = dir.path().join("tree");
        fs::create_dir_all(tree.join("scratch")).expect("the folder is writable");
        fs::create_dir(dir.path().join("work")).expect("the folder is writable");
        fs::write(tree.join("scratch/third.cc"), "").expect("the folder is writable");
        fs::write(tree.join("results"), write_fct(&scenario, &expected)).expect("the folder is writable");
        let check = format!("[ \"$1\" = {command} ] || exit 8\nset -- $2\n[ \"$1\" = scratch/third ] || exit 9");
        script(&tree.join(name), &format!("{check}\ncp results \"${{2%config.txt}}fct.txt\""));
        let output = Ns3Tree::new(&tree).run(&scenario, &Keeper(dir.path().join("work")));
        assert_eq!(output.expect("all rows are there").outcomes, expected, "{name}");
    }
}

#[test]
fn a_folder_without_a_tree_is_missing_and_says_so() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let Availability::Missing { reason, hint } = Ns3Tree::new(dir.path()).probe() else { panic!("nothing is there") };
    assert!(reason.contains("no tree with scratch/third.cc"), "{reason}");
    assert!(hint.contains("--ns3-dir"), "{hint}");
}

#[test]
fn stored_results_come_back_as_stored() {
    let Some(root) = stored::folder() else { return };
    let Some(run) = stored::all(&root).into_iter().find(|s| (s.set, s.name.as_str()) == ("train32", "001")) else {
        eprintln!("skipped: run train32/001 is not stored");
        return;
    };
    let case = run.open();
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(dir.path().join("work")).expect("the folder is writable");
    let rows = fs::read_to_string(root.join("train32/001/fct.txt")).expect("the run is stored");
    let output = tree(&dir.path().join("tree"), &rows, "").run(&case.scenario, &Keeper(dir.path().join("work")));
    assert_eq!(case.equal(&output.expect("all rows are there")), case.scenario.flows().len());
}
