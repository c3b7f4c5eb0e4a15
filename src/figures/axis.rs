//! Axes: from values to places, round tick values, their labels.
//!
//! Ticks are chosen by trying from dense to sparse until the labels fit: steps of 1, 2, 5 × 10ᵏ on linear axes and on
//! logarithmic axes of less than a decade; otherwise 1-2-5, 1-3, decades, every second decade and so on.

/// Axes end here at the latest: far from the limits of floating point, and far beyond anything measured.
const LARGEST: f64 = 1e30;
const SMALLEST: f64 = 1e-30;
/// Ends of logarithmic axes, times a power of ten.
const ROUND: [f64; 6] = [1.0, 1.5, 2.0, 3.0, 5.0, 7.0];

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences are equal lengths.
    Linear,
    /// Equal ratios are equal lengths; values of 0 and less are drawn at the low end.
    Log,
}

/// One axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Linear or logarithmic.
    pub scale: Scale,
    /// Value at the low end.
    pub low: f64,
    /// Value at the high end (> low).
    pub high: f64,
}

impl Axis {
    /// A linear axis.
    pub fn linear(low: f64, high: f64) -> Self {
        Self { scale: Scale::Linear, low, high: if high > low { high } else { low + 1.0 } }
    }

    /// A logarithmic axis; `low` must be above 0.
    pub fn log(low: f64, high: f64) -> Self {
        debug_assert!(low > 0.0, "logarithmic axes are positive");
        Self { scale: Scale::Log, low, high: if high > low { high } else { low * 10.0 } }
    }

    /// Linear from 0 to a round number that covers `values`.
    pub fn from_zero(values: &[f64]) -> Self {
        let top = values.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max).min(LARGEST);
        if top < SMALLEST {
            return Self::linear(0.0, 1.0);
        }
        let step = steps(0.0, top).into_iter().find(|step| top / step <= 6.0).unwrap_or(top);
        Self::linear(0.0, (top / step).ceil() * step)
    }

    /// Linear with round ends that cover `low` to `high`.
    pub fn spanning(low: f64, high: f64) -> Self {
        let (low, high) = (low.clamp(-LARGEST, LARGEST), high.clamp(-LARGEST, LARGEST));
        if high - low < SMALLEST {
            return Self::linear(low - 1.0, low + 1.0);
        }
        let step = steps(low, high).into_iter().find(|step| (high - low) / step <= 6.0).unwrap_or(high - low);
        Self::linear((low / step).floor() * step, (high / step).ceil() * step)
    }

    /// Linear from 0, or logarithmic where the positive values differ by more than a factor of fifty.
    pub fn fitting(values: &[f64]) -> Self {
        let positive = || values.iter().copied().filter(|v| v.is_finite() && *v > 0.0);
        let (low, high) = (positive().fold(f64::MAX, f64::min), positive().fold(0.0, f64::max));
        if high > 50.0 * low { Self::around(values) } else { Self::from_zero(values) }
    }

    /// Logarithmic with round ends that cover the positive `values`.
    pub fn around(values: &[f64]) -> Self {
        let positive = || values.iter().copied().filter(|v| v.is_finite() && *v > 0.0);
        let (low, high) = (positive().fold(f64::INFINITY, f64::min), positive().fold(0.0, f64::max));
        if high == 0.0 {
            return Self::log(1e-3, 1.0);
        }
        Self::log(round_down(low * 0.95), round_up(high * 1.05))
    }

    /// Where a value is drawn: 0 at the low end, 1 at the high end, not clamped.
    pub fn place(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log if value <= 0.0 => 0.0,
            Scale::Log => (value / self.low).ln() / (self.high / self.low).ln(),
        }
    }

    /// Tick values: the densest round choice for which `fits`.
    pub fn ticks(&self, fits: impl Fn(&[f64]) -> bool) -> Vec<f64> {
        let choices = self.choices();
        let mut enough = choices.iter().filter(|ticks| ticks.len() >= 2);
        let best = enough.clone().find(|ticks| fits(ticks)).or_else(|| enough.next_back()).or(choices.last());
        best.cloned().unwrap_or_default()
    }

    /// Values of the fine grid between ticks: on logarithmic axes of a decade or more, else none.
    pub fn fine(&self) -> Vec<f64> {
        match self.scale {
            Scale::Log if self.high / self.low > 1e5 => self.mantissas(&[1.0], 1),
            Scale::Log if self.high / self.low >= 8.0 => {
                self.mantissas(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], 1)
            }
            _ => Vec::new(),
        }
    }

    fn choices(&self) -> Vec<Vec<f64>> {
        let even = || steps(self.low, self.high).into_iter().map(|step| self.multiples(step));
        match self.scale {
            Scale::Linear => even().collect(),
            Scale::Log if self.high / self.low < 8.0 => even().collect(),
            Scale::Log => {
                let within = [&[1.0, 2.0, 5.0][..], &[1.0, 3.0]].map(|m| self.mantissas(m, 1));
                within.into_iter().chain((1..=12).map(|every| self.mantissas(&[1.0], every))).collect()
            }
        }
    }

    fn multiples(&self, step: f64) -> Vec<f64> {
        let (first, last) = ((self.low / step - 1e-9).ceil() as i64, (self.high / step + 1e-9).floor() as i64);
        (first..=last).map(|i| rounded(i as f64 * step)).collect()
    }

    fn mantissas(&self, mantissas: &[f64], every: i32) -> Vec<f64> {
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let all = decades.filter(|d| d % every == 0).flat_map(|d| mantissas.iter().map(move |m| scaled(*m, d)));
        all.filter(|v| *v >= self.low * (1.0 - 1e-9) && *v <= self.high * (1.0 + 1e-9)).collect()
    }
}

/// Round steps for a range, from about twenty to the range down to one or two.
fn steps(low: f64, high: f64) -> Vec<f64> {
    let decade = (high - low).log10().floor() as i32 - 2;
    let all = (decade..decade + 4).flat_map(|d| [1.0, 2.0, 5.0].map(|m| scaled(m, d)));
    all.filter(|step| (1.0..=20.0).contains(&((high - low) / step))).collect()
}

/// `mantissa · 10^decade`, exact to the last digit (decimal parsing rounds once, multiplication twice).
fn scaled(mantissa: f64, decade: i32) -> f64 {
    format!("{mantissa}e{decade}").parse().expect("a number with an exponent parses")
}

/// Without the last bits that sums of decimal steps leave behind.
fn rounded(value: f64) -> f64 {
    format!("{value:.10e}").parse().expect("a formatted number parses")
}

/// The largest of 1, 1.5, 2, 3, 5, 7 × 10ᵏ that is not above `value` (> 0; within 10⁻³⁰ to 10³⁰).
pub fn round_down(value: f64) -> f64 {
    let value = value.clamp(SMALLEST, LARGEST);
    let decade = value.log10().floor() as i32;
    let all = (decade - 1..=decade + 1).flat_map(|d| ROUND.map(|m| scaled(m, d)));
    all.filter(|v| *v <= value).fold(f64::MIN_POSITIVE, f64::max)
}

/// The smallest of 1, 1.5, 2, 3, 5, 7 × 10ᵏ that is not below `value` (> 0; within 10⁻³⁰ to 10³⁰).
pub fn round_up(value: f64) -> f64 {
    let value = value.clamp(SMALLEST, LARGEST);
    let decade = value.log10().floor() as i32;
    let all = (decade - 1..=decade + 1).flat_map(|d| ROUND.map(|m| scaled(m, d)));
    all.filter(|v| *v >= value).fold(f64::MAX, f64::min)
}

/// Labels of ticks: plain numbers with equal decimals on linear axes, powers of ten where plain ones get long.
pub fn labels(scale: Scale, ticks: &[f64]) -> Vec<String> {
    let whole = |v: f64| (v - v.round()).abs() < 1e-6;
    let decimals = |v: f64| (0..12).find(|d| whole(v * 10f64.powi(*d))).unwrap_or(12);
    let long = |v: f64| v != 0.0 && !(1e-3..1e5).contains(&v.abs());
    match scale {
        Scale::Log if ticks.iter().any(|v| long(*v)) => ticks.iter().map(|v| power(*v)).collect(),
        Scale::Log => ticks.iter().map(f64::to_string).collect(),
        Scale::Linear => {
            let d = ticks.iter().map(|v| decimals(*v)).max().unwrap_or(0) as usize;
            ticks.iter().map(|v| format!("{v:.d$}")).collect()
        }
    }
}

fn power(value: f64) -> String {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').expect("the exponent form has an e");
    let raised: String = exponent
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            digit => {
                char::from_u32('⁰' as u32 + digit as u32 - '0' as u32).expect("superscript digits are consecutive")
            }
        })
        .collect();
    if mantissa == "1" { format!("10{raised}") } else { format!("{mantissa}·10{raised}") }
}

/// A number with three significant digits, `0.0123`, `4.56`, `789`, `12,300`.
pub fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let digits = 2 - value.abs().log10().floor() as i32;
    match usize::try_from(digits) {
        Ok(decimals) if decimals > 0 => format!("{value:.decimals$}"),
        _ => {
            let unit = 10f64.powi(-digits);
            let whole = ((value / unit).round() * unit).abs() as u64;
            format!("{}{}", if value < 0.0 { "-" } else { "" }, super::scope::thousands(whole))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_thin_out_until_they_fit() {
        let axis = Axis::log(1.0, 100.0);
        assert_eq!(axis.ticks(|_| true), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(axis.ticks(|t| t.len() < 7), [1.0, 3.0, 10.0, 30.0, 100.0]);
        assert_eq!(axis.ticks(|t| t.len() < 4), [1.0, 10.0, 100.0]);
        assert_eq!(Axis::linear(0.0, 1.0).ticks(|t| t.len() <= 6), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        assert_eq!(Axis::log(1.0, 2.0).ticks(|t| t.len() <= 6), [1.0, 1.2, 1.4, 1.6, 1.8, 2.0]);
    }

    #[test]
    fn ends_are_round_and_cover_the_values() {
        assert_eq!((round_down(0.29), round_up(0.31)), (0.2, 0.5));
        assert_eq!((round_down(5.0), round_up(5.0)), (5.0, 5.0));
        let axis = Axis::around(&[0.0, 0.3, 70.0]);
        assert_eq!((axis.low, axis.high), (0.2, 100.0));
        assert_eq!(Axis::from_zero(&[17.0]).high, 20.0);
        assert_eq!(Axis::from_zero(&[0.0]).high, 1.0);
        assert_eq!(Axis::around(&[0.0, f64::NAN]), Axis::log(1e-3, 1.0));
    }

    #[test]
    fn labels_are_even_on_linear_axes_and_powers_far_from_one() {
        assert_eq!(labels(Scale::Linear, &[0.9, 0.95, 1.0]), ["0.90", "0.95", "1.00"]);
        assert_eq!(labels(Scale::Log, &[0.1, 1.0, 10.0]), ["0.1", "1", "10"]);
        assert_eq!(labels(Scale::Log, &[1e-5, 2e-3]), ["10⁻⁵", "2·10⁻³"]);
    }

    #[test]
    fn three_digits_are_significant() {
        let texts = [0.012345, 4.5678, 78.9, 789.4, 12_345.0, 0.0].map(significant);
        assert_eq!(texts, ["0.0123", "4.57", "78.9", "789", "12,300", "0"]);
    }
}
