//! ns-3's own TCP: the contract's laws, and that each congestion control reacts to what each queue discipline does.

use crate::support::{Keeper, real_ns3, script};
use mixlab_contract::conformance::{Scope, check_output, queue_disciplines, random_scenario, under_tcp};
use mixlab_contract::{
    Application, Backend, BitsPerSec, Bytes, Flow, FlowOutcome, Link, NodeId, NodeKind, QueueDiscipline, RunOutput,
    Scenario, ScenarioParts, Silent, SimDuration, SimTime, TcpVariant, Topology, ideal_fct,
};
use mixlab_ns3::{Ns3Backend, Ns3Network, Ns3Tree};

/// Where flows begin: later than zero, as in every mix.
const FIRST_NS: u64 = 1_000_000_000;

fn combinations() -> impl Iterator<Item = (TcpVariant, QueueDiscipline)> {
    TcpVariant::ALL.into_iter().flat_map(|variant| queue_disciplines().map(|queue| (variant, queue)))
}

/// Hosts 0 to `hosts` − 1 on one switch, all links `gbps` and 1 µs, with flows (source, destination, bytes, start in ns after the
/// first), under TCP.
fn star(
    (hosts, gbps): (u32, u64),
    flows: &[(u32, u32, u64, u64)],
    variant: TcpVariant,
    queue: QueueDiscipline,
) -> Scenario {
    let link = |h| Link {
        a: NodeId(h),
        b: NodeId(hosts),
        rate: BitsPerSec::from_gbps(gbps),
        delay: SimDuration::from_ns(1_000),
    };
    let kinds = (0..=hosts).map(|n| if n < hosts { NodeKind::Host } else { NodeKind::Switch }).collect();
    let topology = Topology::new(kinds, (0..hosts).map(link).collect(), vec![NodeId(hosts)]).expect("a star");
    let flows = flows.iter().zip(0..).map(|((src, dst, size, start), id)| Flow {
        id,
        src: NodeId(*src),
        dst: NodeId(*dst),
        size: Bytes(*size),
        start: SimTime::from_ns(FIRST_NS + start),
    });
    let any = random_scenario(0, Scope::default()).into_parts();
    let parts = ScenarioParts {
        topology,
        flows: flows.collect(),
        paths: None,
        transport: any.transport,
        application: Application::Open,
        horizon: SimTime::from_ns(3 * FIRST_NS),
    };
    under_tcp(&Scenario::new(parts).expect("flows between hosts of a star"), variant, queue)
}

/// The scenario with other limits of its queues.
fn with_buffer(scenario: Scenario, bytes: u64) -> Scenario {
    let mut parts = scenario.into_parts();
    parts.transport.buffer = Bytes(bytes);
    Scenario::new(parts).expect("a buffer above 0")
}

fn run(ns3: &Ns3Backend, scenario: &Scenario) -> RunOutput {
    let t = scenario.transport();
    let output = ns3.run(scenario, &Silent).unwrap_or_else(|e| panic!("{}: {e}", t.congestion_control.name()));
    check_output(scenario, &output, SimDuration::ZERO)
        .unwrap_or_else(|e| panic!("{}: {e}", t.congestion_control.name()));
    output
}

fn all_completed(output: &RunOutput) -> bool {
    output.outcomes.iter().all(|o| matches!(o, FlowOutcome::Completed { .. }))
}

#[test]
fn flows_within_the_first_window_are_ideal_on_an_idle_network() {
    let Some(ns3) = real_ns3() else { return };
    for (gbps, (variant, queue)) in [1, 10, 25, 40, 100, 400].into_iter().cycle().zip(combinations()) {
        for size in [1, 1_000, 1_460, 1_461, 14_600] {
            let scenario = star((2, gbps), &[(0, 1, size, 0)], variant, queue);
            let ideal = ideal_fct(&scenario, scenario.indices().next().expect("one flow"));
            let fct = run(&ns3, &scenario).outcomes[0].fct().expect("nothing is in its way");
            // Options of the SYN on four links, the handshake's last ACK, and rounding.
            let bytes = SimDuration::from_ns((4 * 20 + 42) * 8 / gbps + 30);
            assert!(fct <= ideal + bytes, "{} {} {size} B: {fct}, ideal {ideal}", variant.name(), queue.name());
        }
    }
}

#[test]
fn a_long_flow_alone_is_close_to_ideal() {
    let Some(ns3) = real_ns3() else { return };
    for (variant, queue) in combinations() {
        // A queue that holds the whole flow: slow start overshoots, and what a full queue drops is not the law here.
        let scenario = with_buffer(star((2, 10), &[(0, 1, 2_000_000, 0)], variant, queue), 4_000_000);
        let ideal = ideal_fct(&scenario, scenario.indices().next().expect("one flow")).as_secs_f64();
        let fct = run(&ns3, &scenario).outcomes[0].fct().expect("nothing is in its way").as_secs_f64();
        assert!(fct < 1.06 * ideal, "{} {}: {fct}, ideal {ideal}", variant.name(), queue.name());
    }
}

#[test]
fn every_flow_completes_on_random_loaded_networks_and_runs_repeat() {
    let Some(ns3) = real_ns3() else { return };
    for (seed, (variant, queue)) in (0..).zip(combinations()) {
        let scenario = under_tcp(&random_scenario(seed, Scope { flows: 40, ..Scope::default() }), variant, queue);
        let (first, second) = (run(&ns3, &scenario), run(&ns3, &scenario));
        assert!(all_completed(&first), "seed {seed}, {} {}", variant.name(), queue.name());
        assert_eq!(first, second, "seed {seed}, {} {}", variant.name(), queue.name());
    }
}

/// Every data byte crosses every link of its path at least once, and each segment is acknowledged over each link back.
#[test]
fn no_fewer_packets_are_sent_than_the_flows_need() {
    let Some(ns3) = real_ns3() else { return };
    for (variant, queue) in combinations() {
        let scenario =
            under_tcp(&random_scenario(2, Scope { closed_loops: false, ..Scope::default() }), variant, queue);
        let output = run(&ns3, &scenario);
        let t = scenario.transport();
        let data = |f| t.packets(scenario.flow(f).size) * scenario.path(f).len() as u64;
        let needed: u64 = scenario.indices().map(data).sum();
        assert!(output.counters.packets >= needed, "{} of {needed} packets", output.counters.packets);
        assert!(all_completed(&output));
    }
}

/// 16 hosts send 200 kB each to one at the same moment.
fn incast(variant: TcpVariant, queue: QueueDiscipline) -> Scenario {
    let flows: Vec<_> = (1..17).map(|src| (src, 0, 200_000, 0)).collect();
    star((17, 10), &flows, variant, queue)
}

#[test]
fn queues_that_mark_mark_and_full_queues_drop() {
    let Some(ns3) = real_ns3() else { return };
    for (variant, queue) in combinations() {
        let counters = run(&ns3, &incast(variant, queue)).counters;
        let name = format!("{} {}: {counters:?}", variant.name(), queue.name());
        assert_eq!(counters.marks > 0, queue != QueueDiscipline::Fifo, "{name}");
        assert_eq!(counters.pauses, 0, "{name}");
        let small = run(&ns3, &with_buffer(incast(variant, queue), 60_000));
        assert!(small.counters.drops > 0, "{name}");
        assert!(all_completed(&small), "{name}");
    }
}

#[test]
fn dctcp_keeps_the_queue_shorter_than_loss_based_control() {
    let Some(ns3) = real_ns3() else { return };
    // Two long flows into one host; a small one in the middle waits behind whatever they have queued.
    let flows = [(1, 0, 6_000_000, 0), (2, 0, 6_000_000, 0), (3, 0, 1_000, 5_000_000)];
    let waited = |variant, queue| run(&ns3, &star((4, 10), &flows, variant, queue)).outcomes[2].fct().expect("it ends");
    let (dctcp, reno) =
        (waited(TcpVariant::Dctcp, QueueDiscipline::Red), waited(TcpVariant::NewReno, QueueDiscipline::Fifo));
    assert!(2 * dctcp.ps() < reno.ps(), "{dctcp} under DCTCP, {reno} under NewReno");
}

#[test]
fn small_flows_do_not_wait_behind_bulk_at_their_own_host() {
    let Some(ns3) = real_ns3() else { return };
    let flows = [(0, 1, 10_000_000, 0), (0, 2, 1_000, 5_000_000)];
    for (variant, queue) in combinations().filter(|(_, q)| [QueueDiscipline::Fifo, QueueDiscipline::Red].contains(q)) {
        let fct = run(&ns3, &star((3, 10), &flows, variant, queue)).outcomes[1].fct().expect("it ends");
        // Twice behind what RED lets wait (30 KB, and a window of 10 above it), or behind a packet or two.
        assert!(fct < SimDuration::from_ns(120_000), "{} {}: {fct}", variant.name(), queue.name());
    }
}

#[test]
fn a_closed_loop_keeps_its_limit() {
    let Some(ns3) = real_ns3() else { return };
    let flows: Vec<_> = (0..12).map(|i| (i % 2, 2, 50_000, 0)).collect();
    let mut parts = star((3, 10), &flows, TcpVariant::Dctcp, QueueDiscipline::Red).into_parts();
    parts.application = Application::ClosedLoop { max_inflight: 2, hosts_per_group: 2 };
    let scenario = Scenario::new(parts).expect("a closed loop");
    let output = run(&ns3, &scenario);
    let spans: Vec<(SimTime, SimTime)> = output
        .outcomes
        .iter()
        .map(|o| match o {
            FlowOutcome::Completed { start, fct } => (*start, *start + *fct),
            FlowOutcome::Unfinished { .. } => panic!("every flow completes"),
        })
        .collect();
    for (start, _) in &spans {
        let running = spans.iter().filter(|(s, end)| s <= start && start < end).count();
        assert!(running <= 2, "{running} flows of the group are outstanding at {start}");
    }
    assert!(spans.windows(2).all(|w| w[0].0 <= w[1].0), "flows wait in order");
}

#[test]
fn the_horizon_cuts_runs_off() {
    let Some(ns3) = real_ns3() else { return };
    let mut parts = star(
        (3, 10),
        &[(0, 1, 5_000_000, 0), (0, 2, 1_000, 0), (0, 2, 1_000, 9_000_000)],
        TcpVariant::Cubic,
        QueueDiscipline::Pie { target: SimDuration::from_ns(30_000), update_interval: SimDuration::from_ns(30_000) },
    )
    .into_parts();
    parts.horizon = SimTime::from_ns(FIRST_NS + 1_000_000);
    let output = run(&ns3, &Scenario::new(parts).expect("a shorter horizon"));
    assert_eq!(output.outcomes[0], FlowOutcome::Unfinished { start: Some(SimTime::from_ns(FIRST_NS)) });
    assert!(output.outcomes[1].fct().is_some());
    assert_eq!(output.outcomes[2], FlowOutcome::Unfinished { start: None });
}

#[test]
fn what_is_not_modelled_is_said() {
    let Some(ns3) = real_ns3() else { return };
    let base = || star((2, 10), &[(0, 1, 1_000, 0)], TcpVariant::Cubic, QueueDiscipline::Red).into_parts();
    let refusal = |parts| {
        let scenario = Scenario::new(parts).expect("valid parts");
        ns3.check(&scenario).expect_err("not modelled").to_string()
    };
    let mut p = base();
    p.flows[0].size = Bytes((1 << 31) + 1);
    assert!(refusal(p).contains("sequence numbers have 32 bits"));
    let mut p = base();
    p.flows[0].start = SimTime::from_ps(FIRST_NS * 1_000 + 1);
    assert!(refusal(p).contains("whole nanoseconds only"));
    let mut p = base();
    p.transport.marking[0].1.k_min = Bytes(0);
    assert!(refusal(p).contains("RED with thresholds of 0 B"));
    let mut p = base();
    p.transport.payload = Bytes(70_000);
    assert!(refusal(p).contains("a payload of 70000 B"));
    let scenario = Scenario::new(base()).expect("valid parts");
    let online = Ns3Network::new(&ns3, &scenario, &Silent).err().expect("offline only");
    assert!(online.to_string().contains("online: TCP (tcp-cubic) is not modelled"), "{online}");
    let tree = tempfile::tempdir().expect("a temporary folder");
    let refused = Ns3Tree::new(tree.path()).check(&scenario).expect_err("RDMA only").to_string();
    assert!(refused.contains("TCP (tcp-cubic)"), "{refused}");
}

#[test]
fn tcp_programs_are_not_trusted_either() {
    let scenario = star((2, 10), &[(0, 1, 1_000, 0)], TcpVariant::Bbr, QueueDiscipline::Fifo);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let program = dir.path().join("stand-in");
    script(&program, "while read -r line; do [ \"$line\" = end ] && break; done\necho 'flow 0 0 1000000000 9000000'");
    let result = Ns3Backend::new().with_program(&program).run(&scenario, &Keeper(dir.path().into()));
    let error = result.expect_err("there is no end marker").to_string();
    assert!(error.contains("without an end marker"), "{error}");
    let kept = std::fs::read_to_string(dir.path().join("scenario.txt")).expect("a failed run keeps its scenario");
    assert!(kept.contains("\ncongestion_control tcp-bbr fifo\n"), "{kept}");
}

/// A tree with ns-3's core library alone runs the RDMA transport and says what TCP lacks.
#[test]
fn an_ns3_without_the_internet_module_names_it() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir_all(dir.path().join("include/ns3")).expect("temporary folder is writable");
    std::fs::create_dir_all(dir.path().join("lib")).expect("temporary folder is writable");
    std::fs::write(dir.path().join("include/ns3/simulator.h"), "").expect("temporary folder is writable");
    std::fs::write(dir.path().join("lib/libns3.40-core.so"), "x").expect("temporary folder is writable");
    std::fs::write(dir.path().join("lib/libns3.40-network.so"), "x").expect("temporary folder is writable");
    let ns3 = Ns3Backend::new().with_dir(dir.path());
    if ns3.describe().is_err() {
        eprintln!("skipped: no C++ compiler");
        return;
    }
    let scenario = star((2, 10), &[(0, 1, 1_000, 0)], TcpVariant::Bbr, QueueDiscipline::Fifo);
    let refused = ns3.check(&scenario).expect_err("no TCP there").to_string();
    assert!(refused.contains("TCP (tcp-bbr) (the ns-3 found has no internet module)"), "{refused}");
}
