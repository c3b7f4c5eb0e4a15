//! `matrix`: who sends to whom: flows from rack to rack as drawn, on a logarithmic colour scale, one panel per spatial matrix.
//!
//! Which rack of the cluster plays which rack of the matrix is drawn anew for every scenario, so scenarios cannot be pooled: each
//! panel is the first scenario asked for with that matrix. Pairs without a flow have no colour.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, DrawResult, Rect, shortened};
use super::error::FigureError;
use super::grid::{Grid, is_narrow};
use super::heat;
use super::panel::{ABOVE, Panel};
use super::scenario_cdf::short;
use super::scope::{Scope, thousands};
use super::style;
use super::table::{Cell, Table};
use super::{Detail, Figure, Needs, Request, Size};
use crate::dataset::{Dataset, ScenarioResults};

/// The figure.
pub struct Matrix;

const COLUMNS: &[&str] =
    &["matrix", "mix_id", "scenario", "racks", "from_rack", "to_rack", "flows", "bytes", "percent_of_flows"];
const NAME: &str = "matrix";
const NEEDS: Needs = Needs { baseline: false, backends: 0, only_if_named: &[] };
/// Panels.
const MOST: usize = 8;
/// Larger matrices are drawn in blocks of racks, so that cells stay visible and files small.
const MOST_CELLS: usize = 48;

impl Figure for Matrix {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "flows from rack to rack, as heat maps"
    }

    fn needs(&self) -> Needs {
        NEEDS
    }

    fn details(&self) -> &'static [Detail] {
        &[Detail::Traffic]
    }

    fn data(&self, dataset: &Dataset, request: &Request) -> Result<Table, FigureError> {
        let mut scope = Scope::of(NAME, NEEDS, dataset, request)?;
        let mut kept: Vec<usize> = Vec::new();
        let name = |i: usize| dataset.scenarios[i].attributes.spatial.as_str();
        for i in scope.scenarios.iter().copied().filter(|i| has_matrix(&dataset.scenarios[*i])) {
            if !kept.iter().any(|k| name(*k) == name(i)) {
                kept.push(i);
            }
        }
        kept.sort_by_key(|i| name(*i));
        let left_out = kept.split_off(kept.len().min(MOST));
        if kept.is_empty() {
            let lacking = "the demand of no scenario was worked out".to_string();
            return Err(FigureError::Lacking { figure: NAME, lacking });
        }
        scope.restrict(dataset, kept.clone());
        let mut table = Table::new(COLUMNS, scope);
        for i in kept {
            push(&mut table, dataset, i);
        }
        if !left_out.is_empty() {
            let names: Vec<&str> = left_out.iter().map(|i| name(*i)).collect();
            table.notes.push(format!("Not shown: {}.", names.join(", ")));
        }
        Ok(table)
    }

    fn caption(&self, table: &Table) -> String {
        format!(
            "Share of flows from each rack (row) to each rack (column), racks in the order of their hosts; one scenario per spatial \
             matrix. No colour: no flow. {}",
            table.remarks()
        )
    }

    fn size(&self, table: &Table, width: f64) -> Size {
        let panels = table.distinct("matrix").len();
        Size { width, height: grid(table, width).bottom(panels) + 16.0 + heat::BAR }
    }

    fn draw(&self, table: &Table, canvas: &Canvas) -> DrawResult {
        let names = table.distinct("matrix");
        let grid = grid(table, canvas.width());
        let shares: Vec<f64> = table.all().map(|row| row.number("percent_of_flows")).collect();
        let axis = Axis::around(&shares);
        for (i, name) in names.iter().enumerate() {
            let rows = || table.select_all("matrix", name);
            let racks = rows().next().map_or(1, |row| row.number("racks") as usize);
            let frame = grid.frame(i);
            cells(table, canvas, name, racks, frame, &axis)?;
            let panel = Panel { frame, x: Axis::linear(0.0, 1.0), y: Axis::linear(0.0, 1.0) };
            let box_ = [(frame.x, frame.y), (frame.right(), frame.y), (frame.right(), frame.bottom())];
            canvas.line(&box_, style::FRAME, 0.6)?;
            panel.edges(canvas)?;
            let flows: f64 = rows().map(|row| row.number("flows")).sum();
            let title = shortened(name, style::FONT, frame.width + grid.gap - 4.0);
            panel.heading(canvas, &title, &format!("{racks} racks, n = {}", thousands(flows as u64)))?;
            let below = (frame.x + frame.width / 2.0, frame.bottom() + 8.0);
            canvas.text("to rack", below, Anchor::Center, style::SMALL_FONT, style::INK)?;
            if grid.leftmost(i) {
                canvas.text_upwards(
                    "from rack",
                    (frame.x - 8.0, frame.y + frame.height / 2.0),
                    style::SMALL_FONT,
                    style::INK,
                )?;
            }
        }
        let width = 120.0;
        let y = grid.bottom(names.len()) + 20.0;
        let at = Rect { x: (canvas.width() - width) / 2.0 + 30.0, y, width, height: 8.0 };
        heat::bar(canvas, &axis, at, "share of flows (%)")
    }
}

/// Whether the demand was worked out, for a network with few enough racks.
fn has_matrix(scenario: &ScenarioResults) -> bool {
    scenario.details.traffic.as_ref().is_some_and(|traffic| !traffic.rack_flows.is_empty())
}

/// Adds the pairs of a scenario that have flows.
fn push(table: &mut Table, dataset: &Dataset, i: usize) {
    let scenario = &dataset.scenarios[i];
    let Some(traffic) = &scenario.details.traffic else { return };
    let total: u64 = traffic.rack_flows.iter().sum();
    for (pair, flows) in traffic.rack_flows.iter().enumerate().filter(|(_, flows)| **flows > 0) {
        let name = Some(scenario.attributes.spatial.as_str()).filter(|name| !name.is_empty()).unwrap_or("imported");
        let head = vec![Cell::from(name), Cell::Count(scenario.mix_id), Cell::Text(short(&scenario.digest))];
        let (from, to) = (pair / traffic.racks, pair % traffic.racks);
        let place = [traffic.racks, from, to].map(|n| Cell::Count(n as u64)).to_vec();
        let share = 100.0 * *flows as f64 / total as f64;
        let counts = vec![Cell::Count(*flows), Cell::Count(traffic.rack_bytes[pair]), Cell::Number(share)];
        table.push([head, place, counts].concat());
    }
}

fn cells(table: &Table, canvas: &Canvas, name: &str, racks: usize, frame: Rect, axis: &Axis) -> DrawResult {
    let block = racks.div_ceil(MOST_CELLS).max(1);
    let n = racks.div_ceil(block).max(1);
    let mut shares = vec![vec![0.0f64; n]; n];
    for row in table.select_all("matrix", name) {
        let (from, to) = (row.number("from_rack") as usize / block, row.number("to_rack") as usize / block);
        shares[from][to] += row.number("percent_of_flows") / (block * block) as f64;
    }
    let height = frame.height / n as f64;
    for (from, row) in shares.iter().enumerate() {
        let steps: Vec<Option<usize>> = row.iter().map(|share| heat::step(axis, *share)).collect();
        heat::row(canvas, Rect { y: frame.y + from as f64 * height, height, ..frame }, &steps)?;
    }
    Ok(())
}

fn grid(table: &Table, page: f64) -> Grid {
    let narrow = is_narrow(page);
    let panels = table.distinct("matrix").len();
    let columns = panels.clamp(1, if narrow { 2 } else { 4 });
    let gap = 22.0;
    let widest = if narrow { 96.0 } else { 110.0 };
    let width = ((page - 34.0 - gap * (columns - 1) as f64) / columns as f64).min(widest);
    let side = (page - width * columns as f64 - gap * (columns - 1) as f64) / 2.0;
    Grid { page, columns, left: side, right: side, gap, top: ABOVE + 2.0, height: width, between: ABOVE + 18.0 }
}
