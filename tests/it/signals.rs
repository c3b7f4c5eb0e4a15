//! Signals that are no end: SIGUSR1 asks how far a sweep is, and time during which it was stopped counts in no run.

use crate::program::{command, file};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::tempdir;

fn signal(child: &Child, name: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status();
    assert!(status.expect("a shell").success());
}

/// State of a process in `/proc`, such as `T` = stopped.
fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(60), "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A sweep with events on stdout, read until its first run has started.
fn started(at: &Path, args: &[&str]) -> (Child, BufReader<std::process::ChildStdout>) {
    let mixes = file("spec/0.mix.json").display().to_string();
    let all = [&["--root", "r", "--mixes", &mixes, "--message-format", "ndjson"], args].concat();
    let mut child = command(at, &all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut events = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("run-started") {
        line.clear();
        assert!(events.read_line(&mut line).expect("readable") > 0, "it ended before it began");
    }
    (child, events)
}

/// A backend in `backends/` whose program does `body`.
fn stand_in(at: &Path, body: &str) {
    let folder = at.join("backends/stand-in");
    fs::create_dir_all(&folder).expect("writable");
    let text = "name = \"stand-in\"\nversion = \"1\"\ncommand = [\"run\", \"{folder}\"]\ninputs = [\"ideal.txt\"]\n\
                [output]\nfile = \"out.csv\"\ncolumns = [\"id\", \"fct_ns\"]\n[supports]\ncc = \"any\"\n";
    fs::write(folder.join("backend.toml"), text).expect("writable");
    let program = folder.join("run");
    fs::write(&program, format!("#!/bin/sh\n{body}\n")).expect("writable");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("ours");
}

const GOOD: &str = "while read -r id ns; do echo \"$id,$ns\"; done < ideal.txt > out.csv";

#[test]
fn sigusr1_prints_what_runs_and_the_sweep_goes_on() {
    let dir = tempdir().expect("a temporary directory");
    stand_in(dir.path(), &format!("while [ ! -e \"$1/go\" ]; do sleep 0.05; done; {GOOD}"));
    let (mut child, _events) = started(dir.path(), &["--nr-flows", "50", "stand-in"]);
    signal(&child, "USR1");
    let mut err = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut text = String::new();
    err.read_line(&mut text).expect("readable");
    assert_eq!(text.trim(), "0 of 1 runs finished, 0 of them failed, 1 running");
    text.clear();
    err.read_line(&mut text).expect("readable");
    assert!(text.starts_with("  mix 0 stand-in: 0 of 50 flows, "), "{text}");
    fs::write(dir.path().join("backends/stand-in/go"), "").expect("writable");
    assert!(child.wait().expect("our child").success());
    let mut rest = String::new();
    err.read_to_string(&mut rest).expect("readable");
    assert!(rest.is_empty(), "{rest}");
}

/// Stops a sweep for 1.5 s while its run is on, and returns the run's wall time and that of the whole sweep, in seconds.
fn stopped_for_a_while(at: &Path, args: &[&str], with: &str) -> (f64, f64) {
    let begin = Instant::now();
    let (mut child, events) = started(at, args);
    std::thread::sleep(Duration::from_millis(100));
    signal(&child, with);
    wait_until("it is stopped", || state(child.id()) == Some('T'));
    std::thread::sleep(Duration::from_millis(1500));
    signal(&child, "CONT");
    let lines: Vec<String> = events.lines().map(|l| l.expect("readable")).collect();
    assert!(child.wait().expect("our child").success());
    let finished = lines.iter().find(|l| l.contains("run-finished")).expect("the run has ended");
    let event: serde_json::Value = serde_json::from_str(finished).expect("JSON");
    (event["wall_s"].as_f64().expect("a number"), begin.elapsed().as_secs_f64())
}

#[test]
fn control_z_stops_outside_programs_too_and_counts_in_no_run() {
    let dir = tempdir().expect("a temporary directory");
    stand_in(
        dir.path(),
        &format!("echo $$ > \"$1/.pid\"; i=0; while [ $i -lt 6 ]; do sleep 0.1; i=$((i+1)); done; {GOOD}"),
    );
    let (wall, whole) = stopped_for_a_while(dir.path(), &["--nr-flows", "50", "--timeout", "30s", "stand-in"], "TSTP");
    // Six sleeps of 0.1 s were left for later: the program did not run meanwhile.
    assert!(wall >= 0.4 && wall + 1.4 <= whole, "{wall} s of {whole} s");
}

#[test]
fn a_stop_that_comes_unannounced_counts_in_no_run() {
    let dir = tempdir().expect("a temporary directory");
    let args = ["--nr-flows", "30000", "--timeout", "600s", "packet"];
    let (wall, whole) = stopped_for_a_while(dir.path(), &args, "STOP");
    assert!(wall + 1.2 <= whole, "{wall} s of {whole} s");
}
