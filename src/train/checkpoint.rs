//! Checkpoints of a training: a file per checkpointed step, each with everything that going on needs besides the scenarios.
//!
//! ```text
//! mixlab-checkpoint-1 ⏎ recipe as one line of JSON ⏎ u64 step, little-endian · state of the training · SHA-256 of all before
//! ```
//!
//! The recipe says what the training is: architecture, options, and a digest of what is learned from. A checkpoint of another
//! recipe is refused with the entry that differs. Files appear whole or not at all.

use crate::atomic;
use crate::bounded::{self, TRAINING_FILE};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// First line of the files.
const FORMAT: &str = "mixlab-checkpoint-1";
/// Folder of the checkpoints in a training's folder.
const FOLDER: &str = "checkpoints";
const EXTENSION: &str = "checkpoint";

/// What a training is: equal recipes end in equal weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// Which model.
    pub architecture: String,
    /// Every option that changes the weights.
    pub options: BTreeMap<String, String>,
    /// What is learned from, in words and as digests.
    pub lessons: BTreeMap<String, String>,
}

/// A checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Of what training.
    pub recipe: Recipe,
    /// Steps done.
    pub step: u64,
    /// What the training itself wrote.
    pub state: Vec<u8>,
}

/// Why there is no checkpoint to go on from.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file or folder can't be read or written.
    #[error("{}: {source}; {}", path.display(), crate::atomic::advice(source))]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is damaged or something else.
    #[error("{path} is not a whole checkpoint: {problem}", path = path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: &'static str,
    },
    /// It belongs to another training.
    #[error(
        "{path} is of another training: {entry} is {} there, {} here; go on with the command in train.json beside it, or choose another --out",
        quoted(found), quoted(expected), path = path.display()
    )]
    Recipe {
        /// Which.
        path: PathBuf,
        /// The first entry of the recipe that differs.
        entry: String,
        /// What the checkpoint says.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// The training does not understand its own state.
    #[error("{path}: {problem}", path = path.display())]
    State {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl Recipe {
    /// Checks that a training of `architecture` with `options` is this one, as far as that can be said before its lessons are there.
    ///
    /// # Errors
    /// [`CheckpointError::Recipe`], naming `path`.
    pub fn same_options(
        &self,
        architecture: &str,
        options: &BTreeMap<String, String>,
        path: &Path,
    ) -> Result<(), CheckpointError> {
        let lessons = self.lessons.clone();
        Self { architecture: architecture.into(), options: options.clone(), lessons }.matches(self, path)
    }

    /// Checks that `found`, the recipe of the checkpoint at `path`, is this one.
    fn matches(&self, found: &Self, path: &Path) -> Result<(), CheckpointError> {
        match self.difference(found) {
            Some((entry, expected, found)) => {
                Err(CheckpointError::Recipe { path: path.into(), entry, found, expected })
            }
            None => Ok(()),
        }
    }

    /// The first entry that differs, what says more before what says less: its name, here and there.
    fn difference(&self, other: &Self) -> Option<(String, String, String)> {
        let none = String::new();
        let all = |here: &BTreeMap<String, String>, there: &BTreeMap<String, String>, flags: bool| {
            let names: BTreeSet<String> = here.keys().chain(there.keys()).cloned().collect();
            // Digests say that something differs, but not what.
            let (digests, words): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name.starts_with("digest"));
            let value = |map: &BTreeMap<String, String>, name: &str| map.get(name).unwrap_or(&none).clone();
            let one = |name: String| {
                (if flags { flag(&name) } else { name.clone() }, value(here, &name), value(there, &name))
            };
            words.into_iter().chain(digests).map(one).collect::<Vec<_>>()
        };
        let mut entries = vec![("--architecture".to_owned(), self.architecture.clone(), other.architecture.clone())];
        entries.extend(all(&self.options, &other.options, true));
        entries.extend(all(&self.lessons, &other.lessons, false));
        entries.into_iter().find(|(_, here, there)| here != there)
    }
}

/// A value in a message; an option that was not given has none.
fn quoted(value: &str) -> String {
    if value.is_empty() || value == "null" { "not given".into() } else { format!("`{value}`") }
}

/// The option, or the options, that an entry of a recipe comes from.
fn flag(name: &str) -> String {
    match name {
        "config" => "--hidden, --graph-layers or --no-sequence-cells (config)".into(),
        "sampling" => "--periods or --most-active (sampling)".into(),
        "learning-rate" => "--rate".into(),
        "seed" => "--weights-seed".into(),
        _ => format!("--{name}"),
    }
}

impl Checkpoint {
    /// Writes it into a training's folder; returns where.
    ///
    /// # Errors
    /// [`CheckpointError::File`].
    pub fn save(&self, folder: &Path) -> Result<PathBuf, CheckpointError> {
        let path = folder.join(FOLDER).join(format!("{:06}.{EXTENSION}", self.step));
        let recipe = serde_json::to_string(&self.recipe).expect("texts are JSON");
        let mut bytes = format!("{FORMAT}\n{recipe}\n").into_bytes();
        bytes.extend(self.step.to_le_bytes());
        bytes.extend(&self.state);
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
        match atomic::write(&path, &bytes) {
            Ok(()) => Ok(path),
            Err(source) => Err(CheckpointError::File { path, source }),
        }
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError::File`], [`CheckpointError::Format`].
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = bounded::read(path, TRAINING_FILE);
        let bytes = bytes.map_err(|source| CheckpointError::File { path: path.into(), source })?;
        Self::decode(&bytes).map_err(|problem| CheckpointError::Format { path: path.into(), problem })
    }

    /// The checkpoint that a file's bytes are.
    ///
    /// # Errors
    /// What is wrong, as a fragment.
    pub fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let rest = bytes.strip_prefix(FORMAT.as_bytes()).and_then(|r| r.strip_prefix(b"\n"));
        rest.ok_or("it does not begin as one")?;
        let (content, digest) = bytes.split_last_chunk::<32>().ok_or("it is cut off")?;
        if Sha256::digest(content)[..] != digest[..] {
            return Err("its digest is another one");
        }
        let content = &content[FORMAT.len() + 1..];
        let end = content.iter().position(|b| *b == b'\n').ok_or("it has no recipe")?;
        let recipe = serde_json::from_slice(&content[..end]).map_err(|_| "its recipe can't be read")?;
        let (step, state) = content[end + 1..].split_first_chunk::<8>().ok_or("it has no step")?;
        Ok(Self { recipe, step: u64::from_le_bytes(*step), state: state.to_vec() })
    }

    /// Reads a checkpoint of the training that `recipe` describes.
    ///
    /// # Errors
    /// As [`Self::load`]; [`CheckpointError::Recipe`].
    pub fn of(recipe: &Recipe, path: &Path) -> Result<Self, CheckpointError> {
        let checkpoint = Self::load(path)?;
        recipe.matches(&checkpoint.recipe, path)?;
        Ok(checkpoint)
    }
}

/// The latest checkpoint in a training's folder, if there is any.
///
/// # Errors
/// [`CheckpointError::File`] if the folder is there and can't be read.
pub fn latest(folder: &Path) -> Result<Option<PathBuf>, CheckpointError> {
    let folder = folder.join(FOLDER);
    let failed = |source| CheckpointError::File { path: folder.clone(), source };
    let entries = match std::fs::read_dir(&folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    let mut best = None;
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let step: Option<u64> = path.file_stem().and_then(|s| s.to_str()?.parse().ok());
        if let Some(step) = step.filter(|_| path.extension().is_some_and(|e| e == EXTENSION)) {
            best = best.max(Some((step, path)));
        }
    }
    Ok(best.map(|(_, path)| path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(step: u64) -> Checkpoint {
        let recipe = Recipe {
            architecture: "corrected".into(),
            options: [("rounds".into(), "4".into())].into(),
            lessons: [("training".into(), "abc".into())].into(),
        };
        Checkpoint { recipe, step, state: vec![1, 2, 3, b'\n', 0] }
    }

    #[test]
    fn a_checkpoint_survives_its_file_and_every_damage_is_noticed() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = checkpoint(3).save(dir.path()).expect("writable");
        assert_eq!(Checkpoint::load(&path).expect("whole"), checkpoint(3));
        let bytes = std::fs::read(&path).expect("readable");
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            assert!(Checkpoint::decode(&damaged).is_err() && Checkpoint::decode(&bytes[..place]).is_err(), "{place}");
        }
    }

    #[test]
    fn the_latest_is_the_highest_step_and_another_training_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(latest(dir.path()).expect("nothing there").is_none());
        for step in [9, 10, 2] {
            checkpoint(step).save(dir.path()).expect("writable");
        }
        std::fs::write(dir.path().join(FOLDER).join(".000011.checkpoint.77.partial"), b"half").expect("writable");
        let path = latest(dir.path()).expect("readable").expect("three are there");
        assert_eq!(Checkpoint::of(&checkpoint(0).recipe, &path).expect("the same training").step, 10);
        let mut other = checkpoint(0).recipe;
        other.options.insert("rounds".into(), "5".into());
        let refused = Checkpoint::of(&other, &path).expect_err("another training").to_string();
        assert!(refused.contains("--rounds is `4` there, `5` here"), "{refused}");
    }
}
