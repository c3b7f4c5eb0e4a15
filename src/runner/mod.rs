//! Executes a plan: engines on worker threads, one committed transaction per run, failures as rows.
//!
//! A run is stored completely or not at all. An interrupted run leaves nothing; a failed one leaves its error. Engines poll
//! their observer, so a time limit or Ctrl-C stops them at their next event; the process never has to kill a thread.

mod execute;
mod observer;
mod suspension;

use crate::plan::{Plan, PlannedRun};
use crate::store::{Provenance, RunMeta, RunStatus, StoreError, Writer};
use execute::{Executed, execute};
use mixlab_contract::{Backend, FlowOutcome, Parallelism, Scenario};
pub use observer::StopFlag;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
pub use suspension::RunClock;
use tokio::task::JoinSet;

/// Now, in seconds since 1970 (for logs; nothing is computed from it).
pub fn unix_time_s() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

/// How to execute a plan.
#[derive(Clone, Debug)]
pub struct SweepOptions {
    /// Runs at the same time.
    pub jobs: usize,
    /// Time limit per run.
    pub timeout: Option<Duration>,
    /// Version, commit, host and command, stored with every run.
    pub provenance: Provenance,
    /// Where runs get their own empty directory.
    pub work_root: PathBuf,
}

/// What happens during a sweep, for whoever shows it.
#[derive(Debug)]
pub enum SweepEvent<'a> {
    /// A run begins; `progress` counts its finished flows.
    Started {
        /// Which.
        run: PlannedRun,
        /// Flows finished so far.
        progress: Arc<AtomicU64>,
        /// Time since then.
        clock: RunClock,
    },
    /// A run is stored.
    Finished {
        /// Which.
        run: PlannedRun,
        /// What was stored.
        meta: &'a RunMeta,
    },
    /// A run was stopped by the user and leaves no trace.
    Cancelled {
        /// Which.
        run: PlannedRun,
    },
}

/// How a sweep ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepSummary {
    /// Runs finished and stored now.
    pub ok: usize,
    /// Runs that failed now.
    pub failed: usize,
    /// Runs asked for that failed before and were not repeated.
    pub failed_before: usize,
    /// Runs whose scenario the backend does not model.
    pub unsupported: usize,
    /// Whether the user stopped it.
    pub interrupted: bool,
}

/// Executes all missing runs of `plan` and stores them as they finish.
///
/// # Errors
/// [`StoreError`] if the store can't be written; runs stored before stay.
pub async fn sweep(
    plan: &Plan,
    writer: &mut Writer,
    options: &SweepOptions,
    stop: &StopFlag,
    on_event: &mut dyn FnMut(SweepEvent<'_>),
) -> Result<SweepSummary, StoreError> {
    let mut summary = SweepSummary { failed_before: plan.kept_failed, ..SweepSummary::default() };
    let mut ids = Vec::with_capacity(plan.scenarios.len());
    let mut queue: VecDeque<PlannedRun> = plan.missing.iter().copied().collect();
    let mut active = JoinSet::new();
    let timing = Arc::new(observer::Sharing::default());
    let suspensions = suspension::Suspensions::default();
    let watching = tokio::spawn(suspension::watch(suspensions.clone())).abort_handle();
    let _watched = OnDrop(watching);
    loop {
        while !stop.is_set() && may_start(plan, &queue, &active, options.jobs) {
            let Some(run) = queue.pop_front() else { break };
            // Scenarios are stored in order and before their first run, so rows never dangle.
            while ids.len() <= run.scenario {
                let next = &plan.scenarios[ids.len()];
                ids.push(writer.put_scenario(&next.entry, &next.scenario).await?);
            }
            let progress = Arc::new(AtomicU64::new(0));
            let task = execute::Task {
                scenario: Arc::clone(&plan.scenario(run).scenario),
                backend: Arc::clone(plan.backend(run)),
                progress: Arc::clone(&progress),
                stop: stop.clone(),
                timeout: options.timeout,
                sharing: Arc::clone(&timing),
                suspensions: suspensions.clone(),
                work_dir: options.work_root.join(format!("{}-{}", plan.scenario(run).digest, plan.backend(run).id())),
            };
            on_event(SweepEvent::Started { run, progress, clock: RunClock::start(&suspensions) });
            active.spawn_blocking(move || (run, execute(task)));
        }
        let Some(joined) = active.join_next().await else { break };
        let (run, executed) = joined.expect("runs catch the panics of engines");
        let Executed::Done { mut meta, outcomes, supervision } = executed else {
            on_event(SweepEvent::Cancelled { run });
            continue;
        };
        meta.provenance = options.provenance.clone();
        match writer.put_supervised_run(ids[run.scenario], &meta, &outcomes, supervision.as_ref()).await {
            // A finished run was to be repeated for its supervision, and that failed: what is stored stays.
            Err(StoreError::AlreadyDone { .. }) if plan.backend(run).supervises() && meta.status != RunStatus::Ok => {}
            stored => stored?,
        }
        match meta.status {
            RunStatus::Ok => summary.ok += 1,
            RunStatus::Failed => summary.failed += 1,
            RunStatus::Unsupported => summary.unsupported += 1,
        }
        on_event(SweepEvent::Finished { run, meta: &meta });
    }
    if !stop.is_set() {
        // Mixes whose runs were all stored already still have to point at their scenarios.
        for next in &plan.scenarios[ids.len()..] {
            writer.put_scenario(&next.entry, &next.scenario).await?;
        }
    }
    summary.interrupted = stop.is_set();
    Ok(summary)
}

/// One run whose outcomes are wanted and not stored, on this thread.
///
/// # Errors
/// Why there are none, as it would have been stored.
pub fn repeat(
    scenario: Arc<Scenario>,
    backend: Arc<dyn Backend>,
    timeout: Option<Duration>,
    work_dir: PathBuf,
) -> Result<Vec<FlowOutcome>, String> {
    let (progress, stop, sharing) = (Arc::default(), StopFlag::default(), Arc::default());
    let suspensions = suspension::Suspensions::default();
    match execute(execute::Task { scenario, backend, progress, stop, timeout, sharing, suspensions, work_dir }) {
        Executed::Done { meta, outcomes, .. } if meta.status == RunStatus::Ok => Ok(outcomes),
        Executed::Done { meta, .. } => Err(meta.error.unwrap_or_else(|| meta.status.name().to_owned())),
        Executed::Cancelled => Err("cancelled".into()),
    }
}

/// Ends a task when its sweep ends, in whatever way.
struct OnDrop(tokio::task::AbortHandle);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A run that needs the machine for itself waits until nothing runs, and holds back the others.
fn may_start(plan: &Plan, queue: &VecDeque<PlannedRun>, active: &JoinSet<(PlannedRun, Executed)>, jobs: usize) -> bool {
    match queue.front() {
        None => false,
        Some(run) if plan.backend(*run).parallelism() == Parallelism::Alone => active.is_empty(),
        Some(_) => active.len() < jobs,
    }
}
