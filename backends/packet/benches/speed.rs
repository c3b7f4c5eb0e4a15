//! Packet transmissions and events per CPU second on generated leaf–spine fabrics of 10 Gb/s links at half load: 32, 256,
//! 1,024 and 6,144 hosts, each under the four congestion controls; and heavy-tailed ("Hadoop") flows on 32 and 1,024 hosts. Prints
//! one line per run, and how much slower the 1,024-host fabric is than the one of 32.
//!
//! `cargo bench -p mixlab-packet --bench speed [-- [cc …] [hosts …] [clean]]`
//!
//! The last column is the peak memory of the process so far, so name one size to learn what it needs.

use cpu_time::ThreadTime;
use mixlab_contract::conformance::{SplitMix, hadoop_size};
use mixlab_contract::{
    Application, BitsPerSec, Bytes, CongestionControl, Counters, Flow, FlowOutcome, Link, Marking, NodeId, NodeKind,
    Scenario, ScenarioParts, Silent, SimDuration, SimTime, Topology, Transport, drive,
};
use mixlab_packet::PacketNetwork;
use mixlab_packet::fidelity::{Clean, Fidelity, Ns3};
use mixlab_packet::probe::Unobserved;
use mixlab_packet::queue::{EventQueue, FineWheel, Wheel};

/// Load of every host link, and mean flow size of the exponential workload.
const LOAD: f64 = 0.5;
const MEAN_BYTES: f64 = 50_000.0;
const LINK: BitsPerSec = BitsPerSec::from_gbps(10);

/// Leaves, hosts per leaf, spines (as many as hosts per leaf: no oversubscription), flows.
const FABRICS: [(u32, u32, u32, u64); 4] =
    [(4, 8, 8, 20_000), (16, 16, 16, 20_000), (64, 16, 16, 40_000), (256, 24, 24, 50_000)];

/// The same for the Hadoop workload, whose flows are ten times larger.
const HADOOP_FABRICS: [(u32, u32, u32, u64); 2] = [(4, 8, 8, 2_000), (64, 16, 16, 20_000)];

fn main() {
    println!(
        "| hosts | flows | cc | packets | events | set-up ms | CPU s | packets per CPU s | events per CPU s | peak memory |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let asked =
        |of: &[&str], name: &str| !wanted.iter().any(|w| of.contains(&w.as_str())) || wanted.iter().any(|w| w == name);
    let names = controls().map(|c| c.name());
    let clean = wanted.iter().any(|w| w == "clean");
    for control in controls().into_iter().filter(|c| asked(&names, c.name())) {
        let (mut uniform, mut hadoop) = (Vec::new(), Vec::new());
        for (leaves, per_leaf, spines, flows) in FABRICS {
            let hosts = leaves * per_leaf;
            if asked(&["32", "256", "1024", "6144", "hadoop"], &hosts.to_string()) {
                let scenario = fabric((leaves, per_leaf, spines), &exponential_sizes(flows), control);
                uniform.push((hosts, measure(&scenario, clean)));
            }
        }
        if asked(&["32", "256", "1024", "6144", "hadoop"], "hadoop") {
            for (leaves, per_leaf, spines, flows) in HADOOP_FABRICS {
                let scenario = fabric((leaves, per_leaf, spines), &hadoop_sizes(flows), control);
                hadoop.push((leaves * per_leaf, measure(&scenario, clean)));
            }
        }
        for (workload, speeds) in [("50 kB flows", uniform), ("Hadoop", hadoop)] {
            let of = |hosts| speeds.iter().find(|(h, _)| *h == hosts).map(|(_, speed)| speed);
            if let (Some(small), Some(large)) = (of(32), of(1024)) {
                let change = (large / small - 1.0) * 100.0;
                println!("1,024 hosts against 32 ({}, {workload}): {change:+.0} %", control.name());
            }
        }
    }
}

/// Runs a scenario, says how that went, and returns packet transmissions per CPU second, set-up of the network included.
fn measure(scenario: &Scenario, clean: bool) -> f64 {
    let begin = ThreadTime::now();
    let (outcomes, counters, set_up) = match clean {
        true => simulate::<FineWheel, Clean>(scenario),
        false => simulate::<Wheel, Ns3>(scenario),
    };
    let seconds = begin.elapsed().as_secs_f64();
    assert!(outcomes.iter().all(|o| o.fct().is_some()), "every flow finishes");
    let speed = counters.packets as f64 / seconds;
    println!(
        "| {} | {} | {} | {} | {} | {:.1} | {seconds:.2} | {:.1} M | {:.1} M | {} MB |",
        scenario.topology().host_count(),
        scenario.flows().len(),
        scenario.transport().congestion_control.name(),
        counters.packets,
        counters.events,
        set_up * 1e3,
        speed / 1e6,
        counters.events as f64 / seconds / 1e6,
        peak_megabytes()
    );
    speed
}

/// Outcomes, counters, and CPU seconds that making the empty network took.
fn simulate<Q: EventQueue, F: Fidelity>(scenario: &Scenario) -> (Vec<FlowOutcome>, Counters, f64) {
    let begin = ThreadTime::now();
    let mut network = PacketNetwork::<Q, _, F>::observed(scenario, Unobserved);
    let set_up = begin.elapsed().as_secs_f64();
    let outcomes = drive(&mut network, scenario, &Silent).expect("not cancelled");
    (outcomes, network.counters(), set_up)
}

/// Peak resident memory of this process (Linux; 0 elsewhere).
fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1_000
}

fn uniform(r: &mut SplitMix) -> f64 {
    (r.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

fn exponential_sizes(count: u64) -> Vec<f64> {
    let mut r = SplitMix(1);
    (0..count).map(|_| -MEAN_BYTES * (1.0 - uniform(&mut r)).ln() + 1.0).collect()
}

fn hadoop_sizes(count: u64) -> Vec<f64> {
    let mut r = SplitMix(1);
    (0..count).map(|_| hadoop_size(uniform(&mut r))).collect()
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

/// Uniform traffic with Poisson arrivals on a leaf–spine fabric (leaves, hosts per leaf, spines).
fn fabric((leaves, per_leaf, spines): (u32, u32, u32), sizes: &[f64], control: CongestionControl) -> Scenario {
    let hosts = leaves * per_leaf;
    let link = |a: u32, b: u32| Link { a: NodeId(a), b: NodeId(b), rate: LINK, delay: SimDuration::from_ns(1_000) };
    let mut links: Vec<Link> = (0..hosts).map(|h| link(h, hosts + h / per_leaf)).collect();
    for leaf in 0..leaves {
        links.extend((0..spines).map(|s| link(hosts + leaf, hosts + leaves + s)));
    }
    let nodes = hosts + leaves + spines;
    let kinds = (0..nodes).map(|n| if n < hosts { NodeKind::Host } else { NodeKind::Switch }).collect();
    let mut r = SplitMix(2);
    let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
    let gap_ns = mean * 8e9 / (LINK.0 as f64 * LOAD * f64::from(hosts));
    let mut start = 1e9;
    let flows = (0..).zip(sizes).map(|(id, size)| {
        start += -gap_ns * (1.0 - uniform(&mut r)).ln();
        let src = r.below(hosts.into()) as u32;
        let dst = (src + 1 + r.below(u64::from(hosts) - 1) as u32) % hosts;
        Flow {
            id,
            src: NodeId(src),
            dst: NodeId(dst),
            size: Bytes(*size as u64),
            start: SimTime::from_ns(start as u64),
        }
    });
    let parts = ScenarioParts {
        flows: flows.collect(),
        topology: Topology::new(kinds, links, (hosts..nodes).map(NodeId).collect()).expect("a valid fabric"),
        paths: None,
        transport: transport(leaves, control),
        application: Application::Open,
        horizon: SimTime::from_ns(10_000_000_000),
    };
    Scenario::new(parts).expect("a valid scenario")
}

/// Buffers grow with the ports of a spine, so that headroom suffices and nothing is lost.
fn transport(leaves: u32, congestion_control: CongestionControl) -> Transport {
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
        buffer: Bytes(130 * 1024 * u64::from(leaves.div_ceil(64).pow(2))),
        marking: vec![(LINK, marking)],
        congestion_control,
        rng_run: 1,
    }
}
