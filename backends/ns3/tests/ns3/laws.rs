//! The contract's laws on real ns-3: offline, online, and the two against each other.

use crate::support::real_ns3;
use mixlab_contract::conformance::{
    Scope, Verdict, disjoint_parts_do_not_interact, lone_flow_is_ideal, network_laws, output_is_sound_and_repeatable,
    random_scenario,
};
use mixlab_contract::{Backend, Scenario, Silent, SimDuration, drive};
use mixlab_ns3::Ns3Network;

/// In-band telemetry (42 bytes on each link of a path of four) and per-packet rounding, which the ideal FCT leaves out.
const SLACK: SimDuration = SimDuration::from_ns(3_000);

fn scenarios(backend: &impl Backend, count: usize) -> Vec<(u64, Scenario)> {
    let scope = Scope { flows: 25, largest: 60_000, ..Scope::default() };
    let all = (0..).map(|seed| (seed, random_scenario(seed, scope)));
    all.filter(|(_, s)| backend.check(s).is_ok()).take(count).collect()
}

fn holds(seed: u64, verdict: Verdict) {
    verdict.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
}

#[test]
fn offline_laws_hold() {
    let Some(ns3) = real_ns3() else { return };
    for (seed, scenario) in scenarios(&ns3, 40) {
        holds(seed, output_is_sound_and_repeatable(&ns3, &scenario));
        holds(seed, lone_flow_is_ideal(&ns3, &scenario, SLACK));
    }
}

#[test]
fn parts_that_share_nothing_do_not_interact() {
    let Some(ns3) = real_ns3() else { return };
    // DCQCN draws its marks from streams that all switches share, so a copy beside it changes them.
    let apart = scenarios(&ns3, 40).into_iter().filter(|(_, s)| s.transport().congestion_control.name() != "dcqcn");
    for (seed, scenario) in apart {
        holds(seed, disjoint_parts_do_not_interact(&ns3, &scenario));
    }
}

#[test]
fn online_laws_hold() {
    let Some(ns3) = real_ns3() else { return };
    for (seed, scenario) in scenarios(&ns3, 20) {
        holds(seed, network_laws(&scenario, |s| Ns3Network::new(&ns3, s, &Silent).expect("ns-3 starts")));
    }
}

#[test]
fn online_and_offline_agree() {
    let Some(ns3) = real_ns3() else { return };
    for (seed, scenario) in scenarios(&ns3, 40) {
        let offline = ns3.run(&scenario, &Silent).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let mut network = Ns3Network::new(&ns3, &scenario, &Silent).expect("ns-3 starts");
        let outcomes = drive(&mut network, &scenario, &Silent).expect("nobody cancels");
        let counters = network.finish().unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert_eq!(outcomes, offline.outcomes, "seed {seed}");
        assert!(counters.packets >= offline.counters.packets, "seed {seed}");
    }
}
