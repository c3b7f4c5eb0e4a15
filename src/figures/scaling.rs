//! `scaling`: what a run costs against the size of its network and of its workload.
//!
//! CPU seconds of each run against hosts and against flows, both axes logarithmic; lines join the medians of runs of equal
//! size. A quantity that does not vary gets no panel. Left out: load, which changes the cost too and spreads the marks.

use super::axis::Axis;
use super::canvas::{Canvas, DrawResult};
use super::error::FigureError;
use super::grid::{Grid, is_narrow};
use super::legend::{self, Entry};
use super::panel::{ABOVE, BELOW, Panel};
use super::scenario_cdf::short;
use super::scope::{Scope, counted};
use super::style;
use super::table::{Cell, Table};
use super::{Figure, Needs, Request, Size};
use crate::dataset::{Dataset, ScenarioResults};
use crate::statistics::{quantile, sorted};

/// The figure.
pub struct Scaling;

const COLUMNS: &[&str] = &["against", "size", "backend", "mix_id", "scenario", "cpu_s", "packets"];
const NAME: &str = "scaling";
const NEEDS: Needs = Needs { baseline: false, backends: 1, only_if_named: &["ideal", "floor"] };
/// Name in the table, and the size of a scenario.
type Measure = (&'static str, fn(&ScenarioResults) -> u64);
const MEASURES: [Measure; 2] = [("hosts", |s| s.attributes.hosts), ("flows", |s| s.size_bytes.len() as u64)];

impl Figure for Scaling {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "CPU time per run against hosts and against flows"
    }

    fn needs(&self) -> Needs {
        NEEDS
    }

    fn data(&self, dataset: &Dataset, request: &Request) -> Result<Table, FigureError> {
        let scope = Scope::of(NAME, NEEDS, dataset, request)?;
        let mut table = Table::new(COLUMNS, scope);
        let mut same = Vec::new();
        for (name, size) in MEASURES {
            let sizes: Vec<u64> = table.scope.selected(dataset).map(size).collect();
            if sizes.iter().all(|s| *s == sizes[0]) {
                same.push(format!("{} {name}", super::scope::thousands(sizes[0])));
                continue;
            }
            for id in table.scope.backends.clone() {
                let of =
                    |s: &ScenarioResults| (size(s), s.mix_id, short(&s.digest), s.runs[&id].cpu_s, s.runs[&id].packets);
                let mut runs: Vec<_> =
                    table.scope.selected(dataset).map(of).filter(|r| r.3 > 0.0 && r.3.is_finite()).collect();
                runs.sort_by_key(|run| (run.0, run.1));
                for (size, mix, scenario, cpu_s, packets) in runs {
                    let head = vec![Cell::from(name), Cell::Count(size), Cell::Text(id.clone()), Cell::Count(mix)];
                    let tail = vec![Cell::Text(scenario), Cell::Number(cpu_s), Cell::Count(packets)];
                    table.push([head, tail].concat());
                }
            }
        }
        if table.rows.is_empty() {
            let why = if same.len() == 2 {
                format!("all scenarios have {}", same.join(" and "))
            } else {
                "no run took CPU time".into()
            };
            return Err(FigureError::Lacking {
                figure: NAME,
                lacking: format!("{why}: there is nothing to draw against"),
            });
        }
        table.notes.extend(same.first().map(|same| format!("No panel for what does not vary: {same}.")));
        Ok(table)
    }

    fn caption(&self, table: &Table) -> String {
        format!(
            "CPU time of each run against the size of its scenario; lines: medians of equal sizes. {}",
            table.remarks()
        )
    }

    fn size(&self, table: &Table, width: f64) -> Size {
        let panels = table.distinct("against").len();
        Size { width, height: grid(table, width).bottom(panels) + BELOW + 2.0 }
    }

    fn draw(&self, table: &Table, canvas: &Canvas) -> DrawResult {
        legend::draw(canvas, &entries(table))?;
        let grid = grid(table, canvas.width());
        let seconds: Vec<f64> = table.all().map(|row| row.number("cpu_s")).collect();
        for (i, name) in table.distinct("against").into_iter().enumerate() {
            let sizes: Vec<f64> = table.select_all("against", name).map(|row| row.number("size")).collect();
            let panel = Panel { frame: grid.frame(i), x: Axis::around(&sizes), y: Axis::around(&seconds) };
            panel.axes(canvas, true, grid.leftmost(i))?;
            let runs = table.select("against", name, "backend", &table.scope.backends[0]).count();
            panel.heading(canvas, &format!("against {name}"), &format!("n = {}", counted(runs, "scenario")))?;
            panel.x_label(canvas, name)?;
            if grid.leftmost(i) {
                panel.y_label(canvas, "CPU time (s)", grid.left - 9.0)?;
            }
            for (id, look) in table.scope.backends.iter().zip(style::looks(&table.scope.backends)) {
                let rows = table.select("against", name, "backend", id);
                let runs: Vec<(f64, f64)> = rows.map(|row| (row.number("size"), row.number("cpu_s"))).collect();
                let median =
                    |run: &[(f64, f64)]| quantile(&sorted(run.iter().map(|r| r.1).collect()), 0.5).unwrap_or(f64::NAN);
                let medians: Vec<(f64, f64)> =
                    runs.chunk_by(|a, b| a.0 == b.0).map(|run| (run[0].0, median(run))).collect();
                panel.curve(canvas, &medians, &look, style::CURVE)?;
                panel.marks(canvas, &runs, &look, style::SMALL_MARK)?;
            }
        }
        Ok(())
    }
}

fn entries(table: &Table) -> Vec<Entry> {
    legend::backends(&table.scope, true, |_| true)
}

fn grid(table: &Table, page: f64) -> Grid {
    let narrow = is_narrow(page);
    Grid {
        page,
        columns: table.distinct("against").len().max(1),
        left: 44.0,
        right: 12.0,
        gap: 20.0,
        top: legend::height(&entries(table), page) + ABOVE,
        height: if narrow { 100.0 } else { 130.0 },
        between: 0.0,
    }
}
