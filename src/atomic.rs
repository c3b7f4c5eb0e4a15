//! Files appear whole or not at all: written beside their place under another name, then renamed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file under a temporary name; [`Self::finish`] gives it its own, dropping it removes it.
#[derive(Debug)]
pub struct Replacement {
    /// Where to write to.
    pub file: BufWriter<File>,
    temporary: PathBuf,
    place: PathBuf,
}

impl Replacement {
    /// Starts a replacement of `place`; creates its folder if needed.
    ///
    /// # Errors
    /// If the folder or the temporary file can't be made.
    pub fn of(place: &Path) -> io::Result<Self> {
        let name = place.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a file name"))?;
        if let Some(folder) = place.parent().filter(|f| !f.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.partial", std::process::id()));
        let temporary = place.with_file_name(hidden);
        // Never through something that is already there under this name: a leftover is removed, a link not followed.
        match fs::remove_file(&temporary) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let file = BufWriter::new(File::create_new(&temporary)?);
        Ok(Self { file, temporary, place: place.to_owned() })
    }

    /// Puts the file in its place, over an older one.
    ///
    /// # Errors
    /// If the last bytes can't be written or the file can't be renamed; the older file is then untouched.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        fs::rename(&self.temporary, &self.place)
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // After `finish` there is nothing under this name, and nobody is left to tell of a failure.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Writes `bytes` to `place`, over an older file.
///
/// # Errors
/// Any input/output error; the older file is then untouched.
pub fn write(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut replacement = Replacement::of(place)?;
    replacement.file.write_all(bytes)?;
    replacement.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_finished_keeps_the_old_one_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("new/file");
        write(&path, b"old").expect("writable");
        let mut half = Replacement::of(&path).expect("writable");
        half.file.write_all(b"half").expect("writable");
        drop(half);
        assert_eq!(fs::read(&path).expect("still there"), b"old");
        assert_eq!(fs::read_dir(dir.path().join("new")).expect("readable").count(), 1);
        assert!(write(Path::new(".."), b"").is_err());
    }
}
