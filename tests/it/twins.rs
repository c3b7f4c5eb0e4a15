//! Two simulators of one physics, written independently: `packet` in Rust on a timing wheel, `ns3` in C++ on ns-3's kernel.
//! Where ns-3 is installed, they must agree on every flow and every count.

use crate::cases::hold;
use mixlab_contract::conformance::{Scope, SplitMix, random_scenario};
use mixlab_contract::shrink::{Held, hunt};
use mixlab_contract::wild::wild_scenario;
use mixlab_contract::{
    Availability, Backend, BitsPerSec, Bytes, CongestionControl, FlowOutcome, Link, Marking, NodeId, Observer,
    RunError, RunOutput, Scenario, Silent, SimDuration, Topology, Unsupported,
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
    hold(100, 0.5, contractual, |scenario| agree(&PacketBackend::NS3, ns3, scenario));
    hold(100, 0.6, wild_scenario, |scenario| agree(&PacketBackend::NS3, ns3, scenario));
}

/// Scenarios of the contract, some at other rates, some without a window.
fn contractual(seed: u64) -> Scenario {
    let scenario = random_scenario(seed, Scope::default());
    match seed % 5 {
        4 => without_window(scenario),
        3 => at_any_rate(scenario, seed),
        _ => scenario,
    }
}

/// Equal outcomes of all flows and equal counts of packets, marks, pauses and drops.
pub fn agree(ours: &dyn Backend, theirs: &dyn Backend, scenario: &Scenario) -> Held {
    if ours.check(scenario).is_err() || theirs.check(scenario).is_err() {
        return Ok(false);
    }
    let ours = ours.run(scenario, &Silent).map_err(|e| format!("ours: {e}"))?;
    let theirs = InOwnFolder::run(theirs, scenario).map_err(|e| format!("theirs: {e}"))?;
    let differ = |i: &usize| ours.outcomes[*i] != theirs.outcomes[*i];
    if let Some(i) = (0..ours.outcomes.len()).find(differ) {
        let id = scenario.flows()[i].id;
        return Err(format!("flow {id}: {:?}, theirs {:?}", ours.outcomes[i], theirs.outcomes[i]));
    }
    let counts = |c: &mixlab_contract::Counters| [c.packets, c.marks, c.pauses, c.drops];
    match (counts(&ours.counters), counts(&theirs.counters)) {
        (a, b) if a == b => Ok(true),
        (a, b) => Err(format!("packets, marks, pauses, drops: {a:?}, theirs {b:?}")),
    }
}

/// `packet` as it would be if it were wrong in a corner: where packets are marked under TIMELY, the last flow takes 1 ns longer.
struct Wrong;

impl Backend for Wrong {
    fn id(&self) -> &str {
        "wrong"
    }

    fn fingerprint(&self) -> String {
        "wrong-1".into()
    }

    fn check(&self, scenario: &Scenario) -> Result<(), Unsupported> {
        PacketBackend::NS3.check(scenario)
    }

    fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError> {
        let mut output = PacketBackend::NS3.run(scenario, observer)?;
        let marked = output.counters.marks > 0 && scenario.transport().congestion_control.name() == "timely";
        if let (true, Some(FlowOutcome::Completed { fct, .. })) = (marked, output.outcomes.last_mut()) {
            *fct += SimDuration::from_ns(1);
        }
        Ok(output)
    }
}

#[test]
fn an_error_of_one_nanosecond_in_a_corner_is_found_and_shrunk_to_a_few_flows() {
    let law = |scenario: &Scenario| agree(&Wrong, &PacketBackend::NS3, scenario);
    let finding = hunt(0..100, wild_scenario, law).expect_err("it is wrong");
    let s = &finding.smallest;
    assert!(s.flows().len() <= 3 && s.topology().host_count() <= 4, "{finding}");
    let t = s.transport();
    assert!(t.congestion_control.name() == "timely" && t.ecn && !t.pfc, "{finding}");
    assert!(finding.to_string().contains("flow"), "{finding}");
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

/// HPCC averages over the base RTT; over none its answer would be 0 ÷ 0, in any fidelity.
#[test]
fn hpcc_without_propagation_delay_is_refused_by_both_for_the_same_reason() {
    let still = |scenario: Scenario| {
        let mut parts = scenario.into_parts();
        let old = &parts.topology;
        let links = old.links().iter().map(|l| Link { delay: SimDuration::ZERO, ..*l }).collect();
        let kinds = (0..old.node_count() as u32).map(|n| old.kind(NodeId(n))).collect();
        parts.topology = Topology::new(kinds, links, old.switch_order().to_vec()).expect("the same shape");
        Scenario::new(parts).expect("delays may be 0")
    };
    let mut refused = 0;
    for scenario in (0..100).map(|seed| still(random_scenario(seed, Scope::default()))) {
        let hpcc = matches!(scenario.transport().congestion_control, CongestionControl::Hpcc { .. });
        let checks = [PacketBackend::NS3.check(&scenario), Ns3Backend::new().check(&scenario)];
        for check in checks.iter().chain([&PacketBackend::CLEAN.check(&scenario)]) {
            let feature = check.as_ref().err().map(|e| e.feature.as_str());
            assert_eq!(feature, hpcc.then_some("HPCC without propagation delay"));
        }
        refused += usize::from(hpcc);
    }
    assert!(refused > 5, "only {refused} scenarios");
}

/// An observer with a scratch folder, which outside programs need.
struct InOwnFolder(tempfile::TempDir);

impl InOwnFolder {
    fn run(backend: &dyn Backend, scenario: &Scenario) -> Result<RunOutput, RunError> {
        backend.run(scenario, &Self(tempfile::tempdir().expect("a temporary directory")))
    }
}

impl Observer for InOwnFolder {
    fn phase(&self, _: &'static str) {}
    fn progress(&self, _: u64) {}
    fn cancelled(&self) -> bool {
        false
    }
    fn work_dir(&self) -> &std::path::Path {
        self.0.path()
    }
}
