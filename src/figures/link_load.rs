//! `link-load`: whether the network gets the load that the mixes ask for.
//!
//! Left: loads of all channels that data cross, as shares of the load asked for, by kind of channel, all scenarios pooled. Right: load
//! of the busiest channel against the load asked for, one mark per scenario, with the diagonal and ± 10 % of it. Load as the workload
//! generator defines it: application bytes × 8 ÷ (first to last start × rate). Scenarios whose flows all start at once have none.

use super::axis::Axis;
use super::canvas::{Canvas, DrawResult};
use super::cdf;
use super::error::FigureError;
use super::grid::{Grid, is_narrow};
use super::legend::{self, Entry};
use super::panel::{ABOVE, BELOW, Panel};
use super::scenario_cdf::short;
use super::scope::{Scope, counted};
use super::style::{self, Look, Mark};
use super::table::{Cell, Table};
use super::{Detail, Figure, Needs, Request, Size};
use crate::dataset::{Dataset, Tier};
use crate::statistics::sorted;

/// The figure.
pub struct LinkLoad;

const COLUMNS: &[&str] = &["part", "channels", "mix_id", "scenario", "load_asked", "value", "cdf"];
const NAME: &str = "link-load";
const NEEDS: Needs = Needs { baseline: false, backends: 0, only_if_named: &[] };
const TIERS: [(Tier, &str); 3] =
    [(Tier::HostUp, "from hosts"), (Tier::HostDown, "to hosts"), (Tier::Fabric, "between switches")];
const BUSIEST: &str = "busiest channel";
const HEIGHT: f64 = 120.0;

impl Figure for LinkLoad {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "link loads delivered against the load asked for"
    }

    fn needs(&self) -> Needs {
        NEEDS
    }

    fn details(&self) -> &'static [Detail] {
        &[Detail::Traffic]
    }

    fn data(&self, dataset: &Dataset, request: &Request) -> Result<Table, FigureError> {
        let mut scope = Scope::of(NAME, NEEDS, dataset, request)?;
        let before = scope.scenarios.len();
        let has_load = |i: &usize| {
            let s = &dataset.scenarios[*i];
            let loads = s.details.traffic.iter().flat_map(|t| &t.channels);
            s.attributes.max_load > 0.0 && loads.clone().any(|c| c.load > 0.0 && c.load.is_finite())
        };
        let kept: Vec<usize> = scope.scenarios.iter().copied().filter(has_load).collect();
        if kept.is_empty() {
            let lacking = "no scenario asks for a load (imported, or all flows start at once)".to_string();
            return Err(FigureError::Lacking { figure: NAME, lacking });
        }
        scope.restrict(dataset, kept);
        let mut table = Table::new(COLUMNS, scope);
        for (tier, name) in TIERS {
            tier_rows(&mut table, dataset, tier, name);
        }
        for s in table.scope.selected(dataset).cloned().collect::<Vec<_>>() {
            let loads = s.details.traffic.iter().flat_map(|t| t.channels.iter().map(|c| c.load));
            let busiest = loads.filter(|l| l.is_finite()).fold(0.0, f64::max);
            let head = vec![Cell::from(BUSIEST), Cell::Count(1), Cell::Count(s.mix_id), Cell::Text(short(&s.digest))];
            let numbers = [s.attributes.max_load, busiest, f64::NAN].map(Cell::Number);
            table.push([head, numbers.to_vec()].concat());
        }
        if table.scope.scenarios.len() < before {
            table.notes.push(format!(
                "{} without a load left out.",
                counted(before - table.scope.scenarios.len(), "scenario")
            ));
        }
        Ok(table)
    }

    fn caption(&self, table: &Table) -> String {
        let n = |name: &str| table.select_all("part", name).next().map_or(0, |row| row.number("channels") as usize);
        let counts: Vec<String> = TIERS.iter().map(|(_, name)| format!("{name} {}", n(name))).collect();
        format!(
            "Link load (application bytes over the time of arrivals). Left: loads of the channels that data cross, as shares of the load \
             asked for (n, channels: {}). Right: load of the busiest channel against the load asked for, one mark per scenario; dashed: \
             ± 10 %. {}",
            counts.join(", "),
            table.remarks()
        )
    }

    fn size(&self, table: &Table, width: f64) -> Size {
        Size { width, height: grid(table, width).bottom(2) + BELOW + 2.0 }
    }

    fn draw(&self, table: &Table, canvas: &Canvas) -> DrawResult {
        let entries = entries(table);
        legend::draw(canvas, &entries)?;
        let grid = grid(table, canvas.width());
        let values = |part: &str| -> Vec<(f64, f64)> {
            table.select_all("part", part).map(|r| (r.number("value"), r.number("cdf"))).collect()
        };
        let shares: Vec<f64> = TIERS.iter().flat_map(|(_, name)| values(name)).map(|v| v.0).collect();
        let panel = Panel { frame: grid.frame(0), x: Axis::from_zero(&shares), y: Axis::linear(0.0, 1.03) };
        panel.axes(canvas, true, true)?;
        panel.heading(canvas, "all channels", "1 = load asked for")?;
        panel.x_label(canvas, "load ÷ load asked for")?;
        panel.y_label(canvas, "share of channels", grid.left - 9.0)?;
        canvas.dashed(&[panel.place((1.0, 0.0)), panel.place((1.0, 1.03))], style::FRAME, 0.8, &[3.0, 2.0])?;
        for entry in &entries {
            panel.curve(canvas, &values(&entry.text), &entry.look, style::CURVE)?;
        }
        busiest(table, canvas, &grid)
    }
}

/// Rows of the distribution of one kind of channel.
fn tier_rows(table: &mut Table, dataset: &Dataset, tier: Tier, name: &str) {
    let shares = |s: &crate::dataset::ScenarioResults| -> Vec<f64> {
        let of_tier = s.details.traffic.iter().flat_map(|t| t.channels.iter()).filter(|c| c.tier == tier);
        of_tier.map(|c| c.load / s.attributes.max_load).filter(|v| *v > 0.0 && v.is_finite()).collect()
    };
    let values = sorted(table.scope.selected(dataset).flat_map(shares).collect());
    let axis = Axis::from_zero(&values);
    let place = |(x, y): (f64, f64)| (axis.place(x) * style::DOUBLE_COLUMN / 2.0, y * HEIGHT);
    for (value, share) in cdf::thinned(&cdf::staircase(&values, values.len()), place, style::PRECISION) {
        let head = vec![Cell::from(name), Cell::Count(values.len() as u64), Cell::from(""), Cell::from("")];
        table.push([head, [f64::NAN, value, share].map(Cell::Number).to_vec()].concat());
    }
}

/// The right panel.
fn busiest(table: &Table, canvas: &Canvas, grid: &Grid) -> DrawResult {
    let rows = table.select_all("part", BUSIEST);
    let marks: Vec<(f64, f64)> = rows.map(|r| (r.number("load_asked"), r.number("value"))).collect();
    // Axes of their own: delivered loads may be several times those asked for.
    let [x, y] = [|m: &(f64, f64)| m.0, |m: &(f64, f64)| m.1].map(|of| marks.iter().map(of).collect::<Vec<f64>>());
    let panel = Panel { frame: grid.frame(1), x: Axis::from_zero(&x), y: Axis::from_zero(&y) };
    panel.axes(canvas, true, true)?;
    panel.heading(canvas, "busiest channel", &format!("n = {}", counted(marks.len(), "scenario")))?;
    panel.x_label(canvas, "load asked for")?;
    panel.y_label(canvas, "load delivered", 27.0)?;
    for (slope, dash) in [(1.0f64, &[][..]), (0.9, &[3.0, 2.0]), (1.1, &[3.0, 2.0])] {
        let look = Look { color: style::FRAME, dash: &[], mark: Mark::Circle };
        let end = (panel.x.high.min(panel.y.high / slope), panel.y.high.min(panel.x.high * slope));
        let line = [panel.place((0.0, 0.0)), panel.place(end)];
        canvas.dashed(&line, look.color, 0.8, dash)?;
    }
    let look = Look { color: style::SERIES[0], dash: &[], mark: Mark::Circle };
    panel.marks(canvas, &marks, &look, style::MARK)
}

fn entries(table: &Table) -> Vec<Entry> {
    const DASHES: [&[f64]; 3] = [&[], &[3.5, 2.0], &[1.2, 1.5]];
    let present = table.distinct("part");
    let entry = |(i, (_, name)): (usize, &(Tier, &str))| {
        let look = Look { color: style::SERIES[i], dash: DASHES[i], mark: Mark::Circle };
        Entry { text: (*name).to_string(), look, wide: false, mark: false, line: true }
    };
    TIERS.iter().enumerate().filter(|(_, (_, name))| present.contains(name)).map(entry).collect()
}

fn grid(table: &Table, page: f64) -> Grid {
    let narrow = is_narrow(page);
    Grid {
        page,
        columns: 2,
        left: if narrow { 34.0 } else { 40.0 },
        right: 12.0,
        gap: 44.0,
        top: legend::height(&entries(table), page) + ABOVE,
        height: if narrow { 80.0 } else { HEIGHT },
        between: 0.0,
    }
}
