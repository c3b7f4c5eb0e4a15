//! `queues`: where and when packets waited: queues and utilisation of switch ports over time, as heat maps.
//!
//! One scenario: of those asked for that `packet` (or `packet-clean`) finished, the one with the highest delivered load. Its run is
//! repeated under the engine's probe (`details`). Rows are ports, those towards hosts first; columns are equal steps of
//! simulated time, of which each shows the largest sample of the queue and the mean utilisation in it. Queues are logarithmic, from one packet.

use super::axis::{Axis, round_up};
use super::canvas::{Anchor, Canvas, DrawResult, Rect, text_width};
use super::error::FigureError;
use super::grid::{Grid, is_narrow};
use super::heat;
use super::panel::{BELOW, Panel};
use super::scenario_cdf::short;
use super::scope::{Scope, counted};
use super::style;
use super::table::{Cell, Table};
use super::{Detail, Figure, Needs, Request, Size};
use crate::dataset::{Dataset, QueueSeries, ScenarioResults};

/// The figure.
pub struct Queues;

const COLUMNS: &[&str] =
    &["mix_id", "scenario", "backend", "port", "row", "from_ms", "to_ms", "queue_kb", "utilisation_percent"];
const NAME: &str = "queues";
const NEEDS: Needs = Needs { baseline: false, backends: 0, only_if_named: &[] };
/// Columns of the heat maps: with 40 rows and two maps the file stays below 1 MB whatever happens.
const STEPS: usize = 120;
const ROWS: usize = 40;
/// A queue of about one packet.
const ONE_KB: f64 = 1.0;

impl Figure for Queues {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "queues and utilisation of switch ports over time (one scenario; --filter mix=N)"
    }

    fn needs(&self) -> Needs {
        NEEDS
    }

    fn details(&self) -> &'static [Detail] {
        &[Detail::Queues]
    }

    fn data(&self, dataset: &Dataset, request: &Request) -> Result<Table, FigureError> {
        let mut scope = Scope::of(NAME, NEEDS, dataset, request)?;
        let watched = |i: &usize| dataset.scenarios[*i].details.queues.is_some();
        let Some(chosen) = scope.scenarios.iter().copied().find(watched) else {
            let lacking = "no scenario has a finished run of `packet` or `packet-clean` whose queues were watched (a long one is only if this figure is named)";
            return Err(FigureError::Lacking { figure: NAME, lacking: lacking.into() });
        };
        scope.restrict(dataset, vec![chosen]);
        let scenario = &dataset.scenarios[chosen];
        let mut table = Table::new(COLUMNS, scope);
        if let Some(series) = &scenario.details.queues {
            fill(&mut table, scenario, series);
        }
        if table.rows.is_empty() {
            return Err(FigureError::Lacking { figure: NAME, lacking: "the simulation has no time steps".into() });
        }
        Ok(table)
    }

    fn caption(&self, table: &Table) -> String {
        let ports = table.distinct("port").len();
        format!(
            "Queues (largest of the samples of each step of time, logarithmic; no colour: empty) and utilisation (mean per step) of {} in the run \
             of {}, one row per port: first those towards hosts, then those between switches. {}",
            counted(ports, "switch port"),
            table.distinct("backend").join(", "),
            table.remarks()
        )
    }

    fn size(&self, _: &Table, width: f64) -> Size {
        Size { width, height: grid(width).bottom(2) + BELOW + 2.0 }
    }

    fn draw(&self, table: &Table, canvas: &Canvas) -> DrawResult {
        let grid = grid(canvas.width());
        let most = |column: &'static str| table.all().map(|r| r.number(column)).fold(0.0, f64::max);
        let end = most("to_ms");
        let queue = Axis::log(ONE_KB, round_up(most("queue_kb").max(10.0)));
        let utilisation = Axis::linear(0.0, 100.0);
        let maps = [("queue_kb", queue, "queue (KB)"), ("utilisation_percent", utilisation, "utilisation (%)")];
        for (i, (column, axis, title)) in maps.into_iter().enumerate() {
            let frame = grid.frame(i);
            map(table, canvas, column, &axis, frame)?;
            let panel = Panel { frame, x: Axis::linear(0.0, end), y: Axis::linear(0.0, 1.0) };
            panel.edges(canvas)?;
            time_axis(canvas, &panel, i == 1)?;
            let bar = Rect { x: frame.right() - 90.0, y: frame.y - 20.0, width: 90.0, height: 6.0 };
            heat::bar(canvas, &axis, bar, title)?;
            groups(table, canvas, frame)?;
        }
        Ok(())
    }
}

/// Rows of the table: per port and step the largest queue and the mean utilisation.
fn fill(table: &mut Table, scenario: &ScenarioResults, series: &QueueSeries) {
    let (ports, samples) = (series.channels.len(), series.queued_bytes.len() / series.channels.len().max(1));
    let each = samples.div_ceil(STEPS).max(1);
    for (row, port) in series.channels.iter().enumerate().take(ROWS) {
        for step in 0..samples.div_ceil(each) {
            let span = step * each..((step + 1) * each).min(samples);
            let at = |t: usize| t * ports + row;
            let queue = span.clone().map(|t| series.queued_bytes[at(t)]).max().unwrap_or(0);
            let sent: f64 = span.clone().map(|t| series.utilisation[at(t)]).sum();
            let ms = |t: usize| Cell::Number(t as f64 * series.interval_ns as f64 * 1e-6);
            table.push(vec![
                Cell::Count(scenario.mix_id),
                Cell::Text(short(&scenario.digest)),
                Cell::from(series.backend.as_str()),
                Cell::from(port.as_str()),
                Cell::Count(row as u64),
                ms(span.start),
                ms(span.end),
                Cell::Number(queue as f64 / 1e3),
                Cell::Number(100.0 * sent / span.len() as f64),
            ]);
        }
    }
}

fn map(table: &Table, canvas: &Canvas, column: &str, axis: &Axis, frame: Rect) -> DrawResult {
    let ports = table.distinct("port");
    let height = frame.height / ports.len() as f64;
    for (i, port) in ports.iter().enumerate() {
        let steps: Vec<Option<usize>> =
            table.select_all("port", port).map(|row| heat::step(axis, row.number(column))).collect();
        heat::row(canvas, Rect { y: frame.y + i as f64 * height, height, ..frame }, &steps)?;
    }
    Ok(())
}

/// Names of the two groups of ports beside their rows, and a line between them.
fn groups(table: &Table, canvas: &Canvas, frame: Rect) -> DrawResult {
    let ports = table.distinct("port");
    let to_hosts = ports.iter().filter(|port| port.contains("→h")).count();
    let border = frame.y + frame.height * to_hosts as f64 / ports.len() as f64;
    if (1..ports.len()).contains(&to_hosts) {
        canvas.line(&[(frame.x - 16.0, border), (frame.right(), border)], style::FRAME, 0.5)?;
    }
    for (name, top, bottom) in [("to hosts", frame.y, border), ("fabric", border, frame.bottom())] {
        if text_width(name, style::SMALL_FONT) <= bottom - top {
            canvas.text_upwards(name, (frame.x - 9.0, (top + bottom) / 2.0), style::SMALL_FONT, style::INK)?;
        }
    }
    Ok(())
}

/// Ticks of the time axis without a grid over the map.
fn time_axis(canvas: &Canvas, panel: &Panel, labels: bool) -> DrawResult {
    let ticks = panel.x.ticks(|ticks| ticks.len() as f64 * 34.0 <= panel.frame.width);
    for (x, label) in ticks.iter().zip(super::axis::labels(panel.x.scale, &ticks)) {
        let at = panel.place((*x, 0.0)).0;
        let bottom = panel.frame.bottom();
        canvas.line(&[(at, bottom), (at, bottom + 2.5)], style::FRAME, 0.6)?;
        if labels {
            canvas.text(&label, (at, bottom + 8.0), Anchor::Center, style::SMALL_FONT, style::SOFT_INK)?;
        }
    }
    if labels { panel.x_label(canvas, "time since the first flow (ms)") } else { Ok(()) }
}

fn grid(page: f64) -> Grid {
    let height = if is_narrow(page) { 90.0 } else { 110.0 };
    Grid { page, columns: 1, left: 20.0, right: 12.0, gap: 0.0, top: 26.0, height, between: 34.0 }
}
