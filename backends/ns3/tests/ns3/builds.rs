//! Building on first use: once, without leftovers, and with a clear failure when the compiler is missing or fails.

use crate::support::{real_ns3, script};
use mixlab_contract::{Availability, Backend, Silent};
use mixlab_ns3::Ns3Backend;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Tells the test below that it is to build into this folder and to say what happened.
const CACHE: &str = "MIXLAB_TEST_BUILD_INTO";

/// Builds for another test, in a process (and environment) of its own; otherwise there is nothing to test.
#[test]
fn builder() {
    let Some(cache) = std::env::var_os(CACHE) else { return };
    let ns3 = Ns3Backend::new().with_cache(cache);
    println!("probe: {:?}", ns3.probe());
    match ns3.program(&Silent) {
        Ok(program) => println!("built {}", program.display()),
        Err(e) => println!("failed: {e}"),
    }
}

fn builder_process(cache: &Path, compiler: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("tests know their own file"));
    command.args(["--exact", "builds::builder", "--nocapture"]).env(CACHE, cache).env("CXX", compiler);
    command
}

/// What a builder with this compiler says.
fn said(cache: &Path, compiler: &Path) -> String {
    let output = builder_process(cache, compiler).output().expect("the test binary starts");
    let text = String::from_utf8_lossy(&output.stdout);
    // The test harness has its own lines, with times in them.
    text.lines().filter(|l| ["probe: ", "built ", "failed: "].iter().any(|own| l.starts_with(own))).collect()
}

/// A compiler that answers like one and then does `body`; `$out` is the file it should write.
fn compiler(dir: &Path, body: &str) -> PathBuf {
    let file = dir.join("compiler");
    let version = "[ \"$1\" = --version ] && { echo 'stand-in 1.0'; exit 0; }";
    let out = "while [ \"$1\" != -o ]; do shift; done; out=$2";
    script(&file, &format!("{version}\n{out}\n{body}"));
    file
}

fn files(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|e| e.file_name().into_string().ok()).collect()
}

#[test]
fn a_program_is_built_once_and_leaves_nothing_else() {
    if real_ns3().is_none() {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let cache = dir.path().join("cache");
    let counting = compiler(dir.path(), &format!("echo x >> {}/built; cp /bin/true \"$out\"", dir.path().display()));
    let first = said(&cache, &counting);
    assert!(first.contains("built ") && first == said(&cache, &counting), "{first}");
    assert_eq!(files(&cache.join("ns3")).len(), 1);
    assert_eq!(fs::read_to_string(dir.path().join("built")).expect("it was built").lines().count(), 1);
}

#[test]
fn processes_that_build_at_once_all_succeed() {
    if real_ns3().is_none() {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let cache = dir.path().join("cache");
    let slow = compiler(dir.path(), "sleep 0.5; cp /bin/true \"$out\"");
    let start = |_| builder_process(&cache, &slow).stdout(std::process::Stdio::piped()).spawn().expect("it starts");
    let builders: Vec<_> = (0..4).map(start).collect();
    for builder in builders {
        let output = builder.wait_with_output().expect("it ends");
        assert!(String::from_utf8_lossy(&output.stdout).contains("built "));
    }
    assert_eq!(files(&cache.join("ns3")).len(), 1);
}

#[test]
fn a_compiler_that_fails_is_a_failed_run_and_leaves_nothing() {
    if real_ns3().is_none() {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let text = said(dir.path(), &compiler(dir.path(), "echo partial > \"$out\"; exit 1"));
    assert!(text.contains("failed:") && text.contains("ended with exit status: 1"), "{text}");
    assert_eq!(files(&dir.path().join("ns3")), Vec::<String>::new());
}

#[test]
fn without_a_compiler_the_backend_is_missing_and_says_what_to_install() {
    if real_ns3().is_none() {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let text = said(dir.path(), Path::new("/nonexistent/c++"));
    assert!(text.contains("probe: Missing") && text.contains("apt-get install -y g++"), "{text}");
}

#[test]
fn a_folder_without_ns3_is_missing() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let backend = Ns3Backend::new().with_dir(dir.path());
    assert!(matches!(backend.probe(), Availability::Missing { .. }));
    assert!(backend.describe().is_err());
    assert!(backend.fingerprint().starts_with("ns3-1 none"));
}

#[test]
fn what_was_found_is_described() {
    let Some(ns3) = real_ns3() else { return };
    let text = ns3.describe().expect("ns-3 is installed");
    assert!(text.starts_with("ns-3 3.") && (text.contains("assertions") || text.contains("debug")), "{text}");
}
