//! `p99-bars`: the 99th percentile of the slowdown by flow size, with confidence intervals.
//!
//! Flows of all scenarios pooled; the percentile interpolates linearly (`statistics`). The whisker is a 95 % interval by the
//! cluster bootstrap (`bootstrap`). Unfinished flows count as infinitely slow; a percentile that they reach has no bar. Bars begin
//! at 1, the slowdown of a flow alone.

use super::axis::{Axis, round_up};
use super::bootstrap;
use super::canvas::{Canvas, DrawResult, Rect};
use super::error::FigureError;
use super::grid::is_narrow;
use super::legend::{self, Entry};
use super::panel::{BELOW, Panel};
use super::scope::{Scope, thousands};
use super::style::{self, Look};
use super::table::{Cell, Table};
use super::{Figure, Needs, Request, Size};
use crate::dataset::Dataset;
use crate::statistics::{BUCKET_NAMES, bucket};

/// The figure.
pub struct P99Bars;

const COLUMNS: &[&str] = &["flow_size", "flows", "backend", "p99_slowdown", "ci_low", "ci_high"];
const NAME: &str = "p99-bars";
const NEEDS: Needs = Needs { baseline: false, backends: 1, only_if_named: &["floor"] };
const ALL: &str = "all flows";
const Q: f64 = 0.99;

impl Figure for P99Bars {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "p99 of the slowdown by flow size, with bootstrap confidence intervals"
    }

    fn needs(&self) -> Needs {
        NEEDS
    }

    fn data(&self, dataset: &Dataset, request: &Request) -> Result<Table, FigureError> {
        let scope = Scope::of(NAME, NEEDS, dataset, request)?;
        let pieces = bootstrap::pieces(scope.scenarios.len());
        let clusters = pieces * scope.scenarios.len();
        let mut table = Table::new(COLUMNS, scope);
        let mut unreached = Vec::new();
        for panel in 0..=BUCKET_NAMES.len() {
            for id in table.scope.backends.clone() {
                let values = pool(dataset, &table.scope, &id, panel, pieces);
                if values.is_empty() {
                    continue;
                }
                let name = BUCKET_NAMES.get(panel).copied().unwrap_or(ALL);
                let p99 = percentile(&values);
                let (low, high) = bootstrap::interval(&values, clusters, Q).unwrap_or((f64::NAN, f64::NAN));
                if !p99.is_finite() {
                    unreached.push(format!("{id} ({name})"));
                }
                let finite = |v: f64| Cell::Number(if v.is_finite() { v } else { f64::NAN });
                let head = vec![Cell::from(name), Cell::Count(values.len() as u64), Cell::Text(id)];
                table.push([head, vec![finite(p99), finite(low), finite(high)]].concat());
            }
        }
        if !table.all().any(|row| row.number("p99_slowdown") > 0.0) {
            return Err(FigureError::Lacking { figure: NAME, lacking: "no backend finished 99 % of any flows".into() });
        }
        if !unreached.is_empty() {
            table
                .notes
                .push(format!("No bar where 1 % of the flows or more did not finish: {}.", unreached.join(", ")));
        }
        let what = if pieces == 1 {
            "scenarios".to_string()
        } else {
            format!("scenarios, each cut into {pieces} pieces of consecutive flows")
        };
        table.notes.push(format!("Whiskers: 95 % intervals of {} bootstrap draws of {what}.", bootstrap::ROUNDS));
        Ok(table)
    }

    fn caption(&self, table: &Table) -> String {
        let baseline = table.scope.baseline.as_ref().map_or(String::new(), |id| format!(" Baseline: {id}."));
        let flows =
            |name: &str| table.select_all("flow_size", name).map(|r| r.number("flows") as u64).max().unwrap_or(0);
        let n: Vec<String> =
            table.distinct("flow_size").into_iter().map(|name| format!("{name} {}", thousands(flows(name)))).collect();
        format!(
            "99th percentile of the slowdown (FCT ÷ ideal FCT) by flow size, flows of all scenarios pooled (n: {}).{baseline} {}",
            n.join(", "),
            table.remarks()
        )
    }

    fn size(&self, table: &Table, width: f64) -> Size {
        Size { width, height: frame(table, width).bottom() + BELOW + 2.0 }
    }

    fn draw(&self, table: &Table, canvas: &Canvas) -> DrawResult {
        legend::draw(canvas, &entries(table))?;
        let most = table.all().flat_map(|r| [r.number("p99_slowdown"), r.number("ci_high")]).fold(1.5, f64::max);
        let low = table.all().flat_map(|r| [r.number("p99_slowdown"), r.number("ci_low")]).fold(1.0, f64::min);
        let low = if low >= 1.0 { 1.0 } else { super::axis::round_down(low) };
        let panel = Panel {
            frame: frame(table, canvas.width()),
            x: Axis::linear(0.0, 1.0),
            y: Axis::log(low, round_up(most * 1.02)),
        };
        panel.y_axis(canvas, true)?;
        panel.y_label(canvas, "p99 slowdown", panel.frame.x - 9.0)?;
        let names = table.distinct("flow_size");
        panel.categories(canvas, &names)?;
        for (i, name) in names.iter().enumerate() {
            bars(table, canvas, &panel, name, panel.slot(i, names.len()))?;
        }
        Ok(())
    }
}

/// Finished and unfinished (infinite) slowdowns of a panel with their clusters, ascending.
fn pool(dataset: &Dataset, scope: &Scope, id: &str, panel: usize, pieces: usize) -> Vec<(f64, u32)> {
    let mut values = Vec::new();
    for (at, scenario) in scope.selected(dataset).enumerate() {
        let flows = scenario.size_bytes.len().max(1);
        for (i, (size, slowdown)) in scenario.size_bytes.iter().zip(scenario.runs[id].slowdown.iter()).enumerate() {
            if panel == BUCKET_NAMES.len() || bucket(*size) == panel {
                let cluster = (at * pieces + i * pieces / flows) as u32;
                values.push((if slowdown.is_finite() { *slowdown } else { f64::INFINITY }, cluster));
            }
        }
    }
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    values
}

/// As `statistics::quantile`, of values with infinities: infinite as soon as one takes part.
fn percentile(values: &[(f64, u32)]) -> f64 {
    let at = Q * (values.len() - 1) as f64;
    let (low, high) = (values[at.floor() as usize].0, values[at.ceil() as usize].0);
    if high.is_finite() { low + (high - low) * (at - at.floor()) } else { f64::INFINITY }
}

fn bars(table: &Table, canvas: &Canvas, panel: &Panel, name: &str, (left, width): (f64, f64)) -> DrawResult {
    let looks = style::looks(&table.scope.backends);
    let each = (width * 0.82 / looks.len() as f64).min(22.0);
    let start = left + width / 2.0 - each * looks.len() as f64 / 2.0;
    let vertical = |value: f64| panel.place((0.0, value)).1.clamp(panel.frame.y, panel.frame.bottom());
    for (i, (id, look)) in table.scope.backends.iter().zip(&looks).enumerate() {
        let Some(row) = table.select("flow_size", name, "backend", id).next() else { continue };
        let (p99, low, high) = (row.number("p99_slowdown"), row.number("ci_low"), row.number("ci_high"));
        if !p99.is_finite() {
            continue;
        }
        let top = vertical(p99);
        let bar = Rect { x: start + i as f64 * each, y: top, width: each * 0.86, height: panel.frame.bottom() - top };
        canvas.fill(bar, look.color, 0.45)?;
        let outline = [(bar.x, bar.bottom()), (bar.x, top), (bar.right(), top), (bar.right(), bar.bottom())];
        canvas.line(&outline, look.color, 0.7)?;
        if low.is_finite() {
            let middle = bar.x + bar.width / 2.0;
            let ends = (vertical(low), if high.is_finite() { vertical(high) } else { panel.frame.y });
            canvas.line(&[(middle, ends.0), (middle, ends.1)], style::INK, 0.7)?;
            for y in [ends.0, ends.1] {
                canvas.line(&[(middle - 1.5, y), (middle + 1.5, y)], style::INK, 0.7)?;
            }
        }
    }
    panel.edges(canvas)
}

fn entries(table: &Table) -> Vec<Entry> {
    let mut entries = legend::backends(&table.scope, false, |_| true);
    for entry in &mut entries {
        entry.look = Look { dash: &[], ..entry.look };
        entry.wide = true;
    }
    entries
}

fn frame(table: &Table, page: f64) -> Rect {
    let top = legend::height(&entries(table), page) + 4.0;
    Rect { x: 36.0, y: top, width: page - 46.0, height: if is_narrow(page) { 110.0 } else { 130.0 } }
}
