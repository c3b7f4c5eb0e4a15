//! Every n-th call on the disk fails, for every command that writes. The law: the program ends by itself; with 0 only if all
//! was done; else with a documented code and an error that names the file and what to do; no file is half; the store is sound;
//! and without the fault the same command completes the work to the results of an undisturbed one, and leaves nothing behind.
//!
//! CI tries a few calls of each kind. `MIXLAB_FAULTS=all cargo nextest run faults::disk --no-capture` tries all; a record is kept
//! under `results/runs`.

use super::shim::{EACCES, EIO, ENODEV, ENOLCK, ENOSPC, EROFS, Fault, Outcome, SHORT, library, run_under};
use crate::external::Stage;
use crate::import::{example, write_folder};
use crate::program::{file, run_expecting};
use crate::torture::older_store;
use mixlab::store::{Reader, Selection, StoreError};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use walkdir::WalkDir;

const FAULTS: [Fault; 17] = [
    Fault::lasting("disk full", "owtn", ENOSPC),
    Fault::once("disk full for a moment", "owtn", ENOSPC),
    Fault { name: "short write, then disk full", calls: "w", first: SHORT, then: ENOSPC },
    Fault::once("short write", "w", SHORT),
    Fault::lasting("short writes", "w", SHORT),
    Fault::lasting("write error", "owtsn", EIO),
    Fault::once("one write error", "owtsn", EIO),
    Fault::lasting("read error", "r", EIO),
    Fault::once("one read error", "r", EIO),
    Fault::lasting("fsync error", "s", EIO),
    Fault::once("one fsync error", "s", EIO),
    Fault::lasting("read-only disk", "otn", EROFS),
    Fault::lasting("no permission", "on", EACCES),
    Fault::once("permission refused once", "on", EACCES),
    Fault::lasting("shared memory can't be mapped", "m", ENODEV),
    Fault::lasting("shared memory can't be opened", "p", EACCES),
    Fault::lasting(NO_LOCKS, "l", ENOLCK),
];
/// SQLite waits some seconds for locks it does not get, so this one is tried rarely.
const NO_LOCKS: &str = "no locks";
/// Calls tried of a kind, unless all are.
const TRIED: u64 = 3;
/// One of so many calls is tried of [`NO_LOCKS`], and of a large task, where all are of others.
const STRIDE: u64 = 16;
const LARGE_STRIDE: u64 = 101;
/// What an error may tell to do.
const ADVICE: [&str; 9] = [
    "free some space",
    "free some and repeat",
    "check the permissions",
    "check permissions",
    "check its permissions",
    "system log",
    "--root on a local disk",
    "use another --root",
    "--retry-failed",
];

/// What there is before a task begins.
#[derive(Clone, Copy, PartialEq)]
enum Start {
    Nothing,
    Swept,
    OlderStore,
    StandIn,
    OutsideResults,
}

/// A command that writes.
struct Task {
    name: &'static str,
    start: Start,
    args: Vec<String>,
    large: bool,
}

impl Task {
    fn new(name: &'static str, start: Start, words: &str) -> Self {
        let mixes = file("spec/0.mix.json").display().to_string();
        let word = |w: &str| if w == "MIXES" { mixes.clone() } else { w.to_owned() };
        Self { name, start, args: words.split_whitespace().map(word).collect(), large: false }
    }

    fn args(&self) -> Vec<&str> {
        ["--root", "r"].into_iter().chain(self.args.iter().map(String::as_str)).collect()
    }
}

/// What a finished task leaves: the digest of the store's results, and all other files.
#[derive(Debug, PartialEq)]
struct Left {
    digest: Option<String>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

/// A task, and the folder in which it is disturbed.
struct Trial {
    dir: TempDir,
    task: Task,
    before: BTreeMap<PathBuf, Vec<u8>>,
    expected: Left,
}

impl Trial {
    fn new(task: Task) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let start = dir.path().join("start");
        fs::create_dir(&start).expect("writable");
        match task.start {
            Start::Nothing => {}
            Start::Swept => {
                let sweep = Task::new("", Start::Nothing, "--mixes MIXES --nr-flows 40 -q mlsys");
                run_expecting(0, &start, &sweep.args());
            }
            Start::OlderStore => older_store(&start, "r"),
            Start::StandIn => copy(Stage::good().path(), &start),
            Start::OutsideResults => {
                let (scenario, outcomes) = example(3, false);
                write_folder(&start.join("lab"), &scenario, &outcomes);
            }
        }
        let mut trial =
            Self { dir, task, before: files(&start), expected: Left { digest: None, files: BTreeMap::new() } };
        trial.begin();
        run_expecting(0, &trial.under(), &trial.task.args());
        trial.expected = trial.left();
        trial
    }

    fn under(&self) -> PathBuf {
        self.dir.path().join("under")
    }

    /// Puts everything back to what it was before the task.
    fn begin(&self) {
        let under = self.under();
        let _ = fs::remove_dir_all(&under); // not there the first time
        fs::create_dir(&under).expect("writable");
        copy(&self.dir.path().join("start"), &under);
    }

    fn left(&self) -> Left {
        let under = self.under();
        Left { digest: sound(&under.join("r")), files: files(&under) }
    }

    /// The task with call `n` of the fault failing; its exit code, or `None` if there is no such call.
    fn attempt(&self, fault: &Fault, n: u64) -> Option<i32> {
        self.begin();
        let outcome = run_under(&self.under(), &self.task.args(), fault, n, &[]);
        let what = format!("{}, {} at call {n}: {outcome:#?}", self.task.name, fault.name);
        let code = outcome.code.unwrap_or_else(|| panic!("killed by a signal: {what}"));
        assert!(!outcome.err.contains("panicked"), "a panic: {what}");
        let left = self.left();
        for (path, content) in &left.files {
            let whole = Some(content) == self.before.get(path) || Some(content) == self.expected.files.get(path);
            assert!(whole || is_hidden(path), "{} is half or too much: {what}", path.display());
        }
        if code == 0 {
            assert!(left == self.expected, "not all was done: {what}");
        } else {
            assert!(matches!(code, 1 | 3 | 4 | 5 | 6 | 7), "not documented: {what}");
            names_and_advises(&outcome, &what);
            run_expecting(0, &self.under(), &[self.task.args(), vec!["--retry-failed"]].concat());
            assert!(self.left() == self.expected, "not completed later: {what}");
        }
        (!outcome.failed.is_empty()).then_some(code)
    }

    /// Tries calls of a fault, and reports.
    fn suffer(&self, index: usize, fault: &Fault, all: bool) {
        let slow = self.task.large || fault.name == NO_LOCKS;
        self.begin();
        let calls = run_under(&self.under(), &self.task.args(), fault, 0, &[]).calls;
        let stride = match (all, slow) {
            (true, false) => 1,
            (true, true) => {
                if self.task.large {
                    LARGE_STRIDE
                } else {
                    STRIDE
                }
            }
            (false, false) => (calls / TRIED).max(1),
            (false, true) => calls.max(1),
        };
        // Different calls for different faults, and the first one of each that lasts.
        let first = if all || slow { 1 } else { 1 + index as u64 % stride };
        let (mut codes, mut tried) = (BTreeMap::<i32, u64>::new(), 0);
        for n in (first..).step_by(stride as usize) {
            // Calls may be a few more or less each time: threads of a sweep take turns as they like.
            let Some(code) = self.attempt(fault, n) else { break };
            *codes.entry(code).or_default() += 1;
            tried += 1;
        }
        assert!(tried > 0 || calls == 0, "{} was never reached by {}", fault.name, self.task.name);
        // Straight to stderr: the test harness would swallow `eprintln!` of a test that passes.
        let (task, fault) = (self.task.name, fault.name);
        let _ = writeln!(std::io::stderr(), "faults: {task}: {fault}: {tried} of {calls} calls, exit codes {codes:?}");
    }
}

/// The error names a file that failed, and says what to do.
fn names_and_advises(outcome: &Outcome, what: &str) {
    let errors: Vec<&str> = outcome.err.lines().filter(|l| l.starts_with("error: ") || l.contains(" failed")).collect();
    let said = errors.join("\n");
    let named = outcome.failed.iter().any(|path| said.contains(&shown_name(Path::new(path))));
    assert!(named, "the file is not named: {what}");
    assert!(ADVICE.iter().any(|advice| said.contains(advice)), "it does not say what to do: {what}");
}

/// The name of a file as its owner knows it: of those that SQLite keeps beside a store, the store; of a hidden one, its future.
fn shown_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if is_hidden(path) {
        return name.rsplitn(3, '.').last().unwrap_or_default().trim_start_matches('.').to_owned();
    }
    let beside = ["-wal", "-shm", "-journal"].iter().find_map(|end| name.strip_suffix(end));
    beside.unwrap_or(&name).to_owned()
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|n| n.to_string_lossy().ends_with(".partial"))
}

/// The digest of a store's results; `None` if there is no store yet, or one that is still of an older version.
fn sound(root: &Path) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let reader = match Reader::open(root).await {
            Err(StoreError::NotFound { .. } | StoreError::TooOld { .. }) => return None,
            other => other.expect("a sound store"),
        };
        assert_eq!(reader.contradictions().await.expect("readable"), [""; 0]);
        Some(reader.digest(&Selection::default()).await.expect("readable"))
    })
}

/// Files below `dir` with their content, without the store's own and what a run may leave in its work folder.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = WalkDir::new(dir).into_iter().map(|e| e.expect("readable")).filter(|e| e.file_type().is_file());
    let named = entries.map(|e| e.path().strip_prefix(dir).expect("below it").to_owned());
    let others = named.filter(|p| !p.starts_with("r/work") && !p.to_string_lossy().starts_with("r/mixlab."));
    others.map(|p| (p.clone(), fs::read(dir.join(p)).expect("readable"))).collect()
}

fn copy(from: &Path, to: &Path) {
    for entry in WalkDir::new(from).min_depth(1).into_iter().map(|e| e.expect("readable")) {
        let place = to.join(entry.path().strip_prefix(from).expect("below it"));
        if entry.file_type().is_dir() {
            fs::create_dir(place).expect("writable");
        } else {
            fs::copy(entry.path(), place).expect("writable");
        }
    }
}

/// The law for one task under every fault.
fn survives_every_fault(task: Task) {
    if library().is_none() {
        return;
    }
    let all = std::env::var("MIXLAB_FAULTS").is_ok_and(|v| v == "all");
    if task.large && !all {
        return;
    }
    let trial = Trial::new(task);
    FAULTS.iter().enumerate().for_each(|(index, fault)| trial.suffer(index, fault, all));
}

#[test]
fn a_sweep_survives_every_fault_of_its_disk() {
    survives_every_fault(Task::new("sweep", Start::Nothing, "--mixes MIXES --nr-flows 40 mlsys"));
}

#[test]
fn a_large_sweep_survives_every_fault_of_its_disk() {
    let task = Task::new("large sweep", Start::Nothing, "--mixes MIXES --nr-flows 40000 ideal");
    survives_every_fault(Task { large: true, ..task });
}

#[test]
fn a_sweep_over_an_outside_program_survives_every_fault_of_its_disk() {
    survives_every_fault(Task::new("outside program", Start::StandIn, "--mixes MIXES --nr-flows 40 stand-in"));
}

#[test]
fn a_migration_survives_every_fault_of_its_disk() {
    survives_every_fault(Task::new("migration", Start::OlderStore, "--mixes MIXES --nr-flows 40 flowsim"));
}

#[test]
fn an_import_survives_every_fault_of_its_disk() {
    survives_every_fault(Task::new("import", Start::OutsideResults, "import --name lab lab"));
}

#[test]
fn exports_survive_every_fault_of_their_disk() {
    for (name, words) in [
        ("export csv", "export --format csv --out out/flows.csv"),
        ("export parquet", "export --format parquet --out out/flows.parquet"),
        ("export layout", "export --layout parsimon-eval"),
    ] {
        survives_every_fault(Task::new(name, Start::Swept, words));
    }
}

#[test]
fn an_expansion_survives_every_fault_of_its_disk() {
    survives_every_fault(Task::new("expand", Start::Nothing, "--mixes MIXES --nr-flows 40 expand"));
}

#[test]
fn a_figure_survives_every_fault_of_its_disk() {
    survives_every_fault(Task::new("figure", Start::Swept, "figures runtime --out out"));
}

#[test]
fn a_report_survives_every_fault_of_its_disk() {
    survives_every_fault(Task::new("report", Start::Swept, "report --filter mix=0 --out out/report.html"));
}
