//! Files appear whole or not at all: written beside their place under another name, then renamed.

use std::io::{self, Write};
use std::path::Path;

/// Writes `bytes` to `path`, replacing what was there.
///
/// # Errors
/// Any input/output error; the old file, if there was one, is then untouched.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, |file| file.write_all(bytes))
}

/// Writes what `fill` produces to `path`, replacing what was there.
///
/// # Errors
/// Any input/output error, also from `fill`; the old file, if there was one, is then untouched.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut io::BufWriter<std::fs::File>) -> io::Result<()>) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a file name"))?;
    let mut partial = std::ffi::OsString::from(".");
    partial.push(name);
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(partial);
    let mut file = io::BufWriter::new(std::fs::File::create(&partial)?);
    let filled = fill(&mut file).and_then(|()| file.flush());
    drop(file);
    let done = filled.and_then(|()| std::fs::rename(&partial, path));
    if done.is_err() {
        // The error that matters is the first one.
        let _ = std::fs::remove_file(&partial);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("file");
        write(&path, b"old").expect("writable");
        let failed = write_with(&path, |f| f.write_all(b"half").and(Err(io::Error::other("no"))));
        assert!(failed.is_err());
        assert_eq!(std::fs::read(&path).expect("still there"), b"old");
        assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 1);
    }
}
