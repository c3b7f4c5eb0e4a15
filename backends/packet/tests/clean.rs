//! Clean fidelity: the contract's laws at any link rate, and the absence of each fault that the ns-3 program has.

mod support;

use mixlab_contract::conformance::{
    Scope, Verdict, disjoint_parts_do_not_interact, network_laws, output_is_sound_and_repeatable, random_scenario,
};
use mixlab_contract::{
    Application, Backend, BitsPerSec, Bytes, CongestionControl, Flow, FlowIndex, Network, Scenario, Silent, SimTime,
    drive,
};
use mixlab_packet::probe::Unobserved;
use mixlab_packet::{CleanNetwork, PacketBackend};
use support::scenarios::{changed, fast, lossy};

const SEEDS: std::ops::Range<u64> = 0..120;

fn check(seed: u64, verdict: Verdict) {
    verdict.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
}

#[test]
fn every_flow_finishes_although_packets_are_lost() {
    let mut drops = 0;
    for seed in SEEDS {
        let output = PacketBackend::CLEAN.run(&lossy(seed), &Silent).expect("a supported scenario");
        let unfinished = output.outcomes.iter().filter(|o| o.fct().is_none()).count();
        assert_eq!(unfinished, 0, "seed {seed}, {} drops", output.counters.drops);
        assert_eq!(output.counters.pauses, 0, "seed {seed}: nobody obeys pause frames, so none are sent");
        drops += output.counters.drops;
    }
    assert!(drops > 1_000, "{drops} drops are too few to show anything");
}

#[test]
fn outputs_are_sound_and_repeatable_at_any_rate() {
    for seed in SEEDS {
        check(seed, output_is_sound_and_repeatable(&PacketBackend::CLEAN, &fast(seed)));
        check(seed, output_is_sound_and_repeatable(&PacketBackend::CLEAN, &lossy(seed)));
        check(seed, output_is_sound_and_repeatable(&PacketBackend::CLEAN, &random_scenario(seed, Scope::default())));
    }
}

#[test]
fn the_network_obeys_the_laws_of_networks() {
    for seed in SEEDS {
        check(seed, network_laws(&fast(seed), |s| CleanNetwork::observed(s, Unobserved)));
        check(seed, network_laws(&lossy(seed), |s| CleanNetwork::observed(s, Unobserved)));
    }
}

/// Under DCQCN too: every port draws from its own stream.
#[test]
fn disjoint_parts_are_independent() {
    for seed in SEEDS {
        check(seed, disjoint_parts_do_not_interact(&PacketBackend::CLEAN, &fast(seed)));
        check(seed, disjoint_parts_do_not_interact(&PacketBackend::CLEAN, &lossy(seed)));
    }
}

/// When the last byte of a lone flow arrives, in ps: packets leave at the sender's pace, and every channel sends one after
/// the other.
fn store_and_forward(scenario: &Scenario, flow: FlowIndex) -> u64 {
    let (t, size) = (scenario.transport(), scenario.flow(flow).size.0);
    let wire = |k: u64| (size - k * t.payload.0).min(t.payload.0) + t.data_header().0;
    let tx = |rate: BitsPerSec, bytes: u64| (bytes * 8_000_000_000_000).div_ceil(rate.0);
    let mut at: Vec<u64> = Vec::new();
    for k in 0..t.packets(Bytes(size)) {
        at.push(k * tx(t.max_rate, wire(0)));
    }
    for channel in scenario.path(flow) {
        let link = scenario.topology().link(*channel);
        let mut free = 0;
        for (k, at) in (0..).zip(&mut at) {
            free = free.max(*at) + tx(link.rate, wire(k));
            *at = free + link.delay.ps();
        }
    }
    *at.last().expect("at least one packet")
}

/// HPCC is left out: it keeps utilisation below η, so it slows a lone flow on purpose.
#[test]
fn a_lone_flow_takes_its_store_and_forward_time_to_the_picosecond() {
    for seed in SEEDS {
        for gbps in [1, 7, 10, 33, 100, 400, 800] {
            let scenario = changed(fast(seed), |p| {
                p.flows.truncate(1);
                p.paths = None;
                p.application = Application::Open;
                p.transport.window = None;
                p.transport.ecn = false;
                p.transport.min_rate = BitsPerSec(1);
                p.transport.max_rate = BitsPerSec::from_gbps(gbps.min(100));
                if gbps == 33 {
                    p.transport.max_rate = BitsPerSec(33_333_333_333);
                }
            });
            let path_rate = scenario.path(FlowIndex(0)).iter().map(|c| scenario.topology().link(*c).rate).min();
            let scenario = match gbps {
                400.. => changed(scenario, |p| p.transport.max_rate = path_rate.expect("a path")),
                _ => scenario,
            };
            if matches!(scenario.transport().congestion_control, CongestionControl::Hpcc { .. }) {
                continue;
            }
            let output = PacketBackend::CLEAN.run(&scenario, &Silent).expect("a supported scenario");
            let fct = output.outcomes[0].fct().expect("finished");
            assert_eq!(fct.ps(), store_and_forward(&scenario, FlowIndex(0)), "seed {seed}, {gbps} Gb/s");
        }
    }
}

#[test]
fn sequence_numbers_go_beyond_4_gib() {
    let size = Bytes(5_000_000_000);
    let scenario = changed(fast(1), |p| {
        p.flows = vec![Flow { size, ..p.flows[0] }];
        p.paths = None;
        p.application = Application::Open;
        p.transport.payload = Bytes(60_000);
        p.transport.window = None;
        p.transport.max_rate = BitsPerSec::from_gbps(100);
        p.transport.buffer = Bytes(10_000_000);
        p.transport.congestion_control = CongestionControl::Dctcp { gain: 0.0625, additive: BitsPerSec::from_gbps(1) };
    });
    let mut network = CleanNetwork::observed(&scenario, Unobserved);
    let outcomes = drive(&mut network, &scenario, &Silent).expect("not cancelled");
    let fct = outcomes[0].fct().expect("finished");
    assert_eq!(fct.ps(), store_and_forward(&scenario, FlowIndex(0)));
    assert!(network.now() >= SimTime::ZERO + fct);
}

/// With PFC, headroom that covers every link whatever its rate, and room for it, nothing is dropped.
#[test]
fn pfc_with_true_headroom_drops_nothing_on_fast_links() {
    let mut pauses = 0;
    for seed in SEEDS {
        let scenario = changed(fast(seed), |p| {
            p.transport.pfc = true;
            p.transport.ecn = false;
            p.transport.window = None;
            p.transport.buffer = Bytes(40_000_000);
        });
        // Small ingress pools: the buffer is what headroom takes and little more.
        let headroom: u64 = scenario
            .topology()
            .links()
            .iter()
            .map(|l| 4 * (6_100 + (2 * l.rate.0 as u128 * l.delay.ps() as u128 / 8_000_000_000_000) as u64))
            .sum();
        let scenario = changed(scenario, |p| p.transport.buffer = Bytes(headroom * 5 / 4 + 10_000));
        let output = PacketBackend::CLEAN.run(&scenario, &Silent).expect("a supported scenario");
        assert_eq!(output.counters.drops, 0, "seed {seed}");
        assert!(output.outcomes.iter().all(|o| o.fct().is_some()), "seed {seed}: a flow is unfinished");
        pauses += output.counters.pauses;
    }
    assert!(pauses > 0, "no scenario paused anybody");
}

#[test]
fn the_fidelities_are_different_backends() {
    assert_eq!((PacketBackend::NS3.id(), PacketBackend::CLEAN.id()), ("packet", "packet-clean"));
    assert_ne!(PacketBackend::NS3.fingerprint(), PacketBackend::CLEAN.fingerprint());
    let huge = changed(fast(1), |p| p.flows[0].size = Bytes(5_000_000_000));
    assert!(PacketBackend::NS3.check(&huge).is_err() && PacketBackend::CLEAN.check(&huge).is_ok());
}
