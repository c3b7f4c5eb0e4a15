//! Lessons: scenarios with their ground truth, as a training and its validation see them.

use crate::dataset::Dataset;
use crate::plan::PlannedScenario;
use crate::statistics::{errors, mean};
use mixlab_contract::{
    Application, Backend, FlowIndex, FlowOutcome, RunError, Scenario, Silent, SimDuration, SimTime, ideal::ideal_fct,
};
use mixlab_m4::train::Lesson;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Mean true slowdown from which on a scenario is heavily loaded.
const HEAVY: f64 = 3.0;

/// What became of a set of scenarios.
#[derive(Clone, Debug, Default)]
pub struct Lessons {
    /// Those with truth, in the order of the set.
    pub lessons: Vec<Lesson>,
    /// Digests of theirs.
    pub digests: Vec<String>,
    /// Mixes of those whose truth is not stored.
    pub without_truth: Vec<u64>,
    /// Mixes of closed loops, which are not learned from: there a flow's start depends on the simulator.
    pub closed_loops: Vec<u64>,
}

/// Joins scenarios with the finished runs of the backend `truth` in `dataset`.
pub fn lessons(scenarios: &[PlannedScenario], dataset: &Dataset, truth: &str) -> Lessons {
    let runs: BTreeMap<&str, _> =
        dataset.scenarios.iter().filter_map(|s| Some((s.digest.as_str(), s.runs.get(truth)?))).collect();
    let mut all = Lessons::default();
    for scenario in scenarios {
        let Some(run) = runs.get(scenario.digest.as_str()) else {
            all.without_truth.push(scenario.entry.mix_id);
            continue;
        };
        if scenario.scenario.application() != Application::Open {
            all.closed_loops.push(scenario.entry.mix_id);
            continue;
        }
        let outcomes = run.start_ns.iter().zip(run.fct_ns.iter()).map(|(start, fct)| outcome(*start, *fct));
        all.lessons.push((Scenario::clone(&scenario.scenario), outcomes.collect()));
        all.digests.push(scenario.digest.clone());
    }
    all
}

/// An outcome as a dataset's columns have it: all ones = never.
fn outcome(start_ns: u64, fct_ns: u64) -> FlowOutcome {
    const NEVER: u64 = u64::MAX;
    match (start_ns, fct_ns) {
        (NEVER, _) => FlowOutcome::Unfinished { start: None },
        (start, NEVER) => FlowOutcome::Unfinished { start: Some(SimTime::from_ns(start)) },
        (start, fct) => FlowOutcome::Completed { start: SimTime::from_ns(start), fct: SimDuration::from_ns(fct) },
    }
}

/// SHA-256 over scenarios and outcomes, in order: equal digests are equal lessons.
pub fn digest(lessons: &Lessons) -> String {
    let mut all = Sha256::new();
    for (digest, (_, outcomes)) in lessons.digests.iter().zip(&lessons.lessons) {
        all.update(digest);
        for outcome in outcomes {
            all.update(outcome.fct().map_or(u64::MAX, SimDuration::ps).to_le_bytes());
        }
    }
    mixlab_contract::scenario::hex(&all.finalize())
}

/// The lessons, and those of heavily loaded scenarios (mean slowdown above 3) once more: they are rare, and the ones in which a
/// wrong correction feeds back.
pub fn with_heavy_twice(mut lessons: Vec<Lesson>) -> Vec<Lesson> {
    let heavy: Vec<Lesson> = lessons.iter().filter(|l| mean_slowdown(l) > HEAVY).cloned().collect();
    lessons.extend(heavy);
    lessons
}

fn mean_slowdown((scenario, truth): &Lesson) -> f64 {
    mean(&slowdowns(scenario, truth).into_iter().flatten().collect::<Vec<_>>()).unwrap_or(1.0)
}

/// Slowdown of every flow that finished.
fn slowdowns(scenario: &Scenario, outcomes: &[FlowOutcome]) -> Vec<Option<f64>> {
    let of = |i: FlowIndex| Some(outcomes[i.index()].fct()?.ps() as f64 / ideal_fct(scenario, i).ps() as f64);
    scenario.indices().map(of).collect()
}

/// Errors of slowdown as `compare` has them, plain means over scenarios (fractions).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Mean over flows of the relative error.
    pub mean: f64,
    /// Its 90th percentile.
    pub p90: f64,
    /// Relative error of the 99th percentile of slowdown.
    pub p99: f64,
    /// Mean signed error.
    pub bias: f64,
}

/// How far `backend` is from the truth of the lessons that it models; `None` without any that have a finished flow.
///
/// # Errors
/// [`RunError`] of a simulation.
pub fn validate(backend: &dyn Backend, lessons: &[Lesson]) -> Result<Option<Verdict>, RunError> {
    let (mut sum, mut count) = (Verdict::default(), 0.0);
    for (scenario, truth) in lessons.iter().filter(|(scenario, _)| backend.check(scenario).is_ok()) {
        let guess = slowdowns(scenario, &backend.run(scenario, &Silent)?.outcomes);
        let both = slowdowns(scenario, truth).into_iter().zip(guess).filter_map(|(t, g)| Some((t?, g?)));
        let Some(e) = errors(&both.collect::<Vec<_>>()) else { continue };
        sum = Verdict { mean: sum.mean + e.mean, p90: sum.p90 + e.p90, p99: sum.p99 + e.p99, bias: sum.bias + e.bias };
        count += 1.0;
    }
    let mean = Verdict { mean: sum.mean / count, p90: sum.p90 / count, p99: sum.p99 / count, bias: sum.bias / count };
    Ok((count > 0.0).then_some(mean))
}
