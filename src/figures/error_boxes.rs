//! `error-boxes`: the error of each backend by each attribute of the mix, one panel per attribute.
//!
//! One value per scenario: the mean per-flow error (definition: `statistics`). Box: first to third quartile, line: median,
//! whiskers: the furthest value within 1.5 interquartile ranges of the box (Tukey), dots: all values beyond. Fewer than five
//! scenarios are shown one by one; a box of them would pretend. Numbers with more than four different values are put into four
//! bins of about equally many scenarios. Attributes that do not vary get no panel.

use super::axis::{Axis, Scale, significant};
use super::canvas::{Canvas, DrawResult, Rect, text_width};
use super::error::FigureError;
use super::error_cdf;
use super::grid::{Grid, is_narrow};
use super::legend::{self, Entry};
use super::panel::{ABOVE, BELOW, Panel, lines_of};
use super::scope::Scope;
use super::style::{self, Look, Mark};
use super::table::{Cell, Table};
use super::{Detail, Figure, Needs, Request, Size};
use crate::dataset::{Dataset, ScenarioResults};
use crate::statistics::{quantile, sorted};

/// The figure.
pub struct ErrorBoxes;

const COLUMNS: &[&str] = &["attribute", "group", "backend", "scenarios", "part", "error_percent"];
const NAME: &str = "error-boxes";
const NEEDS: Needs = Needs { baseline: true, backends: 2, only_if_named: &["ideal", "floor"] };
/// Fewer values make no box.
const FEWEST: usize = 5;
/// More different numbers are put into bins.
const MOST_GROUPS: usize = 4;
const PARTS: [&str; 5] = ["low whisker", "first quartile", "median", "third quartile", "high whisker"];
const POINT: &str = "scenario";

/// What an attribute of a scenario is.
enum Value {
    Name(String),
    Number(f64),
}

type Attribute = (&'static str, fn(&ScenarioResults) -> Value);

/// Titles of the panels and where their values come from.
const ATTRIBUTES: [Attribute; 9] = [
    ("traffic matrix", |s| Value::Name(s.attributes.spatial.clone())),
    ("flow sizes", |s| Value::Name(s.attributes.size_dist.clone())),
    ("oversubscription", |s| Value::Number(s.details.traffic.as_ref().map_or(f64::NAN, |t| t.oversubscription))),
    ("max link load", |s| Value::Number(s.attributes.max_load)),
    ("burstiness σ", |s| Value::Number(s.attributes.lognorm_sigma)),
    ("congestion control", |s| Value::Name(s.attributes.cc.clone())),
    ("switch buffer (KB)", |s| Value::Number(s.attributes.buffer_bytes as f64 / 1e3)),
    ("window (KB)", |s| Value::Number(s.attributes.window_bytes as f64 / 1e3)),
    ("hosts", |s| Value::Number(s.attributes.hosts as f64)),
];

impl Figure for ErrorBoxes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "box plots of the error by each attribute of the mixes"
    }

    fn needs(&self) -> Needs {
        NEEDS
    }

    fn details(&self) -> &'static [Detail] {
        &[Detail::Traffic]
    }

    fn data(&self, dataset: &Dataset, request: &Request) -> Result<Table, FigureError> {
        let scope = Scope::of(NAME, NEEDS, dataset, request)?;
        let baseline = scope.baseline.clone().ok_or(FigureError::NoBaseline { figure: NAME })?;
        let others: Vec<String> = scope.compared().cloned().collect();
        let scenarios: Vec<&ScenarioResults> = scope.selected(dataset).collect();
        let mut table = Table::new(COLUMNS, scope);
        let mut same = Vec::new();
        for (title, value) in ATTRIBUTES {
            let groups = grouped(&scenarios, value);
            if groups.len() < 2 {
                same.extend((!groups.is_empty()).then_some(title));
                continue;
            }
            for (group, members) in &groups {
                for id in &others {
                    let errors = members.iter().filter_map(|s| error_cdf::compared(s, &baseline, id));
                    push(&mut table, (title, group, id), sorted(errors.map(|e| 100.0 * e.mean).collect()));
                }
            }
        }
        if table.rows.is_empty() {
            let lacking = format!("no attribute differs between the {} scenarios", scenarios.len());
            return Err(FigureError::Lacking { figure: NAME, lacking });
        }
        if !same.is_empty() {
            table.notes.push(format!("The same in all scenarios, so without a panel: {}.", same.join(", ")));
        }
        Ok(table)
    }

    fn caption(&self, table: &Table) -> String {
        format!(
            "Mean per-flow error of the slowdown against {} by attributes of the mix, one value per scenario. Box: quartiles and \
             median; whiskers: furthest value within 1.5 interquartile ranges; dots: values beyond. Groups of fewer than \
             {FEWEST} scenarios are shown one by one. n: scenarios per group, from left to right. {}",
            table.scope.baseline.as_deref().unwrap_or_default(),
            table.remarks()
        )
    }

    fn size(&self, table: &Table, width: f64) -> Size {
        let panels = table.distinct("attribute").len();
        Size { width, height: grid(table, width).bottom(panels) + BELOW + more(table, width) }
    }

    fn draw(&self, table: &Table, canvas: &Canvas) -> DrawResult {
        legend::draw(canvas, &entries(table))?;
        let grid = grid(table, canvas.width());
        let all: Vec<f64> = table.all().map(|row| row.number("error_percent")).collect();
        for (i, title) in table.distinct("attribute").into_iter().enumerate() {
            let frame = grid.frame(i);
            let panel = Panel { frame, x: Axis::linear(0.0, 1.0), y: Axis::fitting(&all) };
            panel.y_axis(canvas, grid.leftmost(i))?;
            let groups = groups_of(table, title);
            panel.categories(canvas, &groups)?;
            let n: Vec<String> = groups.iter().map(|g| scenarios(table, title, g).to_string()).collect();
            panel.heading(canvas, title, &format!("n = {}", n.join(", ")))?;
            if grid.leftmost(i) {
                panel.y_label(canvas, "mean error (%)", grid.left - 9.0)?;
            }
            for (g, group) in groups.iter().enumerate() {
                boxes(table, canvas, &panel, (title, group), panel.slot(g, groups.len()))?;
            }
        }
        Ok(())
    }
}

/// Scenarios by value, in order of the values; scenarios without a value are left out.
fn grouped<'s>(
    scenarios: &[&'s ScenarioResults],
    value: fn(&ScenarioResults) -> Value,
) -> Vec<(String, Vec<&'s ScenarioResults>)> {
    let mut names: Vec<(String, &ScenarioResults)> = Vec::new();
    let mut numbers: Vec<(f64, &ScenarioResults)> = Vec::new();
    for s in scenarios {
        match value(s) {
            Value::Name(name) if !name.is_empty() => names.push((name, s)),
            Value::Number(number) if number.is_finite() => numbers.push((number, s)),
            _ => {}
        }
    }
    names.sort_by(|a, b| a.0.cmp(&b.0));
    numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
    let of = |members: &[(f64, &'s ScenarioResults)]| members.iter().map(|(_, s)| *s).collect::<Vec<_>>();
    let equal: Vec<&[(f64, &ScenarioResults)]> = numbers.chunk_by(|a, b| a.0 == b.0).collect();
    if !names.is_empty() {
        let runs = names.chunk_by(|a, b| a.0 == b.0);
        return runs.map(|run| (run[0].0.clone(), run.iter().map(|(_, s)| *s).collect())).collect();
    }
    if equal.len() <= MOST_GROUPS {
        return equal.into_iter().map(|run| (exact(run[0].0), of(run))).collect();
    }
    bins(&equal, numbers.len()).iter().map(|bin| (span(bin), of(bin))).collect()
}

/// [`MOST_GROUPS`] bins of about equally many values; equal values stay together.
fn bins<T: Copy>(equal: &[&[(f64, T)]], total: usize) -> Vec<Vec<(f64, T)>> {
    let mut bins: Vec<Vec<(f64, T)>> = vec![Vec::new(); MOST_GROUPS];
    let mut before = 0;
    for run in equal {
        let middle = before + run.len() / 2;
        bins[(middle * MOST_GROUPS / total).min(MOST_GROUPS - 1)].extend_from_slice(run);
        before += run.len();
    }
    bins.retain(|bin| !bin.is_empty());
    bins
}

fn span<T>(bin: &[(f64, T)]) -> String {
    let (low, high) = (significant_two(bin[0].0), significant_two(bin[bin.len() - 1].0));
    if low == high { low } else { format!("{low}–{high}") }
}

/// Two significant digits below 100, whole numbers above: edges of bins need no more.
fn significant_two(value: f64) -> String {
    match value.abs() {
        v if v >= 10.0 => format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.1}").trim_end_matches(".0").into(),
        _ => format!("{value:.2}").trim_end_matches('0').trim_end_matches('.').into(),
    }
}

/// A single value: three significant digits without zeros at the end.
fn exact(value: f64) -> String {
    let text = significant(value);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

/// Adds a group: its box and the values beyond, or all of a few values.
fn push(table: &mut Table, (title, group, id): (&str, &str, &str), values: Vec<f64>) {
    let n = Cell::Count(values.len() as u64);
    let mut row = |part: &str, value: f64| {
        let head = [title, group, id].map(Cell::from);
        table.push([head.to_vec(), vec![n.clone(), Cell::from(part), Cell::Number(value)]].concat());
    };
    let at = |q| quantile(&values, q).unwrap_or(f64::NAN);
    if values.len() < FEWEST {
        values.iter().for_each(|v| row(POINT, *v));
        return;
    }
    let (q1, q3) = (at(0.25), at(0.75));
    let reach = 1.5 * (q3 - q1);
    let inside = || values.iter().copied().filter(|v| *v >= q1 - reach && *v <= q3 + reach);
    let (low, high) = (inside().fold(f64::MAX, f64::min), inside().fold(f64::MIN, f64::max));
    PARTS.iter().zip([low, q1, at(0.5), q3, high]).for_each(|(part, value)| row(part, value));
    values.iter().filter(|v| **v < low || **v > high).for_each(|v| row(POINT, *v));
}

fn groups_of<'t>(table: &'t Table, title: &'t str) -> Vec<&'t str> {
    let mut groups: Vec<&str> = Vec::new();
    for row in table.select_all("attribute", title) {
        if !groups.contains(&row.text("group")) {
            groups.push(row.text("group"));
        }
    }
    groups
}

fn scenarios(table: &Table, title: &str, group: &str) -> u64 {
    table.select("attribute", title, "group", group).map(|row| row.number("scenarios") as u64).max().unwrap_or(0)
}

/// The boxes of one group, side by side in its slot.
fn boxes(
    table: &Table,
    canvas: &Canvas,
    panel: &Panel,
    (title, group): (&str, &str),
    (left, width): (f64, f64),
) -> DrawResult {
    let looks = style::looks(&table.scope.backends);
    let others = table.scope.backends.iter().zip(&looks).filter(|(id, _)| table.scope.baseline.as_ref() != Some(id));
    let count = others.clone().count() as f64;
    for (i, (id, look)) in others.enumerate() {
        let each = (width * 0.84 / count).min(16.0);
        let middle = left + width / 2.0 + (i as f64 + 0.5 - count / 2.0) * each;
        let rows = || table.select("attribute", title, "group", group).filter(|row| row.text("backend") == id);
        let part = |name: &str| rows().find(|row| row.text("part") == name).map(|row| row.number("error_percent"));
        let values: Option<Vec<f64>> = PARTS.iter().map(|name| part(name)).collect();
        if let Some(values) = values {
            one_box(canvas, panel, look, middle, each * 0.8, &values)?;
        }
        for row in rows().filter(|row| row.text("part") == POINT) {
            let at = (middle, vertical(panel, row.number("error_percent")));
            canvas.mark(at, Mark::Circle, look.color, 1.1)?;
        }
    }
    Ok(())
}

fn vertical(panel: &Panel, value: f64) -> f64 {
    panel.place((0.0, value)).1.clamp(panel.frame.y, panel.frame.bottom())
}

fn one_box(canvas: &Canvas, panel: &Panel, look: &Look, x: f64, width: f64, values: &[f64]) -> DrawResult {
    let y: Vec<f64> = values.iter().map(|v| vertical(panel, *v)).collect();
    let (left, right) = (x - width / 2.0, x + width / 2.0);
    canvas.line(&[(x, y[0]), (x, y[1])], look.color, 0.8)?;
    canvas.line(&[(x, y[3]), (x, y[4])], look.color, 0.8)?;
    canvas.fill(Rect { x: left, y: y[3], width, height: y[1] - y[3] }, look.color, 0.35)?;
    canvas.line(&[(left, y[1]), (right, y[1]), (right, y[3]), (left, y[3]), (left, y[1])], look.color, 0.7)?;
    canvas.line(&[(left, y[2]), (right, y[2])], look.color, 1.6)?;
    for end in [y[0], y[4]] {
        canvas.line(&[(x - width / 4.0, end), (x + width / 4.0, end)], look.color, 0.8)?;
    }
    Ok(())
}

fn entries(table: &Table) -> Vec<Entry> {
    let mut entries = legend::backends(&table.scope, false, |id| table.scope.baseline.as_deref() != Some(id));
    for entry in &mut entries {
        entry.look = Look { dash: &[], ..entry.look };
        entry.wide = true;
    }
    entries
}

/// Room for a third line of names, if one of the panels needs it.
fn more(table: &Table, page: f64) -> f64 {
    let width = columns(table, page).width();
    let third = |title: &&str| lines_of(&groups_of(table, title), width) > 2;
    if table.distinct("attribute").iter().any(third) { 9.5 } else { 0.0 }
}

fn grid(table: &Table, page: f64) -> Grid {
    Grid { between: ABOVE + BELOW + more(table, page), ..columns(table, page) }
}

/// The grid but for what depends on the width of its panels.
fn columns(table: &Table, page: f64) -> Grid {
    let narrow = is_narrow(page);
    let panels = table.distinct("attribute").len();
    let all: Vec<f64> = table.all().map(|row| row.number("error_percent")).collect();
    let log = Axis::fitting(&all).scale == Scale::Log;
    Grid {
        page,
        columns: if narrow { 2 } else { panels.clamp(2, 4) },
        left: if log { 22.0 + text_width("0.001", style::SMALL_FONT) } else { 36.0 },
        right: 10.0,
        gap: 18.0,
        top: legend::height(&entries(table), page) + ABOVE,
        height: if narrow { 66.0 } else { 86.0 },
        between: ABOVE + BELOW,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_about_equally_many_and_keep_equal_values_together() {
        let values: Vec<(f64, u8)> = [1.0, 2.0, 2.0, 2.0, 3.0, 4.0, 5.0, 6.0].map(|v| (v, 0)).to_vec();
        let equal: Vec<&[(f64, u8)]> = values.chunk_by(|a, b| a.0 == b.0).collect();
        let spans: Vec<String> = bins(&equal, values.len()).iter().map(|bin| span(bin)).collect();
        assert_eq!(spans, ["1", "2", "3–4", "5–6"]);
    }
}
