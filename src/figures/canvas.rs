//! The drawing surface: plotters' SVG backend in points instead of pixels, with dashes, marks and clipping.
//!
//! plotters' SVG backend knows whole pixels only, so the canvas has ten units per point: coordinates and line widths
//! are exact to a tenth of a point, finer than any printer. It has no dashes (they are cut here), and everything is opaque
//! (a rule of the PDF writer's byte stability, see `render`).

use std::sync::Once;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontTransform, register_font};

use super::style::{self, Look, Mark, Theme};

/// Canvas units per point.
pub const UNITS: f64 = 10.0;
/// What SVG viewers get as font; figures measure with DejaVu Sans, the PDF embeds it.
pub const FONT_FAMILY: &str = "DejaVu Sans, sans-serif";

/// A place in points from the upper left corner.
pub type Point = (f64, f64);

/// A rectangle in points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Rect {
    /// Right edge.
    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    /// Lower edge.
    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }
}

/// Which point of a text is at its place, horizontally; vertically it is the middle of the capitals.
pub use plotters::style::text_anchor::HPos as Anchor;

/// What the drawing library may refuse.
pub type DrawResult = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// An SVG in the making. Colours are given as in the light theme; the canvas turns them into its theme's.
pub struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    theme: Theme,
    width: f64,
}

/// Nothing is drawn further out than this many points: whatever the data, lines stay of a length that can be drawn.
const FURTHEST: f64 = 5000.0;

fn bounded((x, y): Point) -> Point {
    let inside = |v: f64| if v.is_nan() { 0.0 } else { v.clamp(-FURTHEST, FURTHEST) };
    (inside(x), inside(y))
}

fn units(point: Point) -> (i32, i32) {
    let (x, y) = bounded(point);
    ((x * UNITS).round() as i32, (y * UNITS).round() as i32)
}

impl<'a> Canvas<'a> {
    /// An empty canvas of `width` × `height` points that writes into `svg` when it is finished.
    pub fn new(
        svg: &'a mut String,
        width: f64,
        height: f64,
        theme: Theme,
    ) -> Result<Self, DrawingAreaErrorKind<std::io::Error>> {
        register();
        let (w, h) = units((width, height));
        let area = SVGBackend::with_string(svg, (w.unsigned_abs(), h.unsigned_abs())).into_drawing_area();
        area.fill(&theme.color(style::PAPER))?;
        Ok(Self { area, theme, width })
    }

    /// Width in points.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// Writes the end of the SVG.
    pub fn finish(self) -> DrawResult {
        self.area.present()
    }

    /// A line through `points`, `width` points wide.
    pub fn line(&self, points: &[Point], color: RGBColor, width: f64) -> DrawResult {
        let mut path: Vec<(i32, i32)> = points.iter().map(|p| units(*p)).collect();
        path.dedup();
        let color = self.theme.color(color);
        self.area.draw(&PathElement::new(path, color.stroke_width((width * UNITS).round() as u32)))
    }

    /// A filled rectangle; `strength` (0 to 1) mixes the colour with that of the paper, since nothing is transparent.
    pub fn fill(&self, rect: Rect, color: RGBColor, strength: f64) -> DrawResult {
        self.filled(rect, self.theme.tint(color, strength))
    }

    /// A cell of a heat map, `heat` from 0 (hardly different from the paper) to 1. It reaches a little over its right and lower
    /// edges, so that no paper shines through between neighbours.
    pub fn cell(&self, rect: Rect, heat: f64) -> DrawResult {
        let overlap = 0.15;
        let rect = Rect { width: rect.width + overlap, height: rect.height + overlap, ..rect };
        self.filled(rect, self.theme.heat(heat))
    }

    fn filled(&self, rect: Rect, color: RGBColor) -> DrawResult {
        let corners = [units((rect.x, rect.y)), units((rect.right(), rect.bottom()))];
        self.area.draw(&Rectangle::new(corners, color.filled()))
    }

    /// A line with dashes: lengths on and off in points; solid if `dash` is empty.
    pub fn dashed(&self, points: &[Point], color: RGBColor, width: f64, dash: &[f64]) -> DrawResult {
        if dash.is_empty() {
            return self.line(points, color, width);
        }
        let points: Vec<Point> = points.iter().map(|p| bounded(*p)).collect();
        dashes(&points, dash).iter().try_for_each(|piece| self.line(piece, color, width))
    }

    /// The part of a line that lies inside `frame`, in the look of a backend.
    pub fn curve(&self, points: &[Point], look: &Look, width: f64, frame: Rect) -> DrawResult {
        clipped(points, frame).iter().try_for_each(|piece| self.dashed(piece, look.color, width, look.dash))
    }

    /// A mark of "radius" `radius` at a place.
    pub fn mark(&self, at: Point, mark: Mark, color: RGBColor, radius: f64) -> DrawResult {
        let r = radius;
        let (light, color) = (color, self.theme.color(color));
        let around = |corners: &[Point]| {
            let shape: Vec<(i32, i32)> = corners.iter().map(|c| units((at.0 + c.0, at.1 + c.1))).collect();
            self.area.draw(&Polygon::new(shape, color.filled()))
        };
        match mark {
            Mark::Circle => self.area.draw(&Circle::new(units(at), (r * UNITS).round() as i32, color.filled())),
            Mark::Square => {
                around(&[(-0.9 * r, -0.9 * r), (0.9 * r, -0.9 * r), (0.9 * r, 0.9 * r), (-0.9 * r, 0.9 * r)])
            }
            Mark::Triangle => around(&[(0.0, -1.2 * r), (1.1 * r, 0.8 * r), (-1.1 * r, 0.8 * r)]),
            Mark::Wedge => around(&[(0.0, 1.2 * r), (1.1 * r, -0.8 * r), (-1.1 * r, -0.8 * r)]),
            Mark::Diamond => around(&[(0.0, -1.3 * r), (1.3 * r, 0.0), (0.0, 1.3 * r), (-1.3 * r, 0.0)]),
            Mark::Cross => {
                self.line(&[(at.0 - r, at.1 - r), (at.0 + r, at.1 + r)], light, 0.9)?;
                self.line(&[(at.0 - r, at.1 + r), (at.0 + r, at.1 - r)], light, 0.9)
            }
        }
    }

    /// Text of `size` points.
    pub fn text(&self, text: &str, at: Point, anchor: Anchor, size: f64, color: RGBColor) -> DrawResult {
        // The SVG backend centres on half an x-height; a tenth of the size more centres on the capitals.
        let color = self.theme.color(color);
        self.area.draw_text(text, &text_style(anchor, size, &color), units((at.0, at.1 + 0.1 * size)))
    }

    /// Text that reads upwards, centred on a place.
    pub fn text_upwards(&self, text: &str, at: Point, size: f64, color: RGBColor) -> DrawResult {
        let color = self.theme.color(color);
        let style = text_style(HPos::Center, size, &color).transform(FontTransform::Rotate270);
        self.area.draw_text(text, &style, units((at.0 + 0.1 * size, at.1)))
    }
}

fn text_style(anchor: Anchor, size: f64, color: &RGBColor) -> TextStyle<'_> {
    // plotters writes font sizes divided by 1.24.
    TextStyle::from((FONT_FAMILY, size * UNITS * 1.24)).color(color).pos(Pos::new(anchor, VPos::Center))
}

/// Makes DejaVu Sans known to plotters. It is the only face figures use: with one font the PDF has equal bytes for
/// equal drawings (see `render`), so there is no bold.
fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let registered = register_font(FONT_FAMILY, FontStyle::Normal, dejavu::sans::regular());
        assert!(registered.is_ok(), "DejaVu Sans is a valid font");
    });
}

/// Width in points of a text of `size` points.
pub fn text_width(text: &str, size: f64) -> f64 {
    register();
    // plotters takes the height of the font's line (DejaVu Sans: 1.164 em) for its size.
    const MEASURED_AT: f64 = 1000.0;
    let style = TextStyle::from((FONT_FAMILY, MEASURED_AT * 1.164));
    let (width, _) = style.font.box_size(text).expect("the font is registered");
    f64::from(width) * size / MEASURED_AT
}

/// The text, cut and ended with "…" if it is wider than `width` points.
pub fn shortened(text: &str, size: f64, width: f64) -> String {
    let mut kept = text.to_string();
    if text_width(text, size) <= width {
        return kept;
    }
    while !kept.is_empty() && text_width(&format!("{kept}…"), size) > width {
        kept.pop();
    }
    kept + "…"
}

/// The parts of a polyline inside a rectangle (Liang and Barsky, segment by segment).
fn clipped(points: &[Point], frame: Rect) -> Vec<Vec<Point>> {
    let mut pieces: Vec<Vec<Point>> = Vec::new();
    let mut open = false;
    for pair in points.windows(2) {
        let Some((from, to)) = clipped_segment(pair[0], pair[1], frame) else {
            open = false;
            continue;
        };
        match pieces.last_mut() {
            Some(piece) if open && piece.last() == Some(&from) => piece.push(to),
            _ => pieces.push(vec![from, to]),
        }
        open = to == pair[1];
    }
    pieces
}

fn clipped_segment(a: Point, b: Point, frame: Rect) -> Option<(Point, Point)> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    let edges = [(-dx, a.0 - frame.x), (dx, frame.right() - a.0), (-dy, a.1 - frame.y), (dy, frame.bottom() - a.1)];
    for (towards, room) in edges {
        if towards == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if towards < 0.0 {
            enter = enter.max(room / towards);
        } else {
            leave = leave.min(room / towards);
        }
    }
    let at = |t: f64| (a.0 + t * dx, a.1 + t * dy);
    let from = if enter > 0.0 { at(enter) } else { a };
    let to = if leave < 1.0 { at(leave) } else { b };
    (enter <= leave).then_some((from, to))
}

/// Cuts a polyline into the dashes of a pattern of lengths on and off.
fn dashes(points: &[Point], pattern: &[f64]) -> Vec<Vec<Point>> {
    let mut pieces = Vec::new();
    let (mut phase, mut left) = (0, pattern[0]);
    let mut piece: Vec<Point> = points.first().copied().into_iter().collect();
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        let mut length = (to.0 - from.0).hypot(to.1 - from.1);
        while length > left {
            let t = left / length;
            from = (from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1));
            length -= left;
            if phase % 2 == 0 {
                piece.push(from);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![from];
            }
            phase = (phase + 1) % pattern.len();
            left = pattern[phase];
        }
        left -= length;
        if phase % 2 == 0 {
            piece.push(to);
        }
    }
    if piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Rect = Rect { x: 0.0, y: 0.0, width: 10.0, height: 10.0 };

    #[test]
    fn lines_are_cut_at_the_frame_and_continue_when_they_come_back() {
        let out_and_in = [(5.0, 5.0), (15.0, 5.0), (15.0, 8.0), (5.0, 8.0)];
        assert_eq!(clipped(&out_and_in, FRAME), [vec![(5.0, 5.0), (10.0, 5.0)], vec![(10.0, 8.0), (5.0, 8.0)]]);
        let inside = [(1.0, 1.0), (2.0, 2.0), (3.0, 1.0)];
        assert_eq!(clipped(&inside, FRAME), [inside.to_vec()]);
        assert!(clipped(&[(11.0, 0.0), (11.0, 9.0)], FRAME).is_empty());
    }

    #[test]
    fn dashes_go_around_corners() {
        let pieces = dashes(&[(0.0, 0.0), (3.0, 0.0), (3.0, 4.0)], &[4.0, 1.0]);
        assert_eq!(pieces, [vec![(0.0, 0.0), (3.0, 0.0), (3.0, 1.0)], vec![(3.0, 2.0), (3.0, 4.0)]]);
        assert!(dashes(&[], &[4.0, 1.0]).is_empty());
    }

    #[test]
    fn long_names_are_cut_to_their_place() {
        assert_eq!(shortened("flowsim", 9.0, 100.0), "flowsim");
        let short = shortened("a-backend-with-a-very-long-name", 9.0, 60.0);
        assert!(short.ends_with('…') && text_width(&short, 9.0) <= 60.0, "{short}");
    }
}
