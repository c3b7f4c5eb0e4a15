//! What the model is told about a flow and what its answer means: one definition for the engine and its oracle.

use super::config::Rules;
use crate::capacity::Capacity;
use mixlab_contract::ideal::{ack_latency, ideal_fct_on};
use mixlab_contract::transport::HEADER_BYTES;
use mixlab_contract::{Bytes, ChannelId, FlowIndex, FlowStart, SimDuration, SimTime, Topology, Transport};

/// An announced flow.
#[derive(Clone, Debug)]
pub(crate) struct Announced {
    pub flow: FlowIndex,
    pub start: SimTime,
    pub size: Bytes,
    pub ideal: SimDuration,
    /// Distinct channels of its path, in order, and the time its bytes need on each ([`crate::capacity`]).
    pub channels: Vec<(u32, SimDuration)>,
    /// Channels of its path, as the model counts them.
    pub links: usize,
    /// From delivery to last ACK, if the driver wants to know.
    pub ack: Option<SimDuration>,
}

impl Announced {
    pub fn new(topology: &Topology, transport: &Transport, f: &FlowStart<'_>) -> Self {
        let ideal = ideal_fct_on(topology, transport, f.path, f.size);
        let wire = Bytes(f.size.0 + transport.packets(f.size) * HEADER_BYTES);
        let time = |c: &ChannelId| topology.link(*c).rate.transmission_floor(wire).min(ideal);
        let mut channels: Vec<(u32, SimDuration)> = Vec::with_capacity(f.path.len());
        for c in f.path {
            if channels.iter().all(|(known, _)| *known != c.0) {
                channels.push((c.0, time(c)));
            }
        }
        let ack = f.acknowledge.then(|| ack_latency(topology, transport, f.ack_path));
        Self { flow: f.flow, start: f.start, size: f.size, ideal, channels, links: f.path.len(), ack }
    }

    /// `state[H]` at its start; all zeros before.
    pub fn initial(&self) -> [f64; 4] {
        [1.0, 0.0, (self.size.0 as f64 / 1000.0 + 1.0).log2(), self.links as f64]
    }

    /// When a predicted slowdown lets it end: at least 1 (also for a prediction that is not a number), not in the past, and
    /// not before its bytes fit through its path. Rounded to the nearest picosecond.
    pub fn end(&self, slowdown: f64, now: SimTime, capacity: &Capacity, rules: Rules) -> SimTime {
        let slowdown = if slowdown > 1.0 { slowdown } else { 1.0 };
        let fct = (slowdown * self.ideal.ps() as f64).round() as u64; // saturates
        let end = (self.start + SimDuration::from_ps(fct.max(self.ideal.ps()))).max(now);
        if !rules.capacity {
            return end;
        }
        self.channels.iter().fold(end, |end, (c, time)| end.max(capacity.earliest(*c, *time)))
    }
}

/// `state[H]` of an idle link; zeros after.
pub(crate) const IDLE_LINK: [f64; 4] = [0.0, 1.0, 1.0, 0.0];

/// Time as the model sees it.
pub(crate) fn microseconds(d: SimDuration) -> f64 {
    d.ps() as f64 * 1e-6
}
