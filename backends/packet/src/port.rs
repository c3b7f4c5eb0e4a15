//! Devices and switch memory: what is kept per channel (the transmitting device at its tail, the ingress counters at its
//! head), per switch and per host.

use crate::packet::Fifo;
use mixlab_contract::Marking;

/// The device that transmits into a channel: what every packet touches. One cache line.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(crate) struct Port {
    /// When its last transmission ends, and the insertion number of that event (executed or not).
    pub free_at: u64,
    pub done_number: u64,
    /// Queue 0 (PFC frames, and ACKs if they have priority) and queue 3.
    pub high: Fifo,
    pub low: Fifo,
    /// Bytes of queue 3 (the egress counter of the shared buffer), and of both queues.
    pub egress: u32,
    pub queued: u32,
    /// Nothing is marked while at most this many bytes are left in queue 3.
    pub k_min: u32,
    /// Transmission times of the usual sizes and propagation delay, ticks.
    pub tx_data: u32,
    pub tx_ack: u32,
    pub delay: u32,
    /// Node at its tail: index among hosts, or among switches.
    pub tail: u32,
    /// Whether the `done` event is in the queue.
    pub done_scheduled: bool,
    /// Whether a PFC frame has paused queue 3.
    pub paused: bool,
    pub at_host: bool,
    pub to_host: bool,
}

/// The rest of a device: what only some packets touch. One cache line.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(crate) struct Device {
    pub rate: u64,
    pub marking: Marking,
    /// Bytes sent so far, kept for HPCC only.
    pub sent: u64,
    pub rate_code: u32,
    /// Marking decisions drawn so far, kept for clean fidelity only.
    pub draws: u64,
}

/// Counters of the packets of queue 3 that came over one channel and are still in the switch at its head.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(32))]
pub(crate) struct Ingress {
    pub bytes: u64,
    /// Part of them held in headroom.
    pub headroom_used: u64,
    /// Headroom there is.
    pub headroom: u32,
    /// Node at the channel's head: index among hosts, or among switches.
    pub head: u32,
    /// Whether the sender at the tail has been told to pause.
    pub pausing: bool,
}

/// Shared buffer of a switch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Switch {
    /// Bytes of queue 3 inside, the part of them in headroom, and the sum of its egress counters.
    pub total: u64,
    pub headroom_total: u64,
    pub egress_total: u64,
    /// Buffer size, the ingress pool (buffer less reserved headroom) and the sum of all headroom.
    pub buffer: u64,
    pub pool: u64,
    pub headroom_limit: u64,
}

/// A host's network interface. One cache line.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(crate) struct Host {
    /// Flows with a queue pair, in order of creation; finished ones stay until a scan meets them.
    pub list: Vec<u32>,
    pub acks: Fifo,
    /// Time of the armed wake-up ([`NEVER`] if there is none) and its generation (older ones are void).
    pub wake_at: u64,
    pub wake_generation: u32,
    /// The channel it transmits into.
    pub port: u32,
    /// Place in the list of the queue pair served last.
    pub last_served: u32,
    /// Highest rate of its senders.
    pub max_rate: u64,
}

/// No wake-up is armed.
pub(crate) const NEVER: u64 = u64::MAX;

impl Port {
    /// Whether a switch port has a packet it may send.
    #[inline]
    pub fn has_work(&self) -> bool {
        !self.high.is_empty() || (!self.low.is_empty() && !self.paused)
    }
}
