//! HPCC's telemetry: what the ports on a train's way say of themselves as it leaves, until its sender reads it from the ACK.
//!
//! ```text
//! U_i = bytes sent between two trains of the flow ÷ time between them ÷ C_i + min(q, q') · R_max ÷ C_i ÷ W
//! ```
//!
//! Switches write it, cards do not. A path of more than five switches says nothing, as in the ns-3 programs.

use crate::control::bytes_per_ns;
use crate::fabric::{Channel, Fabric};
use mixlab_contract::Transport;

/// Switches that a packet has room for.
const HOPS: usize = 5;

/// What a port says when a train has left.
#[derive(Clone, Copy, Debug, Default)]
struct Stamp {
    /// When, ns.
    time: f64,
    /// Bytes sent so far, ACKs included, and bytes that wait.
    sent: f64,
    queue: f64,
}

/// The most loaded hop, as an ACK says.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// U.
    pub utilisation: f64,
    /// Time that it is of, ns.
    pub elapsed: f64,
}

/// Stamps of the trains on their way, by ticket, and those that senders read last.
#[derive(Clone, Debug)]
pub struct Telemetry {
    stamps: Vec<(usize, [Stamp; HOPS])>,
    /// Tickets of trains that are gone.
    free: Vec<u32>,
    /// By place in the routes.
    last: Vec<Stamp>,
    /// R_max ÷ W, 1/ns.
    turnover: f64,
}

impl Telemetry {
    /// Nobody is on the way yet.
    pub fn new(transport: &Transport) -> Self {
        let turnover = transport.window.map_or(0.0, |w| bytes_per_ns(transport.max_rate) / w.0 as f64);
        Self { stamps: Vec::new(), free: Vec::new(), last: Vec::new(), turnover }
    }

    /// A ticket for a train that leaves its sender.
    pub fn issue(&mut self) -> u32 {
        let ticket = self.free.pop().unwrap_or(self.stamps.len() as u32);
        if ticket as usize == self.stamps.len() {
            self.stamps.push((0, [Stamp::default(); HOPS]));
        }
        self.stamps[ticket as usize].0 = 0;
        ticket
    }

    /// A train has just left over a channel.
    pub fn stamp(&mut self, ticket: u32, channel: &Channel) {
        let (count, stamps) = &mut self.stamps[ticket as usize];
        if let Some(stamp) = stamps.get_mut(*count) {
            *stamp = Stamp { time: channel.clock, sent: channel.sent, queue: channel.backlog as f64 };
        }
        *count += 1;
    }

    /// A train is gone.
    pub fn discard(&mut self, ticket: u32) {
        self.free.push(ticket);
    }

    /// What an ACK says to a sender whose path is `path` and stands at `first` in the routes; nothing if it is too long.
    pub fn read(&mut self, ticket: u32, first: usize, path: &[u32], fabric: &Fabric) -> Option<Load> {
        self.discard(ticket);
        let (count, stamps) = self.stamps[ticket as usize];
        if count > HOPS {
            return None;
        }
        self.last.resize(self.last.len().max(first + path.len()), Stamp::default());
        let mut most = Load { utilisation: 0.0, elapsed: 0.0 };
        for (i, (stamp, c)) in stamps.iter().zip(&path[1..]).enumerate() {
            let old = std::mem::replace(&mut self.last[first + 1 + i], *stamp);
            let pace = fabric.channels[*c as usize].pace;
            let elapsed = (stamp.time - old.time).max(1.0);
            let queue = stamp.queue.min(old.queue) * self.turnover;
            let utilisation = ((stamp.sent - old.sent) / elapsed + queue) * pace;
            if utilisation > most.utilisation {
                most = Load { utilisation, elapsed };
            }
        }
        Some(most)
    }
}
