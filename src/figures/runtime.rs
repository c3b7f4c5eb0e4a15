//! `runtime`: what each backend costs, as distributions over scenarios.
//!
//! CPU seconds and wall-clock seconds of each run, and with a baseline the speed-up (baseline's CPU time ÷ the other's).
//! Speed-up is told in CPU time because wall time depends on what else the machine did; runs that were timed beside
//! others are counted in the caption and named in the panel's title. `ideal` is a formula whose cost nobody asks for, `floor`
//! is `packet` again; they are shown only if named.

use super::axis::{Scale, significant};
use super::canvas::{Canvas, DrawResult};
use super::error::FigureError;
use super::scenario_cdf::{self, Distribution, Value, short};
use super::scope::{Scope, counted, thousands};
use super::table::{Cell, Table};
use super::{Figure, Needs, Request, Size};
use crate::dataset::{Dataset, RunResults};

/// The figure.
pub struct Runtime;

const COLUMNS: &[&str] = &["statistic", "backend", "mix_id", "scenario", "value", "cdf", "median", "timed_alone"];
const NAME: &str = "runtime";
const NEEDS: Needs = Needs { baseline: false, backends: 1, only_if_named: &["ideal", "floor"] };
const CPU: &str = "cpu_s";
const WALL: &str = "wall_s";
const SPEED_UP: &str = "speed_up";

impl Figure for Runtime {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "wall and CPU time per scenario, and the speed-up over the baseline"
    }

    fn needs(&self) -> Needs {
        NEEDS
    }

    fn data(&self, dataset: &Dataset, request: &Request) -> Result<Table, FigureError> {
        let scope = Scope::of(NAME, NEEDS, dataset, request)?;
        let (ids, baseline) = (scope.backends.clone(), scope.baseline.clone());
        let mut table = Table::new(COLUMNS, scope);
        for id in &ids {
            add(&mut table, dataset, CPU, id, |run, _| run.cpu_s);
        }
        for id in &ids {
            add(&mut table, dataset, WALL, id, |run, _| run.wall_s);
        }
        for id in ids.iter().filter(|id| baseline.is_some() && Some(*id) != baseline.as_ref()) {
            add(&mut table, dataset, SPEED_UP, id, |run, baseline| {
                baseline.filter(|b| b.cpu_s > 0.0 && run.cpu_s > 0.0).map_or(f64::NAN, |b| b.cpu_s / run.cpu_s)
            });
        }
        notes(&mut table, dataset);
        Ok(table)
    }

    fn caption(&self, table: &Table) -> String {
        let speed_up = table.scope.baseline.as_ref().map_or(String::new(), |id| {
            format!(", and speed-up over {id} (its CPU time ÷ the backend's, same scenario)")
        });
        format!("CPU time and wall-clock time per scenario{speed_up}, one mark per scenario. {}", table.remarks())
    }

    fn size(&self, table: &Table, width: f64) -> Size {
        scenario_cdf::size(table, width)
    }

    fn draw(&self, table: &Table, canvas: &Canvas) -> DrawResult {
        let beside = table.select_all("statistic", WALL).any(|row| row.number("timed_alone") == 0.0);
        let wall = if beside { "wall time (beside others)" } else { "wall time" };
        let panel = |statistic, title: String, label, median| Distribution {
            statistic,
            title,
            label,
            scale: Scale::Log,
            median,
        };
        let mut panels = vec![
            panel(CPU, "CPU time".to_string(), "CPU time (s)", seconds as fn(f64) -> String),
            panel(WALL, wall.to_string(), "wall-clock time (s)", seconds),
        ];
        if let Some(id) = table.scope.baseline.as_ref().filter(|_| table.distinct("statistic").contains(&SPEED_UP)) {
            let title = format!("speed-up over {id}");
            panels.push(panel(SPEED_UP, title, "ratio of CPU times", |ratio| format!("×{}", significant(ratio))));
        }
        scenario_cdf::draw(table, canvas, &panels)
    }
}

/// Adds one statistic of one backend; values that are not numbers are left out.
fn add(
    table: &mut Table,
    dataset: &Dataset,
    statistic: &str,
    id: &str,
    of: impl Fn(&RunResults, Option<&RunResults>) -> f64,
) {
    let baseline = table.scope.baseline.as_ref();
    let value = |scenario: &crate::dataset::ScenarioResults| {
        let run = &scenario.runs[id];
        let value = of(run, baseline.and_then(|b| scenario.runs.get(b)));
        let extra = Cell::Count(u64::from(run.timed_alone));
        Value { mix_id: scenario.mix_id, scenario: short(&scenario.digest), value, extra }
    };
    let values: Vec<Value> = table.scope.selected(dataset).map(value).filter(|v| v.value.is_finite()).collect();
    scenario_cdf::push(table, statistic, id, values);
}

/// Sentences on runs that are not comparable.
fn notes(table: &mut Table, dataset: &Dataset) {
    let runs = || {
        let ids = || table.scope.backends.iter();
        table.scope.selected(dataset).flat_map(move |s| ids().map(move |id| (id, &s.runs[id])))
    };
    let beside = runs().filter(|(_, run)| !run.timed_alone).count();
    let (total, zero) = (runs().count(), runs().filter(|(_, run)| run.cpu_s <= 0.0).count());
    let mut sentences = Vec::new();
    if beside > 0 {
        sentences.push(format!(
            "{} of {} were timed beside others, so only CPU times are comparable.",
            thousands(beside as u64),
            counted(total, "run")
        ));
    } else {
        sentences.push("Every run was timed alone on the machine.".to_string());
    }
    if zero > 0 {
        sentences.push(format!(
            "{} took no measurable CPU time: drawn at the left end, without speed-up.",
            counted(zero, "run")
        ));
    }
    table.notes.extend(sentences);
}

/// A duration with three significant digits.
fn seconds(s: f64) -> String {
    match s {
        s if s > 0.0 && s < 1e-3 => format!("{} µs", significant(s * 1e6)),
        s if s > 0.0 && s < 1.0 => format!("{} ms", significant(s * 1e3)),
        s => format!("{} s", significant(s)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        let texts = [0.0, 12.34e-6, 0.0456, 7.891, 160_604.0].map(seconds);
        assert_eq!(texts, ["0 s", "12.3 µs", "45.6 ms", "7.89 s", "161,000 s"]);
    }
}
