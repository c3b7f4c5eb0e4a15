//! The oracle of the engine: the published loop written as plainly as possible, in double precision, with one state per flow
//! and per link, the whole state of the network in plain vectors, and the head evaluated over all active flows at every event.
//!
//! Rules of time, physics and components are those of [`super::network`] (same [`Rules`]), so the two give the same order of
//! events and slowdowns within 1e-4. Cost per event: O(flows + links of the network); use it on small cases.

use super::config::{Components, Rules};
use super::features::{Announced, IDLE_LINK, microseconds};
use super::parameters::parameters;
use super::weights::{Cell, Exchange, Weights};
use crate::capacity::Capacity;
use crate::numerics::naive::{self, GruWeights};
use mixlab_contract::{
    Event, EventKind, FlowStart, Network, Scenario, SimDuration, SimTime, Topology, Transport, Unsupported,
};

struct Flow {
    announced: Announced,
    arrived: bool,
    active: bool,
    last: SimTime,
    /// Component, where components only merge.
    component: Option<usize>,
    /// `[H]`
    h: Vec<f64>,
}

/// The slow, obvious twin of [`super::M4Network`].
pub struct ReferenceNetwork<'a> {
    topology: &'a Topology,
    transport: &'a Transport,
    weights: Weights,
    parameters: Vec<f64>,
    rules: Rules,
    now: SimTime,
    /// In order of announcement.
    flows: Vec<Flow>,
    /// `[channel]` active flows that cross it.
    crossing: Vec<usize>,
    /// `[channel, H]`
    z: Vec<Vec<f64>>,
    capacity: Capacity,
    components: usize,
    acks: Vec<(SimTime, usize)>,
}

impl<'a> ReferenceNetwork<'a> {
    /// An empty network with the scenario's topology and transport.
    ///
    /// # Errors
    /// [`Unsupported`] if the model's parameters can't express the scenario.
    pub fn new(scenario: &'a Scenario, weights: &Weights, rules: Rules) -> Result<Self, Unsupported> {
        let (topology, channels) = (scenario.topology(), scenario.topology().channel_count());
        Ok(Self {
            topology,
            transport: scenario.transport(),
            weights: weights.clone(),
            parameters: parameters(scenario)?.map(f64::from).to_vec(),
            rules,
            now: SimTime::ZERO,
            flows: Vec::new(),
            crossing: vec![0; channels],
            z: vec![state(weights.config.hidden, IDLE_LINK); channels],
            capacity: Capacity::new(channels),
            components: 0,
            acks: Vec::new(),
        })
    }

    /// The raw output of the head for flow number `i`: links, parameters and state in, slowdown out.
    fn slowdown(&self, i: usize) -> f64 {
        let (w, flow) = (&self.weights, &self.flows[i]);
        let links = std::iter::once(flow.announced.links as f64);
        let input: Vec<f64> = links.chain(self.parameters.iter().copied()).chain(flow.h.iter().copied()).collect();
        let hidden = naive::relu(naive::linear(&w.head.weight, &w.head.bias, &input));
        naive::linear(&w.slowdown.weight, &w.slowdown.bias, &hidden)[0]
    }

    /// The earliest predicted end of any active flow.
    fn first_end(&self) -> Option<(SimTime, usize)> {
        let active = (0..self.flows.len()).filter(|i| self.flows[*i].active);
        active.map(|i| (self.flows[i].announced.end(self.slowdown(i), self.now, &self.capacity, self.rules), i)).min()
    }

    fn first_arrival(&self) -> Option<(SimTime, usize)> {
        let waiting = (0..self.flows.len()).filter(|i| !self.flows[*i].arrived);
        waiting.map(|i| (self.flows[i].announced.start, i)).min()
    }

    fn channels(&self, i: usize) -> Vec<usize> {
        self.flows[i].announced.channels.iter().map(|(c, _)| *c as usize).collect()
    }

    fn arrive(&mut self, i: usize) {
        let now = self.now;
        (self.flows[i].arrived, self.flows[i].active, self.flows[i].last) = (true, true, now);
        for c in self.channels(i) {
            self.crossing[c] += 1;
            self.capacity.start(c as u32, now);
        }
        self.components += 1;
        let joined = self.components;
        for j in self.sharing(i) {
            if let Some(old) = self.flows[j].component.filter(|c| *c != joined) {
                let all = self.flows.iter_mut().filter(|f| f.component == Some(old));
                all.for_each(|f| f.component = Some(joined));
            }
        }
        self.flows[i].component = Some(joined);
        let affected = self.affected(i);
        self.update(&affected);
    }

    fn depart(&mut self, i: usize) {
        let affected: Vec<usize> = self.affected(i).into_iter().filter(|j| *j != i).collect();
        (self.flows[i].active, self.flows[i].component) = (false, None);
        for (c, time) in self.flows[i].announced.channels.clone() {
            self.capacity.end(c, time);
            self.crossing[c as usize] -= 1;
            if self.crossing[c as usize] == 0 {
                self.z[c as usize] = state(self.weights.config.hidden, IDLE_LINK);
            }
        }
        if let Some(ack) = self.flows[i].announced.ack {
            self.acks.push((self.now + ack, i));
        }
        self.update(&affected);
    }

    /// Active flows that cross a channel of flow `i`, itself among them.
    fn sharing(&self, i: usize) -> Vec<usize> {
        let mine = self.channels(i);
        let shares = |j: &usize| self.flows[*j].active && self.channels(*j).iter().any(|c| mine.contains(c));
        (0..self.flows.len()).filter(shares).collect()
    }

    /// The component of flow `i`.
    fn affected(&self, i: usize) -> Vec<usize> {
        if self.rules.components == Components::Merge {
            let same = |j: &usize| self.flows[*j].component == self.flows[i].component;
            return (0..self.flows.len()).filter(|j| self.flows[*j].active && same(j)).collect();
        }
        let mut found = vec![i];
        let mut at = 0;
        while at < found.len() {
            let near = self.sharing(found[at]);
            found.extend(near.into_iter().filter(|j| !found.contains(j)).collect::<Vec<_>>());
            at += 1;
        }
        found.sort_unstable();
        found
    }

    /// Steps 5 and 6 of the published loop for flows `s` and their links.
    fn update(&mut self, s: &[usize]) {
        let mut links: Vec<usize> = s.iter().flat_map(|i| self.channels(*i)).collect();
        links.sort_unstable();
        links.dedup();
        let elapsed = s.iter().map(|i| self.now.since(self.flows[*i].last)).max().unwrap_or(SimDuration::ZERO);
        let w = &self.weights;
        if w.config.recurrent && elapsed > SimDuration::ZERO {
            let d = [microseconds(elapsed)];
            s.iter().for_each(|i| self.flows[*i].h = naive::gru(gates(&w.flow_time), &d, &self.flows[*i].h));
            links.iter().for_each(|l| self.z[*l] = naive::gru(gates(&w.link_time), &d, &self.z[*l]));
        }
        let states = s.iter().map(|i| self.flows[*i].h.clone()).chain(links.iter().map(|l| self.z[*l].clone()));
        let mut x: Vec<Vec<f64>> = states.collect();
        let mut edges = Vec::new();
        for (a, i) in s.iter().enumerate() {
            for c in self.channels(*i) {
                let b = s.len() + links.iter().position(|l| *l == c).expect("a flow's links are among all links");
                edges.extend([(a, b), (b, a)]);
            }
        }
        for layer in &w.exchange {
            x = exchange(layer, &x, &edges);
        }
        let rate = |cell: &Cell, x: &[f64], h: &[f64]| match w.config.recurrent {
            true => naive::gru(gates(cell), x, h),
            false => x[..h.len()].to_vec(),
        };
        for (i, out) in s.iter().zip(&x) {
            let input: Vec<f64> = out.iter().chain(&self.parameters).copied().collect();
            let flow = &mut self.flows[*i];
            (flow.h, flow.last) = (rate(&w.flow_rate, &input, &flow.h), self.now);
        }
        for (l, out) in links.iter().zip(&x[s.len()..]) {
            self.z[*l] = rate(&w.link_rate, out, &self.z[*l]);
        }
    }
}

/// One SAGE layer with projection, sum over neighbours and layer norm.
fn exchange(layer: &Exchange, x: &[Vec<f64>], edges: &[(usize, usize)]) -> Vec<Vec<f64>> {
    let projected = x.iter().map(|x| naive::relu(naive::linear(&layer.project.weight, &layer.project.bias, x)));
    let projected: Vec<Vec<f64>> = projected.collect();
    let mut sums: Vec<Vec<f64>> = x.iter().map(|x| vec![0.0; x.len()]).collect();
    for (from, to) in edges {
        sums[*to].iter_mut().zip(&projected[*from]).for_each(|(sum, p)| *sum += p);
    }
    let layers = x.iter().zip(&sums).map(|(x, sum)| {
        let heard = naive::linear(&layer.neighbours.weight, &layer.neighbours.bias, sum);
        let own = naive::linear(&layer.own.weight, &[], x);
        let y: Vec<f64> = heard.iter().zip(&own).map(|(a, b)| a + b).collect();
        naive::layer_norm(&layer.gain, &layer.offset, &y)
    });
    layers.collect()
}

fn gates(cell: &Cell) -> GruWeights<'_> {
    GruWeights {
        input: &cell.input.weight,
        hidden: &cell.hidden.weight,
        input_bias: &cell.input.bias,
        hidden_bias: &cell.hidden.bias,
    }
}

fn state(hidden: usize, head: [f64; 4]) -> Vec<f64> {
    let mut state = head.to_vec();
    state.resize(hidden, 0.0);
    state
}

impl Network for ReferenceNetwork<'_> {
    fn now(&self) -> SimTime {
        self.now
    }

    fn start_flow(&mut self, f: FlowStart<'_>) {
        assert!(f.start >= self.now, "flow {:?} starts in the past", f.flow);
        let announced = Announced::new(self.topology, self.transport, &f);
        let h = state(self.weights.config.hidden, announced.initial());
        let last = f.start;
        self.flows.push(Flow { announced, arrived: false, active: false, last, component: None, h });
    }

    fn next_event(&mut self, until: SimTime) -> Option<Event> {
        loop {
            let ack = self.acks.iter().copied().min();
            let (end, arrival) = (self.first_end(), self.first_arrival());
            let next = [ack, end, arrival].into_iter().flatten().map(|(t, _)| t).min();
            let Some(next) = next.filter(|t| *t <= until && *t < SimTime::MAX) else {
                self.now = self.now.max(until);
                return None;
            };
            self.now = next;
            if let Some((time, i)) = ack.filter(|(t, _)| *t == next) {
                self.acks.retain(|a| *a != (time, i));
                return Some(Event { time, flow: self.flows[i].announced.flow, kind: EventKind::Acknowledged });
            }
            if let Some((time, i)) = end.filter(|(t, _)| *t == next) {
                self.depart(i);
                return Some(Event { time, flow: self.flows[i].announced.flow, kind: EventKind::Delivered });
            }
            if let Some((_, i)) = arrival {
                self.arrive(i);
            }
        }
    }
}
