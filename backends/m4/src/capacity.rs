//! What physics forbids: more bytes through a channel than its rate allows since it became busy.
//!
//! ```text
//! T(f, c)   = min(ideal FCT of f, wire bytes of f ÷ rate of c)          48 B headers
//! end of f ≥ busy_c + Σ_{g ended on c since busy_c} T(g, c) + T(f, c)    for every channel c of its path
//! ```
//!
//! A channel is busy from the start of the first of its flows until the last has ended. All flows in the sum started after
//! `busy_c` and have ended before f, so all their bytes crossed c in that time. The bound is necessary, not sufficient: it
//! ignores bytes of flows that are still active, and the way to and from the channel. A lone flow is never held beyond its
//! ideal FCT.

use mixlab_contract::{SimDuration, SimTime};

/// State of one channel.
#[derive(Clone, Copy, Debug, Default)]
struct Channel {
    active: u32,
    busy_since: SimTime,
    /// Σ T of the flows that ended since.
    spent: SimDuration,
}

/// The books of all channels.
#[derive(Clone, Debug)]
pub(crate) struct Capacity {
    channels: Vec<Channel>,
}

impl Capacity {
    /// All channels idle.
    pub fn new(channels: usize) -> Self {
        Self { channels: vec![Channel::default(); channels] }
    }

    /// A flow starts on `channel`.
    pub fn start(&mut self, channel: u32, now: SimTime) {
        let c = &mut self.channels[channel as usize];
        if c.active == 0 {
            (c.busy_since, c.spent) = (now, SimDuration::ZERO);
        }
        c.active += 1;
    }

    /// A flow whose T is `time` ends on `channel`.
    pub fn end(&mut self, channel: u32, time: SimDuration) {
        let c = &mut self.channels[channel as usize];
        c.active -= 1;
        c.spent += time;
    }

    /// Earliest end of an active flow whose T on `channel` is `time`.
    pub fn earliest(&self, channel: u32, time: SimDuration) -> SimTime {
        let c = &self.channels[channel as usize];
        c.busy_since + c.spent + time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_that_share_a_channel_need_the_sum_of_their_times_until_it_is_idle() {
        let (ns, at) = (SimDuration::from_ns, SimTime::from_ns);
        let mut books = Capacity::new(1);
        books.start(0, at(100));
        books.start(0, at(120));
        assert_eq!((books.earliest(0, ns(50)), books.earliest(0, ns(10))), (at(150), at(110)));
        books.end(0, ns(50));
        assert_eq!(books.earliest(0, ns(10)), at(160));
        books.end(0, ns(10));
        books.start(0, at(500));
        assert_eq!(books.earliest(0, ns(10)), at(510));
    }
}
