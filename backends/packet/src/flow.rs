//! One flow at its two ends: the sender's queue pair and the receiver's expectations.

/// Sender of a flow (a queue pair). One cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Sender {
    /// Earliest time of the next packet under pacing, ticks (signed, since a rate change moves it by a difference).
    pub next_available: i64,
    /// Bytes that may be in flight; the maximum if unlimited.
    pub window: u64,
    /// Current rate, bit/s.
    pub rate: u64,
    /// Next byte to send; falls back to `unacknowledged` when a NACK arrives.
    pub next: u64,
    pub unacknowledged: u64,
    pub size: u64,
    /// Host, and first entry of the data route.
    pub host: u32,
    pub data_route: u32,
    /// Bytes on the wire of the last packet.
    pub last_size: u32,
    pub state: Stage,
    /// Whether the driver wants to hear of the last ACK.
    pub acknowledge: bool,
}

/// Where a flow is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Never announced.
    Unknown,
    /// Announced or released, but without a queue pair.
    Announced,
    /// Sending.
    Active,
    /// All acknowledged; its queue pair is forgotten.
    Done,
}

impl Sender {
    pub const UNKNOWN: Self = Self {
        next: 0,
        unacknowledged: 0,
        size: 0,
        next_available: 0,
        window: 0,
        rate: 0,
        host: 0,
        data_route: 0,
        last_size: 0,
        state: Stage::Unknown,
        acknowledge: false,
    };

    #[inline]
    pub fn has_bytes_left(&self) -> bool {
        self.next < self.size
    }

    /// Whether the window is full. Unsigned as in ns-3: after a late NACK `next` may lie before `unacknowledged`, which
    /// counts as a full window.
    #[inline]
    pub fn window_bound(&self) -> bool {
        self.next.wrapping_sub(self.unacknowledged) >= self.window
    }

    #[inline]
    pub fn finished(&self) -> bool {
        self.unacknowledged >= self.size
    }
}

/// Receiver of a flow. Half a cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(32))]
pub(crate) struct Receiver {
    /// Next byte wanted.
    pub expected: u64,
    /// Bytes of the flow, and first entry of the route of its ACKs.
    pub size: u64,
    pub ack_route: u32,
    /// Whether the flow was delivered.
    pub delivered: bool,
}

/// What a receiver remembers of its NACKs; apart, since it is touched only where packets are lost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NackMemory {
    /// No second NACK for the same byte before this time, ticks.
    pub timer: u64,
    /// Byte of the last NACK.
    pub byte: u64,
}
