//! Clean fidelity's retransmission timer, which the ns-3 program lacks.
//!
//! A sender with bytes in flight expects its first unacknowledged byte to be acknowledged within the timeout; each further
//! timeout without progress doubles it, up to 64 times (RFC 6298, 5.5). On a timeout it goes back to the first
//! unacknowledged byte. The rate stays, as it does on a NACK: congestion is signalled by marks, delay or telemetry.
//!
//! The timeout is that of the hardware this transport models: 4.096 µs · 2^n (InfiniBand Architecture Specification vol. 1,
//! "Local ACK Timeout"), with the smallest n that gives at least 1 ms (n = 8), so that a NACK, which a receiver repeats every
//! 500 µs, comes first, and at least twice the base RTT plus the time the slowest link takes to drain a full switch buffer,
//! so that waiting is not taken for loss. A pause may still last longer; then some packets are sent twice.
//!
//! One event per flow is in the queue at most: it looks whether the deadline has moved and re-arms itself.

use crate::fidelity::Fidelity;
use crate::flow::Stage;
use crate::network::{PacketNetwork, event};
use crate::probe::Probe;
use crate::queue::EventQueue;
use mixlab_contract::{BitsPerSec, Scenario, SimDuration};

/// Unit of InfiniBand's timeout, and the smallest exponent used.
const UNIT: SimDuration = SimDuration::from_ps(4_096_000);
const SMALLEST_EXPONENT: u32 = 8;
/// Doublings at most.
const MOST_DOUBLINGS: u32 = 6;

/// Timer of one sender.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recovery {
    /// When it last made progress or began to have bytes in flight, ticks.
    since: u64,
    /// Timeouts since then.
    timeouts: u32,
    /// Whether the event is in the queue.
    armed: bool,
}

impl Recovery {
    /// A byte was acknowledged for the first time.
    #[inline]
    pub fn progress(&mut self, now: u64) {
        self.since = now;
        self.timeouts = 0;
    }

    fn deadline(&self, timeout: u64) -> u64 {
        self.since + (timeout << self.timeouts.min(MOST_DOUBLINGS))
    }
}

/// The first timeout of a flow, ticks.
pub(crate) fn timeout<F: Fidelity>(scenario: &Scenario) -> u64 {
    let slowest = scenario.topology().links().iter().map(|l| l.rate).min().unwrap_or(BitsPerSec(u64::MAX));
    let drain = slowest.transmission_floor(scenario.transport().buffer);
    let waiting = (scenario.base_rtt() + drain).ps().saturating_mul(2);
    let exponent = (SMALLEST_EXPONENT..40).find(|n| UNIT.ps() << n >= waiting).unwrap_or(40);
    F::ticks(SimDuration::from_ps(UNIT.ps() << exponent))
}

impl<Q: EventQueue, P: Probe, F: Fidelity> PacketNetwork<Q, P, F> {
    /// A packet of `flow` is about to leave: arms the timer if it is not. `next` counts it already.
    #[inline]
    pub(crate) fn watch_for_loss(&mut self, flow: u32) {
        let s = &self.senders[flow as usize];
        let r = &mut self.recovery[flow as usize];
        if s.next - s.unacknowledged <= u64::from(self.physics.payload) {
            r.since = self.now; // nothing was in flight
        }
        if !r.armed {
            r.armed = true;
            let at = r.deadline(self.timeout);
            self.schedule(at, event::TIMEOUT, flow, 0);
        }
    }

    /// The timer's event: re-arms itself while something is in flight, and goes back on a timeout.
    pub(crate) fn check_for_loss(&mut self, flow: u32) {
        let s = &mut self.senders[flow as usize];
        let r = &mut self.recovery[flow as usize];
        r.armed = false;
        if s.state != Stage::Active || s.next == s.unacknowledged {
            return;
        }
        let expired = r.deadline(self.timeout) <= self.now;
        if expired {
            s.next = s.unacknowledged;
            r.timeouts += 1;
            r.since = self.now;
        }
        r.armed = true;
        let (at, host) = (r.deadline(self.timeout), s.host);
        self.schedule(at, event::TIMEOUT, flow, 0);
        if expired {
            self.kick_host(host);
        }
    }
}
