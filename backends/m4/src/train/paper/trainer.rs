//! A training in progress: batches of sequences, one Adam step each; after every epoch the validation loss, which sets the rate.
//!
//! Everything is a function of options and sequences. The order of an epoch is one of seed and epoch, dropout one of seed and
//! step, so a training that was interrupted ends in the same bits as one that was not.

use super::gradient::Gradient;
use super::loss::Losses;
use super::optimiser::Adam;
use super::options::Options;
use super::packed::Packed;
use super::pass::{Descent, Pass};
use super::sampling::shuffle;
use super::sequence::Sequence;
use super::trained::Trained;
use crate::numerics::Simd;
use crate::paper::Weights;
use mixlab_contract::conformance::SplitMix;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Its number, from 1.
    pub step: u64,
    /// Its epoch, from 1.
    pub epoch: u64,
    /// Of its batch, before it, with dropout.
    pub losses: Losses,
    /// Length of its gradient before clipping.
    pub gradient: f32,
    /// Its learning rate.
    pub rate: f32,
    /// After the last step of an epoch: of the validation sequences, without dropout.
    pub validation: Option<Losses>,
}

/// A training.
pub struct Trainer {
    pub(super) options: Options,
    pub(super) trained: Trained,
    pub(super) adam: Adam,
    /// Epochs that are complete, and sequences done of the present one.
    pub(super) epoch: u64,
    pub(super) position: usize,
    /// The present epoch's order, once it is known.
    order: Vec<usize>,
    simd: Simd,
    gradient: Gradient,
    pass: Pass,
}

impl Trainer {
    /// From the beginning, with untrained weights. Memory: 16 bytes per weight and the buffers of a pass.
    ///
    /// # Panics
    /// If the dimensions don't fit together.
    pub fn new(options: Options) -> Self {
        let mut trained = Trained::untrained(options.config.clone(), options.seed);
        let adam = Adam::new(trained.len(), &options);
        Self::with(options, trained, adam)
    }

    pub(super) fn with(options: Options, mut trained: Trained, adam: Adam) -> Self {
        let simd = Simd::best();
        let gradient = Gradient::new(&mut trained, simd);
        let (order, pass) = (Vec::new(), Pass::default());
        Self { options, trained, adam, epoch: 0, position: 0, order, simd, gradient, pass }
    }

    /// The options it began with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The model as trained so far.
    pub fn weights(&self) -> &Weights {
        &self.trained.weights
    }

    /// Epochs that are complete.
    pub fn epochs(&self) -> u64 {
        self.epoch
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.adam.step
    }

    /// Whether all epochs are.
    pub fn done(&self) -> bool {
        self.epoch >= self.options.epochs
    }

    /// One step. PRECONDITION: the same sequences at every step of a training, resumed or not. Cost: about four multiply-adds
    /// per weight and moved state of the batch, and one pass over the weights; after an epoch, a validation.
    ///
    /// # Panics
    /// If there are no sequences to train on.
    pub fn step(&mut self, training: &[Sequence], validation: &[Sequence]) -> Report {
        assert!(!training.is_empty(), "there is something to train on");
        if self.order.len() != training.len() {
            self.order = self.order_of(self.epoch, training.len());
        }
        let batch = self.order[self.position..].iter().take(self.options.batch.max(1)).copied().collect::<Vec<_>>();
        let mut packed = Packed::new(&self.trained, &self.gradient, self.simd);
        self.gradient.values.fill(0.0);
        let (mut losses, share) = (Losses::default(), 1.0 / batch.len() as f32);
        for (at, number) in batch.iter().enumerate() {
            let random = SplitMix(SplitMix(self.options.seed ^ (self.adam.step << 8 | at as u64)).next_u64());
            let descent = Descent { gradient: &mut self.gradient, share, random };
            let of = self.pass.run(&mut packed, &self.trained, &training[*number], &self.options, Some(descent));
            losses.add(&of, f64::from(share));
        }
        let rate = self.adam.rate;
        let gradient = self.descend();
        self.position += batch.len();
        let mut report =
            Report { step: self.adam.step, epoch: self.epoch + 1, losses, gradient, rate, validation: None };
        if self.position >= training.len() {
            (self.epoch, self.position) = (self.epoch + 1, 0);
            self.order.clear();
            let found = self.assess(validation);
            self.adam.judge(found.total(&self.options) as f32, self.options.plateau);
            report.validation = Some(found);
        }
        report
    }

    /// The optimiser's step; returns the length of the gradient.
    fn descend(&mut self) -> f32 {
        let Self { adam, gradient, trained, options, .. } = self;
        let length = Adam::clip(&mut gradient.values, options.clip);
        adam.advance();
        let mut at = 0;
        trained.each(|_, _, weights| {
            adam.apply(at, weights, &gradient.values, options.weight_decay);
            at += weights.len();
        });
        length
    }

    /// Mean losses of sequences, without dropout; zero if there are none.
    pub fn assess(&mut self, sequences: &[Sequence]) -> Losses {
        let mut packed = Packed::new(&self.trained, &self.gradient, self.simd);
        let mut mean = Losses::default();
        for sequence in sequences {
            let of = self.pass.run(&mut packed, &self.trained, sequence, &self.options, None);
            mean.add(&of, 1.0 / sequences.len() as f64);
        }
        mean
    }

    fn order_of(&self, epoch: u64, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        shuffle(&mut order, &mut SplitMix(SplitMix(self.options.seed.wrapping_add(epoch << 32)).next_u64()));
        order
    }
}
