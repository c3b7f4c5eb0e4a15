//! The 13 numbers that tell the model about transport and switches, unscaled, as the published model was trained on them.
//!
//! ```text
//!  0 buffer, units of 10 KiB     1 window, KB          2–5 one of DCTCP, DCQCN, HPCC, TIMELY
//!  6 DCTCP K, KB at 10 Gb/s      7, 8 DCQCN K_min, K_max, KB at 25 Gb/s
//!  9 HPCC η, %                  10 HPCC additive increase, 10 Mb/s
//! 11, 12 TIMELY T_low, T_high, µs                       those of the other congestion controls are 0
//! ```
//!
//! Source: the m4 training scripts. The scenario has thresholds in bytes at each link rate, already rounded down to whole KB
//! (DCQCN: after scaling by rate ÷ 25 Gb/s), so K comes back within that rounding.

use mixlab_contract::{BitsPerSec, CongestionControl, Marking, Scenario, Unsupported};

/// How many there are.
pub const PARAMETERS: usize = 13;

/// The parameters of a scenario.
///
/// # Errors
/// [`Unsupported`] if the scenario has something they can't express: no window, no PFC, no ECN thresholds where needed.
pub fn parameters(scenario: &Scenario) -> Result<[f32; PARAMETERS], Unsupported> {
    let unsupported = |feature: &str| Unsupported { feature: feature.into() };
    let t = scenario.transport();
    let window = t.window.ok_or_else(|| unsupported("a sender without window"))?;
    if !t.pfc {
        return Err(unsupported("a network without PFC"));
    }
    let mut p = [0.0f64; PARAMETERS];
    p[0] = t.buffer.0 as f64 / 10_240.0;
    p[1] = window.0 as f64 / 1_000.0;
    let us = |d: mixlab_contract::SimDuration| d.as_secs_f64() * 1e6;
    match t.congestion_control {
        CongestionControl::Dctcp { .. } => {
            let (rate, marking) = marking(scenario)?;
            p[2] = 1.0;
            p[6] = kilobytes_at(marking.k_min.0, rate, 10.0);
        }
        CongestionControl::Dcqcn { .. } => {
            let (rate, marking) = marking(scenario)?;
            p[3] = 1.0;
            p[7] = kilobytes_at(marking.k_min.0, rate, 25.0);
            p[8] = kilobytes_at(marking.k_max.0, rate, 25.0);
        }
        CongestionControl::Hpcc { target_utilisation, additive, .. } => {
            p[4] = 1.0;
            p[9] = target_utilisation * 100.0;
            p[10] = additive.0 as f64 / 1e7;
        }
        CongestionControl::Timely { t_low, t_high, .. } => {
            p[5] = 1.0;
            p[11] = us(t_low);
            p[12] = us(t_high);
        }
    }
    Ok(p.map(|v| v as f32))
}

/// Thresholds at the slowest link rate that has any: there queues build up.
fn marking(scenario: &Scenario) -> Result<(BitsPerSec, Marking), Unsupported> {
    let t = scenario.transport();
    let name = t.congestion_control.name();
    if !t.ecn || t.marking.is_empty() {
        return Err(Unsupported { feature: format!("{name} without ECN thresholds") });
    }
    let mut rates: Vec<BitsPerSec> = scenario.topology().links().iter().map(|l| l.rate).collect();
    rates.sort_unstable();
    let found = rates.iter().find_map(|r| t.marking_at(*r).map(|m| (*r, m)));
    found.ok_or_else(|| Unsupported { feature: format!("{name} without ECN thresholds at any of its link rates") })
}

fn kilobytes_at(bytes: u64, rate: BitsPerSec, gbps: f64) -> f64 {
    bytes as f64 / 1_000.0 * gbps * 1e9 / rate.0 as f64
}
