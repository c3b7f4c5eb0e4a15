//! Packets in flight, in a slab with a free list: nothing is allocated per packet once the slab has grown.
//!
//! A data packet turns into its own ACK at the receiver (the sender of an ACK needs all of its fields anyway), so a slot is
//! taken when a sender transmits and given back when the ACK is handled, the packet is dropped or the PFC frame arrives.

use crate::telemetry::{HopRecord, Telemetry};

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

impl Kind {
    /// How many there are.
    pub(crate) const COUNT: usize = 5;
}

/// A packet. 32 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    /// Time the data left its queue pair, ticks.
    pub stamp: u64,
    /// First payload byte, or the number acknowledged.
    pub sequence: u64,
    /// Next packet in the same queue, or next free slot; on the wire to a switch, the channel it takes from there.
    pub next: u32,
    pub flow: u32,
    /// Index into the routes of the channel it is on, or waits for; the one before it is the channel it came over.
    pub hop: u32,
    /// Bytes on the wire.
    pub size: u16,
    pub kind: Kind,
    pub flags: u8,
}

/// ECN bits are set.
pub(crate) const MARKED: u8 = 1;
/// The data packet acknowledged was marked.
pub(crate) const ECHO: u8 = 2;

/// All packets in flight.
#[derive(Default)]
pub(crate) struct Slab<R> {
    pub packets: Vec<Packet>,
    /// Telemetry of each packet; empty unless HPCC is used.
    pub telemetry: Vec<Telemetry<R>>,
    free: Option<u32>,
    with_telemetry: bool,
}

impl<R: HopRecord> Slab<R> {
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
