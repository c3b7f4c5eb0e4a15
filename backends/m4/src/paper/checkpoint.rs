//! Weights with where they come from and what they are good for: what `--m4-weights DIR` names.

use super::config::Config;
use super::original;
use super::weights::Weights;
use crate::weights::{Manifest, Tensors, WeightsError};
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the architecture in manifests.
pub const ARCHITECTURE: &str = "paper";

/// A trained model on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The weights.
    pub weights: Weights,
    /// Congestion controls (names of mixes) it was trained for.
    pub congestion_controls: Vec<String>,
    /// How it was made: free text by topic.
    pub provenance: BTreeMap<String, String>,
    digest: String,
}

impl Checkpoint {
    /// Weights with what is known about them.
    pub fn new(weights: Weights, congestion_controls: Vec<String>, provenance: BTreeMap<String, String>) -> Self {
        let digest = weights.to_tensors().digest();
        Self { weights, congestion_controls, provenance, digest }
    }

    /// Reads a folder: ours if it has a manifest, else the eight TorchScript files of the original program.
    ///
    /// # Errors
    /// [`WeightsError`]
    pub fn load(folder: &Path) -> Result<Self, WeightsError> {
        if !Manifest::exists_in(folder) {
            let controls = original::TRAINED_FOR.map(String::from).to_vec();
            let provenance = [("source".to_string(), "TorchScript files of the original program".to_string())];
            return Ok(Self::new(original::load(folder)?, controls, provenance.into()));
        }
        let (manifest, tensors) = Manifest::load(folder)?;
        Self::of(manifest, tensors)
    }

    /// The model that a manifest and its tensors are.
    ///
    /// # Errors
    /// [`WeightsError`]: another architecture, or tensors that are not its own.
    pub fn of(manifest: Manifest, tensors: Tensors) -> Result<Self, WeightsError> {
        if manifest.architecture != ARCHITECTURE {
            return Err(WeightsError::Manifest {
                field: "architecture",
                found: format!("`{}`", manifest.architecture),
                expected: format!("`{ARCHITECTURE}`"),
            });
        }
        let config = serde_json::from_value::<Config>(manifest.config).map_err(|e| WeightsError::Manifest {
            field: "config",
            found: format!("not readable ({e})"),
            expected: "the dimensions of the architecture".into(),
        })?;
        let weights = Weights::from_tensors(config, tensors)?;
        Ok(Self::new(weights, manifest.congestion_controls, manifest.provenance))
    }

    /// Writes manifest and tensors into `folder`, which must exist.
    ///
    /// # Errors
    /// [`WeightsError::File`]
    pub fn save(&self, folder: &Path) -> Result<(), WeightsError> {
        let (manifest, tensors) = self.manifest();
        manifest.save(folder, &tensors)
    }

    /// The same as names and contents of files, in the order in which they must be written.
    pub fn files(&self) -> [(&'static str, Vec<u8>); 2] {
        let (manifest, tensors) = self.manifest();
        manifest.files(&tensors)
    }

    fn manifest(&self) -> (Manifest, Tensors) {
        let tensors = self.weights.to_tensors();
        let config = serde_json::to_value(&self.weights.config).expect("dimensions are JSON");
        let (controls, provenance) = (self.congestion_controls.clone(), self.provenance.clone());
        (Manifest::new(ARCHITECTURE, config, controls, provenance, &tensors), tensors)
    }

    /// Digest of the weights: the same in any file format.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}
