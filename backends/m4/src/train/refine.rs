//! A training of the refined model: the coarse network is simulated once, since the refinement changes nothing in it; then rounds of
//! steps on what it did.
//!
//! A flow is a life of one row: with wait w (and what it should have met) and lone FCT l in the coarse network, (l + w · e^(−g)) ÷ true FCT is what the loss is of.

use super::campaign::{CheckpointError, Report};
use super::descent::{Descent, Schedule, Workspace, assess, standardise};
use super::record::{Life, Recording, Row};
use crate::perceptron::{Layout, Perceptron};
use crate::refined::features::FEATURES;
use crate::refined::network::{Watch, network};
use mixlab_coarse::Arrived;
use mixlab_contract::{FlowIndex, FlowOutcome, RunError, Scenario, Silent, drive};

/// Options of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Hidden width, a multiple of 16.
    pub hidden: usize,
    /// Rounds.
    pub rounds: u64,
    /// Steps per round.
    pub steps: u64,
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
            hidden: 64,
            rounds: 60,
            steps: 100,
            batch: 1024,
            rate: 0.002,
            smooth: 0.05,
            asymmetry: 0.5,
            emphasis: 0.0,
            seed: 1,
        }
    }
}

/// A training in progress.
#[derive(Clone, Debug)]
pub struct Refinement {
    options: Options,
    descent: Descent,
    round: u64,
    recordings: Vec<Recording<FEATURES>>,
    work: Workspace,
}

impl Refinement {
    /// A training from the beginning, with features standardised over all recordings.
    pub fn new(options: Options, recordings: Vec<Recording<FEATURES>>) -> Self {
        let mut model = Perceptron::untrained(FEATURES, options.hidden, options.seed);
        standardise(&mut model, &recordings);
        Self::around(options, model, recordings)
    }

    fn around(options: Options, model: Perceptron, recordings: Vec<Recording<FEATURES>>) -> Self {
        let Options { rounds, steps, batch, rate, smooth, asymmetry, emphasis, seed, .. } = options;
        let shape = (smooth, asymmetry);
        let schedule = Schedule { steps: rounds * steps, batch, rate, shape, emphasis, seed, frozen: false };
        Self { options, descent: Descent::new(model, schedule), round: 0, recordings, work: Workspace::default() }
    }

    /// Whether all rounds are done.
    pub fn done(&self) -> bool {
        self.round >= self.options.rounds
    }

    /// The weights so far.
    pub fn model(&self) -> &Perceptron {
        &self.descent.model
    }

    /// One round; errors are those on the first hundred recordings.
    pub fn advance(&mut self) -> Report {
        let first = &self.recordings[..self.recordings.len().min(100)];
        let (error, bias) = assess(&self.descent.model, first);
        let all: Vec<&Recording<FEATURES>> = self.recordings.iter().collect();
        let steps = self.options.steps;
        let loss = (0..steps).map(|_| self.descent.advance(&all, &mut self.work)).sum::<f32>() / steps as f32;
        let report = Report { round: self.round, loss, error, bias };
        self.round += 1;
        report
    }

    /// Everything that a resumed training needs besides options and recordings.
    pub fn checkpoint(&self) -> Vec<u8> {
        let model = &self.descent.model;
        let [first, second] = self.descent.moments();
        let numbers = model.centre.iter().chain(&model.scale).chain(&model.weights).chain(first).chain(second);
        self.round.to_le_bytes().into_iter().chain(numbers.flat_map(|v| v.to_le_bytes())).collect()
    }

    /// A training as it was at a checkpoint. PRECONDITION: same options and recordings.
    ///
    /// # Errors
    /// [`CheckpointError::Length`].
    pub fn resume(
        options: Options,
        recordings: Vec<Recording<FEATURES>>,
        bytes: &[u8],
    ) -> Result<Self, CheckpointError> {
        let weights = Layout::of(FEATURES, options.hidden).total;
        let expected = 8 + 4 * (2 * FEATURES + 3 * weights);
        if bytes.len() != expected {
            return Err(CheckpointError::Length { found: bytes.len(), expected });
        }
        let number = |b: &[u8]| f32::from_le_bytes(b.try_into().expect("chunks have four bytes"));
        let mut numbers = bytes[8..].chunks_exact(4).map(number);
        let mut take = |count: usize| numbers.by_ref().take(count).collect::<Vec<f32>>();
        let (centre, scale) = (take(FEATURES), take(FEATURES));
        let model = Perceptron::new(centre, scale, options.hidden, take(weights));
        let moments = [take(weights), take(weights)];
        let mut training = Self::around(options, model, recordings);
        training.round = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes were taken"));
        training.descent.restore(moments, training.round * options.steps);
        Ok(training)
    }
}

/// What the coarse network with trains of `grain` packets does with a scenario; flows that did not finish in it or in `truth` are left out.
///
/// # Errors
/// None but what the driver reports.
pub fn record(scenario: &Scenario, truth: &[FlowOutcome], grain: u64) -> Result<Recording<FEATURES>, RunError> {
    let silent = Perceptron::untrained(FEATURES, 16, 0);
    let mut network = network(scenario, grain, &silent, Notes { truth, recording: Recording::default() });
    drive(&mut network, scenario, &Silent)?;
    Ok(network.onlooker().watch.recording.clone())
}

struct Notes<'a> {
    truth: &'a [FlowOutcome],
    recording: Recording<FEATURES>,
}

impl Watch for Notes<'_> {
    fn saw(&mut self, flow: FlowIndex, features: &[f32; FEATURES], arrived: &Arrived) {
        let Some(truth) = self.truth[flow.index()].fct() else { return };
        let (truth, lone) = (truth.ps() as f64, arrived.lone.ps() as f64);
        let all = &mut self.recording;
        let first = all.rows.len() as u32;
        all.rows.push(Row { features: *features, share: 1.0, ceiling: f32::INFINITY, factor: 1.0, contended: true });
        all.lives.push(Life {
            first,
            count: 1,
            fixed: (lone / truth) as f32,
            transfer: (arrived.wait * 1e3 / truth) as f32,
            slowdown: (truth / lone) as f32,
        });
    }
}
