//! `density`: slowdown predicted against slowdown true, flow by flow, one panel per backend, as densities on logarithmic axes.
//!
//! Flows are counted in 48 × 48 cells of equal ratio; colour is the logarithm of the count, the same in all panels. On the
//! diagonal a backend is right, below it too fast. Flows beyond the axes (0.1 % at most on either) count in the outermost cells.

use super::axis::{Axis, round_up};
use super::canvas::{Canvas, DrawResult, Rect};
use super::error::FigureError;
use super::grid::{Grid, is_narrow};
use super::heat;
use super::panel::{ABOVE, BELOW, Panel};
use super::scope::{Scope, thousands};
use super::style;
use super::table::{Cell, Table};
use super::{Figure, Needs, Request, Size};
use crate::dataset::Dataset;
use crate::statistics::{quantile, sorted};

/// The figure.
pub struct Density;

const COLUMNS: &[&str] = &["backend", "true_from", "true_to", "predicted_from", "predicted_to", "flows", "all_flows"];
const NAME: &str = "density";
const NEEDS: Needs = Needs { baseline: true, backends: 2, only_if_named: &["ideal", "floor"] };
/// Cells along an axis.
const CELLS: usize = 48;

impl Figure for Density {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "predicted against true slowdown of every flow, as densities"
    }

    fn needs(&self) -> Needs {
        NEEDS
    }

    fn data(&self, dataset: &Dataset, request: &Request) -> Result<Table, FigureError> {
        let scope = Scope::of(NAME, NEEDS, dataset, request)?;
        let baseline = scope.baseline.clone().ok_or(FigureError::NoBaseline { figure: NAME })?;
        let others: Vec<String> = scope.compared().cloned().collect();
        let pairs = |id: &String| -> Vec<(f64, f64)> {
            let all = scope.selected(dataset).filter_map(|s| s.pairs(&baseline, id)).flatten();
            let usable = all.filter(|(t, o, _)| t.is_finite() && o.is_finite() && *t > 0.0 && *o > 0.0);
            usable.map(|(t, o, _)| (t, o)).collect()
        };
        let all: Vec<(String, Vec<(f64, f64)>)> = others.iter().map(|id| (id.clone(), pairs(id))).collect();
        if let Some((id, _)) = all.iter().find(|(_, pairs)| pairs.is_empty()) {
            let lacking = format!("no flow was finished by both {id} and {baseline}");
            return Err(FigureError::Lacking { figure: NAME, lacking });
        }
        let axis = axis(&all);
        let mut table = Table::new(COLUMNS, scope);
        table.x_range = Some((axis.low, axis.high));
        for (id, pairs) in &all {
            let mut counts = vec![0u64; CELLS * CELLS];
            let cell = |v: f64| ((axis.place(v) * CELLS as f64).max(0.0) as usize).min(CELLS - 1);
            pairs.iter().for_each(|(t, o)| counts[cell(*o) * CELLS + cell(*t)] += 1);
            let edge = |i: usize| Cell::Number(axis.low * (axis.high / axis.low).powf(i as f64 / CELLS as f64));
            for (at, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
                let (x, y) = (at % CELLS, at / CELLS);
                let counts = [Cell::Count(count), Cell::Count(pairs.len() as u64)];
                let edges = vec![edge(x), edge(x + 1), edge(y), edge(y + 1)];
                table.push([vec![Cell::Text(id.clone())], edges, counts.to_vec()].concat());
            }
        }
        Ok(table)
    }

    fn caption(&self, table: &Table) -> String {
        let baseline = table.scope.baseline.as_deref().unwrap_or_default();
        format!(
            "Slowdown of each flow under each backend (predicted) against its slowdown under {baseline} (true), all flows of the \
             scenarios pooled: number of flows per cell. Line: prediction = truth; below it the backend is too fast. Flows beyond the \
             axes count in the outermost cells. {}",
            table.remarks()
        )
    }

    fn size(&self, table: &Table, width: f64) -> Size {
        let panels = table.distinct("backend").len();
        Size { width, height: grid(table, width).bottom(panels) + BELOW + heat::BAR + 4.0 }
    }

    fn draw(&self, table: &Table, canvas: &Canvas) -> DrawResult {
        let names = table.distinct("backend");
        let grid = grid(table, canvas.width());
        let (low, high) = table.x_range.unwrap_or((1.0, 10.0));
        let axis = Axis::log(low, high);
        let most = table.all().map(|row| row.number("flows")).fold(2.0, f64::max);
        let counts = Axis::log(1.0, round_up(most));
        for (i, name) in names.iter().enumerate() {
            let panel = Panel { frame: grid.frame(i), x: axis, y: axis };
            panel.axes(canvas, i + grid.columns >= names.len(), grid.leftmost(i))?;
            cells(table, canvas, &panel, name, &counts)?;
            canvas.line(&[panel.place((low, low)), panel.place((high, high))], style::INK, 0.7)?;
            panel.edges(canvas)?;
            let flows = table.select_all("backend", name).next().map_or(0.0, |row| row.number("all_flows"));
            panel.heading(canvas, name, &format!("n = {}", thousands(flows as u64)))?;
            if i + grid.columns >= names.len() {
                panel.x_label(canvas, "true slowdown")?;
            }
            if grid.leftmost(i) {
                panel.y_label(canvas, "predicted slowdown", grid.left - 9.0)?;
            }
        }
        let y = grid.bottom(names.len()) + BELOW + 8.0;
        let width = 120.0;
        let bar = Rect { x: (canvas.width() - width) / 2.0 + 30.0, y, width, height: 8.0 };
        heat::bar(canvas, &counts, bar, "flows per cell")
    }
}

/// From 1 (or the smallest) to where 99.9 % of truth and predictions have passed.
fn axis(all: &[(String, Vec<(f64, f64)>)]) -> Axis {
    let (mut low, mut high) = (1.0f64, 2.0f64);
    for (_, pairs) in all {
        for values in [pairs.iter().map(|p| p.0).collect(), pairs.iter().map(|p| p.1).collect()] {
            let values = sorted(values);
            low = low.min(quantile(&values, 0.001).unwrap_or(1.0));
            high = high.max(quantile(&values, 0.999).unwrap_or(2.0));
        }
    }
    // A little below 1, so that flows that were never slowed do not hide in the axis line.
    let low = if low >= 0.99 { 0.95 } else { super::axis::round_down(low.max(1e-3)) };
    Axis::log(low, round_up(high.min(1e9)))
}

fn cells(table: &Table, canvas: &Canvas, panel: &Panel, name: &str, counts: &Axis) -> DrawResult {
    let frame = panel.frame;
    let mut steps = vec![vec![None; CELLS]; CELLS];
    for row in table.select_all("backend", name) {
        let middle = |from: &str, to: &str| (row.number(from) * row.number(to)).sqrt();
        let cell = |v: f64| ((panel.x.place(v) * CELLS as f64).max(0.0) as usize).min(CELLS - 1);
        let (x, y) = (cell(middle("true_from", "true_to")), cell(middle("predicted_from", "predicted_to")));
        steps[y][x] = heat::step(counts, row.number("flows"));
    }
    let height = frame.height / CELLS as f64;
    for (y, row) in steps.iter().enumerate() {
        heat::row(canvas, Rect { y: frame.bottom() - (y + 1) as f64 * height, height, ..frame }, row)?;
    }
    Ok(())
}

fn grid(table: &Table, page: f64) -> Grid {
    let narrow = is_narrow(page);
    let mut grid = Grid {
        page,
        columns: table.distinct("backend").len().clamp(2, if narrow { 2 } else { 4 }),
        left: 38.0,
        right: 10.0,
        gap: 12.0,
        top: ABOVE + 2.0,
        height: 0.0,
        between: ABOVE + 6.0,
    };
    if table.distinct("backend").len() == 1 {
        // One panel stands in the middle, as large as one of two.
        let room = page - grid.left - grid.right;
        let width = if narrow { 150.0 } else { 190.0 };
        (grid.columns, grid.left, grid.right) =
            (1, grid.left + (room - width) / 2.0, grid.right + (room - width) / 2.0);
    }
    grid.height = grid.width();
    grid
}
