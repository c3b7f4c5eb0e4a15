//! A training as `mixlab train` sees it, whatever the architecture, and the one of the corrected model.

use super::checkpoint::CheckpointError;
use super::log::Scalar;
use crate::atomic;
use mixlab_contract::{Backend, RunError};
use mixlab_m4::perceptron::file::Kind;
use mixlab_m4::train::{Campaign, Lesson, Options, Report};
use mixlab_m4::{CorrectedBackend, Perceptron, RefinedBackend};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// A training in progress: a number of steps, each a function of seed and lessons.
pub trait Course {
    /// What its steps are called.
    fn unit(&self) -> &'static str;

    /// Steps done.
    fn step(&self) -> u64;

    /// Steps of the whole training.
    fn length(&self) -> u64;

    /// Steps between checkpoints, and between validations, if nobody says otherwise.
    fn cadence(&self) -> u64;

    /// Does one step and says how it went; always the same scalars in the same order.
    ///
    /// # Errors
    /// [`RunError`] of a simulation.
    fn advance(&mut self) -> Result<Vec<Scalar>, RunError>;

    /// Names of the scalars.
    fn columns(&self) -> &'static [&'static str];

    /// Everything that going on needs besides recipe and lessons.
    fn checkpoint(&self) -> Vec<u8>;

    /// The simulator with the weights of now.
    fn backend(&self) -> Box<dyn Backend>;

    /// Writes the weights into a folder, as `--m4-weights` reads them.
    ///
    /// # Errors
    /// Any input/output error; weights from before stay then.
    fn save(&self, folder: &Path) -> io::Result<()>;
}

/// Refuses weights that no simulator could be made of.
///
/// # Errors
/// One of kind `InvalidData`.
pub fn finite(mut weights: impl Iterator<Item = f32>) -> io::Result<()> {
    if weights.all(f32::is_finite) {
        return Ok(());
    }
    let text = "the weights are no longer finite: a smaller --rate, in another folder";
    Err(io::Error::new(io::ErrorKind::InvalidData, text))
}

/// A training of a learned function, in rounds.
pub trait Training {
    /// The model.
    const KIND: Kind;

    /// One round.
    ///
    /// # Errors
    /// [`RunError`] of a simulation.
    fn advance(&mut self) -> Result<Report, RunError>;

    /// The function so far.
    fn model(&self) -> &Perceptron;

    /// See [`Course::checkpoint`].
    fn checkpoint(&self) -> Vec<u8>;
}

/// A training as a course; a step is a round.
pub struct Rounds<T> {
    training: T,
    length: u64,
    step: u64,
}

impl<T: Training> Rounds<T> {
    /// `training`, of which `step` of `length` rounds are done.
    pub fn new(training: T, length: u64, step: u64) -> Self {
        Self { training, length, step }
    }
}

/// The training of the corrected model.
pub struct Corrected {
    campaign: Campaign,
    lessons: Vec<Lesson>,
}

impl Corrected {
    /// From the beginning.
    ///
    /// # Errors
    /// [`RunError`] of a simulation.
    pub fn new(options: Options, lessons: Vec<Lesson>) -> Result<Self, RunError> {
        Ok(Self { campaign: Campaign::new(options, &lessons)?, lessons })
    }

    /// As it was at a checkpoint, which `path` names in errors.
    ///
    /// # Errors
    /// [`CheckpointError::State`].
    pub fn resume(options: Options, lessons: Vec<Lesson>, state: &[u8], path: &Path) -> Result<Self, CheckpointError> {
        let failed = |e: mixlab_m4::train::CheckpointError| CheckpointError::State {
            path: PathBuf::from(path),
            problem: e.to_string(),
        };
        Ok(Self { campaign: Campaign::resume(options, &lessons, state).map_err(failed)?, lessons })
    }

    /// The options as the command line names them.
    pub fn recipe(options: &Options) -> BTreeMap<String, String> {
        // Every option: one that is left out here would not be noticed when a training goes on.
        let Options { variant, hidden, rounds, steps, lessons, memory, batch, rate, smooth, asymmetry, emphasis, seed } =
            options;
        let entries = [
            ("variant", format!("{variant:?}")),
            ("hidden", hidden.to_string()),
            ("rounds", rounds.to_string()),
            ("steps", steps.to_string()),
            ("lessons", lessons.to_string()),
            ("memory", memory.to_string()),
            ("batch", batch.to_string()),
            ("rate", rate.to_string()),
            ("smooth", smooth.to_string()),
            ("asymmetry", asymmetry.to_string()),
            ("emphasis", emphasis.to_string()),
            ("weights-seed", seed.to_string()),
        ];
        entries.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

impl Training for Corrected {
    const KIND: Kind = Kind::Corrected;

    fn advance(&mut self) -> Result<Report, RunError> {
        self.campaign.advance(&self.lessons)
    }

    fn model(&self) -> &Perceptron {
        self.campaign.model()
    }

    fn checkpoint(&self) -> Vec<u8> {
        self.campaign.checkpoint()
    }
}

impl<T: Training> Course for Rounds<T> {
    fn unit(&self) -> &'static str {
        "rounds"
    }

    fn step(&self) -> u64 {
        self.step
    }

    fn length(&self) -> u64 {
        self.length
    }

    fn cadence(&self) -> u64 {
        10
    }

    fn advance(&mut self) -> Result<Vec<Scalar>, RunError> {
        let report = self.training.advance()?;
        self.step = report.round + 1;
        let values = [f64::from(report.loss), report.error, report.bias];
        Ok(self.columns().iter().copied().zip(values.map(Some)).collect())
    }

    fn columns(&self) -> &'static [&'static str] {
        &["loss", "error", "bias"]
    }

    fn checkpoint(&self) -> Vec<u8> {
        self.training.checkpoint()
    }

    fn backend(&self) -> Box<dyn Backend> {
        backend(T::KIND, self.training.model().clone())
    }

    fn save(&self, folder: &Path) -> io::Result<()> {
        let model = self.training.model();
        finite(model.weights.iter().copied())?;
        atomic::write(&folder.join(T::KIND.file()), &T::KIND.encode(model))
    }
}

/// The simulator with a learned function.
pub fn backend(kind: Kind, model: Perceptron) -> Box<dyn Backend> {
    match kind {
        Kind::Refined => Box::new(RefinedBackend::with_weights(model)),
        Kind::Corrected => Box::new(CorrectedBackend::with_weights(model)),
    }
}
