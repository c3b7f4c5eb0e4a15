//! Files that others made: read whole up to a limit, never waited for in vain; and places below a folder that are really there.
//!
//! A file may be larger than memory, a device that never ends, a pipe that nobody writes to, or a link to somewhere else. Reading
//! takes at most a limit that each caller names (and no memory beyond it); a pipe is read if a program writes to it, so that
//! `--mixes <(generator)` works. Writing refuses links below the root, so that nothing outside of it is ever changed.
//! Left out: races with somebody who exchanges a file while it is opened; who can do that owns the folder.

use rustix::fs::{OFlags, fcntl_setfl};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Most bytes of `mixlab.toml`, `backend.toml`, `meta.json` and the like: written by hand, a few KB.
pub const SMALL_FILE: u64 = 1 << 20;
/// Most bytes of a spec. The largest known (a listed cluster of 60,000 hosts) has about 20 MB.
pub const SPEC_FILE: u64 = 256 << 20;
/// Most bytes of a file of a training (a checkpoint, a log). Those of the published model have 17 MB.
pub const TRAINING_FILE: u64 = 256 << 20;
/// How often and how long a pipe without a writer is looked at again: 2 s in all, since who writes may just be starting.
const LOOKS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// The bytes of a file, which may be a pipe.
///
/// # Errors
/// [`ErrorKind::FileTooLarge`] beyond `most` bytes; a folder; a pipe that nobody writes to; any input/output error.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    // A pipe is opened without waiting for its writer.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(Error::new(ErrorKind::IsADirectory, "it is a folder, expected a file"));
    }
    if found.is_file() && found.len() > most {
        return Err(too_large(most));
    }
    let mut bytes =
        if found.file_type().is_fifo() { first_of_pipe(&mut file)? } else { Vec::with_capacity(size(&found)) };
    fcntl_setfl(&file, OFlags::empty())?;
    file.take((most + 1).saturating_sub(bytes.len() as u64)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large(most)) } else { Ok(bytes) }
}

/// The same as text.
///
/// # Errors
/// As [`read`], and if it is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> Result<String> {
    String::from_utf8(read(path, most)?).map_err(|_| Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// `folder` joined with `names`, none of which leads elsewhere: what exists of them is no link.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] naming the link, or a name that is none.
pub fn below(folder: &Path, names: &[&str]) -> Result<PathBuf> {
    let mut place = folder.to_path_buf();
    for name in names {
        if name.is_empty() || name.contains('/') || [".", ".."].contains(name) {
            return Err(Error::new(ErrorKind::InvalidInput, format!("`{}` is no name of a file", name.escape_debug())));
        }
        place.push(name);
        if place.is_symlink() {
            let text = format!(
                "{} is a link; mixlab writes only below its root: remove the link, or name the folder it leads to with --root",
                place.display()
            );
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
    }
    Ok(place)
}

fn too_large(most: u64) -> Error {
    let text = format!("it has more than {} MiB, the most that is read", most >> 20);
    Error::new(ErrorKind::FileTooLarge, text)
}

/// What to allocate at once: a file that only claims to be long is limited by the caller.
fn size(found: &Metadata) -> usize {
    if found.is_file() { found.len() as usize + 1 } else { 0 }
}

/// The first bytes of a pipe that does not block, once somebody writes to it. (Without a writer such a pipe is at its end.)
fn first_of_pipe(pipe: &mut File) -> Result<Vec<u8>> {
    let mut piece = [0; 4096];
    for _ in 0..LOOKS {
        match pipe.read(&mut piece) {
            Ok(0) => std::thread::sleep(PAUSE),
            Ok(n) => return Ok(piece[..n].to_vec()),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(Vec::new()),
            Err(e) => return Err(e),
        }
    }
    Err(Error::new(ErrorKind::UnexpectedEof, "it is a pipe that nobody writes to"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;
    use std::process::Command;

    #[test]
    fn the_limit_is_kept_for_files_devices_and_pipes() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("f");
        fs::write(&path, b"12345").expect("writable");
        assert_eq!(read(&path, 5).expect("just short enough"), b"12345");
        assert_eq!(read(&path, 4).expect_err("too long").kind(), ErrorKind::FileTooLarge);
        assert_eq!(read(Path::new("/dev/zero"), 9).expect_err("endless").kind(), ErrorKind::FileTooLarge);
        assert_eq!(read(Path::new("/dev/null"), 9).expect("empty"), b"");
        assert_eq!(read(dir.path(), 9).expect_err("a folder").kind(), ErrorKind::IsADirectory);
        let huge = fs::File::create(&path).expect("writable");
        huge.set_len(1 << 40).expect("sparse");
        assert_eq!(read(&path, SPEC_FILE).expect_err("a TiB of nothing").kind(), ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_pipe_is_read_if_somebody_writes_and_refused_if_nobody_does() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().expect("coreutils").success());
        assert_eq!(read(&path, 9).expect_err("nobody writes").kind(), ErrorKind::UnexpectedEof);
        let writer = path.clone();
        let writing = std::thread::spawn(move || {
            let mut pipe = fs::OpenOptions::new().write(true).open(writer).expect("it is there");
            for part in [b"ab", b"cd"] {
                pipe.write_all(part).expect("it is read");
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        assert_eq!(read(&path, 9).expect("written"), b"abcd");
        writing.join().expect("it wrote");
    }

    #[test]
    fn no_name_and_no_link_leads_out_of_a_folder() {
        let (dir, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        assert_eq!(below(dir.path(), &["0", "packet"]).expect("plain"), dir.path().join("0/packet"));
        for name in ["..", "", ".", "a/b", "/etc"] {
            assert!(below(dir.path(), &["0", name]).is_err(), "{name:?}");
        }
        std::os::unix::fs::symlink(other.path(), dir.path().join("0")).expect("a link");
        let refused = below(dir.path(), &["0", "packet"]).expect_err("a link").to_string();
        assert!(refused.contains("/0 is a link"), "{refused}");
    }
}
