//! Faults around a root: clocks that jump, neighbours, file systems that can't hold a store, stores of other versions, streams
//! that nobody can write to.

use super::shim::{EACCES, ENODEV, ENOLCK, ENOSPC, Fault, command_under, finished, library, outcome, run_under};
use crate::external::{GOOD, Stage, demo, wait_until};
use crate::program::{command, digest, file, run_expecting};
use crate::torture::older_store;
use mixlab::store::{Reader, Selection};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::tempdir;

const CLOCK: Fault = Fault::lasting("clock", "c", 1);
const TEN_YEARS_S: i64 = 315_576_000;

fn mixes() -> String {
    file("spec/demo.mix.json").display().to_string()
}

fn set_by(seconds: i64) -> [(&'static str, String); 1] {
    [("MIXLAB_FAULT_SHIFT", seconds.to_string())]
}

#[test]
fn a_clock_that_jumps_during_a_sweep_changes_no_result_and_no_measured_time() {
    if library().is_none() {
        return;
    }
    let dir = tempdir().expect("a temporary directory");
    let mixes = mixes();
    let sweep = |root| ["--root", root, "--mixes", &mixes, "--nr-flows", "40", "--message-format", "ndjson", "mlsys"];
    run_expecting(0, dir.path(), &sweep("whole"));
    for (root, by) in [("forwards", TEN_YEARS_S), ("backwards", -TEN_YEARS_S), ("before-1970", -8 * TEN_YEARS_S)] {
        let ran = run_under(dir.path(), &sweep(root), &CLOCK, 7, &set_by(by));
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        assert!(ran.failed.len() > 5, "the sweep asked the clock only {} times", ran.calls);
        let events = ran.out.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).expect("JSON"));
        let times: Vec<f64> = events.filter_map(|e| e["wall_s"].as_f64()).collect();
        assert!(times.len() == 18 && times.iter().all(|t| (0.0..60.0).contains(t)), "{times:?}");
        assert_eq!(digest(dir.path(), root), digest(dir.path(), "whole"));
        run_expecting(0, dir.path(), &["--root", root, "-q", "check"]);
    }
}

#[test]
fn a_time_limit_does_not_follow_the_wall_clock() {
    if library().is_none() {
        return;
    }
    let stage = Stage::doing(&format!("sleep 0.3; {GOOD}"));
    let mixes = demo();
    let args = stage.args(&mixes, &["--timeout", "100s", "stand-in"]);
    let ran = run_under(stage.path(), &args, &CLOCK, 1, &set_by(TEN_YEARS_S));
    assert!(ran.code == Some(0) && !ran.failed.is_empty(), "{ran:#?}");
}

#[test]
fn the_run_stored_last_counts_even_if_the_clock_was_set_back_before_it() {
    if library().is_none() {
        return;
    }
    let stage = Stage::good();
    let mixes = demo();
    let args = stage.args(&mixes, &["stand-in"]);
    let fingerprint = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let rows = runtime.block_on(async {
            let reader = Reader::open(&stage.path().join("r")).await.expect("a store");
            reader.status(&Selection::default()).await.expect("readable")
        });
        rows[0].fingerprint.clone()
    };
    stage.run(0, &[]);
    let before = fingerprint();
    stage.program(&format!("# another program\n{GOOD}"));
    let ran = run_under(stage.path(), &args, &CLOCK, 1, &set_by(-TEN_YEARS_S));
    assert!(ran.code == Some(0) && !ran.failed.is_empty(), "{ran:#?}");
    assert_ne!(fingerprint(), before);
}

#[test]
fn a_second_runner_on_a_root_is_told_who_holds_it_and_the_first_goes_on() {
    let stage = Stage::doing(&format!("echo up > \"$1/.up\"; while [ ! -e \"$1/.go\" ]; do sleep 0.02; done; {GOOD}"));
    let mixes = demo();
    let args = stage.args(&mixes, &["stand-in"]);
    let mut first =
        command(stage.path(), &args).stderr(Stdio::null()).stdout(Stdio::null()).spawn().expect("it starts");
    wait_until("it runs", || stage.folder().join(".up").exists());
    let (_, err) = run_expecting(6, stage.path(), &stage.args(&mixes, &["ideal"]));
    let holder = format!("is held by process {} on ", first.id());
    assert!(err.contains("mixlab.lock") && err.contains(&holder), "{err}");
    assert!(err.contains("wait for it to end or use another --root"), "{err}");
    run_expecting(0, stage.path(), &["--root", "r", "-q", "status"]);
    fs::write(stage.folder().join(".go"), "").expect("writable");
    assert!(first.wait().expect("our child").success());
    run_expecting(0, stage.path(), &stage.args(&mixes, &["ideal"]));
    run_expecting(0, stage.path(), &["--root", "r", "-q", "check"]);
}

#[test]
fn a_file_system_without_shared_memory_or_locks_is_named_as_such_and_left_empty() {
    if library().is_none() {
        return;
    }
    let dir = tempdir().expect("a temporary directory");
    let mixes = demo();
    let args = ["--root", "r", "--mixes", &mixes, "--nr-flows", "40", "ideal"];
    for (fault, advice) in [
        (Fault::lasting("no mapping", "m", ENODEV), "use a --root on a local disk"),
        (Fault::lasting("no locks", "l", ENOLCK), "use a --root on a local disk"),
        (Fault::lasting("no opening", "p", EACCES), "check permissions"),
    ] {
        let ran = run_under(dir.path(), &args, &fault, 1, &[]);
        assert!(ran.code == Some(6) && ran.err.contains(advice), "{}: {ran:#?}", fault.name);
        run_expecting(7, dir.path(), &["--root", "r", "status"]);
    }
    run_expecting(0, dir.path(), &args);
}

#[test]
fn stores_of_other_versions_are_named_with_both_and_only_a_writer_changes_the_older() {
    let dir = tempdir().expect("a temporary directory");
    let mixes = demo();
    let sweep = |root| ["--root", root, "--mixes", &mixes, "--nr-flows", "40", "ideal"];
    older_store(dir.path(), "older");
    let store = |root: &str| dir.path().join(root).join("mixlab.sqlite");
    let older = fs::read(store("older")).expect("a file");
    for reading in ["status", "compare", "check", "figures", "report"] {
        let (_, err) = run_expecting(6, dir.path(), &["--root", "older", reading]);
        assert!(err.contains("has format version 1, expected 2; any command that runs a backend"), "{reading}: {err}");
    }
    assert!(fs::read(store("older")).expect("a file") == older, "a reader changed it");
    run_expecting(0, dir.path(), &sweep("older"));
    run_expecting(0, dir.path(), &["--root", "older", "-q", "check"]);

    run_expecting(0, dir.path(), &sweep("newer"));
    // Bytes 60 to 63 of an SQLite file are its user version, big-endian.
    let mut bytes = fs::read(store("newer")).expect("a file");
    bytes[60..64].copy_from_slice(&99u32.to_be_bytes());
    fs::write(store("newer"), &bytes).expect("writable");
    for words in [&sweep("newer")[..], &["--root", "newer", "status"]] {
        let (_, err) = run_expecting(6, dir.path(), words);
        assert!(err.contains("has format version 99, this mixlab knows versions up to 2; use a newer"), "{err}");
    }
    assert!(fs::read(store("newer")).expect("a file") == bytes, "somebody changed it");
}

#[test]
fn the_bundled_sqlite_is_the_one_that_runs() {
    let dir = tempdir().expect("a temporary directory");
    let (out, _) = run_expecting(0, dir.path(), &["doctor"]);
    assert!(out.contains("3.51.3"), "{out}");
}

/// Runs with stdout or stderr in a file on a disk that is full.
fn with_full(stream: &str, under: &Path, args: &[&str]) -> (Option<i32>, String) {
    let place: PathBuf = under.join("said.txt");
    let full = || File::create(&place).expect("writable");
    let mut other = tempfile::NamedTempFile::new().expect("writable");
    let beside = other.as_file_mut().try_clone().expect("one more");
    let fault = Fault::lasting("full", "w", ENOSPC);
    let mut command = command_under(&place, args, &fault, 1, &[]);
    command.current_dir(under);
    match stream {
        "stdout" => command.stdout(full()).stderr(beside),
        _ => command.stdout(beside).stderr(full()),
    };
    let code = finished(&mut command);
    assert!(!outcome(&place, code, String::new(), String::new()).failed.is_empty(), "nothing was written to {stream}");
    (code, fs::read_to_string(other.path()).expect("text"))
}

#[test]
fn a_full_disk_under_stdout_is_an_error_and_under_stderr_stops_nothing() {
    if library().is_none() {
        return;
    }
    let dir = tempdir().expect("a temporary directory");
    let mixes = mixes();
    let sweep = |root| ["--root", root, "--mixes", &mixes, "--nr-flows", "40", "mlsys"];
    run_expecting(0, dir.path(), &sweep("whole"));
    let expected = digest(dir.path(), "whole");
    let events = [&sweep("events")[..], &["--message-format", "ndjson"]].concat();
    for args in [
        &["--root", "whole", "status"][..],
        &["--root", "whole", "check"],
        &["--root", "whole", "compare", "--baseline", "flowsim"],
        &["--root", "whole", "export", "--format", "csv", "--out", "-"],
        &["help-events"],
        &events,
    ] {
        let (code, err) = with_full("stdout", dir.path(), args);
        assert_eq!(code, Some(1), "{args:?}: {err}");
        assert!(
            err.contains("cannot write standard output: No space left") && err.contains("free some space"),
            "{err}"
        );
    }
    assert_eq!(digest(dir.path(), "events"), expected, "the sweep went on without its listener");
    assert_eq!(with_full("stderr", dir.path(), &sweep("quiet")).0, Some(0));
    assert_eq!(digest(dir.path(), "quiet"), expected);
    assert_eq!(with_full("stderr", dir.path(), &["--root", "nowhere", "status"]).0, Some(7));
}

#[test]
fn what_a_killed_process_left_half_written_goes_with_the_next_file_in_its_folder() {
    let dir = tempdir().expect("a temporary directory");
    let mixes = demo();
    run_expecting(0, dir.path(), &["--root", "r", "--mixes", &mixes, "--nr-flows", "40", "flowsim"]);
    let out = dir.path().join("out");
    fs::create_dir(&out).expect("writable");
    for name in [".flows.csv.7.partial", ".report.html.4000000000.partial", ".mine.partial", "notes.7.partial"] {
        fs::write(out.join(name), "half").expect("writable");
    }
    run_expecting(0, dir.path(), &["--root", "r", "export", "--format", "csv", "--out", "out/flows.csv"]);
    let mut left: Vec<_> = fs::read_dir(&out).expect("readable").flatten().map(|e| e.file_name()).collect();
    left.sort();
    assert_eq!(left, [".mine.partial", "flows.csv", "notes.7.partial"]);
}
