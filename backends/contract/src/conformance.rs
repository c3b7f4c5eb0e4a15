//! The laws every backend is held to, as a reusable suite, and random small scenarios to hold it to them on.
//!
//! A law returns `Err` with what it saw; tests print it together with the seed of the scenario. `mixlab doctor` can run the
//! same laws over a backend a user plugs in.

use crate::backend::{Backend, FlowOutcome, RunOutput, Silent};
use crate::ideal::ideal_fct;
use crate::network::{Event, EventKind, FlowStart, Network};
use crate::scenario::{Application, Flow, Scenario, ScenarioParts};
use crate::tcp::{QueueDiscipline, TcpVariant};
use crate::topology::{Link, NodeId, NodeKind, Topology};
use crate::transport::{CongestionControl, Marking, Transport};
use crate::units::{BitsPerSec, Bytes, SimDuration, SimTime};

/// What a law saw when it was broken.
pub type Verdict = Result<(), String>;

/// Checks an output against its scenario: one outcome per flow, starts not before the flow's own, FCT ≥ ideal − tolerance,
/// nothing after the horizon. The runner does this after every run.
///
/// # Errors
/// The first violation.
pub fn check_output(scenario: &Scenario, output: &RunOutput, tolerance: SimDuration) -> Verdict {
    let (flows, outcomes) = (scenario.flows().len(), output.outcomes.len());
    if outcomes != flows {
        return Err(format!("{outcomes} outcomes for {flows} flows"));
    }
    for index in scenario.indices() {
        let flow = scenario.flow(index);
        let (start, fct) = match output.outcomes[index.index()] {
            FlowOutcome::Completed { start, fct } => (Some(start), Some(fct)),
            FlowOutcome::Unfinished { start } => (start, None),
        };
        if start.is_some_and(|s| s < flow.start) {
            return Err(format!("flow {} was released before its start at {}", flow.id, flow.start));
        }
        let (Some(start), Some(fct)) = (start, fct) else { continue };
        let ideal = ideal_fct(scenario, index);
        if fct + tolerance < ideal {
            return Err(format!("flow {} took {fct}, less than its ideal FCT of {ideal}", flow.id));
        }
        if start + fct > scenario.horizon() {
            return Err(format!("flow {} finished at {}, after the horizon", flow.id, start + fct));
        }
    }
    Ok(())
}

/// Law: a run's output is complete, not faster than ideal, within the horizon, and the same when run again.
///
/// # Errors
/// The first violation, or the run's own error.
pub fn output_is_sound_and_repeatable(backend: &dyn Backend, scenario: &Scenario) -> Verdict {
    let first = backend.run(scenario, &Silent).map_err(|e| e.to_string())?;
    check_output(scenario, &first, backend.tolerance())?;
    let second = backend.run(scenario, &Silent).map_err(|e| e.to_string())?;
    if first == second { Ok(()) } else { Err("two runs of the same scenario differ".into()) }
}

/// Law: a flow that has the network to itself takes its ideal FCT (within `slack`).
///
/// PRECONDITION: the scenario's window does not limit the flow (size ≤ window, or no window).
///
/// # Errors
/// The violation.
pub fn lone_flow_is_ideal(backend: &dyn Backend, scenario: &Scenario, slack: SimDuration) -> Verdict {
    let mut parts = scenario.clone().into_parts();
    parts.flows.truncate(1);
    parts.paths = None;
    parts.application = Application::Open;
    if let Some(window) = parts.transport.window {
        parts.flows[0].size = parts.flows[0].size.min(window);
    }
    let lone = Scenario::new(parts).map_err(|e| e.to_string())?;
    let output = backend.run(&lone, &Silent).map_err(|e| e.to_string())?;
    let ideal = ideal_fct(&lone, lone.indices().next().expect("one flow"));
    match output.outcomes[0].fct() {
        Some(fct) if fct + slack >= ideal && fct <= ideal + slack => Ok(()),
        other => Err(format!("a lone flow took {other:?}, its ideal FCT is {ideal}")),
    }
}

/// Law: two networks that share nothing do not influence each other.
///
/// Runs two copies of the scenario side by side (disjoint nodes, interleaved flows) and compares the first copy's outcomes
/// with the scenario alone. Paths are copied, since ECMP choices depend on node ids, and flows start at their own times,
/// since the groups of a closed loop depend on host ids.
///
/// # Errors
/// The first flow that differs.
pub fn disjoint_parts_do_not_interact(backend: &dyn Backend, scenario: &Scenario) -> Verdict {
    let mut parts = scenario.clone().into_parts();
    parts.application = Application::Open;
    let scenario = &Scenario::new(parts).map_err(|e| e.to_string())?;
    let alone = backend.run(scenario, &Silent).map_err(|e| e.to_string())?;
    let both = backend.run(&doubled(scenario)?, &Silent).map_err(|e| e.to_string())?;
    for index in scenario.indices() {
        let i = index.index();
        if alone.outcomes[i] != both.outcomes[2 * i] {
            return Err(format!("flow {i}: {:?} alone, {:?} beside a copy", alone.outcomes[i], both.outcomes[2 * i]));
        }
    }
    Ok(())
}

fn doubled(scenario: &Scenario) -> Result<Scenario, String> {
    let t = scenario.topology();
    let nodes = t.node_count() as u32;
    let shift = |n: NodeId| NodeId(n.0 + nodes);
    let mut kinds: Vec<NodeKind> = (0..nodes).map(|n| t.kind(NodeId(n))).collect();
    kinds.extend_from_within(..);
    let mut links = t.links().to_vec();
    links.extend(t.links().iter().map(|l| Link { a: shift(l.a), b: shift(l.b), ..*l }));
    let mut order = t.switch_order().to_vec();
    order.extend(t.switch_order().iter().map(|s| shift(*s)));
    let channels = t.channel_count() as u32;
    let (mut flows, mut paths, mut acks) = (Vec::new(), crate::Paths::new(), crate::Paths::new());
    for index in scenario.indices() {
        let f = *scenario.flow(index);
        let id = 2 * u64::from(index.0);
        flows.push(Flow { id, ..f });
        flows.push(Flow { id: id + 1, src: shift(f.src), dst: shift(f.dst), ..f });
        for (all, path) in [(&mut paths, scenario.path(index)), (&mut acks, scenario.ack_path(index))] {
            all.push(path);
            all.push(&path.iter().map(|c| crate::ChannelId(c.0 + channels)).collect::<Vec<_>>());
        }
    }
    let parts = ScenarioParts {
        topology: Topology::new(kinds, links, order).map_err(|e| e.to_string())?,
        flows,
        paths: Some((paths, acks)),
        transport: scenario.transport().clone(),
        application: scenario.application(),
        horizon: scenario.horizon(),
    };
    Scenario::new(parts).map_err(|e| e.to_string())
}

/// Announces the first flow of a scenario when the clock is past its start: a network has to refuse that, and a test to expect it.
pub fn announce_late<'a, N: Network>(scenario: &'a Scenario, fresh: impl Fn(&'a Scenario) -> N) {
    let mut network = fresh(scenario);
    assert_eq!(network.next_event(SimTime::from_ns(5_000_000_000)), None);
    announce_first(scenario, &mut network);
}

/// Announces the first flow of a scenario twice: a network has to refuse that, and a test to expect it.
pub fn announce_twice<'a, N: Network>(scenario: &'a Scenario, fresh: impl Fn(&'a Scenario) -> N) {
    let mut network = fresh(scenario);
    announce_first(scenario, &mut network);
    announce_first(scenario, &mut network);
}

fn announce_first(scenario: &Scenario, network: &mut impl Network) {
    let flow = scenario.indices().next().expect("scenarios have flows");
    network.start_flow(FlowStart::of(scenario, flow, scenario.flow(flow).start, false));
}

/// Law: the clock never goes back, every flow is delivered and acknowledged at most once and in that order, and stopping
/// at arbitrary times on the way changes nothing. `fresh` makes an empty network for the scenario.
///
/// # Errors
/// The first violation.
pub fn network_laws<'a, N: Network>(scenario: &'a Scenario, fresh: impl Fn(&'a Scenario) -> N) -> Verdict {
    let whole = events(scenario, &mut fresh(scenario), &[])?;
    let mut random = SplitMix(scenario.flows().len() as u64);
    let first = scenario.flows().first().map_or(0, |f| f.start.ps());
    let last = whole.last().map_or(first, |e| e.time.ps());
    let mut stops: Vec<SimTime> =
        (0..50).map(|_| SimTime::from_ps(first + random.below((last - first).max(1)))).collect();
    stops.extend(whole.iter().take(10).map(|e| e.time)); // stops exactly at events
    stops.sort_unstable();
    let split = events(scenario, &mut fresh(scenario), &stops)?;
    if whole != split {
        return Err("splitting the interval of `next_event` changed the events".into());
    }
    Ok(())
}

fn events<N: Network>(scenario: &Scenario, network: &mut N, stops: &[SimTime]) -> Result<Vec<Event>, String> {
    for flow in scenario.indices() {
        network.start_flow(FlowStart::of(scenario, flow, scenario.flow(flow).start, true));
    }
    let mut seen = Vec::new();
    let mut state = vec![0u8; scenario.flows().len()];
    for until in stops.iter().copied().chain([scenario.horizon()]) {
        while let Some(event) = network.next_event(until) {
            if event.time != network.now() || event.time > until {
                return Err(format!("{event:?} was reported with the clock at {} and until {until}", network.now()));
            }
            if seen.last().is_some_and(|last: &Event| last.time > event.time) {
                return Err(format!("the clock went back to {event:?}"));
            }
            let s = &mut state[event.flow.index()];
            match (event.kind, *s) {
                (EventKind::Delivered, 0) => *s = 1,
                (EventKind::Acknowledged, 1) => *s = 2,
                _ => return Err(format!("{event:?} out of order or repeated")),
            }
            seen.push(event);
        }
        if network.now() != until.max(seen.last().map_or(SimTime::ZERO, |e| e.time)) {
            return Err(format!("no event until {until}, but the clock is at {}", network.now()));
        }
    }
    Ok(seen)
}

/// A small generator (SplitMix64) for test scenarios, for which flows the floor shifts, and for initial weights in training.
#[derive(Clone, Debug)]
pub struct SplitMix(pub u64);

impl SplitMix {
    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n` (n > 0).
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// One of `choices`.
    pub fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// Flow sizes of Hadoop nodes: (bytes, share of flows up to it), log-linear between. Roy et al. 2015, figure 6.
const HADOOP: [(f64, f64); 14] = [
    (80.0, 0.0),
    (300.0, 0.05),
    (400.0, 0.2),
    (610.0, 0.4),
    (1_000.0, 0.6),
    (6_300.0, 0.7),
    (48_000.0, 0.8),
    (130_000.0, 0.9),
    (300_000.0, 0.95),
    (1_700_000.0, 0.98),
    (7_800_000.0, 0.99),
    (49_000_000.0, 0.995),
    (87_000_000.0, 0.999),
    (96_000_000.0, 1.0),
];

/// The flow size (bytes) of Hadoop nodes below which a `share` (0 to 1) of their flows lie: the workload that benches are measured on.
pub fn hadoop_size(share: f64) -> f64 {
    let above = HADOOP.iter().position(|(_, p)| *p > share).unwrap_or(HADOOP.len() - 1);
    let ((low, from), (high, to)) = (HADOOP[above - 1], HADOOP[above]);
    low * (high / low).powf((share - from) / (to - from))
}

/// What random scenarios may contain.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// Flows at most.
    pub flows: u64,
    /// Largest flow in bytes.
    pub largest: u64,
    /// Whether link rates and delays differ within a scenario (multiples of 10 Gb/s and of 500 ns), or all are 10 Gb/s, 1 µs.
    pub mixed_links: bool,
    /// Whether some scenarios are closed loops.
    pub closed_loops: bool,
}

impl Default for Scope {
    fn default() -> Self {
        Self { flows: 60, largest: 200_000, mixed_links: true, closed_loops: true }
    }
}

/// A random leaf–spine scenario with any of the four congestion controls; equal seeds give equal scenarios.
pub fn random_scenario(seed: u64, scope: Scope) -> Scenario {
    let mut r = SplitMix(seed);
    let (leaves, spines, hosts_per_leaf) = (1 + r.below(4) as u32, 1 + r.below(3) as u32, 2 + r.below(4) as u32);
    let hosts = leaves * hosts_per_leaf;
    let mut link = |a, b, rates: &[u64]| {
        let (rate, delay) = if scope.mixed_links { (r.choose(rates), 500 * (1 + r.below(4))) } else { (10, 1000) };
        let (rate, delay) = (BitsPerSec::from_gbps(rate), SimDuration::from_ns(delay));
        Link { a: NodeId(a), b: NodeId(b), rate, delay }
    };
    let mut links = Vec::new();
    for leaf in 0..leaves {
        links.extend((0..spines).map(|s| link(hosts + leaf, hosts + leaves + s, &[10, 40])));
        links.extend((0..hosts_per_leaf).map(|h| link(leaf * hosts_per_leaf + h, hosts + leaf, &[10])));
    }
    let nodes = hosts + leaves + spines;
    let kinds = (0..nodes).map(|n| if n < hosts { NodeKind::Host } else { NodeKind::Switch }).collect();
    let topology = Topology::new(kinds, links, (hosts..nodes).map(NodeId).collect()).expect("leaf–spine is valid");
    let mut start = SimTime::from_ns(1_000_000_000);
    let flows = (0..1 + r.below(scope.flows))
        .map(|id| {
            let src = r.below(hosts.into()) as u32;
            let dst = (src + 1 + r.below(u64::from(hosts) - 1) as u32) % hosts;
            let size = Bytes(1 + if r.below(3) == 0 { r.below(2_500) } else { r.below(scope.largest) });
            if r.below(4) > 0 {
                start = start + SimDuration::from_ns(r.below(20_000));
            }
            Flow { id, src: NodeId(src), dst: NodeId(dst), size, start }
        })
        .collect();
    let application = match scope.closed_loops && r.below(4) == 0 {
        true => Application::ClosedLoop { max_inflight: 1 + r.below(4) as u32, hosts_per_group: 1 + r.below(4) as u32 },
        false => Application::Open,
    };
    let transport = random_transport(&mut r);
    let horizon = SimTime::from_ns(3_000_000_000);
    Scenario::new(ScenarioParts { topology, flows, paths: None, transport, application, horizon }).expect("valid parts")
}

fn random_transport(r: &mut SplitMix) -> Transport {
    let mbps = |m: u64| BitsPerSec(m * 1_000_000);
    let us = |u: u64| SimDuration::from_ns(u * 1_000);
    let congestion_control = match r.below(4) {
        0 => CongestionControl::Dctcp { gain: 0.0625, additive: mbps(615) },
        1 => CongestionControl::Dcqcn {
            gain: 0.00390625,
            alpha_interval: us(50),
            decrease_interval: us(50),
            increase_interval: us(55),
            fast_recovery_rounds: 1,
            additive: mbps(2),
            hyper: mbps(20),
            clamp_target: false,
        },
        2 => CongestionControl::Hpcc {
            target_utilisation: 0.7 + r.below(26) as f64 / 100.0,
            additive: mbps(500 + r.below(500)),
            additive_stages: 0,
            telemetry_multiplier: 1,
            fast_reaction: true,
            per_hop_rate: false,
        },
        _ => CongestionControl::Timely {
            t_low: us(40 + r.below(20)),
            t_high: us(100 + r.below(50)),
            beta: 0.8,
            additive: mbps(10),
            hyper: mbps(50),
        },
    };
    let (k_min, k_max) = (4_000 + r.below(20_000), 24_000 + r.below(20_000));
    let dctcp = matches!(congestion_control, CongestionControl::Dctcp { .. });
    let mark = |scale: u64| {
        let k_min = Bytes(k_min * scale);
        let k_max = if dctcp { k_min } else { Bytes(k_max * scale) };
        Marking { k_min, k_max, p_max: if dctcp { 1.0 } else { 0.2 } }
    };
    Transport {
        payload: Bytes(1000),
        window: Some(Bytes(5_000 + r.below(20_000))),
        variable_window: true,
        min_rate: BitsPerSec::from_gbps(1),
        max_rate: BitsPerSec::from_gbps(10),
        rate_bound: true,
        ack_high_priority: r.below(2) == 0,
        pfc: true,
        ecn: true,
        buffer: Bytes(1024 * (100 + r.below(200))),
        marking: vec![(BitsPerSec::from_gbps(10), mark(1)), (BitsPerSec::from_gbps(40), mark(4))],
        congestion_control,
        rng_run: 1,
    }
}

/// The same network, flows and application under TCP: segments of 1,460 bytes, 400 KiB for each port, RED marking from 30 KB at
/// 10 Gb/s (in proportion at other rates).
pub fn under_tcp(scenario: &Scenario, variant: TcpVariant, queue: QueueDiscipline) -> Scenario {
    let mut parts = scenario.clone().into_parts();
    let topology = &parts.topology;
    let nics = topology.hosts().map(|h| topology.link(topology.outgoing(h)[0]).rate);
    let mut rates: Vec<BitsPerSec> = topology.links().iter().map(|l| l.rate).collect();
    rates.sort_unstable();
    rates.dedup();
    rates.retain(|_| queue == QueueDiscipline::Red);
    let mark = |rate: BitsPerSec| {
        let k = Bytes(rate.0 / 1_000_000_000 * 3_000);
        (rate, Marking { k_min: k, k_max: k, p_max: 1.0 })
    };
    parts.transport = Transport {
        payload: Bytes(1_460),
        window: None,
        variable_window: false,
        min_rate: BitsPerSec(0),
        max_rate: nics.max().expect("a scenario with flows has hosts"),
        rate_bound: false,
        ack_high_priority: false,
        pfc: false,
        ecn: queue != QueueDiscipline::Fifo,
        buffer: Bytes(400 << 10),
        marking: rates.into_iter().map(mark).collect(),
        congestion_control: CongestionControl::Tcp { variant, queue },
        rng_run: 1,
    };
    Scenario::new(parts).expect("the network and the flows were valid before")
}

/// Every queue discipline, with times for round trips of some tens of microseconds.
pub fn queue_disciplines() -> [QueueDiscipline; 5] {
    let us = |u: u64| SimDuration::from_ns(u * 1_000);
    [
        QueueDiscipline::Fifo,
        QueueDiscipline::Red,
        QueueDiscipline::CoDel { target: us(30), interval: us(600) },
        QueueDiscipline::FqCoDel { target: us(30), interval: us(600) },
        QueueDiscipline::Pie { target: us(30), update_interval: us(30) },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ideal::{IdealBackend, IdealNetwork};

    #[test]
    fn the_ideal_backend_obeys_every_law() {
        for seed in 0..200 {
            let scenario = random_scenario(seed, Scope::default());
            let check = |v: Verdict| v.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            check(output_is_sound_and_repeatable(&IdealBackend, &scenario));
            check(lone_flow_is_ideal(&IdealBackend, &scenario, SimDuration::ZERO));
            check(disjoint_parts_do_not_interact(&IdealBackend, &scenario));
            check(network_laws(&scenario, IdealNetwork::new));
        }
    }
}
