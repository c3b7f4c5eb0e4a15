//! Runs the built `mixlab` as a user would.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository, such as a shipped spec.
pub fn file(name: &str) -> PathBuf {
    workspace().join(name)
}

/// The folder of reference data, if there is one; says so if not.
pub fn reference(what: &str) -> Option<PathBuf> {
    let beside = || workspace().join("../shared");
    let folder = std::env::var_os("MIXLAB_SHARED").map_or_else(beside, PathBuf::from).join(what);
    if folder.exists() {
        Some(folder)
    } else {
        // Straight to stderr: the test harness would swallow `eprintln!` of a test that passes.
        let _ = writeln!(std::io::stderr(), "skipped: no reference data {what} (set MIXLAB_SHARED)");
        None
    }
}

/// `mixlab ARGS`, not started yet, in an empty current directory `cwd`.
pub fn command(cwd: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mixlab"));
    // Without ns-3, so that what `all` means does not depend on the machine.
    command.args(args).current_dir(cwd).stdin(Stdio::null()).env("MIXLAB_NS3_DIR", "/nonexistent");
    command
}

/// `mixlab ARGS`, run to its end.
pub fn run(cwd: &Path, args: &[&str]) -> Output {
    command(cwd, args).output().expect("the program starts")
}

/// Runs and requires this exit code; returns (stdout, stderr).
pub fn run_expecting(code: i32, cwd: &Path, args: &[&str]) -> (String, String) {
    let output = run(cwd, args);
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.code(), Some(code), "mixlab {}\nstdout: {out}\nstderr: {err}", args.join(" "));
    (out, err)
}

/// The `digest` line of `mixlab status`: equal for equal results.
pub fn digest(cwd: &Path, root: &str) -> String {
    let (out, _) = run_expecting(0, cwd, &["--root", root, "-q", "status"]);
    let line = out.lines().find_map(|l| l.strip_prefix("digest ")).expect("status prints the digest of the results");
    line.trim().to_owned()
}
