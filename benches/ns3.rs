//! The same flows in one run on `packet` (DCTCP), on our `ns3` program (the same DCTCP on ns-3's event kernel), and on ns-3's own
//! TCP stack (DCTCP, RED marking): CPU time, packet transmissions (data and ACKs, each link crossed counts) and their ratios,
//! and how many flows `packet` and `ns3` agree on.
//!
//! `cargo bench --bench ns3 [-- FLOWS]`
//!
//! 32 hosts (4 leaves of 8, 2 spines), 10 Gb/s and 40 Gb/s, 1 µs; uniform pairs, Poisson arrivals at half the load of the host
//! links, heavy-tailed sizes. RDMA sends 1,000 bytes in a packet and TCP 1,460, so compare transmissions per second, not seconds.

use cpu_time::ThreadTime;
use mixlab_contract::conformance::{SplitMix, hadoop_size, under_tcp};
use mixlab_contract::{
    Application, Availability, Backend, BitsPerSec, Bytes, CongestionControl, Flow, Link, Marking, NodeId, NodeKind,
    Observer, QueueDiscipline, RunOutput, Scenario, ScenarioParts, Silent, SimDuration, SimTime, TcpVariant, Topology,
    Transport, ideal_fct,
};
use mixlab_ns3::Ns3Backend;
use mixlab_packet::PacketBackend;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

const HOSTS: u32 = 32;
const LEAVES: u32 = 4;
const SPINES: u32 = 2;
const LOAD: f64 = 0.5;
const NIC: BitsPerSec = BitsPerSec::from_gbps(10);
const UPLINK: BitsPerSec = BitsPerSec::from_gbps(40);

fn main() {
    let ns3 = Ns3Backend::new();
    if let Availability::Missing { reason, hint } = ns3.probe() {
        println!("skipped: {reason}; {hint}");
        return;
    }
    println!("{}", ns3.describe().expect("it is available"));
    ns3.program(&Silent).and_then(|_| ns3.tcp_program(&Silent)).expect("our programs compile");
    let flows = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(2_000);
    let rdma = scenario(flows);
    let tcp = under_tcp(&rdma, TcpVariant::Dctcp, QueueDiscipline::Red);
    let bytes: u64 = rdma.flows().iter().map(|f| f.size.0).sum();
    println!("{flows} flows, {:.0} MB\n", bytes as f64 / 1e6);
    println!(
        "| | events | packet transmissions | CPU s | transmissions per CPU s | slower than `packet` | mean slowdown |"
    );
    println!("|---|---|---|---|---|---|---|");
    let packet = measure("`packet`, dctcp", &PacketBackend::NS3, &rdma, None);
    let ours = measure("`ns3`, dctcp", &ns3, &rdma, Some(packet.1));
    measure("`ns3`, tcp-dctcp + red", &ns3, &tcp, Some(packet.1));
    let equal = packet.0.outcomes.iter().zip(&ours.0.outcomes).filter(|(a, b)| a == b).count();
    println!("\n`packet` and `ns3` under dctcp: {equal} of {flows} flows have equal starts and FCTs");
}

/// Runs and prints one line; returns the output and the transmissions per CPU second.
fn measure(name: &str, backend: &dyn Backend, scenario: &Scenario, reference: Option<f64>) -> (RunOutput, f64) {
    let own = ThreadTime::now();
    let outside = Outside { cpu: Mutex::default(), dir: tempfile::tempdir().expect("a temporary folder") };
    let output = backend.run(scenario, &outside).unwrap_or_else(|e| panic!("{name}: {e}"));
    let seconds = (own.elapsed() + *outside.cpu.lock().expect("nobody panics with it")).as_secs_f64();
    let slowdowns = scenario.indices().map(|f| {
        let fct = output.outcomes[f.index()].fct().expect("every flow finishes");
        fct.as_secs_f64() / ideal_fct(scenario, f).as_secs_f64()
    });
    let mean = slowdowns.sum::<f64>() / scenario.flows().len() as f64;
    let (events, packets) = (output.counters.events, output.counters.packets);
    let speed = packets as f64 / seconds;
    let ratio = reference.map_or("1".into(), |r| format!("{:.1}", r / speed));
    println!("| {name} | {events} | {packets} | {seconds:.2} | {:.3} M | {ratio} | {mean:.2} |", speed / 1e6);
    (output, speed)
}

/// Adds up the CPU time of programs that a backend starts.
struct Outside {
    cpu: Mutex<Duration>,
    dir: tempfile::TempDir,
}

impl Observer for Outside {
    fn phase(&self, _: &'static str) {}
    fn progress(&self, _: u64) {}
    fn outside_cpu(&self, time: Duration) {
        *self.cpu.lock().expect("nobody panics with it") += time;
    }
    fn cancelled(&self) -> bool {
        false
    }
    fn work_dir(&self) -> &Path {
        self.dir.path()
    }
}

fn uniform(r: &mut SplitMix) -> f64 {
    (r.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

fn topology() -> Topology {
    let link = |a: u32, b: u32, rate| Link { a: NodeId(a), b: NodeId(b), rate, delay: SimDuration::from_ns(1_000) };
    let mut links: Vec<Link> = (0..HOSTS).map(|h| link(h, HOSTS + h / (HOSTS / LEAVES), NIC)).collect();
    for leaf in 0..LEAVES {
        links.extend((0..SPINES).map(|s| link(HOSTS + leaf, HOSTS + LEAVES + s, UPLINK)));
    }
    let nodes = HOSTS + LEAVES + SPINES;
    let kinds = (0..nodes).map(|n| if n < HOSTS { NodeKind::Host } else { NodeKind::Switch }).collect();
    Topology::new(kinds, links, (HOSTS..nodes).map(NodeId).collect()).expect("a leaf–spine fabric is valid")
}

fn scenario(count: u64) -> Scenario {
    let mut r = SplitMix(1);
    let sizes: Vec<f64> = (0..count).map(|_| hadoop_size(uniform(&mut r))).collect();
    let mean = sizes.iter().sum::<f64>() / count as f64;
    let gap_ns = mean * 8e9 / (NIC.0 as f64 * LOAD * f64::from(HOSTS));
    let mut start = 1e9;
    let flows = (0..).zip(sizes).map(|(id, size)| {
        start += -gap_ns * (1.0 - uniform(&mut r)).ln();
        let src = r.below(HOSTS.into()) as u32;
        let dst = (src + 1 + r.below(u64::from(HOSTS) - 1) as u32) % HOSTS;
        let (src, dst) = (NodeId(src), NodeId(dst));
        Flow { id, src, dst, size: Bytes(size as u64), start: SimTime::from_ns(start as u64) }
    });
    let mark = |k: u64| Marking { k_min: Bytes(k), k_max: Bytes(k), p_max: 1.0 };
    let transport = Transport {
        payload: Bytes(1_000),
        window: Some(Bytes(15_000)),
        variable_window: true,
        min_rate: BitsPerSec::from_gbps(1),
        max_rate: NIC,
        rate_bound: true,
        ack_high_priority: true,
        pfc: true,
        ecn: true,
        buffer: Bytes(400 << 10),
        marking: vec![(NIC, mark(30_000)), (UPLINK, mark(120_000))],
        congestion_control: CongestionControl::Dctcp { gain: 0.0625, additive: BitsPerSec(615_000_000) },
        rng_run: 1,
    };
    let (flows, topology) = (flows.collect(), topology());
    let (application, horizon) = (Application::Open, SimTime::from_ns(20_000_000_000));
    Scenario::new(ScenarioParts { topology, flows, paths: None, transport, application, horizon }).expect("valid parts")
}
