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

use mixlab_contract::tcp::rdma_only;
use mixlab_contract::{BitsPerSec, CongestionControl, Marking, Scenario, Unsupported};

/// How many there are.
pub const PARAMETERS: usize = 13;

/// The parameters of a scenario.
///
/// # Errors
/// [`Unsupported`] if the scenario has something they can't express: no window, no PFC, no ECN thresholds where needed.
pub fn parameters(scenario: &Scenario) -> Result<[f32; PARAMETERS], Unsupported> {
    rdma_only(scenario)?;
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
        CongestionControl::Tcp { variant, .. } => return Err(unsupported(variant.name())),
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

#[cfg(test)]
mod tests {
    use super::*;
    use mixlab_contract::conformance::{Scope, random_scenario};
    use mixlab_contract::{Bytes, SimDuration};

    /// A scenario with 10 Gb/s links and the given congestion control and thresholds at that rate.
    fn with(congestion_control: CongestionControl, k_min: u64, k_max: u64) -> Scenario {
        let mut parts = random_scenario(1, Scope { mixed_links: false, ..Scope::default() }).into_parts();
        let t = &mut parts.transport;
        (t.buffer, t.window, t.congestion_control) = (Bytes(133_120), Some(Bytes(12_364)), congestion_control);
        t.marking = vec![(BitsPerSec::from_gbps(10), Marking { k_min: Bytes(k_min), k_max: Bytes(k_max), p_max: 0.2 })];
        Scenario::new(parts).expect("valid")
    }

    #[test]
    fn each_congestion_control_fills_its_own_places_in_the_units_of_a_mix() {
        let zero = BitsPerSec(0);
        let us = |t: u64| SimDuration::from_ns(t * 1_000);
        let dctcp = CongestionControl::Dctcp { gain: 0.0625, additive: zero };
        let dcqcn = CongestionControl::Dcqcn {
            gain: 0.004,
            alpha_interval: us(50),
            decrease_interval: us(50),
            increase_interval: us(55),
            fast_recovery_rounds: 1,
            additive: zero,
            hyper: zero,
            clamp_target: false,
        };
        let hpcc = CongestionControl::Hpcc {
            target_utilisation: 0.75,
            additive: BitsPerSec(600_000_000),
            additive_stages: 0,
            telemetry_multiplier: 1,
            fast_reaction: true,
            per_hop_rate: false,
        };
        let timely =
            CongestionControl::Timely { t_low: us(48), t_high: us(101), beta: 0.8, additive: zero, hyper: zero };
        for (control, k_min, k_max, tail) in [
            (dctcp, 20_000, 20_000, [1.0, 0.0, 0.0, 0.0, 20.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
            (dcqcn, 8_000, 16_000, [0.0, 1.0, 0.0, 0.0, 0.0, 20.0, 40.0, 0.0, 0.0, 0.0, 0.0]),
            (hpcc, 4_000, 16_000, [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 75.0, 60.0, 0.0, 0.0]),
            (timely, 4_000, 16_000, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 48.0, 101.0]),
        ] {
            let p = parameters(&with(control, k_min, k_max)).expect("expressible");
            assert_eq!(p[..2], [13.0, 12.364], "{}", control.name());
            assert_eq!(p[2..], tail, "{}", control.name());
        }
    }

    #[test]
    fn marking_congestion_controls_need_thresholds() {
        let mut parts = with(CongestionControl::Dctcp { gain: 0.0625, additive: BitsPerSec(0) }, 1, 1).into_parts();
        parts.transport.marking[0].0 = BitsPerSec::from_gbps(25);
        assert!(parameters(&Scenario::new(parts).expect("valid")).is_err());
    }
}
