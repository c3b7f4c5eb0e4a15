//! Everything that going on with a training needs, as bytes.
//!
//! ```text
//! 8 bytes length n (little-endian), n bytes JSON: format, options, position
//! safetensors: weights, heads of training, moments of Adam, learning rate, best validation loss
//! ```

use super::optimiser::Adam;
use super::options::Options;
use super::trained::Trained;
use super::trainer::Trainer;
use crate::paper::Checkpoint;
use crate::weights::{Tensor, Tensors, WeightsError, safetensors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const FORMAT: &str = "mixlab-m4-training-1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    format: String,
    options: Options,
    epoch: u64,
    position: usize,
    step: u64,
    stale: u64,
}

/// Why a training can't be resumed.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The bytes are no checkpoint of this version.
    #[error("not a checkpoint of a training: {0}")]
    Format(String),
    /// It was trained with other options. (Only the number of epochs may change.)
    #[error("a training with other options: {found}")]
    Options {
        /// The checkpoint's, as JSON.
        found: String,
    },
    /// A tensor is not what it should be.
    #[error(transparent)]
    Tensor(#[from] WeightsError),
}

impl Trainer {
    /// The training as it is now. Cost: copies of the weights and of two moments each.
    pub fn checkpoint(&self) -> Vec<u8> {
        let progress = Progress {
            format: FORMAT.into(),
            options: self.options.clone(),
            epoch: self.epoch,
            position: self.position,
            step: self.adam.step,
            stale: self.adam.stale,
        };
        let mut tensors = Tensors::default();
        self.trained.clone().each(|name, shape, values| {
            tensors.insert(name, Tensor { shape: shape.to_vec(), values: std::mem::take(values) });
        });
        let [first, second] = &self.adam.moments;
        let (rate, best) = ([self.adam.rate], [self.adam.best]);
        for (name, values) in
            [("adam.first", &first[..]), ("adam.second", second), ("adam.rate", &rate), ("adam.best", &best)]
        {
            tensors.insert(name, Tensor { shape: vec![values.len()], values: values.to_vec() });
        }
        let head = serde_json::to_vec(&progress).expect("numbers and strings are JSON");
        let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
        bytes.extend(head);
        bytes.extend(safetensors::encode(&tensors));
        bytes
    }

    /// Goes on from a checkpoint; `options` are those it was made with, but for `epochs`.
    ///
    /// # Errors
    /// [`ResumeError`]
    pub fn resume(options: Options, bytes: &[u8]) -> Result<Self, ResumeError> {
        let cut = || ResumeError::Format("it is cut off".into());
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(cut)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| cut())?;
        let (head, body) = rest.split_at_checked(length).ok_or_else(cut)?;
        let progress: Progress = serde_json::from_slice(head).map_err(|e| ResumeError::Format(e.to_string()))?;
        if progress.format != FORMAT {
            return Err(ResumeError::Format(format!("format `{}`, expected `{FORMAT}`", progress.format)));
        }
        if (Options { epochs: options.epochs, ..progress.options.clone() }) != options {
            let found = serde_json::to_string(&progress.options).expect("options are JSON");
            return Err(ResumeError::Options { found });
        }
        if !options.config.is_sound() {
            return Err(ResumeError::Format(format!("dimensions {:?} that don't fit together", options.config)));
        }
        let mut tensors = safetensors::decode(body).map_err(ResumeError::Format)?;
        let mut trained = Trained::untrained(options.config.clone(), options.seed);
        let mut failed = None;
        trained.each(|name, shape, values| match tensors.take(name, shape) {
            Ok(taken) => *values = taken,
            Err(e) => failed = failed.take().or(Some(e)),
        });
        if let Some(e) = failed {
            return Err(e.into());
        }
        let count = trained.len();
        let moments = [tensors.take("adam.first", &[count])?, tensors.take("adam.second", &[count])?];
        let (rate, best) = (tensors.take("adam.rate", &[1])?[0], tensors.take("adam.best", &[1])?[0]);
        tensors.finish()?;
        let adam = Adam { moments, step: progress.step, rate, best, stale: progress.stale };
        let mut trainer = Self::with(options, trained, adam);
        (trainer.epoch, trainer.position) = (progress.epoch, progress.position);
        Ok(trainer)
    }

    /// The model as trained so far, with its provenance: `provenance` (data, command, versions), and the options, steps, epochs
    /// and best validation loss of this training. [`Checkpoint::save`] makes it a folder for `--m4-weights`.
    pub fn model(&self, congestion_controls: Vec<String>, mut provenance: BTreeMap<String, String>) -> Checkpoint {
        let options = serde_json::to_string(&self.options).expect("options are JSON");
        provenance.insert("options".into(), options);
        provenance.insert("steps".into(), self.adam.step.to_string());
        provenance.insert("epochs".into(), self.epoch.to_string());
        if self.adam.best < f32::MAX {
            provenance.insert("best validation loss".into(), self.adam.best.to_string());
        }
        Checkpoint::new(self.trained.weights.clone(), congestion_controls, provenance)
    }
}
