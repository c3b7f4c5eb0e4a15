//! The published architecture's training as a [`Course`]: a step is one of the optimiser.
//!
//! ```text
//! lessons ── busy periods ── drawn by length ──► 90 % to learn from, 10 % whose loss sets the learning rate (as published)
//! ```
//!
//! The closed-loop validation of `session.rs` comes on top: it simulates scenarios of which no period is learned from.

use super::checkpoint::CheckpointError;
use super::course::Course;
use super::log::Scalar;
use crate::atomic;
use mixlab_contract::{Backend, RunError, Supervision};
use mixlab_m4::PaperBackend;
use mixlab_m4::paper::{Checkpoint, Rules, parameters};
use mixlab_m4::train::Lesson;
use mixlab_m4::train::paper::{Drawn, Options, Period, Sequence, SequenceError, Trainer, periods};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// What is learned from: busy periods with their labels.
#[derive(Clone, Debug, Default)]
pub struct Periods {
    /// To learn from.
    pub training: Vec<Sequence>,
    /// Whose loss sets the learning rate.
    pub validation: Vec<Sequence>,
    /// Congestion controls of the scenarios, by name.
    pub congestion_controls: Vec<String>,
}

/// Busy periods that were drawn and get their labels, one scenario after another: the supervision of all scenarios together may be
/// too much for the memory.
#[derive(Debug)]
pub struct Labelling {
    /// Lesson and period.
    candidates: Vec<(usize, Period)>,
    drawn: Drawn,
    labelled: BTreeMap<usize, Sequence>,
    controls: BTreeSet<String>,
    /// Scenarios that the model's 13 parameters can't express; nothing of them is learned.
    pub unsupported: usize,
}

impl Labelling {
    /// Draws periods of at most `longest` flows from the lessons.
    pub fn new(lessons: &[Lesson], options: &Options, longest: Option<usize>) -> Self {
        let (mut unsupported, mut candidates, mut controls) = (0, Vec::new(), BTreeSet::new());
        for (number, (scenario, outcomes)) in lessons.iter().enumerate() {
            if parameters(scenario).is_err() {
                unsupported += 1;
                continue;
            }
            controls.insert(scenario.transport().congestion_control.name().to_owned());
            let found = periods(scenario, outcomes).into_iter();
            let short = found.filter(|p| longest.is_none_or(|most| p.flows.len() <= most));
            candidates.extend(short.map(|p| (number, p)));
        }
        let drawn = options.sampling.draw(candidates.iter().map(|(_, p)| p), options.batch, options.seed);
        Self { candidates, drawn, labelled: BTreeMap::new(), controls, unsupported }
    }

    /// Lessons of which some period was drawn, in order.
    pub fn lessons(&self) -> BTreeSet<usize> {
        self.drawn.training.iter().chain(&self.drawn.validation).map(|c| self.candidates[*c].0).collect()
    }

    /// Labels the periods of lesson `number`. Cost: one pass over the supervision.
    ///
    /// # Errors
    /// [`SequenceError`] if the supervision is malformed or another scenario's.
    pub fn label(
        &mut self,
        number: usize,
        (scenario, outcomes): &Lesson,
        supervision: Option<&Supervision>,
    ) -> Result<(), SequenceError> {
        let drawn = self.drawn.training.iter().chain(&self.drawn.validation).copied();
        let own: Vec<usize> = drawn.filter(|c| self.candidates[*c].0 == number).collect();
        let periods: Vec<Period> = own.iter().map(|c| self.candidates[*c].1.clone()).collect();
        let sequences = Sequence::of(scenario, outcomes, supervision, &periods)?;
        self.labelled.extend(own.into_iter().zip(sequences));
        Ok(())
    }

    /// All periods, once every one of [`Self::lessons`] is labelled.
    pub fn finish(mut self) -> Periods {
        let mut take = |numbers: &[usize]| -> Vec<Sequence> {
            let taken = numbers.iter().map(|c| self.labelled.remove(c));
            taken.map(|s| s.expect("every drawn period was labelled, and is drawn once")).collect()
        };
        let (training, validation) = (take(&self.drawn.training), take(&self.drawn.validation));
        Periods { training, validation, congestion_controls: self.controls.into_iter().collect() }
    }
}

/// The training.
pub struct Paper {
    trainer: Trainer,
    periods: Periods,
    provenance: BTreeMap<String, String>,
}

impl Paper {
    /// From the beginning. PRECONDITION: there are periods to learn from.
    pub fn new(options: Options, periods: Periods, provenance: BTreeMap<String, String>) -> Self {
        Self { trainer: Trainer::new(options), periods, provenance }
    }

    /// As it was at a checkpoint, which `path` names in errors.
    ///
    /// # Errors
    /// [`CheckpointError::State`].
    pub fn resume(
        options: Options,
        periods: Periods,
        provenance: BTreeMap<String, String>,
        (state, path): (&[u8], &Path),
    ) -> Result<Self, CheckpointError> {
        let failed = |e: &dyn std::error::Error| CheckpointError::State { path: path.into(), problem: e.to_string() };
        let trainer = Trainer::resume(options, state).map_err(|e| failed(&e))?;
        Ok(Self { trainer, periods, provenance })
    }

    /// The options by name, for a recipe.
    pub fn recipe(options: &Options) -> BTreeMap<String, String> {
        let value = serde_json::to_value(options).expect("options are JSON");
        let entries = value.as_object().into_iter().flatten();
        entries.map(|(name, value)| (name.replace('_', "-"), value.to_string())).collect()
    }

    fn model(&self) -> Checkpoint {
        self.trainer.model(self.periods.congestion_controls.clone(), self.provenance.clone())
    }
}

impl Course for Paper {
    fn unit(&self) -> &'static str {
        "steps"
    }

    fn step(&self) -> u64 {
        self.trainer.steps()
    }

    fn length(&self) -> u64 {
        self.trainer.options().epochs * self.cadence()
    }

    /// Steps of an epoch.
    fn cadence(&self) -> u64 {
        self.periods.training.len().div_ceil(self.trainer.options().batch.max(1)) as u64
    }

    fn advance(&mut self) -> Result<Vec<Scalar>, RunError> {
        let report = self.trainer.step(&self.periods.training, &self.periods.validation);
        let total = |l: mixlab_m4::train::paper::Losses| l.total(self.trainer.options());
        let values = [
            Some(total(report.losses)),
            Some(report.losses.slowdown),
            Some(report.losses.remaining),
            Some(report.losses.queue),
            Some(report.gradient.into()),
            Some(report.rate.into()),
            report.validation.map(total),
        ];
        Ok(self.columns().iter().copied().zip(values).collect())
    }

    fn columns(&self) -> &'static [&'static str] {
        &["loss", "slowdown", "remaining", "queue", "gradient", "rate", "validation_loss"]
    }

    fn checkpoint(&self) -> Vec<u8> {
        self.trainer.checkpoint()
    }

    fn backend(&self) -> Box<dyn Backend> {
        Box::new(PaperBackend::new(self.model(), Rules::default()))
    }

    /// Tensors and manifest appear one right after the other: a folder between the two is refused by its digest, never read as a
    /// mixture.
    fn save(&self, folder: &Path) -> io::Result<()> {
        let model = self.model();
        let tensors = model.weights.to_tensors();
        super::course::finite(tensors.iter().flat_map(|(_, t)| t.values.iter().copied()))?;
        model.files().iter().try_for_each(|(name, bytes)| atomic::write(&folder.join(name), bytes))
    }
}
