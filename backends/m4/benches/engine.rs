//! Cost of an event of the published architecture (untrained weights, all slowdowns held near 2) on a three-tier fabric of
//! 1,024 hosts (4 pods × 4 fabrics × 16 racks × 16 hosts, 10 Gb/s, 1 µs), random pairs, exponential arrivals and sizes, at
//! rates from idle to busy: rows per event, µs per event, multiply-add rate, and the ratio to the oracle on a prefix. The
//! last lines repeat one rate on 256 and 4,096 hosts: cost follows what is active, not the number of hosts.
//!
//! `cargo bench -p mixlab-m4 --bench engine`

use cpu_time::ThreadTime;
use mixlab_contract::conformance::SplitMix;
use mixlab_contract::{
    Application, BitsPerSec, Bytes, CongestionControl, Flow, Link, Marking, Network, NodeId, NodeKind, Scenario,
    ScenarioParts, Silent, SimDuration, SimTime, Topology, Transport, drive,
};
use mixlab_m4::numerics::Simd;
use mixlab_m4::paper::{Config, Model, Weights, parameters};
use mixlab_m4::{Components, M4Network, ReferenceNetwork, Rules};

const PLANES: u32 = 4;
const RACKS: u32 = 16;
const HOSTS_PER_RACK: u32 = 16;
const SPINES_PER_PLANE: u32 = 16;
const MEAN_SIZE: f64 = 50_000.0;

fn fabric(pods: u32) -> Topology {
    let hosts = pods * RACKS * HOSTS_PER_RACK;
    let tor = |pod: u32, rack: u32| hosts + pod * RACKS + rack;
    let fab = |pod: u32, plane: u32| hosts + pods * RACKS + pod * PLANES + plane;
    let spine = |plane: u32, s: u32| hosts + pods * (RACKS + PLANES) + plane * SPINES_PER_PLANE + s;
    let mut ends = Vec::new();
    for pod in 0..pods {
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
    let rate = BitsPerSec::from_gbps(10);
    Transport {
        payload: Bytes(1000),
        window: Some(Bytes(12_000)),
        variable_window: true,
        min_rate: BitsPerSec::from_gbps(1),
        max_rate: rate,
        rate_bound: true,
        ack_high_priority: true,
        pfc: true,
        ecn: true,
        buffer: Bytes(133_120),
        marking: vec![(rate, Marking { k_min: Bytes(20_000), k_max: Bytes(20_000), p_max: 1.0 })],
        congestion_control: CongestionControl::Dctcp { gain: 0.0625, additive: BitsPerSec(615_000_000) },
        rng_run: 1,
    }
}

fn exponential(random: &mut SplitMix, mean: f64) -> f64 {
    let uniform = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    -mean * (1.0 - uniform).ln()
}

/// `count` flows, one every `gap_ns` on average.
fn scenario(pods: u32, count: u64, gap_ns: f64) -> Scenario {
    let mut random = SplitMix(1);
    let topology = fabric(pods);
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

fn timed<N: Network>(scenario: &Scenario, network: &mut N) -> f64 {
    let begin = ThreadTime::now();
    drive(network, scenario, &Silent).expect("not cancelled");
    begin.elapsed().as_secs_f64()
}

fn report(weights: &Weights, rules: Rules, pods: u32, flows: u64, gap_ns: f64) {
    let whole = scenario(pods, flows, gap_ns);
    let mut network = M4Network::new(&whole, weights, rules).expect("supported");
    let seconds = timed(&whole, &mut network);
    let work = network.work();
    let events = work.events as f64;
    let model = Model::new(weights, &parameters(&whole).expect("supported"), Simd::best());
    let flop = 2.0 * model.multiply_adds(work.flows as usize, work.classes as usize) as f64;
    print!(
        "{:5} {:5} hosts, a flow every {gap_ns:5} ns: {:6.1} flows, {:6.1} classes for {:6.1} links; {:8.1} us, {:5.1} GFLOP/s",
        if rules.components == Components::Merge { "merge" } else { "split" },
        whole.topology().host_count(),
        work.flows as f64 / events,
        work.classes as f64 / events,
        work.links as f64 / events,
        seconds / events * 1e6,
        flop / seconds * 1e-9,
    );
    let small = scenario(pods, 40, gap_ns);
    let fast = timed(&small, &mut M4Network::new(&small, weights, rules).expect("supported"));
    let slow = timed(&small, &mut ReferenceNetwork::new(&small, weights, rules).expect("supported"));
    println!("; {:4.0} times the oracle on 40 flows", slow / fast);
}

fn main() {
    let mut weights = Weights::untrained(Config::published(), 1);
    weights.slowdown.bias[0] = 2.0;
    println!("kernels: {}; per event:", Simd::best().name());
    for rules in [Rules::default(), Rules::published()] {
        for (flows, gap_ns) in [(2_000, 100_000.0), (2_000, 10_000.0), (1_000, 3_000.0), (600, 1_500.0), (400, 750.0)] {
            report(&weights, rules, 4, flows, gap_ns);
        }
    }
    for pods in [1, 16] {
        report(&weights, Rules::default(), pods, 1_000, 10_000.0);
    }
}
