//! TIMELY (mode 7 of the RDMA ns-3 programs), once per window of data:
//!
//! ```text
//! d ← ⅛·d + ⅞·(rtt − previous rtt)        g = d ÷ 20 µs
//! rtt < T_low or (rtt ≤ T_high and g ≤ 0):  R ← R + AI, after five in a row R + HAI
//! rtt > T_high:  R ← R·(1 − β·(1 − T_high ÷ rtt))        otherwise:  R ← R·max(0, 1 − β·g)
//! ```
//!
//! Weight and minimum RTT are constants of that program. Source: Mittal et al. 2015; ns-3 of the HPCC authors.

use super::{Feedback, slot};
use crate::fidelity::Fidelity;
use mixlab_contract::CongestionControl;

/// Weight of the newest RTT difference.
const WEIGHT: f64 = 0.875;
/// RTT that normalises the gradient, ns.
const MIN_RTT_NS: f64 = 20_000.0;
/// Additive increases in a row before hyper increase.
const ADDITIVE_ROUNDS: u32 = 5;

/// TIMELY for all flows.
pub(crate) struct Timely {
    /// Times in ticks.
    min_rtt: f64,
    t_low: u64,
    t_high: u64,
    beta: f64,
    additive: u64,
    hyper: u64,
    states: Vec<State>,
}

/// Half a cache line. The rate is the sender's, which nothing else changes.
#[derive(Clone)]
#[repr(align(32))]
struct State {
    last_rtt: u64,
    difference: f64,
    window_end: u64,
    increases: u32,
}

impl Timely {
    pub fn new<F: Fidelity>(parameters: &CongestionControl) -> Self {
        let CongestionControl::Timely { t_low, t_high, beta, additive, hyper } = *parameters else {
            unreachable!("made for TIMELY only")
        };
        let (t_low, t_high) = (F::ticks(t_low), F::ticks(t_high));
        let min_rtt = MIN_RTT_NS * F::TICKS_PER_NS as f64;
        Self { min_rtt, t_low, t_high, beta, additive: additive.0, hyper: hyper.0, states: Vec::new() }
    }

    pub fn start(&mut self, flow: usize) {
        slot(&mut self.states, flow, State { increases: 0, last_rtt: 0, difference: 0.0, window_end: 0 });
    }

    /// The rate after an ACK or NACK of a data packet that left `rtt` ticks ago.
    #[inline]
    pub fn acknowledged(&mut self, flow: usize, f: &Feedback, rtt: u64) -> u64 {
        let s = &mut self.states[flow];
        if f.sequence <= s.window_end {
            return f.rate;
        }
        let mut rate = f.rate;
        if s.window_end != 0 {
            let newest = rtt as i64 - s.last_rtt as i64;
            let difference = (1.0 - WEIGHT) * s.difference + WEIGHT * newest as f64;
            let gradient = difference / self.min_rtt;
            let factor = if rtt < self.t_low {
                None
            } else if rtt > self.t_high {
                Some(1.0 - self.beta * (1.0 - self.t_high as f64 / rtt as f64))
            } else if gradient <= 0.0 {
                None
            } else {
                Some((1.0 - self.beta * gradient).max(0.0))
            };
            if let Some(factor) = factor {
                rate = f.min_rate.max((f.rate as f64 * factor) as u64);
                s.increases = 0;
            } else {
                let step = if s.increases < ADDITIVE_ROUNDS { self.additive } else { self.hyper };
                rate = f.max_rate.min(f.rate + step);
                s.increases += 1;
            }
            s.difference = difference;
        }
        if f.next > s.window_end {
            s.window_end = f.next;
            s.last_rtt = rtt;
        }
        rate
    }
}
