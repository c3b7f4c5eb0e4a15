//! The contract's laws, and what the engine promises beyond them.

mod support;

use mixlab_contract::conformance::{
    Scope, Verdict, disjoint_parts_do_not_interact, lone_flow_is_ideal, network_laws, output_is_sound_and_repeatable,
    random_scenario,
};
use mixlab_contract::{Application, Backend, FlowIndex, Scenario, ScenarioParts, Silent, SimDuration, SimTime, drive};
use mixlab_m4::{Components, M4Network, PaperBackend, Rules};
use support::{checkpoint, random_weights, small};

const ALL_RULES: [Rules; 4] = [
    Rules { components: Components::Split, capacity: true },
    Rules { components: Components::Split, capacity: false },
    Rules { components: Components::Merge, capacity: true },
    Rules { components: Components::Merge, capacity: false },
];

#[test]
fn the_backend_obeys_every_law_of_the_contract() {
    for seed in 0..100 {
        let scenario = random_scenario(seed, Scope::default());
        for rules in ALL_RULES {
            let checkpoint = checkpoint(seed);
            let weights = checkpoint.weights.clone();
            let backend = PaperBackend::new(checkpoint, rules);
            let check = |v: Verdict| v.unwrap_or_else(|e| panic!("seed {seed} {rules:?}: {e}"));
            assert_eq!(backend.check(&scenario), Ok(()));
            check(output_is_sound_and_repeatable(&backend, &scenario));
            check(disjoint_parts_do_not_interact(&backend, &scenario));
            check(network_laws(&scenario, |s| M4Network::new(s, &weights, rules).expect("supported")));
        }
    }
}

/// The same scenario with every flow starting at its own time.
fn open(scenario: Scenario) -> Scenario {
    let mut parts = scenario.into_parts();
    parts.application = Application::Open;
    Scenario::new(parts).expect("a valid scenario stays valid without its loop")
}

/// Physics: what ended on a channel since it became busy took at least its bytes' time there.
#[test]
fn no_channel_carries_more_bytes_than_its_rate_allows() {
    let mut held = 0;
    for seed in 0..200 {
        let scenario = open(random_scenario(seed, Scope::default()));
        let mut weights = random_weights(small(), seed);
        weights.slowdown.weight.fill(0.0); // predicts 1 for everybody: beats physics wherever flows share a channel
        weights.slowdown.bias[0] = 1.0;
        let outcomes = |capacity| {
            let rules = Rules { capacity, ..Rules::default() };
            drive(&mut M4Network::new(&scenario, &weights, rules).expect("supported"), &scenario, &Silent)
                .expect("runs")
        };
        let (bounded, free) = (outcomes(true), outcomes(false));
        held += u64::from(bounded != free);
        for channel in 0..scenario.topology().channel_count() as u32 {
            check_channel(&scenario, channel, &bounded);
        }
    }
    assert!(held > 100, "only {held} scenarios have flows that physics holds");
}

fn check_channel(scenario: &Scenario, channel: u32, outcomes: &[mixlab_contract::FlowOutcome]) {
    let crosses = |f: &FlowIndex| scenario.path(*f).iter().any(|c| c.0 == channel);
    let rate = scenario.topology().links()[channel as usize / 2].rate;
    let mut spans: Vec<(SimTime, SimTime, f64)> = Vec::new();
    for f in scenario.indices().filter(crosses) {
        let fct = outcomes[f.index()].fct().expect("all end");
        let start = scenario.flow(f).start;
        spans.push((start, start + fct, rate.transmission_floor(scenario.flow(f).size).ps() as f64));
    }
    spans.sort_unstable_by_key(|s| s.1);
    for end in 0..spans.len() {
        // The busy period that this end belongs to starts at the earliest start from which the channel was never idle.
        let mut from = spans[end].0;
        while let Some(s) = spans.iter().find(|s| s.0 < from && s.1 >= from) {
            from = s.0;
        }
        let sent: f64 = spans[..=end].iter().filter(|s| s.0 >= from).map(|s| s.2).sum();
        let room = spans[end].1.since(from).ps() as f64;
        assert!(sent <= room + 1.0, "channel {channel}: {sent} ps of bytes in {room} ps");
    }
}

/// A model that has learned nothing but "no contention" keeps the contract's law of the idle network exactly.
#[test]
fn a_lone_flow_of_predicted_slowdown_one_takes_its_ideal_fct() {
    for seed in 0..100 {
        let mut checkpoint = checkpoint(seed);
        checkpoint.weights.slowdown.weight.fill(0.0);
        checkpoint.weights.slowdown.bias[0] = 1.0;
        for rules in ALL_RULES {
            let backend = PaperBackend::new(checkpoint.clone(), rules);
            let scenario = random_scenario(seed, Scope::default());
            lone_flow_is_ideal(&backend, &scenario, SimDuration::ZERO).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        }
    }
}

#[test]
fn predictions_that_are_not_numbers_are_held_at_the_ideal_fct() {
    let scenario = open(random_scenario(5, Scope::default()));
    let mut weights = random_weights(small(), 5);
    weights.slowdown.bias[0] = f32::MAX; // overflows to infinity or, after cancellation, to no number
    weights.slowdown.weight.iter_mut().enumerate().for_each(|(i, w)| *w = if i % 2 == 0 { f32::MAX } else { f32::MIN });
    for rules in ALL_RULES {
        let mut network = M4Network::new(&scenario, &weights, rules).expect("supported");
        let outcomes = drive(&mut network, &scenario, &Silent).expect("no panic");
        assert_eq!(outcomes.len(), scenario.flows().len());
    }
}

#[test]
fn fingerprints_tell_weights_and_rules_apart() {
    let print = |seed, rules| PaperBackend::new(checkpoint(seed), rules).fingerprint();
    let mut all: Vec<String> = ALL_RULES.into_iter().flat_map(|r| [print(0, r), print(1, r)]).collect();
    assert_eq!(print(0, ALL_RULES[0]), all[0]);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 8);
}

#[test]
fn what_the_parameters_cannot_express_and_untrained_congestion_controls_are_refused() {
    let backend = |controls: &[&str]| {
        let mut c = checkpoint(0);
        c.congestion_controls = controls.iter().map(|c| (*c).to_string()).collect();
        PaperBackend::new(c, Rules::default())
    };
    for seed in 0..40 {
        let scenario = random_scenario(seed, Scope::default());
        let name = scenario.transport().congestion_control.name();
        assert!(backend(&[name]).check(&scenario).is_ok());
        assert!(backend(&["other"]).check(&scenario).expect_err("untrained").to_string().contains(name));
        let changes: [fn(&mut ScenarioParts); 2] = [|p| p.transport.window = None, |p| p.transport.pfc = false];
        for change in changes {
            let mut parts = scenario.clone().into_parts();
            change(&mut parts);
            assert!(backend(&[name]).check(&Scenario::new(parts).expect("valid")).is_err());
        }
    }
}
