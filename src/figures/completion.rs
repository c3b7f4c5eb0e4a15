//! `completion`: how long a closed-loop application takes, against its in-flight limit.
//!
//! Completion time: from the first release to the last delivery of a scenario's flows. One mark per scenario, lines through the
//! medians of equal limits; limits stand at equal distances. Runs that left flows unfinished have no completion time. Left out:
//! scenarios without a limit.

use super::axis::Axis;
use super::canvas::{Canvas, DrawResult};
use super::error::FigureError;
use super::grid::{Grid, is_narrow};
use super::legend::{self, Entry};
use super::panel::{BELOW, Panel};
use super::scenario_cdf::short;
use super::scope::Scope;
use super::style;
use super::table::{Cell, Table};
use super::{Figure, Needs, Request, Size, last_delivery_ns};
use crate::dataset::{Dataset, RunResults, ScenarioResults};
use crate::statistics::{quantile, sorted};

/// The figure.
pub struct Completion;

const COLUMNS: &[&str] = &["max_inflight", "backend", "mix_id", "scenario", "flows", "completion_ms"];
const NAME: &str = "completion";
const NEEDS: Needs = Needs { baseline: false, backends: 1, only_if_named: &["ideal", "floor"] };

impl Figure for Completion {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "completion time of closed-loop applications against the in-flight limit"
    }

    fn needs(&self) -> Needs {
        NEEDS
    }

    fn data(&self, dataset: &Dataset, request: &Request) -> Result<Table, FigureError> {
        let limited = |s: &ScenarioResults| s.attributes.max_inflight_flows > 0;
        if !dataset.scenarios.iter().any(|s| limited(s) && request.keeps(s)) {
            let lacking = "no closed-loop scenario (`max_inflight_flows` in the mix, `--enable-app`)".to_string();
            return Err(FigureError::Lacking { figure: NAME, lacking });
        }
        let closed = Dataset { scenarios: dataset.scenarios.iter().filter(|s| limited(s)).cloned().collect() };
        let scope = Scope::of(NAME, NEEDS, &closed, request)?;
        let mut table = Table::new(COLUMNS, scope);
        let mut scenarios: Vec<&ScenarioResults> = table.scope.selected(&closed).collect();
        scenarios.sort_by_key(|s| (s.attributes.max_inflight_flows, s.mix_id));
        let mut unfinished = Vec::new();
        for id in table.scope.backends.clone() {
            let mut left = 0;
            for s in &scenarios {
                let Some(ms) = completion_ms(&s.runs[&id]) else {
                    left += 1;
                    continue;
                };
                let head =
                    vec![Cell::Count(s.attributes.max_inflight_flows), Cell::Text(id.clone()), Cell::Count(s.mix_id)];
                let tail = vec![Cell::Text(short(&s.digest)), Cell::Count(s.size_bytes.len() as u64), Cell::Number(ms)];
                table.push([head, tail].concat());
            }
            unfinished.extend((left > 0).then(|| format!("{id} {left}")));
        }
        if table.rows.is_empty() {
            return Err(FigureError::Lacking { figure: NAME, lacking: "no run finished all its flows".into() });
        }
        if !unfinished.is_empty() {
            table.notes.push(format!("Runs without a mark, because flows did not finish: {}.", unfinished.join(", ")));
        }
        Ok(table)
    }

    fn caption(&self, table: &Table) -> String {
        let baseline = table.scope.baseline.as_ref().map_or(String::new(), |id| format!(" Baseline: {id}."));
        let limits: Vec<String> = limits(table).iter().map(|(limit, n)| format!("{limit}: {n}")).collect();
        format!(
            "Completion time of closed-loop applications (first release to last delivery) against the in-flight limit per group of senders; \
             one mark per scenario, lines: medians (n, scenarios by limit: {}).{baseline} {}",
            limits.join(", "),
            table.remarks()
        )
    }

    fn size(&self, table: &Table, width: f64) -> Size {
        Size { width, height: grid(table, width).bottom(1) + BELOW + 2.0 }
    }

    fn draw(&self, table: &Table, canvas: &Canvas) -> DrawResult {
        legend::draw(canvas, &entries(table))?;
        let grid = grid(table, canvas.width());
        let all: Vec<f64> = table.all().map(|row| row.number("completion_ms")).collect();
        let limits = limits(table);
        let panel = Panel { frame: grid.frame(0), x: Axis::linear(0.0, limits.len() as f64), y: Axis::fitting(&all) };
        panel.y_axis(canvas, true)?;
        panel.y_label(canvas, "completion time (ms)", grid.left - 9.0)?;
        let names: Vec<String> = limits.iter().map(|(limit, _)| limit.to_string()).collect();
        panel.categories(canvas, &names.iter().map(String::as_str).collect::<Vec<_>>())?;
        panel.x_label(canvas, "in-flight limit (flows)")?;
        let looks = style::looks(&table.scope.backends);
        for (b, (id, look)) in table.scope.backends.iter().zip(&looks).enumerate() {
            let shift = (b as f64 + 0.5) / looks.len() as f64 - 0.5;
            let mut medians = Vec::new();
            for (i, (limit, _)) in limits.iter().enumerate() {
                let rows = table.select_all("backend", id).filter(|row| row.number("max_inflight") as u64 == *limit);
                let values = sorted(rows.map(|row| row.number("completion_ms")).collect());
                let x = i as f64 + 0.5 + 0.3 * shift;
                medians.extend(quantile(&values, 0.5).map(|median| (x, median)));
                let marks: Vec<(f64, f64)> = values.iter().map(|v| (x, *v)).collect();
                panel.marks(canvas, &marks, look, style::SMALL_MARK)?;
            }
            let baseline = table.scope.baseline.as_ref() == Some(id);
            panel.curve(canvas, &medians, look, if baseline { style::BASELINE_CURVE } else { style::CURVE })?;
        }
        Ok(())
    }
}

/// From the first release to the last delivery, if every flow finished.
fn completion_ms(run: &RunResults) -> Option<f64> {
    let first = run.start_ns.iter().copied().min()?;
    let finished = run.fct_ns.iter().all(|fct| *fct != u64::MAX);
    finished.then(|| last_delivery_ns(run).saturating_sub(first) as f64 * 1e-6)
}

/// The limits, ascending, and the scenarios of each.
fn limits(table: &Table) -> Vec<(u64, usize)> {
    let mut limits: Vec<u64> = table.all().map(|row| row.number("max_inflight") as u64).collect();
    limits.sort_unstable();
    limits.dedup();
    let scenarios = |limit: u64| {
        let of =
            |id: &String| table.select_all("backend", id).filter(|r| r.number("max_inflight") as u64 == limit).count();
        table.scope.backends.iter().map(of).max().unwrap_or(0)
    };
    limits.into_iter().map(|limit| (limit, scenarios(limit))).collect()
}

fn entries(table: &Table) -> Vec<Entry> {
    legend::backends(&table.scope, true, |_| true)
}

fn grid(table: &Table, page: f64) -> Grid {
    Grid {
        page,
        columns: 1,
        left: 44.0,
        right: 10.0,
        gap: 0.0,
        top: legend::height(&entries(table), page) + 4.0,
        height: if is_narrow(page) { 110.0 } else { 140.0 },
        between: 0.0,
    }
}
