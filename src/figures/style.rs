//! How figures look: sizes for a two-column paper, fonts, greys, and one colour, dash and mark per backend.
//!
//! All lengths are points (1/72 in) at final size. Colours are those of Okabe and Ito ("Color Universal Design", 2008),
//! which people with any common colour blindness tell apart, and for unknown backends those of Tol's "muted" scheme
//! ("Colour Schemes", SRON technical note, 2021); dash and mark repeat the distinction for print in grey.
//! A backend looks the same in every figure: known ids are in a table, unknown ones hash to a look of their own.

use plotters::style::RGBColor;

/// Width of a figure over both columns of a paper.
pub const DOUBLE_COLUMN: f64 = 504.0;
/// Width of a figure in one column.
pub const SINGLE_COLUMN: f64 = 240.0;
/// Size of titles, axis labels and legends.
pub const FONT: f64 = 9.0;
/// Size of tick labels and of counts under titles.
pub const SMALL_FONT: f64 = 8.0;
/// Curves.
pub const CURVE: f64 = 1.1;
/// The baseline's curve: wide and drawn first, so that it shows under one that covers it.
pub const BASELINE_CURVE: f64 = 2.0;
/// "Radius" of marks.
pub const MARK: f64 = 2.0;
/// "Radius" of marks where there are many.
pub const SMALL_MARK: f64 = 1.4;
/// Curves are thinned to this precision: an eighth of a curve's width, 1.25 dots at 600 dpi.
pub const PRECISION: f64 = 0.15;

/// Background.
pub const PAPER: RGBColor = RGBColor(255, 255, 255);
/// Text.
pub const INK: RGBColor = RGBColor(0, 0, 0);
/// Counts under titles, ticks.
pub const SOFT_INK: RGBColor = RGBColor(90, 90, 90);
/// Axis lines.
pub const FRAME: RGBColor = RGBColor(110, 110, 110);
/// Grid lines at ticks.
pub const GRID: RGBColor = RGBColor(217, 217, 217);
/// Grid lines between ticks.
pub const FINE_GRID: RGBColor = RGBColor(240, 240, 240);

const BLACK: RGBColor = RGBColor(0, 0, 0);
const DARK: RGBColor = RGBColor(64, 64, 64);
const GREY: RGBColor = RGBColor(130, 130, 130);
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const SKY: RGBColor = RGBColor(86, 180, 233);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const BLUE: RGBColor = RGBColor(0, 114, 178);
const VERMILLION: RGBColor = RGBColor(213, 94, 0);
const PURPLE: RGBColor = RGBColor(204, 121, 167);

const WINE: RGBColor = RGBColor(136, 34, 85);
const OLIVE: RGBColor = RGBColor(153, 153, 51);
const INDIGO: RGBColor = RGBColor(51, 34, 136);
const ROSE: RGBColor = RGBColor(204, 102, 119);

const SOLID: &[f64] = &[];
const DASHED: &[f64] = &[3.5, 2.0];
const DOTTED: &[f64] = &[1.2, 1.5];
const DASH_DOT: &[f64] = &[5.0, 1.6, 1.2, 1.6];
const LONG: &[f64] = &[8.0, 2.5];

/// Colours of things that are no backends (distributions, groups), in order.
pub const SERIES: [RGBColor; 8] = [BLUE, VERMILLION, GREEN, PURPLE, ORANGE, INDIGO, OLIVE, GREY];

/// Light as on paper, or dark as on slides and screens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Black on white.
    #[default]
    Light,
    /// Light on nearly black.
    Dark,
}

/// Every colour of this file that is another one in the dark theme.
const DARKENED: [(RGBColor, RGBColor); 17] = [
    (PAPER, RGBColor(22, 24, 28)),
    (INK, RGBColor(238, 238, 238)),
    (SOFT_INK, RGBColor(172, 176, 184)),
    (FRAME, RGBColor(140, 144, 152)),
    (GRID, RGBColor(58, 62, 70)),
    (FINE_GRID, RGBColor(38, 41, 47)),
    (DARK, RGBColor(196, 198, 202)),
    (GREY, RGBColor(140, 142, 146)),
    (SKY, RGBColor(120, 212, 245)),
    (GREEN, RGBColor(40, 200, 150)),
    (BLUE, RGBColor(72, 144, 240)),
    (VERMILLION, RGBColor(245, 126, 48)),
    (PURPLE, RGBColor(222, 150, 192)),
    (WINE, RGBColor(216, 92, 152)),
    (OLIVE, RGBColor(192, 192, 92)),
    (INDIGO, RGBColor(146, 128, 240)),
    (ROSE, RGBColor(232, 140, 156)),
];

/// Stops of the colours of heat maps: one hue, only ever darker (lighter in the dark theme), so that they can be ordered
/// without any colour vision.
const HEAT: [RGBColor; 5] = [
    RGBColor(232, 240, 248),
    RGBColor(170, 201, 226),
    RGBColor(96, 152, 199),
    RGBColor(34, 94, 158),
    RGBColor(8, 36, 84),
];
const DARK_HEAT: [RGBColor; 5] = [
    RGBColor(36, 44, 58),
    RGBColor(38, 78, 120),
    RGBColor(56, 126, 178),
    RGBColor(130, 188, 222),
    RGBColor(236, 246, 252),
];

impl Theme {
    /// A colour of the light theme in this one.
    pub fn color(self, light: RGBColor) -> RGBColor {
        match self {
            Self::Light => light,
            Self::Dark => DARKENED.iter().find(|(from, _)| *from == light).map_or(light, |(_, to)| *to),
        }
    }

    /// A colour of the light theme in this one, mixed with the paper: 0 is paper, 1 the colour itself.
    pub fn tint(self, light: RGBColor, strength: f64) -> RGBColor {
        mixed(self.color(PAPER), self.color(light), strength)
    }

    /// Colour of a heat from 0 to 1.
    pub fn heat(self, heat: f64) -> RGBColor {
        let stops = if self == Self::Light { HEAT } else { DARK_HEAT };
        let at = heat.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
        let low = (at.floor() as usize).min(stops.len() - 2);
        mixed(stops[low], stops[low + 1], at - low as f64)
    }
}

fn mixed(a: RGBColor, b: RGBColor, share: f64) -> RGBColor {
    let of = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
    RGBColor(of(a.0, b.0), of(a.1, b.1), of(a.2, b.2))
}

/// Shape of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Filled circle.
    Circle,
    /// Filled square.
    Square,
    /// Filled triangle, point up.
    Triangle,
    /// Filled diamond.
    Diamond,
    /// Filled triangle, point down.
    Wedge,
    /// Two crossing strokes.
    Cross,
}

/// Colour, dash (lengths on and off; empty is solid) and mark of a backend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Of curves and marks.
    pub color: RGBColor,
    /// Of curves.
    pub dash: &'static [f64],
    /// Of single values.
    pub mark: Mark,
}

const fn look(color: RGBColor, dash: &'static [f64], mark: Mark) -> Look {
    Look { color, dash, mark }
}

/// Backends with a look of their own, in the order in which they are listed and drawn: solid lines first, so that
/// broken ones show over them where curves coincide.
const KNOWN: [(&str, Look); 15] = [
    ("ns3", look(BLACK, SOLID, Mark::Circle)),
    ("packet", look(DARK, SOLID, Mark::Square)),
    ("packet-clean", look(DARK, DASHED, Mark::Diamond)),
    ("flowsim-window", look(BLUE, SOLID, Mark::Triangle)),
    ("flowsim", look(SKY, DASH_DOT, Mark::Wedge)),
    ("coarse", look(GREEN, LONG, Mark::Square)),
    ("pmn", look(GREEN, SOLID, Mark::Diamond)),
    ("pmn-m", look(GREEN, DASHED, Mark::Triangle)),
    ("pmn-mc", look(GREEN, DOTTED, Mark::Circle)),
    ("m3", look(ORANGE, LONG, Mark::Square)),
    ("m4", look(VERMILLION, DASHED, Mark::Diamond)),
    ("m4-fluid", look(ORANGE, DASH_DOT, Mark::Triangle)),
    ("mlsys", look(VERMILLION, DOTTED, Mark::Wedge)),
    ("ideal", look(PURPLE, DOTTED, Mark::Cross)),
    ("floor", look(GREY, DASHED, Mark::Cross)),
];

/// Looks for all others, in colours that no known backend has.
const SPARE: [Look; 10] = [
    look(WINE, DASH_DOT, Mark::Triangle),
    look(OLIVE, DASHED, Mark::Square),
    look(INDIGO, DASHED, Mark::Circle),
    look(ROSE, DASHED, Mark::Wedge),
    look(GREY, LONG, Mark::Triangle),
    look(WINE, DOTTED, Mark::Circle),
    look(OLIVE, DASH_DOT, Mark::Diamond),
    look(INDIGO, DOTTED, Mark::Square),
    look(ROSE, DASH_DOT, Mark::Square),
    look(GREY, DOTTED, Mark::Circle),
];

/// Place of a backend in lists: known ones in the order of the table, then all others.
pub fn rank(backend: &str) -> usize {
    KNOWN.iter().position(|(id, _)| *id == backend).unwrap_or(KNOWN.len())
}

/// One look per backend, in the order given. An unknown id starts from a hash of its name, so it looks the same in
/// every figure, and moves on only if another unknown id of this figure has that colour (or, when colours run out,
/// that look) already.
pub fn looks<'b>(backends: impl IntoIterator<Item = &'b String>) -> Vec<Look> {
    let mut taken: Vec<Look> = Vec::new();
    let mut of = |id: &String| {
        if let Some((_, look)) = KNOWN.iter().find(|(known, _)| known == id) {
            return *look;
        }
        let start = (fnv1a(id) % SPARE.len() as u64) as usize;
        let order = || SPARE.iter().cycle().skip(start).take(SPARE.len());
        let new_color = order().find(|look| taken.iter().all(|t| t.color != look.color));
        let look = *new_color.or_else(|| order().find(|look| !taken.contains(look))).unwrap_or(&SPARE[start]);
        taken.push(look);
        look
    };
    backends.into_iter().map(&mut of).collect()
}

/// FNV-1a, 64 bits: a fixed hash of a name (the standard library's may change between releases).
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_backends_look_the_same() {
        let known = KNOWN.iter().map(|(id, _)| (*id).to_string());
        let ids: Vec<String> = known.chain((0..SPARE.len()).map(|i| format!("other-{i}"))).collect();
        let looks = looks(&ids);
        for (i, a) in looks.iter().enumerate() {
            for b in &looks[..i] {
                assert!((a.color, a.dash) != (b.color, b.dash), "{a:?} and {b:?}");
                assert!((a.color, a.mark) != (b.color, b.mark), "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn every_colour_has_a_dark_form_of_its_own_that_stands_out() {
        let light = |c: RGBColor| 0.2126 * f64::from(c.0) + 0.7152 * f64::from(c.1) + 0.0722 * f64::from(c.2);
        let paper = Theme::Dark.color(PAPER);
        let known = KNOWN.iter().map(|(_, look)| look).chain(&SPARE);
        for look in known {
            let dark = Theme::Dark.color(look.color);
            assert!(light(dark) > light(paper) + 70.0, "{look:?} is too dark: {dark:?}");
        }
        for (i, (_, a)) in DARKENED.iter().enumerate() {
            assert!(DARKENED[..i].iter().all(|(_, b)| a != b), "{a:?} twice");
        }
        for theme in [Theme::Light, Theme::Dark] {
            let steps: Vec<f64> = (0..=10).map(|i| light(theme.heat(f64::from(i) / 10.0))).collect();
            let falls = steps.windows(2).all(|p| p[0] > p[1]);
            assert!(falls || steps.windows(2).all(|p| p[0] < p[1]), "{steps:?}");
        }
    }

    #[test]
    fn a_backend_keeps_its_look_whatever_it_is_drawn_with() {
        let alone = looks(&["mine".to_string()]);
        let beside = looks(&["packet".to_string(), "flowsim".to_string(), "mine".to_string()]);
        assert_eq!(alone[0], beside[2]);
    }
}
