//! Errors by what a scenario is: congestion control, sizes, matrix, cluster, load, burstiness, buffer, window, true slowdown.
//!
//! A group's row is the plain mean over its scenarios, as overall rows are. An attribute that all scenarios share, or that has
//! more than ten different values (such as a size distribution of its own per mix), makes no groups.

use crate::compare::{Row, overall_row, scenario_row};
use crate::dataset::{Dataset, ScenarioResults};
use std::collections::BTreeMap;

/// Scenarios that have something in common, and how far each backend is off there.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// In what they are alike.
    pub by: &'static str,
    /// What they have there.
    pub value: String,
    /// A row per backend.
    pub rows: Vec<Row>,
}

/// Most groups per attribute.
const MOST: usize = 10;
/// Upper ends of the classes of load, buffer, window and true mean slowdown; the last class is open.
const LOADS: [f64; 3] = [0.4, 0.55, 0.7];
const BUFFERS_KIB: [f64; 3] = [120.0, 140.0, 160.0];
const WINDOWS_KB: [f64; 3] = [8.0, 11.0, 15.0];
const SLOWDOWNS: [f64; 3] = [1.6, 2.2, 3.5];

/// An attribute's name and how a scenario's value sorts and reads.
type Attribute = (&'static str, fn(&ScenarioResults, &str) -> Option<(usize, String)>);

const ATTRIBUTES: [Attribute; 10] = [
    ("congestion control", |s, _| Some((0, s.attributes.cc.clone()))),
    ("sizes", |s, _| Some((0, s.attributes.size_dist.clone()))),
    ("matrix", |s, _| Some((0, s.attributes.spatial.clone()))),
    ("cluster", |s, _| Some((0, s.attributes.cluster.clone()))),
    ("hosts", |s, _| Some((s.attributes.hosts as usize, s.attributes.hosts.to_string()))),
    ("max load", |s, _| class(&LOADS, s.attributes.max_load)),
    ("burstiness", |s, _| {
        Some(((s.attributes.lognorm_sigma * 100.0) as usize, s.attributes.lognorm_sigma.to_string()))
    }),
    ("buffer, KiB", |s, _| class(&BUFFERS_KIB, s.attributes.buffer_bytes as f64 / 1024.0)),
    ("window, KB", |s, _| class(&WINDOWS_KB, s.attributes.window_bytes as f64 / 1000.0)),
    ("true mean slowdown", |s, baseline| class(&SLOWDOWNS, mean_slowdown(s, baseline)?)),
];

/// Groups of the scenarios that `baseline` and at least one other backend have finished.
pub fn groups(dataset: &Dataset, baseline: &str, backends: &[String]) -> Vec<Group> {
    let mut all = Vec::new();
    for (by, value) in ATTRIBUTES {
        let mut classes: BTreeMap<(usize, String), Vec<&ScenarioResults>> = BTreeMap::new();
        for scenario in &dataset.scenarios {
            if let Some(class) = value(scenario, baseline) {
                classes.entry(class).or_default().push(scenario);
            }
        }
        if !(2..=MOST).contains(&classes.len()) {
            continue;
        }
        for ((_, value), scenarios) in classes {
            let row = |backend: &String| {
                let rows: Vec<Row> = scenarios.iter().filter_map(|s| scenario_row(s, baseline, backend)).collect();
                overall_row(backend, &rows)
            };
            let rows: Vec<Row> = backends.iter().filter_map(row).collect();
            if !rows.is_empty() {
                all.push(Group { by, value, rows });
            }
        }
    }
    all
}

/// The class of a value: its position, and its bounds as text.
fn class(tops: &[f64], value: f64) -> Option<(usize, String)> {
    let at = tops.partition_point(|top| *top <= value);
    let text = match (at.checked_sub(1).map(|i| tops[i]), tops.get(at)) {
        (None, Some(top)) => format!("below {top}"),
        (Some(bottom), Some(top)) => format!("{bottom} to {top}"),
        (bottom, None) => format!("from {}", bottom?),
    };
    Some((at, text))
}

fn mean_slowdown(scenario: &ScenarioResults, baseline: &str) -> Option<f64> {
    let finished: Vec<f64> = scenario.runs.get(baseline)?.slowdown.iter().copied().filter(|s| !s.is_nan()).collect();
    crate::statistics::mean(&finished)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Attributes, RunResults};

    fn run(slowdown: f64) -> RunResults {
        RunResults {
            fingerprint: "a".into(),
            slowdown: vec![slowdown; 2].into(),
            start_ns: vec![0; 2].into(),
            fct_ns: vec![0; 2].into(),
            wall_s: 1.0,
            cpu_s: 1.0,
            timed_alone: true,
            packets: 0,
            events: 0,
        }
    }

    #[test]
    fn scenarios_are_grouped_by_what_differs_and_values_are_means_over_them() {
        let scenario = |mix_id: u64, cc: &str, truth: f64, guess: f64| ScenarioResults {
            mix_id,
            digest: mix_id.to_string(),
            attributes: Attributes { cc: cc.into(), max_load: 0.5, ..Attributes::default() },
            size_bytes: vec![1, 1].into(),
            ideal_fct_ns: vec![1, 1].into(),
            runs: [("packet".into(), run(truth)), ("m4".into(), run(guess))].into(),
            missing: BTreeMap::new(),
            details: crate::dataset::Details::default(),
        };
        let scenarios =
            vec![scenario(0, "dctcp", 1.5, 1.5), scenario(1, "dctcp", 2.0, 3.0), scenario(2, "timely", 4.0, 3.0)];
        let groups = groups(&Dataset { scenarios }, "packet", &["m4".into()]);
        let of = |by: &str| {
            let of = groups.iter().filter(|g| g.by == by);
            of.map(|g| (g.value.as_str(), g.rows[0].scenarios, g.rows[0].all.mean)).collect::<Vec<_>>()
        };
        assert_eq!(of("congestion control"), [("dctcp", 2, 0.25), ("timely", 1, 0.25)]);
        let levels = of("true mean slowdown");
        assert_eq!(levels, [("below 1.6", 1, 0.0), ("1.6 to 2.2", 1, 0.5), ("from 3.5", 1, 0.25)]);
        assert!(of("max load").is_empty(), "they are all alike in it");
    }

    #[test]
    fn classes_include_their_lower_end() {
        let of = |v| class(&LOADS, v).expect("a class");
        assert_eq!(of(0.399), (0, "below 0.4".into()));
        assert_eq!(of(0.4), (1, "0.4 to 0.55".into()));
        assert_eq!(of(9.0), (3, "from 0.7".into()));
    }
}
