//! The fluid as a [`Network`]: flows start, share the channels max-min fairly, and are delivered when their volume is sent.
//!
//! Between events all rates are constant, so nothing is computed: a flow's progress is brought up to date only when its rate
//! changes (`remaining −= rate · (now − since)`), and only then does its end move in the heap. The internal clock is a real
//! number of picoseconds since `origin` (finer than 0.001 ps for 8 simulated seconds, than 1 ps for two hours); what is
//! reported is rounded to whole ones.
//!
//! A flow holds its rate until the end of its fluid and is *reported* later, by the latency of its path ([`Terms::lone`]).

use crate::calendar::{Arrivals, Outbox};
use crate::heap::TimeHeap;
use crate::solver::{MaxMin, Work};
use crate::terms::{Rules, Terms};
use mixlab_contract::ideal::ack_latency;
use mixlab_contract::{
    Event, EventKind, FlowIndex, FlowStart, Network, Register, Scenario, SimDuration, SimTime, Topology, Transport,
};

/// An announced flow; read when it starts, changes from windows to line rate, and ends.
#[derive(Clone, Copy, Debug)]
struct Announced {
    flow: FlowIndex,
    start: SimTime,
    terms: Terms,
    /// Its path is `paths[first_hop..first_hop + hops]`.
    first_hop: usize,
    hops: u16,
    /// From delivery to last ACK, if the driver wants to know.
    ack: Option<SimDuration>,
}

/// Progress of the flow in a slot.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Volume left in this phase at `since`, 10⁻¹² bit.
    remaining: f64,
    /// ps after the origin.
    since: f64,
    /// Rate from `since` on, bit/s.
    rate: f64,
    /// Number in order of announcement.
    order: u32,
    /// Whether the volume is that of the full windows, with the last window still to come.
    windowed: bool,
}

/// Exact max-min fluid network. Memory: O(flows announced · hops).
#[derive(Clone, Debug)]
pub struct FluidNetwork<'a> {
    topology: &'a Topology,
    transport: &'a Transport,
    rules: Rules,
    origin: SimTime,
    now: SimTime,
    announced: Vec<Announced>,
    paths: Vec<u32>,
    register: Register,
    arrivals: Arrivals,
    outbox: Outbox,
    solver: MaxMin,
    ends: TimeHeap,
    /// `[S]`
    progress: Vec<Progress>,
    /// Slots whose phase ended in the current instant.
    released: Vec<u32>,
    events: u64,
}

impl<'a> FluidNetwork<'a> {
    /// An empty network with the scenario's topology and transport.
    pub fn new(scenario: &'a Scenario, rules: Rules) -> Self {
        let topology = scenario.topology();
        let capacity = |c: usize| topology.links()[c / 2].rate.0 as f64;
        Self {
            topology,
            transport: scenario.transport(),
            rules,
            origin: scenario.flows().first().map_or(SimTime::ZERO, |f| f.start),
            now: SimTime::ZERO,
            announced: Vec::with_capacity(scenario.flows().len()),
            paths: Vec::new(),
            register: Register::default(),
            arrivals: Arrivals::default(),
            outbox: Outbox::default(),
            solver: MaxMin::new((0..topology.channel_count()).map(capacity)),
            ends: TimeHeap::default(),
            progress: Vec::new(),
            released: Vec::new(),
            events: 0,
        }
    }

    /// Arrivals, ends of windows and ends of flows so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// What the solver did so far.
    pub fn work(&self) -> Work {
        self.solver.work()
    }

    /// Everything that happens at internal time `t`: ends first, then the flows that start at `start`, then new rates.
    fn advance(&mut self, t: f64, start: Option<SimTime>) {
        while let Some((end, slot)) = self.ends.first() {
            if end > t {
                break;
            }
            self.events += 1;
            if self.progress[slot as usize].windowed { self.release_last_window(slot, t) } else { self.finish(slot, t) }
        }
        while let Some(order) = start.and_then(|s| self.arrivals.pop_at(s)) {
            self.events += 1;
            self.begin(order, t);
        }
        self.solver.settle();
        for i in 0..self.solver.changed().len() {
            let slot = self.solver.changed()[i];
            self.reschedule(slot, t);
        }
        while let Some(slot) = self.released.pop() {
            self.reschedule(slot, t);
        }
    }

    fn begin(&mut self, order: u32, t: f64) {
        let Announced { terms, first_hop, hops, .. } = self.announced[order as usize];
        let path = &self.paths[first_hop..first_hop + usize::from(hops)];
        let windowed = terms.windowed > 0.0;
        let (cap, remaining) =
            if windowed { (terms.window_rate, terms.windowed) } else { (terms.line_rate, terms.last) };
        let slot = self.solver.insert(path, cap) as usize;
        if slot == self.progress.len() {
            self.progress.push(Progress::default());
        }
        self.progress[slot] = Progress { remaining, since: t, rate: 0.0, order, windowed };
    }

    fn release_last_window(&mut self, slot: u32, t: f64) {
        self.ends.pop();
        let p = &mut self.progress[slot as usize];
        let terms = &self.announced[p.order as usize].terms;
        (p.remaining, p.since, p.windowed) = (terms.last, t, false);
        self.solver.raise_cap(slot, terms.line_rate);
        self.released.push(slot);
    }

    fn finish(&mut self, slot: u32, t: f64) {
        self.ends.pop();
        self.solver.remove(slot);
        let order = self.progress[slot as usize].order;
        let Announced { flow, start, terms, ack, .. } = self.announced[order as usize];
        let transfer = t - self.internal(start);
        let time = start + SimDuration::from_ps(terms.fct_ps(transfer));
        self.outbox.push(order, Event { time, flow, kind: EventKind::Delivered });
        if let Some(ack) = ack {
            self.outbox.push(order, Event { time: time + ack, flow, kind: EventKind::Acknowledged });
        }
    }

    fn reschedule(&mut self, slot: u32, t: f64) {
        let p = &mut self.progress[slot as usize];
        p.remaining = (p.remaining - p.rate * (t - p.since)).max(0.0);
        p.since = t;
        p.rate = self.solver.rate(slot);
        self.ends.set(slot, p.order, t + p.remaining / p.rate);
    }

    fn internal(&self, time: SimTime) -> f64 {
        time.ps_after(self.origin)
    }
}

impl Network for FluidNetwork<'_> {
    fn now(&self) -> SimTime {
        self.now
    }

    fn start_flow(&mut self, f: FlowStart<'_>) {
        self.register.admit(self.now, &f);
        let order = self.announced.len() as u32;
        let ack = f.acknowledge.then(|| ack_latency(self.topology, self.transport, f.ack_path));
        self.announced.push(Announced {
            flow: f.flow,
            start: f.start,
            terms: Terms::of(self.rules, self.topology, self.transport, &f),
            first_hop: self.paths.len(),
            hops: f.path.len() as u16,
            ack,
        });
        self.paths.extend(f.path.iter().map(|c| c.0));
        self.arrivals.push(f.start, order);
    }

    fn next_event(&mut self, until: SimTime) -> Option<Event> {
        let limit = self.internal(until);
        loop {
            let start = self.arrivals.first();
            let arrival = start.map_or(f64::INFINITY, |s| self.internal(s));
            let end = self.ends.first().map_or(f64::INFINITY, |(t, _)| t);
            let next = arrival.min(end);
            if let Some(report) = self.outbox.first()
                && report <= until
                && self.internal(report) <= next
            {
                self.now = report;
                return self.outbox.pop();
            }
            if next > limit || next == f64::INFINITY {
                self.now = self.now.max(until);
                return None;
            }
            self.advance(next, start.filter(|_| arrival == next));
        }
    }
}
