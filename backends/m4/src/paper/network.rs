//! The engine: [`super::model`] driven by starts and predicted ends, as a [`Network`].
//!
//! An event costs what its component costs: flows and link classes connected to it are gathered into one batch, stepped, and
//! their new ends are put into a heap. Everything else keeps its state and its prediction, which is what evaluating the head
//! over the whole network would give. Nothing is proportional to the number of hosts or of flows announced.
//!
//! Updates *wait*: no flow ends before its ideal FCT, so until then nobody needs its prediction, unless another event touches
//! its component. Waiting updates of different components are stepped in one batch, which reads the weights once for all of
//! them. Rows don't influence each other across components, so the results are the same bits as without waiting.
//!
//! Unlike the published program: time is integer picoseconds; an end is never predicted in the past (there the clock could go
//! back); a flow is not faster than physics allows (`capacity.rs`, optional); groups may part ([`Components`]).

use super::config::{Components, Rules};
use super::features::{Announced, IDLE_LINK, microseconds};
use super::graph::{Change, Graph, Rows};
use super::model::{Batch, Model};
use super::parameters::parameters;
use super::weights::Weights;
use crate::calendar::{Arrivals, Outbox};
use crate::capacity::Capacity;
use crate::numerics::Simd;
use mixlab_contract::{
    Event, EventKind, FlowStart, Network, Register, Scenario, SimDuration, SimTime, Topology, Transport, Unsupported,
};
use mixlab_flowsim::heap::Heap;

/// What is kept of an active flow besides its state.
#[derive(Clone, Copy, Debug, Default)]
struct Active {
    /// Number in order of announcement.
    order: u32,
    /// Last event of its component.
    last: SimTime,
    /// Whether its state does not reflect that event yet.
    waiting: bool,
    /// Time from the event before that to the last, µs; used while it waits.
    elapsed_us: f32,
    /// Group, where groups only merge.
    group: u32,
}

/// Waiting flows that are stepped without need: a batch of this many rows is as fast per row as any larger one.
const MOST_WAITING: usize = 32;

/// How much work was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Starts and ends of flows.
    pub events: u64,
    /// Batches stepped: at most one per event.
    pub batches: u64,
    /// Flow states updated.
    pub flows: u64,
    /// Link-class states updated.
    pub classes: u64,
    /// Links those classes stand for.
    pub links: u64,
}

/// The learned simulator. Memory: O(flows announced · hops), plus 4·H bytes per active flow and link class.
pub struct M4Network<'a> {
    topology: &'a Topology,
    transport: &'a Transport,
    model: Model,
    rules: Rules,
    now: SimTime,
    announced: Vec<Announced>,
    register: Register,
    arrivals: Arrivals,
    outbox: Outbox,
    /// Predicted ends.
    ends: Heap<SimTime>,
    capacity: Capacity,
    graph: Graph,
    /// `[slot]`
    active: Vec<Active>,
    free: Vec<u32>,
    /// `[slot, H]`
    flow_states: Vec<f32>,
    /// `[class, H]`
    link_states: Vec<f32>,
    /// `[group]` slots of its flows; used where groups only merge.
    groups: Vec<Vec<u32>>,
    free_groups: Vec<u32>,
    batch: Batch,
    /// Slots of the current event's component.
    members: Vec<u32>,
    /// Slots that wait: those for which time passed before the event, and the others.
    moving: Vec<u32>,
    still: Vec<u32>,
    /// Classes of the current batch.
    classes: Vec<u32>,
    /// Those that wait, in the order of the batch.
    waiting: Vec<u32>,
    rows: Rows,
    changes: Vec<Change>,
    work: Work,
}

impl<'a> M4Network<'a> {
    /// An empty network with the scenario's topology and transport, on the fastest kernels of this machine.
    ///
    /// # Errors
    /// [`Unsupported`] if the model's parameters can't express the scenario.
    pub fn new(scenario: &'a Scenario, weights: &Weights, rules: Rules) -> Result<Self, Unsupported> {
        Self::with_kernels(scenario, weights, rules, Simd::best())
    }

    /// The same on given kernels; the results are the same bits on all.
    ///
    /// # Errors
    /// [`Unsupported`] if the model's parameters can't express the scenario.
    pub fn with_kernels(
        scenario: &'a Scenario,
        weights: &Weights,
        rules: Rules,
        simd: Simd,
    ) -> Result<Self, Unsupported> {
        let topology = scenario.topology();
        Ok(Self {
            topology,
            transport: scenario.transport(),
            model: Model::new(weights, &parameters(scenario)?, simd),
            rules,
            now: SimTime::ZERO,
            announced: Vec::with_capacity(scenario.flows().len()),
            register: Register::default(),
            arrivals: Arrivals::default(),
            outbox: Outbox::default(),
            ends: Heap::default(),
            capacity: Capacity::new(topology.channel_count()),
            graph: Graph::new(topology.channel_count()),
            active: Vec::new(),
            free: Vec::new(),
            flow_states: Vec::new(),
            link_states: Vec::new(),
            groups: Vec::new(),
            free_groups: Vec::new(),
            batch: Batch::default(),
            members: Vec::new(),
            moving: Vec::new(),
            still: Vec::new(),
            classes: Vec::new(),
            waiting: Vec::new(),
            rows: Rows::default(),
            changes: Vec::new(),
            work: Work::default(),
        })
    }

    /// What was done so far.
    pub fn work(&self) -> Work {
        self.work
    }

    fn begin(&mut self, order: u32) {
        self.work.events += 1;
        let touched = self.announced[order as usize].channels.iter().filter_map(|(c, _)| self.graph.flow_on(*c));
        if touched.into_iter().any(|slot| self.active[slot as usize].waiting) {
            self.flush();
        }
        let slot = self.free.pop().unwrap_or(self.active.len() as u32);
        if slot as usize == self.active.len() {
            self.active.push(Active::default());
        }
        let flow = &self.announced[order as usize];
        write_state(&mut self.flow_states, slot, self.model.hidden(), flow.initial());
        flow.channels.iter().for_each(|(c, _)| self.capacity.start(*c, self.now));
        self.changes.clear();
        self.graph.insert(slot, flow.channels.iter().map(|(c, _)| *c), &mut self.changes);
        for change in &self.changes {
            let h = self.model.hidden();
            match *change {
                Change::Begun(class) => write_state(&mut self.link_states, class, h, IDLE_LINK),
                Change::Split { old, new } => {
                    write_state(&mut self.link_states, new, h, IDLE_LINK);
                    let old = old as usize * h;
                    self.link_states.copy_within(old..old + h, new as usize * h);
                }
            }
        }
        self.active[slot as usize] = Active { order, last: self.now, ..Active::default() };
        self.members.clear();
        match self.rules.components {
            Components::Split => self.graph.connected(slot, &mut self.members),
            Components::Merge => {
                let group = self.join(slot);
                self.members.extend_from_slice(&self.groups[group as usize]);
            }
        }
        self.defer();
    }

    /// Merges the groups of the flows that share a link with `slot`, and `slot`, into one.
    fn join(&mut self, slot: u32) -> u32 {
        let mut joined: Option<u32> = None;
        for class in self.graph.classes_of(slot) {
            // All other flows of a link are in one group; the first is not `slot`, which came last, unless it is alone.
            let other = self.graph.class(*class).flows[0];
            let group = self.active[other as usize].group;
            match joined {
                _ if other == slot => {}
                None => joined = Some(group),
                Some(into) if into != group => {
                    let moved = std::mem::take(&mut self.groups[group as usize]);
                    moved.iter().for_each(|s| self.active[*s as usize].group = into);
                    self.groups[into as usize].extend(moved);
                    self.free_groups.push(group);
                }
                Some(_) => {}
            }
        }
        let group = joined.or_else(|| self.free_groups.pop()).unwrap_or(self.groups.len() as u32);
        if group as usize == self.groups.len() {
            self.groups.push(Vec::new());
        }
        self.groups[group as usize].push(slot);
        self.active[slot as usize].group = group;
        group
    }

    /// The flow whose end is the earliest ends now. PRECONDITION: it does not wait, and so nobody in its component does.
    fn finish(&mut self, slot: u32) -> Event {
        self.work.events += 1;
        self.ends.pop();
        let Active { order, group, .. } = self.active[slot as usize];
        self.members.clear();
        match self.rules.components {
            Components::Split => self.graph.connected(slot, &mut self.members),
            Components::Merge => self.members.extend_from_slice(&self.groups[group as usize]),
        }
        self.members.retain(|s| *s != slot);
        if self.rules.components == Components::Merge {
            self.groups[group as usize].retain(|s| *s != slot);
            if self.members.is_empty() {
                self.free_groups.push(group);
            }
        }
        let flow = &self.announced[order as usize];
        flow.channels.iter().for_each(|(c, time)| self.capacity.end(*c, *time));
        let event = Event { time: self.now, flow: flow.flow, kind: EventKind::Delivered };
        if let Some(ack) = flow.ack {
            self.outbox.push(order, Event { time: self.now + ack, kind: EventKind::Acknowledged, ..event });
        }
        self.graph.remove(slot);
        self.free.push(slot);
        self.defer();
        event
    }

    /// Lets `members` wait for their update; until it is done their earliest possible ends stand for the predicted ones.
    fn defer(&mut self) {
        let active = &mut self.active;
        self.members.sort_unstable_by_key(|s| active[*s as usize].order);
        let last = self.members.iter().map(|s| active[*s as usize].last).min();
        let elapsed = last.map_or(SimDuration::ZERO, |last| self.now.since(last));
        for slot in &self.members {
            let a = &mut active[*slot as usize];
            (a.last, a.waiting, a.elapsed_us) = (self.now, true, microseconds(elapsed) as f32);
            let earliest = self.announced[a.order as usize].end(1.0, self.now, &self.capacity, self.rules);
            self.ends.set(*slot, a.order, earliest);
        }
        let waiting = if elapsed > SimDuration::ZERO { &mut self.moving } else { &mut self.still };
        waiting.extend_from_slice(&self.members);
        if self.moving.len() + self.still.len() >= MOST_WAITING {
            self.flush();
        }
    }

    /// Steps the states of all that wait, and of their links, and sets their ends.
    fn flush(&mut self) {
        self.gather();
        self.model.step(&mut self.batch);
        self.scatter();
        self.work.batches += 1;
        self.work.flows += self.batch.flows as u64;
        self.work.classes += self.batch.classes as u64;
        self.moving.clear();
        self.still.clear();
    }

    /// Copies the states of the waiting components into the batch and lists who hears whom.
    fn gather(&mut self) {
        let (batch, graph, h) = (&mut self.batch, &mut self.graph, self.model.hidden());
        self.classes.clear();
        graph.classes_crossed(&self.moving, &mut self.classes);
        (batch.moving_flows, batch.moving_classes) = (self.moving.len(), self.classes.len());
        graph.classes_crossed(&self.still, &mut self.classes);
        (batch.flows, batch.classes) = (self.moving.len() + self.still.len(), self.classes.len());
        self.waiting.clear();
        self.waiting.extend(self.moving.iter().chain(&self.still));
        batch.states.clear();
        batch.links.clear();
        batch.elapsed_us.clear();
        for slot in &self.waiting {
            let active = &self.active[*slot as usize];
            batch.states.extend_from_slice(row_of(&self.flow_states, *slot, h));
            batch.links.push(self.announced[active.order as usize].links as f32);
            batch.elapsed_us.push(active.elapsed_us);
        }
        for class in &self.classes {
            batch.states.extend_from_slice(row_of(&self.link_states, *class, h));
            batch.elapsed_us.push(self.active[graph.class(*class).flows[0] as usize].elapsed_us);
            self.work.links += graph.class(*class).channels.len() as u64;
        }
        graph.listen(&self.waiting, &self.classes, &mut self.rows, &mut batch.neighbours);
    }

    /// Copies the new states back and moves the ends of the flows.
    fn scatter(&mut self) {
        let h = self.model.hidden();
        let (flows, classes) = self.batch.states.split_at(self.batch.flows * h);
        for (class, state) in self.classes.iter().zip(classes.chunks_exact(h)) {
            self.link_states[*class as usize * h..][..h].copy_from_slice(state);
        }
        let predictions = flows.chunks_exact(h).zip(&self.batch.slowdowns);
        for (slot, (state, slowdown)) in self.waiting.iter().zip(predictions) {
            self.flow_states[*slot as usize * h..][..h].copy_from_slice(state);
            let active = &mut self.active[*slot as usize];
            active.waiting = false;
            let flow = &self.announced[active.order as usize];
            let end = flow.end(f64::from(*slowdown), active.last, &self.capacity, self.rules);
            self.ends.set(*slot, active.order, end);
        }
    }
}

fn row_of(states: &[f32], row: u32, h: usize) -> &[f32] {
    &states[row as usize * h..][..h]
}

/// Sets state number `row`, which may be the first after the last: `head`, then zeros.
fn write_state(states: &mut Vec<f32>, row: u32, h: usize, head: [f64; 4]) {
    let from = row as usize * h;
    states.resize(states.len().max(from + h), 0.0);
    let state = &mut states[from..from + h];
    state.fill(0.0);
    state.iter_mut().zip(head).for_each(|(s, v)| *s = v as f32);
}

impl Network for M4Network<'_> {
    fn now(&self) -> SimTime {
        self.now
    }

    fn start_flow(&mut self, f: FlowStart<'_>) {
        self.register.admit(self.now, &f);
        self.arrivals.push(f.start, self.announced.len() as u32);
        self.announced.push(Announced::new(self.topology, self.transport, &f));
    }

    fn next_event(&mut self, until: SimTime) -> Option<Event> {
        loop {
            let arrival = self.arrivals.first().unwrap_or(SimTime::MAX);
            let (end, slot) = self.ends.first().unwrap_or((SimTime::MAX, 0));
            let report = self.outbox.first().unwrap_or(SimTime::MAX);
            let next = report.min(end).min(arrival);
            // SimTime::MAX is later than anything that happens: an end that far away is no end.
            if next > until || next == SimTime::MAX {
                self.now = self.now.max(until);
                return None;
            }
            self.now = next;
            if report == next {
                return self.outbox.pop();
            }
            if end == next && self.active[slot as usize].waiting {
                self.flush();
                continue;
            }
            if end == next {
                return Some(self.finish(slot));
            }
            if let Some((_, order)) = self.arrivals.pop() {
                self.begin(order);
            }
        }
    }
}
