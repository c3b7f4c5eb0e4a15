//! DCTCP on rates (mode 8 of the RDMA ns-3 programs):
//!
//! ```text
//! once per window:  α ← (1 − g)·α + g·min(1, marked ÷ packets)      first marked ACK of a window:  R ← R·(1 − α/2)
//! a window without a cut:  R ← R + AI
//! ```
//!
//! As there, the mark count is not cleared in the first window. Source: Alizadeh et al. 2010; ns-3 of the HPCC authors.

use super::{Feedback, slot};

/// DCTCP for all flows.
pub(crate) struct Dctcp {
    gain: f64,
    additive: u64,
    payload: u64,
    states: Vec<State>,
}

/// Half a cache line.
#[derive(Clone)]
#[repr(align(32))]
struct State {
    alpha: f64,
    marked: u32,
    packets: u32,
    /// An ACK beyond this ends the window.
    window_end: u64,
    /// Up to which ACK no other cut follows, if the rate was cut; else [`NOT_REDUCED`].
    reduced_until: u64,
}

/// No ACK is beyond it.
const NOT_REDUCED: u64 = u64::MAX;

impl Dctcp {
    pub fn new(gain: f64, additive: u64, payload: u64) -> Self {
        Self { gain, additive, payload, states: Vec::new() }
    }

    pub fn start(&mut self, flow: usize) {
        let initial = State { alpha: 1.0, marked: 0, packets: 0, window_end: 0, reduced_until: NOT_REDUCED };
        slot(&mut self.states, flow, initial);
    }

    /// The rate after an ACK or NACK.
    #[inline]
    pub fn acknowledged(&mut self, flow: usize, f: &Feedback) -> u64 {
        let s = &mut self.states[flow];
        let mut rate = f.rate;
        s.marked += u32::from(f.echo);
        let window_over = f.sequence > s.window_end;
        if window_over {
            if s.window_end == 0 {
                s.packets = (f.next / self.payload) as u32 + 1;
            } else {
                let fraction = (f64::from(s.marked) / f64::from(s.packets)).min(1.0);
                s.alpha = (1.0 - self.gain) * s.alpha + self.gain * fraction;
                s.marked = 0;
                // After a late NACK `next` may lie before the number acknowledged; ns-3 then wraps at 64 bits.
                s.packets = match f.next.checked_sub(f.sequence) {
                    Some(outstanding) => (outstanding / self.payload) as u32 + 1,
                    None => {
                        let wrapped = f.next.wrapping_sub(f.sequence);
                        ((wrapped / self.payload) as u32).wrapping_add(1)
                    }
                };
            }
            s.window_end = f.next;
        }
        if f.sequence > s.reduced_until {
            s.reduced_until = NOT_REDUCED;
        }
        if f.echo && s.reduced_until == NOT_REDUCED {
            rate = f.min_rate.max((rate as f64 * (1.0 - s.alpha / 2.0)) as u64);
            s.reduced_until = f.next;
        }
        if s.reduced_until == NOT_REDUCED && window_over {
            rate = f.max_rate.min(rate + self.additive);
        }
        rate
    }
}
