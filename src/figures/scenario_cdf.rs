//! Panels side by side, each the distribution over scenarios of one number per scenario and backend.
//!
//! Shared by the figures of errors and of runtimes: they put rows into the table, name their panels, and this draws them:
//! a staircase per backend, a mark per scenario, and under each panel a legend with the medians, where no data can be.

use super::Size;
use super::axis::{Axis, Scale};
use super::canvas::{Anchor, Canvas, DrawResult, Rect, shortened, text_width};
use super::cdf;
use super::grid::{Grid, is_narrow};
use super::legend::{self, Entry};
use super::panel::{ABOVE, BELOW, Panel};
use super::scope::counted;
use super::style::{self, Look};
use super::table::{Cell, Table};
use crate::statistics::{quantile, sorted};

/// One number of a scenario.
pub struct Value {
    /// Mix of the scenario.
    pub mix_id: u64,
    /// First digits of the scenario's digest.
    pub scenario: String,
    /// The number.
    pub value: f64,
    /// What else the table keeps of it.
    pub extra: Cell,
}

/// One panel.
pub struct Distribution {
    /// Text in the table's `statistic` column.
    pub statistic: &'static str,
    /// Heading.
    pub title: String,
    /// Label of the horizontal axis, with the unit.
    pub label: &'static str,
    /// How the horizontal axis is spread.
    pub scale: Scale,
    /// The median as the legend shows it.
    pub median: fn(f64) -> String,
}

/// Logarithmic axes show no values smaller than this part of the largest.
pub const SMALLEST: f64 = 1e-5;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 14.0;
const GAP: f64 = 26.0;
const PANEL_HEIGHT: f64 = 108.0;
const LEGEND_LINE: f64 = 12.5;
/// Above this many scenarios only every k-th is marked.
const MARKED: usize = 80;
/// From here on marks are small.
const CROWD: usize = 20;

/// Short form of a scenario's digest for tables.
pub fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

/// Adds the distribution of `values` as rows `statistic, backend, mix_id, scenario, value, cdf, median, extra`, by
/// ascending value (scenarios of equal values in their own order).
pub fn push(table: &mut Table, statistic: &str, backend: &str, mut values: Vec<Value>) {
    values.sort_by(|a, b| a.value.total_cmp(&b.value));
    let median = quantile(&sorted(values.iter().map(|v| v.value).collect()), 0.5).unwrap_or(f64::NAN);
    let n = values.len() as f64;
    for (i, value) in values.into_iter().enumerate() {
        table.push(vec![
            Cell::from(statistic),
            Cell::from(backend),
            Cell::Count(value.mix_id),
            Cell::Text(value.scenario),
            Cell::Number(value.value),
            Cell::Number((i + 1) as f64 / n),
            Cell::Number(median),
            value.extra,
        ]);
    }
}

/// Panels side by side with a legend of medians under each; on narrow pages in two columns under one legend.
fn grid(table: &Table, page: f64, panels: usize) -> Grid {
    let narrow = is_narrow(page);
    let top = if narrow { legend::height(&entries(table), page) } else { 4.0 };
    Grid {
        page,
        columns: if narrow { 2 } else { panels },
        left: if narrow { 34.0 } else { LEFT },
        right: if narrow { 9.0 } else { RIGHT },
        gap: if narrow { 22.0 } else { GAP },
        top: top + ABOVE,
        height: if narrow { 74.0 } else { PANEL_HEIGHT },
        between: BELOW + ABOVE + 4.0,
    }
}

fn entries(table: &Table) -> Vec<Entry> {
    let shown = table.distinct("backend");
    legend::backends(&table.scope, true, |id| shown.contains(&id))
}

/// Size of the drawing of all statistics of the table.
pub fn size(table: &Table, page: f64) -> Size {
    let panels = table.distinct("statistic").len();
    let legend = 17.0 + LEGEND_LINE * table.distinct("backend").len() as f64;
    let below = if is_narrow(page) { 2.0 } else { legend };
    Size { width: page, height: grid(table, page, panels).bottom(panels) + BELOW + below }
}

/// Draws the panels. Backends without rows in a panel are left out of its legend.
pub fn draw(table: &Table, canvas: &Canvas, panels: &[Distribution]) -> DrawResult {
    let looks = style::looks(&table.scope.backends);
    let (grid, narrow) = (grid(table, canvas.width(), panels.len()), is_narrow(canvas.width()));
    if narrow {
        legend::draw(canvas, &entries(table))?;
    }
    for (i, distribution) in panels.iter().enumerate() {
        let frame = grid.frame(i);
        let panel = Panel { frame, x: horizontal(table, distribution), y: Axis::linear(0.0, 1.03) };
        panel.axes(canvas, true, grid.leftmost(i))?;
        let n = table.scope.backends.iter().map(|id| values(table, distribution.statistic, id).len()).max();
        let title = shortened(&distribution.title, style::FONT, frame.width + grid.gap - 4.0);
        panel.heading(canvas, &title, &format!("n = {}", counted(n.unwrap_or(0), "scenario")))?;
        panel.x_label(canvas, distribution.label)?;
        if grid.leftmost(i) {
            panel.y_label(canvas, "share of scenarios", grid.left - 9.0)?;
        }
        for (id, look) in table.scope.backends.iter().zip(&looks) {
            staircase(table, canvas, &panel, distribution, id, look)?;
        }
        if !narrow {
            medians(table, canvas, &looks, distribution, frame)?;
        }
    }
    Ok(())
}

fn values(table: &Table, statistic: &str, backend: &str) -> Vec<f64> {
    table.select("statistic", statistic, "backend", backend).map(|row| row.number("value")).collect()
}

fn horizontal(table: &Table, distribution: &Distribution) -> Axis {
    let all: Vec<f64> = table.scope.backends.iter().flat_map(|id| values(table, distribution.statistic, id)).collect();
    match distribution.scale {
        Scale::Linear => Axis::from_zero(&all),
        Scale::Log => {
            let axis = Axis::around(&all);
            Axis::log(axis.low.max(super::axis::round_down(axis.high * SMALLEST)), axis.high)
        }
    }
}

fn staircase(
    table: &Table,
    canvas: &Canvas,
    panel: &Panel,
    distribution: &Distribution,
    id: &str,
    look: &Look,
) -> DrawResult {
    let values = values(table, distribution.statistic, id);
    let baseline = table.scope.baseline.as_deref() == Some(id);
    let width = if baseline { style::BASELINE_CURVE } else { style::CURVE };
    let corners = cdf::staircase(&values, values.len());
    panel.curve(canvas, &cdf::thinned(&corners, |at| panel.place(at), style::PRECISION), look, width)?;
    let tops: Vec<(f64, f64)> =
        values.iter().enumerate().map(|(i, v)| (*v, (i + 1) as f64 / values.len() as f64)).collect();
    let every = values.len().div_ceil(MARKED).max(1);
    let marked: Vec<(f64, f64)> = tops.into_iter().rev().step_by(every).collect();
    let radius = if marked.len() > CROWD { style::SMALL_MARK } else { style::MARK };
    panel.marks(canvas, &marked, look, radius)
}

fn medians(table: &Table, canvas: &Canvas, looks: &[Look], distribution: &Distribution, frame: Rect) -> DrawResult {
    let (small, grey) = (style::SMALL_FONT, style::SOFT_INK);
    let right = frame.right() + 4.0;
    let mut y = frame.bottom() + BELOW + 10.0;
    canvas.text("median", (right, y), Anchor::Right, small, grey)?;
    for (id, look) in table.scope.backends.iter().zip(looks) {
        let Some(row) = table.select("statistic", distribution.statistic, "backend", id).next() else { continue };
        y += LEGEND_LINE;
        let median = (distribution.median)(row.number("median"));
        let left = frame.x - 4.0;
        let baseline = table.scope.baseline.as_ref() == Some(id);
        let sample = Entry { text: String::new(), look: *look, wide: baseline, mark: true, line: true };
        legend::key(canvas, (left + 10.0, y), &sample)?;
        let room = right - left - 24.0 - text_width(&median, style::FONT) - 6.0;
        let full = format!("{id} (baseline)");
        let name = if baseline && text_width(&full, style::FONT) <= room { &full } else { id };
        canvas.text(&shortened(name, style::FONT, room), (left + 24.0, y), Anchor::Left, style::FONT, style::INK)?;
        canvas.text(&median, (right, y), Anchor::Right, style::FONT, style::INK)?;
    }
    Ok(())
}
