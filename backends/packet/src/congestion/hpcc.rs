//! HPCC (mode 3 of the RDMA ns-3 programs). Per hop i of the path, from two telemetry records τ apart:
//!
//! ```text
//! U_i = bytes sent·8 ÷ τ ÷ C_i + min(q, q')·R_max ÷ C_i ÷ W        U = max_i U_i, τ = that hop's, at most T
//! u ← (u·(T − τ) + U·τ) ÷ T        R = R_c ÷ (u ÷ η) + AI   (or R_c + AI in an additive stage)
//! ```
//!
//! T is the base RTT, W the window. Once per window of data R_c ← R; in between (`fast_reaction`) R is only applied. With
//! `per_hop_rate` every hop has its own u and R_c, and R is the least. Source: Li et al. 2019; ns-3 of its authors.
//! A path of more than five switches updates nothing, as there.

use super::{Feedback, slot};
use crate::fidelity::Fidelity;
use crate::physics::Physics;
use crate::telemetry::{HOPS, HopRecord, Reading, Telemetry};
use mixlab_contract::CongestionControl;

/// HPCC for all flows.
pub(crate) struct Hpcc<F: Fidelity> {
    eta: f64,
    additive: u64,
    additive_stages: u32,
    pub multiplier: u64,
    fast_reaction: bool,
    per_hop_rate: bool,
    base_rtt: u64,
    window: f64,
    states: Vec<State<F::Record>>,
    /// Steps since the last multiplicative one; empty unless there may be any.
    stages: Vec<u32>,
    /// Per-hop states; empty unless `per_hop_rate`.
    hop_states: Vec<[HopState; HOPS]>,
}

/// One cache line with wire records.
#[derive(Clone)]
#[repr(align(64))]
struct State<R> {
    /// R_c.
    rate: u64,
    u: f64,
    window_end: u64,
    hops: [R; HOPS],
}

#[derive(Clone, Copy)]
struct HopState {
    rate: u64,
    u: f64,
    stage: u32,
}

impl<F: Fidelity> Hpcc<F> {
    pub fn new(parameters: &CongestionControl, physics: &Physics) -> Self {
        let CongestionControl::Hpcc {
            target_utilisation,
            additive,
            additive_stages,
            telemetry_multiplier,
            fast_reaction,
            per_hop_rate,
        } = *parameters
        else {
            unreachable!("made for HPCC only")
        };
        Self {
            eta: target_utilisation,
            additive: additive.0,
            additive_stages,
            multiplier: telemetry_multiplier.into(),
            fast_reaction,
            per_hop_rate,
            base_rtt: physics.base_rtt,
            window: reference_window::<F>(physics),
            states: Vec::new(),
            stages: Vec::new(),
            hop_states: Vec::new(),
        }
    }

    pub fn start(&mut self, flow: usize, rate: u64) {
        slot(&mut self.states, flow, State { rate, u: 1.0, window_end: 0, hops: Default::default() });
        if self.additive_stages > 0 {
            slot(&mut self.stages, flow, 0);
        }
        if self.per_hop_rate {
            slot(&mut self.hop_states, flow, [HopState { rate, u: 1.0, stage: 0 }; HOPS]);
        }
    }

    /// Writes the record of a port.
    #[inline]
    pub fn stamp(&self, telemetry: &mut Telemetry<F::Record>, reading: &Reading) {
        telemetry.hops[usize::from(telemetry.count) % HOPS] = F::Record::of(reading);
        telemetry.count += 1;
    }

    /// The rate to apply after an ACK or NACK with this telemetry, if it is to change.
    pub fn acknowledged(&mut self, flow: usize, f: &Feedback, telemetry: &Telemetry<F::Record>) -> Option<u64> {
        let full = f.sequence > self.states[flow].window_end;
        if !full && !self.fast_reaction {
            return None;
        }
        let mut rate = None;
        if self.states[flow].window_end == 0 {
            let count = usize::from(telemetry.count).min(HOPS);
            self.states[flow].hops[..count].copy_from_slice(&telemetry.hops[..count]);
        } else if (1..=HOPS as u16).contains(&telemetry.count) {
            let hops = &telemetry.hops[..usize::from(telemetry.count)];
            rate = Some(match self.per_hop_rate {
                true => self.least_hop_rate(flow, f, hops, full),
                false => self.aggregate_rate(flow, f, hops, full),
            });
        }
        let s = &mut self.states[flow];
        if full {
            s.window_end = s.window_end.max(f.next);
        }
        rate
    }

    /// Utilisation of one hop, and the time between its two records (ticks).
    #[inline]
    fn utilisation(&self, old: F::Record, new: F::Record, max_rate: u64) -> (f64, u64) {
        let elapsed = new.ticks_since(old);
        let sent = new.sent_since(old, self.multiplier);
        let line_rate = new.rate() as f64;
        let duration = elapsed as f64 * F::SECONDS_PER_TICK;
        let sending = (sent * 8) as f64 / duration;
        let queue = new.queued(self.multiplier).min(old.queued(self.multiplier));
        (sending / line_rate + queue as f64 * max_rate as f64 / line_rate / self.window, elapsed)
    }

    fn aggregate_rate(&mut self, flow: usize, f: &Feedback, hops: &[F::Record], full: bool) -> u64 {
        let (mut most, mut elapsed) = (0.0, 0);
        for (i, new) in hops.iter().enumerate() {
            let (u, tau) = self.utilisation(self.states[flow].hops[i], *new, f.max_rate);
            if u > most {
                (most, elapsed) = (u, tau);
            }
            self.states[flow].hops[i] = *new;
        }
        let s = &mut self.states[flow];
        let elapsed = elapsed.min(self.base_rtt);
        s.u = (s.u * (self.base_rtt - elapsed) as f64 + most * elapsed as f64) / self.base_rtt as f64;
        let c = s.u / self.eta;
        let stage = self.stages.get(flow).copied().unwrap_or(0);
        let (rate, stage) = step(s.rate, c, stage, self.additive_stages, self.additive, f);
        if full {
            s.rate = rate;
            if let Some(kept) = self.stages.get_mut(flow) {
                *kept = stage;
            }
        }
        rate
    }

    fn least_hop_rate(&mut self, flow: usize, f: &Feedback, hops: &[F::Record], full: bool) -> u64 {
        let mut least = f.max_rate;
        for (i, new) in hops.iter().enumerate() {
            let (u, tau) = self.utilisation(self.states[flow].hops[i], *new, f.max_rate);
            self.states[flow].hops[i] = *new;
            let tau = tau.min(self.base_rtt);
            let hop = &mut self.hop_states[flow][i];
            hop.u = (hop.u * (self.base_rtt - tau) as f64 + u * tau as f64) / self.base_rtt as f64;
            let (rate, stage) = step(hop.rate, hop.u / self.eta, hop.stage, self.additive_stages, self.additive, f);
            least = least.min(rate);
            if full {
                (hop.rate, hop.stage) = (rate, stage);
            }
        }
        least
    }
}

/// W, bytes. Without a window: what the fastest sender has in flight in a base RTT (clean only; ns-3 divides by 0, and the
/// backend refuses).
fn reference_window<F: Fidelity>(physics: &Physics) -> f64 {
    match physics.window {
        Some(window) => window as f64,
        None => physics.max_rate as f64 * physics.base_rtt as f64 * F::SECONDS_PER_TICK / 8.0,
    }
}

/// One multiplicative or additive step from `rate` at normalised utilisation `c`: the new rate and stage.
fn step(rate: u64, c: f64, stage: u32, stages: u32, additive: u64, f: &Feedback) -> (u64, u32) {
    let (next, stage) = if c >= 1.0 || stage >= stages {
        (((rate as f64 / c) as u64).saturating_add(additive), 0)
    } else {
        (rate + additive, stage + 1)
    };
    // Two comparisons in this order, not a clamp: the bounds of a slow NIC may cross.
    let next = if next < f.min_rate { f.min_rate } else { next };
    (if next > f.max_rate { f.max_rate } else { next }, stage)
}
