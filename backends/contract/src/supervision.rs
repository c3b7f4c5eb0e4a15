//! Dense supervision: what a learned simulator is trained on besides FCTs. At every release and every delivery of a flow, a
//! *moment*: the bytes each active flow still has to get through, and the bytes waiting on the active flows' data paths.
//!
//! A flow is active from its release (its own moment included) to its delivery (its own moment excluded). Queues are those of
//! channels that some active flow's data crosses; those that are empty are left out.
//!
//! Kept as a byte stream, since a run has (2 · flows) moments of some hundred numbers each. All numbers are LEB128
//! (7 bits per byte, least significant first, high bit = more); per moment:
//!
//! ```text
//! time in ps since the moment before (the first: since 0)
//! 2 · flow index + (1 if released, 0 if delivered);   if released: flow size in bytes
//! for each other active flow by ascending index: bytes that arrived since the moment before
//! number of queues that changed; for each by ascending channel: channel − the one before − 1 (the first: channel), new bytes
//! ```
//!
//! Source of the idea: the auxiliary losses of m4 (remaining size, queue length). Left out: queues on the way of ACKs.

use crate::scenario::FlowIndex;
use crate::topology::ChannelId;
use crate::units::{Bytes, SimTime};

/// What happened at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A flow became active; nothing of it has been sent.
    Released,
    /// A flow's last byte arrived.
    Delivered,
}

/// The state of all active flows right after a release or a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub time: SimTime,
    /// The flow that was released or delivered.
    pub flow: FlowIndex,
    /// Which of the two.
    pub change: Change,
    /// Active flows by index, each with the bytes its receiver does not have yet (in order; at least 1).
    pub remaining: Vec<(FlowIndex, Bytes)>,
    /// Channels by id, each with the bytes waiting to enter it (at least 1).
    pub queues: Vec<(ChannelId, Bytes)>,
}

/// All moments of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Supervision {
    bytes: Vec<u8>,
    moments: u64,
}

/// A byte stream is not a supervision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("moment {moment} of the supervision is malformed")]
pub struct Malformed {
    /// Position of the first bad moment, from 0.
    pub moment: u64,
}

impl Supervision {
    /// From a stored stream and its number of moments. Nothing is checked until it is read.
    pub fn from_stored(bytes: Vec<u8>, moments: u64) -> Self {
        Self { bytes, moments }
    }

    /// The stream, in the form described at the top of this file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of moments.
    pub fn len(&self) -> u64 {
        self.moments
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.moments == 0
    }

    /// The moments in order of time; ends after the first malformed one. Cost of each: O(active flows + queues).
    pub fn moments(&self) -> Moments<'_> {
        let empty = Vec::new();
        Moments { rest: &self.bytes, left: self.moments, read: 0, time: 0, remaining: Vec::new(), queues: empty }
    }
}

/// Reads moments one by one.
#[derive(Clone, Debug)]
pub struct Moments<'a> {
    rest: &'a [u8],
    left: u64,
    read: u64,
    time: u64,
    remaining: Vec<(FlowIndex, Bytes)>,
    queues: Vec<(ChannelId, Bytes)>,
}

impl Moments<'_> {
    fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (first, rest) = self.rest.split_first()?;
            self.rest = rest;
            let bits = u64::from(first & 0x7f);
            value |= bits.checked_shl(shift).filter(|v| v >> shift == bits)?;
            if first & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn moment(&mut self) -> Option<Moment> {
        self.time = self.time.checked_add(self.number()?)?;
        let word = self.number()?;
        let flow = FlowIndex(u32::try_from(word >> 1).ok()?);
        let place = self.remaining.binary_search_by_key(&flow, |(f, _)| *f);
        let (change, skipped) = if word & 1 == 1 {
            let size = Bytes(self.number()?);
            self.remaining.insert(place.err()?, (flow, size));
            (Change::Released, Some(flow))
        } else {
            self.remaining.remove(place.ok()?);
            (Change::Delivered, None)
        };
        for i in 0..self.remaining.len() {
            if skipped != Some(self.remaining[i].0) {
                let arrived = self.number()?;
                let left = &mut self.remaining[i].1;
                *left = Bytes(left.0.checked_sub(arrived)?);
            }
        }
        self.queue_changes()?;
        let (remaining, queues) = (self.remaining.clone(), self.queues.clone());
        Some(Moment { time: SimTime::from_ps(self.time), flow, change, remaining, queues })
    }

    fn queue_changes(&mut self) -> Option<()> {
        let mut channel = None;
        for _ in 0..self.number()? {
            let step = u32::try_from(self.number()?).ok()?;
            let next = ChannelId(channel.map_or(Some(step), |c: u32| c.checked_add(1)?.checked_add(step))?);
            channel = Some(next.0);
            let bytes = Bytes(self.number()?);
            match self.queues.binary_search_by_key(&next, |(c, _)| *c) {
                Ok(place) if bytes.0 == 0 => drop(self.queues.remove(place)),
                Ok(place) => self.queues[place].1 = bytes,
                Err(place) => self.queues.insert(place, (next, bytes)),
            }
        }
        Some(())
    }
}

impl Iterator for Moments<'_> {
    type Item = Result<Moment, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let moment = self.moment().ok_or(Malformed { moment: self.read });
        self.left = if moment.is_ok() { self.left - 1 } else { 0 };
        self.read += 1;
        Some(moment)
    }
}

/// Writes moments one by one.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    supervision: Supervision,
    time: SimTime,
    remaining: Vec<(FlowIndex, Bytes)>,
    queues: Vec<(ChannelId, Bytes)>,
}

impl Recorder {
    /// Active flows now, by index.
    pub fn active(&self) -> impl Iterator<Item = FlowIndex> + '_ {
        self.remaining.iter().map(|(f, _)| *f)
    }

    /// Records the release of `flow`, of `size` bytes. `remaining` says what each active flow has left; `queues` are the
    /// queues that are not empty, by ascending channel.
    ///
    /// # Panics
    /// If the flow is active already, or time or a remaining size goes the wrong way: faults of the engine.
    pub fn released(
        &mut self,
        time: SimTime,
        (flow, size): (FlowIndex, Bytes),
        remaining: impl Fn(FlowIndex) -> Bytes,
        queues: &[(ChannelId, Bytes)],
    ) {
        self.head(time, flow, Change::Released);
        self.number(size.0);
        self.arrivals(remaining);
        let place = self.remaining.partition_point(|(f, _)| *f < flow);
        assert!(self.remaining.get(place).is_none_or(|(f, _)| *f != flow), "{flow:?} is released twice");
        self.remaining.insert(place, (flow, size));
        self.queue_changes(queues);
    }

    /// Records the delivery of `flow`; otherwise as [`Self::released`].
    ///
    /// # Panics
    /// If the flow is not active, or time or a remaining size goes the wrong way: faults of the engine.
    pub fn delivered(
        &mut self,
        time: SimTime,
        flow: FlowIndex,
        remaining: impl Fn(FlowIndex) -> Bytes,
        queues: &[(ChannelId, Bytes)],
    ) {
        self.head(time, flow, Change::Delivered);
        let place =
            self.remaining.binary_search_by_key(&flow, |(f, _)| *f).expect("a flow that is delivered is active");
        self.remaining.remove(place);
        self.arrivals(remaining);
        self.queue_changes(queues);
    }

    /// What was recorded.
    pub fn finish(self) -> Supervision {
        self.supervision
    }

    fn head(&mut self, time: SimTime, flow: FlowIndex, change: Change) {
        assert!(time >= self.time, "moments are recorded in order of time");
        self.number(time.since(self.time).ps());
        self.number(u64::from(flow.0) << 1 | u64::from(change == Change::Released));
        self.time = time;
        self.supervision.moments += 1;
    }

    fn arrivals(&mut self, remaining: impl Fn(FlowIndex) -> Bytes) {
        for i in 0..self.remaining.len() {
            let (flow, before) = self.remaining[i];
            let now = remaining(flow);
            self.number(before.0.checked_sub(now.0).expect("what is left of a flow never grows"));
            self.remaining[i].1 = now;
        }
    }

    fn queue_changes(&mut self, queues: &[(ChannelId, Bytes)]) {
        let mut changed = Vec::new();
        let mut old = self.queues.iter().peekable();
        for (channel, bytes) in queues {
            while let Some((gone, _)) = old.next_if(|(c, _)| c < channel) {
                changed.push((*gone, Bytes(0)));
            }
            if old.next_if(|(c, _)| c == channel).is_none_or(|(_, before)| before != bytes) {
                changed.push((*channel, *bytes));
            }
        }
        changed.extend(old.map(|(gone, _)| (*gone, Bytes(0))));
        self.number(changed.len() as u64);
        let mut next = 0;
        for (channel, bytes) in changed {
            self.number(u64::from(channel.0 - next));
            self.number(bytes.0);
            next = channel.0 + 1;
        }
        self.queues = queues.to_vec();
    }

    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.supervision.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.supervision.bytes.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::SplitMix;

    fn random_moments(r: &mut SplitMix) -> (Supervision, Vec<Moment>) {
        let (mut recorder, mut wanted) = (Recorder::default(), Vec::new());
        let (mut left, mut time): (Vec<(FlowIndex, Bytes)>, u64) = (Vec::new(), 0);
        for _ in 0..200 {
            time += r.below(5_000_000);
            left.iter_mut().for_each(|(_, b)| b.0 -= r.below(b.0.min(3_000)));
            let mut queues = Vec::new();
            for channel in 0..40 {
                if r.below(4) == 0 {
                    let magnitude = r.below(40);
                    queues.push((ChannelId(channel * 7), Bytes(1 + r.below(1 << magnitude))));
                }
            }
            let flow = FlowIndex(r.below(60) as u32);
            let at = SimTime::from_ps(time);
            let of = |all: &[(FlowIndex, Bytes)], flow| all.iter().find(|(f, _)| *f == flow).expect("an active flow").1;
            let change = match left.binary_search_by_key(&flow, |(f, _)| *f) {
                Ok(place) => {
                    left.remove(place);
                    recorder.delivered(at, flow, |f| of(&left, f), &queues);
                    Change::Delivered
                }
                Err(place) => {
                    let magnitude = r.below(40);
                    let size = Bytes(1 + r.below(1 << magnitude));
                    recorder.released(at, (flow, size), |f| of(&left, f), &queues);
                    left.insert(place, (flow, size));
                    Change::Released
                }
            };
            wanted.push(Moment { time: at, flow, change, remaining: left.clone(), queues });
        }
        (recorder.finish(), wanted)
    }

    #[test]
    fn what_is_recorded_is_what_is_read() {
        for seed in 0..50 {
            let (supervision, wanted) = random_moments(&mut SplitMix(seed));
            let stored = Supervision::from_stored(supervision.as_bytes().to_vec(), supervision.len());
            let read: Vec<Moment> = stored.moments().collect::<Result<_, _>>().expect("well formed");
            assert_eq!(read, wanted, "seed {seed}");
        }
    }

    #[test]
    fn a_damaged_stream_is_an_error_and_never_a_panic() {
        let mut r = SplitMix(9);
        let (supervision, _) = random_moments(&mut r);
        for _ in 0..2_000 {
            let mut bytes = supervision.as_bytes().to_vec();
            bytes.truncate(r.below(bytes.len() as u64) as usize);
            if let Some(last) = bytes.len().checked_sub(1) {
                bytes[r.below(last as u64 + 1) as usize] = r.next_u64() as u8;
            }
            let damaged = Supervision::from_stored(bytes, supervision.len());
            assert!(damaged.moments().any(|m| m.is_err()), "a shorter stream can't hold all moments");
        }
    }
}
