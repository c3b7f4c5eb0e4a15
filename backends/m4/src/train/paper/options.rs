//! Everything that can be chosen about a training. The defaults are the published values, as far as they are known.
//!
//! Source: the public m4 repository (its training configuration and its model code); where versions differ, the newest readable
//! one. Not taken over: TF32 arithmetic, and that a zero time step in one sequence of a batch suppresses the time cells of all.

use crate::paper::Config;
use serde::{Deserialize, Serialize};

/// Options of a training. Ablations: `remaining_weight` = 0, `queue_weight` = 0, `config.exchange` = `[H]` (no graph network),
/// `config.recurrent` = false (no sequence cells).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Dimensions of the model.
    pub config: Config,
    /// Which busy periods are learned from.
    pub sampling: Sampling,
    /// Which states an event moves.
    pub updates: Updates,
    /// When the slowdown is asked for.
    pub questions: Questions,
    /// Weight of the loss of remaining sizes; 0 = no such supervision.
    pub remaining_weight: f32,
    /// Weight of the loss of queue lengths; 0 = no such supervision.
    pub queue_weight: f32,
    /// How the labels of the two are added up.
    pub reduction: Reduction,
    /// Part of the hidden layer of each head that is left out at random.
    pub dropout: f32,
    /// Events after which the gradient is cut off on its way back through time; none = it goes back to the period's beginning.
    pub truncation: Option<usize>,
    /// Periods per step.
    pub batch: usize,
    /// Times each period is learned from.
    pub epochs: u64,
    /// Adam's learning rate at the beginning (its β are 0.9 and 0.999, its ε 1e-8).
    pub learning_rate: f32,
    /// How the learning rate falls.
    pub plateau: Plateau,
    /// Added to the gradient: this times the weight.
    pub weight_decay: f32,
    /// Largest length of a step's gradient; longer ones are shortened to it.
    pub clip: Option<f32>,
    /// Seed of everything that is drawn.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            config: Config::published(),
            sampling: Sampling::default(),
            updates: Updates::default(),
            questions: Questions::default(),
            remaining_weight: 0.005,
            queue_weight: 0.005,
            reduction: Reduction::default(),
            dropout: 0.2,
            truncation: None,
            batch: 2,
            epochs: 15,
            learning_rate: 1e-4,
            plateau: Plateau::default(),
            weight_decay: 0.0,
            clip: None,
            seed: 0,
        }
    }
}

/// Which busy periods are learned from: those with fewer than `most_active` flows at a time are put into bins by their number
/// of flows; `count` are drawn without replacement, every bin that is not empty being equally likely.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// Periods with this many flows at a time, or more, are left out.
    pub most_active: usize,
    /// Lower ends of the bins, in flows, ascending.
    pub bins: Vec<usize>,
    /// Periods drawn, if there are so many.
    pub count: usize,
    /// Part of them to train on (rounded down to whole batches); the others validate.
    pub training_share: f64,
}

impl Default for Sampling {
    fn default() -> Self {
        let bins = vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 50, 100, 500];
        Self { most_active: 150, bins, count: 4000, training_share: 0.9 }
    }
}

/// Which states an event of a period moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Updates {
    /// As published: those of all active flows of the period and of the links they cross. A link that is idle for a while
    /// keeps its state.
    #[default]
    Period,
    /// As the engine does ([`crate::Components::Split`]): those connected to the event by shared links. Idle links start anew.
    Connected,
}

/// When the slowdown head is asked, and compared with the truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Questions {
    /// As published: once per flow, on its last state before its end.
    #[default]
    Last,
    /// Whenever the engine asks: after every update of the flow. The mean over a flow's answers counts as much as the one answer.
    Every,
}

/// How the absolute errors of remaining sizes and queue lengths become one number. The mean is over a period's flows, and over
/// all channels of the topology, whether they have labels or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// As in the newest readable version: mean of the sums per flow (per channel).
    #[default]
    Sum,
    /// As in an older version, with weights of 0.1: mean of the sums per flow (per channel) ÷ (number of labels + 1).
    Mean,
}

/// The learning rate is multiplied by `factor` when the validation loss has not improved (by a ten-thousandth) for more than
/// `patience` epochs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plateau {
    /// What the rate is multiplied by.
    pub factor: f32,
    /// Epochs without improvement that are accepted.
    pub patience: u64,
    /// Smallest learning rate.
    pub least: f32,
}

impl Default for Plateau {
    fn default() -> Self {
        Self { factor: 0.2, patience: 5, least: 1e-6 }
    }
}
