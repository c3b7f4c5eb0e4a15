//! What the corrected model knows of contention, against its slow twin: every number again from its definition, over all flows,
//! at every step of random lives of flows. Rates come from flowsim's textbook solver; where two channels limit a flow equally, the
//! twin takes the one that the engine names, after checking that it does limit it.

use mixlab_contract::conformance::{Scope, SplitMix, random_scenario};
use mixlab_contract::{ChannelId, FlowIndex, NodeId, Scenario};
use mixlab_flowsim::MaxMin;
use mixlab_flowsim::oracle::fill;
use mixlab_m4::corrected::contention::{Contention, Entry, HORIZONS, PAST, SCALE};
use mixlab_m4::corrected::features::log1p;

/// An active flow as the twin keeps it.
struct Flow {
    slot: u32,
    path: Vec<u32>,
    entry: Entry,
    start: f64,
    rate: f64,
    bottleneck: Option<usize>,
    queued: f64,
    speed: f64,
    left: f64,
    since: f64,
    /// Steps of what it remembers: (Δt, speed ÷ line, wait) since it began.
    steps: Vec<(f64, f64, f64)>,
    wait: f64,
}

impl Flow {
    fn afloat(&self, t: f64, window: f64) -> f64 {
        (self.left - self.speed * (t - self.since)).max(0.0).min(window)
    }

    fn on(&self, c: u32) -> Option<usize> {
        self.path.iter().position(|p| *p == c)
    }
}

/// What a channel was last known to have: moments of change with Q and load, and what was measured.
#[derive(Clone, Default)]
struct Known {
    history: Vec<(f64, f64, f64)>,
    queue: f64,
    /// What waits here and one hop on, and when it was measured: once per moment and set of flows, with the speeds of then.
    held: f64,
    held_in: f64,
    measured: Option<f64>,
    busy_since: f64,
    carried: f64,
}

struct Twin<'a> {
    scenario: &'a Scenario,
    window: f64,
    capacities: Vec<f64>,
    /// In order of arrival.
    flows: Vec<Flow>,
    known: Vec<Known>,
    /// flowsim's solver once more: which rates it wrote, some of them with the value they had.
    solver: MaxMin,
}

fn close(what: &str, ours: f64, twin: f64) {
    let scale = ours.abs().max(twin.abs()).max(1e-6);
    assert!((ours - twin).abs() <= 1e-7 * scale, "{what}: {ours}, its twin has {twin}");
}

/// Implicit Euler over all steps (Δt, value): a' = (a + x·v) / (1 + x), x = Δt ÷ τ.
fn average(start: f64, tau: f64, steps: impl Iterator<Item = (f64, f64)>) -> f64 {
    steps.fold(start, |a, (dt, v)| (a + dt / tau * v) / (1.0 + dt / tau))
}

impl<'a> Twin<'a> {
    fn new(scenario: &'a Scenario, window: f64) -> Self {
        let topology = scenario.topology();
        let capacities: Vec<f64> =
            (0..topology.channel_count()).map(|c| topology.links()[c / 2].rate.0 as f64).collect();
        let known = vec![Known { history: vec![(0.0, 0.0, 0.0)], ..Known::default() }; capacities.len()];
        let solver = MaxMin::new(capacities.iter().copied());
        Self { scenario, window, capacities, flows: Vec::new(), known, solver }
    }

    /// Volume on a channel of the flows that `part` says.
    fn sum(&self, c: u32, part: impl Fn(&Flow, usize) -> f64) -> f64 {
        self.flows.iter().filter_map(|f| Some(part(f, f.on(c)?))).sum()
    }

    fn rates(&self) -> Vec<f64> {
        let flows: Vec<(&[u32], f64)> = self.flows.iter().map(|f| (f.path.as_slice(), f.entry.cap)).collect();
        fill(&self.capacities, &flows)
    }

    /// New rates; returns the flows whose rate the solver wrote, among them all whose rate changed.
    fn settle(&mut self, state: &Contention) -> Vec<u32> {
        let rates = self.rates();
        self.solver.settle();
        let written = self.solver.changed().to_vec();
        for (i, rate) in rates.iter().enumerate() {
            let ours = state.flow(self.flows[i].slot);
            close("rate", ours.rate, *rate);
            let known = ours.rate == self.flows[i].rate || written.contains(&self.flows[i].slot);
            assert!(known, "a rate changed unseen");
            self.check_bottleneck(i, &rates, ours.bottleneck);
            let f = &mut self.flows[i];
            (f.rate, f.bottleneck) = (ours.rate, ours.bottleneck);
            let flying = f.rate * f.entry.rtt;
            f.queued = if f.bottleneck.is_some() { (self.window.min(f.entry.volume) - flying).max(0.0) } else { 0.0 };
            close("queued", ours.queued, f.queued);
        }
        written
    }

    /// Max-min fairness: a flow is at its cap, or its bottleneck is full and has no faster flow.
    fn check_bottleneck(&self, i: usize, rates: &[f64], bottleneck: Option<usize>) {
        let f = &self.flows[i];
        let Some(hop) = bottleneck else { return close("rate of a capped flow", rates[i], f.entry.cap) };
        let c = f.path[hop];
        let on = || self.flows.iter().zip(rates).filter(|(g, _)| g.on(c).is_some()).map(|(_, r)| *r);
        close("load of a bottleneck", on().sum::<f64>(), self.capacities[c as usize]);
        assert!(on().all(|r| r <= rates[i] * (1.0 + 1e-9)), "a bottleneck with a faster flow");
    }

    /// All that a settled channel says; `t` = now, when it was touched.
    fn check_channel(&mut self, state: &Contention, c: u32, t: f64) {
        let ours = state.channel(c);
        let at = |f: &Flow, hop: usize, behind: usize| f64::from(u8::from(f.bottleneck == Some(hop + behind)));
        let queue = self.sum(c, |f, hop| at(f, hop, 0) * f.queued);
        let pressure = |f: &Flow, hop: usize| if f.bottleneck.is_some_and(|b| b > hop) { f.queued } else { 0.0 };
        let small = |f: &Flow, _| if f.entry.volume <= self.window { f.entry.volume } else { 0.0 };
        let young = |f: &Flow, _| if t - f.start < f.entry.rtt { f.entry.volume.min(self.window) } else { 0.0 };
        close("Q", ours.queue, queue);
        close("I", ours.ingress, self.sum(c, |f, hop| at(f, hop, 1) * f.queued));
        close("P", ours.pressure, self.sum(c, pressure));
        close("small", ours.small, self.sum(c, small));
        close("fresh", ours.fresh, self.sum(c, young));
        close("limited", f64::from(ours.limited), self.sum(c, |f, hop| at(f, hop, 0)));
        close("flows", ours.flows() as f64, self.sum(c, |_, _| 1.0));
        let load = self.sum(c, |f, _| f.rate) / self.capacities[c as usize];
        close("load", ours.load, load);
        let known = &mut self.known[c as usize];
        known.queue = queue;
        known.history.push((t, queue, load));
    }

    /// Running averages as of a later time: what was true holds until the next change.
    fn check_averages(&self, state: &Contention, c: u32, t: f64) {
        let history = &self.known[c as usize].history;
        let ends = history.iter().skip(1).map(|h| h.0).chain([t]);
        let steps: Vec<(f64, f64, f64)> = history.iter().zip(ends).map(|(h, end)| (end - h.0, h.1, h.2)).collect();
        for (i, tau) in HORIZONS.into_iter().enumerate() {
            let (queue, load) = state.channel(c).averages(i, t);
            close("average queue", queue, average(0.0, tau, steps.iter().map(|s| (s.0, s.1))));
            close("average load", load, average(0.0, tau, steps.iter().map(|s| (s.0, s.2))));
        }
    }

    /// Buffers in use: over the channels that leave a switch, as each was last known.
    fn check_nodes(&self, state: &Contention) {
        let topology = self.scenario.topology();
        for c in 0..self.capacities.len() as u32 {
            let node = topology.head(ChannelId(c));
            let out =
                |part: fn(&Known) -> f64| topology.outgoing(node).iter().map(|o| part(&self.known[o.index()])).sum();
            let largest: f64 = out(|k| k.queue.abs() + k.held.abs());
            let slack = 1e-9 * largest.max(SCALE * 1e6);
            let near =
                |what: &str, ours: f64, twin: f64| assert!((ours - twin).abs() <= slack, "{what}: {ours}, {twin}");
            near("backlog", state.behind(c).backlog, out(|k| k.queue));
            near("held", state.behind(c).held, out(|k| k.held));
        }
    }

    /// Looks at a flow as the network does, then gives it a speed.
    fn look(&mut self, state: &mut Contention, place: usize, t: f64, speed: f64) {
        let slot = self.flows[place].slot;
        state.measure(slot, t);
        let path = self.flows[place].path.clone();
        let mut longest = 0.0f64;
        for (hop, c) in path.iter().enumerate() {
            self.measure(*c, t);
            let before = self.flows.iter().take_while(|f| f.slot != slot).filter(|f| f.on(*c).is_some());
            let ahead: f64 = before.map(|f| f.afloat(t, self.window)).sum();
            let (ours, known) = (state.channel(*c), &self.known[*c as usize]);
            close("ahead", state.ahead(&state.flow(slot).entry)[hop], ahead);
            close("afloat", ours.afloat, self.sum(*c, |f, _| f.afloat(t, self.window)));
            close("held", ours.held, known.held);
            close("held on the way in", ours.held_in, known.held_in);
            if hop > 0 {
                longest = longest.max(ahead / self.capacities[*c as usize]);
            }
        }
        let f = &mut self.flows[place];
        f.steps.push((t - f.since, f.speed / f.entry.line, f.wait));
        f.wait = f64::from(log1p(4.0 * longest / f.entry.rtt));
        let past = state.flow(slot).past;
        close("wait", past.wait, f.wait);
        for (i, tau) in PAST.into_iter().enumerate() {
            close("past speed", past.speed[i], average(1.0, tau, f.steps.iter().map(|s| (s.0, s.1))));
            close("past waits", past.waits[i], average(0.0, tau, f.steps.iter().map(|s| (s.0, s.2))));
        }
        let left = (f.left - f.speed * (t - f.since)).max(0.0);
        close("left", state.flow(slot).left(t), left);
        (f.left, f.since, f.speed) = (left, t, speed);
        state.set_speed(slot, speed, t, left);
        for c in path {
            close("throughput", state.channel(c).throughput, self.sum(c, |f, _| f.speed));
        }
    }

    fn measure(&mut self, c: u32, t: f64) {
        if self.known[c as usize].measured == Some(t) {
            return;
        }
        let waiting = |f: &Flow| (f.afloat(t, self.window) - f.speed * f.entry.rtt).max(0.0);
        let at = |f: &Flow, hop: usize| if f.bottleneck == Some(hop) { waiting(f) } else { 0.0 };
        let (held, held_in) = (self.sum(c, at), self.sum(c, |f, hop| at(f, hop + 1)));
        let known = &mut self.known[c as usize];
        (known.held, known.held_in, known.measured) = (held, held_in, Some(t));
    }

    fn begin(&mut self, slot: u32, path: &[ChannelId], entry: Entry, t: f64) {
        let path: Vec<u32> = path.iter().map(|c| c.0).collect();
        for c in &path {
            let first = self.flows.iter().all(|f| f.on(*c).is_none());
            let known = &mut self.known[*c as usize];
            known.measured = None;
            if first {
                (known.busy_since, known.carried) = (t, 0.0);
            }
        }
        assert_eq!(self.solver.insert(&path, entry.cap), slot);
        let (bottleneck, left) = (None, entry.volume);
        let life = Flow {
            slot,
            path,
            entry,
            start: t,
            rate: 0.0,
            bottleneck,
            queued: 0.0,
            speed: 0.0,
            left,
            since: t,
            steps: vec![],
            wait: 0.0,
        };
        self.flows.push(life);
    }

    /// A channel has carried at most its capacity since it became busy.
    fn check_earliest_end(&self, state: &Contention, place: usize) {
        let f = &self.flows[place];
        let bound = |c: &u32| {
            let known = &self.known[*c as usize];
            known.busy_since + (known.carried + f.entry.volume) / self.capacities[*c as usize]
        };
        close("earliest end", state.earliest_end(f.slot), f.path.iter().map(bound).fold(0.0, f64::max));
    }

    fn end(&mut self, place: usize) -> Vec<u32> {
        let f = self.flows.remove(place);
        self.solver.remove(f.slot);
        for c in &f.path {
            let known = &mut self.known[*c as usize];
            known.carried += f.entry.volume;
            known.measured = None;
        }
        f.path
    }
}

/// One random life of all flows of a scenario: arrivals in order, ends and last windows at random, several at one moment.
fn live(seed: u64) {
    let scenario = random_scenario(seed, Scope { closed_loops: false, ..Scope::default() });
    let mut random = SplitMix(seed);
    let mut state = Contention::new(&scenario);
    let mut twin = Twin::new(&scenario, state.window());
    let (mut t, mut next) = (0.0f64, 0usize);
    while next < scenario.flows().len() || !twin.flows.is_empty() {
        t += (random.below(40) * random.below(40)) as f64 * 1e4;
        let mut touched: Vec<u32> = Vec::new();
        for _ in 0..=random.below(3) {
            let arrives = next < scenario.flows().len() && (twin.flows.is_empty() || random.below(2) == 0);
            if arrives {
                touched.extend(arrive(&scenario, FlowIndex(next as u32), &mut state, &mut twin, t));
                next += 1;
            } else if !twin.flows.is_empty() {
                let place = random.below(twin.flows.len() as u64) as usize;
                // The network never ends or changes a flow in the moment it came.
                if twin.flows[place].start < t {
                    touched.extend(leave_or_change(&mut state, &mut twin, place, t, random.below(4) == 0));
                }
            }
        }
        state.settle(t);
        check_moment(&mut state, &mut twin, touched, t, &mut random);
    }
}

fn arrive(scenario: &Scenario, i: FlowIndex, state: &mut Contention, twin: &mut Twin<'_>, t: f64) -> Vec<u32> {
    let path = scenario.path(i);
    let line = path.iter().map(|c| twin.capacities[c.index()]).fold(f64::INFINITY, f64::min);
    let volume = (scenario.flows()[i.index()].size.0.max(1) * 8) as f64 * SCALE;
    let windowed = volume > state.window();
    let first = state.route(path);
    let first_ack = state.route(scenario.ack_path(i));
    let (hops, ack_hops) = (path.len(), scenario.ack_path(i).len());
    let cap = if windowed { line * 0.7 } else { line };
    let entry = Entry { first, hops, first_ack, ack_hops, volume, cap, windowed, line, rtt: 8e6, lone: 1e7 };
    let slot = state.begin(t, entry);
    twin.begin(slot, path, entry, t);
    path.iter().map(|c| c.0).collect()
}

fn leave_or_change(state: &mut Contention, twin: &mut Twin<'_>, place: usize, t: f64, change: bool) -> Vec<u32> {
    let f = &mut twin.flows[place];
    if change && f.entry.windowed {
        (f.entry.windowed, f.entry.cap) = (false, f.entry.line);
        twin.solver.raise_cap(f.slot, f.entry.line);
        state.release_last_window(f.slot, f.entry.line);
        return f.path.clone();
    }
    twin.check_earliest_end(state, place);
    state.end(t, twin.flows[place].slot);
    twin.end(place)
}

/// Everything that may be asked at a moment, and speeds at random for the flows that something changed for.
fn check_moment(state: &mut Contention, twin: &mut Twin<'_>, mut touched: Vec<u32>, t: f64, random: &mut SplitMix) {
    let changed = twin.settle(state);
    touched.extend(twin.flows.iter().filter(|f| changed.contains(&f.slot)).flat_map(|f| f.path.clone()));
    touched.sort_unstable();
    touched.dedup();
    for c in &touched {
        twin.check_channel(state, *c, t);
    }
    let mut affected: Vec<u32> = state.affected().to_vec();
    let expected = twin.flows.iter().filter(|f| f.path.iter().any(|c| touched.contains(c))).map(|f| f.slot);
    let mut expected: Vec<u32> = expected.collect();
    let order = affected.clone();
    affected.sort_unstable();
    expected.sort_unstable();
    assert_eq!(affected, expected, "flows that share a channel with one that came, went or changed");
    for slot in order {
        let place = twin.flows.iter().position(|f| f.slot == slot).expect("affected flows are active");
        let speed = twin.flows[place].entry.line * (1 + random.below(100)) as f64 / 100.0;
        twin.look(state, place, t, speed);
    }
    for c in 0..twin.capacities.len() as u32 {
        twin.check_averages(state, c, t + 1e6);
    }
    twin.check_nodes(state);
}

#[test]
fn contention_is_what_its_definitions_say_at_every_step_of_random_lives() {
    (0..400).for_each(live);
}

#[test]
fn the_pools_of_switches_are_their_buffers_less_headroom_and_hosts_have_none() {
    let scenario = random_scenario(1, Scope::default());
    let (state, topology) = (Contention::new(&scenario), scenario.topology());
    for c in 0..topology.channel_count() as u32 {
        let node: NodeId = topology.head(ChannelId(c));
        let ports = topology.outgoing(node).len() as f64;
        let buffer = scenario.transport().buffer.0 as f64;
        let bytes =
            if topology.hosts().any(|h| h == node) { 0.0 } else { (buffer - ports * 2.0 * 8455.0).max(0.2 * buffer) };
        close("pool", state.behind(c).pool, bytes * 8.0 * SCALE);
    }
}
