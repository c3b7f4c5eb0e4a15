//! The main job: plan, execute, and for `all` draw and compare.

use super::args::{Common, FigureArgs, MessageFormat, Workload};
use super::exit::Exit;
use super::failure::Failure;
use super::progress::Progress;
use super::table::TextTable;
use super::{compare, figures, say, shown, warn};
use crate::backends;
use crate::bounded::below;
use crate::plan::{self, Plan, PlannedScenario};
use crate::runner::{StopFlag, SweepOptions, SweepSummary, sweep};
use crate::spec;
use crate::store::{MixEntry, NoStore, Provenance, Reader, Selection, StoreError, Writer};
use crate::workload::{Generator, WorkloadOptions};
use mixlab_contract::Backend;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Runs the mixes on the backends that `name` stands for.
pub async fn run(common: &Common, name: &str) -> Result<Exit, Failure> {
    let backends = backends::named(name, &common.backends())?;
    let scenarios = asked_for(common).await?;
    Ok(execute_on(common, scenarios, backends).await?.map_or(Exit::Ok, |summary| exit_of(&summary)))
}

/// Runs every available backend, then draws all figures and prints the comparison.
pub async fn all(common: &Common, args: &FigureArgs) -> Result<Exit, Failure> {
    let backends = backends::named("all", &common.backends())?;
    let scenarios = asked_for(common).await?;
    // These scenarios and these versions of the backends, whatever else is stored; and what outside programs made of them.
    let selection = Selection {
        digests: Some(scenarios.iter().map(|s| s.digest.clone()).collect()),
        fingerprints: backends::fingerprints(&backends),
        ..Selection::default()
    };
    let Some(summary) = execute_on(common, scenarios, backends).await? else { return Ok(Exit::Ok) };
    if summary.interrupted {
        return Ok(Exit::Interrupted);
    }
    let reader = Reader::open(&common.root).await?;
    let dataset = reader.dataset(&selection).await?;
    figures::draw(common, args, &reader, dataset.clone()).await?;
    if common.message_format == MessageFormat::Human {
        compare::print_overall(common, &dataset, args.baseline.as_deref())?;
    }
    Ok(exit_of(&summary))
}

pub fn exit_of(summary: &SweepSummary) -> Exit {
    match summary {
        SweepSummary { interrupted: true, .. } => Exit::Interrupted,
        SweepSummary { failed: 1.., .. } | SweepSummary { failed_before: 1.., .. } => Exit::RunsFailed,
        _ => Exit::Ok,
    }
}

/// The scenarios of `--mixes`, or every stored one without it.
async fn scenarios_of(common: &Common) -> Result<Vec<PlannedScenario>, Failure> {
    if let Some(file) = &common.mixes {
        return planned_scenarios(common, file);
    }
    let missing = |why: &str| {
        let text = format!(
            "--mixes FILE is missing and {why} {}: which mixes? (try --mixes spec/demo.mix.json)",
            common.root.display()
        );
        Failure::new(Exit::Usage, text)
    };
    let reader = match Reader::open(&common.root).await {
        Err(StoreError::NotFound { .. }) => return Err(missing("there is no store under")),
        other => other?,
    };
    let mut scenarios = Vec::new();
    for (entry, digest) in reader.entries(&Selection::default()).await? {
        let scenario = Arc::new(reader.load_scenario(&digest).await?);
        scenarios.push(PlannedScenario { entry, scenario, digest });
    }
    if scenarios.is_empty() { Err(missing("no scenario is stored under")) } else { Ok(scenarios) }
}

/// Loads a spec and makes its scenarios.
pub fn planned_scenarios(common: &Common, file: &Path) -> Result<Vec<PlannedScenario>, Failure> {
    let spec = spec::load_mixes(file)?;
    warn(common, &spec.warnings);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(plan::scenarios(&spec, &workload_options(common), threads)?)
}

/// How flows are drawn.
pub fn workload_options(common: &Common) -> WorkloadOptions {
    WorkloadOptions {
        seed: common.seed,
        nr_flows: common.nr_flows as usize,
        enable_app: common.enable_app,
        generator: match common.workload {
            Workload::Compat => Generator::Compat,
            Workload::Calibrated => Generator::Calibrated,
        },
    }
}

/// The scenarios that a sweep is about.
async fn asked_for(common: &Common) -> Result<Vec<PlannedScenario>, Failure> {
    survive_questions()?;
    scenarios_of(common).await
}

/// From here on SIGUSR1 does not end the process, as it does until it has been watched once.
pub fn survive_questions() -> std::io::Result<()> {
    Questions::watch().map(drop)
}

/// Runs what is missing of these scenarios on these backends; `None` after a dry run.
pub async fn execute_on(
    common: &Common,
    scenarios: Vec<PlannedScenario>,
    backends: Vec<Arc<dyn Backend>>,
) -> Result<Option<SweepSummary>, Failure> {
    let mut questions = Questions::watch()?;
    if common.dry_run {
        shown(&dry_run(&would_do(common, scenarios, backends).await?))?;
        return Ok(None);
    }
    let work_root = below(&common.root, &["work"])?;
    let mut writer = Writer::open(&common.root).await?;
    let stored = Reader::open(&common.root).await?.entries(&Selection::default()).await?;
    warn(common, &displaced(&stored, &scenarios));
    let plan = Plan::new(scenarios, backends, &writer, common.retry_failed).await?;
    let stop = StopFlag::default();
    let signals = tokio::spawn(watch_signals(stop.clone(), common.quiet, STOPPING));
    let options =
        SweepOptions { jobs: common.jobs.into(), timeout: common.timeout, provenance: provenance(), work_root };
    let progress = RefCell::new(Progress::new(common, &plan));
    let mut on_event = |event: crate::runner::SweepEvent<'_>| progress.borrow_mut().on_event(&event);
    let swept = {
        let sweeping = sweep(&plan, &mut writer, &options, &stop, &mut on_event);
        tokio::pin!(sweeping);
        let mut clock = tokio::time::interval(Duration::from_millis(100));
        loop {
            tokio::select! {
                swept = &mut sweeping => break swept,
                _ = clock.tick() => progress.borrow_mut().tick(),
                () = questions.next() => progress.borrow().print_status(),
            }
        }
    };
    signals.abort();
    let closed = writer.close().await;
    let summary = swept?;
    closed?;
    progress.into_inner().finish(&summary)?;
    Ok(Some(summary))
}

/// A warning if mixes take the place of other lists' mixes: in a root a mix is known by id, seed, flows and generator.
fn displaced(stored: &[(MixEntry, String)], scenarios: &[PlannedScenario]) -> Vec<String> {
    let key = |e: &MixEntry| (e.mix_id, e.seed, e.nr_flows, e.workload.clone(), e.enable_app);
    let new: BTreeMap<_, _> = scenarios.iter().map(|s| (key(&s.entry), s)).collect();
    let gone: Vec<&str> = stored
        .iter()
        .filter(|(e, digest)| new.get(&key(e)).is_some_and(|s| s.digest != *digest && s.entry.spec_file != e.spec_file))
        .map(|(e, _)| e.spec_file.as_str())
        .collect();
    let Some(list) = gone.first() else { return Vec::new() };
    vec![format!(
        "{} mixes of {list} have the ids of these and give way to them in comparisons and figures; their runs stay stored, and \
         a sweep of that list brings them back. A --root for each list keeps both",
        gone.len()
    )]
}

/// Signals that ask how far a sweep is: SIGUSR1, and SIGINFO (Ctrl-T) where it exists.
struct Questions {
    #[cfg(unix)]
    signals: Vec<tokio::signal::unix::Signal>,
}

impl Questions {
    #[cfg(unix)]
    fn watch() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [
            SignalKind::user_defined1(),
            #[cfg(any(target_os = "macos", target_os = "freebsd", target_os = "netbsd", target_os = "openbsd"))]
            SignalKind::info(),
        ];
        Ok(Self { signals: kinds.into_iter().map(signal).collect::<Result<_, _>>()? })
    }

    #[cfg(not(unix))]
    fn watch() -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        #[cfg(unix)]
        std::future::poll_fn(|context| {
            let asked = self.signals.iter_mut().any(|s| s.poll_recv(context).is_ready());
            if asked { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        #[cfg(not(unix))]
        std::future::pending().await
    }
}

/// The plan, without opening the store for writing, which would make one.
async fn would_do(
    common: &Common,
    scenarios: Vec<PlannedScenario>,
    backends: Vec<Arc<dyn Backend>>,
) -> Result<Plan, StoreError> {
    match Reader::open(&common.root).await {
        Err(StoreError::NotFound { .. }) => Plan::new(scenarios, backends, &NoStore, common.retry_failed).await,
        reader => Plan::new(scenarios, backends, &reader?, common.retry_failed).await,
    }
}

/// What a first Ctrl-C does to a sweep.
const STOPPING: &str = "stopping: running simulations are dropped, finished ones are stored (again to stop at once)";

/// The first signal stops the work after clean-up, as `remark` says; the second one ends the process. Nothing stored is ever
/// half done.
pub async fn watch_signals(stop: StopFlag, quiet: bool, remark: &str) {
    for count in 0.. {
        if wait_for_signal().await.is_err() {
            return;
        }
        if count > 0 {
            std::process::exit(Exit::Interrupted as i32);
        }
        stop.set();
        if !quiet {
            say(remark);
        }
    }
}

async fn wait_for_signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupt = tokio::signal::ctrl_c() => interrupt,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// What makes the runs of this process.
pub fn provenance() -> Provenance {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Provenance {
        version: env!("CARGO_PKG_VERSION").into(),
        commit: env!("MIXLAB_COMMIT").into(),
        host: host.trim().into(),
        // Names of files need not be text.
        command: std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" "),
    }
}

fn dry_run(plan: &Plan) -> String {
    let mut table = TextTable::new(&["backend", "mix", "flows", "hosts", "scenario"]);
    for run in &plan.missing {
        let s = plan.scenario(*run);
        table.row(vec![
            plan.backend(*run).id().into(),
            s.entry.mix_id.to_string(),
            s.scenario.flows().len().to_string(),
            s.scenario.topology().host_count().to_string(),
            s.digest[..12].into(),
        ]);
    }
    format!(
        "{}{} runs to do, {} done, {} failed before\n",
        table.text(),
        plan.missing.len(),
        plan.done,
        plan.kept_failures
    )
}
