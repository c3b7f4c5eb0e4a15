//! Flag > environment > `mixlab.toml` > default; mistakes in the file are understood at once; `init` and dry runs.

use crate::program::{command, file, run_expecting};
use std::path::Path;
use tempfile::{TempDir, tempdir};

fn demo() -> String {
    file("spec/0.mix.json").display().to_string()
}

/// A current directory with a root `r` that has this `mixlab.toml`.
fn with_settings(text: &str) -> TempDir {
    let dir = tempdir().expect("a temporary directory");
    std::fs::create_dir(dir.path().join("r")).expect("writable");
    std::fs::write(dir.path().join("r/mixlab.toml"), text).expect("writable");
    dir
}

/// What `doctor` says about one setting: value and source.
fn in_force(at: &Path, setting: &str, flags: &[&str], variables: &[(&str, &str)]) -> (String, String) {
    let args: Vec<&str> = ["--root", "r", "doctor"].into_iter().chain(flags.iter().copied()).collect();
    let output = command(at, &args).envs(variables.iter().copied()).output().expect("starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let line = text.lines().find(|l| l.split_whitespace().next() == Some(setting));
    let words: Vec<&str> = line.unwrap_or_else(|| panic!("no {setting} in {text}")).split_whitespace().collect();
    (words[1].to_owned(), words[2].to_owned())
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let dir = with_settings("# of this root\njobs = 2\nnr-flows = 77\ntimeout = \"90s\"\n");
    let jobs = |flags: &[&str], variables: &[(&str, &str)]| in_force(dir.path(), "jobs", flags, variables);
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(jobs(&["--jobs", "4"], &[("MIXLAB_JOBS", "3")]), pair("4", "--jobs"));
    assert_eq!(jobs(&[], &[("MIXLAB_JOBS", "3")]), pair("3", "MIXLAB_JOBS"));
    assert_eq!(jobs(&[], &[]), pair("2", "r/mixlab.toml:2"));
    assert_eq!(in_force(dir.path(), "seed", &[], &[]), pair("0", "default"));
    let (plan, _) = run_expecting(0, dir.path(), &["--root", "r", "--mixes", &demo(), "--dry-run", "flowsim"]);
    assert!(plan.contains(" 77 "), "{plan}");
    let (plan, _) =
        run_expecting(0, dir.path(), &["--root", "r", "--mixes", &demo(), "--nr-flows=55", "--dry-run", "flowsim"]);
    assert!(plan.contains(" 55 "), "{plan}");
}

#[test]
fn switches_of_the_file_can_be_switched_off_again() {
    let dir = with_settings("enable-app = true\n");
    assert_eq!(in_force(dir.path(), "enable-app", &[], &[]).0, "true");
    assert_eq!(in_force(dir.path(), "enable-app", &["--enable-app=false"], &[]).0, "false");
    assert_eq!(in_force(dir.path(), "enable-app", &[], &[("MIXLAB_ENABLE_APP", "false")]).0, "false");
}

#[test]
fn paths_start_at_the_file_and_tables_hold_the_options_of_a_subcommand() {
    let dir =
        with_settings("mixes = \"own.mix.json\"\nnr-flows = 60\nbaseline = \"flowsim\"\n[figures]\nout = \"drawn\"\n");
    let mix = std::fs::read_to_string(file("spec/0.mix.json")).expect("shipped");
    let absolute = mix.replace("\"spec/", &format!("\"{}/", file("spec").display()));
    std::fs::write(dir.path().join("r/own.mix.json"), absolute).expect("writable");
    run_expecting(0, dir.path(), &["--root", "r", "mlsys"]);
    let (table, _) = run_expecting(0, dir.path(), &["--root", "r", "compare"]);
    assert!(table.contains("against flowsim"), "{table}");
    run_expecting(0, dir.path(), &["--root", "r", "figures", "error-cdf"]);
    assert!(dir.path().join("r/drawn/error-cdf.svg").exists());
    assert_eq!(in_force(dir.path(), "figures.out", &[], &[]).1, "r/mixlab.toml:5");
}

#[test]
fn mistakes_in_the_file_have_a_place_and_a_suggestion() {
    for (text, want) in [
        (
            "jobs = 2\njob = 3\n",
            "r/mixlab.toml:2:1: job: expected a known key, found `job`\n  hint: did you mean `jobs`?",
        ),
        ("jobs = 0\n", "r/mixlab.toml:1:8: jobs: expected what --jobs takes, found 0\n  hint: 0 is not in 1..=65535"),
        ("timeout = \"3 days\"\n", "r/mixlab.toml:1:11: timeout: expected what --timeout takes, found \"3 days\""),
        (
            "fidelity = \"cleen\"\n",
            "r/mixlab.toml:1:12: fidelity: expected one of ns3, clean, found \"cleen\"\n  hint: did you mean `clean`?",
        ),
        ("root = \"x\"\n", "r/mixlab.toml:1:1: root: expected a known key"),
        ("[figures]\nouts = \"x\"\n", "r/mixlab.toml:2:1: figures.outs: expected a known key, found `outs`"),
        ("figures = 1\n", "r/mixlab.toml:1:11: figures: expected a table, found 1"),
        ("jobs = [1, 2]\n", "r/mixlab.toml:1:8: jobs: expected one value, found an array"),
        ("jobs = \n", "r/mixlab.toml:1:8: expected TOML"),
        ("seed = 1979-05-27\n", "seed: expected one value, found 1979-05-27"),
    ] {
        let dir = with_settings(text);
        let (_, err) = run_expecting(3, dir.path(), &["--root", "r", "status"]);
        assert!(err.contains(want), "{text}\n{err}");
    }
}

#[test]
fn a_broken_file_does_not_keep_anyone_from_the_help() {
    let dir = with_settings("jobs = [\n");
    for args in
        [&["--root", "r", "--help"][..], &["--root", "r", "help-settings"], &["--root", "r", "completions", "bash"]]
    {
        run_expecting(0, dir.path(), args);
    }
}

#[test]
fn a_dry_run_makes_no_root() {
    let dir = tempdir().expect("a temporary directory");
    let args = ["--root", "r", "--mixes", &demo(), "--nr-flows", "50", "--dry-run", "mlsys"];
    run_expecting(0, dir.path(), &args);
    assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 0, "nothing is written");
    run_expecting(0, dir.path(), &["--root", "r", "--mixes", &demo(), "--nr-flows", "50", "flowsim"]);
    let (plan, _) = run_expecting(0, dir.path(), &args);
    assert!(plan.contains("2 runs to do, 1 done"), "{plan}");
}

#[test]
fn the_starter_mix_runs_as_it_is_and_is_never_overwritten() {
    let dir = tempdir().expect("a temporary directory");
    run_expecting(0, dir.path(), &["init", "my.mix.json"]);
    let (_, err) = run_expecting(0, dir.path(), &["--mixes", "my.mix.json", "--nr-flows", "200", "mlsys"]);
    assert!(err.contains("3 runs finished") && !err.contains("warning"), "{err}");
    run_expecting(0, dir.path(), &["--root", "whole", "--mixes", "my.mix.json", "flowsim"]);
    let (_, err) = run_expecting(0, dir.path(), &["--root", "whole", "status"]);
    assert!(err.is_empty(), "the load delivered is the load asked for: {err}");
    std::fs::write(dir.path().join("my.mix.json"), "mine").expect("writable");
    let (_, err) = run_expecting(2, dir.path(), &["init", "my.mix.json"]);
    assert!(err.contains("--force"), "{err}");
    assert_eq!(std::fs::read_to_string(dir.path().join("my.mix.json")).expect("there"), "mine");
    run_expecting(0, dir.path(), &["init", "--force", "my.mix.json"]);
    run_expecting(0, dir.path(), &["--mixes", "my.mix.json", "--nr-flows", "200", "mlsys"]);
    // Where the shipped files are found, only the mix is written.
    std::fs::create_dir(dir.path().join("below")).expect("writable");
    run_expecting(0, dir.path(), &["init", "below/other.mix.json"]);
    assert_eq!(std::fs::read_dir(dir.path().join("below")).expect("readable").count(), 1);
}
