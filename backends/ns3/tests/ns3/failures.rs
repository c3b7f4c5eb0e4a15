//! Every way a program can fail, played by stand-in scripts: each is a failed run that says what happened, never a result.

use crate::support::{Keeper, gone, script};
use mixlab_contract::conformance::{Scope, random_scenario};
use mixlab_contract::{Application, Backend, Observer, RunError, RunOutput, Scenario, Silent};
use mixlab_ns3::{Ns3Backend, Ns3Network};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Three flows, all of which the stand-ins report as done in 9 ms, later than ideal.
fn scenario() -> Scenario {
    let mut parts = random_scenario(1, Scope { closed_loops: false, ..Scope::default() }).into_parts();
    parts.flows.truncate(3);
    parts.paths = None;
    parts.application = Application::Open;
    let scenario = Scenario::new(parts).expect("a part of a valid scenario is valid");
    assert_eq!(scenario.flows().len(), 3, "the seed gives at least three flows");
    scenario
}

/// The lines of a good answer.
fn good_lines(scenario: &Scenario) -> Vec<String> {
    let flows = scenario.flows().iter().enumerate();
    let mut lines: Vec<String> =
        flows.map(|(i, f)| format!("flow {i} {} {} 9000000", f.id, f.start.ns_floor())).collect();
    lines.extend(["counters 10 20 3 4 5".into(), "end 3".into()]);
    lines
}

/// A script that swallows its scenario and then does `body`.
struct StandIn {
    dir: tempfile::TempDir,
    program: PathBuf,
}

impl StandIn {
    fn new(body: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let program = dir.path().join("stand-in");
        script(&program, &format!("while read -r line; do [ \"$line\" = end ] && break; done\n{body}"));
        Self { dir, program }
    }

    fn printing(lines: &[String], then: &str) -> Self {
        let lines: Vec<String> = lines.iter().map(|l| format!("echo '{l}'")).collect();
        Self::new(&format!("{}\n{then}", lines.join("\n")))
    }

    fn backend(&self) -> Ns3Backend {
        Ns3Backend::new().with_program(&self.program).with_time_limit(Duration::from_secs(20))
    }

    fn run(&self) -> Result<RunOutput, RunError> {
        self.run_with(self.backend())
    }

    fn run_with(&self, backend: Ns3Backend) -> Result<RunOutput, RunError> {
        backend.run(&scenario(), &Keeper(self.dir.path().into()))
    }

    fn failure(&self) -> (String, String) {
        match self.run() {
            Err(RunError::Failed { message, log_tail }) => (message, log_tail),
            other => panic!("expected a failed run, got {other:?}"),
        }
    }

    /// The failure's message contains `text`.
    fn fails_with(&self, text: &str) {
        let (message, _) = self.failure();
        assert!(message.contains(text), "'{message}' does not say '{text}'");
    }
}

#[test]
fn a_good_answer_is_a_result() {
    let output = StandIn::printing(&good_lines(&scenario()), "").run().expect("the answer is complete");
    assert_eq!(output.outcomes.len(), 3);
    assert_eq!(output.counters.pauses, 4);
}

#[test]
fn a_crash_is_a_failure_with_its_log() {
    let stand_in = StandIn::printing(&good_lines(&scenario())[..2], "echo 'boom at line 7' >&2; exit 7");
    let (message, log) = stand_in.failure();
    assert!(message.contains("exit status: 7"), "{message}");
    assert!(log.contains("boom at line 7"), "{log}");
    StandIn::new("kill -SEGV $$").fails_with("signal: 11");
}

#[test]
fn a_kill_is_said_to_be_perhaps_for_memory_even_in_the_middle_of_a_line() {
    StandIn::new("kill -KILL $$")
        .fails_with("signal: 9 (SIGKILL): killed from outside, perhaps by the system's out-of-memory");
    StandIn::new("printf 'flow 0 '; kill -KILL $$").fails_with("out-of-memory");
    StandIn::new("printf 'flow 0 '; exit 0").fails_with("output line 1 is cut off");
}

#[test]
fn a_bad_exit_after_a_complete_answer_is_a_failure() {
    StandIn::printing(&good_lines(&scenario()), "exit 1").fails_with("exit status: 1");
}

#[test]
fn a_short_answer_is_a_failure() {
    let lines = good_lines(&scenario());
    StandIn::printing(&lines[..2], "").fails_with("ends after 2 lines without an end marker (2 of 3 flows)");
    StandIn::printing(&lines[..4], "").fails_with("without an end marker");
    StandIn::printing(&[], "").fails_with("ends after 0 lines");
    StandIn::printing(&lines[..4], "printf 'end 3'").fails_with("output line 5 is cut off");
}

#[test]
fn a_missing_repeated_or_foreign_flow_is_a_failure() {
    let lines = good_lines(&scenario());
    let without: Vec<String> = [&lines[..1], &lines[2..]].concat();
    StandIn::printing(&without, "").fails_with("the end marker counts other flows than were reported");
    let twice: Vec<String> = [&lines[..1], &lines[..]].concat();
    StandIn::printing(&twice, "").fails_with("output line 2: the flow was reported before");
    let foreign = [lines[0].replace("flow 0", "flow 77")];
    StandIn::printing(&foreign, "").fails_with("the index is not one of the scenario's, found 'flow 77");
    let renamed = [lines[1].replace("flow 1 1", "flow 1 9")];
    StandIn::printing(&renamed, "").fails_with("the id is not that of the flow with this index");
    let after = [lines.clone(), vec!["flow again".into()]].concat();
    StandIn::printing(&after, "").fails_with("nothing may follow the end marker");
}

#[test]
fn garbage_is_a_failure_that_shows_the_line() {
    StandIn::new("echo 'IntHeader unknown rate'")
        .fails_with("output line 1: expected a flow, counters or the end marker");
    StandIn::new("echo 'flow 0 0 -5 3'").fails_with("expected a number, found 'flow 0 0 -5 3'");
    StandIn::new("echo 'flow 0 0 99999999999999999999999 3'").fails_with("at most 64 bit");
    StandIn::new("printf '\\377\\376\\n'").fails_with("output line 1 is not UTF-8");
    StandIn::new("head -c 100000 /dev/zero | tr '\\0' x; echo").fails_with("output line 1 is longer than 64 KiB");
    StandIn::new("yes flow").fails_with("output line 1");
}

#[test]
fn a_hang_ends_at_the_time_limit() {
    let began = Instant::now();
    let stand_in = StandIn::printing(&good_lines(&scenario())[..2], "echo 'still here' >&2; sleep 1000");
    let backend = stand_in.backend().with_time_limit(Duration::from_millis(300));
    let Err(RunError::Failed { message, log_tail }) = stand_in.run_with(backend) else { panic!("a hang is no result") };
    assert!(message.contains("no end after 0.3 s, killed"), "{message}");
    assert!(log_tail.contains("still here"), "{log_tail}");
    assert!(began.elapsed() < Duration::from_secs(10));
    let kept = fs::read_to_string(stand_in.dir.path().join("scenario.txt")).expect("a failed run keeps its scenario");
    assert!(kept.starts_with("mixlab-ns3 1\n") && kept.ends_with("\nend\n"), "{kept}");
}

#[test]
fn a_hang_after_the_answer_ends_at_the_time_limit() {
    let stand_in = StandIn::printing(&good_lines(&scenario()), "exec >&- 2>&-; sleep 1000");
    let backend = stand_in.backend().with_time_limit(Duration::from_millis(300));
    let result = stand_in.run_with(backend);
    assert!(matches!(&result, Err(RunError::Failed { message, .. }) if message.contains("killed")), "{result:?}");
}

#[test]
fn a_slow_program_is_waited_for() {
    let lines: Vec<String> = good_lines(&scenario());
    let slow = lines.iter().map(|l| format!("echo '{l}'; sleep 0.1")).collect::<Vec<_>>().join("\n");
    StandIn::new(&slow).run().expect("slow is not wrong");
}

#[test]
fn a_program_that_does_not_read_is_no_deadlock() {
    let stand_in = StandIn::new("");
    fs::write(&stand_in.program, "#!/bin/sh\nsleep 1000\n").expect("the script is ours");
    let backend = stand_in.backend().with_time_limit(Duration::from_millis(300));
    assert!(matches!(stand_in.run_with(backend), Err(RunError::Failed { .. })));
}

#[test]
fn a_missing_program_is_a_failure() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let backend = Ns3Backend::new().with_program("/nonexistent/ns3");
    let result = backend.run(&scenario(), &Keeper(dir.path().into()));
    assert!(matches!(&result, Err(RunError::Failed { message, .. }) if message.contains("cannot start")), "{result:?}");
}

/// Cancels after the first flow, counting progress.
struct Canceller {
    progress: AtomicU64,
    cancelled: AtomicBool,
    dir: PathBuf,
}

impl Observer for Canceller {
    fn phase(&self, _: &'static str) {}

    fn progress(&self, done: u64) {
        self.progress.store(done, Ordering::SeqCst);
        self.cancelled.store(true, Ordering::SeqCst);
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    fn work_dir(&self) -> &Path {
        &self.dir
    }
}

#[test]
fn cancelling_kills_the_program_and_its_children() {
    let pid_file = "pids";
    let body = format!(
        "sleep 1000 & echo $! > {pid_file}; echo $$ >> {pid_file}\necho '{}'\nwait",
        good_lines(&scenario())[0]
    );
    let stand_in = StandIn::new(&body);
    let dir = stand_in.dir.path().to_path_buf();
    let observer = Canceller { progress: AtomicU64::new(0), cancelled: AtomicBool::new(false), dir: dir.clone() };
    let result = stand_in.backend().run(&scenario(), &observer);
    assert!(matches!(result, Err(RunError::Cancelled)), "{result:?}");
    assert_eq!(observer.progress.load(Ordering::SeqCst), 1);
    let pids = fs::read_to_string(dir.join(pid_file)).expect("the script ran in the work directory");
    assert_eq!(pids.lines().count(), 2);
    pids.lines().for_each(|pid| assert!(gone(pid), "process {pid} is still there"));
}

#[test]
fn what_a_program_leaves_behind_is_killed() {
    let lines = good_lines(&scenario());
    let stand_in = StandIn::printing(&lines, "sleep 1000 > /dev/null 2>&1 & echo $! > left; exit 0");
    let backend = stand_in.backend();
    let keeper = Keeper(stand_in.dir.path().to_path_buf());
    backend.run(&scenario(), &keeper).expect("the answer is complete");
    let pid = fs::read_to_string(keeper.0.join("left")).expect("the script ran in the work directory");
    assert!(gone(pid.trim()), "process {pid} is still there");
}

#[test]
fn the_environment_is_clean() {
    let lines = good_lines(&scenario());
    let check = "[ -z \"$CARGO_MANIFEST_DIR$NS_LOG\" ] && [ \"$LC_ALL\" = C ] || exit 9";
    StandIn::new(&format!("{check}\n{}", lines.iter().map(|l| format!("echo '{l}'\n")).collect::<String>()))
        .run()
        .expect("nothing leaks in");
}

#[test]
fn fingerprints_follow_the_program() {
    let (a, b) = (StandIn::new("exit 1"), StandIn::new("exit 2"));
    assert_ne!(a.backend().fingerprint(), b.backend().fingerprint());
    assert_eq!(a.backend().fingerprint(), a.backend().fingerprint());
}

#[test]
fn an_online_program_that_dies_is_reported_at_the_end() {
    use mixlab_contract::{FlowIndex, FlowStart, Network, SimTime};
    let scenario = scenario();
    let until = scenario.horizon();
    let cases = [
        ("echo 'dead end' >&2; exit 4", "exit status: 4"),
        ("exit 0", "ended in the middle of a session"),
        ("read -r flow; read -r until; echo 'delivered 9 1000000001'; sleep 1000", "the flow was never started"),
        ("read -r flow; read -r until; echo 'delivered 0 5000000000'; sleep 1000", "the time is out of bounds"),
        ("read -r flow; read -r until; echo 'hello'; sleep 1000", "expected an event or none, found 'hello'"),
    ];
    for (body, expected) in cases {
        let stand_in = StandIn::new(body);
        let mut network = Ns3Network::new(&stand_in.backend(), &scenario, &Silent).expect("it starts");
        network.start_flow(FlowStart::of(&scenario, FlowIndex(0), scenario.flow(FlowIndex(0)).start, true));
        assert_eq!(network.next_event(until), None);
        assert_eq!(network.now(), until);
        assert_eq!(network.next_event(SimTime::MAX), None);
        let Err(RunError::Failed { message, .. }) = network.finish() else { panic!("{body} is no session") };
        assert!(message.contains(expected), "'{message}' does not say '{expected}'");
    }
}

#[test]
fn bad_scenarios_are_refused_by_the_word() {
    let Some(ns3) = crate::support::real_ns3() else { return };
    let program = ns3.program(&Silent).expect("ns-3 is installed");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let good = "mixlab-ns3 1\nnodes 3\nswitches 1 2\nlinks 2\n0 2 1000 5\n1 2 1000 5\npayload 1000\n";
    let (two_links, no_rate) = (good.replace("1 2 1000 5", "0 2 1000 5"), good.replace("1 2 1000 5", "1 2 0 5"));
    let cases = [
        ("", "expected 'mixlab-ns3', found 'end of text'"),
        ("mixlab-ns3 2", "expected '1', found '2'"),
        ("mixlab-ns3 1 nodes -3", "expected number of nodes as a number, found '-3'"),
        ("mixlab-ns3 1 nodes 3 switches 1 7", "expected switch below 3, found '7'"),
        (good, "expected 'window', found 'end of text'"),
        (&two_links, "expected one link at host 0, found '2'"),
        (&no_rate, "expected a rate above 0, found '0'"),
    ];
    for (text, expected) in cases {
        let file = dir.path().join("scenario");
        fs::write(&file, text).expect("the folder is writable");
        let input = fs::File::open(&file).expect("it was just written");
        let output = Command::new(&program).arg("batch").stdin(input).output().expect("the program starts");
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}: {log}");
        assert!(log.contains(expected), "'{log}' does not say '{expected}'");
    }
}
