//! In-band telemetry of HPCC: what switch ports write into data packets and senders read from ACKs.
//!
//! On the wire a record is 64 bits: rate code (3), time in ns (24), bytes sent (20, in 128 B), queue length (17, in 80 B), and
//! a packet has room for five. [`WireRecord`] is that, wrap-around and rounding included. [`ExactRecord`] is what the fields
//! mean: any link rate, picoseconds, bytes. Both cost 42 bytes on the wire. Source: Li et al. 2019; ns-3 of its authors.

/// Bytes per unit of the sent counter and of the queue length on the wire.
pub(crate) const SENT_UNIT: u64 = 128;
const QUEUE_UNIT: u64 = 80;
/// Link rates a wire record can name, by code.
const LINE_RATES_GBPS: [u64; 8] = [25, 50, 100, 200, 400, 10, 100_000, 40];
/// Records a packet has room for.
pub(crate) const HOPS: usize = 5;

/// Code of a link rate; `None` if a wire record can't name it.
pub(crate) fn rate_code(rate: u64) -> Option<u32> {
    LINE_RATES_GBPS.iter().position(|g| g * 1_000_000_000 == rate).map(|code| code as u32)
}

/// What a port knows when a packet leaves it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Link rate in bit/s, and its code.
    pub rate: u64,
    pub rate_code: u32,
    /// Ticks.
    pub time: u64,
    /// Bytes sent before, and bytes waiting.
    pub sent: u64,
    pub queued: u64,
    /// Granularity multiplier of the wire's counters.
    pub multiplier: u64,
}

/// One port's record.
pub(crate) trait HopRecord: Copy + Default + 'static {
    /// The record of a reading.
    fn of(reading: &Reading) -> Self;
    /// Link rate, bit/s.
    fn rate(self) -> u64;
    /// Ticks since `earlier`.
    fn ticks_since(self, earlier: Self) -> u64;
    /// Bytes sent since `earlier`.
    fn sent_since(self, earlier: Self, multiplier: u64) -> u64;
    /// Bytes waiting.
    fn queued(self, multiplier: u64) -> u64;
}

/// The record as on the wire.
#[derive(Clone, Copy, Debug, Default)]
pub struct WireRecord(u64);

impl HopRecord for WireRecord {
    #[inline]
    fn of(r: &Reading) -> Self {
        let (sent, queue) = (r.sent / (SENT_UNIT * r.multiplier), r.queued / (QUEUE_UNIT * r.multiplier));
        Self(u64::from(r.rate_code) << 61 | (r.time & 0xff_ffff) << 37 | (sent & 0xf_ffff) << 17 | queue & 0x1_ffff)
    }

    fn rate(self) -> u64 {
        LINE_RATES_GBPS[(self.0 >> 61) as usize] * 1_000_000_000
    }

    /// Modulo 2^24.
    fn ticks_since(self, earlier: Self) -> u64 {
        (self.0 >> 37).wrapping_sub(earlier.0 >> 37) & 0xff_ffff
    }

    /// Modulo 2^20 units.
    fn sent_since(self, earlier: Self, multiplier: u64) -> u64 {
        ((self.0 >> 17).wrapping_sub(earlier.0 >> 17) & 0xf_ffff) * SENT_UNIT * multiplier
    }

    fn queued(self, multiplier: u64) -> u64 {
        (self.0 & 0x1_ffff) * QUEUE_UNIT * multiplier
    }
}

/// The record without the wire's limits.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExactRecord {
    rate: u64,
    time: u64,
    sent: u64,
    queued: u64,
}

impl HopRecord for ExactRecord {
    #[inline]
    fn of(r: &Reading) -> Self {
        Self { rate: r.rate, time: r.time, sent: r.sent, queued: r.queued }
    }

    fn rate(self) -> u64 {
        self.rate
    }

    fn ticks_since(self, earlier: Self) -> u64 {
        self.time - earlier.time
    }

    fn sent_since(self, earlier: Self, _: u64) -> u64 {
        self.sent - earlier.sent
    }

    fn queued(self, _: u64) -> u64 {
        self.queued
    }
}

/// Records of one packet, and how many ports wrote one (those beyond the fifth overwrite from the first). One cache line of
/// wire records.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(crate) struct Telemetry<R> {
    pub hops: [R; HOPS],
    pub count: u16,
}
