//! Packets in flight, in a slab with a free list: nothing is allocated per packet once the slab has grown.
//!
//! A data packet turns into its own ACK at the receiver (the sender of an ACK needs all of its fields anyway), so a slot is
//! taken when a sender transmits and given back when the ACK is handled, the packet is dropped or the PFC frame arrives.

/// No packet.
pub(crate) const NONE: u32 = u32::MAX;

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Payload of a flow.
    Data,
    /// Everything before its number has arrived.
    Ack,
    /// Everything before its number has arrived, but something after it was lost.
    Nack,
    /// Stop sending data.
    Pause,
    /// Go on sending data.
    Resume,
}

/// A packet. 32 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    /// Time the data left its queue pair, ns.
    pub stamp: u64,
    /// Next packet in the same queue, or next free slot; on the wire to a switch, the channel it takes from there.
    pub next: u32,
    pub flow: u32,
    /// First payload byte, or the number acknowledged.
    pub sequence: u32,
    /// Index into the routes of the channel it is on, or waits for.
    pub hop: u32,
    /// Channel over which it entered the switch it is in.
    pub entered: u32,
    /// Bytes on the wire.
    pub size: u16,
    pub kind: Kind,
    pub flags: u8,
}

/// ECN bits are set.
pub(crate) const MARKED: u8 = 1;
/// The data packet acknowledged was marked.
pub(crate) const ECHO: u8 = 2;

/// In-band telemetry of HPCC: what each switch port wrote, and how many did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Telemetry {
    pub hops: [HopRecord; 5],
    pub count: u16,
}

/// One switch port's record, 64 bits as on the wire: rate code (3), time (24), bytes sent (20), queue length (17).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HopRecord(u64);

impl HopRecord {
    /// A record of the line rate's code, the time in ns, and counters in their units; each wraps at its field's width.
    #[inline]
    pub fn new(rate_code: u32, time: u64, sent: u64, queue: u64) -> Self {
        Self(u64::from(rate_code) << 61 | (time & 0xff_ffff) << 37 | (sent & 0xf_ffff) << 17 | queue & 0x1_ffff)
    }

    pub fn rate_code(self) -> usize {
        (self.0 >> 61) as usize
    }

    /// Nanoseconds since `earlier`, modulo 2^24.
    pub fn time_since(self, earlier: Self) -> u64 {
        (self.0 >> 37).wrapping_sub(earlier.0 >> 37) & 0xff_ffff
    }

    /// Units sent since `earlier`, modulo 2^20.
    pub fn sent_since(self, earlier: Self) -> u64 {
        (self.0 >> 17).wrapping_sub(earlier.0 >> 17) & 0xf_ffff
    }

    /// Queue length in its unit.
    pub fn queue(self) -> u64 {
        self.0 & 0x1_ffff
    }
}

/// All packets in flight.
#[derive(Default)]
pub(crate) struct Slab {
    pub packets: Vec<Packet>,
    /// Telemetry of each packet; empty unless HPCC is used.
    pub telemetry: Vec<Telemetry>,
    free: Option<u32>,
    with_telemetry: bool,
}

impl Slab {
    pub fn new(with_telemetry: bool) -> Self {
        Self { with_telemetry, ..Self::default() }
    }

    /// Stores a packet with empty telemetry.
    #[inline]
    pub fn add(&mut self, packet: Packet) -> u32 {
        let index = match self.free {
            Some(index) => {
                let next = self.packets[index as usize].next;
                self.free = (next != NONE).then_some(next);
                self.packets[index as usize] = packet;
                index
            }
            None => {
                self.packets.push(packet);
                if self.with_telemetry {
                    self.telemetry.push(Telemetry::default());
                }
                (self.packets.len() - 1) as u32
            }
        };
        if self.with_telemetry {
            self.telemetry[index as usize].count = 0;
        }
        index
    }

    /// Gives a slot back.
    #[inline]
    pub fn remove(&mut self, index: u32) {
        self.packets[index as usize].next = self.free.unwrap_or(NONE);
        self.free = Some(index);
    }

    /// Slots ever used at once.
    pub fn slots(&self) -> usize {
        self.packets.len()
    }

    /// Slots given back (for tests of conservation; O(slots)).
    pub fn free_slots(&self) -> usize {
        let mut count = 0;
        let mut at = self.free;
        while let Some(index) = at {
            count += 1;
            let next = self.packets[index as usize].next;
            at = (next != NONE).then_some(next);
        }
        count
    }
}

/// A first-in first-out queue threaded through the packets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fifo {
    first: u32,
    last: u32,
}

impl Fifo {
    pub const EMPTY: Self = Self { first: NONE, last: NONE };

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.first == NONE
    }

    #[inline]
    pub fn push(&mut self, packets: &mut [Packet], index: u32) {
        packets[index as usize].next = NONE;
        if self.first == NONE {
            self.first = index;
        } else {
            packets[self.last as usize].next = index;
        }
        self.last = index;
    }

    #[inline]
    pub fn pop(&mut self, packets: &[Packet]) -> Option<u32> {
        let index = self.first;
        if index == NONE {
            return None;
        }
        self.first = packets[index as usize].next;
        Some(index)
    }
}
