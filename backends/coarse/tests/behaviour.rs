//! What the model says where the answer is known: closed forms, and FCTs of the ns-3 program on one switch.

use mixlab_coarse::CoarseBackend;
use mixlab_contract::conformance::{Scope, random_scenario};
use mixlab_contract::{
    Application, Backend, BitsPerSec, Bytes, CongestionControl, Flow, Link, Marking, NodeId, NodeKind, Scenario,
    ScenarioParts, Silent, SimDuration, SimTime, Topology, Transport,
};

const GIGA: u64 = 1_000_000_000;
const DCTCP: CongestionControl = CongestionControl::Dctcp { gain: 0.0625, additive: BitsPerSec(615_000_000) };

/// The transport of the m4 runs at 10 Gb/s.
fn transport(congestion_control: CongestionControl, window: u64, buffer_kib: u64) -> Transport {
    let (k_min, k_max, p_max) = match congestion_control {
        CongestionControl::Dctcp { .. } => (20_000, 20_000, 1.0),
        _ => (8_000, 16_000, 0.2),
    };
    Transport {
        payload: Bytes(1000),
        window: Some(Bytes(window)),
        variable_window: true,
        min_rate: BitsPerSec(GIGA),
        max_rate: BitsPerSec(10 * GIGA),
        rate_bound: true,
        ack_high_priority: !matches!(
            congestion_control,
            CongestionControl::Dcqcn { .. } | CongestionControl::Hpcc { .. }
        ),
        pfc: true,
        ecn: true,
        buffer: Bytes(buffer_kib * 1024),
        marking: vec![(BitsPerSec(10 * GIGA), Marking { k_min: Bytes(k_min), k_max: Bytes(k_max), p_max })],
        congestion_control,
        ..random_scenario(0, Scope::default()).into_parts().transport
    }
}

/// Four hosts on one switch, links of 10 Gb/s and 1 µs, with flows (source, destination, bytes, start in ns after the first).
fn star(transport: Transport, flows: &[(u32, u32, u64, u64)]) -> Scenario {
    star_of(SimDuration::from_ns(1_000), transport, flows)
}

/// The same with links of another length.
fn star_of(delay: SimDuration, transport: Transport, flows: &[(u32, u32, u64, u64)]) -> Scenario {
    let rate = BitsPerSec(10 * GIGA);
    let link = |h| Link { a: NodeId(h), b: NodeId(4), rate, delay };
    let kinds = (0..5).map(|n| if n < 4 { NodeKind::Host } else { NodeKind::Switch }).collect();
    let topology = Topology::new(kinds, (0..4).map(link).collect(), vec![NodeId(4)]).expect("a star");
    let flow = |((src, dst, size, start), id): (&(u32, u32, u64, u64), u64)| Flow {
        id,
        src: NodeId(*src),
        dst: NodeId(*dst),
        size: Bytes(*size),
        start: SimTime::from_ns(GIGA + start),
    };
    let parts = ScenarioParts {
        topology,
        flows: flows.iter().zip(0..).map(flow).collect(),
        paths: None,
        transport,
        application: Application::Open,
        horizon: SimTime::from_ns(1_000 * GIGA),
    };
    Scenario::new(parts).expect("flows between hosts of a star")
}

/// FCTs in ns.
fn fcts(scenario: &Scenario) -> Vec<f64> {
    let output = CoarseBackend.run(scenario, &Silent).expect("it runs");
    output.outcomes.iter().map(|o| o.fct().expect("every flow ends").ps() as f64 / 1e3).collect()
}

#[test]
fn one_switch_is_as_in_ns3() {
    let us = |n: u64| SimDuration::from_ns(1_000 * n);
    let dcqcn = CongestionControl::Dcqcn {
        gain: 1.0 / 256.0,
        alpha_interval: us(50),
        decrease_interval: us(50),
        increase_interval: us(55),
        fast_recovery_rounds: 1,
        additive: BitsPerSec(2_000_000),
        hyper: BitsPerSec(20_000_000),
        clamp_target: false,
    };
    let timely = CongestionControl::Timely {
        t_low: us(50),
        t_high: us(120),
        beta: 0.8,
        additive: BitsPerSec(10_000_000),
        hyper: BitsPerSec(50_000_000),
    };
    let hpcc = CongestionControl::Hpcc {
        target_utilisation: 0.85,
        additive: BitsPerSec(500_000_000),
        additive_stages: 0,
        telemetry_multiplier: 1,
        fast_reaction: true,
        per_hop_rate: false,
    };
    let flows = [(0, 3, 200_000, 0), (1, 3, 200_000, 5_000), (0, 2, 30_000, 10_000), (2, 3, 50_000, 20_000)];
    // FCTs of the program, ns, for a window of 10,000 bytes and a buffer of 130 KiB, and for 40,000 and 60.
    let cases = [
        (DCTCP, [378_262, 374_938, 41_442, 134_516], [379_938, 374_100, 109_678, 114_404]),
        (dcqcn, [404_687, 398_849, 45_632, 127_722], [355_884, 386_184, 97_946, 127_812]),
        (timely, [380_956, 377_644, 46_016, 129_700], [382_644, 376_800, 110_506, 115_352]),
        (hpcc, [414_893, 409_021, 38_710, 107_709], [411_287, 407_159, 64_666, 118_904]),
    ];
    for (control, small, large) in cases {
        // With room in the buffer only the ticks make a difference; where inputs are paused, a flow that shares one with a flow
        // that waits gets through it up to a third too fast.
        for (expected, window, buffer, most) in [(small, 10_000, 130, 0.12), (large, 40_000, 60, 0.32)] {
            let found = fcts(&star(transport(control, window, buffer), &flows));
            for (found, expected) in found.iter().zip(expected) {
                let error = found / f64::from(expected) - 1.0;
                assert!(error.abs() < most, "{} {window}: {found} ns, ns-3 has {expected}", control.name());
            }
        }
    }
}

#[test]
fn a_steady_phase_costs_the_logarithm_of_its_length() {
    let run = |bytes: u64| {
        let flows = [(0, 3, bytes, 0), (1, 3, bytes, 0), (2, 3, bytes, 0)];
        let scenario = star(transport(DCTCP, 10_000, 130), &flows);
        (CoarseBackend.run(&scenario, &Silent).expect("it runs").counters.events, fcts(&scenario))
    };
    let (few, _) = run(10_000_000);
    let (many, found) = run(1_000_000_000);
    assert!(many < 4 * few, "{many} trains for 100 times the bytes, {few} for a hundredth");
    // Three equal flows through one link of 10 Gb/s: 48 bytes of headers per 1,000.
    let together = 3.0 * 1_048_000_000.0 * 0.8;
    let last = found.iter().fold(0.0f64, |a, b| a.max(*b));
    assert!((last / together - 1.0).abs() < 0.01, "{last} ns, all of the bytes take {together}");
}

#[test]
fn links_without_latency_are_links_too() {
    let flows = [(0, 3, 200_000, 0), (1, 3, 200_000, 0)];
    let found = fcts(&star_of(SimDuration::ZERO, transport(DCTCP, 10_000, 130), &flows));
    // Two equal flows through one link of 10 Gb/s: 48 bytes of headers per 1,000.
    let together = 2.0 * 209_600.0 * 0.8;
    let last = found.iter().fold(0.0f64, |a, b| a.max(*b));
    assert!((last / together - 1.0).abs() < 0.02, "{last} ns, all of the bytes take {together}");
}
