//! The corrected model under the contract's laws, and its training: gradient, repeatability, resumption.

mod support;

use mixlab_contract::conformance::{
    Scope, Verdict, disjoint_parts_do_not_interact, lone_flow_is_ideal, network_laws, output_is_sound_and_repeatable,
    random_scenario,
};
use mixlab_contract::{Backend, CongestionControl, FlowOutcome, Scenario, Silent, SimDuration};
use mixlab_flowsim::FlowsimBackend;
use mixlab_m4::corrected::features::FEATURES;
use mixlab_m4::perceptron::file::Kind;
use mixlab_m4::train::descent::{Workspace, learn};
use mixlab_m4::train::{Campaign, CheckpointError, Lesson, Options, Recording, record};
use mixlab_m4::{CorrectedBackend, CorrectedNetwork, Perceptron};

/// Telemetry is not part of the ideal FCT (TIMELY 8 B, HPCC 42 B per packet), so a lone flow may be slower than it by that.
fn telemetry_slack(scenario: &Scenario) -> SimDuration {
    let t = scenario.transport();
    let packets = t.packets(scenario.flows()[0].size) + 8;
    SimDuration::from_ns(packets * t.congestion_control.telemetry_bytes() + 1)
}

#[test]
fn the_shipped_model_obeys_every_law() {
    let backend = CorrectedBackend::shipped().expect("the shipped weights can be read");
    let model = Kind::Corrected.shipped().expect("the shipped weights can be read");
    for seed in 0..60 {
        let scenario = random_scenario(seed, Scope::default());
        let check = |v: Verdict| v.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        check(output_is_sound_and_repeatable(&backend, &scenario));
        check(lone_flow_is_ideal(&backend, &scenario, telemetry_slack(&scenario)));
        check(disjoint_parts_do_not_interact(&backend, &scenario));
        check(network_laws(&scenario, |s| CorrectedNetwork::new(s, &model)));
    }
}

#[test]
fn a_lone_flow_without_telemetry_is_exactly_ideal_whatever_the_weights() {
    let backend = CorrectedBackend::with_weights(noisy(3));
    for seed in 0..40 {
        let scenario = random_scenario(seed, Scope::default());
        let cc = scenario.transport().congestion_control;
        if matches!(cc, CongestionControl::Dctcp { .. } | CongestionControl::Dcqcn { .. }) {
            lone_flow_is_ideal(&backend, &scenario, SimDuration::ZERO).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        }
    }
}

#[test]
fn without_correction_it_is_flowsim_window() {
    let backend = CorrectedBackend::with_weights(Perceptron::untrained(FEATURES, 16, 1));
    for seed in 0..60 {
        let scenario = random_scenario(seed, Scope::default());
        let ours = backend.run(&scenario, &Silent).expect("runs").outcomes;
        let fluid = FlowsimBackend::window().run(&scenario, &Silent).expect("runs").outcomes;
        for (a, b) in ours.iter().zip(&fluid) {
            let (FlowOutcome::Completed { fct: a, .. }, FlowOutcome::Completed { fct: b, .. }) = (a, b) else {
                continue;
            };
            assert!(a.ps().abs_diff(b.ps()) <= 2 + a.ps() / 1_000_000_000, "seed {seed}: {a} against {b}");
        }
    }
}

/// Random weights everywhere, output included.
fn noisy(seed: u64) -> Perceptron {
    let mut model = Perceptron::untrained(FEATURES, 16, seed);
    let count = model.weights.len();
    for (i, w) in model.weights.iter_mut().enumerate().skip(count - 17) {
        *w = ((i as f32 * 12.9898).sin() * 43758.547).fract() * 0.3;
    }
    model
}

fn lessons() -> Vec<Lesson> {
    let scope = Scope { flows: 60, closed_loops: false, ..Scope::default() };
    let lesson = |seed| {
        let scenario = random_scenario(seed, scope);
        // Any backend will do as truth; the plain fluid is fast and differs.
        let truth = FlowsimBackend::plain().run(&scenario, &Silent).expect("runs").outcomes;
        (scenario, truth)
    };
    (0..8).map(lesson).collect()
}

fn recordings(model: &Perceptron) -> Vec<Recording> {
    lessons().iter().map(|(s, t)| record(s, t, model, 1).expect("runs")).collect()
}

#[test]
fn the_gradient_is_that_of_finite_differences() {
    // Biased downwards, so that hardly any ceiling binds: there the slope is one-sided on purpose.
    let mut model = noisy(5);
    *model.weights.last_mut().expect("there are weights") = -1.5;
    let all = recordings(&model);
    let mut work = Workspace::default();
    let mut loss_of = |model: &Perceptron, gradient: &mut [f32]| -> f64 {
        let each = all.iter().flat_map(|r| r.lives.iter().map(move |l| (r, l)));
        each.map(|(r, l)| f64::from(learn(model, r, l, (1.0, (0.3, 0.5)), gradient, &mut work))).sum()
    };
    let mut gradient = vec![0.0; model.weights.len()];
    loss_of(&model, &mut gradient);
    let mut ignored = vec![0.0; model.weights.len()];
    let (mut agree, mut seen) = (0, 0);
    for i in (0..model.weights.len()).step_by(7) {
        let step = 1e-3;
        let mut at = |change: f32| {
            let mut moved = model.clone();
            moved.weights[i] += change;
            loss_of(&moved, &mut ignored)
        };
        let slope = (at(step) - at(-step)) / (2.0 * f64::from(step));
        let ours = f64::from(gradient[i]);
        if slope.abs() > 0.05 {
            seen += 1;
            agree += u32::from((ours / slope - 1.0).abs() < 0.1);
        }
    }
    // Corners of rectifiers and of ceilings make single differences wrong; most must agree.
    assert!(seen > 30 && f64::from(agree) > 0.85 * f64::from(seen), "{agree} of {seen} agree");
}

#[test]
fn a_recording_says_that_its_own_weights_send_the_volume_in_time() {
    let model = noisy(9);
    for all in recordings(&model) {
        for life in &all.lives {
            let rows = &all.rows[life.first as usize..(life.first + life.count) as usize];
            let sent: f32 = rows.iter().map(|r| r.share).sum();
            assert!((sent - 1.0).abs() < 1e-4, "{sent}");
            assert!(rows.iter().all(|r| r.factor <= r.ceiling * 1.0001));
        }
    }
}

fn small() -> Options {
    Options { hidden: 16, rounds: 6, steps: 8, lessons: 3, memory: 2, batch: 32, rate: 0.003, ..Options::default() }
}

#[test]
fn an_interrupted_training_ends_in_the_same_weights_and_learns() {
    let lessons = lessons();
    let mut whole = Campaign::new(small(), &lessons).expect("runs");
    let mut saved = Vec::new();
    while !whole.done() {
        let report = whole.advance(&lessons).expect("runs");
        assert!(report.loss.is_finite() && report.error.is_finite());
        if report.round == 3 {
            saved = whole.checkpoint();
        }
    }
    let mut resumed = Campaign::resume(small(), &lessons, &saved).expect("the checkpoint is whole");
    while !resumed.done() {
        resumed.advance(&lessons).expect("runs");
    }
    assert_eq!(whole.model(), resumed.model());
    let cut = Campaign::resume(small(), &lessons, &saved[..saved.len() - 4]).map(|_| ());
    assert!(matches!(cut, Err(CheckpointError::Length { .. })));
}

#[test]
fn training_lowers_the_closed_loop_error() {
    let lessons = lessons();
    let options = Options { rounds: 30, steps: 20, lessons: 8, ..small() };
    let mut campaign = Campaign::new(options, &lessons).expect("runs");
    let first = campaign.advance(&lessons).expect("runs").error;
    let mut last = first;
    while !campaign.done() {
        last = campaign.advance(&lessons).expect("runs").error;
    }
    assert!(last < 0.8 * first, "{first} before, {last} after");
}

#[test]
fn incast_takes_at_least_what_the_receiver_s_link_needs_whatever_the_weights() {
    let mut fast = noisy(2);
    *fast.weights.last_mut().expect("there are weights") = 3.0;
    support::incast_takes_at_least_what_the_link_needs(&CorrectedBackend::with_weights(fast));
    support::incast_takes_at_least_what_the_link_needs(&CorrectedBackend::shipped().expect("can be read"));
}
