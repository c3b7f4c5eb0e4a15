//! One run on one worker thread: check, simulate, verify, measure.

use super::observer::{RunObserver, Sharing, StopFlag};
use super::suspension::{RunClock, Suspensions};
use crate::atomic::refusal;
use crate::store::{Provenance, RunMeta, RunStatus};
use cpu_time::ThreadTime;
use mixlab_contract::conformance::check_output;
use mixlab_contract::{Backend, Counters, FlowOutcome, RunError, RunOutput, Scenario, Supervision};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Everything a worker needs.
pub struct Task {
    /// What to simulate.
    pub scenario: Arc<Scenario>,
    /// With what.
    pub backend: Arc<dyn Backend>,
    /// Where to count finished flows.
    pub progress: Arc<AtomicU64>,
    /// The user's wish to stop.
    pub stop: StopFlag,
    /// Time limit.
    pub timeout: Option<Duration>,
    /// Who else is running.
    pub sharing: Arc<Sharing>,
    /// Stops of the process, which are no time of the run.
    pub suspensions: Suspensions,
    /// Directory for files of the run.
    pub work_dir: PathBuf,
}

/// What became of a task.
#[derive(Debug)]
pub enum Executed {
    /// To be stored; `meta.provenance` is filled in by the caller.
    Done {
        /// Status and measurements.
        meta: Box<RunMeta>,
        /// One per flow if the run is ok, else empty.
        outcomes: Vec<FlowOutcome>,
        /// If the backend supervises and the run is ok.
        supervision: Option<Supervision>,
    },
    /// Stopped by the user.
    Cancelled,
}

/// Runs the task on this thread. Never panics because of an engine: a panic is a failed run.
pub fn execute(task: Task) -> Executed {
    let started_at_unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64);
    let seat = task.sharing.enter();
    let memory = PeakMemory::start(seat.alone());
    let work_dir = task.work_dir.clone();
    let (wall, cpu) = (RunClock::start(&task.suspensions), ThreadTime::now());
    let observer = RunObserver::new(task.progress, task.stop.clone(), wall.clone(), task.timeout, task.work_dir);
    let verdict = match fresh_dir(&work_dir) {
        Ok(()) => verdict(&*task.backend, &task.scenario, &observer, &task.stop, task.timeout),
        Err(e) => failed(RunStatus::Failed, refusal(&work_dir, &e), None),
    };
    let (wall, cpu) = (wall.elapsed(), cpu.elapsed());
    let kept = keep_if_used(&work_dir, verdict.as_ref().is_some_and(|v| v.0 == RunStatus::Failed));
    let Some((status, output, error, log_tail)) = verdict else { return Executed::Cancelled };
    let phases = observer.phases();
    let building: u64 = phases.iter().filter(|(name, _)| name == "build").map(|(_, ns)| ns).sum();
    let meta = Box::new(RunMeta {
        backend: task.backend.id().into(),
        fingerprint: task.backend.fingerprint(),
        status,
        started_at_unix_ms,
        wall_ns: (wall.as_nanos() as u64).saturating_sub(building),
        cpu_ns: cpu.as_nanos() as u64 + observer.outside_cpu_ns(),
        peak_rss_bytes: memory.peak_bytes(),
        timed_alone: seat.alone(),
        phases,
        counters: output.counters,
        provenance: Provenance::default(),
        error,
        log_tail,
        work_dir: kept.then(|| work_dir.display().to_string()),
    });
    Executed::Done { meta, outcomes: output.outcomes, supervision: output.supervision }
}

type Verdict = (RunStatus, RunOutput, Option<String>, Option<String>);

fn failed(status: RunStatus, error: String, log: Option<String>) -> Option<Verdict> {
    Some((
        status,
        RunOutput { outcomes: Vec::new(), counters: Counters::default(), supervision: None },
        Some(error),
        log,
    ))
}

/// Files of an earlier, killed run of the same key must not be mistaken for results of this one.
fn fresh_dir(dir: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    std::fs::create_dir_all(dir)
}

/// Keeps the directory of a failed run if the engine left files there, removes it otherwise; says whether it was kept.
fn keep_if_used(dir: &Path, failed: bool) -> bool {
    let used = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if !(failed && used) {
        // Best effort: a left-over empty directory is harmless and replaced by the next run of this key.
        let _ = std::fs::remove_dir_all(dir);
    }
    failed && used
}

/// `None` if the user cancelled.
fn verdict(
    backend: &dyn Backend,
    scenario: &Scenario,
    observer: &RunObserver,
    stop: &StopFlag,
    timeout: Option<Duration>,
) -> Option<Verdict> {
    if let Err(unsupported) = backend.check(scenario) {
        return failed(RunStatus::Unsupported, unsupported.to_string(), None);
    }
    match catch_unwind(AssertUnwindSafe(|| backend.run(scenario, observer))) {
        Ok(Ok(output)) => match check_output(scenario, &output, backend.tolerance()) {
            Ok(()) => Some((RunStatus::Ok, output, None, None)),
            Err(violation) => failed(RunStatus::Failed, format!("the result breaks a law: {violation}"), None),
        },
        Ok(Err(RunError::Cancelled)) if observer.timed_out() && !stop.is_set() => {
            let limit = timeout.unwrap_or_default().as_secs_f64();
            failed(RunStatus::Failed, format!("the time limit of {limit} s was exceeded"), None)
        }
        Ok(Err(RunError::Cancelled)) => None,
        Ok(Err(RunError::Failed { message, log_tail })) => failed(RunStatus::Failed, message, Some(log_tail)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            failed(RunStatus::Failed, format!("the engine panicked: {}", text.unwrap_or_default()), None)
        }
    }
}

/// Peak resident memory of this process since the run began (Linux; elsewhere 0 = unknown). The kernel's high-water mark is
/// reset only if the run is alone; beside others the mark of the whole process is all there is.
struct PeakMemory;

impl PeakMemory {
    fn start(alone: bool) -> Self {
        if alone {
            // Best effort: without permission the mark stays that of the process.
            let _ = std::fs::write("/proc/self/clear_refs", "5");
        }
        Self
    }

    fn peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kib = line.and_then(|l| l.trim().strip_suffix("kB")).and_then(|n| n.trim().parse::<u64>().ok());
        kib.map_or(0, |k| k * 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mixlab_contract::conformance::{Scope, random_scenario};
    use mixlab_contract::{IdealBackend, Observer, Unsupported};

    /// A backend that misbehaves in a chosen way.
    struct Faulty(fn(&Scenario, &dyn Observer) -> Result<RunOutput, RunError>);

    impl Backend for Faulty {
        fn id(&self) -> &str {
            "faulty"
        }
        fn fingerprint(&self) -> String {
            "faulty-1".into()
        }
        fn check(&self, scenario: &Scenario) -> Result<(), Unsupported> {
            if scenario.flows().len() > 1000 { Err(Unsupported { feature: "many flows".into() }) } else { Ok(()) }
        }
        fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError> {
            (self.0)(scenario, observer)
        }
    }

    fn run(backend: impl Backend + 'static, timeout: Option<Duration>) -> Executed {
        execute(Task {
            scenario: Arc::new(random_scenario(3, Scope::default())),
            backend: Arc::new(backend),
            progress: Arc::default(),
            stop: StopFlag::default(),
            timeout,
            sharing: Arc::default(),
            suspensions: Suspensions::default(),
            work_dir: std::env::temp_dir().join(format!(
                "mixlab-execute-{}-{:?}",
                std::process::id(),
                std::thread::current().id()
            )),
        })
    }

    fn failure(executed: Executed) -> String {
        match executed {
            Executed::Done { meta, outcomes, .. } => {
                assert_eq!((meta.status, outcomes.len()), (RunStatus::Failed, 0));
                meta.error.expect("failed runs say why")
            }
            Executed::Cancelled => panic!("not cancelled"),
        }
    }

    #[test]
    fn a_sound_run_is_ok_and_measured() {
        let Executed::Done { meta, outcomes, .. } = run(IdealBackend, None) else { panic!("not cancelled") };
        assert_eq!(meta.status, RunStatus::Ok);
        assert!(!outcomes.is_empty() && meta.wall_ns > 0 && meta.timed_alone && meta.phases[0].0 == "simulate");
    }

    #[test]
    fn panics_broken_laws_and_time_limits_are_failed_runs() {
        assert!(failure(run(Faulty(|_, _| panic!("index out of range")), None)).contains("index out of range"));
        let incomplete =
            Faulty(|_, _| Ok(RunOutput { outcomes: vec![], counters: Counters::default(), supervision: None }));
        assert!(failure(run(incomplete, None)).contains("breaks a law: 0 outcomes"));
        let endless = Faulty(|_, o| {
            while !o.cancelled() {
                std::thread::yield_now();
            }
            Err(RunError::Cancelled)
        });
        assert!(failure(run(endless, Some(Duration::from_millis(5)))).contains("time limit of 0.005 s"));
    }
}
