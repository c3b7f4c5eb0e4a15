//! The loop of a training: steps, validation, checkpoints, weights and log, until it is done or somebody asks it to stop.
//!
//! ```text
//! DIR/checkpoints/NNNNNN.checkpoint   every few steps, at the end, and when stopped: any of them can be gone on from
//! DIR/…                               the weights of the latest checkpoint, as `--m4-weights DIR` reads them
//! DIR/best/…                          those of the validated step with the lowest mean error on the validation set
//! DIR/loss.csv, events.out.tfevents…  the log
//! ```

use super::checkpoint::{Checkpoint, CheckpointError, Recipe};
use super::course::Course;
use super::lessons::{Verdict, validate};
use super::log::{CSV, Curve, Log, Scalar};
use mixlab_contract::RunError;
use mixlab_m4::train::Lesson;
use std::io;
use std::path::{Path, PathBuf};

/// Columns that validation adds to the log.
const VALIDATION: [&str; 4] = ["validation_mean", "validation_p90", "validation_p99", "validation_bias"];

/// Everything about one call of `mixlab train` that does not change the weights.
pub struct Session {
    /// The training's folder.
    pub folder: PathBuf,
    /// What the training is.
    pub recipe: Recipe,
    /// Scenarios to validate on; may be none.
    pub validation: Vec<Lesson>,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Steps between validations.
    pub validate_every: u64,
    /// Step to stop after, if before the end.
    pub until: Option<u64>,
}

/// How a session ended; in each case the last step is checkpointed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All steps are done.
    Done,
    /// The step to stop after was reached.
    Paused,
    /// Somebody asked to stop.
    Interrupted,
}

/// Why a session failed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A simulation failed.
    #[error("step {step}: {source}")]
    Run {
        /// Steps done before.
        step: u64,
        /// Why.
        source: RunError,
    },
    /// A checkpoint could not be written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Another file of the training's folder could not be written.
    #[error("{folder}: {source}", folder = folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What the caller lends: a wish to stop, a clock (s since 1970), an onlooker.
pub struct Surroundings<'a> {
    /// Whether to stop after the step.
    pub stop: &'a dyn Fn() -> bool,
    /// Time for the event file.
    pub clock: &'a dyn Fn() -> f64,
    /// Called after every step with the number of steps done and the step's scalars.
    pub on_step: &'a mut dyn FnMut(u64, &[Scalar]),
}

impl Session {
    /// Runs `course` from where it is.
    ///
    /// # Errors
    /// [`SessionError`]; what was checkpointed before can be gone on from.
    pub fn run(&self, course: &mut dyn Course, around: &mut Surroundings<'_>) -> Result<Ended, SessionError> {
        let folder = |source| SessionError::Folder { folder: self.folder.clone(), source };
        let columns = [course.columns(), if self.validation.is_empty() { &[] } else { &VALIDATION }].concat();
        let mut log = Log::open(&self.folder, &columns, course.step(), (around.clock)()).map_err(folder)?;
        let mut best = best_before(&self.folder).map_err(folder)?;
        let last = self.until.unwrap_or(u64::MAX).min(course.length());
        let mut stopped = false;
        while course.step() < last && !stopped {
            let before = course.step();
            let failed = |source| SessionError::Run { step: before, source };
            let mut scalars = course.advance().map_err(failed)?;
            let step = course.step();
            let ends = step == course.length();
            if !self.validation.is_empty() {
                let due = ends || step.is_multiple_of(self.validate_every);
                let backend = due.then(|| course.backend());
                let verdict = backend.map(|b| validate(&*b, &self.validation)).transpose().map_err(failed)?.flatten();
                if verdict.is_some_and(|v| v.mean < best) {
                    best = verdict.map_or(best, |v| v.mean);
                    save(course, &self.folder.join("best")).map_err(folder)?;
                }
                scalars.extend(validation_scalars(verdict));
            }
            log.add(step, &scalars, (around.clock)()).map_err(folder)?;
            stopped = (around.stop)();
            if step.is_multiple_of(self.checkpoint_every) || step == last || stopped {
                self.checkpoint(course)?;
            }
            (around.on_step)(step, &scalars);
        }
        if course.step() == course.length() {
            // Also when it was done before: the folder may be a new one.
            save(course, &self.folder).map_err(folder)?;
        }
        Ok(match course.step() {
            step if step == course.length() => Ended::Done,
            step if stopped && step < last => Ended::Interrupted,
            _ => Ended::Paused,
        })
    }

    fn checkpoint(&self, course: &dyn Course) -> Result<(), SessionError> {
        save(course, &self.folder).map_err(|source| SessionError::Folder { folder: self.folder.clone(), source })?;
        let (recipe, step, state) = (self.recipe.clone(), course.step(), course.checkpoint());
        Checkpoint { recipe, step, state }.save(&self.folder)?;
        Ok(())
    }
}

fn save(course: &dyn Course, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    course.save(folder)
}

fn validation_scalars(verdict: Option<Verdict>) -> impl Iterator<Item = Scalar> {
    let values = verdict.map(|v| [v.mean, v.p90, v.p99, v.bias]);
    VALIDATION.into_iter().enumerate().map(move |(i, name)| (name, values.map(|v| v[i])))
}

/// Lowest mean validation error in the log.
fn best_before(folder: &Path) -> io::Result<f64> {
    let curve = Curve::read(&folder.join(CSV))?;
    Ok(curve.of("validation_mean").into_iter().map(|(_, error)| error).fold(f64::INFINITY, f64::min))
}
