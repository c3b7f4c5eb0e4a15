//! Quantities with units in spec files: rates (`"10Gbps"`) and delays (`"1us"`); bare numbers are bit/s and ns.

use super::error::{SpecError, suggestion};
use super::json::Node;
use mixlab_contract::{BitsPerSec, SimDuration};

const RATES: [(&str, f64); 8] = [
    ("bps", 1.0),
    ("Kbps", 1e3),
    ("Mbps", 1e6),
    ("Gbps", 1e9),
    ("Tbps", 1e12),
    ("Mb/s", 1e6),
    ("Gb/s", 1e9),
    ("Tb/s", 1e12),
];
const DELAYS: [(&str, f64); 5] = [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)];

/// A rate: whole bits per second, from 1 to 10¹⁵.
///
/// # Errors
/// A fault that names the known units.
pub fn rate(node: &Node<'_>) -> Result<BitsPerSec, SpecError> {
    let expected = "a rate such as \"10Gbps\" or 10000000000 (bit/s), from 1 bit/s to 1,000 Tb/s";
    let value = quantity(node, &RATES, expected, 1_000_000_000_000_000)?;
    if value == 0 { Err(node.fault(expected, "")) } else { Ok(BitsPerSec(value)) }
}

/// A delay: whole nanoseconds, at most 1,000 s.
///
/// # Errors
/// A fault that names the known units.
pub fn delay(node: &Node<'_>) -> Result<SimDuration, SpecError> {
    let expected = "a delay such as \"1us\" or 1000 (ns), at most 1,000 s";
    Ok(SimDuration::from_ns(quantity(node, &DELAYS, expected, 1_000_000_000_000)?))
}

fn quantity(node: &Node<'_>, units: &[(&str, f64)], expected: &str, max: u64) -> Result<u64, SpecError> {
    if !node.is_string() {
        return node.whole(expected, max);
    }
    let text = node.string(expected)?;
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
    let (number, unit) = (&trimmed[..split], trimmed[split..].trim());
    let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        let hint = if unit.is_empty() { format!("add a unit: {}", names.join(", ")) } else { suggestion(unit, &names) };
        return Err(node.fault(expected, &hint));
    };
    let value = number.parse::<f64>().map(|v| v * factor);
    match value {
        Ok(v) if v.fract() == 0.0 && v <= max as f64 => Ok(v as u64),
        _ => Err(node.fault(expected, "the value must be a whole number of bit/s or ns")),
    }
}
