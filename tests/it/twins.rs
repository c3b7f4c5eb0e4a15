//! Two simulators of one physics, written independently: `packet` in Rust on a timing wheel, `ns3` in C++ on ns-3's kernel.
//! Where ns-3 is installed, they must agree on every flow and every count.

use mixlab_contract::conformance::{Scope, SplitMix, random_scenario};
use mixlab_contract::{
    Availability, Backend, BitsPerSec, Bytes, CongestionControl, Link, Marking, NodeId, Scenario, Silent, Topology,
};
use mixlab_ns3::Ns3Backend;
use mixlab_packet::PacketBackend;
use std::io::Write;

#[test]
fn packet_and_ns3_agree_to_the_nanosecond_on_random_scenarios() {
    agree_on_random_scenarios(&Ns3Backend::new());
}

/// A UNISON tree runs the default kernel unless it is told otherwise, with the default kernel's results.
#[test]
fn packet_and_a_unison_tree_agree_to_the_nanosecond_on_random_scenarios() {
    let Some(tree) = std::env::var_os("MIXLAB_NS3_MTP_DIR") else {
        let _ = writeln!(std::io::stderr(), "skipped: no UNISON tree named (set MIXLAB_NS3_MTP_DIR)");
        return;
    };
    agree_on_random_scenarios(&Ns3Backend::new().with_dir(tree));
}

fn agree_on_random_scenarios(ns3: &Ns3Backend) {
    if let Availability::Missing { reason, hint } = ns3.probe() {
        // Straight to stderr: the test harness would swallow `eprintln!` of a test that passes.
        let _ = writeln!(std::io::stderr(), "skipped: {reason}; {hint}");
        return;
    }
    let (mut compared, mut fast) = (0, 0);
    for seed in 0..100 {
        let scenario = random_scenario(seed, Scope::default());
        let scenario = match seed % 5 {
            4 => without_window(scenario),
            3 => at_any_rate(scenario, seed),
            _ => scenario,
        };
        if PacketBackend::NS3.check(&scenario).is_err() || ns3.check(&scenario).is_err() {
            continue;
        }
        let ours = PacketBackend::NS3.run(&scenario, &Silent).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let theirs = InOwnFolder::run(ns3, &scenario).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert_eq!(ours.outcomes, theirs.outcomes, "seed {seed}");
        let counts = |c: &mixlab_contract::Counters| (c.packets, c.marks, c.pauses, c.drops);
        assert_eq!(counts(&ours.counters), counts(&theirs.counters), "seed {seed}");
        compared += 1;
        fast += usize::from(seed % 5 == 3);
    }
    assert!(compared >= 50, "only {compared} of 100 scenarios are supported by both");
    assert!(fast >= 10, "only {fast} of 20 scenarios at any rate are supported by both");
}

fn without_window(scenario: Scenario) -> Scenario {
    let mut parts = scenario.into_parts();
    parts.transport.window = None;
    Scenario::new(parts).expect("a window is not needed")
}

/// On links of 10 to 800 Gb/s, with thresholds, window and buffer to match.
fn at_any_rate(scenario: Scenario, seed: u64) -> Scenario {
    let mut parts = scenario.into_parts();
    let mut random = SplitMix(seed);
    let rates = [10, 25, 40, 50, 100, 200, 400, 800].map(BitsPerSec::from_gbps);
    let old = &parts.topology;
    let links: Vec<Link> = old.links().iter().map(|l| Link { rate: random.choose(&rates), ..*l }).collect();
    let kinds = (0..old.node_count() as u32).map(|n| old.kind(NodeId(n))).collect();
    parts.topology = Topology::new(kinds, links, old.switch_order().to_vec()).expect("the same shape");
    parts.paths = None;
    let t = &mut parts.transport;
    (t.max_rate, t.window, t.buffer) = (rates[7], Some(Bytes(100_000)), Bytes(600_000));
    let (k_min, k_max) = (Bytes(20_000), Bytes(60_000));
    t.marking = rates.map(|rate| (rate, Marking { k_min, k_max, p_max: 0.2 })).into();
    Scenario::new(parts).expect("a scenario at any rate")
}

/// HPCC's queue term is divided by the window, so the original has no defined answer without one. Clean fidelity has.
#[test]
fn hpcc_without_a_window_is_refused_by_both_for_the_same_reason() {
    let hpcc = |s: &Scenario| matches!(s.transport().congestion_control, CongestionControl::Hpcc { .. });
    let of = (0..100).map(|seed| without_window(random_scenario(seed, Scope::default())));
    let mut refused = 0;
    for scenario in of.filter(hpcc) {
        let (ours, theirs) = (PacketBackend::NS3.check(&scenario), Ns3Backend::new().check(&scenario));
        assert_eq!(ours, theirs);
        refused += usize::from(ours.is_err_and(|e| e.feature == "HPCC without a window"));
        assert_eq!(PacketBackend::CLEAN.check(&scenario), Ok(()));
    }
    assert!(refused > 5, "only {refused} scenarios");
}

/// An observer with a scratch folder, which outside programs need.
struct InOwnFolder(tempfile::TempDir);

impl InOwnFolder {
    fn run(
        backend: &dyn Backend,
        scenario: &mixlab_contract::Scenario,
    ) -> Result<mixlab_contract::RunOutput, mixlab_contract::RunError> {
        backend.run(scenario, &Self(tempfile::tempdir().expect("a temporary directory")))
    }
}

impl mixlab_contract::Observer for InOwnFolder {
    fn phase(&self, _: &'static str) {}
    fn progress(&self, _: u64) {}
    fn cancelled(&self) -> bool {
        false
    }
    fn work_dir(&self) -> &std::path::Path {
        self.0.path()
    }
}
