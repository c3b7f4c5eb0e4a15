//! Rates, delays and times as ns-3 reads them from text.
//!
//! Rate: a decimal number and a unit (`615Mb/s`, `10Gbps`), product in double, truncated; without a unit whole bits per
//! second. Time: a decimal number times its unit, rounded to the nearest nanosecond, half up, from the exact value of the
//! double (ns-3.39), or rounded down (ns-3.17). Source: ns-3, `DataRate` and `Time`.

use crate::units::{BitsPerSec, SimDuration};

/// Nanoseconds in a second.
pub(super) const NS_PER_S: u64 = 1_000_000_000;

/// Bits per second of one unit of rate.
fn rate_unit(unit: &str) -> Option<f64> {
    let (prefix, bits) = match unit {
        u if u.ends_with("bps") || u.ends_with("b/s") => (&u[..u.len() - 3], 1.0),
        u if u.ends_with("Bps") || u.ends_with("B/s") => (&u[..u.len() - 3], 8.0),
        _ => return None,
    };
    let scale = match prefix {
        "" => 1.0,
        "k" | "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        _ => return None,
    };
    Some(scale * bits)
}

/// The rate that `word` means, if it is one.
pub(super) fn rate(word: &str) -> Option<BitsPerSec> {
    let Some(end) = word.find(|c: char| !c.is_ascii_digit() && c != '.') else {
        let whole = word.split('.').next()?;
        return whole.parse().ok().map(BitsPerSec);
    };
    let number: f64 = word[..end].parse().ok()?;
    let bits = number * rate_unit(&word[end..])?;
    (bits < u64::MAX as f64).then_some(BitsPerSec(bits as u64))
}

/// The delay that `word` means, if it is one.
pub(super) fn delay(word: &str) -> Option<SimDuration> {
    let end = word.find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c)).unwrap_or(word.len());
    let number: f64 = word[..end].parse().ok()?;
    let ns = match &word[end..] {
        "s" | "" => times(number, NS_PER_S, true)?,
        "ms" => times(number, 1_000_000, true)?,
        "us" => times(number, 1_000, true)?,
        "ns" => times(number, 1, true)?,
        "ps" => times(number / 1e3, 1, true)?,
        "fs" => times(number / 1e6, 1, true)?,
        _ => return None,
    };
    within_range(ns).map(SimDuration::from_ns)
}

/// `seconds` in nanoseconds, to the nearest (half up) or down; `None` if negative, not finite, or beyond the clock's range.
pub(super) fn seconds_to_ns(seconds: f64, nearest: bool) -> Option<u64> {
    within_range(times(seconds, NS_PER_S, nearest)?)
}

/// `ns` if picoseconds of it fit the clock.
pub(super) fn within_range(ns: u64) -> Option<u64> {
    ns.checked_mul(crate::units::PS_PER_NS).map(|_| ns)
}

/// `x · factor` rounded to an integer, exactly (a product in double would round twice). `factor` is below 2^64.
fn times(x: f64, factor: u64, nearest: bool) -> Option<u64> {
    if !x.is_finite() || x.is_sign_negative() && x != 0.0 {
        return None;
    }
    let bits = x.to_bits() & !(1 << 63);
    let (exponent, fraction) = ((bits >> 52) as i32, bits & ((1 << 52) - 1));
    let (mantissa, power) = if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
    let product = u128::from(mantissa) * u128::from(factor); // x · factor = product · 2^power
    if product == 0 {
        return Some(0);
    }
    if power >= 0 {
        let fits = product.leading_zeros() >= 64 + power.unsigned_abs();
        return fits.then(|| (product << power) as u64);
    }
    let shift = power.unsigned_abs();
    if shift >= 128 {
        return Some(0);
    }
    let up = nearest && product >> (shift - 1) & 1 == 1;
    u64::try_from((product >> shift) + u128::from(up)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rates_mean_what_ns3_takes_them_for() {
        let cases = [
            ("10000000000bps", 10_000_000_000),
            ("10Gbps", 10_000_000_000),
            ("615Mb/s", 615_000_000),
            ("2.0Mb/s", 2_000_000),
            ("782.9999999Mb/s", 782_999_999),
            ("1.5KiB/s", 12_288),
            ("12500000", 12_500_000),
        ];
        for (word, bits) in cases {
            assert_eq!(rate(word), Some(BitsPerSec(bits)), "{word}");
        }
        for word in ["", "Gbps", "10Xb/s", "-1Gbps", "1e3Gbps", "1.2.3Gbps", "99999999999999999999Gbps", "10 Gbps"] {
            assert_eq!(rate(word), None, "{word}");
        }
    }

    #[test]
    fn delays_round_to_whole_nanoseconds() {
        for (word, ns) in [("1000ns", 1000), ("0.001ms", 1000), ("1us", 1000), ("0.0025ms", 2500), ("1e-6s", 1000)] {
            assert_eq!(delay(word), Some(SimDuration::from_ns(ns)), "{word}");
        }
        assert_eq!(delay("1500ps"), Some(SimDuration::from_ns(2)), "half up");
        for word in ["", "ns", "-1ns", "1 ns", "1xs", "1e300s", "nans", "99999999999s"] {
            assert_eq!(delay(word), None, "{word}");
        }
    }

    #[test]
    fn seconds_are_rounded_from_the_exact_double() {
        assert_eq!(seconds_to_ns(2.3, true), Some(2_300_000_000));
        assert_eq!(seconds_to_ns(2.3, false), Some(2_299_999_999), "the double lies below 2.3");
        assert_eq!(seconds_to_ns(-0.0, true), Some(0));
        for bad in [-1.0, f64::NAN, f64::INFINITY, 1e300, 2e7] {
            assert_eq!(seconds_to_ns(bad, true), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whole_nanoseconds_survive_seconds(ns in 0u64..4_000_000_000_000_000) {
            let text = (ns as f64 / 1e9).to_string();
            prop_assert_eq!(seconds_to_ns(text.parse().unwrap(), true), Some(ns));
        }

        #[test]
        fn any_text_is_a_quantity_or_not(word in ".{0,12}") {
            let _ = (rate(&word), delay(&word));
        }

        #[test]
        fn any_double_is_a_time_or_not(bits: u64) {
            let x = f64::from_bits(bits);
            if let Some(ns) = seconds_to_ns(x, true) {
                prop_assert!((ns as f64 - x * 1e9).abs() <= 1.0 + x * 1e9 * 1e-15);
            }
        }
    }
}
