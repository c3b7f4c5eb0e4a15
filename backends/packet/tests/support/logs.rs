//! Onlookers that write what the instrumented ns-3 wrote: the PFC log and the packet trace.

use mixlab_contract::routing::{DESTINATION_PORT, source_ports};
use mixlab_contract::{ChannelId, FlowIndex, NodeId, NodeKind, Scenario, SimTime};
use mixlab_packet::Kind;
use mixlab_packet::probe::{Acknowledgement, PfcEvent, Probe, Transmission};
use std::fmt::Write;

/// Microseconds a pause frame names (its value has no effect).
const PAUSE_US: u64 = 5;

/// PFC log and, up to a number of records, packet trace, as text lines.
pub struct Logs<'a> {
    scenario: &'a Scenario,
    ports: Vec<u16>,
    pub pfc: String,
    pub trace: String,
    trace_left: usize,
}

impl<'a> Logs<'a> {
    pub fn new(scenario: &'a Scenario, trace_records: usize) -> Self {
        let ports = source_ports(scenario.flows());
        Self { scenario, ports, pfc: String::new(), trace: String::new(), trace_left: trace_records }
    }

    /// Node at the tail of a channel, and the number of its interface (from 1, in link order).
    fn device(&self, channel: ChannelId) -> (NodeId, usize) {
        let topology = self.scenario.topology();
        let node = topology.tail(channel);
        let place = topology.outgoing(node).iter().position(|c| *c == channel).expect("a channel of its tail");
        (node, place + 1)
    }

    fn record(&mut self) -> bool {
        let wanted = self.trace_left > 0;
        self.trace_left = self.trace_left.saturating_sub(1);
        wanted
    }
}

impl Probe for Logs<'_> {
    fn transmit(&mut self, t: &Transmission) {
        if !self.record() {
            return;
        }
        let (node, port) = self.device(t.channel);
        let (src, dst, sport, dport) = match t.kind {
            Kind::Pause | Kind::Resume => (0, 0, 3, 0),
            kind => {
                let flow = self.scenario.flow(t.flow);
                let port = self.ports[t.flow.index()];
                match kind {
                    Kind::Data => (flow.src.0, flow.dst.0, port, DESTINATION_PORT),
                    _ => (flow.dst.0, flow.src.0, DESTINATION_PORT, port),
                }
            }
        };
        let (kind, sequence, flag) = match t.kind {
            Kind::Data => ("data", t.sequence, if t.marked { 3 } else { 0 }),
            Kind::Ack => ("ack", t.sequence, u8::from(t.echo)),
            Kind::Nack => ("nack", t.sequence, u8::from(t.echo)),
            Kind::Pause => ("pfc", PAUSE_US, 0),
            Kind::Resume => ("pfc", 0, 0),
        };
        writeln!(
            self.trace,
            "T {} {} {port} {kind} {src} {dst} {sport} {dport} {sequence} {} {flag} {}",
            t.time.ns_floor(),
            node.0,
            t.wire_bytes,
            t.queue_bytes
        )
        .expect("writing to a string");
    }

    fn drop(&mut self, time: SimTime, from: ChannelId, to: ChannelId, flow: FlowIndex, sequence: u64) {
        if !self.record() {
            return;
        }
        let ((node, input), (_, output)) = (self.device(from.reverse()), self.device(to));
        let f = self.scenario.flow(flow);
        let (port, time) = (self.ports[flow.index()], time.ns_floor());
        writeln!(self.trace, "X {time} {} {input} {output} {} {} {port} {sequence}", node.0, f.src.0, f.dst.0)
            .expect("writing to a string");
    }

    fn pfc(&mut self, time: SimTime, device: ChannelId, event: PfcEvent) {
        let (node, port) = self.device(device);
        let kind = u8::from(self.scenario.topology().kind(node) == NodeKind::Switch);
        let time = time.ns_floor();
        let event = match event {
            PfcEvent::ResumeReceived => 0,
            PfcEvent::PauseReceived => 1,
            PfcEvent::PauseSent => 2,
            PfcEvent::ResumeSent => 3,
        };
        writeln!(self.pfc, "{time} {} {kind} {port} {event}", node.0).expect("writing to a string");
    }

    fn acknowledged(&mut self, a: &Acknowledgement) {
        if !self.record() {
            return;
        }
        let flow = self.scenario.flow(a.flow);
        let kind = if a.nack { "nack" } else { "ack" };
        writeln!(
            self.trace,
            "A {} {} {} {} {kind} {} {} {} {} {}",
            a.time.ns_floor(),
            flow.src.0,
            flow.id,
            a.sequence,
            u8::from(a.echo),
            a.rate,
            a.window,
            a.unacknowledged,
            a.next
        )
        .expect("writing to a string");
    }
}
