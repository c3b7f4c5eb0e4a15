//! How far each backend is from a baseline: per scenario, overall, and per flow-size bucket.
//!
//! Overall values are plain means of the per-scenario values, as the m4 evaluation reports them. A scenario counts for a
//! backend only if both it and the baseline have a finished run of it. Definitions of the errors: [`crate::statistics`].

use crate::dataset::{Attributes, Dataset, RunResults, ScenarioResults};
use crate::statistics::{BUCKET_NAMES, ErrorSummary, bucket, errors};
use std::collections::{BTreeMap, BTreeSet};

/// Explanation of every column, printed with `compare --help`.
pub const DEFINITIONS: &str = "\
Per flow, e = |other - baseline| / baseline of the FCT slowdown (FCT / ideal FCT), over the flows that both finished.
  mean, p50, p90   of e over the flows of a scenario
  p99              |P99(other) - P99(baseline)| / P99(baseline), P99 of the slowdown over flows, not matched
  bias             mean of the signed error: negative = the backend is too fast
  flows            flows compared
  wall, cpu        seconds of the backend's run; wall is starred where other runs shared the machine
  speed-up         baseline CPU seconds / backend CPU seconds
Percentiles interpolate linearly. 'overall' is the plain mean of the per-scenario values.";

/// A comparison of all backends of a dataset with one baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Backend taken as truth.
    pub baseline: String,
    /// One entry per other backend, means over scenarios.
    pub overall: Vec<Row>,
    /// One entry per scenario and other backend.
    pub scenarios: Vec<Row>,
    /// What could not be compared or should not be trusted, one sentence each.
    pub warnings: Vec<String>,
}

/// Errors and cost of one backend, in one scenario or overall.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Backend compared with the baseline.
    pub backend: String,
    /// Mix of the scenario; `None` overall.
    pub mix_id: Option<u64>,
    /// Scenarios behind the values.
    pub scenarios: usize,
    /// Over all flows.
    pub all: ErrorSummary,
    /// Per flow-size bucket, `None` where the bucket is empty.
    pub buckets: [Option<ErrorSummary>; BUCKET_NAMES.len()],
    /// Wall seconds of the backend.
    pub wall_s: f64,
    /// CPU seconds of the backend.
    pub cpu_s: f64,
    /// CPU seconds of the baseline.
    pub baseline_cpu_s: f64,
    /// Whether the wall times were taken alone on the machine.
    pub timed_alone: bool,
}

impl Row {
    /// Baseline CPU seconds ÷ backend CPU seconds.
    pub fn speed_up(&self) -> f64 {
        self.baseline_cpu_s / self.cpu_s
    }
}

/// The baseline a user most likely means: real ns-3 if it was run, else the packet engine; under clean fidelity the clean
/// packet engine before both.
pub fn default_baseline(dataset: &Dataset, clean: bool) -> Option<String> {
    let has = |id: &str| dataset.scenarios.iter().any(|s| s.runs.contains_key(id));
    let first = if clean { "packet-clean" } else { "ns3" };
    [first, "ns3", "packet", "packet-clean"].into_iter().find(|id| has(id)).map(String::from)
}

/// Compares every backend of the dataset with `baseline`.
pub fn compare(dataset: &Dataset, baseline: &str) -> Comparison {
    let backends: BTreeSet<&str> =
        dataset.scenarios.iter().flat_map(|s| s.runs.keys().map(String::as_str)).filter(|b| *b != baseline).collect();
    let mut comparison =
        Comparison { baseline: baseline.into(), overall: Vec::new(), scenarios: Vec::new(), warnings: Vec::new() };
    for backend in backends {
        let rows: Vec<Row> = dataset.scenarios.iter().filter_map(|s| scenario_row(s, baseline, backend)).collect();
        let missing = dataset.scenarios.len() - rows.len();
        if missing > 0 {
            comparison.warnings.push(format!(
                "{backend}: {missing} of {} scenarios are not compared, because it or {baseline} has no finished run of them",
                dataset.scenarios.len()
            ));
        }
        comparison.overall.extend(overall_row(backend, &rows));
        comparison.scenarios.extend(rows);
    }
    comparison.scenarios.sort_by_key(|r| r.mix_id); // stable: backends stay in order within a mix
    comparison.warnings.extend(mixed_versions(dataset));
    comparison.warnings.extend(dataset.scenarios.iter().filter_map(|s| load_warning(s.mix_id, &s.attributes)));
    comparison
}

/// A sentence for each backend whose runs are not all of one fingerprint: their mean is that of no simulator.
pub fn mixed_versions(dataset: &Dataset) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (backend, run) in dataset.scenarios.iter().flat_map(|s| &s.runs) {
        // What was imported is told apart by its results, which differ from scenario to scenario.
        if !run.fingerprint.starts_with("import-") {
            versions.entry(backend).or_default().insert(&run.fingerprint);
        }
    }
    let mixed = versions.into_iter().filter(|(_, versions)| versions.len() > 1);
    mixed
        .map(|(backend, versions)| {
            format!(
                "{backend}: its runs are of {} versions, options or weights, the newest of each scenario: `{backend}` with \
                 the same --mixes repeats those that are not of one{}",
                versions.len(),
                if backend == "m4" { ", --m4-weights DIR chooses" } else { "" }
            )
        })
        .collect()
}

/// A sentence if the busiest channel gets more than 10 % more or less load than the mix asks for.
pub fn load_warning(mix_id: u64, attributes: &Attributes) -> Option<String> {
    let (target, delivered) = (attributes.max_load, attributes.delivered_load);
    let off = delivered / target - 1.0;
    (target > 0.0 && off.abs() > 0.10).then(|| {
        format!(
            "mix {mix_id}: the busiest channel gets load {delivered:.2}, the mix asks for {target:.2} ({:+.0} %)",
            off * 100.0
        )
    })
}

pub(crate) fn scenario_row(scenario: &ScenarioResults, baseline: &str, backend: &str) -> Option<Row> {
    let pairs = scenario.pairs(baseline, backend)?;
    let (truth, run): (&RunResults, &RunResults) = (&scenario.runs[baseline], &scenario.runs[backend]);
    let of = |keep: &dyn Fn(u64) -> bool| {
        errors(&pairs.iter().filter(|(_, _, size)| keep(*size)).map(|(t, o, _)| (*t, *o)).collect::<Vec<_>>())
    };
    Some(Row {
        backend: backend.into(),
        mix_id: Some(scenario.mix_id),
        scenarios: 1,
        all: of(&|_| true)?,
        buckets: std::array::from_fn(|b| of(&|size| bucket(size) == b)),
        wall_s: run.wall_s,
        cpu_s: run.cpu_s,
        baseline_cpu_s: truth.cpu_s,
        timed_alone: run.timed_alone && truth.timed_alone,
    })
}

pub(crate) fn overall_row(backend: &str, rows: &[Row]) -> Option<Row> {
    let average = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let summary = |of: Vec<ErrorSummary>| {
        let mean = |field: fn(&ErrorSummary) -> f64| average(of.iter().map(field).collect());
        (!of.is_empty()).then(|| ErrorSummary {
            flows: of.iter().map(|e| e.flows).sum(),
            mean: mean(|e| e.mean),
            p50: mean(|e| e.p50),
            p90: mean(|e| e.p90),
            p99: mean(|e| e.p99),
            bias: mean(|e| e.bias),
        })
    };
    Some(Row {
        backend: backend.into(),
        mix_id: None,
        scenarios: rows.len(),
        all: summary(rows.iter().map(|r| r.all).collect())?,
        buckets: std::array::from_fn(|b| summary(rows.iter().filter_map(|r| r.buckets[b]).collect())),
        wall_s: rows.iter().map(|r| r.wall_s).sum(),
        cpu_s: rows.iter().map(|r| r.cpu_s).sum(),
        baseline_cpu_s: rows.iter().map(|r| r.baseline_cpu_s).sum(),
        timed_alone: rows.iter().all(|r| r.timed_alone),
    })
}

/// How many FCTs of a run equal the baseline's, to the nanosecond, and where it is furthest off.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// Mix of the scenario.
    pub mix_id: u64,
    /// Backend compared with the baseline.
    pub backend: String,
    /// Flows of the scenario.
    pub flows: usize,
    /// Flows with the same fate: equal FCT, or unfinished in both.
    pub equal: usize,
    /// Flows that the baseline finished and the backend did not.
    pub unfinished: usize,
    /// Flows that the backend finished and the baseline did not.
    pub extra: usize,
    /// The flow whose FCT is relatively furthest off: its position, the baseline's FCT and the backend's, in ns.
    pub worst: Option<(usize, u64, u64)>,
}

/// Compares FCTs flow by flow, per scenario and backend.
pub fn flow_by_flow(dataset: &Dataset, baseline: &str) -> Vec<Agreement> {
    let mut rows = Vec::new();
    for scenario in &dataset.scenarios {
        let Some(truth) = scenario.runs.get(baseline) else { continue };
        for (backend, run) in scenario.runs.iter().filter(|(b, _)| *b != baseline) {
            let pairs = || truth.fct_ns.iter().copied().zip(run.fct_ns.iter().copied()).enumerate();
            let error = |t: u64, o: u64| (o as f64 - t as f64).abs() / t as f64;
            let both = pairs().filter(|(_, (t, o))| *t != UNFINISHED && *o != UNFINISHED && t != o);
            rows.push(Agreement {
                mix_id: scenario.mix_id,
                backend: backend.clone(),
                flows: truth.fct_ns.len(),
                equal: pairs().filter(|(_, (t, o))| t == o).count(),
                unfinished: pairs().filter(|(_, (t, o))| *t != UNFINISHED && *o == UNFINISHED).count(),
                extra: pairs().filter(|(_, (t, o))| *t == UNFINISHED && *o != UNFINISHED).count(),
                worst: both
                    .max_by(|(_, (t, o)), (_, (u, p))| error(*t, *o).total_cmp(&error(*u, *p)))
                    .map(|(flow, (t, o))| (flow, t, o)),
            });
        }
    }
    rows
}

/// FCT of a flow that did not finish, in a dataset's column.
const UNFINISHED: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn run(slowdown: &[f64], cpu_s: f64) -> RunResults {
        RunResults {
            fingerprint: "a".into(),
            slowdown: slowdown.into(),
            start_ns: vec![0; slowdown.len()].into(),
            fct_ns: vec![0; slowdown.len()].into(),
            wall_s: cpu_s,
            cpu_s,
            timed_alone: true,
            packets: 0,
            events: 0,
        }
    }

    fn scenario(mix_id: u64, runs: Vec<(&str, RunResults)>) -> ScenarioResults {
        ScenarioResults {
            mix_id,
            digest: mix_id.to_string(),
            attributes: Attributes { max_load: 0.5, delivered_load: 0.54, ..Attributes::default() },
            size_bytes: vec![500, 500, 20_000].into(),
            ideal_fct_ns: vec![1, 1, 1].into(),
            runs: runs.into_iter().map(|(b, r)| (b.to_owned(), r)).collect(),
            missing: BTreeMap::new(),
            details: crate::dataset::Details::default(),
        }
    }

    #[test]
    fn overall_is_the_mean_over_scenarios_and_unfinished_flows_are_left_out() {
        let dataset = Dataset {
            scenarios: vec![
                scenario(0, vec![("packet", run(&[2.0, 4.0, 1.0], 10.0)), ("flowsim", run(&[1.0, 4.0, 1.0], 1.0))]),
                scenario(
                    1,
                    vec![("packet", run(&[2.0, 2.0, f64::NAN], 20.0)), ("flowsim", run(&[1.0, 1.0, 9.0], 2.0))],
                ),
                scenario(2, vec![("packet", run(&[1.0, 1.0, 1.0], 1.0))]),
            ],
        };
        let c = compare(&dataset, "packet");
        assert_eq!(c.scenarios.len(), 2);
        let overall = &c.overall[0];
        assert_eq!((overall.scenarios, overall.all.flows), (2, 5));
        assert!((overall.all.mean - (0.5 / 3.0 + 0.5) / 2.0).abs() < 1e-12);
        assert!((overall.all.bias + (0.5 / 3.0 + 0.5) / 2.0).abs() < 1e-12);
        assert_eq!(overall.speed_up(), 10.0);
        assert_eq!(overall.buckets[0].map(|b| b.mean), Some((0.25 + 0.5) / 2.0));
        assert_eq!(overall.buckets[1], None);
        assert_eq!(overall.buckets[2].map(|b| b.flows), Some(1));
        assert_eq!(c.warnings.len(), 1, "{:?}", c.warnings);
    }

    #[test]
    fn runs_of_several_versions_of_a_backend_are_noticed() {
        let other = RunResults { fingerprint: "b".into(), ..run(&[1.0; 3], 1.0) };
        let one = |mix, m4: RunResults| scenario(mix, vec![("packet", run(&[1.0; 3], 1.0)), ("m4", m4)]);
        let versions =
            |last: RunResults| mixed_versions(&Dataset { scenarios: vec![one(0, run(&[1.0; 3], 1.0)), one(1, last)] });
        assert_eq!(versions(run(&[2.0; 3], 1.0)), Vec::<String>::new());
        let said = versions(other);
        assert!(said.len() == 1 && said[0].starts_with("m4: its runs are of 2 versions"), "{said:?}");
    }

    #[test]
    fn flows_agree_if_their_fate_is_the_same_to_the_nanosecond() {
        let mut truth = run(&[1.0; 3], 1.0);
        truth.fct_ns = vec![100, 200, UNFINISHED].into();
        let mut other = truth.clone();
        other.fct_ns = vec![100, 210, UNFINISHED].into();
        let dataset = Dataset { scenarios: vec![scenario(4, vec![("packet", truth), ("other", other)])] };
        let rows = flow_by_flow(&dataset, "packet");
        assert_eq!((rows[0].equal, rows[0].flows, rows[0].worst), (2, 3, Some((1, 200, 210))));
    }

    #[test]
    fn a_load_off_by_more_than_ten_percent_is_said() {
        let mut attributes = scenario(7, vec![]).attributes;
        assert_eq!(load_warning(7, &attributes), None);
        attributes.delivered_load = 0.56;
        assert!(load_warning(7, &attributes).is_some_and(|w| w.contains("mix 7") && w.contains("+12 %")));
    }
}
