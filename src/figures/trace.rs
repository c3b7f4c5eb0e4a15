//! `trace`: slowdowns of single flows in the order of their starts, truth and estimates.
//!
//! One scenario (the first asked for: choose with a filter) and a range of flows: the one asked for, else 60 from the middle.
//! Flows that a backend did not finish have no mark and interrupt its line.

use super::axis::{Axis, round_down, round_up};
use super::canvas::{Canvas, DrawResult};
use super::error::FigureError;
use super::grid::{Grid, is_narrow};
use super::legend::{self, Entry};
use super::panel::{BELOW, Panel};
use super::scenario_cdf::short;
use super::scope::{Scope, thousands};
use super::style;
use super::table::{Cell, Table};
use super::{Figure, Needs, Request, Size};
use crate::dataset::Dataset;

/// The figure.
pub struct Trace;

const COLUMNS: &[&str] = &["mix_id", "scenario", "flow", "size_bytes", "backend", "start_ns", "slowdown"];
const NAME: &str = "trace";
const NEEDS: Needs = Needs { baseline: false, backends: 1, only_if_named: &["ideal", "floor"] };
/// Flows if none are asked for.
const FLOWS: usize = 60;
/// More would be an inkblot.
const MOST: usize = 2000;
/// More flows are drawn without marks.
const MARKED: usize = 120;

impl Figure for Trace {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "slowdown of single flows in order of their starts (one scenario; --filter mix=N --flows FROM..TO)"
    }

    fn needs(&self) -> Needs {
        NEEDS
    }

    fn data(&self, dataset: &Dataset, request: &Request) -> Result<Table, FigureError> {
        let mut scope = Scope::of(NAME, NEEDS, dataset, request)?;
        let first = scope.scenarios[0];
        let others = scope.scenarios.len() - 1;
        scope.restrict(dataset, vec![first]);
        let scenario = &dataset.scenarios[first];
        let total = scenario.size_bytes.len();
        let (from, count) = request.flows.unwrap_or((total.saturating_sub(FLOWS) / 2, FLOWS));
        let to = from.saturating_add(count.min(MOST)).min(total);
        if from >= to {
            let lacking = format!("mix {} has {} flows, none from {from}", scenario.mix_id, thousands(total as u64));
            return Err(FigureError::Lacking { figure: NAME, lacking });
        }
        let mut table = Table::new(COLUMNS, scope);
        for id in table.scope.backends.clone() {
            let run = &scenario.runs[&id];
            for flow in from..to {
                table.push(vec![
                    Cell::Count(scenario.mix_id),
                    Cell::Text(short(&scenario.digest)),
                    Cell::Count(flow as u64),
                    Cell::Count(scenario.size_bytes[flow]),
                    Cell::from(id.as_str()),
                    Cell::Count(run.start_ns[flow]),
                    Cell::Number(run.slowdown[flow]),
                ]);
            }
        }
        let range =
            format!("Flows {} to {} of {}", thousands(from as u64), thousands(to as u64 - 1), thousands(total as u64));
        table.notes.push(format!("{range}, numbered by start from 0; sizes and starts are in the table."));
        if others > 0 {
            table.notes.push(format!("{others} other scenarios are not shown (choose with a filter)."));
        }
        Ok(table)
    }

    fn caption(&self, table: &Table) -> String {
        let baseline = table.scope.baseline.as_ref().map_or(String::new(), |id| format!(" Baseline: {id}."));
        format!("Slowdown (FCT ÷ ideal FCT) flow by flow, one mark per flow.{baseline} {}", table.remarks())
    }

    fn size(&self, table: &Table, width: f64) -> Size {
        Size { width, height: grid(table, width).bottom(1) + BELOW + 2.0 }
    }

    fn draw(&self, table: &Table, canvas: &Canvas) -> DrawResult {
        legend::draw(canvas, &entries(table))?;
        let grid = grid(table, canvas.width());
        let numbers = |column: &'static str| table.all().map(move |row| row.number(column));
        let finite: Vec<f64> = numbers("slowdown").filter(|s| s.is_finite() && *s > 0.0).collect();
        let low = finite.iter().copied().fold(1.0, f64::min);
        let low = if low >= 0.99 { 0.94 } else { round_down(low) };
        let high = round_up(finite.iter().copied().fold(2.0, f64::max) * 1.05);
        let (from, to) = (numbers("flow").fold(f64::MAX, f64::min), numbers("flow").fold(0.0, f64::max));
        let panel = Panel { frame: grid.frame(0), x: Axis::linear(from - 0.7, to + 0.7), y: Axis::log(low, high) };
        panel.axes(canvas, true, true)?;
        panel.x_label(canvas, "flow, by start")?;
        panel.y_label(canvas, "slowdown", grid.left - 9.0)?;
        let looks = style::looks(&table.scope.backends);
        let marked = to - from < MARKED as f64;
        for (id, look) in table.scope.backends.iter().zip(&looks) {
            let all: Vec<(f64, f64)> =
                table.select_all("backend", id).map(|r| (r.number("flow"), r.number("slowdown"))).collect();
            let baseline = table.scope.baseline.as_ref() == Some(id);
            let width = if baseline { style::BASELINE_CURVE } else { style::CURVE * 0.8 };
            for piece in all.split(|(_, s)| !s.is_finite()) {
                panel.curve(canvas, piece, look, width)?;
                if marked {
                    panel.marks(canvas, piece, look, if baseline { style::MARK } else { style::SMALL_MARK })?;
                }
            }
        }
        Ok(())
    }
}

fn entries(table: &Table) -> Vec<Entry> {
    legend::backends(&table.scope, true, |_| true)
}

fn grid(table: &Table, page: f64) -> Grid {
    Grid {
        page,
        columns: 1,
        left: 36.0,
        right: 10.0,
        gap: 0.0,
        top: legend::height(&entries(table), page) + 4.0,
        height: if is_narrow(page) { 110.0 } else { 140.0 },
        between: 0.0,
    }
}
