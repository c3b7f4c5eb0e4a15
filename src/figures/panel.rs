//! One panel: frame, grid, tick labels, headings, and curves over it.

use super::axis::{self, Axis};
use super::canvas::{Anchor, Canvas, DrawResult, Point, Rect, shortened, text_width};
use super::style::{self, Look};

/// A frame with two axes. The frame's lower left corner is the low end of both.
#[derive(Clone, Copy, Debug)]
pub struct Panel {
    /// Where the axes meet and end.
    pub frame: Rect,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
}

/// Room below a frame for tick labels and one line of axis label.
pub const BELOW: f64 = 25.0;
/// Room above a frame for two lines of heading.
pub const ABOVE: f64 = 25.0;
/// How far a tick label may stick out beyond its frame.
const OVERHANG: f64 = 8.5;

/// Lines (at most three) that names under equal slots of `width` points take.
pub fn lines_of(names: &[&str], width: f64) -> u32 {
    let room = width / names.len().max(1) as f64;
    let widest = names.iter().map(|name| text_width(name, style::SMALL_FONT)).fold(0.0, f64::max);
    let lines = (1..3).find(|lines| widest <= f64::from(*lines) * room - 4.0).unwrap_or(3);
    lines.min(names.len().max(1) as u32)
}

impl Panel {
    /// Where a value pair is drawn.
    pub fn place(&self, (x, y): (f64, f64)) -> Point {
        let (right, up) = (self.x.place(x), self.y.place(y));
        (self.frame.x + right * self.frame.width, self.frame.bottom() - up * self.frame.height)
    }

    /// Grid, axis lines, and tick labels on the sides asked for.
    pub fn axes(&self, canvas: &Canvas, x_labels: bool, y_labels: bool) -> DrawResult {
        let x_ticks = self.x.ticks(|ticks| self.fits(ticks));
        self.x_grid(canvas, &x_ticks)?;
        self.y_axis(canvas, y_labels)?;
        if x_labels { self.x_labels(canvas, &x_ticks) } else { Ok(()) }
    }

    fn x_grid(&self, canvas: &Canvas, ticks: &[f64]) -> DrawResult {
        let frame = self.frame;
        for x in self.x.fine() {
            let at = self.place((x, self.y.low)).0;
            canvas.line(&[(at, frame.y), (at, frame.bottom())], style::FINE_GRID, 0.5)?;
        }
        for x in ticks {
            let at = self.place((*x, self.y.low)).0;
            canvas.line(&[(at, frame.y), (at, frame.bottom())], style::GRID, 0.5)?;
            canvas.line(&[(at, frame.bottom()), (at, frame.bottom() + 2.5)], style::FRAME, 0.6)?;
        }
        Ok(())
    }

    /// The vertical axis with its grid, and both axis lines.
    pub fn y_axis(&self, canvas: &Canvas, labels: bool) -> DrawResult {
        let frame = self.frame;
        let apart = |pair: &[f64]| (self.y.place(pair[1]) - self.y.place(pair[0])) * frame.height;
        let ticks = self.y.ticks(|ticks| ticks.windows(2).all(|pair| apart(pair) >= style::SMALL_FONT * 1.5));
        for y in &ticks {
            let at = self.place((self.x.low, *y)).1;
            canvas.line(&[(frame.x, at), (frame.right(), at)], style::GRID, 0.5)?;
            canvas.line(&[(frame.x - 2.5, at), (frame.x, at)], style::FRAME, 0.6)?;
        }
        self.edges(canvas)?;
        if labels {
            for (y, label) in ticks.iter().zip(axis::labels(self.y.scale, &ticks)) {
                let at = (frame.x - 4.5, self.place((self.x.low, *y)).1);
                canvas.text(&label, at, Anchor::Right, style::SMALL_FONT, style::SOFT_INK)?;
            }
        }
        Ok(())
    }

    /// The two axis lines.
    pub fn edges(&self, canvas: &Canvas) -> DrawResult {
        let frame = self.frame;
        let corner = [(frame.x, frame.y), (frame.x, frame.bottom()), (frame.right(), frame.bottom())];
        canvas.line(&corner, style::FRAME, 0.6)
    }

    /// Left edge and width of slot `i` of `n` equal ones.
    pub fn slot(&self, i: usize, n: usize) -> (f64, f64) {
        let width = self.frame.width / n.max(1) as f64;
        (self.frame.x + i as f64 * width, width)
    }

    /// Names under equal slots; by turns in two or three lines where they are too long for one.
    pub fn categories(&self, canvas: &Canvas, names: &[&str]) -> DrawResult {
        let room = self.slot(0, names.len()).1;
        let lines = lines_of(names, self.frame.width);
        let (low, high) = (self.frame.x - 6.0, self.frame.right() + 6.0);
        let mut taken = [low; 3];
        for (i, name) in names.iter().enumerate() {
            let (left, width) = self.slot(i, names.len());
            let name = shortened(name, style::SMALL_FONT, (f64::from(lines) * room - 4.0).max(30.0));
            let half = text_width(&name, style::SMALL_FONT) / 2.0;
            let line = i % lines as usize;
            // A name that the edge pushed inwards pushes the next one of its line.
            let middle = (left + width / 2.0).min(high - half).max(taken[line] + half);
            taken[line] = middle + half + 3.0;
            let at = (middle, self.frame.bottom() + 8.0 + 9.5 * line as f64);
            canvas.text(&name, at, Anchor::Center, style::SMALL_FONT, style::SOFT_INK)?;
        }
        Ok(())
    }

    fn x_labels(&self, canvas: &Canvas, ticks: &[f64]) -> DrawResult {
        for (x, label) in ticks.iter().zip(axis::labels(self.x.scale, ticks)) {
            let at = self.place((*x, self.y.low)).0;
            let half = text_width(&label, style::SMALL_FONT) / 2.0;
            if at - half >= self.frame.x - OVERHANG && at + half <= self.frame.right() + OVERHANG {
                let below = (at, self.frame.bottom() + 8.0);
                canvas.text(&label, below, Anchor::Center, style::SMALL_FONT, style::SOFT_INK)?;
            }
        }
        Ok(())
    }

    /// Whether tick labels on the horizontal axis keep half an em apart.
    fn fits(&self, ticks: &[f64]) -> bool {
        let labels = axis::labels(self.x.scale, ticks);
        let half = |label: &String| text_width(label, style::SMALL_FONT) / 2.0;
        let spans: Vec<(f64, f64)> = ticks
            .iter()
            .zip(&labels)
            .map(|(x, label)| (self.x.place(*x) * self.frame.width, half(label)))
            .map(|(at, half)| (at - half, at + half))
            .collect();
        spans.windows(2).all(|pair| pair[0].1 + 0.6 * style::SMALL_FONT <= pair[1].0)
    }

    /// Two lines above the frame.
    pub fn heading(&self, canvas: &Canvas, title: &str, below: &str) -> DrawResult {
        let middle = self.frame.x + self.frame.width / 2.0;
        canvas.text(title, (middle, self.frame.y - 17.5), Anchor::Center, style::FONT, style::INK)?;
        canvas.text(below, (middle, self.frame.y - 7.0), Anchor::Center, style::SMALL_FONT, style::SOFT_INK)
    }

    /// The label of the horizontal axis, under its tick labels.
    pub fn x_label(&self, canvas: &Canvas, text: &str) -> DrawResult {
        let at = (self.frame.x + self.frame.width / 2.0, self.frame.bottom() + 19.5);
        canvas.text(text, at, Anchor::Center, style::FONT, style::INK)
    }

    /// The label of the vertical axis, `left` points left of the frame.
    pub fn y_label(&self, canvas: &Canvas, text: &str, left: f64) -> DrawResult {
        let at = (self.frame.x - left, self.frame.y + self.frame.height / 2.0);
        canvas.text_upwards(text, at, style::FONT, style::INK)
    }

    /// A curve through value pairs, cut at the frame.
    pub fn curve(&self, canvas: &Canvas, values: &[(f64, f64)], look: &Look, width: f64) -> DrawResult {
        let points: Vec<Point> = values.iter().map(|v| self.place(*v)).collect();
        canvas.curve(&points, look, width, self.frame)
    }

    /// Marks of "radius" `radius` at value pairs inside the frame.
    pub fn marks(&self, canvas: &Canvas, values: &[(f64, f64)], look: &Look, radius: f64) -> DrawResult {
        let room = 1e-6;
        let inside = |p: &Point| {
            let (x, y) = (
                (self.frame.x - room)..=(self.frame.right() + room),
                (self.frame.y - room)..=(self.frame.bottom() + room),
            );
            x.contains(&p.0) && y.contains(&p.1)
        };
        let mut points = values.iter().map(|v| self.place(*v)).filter(inside);
        points.try_for_each(|at| canvas.mark(at, look.mark, look.color, radius))
    }
}
