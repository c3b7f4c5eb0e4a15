//! Options of `train` about learning, for each architecture; an option of another architecture is refused, not ignored.

use super::exit::Exit;
use super::failure::Failure;
use clap::{Args, ValueEnum};
use mixlab_m4::paper::Config;
use mixlab_m4::train::{Options, paper, refine};
use serde::de::DeserializeOwned;

/// Models that can be trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Architecture {
    /// coarse with trains of two packets, its waits refined by a learned function: what ships as m4
    Refined,
    /// flowsim-window's fluid with a learned correction: what ships as m4-fluid
    Corrected,
    /// The published architecture: recurrent cells and a graph network
    Paper,
}

impl Architecture {
    /// Its name in recipes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refined => "refined",
            Self::Corrected => "corrected",
            Self::Paper => "paper",
        }
    }
}

/// Options of the optimiser.
#[derive(Debug, Args)]
#[command(next_help_heading = "Learning")]
pub struct LearningArgs {
    /// Hidden width [default: refined and corrected 64 (a multiple of 16), paper 200 (published)]
    #[arg(long, value_name = "N", value_parser = width)]
    pub hidden: Option<usize>,
    /// Flows per step [default: refined 1024, corrected 256], or busy periods per step (paper) [default: 2, published]
    #[arg(long, value_name = "N", value_parser = count)]
    pub batch: Option<usize>,
    /// Learning rate at the first step [default: refined 0.002, corrected 0.001, paper 0.0001 (published)]
    #[arg(long, value_name = "X", value_parser = positive)]
    pub rate: Option<f32>,
    /// Seed of the initial weights and of the order of learning
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub weights_seed: u64,
    /// How the refined and the corrected model learn
    #[command(flatten)]
    pub shaped: ShapedArgs,
    /// How the corrected model learns
    #[command(flatten)]
    pub corrected: CorrectedArgs,
    /// How the published model learns
    #[command(flatten)]
    pub paper: PaperArgs,
}

/// Options of the refined and the corrected model. Defaults are those of the shipped weights.
#[derive(Debug, Args)]
#[command(next_help_heading = "Learning, --architecture refined and corrected")]
pub struct ShapedArgs {
    /// Rounds of steps; the corrected model is simulated anew in each [default: refined 60, corrected 400]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub rounds: Option<u64>,
    /// Steps of the optimiser per round [default: refined 100, corrected 60]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub steps: Option<u64>,
    /// δ of the loss, the error below which it is quadratic [default: 0.05]
    #[arg(long, value_name = "X", value_parser = positive)]
    pub smooth: Option<f32>,
    /// 0: too slow by a factor costs as much as too fast by it; 1: the relative error, which scores are made of
    /// [default: refined 0.5, corrected 1]
    #[arg(long, value_name = "X", value_parser = part)]
    pub asymmetry: Option<f32>,
    /// A flow weighs its true slowdown to this power [default: 0]
    #[arg(long, value_name = "X", value_parser = finite)]
    pub emphasis: Option<f32>,
}

/// Options of the corrected model. Defaults are those of the shipped weights.
#[derive(Debug, Args)]
#[command(next_help_heading = "Learning, --architecture corrected")]
pub struct CorrectedArgs {
    /// Scenarios simulated per round [default: 10]
    #[arg(long, value_name = "N", value_parser = count)]
    pub lessons: Option<usize>,
    /// Rounds whose simulations are learned from [default: 10]
    #[arg(long, value_name = "N", value_parser = count)]
    pub memory: Option<usize>,
}

/// Options of the published architecture. Defaults are the published values.
#[derive(Debug, Args)]
#[command(next_help_heading = "Learning, --architecture paper (defaults are the published values)")]
pub struct PaperArgs {
    /// Times each busy period is learned from [default: 15]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub epochs: Option<u64>,
    /// Busy periods drawn, all lengths alike; nine in ten are learned from, the others set the rate [default: 4000]
    #[arg(long, value_name = "N", value_parser = count)]
    pub periods: Option<usize>,
    /// Busy periods with this many flows at a time, or more, are left out [default: 150]
    #[arg(long, value_name = "N", value_parser = count)]
    pub most_active: Option<usize>,
    /// Busy periods of more flows than this are left out: a step costs what its periods have [default: none]
    #[arg(long, value_name = "N", value_parser = count)]
    pub longest: Option<usize>,
    /// Weight of the loss of remaining sizes; 0 = no such supervision [default: 0.005]
    #[arg(long, value_name = "X", value_parser = not_negative)]
    pub remaining_weight: Option<f32>,
    /// Weight of the loss of queue lengths; 0 = no such supervision [default: 0.005]
    #[arg(long, value_name = "X", value_parser = not_negative)]
    pub queue_weight: Option<f32>,
    /// How these losses are added up: `sum` of the labels of a flow, or their `mean` [default: sum]
    #[arg(long, value_name = "HOW", value_parser = ["sum", "mean"])]
    pub reduction: Option<String>,
    /// States an event moves: all of its busy `period`, or those `connected` to it as in simulation [default: period]
    #[arg(long, value_name = "WHICH", value_parser = ["period", "connected"])]
    pub updates: Option<String>,
    /// When a flow's slowdown is asked for: at its `last` state, or at `every` one [default: last]
    #[arg(long, value_name = "WHEN", value_parser = ["last", "every"])]
    pub questions: Option<String>,
    /// Part of each head's hidden layer that is left out at random [default: 0.2]
    #[arg(long, value_name = "X", value_parser = share)]
    pub dropout: Option<f32>,
    /// Events after which the gradient is cut off on its way back [default: none]
    #[arg(long, value_name = "N", value_parser = count)]
    pub truncation: Option<usize>,
    /// Largest length of a step's gradient [default: none]
    #[arg(long, value_name = "X", value_parser = positive)]
    pub clip: Option<f32>,
    /// Layers of the graph network; 0 = none [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=16))]
    pub graph_layers: Option<u8>,
    /// Without time and rate cells (an ablation)
    #[arg(long)]
    pub no_sequence_cells: bool,
}

fn width(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (4..=512).contains(n)).ok_or_else(|| "expected a width from 4 to 512".into())
}

fn count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (1..=1_000_000).contains(n)).ok_or_else(|| "expected 1 to 1,000,000".into())
}

fn finite(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|x: &f32| x.is_finite()).ok_or_else(|| "expected a number".into())
}

fn positive(text: &str) -> Result<f32, String> {
    finite(text).ok().filter(|x| *x > 0.0).ok_or_else(|| "expected a number above 0".into())
}

fn not_negative(text: &str) -> Result<f32, String> {
    finite(text).ok().filter(|x| *x >= 0.0).ok_or_else(|| "expected a number of at least 0".into())
}

fn part(text: &str) -> Result<f32, String> {
    finite(text).ok().filter(|x| (0.0..=1.0).contains(x)).ok_or_else(|| "expected a number from 0 to 1".into())
}

fn share(text: &str) -> Result<f32, String> {
    finite(text).ok().filter(|x| (0.0..1.0).contains(x)).ok_or_else(|| "expected a number from 0 to below 1".into())
}

/// A choice by its name in a checkpoint's JSON.
fn named<T: DeserializeOwned + Default>(name: Option<&String>) -> T {
    let value = name.map(|n| serde_json::Value::String(n.clone()));
    value.map_or_else(T::default, |v| serde_json::from_value(v).expect("clap accepts only the names there are"))
}

/// Takes what was given.
fn set<T>(option: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *option = given;
    }
}

impl LearningArgs {
    /// Options of the refined model.
    ///
    /// # Errors
    /// Usage: an option of another architecture, or a width that its kernels don't have.
    pub fn refined(&self) -> Result<refine::Options, Failure> {
        refuse("corrected", &self.corrected.given())?;
        refuse("paper", &self.paper.given())?;
        let (a, mut options) = (&self.shaped, refine::Options::default());
        set(&mut options.hidden, self.hidden);
        set(&mut options.rounds, a.rounds);
        set(&mut options.steps, a.steps);
        set(&mut options.batch, self.batch);
        set(&mut options.rate, self.rate);
        set(&mut options.smooth, a.smooth);
        set(&mut options.asymmetry, a.asymmetry);
        set(&mut options.emphasis, a.emphasis);
        set(&mut options.seed, Some(self.weights_seed));
        whole_blocks(options.hidden)?;
        Ok(options)
    }

    /// Options of the corrected model.
    ///
    /// # Errors
    /// Usage: an option of another architecture, or a width that its kernels don't have.
    pub fn corrected(&self) -> Result<Options, Failure> {
        refuse("paper", &self.paper.given())?;
        let (a, mut options) = (&self.shaped, Options::default());
        set(&mut options.hidden, self.hidden);
        set(&mut options.rounds, a.rounds);
        set(&mut options.steps, a.steps);
        set(&mut options.lessons, self.corrected.lessons);
        set(&mut options.memory, self.corrected.memory);
        set(&mut options.batch, self.batch);
        set(&mut options.rate, self.rate);
        set(&mut options.smooth, a.smooth);
        set(&mut options.asymmetry, a.asymmetry);
        set(&mut options.emphasis, a.emphasis);
        set(&mut options.seed, Some(self.weights_seed));
        whole_blocks(options.hidden)?;
        Ok(options)
    }

    /// Options of the published architecture.
    ///
    /// # Errors
    /// Usage: an option of another architecture.
    pub fn paper(&self) -> Result<paper::Options, Failure> {
        refuse("refined or corrected", &self.shaped.given())?;
        refuse("corrected", &self.corrected.given())?;
        let (a, d) = (&self.paper, paper::Options::default());
        let h = self.hidden.unwrap_or(d.config.hidden);
        let layers = usize::from(a.graph_layers.unwrap_or(3));
        // Published: 200 → 300 → 300 → 200.
        let width = |layer| if layer == 0 || layer == layers { h } else { h * 3 / 2 };
        let recurrent = !a.no_sequence_cells;
        let config = Config { hidden: h, exchange: (0..=layers).map(width).collect(), head: h, recurrent };
        if !config.is_sound() {
            let text = "--no-sequence-cells with --graph-layers 0 leaves nothing that moves a state";
            return Err(Failure::new(Exit::Usage, text));
        }
        let mut sampling = d.sampling.clone();
        sampling.count = a.periods.unwrap_or(sampling.count);
        sampling.most_active = a.most_active.unwrap_or(sampling.most_active);
        Ok(paper::Options {
            config,
            sampling,
            updates: named(a.updates.as_ref()),
            questions: named(a.questions.as_ref()),
            remaining_weight: a.remaining_weight.unwrap_or(d.remaining_weight),
            queue_weight: a.queue_weight.unwrap_or(d.queue_weight),
            reduction: named(a.reduction.as_ref()),
            dropout: a.dropout.unwrap_or(d.dropout),
            truncation: a.truncation.or(d.truncation),
            batch: self.batch.unwrap_or(d.batch),
            epochs: a.epochs.unwrap_or(d.epochs),
            learning_rate: self.rate.unwrap_or(d.learning_rate),
            clip: a.clip.or(d.clip),
            seed: self.weights_seed,
            ..d
        })
    }
}

impl ShapedArgs {
    fn given(&self) -> Vec<&'static str> {
        let all = [
            ("--rounds", self.rounds.is_some()),
            ("--steps", self.steps.is_some()),
            ("--smooth", self.smooth.is_some()),
            ("--asymmetry", self.asymmetry.is_some()),
            ("--emphasis", self.emphasis.is_some()),
        ];
        all.into_iter().filter_map(|(name, given)| given.then_some(name)).collect()
    }
}

impl CorrectedArgs {
    fn given(&self) -> Vec<&'static str> {
        let all = [("--lessons", self.lessons.is_some()), ("--memory", self.memory.is_some())];
        all.into_iter().filter_map(|(name, given)| given.then_some(name)).collect()
    }
}

impl PaperArgs {
    fn given(&self) -> Vec<&'static str> {
        let all = [
            ("--epochs", self.epochs.is_some()),
            ("--periods", self.periods.is_some()),
            ("--most-active", self.most_active.is_some()),
            ("--longest", self.longest.is_some()),
            ("--remaining-weight", self.remaining_weight.is_some()),
            ("--queue-weight", self.queue_weight.is_some()),
            ("--reduction", self.reduction.is_some()),
            ("--updates", self.updates.is_some()),
            ("--questions", self.questions.is_some()),
            ("--dropout", self.dropout.is_some()),
            ("--truncation", self.truncation.is_some()),
            ("--clip", self.clip.is_some()),
            ("--graph-layers", self.graph_layers.is_some()),
            ("--no-sequence-cells", self.no_sequence_cells),
        ];
        all.into_iter().filter_map(|(name, given)| given.then_some(name)).collect()
    }
}

/// Refuses widths that the kernels of learned functions don't have.
fn whole_blocks(hidden: usize) -> Result<(), Failure> {
    if hidden.is_multiple_of(16) {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, format!("--hidden {hidden}: this model's is a multiple of 16")))
}

fn refuse(architecture: &str, given: &[&str]) -> Result<(), Failure> {
    if given.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, format!("{} belongs to --architecture {architecture}", given.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::course::Corrected;
    use crate::train::refined::Refined;

    #[test]
    fn help_names_the_defaults_that_the_shipped_weights_were_trained_with() {
        let command = LearningArgs::augment_args(clap::Command::new("train"));
        let recipes = [
            ("refined", Refined::recipe(&refine::Options::default())),
            ("corrected", Corrected::recipe(&Options::default())),
        ];
        for (model, (name, value)) in recipes.into_iter().flat_map(|(m, r)| r.into_iter().map(move |o| (m, o))) {
            // No options: the variant is an experiment's.
            let Some(option) = command.get_arguments().find(|a| a.get_long() == Some(&name)) else {
                assert_eq!(name, "variant");
                continue;
            };
            let shown = option.get_help().map(ToString::to_string).unwrap_or_default();
            let preset = option.get_default_values().first().and_then(|v| v.to_str()) == Some(&value);
            let ends = [",", "]", " "].map(|end| format!("{model} {value}{end}"));
            let said = shown.contains(&format!("default: {value}]")) || ends.iter().any(|s| shown.contains(s));
            let shared = shown.contains(&format!("default: refined and corrected {value} "));
            assert!(preset || said || shared, "--{name}: {model} {value} is not in {shown:?}");
        }
    }
}
