//! A training of the corrected model: rounds of simulating with the weights so far and of learning from what happened.
//!
//! ```text
//! round r:  record `lessons` scenarios in closed loop with the weights of now
//!           take `steps` steps on the recordings of the last `memory` rounds
//! ```
//!
//! A round's recordings are a function of its weights, so a checkpoint keeps the weights of the last rounds instead of the
//! recordings and makes them again: a training that was interrupted ends in the same bits as one that was not.

use super::descent::{Descent, Schedule, Workspace, assess, standardise};
use super::record::{Recording, record_upon};
use crate::corrected::features::{FEATURES, Group};
use crate::corrected::network::Base;
use crate::perceptron::{Layout, Perceptron};
use mixlab_contract::{FlowOutcome, RunError, Scenario};
use std::collections::VecDeque;

/// A scenario and its ground truth.
pub type Lesson = (Scenario, Vec<FlowOutcome>);

/// What is trained: the model, or one of the models that say what its parts are worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variant {
    /// The model.
    #[default]
    Whole,
    /// It does not see a group of features.
    Without(Group),
    /// It corrects the rate that a flow would have alone, and sees no max-min rate.
    WithoutFluid,
    /// A sum of functions of one feature each instead of the perceptron.
    Additive,
    /// All rounds record the uncorrected fluid: it never sees the states that its corrections lead to.
    OpenLoop,
}

impl Variant {
    /// What its corrections multiply.
    pub fn base(self) -> Base {
        if self == Self::WithoutFluid { Base::Alone } else { Base::Fluid }
    }

    fn untrained(self, hidden: usize, seed: u64) -> Perceptron {
        match self {
            Self::Additive => Perceptron::additive(FEATURES),
            _ => Perceptron::untrained(FEATURES, hidden, seed),
        }
    }

    /// Blinds the model to what the variant does not see.
    fn blind(self, model: &mut Perceptron) {
        let hidden = match self {
            Self::Without(group) => group,
            Self::WithoutFluid => Group::Fluid,
            _ => return,
        };
        (0..FEATURES).filter(|i| hidden.contains(*i)).for_each(|i| model.scale[i] = 0.0);
    }
}

/// Options of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// What is trained.
    pub variant: Variant,
    /// Hidden width, a multiple of 16.
    pub hidden: usize,
    /// Rounds.
    pub rounds: u64,
    /// Steps per round.
    pub steps: u64,
    /// Scenarios recorded per round.
    pub lessons: usize,
    /// Rounds whose recordings are learned from.
    pub memory: usize,
    /// Flows per step.
    pub batch: usize,
    /// Learning rate at the first step.
    pub rate: f32,
    /// δ of the loss.
    pub smooth: f32,
    /// a of the loss.
    pub asymmetry: f32,
    /// Weight of a flow = slowdown to this power.
    pub emphasis: f32,
    /// Seed of everything.
    pub seed: u64,
}

impl Default for Options {
    /// What the shipped weights were trained with.
    fn default() -> Self {
        Self {
            variant: Variant::Whole,
            hidden: 64,
            rounds: 400,
            steps: 60,
            lessons: 10,
            memory: 10,
            batch: 256,
            rate: 0.001,
            smooth: 0.05,
            asymmetry: 1.0,
            emphasis: 0.0,
            seed: 1,
        }
    }
}

/// What a round did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Its number, from 0.
    pub round: u64,
    /// Mean loss of its steps.
    pub loss: f32,
    /// Mean |ln(predicted ÷ true FCT)| of the scenarios it recorded, in closed loop, before its steps.
    pub error: f64,
    /// Mean of the same, signed.
    pub bias: f64,
}

/// A training in progress.
#[derive(Clone, Debug)]
pub struct Campaign {
    options: Options,
    descent: Descent,
    round: u64,
    /// Weights at the start of the last rounds, and what was recorded with them.
    memory: VecDeque<(Vec<f32>, Vec<Recording>)>,
    work: Workspace,
}

/// Why a checkpoint can't be resumed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It has the wrong length.
    #[error("{found} bytes, expected {expected} for these options")]
    Length {
        /// Bytes there are.
        found: usize,
        /// Bytes there should be.
        expected: usize,
    },
    /// A simulation failed.
    #[error("{0}")]
    Run(String),
}

impl Campaign {
    /// A training from the beginning: features are standardised over the uncorrected fluid on the first lessons.
    ///
    /// # Errors
    /// [`RunError`] of a simulation.
    pub fn new(options: Options, lessons: &[Lesson]) -> Result<Self, RunError> {
        let Options { variant, hidden, seed, .. } = options;
        let mut model = variant.untrained(hidden, seed);
        let first = &lessons[..lessons.len().min(100)];
        let made: Result<Vec<Recording>, RunError> =
            first.iter().map(|(s, truth)| record_upon(variant.base(), s, truth, &model, seed)).collect();
        standardise(&mut model, &made?);
        variant.blind(&mut model);
        Ok(Self::around(options, model))
    }

    fn around(options: Options, model: Perceptron) -> Self {
        let Options { rounds, steps, batch, rate, smooth, asymmetry, emphasis, seed, .. } = options;
        let frozen = options.variant == Variant::Additive;
        let schedule =
            Schedule { steps: rounds * steps, batch, rate, shape: (smooth, asymmetry), emphasis, seed, frozen };
        let descent = Descent::new(model, schedule);
        Self { options, descent, round: 0, memory: VecDeque::new(), work: Workspace::default() }
    }

    /// Whether all rounds are done.
    pub fn done(&self) -> bool {
        self.round >= self.options.rounds
    }

    /// The weights so far.
    pub fn model(&self) -> &Perceptron {
        &self.descent.model
    }

    /// One round.
    ///
    /// # Errors
    /// [`RunError`] of a simulation.
    pub fn advance(&mut self, lessons: &[Lesson]) -> Result<Report, RunError> {
        let made = self.recordings(self.round, &self.descent.model, lessons)?;
        let (error, bias) = assess(&self.descent.model, &made);
        self.memory.push_back((self.descent.model.weights.clone(), made));
        if self.memory.len() > self.options.memory {
            self.memory.pop_front();
        }
        let all: Vec<&Recording> = self.memory.iter().flat_map(|(_, made)| made).collect();
        let mut loss = 0.0;
        for _ in 0..self.options.steps {
            loss += self.descent.advance(&all, &mut self.work);
        }
        let report = Report { round: self.round, loss: loss / self.options.steps as f32, error, bias };
        self.round += 1;
        Ok(report)
    }

    fn recordings(&self, round: u64, model: &Perceptron, lessons: &[Lesson]) -> Result<Vec<Recording>, RunError> {
        let count = self.options.lessons as u64;
        let variant = self.options.variant;
        let silent = Perceptron::untrained(FEATURES, model.hidden, 0);
        let model = if variant == Variant::OpenLoop { &silent } else { model };
        (round * count..(round + 1) * count)
            .map(|k| {
                let (scenario, truth) = &lessons[(k % lessons.len() as u64) as usize];
                record_upon(variant.base(), scenario, truth, model, self.options.seed.wrapping_add(k))
            })
            .collect()
    }

    /// Everything that a resumed training needs besides options and lessons.
    pub fn checkpoint(&self) -> Vec<u8> {
        let mut bytes = self.round.to_le_bytes().to_vec();
        let model = &self.descent.model;
        let [first, second] = self.descent.moments();
        let past = self.memory.iter().flat_map(|(weights, _)| weights);
        let numbers = model.centre.iter().chain(&model.scale).chain(&model.weights).chain(first).chain(second);
        bytes.extend(numbers.chain(past).flat_map(|v| v.to_le_bytes()));
        bytes
    }

    /// A training as it was at a checkpoint. PRECONDITION: same options and lessons. Cost: recording the remembered rounds.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn resume(options: Options, lessons: &[Lesson], bytes: &[u8]) -> Result<Self, CheckpointError> {
        let hidden = options.variant.untrained(options.hidden, 0).hidden;
        let weights = Layout::of(FEATURES, hidden).total;
        let round = bytes.get(..8).map_or(0, |b| u64::from_le_bytes(b.try_into().expect("eight bytes were taken")));
        let kept = round.min(options.memory as u64) as usize;
        let expected = 8 + 4 * (2 * FEATURES + (3 + kept) * weights);
        if bytes.len() != expected {
            return Err(CheckpointError::Length { found: bytes.len(), expected });
        }
        let number = |b: &[u8]| f32::from_le_bytes(b.try_into().expect("chunks have four bytes"));
        let mut numbers = bytes[8..].chunks_exact(4).map(number);
        let mut take = |count: usize| numbers.by_ref().take(count).collect::<Vec<f32>>();
        let (centre, scale) = (take(FEATURES), take(FEATURES));
        let model = Perceptron::new(centre, scale, hidden, take(weights));
        let moments = [take(weights), take(weights)];
        let mut campaign = Self::around(options, model);
        campaign.round = round;
        campaign.descent.restore(moments, round * options.steps);
        for back in (1..=kept as u64).rev() {
            let mut past = campaign.descent.model.clone();
            past.weights = take(weights);
            let made = campaign.recordings(round - back, &past, lessons);
            campaign.memory.push_back((past.weights, made.map_err(|e| CheckpointError::Run(e.to_string()))?));
        }
        Ok(campaign)
    }
}
