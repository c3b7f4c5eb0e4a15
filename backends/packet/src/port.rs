//! Devices and switch memory: what is kept per channel (the transmitting device at its tail, the ingress counters at its
//! head), per kind of link, per switch and per host.

use crate::packet::{Fifo, Kind};
use mixlab_contract::Marking;

/// The device that transmits into a channel: what every packet touches. One cache line.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(crate) struct Port {
    /// When its last transmission ends, and the insertion number of that event (executed or not).
    pub free_at: u64,
    pub done_number: u64,
    /// Bytes sent so far.
    pub sent: u64,
    /// Queue 0 (PFC frames, and ACKs if they have priority) and queue 3.
    pub high: Fifo,
    pub low: Fifo,
    /// Bytes of queue 3 (the egress counter of the shared buffer), and of both queues.
    pub egress: u32,
    pub queued: u32,
    /// Nothing is marked while at most this many bytes are left in queue 3.
    pub k_min: u32,
    /// What its link is like: index among the kinds of links.
    pub link: u32,
    /// Node at its tail: index among hosts, or among switches.
    pub tail: u32,
    /// Whether the `done` event is in the queue.
    pub done_scheduled: bool,
    /// Whether a PFC frame has paused queue 3.
    pub paused: bool,
    pub at_host: bool,
    pub to_host: bool,
}

/// A kind of link; a network has few. One cache line.
#[derive(Clone, Debug, PartialEq)]
#[repr(align(64))]
pub(crate) struct LinkKind {
    /// Bit/s, and its code in HPCC's telemetry.
    pub rate: u64,
    pub rate_code: u32,
    /// Propagation delay, ticks.
    pub delay: u32,
    /// Transmission times of a full packet of each [`Kind`], ticks.
    pub full: [u32; Kind::COUNT],
    pub marking: Marking,
}

/// Counters of the packets of queue 3 that came over one channel and are still in the switch at its head.
/// A quarter of a cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(16))]
pub(crate) struct Ingress {
    pub bytes: u32,
    /// Part of them held in headroom.
    pub headroom_used: u32,
    /// Headroom there is.
    pub headroom: u32,
    /// Node at the channel's head (index among hosts, or among switches), twice, plus 1 if the sender at the tail has been
    /// told to pause.
    head_and_pausing: u32,
}

impl Ingress {
    /// Empty, at the node with this index.
    pub fn new(head: u32, headroom: u32) -> Self {
        Self { headroom, head_and_pausing: head << 1, ..Self::default() }
    }

    /// Node at the channel's head: index among hosts, or among switches.
    #[inline]
    pub fn head(&self) -> usize {
        (self.head_and_pausing >> 1) as usize
    }

    /// Whether the sender at the tail has been told to pause.
    #[inline]
    pub fn pausing(&self) -> bool {
        self.head_and_pausing & 1 == 1
    }

    /// Notes what the sender at the tail is told.
    #[inline]
    pub fn set_pausing(&mut self, pausing: bool) {
        self.head_and_pausing = self.head_and_pausing & !1 | u32::from(pausing);
    }
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
