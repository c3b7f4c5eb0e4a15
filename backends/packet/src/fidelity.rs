//! Which transport is simulated: ns-3's with everything its results depend on, or the same one with its faults mended.
//!
//! The engine is compiled once per fidelity ([`Ns3`], [`Clean`]), so neither pays for the other. What `Clean` mends is said
//! where it is mended (look for `F::CLEAN`) and listed in the README.

use crate::telemetry::{ExactRecord, HopRecord, WireRecord};
use mixlab_contract::{SimDuration, SimTime};

/// A fidelity: the unit of the engine's clock, HPCC's telemetry, and whether faults are mended.
pub trait Fidelity: sealed::Sealed + 'static {
    /// Whether faults of the ns-3 program are mended.
    const CLEAN: bool;
    /// Ticks of the engine's clock in a nanosecond.
    const TICKS_PER_NS: u64;
    /// One tick in seconds.
    const SECONDS_PER_TICK: f64;
    /// What a switch port writes into a packet under HPCC.
    #[expect(private_bounds, reason = "the trait is sealed; records are of no use outside")]
    type Record: HopRecord;

    /// Picoseconds of a tick.
    const PS_PER_TICK: u64 = 1_000 / Self::TICKS_PER_NS;

    /// Ticks of a duration, rounded down.
    fn ticks(duration: SimDuration) -> u64 {
        duration.ps() / Self::PS_PER_TICK
    }

    /// The time `ticks` after zero.
    fn time(ticks: u64) -> SimTime {
        SimTime::from_ps(ticks * Self::PS_PER_TICK)
    }

    /// Ticks it takes to send `size` bytes: rounded down as in ns-3, or up, so that no flow beats its ideal FCT.
    #[inline]
    fn transmission(size: u32, rate: u64) -> u64 {
        if Self::CLEAN {
            (u64::from(size) * 8_000_000_000_000).div_ceil(rate)
        } else {
            u64::from(size) * 8_000_000_000 / rate
        }
    }
}

/// The ns-3 program of the m3 and m4 papers, to the nanosecond and with its faults.
#[derive(Clone, Copy, Debug)]
pub struct Ns3;

/// The same transport with the faults mended, on a clock of picoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Clean;

impl Fidelity for Ns3 {
    const CLEAN: bool = false;
    const TICKS_PER_NS: u64 = 1;
    const SECONDS_PER_TICK: f64 = 1e-9;
    type Record = WireRecord;
}

impl Fidelity for Clean {
    const CLEAN: bool = true;
    const TICKS_PER_NS: u64 = 1_000;
    const SECONDS_PER_TICK: f64 = 1e-12;
    type Record = ExactRecord;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Ns3 {}
    impl Sealed for super::Clean {}
}
