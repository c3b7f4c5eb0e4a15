//! `training`: how a training went: its loss, and the errors on scenarios it did not learn from, over its steps.
//!
//! Made from the `loss.csv` of a training, not from the store, so it is not among [`super::all`]. Long trainings are told in at most
//! 200 points per curve, each the mean over equally many steps; steps without a validation have no point there.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, DrawResult, Rect, text_width};
use super::error::FigureError;
use super::grid::{Grid, is_narrow};
use super::legend::{self, Entry};
use super::panel::{ABOVE, BELOW, Panel};
use super::scope::{Scope, thousands};
use super::style::{self, Look};
use super::table::{Cell, Table};
use super::{Figure, Needs, Request, Size};
use crate::dataset::Dataset;
use crate::statistics::mean;
use crate::train::log::Curve;

/// The figure of one training.
#[derive(Debug, Default)]
pub struct Training {
    /// Its log.
    pub log: Curve,
}

const NAME: &str = "training";
const COLUMNS: &[&str] = &["panel", "series", "step", "value"];
const POINTS: usize = 200;
/// Height of the names under a panel.
const LEGEND: f64 = 14.0;
const LOSS: &str = "loss";
const VALIDATION: &str = "validation";
/// Column of the log, name in the figure, factor.
const LOSSES: [(&str, &str, f64); 4] = [
    ("loss", "loss", 1.0),
    ("slowdown", "of slowdowns", 1.0),
    ("error", "error, closed loop", 1.0),
    ("validation_loss", "validation", 1.0),
];
const ERRORS: [(&str, &str, f64); 3] = [
    ("validation_mean", "mean", 100.0),
    ("validation_p90", "p90", 100.0),
    ("validation_p99", "p99 of slowdown", 100.0),
];

impl Figure for Training {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "loss and validation errors of a training over its steps"
    }

    fn needs(&self) -> Needs {
        Needs { baseline: false, backends: 0, only_if_named: &[] }
    }

    fn data(&self, _: &Dataset, _: &Request) -> Result<Table, FigureError> {
        let mut table = Table::new(COLUMNS, Scope::default());
        for (panel, series) in [(LOSS, &LOSSES[..]), (VALIDATION, &ERRORS)] {
            for (column, name, factor) in series {
                for (step, value) in thinned(&self.log.of(column)) {
                    let value = Cell::Number(value * factor);
                    table.push(vec![Cell::from(panel), Cell::from(*name), Cell::Number(step), value]);
                }
            }
        }
        if table.rows.is_empty() {
            return Err(FigureError::MissingData { figure: NAME, scenarios: 0, missing: Vec::new() });
        }
        let steps = self.log.rows.last().map_or(0, |(step, _)| *step);
        table.notes.push(format!("{} steps.", thousands(steps)));
        if self.log.rows.len() > POINTS {
            let each = self.log.rows.len().div_ceil(POINTS);
            table.notes.push(format!("Losses are means over {} steps each.", thousands(each as u64)));
        }
        Ok(table)
    }

    fn caption(&self, table: &Table) -> String {
        let validated = if table.select_all("panel", VALIDATION).next().is_some() {
            ", and errors of the FCT slowdown on the validation scenarios, of which nothing is learned"
        } else {
            ""
        };
        format!("Loss of a training over its steps{validated}. {}", table.notes.join(" "))
    }

    fn size(&self, table: &Table, width: f64) -> Size {
        Size { width, height: grid(width).bottom(table.distinct("panel").len()) + BELOW + LEGEND + 4.0 }
    }

    fn draw(&self, table: &Table, canvas: &Canvas) -> DrawResult {
        let grid = grid(canvas.width());
        for (i, name) in table.distinct("panel").iter().enumerate() {
            panel(table, canvas, name, grid.frame(i))?;
        }
        Ok(())
    }
}

/// Losses beside errors, or above them in a single column.
fn grid(page: f64) -> Grid {
    Grid {
        page,
        columns: if is_narrow(page) { 1 } else { 2 },
        left: 46.0,
        right: 14.0,
        gap: 60.0,
        top: 4.0 + ABOVE,
        height: 130.0,
        between: BELOW + LEGEND + ABOVE + 8.0,
    }
}

/// Means over equally many neighbours, at most [`POINTS`] of them.
fn thinned(points: &[(u64, f64)]) -> Vec<(f64, f64)> {
    let each = points.len().div_ceil(POINTS).max(1);
    let middle = |chunk: &[(u64, f64)]| {
        let steps: Vec<f64> = chunk.iter().map(|p| p.0 as f64).collect();
        let values: Vec<f64> = chunk.iter().map(|p| p.1).collect();
        Some((mean(&steps)?, mean(&values)?))
    };
    points.chunks(each).filter_map(middle).collect()
}

fn panel(table: &Table, canvas: &Canvas, name: &str, frame: Rect) -> DrawResult {
    let rows: Vec<(String, f64, f64)> = table
        .distinct("series")
        .iter()
        .flat_map(|series| {
            let of = table.select("panel", name, "series", series);
            of.map(|row| ((*series).to_owned(), row.number("step"), row.number("value"))).collect::<Vec<_>>()
        })
        .collect();
    let values: Vec<f64> = rows.iter().map(|r| r.2).collect();
    let last = rows.iter().map(|r| r.1).fold(1.0, f64::max);
    let y = if name == LOSS { Axis::around(&values) } else { Axis::from_zero(&values) };
    let panel = Panel { frame, x: Axis::linear(0.0, last), y };
    panel.axes(canvas, true, true)?;
    let (title, label) = if name == LOSS { ("training", "loss") } else { ("validation", "error of slowdown (%)") };
    panel.heading(canvas, title, "")?;
    panel.x_label(canvas, "step")?;
    panel.y_label(canvas, label, 36.0)?;
    let mut series: Vec<String> = rows.iter().map(|r| r.0.clone()).collect();
    series.dedup();
    let looks = style::looks(&series);
    for (series, look) in series.iter().zip(&looks) {
        let curve: Vec<(f64, f64)> = rows.iter().filter(|r| r.0 == *series).map(|r| (r.1, r.2)).collect();
        panel.curve(canvas, &curve, look, style::CURVE)?;
        if curve.len() <= 40 {
            panel.marks(canvas, &curve, look, style::SMALL_MARK)?;
        }
    }
    names(canvas, &series, &looks, frame)
}

/// The names of a panel's curves in a line under it, where no curve can be.
fn names(canvas: &Canvas, series: &[String], looks: &[Look], frame: Rect) -> DrawResult {
    const KEY: f64 = 24.0;
    const SPACE: f64 = 10.0;
    let width = |name: &String| KEY + text_width(name, style::SMALL_FONT) + SPACE;
    let y = frame.bottom() + BELOW + LEGEND / 2.0 + 2.0;
    let all = series.iter().map(width).sum::<f64>() - SPACE;
    let mut x = ((frame.x + frame.right() - all) / 2.0).max(2.0);
    for (name, look) in series.iter().zip(looks) {
        let entry = Entry { text: String::new(), look: *look, wide: false, mark: false, line: true };
        legend::key(canvas, (x + 10.0, y), &entry)?;
        canvas.text(name, (x + KEY, y), Anchor::Left, style::SMALL_FONT, style::INK)?;
        x += width(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Page;
    use super::*;

    fn curve(steps: u64) -> Curve {
        let columns = ["loss", "validation_mean"].map(String::from).to_vec();
        let value = |step: u64| vec![1.0 / step as f64, if step.is_multiple_of(10) { 0.1 } else { f64::NAN }];
        Curve { columns, rows: (1..=steps).map(|step| (step, value(step))).collect() }
    }

    #[test]
    fn long_trainings_are_told_in_means_and_nothing_is_lost() {
        let data = |steps| Training { log: curve(steps) }.data(&Dataset::default(), &Request::default());
        let table = data(1000).expect("steps");
        assert_eq!(table.select_all("panel", LOSS).count(), POINTS);
        let first = table.select_all("panel", LOSS).next().expect("a row");
        assert_eq!(first.number("step"), 3.0);
        assert!((first.number("value") - (1.0 + 0.5 + 1.0 / 3.0 + 0.25 + 0.2) / 5.0).abs() < 1e-12);
        assert_eq!(table.select_all("panel", VALIDATION).count(), 100);
        assert_eq!(data(15).expect("steps").rows.len(), 16);
        assert!(data(0).is_err_and(|e| e.is_missing_data()));
    }

    #[test]
    fn it_is_drawn_in_every_form() {
        let dir = tempfile::tempdir().expect("a folder");
        let figure = Training { log: curve(300) };
        let written =
            super::super::write(&figure, &Dataset::default(), &Request::default(), &Page::default(), dir.path())
                .expect("drawable");
        assert!(written.caption.contains("300 steps") && written.png.is_file() && written.csv.is_file());
    }
}
