//! Heat maps: values in a few steps of one colour scale, rows drawn as runs of equal steps, and the bar that explains them.

use super::axis::{Axis, labels};
use super::canvas::{Anchor, Canvas, DrawResult, Rect};
use super::style;

/// Different colours; more could hardly be told apart, fewer make runs longer and files smaller.
pub const STEPS: usize = 8;

/// The step of a value: `None` if it is not above 0, so that nothing is drawn where there is nothing.
pub fn step(axis: &Axis, value: f64) -> Option<usize> {
    (value > 0.0).then(|| ((axis.place(value).clamp(0.0, 1.0) * STEPS as f64) as usize).min(STEPS - 1))
}

/// Draws one row of cells, which divide `row` equally, from left to right.
pub fn row(canvas: &Canvas, row: Rect, steps: &[Option<usize>]) -> DrawResult {
    let width = row.width / steps.len().max(1) as f64;
    let mut at = 0;
    for run in steps.chunk_by(|a, b| a == b) {
        if let Some(step) = run[0] {
            let cell = Rect { x: row.x + at as f64 * width, width: run.len() as f64 * width, ..row };
            canvas.cell(cell, heat(step))?;
        }
        at += run.len();
    }
    Ok(())
}

fn heat(step: usize) -> f64 {
    step as f64 / (STEPS - 1) as f64
}

/// The bar: colours of all steps in `at`, ticks of the axis under it, `title` to its left.
pub fn bar(canvas: &Canvas, axis: &Axis, at: Rect, title: &str) -> DrawResult {
    let width = at.width / STEPS as f64;
    for step in 0..STEPS {
        canvas.cell(Rect { x: at.x + step as f64 * width, width, ..at }, heat(step))?;
    }
    let middle = at.y + at.height / 2.0;
    canvas.text(title, (at.x - 6.0, middle), Anchor::Right, style::SMALL_FONT, style::INK)?;
    let room = at.width / 22.0;
    let ticks = axis.ticks(|ticks| ticks.len() as f64 <= room.max(2.0));
    for (value, label) in ticks.iter().zip(labels(axis.scale, &ticks)) {
        let x = at.x + axis.place(*value) * at.width;
        canvas.line(&[(x, at.bottom()), (x, at.bottom() + 2.0)], style::FRAME, 0.6)?;
        canvas.text(&label, (x, at.bottom() + 7.5), Anchor::Center, style::SMALL_FONT, style::SOFT_INK)?;
    }
    Ok(())
}

/// Height that a bar takes.
pub const BAR: f64 = 26.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_cover_the_axis_and_nothing_has_no_colour() {
        let axis = Axis::log(1.0, 1e4);
        assert_eq!(
            [0.0, f64::NAN, 0.5, 1.0, 9.99, 10.0, 1e4, 1e9].map(|v| step(&axis, v)),
            [None, None, Some(0), Some(0), Some(1), Some(2), Some(7), Some(7)]
        );
    }
}
