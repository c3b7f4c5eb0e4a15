//! TCP scenarios: what they refuse, what their digests tell apart, and their ideal FCT against a segment-by-segment model.

use mixlab_contract::conformance::{Scope, SplitMix, output_is_sound_and_repeatable, queue_disciplines};
use mixlab_contract::conformance::{random_scenario, under_tcp};
use mixlab_contract::tcp::{TCP_HEADER_BYTES, rdma_only};
use mixlab_contract::{
    BitsPerSec, Bytes, ChannelId, FlowIndex, IdealBackend, Link, NodeId, QueueDiscipline, Scenario, ScenarioError,
    SimDuration, TcpVariant, Topology, Transport, ideal_fct,
};
use std::collections::BTreeSet;

fn tcp(seed: u64) -> Scenario {
    under_tcp(&random_scenario(seed, Scope::default()), TcpVariant::Dctcp, QueueDiscipline::Red)
}

#[test]
fn what_only_rdma_has_is_refused() {
    type Change = fn(&mut Transport);
    let changes: [(&str, Change); 10] = [
        ("window", |t| t.window = Some(Bytes(15_000))),
        ("variable_window", |t| t.variable_window = true),
        ("rate_bound", |t| t.rate_bound = true),
        ("ack_high_priority", |t| t.ack_high_priority = true),
        ("pfc", |t| t.pfc = true),
        ("min_rate", |t| t.min_rate = BitsPerSec(1)),
        ("max_rate", |t| t.max_rate = BitsPerSec::from_gbps(1)),
        ("ecn", |t| t.ecn = false),
        ("marking", |t| t.marking.clear()),
        ("buffer", |t| t.buffer = Bytes(0)),
    ];
    for (expected, change) in changes {
        let mut parts = tcp(1).into_parts();
        change(&mut parts.transport);
        let Err(ScenarioError::Parameter { field, .. }) = Scenario::new(parts) else {
            panic!("{expected} is accepted")
        };
        assert_eq!(field, expected);
    }
}

#[test]
fn variant_and_queue_are_in_the_digest() {
    let network = random_scenario(1, Scope::default());
    let mut seen = BTreeSet::from([network.digest()]);
    for variant in TcpVariant::ALL {
        for queue in queue_disciplines() {
            assert!(seen.insert(under_tcp(&network, variant, queue).digest()), "{} {}", variant.name(), queue.name());
        }
    }
    let slower =
        QueueDiscipline::CoDel { target: SimDuration::from_ns(30_000), interval: SimDuration::from_ns(700_000) };
    assert!(seen.insert(under_tcp(&network, TcpVariant::Cubic, slower).digest()));
}

#[test]
fn backends_of_rdma_name_the_variant() {
    let refusal = rdma_only(&tcp(1)).map_err(|e| e.to_string());
    assert_eq!(refusal, Err("TCP (tcp-dctcp) is not modelled by this backend".into()));
    assert_eq!(rdma_only(&random_scenario(1, Scope::default())), Ok(()));
}

#[test]
fn the_ideal_backend_runs_tcp() {
    for seed in 0..50 {
        output_is_sound_and_repeatable(&IdealBackend, &tcp(seed)).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
}

/// Time until `bytes` are over `path` as packets of `sizes`, sent back to back, each transmission in whole nanoseconds.
fn over(topology: &Topology, path: &[ChannelId], sizes: &[u64]) -> u64 {
    let mut at = vec![0; sizes.len()];
    for link in path.iter().map(|c| topology.link(*c)) {
        let mut free = 0;
        for (size, at) in sizes.iter().zip(&mut at) {
            free = free.max(*at) + link.rate.transmission_ns_floor(Bytes(*size)) * 1_000;
            *at = free + link.delay.ps();
        }
    }
    *at.last().expect("at least one packet")
}

/// Packets of a flow on the wire.
fn segments(t: &Transport, size: u64) -> Vec<u64> {
    let packets = t.packets(Bytes(size));
    (0..packets).map(|k| (size - k * t.payload.0).min(t.payload.0) + TCP_HEADER_BYTES).collect()
}

#[test]
fn the_ideal_fct_is_a_handshake_and_all_segments_at_once() {
    let mut random = SplitMix(1);
    for seed in 0..200 {
        let network = random_scenario(seed, Scope::default());
        let t = network.topology();
        let links = t.links().iter().map(|l| Link { rate: BitsPerSec(1 + random.below(800_000_000_000)), ..*l });
        let kinds = (0..t.node_count() as u32).map(|n| t.kind(NodeId(n))).collect();
        let topology = Topology::new(kinds, links.collect(), t.switch_order().to_vec()).expect("the same shape");
        let mut parts = network.clone().into_parts();
        (parts.topology, parts.paths) = (topology, None);
        let mixed = Scenario::new(parts).expect("the same shape");
        let scenario = under_tcp(&mixed, TcpVariant::NewReno, QueueDiscipline::Fifo);
        let (t, transport) = (scenario.topology(), scenario.transport());
        for flow in scenario.indices() {
            let there = over(t, scenario.path(flow), &[TCP_HEADER_BYTES]);
            let back = over(t, scenario.ack_path(flow), &[TCP_HEADER_BYTES]);
            let data = over(t, scenario.path(flow), &segments(transport, scenario.flow(flow).size.0));
            let ideal = ideal_fct(&scenario, flow).ps();
            assert_eq!(ideal, there + back + data, "seed {seed}, flow {flow:?}");
        }
    }
}

#[test]
fn headers_of_tcp_are_counted_on_the_wire() {
    let scenario = tcp(3);
    let t = scenario.transport();
    assert_eq!((t.data_header(), t.ack_size()), (Bytes(42), Bytes(42)));
    assert_eq!(t.wire_bytes(Bytes(1_461)), Bytes(1_461 + 84));
    assert_eq!(t.congestion_control.telemetry_bytes(), 0);
    assert!(ideal_fct(&scenario, FlowIndex(0)) > SimDuration::ZERO);
}
