//! The command line as documented: exit codes, streams, and the calls of parsimon-eval's README.

use crate::program::{file, run, run_expecting};
use tempfile::tempdir;

fn demo() -> String {
    file("spec/0.mix.json").display().to_string()
}

#[test]
fn a_sweep_stores_its_runs_and_the_same_command_does_nothing_again() {
    let dir = tempdir().expect("a temporary directory");
    let args = ["--root=./demo", "--mixes", &demo(), "--nr-flows", "200", "mlsys"];
    let (out, err) = run_expecting(0, dir.path(), &args);
    assert!(out.is_empty() && err.contains("3 runs finished"), "{out}{err}");
    let (_, err) = run_expecting(0, dir.path(), &args);
    assert!(err.contains("0 runs finished, 3 done before"), "{err}");
}

#[test]
fn all_ends_with_figures_and_a_summary_table() {
    let dir = tempdir().expect("a temporary directory");
    let (out, _) = run_expecting(0, dir.path(), &["--root", "r", "--mixes", &demo(), "--nr-flows", "300", "all"]);
    assert!(out.contains("flowsim-window") && out.contains("mean %"), "{out}");
    for name in ["slowdown-cdf", "error-cdf", "runtime"] {
        for form in ["svg", "pdf", "png", "csv"] {
            let path = dir.path().join("figures").join(format!("{name}.{form}"));
            assert!(std::fs::metadata(&path).is_ok_and(|m| m.len() > 100), "{}", path.display());
        }
    }
    let (json, _) =
        run_expecting(0, dir.path(), &["--root", "r", "compare", "--baseline", "packet", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["baseline"], "packet");
    let (csv, _) = run_expecting(0, dir.path(), &["--root", "r", "compare", "--format", "csv"]);
    assert!(csv.lines().count() > 6 && csv.lines().all(|l| l.matches(',').count() == 13), "{csv}");
}

#[test]
fn compare_shows_the_error_floor_or_how_to_get_one() {
    let dir = tempdir().expect("a temporary directory");
    let call = |what: &[&str]| {
        let common = ["--root", "r", "--mixes", &demo(), "--nr-flows", "300"];
        run_expecting(0, dir.path(), &[&common, what].concat())
    };
    call(&["packet"]);
    call(&["flowsim"]);
    let (out, _) = call(&["compare"]);
    assert_eq!(out.matches("no error floor is stored: `mixlab floor`").count(), 1, "{out}");
    let (_, err) = call(&["floor"]);
    assert!(err.contains("1 run finished, 1 done before"), "{err}");
    let (out, _) = call(&["compare"]);
    assert!(!out.contains("no error floor") && out.contains("floor: packet with one flow in ten"), "{out}");
    let rows = |backend: &str| out.lines().filter(|l| l.split_whitespace().next() == Some(backend)).count();
    assert!(rows("floor") > 3 && rows("floor") == rows("flowsim"), "overall, per bucket and per scenario\n{out}");
    let (csv, _) = call(&["compare", "--format", "csv"]);
    let buckets = |backend: &str| csv.lines().filter(|l| l.starts_with(&format!("0,{backend},packet,"))).count();
    assert!(buckets("floor") > 1 && buckets("floor") == buckets("flowsim"), "{csv}");
}

#[test]
fn every_documented_exit_code_is_what_it_says() {
    let dir = tempdir().expect("a temporary directory");
    let at = dir.path();
    run_expecting(2, at, &["--no-such-option", "flowsim"]);
    run_expecting(2, at, &["flowsim"]); // no --mixes
    run_expecting(3, at, &["--mixes", "missing.json", "flowsim"]);
    std::fs::write(at.join("bad.json"), "[{\"id\": 0, \"max_load\": \"high\"}]").expect("writable");
    let (_, err) = run_expecting(3, at, &["--mixes", "bad.json", "flowsim"]);
    assert!(err.contains("bad.json") && err.contains("1:"), "{err}");
    let (_, err) = run_expecting(4, at, &["--mixes", &demo(), "ns3"]);
    assert!(err.contains("ns3") && err.lines().count() == 1, "{err}");
    run_expecting(7, at, &["figures"]);
    run_expecting(7, at, &["compare"]);
    // A single run can't be compared with itself.
    run_expecting(0, at, &["--root", "one", "--mixes", &demo(), "--nr-flows", "50", "flowsim"]);
    run_expecting(7, at, &["--root", "one", "compare"]);
    run_expecting(7, at, &["--root", "one", "figures", "error-cdf"]);
}

#[test]
fn runs_that_exceed_the_time_limit_fail_and_can_be_retried() {
    let dir = tempdir().expect("a temporary directory");
    let base = ["--root", "r", "--mixes", &demo(), "--nr-flows", "2000"];
    let with = |more: &[&str]| base.iter().copied().chain(more.iter().copied()).map(str::to_owned).collect::<Vec<_>>();
    let call = |code, more: &[&str]| {
        let args = with(more);
        run_expecting(code, dir.path(), &args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    call(5, &["--timeout", "1ms", "packet"]);
    let (out, _) = call(0, &["status"]);
    assert!(out.contains("time limit of 0.001 s"), "{out}");
    let (_, err) = call(5, &["packet"]);
    assert!(err.contains("failed or unsupported before"), "{err}");
    let (_, err) = call(0, &["--retry-failed", "packet"]);
    assert!(err.contains("1 run finished"), "{err}");
}

#[test]
fn events_are_one_json_object_per_line_on_stdout() {
    let dir = tempdir().expect("a temporary directory");
    let args = ["--root", "r", "--mixes", &demo(), "--nr-flows", "50", "--message-format", "ndjson", "mlsys"];
    let (out, err) = run_expecting(0, dir.path(), &args);
    assert!(err.is_empty(), "{err}");
    let events: Vec<serde_json::Value> = out.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    let names: Vec<_> = events.iter().map(|e| e["event"].as_str().expect("a name")).collect();
    assert_eq!(names.first(), Some(&"sweep-started"));
    assert_eq!(names.last(), Some(&"sweep-finished"));
    assert_eq!(names.iter().filter(|n| **n == "run-finished").count(), 3);
    assert!(events.iter().all(|e| e["version"] == 1));
}

#[test]
fn a_list_that_takes_the_place_of_another_says_so_and_the_other_comes_back() {
    let dir = tempdir().expect("a temporary directory");
    let text = std::fs::read_to_string(demo()).expect("the demo mix");
    let changed = text.replacen("\"max_load\": 0.", "\"max_load\": 0.1", 1);
    assert_ne!(text, changed);
    let spec = file("spec").display().to_string();
    let changed = changed.replace("\"spec/", &format!("\"{spec}/"));
    std::fs::write(dir.path().join("other.mix.json"), changed).expect("writable");
    let run =
        |mixes: &str| run_expecting(0, dir.path(), &["--root", "r", "--mixes", mixes, "--nr-flows", "50", "ideal"]).1;
    assert!(!run(&demo()).contains("give way"));
    let err = run("other.mix.json");
    assert!(err.contains("1 mixes of") && err.contains("give way"), "{err}");
    let err = run(&demo());
    assert!(err.contains("other.mix.json have the ids") && err.contains("done before"), "{err}");
}

#[test]
fn a_dry_run_lists_what_would_run_and_stores_nothing() {
    let dir = tempdir().expect("a temporary directory");
    let args = ["--root", "r", "--mixes", &demo(), "--nr-flows", "50", "--dry-run", "mlsys"];
    for _ in 0..2 {
        let (out, _) = run_expecting(0, dir.path(), &args);
        assert!(out.contains("flowsim-window") && out.contains("3 runs to do, 0 done"), "{out}");
    }
}

#[test]
fn expand_writes_the_files_of_the_original_and_draws_mixes() {
    let dir = tempdir().expect("a temporary directory");
    run_expecting(0, dir.path(), &["--root", "r", "--mixes", &demo(), "--nr-flows", "20", "expand"]);
    for name in ["flows.json", "topology.txt", "flows.txt", "path_1.txt"] {
        assert!(dir.path().join("r/0").join(name).exists(), "{name}");
    }
    let space = file("spec/eval_train.mixspace.json").display().to_string();
    let draw = ["expand", "--mixspace", &space, "--count", "3", "--seed", "1", "--out", "-"];
    let (mixes, _) = run_expecting(0, dir.path(), &draw);
    let mixes: serde_json::Value = serde_json::from_str(&mixes).expect("JSON");
    assert_eq!(mixes.as_array().map(Vec::len), Some(3));
}

#[test]
fn exports_are_what_notebooks_expect() {
    let dir = tempdir().expect("a temporary directory");
    run_expecting(0, dir.path(), &["--root", "r", "--mixes", &demo(), "--nr-flows", "50", "all"]);
    run_expecting(0, dir.path(), &["--root", "r", "export", "--layout", "parsimon-eval"]);
    let records = std::fs::read_to_string(dir.path().join("r/0/packet/records.csv")).expect("exported");
    assert_eq!(records.lines().next(), Some("mix_id,flow_id,size,slowdown,sim"));
    assert_eq!(records.lines().count(), 51);
    assert!(dir.path().join("r/0/packet/elapsed.txt").exists());
    let (csv, _) = run_expecting(0, dir.path(), &["--root", "r", "export", "--format", "csv", "--out", "-"]);
    assert_eq!(csv.lines().count(), 1 + 7 * 50); // ideal, flowsim, flowsim-window, coarse, m4-fluid, m4, packet
    run_expecting(0, dir.path(), &["--root", "r", "export", "--format", "parquet", "--out", "all.parquet"]);
    assert!(dir.path().join("all.parquet").exists());
}

#[test]
fn a_second_writer_on_one_root_is_refused() {
    let dir = tempdir().expect("a temporary directory");
    std::fs::create_dir(dir.path().join("r")).expect("writable");
    let lock = std::fs::File::create(dir.path().join("r/mixlab.lock")).expect("writable");
    lock.lock().expect("free");
    let (_, err) = run_expecting(6, dir.path(), &["--root", "r", "--mixes", &demo(), "flowsim"]);
    assert!(err.contains("lock"), "{err}");
}

#[test]
fn help_completions_man_page_and_doctor_work_without_a_root() {
    let dir = tempdir().expect("a temporary directory");
    let (help, _) = run_expecting(0, dir.path(), &["--help"]);
    assert!(help.contains("Exit codes:") && help.contains("--nr-flows"), "{help}");
    assert!(run_expecting(0, dir.path(), &["compare", "--help"]).0.contains("speed-up"));
    assert!(run_expecting(0, dir.path(), &["completions", "bash"]).0.contains("flowsim-window"));
    assert!(run_expecting(0, dir.path(), &["man"]).0.contains(".TH"));
    assert!(run_expecting(0, dir.path(), &["doctor"]).0.contains("packet"));
    assert!(run_expecting(0, dir.path(), &["help-events"]).0.contains("run-finished"));
    assert!(!run(dir.path(), &[]).status.success());
    assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 0, "nothing is written");
}
