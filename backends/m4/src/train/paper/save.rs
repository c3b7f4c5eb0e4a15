//! A training on disk: a folder of weights like any other (`--m4-weights DIR` reads it), and beside them what going on needs.
//!
//! ```text
//! FOLDER/manifest.json, weights.safetensors    the model, with the options in its provenance
//! FOLDER/training.safetensors                  heads of training, moments of Adam, learning rate, best validation loss
//! FOLDER/training.json                         options, position, digests of the two sets of tensors
//! ```
//!
//! The folder is written beside its place and then moved there, so what is found under its name is whole.

use super::optimiser::Adam;
use super::options::Options;
use super::trained::Trained;
use super::trainer::Trainer;
use crate::paper::Checkpoint;
use crate::weights::{Tensor, Tensors, WeightsError, read, safetensors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

const FORMAT: &str = "mixlab-m4-training-1";
/// Name of the tensors that only training needs.
pub const TENSORS_FILE: &str = "training.safetensors";
/// Name of the rest.
pub const STATE_FILE: &str = "training.json";
/// Longest state accepted, bytes.
const LARGEST_STATE: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    format: String,
    options: Options,
    epoch: u64,
    position: usize,
    step: u64,
    stale: u64,
    weights: String,
    tensors: String,
}

impl Trainer {
    /// Writes a checkpoint to `folder`, in place of what is there. `congestion_controls` and `provenance` go into the manifest;
    /// options, steps, epochs and the best validation loss are added.
    ///
    /// # Errors
    /// [`WeightsError::File`]
    pub fn save(
        &mut self,
        folder: &Path,
        congestion_controls: Vec<String>,
        mut provenance: BTreeMap<String, String>,
    ) -> Result<(), WeightsError> {
        let options = serde_json::to_string(&self.options).expect("options are JSON");
        provenance.insert("options".into(), options);
        provenance.insert("steps".into(), self.adam.step.to_string());
        provenance.insert("epochs".into(), self.epoch.to_string());
        if self.adam.best < f32::MAX {
            provenance.insert("best validation loss".into(), self.adam.best.to_string());
        }
        let checkpoint = Checkpoint::new(self.trained.weights.clone(), congestion_controls, provenance);
        let tensors = self.tensors();
        let state = State {
            format: FORMAT.into(),
            options: self.options.clone(),
            epoch: self.epoch,
            position: self.position,
            step: self.adam.step,
            stale: self.adam.stale,
            weights: checkpoint.digest().into(),
            tensors: tensors.digest(),
        };
        let state = serde_json::to_string_pretty(&state).expect("numbers and strings are JSON") + "\n";
        let mut part = folder.as_os_str().to_owned();
        part.push(".part");
        let part = Path::new(&part);
        let failed = |source| WeightsError::File { path: part.to_path_buf(), source };
        std::fs::create_dir_all(part).map_err(failed)?;
        checkpoint.save(part)?;
        std::fs::write(part.join(TENSORS_FILE), safetensors::encode(&tensors)).map_err(failed)?;
        std::fs::write(part.join(STATE_FILE), state).map_err(failed)?;
        if folder.exists() {
            std::fs::remove_dir_all(folder).map_err(failed)?;
        }
        std::fs::rename(part, folder).map_err(failed)
    }

    fn tensors(&mut self) -> Tensors {
        let mut tensors = Tensors::default();
        self.trained.each_of_heads(|name, shape, values| {
            tensors.insert(name, Tensor { shape: shape.to_vec(), values: values.clone() });
        });
        let vectors = [("adam.first", self.adam.moments[0].clone()), ("adam.second", self.adam.moments[1].clone())];
        let numbers = [("adam.rate", vec![self.adam.rate]), ("adam.best", vec![self.adam.best])];
        for (name, values) in vectors.into_iter().chain(numbers) {
            tensors.insert(name, Tensor { shape: vec![values.len()], values });
        }
        tensors
    }

    /// Goes on from a checkpoint, with its options.
    ///
    /// # Errors
    /// [`WeightsError`]: unreadable, malformed, or files that are not of one checkpoint.
    pub fn resume(folder: &Path) -> Result<Self, WeightsError> {
        let path = folder.join(STATE_FILE);
        let state: State = serde_json::from_slice(&read(&path, LARGEST_STATE)?)
            .map_err(|e| WeightsError::Format { path: path.clone(), problem: e.to_string() })?;
        let checkpoint = Checkpoint::load(folder)?;
        let mut tensors = safetensors::load(&folder.join(TENSORS_FILE))?;
        let weights = checkpoint.weights.clone();
        for (field, found, expected) in [
            ("format", state.format.as_str(), FORMAT),
            ("weights", checkpoint.digest(), &state.weights),
            ("tensors", &tensors.digest(), &state.tensors),
        ] {
            if found != expected {
                let (found, expected) = (format!("`{found}`"), format!("`{expected}`"));
                return Err(WeightsError::Manifest { field, found, expected });
            }
        }
        if weights.config != state.options.config {
            let (found, expected) = (format!("{:?}", state.options.config), format!("{:?}", weights.config));
            return Err(WeightsError::Manifest { field: "options.config", found, expected });
        }
        let mut trained = Trained::untrained(weights.config.clone(), 0);
        trained.weights = weights;
        let mut failed = None;
        trained.each_of_heads(|name, shape, values| match tensors.take(name, shape) {
            Ok(taken) => *values = taken,
            Err(e) => failed = failed.take().or(Some(e)),
        });
        if let Some(e) = failed {
            return Err(e);
        }
        let count = trained.len();
        let moments = [tensors.take("adam.first", &[count])?, tensors.take("adam.second", &[count])?];
        let (rate, best) = (tensors.take("adam.rate", &[1])?[0], tensors.take("adam.best", &[1])?[0]);
        tensors.finish()?;
        let adam = Adam { moments, step: state.step, rate, best, stale: state.stale };
        let mut trainer = Self::with(state.options, trained, adam);
        (trainer.epoch, trainer.position) = (state.epoch, state.position);
        Ok(trainer)
    }
}
