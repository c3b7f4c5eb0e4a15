//! `slowdown-cdf`: distribution of the slowdown by flow size, pooled over scenarios, with the tail above 90 % enlarged.
//!
//! One panel per flow-size bucket of `statistics` plus all flows; one curve per backend: the share of flows whose
//! slowdown is at most x. A flow that a backend did not finish counts as infinitely slow, so its curve ends below 1
//! instead of hiding its worst flows. The horizontal axis ends where each curve has passed 99.9 %.

use super::axis::{Axis, round_down, round_up, significant};
use super::canvas::{Anchor, Canvas, DrawResult, Rect};
use super::cdf;
use super::error::{FigureError, Missing};
use super::grid::{Grid, is_narrow};
use super::legend::{self, Entry};
use super::panel::{ABOVE, BELOW, Panel};
use super::scope::{Scope, thousands};
use super::style::{self, Look};
use super::table::{Cell, Table};
use super::{Figure, Needs, Request, Size};
use crate::dataset::Dataset;
use crate::statistics::{BUCKET_NAMES, bucket, quantile, sorted};

/// The figure.
pub struct SlowdownCdf;

const COLUMNS: &[&str] = &["flow_size", "flows", "backend", "slowdown", "cdf"];
const NAME: &str = "slowdown-cdf";
const NEEDS: Needs = Needs { baseline: false, backends: 1, only_if_named: &["floor"] };
/// Panel of all flows.
const ALL: &str = "all flows";
/// Slowdowns below this are called impossible; the rest is rounding.
const POSSIBLE: f64 = 0.99;
/// Where the enlarged tail begins.
const TAIL: f64 = 0.9;

const LEFT: f64 = 44.0;
const RIGHT: f64 = 14.0;
const GAP: f64 = 15.0;
const PANEL_HEIGHT: f64 = 92.0;
const TAIL_HEIGHT: f64 = 76.0;
const BETWEEN: f64 = 12.0;

impl Figure for SlowdownCdf {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "CDF of the FCT slowdown by flow size, one curve per backend"
    }

    fn needs(&self) -> Needs {
        NEEDS
    }

    fn data(&self, dataset: &Dataset, request: &Request) -> Result<Table, FigureError> {
        let scope = Scope::of(NAME, NEEDS, dataset, request)?;
        let counts = flow_counts(dataset, &scope);
        let pooled: Vec<Vec<Vec<f64>>> = scope.backends.iter().map(|id| pool(dataset, &scope, id)).collect();
        if pooled.iter().any(|panels| panels[BUCKET_NAMES.len()].is_empty()) {
            return Err(nothing_finished(dataset, &scope, &pooled));
        }
        let x_range = range(pooled.iter().flatten());
        let mut table = Table::new(COLUMNS, scope);
        table.x_range = Some(x_range);
        let panels = (0..=BUCKET_NAMES.len()).filter(|p| counts[*p] > 0);
        let shown = panels.clone().count();
        for panel in panels {
            for (id, values) in table.scope.backends.clone().into_iter().zip(&pooled) {
                let corners = cdf::staircase(&values[panel], counts[panel]);
                for (slowdown, share) in thin(&corners, x_range, shown) {
                    let (name, flows) = (Cell::from(panel_name(panel)), Cell::Count(counts[panel] as u64));
                    let (x, y) = (Cell::Number(slowdown), Cell::Number(share));
                    table.push(vec![name, flows, Cell::Text(id.clone()), x, y]);
                }
            }
        }
        notes(&mut table, &pooled, &counts, x_range);
        Ok(table)
    }

    fn caption(&self, table: &Table) -> String {
        let baseline = table.scope.baseline.as_ref().map_or(String::new(), |id| format!(" Baseline: {id}."));
        let mut text = format!(
            "Distribution of the slowdown (FCT ÷ ideal FCT) by flow size, all flows of the scenarios pooled; lower row: the \
             tail above {} %. n: flows per panel.{baseline} {}",
            TAIL * 100.0,
            table.scope.sentences()
        );
        for note in &table.notes {
            text.push(' ');
            text.push_str(note);
        }
        text
    }

    fn size(&self, table: &Table, width: f64) -> Size {
        let names = table.distinct("flow_size").len();
        let grid = grid(table, width, names);
        Size { width, height: grid.bottom(names) + BELOW + 4.0 }
    }

    fn draw(&self, table: &Table, canvas: &Canvas) -> DrawResult {
        let looks = style::looks(&table.scope.backends);
        legend::draw(canvas, &entries(table))?;
        let (low, high) = table.x_range.unwrap_or((1.0, 10.0));
        let x = Axis::log(padded(low, high), high);
        let names = table.distinct("flow_size");
        let (grid, narrow) = (grid(table, canvas.width(), names.len()), is_narrow(canvas.width()));
        for (i, name) in names.iter().enumerate() {
            let (whole, tail) = rows(grid.frame(i));
            let whole = Panel { frame: whole, x, y: Axis::linear(0.0, 1.02) };
            let tail = Panel { frame: tail, x, y: Axis::linear(TAIL, 1.002) };
            whole.axes(canvas, false, grid.leftmost(i))?;
            tail.axes(canvas, true, grid.leftmost(i))?;
            let flows = table.select("flow_size", name, "backend", &table.scope.backends[0]).next();
            let flows = flows.map_or(0, |row| row.number("flows") as u64);
            whole.heading(canvas, name, &format!("n = {}", thousands(flows)))?;
            if grid.leftmost(i) {
                whole.y_label(canvas, if narrow { "share" } else { "share of flows" }, 33.0)?;
                tail.y_label(canvas, if narrow { "top 10 %" } else { "slowest 10 %" }, 33.0)?;
            }
            curves(table, canvas, &looks, name, &[whole, tail])?;
        }
        let at = ((grid.left + canvas.width() - grid.right) / 2.0, grid.bottom(names.len()) + 20.0);
        canvas.text("slowdown (FCT ÷ ideal FCT)", at, Anchor::Center, style::FONT, style::INK)
    }
}

fn entries(table: &Table) -> Vec<Entry> {
    legend::backends(&table.scope, false, |_| true)
}

/// One frame per panel that holds both of its rows.
fn grid(table: &Table, page: f64, panels: usize) -> Grid {
    let narrow = is_narrow(page);
    Grid {
        page,
        columns: if narrow { 2 } else { panels },
        left: LEFT,
        right: if narrow { 9.0 } else { RIGHT },
        gap: GAP,
        top: legend::height(&entries(table), page) + ABOVE,
        height: if narrow { 120.0 } else { PANEL_HEIGHT + BETWEEN + TAIL_HEIGHT },
        between: ABOVE + BELOW - 8.0,
    }
}

/// The frames of the whole curve and of its tail.
fn rows(frame: Rect) -> (Rect, Rect) {
    let scale = (frame.height - BETWEEN) / (PANEL_HEIGHT + TAIL_HEIGHT);
    let whole = Rect { height: PANEL_HEIGHT * scale, ..frame };
    (whole, Rect { y: whole.bottom() + BETWEEN, height: TAIL_HEIGHT * scale, ..frame })
}

fn curves(table: &Table, canvas: &Canvas, looks: &[Look], name: &str, panels: &[Panel]) -> DrawResult {
    for (id, look) in table.scope.backends.iter().zip(looks) {
        let rows = table.select("flow_size", name, "backend", id);
        let values: Vec<(f64, f64)> = rows.map(|row| (row.number("slowdown"), row.number("cdf"))).collect();
        let baseline = table.scope.baseline.as_ref() == Some(id);
        let width = if baseline { style::BASELINE_CURVE } else { style::CURVE };
        panels.iter().try_for_each(|panel| panel.curve(canvas, &values, look, width))?;
    }
    Ok(())
}

/// Flows per bucket and in total.
fn flow_counts(dataset: &Dataset, scope: &Scope) -> Vec<usize> {
    let mut counts = vec![0; BUCKET_NAMES.len() + 1];
    for size in scope.selected(dataset).flat_map(|s| s.size_bytes.iter()) {
        counts[bucket(*size)] += 1;
        counts[BUCKET_NAMES.len()] += 1;
    }
    counts
}

/// Finished slowdowns of a backend, ascending, per bucket and in total.
fn pool(dataset: &Dataset, scope: &Scope, id: &str) -> Vec<Vec<f64>> {
    let mut panels = vec![Vec::new(); BUCKET_NAMES.len() + 1];
    for scenario in scope.selected(dataset) {
        let flows = scenario.size_bytes.iter().zip(scenario.runs[id].slowdown.iter());
        for (size, slowdown) in flows.filter(|(_, s)| s.is_finite()) {
            panels[bucket(*size)].push(*slowdown);
            panels[BUCKET_NAMES.len()].push(*slowdown);
        }
    }
    panels.into_iter().map(sorted).collect()
}

fn panel_name(panel: usize) -> &'static str {
    BUCKET_NAMES.get(panel).copied().unwrap_or(ALL)
}

fn panel_width(panels: usize) -> f64 {
    let gaps = GAP * (panels.saturating_sub(1)) as f64;
    (style::DOUBLE_COLUMN - LEFT - RIGHT - gaps) / panels.max(1) as f64
}

/// From 1 (or less, if a backend is faster than possible) to where every curve has passed 99.9 %.
fn range<'v>(curves: impl Iterator<Item = &'v Vec<f64>> + Clone) -> (f64, f64) {
    let at = |q: f64| curves.clone().filter_map(move |values| quantile(values, q)).filter(|v| *v > 0.0);
    let low = at(0.001).fold(1.0, f64::min);
    let high = at(0.999).fold(1.0, f64::max);
    let low = if low >= POSSIBLE { 1.0 } else { round_down(low.max(1e-3)) };
    (low, round_up((high * 1.02).max(2.0)))
}

/// The low end of the axis, a little below the lowest value, so that a step at 1 does not hide in the axis line.
fn padded(low: f64, high: f64) -> f64 {
    low * (high / low).powf(-0.03)
}

/// Thins a curve for both rows: as drawn, heights in the tail count as much as the larger of the two rows shows.
fn thin(corners: &[(f64, f64)], (low, high): (f64, f64), panels: usize) -> Vec<(f64, f64)> {
    let (x, width) = (Axis::log(padded(low, high), high), panel_width(panels));
    let place = |(slowdown, share): (f64, f64)| {
        let up = share.min(TAIL) * PANEL_HEIGHT + (share - TAIL).max(0.0) / (1.0 - TAIL) * TAIL_HEIGHT;
        (x.place(slowdown).clamp(0.0, 1.0) * width, up)
    };
    cdf::thinned(corners, place, style::PRECISION)
}

fn nothing_finished(dataset: &Dataset, scope: &Scope, pooled: &[Vec<Vec<f64>>]) -> FigureError {
    let empty = scope.backends.iter().zip(pooled).filter(|(_, panels)| panels[BUCKET_NAMES.len()].is_empty());
    let mixes: Vec<u64> = scope.selected(dataset).map(|s| s.mix_id).collect();
    let reasons = vec!["no flow finished".to_string()];
    let missing = empty.map(|(id, _)| Missing { backend: id.clone(), mixes: mixes.clone(), reasons: reasons.clone() });
    FigureError::MissingData { figure: NAME, scenarios: dataset.scenarios.len(), missing: missing.collect() }
}

/// Sentences on unfinished flows, impossible ones, flows beyond the axis, empty buckets.
fn notes(table: &mut Table, pooled: &[Vec<Vec<f64>>], counts: &[usize], (_, high): (f64, f64)) {
    let all = BUCKET_NAMES.len();
    let lost = |(id, panels): (&String, &Vec<Vec<f64>>)| {
        let unfinished = counts[all] - panels[all].len();
        (unfinished > 0).then(|| format!("{id} {}", thousands(unfinished as u64)))
    };
    let unfinished: Vec<String> = table.scope.backends.iter().zip(pooled).filter_map(lost).collect();
    if unfinished.is_empty() {
        table.notes.push("Every flow finished.".to_string());
    } else {
        let list = unfinished.join(", ");
        table
            .notes
            .push(format!("Unfinished flows count in n as infinitely slow, so their curves end below 1: {list}."));
    }
    let early = |(id, panels): (&String, &Vec<Vec<f64>>)| {
        let faster = panels[all].partition_point(|s| *s < POSSIBLE);
        (faster > 0).then(|| format!("{id} {}", thousands(faster as u64)))
    };
    let early: Vec<String> = table.scope.backends.iter().zip(pooled).filter_map(early).collect();
    if !early.is_empty() {
        table.notes.push(format!("Flows faster than possible (slowdown below {POSSIBLE}): {}.", early.join(", ")));
    }
    let beyond: usize = pooled.iter().map(|p| p[all].len() - p[all].partition_point(|s| *s <= high)).sum();
    if beyond > 0 {
        let largest = pooled.iter().filter_map(|p| p[all].last()).copied().fold(0.0, f64::max);
        let total: usize = pooled.iter().map(|p| p[all].len()).sum();
        table.notes.push(format!(
            "The horizontal axis ends at {high}: {} % of the points lie beyond, up to {}.",
            significant(100.0 * beyond as f64 / total as f64),
            significant(largest)
        ));
    }
    let empty: Vec<&str> = (0..all).filter(|p| counts[*p] == 0).map(panel_name).collect();
    if !empty.is_empty() {
        table.notes.push(format!("No panel for sizes without flows: {}.", empty.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_starts_at_one_and_ends_where_the_curves_have_passed() {
        assert_eq!(range([vec![1.0, 1.5, 40.0]].iter()), (1.0, 50.0));
        assert_eq!(range([vec![1.0; 5]].iter()), (1.0, 2.0));
        assert_eq!(range([vec![0.72, 3.0]].iter()), (0.7, 5.0));
    }
}
