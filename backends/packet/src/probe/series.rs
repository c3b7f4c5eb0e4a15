//! Queue and utilisation of chosen channels in equal intervals.
//!
//! A sample at time t has the bytes waiting at t (after everything that happened before t) and the bytes that began to leave
//! in [t − interval, t). Utilisation is those bytes × 8 ÷ (interval × rate); it may pass 1 by one packet. No events are
//! inserted, so a run is the same with and without; sampling ends with the last event.

use super::{Probe, Transmission, View};
use mixlab_contract::{Bytes, ChannelId, SimDuration, SimTime};

/// One channel at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub time: SimTime,
    /// Where.
    pub channel: ChannelId,
    /// Bytes waiting (0 at hosts).
    pub queued: Bytes,
    /// Bytes that began to leave in the interval before.
    pub sent: Bytes,
}

/// Samples of channels every so often.
#[derive(Clone, Debug)]
pub struct ChannelSeries {
    channels: Vec<ChannelId>,
    interval: SimDuration,
    next: SimTime,
    /// By channel id, since the last sample.
    sent: Vec<u64>,
    /// By time, then in the order in which the channels were given.
    pub samples: Vec<Sample>,
}

impl ChannelSeries {
    /// Samples `channels` at `first`, and every `interval` from then on. Memory: 32 bytes per sample.
    ///
    /// # Panics
    /// If the interval is zero.
    pub fn new(channels: Vec<ChannelId>, first: SimTime, interval: SimDuration) -> Self {
        assert!(interval > SimDuration::ZERO, "samples need an interval");
        let highest = channels.iter().map(|c| c.index() + 1).max().unwrap_or(0);
        Self { channels, interval, next: first, sent: vec![0; highest], samples: Vec::new() }
    }
}

impl Probe for ChannelSeries {
    const WATCHES_CLOCK: bool = true;

    fn transmit(&mut self, t: &Transmission) {
        if let Some(sent) = self.sent.get_mut(t.channel.index()) {
            *sent += u64::from(t.wire_bytes);
        }
    }

    fn before(&mut self, time: SimTime, view: &View<'_>) {
        while self.next <= time {
            for channel in &self.channels {
                let sent = Bytes(std::mem::take(&mut self.sent[channel.index()]));
                let queued = view.queued(*channel);
                self.samples.push(Sample { time: self.next, channel: *channel, queued, sent });
            }
            self.next = self.next + self.interval;
        }
    }
}
