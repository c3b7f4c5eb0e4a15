//! The simulated network: its state, how flows enter it, and the event loop.
//!
//! Time is integer ticks: nanoseconds, or picoseconds in clean fidelity. Events run in the order (time, insertion number), as in ns-3, and every handler inserts its
//! events in the order ns-3 does, because equal times are frequent and a swapped pair decorrelates a congested run.
//! The handlers are in [`crate::host`] (senders, receivers, the NIC) and [`crate::switch`] (ports, shared buffer, marking).
//!
//! A transmission makes two events: *done* at the port, *receive* at the other end. `done` does nothing when the port has
//! nothing to send; then only its insertion number is reserved, and the event is inserted under that number if something
//! comes while the port is still busy (see [`PacketNetwork::transmitting`]). The slow twin executes every `done`.

use crate::congestion::{Control, Timer};
use crate::fidelity::{Clean, Fidelity, Ns3};
use crate::flow::{NackMemory, Receiver, Sender, Stage};
use crate::packet::{ECHO, Kind, MARKED, Slab};
use crate::physics::Physics;
use crate::port::{Host, Ingress, LinkKind, Port, Switch};
use crate::probe::{Probe, Transmission, Unobserved, View};
use crate::queue::{EventQueue, FineWheel, Scheduled, Wheel};
use crate::random::Streams;
use crate::recovery::Recovery;
use crate::{build, recovery};
use mixlab_contract::{ChannelId, Counters, Event, EventKind, FlowIndex, FlowStart, Network, Scenario, SimTime};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Kinds of events; the rest of an event's word is a channel, host or flow.
pub(crate) mod event {
    /// A packet of queue 3 has crossed a channel to a switch; data, or an ACK or NACK, has crossed one to a host.
    pub const FORWARD: u32 = 0;
    pub const DATA: u32 = 1;
    pub const ACK: u32 = 2;
    /// A PFC frame has crossed a channel.
    pub const PAUSE: u32 = 3;
    pub const RESUME: u32 = 4;
    /// A switch's port has sent a packet.
    pub const DONE: u32 = 5;
    /// A host's pacing timer.
    pub const WAKE: u32 = 6;
    /// The next flow of the schedule starts.
    pub const READER: u32 = 7;
    /// First and second step of starting a flow.
    pub const INITIALISE: u32 = 8;
    pub const START: u32 = 9;
    /// DCQCN's timers.
    pub const ALPHA: u32 = 10;
    pub const DECREASE: u32 = 11;
    pub const INCREASE: u32 = 12;
    /// A sender's retransmission timer (clean fidelity only).
    pub const TIMEOUT: u32 = 13;
    /// A host's port has sent a packet.
    pub const HOST_DONE: u32 = 14;
    /// An ACK or NACK of queue 0 has crossed a channel to a switch.
    pub const FORWARD_PRIORITY: u32 = 15;
    /// What the reception of a packet is, by whether the far end is a host, and kind of packet.
    pub const fn received(ack_high: bool) -> [[u32; super::Kind::COUNT]; 2] {
        let ack = if ack_high { FORWARD_PRIORITY } else { FORWARD };
        [[FORWARD, ack, ack, PAUSE, RESUME], [DATA, ACK, ACK, PAUSE, RESUME]]
    }
    /// The end of a transmission, by whether the port is a host's.
    pub const ENDED: [u32; 2] = [DONE, HOST_DONE];
    /// Bits of an event's kind.
    pub const KIND_BITS: u32 = 4;
}

/// A packet-level simulation of one network, to which flows are added while it runs.
///
/// `Q` orders the events, `P` looks on, `F` says what is simulated; the defaults are the fast queue, nobody, and ns-3.
pub struct PacketNetwork<Q: EventQueue = Wheel, P: Probe = Unobserved, F: Fidelity = Ns3> {
    pub(crate) physics: Physics,
    pub(crate) queue: Q,
    pub(crate) probe: P,
    /// Time of the event being executed, ticks, and its insertion number.
    pub(crate) now: u64,
    pub(crate) number: u64,
    /// The clock the driver sees: `now`, or where it asked to stop.
    clock: SimTime,
    /// By channel: the transmitting device at the tail, and the ingress counters at the head.
    pub(crate) ports: Vec<Port>,
    pub(crate) ingress: Vec<Ingress>,
    /// What the reception of a packet is ([`event::received`]).
    received: [[u32; Kind::COUNT]; 2],
    /// Kinds of links.
    pub(crate) links: Vec<LinkKind>,
    pub(crate) switches: Vec<Switch>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) slab: Slab<F::Record>,
    /// By flow.
    pub(crate) senders: Vec<Sender>,
    pub(crate) receivers: Vec<Receiver>,
    pub(crate) nacks: Vec<NackMemory>,
    /// Retransmission timers; empty unless fidelity is clean.
    pub(crate) recovery: Vec<Recovery>,
    /// Timeout of those, ticks.
    pub(crate) timeout: u64,
    /// Channels of all paths one after another, and one more entry that means nothing; packets hold an index into it.
    pub(crate) routes: Vec<u32>,
    pub(crate) control: Control<F>,
    pub(crate) streams: Streams,
    /// Marking decisions drawn so far, by channel; empty unless fidelity is clean.
    pub(crate) draws: Vec<u64>,
    /// Announced flows that start later: (start in ticks, announcement, flow).
    schedule: BinaryHeap<Reverse<(u64, u64, u32)>>,
    announced: u64,
    /// Time of the valid reader event.
    reader_at: Option<u64>,
    /// An ACK whose handling was interrupted to report the completion of its flow.
    suspended: Option<u32>,
    host_of_node: Vec<u32>,
    pub(crate) counters: Counters,
}

/// The network of clean fidelity; made by [`PacketNetwork::observed`].
pub type CleanNetwork<P = Unobserved> = PacketNetwork<FineWheel, P, Clean>;

impl PacketNetwork {
    /// An empty network with the scenario's topology and transport. Cost: O(nodes + links).
    pub fn new(scenario: &Scenario) -> Self {
        Self::observed(scenario, Unobserved)
    }
}

impl<Q: EventQueue, P: Probe, F: Fidelity> PacketNetwork<Q, P, F> {
    /// The same with an onlooker, any event queue and either fidelity.
    pub fn observed(scenario: &Scenario, probe: P) -> Self {
        let physics = Physics::of::<F>(scenario);
        let parts = build::build::<F>(scenario, &physics);
        let nodes = scenario.topology().node_count() as u64;
        Self {
            queue: Q::default(),
            probe,
            now: 0,
            number: 0,
            clock: SimTime::ZERO,
            ports: parts.ports,
            ingress: parts.ingress,
            received: event::received(physics.ack_high),
            links: parts.links,
            switches: parts.switches,
            hosts: parts.hosts,
            slab: Slab::new(physics.hpcc),
            senders: Vec::new(),
            receivers: Vec::new(),
            nacks: Vec::new(),
            recovery: Vec::new(),
            timeout: recovery::timeout::<F>(scenario),
            routes: vec![0],
            control: Control::new(scenario.transport(), &physics),
            // ns-3.39 has used 9 streams per node and 2 more when the first flow starts.
            streams: Streams::new(9 * nodes + 2, scenario.transport().rng_run),
            draws: if F::CLEAN { vec![0; scenario.topology().channel_count()] } else { Vec::new() },
            schedule: BinaryHeap::new(),
            announced: 0,
            reader_at: None,
            suspended: None,
            host_of_node: parts.host_of_node,
            counters: Counters::default(),
            physics,
        }
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The onlooker.
    pub fn probe(&self) -> &P {
        &self.probe
    }

    /// Takes the onlooker out at the end of a run.
    pub fn into_probe(self) -> P {
        self.probe
    }

    /// Packets now in the network: queued or on a wire (for tests of conservation; O(packets)).
    pub fn packets_inside(&self) -> usize {
        self.slab.slots() - self.slab.free_slots()
    }

    /// Bytes the switches account for, summed over ingress counters, over egress counters and over switch totals.
    /// The three are equal at any time.
    pub fn buffered_bytes(&self) -> [u64; 3] {
        [
            self.ingress.iter().map(|i| u64::from(i.bytes)).sum(),
            self.ports.iter().map(|p| u64::from(p.egress)).sum(),
            self.switches.iter().map(|s| s.total).sum(),
        ]
    }

    #[inline]
    pub(crate) fn schedule(&mut self, time: u64, kind: u32, id: u32, operand: u32) {
        self.queue.push(time, kind | id << event::KIND_BITS, operand);
    }

    /// Whether a port is busy. If it is, its `done` event will be executed, since the caller has something for it.
    #[inline]
    pub(crate) fn transmitting(&mut self, channel: u32) -> bool {
        let port = &mut self.ports[channel as usize];
        if port.done_scheduled {
            return true;
        }
        // Without an event in the queue, the order (time, number) tells whether it would have been executed by now.
        // (One comparison of 128 bits, since either outcome is as likely.)
        let order = |time: u64, number: u64| u128::from(time) << 64 | u128::from(number);
        if order(port.free_at, port.done_number) <= order(self.now, self.number) {
            return false;
        }
        port.done_scheduled = true;
        let what = event::ENDED[usize::from(port.at_host)] | channel << event::KIND_BITS;
        self.queue.insert(Scheduled { time: port.free_at, number: port.done_number, what, operand: 0 });
        true
    }

    /// Puts a packet on the wire of an idle port. `more` tells whether the port has something to send after it.
    ///
    /// Written without branches where the packet's kind or what follows it decides: they can't be predicted.
    #[inline]
    pub(crate) fn transmit(&mut self, channel: u32, packet: u32, more: bool) {
        let port = &mut self.ports[channel as usize];
        let p = &mut self.slab.packets[packet as usize];
        let size = u32::from(p.size);
        self.counters.packets += u64::from(matches!(p.kind, Kind::Data | Kind::Ack | Kind::Nack));
        self.probe.transmit(&Transmission {
            time: F::time(self.now),
            channel: ChannelId(channel),
            kind: p.kind,
            flow: FlowIndex(p.flow),
            sequence: p.sequence,
            wire_bytes: size,
            marked: p.flags & MARKED != 0,
            echo: p.flags & ECHO != 0,
            queue_bytes: port.queued.into(),
        });
        let kind = p.kind as usize;
        let link = &self.links[port.link as usize];
        let duration = if size == self.physics.full_sizes[kind] {
            link.full[kind].into()
        } else {
            F::transmission(size, link.rate)
        };
        port.sent += u64::from(size);
        // Where it goes from there; means nothing, but is there, for a host or a PFC frame.
        p.next = self.routes[p.hop as usize + 1];
        let end = self.now + duration;
        port.free_at = end;
        port.done_scheduled = more || !Q::ELIDE;
        port.done_number = if port.done_scheduled {
            let what = event::ENDED[usize::from(port.at_host)] | channel << event::KIND_BITS;
            self.queue.push(end, what, 0)
        } else {
            self.queue.reserve()
        };
        let received = self.received[usize::from(port.to_host)][kind];
        self.schedule(end + u64::from(link.delay), received, channel, packet);
    }

    /// Lets a port look for something to send.
    #[inline]
    pub(crate) fn kick(&mut self, channel: u32) {
        let port = &self.ports[channel as usize];
        if port.at_host { self.kick_host(port.tail) } else { self.kick_switch(channel) }
    }

    #[inline]
    fn execute(&mut self, what: u32, operand: u32) -> Option<(u32, EventKind)> {
        let (kind, id) = (what & ((1 << event::KIND_BITS) - 1), what >> event::KIND_BITS);
        match kind {
            event::FORWARD => self.forward(id, operand),
            event::FORWARD_PRIORITY => self.forward_priority(operand),
            event::DATA => return self.receive_data(id, operand),
            event::ACK => return self.receive_ack(operand),
            event::PAUSE => self.receive_pfc(id, operand, true),
            event::RESUME => self.receive_pfc(id, operand, false),
            event::DONE => {
                self.ports[id as usize].done_scheduled = false;
                self.serve_switch(id);
            }
            event::HOST_DONE => {
                let port = &mut self.ports[id as usize];
                port.done_scheduled = false;
                let host = port.tail;
                self.serve_host(host);
            }
            event::WAKE => self.wake(id, operand),
            event::READER => self.release_due(),
            event::INITIALISE => self.schedule(self.now, event::START, id, 0),
            event::START => self.start(id),
            event::ALPHA => self.timer(id, Timer::Alpha, operand),
            event::DECREASE => self.timer(id, Timer::Decrease, operand),
            event::TIMEOUT => self.check_for_loss(id),
            _ => self.timer(id, Timer::Increase, operand),
        }
        None
    }

    /// The flow reader: releases what starts now, then arms itself for the next start.
    fn release_due(&mut self) {
        if self.reader_at != Some(self.now) {
            return; // an earlier start was announced after this event was armed
        }
        self.reader_at = None;
        while let Some(Reverse((start, _, flow))) = self.schedule.peek().copied() {
            if start > self.now {
                self.arm_reader(start);
                break;
            }
            self.schedule.pop();
            self.schedule(self.now, event::INITIALISE, flow, 0);
        }
    }

    fn arm_reader(&mut self, start: u64) {
        if self.reader_at.is_none_or(|at| start < at) {
            self.reader_at = Some(start);
            self.schedule(start, event::READER, 0, 0);
        }
    }

    /// The queue pair is made: it may send at once.
    fn start(&mut self, flow: u32) {
        let sender = &mut self.senders[flow as usize];
        sender.state = Stage::Active;
        sender.next_available = self.now as i64;
        let host = sender.host;
        self.hosts[host as usize].list.push(flow);
        self.control.start(flow, sender.rate);
        let view = View { ports: &self.ports, receivers: &self.receivers };
        self.probe.released(F::time(self.now), FlowIndex(flow), &view);
        self.kick_host(host);
    }
}

impl<Q: EventQueue, P: Probe, F: Fidelity> Network for PacketNetwork<Q, P, F> {
    fn now(&self) -> SimTime {
        self.clock
    }

    fn start_flow(&mut self, f: FlowStart<'_>) {
        assert!(f.start >= self.clock, "flow {:?} starts in the past", f.flow);
        let index = f.flow.index();
        if index >= self.senders.len() {
            self.senders.resize(index + 1, Sender::UNKNOWN);
            self.receivers.resize(index + 1, Receiver::default());
            self.nacks.resize(index + 1, NackMemory::default());
            if F::CLEAN {
                self.recovery.resize(index + 1, Recovery::default());
            }
        }
        assert_eq!(self.senders[index].state, Stage::Unknown, "flow {:?} was started before", f.flow);
        let host = self.host_of_node[f.src.0 as usize];
        let rate = self.hosts[host as usize].max_rate;
        self.routes.pop();
        let data_route = self.routes.len() as u32;
        self.routes.extend(f.path.iter().map(|c| c.0));
        let ack_route = self.routes.len() as u32;
        self.routes.extend(f.ack_path.iter().map(|c| c.0));
        self.routes.push(0);
        self.senders[index] = Sender {
            size: f.size.0,
            window: self.physics.window_at::<F>(rate, rate),
            rate,
            host,
            data_route,
            state: Stage::Announced,
            acknowledge: f.acknowledge,
            ..Sender::UNKNOWN
        };
        self.receivers[index] = Receiver { size: f.size.0, ack_route, ..Receiver::default() };
        let start = f.start.ps().div_ceil(F::PS_PER_TICK);
        if f.start == self.clock {
            self.schedule(start, event::INITIALISE, f.flow.0, 0);
        } else {
            self.schedule.push(Reverse((start, self.announced, f.flow.0)));
            self.announced += 1;
            self.arm_reader(start);
        }
    }

    fn next_event(&mut self, until: SimTime) -> Option<Event> {
        if let Some(packet) = self.suspended.take() {
            self.finish_ack(packet);
        }
        while let Some(e) = self.queue.pop(until.ps() / F::PS_PER_TICK) {
            debug_assert!((e.time, e.number) > (self.now, self.number) || e.number > self.number, "events in order");
            self.now = e.time;
            self.number = e.number;
            self.counters.events += 1;
            if P::WATCHES_CLOCK {
                let view = View { ports: &self.ports, receivers: &self.receivers };
                self.probe.before(F::time(e.time), &view);
            }
            if let Some((flow, kind)) = self.execute(e.what, e.operand) {
                self.clock = F::time(self.now);
                return Some(Event { time: self.clock, flow: FlowIndex(flow), kind });
            }
        }
        self.clock = self.clock.max(until);
        None
    }
}

impl<Q: EventQueue, P: Probe, F: Fidelity> PacketNetwork<Q, P, F> {
    /// Interrupts the handling of an ACK so that the driver can react to the completion; resumed by the next call.
    pub(crate) fn suspend(&mut self, packet: u32) {
        self.suspended = Some(packet);
    }
}
