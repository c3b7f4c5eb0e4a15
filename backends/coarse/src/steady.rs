//! Steady phases: how they are noticed, and how they are skipped.
//!
//! Where nobody has come or gone for two periods of 24 RTTs and all speeds are alike in both, everybody goes on at them for as long as
//! it took to get there, but not up to the next arrival or near anybody's end; then it is measured again. So a phase costs the
//! logarithm of its length, and the clock of ticks is behind that of the simulation by what was skipped.

use crate::control::Laws;
use crate::sender::Sender;

/// Speeds are measured over so many RTTs of an idle network.
const PERIOD: f64 = 24.0;
/// They are steady if they differ by no more than this part from one period to the next.
const ALIKE: f64 = 0.03;

/// Watches for phases in which nobody comes or goes and speeds stay as they are.
#[derive(Clone, Debug, Default)]
pub struct Steady {
    /// Ticks between two measurements.
    period: u64,
    /// Flows that may be active.
    pub present: Vec<u32>,
    /// Tick (without those skipped) of the last measurement or change.
    since: u64,
    /// Tick (with those skipped) of the last change.
    changed: u64,
    /// Whether nothing changed since the last measurement.
    calm: bool,
    /// Trains moved up to then.
    trains: u64,
    /// Ticks to skip.
    pub skip: u64,
}

impl Steady {
    /// For a network with ticks of `length` and an RTT of `rtt` where nothing waits, both in ns.
    pub fn new(rtt: f64, length: f64) -> Self {
        Self { period: ((PERIOD * rtt / length).ceil() as u64).max(1), ..Self::default() }
    }

    /// Somebody came or went.
    pub fn change(&mut self, tick: u64, skipped: u64) {
        (self.since, self.changed, self.calm) = (tick, tick + skipped, false);
    }

    /// Looks, once a period in which nothing began or ended has passed, how fast everybody is, and decides how much to skip.
    ///
    /// `tick` ticks are done besides `skipped` ones, and `trains` trains have moved; `stuck` says whether nobody waits for an ACK or
    /// for the time to send.
    pub fn measure(
        &mut self,
        senders: &mut [Sender],
        (tick, skipped): (u64, u64),
        trains: u64,
        stuck: impl FnOnce() -> bool,
    ) {
        let length = self.period;
        if tick < self.since + length {
            return;
        }
        self.since = tick;
        self.present.retain(|f| {
            let s = &senders[*f as usize];
            s.delivered < s.volume
        });
        let mut longest = (tick + skipped - self.changed) as f64;
        let moved = std::mem::replace(&mut self.trains, trains) != trains;
        let mut same = std::mem::replace(&mut self.calm, true);
        for f in &self.present {
            let s = &mut senders[*f as usize];
            let speed = (s.delivered - s.measured.0) as f64 / length as f64;
            same &= (speed - s.measured.1).abs() <= ALIKE * s.measured.1.max(speed);
            s.measured = (s.delivered, speed);
            if speed > 0.0 {
                longest = longest.min((s.volume - s.sent) as f64 / speed - length as f64);
            }
        }
        if !moved && stuck() {
            // A deadlock of pauses, or what is left has been dropped and has no NACK: nobody moves unless somebody comes.
            self.skip = u64::MAX;
        } else if moved && same && longest >= length as f64 {
            self.skip = longest as u64;
        }
    }

    /// Skips `ticks` of the steady phase: everybody goes on as measured.
    pub fn pass(&self, ticks: u64, senders: &mut [Sender], laws: &Laws, packet: u64) {
        for f in &self.present {
            let s = &mut senders[*f as usize];
            let packets = (s.measured.1 * ticks as f64) as u64 / packet;
            let bytes = (packets * packet).min((s.volume - s.sent.max(s.delivered)) / packet * packet);
            s.sent += bytes;
            s.delivered += bytes;
            s.acknowledged += bytes;
            s.passed += bytes;
            s.measured.0 += bytes;
            s.rate.shift(bytes, laws);
        }
    }
}
