//! The contract's laws and the idle-network laws.

mod support;

use mixlab_contract::conformance::{
    Scope, Verdict, announce_late, announce_twice, check_output, disjoint_parts_do_not_interact, lone_flow_is_ideal,
    network_laws, output_is_sound_and_repeatable, random_scenario,
};
use mixlab_contract::ideal::{bottleneck, ideal_fct};
use mixlab_contract::{
    Application, Backend, Bytes, Event, FlowIndex, FlowStart, Network, RunOutput, Scenario, Silent, SimDuration,
    SimTime,
};
use mixlab_flowsim::{FlowsimBackend, FluidNetwork, Rules};
use support::nasty_scenario;

const BACKENDS: [FlowsimBackend; 2] = [FlowsimBackend::plain(), FlowsimBackend::window()];

/// What telemetry may add to a lone flow of at most one window under the window rules.
fn telemetry_slack(backend: FlowsimBackend, scenario: &Scenario) -> SimDuration {
    let t = scenario.transport();
    let extra = t.congestion_control.telemetry_bytes();
    let flow = scenario.indices().next().expect("scenarios have flows");
    if backend.rules() == Rules::Payload || extra == 0 {
        return SimDuration::ZERO;
    }
    let b = bottleneck(scenario.topology(), t, scenario.path(flow));
    let packets = t.packets(scenario.flow(flow).size) + scenario.path(flow).len() as u64;
    SimDuration::from_ns(packets * (b.transmission_ns_floor(Bytes(extra)) + 1))
}

#[test]
fn both_backends_obey_every_law_of_the_contract() {
    for seed in 0..1_000 {
        for (backend, nasty) in BACKENDS.into_iter().flat_map(|b| [(b, false), (b, true)]) {
            let scenario = if nasty { nasty_scenario(seed) } else { random_scenario(seed, Scope::default()) };
            let check = |v: Verdict| v.unwrap_or_else(|e| panic!("{} seed {seed} nasty {nasty}: {e}", backend.id()));
            check(output_is_sound_and_repeatable(&backend, &scenario));
            check(disjoint_parts_do_not_interact(&backend, &scenario));
            check(network_laws(&scenario, |s| FluidNetwork::new(s, backend.rules())));
            check(lone_flow_is_ideal(&backend, &scenario, telemetry_slack(backend, &scenario)));
        }
    }
}

fn lone(scenario: &Scenario, size: u64) -> Scenario {
    let mut parts = scenario.clone().into_parts();
    parts.flows.truncate(1);
    parts.flows[0].size = Bytes(size);
    (parts.paths, parts.application) = (None, Application::Open);
    Scenario::new(parts).expect("one flow of a valid scenario")
}

fn fct(backend: FlowsimBackend, scenario: &Scenario) -> SimDuration {
    let output: RunOutput = backend.run(scenario, &Silent).expect("not cancelled");
    check_output(scenario, &output, backend.tolerance()).expect("sound");
    output.outcomes[0].fct().expect("it has all the time it needs")
}

/// Announces each flow at its start, or in reverse order, instead of all in order up front.
#[test]
fn when_a_flow_is_announced_does_not_matter() {
    for seed in 0..300 {
        let mut parts = nasty_scenario(seed).into_parts();
        parts.application = Application::Open;
        let scenario = Scenario::new(parts).expect("valid");
        for rules in [Rules::Payload, Rules::Window] {
            let start = |f: FlowIndex| FlowStart::of(&scenario, f, scenario.flow(f).start, true);
            let (mut early, mut late) = (FluidNetwork::new(&scenario, rules), FluidNetwork::new(&scenario, rules));
            scenario.indices().for_each(|f| early.start_flow(start(f)));
            let mut events = Vec::new();
            for f in scenario.indices() {
                events.extend(std::iter::from_fn(|| late.next_event(scenario.flow(f).start)));
                late.start_flow(start(f));
            }
            events.extend(std::iter::from_fn(|| late.next_event(scenario.horizon())));
            let expected: Vec<Event> = std::iter::from_fn(|| early.next_event(scenario.horizon())).collect();
            assert_eq!(events, expected, "seed {seed} {rules:?}: announced late");
            let mut backwards = FluidNetwork::new(&scenario, rules);
            (0..scenario.flows().len() as u32).rev().for_each(|f| backwards.start_flow(start(FlowIndex(f))));
            let seen: Vec<Event> = std::iter::from_fn(|| backwards.next_event(scenario.horizon())).collect();
            let mut times: Vec<_> = seen.iter().map(|e| (e.flow, e.kind, e.time)).collect();
            let mut wanted: Vec<_> = expected.iter().map(|e| (e.flow, e.kind, e.time)).collect();
            times.sort_unstable();
            wanted.sort_unstable();
            for (a, b) in times.iter().zip(&wanted) {
                // Ties are broken the other way round, so sums are rounded differently.
                assert!(a.2.ps().abs_diff(b.2.ps()) <= 1 && a.0 == b.0, "seed {seed} {rules:?}: {a:?}, {b:?}");
            }
            assert_eq!(times.len(), wanted.len());
        }
    }
}

#[test]
#[should_panic(expected = "starts in the past")]
fn a_flow_that_starts_in_the_past_is_refused() {
    announce_late(&random_scenario(1, Scope::default()), |s| FluidNetwork::new(s, Rules::Payload));
}

#[test]
#[should_panic(expected = "started twice")]
fn a_flow_that_was_started_before_is_refused() {
    announce_twice(&random_scenario(1, Scope::default()), |s| FluidNetwork::new(s, Rules::Payload));
}

#[test]
fn an_idle_network_gives_exactly_the_ideal_fct() {
    for seed in 0..300 {
        for size in [1, 2, 999, 1_000, 1_001, 4_999, 5_000, 77_777, 10_000_000, 3_000_000_000] {
            let base = random_scenario(seed, Scope::default());
            let telemetry = base.transport().congestion_control.telemetry_bytes() > 0;
            for backend in BACKENDS {
                let window = backend.rules() == Rules::Window;
                if window && telemetry {
                    continue;
                }
                let mut parts = base.clone().into_parts();
                parts.transport.window = parts.transport.window.filter(|w| !window || size <= w.0);
                parts.horizon = SimTime::from_ns(60_000_000_000);
                let scenario = lone(&Scenario::new(parts).expect("valid"), size);
                let ideal = ideal_fct(&scenario, scenario.indices().next().expect("one"));
                assert_eq!(fct(backend, &scenario), ideal, "{} seed {seed} size {size}", backend.id());
            }
        }
    }
}

/// `FCT without window + ⌊(size − 1) / W⌋ · max(0, base RTT − serialisation of W)`, W rounded up to whole packets; 10 Gb/s,
/// 1 µs links, 1,000 B packets.
#[test]
fn a_lone_windowed_flow_obeys_the_isolated_flow_law() {
    let mut limited = 0;
    for seed in 0..300 {
        let scope = Scope { mixed_links: false, ..Scope::default() };
        for size in [4_000, 5_000, 20_000, 20_001, 99_000, 1_000_000] {
            let scenario = lone(&random_scenario(seed, scope), size);
            let t = scenario.transport();
            let flow = scenario.indices().next().expect("one");
            let window = t.window.expect("contract scenarios have windows").0.div_ceil(1_000) * 1_000;
            // A full packet and its ACK at 10 Gb/s, in whole ns; 0.8 ns per byte.
            let (header, packet, ack) = match t.congestion_control.telemetry_bytes() {
                0 => (48.0, 838.0, 48.0),
                8 => (56.0, 844.0, 48.0),
                42 => (90.0, 872.0, 70.0),
                other => panic!("no congestion control adds {other} bytes"),
            };
            let base_rtt = scenario.path(flow).len() as f64 * (1_000.0 + packet + 1_000.0 + ack);
            let stall = (base_rtt - window as f64 * (1.0 + header / 1_000.0) * 0.8).max(0.0);
            let mut parts = scenario.clone().into_parts();
            parts.transport.window = None;
            let free = fct(FlowsimBackend::window(), &Scenario::new(parts).expect("valid")).ps() as f64 * 1e-3;
            let law = free + ((size - 1) / window) as f64 * stall;
            limited += u64::from(stall > 0.0 && size > window);
            let got = fct(FlowsimBackend::window(), &scenario).ps() as f64 * 1e-3;
            assert!((got - law).abs() < 2e-3, "seed {seed} size {size} window {window}: {got} ns, law {law} ns");
        }
    }
    assert!(limited > 100, "only {limited} cases were limited by their window");
}

/// TIMELY and HPCC packets are longer than the ideal FCT counts: 8 and 42 bytes more each.
#[test]
fn telemetry_lengthens_a_lone_flow_by_its_bytes() {
    for seed in 0..100 {
        let mut parts = random_scenario(seed, Scope { mixed_links: false, ..Scope::default() }).into_parts();
        parts.transport.window = None;
        let scenario = lone(&Scenario::new(parts).expect("valid"), 100_000);
        let flow = scenario.indices().next().expect("one");
        let per_packet = match scenario.transport().congestion_control.telemetry_bytes() {
            0 => 0,
            8 => 6,   // 56 B in 44 ns instead of 48 B in 38 ns
            42 => 34, // 90 B in 72 ns
            other => panic!("no congestion control adds {other} bytes"),
        };
        // The first packet's extra is that of 1,000 + header bytes: 844 or 872 ns instead of 838.
        let packets = 99 + scenario.path(flow).len() as u64;
        let want = ideal_fct(&scenario, flow) + SimDuration::from_ns(per_packet * packets);
        assert_eq!(fct(FlowsimBackend::window(), &scenario), want, "seed {seed}");
    }
}
