//! Reader of reference scenarios: the input and output files of the RDMA ns-3 programs (`topology.txt`, `flows.txt`,
//! `config.txt`, `fct.txt`), one folder each, found through `MIXLAB_SHARED`.

use mixlab_contract::{
    Application, BitsPerSec, Bytes, CongestionControl, Flow, Link, NodeId, NodeKind, Scenario, ScenarioParts,
    SimDuration, SimTime, Topology, Transport,
};
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder of reference runs, if this machine has it.
pub fn truth() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("MIXLAB_SHARED").map_or_else(beside, PathBuf::from).join("truth");
    folder.is_dir().then_some(folder)
}

/// Says on stderr, past the test harness's capture, that a test has nothing to compare with.
pub fn skipped() {
    // A closed stderr is no reason to fail.
    let _ = writeln!(std::io::stderr(), "skipped: no reference runs (set MIXLAB_SHARED)");
}

fn text(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn number<T: std::str::FromStr>(word: Option<&str>) -> T {
    word.and_then(|w| w.parse().ok()).unwrap_or_else(|| panic!("{word:?} is not a number"))
}

/// The scenario of a folder.
pub fn scenario(folder: &Path) -> Scenario {
    let parts = ScenarioParts {
        topology: topology(&text(folder, "topology.txt")),
        flows: flows(&text(folder, "flows.txt")),
        paths: None,
        transport: transport(&text(folder, "config.txt")),
        application: Application::Open,
        horizon: SimTime::from_ns(1_000_000_000_000),
    };
    Scenario::new(parts).unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
}

/// FCT in ns and ideal FCT in ns of each flow that finished, by flow number.
pub fn fcts(folder: &Path) -> HashMap<usize, (u64, u64)> {
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        (number(Some(words[0])), (number(Some(words[7])), number(Some(words[8]))))
    };
    text(folder, "fct.txt").lines().map(row).collect()
}

fn topology(text: &str) -> Topology {
    let mut lines = text.lines();
    let nodes: usize = number(lines.next().and_then(|l| l.split_whitespace().next()));
    let switches: Vec<NodeId> =
        lines.next().expect("switch line").split_whitespace().map(|w| NodeId(number(Some(w)))).collect();
    let mut kinds = vec![NodeKind::Host; nodes];
    for s in &switches {
        kinds[s.0 as usize] = NodeKind::Switch;
    }
    let links = lines.filter(|l| !l.trim().is_empty()).map(|line| {
        let mut words = line.split_whitespace();
        Link {
            a: NodeId(number(words.next())),
            b: NodeId(number(words.next())),
            rate: BitsPerSec(number(words.next().and_then(|w| w.strip_suffix("bps")))),
            delay: SimDuration::from_ns(number(words.next().and_then(|w| w.strip_suffix("ns")))),
        }
    });
    Topology::new(kinds, links.collect(), switches).expect("a reference topology is valid")
}

fn flows(text: &str) -> Vec<Flow> {
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let id = number(words.next());
        let (src, dst) = (NodeId(number(words.next())), NodeId(number(words.next())));
        let size = Bytes(number(words.nth(2)));
        let seconds: f64 = number(words.next());
        Flow { id, src, dst, size, start: SimTime::from_ns((seconds * 1e9).round() as u64) }
    };
    text.lines().skip(1).filter(|l| !l.trim().is_empty()).map(row).collect()
}

/// Only what the fluid model reads is taken over: packets, window, highest rate, and the congestion control's header size
/// (DCQCN is read as DCTCP, which has the same).
fn transport(text: &str) -> Transport {
    let entries: HashMap<&str, &str> =
        text.lines().filter_map(|l| l.split_once(' ')).map(|(key, value)| (key, value.trim())).collect();
    let real = |key: &str| -> f64 { number(entries.get(key).copied()) };
    let mbps = |key: &str| -> BitsPerSec {
        let m: f64 = number(entries.get(key).and_then(|v| v.strip_suffix("Mb/s")));
        BitsPerSec((m * 1e6) as u64)
    };
    let congestion_control = match real("CC_MODE") as u32 {
        1 | 8 => CongestionControl::Dctcp { gain: 0.0625, additive: BitsPerSec(0) },
        3 => CongestionControl::Hpcc {
            target_utilisation: 0.95,
            additive: BitsPerSec(0),
            additive_stages: 0,
            telemetry_multiplier: 1,
            fast_reaction: true,
            per_hop_rate: false,
        },
        7 => CongestionControl::Timely {
            t_low: SimDuration::ZERO,
            t_high: SimDuration::ZERO,
            beta: 0.8,
            additive: BitsPerSec(0),
            hyper: BitsPerSec(0),
        },
        other => panic!("congestion control {other} is not in the reference runs"),
    };
    Transport {
        payload: Bytes(real("PACKET_PAYLOAD_SIZE") as u64),
        window: (real("HAS_WIN") != 0.0).then(|| Bytes(real("FIXED_WIN") as u64)),
        variable_window: true,
        min_rate: mbps("MIN_RATE"),
        max_rate: mbps("MAX_RATE"),
        rate_bound: true,
        ack_high_priority: true,
        pfc: true,
        ecn: true,
        buffer: Bytes(102_400),
        marking: Vec::new(),
        congestion_control,
        rng_run: 1,
    }
}
