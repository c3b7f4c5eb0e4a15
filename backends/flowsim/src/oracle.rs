//! The slow, obvious twin of the engine: progressive filling over all flows and channels at every event.
//!
//! *Filling*: raise all rates together; freeze the flows that reach their cap, and the flows of a channel when its capacity
//! is used up; go on with the rest (Bertsekas and Gallager, Data Networks, 6.5.2). Same [`Terms`] as the engine, but no
//! state is kept between events except what each flow has left. Cost per event: O(channels · hops of all active flows).

use crate::terms::{Rules, Terms};
use mixlab_contract::ideal::ack_latency;
use mixlab_contract::{
    Event, EventKind, FlowIndex, FlowStart, Network, Scenario, SimDuration, SimTime, Topology, Transport,
};

/// Max-min fair rates of flows, each with the channels it crosses and its highest rate (bit/s).
pub fn fill(capacities: &[f64], flows: &[(&[u32], f64)]) -> Vec<f64> {
    let mut rates: Vec<Option<f64>> = vec![None; flows.len()];
    while rates.iter().any(Option::is_none) {
        let mut left = capacities.to_vec();
        let mut growing = vec![0u32; capacities.len()];
        for (i, (path, _)) in flows.iter().enumerate() {
            for c in path.iter().map(|c| *c as usize) {
                match rates[i] {
                    Some(rate) => left[c] -= rate,
                    None => growing[c] += 1,
                }
            }
        }
        let share = |c: usize| if growing[c] > 0 { left[c] / f64::from(growing[c]) } else { f64::INFINITY };
        let bound = |i: usize| flows[i].0.iter().map(|c| share(*c as usize)).fold(flows[i].1, f64::min);
        let open: Vec<usize> = (0..flows.len()).filter(|i| rates[*i].is_none()).collect();
        let level = open.iter().map(|i| bound(*i)).fold(f64::INFINITY, f64::min);
        let frozen: Vec<usize> = open.into_iter().filter(|i| bound(*i) <= level * (1.0 + 1e-13)).collect();
        for i in frozen {
            rates[i] = Some(level);
        }
    }
    rates.into_iter().map(|r| r.expect("the loop ends when every flow has a rate")).collect()
}

#[derive(Clone, Debug)]
struct Active {
    order: usize,
    flow: FlowIndex,
    start: SimTime,
    terms: Terms,
    path: Vec<u32>,
    ack: Option<SimDuration>,
    remaining: f64,
    windowed: bool,
    rate: f64,
}

impl Active {
    fn cap(&self) -> f64 {
        if self.windowed { self.terms.window_rate } else { self.terms.line_rate }
    }
}

/// The fluid network, computed from scratch at every event.
#[derive(Clone, Debug)]
pub struct OracleNetwork<'a> {
    topology: &'a Topology,
    transport: &'a Transport,
    rules: Rules,
    capacities: Vec<f64>,
    origin: SimTime,
    now: SimTime,
    /// Time up to which `active` has progressed, ps after the origin.
    clock: f64,
    waiting: Vec<Active>,
    active: Vec<Active>,
    outbox: Vec<(usize, Event)>,
    count: usize,
}

impl<'a> OracleNetwork<'a> {
    /// An empty network with the scenario's topology and transport.
    pub fn new(scenario: &'a Scenario, rules: Rules) -> Self {
        let (topology, transport) = (scenario.topology(), scenario.transport());
        let capacities = (0..topology.channel_count()).map(|c| topology.links()[c / 2].rate.0 as f64).collect();
        Self {
            topology,
            transport,
            rules,
            capacities,
            origin: scenario.flows().first().map_or(SimTime::ZERO, |f| f.start),
            now: SimTime::ZERO,
            clock: f64::NEG_INFINITY,
            waiting: Vec::new(),
            active: Vec::new(),
            outbox: Vec::new(),
            count: 0,
        }
    }

    fn internal(&self, time: SimTime) -> f64 {
        time.ps() as f64 - self.origin.ps() as f64
    }

    fn ends(&self) -> impl Iterator<Item = f64> {
        self.active.iter().map(|a| self.clock + a.remaining / a.rate)
    }

    /// Moves everything to time `t`, ends the phases that are over, starts the flows that are due, and fills.
    fn advance(&mut self, t: f64) {
        let over: Vec<bool> = self.ends().map(|end| end <= t).collect();
        for (a, over) in self.active.iter_mut().zip(over) {
            a.remaining -= a.rate * (t - self.clock);
            if over {
                a.remaining = if std::mem::replace(&mut a.windowed, false) { a.terms.last } else { f64::NAN };
            }
        }
        self.clock = t;
        let (done, going): (Vec<_>, Vec<_>) = self.active.drain(..).partition(|a| a.remaining.is_nan());
        self.active = going;
        for a in done {
            let time = a.start + SimDuration::from_ps(a.terms.fct_ps(t - self.internal(a.start)));
            self.outbox.push((a.order, Event { time, flow: a.flow, kind: EventKind::Delivered }));
            if let Some(ack) = a.ack {
                self.outbox.push((a.order, Event { time: time + ack, flow: a.flow, kind: EventKind::Acknowledged }));
            }
        }
        let origin = self.origin;
        let due = |a: &Active| a.start.ps() as f64 - origin.ps() as f64 <= t;
        let (started, waiting): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(due);
        self.active.extend(started);
        self.waiting = waiting;
        let flows: Vec<(&[u32], f64)> = self.active.iter().map(|a| (&a.path[..], a.cap())).collect();
        let rates = fill(&self.capacities, &flows);
        for (a, rate) in self.active.iter_mut().zip(rates) {
            a.rate = rate;
        }
    }
}

impl Network for OracleNetwork<'_> {
    fn now(&self) -> SimTime {
        self.now
    }

    fn start_flow(&mut self, f: FlowStart<'_>) {
        assert!(f.start >= self.now, "flow {:?} starts in the past", f.flow);
        let terms = Terms::of(self.rules, self.topology, self.transport, &f);
        let windowed = terms.windowed > 0.0;
        self.waiting.push(Active {
            order: self.count,
            flow: f.flow,
            start: f.start,
            path: f.path.iter().map(|c| c.0).collect(),
            ack: f.acknowledge.then(|| ack_latency(self.topology, self.transport, f.ack_path)),
            remaining: if windowed { terms.windowed } else { terms.last },
            windowed,
            rate: 0.0,
            terms,
        });
        self.count += 1;
    }

    fn next_event(&mut self, until: SimTime) -> Option<Event> {
        loop {
            let arrival = self.waiting.iter().map(|a| self.internal(a.start)).fold(f64::INFINITY, f64::min);
            let next = self.ends().fold(arrival, f64::min);
            let first = (0..self.outbox.len()).min_by_key(|i| {
                let (order, event) = &self.outbox[*i];
                (event.time, *order, event.kind)
            });
            if let Some(i) = first
                && self.outbox[i].1.time <= until
                && self.internal(self.outbox[i].1.time) <= next
            {
                self.now = self.outbox[i].1.time;
                return Some(self.outbox.swap_remove(i).1);
            }
            if next > self.internal(until) || next == f64::INFINITY {
                self.now = self.now.max(until);
                return None;
            }
            self.advance(next);
        }
    }
}
