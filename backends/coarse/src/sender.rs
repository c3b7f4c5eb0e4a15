//! Senders: flows and the network cards they share.

use crate::control::{Rate, bytes_per_ns};
use mixlab_contract::{FlowIndex, SimDuration, SimTime, Transport};

/// What a flow does, announced, active or gone. What sending looks at, up to `rate.due`, is in the first cache line.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Sender {
    /// Window at this rate, bytes on the wire.
    pub window: u64,
    /// Bytes on the wire: in all, sent, acknowledged.
    pub volume: u64,
    pub sent: u64,
    pub acknowledged: u64,
    /// Of them, passed over with steady phases: a multiple of a full packet.
    pub passed: u64,
    /// When it may send next, ns.
    pub ready: f64,
    /// Its path is `routes[first..first + hops]`, its ACK path the `ack_hops` channels behind it.
    pub first: u32,
    pub hops: u16,
    pub ack_hops: u16,
    pub rate: Rate,
    /// Bytes delivered.
    pub delivered: u64,
    /// From the arrival of a packet to that of its ACK, ns, and the same from its begin, where nothing waits.
    pub echo: f64,
    pub rtt: f64,
    pub flow: FlowIndex,
    /// Delivered when its speed was last measured, and the speed then, bytes per tick.
    pub measured: (u64, f64),
}

/// What is looked at when a flow begins and ends.
#[derive(Clone, Debug)]
pub struct Ends {
    pub start: SimTime,
    /// ns after the origin.
    pub begin: f64,
    /// From its begin to its end on an idle network, ns, by this model, and the FCT that this is.
    pub idle: f64,
    pub lone: SimDuration,
    pub ack: Option<SimDuration>,
}

impl Sender {
    /// The first byte of a packet, counted without those passed over.
    pub fn byte(&self, packets: u32, packet: u64) -> u64 {
        (self.passed + u64::from(packets) * packet).min(self.volume)
    }

    /// Whether it has to wait for ACKs.
    pub fn bound(&self) -> bool {
        self.sent - self.acknowledged >= self.window
    }
}

/// A network card: flows that have something left to send over one channel.
#[derive(Clone, Debug, Default)]
pub struct Card {
    pub flows: Vec<u32>,
    /// Whose turn it is.
    pub turn: usize,
    /// When it is worth looking again, ns.
    pub wake: f64,
    pub listed: bool,
}

impl Card {
    /// A flow has nothing left to send after all.
    pub fn remove(&mut self, flow: u32) {
        if let Some(at) = self.flows.iter().position(|f| *f == flow) {
            self.flows.remove(at);
            self.turn -= usize::from(at < self.turn);
        }
    }
}

/// Window at a rate, bytes on the wire: a sender begins no packet once so much is not acknowledged.
pub fn window(transport: &Transport, rate: f64) -> u64 {
    let Some(window) = transport.window else { return u64::MAX };
    let share = if transport.variable_window { rate / bytes_per_ns(transport.max_rate) } else { 1.0 };
    let packets = (window.0 as f64 * share / transport.payload.0 as f64).ceil().max(1.0);
    packets as u64 * (transport.payload.0 + transport.data_header().0)
}
