//! What each part of the m4 models is worth: trainings of a model and of variants, scored on drawn mixes.
//!
//! ```text
//! cargo run --release --example ablate_m4 -- FOLDER [model=refined] [draws=160] [wide=60] [rounds=60] [hidden=32] [seeds=3] [check=20]
//! ```
//!
//! Every variant learns from the same draws (stream 1) with the same options and is scored in closed loop on `check` draws of
//! the published ranges and as many wide ones (stream 2). FOLDER gets the ground truth and `ablation.csv`, a line per variant and
//! seed; called again, it goes on where it was. `model=refined` is the refined model, otherwise it is the corrected one, where "no feedback" predicts each flow from the uncorrected fluid's states alone.

use mixlab::statistics::errors;
use mixlab::train::{draws, truth};
use mixlab_contract::{Backend, FlowIndex, Scenario, Silent, drive, ideal::ideal_fct};
use mixlab_flowsim::FlowsimBackend;
use mixlab_m4::corrected::features::{FEATURES, Group};
use mixlab_m4::corrected::network::Base;
use mixlab_m4::refined::features as refined;
use mixlab_m4::refined::network::{GRAIN, network};
use mixlab_m4::train::refine::{self, Refinement};
use mixlab_m4::train::{Campaign, Lesson, Options, Variant, ratios, record};
use mixlab_m4::{CorrectedNetwork, Perceptron};
use mixlab_packet::PacketBackend;
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::Path;

/// Name, what is trained, a of the loss, hidden width (0: as asked), whether it is scored without feedback.
const VARIANTS: [(&str, Variant, f32, usize, bool); 12] = [
    ("whole", Variant::Whole, 1.0, 0, false),
    ("loss of factors only (a = 0)", Variant::Whole, 0.0, 0, false),
    ("loss of both (a = 0.5)", Variant::Whole, 0.5, 0, false),
    ("16 hidden units", Variant::Whole, 1.0, 16, false),
    ("additive instead of perceptron", Variant::Additive, 1.0, 0, false),
    ("without order of arrival", Variant::Without(Group::Order), 1.0, 0, false),
    ("without queues", Variant::Without(Group::Queues), 1.0, 0, false),
    ("without memory", Variant::Without(Group::Memory), 1.0, 0, false),
    ("without other flows", Variant::Without(Group::Contention), 1.0, 0, false),
    ("without the fluid", Variant::WithoutFluid, 1.0, 0, false),
    ("learned from the plain fluid", Variant::OpenLoop, 1.0, 0, false),
    ("no feedback", Variant::OpenLoop, 1.0, 0, true),
];

/// Name, features that are hidden, a of the loss, hidden width (0: as asked), packets per train.
const REFINED: [(&str, Option<refined::Group>, f32, usize, u64); 12] = [
    ("whole", None, 0.5, 0, GRAIN),
    ("loss of factors only (a = 0)", None, 0.0, 0, GRAIN),
    ("loss of errors only (a = 1)", None, 1.0, 0, GRAIN),
    ("16 hidden units", None, 0.5, 16, GRAIN),
    ("without the transport", Some(refined::Group::Transport), 0.5, 0, GRAIN),
    ("without the flow itself", Some(refined::Group::Flow), 0.5, 0, GRAIN),
    ("without its wait", Some(refined::Group::Wait), 0.5, 0, GRAIN),
    ("without queues", Some(refined::Group::Queues), 0.5, 0, GRAIN),
    ("without marks and rate", Some(refined::Group::Rate), 0.5, 0, GRAIN),
    ("without other flows", Some(refined::Group::Others), 0.5, 0, GRAIN),
    ("trains of 3", None, 0.5, 0, 3),
    ("trains of 4", None, 0.5, 0, 4),
];

fn argument(name: &str, default: u64) -> Result<u64, Box<dyn Error>> {
    let prefix = format!("{name}=");
    let value = std::env::args().find_map(|a| a.strip_prefix(&prefix).map(str::to_owned));
    value.map_or(Ok(default), |v| v.parse().map_err(|_| format!("{name}={v} is not a number").into()))
}

/// Draws 0, 1, … of both kinds with their ground truth.
fn lessons(stream: u64, draws: u64, wide: u64, folder: &Path) -> Result<Vec<Lesson>, Box<dyn Error>> {
    let mut lessons = Vec::new();
    for id in 0..draws + wide {
        let draw = if id < draws { draws::draw(id, stream)? } else { draws::wide(id - draws, stream)? };
        let Some(scenario) = draw.scenario().ok().filter(|s| PacketBackend::NS3.check(s).is_ok()) else { continue };
        let outcomes = truth::outcomes(&scenario, &PacketBackend::NS3, folder)?;
        lessons.push((scenario, outcomes));
    }
    Ok(lessons)
}

/// Predicted FCTs in ps; `None` = unfinished.
type Fcts = Vec<Option<f64>>;

fn closed_loop(model: &Perceptron, base: Base, scenario: &Scenario) -> Result<Fcts, Box<dyn Error>> {
    let mut network = CorrectedNetwork::new(scenario, model).upon(base);
    Ok(drive(&mut network, scenario, &Silent)?.iter().map(|o| Some(o.fct()?.ps() as f64)).collect())
}

/// Mean, p90 and p99 error in %, means over scenarios; slowdowns are those of flows that both finished.
fn score(
    check: &[Lesson],
    predict: impl Fn(&Lesson) -> Result<Fcts, Box<dyn Error>>,
) -> Result<[f64; 3], Box<dyn Error>> {
    let mut sums = [0.0; 3];
    for lesson in check {
        let (scenario, truth) = lesson;
        let predicted = predict(lesson)?;
        let slowdown = |i: FlowIndex, fct: f64| (fct / ideal_fct(scenario, i).ps() as f64).max(1.0);
        let pair = |i: FlowIndex| {
            let truth = truth[i.index()].fct()?.ps() as f64;
            Some((slowdown(i, truth), slowdown(i, predicted[i.index()]?)))
        };
        let pairs: Vec<(f64, f64)> = scenario.indices().filter_map(pair).collect();
        let e = errors(&pairs).ok_or("a scenario without finished flows")?;
        sums.iter_mut().zip([e.mean, e.p90, e.p99]).for_each(|(s, v)| *s += 100.0 * v);
    }
    Ok(sums.map(|s| s / check.len() as f64))
}

/// FCTs of the refined model.
fn refined(model: &Perceptron, grain: u64, scenario: &Scenario) -> Result<Fcts, Box<dyn Error>> {
    let mut network = network(scenario, grain, model, ());
    drive(&mut network, scenario, &Silent)?;
    let mut fcts = vec![None; scenario.flows().len()];
    network.onlooker().fcts().iter().for_each(|(flow, fct)| fcts[flow.index()] = Some(fct.ps() as f64));
    Ok(fcts)
}

/// The table of the refined model.
fn ablate_refined(file: &Path, lessons: &[Lesson], sets: &[Vec<Lesson>; 2]) -> Result<(), Box<dyn Error>> {
    let (rounds, width) = (argument("rounds", 60)?, argument("hidden", 64)? as usize);
    let scored = |model: &Perceptron, grain| sets.each_ref().map(|set| score(set, |l| refined(model, grain, &l.0)));
    for grain in [GRAIN, 3, 4] {
        let made: Result<Vec<_>, _> = lessons.iter().map(|(s, truth)| refine::record(s, truth, grain)).collect();
        let made = made?;
        for seed in 1..=argument("seeds", 3)? {
            for (name, hidden, asymmetry, units, _) in REFINED.into_iter().filter(|v| v.4 == grain) {
                let key = format!("{name},{seed},");
                if fs::read_to_string(file).is_ok_and(|text| text.lines().any(|line| line.starts_with(&key))) {
                    continue;
                }
                let blind: Vec<usize> =
                    (0..refined::FEATURES).filter(|i| hidden.is_some_and(|g| g.contains(*i))).collect();
                let mut recordings = made.clone();
                for row in recordings.iter_mut().flat_map(|r| &mut r.rows) {
                    blind.iter().for_each(|i| row.features[*i] = 0.0);
                }
                let units = if units > 0 { units } else { width };
                let options = refine::Options { hidden: units, rounds, asymmetry, seed, ..refine::Options::default() };
                let mut training = Refinement::new(options, recordings);
                while !training.done() {
                    training.advance();
                }
                let mut model = training.model().clone();
                blind.iter().for_each(|i| model.scale[*i] = 0.0);
                report(file, &key, scored(&model, grain))?;
            }
        }
        let none = Perceptron::untrained(refined::FEATURES, 16, 1);
        report(file, &format!("nothing learned: trains of {grain},,"), scored(&none, grain))?;
    }
    Ok(())
}

/// FCTs when every flow is corrected by itself along the plain fluid.
fn without_feedback(model: &Perceptron, (scenario, truth): &Lesson) -> Result<Fcts, Box<dyn Error>> {
    let silent = Perceptron::untrained(FEATURES, model.hidden, 0);
    let recording = record(scenario, truth, &silent, 1)?;
    // Lives are those of the flows that finished, in order.
    let mut factors = ratios(model, &recording).into_iter();
    Ok(truth.iter().map(|o| Some(o.fct()?.ps() as f64 * f64::from(factors.next()?))).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: ablate_m4 FOLDER [option=value] …")?;
    let (folder, truths) = (Path::new(&folder), Path::new(&folder).join("truth"));
    fs::create_dir_all(folder)?;
    let file = folder.join("ablation.csv");
    let lessons = lessons(1, argument("draws", 160)?, argument("wide", 60)?, &truths)?;
    let count = argument("check", 20)?;
    let sets = [self::lessons(2, count, 0, &truths)?, self::lessons(2, 0, count, &truths)?];
    if std::env::args().any(|a| a == "model=refined") {
        return ablate_refined(&file, &lessons, &sets);
    }
    let (rounds, hidden) = (argument("rounds", 60)?, argument("hidden", 32)? as usize);
    for seed in 1..=argument("seeds", 3)? {
        for (name, variant, asymmetry, width, extrapolated) in VARIANTS {
            let key = format!("{name},{seed},");
            if fs::read_to_string(&file).is_ok_and(|text| text.lines().any(|line| line.starts_with(&key))) {
                continue;
            }
            let hidden = if width > 0 { width } else { hidden };
            let options = Options { variant, hidden, rounds, asymmetry, seed, ..Options::default() };
            let mut campaign = Campaign::new(options, &lessons)?;
            while !campaign.done() {
                campaign.advance(&lessons)?;
            }
            let (model, base) = (campaign.model(), variant.base());
            let scores = sets.each_ref().map(|set| {
                score(set, |l| if extrapolated { without_feedback(model, l) } else { closed_loop(model, base, &l.0) })
            });
            report(&file, &key, scores)?;
        }
    }
    let fluid = sets.each_ref().map(|set| {
        score(set, |(scenario, _)| {
            let outcomes = FlowsimBackend::window().run(scenario, &Silent)?.outcomes;
            Ok(outcomes.iter().map(|o| Some(o.fct()?.ps() as f64)).collect())
        })
    });
    report(&file, "flowsim-window,,", fluid)
}

fn report(file: &Path, key: &str, scores: [Result<[f64; 3], Box<dyn Error>>; 2]) -> Result<(), Box<dyn Error>> {
    let [published, wide] = scores;
    let numbers: Vec<String> = published?.iter().chain(&wide?).map(|v| format!("{v:.2}")).collect();
    let line = format!("{key}{}", numbers.join(","));
    println!("{line}");
    Ok(writeln!(fs::OpenOptions::new().create(true).append(true).open(file)?, "{line}")?)
}
