//! Laws of the training: its forward pass is the engine's, its gradient is the derivative of its loss, and an interruption
//! changes nothing.

use super::gradient::Gradient;
use super::packed::Packed;
use super::pass::{Descent, Pass};
use super::trained::Trained;
use super::*;
use crate::numerics::Simd;
use crate::paper::{Components, Config, M4Network, Rules, Weights};
use mixlab_contract::conformance::{Scope, SplitMix, random_scenario};
use mixlab_contract::supervision::Recorder;
use mixlab_contract::{
    Application, Bytes, ChannelId, EventKind, FlowIndex, FlowOutcome, FlowStart, Network, Scenario, SimTime,
    Supervision,
};

fn small() -> Config {
    Config { hidden: 12, exchange: vec![12, 20, 17, 12], head: 9, recurrent: true }
}

/// Small, without dropout, everything supervised strongly enough to be seen.
fn options() -> Options {
    Options { config: small(), dropout: 0.0, remaining_weight: 0.3, queue_weight: 0.4, ..Options::default() }
}

/// Starts at their own times, flows of up to 40 KB.
fn scenario(seed: u64, flows: u64) -> Scenario {
    let mut parts = random_scenario(seed, Scope { flows, largest: 40_000, ..Scope::default() }).into_parts();
    parts.application = Application::Open;
    Scenario::new(parts).expect("valid without its loop")
}

/// FCTs and the slowdowns behind them, from the engine in closed loop: a truth whose every end is a prediction.
fn predicted(scenario: &Scenario, weights: &Weights, rules: Rules) -> Vec<FlowOutcome> {
    let mut network = M4Network::new(scenario, weights, rules).expect("supported");
    for flow in scenario.indices() {
        network.start_flow(FlowStart::of(scenario, flow, scenario.flow(flow).start, false));
    }
    let mut outcomes: Vec<_> =
        scenario.flows().iter().map(|f| FlowOutcome::Unfinished { start: Some(f.start) }).collect();
    while let Some(event) = network.next_event(SimTime::from_ns(u64::MAX / 2_000)) {
        if event.kind == EventKind::Delivered {
            let start = scenario.flow(event.flow).start;
            outcomes[event.flow.index()] = FlowOutcome::Completed { start, fct: event.time.since(start) };
        }
    }
    outcomes
}

/// Random labels for random flows: what is left shrinks, queues come and go.
fn supervision(scenario: &Scenario, outcomes: &[FlowOutcome], seed: u64) -> Supervision {
    let mut random = SplitMix(seed);
    let mut recorder = Recorder::default();
    let mut left: Vec<u64> = scenario.flows().iter().map(|f| f.size.0).collect();
    for happening in period::happenings(outcomes, scenario.indices()) {
        for flow in recorder.active().collect::<Vec<_>>() {
            let l = &mut left[flow.index()];
            *l -= random.below((*l).min(5_000));
        }
        let mut queues = Vec::new();
        for channel in 0..scenario.topology().channel_count() as u32 {
            if random.below(3) == 0 {
                queues.push((ChannelId(channel), Bytes(1 + random.below(100_000))));
            }
        }
        let remaining = |f: FlowIndex| Bytes(left[f.index()].max(1));
        match happening.start {
            true => {
                let size = scenario.flow(happening.flow).size;
                recorder.released(happening.time, (happening.flow, size), remaining, &queues);
            }
            false => recorder.delivered(happening.time, happening.flow, remaining, &queues),
        }
    }
    recorder.finish()
}

/// All periods of a scenario, supervised.
fn sequences(scenario: &Scenario, outcomes: &[FlowOutcome], seed: u64) -> Vec<Sequence> {
    let supervision = supervision(scenario, outcomes, seed);
    Sequence::of(scenario, outcomes, Some(&supervision), &periods(scenario, outcomes)).expect("it is of the scenario")
}

/// Sequences of a small scenario in which flows meet and everything is labelled.
fn lively(seed: u64) -> Vec<Sequence> {
    let weights = trained(small(), 99).weights;
    let drawn = (0..100).map(|k| {
        let scenario = scenario(seed * 100 + k, 14);
        sequences(&scenario, &predicted(&scenario, &weights, Rules::default()), seed)
    });
    let meets = |s: &Sequence| s.flows() > 3 && s.labels().0 > 0 && s.labels().1 > 0;
    drawn.into_iter().find(|all| all.iter().any(meets)).expect("some scenario is lively")
}

fn trained(config: Config, seed: u64) -> Trained {
    let mut trained = Trained::untrained(config, seed);
    trained.weights.slowdown.bias[0] = 3.0;
    trained.weights.slowdown.weight.iter_mut().for_each(|w| *w *= 3.0);
    trained
}

fn losses(trained: &mut Trained, options: &Options, sequences: &[Sequence]) -> f64 {
    let gradient = Gradient::new(trained, Simd::best());
    let mut packed = Packed::new(trained, &gradient, Simd::best());
    let mut pass = Pass::default();
    let each = sequences.iter().map(|s| pass.run(&mut packed, trained, s, options, None).total(options));
    each.sum::<f64>() / sequences.len() as f64
}

/// Slope and loss.
fn gradient(trained: &mut Trained, options: &Options, sequences: &[Sequence]) -> (Vec<f32>, f64) {
    let mut gradient = Gradient::new(trained, Simd::best());
    let mut packed = Packed::new(trained, &gradient, Simd::best());
    let (mut pass, mut loss, share) = (Pass::default(), 0.0, 1.0 / sequences.len() as f32);
    for sequence in sequences {
        let descent = Descent { gradient: &mut gradient, share, random: SplitMix(1) };
        loss += pass.run(&mut packed, trained, sequence, options, Some(descent)).total(options) * f64::from(share);
    }
    (gradient.values, loss)
}

/// Adds `scale` · `direction` (from `at` on) to the tensor `name`.
fn shift(trained: &mut Trained, name: &str, direction: &[f32], scale: f32) {
    trained.each(|n, _, values| {
        if n == name {
            values.iter_mut().zip(direction).for_each(|(v, d)| *v += scale * d);
        }
    });
}

/// Every tensor's gradient along random directions and along itself, against differences of the loss that the engine's forward
/// pass gives.
fn check(options: &Options, seed: u64, what: &str) {
    let mut model = trained(options.config.clone(), seed);
    let all = lively(seed);
    let (slope, loss) = gradient(&mut model, options, &all);
    let again = losses(&mut model, options, &all);
    assert!((loss - again).abs() < 1e-6 * again, "{what}: loss {loss} with a gradient, {again} without");
    let mut names = Vec::new();
    model.each(|name, _, values| names.push((name.to_string(), values.len())));
    let (mut at, mut random) = (0, SplitMix(seed));
    for (name, count) in names {
        let own = slope[at..at + count].to_vec();
        at += count;
        let mut directions = vec![own.clone()];
        for _ in 0..2 {
            directions.push((0..count).map(|_| crate::paper::weights::uniform(&mut random.0)).collect());
        }
        for direction in directions {
            let length = direction.iter().map(|d| d * d).sum::<f32>().sqrt();
            if length == 0.0 {
                continue;
            }
            let mut difference = |step: f32| {
                let mut at = |scale: f32| {
                    shift(&mut model, &name, &direction, scale);
                    let loss = losses(&mut model, options, &all);
                    shift(&mut model, &name, &direction, -scale);
                    loss
                };
                (at(step / length) - at(-step / length)) / f64::from(2.0 * step / length)
            };
            let want: f64 = direction.iter().zip(&own).map(|(d, o)| f64::from(*d) * f64::from(*o)).sum();
            let size = f64::from(length) * own.iter().map(|o| f64::from(*o).powi(2)).sum::<f64>().sqrt();
            // A long step meets kinks (ReLU, absolute values), a short one the rounding of single-precision losses.
            let found = [1e-2, 2.5e-3, 5e-4, 1e-4].map(&mut difference);
            assert!(
                found.iter().any(|f| (f - want).abs() <= 0.01 * size + 1e-4 * f64::from(length)),
                "{what} seed {seed} {name}: differences {found:?}, gradient {want} (of at most {size})"
            );
        }
    }
}

#[test]
fn the_gradient_of_every_tensor_is_the_derivative_of_the_loss() {
    for seed in 1..3 {
        check(&options(), seed, "as published");
        check(&Options { updates: Updates::Connected, ..options() }, seed, "connected");
        check(&Options { questions: Questions::Every, ..options() }, seed, "every answer");
        check(&Options { reduction: Reduction::Mean, ..options() }, seed, "mean labels");
    }
}

#[test]
fn the_gradients_of_the_ablations_are_derivatives_too() {
    let no_graph = Config { exchange: vec![12], ..small() };
    let no_cells = Config { recurrent: false, ..small() };
    for seed in 1..3 {
        check(&Options { config: no_graph.clone(), ..options() }, seed, "no graph network");
        check(&Options { config: no_cells.clone(), ..options() }, seed, "no cells");
        check(&Options { remaining_weight: 0.0, ..options() }, seed, "no sizes");
        check(&Options { queue_weight: 0.0, ..options() }, seed, "no queues");
    }
}

#[test]
fn truncation_beyond_a_period_changes_nothing_and_at_every_event_cuts_off_the_past() {
    let all = lively(1);
    let of = |truncation| gradient(&mut trained(small(), 1), &Options { truncation, ..options() }, &all);
    let (whole, long, short) = (of(None), of(Some(10_000)), of(Some(1)));
    assert!(whole == long && whole.1 == short.1, "the loss is the same");
    assert!(whole.0 != short.0 && short.0.iter().all(|g| g.is_finite()));
}

/// Slowdowns that the training's forward pass predicts with the last state of each flow, by member.
fn final_answers(weights: &Weights, sequence: &Sequence, updates: Updates) -> Vec<f32> {
    let options = Options { config: weights.config.clone(), updates, dropout: 0.0, ..options() };
    let mut trained = trained(weights.config.clone(), 0);
    trained.weights = weights.clone();
    let gradient = Gradient::new(&mut trained, Simd::best());
    let mut packed = Packed::new(&trained, &gradient, Simd::best());
    let mut pass = Pass::default();
    pass.run(&mut packed, &trained, sequence, &options, None);
    pass.batch.slowdowns
}

/// Whether a flow ends when something else happens. An end that was predicted in the past is now, after what made it so; the
/// training takes ends first.
fn has_ties(scenario: &Scenario, outcomes: &[FlowOutcome]) -> bool {
    let all = period::happenings(outcomes, scenario.indices());
    all.windows(2).any(|w| w[0].time == w[1].time && !(w[0].start && w[1].start))
}

#[test]
fn under_teacher_forcing_the_forward_pass_is_the_engines_bit_for_bit() {
    let (mut flows, mut slowed) = (0, 0);
    for seed in 0..200 {
        let scenario = scenario(seed, 40);
        let weights = trained(small(), seed).weights;
        let rules = Rules { components: Components::Split, capacity: false };
        let outcomes = predicted(&scenario, &weights, rules);
        if has_ties(&scenario, &outcomes) {
            continue;
        }
        let all = periods(&scenario, &outcomes);
        let sequences = Sequence::of(&scenario, &outcomes, None, &all).expect("expressible");
        for (period, sequence) in all.iter().zip(&sequences) {
            let answers = final_answers(&weights, sequence, Updates::Connected);
            for (flow, answer) in period.flows.iter().zip(answers) {
                let fct = outcomes[flow.index()].fct().expect("periods have only flows that ended");
                let ideal = mixlab_contract::ideal_fct(&scenario, *flow).ps();
                let wanted = (f64::from(answer.max(1.0)) * ideal as f64).round() as u64;
                assert_eq!(fct.ps(), wanted, "seed {seed} {flow:?}: predicted slowdown {answer}");
                flows += 1;
                slowed += usize::from(answer > 1.0);
            }
        }
    }
    assert!(slowed > 1000, "{slowed} of {flows} were predicted above 1: the case tests little");
}

#[test]
fn all_flows_of_a_period_are_moved_like_the_engines_merged_groups() {
    let mut compared = 0;
    for seed in 0..400 {
        let scenario = scenario(seed, 12);
        let weights = trained(small(), seed).weights;
        let rules = Rules { components: Components::Merge, capacity: false };
        let outcomes = predicted(&scenario, &weights, rules);
        if has_ties(&scenario, &outcomes) {
            continue;
        }
        let all = periods(&scenario, &outcomes);
        let sequences = Sequence::of(&scenario, &outcomes, None, &all).expect("expressible");
        for (period, sequence) in all.iter().zip(&sequences).filter(|(_, s)| is_one_group(s)) {
            let answers = final_answers(&weights, sequence, Updates::Period);
            for (flow, answer) in period.flows.iter().zip(answers) {
                let fct = outcomes[flow.index()].fct().expect("periods have only flows that ended").ps() as f64;
                let wanted = f64::from(answer.max(1.0)) * mixlab_contract::ideal_fct(&scenario, *flow).ps() as f64;
                assert!(
                    (fct / wanted - 1.0).abs() < 1e-6,
                    "seed {seed} {flow:?}: ended after {fct}, predicted {wanted}"
                );
                compared += usize::from(period.flows.len() > 2);
            }
        }
    }
    assert!(compared > 50, "only {compared} flows were compared");
}

/// Whether, from its first flow on, every flow joins the others at once, and no link is idle between two flows: then the
/// engine's rules and the published training's agree.
fn is_one_group(sequence: &Sequence) -> bool {
    let mut crossing = vec![0; sequence.channels];
    let mut left_idle = vec![false; sequence.channels];
    let mut active = 0;
    for o in &sequence.occurrences {
        let channels = &sequence.members[o.member as usize].channels;
        if o.start {
            let again = channels.iter().any(|c| left_idle[*c as usize]);
            if again || (active > 0 && channels.iter().all(|c| crossing[*c as usize] == 0)) {
                return false;
            }
            active += 1;
            channels.iter().for_each(|c| crossing[*c as usize] += 1);
        } else {
            active -= 1;
            channels.iter().for_each(|c| {
                crossing[*c as usize] -= 1;
                left_idle[*c as usize] |= crossing[*c as usize] == 0;
            });
        }
    }
    true
}

fn trainer_options() -> Options {
    Options { dropout: 0.2, batch: 2, epochs: 3, learning_rate: 3e-3, seed: 5, ..options() }
}

fn lessons() -> (Vec<Sequence>, Vec<Sequence>) {
    let mut training: Vec<Sequence> = (1..4).flat_map(lively).collect();
    training.truncate(7);
    assert!(training.len() > 2, "several batches, the last of them smaller");
    (training, lively(4))
}

#[test]
fn a_training_resumed_at_any_step_ends_in_the_same_bits() {
    let (training, validation) = lessons();
    let run = |stop: Option<u64>| {
        let mut trainer = Trainer::new(trainer_options());
        let mut reports = Vec::new();
        while !trainer.done() {
            if stop == Some(trainer.steps()) {
                trainer = Trainer::resume(trainer_options(), &trainer.checkpoint()).expect("its own checkpoint");
            }
            reports.push(trainer.step(&training, &validation));
        }
        (reports, trainer.checkpoint())
    };
    let (reports, whole) = run(None);
    assert!(reports.iter().filter(|r| r.validation.is_some()).count() == 3);
    for stop in 0..reports.len() as u64 {
        assert!(run(Some(stop)) == (reports.clone(), whole.clone()), "interrupted after {stop} steps");
    }
}

#[test]
fn a_training_lowers_the_loss_of_what_it_sees() {
    let (training, _) = lessons();
    let options = Options { epochs: 60, dropout: 0.0, ..trainer_options() };
    let mut trainer = Trainer::new(options.clone());
    let before = trainer.assess(&training);
    while !trainer.done() {
        trainer.step(&training, &training);
    }
    let after = trainer.assess(&training);
    assert!(after.total(&options) < 0.7 * before.total(&options), "{before:?} became {after:?}");
    assert!(after.slowdown < before.slowdown && after.remaining < before.remaining && after.queue < before.queue);
}

#[test]
fn damaged_checkpoints_and_other_options_are_errors() {
    let trainer = Trainer::new(trainer_options());
    let bytes = trainer.checkpoint();
    let other = Options { seed: 6, ..trainer_options() };
    assert!(matches!(Trainer::resume(other, &bytes), Err(ResumeError::Options { .. })));
    let longer = Options { epochs: 99, ..trainer_options() };
    assert!(Trainer::resume(longer, &bytes).is_ok(), "a training may be prolonged");
    let mut random = SplitMix(3);
    for _ in 0..200 {
        let mut damaged = bytes.clone();
        damaged.truncate(random.below(bytes.len() as u64) as usize);
        assert!(Trainer::resume(trainer_options(), &damaged).is_err());
    }
}

#[test]
fn a_trained_model_is_read_back_as_weights_with_its_provenance() {
    let (training, validation) = lessons();
    let mut trainer = Trainer::new(Options { epochs: 1, ..trainer_options() });
    while !trainer.done() {
        trainer.step(&training, &validation);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let model = trainer.model(vec!["dctcp".into()], [("data".to_string(), "random labels".to_string())].into());
    model.save(folder.path()).expect("writable");
    let read = crate::Checkpoint::load(folder.path()).expect("readable");
    assert_eq!((&read.weights, read.digest()), (trainer.weights(), model.digest()));
    assert!(read.provenance.contains_key("options") && read.provenance.contains_key("best validation loss"));
}
