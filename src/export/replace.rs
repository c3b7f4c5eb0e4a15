//! A file that appears whole or not at all.

use super::ExportError;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file under a temporary name; [`Self::finish`] gives it its own, dropping it removes it.
pub(super) struct Replacement {
    pub(super) file: BufWriter<File>,
    temporary: PathBuf,
    place: PathBuf,
}

impl Replacement {
    /// Starts a replacement of `place`; creates its folder.
    pub(super) fn of(place: &Path) -> Result<Self, ExportError> {
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(|e| ExportError::io(folder, e))?;
        }
        let mut name = OsString::from(".");
        name.push(place.file_name().unwrap_or_default());
        name.push(format!(".{}.tmp", std::process::id()));
        let temporary = place.with_file_name(name);
        let file = File::create(&temporary).map_err(|e| ExportError::io(&temporary, e))?;
        Ok(Self { file: BufWriter::new(file), temporary, place: place.to_owned() })
    }

    /// Puts the file in its place, over an older one.
    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        let renamed = self.file.flush().and_then(|()| fs::rename(&self.temporary, &self.place));
        renamed.map_err(|e| ExportError::io(&self.place, e))
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // After `finish` there is nothing under this name, and nobody is left to tell of a failure.
        let _ = fs::remove_file(&self.temporary);
    }
}
