//! Nothing stored is lost, repeated or duplicated: sweeps are killed, resumed, run in parallel, and compared.

use crate::program::{command, digest, file, run_expecting};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::tempdir;

const FLOWS: &str = "400";

fn sweep<'a>(root: &'a str, mixes: &'a str, jobs: &'a str) -> Vec<&'a str> {
    vec!["--root", root, "--mixes", mixes, "--nr-flows", FLOWS, "--jobs", jobs, "all"]
}

fn demo() -> String {
    file("spec/demo.mix.json").display().to_string()
}

#[test]
fn two_sweeps_and_one_or_two_jobs_give_equal_digests() {
    let dir = tempdir().expect("a temporary directory");
    let mixes = demo();
    run_expecting(0, dir.path(), &sweep("first", &mixes, "1"));
    run_expecting(0, dir.path(), &sweep("second", &mixes, "2"));
    assert_eq!(digest(dir.path(), "first"), digest(dir.path(), "second"));
}

#[test]
fn a_killed_sweep_resumes_to_the_results_of_an_uninterrupted_one() {
    let dir = tempdir().expect("a temporary directory");
    let mixes = demo();
    run_expecting(0, dir.path(), &sweep("whole", &mixes, "1"));
    let mut kills = 0;
    for round in 0..40 {
        let mut child = command(dir.path(), &sweep("killed", &mixes, "2"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        std::thread::sleep(Duration::from_millis(20 + 15 * round));
        if child.try_wait().expect("our child").is_some() {
            break;
        }
        child.kill().expect("our child");
        child.wait().expect("our child");
        kills += 1;
        stored_runs_are_whole(dir.path());
    }
    assert!(kills > 0, "the sweep was never interrupted");
    run_expecting(0, dir.path(), &sweep("killed", &mixes, "2"));
    assert_eq!(digest(dir.path(), "whole"), digest(dir.path(), "killed"));
    let (out, _) = run_expecting(0, dir.path(), &["--root", "killed", "status"]);
    let done = out.lines().find(|l| l.starts_with("packet")).expect("a row for packet");
    assert_eq!(done.split_whitespace().nth(1), Some("6"), "{out}");
}

/// Every stored run has all its rows: the export would lack some otherwise.
fn stored_runs_are_whole(dir: &Path) {
    let output = command(dir, &["--root", "killed", "-q", "export", "--format", "csv", "--out", "-"]).output();
    let output = output.expect("the program starts");
    if output.status.code() == Some(7) {
        return; // killed before there was a store
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = String::from_utf8_lossy(&output.stdout).lines().count() - 1;
    assert_eq!(rows % FLOWS.parse::<usize>().expect("a number"), 0, "{rows} rows are no whole runs");
}

#[test]
fn control_c_ends_with_130_and_the_same_command_goes_on() {
    let dir = tempdir().expect("a temporary directory");
    let mixes = demo();
    let args = ["--root", "r", "--mixes", &mixes, "--nr-flows", "3000", "packet"];
    let child = command(dir.path(), &args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
    std::thread::sleep(Duration::from_millis(400));
    // The shell's own `kill`: not every machine has the program.
    let interrupt = std::process::Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status();
    assert!(interrupt.expect("a shell").success());
    let output = child.wait_with_output().expect("our child");
    let err = String::from_utf8_lossy(&output.stderr);
    // A fast machine may have been done already.
    if output.status.code() != Some(0) {
        assert_eq!(output.status.code(), Some(130), "{err}");
        assert!(err.contains("the same command goes on"), "{err}");
    }
    run_expecting(0, dir.path(), &args);
}
