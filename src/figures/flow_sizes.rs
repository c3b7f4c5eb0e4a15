//! `flow-sizes`: the flow sizes that were drawn, one curve per distribution.
//!
//! Left: share of flows that are at most x bytes; right: share of all bytes that such flows carry (most flows are small, most
//! bytes are in large ones). Flows of all scenarios with the same distribution pooled. No backend takes part.

use super::axis::Axis;
use super::canvas::{Canvas, DrawResult};
use super::cdf;
use super::error::FigureError;
use super::grid::{Grid, is_narrow};
use super::legend::{self, Entry};
use super::panel::{ABOVE, BELOW, Panel};
use super::scope::{Scope, counted, thousands};
use super::style::{self, Look, Mark};
use super::table::{Cell, Table};
use super::{Figure, Needs, Request, Size};
use crate::dataset::Dataset;
use std::collections::BTreeMap;

/// The figure.
pub struct FlowSizes;

const COLUMNS: &[&str] = &["share_of", "distribution", "flows", "size_bytes", "cdf"];
const NAME: &str = "flow-sizes";
const NEEDS: Needs = Needs { baseline: false, backends: 0, only_if_named: &[] };
const PANELS: [&str; 2] = ["flows", "bytes"];
const HEIGHT: f64 = 110.0;

impl Figure for FlowSizes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "CDF of the flow sizes of each distribution, over flows and over bytes"
    }

    fn needs(&self) -> Needs {
        NEEDS
    }

    fn data(&self, dataset: &Dataset, request: &Request) -> Result<Table, FigureError> {
        let scope = Scope::of(NAME, NEEDS, dataset, request)?;
        let mut sizes: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for scenario in scope.selected(dataset) {
            let name = Some(&scenario.attributes.size_dist).filter(|name| !name.is_empty());
            let name = name.map_or_else(|| format!("mix {}", scenario.mix_id), String::clone);
            sizes.entry(name).or_default().extend(scenario.size_bytes.iter());
        }
        sizes.values_mut().for_each(|s| s.sort_unstable());
        sizes.retain(|_, s| !s.is_empty());
        if sizes.is_empty() {
            return Err(FigureError::Lacking { figure: NAME, lacking: "no scenario has flows".into() });
        }
        let ends = sizes.values().flat_map(|s| [s[0] as f64, s[s.len() - 1] as f64]).collect::<Vec<_>>();
        let axis = Axis::around(&ends);
        let mut table = Table::new(COLUMNS, scope);
        for panel in PANELS {
            for (name, sorted) in &sizes {
                let place = |(x, y): (f64, f64)| (axis.place(x) * style::DOUBLE_COLUMN / 2.0, y * HEIGHT);
                for (size, share) in cdf::thinned(&corners(sorted, panel == "bytes"), place, style::PRECISION) {
                    let head = vec![Cell::from(panel), Cell::from(name.as_str()), Cell::Count(sorted.len() as u64)];
                    table.push([head, vec![Cell::Number(size), Cell::Number(share)]].concat());
                }
            }
        }
        Ok(table)
    }

    fn caption(&self, table: &Table) -> String {
        let names = table.distinct("distribution");
        let n: Vec<String> = names.iter().map(|name| format!("{name} {}", thousands(flows(table, name)))).collect();
        format!(
            "Flow sizes as drawn: share of flows of at most a size (left) and share of all bytes in such flows (right), by \
             distribution, all scenarios pooled (n, flows: {}). {}",
            n.join(", "),
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
        let sizes: Vec<f64> = table.all().map(|row| row.number("size_bytes")).collect();
        for (i, name) in PANELS.into_iter().enumerate() {
            let panel = Panel { frame: grid.frame(i), x: Axis::around(&sizes), y: Axis::linear(0.0, 1.03) };
            panel.axes(canvas, true, grid.leftmost(i))?;
            let all: u64 = table.distinct("distribution").iter().map(|d| flows(table, d)).sum();
            panel.heading(canvas, &format!("share of {name}"), &format!("n = {}", counted(all as usize, "flow")))?;
            panel.x_label(canvas, "flow size (bytes)")?;
            for (distribution, entry) in table.distinct("distribution").into_iter().zip(&entries) {
                let rows = table.select("share_of", name, "distribution", distribution);
                let curve: Vec<(f64, f64)> = rows.map(|r| (r.number("size_bytes"), r.number("cdf"))).collect();
                panel.curve(canvas, &curve, &entry.look, style::CURVE)?;
            }
        }
        Ok(())
    }
}

fn flows(table: &Table, distribution: &str) -> u64 {
    table.select_all("distribution", distribution).next().map_or(0, |row| row.number("flows") as u64)
}

/// Corners of the distribution over flows, or over the bytes they carry.
fn corners(sorted: &[u64], bytes: bool) -> Vec<(f64, f64)> {
    let weight = |size: u64| if bytes { size as f64 } else { 1.0 };
    let total: f64 = sorted.iter().map(|s| weight(*s)).sum();
    let (mut corners, mut below) = (Vec::new(), 0.0);
    for equal in sorted.chunk_by(|a, b| a == b) {
        corners.push((equal[0] as f64, below / total));
        below += weight(equal[0]) * equal.len() as f64;
        corners.push((equal[0] as f64, below / total));
    }
    corners
}

fn entries(table: &Table) -> Vec<Entry> {
    const DASHES: [&[f64]; 4] = [&[], &[3.5, 2.0], &[1.2, 1.5], &[5.0, 1.6, 1.2, 1.6]];
    let entry = |(i, name): (usize, &str)| {
        let dash = DASHES[(i + i / style::SERIES.len()) % DASHES.len()];
        let look = Look { color: style::SERIES[i % style::SERIES.len()], dash, mark: Mark::Circle };
        Entry { text: name.to_string(), look, wide: false, mark: false, line: true }
    };
    table.distinct("distribution").into_iter().enumerate().map(entry).collect()
}

fn grid(table: &Table, page: f64) -> Grid {
    Grid {
        page,
        columns: 2,
        left: 30.0,
        right: 12.0,
        gap: 18.0,
        top: legend::height(&entries(table), page) + ABOVE,
        height: if is_narrow(page) { 80.0 } else { HEIGHT },
        between: 0.0,
    }
}
