//! A folder of weights with its manifest: what the numbers are, where they come from, and a digest that proves it.

use super::tensor::Tensors;
use super::{LARGEST_FILE, WeightsError, read, safetensors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the manifest in a folder of weights.
pub const MANIFEST_FILE: &str = "manifest.json";
/// Name of the tensors' file.
pub const TENSORS_FILE: &str = "weights.safetensors";
/// Longest manifest accepted, bytes.
const LARGEST_MANIFEST: u64 = 1 << 20;
const FORMAT: &str = "mixlab-m4-weights-1";

/// What a set of weights is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format.
    pub format: String,
    /// Which model: `paper` or another of this crate.
    pub architecture: String,
    /// Its dimensions and options; read by the architecture.
    pub config: serde_json::Value,
    /// Congestion controls (names of mixes) it was trained for; others are refused.
    pub congestion_controls: Vec<String>,
    /// How the weights were made: data, command, seed, epochs, versions; free text by topic.
    pub provenance: BTreeMap<String, String>,
    /// Digest of the tensors ([`Tensors::digest`]).
    pub digest: String,
    /// Shape of each tensor.
    pub tensors: BTreeMap<String, Vec<usize>>,
}

impl Manifest {
    /// The manifest of `tensors`.
    pub fn new(
        architecture: &str,
        config: serde_json::Value,
        congestion_controls: Vec<String>,
        provenance: BTreeMap<String, String>,
        tensors: &Tensors,
    ) -> Self {
        let shapes = tensors.iter().map(|(n, t)| (n.to_string(), t.shape.clone())).collect();
        let (format, architecture) = (FORMAT.to_string(), architecture.to_string());
        Self {
            format,
            architecture,
            config,
            congestion_controls,
            provenance,
            digest: tensors.digest(),
            tensors: shapes,
        }
    }

    /// Whether `folder` has a manifest.
    pub fn exists_in(folder: &Path) -> bool {
        folder.join(MANIFEST_FILE).is_file()
    }

    /// Names and contents of the files of a folder of weights: the tensors, then the manifest, which says what they must be.
    pub fn files(&self, tensors: &Tensors) -> [(&'static str, Vec<u8>); 2] {
        let text = serde_json::to_string_pretty(self).expect("strings and numbers are JSON") + "\n";
        [(TENSORS_FILE, safetensors::encode(tensors)), (MANIFEST_FILE, text.into_bytes())]
    }

    /// Writes manifest and tensors into `folder`.
    ///
    /// # Errors
    /// [`WeightsError::File`].
    pub fn save(&self, folder: &Path, tensors: &Tensors) -> Result<(), WeightsError> {
        for (name, bytes) in self.files(tensors) {
            let path = folder.join(name);
            std::fs::write(&path, bytes).map_err(|source| WeightsError::File { path, source })?;
        }
        Ok(())
    }

    /// Reads `folder` and checks that the tensors are those the manifest describes.
    ///
    /// # Errors
    /// [`WeightsError`]: unreadable, malformed, of another format version, or tensors with another digest.
    pub fn load(folder: &Path) -> Result<(Self, Tensors), WeightsError> {
        let manifest = read(&folder.join(MANIFEST_FILE), LARGEST_MANIFEST)?;
        Self::decode(folder, &manifest, || read(&folder.join(TENSORS_FILE), LARGEST_FILE))
    }

    /// The same with the manifest's bytes; those of the tensors are asked for once it is sound. `folder` names the files in errors.
    ///
    /// # Errors
    /// As [`Manifest::load`].
    pub fn decode(
        folder: &Path,
        manifest: &[u8],
        tensors: impl FnOnce() -> Result<Vec<u8>, WeightsError>,
    ) -> Result<(Self, Tensors), WeightsError> {
        let bad = |name: &str, problem: String| WeightsError::format(&folder.join(name), problem);
        let manifest: Self = serde_json::from_slice(manifest).map_err(|e| bad(MANIFEST_FILE, e.to_string()))?;
        let differs = |field, found: &str, expected: &str| {
            Err(WeightsError::Manifest { field, found: format!("`{found}`"), expected: format!("`{expected}`") })
        };
        if manifest.format != FORMAT {
            return differs("format", &manifest.format, FORMAT);
        }
        let tensors = safetensors::decode(&tensors()?).map_err(|problem| bad(TENSORS_FILE, problem))?;
        for (name, shape) in &manifest.tensors {
            match tensors.get(name) {
                None => return Err(WeightsError::Missing { name: name.clone() }),
                Some(t) if t.shape != *shape => {
                    let (name, found, expected) = (name.clone(), t.shape.clone(), shape.clone());
                    return Err(WeightsError::Shape { name, found, expected });
                }
                Some(_) => {}
            }
        }
        let digest = tensors.digest();
        if digest == manifest.digest { Ok((manifest, tensors)) } else { differs("digest", &manifest.digest, &digest) }
    }
}
