//! Which files of a folder are which, reading them whole (compressed or not), and which folders hold scenarios.

use crate::bounded::{self, SMALL_FILE};
use flate2::read::MultiGzDecoder;
use mixlab_contract::files::FileError;
use mixlab_contract::{Scenario, ScenarioError, ScenarioParts};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Longest text that is read, decompressed (six million flows): more is a mistake or a decompression bomb.
const LARGEST_TEXT: u64 = 512 << 20;

/// Why a folder can't be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file that must be there is not.
    #[error("{dir}: no {kind} file (expected {kind}.txt, {kind}*.txt or the name the config gives, plain or .gz)", dir = dir.display())]
    Missing {
        /// The folder.
        dir: PathBuf,
        /// Kind of file: `config`, `topology`, `flows` or `fct`.
        kind: &'static str,
    },
    /// Several files could be meant.
    #[error("{dir}: several {kind} files ({}); keep one, or name one of them {kind}.txt", found.join(", "), dir = dir.display())]
    Ambiguous {
        /// The folder.
        dir: PathBuf,
        /// Kind of file.
        kind: &'static str,
        /// Their names.
        found: Vec<String>,
    },
    /// A file or folder can't be read.
    #[error("{}", crate::atomic::unreadable(path, source))]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file holds what it must not.
    #[error(transparent)]
    Content(FileError),
    /// The files are well formed, but no scenario.
    #[error("{dir}: {source}", dir = dir.display())]
    Scenario {
        /// The folder.
        dir: PathBuf,
        /// Why not.
        source: ScenarioError,
    },
    /// Nothing to import.
    #[error("no scenario folder at or below {root} (a folder with topology*.txt and config*.txt or fct*.txt)", root = root.display())]
    NoScenario {
        /// Where it was looked for.
        root: PathBuf,
    },
}

/// A folder and the names of its files, sorted.
pub(super) struct Folder {
    dir: PathBuf,
    names: Vec<String>,
}

impl Folder {
    /// Lists `dir`. Names that are no text are left out.
    pub(super) fn open(dir: &Path) -> Result<Self, ImportError> {
        let failed = |source| ImportError::Read { path: dir.to_path_buf(), source };
        let mut names = Vec::new();
        for entry in fs::read_dir(dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // `metadata` of the path follows links: stores of results are often links to a common place.
            let is_file = fs::metadata(entry.path()).is_ok_and(|m| m.is_file());
            names.extend(entry.file_name().into_string().ok().filter(|_| is_file));
        }
        names.sort_unstable();
        Ok(Self { dir: dir.to_path_buf(), names })
    }

    /// Name (for errors) and text of the file of this kind. `named` is what the config calls it, or empty.
    pub(super) fn read_needed(&self, kind: &'static str, named: &str) -> Result<(String, String), ImportError> {
        let base = named.rsplit(['/', '\\']).next().unwrap_or_default();
        if let Some(name) = self.plain_or_compressed(base).or_else(|| self.plain_or_compressed(&format!("{kind}.txt")))
        {
            return self.read(&name, LARGEST_TEXT);
        }
        let dir = self.dir.clone();
        match self.of_kind(kind).as_slice() {
            [] => Err(ImportError::Missing { dir, kind }),
            [only] => self.read(only, LARGEST_TEXT),
            several => {
                Err(ImportError::Ambiguous { dir, kind, found: several.iter().map(ToString::to_string).collect() })
            }
        }
    }

    /// Name and text of the file `name`, plain or compressed, if there is one.
    pub(super) fn read_optional(&self, name: &str) -> Result<Option<(String, String)>, ImportError> {
        self.plain_or_compressed(name).map(|name| self.read(&name, LARGEST_TEXT)).transpose()
    }

    /// The same for a file that says a few words about the run.
    pub(super) fn read_small(&self, name: &str) -> Result<Option<(String, String)>, ImportError> {
        self.plain_or_compressed(name).map(|name| self.read(&name, SMALL_FILE)).transpose()
    }

    /// A scenario of these parts; errors name the folder.
    pub(super) fn scenario(&self, parts: ScenarioParts) -> Result<Scenario, ImportError> {
        Scenario::new(parts).map_err(|source| ImportError::Scenario { dir: self.dir.clone(), source })
    }

    /// `kind*.txt`, plain or compressed.
    fn of_kind(&self, kind: &str) -> Vec<&String> {
        let fits = |n: &&String| n.starts_with(kind) && n.strip_suffix(".gz").unwrap_or(n).ends_with(".txt");
        self.names.iter().filter(fits).collect()
    }

    fn plain_or_compressed(&self, name: &str) -> Option<String> {
        [name.to_owned(), format!("{name}.gz")].into_iter().find(|n| self.names.binary_search(n).is_ok())
    }

    fn read(&self, name: &str, most: u64) -> Result<(String, String), ImportError> {
        let path = self.dir.join(name);
        match read_text(&path, most) {
            Ok(text) => Ok((path.display().to_string(), text)),
            Err(source) => Err(ImportError::Read { path, source }),
        }
    }
}

fn read_text(path: &Path, most: u64) -> io::Result<String> {
    if path.extension().is_none_or(|e| e != "gz") {
        return bounded::read_text(path, most);
    }
    let mut text = String::new();
    let read = MultiGzDecoder::new(File::open(path)?).take(most + 1).read_to_string(&mut text)?;
    if read as u64 > most {
        let problem = format!("it holds more than {} MiB of text", most >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
    }
    Ok(text)
}

/// Every folder at or below `roots` that holds results: one with `topology*.txt` and `config*.txt` or `fct*.txt` (so that an
/// incomplete one is an error of [`super::import_dir`], not passed over). Sorted by path below each root, each once; links
/// to folders are followed only if they are roots.
///
/// # Errors
/// [`ImportError::Read`] for a folder that can't be listed, [`ImportError::NoScenario`] for a root without any.
pub fn scenario_dirs(roots: &[PathBuf]) -> Result<Vec<PathBuf>, ImportError> {
    let mut found: Vec<PathBuf> = Vec::new();
    for root in roots {
        let mut any = false;
        for entry in WalkDir::new(root).sort_by_file_name() {
            let entry = entry.map_err(|error| ImportError::Read {
                path: error.path().unwrap_or(root).to_path_buf(),
                source: error.into(),
            })?;
            let is_dir = entry.file_type().is_dir() || entry.depth() == 0 && entry.path().is_dir();
            if !is_dir || !Folder::open(entry.path())?.holds_results() {
                continue;
            }
            any = true;
            if !found.iter().any(|f| f == entry.path()) {
                found.push(entry.into_path());
            }
        }
        if !any {
            return Err(ImportError::NoScenario { root: root.clone() });
        }
    }
    Ok(found)
}

impl Folder {
    fn holds_results(&self) -> bool {
        let has = |kind| !self.of_kind(kind).is_empty();
        has("topology") && (has("config") || has("fct"))
    }
}
