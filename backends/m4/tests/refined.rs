//! The refined model under the contract's laws, and its training: repeatability, resumption, what it learns.

mod support;

use mixlab_coarse::{CoarseBackend, CoarseNetwork};
use mixlab_contract::conformance::{
    Scope, Verdict, disjoint_parts_do_not_interact, lone_flow_is_ideal, network_laws, output_is_sound_and_repeatable,
    random_scenario,
};
use mixlab_contract::{
    Application, Backend, Bytes, ChannelId, CongestionControl, FlowOutcome, Scenario, Silent, SimDuration, SimTime,
    drive,
};
use mixlab_m4::perceptron::file::Kind;
use mixlab_m4::refined::features::FEATURES;
use mixlab_m4::refined::network::{GRAIN, network};
use mixlab_m4::train::refine::{Options, Refinement, record};
use mixlab_m4::train::{CheckpointError, Recording};
use mixlab_m4::{Perceptron, RefinedBackend};

/// Telemetry is not part of the ideal FCT (TIMELY 8 B, HPCC 42 B per packet), so a lone flow may be slower than it by that.
fn telemetry_slack(scenario: &Scenario) -> SimDuration {
    let t = scenario.transport();
    let packets = t.packets(scenario.flows()[0].size) + 8;
    SimDuration::from_ns(packets * t.congestion_control.telemetry_bytes() + 1)
}

/// A function that is `g` everywhere.
fn constant(g: f32) -> Perceptron {
    let mut model = Perceptron::untrained(FEATURES, 16, 1);
    *model.weights.last_mut().expect("there are weights") = g;
    model
}

fn ends(outcomes: &[FlowOutcome]) -> Vec<Option<(SimTime, SimDuration)>> {
    let end = |o: &FlowOutcome| match o {
        FlowOutcome::Completed { start, fct } => Some((*start, *fct)),
        FlowOutcome::Unfinished { .. } => None,
    };
    outcomes.iter().map(end).collect()
}

#[test]
fn the_shipped_model_obeys_every_law() {
    let backend = RefinedBackend::shipped().expect("the shipped weights can be read");
    let model = Kind::Refined.shipped().expect("the shipped weights can be read");
    for seed in 0..60 {
        let scenario = random_scenario(seed, Scope::default());
        let check = |v: Verdict| v.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        check(output_is_sound_and_repeatable(&backend, &scenario));
        // As in `coarse`: DCQCN draws from streams of flow numbers, HPCC slows a lone flow on purpose.
        let cc = scenario.transport().congestion_control;
        if !matches!(cc, CongestionControl::Hpcc { .. }) {
            check(lone_flow_is_ideal(&backend, &scenario, telemetry_slack(&scenario)));
        }
        if !matches!(cc, CongestionControl::Dcqcn { .. }) {
            check(disjoint_parts_do_not_interact(&backend, &scenario));
        }
        check(network_laws(&scenario, |s| network(s, GRAIN, &model, ())));
    }
}

#[test]
fn without_refinement_it_is_the_coarse_network_in_larger_trains_and_half_a_packet_per_link_at_most() {
    let backend = RefinedBackend::with_weights(constant(0.0));
    let scope = Scope { closed_loops: false, ..Scope::default() };
    for seed in 0..40 {
        let scenario = random_scenario(seed, scope);
        let ours = backend.run(&scenario, &Silent).expect("runs").outcomes;
        let coarse = drive(&mut CoarseNetwork::watched(&scenario, GRAIN, ()), &scenario, &Silent).expect("runs");
        let t = scenario.transport();
        let packet = Bytes(t.payload.0 + t.data_header().0);
        for ((flow, a), b) in scenario.indices().zip(ends(&ours)).zip(ends(&coarse)) {
            assert_eq!(a.is_some(), b.is_some(), "seed {seed}");
            let (Some((_, a)), Some((_, b))) = (a, b) else { continue };
            let link = |c: &ChannelId| scenario.topology().link(*c).rate.transmission_floor(packet).ps() / 2 + 1_000;
            let most: u64 = scenario.path(flow).iter().map(link).sum();
            // What happens within a tick is reported at its end.
            let tick = 1_000_000;
            assert!(a.ps() + tick >= b.ps() && a.ps() <= b.ps() + most, "seed {seed}, {flow:?}: {a} and {b}");
        }
    }
}

#[test]
fn a_shorter_wait_ends_flows_earlier_in_an_open_loop_and_never_before_the_present_in_a_closed_one() {
    let [fast, slow] = [1.0, -1.0].map(|g| RefinedBackend::with_weights(constant(g)));
    let (mut shorter, mut closed) = (0, 0);
    for seed in 0..80 {
        let scenario = random_scenario(seed, Scope::default());
        let [fast, slow] = [&fast, &slow].map(|b| ends(&b.run(&scenario, &Silent).expect("runs").outcomes));
        if scenario.application() != Application::Open {
            closed += 1;
            continue;
        }
        for ((_, a), (_, b)) in fast.iter().zip(&slow).filter_map(|(a, b)| a.zip(*b)) {
            assert!(a <= b, "seed {seed}");
            shorter += u32::from(a < b);
        }
    }
    assert!(shorter > 500 && closed > 5, "{shorter} flows, {closed} closed loops");
}

#[test]
fn incast_takes_at_least_what_the_receiver_s_link_needs_whatever_the_weights() {
    support::incast_takes_at_least_what_the_link_needs(&RefinedBackend::with_weights(constant(3.0)));
    support::incast_takes_at_least_what_the_link_needs(&RefinedBackend::shipped().expect("can be read"));
}

fn recordings(seeds: std::ops::Range<u64>) -> Vec<Recording<FEATURES>> {
    let scope = Scope { flows: 60, closed_loops: false, ..Scope::default() };
    let of = |seed| {
        let scenario = random_scenario(seed, scope);
        // Any backend will do as truth that differs.
        let truth = CoarseBackend.run(&scenario, &Silent).expect("runs").outcomes;
        record(&scenario, &truth, GRAIN).expect("runs")
    };
    seeds.map(of).collect()
}

fn small() -> Options {
    Options { hidden: 16, rounds: 12, steps: 20, batch: 64, rate: 0.003, ..Options::default() }
}

#[test]
fn an_interrupted_training_ends_in_the_same_weights_and_learns() {
    let lessons = recordings(0..16);
    let mut whole = Refinement::new(small(), lessons.clone());
    let (mut saved, mut errors) = (Vec::new(), Vec::new());
    while !whole.done() {
        let report = whole.advance();
        errors.push(report.error);
        if report.round == 3 {
            saved = whole.checkpoint();
        }
    }
    assert!(errors[11] < 0.9 * errors[0], "{errors:?}");
    let mut resumed = Refinement::resume(small(), lessons, &saved).expect("the checkpoint is whole");
    while !resumed.done() {
        resumed.advance();
    }
    assert_eq!(whole.model(), resumed.model());
    let cut = Refinement::resume(small(), Vec::new(), &saved[..saved.len() - 4]).map(|_| ());
    assert!(matches!(cut, Err(CheckpointError::Length { .. })));
}
