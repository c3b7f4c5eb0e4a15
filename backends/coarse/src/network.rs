//! The network: senders, ticks, and the door for drivers.
//!
//! ```text
//! tick [t, t + Δ):  trains that arrive  →  queues; what finds no room is dropped
//!                   ACKs that arrive    →  rates, windows; a NACK: back to the first byte that is missing
//!                   senders             →  trains onto their links            round robin, window, pacing
//!                   channels            →  trains onto theirs, in order of arrival
//!                   pauses              →  are decided on
//! ```
//!
//! Δ is the delay of the shortest link, but at most the time of 1.2 packets. So what leaves in a tick arrives in a later one: within
//! a tick nothing depends on the order in which channels are served, and a delivery is known before it is due, so whatever a
//! driver starts because of it is in time. Times are real numbers; only what a switch decides on is known to within a tick.
//!
//! Steady phases are skipped (`steady.rs`).
//!
//! A coarser network has a *grain*: where a window has room for so many packets they leave in one train, whoever else sends. It costs
//! less, and an onlooker may put right what that loses (m4 does).

use crate::control::{Ack, Laws, bytes_per_ns, ns};
use crate::fabric::{Fabric, Train};
use crate::onlooker::{Arrived, Onlooker};
use crate::ring::Ring;
use crate::sender::{Card, Ends, Sender, window};
use crate::steady::Steady;
use crate::telemetry::Telemetry;
use mixlab_contract::ideal::{ack_latency, bottleneck};
use mixlab_contract::{
    CongestionControl, Counters, Event, EventKind, FlowStart, Network, Register, Scenario, SimDuration, SimTime,
    Topology, Transport,
};
use mixlab_flowsim::calendar::{Arrivals, Outbox};
use mixlab_flowsim::terms::base_rtt;
use mixlab_flowsim::{Rules, Terms};
use std::cmp::Ordering;

/// Longest tick, in packets at the highest rate of a sender: 1 µs at 10 Gb/s.
const TICK_PACKETS: f64 = 1.2;
/// Shortest tick, ns: on networks without latency deliveries are reported this much late at most.
const SHORTEST_TICK: f64 = 100.0;
/// ACKs that take longer than so many RTTs of an idle network (with ACKs in the data queue) are counted then.
const LATEST: f64 = 32.0;
/// No second NACK for the same byte within this time, ns.
const NACK_INTERVAL: f64 = 500_000.0;

/// The coarse network. Memory: O(flows announced · hops + channels).
#[derive(Clone, Debug)]
pub struct CoarseNetwork<'a, O: Onlooker = ()> {
    topology: &'a Topology,
    transport: &'a Transport,
    laws: Laws,
    /// What switches write into trains, if senders read it (HPCC).
    telemetry: Option<Telemetry>,
    /// Bytes of a full packet on the wire.
    packet: u64,
    /// Packets of a train, wherever a window has room for them: 1, or more in a coarser network.
    grain: u64,
    fabric: Fabric,
    origin: SimTime,
    now: SimTime,
    /// Ticks done, without those skipped.
    tick: u64,
    /// Ticks skipped.
    skipped: u64,
    /// Length of a tick, ns.
    length: f64,
    /// Flows in order of announcement.
    senders: Vec<Sender>,
    ends: Vec<Ends>,
    routes: Vec<u32>,
    register: Register,
    arrivals: Arrivals,
    outbox: Outbox,
    /// By channel.
    cards: Vec<Card>,
    busy_cards: Vec<u32>,
    /// Trains that were delivered, with the time when their ACKs arrive.
    echoes: Ring<Train>,
    active: usize,
    trains: u64,
    /// By flow: until when no second NACK for the same byte is sent, ns, and that byte.
    nacks: Vec<(f64, u64)>,
    steady: Steady,
    onlooker: O,
}

impl<'a> CoarseNetwork<'a> {
    /// An empty network with the scenario's topology and transport.
    pub fn new(scenario: &'a Scenario) -> Self {
        Self::watched(scenario, 1, ())
    }
}

impl<'a, O: Onlooker> CoarseNetwork<'a, O> {
    /// The same with trains of `grain` packets and somebody who looks on. PRECONDITION: `grain` is at least 1.
    pub fn watched(scenario: &'a Scenario, grain: u64, onlooker: O) -> Self {
        let topology = scenario.topology();
        let packet = scenario.transport().payload.0 + scenario.transport().data_header().0;
        let most = bytes_per_ns(scenario.transport().max_rate);
        // Links may have no latency at all.
        let rtt = ns(scenario.base_rtt()).max(packet as f64 / most);
        let delay = topology.links().iter().map(|l| l.delay).min().map_or(0.0, ns);
        let length = delay.min(TICK_PACKETS * packet as f64 / most).max(SHORTEST_TICK);
        Self {
            topology,
            transport: scenario.transport(),
            laws: Laws::of(scenario),
            telemetry: matches!(scenario.transport().congestion_control, CongestionControl::Hpcc { .. })
                .then(|| Telemetry::new(scenario.transport())),
            packet,
            grain,
            fabric: Fabric::new(scenario, length, grain),
            origin: scenario.flows().first().map_or(SimTime::ZERO, |f| f.start),
            now: SimTime::ZERO,
            tick: 0,
            skipped: 0,
            length,
            senders: Vec::with_capacity(scenario.flows().len()),
            ends: Vec::with_capacity(scenario.flows().len()),
            routes: Vec::new(),
            register: Register::default(),
            arrivals: Arrivals::default(),
            outbox: Outbox::default(),
            cards: vec![Card::default(); topology.channel_count()],
            busy_cards: Vec::new(),
            echoes: Ring::new((LATEST * rtt / length) as usize),
            active: 0,
            trains: 0,
            nacks: Vec::new(),
            steady: Steady::new(rtt, length),
            onlooker,
        }
    }

    /// Who looks on.
    pub fn onlooker(&self) -> &O {
        &self.onlooker
    }

    /// What was counted so far; events are trains sent over a channel.
    pub fn counters(&self) -> Counters {
        let Fabric { pauses, drops, .. } = self.fabric;
        Counters { events: self.trains, pauses, drops, ..Counters::default() }
    }

    /// One tick: [t, end).
    fn advance(&mut self) {
        let (t, end) = (self.tick as f64 * self.length, (self.tick + 1) as f64 * self.length);
        let skipped = self.skipped as f64 * self.length;
        while let Some(start) = self.arrivals.first().filter(|s| self.internal(*s) - skipped < end) {
            while let Some(order) = self.arrivals.pop_at(start) {
                self.begin(order);
            }
        }
        let mut landing = self.fabric.flying.take(self.tick);
        for train in landing.drain(..) {
            let next = train.place as usize;
            let (over, next) = (self.routes[next - 1], self.routes[next]);
            if !self.fabric.arrive(over, next, train, |a, b| by_time(&self.senders, a, b)) {
                self.discard(&train);
            }
        }
        self.fabric.flying.give_back(self.tick, landing);
        let mut echoes = self.echoes.take(self.tick);
        // Only among ACKs of one flow does the order matter, and where no queue delays them they are in it.
        if !self.transport.ack_high_priority {
            echoes.sort_unstable_by(|a, b| a.time.total_cmp(&b.time));
        }
        for train in echoes.drain(..) {
            self.acknowledge(&train);
        }
        self.echoes.give_back(self.tick, echoes);
        let mut i = 0;
        while i < self.busy_cards.len() {
            let c = self.busy_cards[i];
            if self.cards[c as usize].wake >= end || self.fabric.channels[c as usize].pause <= t {
                i += 1;
                continue;
            }
            self.send(c, t, end);
            if self.cards[c as usize].flows.is_empty() {
                self.cards[c as usize].listed = false;
                self.busy_cards.swap_remove(i);
            } else {
                i += 1;
            }
        }
        for word in 0..self.fabric.agenda.words() {
            for c in self.fabric.agenda.of(word) {
                if !self.forward(c, end) {
                    self.fabric.agenda.remove(c);
                }
            }
        }
        let middle = t + 0.5 * self.length;
        self.fabric.settle(middle, middle + self.length);
        self.tick += 1;
    }

    fn begin(&mut self, order: u32) {
        let s = &mut self.senders[order as usize];
        let ends = &self.ends[order as usize];
        s.ready = ends.begin - self.skipped as f64 * self.length;
        let path = &self.routes[s.first as usize..s.first as usize + usize::from(s.hops)];
        let beside = self.cards[path[0] as usize].flows.len();
        self.onlooker.began(order, ends.start, path, beside, &self.fabric.channels);
        self.enlist(order);
        self.active += 1;
        self.steady.present.push(order);
        self.steady.change(self.tick, self.skipped);
    }

    fn acknowledge(&mut self, train: &Train) {
        let time = train.time;
        let s = &mut self.senders[train.flow as usize];
        let bound = s.bound();
        s.acknowledged = s.acknowledged.max(s.byte(train.from, self.packet));
        let first = s.first as usize;
        let path = &self.routes[first..first + usize::from(s.hops)];
        let c = path[0];
        let load = self.telemetry.as_mut().and_then(|t| t.read(train.ticket, first, path, &self.fabric));
        if train.is_nack() {
            self.go_back(train.flow, time);
        } else if s.sent < s.acknowledged {
            // What was sent again had arrived the first time.
            self.skip_ahead(train.flow);
        }
        let s = &mut self.senders[train.flow as usize];
        if s.sent == s.volume {
            // It has nothing left that a rate or a window could hold back.
            return;
        }
        let packet = self.packet as f64;
        let before = s.rate.now;
        if s.rate.due <= time {
            self.laws.tick(&mut s.rate, time);
        }
        let ack = Ack {
            time,
            sent: s.sent,
            acknowledged: s.acknowledged,
            packets: f64::from(train.packets),
            clear: f64::from(train.clear),
            rtt: s.rtt + f64::from(train.waited),
            load,
            packet,
        };
        self.laws.acknowledge(&mut s.rate, &ack);
        if s.rate.now != before {
            s.window = window(self.transport, s.rate.now);
        }
        if bound {
            s.ready = s.ready.max(time);
        }
        let card = &mut self.cards[c as usize];
        card.wake = card.wake.min(s.ready);
    }

    /// A NACK: the flow sends again from what has arrived on.
    fn go_back(&mut self, order: u32, time: f64) {
        let s = &mut self.senders[order as usize];
        let all_sent = s.sent == s.volume;
        s.sent = s.acknowledged;
        if all_sent && s.sent < s.volume {
            s.ready = s.ready.max(time);
            self.enlist(order);
        }
    }

    /// More has arrived than the flow has sent since it went back.
    fn skip_ahead(&mut self, order: u32) {
        let s = &mut self.senders[order as usize];
        s.sent = s.acknowledged;
        if s.sent == s.volume {
            self.cards[self.routes[s.first as usize] as usize].remove(order);
        }
    }

    /// A flow has something to send over its card.
    fn enlist(&mut self, order: u32) {
        let s = &self.senders[order as usize];
        let c = self.routes[s.first as usize];
        let card = &mut self.cards[c as usize];
        card.flows.push(order);
        card.wake = card.wake.min(s.ready);
        if !std::mem::replace(&mut card.listed, true) {
            card.wake = s.ready;
            self.busy_cards.push(c);
        }
    }

    /// A network card sends what it may, round robin, until `end`.
    fn send(&mut self, c: u32, t: f64, end: f64) {
        let packet = self.packet;
        let (card, senders) = (&mut self.cards[c as usize], &mut self.senders);
        let channel = &mut self.fabric.channels[c as usize];
        channel.open(self.tick);
        let (pace, pause) = (channel.pace, channel.pause);
        let mut clock = channel.clock.max(t);
        loop {
            if clock >= end.min(pause) {
                card.wake = clock;
                break;
            }
            // Whose turn it is among those that may send now; else who may first.
            let (mut chosen, mut earliest, mut open) = (None, f64::INFINITY, 0);
            let mut at = card.turn;
            for _ in 0..card.flows.len() {
                at = if at < card.flows.len() { at } else { 0 };
                let order = card.flows[at];
                at += 1;
                let s = &mut senders[order as usize];
                if s.rate.due <= clock {
                    self.laws.tick(&mut s.rate, clock);
                    s.window = window(self.transport, s.rate.now);
                }
                if s.bound() {
                    continue;
                }
                open += 1;
                earliest = earliest.min(s.ready);
                if s.ready <= clock && chosen.is_none() {
                    chosen = Some((at - 1, order));
                }
                if chosen.is_some() && open > 1 {
                    break;
                }
            }
            let Some((at, order)) = chosen else {
                card.wake = earliest;
                if earliest >= end {
                    break;
                }
                clock = earliest;
                continue;
            };
            let s = &mut senders[order as usize];
            // Alone and not held back by pacing, all of a tick goes as one train.
            let whole = open == 1 && (!self.transport.rate_bound || s.rate.now >= self.laws.most);
            let most = if whole { ((end - clock) / (packet as f64 * pace)) as u64 } else { 1 }.max(self.grain);
            let room = || s.window.saturating_sub(s.sent - s.acknowledged).div_ceil(packet);
            let fits = if most > 1 { most.min(room()) } else { 1 };
            let bytes = (fits * packet).min(s.volume - s.sent);
            clock += bytes as f64 * pace;
            if self.transport.rate_bound {
                s.ready = clock - bytes as f64 * pace + bytes as f64 / s.rate.now;
            }
            let from = ((s.sent - s.passed) / packet) as u32;
            s.sent += bytes;
            let done = s.sent == s.volume;
            let train = Train {
                time: clock,
                waited: 0.0,
                clear: 1.0,
                flow: order,
                place: s.first + 1,
                from,
                ticket: self.telemetry.as_mut().map_or(0, Telemetry::issue),
                bytes: bytes as u32,
                packets: if most > 1 { bytes.div_ceil(packet) as u16 } else { 1 },
                ahead: s.hops - 2,
            };
            self.trains += 1;
            self.fabric.launch(c, train, self.tick);
            if done {
                card.flows.remove(at);
                card.turn = at;
            } else {
                card.turn = at + 1;
            }
            if card.flows.is_empty() {
                break;
            }
        }
        card.wake = card.wake.max(t);
        self.fabric.channels[c as usize].clock = clock;
    }

    /// A channel sends what it may until `end`; whether anything is left.
    fn forward(&mut self, c: u32, end: f64) -> bool {
        let channel = &mut self.fabric.channels[c as usize];
        channel.open(self.tick);
        channel.line_up();
        while let Some(train) = self.fabric.channels[c as usize].send(end) {
            if let Some(t) = &mut self.telemetry {
                t.stamp(train.ticket, &self.fabric.channels[c as usize]);
            }
            self.fabric.leave(self.routes[train.place as usize - 1], train.bytes);
            if train.ahead == 0 {
                self.deliver(Train { time: train.time + self.fabric.latency(c), ..train }, end);
                continue;
            }
            self.trains += 1;
            let further = Train { place: train.place + 1, ahead: train.ahead - 1, ..train };
            self.fabric.launch(c, further, self.tick);
        }
        self.fabric.channels[c as usize].waits()
    }

    /// A train is gone.
    fn discard(&mut self, train: &Train) {
        if let Some(t) = &mut self.telemetry {
            t.discard(train.ticket);
        }
    }

    /// A train has come to its receiver.
    fn deliver(&mut self, mut train: Train, end: f64) {
        let s = &mut self.senders[train.flow as usize];
        let (expected, begin) = (s.delivered, s.byte(train.from, self.packet));
        if begin > expected {
            let nack = &mut self.nacks[train.flow as usize];
            let now = train.time + self.skipped as f64 * self.length;
            if now < nack.0 && nack.1 == expected {
                return self.discard(&train);
            }
            *nack = (now + NACK_INTERVAL, expected);
            (train.bytes, train.packets) = (0, 1);
        } else if begin + u64::from(train.bytes) <= expected {
            // It was sent again in vain.
            return self.discard(&train);
        } else {
            s.delivered = begin + u64::from(train.bytes);
            self.onlooker.arrived(train.flow, &train);
        }
        train.from = (s.delivered - s.passed).div_ceil(self.packet) as u32;
        // An ACK matters as long as something is left to send.
        let matters = s.sent < s.volume || train.is_nack();
        let behind = s.first as usize + usize::from(s.hops);
        let ack_path = behind..behind + usize::from(s.ack_hops);
        let ack = self.transport.ack_size().0 as f64 * f64::from(train.packets);
        let mut time = train.time + s.echo;
        for (i, c) in self.routes[ack_path].iter().enumerate() {
            // A host's ACKs always precede its data.
            let first = i == 0 || self.transport.ack_high_priority;
            time += self.fabric.delay(*c, self.tick as f64 * self.length, first);
            self.fabric.channels[*c as usize].carry(ack, self.tick);
        }
        if matters {
            self.echoes.put_off(self.tick, (time / self.length) as u64, Train { time, ..train });
        } else {
            self.discard(&train);
        }
        let s = &mut self.senders[train.flow as usize];
        if s.delivered == s.volume {
            // What it would send again until the last ACK comes is left out.
            s.acknowledged = s.volume;
            let went_back = s.sent < s.volume;
            let skipped = self.skipped as f64 * self.length;
            let (flow, ends) = (s.flow, &self.ends[train.flow as usize]);
            let arrived = Arrived {
                flow,
                start: ends.start,
                lone: ends.lone,
                volume: s.volume,
                wait: (train.time + skipped - ends.begin - ends.idle).max(0.0),
                rate: s.rate.now / self.laws.most,
                window: s.window,
                beside: self.cards[self.routes[s.first as usize] as usize].flows.len(),
            };
            let path = &self.routes[s.first as usize..s.first as usize + usize::from(s.hops)];
            let fct = self.onlooker.ended(train.flow, &arrived, path, &self.fabric.channels).ps();
            let time = (ends.start + SimDuration::from_ps(fct)).max(self.external(end + skipped));
            self.outbox.push(train.flow, Event { time, flow, kind: EventKind::Delivered });
            if let Some(ack) = ends.ack {
                self.outbox.push(train.flow, Event { time: time + ack, flow, kind: EventKind::Acknowledged });
            }
            if went_back {
                self.skip_ahead(train.flow);
            }
            self.active -= 1;
            self.steady.change(self.tick, self.skipped);
        }
    }

    /// ns after the origin.
    fn internal(&self, time: SimTime) -> f64 {
        time.ps_after(self.origin) / 1e3
    }

    fn external(&self, t: f64) -> SimTime {
        self.origin + SimDuration::from_ps((t * 1e3).ceil() as u64)
    }
}

impl<O: Onlooker> Network for CoarseNetwork<'_, O> {
    fn now(&self) -> SimTime {
        self.now
    }

    fn start_flow(&mut self, f: FlowStart<'_>) {
        self.register.admit(self.now, &f);
        let order = self.senders.len() as u32;
        let t = self.transport;
        let first = self.routes.len();
        self.routes.extend(f.path.iter().chain(f.ack_path).map(|c| c.0));
        let rtt = ns(base_rtt(self.topology, t, &f));
        let back = ack_latency(self.topology, t, f.ack_path);
        let volume = t.wire_bytes(f.size).0;
        let head = volume.min(self.packet) as f64;
        let hops = f.path.iter().map(|c| self.fabric.latency(c.0) + head * self.fabric.channels[c.index()].pace);
        let rest = (volume as f64 - head) / bytes_per_ns(bottleneck(self.topology, t, f.path));
        let idle = hops.sum::<f64>() + rest;
        self.senders.push(Sender {
            flow: f.flow,
            measured: (0, 0.0),
            first: first as u32,
            hops: f.path.len() as u16,
            ack_hops: f.ack_path.len() as u16,
            echo: ns(back),
            rtt,
            volume,
            sent: 0,
            delivered: 0,
            passed: 0,
            acknowledged: 0,
            ready: 0.0,
            rate: self.laws.start(u64::from(f.flow.0)),
            window: window(t, self.laws.most),
        });
        self.ends.push(Ends {
            start: f.start,
            begin: self.internal(f.start),
            idle,
            lone: Terms::of(Rules::Window, self.topology, t, &f).lone,
            ack: f.acknowledge.then_some(back),
        });
        self.nacks.push((f64::NEG_INFINITY, 0));
        self.arrivals.push(f.start, order);
    }

    fn next_event(&mut self, until: SimTime) -> Option<Event> {
        let last = self.internal(until);
        loop {
            let done = self.tick + self.skipped;
            // Nothing moves, or all goes on as measured, for so long.
            let most = if self.active == 0 { u64::MAX } else { self.steady.skip };
            let rest = match self.arrivals.first().filter(|_| most > 0) {
                Some(start) => most.min(((self.internal(start) / self.length).max(0.0) as u64).saturating_sub(done)),
                None => most,
            };
            let far = if rest == u64::MAX { f64::INFINITY } else { (done + rest + 1) as f64 * self.length };
            if let Some(report) = self.outbox.first()
                && report <= until
                && self.internal(report) <= far
            {
                self.now = report;
                return self.outbox.pop();
            }
            if far > last {
                self.now = self.now.max(until);
                return None;
            }
            if self.active == 0 {
                self.tick += rest;
            } else if rest > 0 {
                self.skipped += rest;
                self.steady.pass(rest, &mut self.senders, &self.laws, self.packet);
            }
            self.steady.skip = 0;
            self.advance();
            let stuck = || {
                let waits = |c: &u32| self.cards[*c as usize].wake < f64::INFINITY;
                let held = |c: &u32| self.fabric.channels[*c as usize].pause < f64::INFINITY;
                self.fabric.is_held()
                    && self.fabric.flying.is_empty()
                    && self.echoes.is_empty()
                    && self.busy_cards.iter().all(|c| held(c) || !waits(c))
            };
            self.steady.measure(&mut self.senders, (self.tick, self.skipped), self.trains, stuck);
        }
    }
}

/// The order of trains that arrive in one tick; of equals not that of announcement, which is up to the driver.
fn by_time(senders: &[Sender], a: &Train, b: &Train) -> Ordering {
    let name = |t: &Train| senders[t.flow as usize].flow;
    a.time.total_cmp(&b.time).then_with(|| name(a).cmp(&name(b)))
}
