//! External backends: like any other where they work, and failed runs that say why where they do not. Stand-ins are shell scripts.

use crate::program::{command, file, run, run_expecting};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::{TempDir, tempdir};

/// Copies `ideal.txt` as the result.
pub const GOOD: &str = "while read -r id ns; do echo \"$id,$ns\"; done < ideal.txt > out.csv";

/// A current directory with the backend `stand-in` in `backends/`, whose program does `body` with the backend's folder as `$1`.
pub struct Stage(TempDir);

impl Stage {
    pub fn new(body: &str, manifest: impl Fn(String) -> String) -> Self {
        let dir = tempdir().expect("a temporary directory");
        let folder = dir.path().join("backends/stand-in");
        fs::create_dir_all(&folder).expect("writable");
        let text = "name = \"stand-in\"\nversion = \"1\"\ncommand = [\"run\", \"{folder}\"]\n\
                    inputs = [\"topology.txt\", \"flows.txt\", \"path_1.txt\", \"ideal.txt\", \"config.txt\"]\n\
                    [output]\nfile = \"out.csv\"\ncolumns = [\"id\", \"fct_ns\"]\n[supports]\ncc = \"any\"\n";
        fs::write(folder.join("backend.toml"), manifest(text.into())).expect("writable");
        let stage = Self(dir);
        stage.program(body);
        stage
    }

    /// With a program that works.
    pub fn good() -> Self {
        Self::doing(GOOD)
    }

    pub fn doing(body: &str) -> Self {
        Self::new(body, |text| text)
    }

    pub fn program(&self, body: &str) {
        let program = self.folder().join("run");
        fs::write(&program, format!("#!/bin/sh\n{body}\n")).expect("writable");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("ours");
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn folder(&self) -> PathBuf {
        self.0.path().join("backends/stand-in")
    }

    pub fn args<'a>(&self, mixes: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        ["--root", "r", "--mixes", mixes, "--nr-flows", "100"].into_iter().chain(more.iter().copied()).collect()
    }

    /// Runs it and requires the exit code; returns stderr.
    pub fn run(&self, code: i32, more: &[&str]) -> String {
        let mixes = demo();
        run_expecting(code, self.0.path(), &self.args(&mixes, &[more, &["stand-in"]].concat())).1
    }

    /// The run fails with an error that contains `want`.
    pub fn fails_with(&self, want: &str) {
        let err = self.run(5, &["--timeout", "20s"]);
        assert!(err.contains("failed") && err.contains(want), "{want} is not in: {err}");
    }
}

pub fn demo() -> String {
    file("spec/0.mix.json").display().to_string()
}

#[test]
fn an_external_backend_is_one_like_any_other() {
    let stage = Stage::doing(GOOD);
    let (at, mixes) = (stage.0.path(), demo());
    assert!(run_expecting(0, at, &["--help"]).0.contains("stand-in"));
    assert!(
        run_expecting(0, at, &["doctor"]).0.contains("stand-in        available, fingerprint external-1 version=1")
    );
    assert!(stage.run(0, &[]).contains("1 run finished"));
    assert!(stage.run(0, &[]).contains("1 done before"));
    run_expecting(0, at, &stage.args(&mixes, &["all"]));
    let (table, _) = run_expecting(0, at, &["--root", "r", "compare", "--baseline", "packet"]);
    assert!(table.lines().any(|l| l.starts_with("stand-in ")), "{table}");
    // It is the ideal FCT, read back to the nanosecond.
    let (same, _) = run_expecting(0, at, &["--root", "r", "compare", "--baseline", "ideal", "--flows"]);
    let row = same.lines().find(|l| l.starts_with("stand-in ")).expect("a row");
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!((words[2], words[3]), ("100", "100"), "{same}");
    assert!(fs::read_to_string(at.join("figures/error-cdf.csv")).expect("drawn").contains("stand-in"));
    let (status, _) = run_expecting(0, at, &["--root", "r", "status"]);
    assert!(status.lines().any(|l| l.starts_with("stand-in ") && l.split_whitespace().nth(1) == Some("1")), "{status}");
    let (laws, _) = run_expecting(0, at, &["doctor", "--conformance", "stand-in", "--scenarios", "4"]);
    assert_eq!(laws.matches("\nheld ").count(), 3, "{laws}");
}

#[test]
fn files_behind_links_count_and_a_change_during_the_run_fails_it() {
    let stage = Stage::doing(&format!("cat \"$1/model/scale\" > /dev/null || exit 1\n{GOOD}"));
    let model = stage.path().join("model");
    fs::create_dir(&model).expect("writable");
    fs::write(model.join("scale"), "1").expect("writable");
    std::os::unix::fs::symlink(&model, stage.folder().join("model")).expect("a link");
    stage.run(0, &[]);
    fs::write(model.join("scale"), "2").expect("writable");
    assert!(stage.run(0, &[]).contains("1 run finished"), "another model behind the link");
    stage.program(&format!("{GOOD}\necho 33 > \"$1/model/scale\""));
    let err = stage.run(5, &[]);
    assert!(err.contains("model/scale changed since this command began"), "{err}");
}

#[test]
fn a_program_that_has_ended_is_not_waited_for_because_of_what_it_left_behind() {
    // Without a time limit: this test ends only if the run does.
    let stage = Stage::doing(&format!("{GOOD}\nsleep 86399 & exit 0"));
    assert!(stage.run(0, &[]).contains("1 run finished"));
    let left = Command::new("pgrep").args(["-f", "sleep 86399"]).status().expect("pgrep");
    assert!(!left.success(), "it is still there");
}

#[test]
fn another_program_or_version_is_another_fingerprint() {
    let stage = Stage::doing(GOOD);
    stage.run(0, &[]);
    stage.program(&format!("# changed\n{GOOD}"));
    assert!(stage.run(0, &[]).contains("1 run finished"), "a changed program is run again");
    // Hidden files are not digested, so here only the version command tells.
    let asked = |text: String| text.replace("[output]", "version-command = [\"run\", \"--version\"]\n[output]");
    let stage =
        Stage::new(&format!("[ \"$1\" = --version ] && {{ cat \"${{0%/*}}/.version\"; exit $?; }}\n{GOOD}"), asked);
    for (version, want) in [("1.0", "1 run finished"), ("1.0", "1 done before"), ("1.1", "1 run finished")] {
        fs::write(stage.folder().join(".version"), format!("{version}\n")).expect("writable");
        let err = stage.run(0, &[]);
        assert!(err.contains(want), "{version}: {err}");
    }
    fs::remove_file(stage.folder().join(".version")).expect("written before");
    assert!(stage.run(4, &[]).contains("gives no version: ended with exit status: 1"));
}

#[test]
fn tables_on_standard_output_and_ns3s_own_form_are_read() {
    let to_stdout =
        |text: String| text.replace("out.csv", "-").replace("[\"id\", \"fct_ns\"]", "[\"id\", \"_\", \"fct_ns\"]");
    let stage =
        Stage::new("echo id other fct_ns; while read -r id ns; do echo $id x $ns.25; done < ideal.txt", to_stdout);
    stage.run(0, &[]);
    let fct = |text: String| text.replace("out.csv", "fct.txt").replace("[\"id\", \"fct_ns\"]", "\"fct.txt\"");
    let wrong = Stage::new("echo 0 0b000001 0b000101 10000 100 5 1 2 3 > fct.txt", fct);
    wrong.fails_with("fct.txt:1:");
}

#[test]
fn every_way_to_fail_is_a_failed_run_that_says_why() {
    Stage::doing(&format!("{GOOD}\necho broken pipe dream >&2\nexit 3")).fails_with("ended with exit status: 3");
    Stage::doing(&format!("{GOOD}\nkill -SEGV $$")).fails_with("ended with");
    Stage::doing("true").fails_with("it left no out.csv");
    Stage::doing(&format!("{GOOD}\nsed '$d' out.csv > x && mv x out.csv")).fails_with("no row for 1 of 100 flows");
    Stage::doing(&format!("{GOOD}\nsed '$d' out.csv > x; printf 99,12 >> x; mv x out.csv"))
        .fails_with("cut off in its last line");
    Stage::doing("head -c 4000 /dev/urandom > out.csv; echo >> out.csv").fails_with("not UTF-8");
    Stage::doing("while :; do echo 0,1; done > out.csv & sleep 1; exit 0").fails_with("stand-in: out.csv");
    Stage::doing(&format!("{GOOD}\nsed 's/,.*/,NaN/' out.csv > x && mv x out.csv"))
        .fails_with("out.csv:1: expected an FCT in ns");
    Stage::doing(&format!("{GOOD}\nsed 's/,.*/,1/' out.csv > x && mv x out.csv")).fails_with("breaks a law");
    let to_stdout = |text: String| text.replace("out.csv", "-");
    Stage::new("while :; do echo 0,1; done", to_stdout).fails_with("standard output has more than");
}

#[test]
fn a_program_sees_no_variable_of_its_caller_and_no_shell_reads_its_arguments() {
    // The folder's name is a shell's nightmare; an argument holds it.
    let dir = tempdir().expect("a temporary directory");
    let folder = dir.path().join("$(touch owned); `touch owned`; *");
    fs::create_dir(&folder).expect("writable");
    let stage = Stage::doing(&format!("env | sort > \"$1/.seen\"; echo \"$#\" > \"$1/.count\"\n{GOOD}"));
    for name in ["backend.toml", "run"] {
        fs::copy(stage.folder().join(name), folder.join(name)).expect("copied");
    }
    let (mixes, backend) = (demo(), folder.display().to_string());
    let mut command = command(dir.path(), &["--root", "r", "--backend-dir", &backend, "--mixes", &mixes]);
    command
        .args(["--nr-flows", "100", "stand-in"])
        .env("MIXLAB_SECRET", "hunter2")
        .env("AWS_SECRET_ACCESS_KEY", "hunter2");
    command.env("LD_PRELOAD_X", "hunter2").env("IFS", "/").env("BASH_ENV", "/nonexistent").env("ENV", "/nonexistent");
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen = fs::read_to_string(folder.join(".seen")).expect("it ran");
    assert!(!seen.contains("hunter2"), "{seen}");
    // `PWD`, `SHLVL`, `OLDPWD` and `_` are what the script's own shell adds.
    let known = ["HOME", "LC_ALL", "OLDPWD", "PATH", "PWD", "SHLVL", "TMPDIR", "_"];
    for line in seen.lines() {
        let name = line.split('=').next().unwrap_or_default();
        assert!(known.contains(&name), "{line}");
    }
    let home = seen.lines().find_map(|l| l.strip_prefix("HOME=")).expect("a home");
    assert!(home.contains("/r/work/"), "its home is the folder of the run: {home}");
    assert_eq!(fs::read_to_string(folder.join(".count")).expect("it ran").trim(), "1", "one argument stays one");
    let owned = walkdir::WalkDir::new(dir.path()).into_iter().flatten().any(|e| e.file_name() == "owned");
    assert!(!owned, "something was read as shell");
}

#[test]
fn results_that_are_no_plain_file_are_refused_and_never_waited_for() {
    for (body, want) in [
        ("mkfifo out.csv", "out.csv is not a plain file"),
        ("mkdir out.csv", "out.csv is not a plain file"),
        ("ln -s /dev/zero out.csv", "out.csv is not a plain file"),
        ("ln -s out.csv out.csv", "it left no out.csv"),
        ("truncate -s 1G out.csv", "out.csv has more than 1150976 bytes"),
    ] {
        Stage::doing(body).fails_with(want);
    }
}

#[test]
fn the_log_and_the_files_of_a_failed_run_are_kept() {
    let stage = Stage::doing("echo to stdout; echo the cause >&2; exit 1");
    stage.run(5, &[]);
    let kept = fs::read_dir(stage.0.path().join("r/work")).expect("kept").flatten().next().expect("a folder").path();
    assert!(kept.join("external/flows.txt").exists());
}

/// Whether a process with this id exists and is no zombie.
fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(20), "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_program_that_hangs_is_killed_with_all_it_started() {
    let stage = Stage::doing("echo $$ > \"$1/.pid\"; sleep 1000 & echo $! > \"$1/.child\"; wait");
    let err = stage.run(5, &["--timeout", "1s"]);
    assert!(err.contains("time limit of 1 s"), "{err}");
    for name in [".pid", ".child"] {
        let pid = fs::read_to_string(stage.folder().join(name)).expect("it ran");
        wait_until("it is gone", || !lives(pid.trim()));
    }
    let own = |text: String| text.replace("[output]", "time-limit-s = 1\n[output]");
    Stage::new("sleep 1000", own).fails_with("no end after 1 s");
}

#[test]
fn a_killed_mixlab_leaves_no_orphan() {
    let stage = Stage::doing("echo $$ > \"$1/.pid\"; sleep 1000");
    let mixes = demo();
    let mut child =
        command(stage.0.path(), &stage.args(&mixes, &["stand-in"])).stderr(Stdio::null()).spawn().expect("starts");
    let pid_file = stage.folder().join(".pid");
    wait_until("it runs", || fs::read_to_string(&pid_file).is_ok_and(|t| t.ends_with('\n')));
    let pid = fs::read_to_string(&pid_file).expect("just seen");
    assert!(lives(pid.trim()));
    child.kill().expect("our child");
    child.wait().expect("our child");
    wait_until("it is gone", || !lives(pid.trim()));
}

#[test]
fn control_c_stops_it_and_leaves_no_row() {
    let stage = Stage::doing("echo $$ > \"$1/.pid\"; sleep 1000");
    let mixes = demo();
    let child =
        command(stage.0.path(), &stage.args(&mixes, &["stand-in"])).stderr(Stdio::null()).spawn().expect("starts");
    let pid_file = stage.folder().join(".pid");
    wait_until("it runs", || fs::read_to_string(&pid_file).is_ok_and(|t| t.ends_with('\n')));
    let interrupt = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status();
    assert!(interrupt.expect("a shell").success());
    assert_eq!(child.wait_with_output().expect("our child").status.code(), Some(130));
    let (status, _) = run_expecting(0, stage.0.path(), &["--root", "r", "status"]);
    assert!(!status.contains("failed:"), "{status}");
}

#[test]
fn what_it_does_not_model_is_unsupported() {
    for (from, to, want) in [
        ("cc = \"any\"", "cc = [\"timely\"]", "congestion control dctcp is not modelled"),
        ("cc = \"any\"", "cc = \"any\"\nmax-hosts = 31", "a network of 32 hosts is not modelled"),
        ("cc = \"any\"", "cc = \"any\"\nmax-flows = 99", "a scenario of 100 flows is not modelled"),
    ] {
        let err = Stage::new("exit 1", |text| text.replace(from, to)).run(0, &[]);
        assert!(err.contains(want), "{err}");
    }
}

#[test]
fn mistakes_in_the_manifest_have_a_place_and_a_suggestion() {
    for (from, to, want) in [
        (
            "inputs",
            "input",
            "backend.toml:4:1: input: expected a known key, found `input`\n  hint: did you mean `inputs`?",
        ),
        (
            "stand-in\"",
            "packet\"",
            "backend.toml:1:8: name: expected a name that mixlab does not use itself, found \"packet\"",
        ),
        ("path_1", "path_2", "found \"path_2.txt\"\n  hint: did you mean `path_1.txt`?"),
        ("\"run\", ", "3, ", "command[0]: expected an argument as text, found 3"),
        ("cc = \"any\"", "cc = [\"dtcp\"]", "supports.cc[0]: expected one of dctcp"),
    ] {
        let stage = Stage::new(GOOD, |text| text.replacen(from, to, 1));
        let err = stage.run(3, &[]);
        assert!(err.contains(want), "{err}");
    }
    let missing = Stage::new(GOOD, |text| text.replace("\"run\"", "\"no-such-program\""));
    let err = missing.run(4, &[]);
    assert!(err.contains("no executable `no-such-program`"), "{err}");
}

#[test]
fn folders_can_be_named_and_two_backends_of_one_name_are_refused() {
    let stage = Stage::doing(GOOD);
    let elsewhere = tempdir().expect("a temporary directory");
    let dir = stage.0.path().join("backends").display().to_string();
    let mixes = demo();
    let args = ["--backend-dir", &dir, "--root", "r", "--mixes", &mixes, "--nr-flows", "50", "stand-in"];
    run_expecting(0, elsewhere.path(), &args);
    fs::create_dir_all(elsewhere.path().join("backends/copy")).expect("writable");
    fs::copy(stage.folder().join("backend.toml"), elsewhere.path().join("backends/copy/backend.toml")).expect("copied");
    let (_, err) = run_expecting(3, elsewhere.path(), &args);
    assert!(err.contains("a name that no other backend has"), "{err}");
}

#[test]
fn the_worked_example_keeps_the_laws_and_is_not_part_of_all() {
    if !Command::new("python3").arg("--version").output().is_ok_and(|o| o.status.success()) {
        // Straight to stderr: the test harness would swallow `eprintln!` of a test that passes.
        let _ = writeln!(std::io::stderr(), "skipped: no python3");
        return;
    }
    let dir = tempdir().expect("a temporary directory");
    let example = file("backends/example-python").display().to_string();
    let laws = run(
        dir.path(),
        &["--backend-dir", &example, "doctor", "--conformance", "store-and-forward", "--scenarios", "12"],
    );
    let text = String::from_utf8_lossy(&laws.stdout);
    assert!(laws.status.success() && text.matches("\nheld ").count() == 3, "{text}");
    let mixes = demo();
    let args = |name| {
        ["--backend-dir", &example, "--root", "r", "--mixes", &mixes, "--nr-flows", "300", name].map(str::to_owned)
    };
    let call = |name| run_expecting(0, dir.path(), &args(name).each_ref().map(String::as_str));
    assert!(call("store-and-forward").1.contains("1 run finished"));
    call("all");
    let (table, _) = run_expecting(0, dir.path(), &["--root", "r", "compare", "--baseline", "packet"]);
    assert!(table.contains("store-and-forward"), "{table}");
    assert!(!folder_has_caches(Path::new(&example)));
}

fn folder_has_caches(folder: &Path) -> bool {
    folder.join("__pycache__").exists()
}
