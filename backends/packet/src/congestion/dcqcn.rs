//! DCQCN (mode 1 of the RDMA ns-3 programs, the "Mellanox" variant). From the first echoed mark on, three timers run:
//!
//! ```text
//! α timer:         α ← (1 − g)·α + g·[mark since the last time]
//! decrease timer:  if a mark came: R_target ← R (unless no increase happened since the last cut); R ← R·(1 − α/2)
//! increase timer:  R_target += AI in round F, HAI after it;   R ← R/2 + R_target/2
//! ```
//!
//! The first mark sets α = 1 and cuts nothing. A cut restarts the increase timer and its rounds. The target is bounded by
//! the link rate (clean: by the highest rate of the sender). Source: Zhu et al. 2015; ns-3 of the HPCC authors.
//! Left out: timers of flows that are complete, which run on in ns-3 if the completing ACK carries the first mark; they
//! change nothing.

use super::slot;
use crate::fidelity::Fidelity;
use mixlab_contract::CongestionControl;

/// The three timers of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    Alpha,
    Decrease,
    Increase,
}

/// DCQCN for all flows.
pub(crate) struct Dcqcn {
    gain: f64,
    pub alpha_interval: u64,
    pub decrease_interval: u64,
    pub increase_interval: u64,
    fast_recovery_rounds: u32,
    additive: u64,
    hyper: u64,
    clamp_target: bool,
    states: Vec<State>,
}

#[derive(Clone)]
struct State {
    target: u64,
    alpha: f64,
    /// Whether no mark has come yet.
    unmarked: bool,
    alpha_mark: bool,
    decrease_mark: bool,
    /// Rounds of the increase timer since the last cut.
    stage: u32,
    /// Events of older generations are void: of all timers, and of the increase timer.
    generation: u32,
    increase_generation: u32,
}

impl Dcqcn {
    pub fn new<F: Fidelity>(parameters: &CongestionControl) -> Self {
        let CongestionControl::Dcqcn {
            gain,
            alpha_interval,
            decrease_interval,
            increase_interval,
            fast_recovery_rounds,
            additive,
            hyper,
            clamp_target,
        } = *parameters
        else {
            unreachable!("made for DCQCN only")
        };
        Self {
            gain,
            alpha_interval: F::ticks(alpha_interval),
            decrease_interval: F::ticks(decrease_interval),
            increase_interval: F::ticks(increase_interval),
            fast_recovery_rounds,
            additive: additive.0,
            hyper: hyper.0,
            clamp_target,
            states: Vec::new(),
        }
    }

    pub fn start(&mut self, flow: usize, rate: u64) {
        let initial = State {
            target: rate,
            alpha: 1.0,
            unmarked: true,
            alpha_mark: false,
            decrease_mark: false,
            stage: 0,
            generation: 0,
            increase_generation: 0,
        };
        slot(&mut self.states, flow, initial);
    }

    /// Notes an echoed mark at a sender of rate `rate`; true if it is the flow's first, so that the timers must start.
    pub fn marked(&mut self, flow: usize, rate: u64) -> bool {
        let s = &mut self.states[flow];
        s.alpha_mark = true;
        s.decrease_mark = true;
        if !s.unmarked {
            return false;
        }
        s.alpha = 1.0;
        s.alpha_mark = false;
        s.target = rate;
        s.unmarked = false;
        true
    }

    /// Voids all timers of a flow.
    pub fn cancel(&mut self, flow: usize) {
        self.states[flow].generation += 1;
        self.states[flow].increase_generation += 1;
    }

    /// Generation an event of `timer` must have to be valid.
    pub fn generation(&self, flow: usize, timer: Timer) -> u32 {
        match timer {
            Timer::Alpha | Timer::Decrease => self.states[flow].generation,
            Timer::Increase => self.states[flow].increase_generation,
        }
    }

    /// The α timer fires.
    pub fn update_alpha(&mut self, flow: usize) {
        let s = &mut self.states[flow];
        let kept = (1.0 - self.gain) * s.alpha;
        s.alpha = if s.alpha_mark { kept + self.gain } else { kept };
        s.alpha_mark = false;
    }

    /// The decrease timer fires: the new rate, if there is a cut. The increase timer must then restart.
    pub fn decrease(&mut self, flow: usize, rate: u64, min_rate: u64) -> Option<u64> {
        let s = &mut self.states[flow];
        if !s.decrease_mark {
            return None;
        }
        if self.clamp_target || s.stage != 0 {
            s.target = rate;
        }
        s.stage = 0;
        s.decrease_mark = false;
        s.increase_generation += 1;
        Some(min_rate.max((rate as f64 * (1.0 - s.alpha / 2.0)) as u64))
    }

    /// The increase timer fires: the new rate.
    pub fn increase(&mut self, flow: usize, rate: u64, bound: u64) -> u64 {
        let s = &mut self.states[flow];
        if s.stage >= self.fast_recovery_rounds {
            let step = if s.stage == self.fast_recovery_rounds { self.additive } else { self.hyper };
            s.target = (s.target + step).min(bound);
        }
        s.stage += 1;
        rate / 2 + s.target / 2
    }
}
