//! What a person sees of a sweep: bars on a terminal, lines elsewhere, nothing with `--quiet`.
//!
//! The remaining time is an estimate from finished runs of the same backend, in seconds per flow; while a backend that
//! still has to run has not finished one, there is no honest estimate and none is shown. Lines are short (55 columns) rather than
//! as wide as the terminal, since a terminal that gets narrower breaks the lines that are there.

use super::args::{Common, MessageFormat};
use super::events;
use super::failure::Failure;
use super::plain::plain;
use super::table::seconds;
use super::{no_stdout, say};
use crate::plan::{Plan, PlannedRun};
use crate::runner::{RunClock, SweepEvent, SweepSummary};
use crate::store::{RunMeta, RunStatus};
use crate::train::log::Scalar;
use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use std::collections::BTreeMap;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Shows a sweep's events in the form asked for.
pub struct Progress<'a> {
    plan: &'a Plan,
    jobs: usize,
    form: Form,
    /// Wall seconds and flows of finished runs, by backend index.
    seen: BTreeMap<usize, (f64, u64)>,
    left: Vec<PlannedRun>,
    /// What runs now, in the order in which it started.
    running: Vec<Running>,
    finished: usize,
    failed: usize,
    /// Why an event could not be printed.
    unsaid: Option<std::io::Error>,
}

struct Running {
    run: PlannedRun,
    flows_done: Arc<AtomicU64>,
    clock: RunClock,
}

enum Form {
    Quiet,
    Lines,
    Ndjson,
    Bars { bars: MultiProgress, overall: ProgressBar, runs: Vec<(PlannedRun, ProgressBar, Arc<AtomicU64>)> },
}

impl<'a> Progress<'a> {
    /// A display for the missing runs of `plan`.
    pub fn new(common: &Common, plan: &'a Plan) -> Self {
        let form = if common.message_format == MessageFormat::Ndjson {
            Form::Ndjson
        } else if common.quiet {
            Form::Quiet
        } else if !std::io::stderr().is_terminal() {
            Form::Lines
        } else {
            let bars = MultiProgress::new();
            let overall = bars.add(ProgressBar::new(plan.missing.len() as u64));
            overall.set_style(style("{bar:12} {pos}/{len} runs  {elapsed}  {msg}"));
            overall.enable_steady_tick(Duration::from_millis(200));
            Form::Bars { bars, overall, runs: Vec::new() }
        };
        let mut this = Self {
            plan,
            jobs: common.jobs.into(),
            form,
            seen: BTreeMap::new(),
            left: plan.missing.clone(),
            running: Vec::new(),
            finished: 0,
            failed: 0,
            unsaid: None,
        };
        if matches!(this.form, Form::Ndjson) {
            this.print_line(&events::started(plan).to_string());
        }
        this
    }

    /// Shows one event.
    pub fn on_event(&mut self, event: &SweepEvent<'_>) {
        match event {
            SweepEvent::Started { run, progress, clock } => {
                let flows_done = Arc::clone(progress);
                self.running.push(Running { run: *run, flows_done, clock: clock.clone() });
            }
            SweepEvent::Finished { run, meta } => self.count(*run, meta),
            SweepEvent::Cancelled { run } => self.running.retain(|r| r.run != *run),
        }
        let (plan, estimate, failed) = (self.plan, self.remaining(), self.failed);
        match (&mut self.form, event) {
            (Form::Ndjson, event) => self.print_line(&events::event(plan, event).to_string()),
            (Form::Lines, SweepEvent::Finished { run, meta }) => {
                let (n, of) = (self.finished, plan.missing.len());
                say(&format!("[{n}/{of}] {}", plain(&describe(plan, *run, meta))));
            }
            (Form::Bars { bars, runs, .. }, SweepEvent::Started { run, progress, .. }) => {
                let bar = bars.add(ProgressBar::new(plan.scenario(*run).scenario.flows().len() as u64));
                bar.set_style(style("  {prefix:26!} {bar:12} {percent:>3} % {elapsed:>4}"));
                bar.set_prefix(format!("mix {} {}", plan.scenario(*run).entry.mix_id, plan.backend(*run).id()));
                runs.push((*run, bar, Arc::clone(progress)));
            }
            (Form::Bars { bars, overall, runs }, SweepEvent::Finished { run, .. } | SweepEvent::Cancelled { run }) => {
                if let Some(at) = runs.iter().position(|(r, ..)| r == run) {
                    let (_, bar, _) = runs.swap_remove(at);
                    bar.finish_and_clear();
                    bars.remove(&bar);
                }
                if let SweepEvent::Finished { meta, .. } = event {
                    overall.inc(1);
                    if meta.status == RunStatus::Failed {
                        overall.suspend(|| say(&plain(&describe(plan, *run, meta))));
                    }
                }
                let failures = if failed > 0 { format!("  {failed} failed") } else { String::new() };
                overall.set_message(format!("{}{failures}", estimate.unwrap_or_default()));
            }
            _ => {}
        }
        self.tick();
    }

    /// Moves the bars of running runs; call it often.
    pub fn tick(&mut self) {
        if let Form::Bars { runs, .. } = &self.form {
            runs.iter().for_each(|(_, bar, done)| bar.set_position(done.load(Ordering::Relaxed)));
        }
    }

    /// What is done, failed and running, on stderr: the answer to SIGUSR1.
    pub fn print_status(&self) {
        let text = self.status();
        let text = plain(&text);
        match &self.form {
            Form::Bars { overall, .. } => overall.suspend(|| say(text.trim_end())),
            _ => say(text.trim_end()),
        }
    }

    fn status(&self) -> String {
        let left = self.remaining().map_or(String::new(), |left| format!(", {left}"));
        let mut text = format!(
            "{} of {} runs finished, {} of them failed, {} running{left}\n",
            self.finished,
            self.plan.missing.len(),
            self.failed,
            self.running.len()
        );
        for Running { run, flows_done, clock } in &self.running {
            let flows = self.plan.scenario(*run).scenario.flows().len();
            let (done, elapsed) = (flows_done.load(Ordering::Relaxed), seconds(clock.elapsed().as_secs_f64()));
            text += &format!("  {}: {done} of {flows} flows, {elapsed} s\n", self.name(*run));
        }
        text
    }

    fn name(&self, run: PlannedRun) -> String {
        format!("mix {} {}", self.plan.scenario(run).entry.mix_id, self.plan.backend(run).id())
    }

    /// Clears the bars and says in one line how it went.
    ///
    /// # Errors
    /// If events could not be printed.
    pub fn finish(mut self, summary: &SweepSummary) -> Result<(), Failure> {
        if let Form::Bars { bars, overall, .. } = &self.form {
            overall.finish_and_clear();
            // Only cosmetics: a terminal that can't be cleared keeps its bars.
            let _ = bars.clear();
        }
        match &self.form {
            Form::Ndjson => self.print_line(&events::finished(summary).to_string()),
            Form::Quiet => {}
            _ => say(&plain(&summary_line(self.plan, summary))),
        }
        self.unsaid.as_ref().map_or(Ok(()), |why| Err(no_stdout(why)))
    }

    /// Nothing that happens to stdout stops the sweep; what was not printed is an error in the end, unless its reader went away.
    fn print_line(&mut self, line: &str) {
        match writeln!(std::io::stdout(), "{line}") {
            Err(e) if e.kind() != ErrorKind::BrokenPipe => drop(self.unsaid.get_or_insert(e)),
            _ => {}
        }
    }

    fn count(&mut self, run: PlannedRun, meta: &RunMeta) {
        self.running.retain(|r| r.run != run);
        self.finished += 1;
        self.failed += usize::from(meta.status == RunStatus::Failed);
        self.left.retain(|r| *r != run);
        if meta.status == RunStatus::Ok {
            let (time, flows) = self.seen.entry(run.backend).or_default();
            *time += meta.wall_ns as f64 * 1e-9;
            *flows += self.plan.scenario(run).scenario.flows().len() as u64;
        }
    }

    fn remaining(&self) -> Option<String> {
        let mut total = 0.0;
        for run in &self.left {
            let (time, flows) = self.seen.get(&run.backend)?;
            total += time / (*flows).max(1) as f64 * self.plan.scenario(*run).scenario.flows().len() as f64;
        }
        let left = (total / self.jobs as f64).ceil() as u64;
        Some(match left {
            0..60 => format!("about {left} s left"),
            60..3600 => format!("about {} min left", left.div_ceil(60)),
            _ => format!("about {:.1} h left", left as f64 / 3600.0),
        })
    }
}

/// A step of a training as an event, if events were asked for.
pub fn trained(common: &Common, step: u64, of: u64, scalars: &[Scalar]) -> std::io::Result<()> {
    match common.message_format {
        MessageFormat::Ndjson => writeln!(std::io::stdout(), "{}", events::trained(step, of, scalars)),
        MessageFormat::Human => Ok(()),
    }
}

/// A bar for anything else that takes steps: on a terminal, and not with `--quiet` or ndjson.
pub fn bar(common: &Common, steps: u64, done: u64, unit: &str) -> ProgressBar {
    if common.quiet || common.message_format == MessageFormat::Ndjson || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(steps).with_position(done);
    // Before its first step there is no estimate.
    let left = move |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        if state.pos() > done {
            let _ = write!(text, "  about {:#} left", HumanDuration(state.eta()));
        }
    };
    let template = format!("{{bar:30}} {{pos}}/{{len}} {unit}  {{elapsed}}  {{msg}}{{left}}");
    bar.set_style(style(&template).with_key("left", left));
    bar.reset_eta();
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("templates are constants").progress_chars("━━─")
}

fn describe(plan: &Plan, run: PlannedRun, meta: &RunMeta) -> String {
    let head = format!("mix {} {}", plan.scenario(run).entry.mix_id, plan.backend(run).id());
    let why = meta.error.as_deref().unwrap_or_default();
    match meta.status {
        RunStatus::Ok => {
            let (wall, cpu) = (seconds(meta.wall_ns as f64 * 1e-9), seconds(meta.cpu_ns as f64 * 1e-9));
            format!("{head}: ok, {wall} s wall, {cpu} s CPU")
        }
        RunStatus::Failed => format!("{head}: failed: {why}"),
        RunStatus::Unsupported => format!("{head}: unsupported: {why}"),
    }
}

fn summary_line(plan: &Plan, s: &SweepSummary) -> String {
    let mut parts = vec![format!("{} {} finished", s.ok, if s.ok == 1 { "run" } else { "runs" })];
    for (count, what) in [
        (s.failed, "failed (`status` says why; repeat them with --retry-failed)"),
        (s.unsupported, "unsupported"),
        (plan.done, "done before"),
        (plan.kept_failures, "failed or unsupported before (repeat them with --retry-failed)"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    if s.interrupted {
        let left = plan.missing.len() - s.ok - s.failed - s.unsupported;
        parts.push(format!("interrupted with {left} to go: the same command goes on"));
    }
    parts.join(", ")
}
