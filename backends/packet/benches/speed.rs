//! Packet transmissions per CPU second on two generated leaf–spine fabrics of 10 Gb/s links at half load: 32 and 1,024
//! hosts, each under the four congestion controls. Prints one line per run, and how much slower the larger fabric is.
//!
//! `cargo bench -p mixlab-packet --bench speed [-- cc …]`

use cpu_time::ThreadTime;
use mixlab_contract::conformance::SplitMix;
use mixlab_contract::{
    Application, BitsPerSec, Bytes, CongestionControl, Flow, Link, Marking, NodeId, NodeKind, Scenario, ScenarioParts,
    Silent, SimDuration, SimTime, Topology, Transport, drive,
};
use mixlab_packet::PacketNetwork;

/// Load of every host link, and mean flow size (sizes are exponential).
const LOAD: f64 = 0.5;
const MEAN_BYTES: f64 = 50_000.0;
const LINK: BitsPerSec = BitsPerSec::from_gbps(10);

fn main() {
    println!("| hosts | cc | flows | packets | events | CPU s | packets per CPU s |");
    println!("|---|---|---|---|---|---|---|");
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let is_wanted = |c: &CongestionControl| wanted.is_empty() || wanted.iter().any(|w| w == c.name());
    for congestion_control in controls().into_iter().filter(is_wanted) {
        // Leaves, hosts per leaf, spines (as many as hosts per leaf: no oversubscription), flows.
        let small = measure(&fabric(4, 8, 8, 20_000, congestion_control));
        let large = measure(&fabric(64, 16, 16, 40_000, congestion_control));
        println!("1,024 hosts against 32 ({}): {:+.0} %", congestion_control.name(), (large / small - 1.0) * 100.0);
    }
}

/// Runs a scenario and returns packet transmissions per CPU second, set-up of the network included.
fn measure(scenario: &Scenario) -> f64 {
    let begin = ThreadTime::now();
    let mut network = PacketNetwork::new(scenario);
    let outcomes = drive(&mut network, scenario, &Silent).expect("not cancelled");
    let seconds = begin.elapsed().as_secs_f64();
    assert!(outcomes.iter().all(|o| o.fct().is_some()), "every flow finishes");
    let counters = network.counters();
    let speed = counters.packets as f64 / seconds;
    println!(
        "| {} | {} | {} | {} | {} | {seconds:.2} | {:.1} M |",
        scenario.topology().host_count(),
        scenario.transport().congestion_control.name(),
        scenario.flows().len(),
        counters.packets,
        counters.events,
        speed / 1e6
    );
    speed
}

fn controls() -> [CongestionControl; 4] {
    let mbps = |m: u64| BitsPerSec(m * 1_000_000);
    let us = |u: u64| SimDuration::from_ns(u * 1_000);
    [
        CongestionControl::Dctcp { gain: 0.0625, additive: mbps(615) },
        CongestionControl::Dcqcn {
            gain: 0.00390625,
            alpha_interval: us(50),
            decrease_interval: us(50),
            increase_interval: us(55),
            fast_recovery_rounds: 1,
            additive: mbps(2),
            hyper: mbps(20),
            clamp_target: false,
        },
        CongestionControl::Hpcc {
            target_utilisation: 0.9,
            additive: mbps(500),
            additive_stages: 0,
            telemetry_multiplier: 1,
            fast_reaction: true,
            per_hop_rate: false,
        },
        CongestionControl::Timely { t_low: us(50), t_high: us(120), beta: 0.8, additive: mbps(10), hyper: mbps(50) },
    ]
}

/// Uniform traffic with Poisson arrivals on a leaf–spine fabric.
fn fabric(leaves: u32, per_leaf: u32, spines: u32, count: u64, congestion_control: CongestionControl) -> Scenario {
    let hosts = leaves * per_leaf;
    let link = |a: u32, b: u32| Link { a: NodeId(a), b: NodeId(b), rate: LINK, delay: SimDuration::from_ns(1_000) };
    let mut links: Vec<Link> = (0..hosts).map(|h| link(h, hosts + h / per_leaf)).collect();
    for leaf in 0..leaves {
        links.extend((0..spines).map(|s| link(hosts + leaf, hosts + leaves + s)));
    }
    let nodes = hosts + leaves + spines;
    let kinds = (0..nodes).map(|n| if n < hosts { NodeKind::Host } else { NodeKind::Switch }).collect();
    let mut r = SplitMix(1);
    let mut exponential = |mean: f64| -mean * (1.0 - (r.next_u64() >> 11) as f64 / (1u64 << 53) as f64).ln();
    let gap_ns = MEAN_BYTES * 8e9 / (LINK.0 as f64 * LOAD * f64::from(hosts));
    let mut start = 1e9;
    let timed: Vec<(f64, u64)> = (0..count)
        .map(|_| {
            start += exponential(gap_ns);
            (start, exponential(MEAN_BYTES) as u64 + 1)
        })
        .collect();
    let flows = (0..).zip(timed).map(|(id, (start, size))| {
        let src = r.below(hosts.into()) as u32;
        let dst = (src + 1 + r.below(u64::from(hosts) - 1) as u32) % hosts;
        Flow { id, src: NodeId(src), dst: NodeId(dst), size: Bytes(size), start: SimTime::from_ns(start as u64) }
    });
    let parts = ScenarioParts {
        flows: flows.collect(),
        topology: Topology::new(kinds, links, (hosts..nodes).map(NodeId).collect()).expect("a valid fabric"),
        paths: None,
        transport: transport(congestion_control),
        application: Application::Open,
        horizon: SimTime::from_ns(10_000_000_000),
    };
    Scenario::new(parts).expect("a valid scenario")
}

fn transport(congestion_control: CongestionControl) -> Transport {
    let dctcp = matches!(congestion_control, CongestionControl::Dctcp { .. });
    let marking = match dctcp {
        true => Marking { k_min: Bytes(20_000), k_max: Bytes(20_000), p_max: 1.0 },
        false => Marking { k_min: Bytes(8_000), k_max: Bytes(16_000), p_max: 0.2 },
    };
    Transport {
        payload: Bytes(1000),
        window: Some(Bytes(15_000)),
        variable_window: true,
        min_rate: BitsPerSec::from_gbps(1),
        max_rate: LINK,
        rate_bound: true,
        ack_high_priority: matches!(
            congestion_control,
            CongestionControl::Dctcp { .. } | CongestionControl::Timely { .. }
        ),
        pfc: true,
        ecn: true,
        buffer: Bytes(130 * 1024),
        marking: vec![(LINK, marking)],
        congestion_control,
        rng_run: 1,
    }
}
