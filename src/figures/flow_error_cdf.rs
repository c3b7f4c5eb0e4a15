//! `flow-error-cdf`: how far single flows are off, pooled over scenarios.
//!
//! Two panels: the size of the relative error |ŝ − s| ÷ s of the slowdown on a logarithmic axis, and the signed error
//! (ŝ − s) ÷ s, which shows on which side a backend errs. Flows count that both runs finished. A stored `floor` is drawn too:
//! below its curve nobody can tell an estimate from the truth.

use super::axis::Axis;
use super::canvas::{Canvas, DrawResult};
use super::cdf;
use super::error::FigureError;
use super::grid::{Grid, is_narrow};
use super::legend::{self, Entry};
use super::panel::{ABOVE, BELOW, Panel};
use super::scope::{Scope, counted};
use super::style;
use super::table::{Cell, Table};
use super::{Figure, Needs, Request, Size};
use crate::dataset::Dataset;
use crate::statistics::sorted;

/// The figure.
pub struct FlowErrorCdf;

const COLUMNS: &[&str] = &["panel", "flows", "backend", "error_percent", "cdf"];
const NAME: &str = "flow-error-cdf";
const NEEDS: Needs = Needs { baseline: true, backends: 2, only_if_named: &[] };
const SIZE: &str = "magnitude";
const SIGNED: &str = "signed";
/// Where the logarithmic axis begins, in percent; smaller errors are drawn there.
const SMALLEST: f64 = 0.01;
const HEIGHT: f64 = 120.0;

impl Figure for FlowErrorCdf {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "CDF over flows of the relative error of the slowdown, and of its sign"
    }

    fn needs(&self) -> Needs {
        NEEDS
    }

    fn data(&self, dataset: &Dataset, request: &Request) -> Result<Table, FigureError> {
        let scope = Scope::of(NAME, NEEDS, dataset, request)?;
        let baseline = scope.baseline.clone().ok_or(FigureError::NoBaseline { figure: NAME })?;
        let others: Vec<String> = scope.compared().cloned().collect();
        let mut table = Table::new(COLUMNS, scope);
        let mut curves = Vec::new();
        for id in &others {
            let signed = sorted(signed_errors(dataset, &table.scope, &baseline, id));
            if signed.is_empty() {
                let lacking = format!("no flow was finished by both {id} and {baseline}");
                return Err(FigureError::Lacking { figure: NAME, lacking });
            }
            let size = sorted(signed.iter().map(|e| e.abs()).collect());
            curves.push((id, size.len(), [(SIZE, size), (SIGNED, signed)]));
        }
        let corners = |values: &Vec<f64>| cdf::staircase(values, values.len());
        for panel in 0..2 {
            let name = if panel == 0 { SIZE } else { SIGNED };
            let all: Vec<Vec<(f64, f64)>> = curves.iter().map(|(_, _, c)| corners(&c[panel].1)).collect();
            let axis = axis(name, &all);
            for ((id, flows, _), corners) in curves.iter().zip(&all) {
                let width = style::DOUBLE_COLUMN / 2.0;
                let place = |(x, y): (f64, f64)| (axis.place(x).clamp(-0.1, 1.1) * width, y * HEIGHT);
                for (value, share) in cdf::thinned(corners, place, style::PRECISION) {
                    let (flows, backend) = (Cell::Count(*flows as u64), Cell::from(id.as_str()));
                    table.push(vec![Cell::from(name), flows, backend, Cell::Number(value), Cell::Number(share)]);
                }
            }
        }
        super::error_cdf::note_floor(&mut table, dataset);
        Ok(table)
    }

    fn caption(&self, table: &Table) -> String {
        format!(
            "Error of the slowdown of single flows against {}: left |ŝ − s| ÷ s (errors below {SMALLEST} % at the left end), \
             right (ŝ − s) ÷ s (negative: too fast; axis to the 0.5th and 99.5th percentile). All flows that both \
             finished, pooled. {}",
            table.scope.baseline.as_deref().unwrap_or_default(),
            table.remarks()
        )
    }

    fn size(&self, table: &Table, width: f64) -> Size {
        Size { width, height: grid(table, width).bottom(2) + BELOW + 2.0 }
    }

    fn draw(&self, table: &Table, canvas: &Canvas) -> DrawResult {
        legend::draw(canvas, &entries(table))?;
        let grid = grid(table, canvas.width());
        let looks = style::looks(&table.scope.backends);
        for (i, name) in [SIZE, SIGNED].into_iter().enumerate() {
            let of = |id: &str| -> Vec<(f64, f64)> {
                table
                    .select("panel", name, "backend", id)
                    .map(|r| (r.number("error_percent"), r.number("cdf")))
                    .collect()
            };
            let curves: Vec<Vec<(f64, f64)>> = table.scope.backends.iter().map(|id| of(id)).collect();
            let x = axis(name, &curves);
            let panel = Panel { frame: grid.frame(i), x, y: Axis::linear(0.0, 1.03) };
            panel.axes(canvas, true, grid.leftmost(i))?;
            let flows = table.select_all("panel", name).map(|r| r.number("flows") as usize).max().unwrap_or(0);
            let title = if i == 0 { "size of the error" } else { "signed error" };
            panel.heading(canvas, title, &format!("n = {}", counted(flows, "flow")))?;
            panel.x_label(canvas, if i == 0 { "|ŝ − s| ÷ s (%)" } else { "(ŝ − s) ÷ s (%)" })?;
            if grid.leftmost(i) {
                panel.y_label(canvas, "share of flows", grid.left - 9.0)?;
            }
            for (curve, look) in curves.iter().zip(&looks).filter(|(curve, _)| !curve.is_empty()) {
                let shown: Vec<(f64, f64)> = curve.iter().map(|(v, share)| (v.max(x.low), *share)).collect();
                panel.curve(canvas, if i == 0 { &shown } else { curve }, look, style::CURVE)?;
            }
        }
        Ok(())
    }
}

fn entries(table: &Table) -> Vec<Entry> {
    legend::backends(&table.scope, false, |id| table.scope.baseline.as_deref() != Some(id))
}

fn grid(table: &Table, page: f64) -> Grid {
    Grid {
        page,
        columns: 2,
        left: if is_narrow(page) { 34.0 } else { 40.0 },
        right: if is_narrow(page) { 9.0 } else { 14.0 },
        gap: if is_narrow(page) { 16.0 } else { 26.0 },
        top: legend::height(&entries(table), page) + ABOVE,
        height: if is_narrow(page) { 84.0 } else { HEIGHT },
        between: 0.0,
    }
}

/// The axis of a panel: to where every curve has passed 99.9 %, or between the 0.5th and the 99.5th percentile.
fn axis(panel: &str, curves: &[Vec<(f64, f64)>]) -> Axis {
    let at = |share: f64| curves.iter().filter_map(move |c| cdf::reaches(c, share)).filter(|v| v.is_finite());
    if panel == SIZE {
        return Axis::log(SMALLEST, super::axis::round_up(at(0.999).fold(1.0, f64::max).min(1e6)));
    }
    Axis::spanning(at(0.005).fold(-1.0, f64::min).max(-1e6), at(0.995).fold(1.0, f64::max).min(1e6))
}

/// Signed errors in percent of all flows that both finished.
fn signed_errors(dataset: &Dataset, scope: &Scope, baseline: &str, id: &str) -> Vec<f64> {
    let pairs = scope.selected(dataset).filter_map(|s| s.pairs(baseline, id)).flatten();
    let usable = pairs.filter(|(truth, other, _)| truth.is_finite() && *truth > 0.0 && other.is_finite());
    usable.map(|(truth, other, _)| 100.0 * (other - truth) / truth).collect()
}
