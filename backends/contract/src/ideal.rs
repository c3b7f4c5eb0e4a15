//! The ideal FCT: a flow alone on its path. One formula for all backends, in integer nanoseconds, each term rounded down:
//!
//! ```text
//! head  = min(payload, size)          b = min(slowest link of the path, the sender's highest rate)
//! ideal = Σ_links delay  +  Σ_links tx(head + 48, link)  +  tx(size − head, b)  +  ⌊(size − 1) / payload⌋ · tx(48, b)
//! ```
//!
//! Source: the `standalone` column of the RDMA ns-3 programs, except that there the NIC is always taken as 10 Gb/s.
//! In-band telemetry is not counted, so a lone TIMELY or HPCC flow is a little slower than ideal.

use crate::backend::{Backend, Counters, FlowOutcome, Observer, RunError, RunOutput, Unsupported};
use crate::drive::drive;
use crate::network::{Event, EventKind, FlowStart, Network};
use crate::scenario::{FlowIndex, Scenario};
use crate::topology::{ChannelId, Topology};
use crate::transport::{HEADER_BYTES, Transport};
use crate::units::{BitsPerSec, Bytes, SimDuration, SimTime};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// FCT of flow `flow` alone on its path.
pub fn ideal_fct(scenario: &Scenario, flow: FlowIndex) -> SimDuration {
    ideal_fct_on(scenario.topology(), scenario.transport(), scenario.path(flow), scenario.flow(flow).size)
}

/// FCT of `size` bytes alone on `path`.
pub fn ideal_fct_on(topology: &Topology, transport: &Transport, path: &[ChannelId], size: Bytes) -> SimDuration {
    let b = bottleneck(topology, transport, path);
    let head = size.0.min(transport.payload.0);
    let full = (size.0 - 1) / transport.payload.0;
    // Saturating: an imported file may hold a flow that takes centuries.
    let headers = full.saturating_mul(b.transmission_ns_floor(Bytes(HEADER_BYTES)));
    let rest = b.transmission_ns_floor(Bytes(size.0 - head)).saturating_add(headers);
    first_packet(topology, path, head) + SimDuration::from_ns(rest)
}

/// The part of the ideal FCT that does not depend on rates obtained: ideal − (payload bytes ÷ bottleneck rate), at least 0.
///
/// Fluid models add it to their transfer time, which makes them exact on an idle network. Unit: picoseconds.
pub fn ideal_latency(scenario: &Scenario, flow: FlowIndex) -> SimDuration {
    let b = bottleneck(scenario.topology(), scenario.transport(), scenario.path(flow));
    ideal_fct(scenario, flow) - b.transmission_floor(scenario.flow(flow).size)
}

/// The slowest link of `path`, or the sender's highest rate if that is lower.
pub fn bottleneck(topology: &Topology, transport: &Transport, path: &[ChannelId]) -> BitsPerSec {
    path.iter().map(|c| topology.link(*c).rate).min().unwrap_or(transport.max_rate).min(transport.max_rate)
}

/// Time of the last ACK's way back on an idle path: propagation and store-and-forward of each hop.
pub fn ack_latency(topology: &Topology, transport: &Transport, ack_path: &[ChannelId]) -> SimDuration {
    let size = transport.ack_size();
    ack_path.iter().map(|c| hop_time(topology, *c, size)).sum()
}

fn first_packet(topology: &Topology, path: &[ChannelId], head: u64) -> SimDuration {
    path.iter().map(|c| hop_time(topology, *c, Bytes(head.saturating_add(HEADER_BYTES)))).sum()
}

fn hop_time(topology: &Topology, channel: ChannelId, size: Bytes) -> SimDuration {
    let link = topology.link(channel);
    link.delay + SimDuration::from_ns(link.rate.transmission_ns_floor(size))
}

/// A backend in which every flow takes its ideal FCT: the lower bound of all others, and the instant test double.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdealBackend;

impl Backend for IdealBackend {
    fn id(&self) -> &str {
        "ideal"
    }

    fn fingerprint(&self) -> String {
        "ideal-1".into()
    }

    fn check(&self, _: &Scenario) -> Result<(), Unsupported> {
        Ok(())
    }

    fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError> {
        observer.phase("simulate");
        let mut network = IdealNetwork::new(scenario);
        let outcomes: Vec<FlowOutcome> = drive(&mut network, scenario, observer)?;
        let events = outcomes.len() as u64;
        Ok(RunOutput { outcomes, counters: Counters { events, ..Counters::default() } })
    }
}

/// The online form of [`IdealBackend`].
pub struct IdealNetwork<'a> {
    topology: &'a Topology,
    transport: &'a Transport,
    now: SimTime,
    pending: BinaryHeap<Reverse<(SimTime, EventKind, FlowIndex)>>,
}

impl<'a> IdealNetwork<'a> {
    /// An empty network with the scenario's topology and transport.
    pub fn new(scenario: &'a Scenario) -> Self {
        let (topology, transport) = (scenario.topology(), scenario.transport());
        Self { topology, transport, now: SimTime::ZERO, pending: BinaryHeap::new() }
    }
}

impl Network for IdealNetwork<'_> {
    fn now(&self) -> SimTime {
        self.now
    }

    fn start_flow(&mut self, f: FlowStart<'_>) {
        assert!(f.start >= self.now, "flow {:?} starts in the past", f.flow);
        let delivered = f.start + ideal_fct_on(self.topology, self.transport, f.path, f.size);
        self.pending.push(Reverse((delivered, EventKind::Delivered, f.flow)));
        if f.acknowledge {
            let acked = delivered + ack_latency(self.topology, self.transport, f.ack_path);
            self.pending.push(Reverse((acked, EventKind::Acknowledged, f.flow)));
        }
    }

    fn next_event(&mut self, until: SimTime) -> Option<Event> {
        match self.pending.peek() {
            Some(Reverse((time, kind, flow))) if *time <= until => {
                let event = Event { time: *time, flow: *flow, kind: *kind };
                self.pending.pop();
                self.now = event.time;
                Some(event)
            }
            _ => {
                self.now = self.now.max(until);
                None
            }
        }
    }
}
