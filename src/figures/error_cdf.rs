//! `error-cdf`: how far each backend is from the baseline, as distributions over scenarios.
//!
//! Three panels: mean and 90th percentile of the per-flow relative error of the slowdown, and the relative error of its
//! 99th percentile (definitions: `statistics`, those of the m4 paper). Flows count that both runs finished.

use super::axis::{Scale, significant};
use super::canvas::{Canvas, DrawResult};
use super::error::{FigureError, Missing};
use super::scenario_cdf::{self, Distribution, Value, short};
use super::scope::{Scope, mix_ranges, thousands};
use super::table::{Cell, Table};
use super::{Figure, Needs, Request, Size};
use crate::dataset::{Dataset, ScenarioResults};
use crate::statistics::{ErrorSummary, errors};

/// The figure.
pub struct ErrorCdf;

const COLUMNS: &[&str] = &["statistic", "backend", "mix_id", "scenario", "value", "cdf", "median", "flows"];
const NAME: &str = "error-cdf";
const NEEDS: Needs = Needs { baseline: true, backends: 2, only_if_named: &[] };
/// Statistic in the table and its title.
const STATISTICS: [(&str, &str); 3] = [
    ("mean_error_percent", "mean per-flow error"),
    ("p90_error_percent", "p90 per-flow error"),
    ("p99_slowdown_error_percent", "p99 slowdown error"),
];
/// Errors further apart than this are drawn on logarithmic axes.
const WIDE: f64 = 50.0;

impl Figure for ErrorCdf {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "CDF over scenarios of the mean, p90 and p99 error against the baseline"
    }

    fn needs(&self) -> Needs {
        NEEDS
    }

    fn data(&self, dataset: &Dataset, request: &Request) -> Result<Table, FigureError> {
        let mut scope = Scope::of(NAME, NEEDS, dataset, request)?;
        let baseline = scope.baseline.clone().ok_or(FigureError::NoBaseline { figure: NAME })?;
        let others: Vec<String> = scope.compared().cloned().collect();
        let summaries = |s: &ScenarioResults| -> Vec<Option<ErrorSummary>> {
            others.iter().map(|id| compared(s, &baseline, id)).collect()
        };
        let all: Vec<(usize, Vec<Option<ErrorSummary>>)> =
            scope.scenarios.iter().map(|i| (*i, summaries(&dataset.scenarios[*i]))).collect();
        let (kept, void): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, s)| s.iter().all(Option::is_some));
        if kept.is_empty() {
            return Err(nothing_common(dataset, &others, &void));
        }
        scope.restrict(dataset, kept.iter().map(|(i, _)| *i).collect());
        let mut table = Table::new(COLUMNS, scope);
        for (statistic, _) in STATISTICS {
            for (at, id) in others.iter().enumerate() {
                let of = |(i, summaries): &(usize, Vec<Option<ErrorSummary>>)| {
                    summaries[at].map(|summary| row(&dataset.scenarios[*i], statistic, &summary))
                };
                scenario_cdf::push(&mut table, statistic, id, kept.iter().filter_map(of).collect());
            }
        }
        notes(&mut table, dataset, &others, &kept, &void);
        note_floor(&mut table, dataset);
        Ok(table)
    }

    fn caption(&self, table: &Table) -> String {
        let baseline = table.scope.baseline.as_deref().unwrap_or_default();
        format!(
            "Error of the slowdown against {baseline}, one mark per scenario: mean and 90th percentile over flows of \
             |ŝ − s| ÷ s (matched flows), and |P99(ŝ) − P99(s)| ÷ P99(s). {}",
            table.remarks()
        )
    }

    fn size(&self, table: &Table, width: f64) -> Size {
        scenario_cdf::size(table, width)
    }

    fn draw(&self, table: &Table, canvas: &Canvas) -> DrawResult {
        let scale = scale(table);
        let panel = |(statistic, title): (&'static str, &str)| Distribution {
            statistic,
            title: title.to_string(),
            label: "error (%)",
            scale,
            median: |percent| match percent {
                p if p > 0.0 && p < 0.001 => "< 0.001 %".to_string(),
                p => format!("{} %", significant(p)),
            },
        };
        scenario_cdf::draw(table, canvas, &STATISTICS.map(panel))
    }
}

/// Errors of one run, over the flows that both finished and whose slowdowns are numbers.
pub fn compared(scenario: &ScenarioResults, baseline: &str, id: &str) -> Option<ErrorSummary> {
    let pairs = scenario.pairs(baseline, id)?;
    let usable = pairs.iter().filter(|(truth, other, _)| truth.is_finite() && *truth > 0.0 && other.is_finite());
    errors(&usable.map(|(truth, other, _)| (*truth, *other)).collect::<Vec<_>>())
}

/// Says that there is no floor, where there is none: without it nobody knows which errors mean something.
pub fn note_floor(table: &mut Table, dataset: &Dataset) {
    if !dataset.scenarios.iter().any(|s| s.runs.contains_key("floor")) {
        table.notes.push("No `floor` run is stored, so the error that chaos alone makes is not shown.".to_string());
    }
}

fn row(scenario: &ScenarioResults, statistic: &str, summary: &ErrorSummary) -> Value {
    let error = match statistic {
        "mean_error_percent" => summary.mean,
        "p90_error_percent" => summary.p90,
        _ => summary.p99,
    };
    Value {
        mix_id: scenario.mix_id,
        scenario: short(&scenario.digest),
        value: 100.0 * error,
        extra: Cell::Count(summary.flows as u64),
    }
}

/// One scale for all panels: logarithmic if the errors differ by more than [`WIDE`].
fn scale(table: &Table) -> Scale {
    let of = |(statistic, _): (&str, &str)| -> Vec<f64> {
        let ids = table.scope.backends.iter();
        ids.flat_map(|id| table.select("statistic", statistic, "backend", id).map(|r| r.number("value"))).collect()
    };
    let wide = STATISTICS.into_iter().filter(|s| {
        let positive: Vec<f64> = of(*s).into_iter().filter(|v| *v > 0.0).collect();
        let (low, high) = positive.iter().fold((f64::MAX, 0.0f64), |(l, h), v| (l.min(*v), h.max(*v)));
        high > WIDE * low
    });
    if wide.count() >= 2 { Scale::Log } else { Scale::Linear }
}

fn nothing_common(dataset: &Dataset, others: &[String], void: &[(usize, Vec<Option<ErrorSummary>>)]) -> FigureError {
    let gap = |(at, id): (usize, &String)| {
        let without = void.iter().filter(|(_, s)| s[at].is_none());
        let mixes: Vec<u64> = without.map(|(i, _)| dataset.scenarios[*i].mix_id).collect();
        let reasons = vec!["no flow finished by both it and the baseline".to_string()];
        (!mixes.is_empty()).then(|| Missing { backend: id.clone(), mixes, reasons })
    };
    let missing = others.iter().enumerate().filter_map(gap).collect();
    FigureError::MissingData { figure: NAME, scenarios: dataset.scenarios.len(), missing }
}

/// Sentences on flows and scenarios that are not compared.
fn notes(
    table: &mut Table,
    dataset: &Dataset,
    others: &[String],
    kept: &[(usize, Vec<Option<ErrorSummary>>)],
    void: &[(usize, Vec<Option<ErrorSummary>>)],
) {
    let flows: usize = kept.iter().map(|(i, _)| dataset.scenarios[*i].size_bytes.len()).sum();
    let lost = |(at, id): (usize, &String)| {
        let compared: usize = kept.iter().filter_map(|(_, s)| s[at]).map(|summary| summary.flows).sum();
        (compared < flows).then(|| format!("{id} {}", thousands((flows - compared) as u64)))
    };
    let lost: Vec<String> = others.iter().enumerate().filter_map(lost).collect();
    let mut text = format!("{} flows", thousands(flows as u64));
    if !lost.is_empty() {
        text += &format!("; not compared, because it or the baseline did not finish them: {}", lost.join(", "));
    }
    table.notes.push(text + ".");
    if !void.is_empty() {
        let mixes: Vec<u64> = void.iter().map(|(i, _)| dataset.scenarios[*i].mix_id).collect();
        let ids = mix_ranges(&mixes);
        table
            .notes
            .push(format!("Left out, because a backend and the baseline have no finished flow in common: mix {ids}."));
    }
    let largest = table.all().map(|row| row.number("value")).fold(0.0, f64::max);
    if scale(table) == Scale::Log && table.all().any(|row| row.number("value") < largest * scenario_cdf::SMALLEST) {
        table
            .notes
            .push("Errors of 0 and below one 100,000th of the largest lie at or left of the left end.".to_string());
    }
}
