//! The corrected fluid as a [`Network`].
//!
//! ```text
//! speed_f = min(r_f · e^g(features), cap_f, slowest link)       r = max-min rate; g = 0 if nothing contends with the flow
//! FCT_f   = lone + ((end of V_f at that speed) − start − V_f / b)
//! ```
//!
//! A flow keeps its place in the fluid until it ends at its *corrected* speed, so that a flow that queues or is paused keeps
//! contending with the others: the correction feeds back. After every event only flows that share a channel with one that came,
//! went or changed its max-min rate are looked at again. Clock, phases and reports are those of flowsim's network.
//!
//! Never faster than alone: the speed never exceeds what the flow would get on an idle network. Never faster than the channels:
//! a flow whose end would mean that a channel carried more than its capacity since it became busy ends when that is possible.

use super::contention::{Contention, Entry};
use super::features::{FEATURES, Setting, exp};
use crate::perceptron::{Activations, Perceptron};
use mixlab_contract::ideal::{ack_latency, bottleneck};
use mixlab_contract::{
    Event, EventKind, FlowIndex, FlowStart, Network, Register, Scenario, SimDuration, SimTime, Topology, Transport,
};
use mixlab_flowsim::calendar::{Arrivals, Outbox};
use mixlab_flowsim::heap::TimeHeap;
use mixlab_flowsim::terms::base_rtt;
use mixlab_flowsim::{Rules, Terms};

/// An announced flow.
#[derive(Clone, Copy, Debug)]
struct Announced {
    flow: FlowIndex,
    start: SimTime,
    terms: Terms,
    entry: Entry,
    ack: Option<SimDuration>,
}

/// Someone who looks on while flows progress: training.
pub trait Watch {
    /// From `t` (ps) on, flow `order` has this speed.
    fn corrected(&mut self, order: u32, t: f64, seen: &Seen);
    /// Flow `order` has sent its volume.
    fn ended(&mut self, order: u32, t: f64);
}

/// One evaluation.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What the function saw.
    pub features: [f32; FEATURES],
    /// Whether anything contends with the flow; if not, the function was not asked.
    pub contended: bool,
    /// What the factor multiplies, bit/s: the max-min rate.
    pub rate: f64,
    /// What the flow got, bit/s.
    pub speed: f64,
    /// What it could have got at most, bit/s.
    pub ceiling: f64,
}

impl Watch for () {
    fn corrected(&mut self, _: u32, _: f64, _: &Seen) {}
    fn ended(&mut self, _: u32, _: f64) {}
}

/// What the learned factor multiplies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Base {
    /// The flow's max-min rate: the model.
    #[default]
    Fluid,
    /// The rate it would have alone: for an ablation only, what a model without the fluid would have to learn from.
    Alone,
}

/// Bounds of g, so that no flow can stop or overtake everything whatever the weights.
pub const BOUNDS: (f32, f32) = (-6.0, 1.5);
/// A flow slowed to less than this part of its max-min rate is looked at again after a while, even if nothing happens.
const SLOWED: f64 = 0.9;

/// Rounding noise of the clock, relative: no reason to wait.
const WAIT: f64 = 1e-9;

/// Progress of the flow in a slot.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Volume left in this phase at `since`, 10⁻¹² bit.
    remaining: f64,
    /// ps after the origin.
    since: f64,
    /// Corrected speed from `since` on, bit/s.
    speed: f64,
    order: u32,
    /// Whether its time in the heap is that of another look, not of the end of the phase.
    look: bool,
}

/// The corrected fluid. Memory: O(flows announced · hops).
#[derive(Clone, Debug)]
pub struct CorrectedNetwork<'a, W: Watch = ()> {
    topology: &'a Topology,
    transport: &'a Transport,
    model: &'a Perceptron,
    setting: Setting,
    state: Contention,
    origin: SimTime,
    now: SimTime,
    announced: Vec<Announced>,
    register: Register,
    arrivals: Arrivals,
    outbox: Outbox,
    ends: TimeHeap,
    /// `[S]`
    progress: Vec<Progress>,
    at: Activations,
    events: u64,
    evaluations: u64,
    base: Base,
    watch: W,
}

/// The terms of a flow and how it enters the fluid; its paths are stored in `state`.
fn enter(state: &mut Contention, topology: &Topology, transport: &Transport, f: &FlowStart<'_>) -> (Terms, Entry) {
    let terms = Terms::of(Rules::Window, topology, transport, f);
    let windowed = terms.windowed > 0.0;
    let entry = Entry {
        first: state.route(f.path),
        hops: f.path.len(),
        first_ack: state.route(f.ack_path),
        ack_hops: f.ack_path.len(),
        volume: terms.windowed + terms.last,
        cap: if windowed { terms.window_rate } else { terms.line_rate },
        windowed,
        line: bottleneck(topology, transport, f.path).0 as f64,
        rtt: base_rtt(topology, transport, f).ps() as f64,
        lone: terms.lone.ps() as f64,
    };
    (terms, entry)
}

impl<'a> CorrectedNetwork<'a> {
    /// An empty network with the scenario's topology and transport.
    pub fn new(scenario: &'a Scenario, model: &'a Perceptron) -> Self {
        Self::watched(scenario, model, ())
    }
}

impl<'a, W: Watch> CorrectedNetwork<'a, W> {
    /// The same with an onlooker.
    pub fn watched(scenario: &'a Scenario, model: &'a Perceptron, watch: W) -> Self {
        Self {
            topology: scenario.topology(),
            transport: scenario.transport(),
            model,
            setting: Setting::of(scenario),
            state: Contention::new(scenario),
            origin: scenario.flows().first().map_or(SimTime::ZERO, |f| f.start),
            now: SimTime::ZERO,
            announced: Vec::with_capacity(scenario.flows().len()),
            register: Register::default(),
            arrivals: Arrivals::default(),
            outbox: Outbox::default(),
            ends: TimeHeap::default(),
            progress: Vec::new(),
            at: Activations::default(),
            events: 0,
            evaluations: 0,
            base: Base::Fluid,
            watch,
        }
    }

    /// The same network with another base. PRECONDITION: nothing was announced yet.
    pub fn upon(self, base: Base) -> Self {
        Self { base, ..self }
    }

    /// The onlooker, when all is done.
    pub fn into_watch(self) -> W {
        self.watch
    }

    /// Arrivals, ends of windows and ends of flows so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Evaluations of the learned function so far.
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    fn advance(&mut self, t: f64, start: Option<SimTime>) {
        while let Some((end, slot)) = self.ends.first() {
            if end > t {
                break;
            }
            self.events += 1;
            self.ends.pop();
            if self.progress[slot as usize].look {
                self.correct(slot, end);
                continue;
            }
            if self.state.flow(slot).entry.windowed {
                self.release_last_window(slot, t);
            } else if !self.postponed(slot, t) {
                self.finish(slot, t);
            }
        }
        while let Some(order) = start.and_then(|s| self.arrivals.pop_at(s)) {
            self.events += 1;
            self.begin(order, t);
        }
        self.state.settle(t);
        for i in 0..self.state.affected().len() {
            let slot = self.state.affected()[i];
            self.correct(slot, t);
        }
    }

    /// Whether a flow that would end now has to wait, because a channel of its path would have carried more than it can.
    fn postponed(&mut self, slot: u32, t: f64) -> bool {
        let earliest = self.state.earliest_end(slot);
        let waits = earliest > t + WAIT * earliest.abs().max(1e9);
        if waits {
            let p = &mut self.progress[slot as usize];
            (p.remaining, p.since) = (0.0, t);
            self.ends.set(slot, p.order, earliest);
        }
        waits
    }

    fn begin(&mut self, order: u32, t: f64) {
        let Announced { terms, entry, .. } = self.announced[order as usize];
        let slot = self.state.begin(t, entry) as usize;
        if slot == self.progress.len() {
            self.progress.push(Progress::default());
        }
        let remaining = if entry.windowed { terms.windowed } else { terms.last };
        self.progress[slot] = Progress { remaining, since: t, speed: 0.0, order, look: false };
    }

    fn release_last_window(&mut self, slot: u32, t: f64) {
        let p = &mut self.progress[slot as usize];
        let terms = &self.announced[p.order as usize].terms;
        (p.remaining, p.since) = (terms.last, t);
        self.state.release_last_window(slot, terms.line_rate);
    }

    fn finish(&mut self, slot: u32, t: f64) {
        self.state.end(t, slot);
        let order = self.progress[slot as usize].order;
        let Announced { flow, start, terms, ack, .. } = self.announced[order as usize];
        let time = start + SimDuration::from_ps(terms.fct_ps(t - self.internal(start)));
        self.watch.ended(order, t);
        self.outbox.push(order, Event { time, flow, kind: EventKind::Delivered });
        if let Some(ack) = ack {
            self.outbox.push(order, Event { time: time + ack, flow, kind: EventKind::Acknowledged });
        }
    }

    /// Books a flow's progress and gives it its speed from now on.
    fn correct(&mut self, slot: u32, t: f64) {
        let p = &mut self.progress[slot as usize];
        p.remaining = (p.remaining - p.speed * (t - p.since)).max(0.0);
        p.since = t;
        self.state.measure(slot, t);
        let f = self.state.flow(slot);
        let later = if f.entry.windowed { self.announced[p.order as usize].terms.last } else { 0.0 };
        let left = p.remaining + later;
        let (features, contended) = self.setting.observe(&self.state, slot, t, left);
        let mut factor = 1.0;
        if contended {
            self.evaluations += 1;
            factor = f64::from(exp(self.model.evaluate(&features, &mut self.at).clamp(BOUNDS.0, BOUNDS.1)));
        }
        let ceiling = f.entry.cap.min(f.entry.line);
        let rate = match self.base {
            Base::Fluid => f.rate,
            Base::Alone => ceiling,
        };
        p.speed = (rate * factor).min(ceiling);
        let end = t + p.remaining / p.speed;
        let again = t + 0.5 * (t - f.start + f.entry.rtt);
        p.look = factor < SLOWED && again < end;
        self.ends.set(slot, p.order, if p.look { again } else { end });
        let seen = Seen { features, contended, rate, speed: p.speed, ceiling };
        self.state.set_speed(slot, p.speed, t, left);
        self.watch.corrected(p.order, t, &seen);
    }

    fn internal(&self, time: SimTime) -> f64 {
        time.ps_after(self.origin)
    }
}

impl<W: Watch> Network for CorrectedNetwork<'_, W> {
    fn now(&self) -> SimTime {
        self.now
    }

    fn start_flow(&mut self, f: FlowStart<'_>) {
        self.register.admit(self.now, &f);
        let order = self.announced.len() as u32;
        let (terms, entry) = enter(&mut self.state, self.topology, self.transport, &f);
        let ack = f.acknowledge.then(|| ack_latency(self.topology, self.transport, f.ack_path));
        self.announced.push(Announced { flow: f.flow, start: f.start, terms, entry, ack });
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
