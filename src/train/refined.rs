//! The training of the refined model.

use super::checkpoint::CheckpointError;
use super::course::Training;
use mixlab_contract::RunError;
use mixlab_m4::Perceptron;
use mixlab_m4::perceptron::file::Kind;
use mixlab_m4::refined::GRAIN;
use mixlab_m4::refined::features::FEATURES;
use mixlab_m4::train::refine::{Options, Refinement, record};
use mixlab_m4::train::{Lesson, Recording, Report};
use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};

/// A training in progress.
pub struct Refined(Refinement);

impl Refined {
    /// From the beginning. Cost: a coarse simulation of each lesson.
    ///
    /// # Errors
    /// [`RunError`] of a simulation.
    pub fn new(options: Options, lessons: &[Lesson]) -> Result<Self, RunError> {
        Ok(Self(Refinement::new(options, recordings(lessons)?)))
    }

    /// As it was at a checkpoint, which `path` names in errors. Cost: as from the beginning.
    ///
    /// # Errors
    /// [`CheckpointError::State`].
    pub fn resume(options: Options, lessons: &[Lesson], state: &[u8], path: &Path) -> Result<Self, CheckpointError> {
        let failed = |problem| CheckpointError::State { path: PathBuf::from(path), problem };
        let recordings = recordings(lessons).map_err(|e| failed(e.to_string()))?;
        Ok(Self(Refinement::resume(options, recordings, state).map_err(|e| failed(e.to_string()))?))
    }

    /// The options as the command line names them.
    pub fn recipe(options: &Options) -> BTreeMap<String, String> {
        // Every option: one that is left out here would not be noticed when a training goes on.
        let Options { hidden, rounds, steps, batch, rate, smooth, asymmetry, emphasis, seed } = options;
        let entries = [
            ("hidden", hidden.to_string()),
            ("rounds", rounds.to_string()),
            ("steps", steps.to_string()),
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

/// What the coarse network does with each lesson, in their order, on all cores.
fn recordings(lessons: &[Lesson]) -> Result<Vec<Recording<FEATURES>>, RunError> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        let work =
            |part: &[Lesson]| part.iter().map(|(s, truth)| record(s, truth, GRAIN)).collect::<Result<Vec<_>, _>>();
        let parts = lessons.chunks(lessons.len().div_ceil(cores).max(1));
        let running: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
        let done = running.into_iter().map(|r| r.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        done.collect::<Result<Vec<_>, _>>().map(|parts| parts.concat())
    })
}

impl Training for Refined {
    const KIND: Kind = Kind::Refined;

    fn advance(&mut self) -> Result<Report, RunError> {
        Ok(self.0.advance())
    }

    fn model(&self) -> &Perceptron {
        self.0.model()
    }

    fn checkpoint(&self) -> Vec<u8> {
        self.0.checkpoint()
    }
}
