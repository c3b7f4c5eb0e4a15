//! Flow-size distributions: an empirical CDF as text, one point per line, `bytes cumulative-percent`, `#` begins a comment.
//!
//! ```text
//! size(y) = x₀                                         y ≤ y₀         y uniform in [0, 100]
//!         = xᵢ₋₁ + (y − yᵢ₋₁)·(xᵢ − xᵢ₋₁)/(yᵢ − yᵢ₋₁)   yᵢ₋₁ < y ≤ yᵢ
//! ```
//!
//! The form is parsimon-eval's; comments and empty lines are ours.

use super::error::SpecError;
use super::json::Document;
use rand::Rng;
use std::path::Path;

/// Largest flow: 2^50 bytes.
const LARGEST: f64 = 1_125_899_906_842_624.0;

/// Most points; measured distributions have some hundred.
const MOST_POINTS: usize = 1 << 20;
/// Longest piece of a line that an error repeats, in characters.
const SHOWN: usize = 60;

/// An empirical CDF of flow sizes in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct SizeDistribution {
    /// (bytes, cumulative percent), both strictly increasing; the last percent is 100.
    points: Vec<(f64, f64)>,
}

impl SizeDistribution {
    /// Reads a CDF.
    ///
    /// # Errors
    /// A fault with line and column.
    pub fn parse(document: &Document) -> Result<Self, SpecError> {
        let mut points: Vec<(f64, f64)> = Vec::new();
        for line in document.text().lines() {
            let content = line.split('#').next().unwrap_or_default();
            if content.trim().is_empty() {
                continue;
            }
            let at = |part: &str| {
                let start = part.as_ptr().addr() - document.text().as_ptr().addr();
                start..start + part.len()
            };
            let fault = |part: &str, expected: &str, hint: &str| {
                let shown: String = part.trim().chars().take(SHOWN).collect();
                Err(SpecError::from(document.fault_at(at(part), expected, &format!("`{shown}`"), hint)))
            };
            if points.len() == MOST_POINTS {
                return fault(content, &format!("at most {MOST_POINTS} points"), "leave out points between others");
            }
            let parts: Vec<&str> = content.split_whitespace().take(3).collect();
            let &[x, y] = parts.as_slice() else {
                return fault(content, "two numbers: bytes and cumulative percent", "");
            };
            let (Ok(bytes), Ok(percent)) = (x.parse::<f64>(), y.parse::<f64>()) else {
                let bad = if x.parse::<f64>().is_err() { x } else { y };
                return fault(bad, "a number", "a line is: bytes, a space, cumulative percent");
            };
            if !(0.0..=LARGEST).contains(&bytes) {
                return fault(x, "a size from 0 to 2^50 bytes", "");
            }
            if !(0.0..=100.0 + f64::EPSILON).contains(&percent) {
                return fault(y, "a percentage from 0 to 100", "");
            }
            if let Some((before, below)) = points.last() {
                if bytes <= *before {
                    return fault(
                        x,
                        &format!("a size above the {before} of the point before"),
                        "sizes must increase strictly",
                    );
                }
                if percent <= *below {
                    return fault(
                        y,
                        &format!("a percentage above the {below} of the point before"),
                        "percentages must increase strictly",
                    );
                }
            }
            points.push((bytes, percent));
        }
        let end = document.text().len();
        let fault =
            |expected: &str, found: &str, hint: &str| Err(document.fault_at(end..end, expected, found, hint).into());
        match points.last() {
            None => fault("at least one point", "none", "a line is: bytes, a space, cumulative percent"),
            Some((_, y)) if (y - 100.0).abs() > f64::EPSILON => fault(
                "100 as the percentage of the last point",
                &y.to_string(),
                "percentages are cumulative, not fractions",
            ),
            Some((x, _)) if *x < 1.0 => fault("a largest size of at least 1 byte", &x.to_string(), ""),
            Some(_) => Ok(Self { points }),
        }
    }

    /// Reads a CDF file.
    ///
    /// # Errors
    /// As [`SizeDistribution::parse`], or if the file cannot be read.
    pub fn read(file: &Path) -> Result<Self, SpecError> {
        Self::parse(&Document::read(file)?)
    }

    /// The points: (bytes, cumulative percent).
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    /// Mean of the interpolated part in bytes. As in the original, mass at the first point is not counted.
    pub fn mean(&self) -> f64 {
        self.points.windows(2).map(|w| (w[0].0 + w[1].0) / 2.0 * (w[1].1 - w[0].1) / 100.0).sum()
    }

    /// Draws a size in bytes. Cost: one draw, O(log points).
    pub fn sample(&self, rng: &mut impl Rng) -> f64 {
        let y: f64 = rng.gen_range(0.0..=100.0);
        let last = self.points.len() - 1;
        match self.points.partition_point(|(_, below)| *below < y).min(last) {
            0 => self.points[0].0,
            i => {
                let ((x0, y0), (x1, y1)) = (self.points[i - 1], self.points[i]);
                x0 + (y - y0) * (x1 - x0) / (y1 - y0)
            }
        }
    }
}
