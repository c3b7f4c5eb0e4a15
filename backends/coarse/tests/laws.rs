//! The contract's laws on random scenarios: mixed link rates, all congestion controls, open and closed loops.

use mixlab_coarse::{CoarseBackend, CoarseNetwork};
use mixlab_contract::conformance::{
    Scope, Verdict, announce_late, announce_twice, disjoint_parts_do_not_interact, lone_flow_is_ideal, network_laws,
    output_is_sound_and_repeatable, random_scenario,
};
use mixlab_contract::ideal::bottleneck;
use mixlab_contract::{
    Application, Backend, Bytes, CongestionControl, Event, FlowIndex, FlowStart, Network, Scenario, SimDuration,
};

const SEEDS: std::ops::Range<u64> = 0..300;

/// Holds every scenario that `applies` to `law`; all that break it are said, not just the first.
fn holds(applies: impl Fn(&Scenario) -> bool, law: impl Fn(&Scenario) -> Verdict) {
    let (mut held, mut broken) = (0, Vec::new());
    for seed in SEEDS {
        let scenario = random_scenario(seed, Scope::default());
        if applies(&scenario) {
            match law(&scenario) {
                Ok(()) => held += 1,
                Err(seen) => broken.push(format!("seed {seed}: {seen}")),
            }
        }
    }
    assert!(broken.is_empty(), "{held} held, {} broken:\n{}", broken.len(), broken.join("\n"));
    assert!(held > 150, "the law applied to {held} scenarios only");
}

#[test]
fn outputs_are_sound_and_repeatable() {
    holds(|_| true, |s| output_is_sound_and_repeatable(&CoarseBackend, s));
}

#[test]
fn the_network_obeys_the_laws_of_networks() {
    holds(|_| true, |s| network_laws(s, CoarseNetwork::new));
}

/// DCQCN is left out: whether a sender sees a mark is drawn from a stream of its flow's number, which differs beside a copy.
#[test]
fn disjoint_parts_do_not_interact_unless_their_flows_draw() {
    let draws = |s: &Scenario| matches!(s.transport().congestion_control, CongestionControl::Dcqcn { .. });
    holds(|s| !draws(s), |s| disjoint_parts_do_not_interact(&CoarseBackend, s));
}

/// Telemetry makes packets longer than the ideal FCT counts, and a delivery is reported when its tick has ended. HPCC is left
/// out: it keeps utilisation below η, so it slows a lone flow on purpose.
#[test]
fn a_lone_flow_is_ideal() {
    let slack = |scenario: &Scenario| {
        let t = scenario.transport();
        let first = FlowIndex(0);
        let size = t.window.map_or(scenario.flow(first).size, |w| scenario.flow(first).size.min(w));
        let packets = t.packets(size) + scenario.path(first).len() as u64;
        let extra = Bytes(t.congestion_control.telemetry_bytes());
        let longer = bottleneck(scenario.topology(), t, scenario.path(first)).transmission_ns_floor(extra) + 1;
        SimDuration::from_ns(2_000 + if extra == Bytes(0) { 0 } else { packets * longer })
    };
    let hpcc = |s: &Scenario| matches!(s.transport().congestion_control, CongestionControl::Hpcc { .. });
    holds(|s| !hpcc(s), |s| lone_flow_is_ideal(&CoarseBackend, s, slack(s) + CoarseBackend.tolerance()));
}

/// What differs between two runs of the same scenario: how many flows, and the first of them.
fn same(seen: &mut [Event], wanted: &mut [Event]) -> Verdict {
    seen.sort_unstable_by_key(|e| (e.flow, e.kind));
    wanted.sort_unstable_by_key(|e| (e.flow, e.kind));
    if seen == wanted {
        return Ok(());
    }
    let differ: Vec<_> = seen.iter().zip(&*wanted).filter(|(a, b)| a != b).collect();
    Err(format!("{} and {} events, {} differ, the first {:?}", seen.len(), wanted.len(), differ.len(), differ.first()))
}

/// All events, with every flow announced up front in the order given.
fn announced(scenario: &Scenario, order: impl Iterator<Item = FlowIndex>) -> Vec<Event> {
    let mut network = CoarseNetwork::new(scenario);
    order.for_each(|f| network.start_flow(FlowStart::of(scenario, f, scenario.flow(f).start, true)));
    std::iter::from_fn(|| network.next_event(scenario.horizon())).collect()
}

/// Announces each flow at its start instead of all up front.
#[test]
fn when_a_flow_is_announced_does_not_matter() {
    let open = |s: &Scenario| s.application() == Application::Open;
    holds(open, |scenario| {
        let mut late = CoarseNetwork::new(scenario);
        let mut events = Vec::new();
        for f in scenario.indices() {
            events.extend(std::iter::from_fn(|| late.next_event(scenario.flow(f).start)));
            late.start_flow(FlowStart::of(scenario, f, scenario.flow(f).start, true));
        }
        events.extend(std::iter::from_fn(|| late.next_event(scenario.horizon())));
        let mut expected = announced(scenario, scenario.indices());
        // In this order, too.
        if events == expected { Ok(()) } else { same(&mut events, &mut expected) }
    });
}

/// Announces all flows up front, the last one first. No two start at once: such ties go to the flow that was announced first.
#[test]
fn in_what_order_flows_are_announced_does_not_matter() {
    holds(
        |_| true,
        |tied| {
            let mut parts = tied.clone().into_parts();
            for (i, flow) in parts.flows.iter_mut().enumerate() {
                flow.start = flow.start + SimDuration::from_ns(i as u64);
            }
            let scenario = Scenario::new(parts).expect("only starts changed");
            let backwards = (0..scenario.flows().len() as u32).rev().map(FlowIndex);
            same(&mut announced(&scenario, backwards), &mut announced(&scenario, scenario.indices()))
        },
    );
}

#[test]
#[should_panic(expected = "starts in the past")]
fn a_flow_that_starts_in_the_past_is_refused() {
    announce_late(&random_scenario(1, Scope::default()), CoarseNetwork::new);
}

#[test]
#[should_panic(expected = "started twice")]
fn a_flow_that_was_started_before_is_refused() {
    announce_twice(&random_scenario(1, Scope::default()), CoarseNetwork::new);
}
