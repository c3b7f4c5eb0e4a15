//! `plane`: what each backend costs and how wrong it is, all in one picture.
//!
//! Per backend: median over scenarios of the CPU time, mean over scenarios of the mean per-flow error; bars from the 10th to
//! the 90th percentile over scenarios. The baseline is a vertical line (it has no error), a stored `floor` a horizontal one: below
//! it an error says nothing.

use super::axis::{Axis, significant};
use super::canvas::{Anchor, Canvas, DrawResult, Point, Rect, text_width};
use super::error::FigureError;
use super::error_cdf;
use super::grid::is_narrow;
use super::panel::{BELOW, Panel};
use super::scope::Scope;
use super::style::{self, Look};
use super::table::{Cell, Row, Table};
use super::{Figure, Needs, Request, Size};
use crate::dataset::{Dataset, ScenarioResults};
use crate::statistics::{mean, quantile, sorted};

/// The figure.
pub struct Plane;

const COLUMNS: &[&str] = &[
    "backend",
    "scenarios",
    "cpu_s",
    "cpu_s_p10",
    "cpu_s_p90",
    "error_percent",
    "error_percent_p10",
    "error_percent_p90",
];
const NAME: &str = "plane";
const NEEDS: Needs = Needs { baseline: true, backends: 2, only_if_named: &["ideal"] };

impl Figure for Plane {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "error against CPU time of all backends"
    }

    fn needs(&self) -> Needs {
        NEEDS
    }

    fn data(&self, dataset: &Dataset, request: &Request) -> Result<Table, FigureError> {
        let mut scope = Scope::of(NAME, NEEDS, dataset, request)?;
        let baseline = scope.baseline.clone().ok_or(FigureError::NoBaseline { figure: NAME })?;
        let others: Vec<String> = scope.compared().cloned().collect();
        let complete = |s: &ScenarioResults| others.iter().all(|id| error_cdf::compared(s, &baseline, id).is_some());
        let kept: Vec<usize> = scope.scenarios.iter().copied().filter(|i| complete(&dataset.scenarios[*i])).collect();
        if kept.is_empty() {
            let lacking = format!("in no scenario all backends and {baseline} finished a common flow");
            return Err(FigureError::Lacking { figure: NAME, lacking });
        }
        scope.restrict(dataset, kept);
        let mut table = Table::new(COLUMNS, scope);
        for id in table.scope.backends.clone() {
            let cpu: Vec<f64> = table.scope.selected(dataset).map(|s| s.runs[&id].cpu_s).collect();
            let error = |s: &ScenarioResults| error_cdf::compared(s, &baseline, &id).map_or(0.0, |e| 100.0 * e.mean);
            let errors: Vec<f64> = table.scope.selected(dataset).map(error).collect();
            let average = mean(&errors).unwrap_or(f64::NAN);
            let (cpu, errors) = (sorted(cpu), sorted(errors));
            let at = |values: &[f64], q| Cell::Number(quantile(values, q).unwrap_or(f64::NAN));
            let times = [0.5, 0.1, 0.9].map(|q| at(&cpu, q));
            let head = vec![Cell::from(id.as_str()), Cell::Count(cpu.len() as u64)];
            let error = vec![Cell::Number(average), at(&errors, 0.1), at(&errors, 0.9)];
            table.push([head, times.to_vec(), error].concat());
        }
        error_cdf::note_floor(&mut table, dataset);
        if !table.all().any(|row| row.number("cpu_s") > 0.0 && row.text("backend") != baseline) {
            return Err(FigureError::Lacking { figure: NAME, lacking: "no run took measurable CPU time".into() });
        }
        Ok(table)
    }

    fn caption(&self, table: &Table) -> String {
        let baseline = table.scope.baseline.as_deref().unwrap_or_default();
        format!(
            "Mean per-flow error of the slowdown against {baseline} (mean over scenarios) and CPU time per scenario (median); bars: \
             10th to 90th percentile over scenarios. Dashed: the cost of {baseline}, and the floor where it is stored. {}",
            table.remarks()
        )
    }

    fn size(&self, _: &Table, width: f64) -> Size {
        Size { width, height: frame(width).bottom() + BELOW + 2.0 }
    }

    fn draw(&self, table: &Table, canvas: &Canvas) -> DrawResult {
        let baseline = table.scope.baseline.as_deref().unwrap_or_default();
        let of = |columns: [&'static str; 3]| -> Vec<f64> {
            table.all().flat_map(|row| columns.map(|c| row.number(c))).filter(|v| v.is_finite()).collect()
        };
        let x = Axis::around(&of(["cpu_s", "cpu_s_p10", "cpu_s_p90"]));
        let y = Axis::from_zero(&of(["error_percent", "error_percent_p10", "error_percent_p90"]));
        let panel = Panel { frame: frame(canvas.width()), x, y };
        panel.axes(canvas, true, true)?;
        panel.x_label(canvas, "CPU time per scenario (s)")?;
        panel.y_label(canvas, "mean per-flow error (%)", 27.0)?;
        let looks = style::looks(&table.scope.backends);
        let mut labels = Labels { taken: Vec::new(), frame: panel.frame };
        for (row, look) in table.all().zip(&looks).filter(|(row, _)| row.number("cpu_s") > 0.0) {
            let id = row.text("backend");
            if id == baseline {
                let ends = [(row.number("cpu_s"), y.low), (row.number("cpu_s"), y.high)].map(|p| panel.place(p));
                canvas.dashed(&ends, look.color, style::CURVE, &[4.0, 2.5])?;
                let label = format!("{id} (baseline)");
                labels.write(canvas, (ends[1].0, panel.frame.y + 8.0), &label)?;
            } else if id == "floor" {
                let ends = [(x.low, row.number("error_percent")), (x.high, row.number("error_percent"))]
                    .map(|p| panel.place(p));
                canvas.dashed(&ends, look.color, style::CURVE, &[4.0, 2.5])?;
                labels.write(canvas, (panel.frame.x, ends[0].1), "floor")?;
            }
        }
        let estimators = table.all().zip(&looks).filter(|(row, _)| ![baseline, "floor"].contains(&row.text("backend")));
        let shown: Vec<(Row, &Look)> = estimators.filter(|(row, _)| row.number("cpu_s") > 0.0).collect();
        for (row, look) in &shown {
            spread(canvas, &panel, row, look)?;
            labels.taken.push(around(panel.place((row.number("cpu_s"), row.number("error_percent")))));
            let top = panel.place((row.number("cpu_s"), row.number("error_percent_p90")));
            let bottom = panel.place((row.number("cpu_s"), row.number("error_percent_p10")));
            labels.taken.push(Rect { x: top.0 - 1.0, y: top.1, width: 2.0, height: bottom.1 - top.1 });
        }
        for (row, _) in &shown {
            let text = format!("{} ({} %)", row.text("backend"), significant(row.number("error_percent")));
            labels.write(canvas, panel.place((row.number("cpu_s"), row.number("error_percent"))), &text)?;
        }
        Ok(())
    }
}

/// Bars and mark of a backend.
fn spread(canvas: &Canvas, panel: &Panel, row: &Row, look: &Look) -> DrawResult {
    let (cpu, error) = (row.number("cpu_s"), row.number("error_percent"));
    let low_cpu = row.number("cpu_s_p10").max(panel.x.low);
    let bars = [
        [(low_cpu, error), (row.number("cpu_s_p90"), error)],
        [(cpu, row.number("error_percent_p10")), (cpu, row.number("error_percent_p90"))],
    ];
    for bar in bars {
        canvas.line(&bar.map(|at| panel.place(at)), look.color, 0.8)?;
    }
    canvas.mark(panel.place((cpu, error)), look.mark, look.color, 1.6 * style::MARK)
}

fn around(at: Point) -> Rect {
    Rect { x: at.0 - 4.0, y: at.1 - 4.0, width: 8.0, height: 8.0 }
}

/// Names beside marks, where there is room.
struct Labels {
    taken: Vec<Rect>,
    frame: Rect,
}

impl Labels {
    /// Writes a name near `at`: the first place around it that neither leaves the frame nor covers anything; a thin line leads to one
    /// that is further off.
    fn write(&mut self, canvas: &Canvas, at: Point, text: &str) -> DrawResult {
        let (width, height) = (text_width(text, style::SMALL_FONT), style::SMALL_FONT);
        let offsets = [-7.0, 8.0, -16.0, 17.0, -25.0, 26.0, -34.0, 35.0];
        let sides = |dy: f64| [(5.0, dy), (-width - 5.0, dy), (-width / 2.0, dy)];
        let rect = |(dx, dy): (f64, f64)| Rect { x: at.0 + dx, y: at.1 + dy - height / 2.0, width, height };
        let mut places = offsets.into_iter().flat_map(sides).map(rect);
        let free = |r: &Rect| {
            let inside = r.x >= self.frame.x && r.right() <= self.frame.right() + 6.0;
            let high = r.y >= self.frame.y - 2.0 && r.bottom() <= self.frame.bottom() - 1.0;
            inside && high && self.taken.iter().all(|t| !overlap(t, r))
        };
        let place = places.find(free).unwrap_or_else(|| rect((5.0, -7.0)));
        self.taken.push(place);
        let middle = place.y + height / 2.0;
        if (middle - at.1).abs() > 10.0 {
            let end = (at.0.clamp(place.x, place.right()), if middle < at.1 { place.bottom() } else { place.y });
            canvas.line(&[at, end], style::SOFT_INK, 0.4)?;
        }
        canvas.text(text, (place.x, place.y + height / 2.0), Anchor::Left, style::SMALL_FONT, style::INK)
    }
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom()
}

fn frame(page: f64) -> Rect {
    let narrow = is_narrow(page);
    let width = if narrow { page - 46.0 } else { 340.0 };
    Rect {
        x: if narrow { 36.0 } else { (page - width) / 2.0 + 10.0 },
        y: 8.0,
        width,
        height: if narrow { 140.0 } else { 180.0 },
    }
}
