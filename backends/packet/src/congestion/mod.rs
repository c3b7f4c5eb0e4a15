//! Congestion control: what a sender does to its rate when an ACK, a NACK or a timer comes.
//!
//! All bounds are \[minimum rate, highest rate of the sender\]. Real-valued updates are IEEE doubles evaluated left to right
//! as in ns-3; a rate times or divided by a real is truncated to bit/s; a rate plus a rate is an integer sum.

mod dcqcn;
mod dctcp;
mod hpcc;
mod timely;

pub(crate) use dcqcn::{Dcqcn, Timer};
pub(crate) use dctcp::Dctcp;
pub(crate) use hpcc::Hpcc;
pub(crate) use timely::Timely;

use crate::fidelity::Fidelity;
use crate::physics::Physics;
use mixlab_contract::{CongestionControl, Transport};

/// The congestion control of a run, with the state of every flow.
pub(crate) enum Control<F: Fidelity> {
    Dctcp(Dctcp),
    Dcqcn(Dcqcn),
    Hpcc(Hpcc<F>),
    Timely(Timely),
}

/// What a controller is told with an ACK or NACK.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Feedback {
    /// Number acknowledged.
    pub sequence: u64,
    /// Next byte the sender would send.
    pub next: u64,
    /// Whether the data packet was marked.
    pub echo: bool,
    /// Current rate, bit/s.
    pub rate: u64,
    /// Bounds of the rate, bit/s.
    pub min_rate: u64,
    pub max_rate: u64,
}

impl<F: Fidelity> Control<F> {
    /// The controller `transport` asks for, without flows.
    pub fn new(transport: &Transport, physics: &Physics) -> Self {
        match transport.congestion_control {
            CongestionControl::Dctcp { gain, additive } => {
                Self::Dctcp(Dctcp::new(gain, additive.0, physics.payload.into()))
            }
            CongestionControl::Dcqcn { .. } => Self::Dcqcn(Dcqcn::new::<F>(&transport.congestion_control)),
            CongestionControl::Hpcc { .. } => Self::Hpcc(Hpcc::new(&transport.congestion_control, physics)),
            CongestionControl::Timely { .. } => Self::Timely(Timely::new::<F>(&transport.congestion_control)),
            CongestionControl::Tcp { .. } => unreachable!("the backend refuses TCP before it builds a network"),
        }
    }

    /// Makes the state of flow `flow`, which starts at `rate`.
    pub fn start(&mut self, flow: u32, rate: u64) {
        let flow = flow as usize;
        match self {
            Self::Dctcp(c) => c.start(flow),
            Self::Dcqcn(c) => c.start(flow, rate),
            Self::Hpcc(c) => c.start(flow, rate),
            Self::Timely(c) => c.start(flow),
        }
    }
}

/// The state of `flow`, with the array grown to hold it.
fn slot<T: Clone>(states: &mut Vec<T>, flow: usize, initial: T) -> &mut T {
    if flow >= states.len() {
        states.resize(flow + 1, initial.clone());
    }
    states[flow] = initial;
    &mut states[flow]
}
