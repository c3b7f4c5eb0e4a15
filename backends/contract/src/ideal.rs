//! The ideal FCT: a flow alone on its path. One formula for all backends, in integer nanoseconds, each term rounded down:
//!
//! ```text
//! head  = min(payload, size)          b = min(slowest link of the path, the sender's highest rate)
//! ideal = Σ_links delay  +  Σ_links tx(head + 48, link)  +  tx(size − head, b)  +  ⌊(size − 1) / payload⌋ · tx(48, b)
//! ```
//!
//! but never more than store-and-forward takes. (Where the slowest link is not the last one, a short last packet crosses
//! the faster links after it sooner than the formula says. With F and L the times of a full and of the last packet on link i,
//! each rounded down to whole nanoseconds as ns-3 does, n packets, and b_m the slowest pace up to link m, the flow takes
//! max over m of  Σ_{i≤m} F_i + (n − 2)·F(b_m) + Σ_{i≥m} L_i,  or (n − 1)·F(max_rate) + Σ L_i if pacing is slower still.)
//!
//! Source: the `standalone` column of the RDMA ns-3 programs, except that there the NIC is always taken as 10 Gb/s.
//! In-band telemetry is not counted, so a lone TIMELY or HPCC flow is a little slower than ideal.
//!
//! TCP: a flow opens its connection, so the way of a bare SYN there and of its answer back comes first; then all segments, sent
//! back to back, take max over m … as above, with each transmission rounded down to whole nanoseconds:
//!
//! ```text
//! ideal = Σ_there (delay + tx(42))  +  Σ_back (delay + tx(42))  +  store-and-forward of segments of payload + 42
//! ```
//!
//! Not counted: options of the SYN, the ACK that ends the handshake, and slow start; so no real connection is faster.

use crate::backend::{Backend, Counters, FlowOutcome, Observer, RunError, RunOutput, Unsupported};
use crate::drive::drive;
use crate::network::{Event, EventKind, FlowStart, Network};
use crate::scenario::{FlowIndex, Scenario};
use crate::tcp::TCP_HEADER_BYTES;
use crate::topology::{ChannelId, Topology};
use crate::transport::{CongestionControl, HEADER_BYTES, Transport};
use crate::units::{BitsPerSec, Bytes, PS_PER_NS, SimDuration, SimTime};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// FCT of flow `flow` alone on its path.
pub fn ideal_fct(scenario: &Scenario, flow: FlowIndex) -> SimDuration {
    let (topology, transport) = (scenario.topology(), scenario.transport());
    handshake(topology, transport, scenario.path(flow), scenario.ack_path(flow))
        + ideal_fct_on(topology, transport, scenario.path(flow), scenario.flow(flow).size)
}

/// Time before the first data packet may leave: the SYN's way there and its answer's way back under TCP, else nothing.
pub fn handshake(
    topology: &Topology,
    transport: &Transport,
    path: &[ChannelId],
    ack_path: &[ChannelId],
) -> SimDuration {
    match transport.congestion_control {
        CongestionControl::Tcp { .. } => {
            let both = path.iter().chain(ack_path);
            both.map(|c| hop_time(topology, *c, Bytes(TCP_HEADER_BYTES))).sum()
        }
        _ => SimDuration::ZERO,
    }
}

/// Time of `size` bytes alone on `path`, once the sender may send.
pub fn ideal_fct_on(topology: &Topology, transport: &Transport, path: &[ChannelId], size: Bytes) -> SimDuration {
    if let CongestionControl::Tcp { .. } = transport.congestion_control {
        return tcp_transfer(topology, transport, path, size);
    }
    let b = bottleneck(topology, transport, path);
    let head = size.0.min(transport.payload.0);
    let full = (size.0 - 1) / transport.payload.0;
    // Saturating: an imported file may hold a flow that takes centuries.
    let headers = full.saturating_mul(b.transmission_ns_floor(Bytes(HEADER_BYTES)));
    let rest = b.transmission_ns_floor(Bytes(size.0 - head)).saturating_add(headers);
    let ideal = first_packet(topology, path, head) + SimDuration::from_ns(rest);
    // With the slowest link last, the formula is one of the terms of the maximum.
    let slowest_last = path.last().is_some_and(|c| topology.link(*c).rate == b);
    if full == 0 || slowest_last {
        return ideal;
    }
    ideal.min(store_and_forward(topology, transport, path, size, HEADER_BYTES))
}

/// A TCP flow's segments.
fn tcp_transfer(topology: &Topology, transport: &Transport, path: &[ChannelId], size: Bytes) -> SimDuration {
    if size <= transport.payload {
        return path.iter().map(|c| hop_time(topology, *c, Bytes(size.0 + TCP_HEADER_BYTES))).sum();
    }
    store_and_forward(topology, transport, path, size, TCP_HEADER_BYTES)
}

/// FCT of a lone flow of several packets, whole nanoseconds, each transmission rounded down: what ns-3 makes of it, and never more
/// than exact arithmetic does. Cost: O(links).
fn store_and_forward(
    topology: &Topology,
    transport: &Transport,
    path: &[ChannelId],
    size: Bytes,
    header: u64,
) -> SimDuration {
    let ps = |rate: BitsPerSec, bytes: Bytes| rate.transmission_ns_floor(bytes).saturating_mul(PS_PER_NS);
    let full = (size.0 - 1) / transport.payload.0;
    let wire = |payload: u64| Bytes(payload + header);
    let (whole, last) = (wire(transport.payload.0), wire(size.0 - full * transport.payload.0));
    let rates = || path.iter().map(|c| topology.link(*c).rate);
    let mut pace = transport.max_rate;
    let mut before = 0;
    let mut after: u64 = rates().map(|r| ps(r, last)).sum();
    let mut longest = full.saturating_mul(ps(pace, whole)).saturating_add(after);
    for rate in rates() {
        pace = pace.min(rate);
        before += ps(rate, whole);
        longest = longest.max((full - 1).saturating_mul(ps(pace, whole)).saturating_add(before + after));
        after -= ps(rate, last);
    }
    let delay: SimDuration = path.iter().map(|c| topology.link(*c).delay).sum();
    SimDuration::from_ns((delay + SimDuration::from_ps(longest)).ns_floor())
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
        "ideal-2".into()
    }

    fn check(&self, _: &Scenario) -> Result<(), Unsupported> {
        Ok(())
    }

    fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError> {
        observer.phase("simulate");
        let mut network = IdealNetwork::new(scenario);
        let outcomes: Vec<FlowOutcome> = drive(&mut network, scenario, observer)?;
        let events = outcomes.len() as u64;
        Ok(RunOutput { outcomes, counters: Counters { events, ..Counters::default() }, supervision: None })
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
        let connected = f.start + handshake(self.topology, self.transport, f.path, f.ack_path);
        let delivered = connected + ideal_fct_on(self.topology, self.transport, f.path, f.size);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Scope, SplitMix, random_scenario};
    use crate::wild::wild_scenario;

    /// Arrival of the last byte, packet by packet and link by link, in ps. `grain` is what transmissions are rounded down to.
    fn simulated(topology: &Topology, t: &Transport, path: &[ChannelId], size: u64, grain: u64) -> u64 {
        let wire = |k: u64| Bytes((size - k * t.payload.0).min(t.payload.0) + HEADER_BYTES);
        let ps = |rate: BitsPerSec, bytes| rate.transmission_floor(bytes).ps() / grain * grain;
        let mut at: Vec<u64> = (0..t.packets(Bytes(size))).map(|k| k * ps(t.max_rate, wire(0))).collect();
        for link in path.iter().map(|c| topology.link(*c)) {
            let mut free = 0;
            for (k, at) in (0..).zip(&mut at) {
                free = free.max(*at) + ps(link.rate, wire(k));
                *at = free + link.delay.ps();
            }
        }
        *at.last().expect("at least one packet")
    }

    #[test]
    fn no_lone_flow_is_faster_than_ideal_on_any_mix_of_rates() {
        let mut r = SplitMix(1);
        for seed in 0..300 {
            let scenario = random_scenario(seed, Scope::default());
            let (t, mut transport) = (scenario.topology(), scenario.transport().clone());
            let links = t.links().iter().map(|l| crate::Link { rate: BitsPerSec(1 + r.below(800_000_000_000)), ..*l });
            let kinds = (0..t.node_count() as u32).map(|n| t.kind(crate::NodeId(n))).collect();
            let t = Topology::new(kinds, links.collect(), t.switch_order().to_vec()).expect("the same shape");
            transport.max_rate = BitsPerSec(1 + r.below(800_000_000_000));
            for flow in scenario.indices() {
                let (path, size) = (scenario.path(flow), scenario.flow(flow).size);
                let (ideal, exact) =
                    (ideal_fct_on(&t, &transport, path, size).ps(), simulated(&t, &transport, path, size.0, 1));
                assert!(ideal <= exact, "seed {seed} {flow:?}: ideal {ideal} ps, {exact} ps packet by packet");
                let slowest = bottleneck(&t, &transport, path);
                let slack = slowest.transmission_floor(Bytes(2_000)).ps() + 2_000 * (transport.packets(size) + 12);
                assert!(exact - ideal <= slack, "seed {seed} {flow:?}: ideal {ideal} ps is far below {exact} ps");
            }
        }
    }

    /// At the rates of real links, of which every link has another: the last one is seldom the slowest.
    #[test]
    fn no_lone_flow_of_packets_in_whole_nanoseconds_is_faster_than_ideal() {
        for seed in 0..500 {
            let (mut r, scenario) = (SplitMix(seed), wild_scenario(seed));
            let (t, transport) = (scenario.topology(), scenario.transport());
            let known = |l: &crate::Link| [1, 10, 25, 40, 50, 100, 200, 400].contains(&(l.rate.0 / 1_000_000_000));
            if transport.payload != Bytes(1_000) || !t.links().iter().all(known) {
                continue;
            }
            for flow in scenario.indices() {
                let (path, size) = (scenario.path(flow), Bytes(1 + r.below(20_000)));
                let ideal = ideal_fct_on(t, transport, path, size).ps();
                let exact = simulated(t, transport, path, size.0, PS_PER_NS);
                assert!(ideal <= exact, "seed {seed} {flow:?}: ideal {ideal} ps, {exact} ps packet by packet");
            }
        }
    }
}
