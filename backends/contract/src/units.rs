//! Units as types. Time is integer picoseconds, so that 1 byte at 800 Gb/s (10 ps) is exact and no clock drifts.
//!
//! Rounding is always stated in a method's name: `floor` truncates, as the RDMA ns-3 programs do.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

/// Picoseconds in one nanosecond.
pub const PS_PER_NS: u64 = 1_000;

/// An amount of data in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

/// A rate in bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BitsPerSec(pub u64);

/// A point in simulated time, in picoseconds since the simulation's zero (213 days at most).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimTime(u64);

/// A length of simulated time, in picoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimDuration(u64);

impl BitsPerSec {
    /// A rate of `gbps` gigabits per second.
    pub const fn from_gbps(gbps: u64) -> Self {
        Self(gbps * 1_000_000_000)
    }

    /// Time to put `bytes` on the wire in whole nanoseconds, rounded down: ns-3.39's arithmetic.
    ///
    /// # Panics
    /// If the rate is zero.
    pub const fn transmission_ns_floor(self, bytes: Bytes) -> u64 {
        (bytes.0 as u128 * 8_000_000_000 / self.0 as u128) as u64
    }

    /// Time to put `bytes` on the wire, rounded down to a picosecond.
    ///
    /// # Panics
    /// If the rate is zero.
    pub const fn transmission_floor(self, bytes: Bytes) -> SimDuration {
        SimDuration((bytes.0 as u128 * 8_000_000_000_000 / self.0 as u128) as u64)
    }
}

impl SimTime {
    /// The simulation's zero.
    pub const ZERO: Self = Self(0);
    /// Later than anything that can happen.
    pub const MAX: Self = Self(u64::MAX);

    /// `ns` nanoseconds after zero (saturating at [`SimTime::MAX`]).
    pub const fn from_ns(ns: u64) -> Self {
        Self(ns.saturating_mul(PS_PER_NS))
    }

    /// `ps` picoseconds after zero.
    pub const fn from_ps(ps: u64) -> Self {
        Self(ps)
    }

    /// Whole nanoseconds since zero, rounded down.
    pub const fn ns_floor(self) -> u64 {
        self.0 / PS_PER_NS
    }

    /// Picoseconds since zero.
    pub const fn ps(self) -> u64 {
        self.0
    }

    /// The time since `earlier`, or zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }

    /// Picoseconds after `origin`, negative before it: the clock of engines that count in real numbers.
    pub fn ps_after(self, origin: Self) -> f64 {
        if self >= origin { self.since(origin).ps() as f64 } else { -(origin.since(self).ps() as f64) }
    }
}

impl SimDuration {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// `ns` nanoseconds (saturating).
    pub const fn from_ns(ns: u64) -> Self {
        Self(ns.saturating_mul(PS_PER_NS))
    }

    /// `ps` picoseconds.
    pub const fn from_ps(ps: u64) -> Self {
        Self(ps)
    }

    /// Whole nanoseconds, rounded down.
    pub const fn ns_floor(self) -> u64 {
        self.0 / PS_PER_NS
    }

    /// Nanoseconds, rounded to the nearest (half up): how FCTs are stored.
    pub const fn ns_nearest(self) -> u64 {
        self.0 / PS_PER_NS + (self.0 % PS_PER_NS >= PS_PER_NS / 2) as u64
    }

    /// Picoseconds.
    pub const fn ps(self) -> u64 {
        self.0
    }

    /// Seconds, as a real number (for statistics, never for clocks).
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 * 1e-12
    }
}

impl Add<SimDuration> for SimTime {
    type Output = Self;
    fn add(self, d: SimDuration) -> Self {
        Self(self.0.saturating_add(d.0))
    }
}

impl Add for SimDuration {
    type Output = Self;
    fn add(self, d: Self) -> Self {
        Self(self.0.saturating_add(d.0))
    }
}

impl AddAssign for SimDuration {
    fn add_assign(&mut self, d: Self) {
        *self = *self + d;
    }
}

impl Sub for SimDuration {
    type Output = Self;
    fn sub(self, d: Self) -> Self {
        Self(self.0.saturating_sub(d.0))
    }
}

impl Sum for SimDuration {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B", self.0)
    }
}

impl fmt::Display for BitsPerSec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            r if r % 1_000_000_000 == 0 => write!(f, "{} Gb/s", r / 1_000_000_000),
            r if r % 1_000_000 == 0 => write!(f, "{} Mb/s", r / 1_000_000),
            r => write!(f, "{r} b/s"),
        }
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SimDuration(self.0).fmt(f)
    }
}

impl fmt::Display for SimDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % PS_PER_NS {
            0 => write!(f, "{} ns", self.0 / PS_PER_NS),
            rest => write!(f, "{}.{rest:03} ns", self.0 / PS_PER_NS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_are_rounded_half_up_to_the_end_of_the_clock() {
        for (ps, ns) in [(0, 0), (499, 0), (500, 1), (1499, 1), (u64::MAX, u64::MAX / 1000 + 1)] {
            assert_eq!(SimDuration::from_ps(ps).ns_nearest(), ns, "{ps}");
        }
    }

    #[test]
    fn transmission_times_are_those_of_ns3() {
        // Values at 10 Gb/s confirmed against the real program (reference: transport model, section 1).
        let rate = BitsPerSec::from_gbps(10);
        for (bytes, ns) in [(1048, 838), (1056, 844), (1090, 872), (60, 48), (88, 70), (43, 34)] {
            assert_eq!(rate.transmission_ns_floor(Bytes(bytes)), ns);
        }
        assert_eq!(BitsPerSec::from_gbps(800).transmission_floor(Bytes(1)), SimDuration::from_ps(10));
    }
}
