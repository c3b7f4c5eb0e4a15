//! Speed on a three-tier fabric of 1,024 hosts (4 pods × 4 fabrics × 16 racks × 16 hosts, 10 Gb/s and 1 µs everywhere, so
//! racks are oversubscribed 4 to 1): random pairs, exponential arrivals and sizes, at rates that keep about 100, 500 and 1,100
//! flows active. Prints flows per CPU second, what one event touches, and the ratio to the oracle on a prefix.
//!
//! `cargo bench -p mixlab-flowsim --bench fabric`

use cpu_time::ThreadTime;
use mixlab_contract::conformance::SplitMix;
use mixlab_contract::{
    Application, BitsPerSec, Bytes, CongestionControl, Flow, FlowOutcome, Link, Network, NodeId, NodeKind, Scenario,
    ScenarioParts, Silent, SimDuration, SimTime, Topology, Transport, drive,
};
use mixlab_flowsim::{FluidNetwork, OracleNetwork, Rules};

const PODS: u32 = 4;
const PLANES: u32 = 4;
const RACKS: u32 = 16;
const HOSTS_PER_RACK: u32 = 16;
const SPINES_PER_PLANE: u32 = 16;
const MEAN_SIZE: f64 = 100_000.0;

fn fabric() -> Topology {
    let hosts = PODS * RACKS * HOSTS_PER_RACK;
    let tor = |pod: u32, rack: u32| hosts + pod * RACKS + rack;
    let fab = |pod: u32, plane: u32| hosts + PODS * RACKS + pod * PLANES + plane;
    let spine = |plane: u32, s: u32| hosts + PODS * (RACKS + PLANES) + plane * SPINES_PER_PLANE + s;
    let mut ends = Vec::new();
    for pod in 0..PODS {
        for rack in 0..RACKS {
            let first = (pod * RACKS + rack) * HOSTS_PER_RACK;
            ends.extend((first..first + HOSTS_PER_RACK).map(|h| (h, tor(pod, rack))));
            ends.extend((0..PLANES).map(|plane| (tor(pod, rack), fab(pod, plane))));
        }
        for plane in 0..PLANES {
            ends.extend((0..SPINES_PER_PLANE).map(|s| (fab(pod, plane), spine(plane, s))));
        }
    }
    let (rate, delay) = (BitsPerSec::from_gbps(10), SimDuration::from_ns(1_000));
    let links = ends.into_iter().map(|(a, b)| Link { a: NodeId(a), b: NodeId(b), rate, delay }).collect();
    let nodes = spine(PLANES - 1, SPINES_PER_PLANE - 1) + 1;
    let kinds = (0..nodes).map(|n| if n < hosts { NodeKind::Host } else { NodeKind::Switch }).collect();
    Topology::new(kinds, links, (hosts..nodes).map(NodeId).collect()).expect("the fabric is a valid topology")
}

fn transport() -> Transport {
    Transport {
        payload: Bytes(1000),
        window: Some(Bytes(12_000)),
        variable_window: true,
        min_rate: BitsPerSec::from_gbps(1),
        max_rate: BitsPerSec::from_gbps(10),
        rate_bound: true,
        ack_high_priority: true,
        pfc: true,
        ecn: true,
        buffer: Bytes(300_000),
        marking: Vec::new(),
        congestion_control: CongestionControl::Dctcp { gain: 0.0625, additive: BitsPerSec(615_000_000) },
        rng_run: 1,
    }
}

fn exponential(random: &mut SplitMix, mean: f64) -> f64 {
    let uniform = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    -mean * (1.0 - uniform).ln()
}

/// `count` flows, one every `gap_ns` on average.
fn scenario(count: u64, gap_ns: f64) -> Scenario {
    let mut random = SplitMix(1);
    let topology = fabric();
    let hosts = topology.host_count() as u64;
    let mut start = 1e12;
    let flows = (0..count)
        .map(|id| {
            let src = random.below(hosts);
            let dst = (src + 1 + random.below(hosts - 1)) % hosts;
            start += exponential(&mut random, gap_ns * 1e3);
            let size = Bytes(1 + exponential(&mut random, MEAN_SIZE) as u64);
            Flow { id, src: NodeId(src as u32), dst: NodeId(dst as u32), size, start: SimTime::from_ps(start as u64) }
        })
        .collect();
    let (application, horizon) = (Application::Open, SimTime::from_ns(1_000_000_000_000));
    Scenario::new(ScenarioParts { topology, flows, paths: None, transport: transport(), application, horizon })
        .expect("a valid scenario")
}

/// CPU seconds, and mean active flows (time-average of released and not delivered, by Little's law).
fn timed<N: Network>(scenario: &Scenario, network: &mut N) -> (f64, f64) {
    let begin = ThreadTime::now();
    let outcomes = drive(network, scenario, &Silent).expect("not cancelled");
    let seconds = begin.elapsed().as_secs_f64();
    let total: f64 = outcomes.iter().filter_map(FlowOutcome::fct).map(|d| d.as_secs_f64()).sum();
    let span = scenario.flows().last().map_or(SimTime::ZERO, |f| f.start).since(scenario.flows()[0].start);
    (seconds, total / span.as_secs_f64())
}

fn report(rules: Rules, flows: u64, gap_ns: f64, prefix: u64) {
    let whole = scenario(flows, gap_ns);
    let mut network = FluidNetwork::new(&whole, rules);
    let (seconds, active) = timed(&whole, &mut network);
    let (work, events) = (network.work(), network.events() as f64);
    let small = scenario(prefix, gap_ns);
    let (fast, _) = timed(&small, &mut FluidNetwork::new(&small, rules));
    let (slow, _) = timed(&small, &mut OracleNetwork::new(&small, rules));
    println!(
        "{rules:?}: {flows} flows, {active:.0} active: {:.0} flows per CPU s ({:.2} us per flow); per event {:.1} rates, \
         {:.1} levels; {:.0} times the oracle on {prefix} flows",
        flows as f64 / seconds,
        seconds / flows as f64 * 1e6,
        work.flows as f64 / events,
        work.levels as f64 / events,
        slow / fast,
    );
}

fn main() {
    for (rules, gaps_ns) in [(Rules::Payload, [1_500.0, 605.0, 447.0]), (Rules::Window, [1_500.0, 640.0, 470.0])] {
        for gap_ns in gaps_ns {
            report(rules, 100_000, gap_ns, 2_000);
        }
    }
}
