//! The real program over a disk and a clock that fail on demand: `shim.c` beside this file, built here and loaded before libc.

use crate::program::{command, file};
use std::fs::{self, File};
use std::io::{Read, Seek, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

// Error numbers of Linux (asm-generic/errno.h), the same on every processor that runs these tests.
pub const EIO: i32 = 5;
pub const EACCES: i32 = 13;
pub const ENODEV: i32 = 19;
pub const ENOSPC: i32 = 28;
pub const EROFS: i32 = 30;
pub const ENOLCK: i32 = 37;
/// Writes one half of what it should.
pub const SHORT: i32 = -1;
/// Does not fail.
pub const NONE: i32 = 0;

/// Nothing that is tested here takes longer, unless it hangs.
const LONGEST: Duration = Duration::from_secs(60);

/// What fails, and how.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// In words.
    pub name: &'static str,
    /// Kinds of calls that are counted: letters of `shim.c`.
    pub calls: &'static str,
    /// How the chosen call fails.
    pub first: i32,
    /// How all later ones fail.
    pub then: i32,
}

impl Fault {
    /// The chosen call and all later ones fail.
    pub const fn lasting(name: &'static str, calls: &'static str, how: i32) -> Self {
        Self { name, calls, first: how, then: how }
    }

    /// Only the chosen call fails.
    pub const fn once(name: &'static str, calls: &'static str, how: i32) -> Self {
        Self { name, calls, first: how, then: NONE }
    }
}

/// How a run under a fault ended.
#[derive(Debug)]
pub struct Outcome {
    /// `None` = by a signal.
    pub code: Option<i32>,
    /// stdout.
    pub out: String,
    /// stderr.
    pub err: String,
    /// Paths of the calls that failed, in order.
    pub failed: Vec<String>,
    /// Calls that were counted.
    pub calls: u64,
}

/// The shim; `None` (and says so) where there is no C compiler.
pub fn library() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).clone()
}

fn build() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (library, new) = (folder.join("shim.so"), folder.join(format!("shim-{}.so", std::process::id())));
    let mut compiler = Command::new("cc");
    compiler.args(["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o"]);
    match compiler.arg(&new).arg(file("tests/it/faults/shim.c")).arg("-ldl").output() {
        Err(_) => {
            // Straight to stderr: the test harness would swallow `eprintln!` of a test that passes.
            let _ = writeln!(std::io::stderr(), "skipped: no C compiler (cc)");
            None
        }
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            // Other tests may be loading it: they see the old one or the new one.
            fs::rename(new, &library).expect("the same folder");
            Some(library)
        }
    }
}

/// `mixlab ARGS` in `under`, where call `n` of the fault fails (0 = none does). `settings` are more variables.
pub fn command_under(under: &Path, args: &[&str], fault: &Fault, n: u64, settings: &[(&str, String)]) -> Command {
    let library = library().expect("the caller has asked");
    let report = report_of(under);
    let _ = fs::remove_file(&report); // of the run before
    let mut command = command(under, args);
    command.env("LD_PRELOAD", library).env("MIXLAB_FAULT_UNDER", under).env("MIXLAB_FAULT_REPORT", report);
    command.env("MIXLAB_FAULT_CALLS", fault.calls).env("MIXLAB_FAULT_AT", n.to_string());
    command.env("MIXLAB_FAULT_FIRST", fault.first.to_string()).env("MIXLAB_FAULT_THEN", fault.then.to_string());
    command.envs(settings.iter().map(|(k, v)| (k, v)));
    command
}

/// Runs it to its end.
pub fn run_under(under: &Path, args: &[&str], fault: &Fault, n: u64, settings: &[(&str, String)]) -> Outcome {
    let file = || tempfile::tempfile().expect("writable");
    let (mut out, mut err) = (file(), file());
    let code = finished(
        command_under(under, args, fault, n, settings)
            .stdout(out.try_clone().expect("one more"))
            .stderr(err.try_clone().expect("one more")),
    );
    outcome(under, code, text(&mut out), text(&mut err))
}

/// What is known of a run after its end.
pub fn outcome(under: &Path, code: Option<i32>, out: String, err: String) -> Outcome {
    let report = fs::read_to_string(report_of(under)).unwrap_or_default();
    let _ = fs::remove_file(report_of(under)); // it stands beside the folder
    let count = report.lines().find_map(|l| l.strip_prefix("count ")).map_or(0, |n| n.parse().expect("a number"));
    let path = |l: &str| l.splitn(3, ' ').nth(2).map(str::to_owned);
    Outcome { code, out, err, failed: report.lines().filter_map(path).collect(), calls: count }
}

/// Waits for the end of a command; `None` = it was killed by a signal.
pub fn finished(command: &mut Command) -> Option<i32> {
    let mut child = command.stdin(Stdio::null()).spawn().expect("the program starts");
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("our child") {
            return status.code();
        }
        if begin.elapsed() > LONGEST {
            child.kill().expect("our child");
            child.wait().expect("our child");
            panic!("{command:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn report_of(under: &Path) -> PathBuf {
    under.with_extension("report")
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("readable");
    String::from_utf8_lossy(&bytes).into_owned()
}
