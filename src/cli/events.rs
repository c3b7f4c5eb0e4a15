//! Events as newline-delimited JSON on stdout, for programs that watch a sweep or a training.

use crate::plan::{Plan, PlannedRun};
use crate::runner::{SweepEvent, SweepSummary};
use crate::train::log::Scalar;
use serde_json::{Value, json};

/// Version of the schema; it grows by one when a field changes its meaning or goes away.
pub const VERSION: u32 = 1;

/// The schema, as printed by `mixlab help-events`.
pub const SCHEMA: &str = "\
Events of `--message-format ndjson`: one JSON object per line on stdout. Every object has
  version   1; raised when a field changes its meaning or goes away (new fields may appear at any time)
  event     one of the names below

sweep-started    missing: runs to do; done: runs stored before; kept_failures: stored failures that are not repeated
run-started      mix_id, backend, scenario (digest), flows
run-finished     mix_id, backend, scenario, status (ok, failed, unsupported), wall_s, cpu_s, timed_alone,
                 events, packets, peak_rss_bytes, error (text or null)
run-cancelled    mix_id, backend, scenario; nothing is stored, the same command runs it again
train-step       step: rounds (paper: optimiser steps) done; of; and the numbers of loss.csv for it, validation_… where there are any
sweep-finished   ok, failed, unsupported: runs of this sweep; interrupted: whether it was stopped

Times are seconds. `timed_alone` is false where other runs shared the machine: then only cpu_s is comparable.
";

/// The first event.
pub fn started(plan: &Plan) -> Value {
    let missing = plan.missing.len();
    object("sweep-started", json!({"missing": missing, "done": plan.done, "kept_failures": plan.kept_failures}))
}

/// An event of the sweep.
pub fn event(plan: &Plan, event: &SweepEvent<'_>) -> Value {
    match event {
        SweepEvent::Started { run, .. } => {
            let mut of = run_key(plan, *run);
            of["flows"] = json!(plan.scenario(*run).scenario.flows().len());
            object("run-started", of)
        }
        SweepEvent::Cancelled { run } => object("run-cancelled", run_key(plan, *run)),
        SweepEvent::Finished { run, meta } => {
            let mut of = run_key(plan, *run);
            of["status"] = json!(meta.status.name());
            of["wall_s"] = json!(meta.wall_ns as f64 * 1e-9);
            of["cpu_s"] = json!(meta.cpu_ns as f64 * 1e-9);
            of["timed_alone"] = json!(meta.timed_alone);
            of["events"] = json!(meta.counters.events);
            of["packets"] = json!(meta.counters.packets);
            of["peak_rss_bytes"] = json!(meta.peak_rss_bytes);
            of["error"] = json!(meta.error);
            object("run-finished", of)
        }
    }
}

/// The last event.
pub fn finished(s: &SweepSummary) -> Value {
    let of = json!({"ok": s.ok, "failed": s.failed, "unsupported": s.unsupported, "interrupted": s.interrupted});
    object("sweep-finished", of)
}

/// A step of a training: `step` of `of`, with what was measured at it.
pub fn trained(step: u64, of: u64, scalars: &[Scalar]) -> Value {
    let numbers = scalars.iter().filter_map(|(name, value)| Some(((*name).to_owned(), json!((*value)?))));
    let mut fields = Value::Object(numbers.collect());
    fields["step"] = json!(step);
    fields["of"] = json!(of);
    object("train-step", fields)
}

fn run_key(plan: &Plan, run: PlannedRun) -> Value {
    let scenario = plan.scenario(run);
    json!({"mix_id": scenario.entry.mix_id, "backend": plan.backend(run).id(), "scenario": scenario.digest})
}

fn object(name: &str, mut fields: Value) -> Value {
    fields["version"] = json!(VERSION);
    fields["event"] = json!(name);
    fields
}
