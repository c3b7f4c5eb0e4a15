//! Files appear whole or not at all: written beside their place under a hidden name, `.NAME.PID.partial`, made durable, then renamed.
//!
//! A process that is killed leaves its hidden file. It held an advisory lock on it, which the system gave back when it died, so
//! the next one that writes to the same folder knows whose files have no owner any more and removes them. Left out: hidden
//! files in folders that are never written to again, and file systems without locks, where nobody's files are touched.

use rustix::fs::OFlags;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
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
    /// Starts a replacement of `place`; creates its folder if needed, and removes what killed processes left half-written there.
    ///
    /// # Errors
    /// If the folder or the temporary file can't be made.
    pub fn of(place: &Path) -> io::Result<Self> {
        let name = place.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a file name"))?;
        // Whoever names a device or a pipe means what is behind it; to take its name away would be worse than nothing.
        if fs::metadata(place).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
            let text = "it is a device, a pipe or a socket, expected a file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let folder = place.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        remove_ownerless(folder);
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.partial", std::process::id()));
        let temporary = place.with_file_name(hidden);
        let file = BufWriter::new(owned(&temporary)?);
        Ok(Self { file, temporary, place: place.to_owned() })
    }

    /// Puts the file in its place, over an older one, once the disk has it: what a disk refuses, it may say no earlier.
    ///
    /// # Errors
    /// If the last bytes can't be written or the file can't be renamed; the older file is then untouched.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_data()?;
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

/// That a file or folder can't be written, why, and what to do.
pub fn refusal(path: &Path, why: &io::Error) -> String {
    format!("cannot write {}: {why}; {}", shown(path), advice(why))
}

/// That a file can't be read, why, and what to do where that is not plain.
pub fn unreadable(path: &Path, why: &io::Error) -> String {
    let advice = match why.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::InvalidData => "",
        io::ErrorKind::PermissionDenied => "; check its permissions and its owner",
        io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => "; name a file",
        _ => "; look at the system log for what is wrong with the disk, then repeat the command",
    };
    format!("cannot read {}: {why}{advice}", shown(path))
}

/// A path in one line: what follows a line break in a name would look like a message of its own.
pub fn shown(path: &Path) -> String {
    path.display().to_string().replace('\n', "\\n")
}

/// What to do about an error of the file system.
pub fn advice(why: &io::Error) -> &'static str {
    match why.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "free some space, then repeat the command"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "check the permissions and the owner of its folder, or choose another place"
        }
        io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::AlreadyExists => "choose another place",
        io::ErrorKind::NotFound => "check the name",
        _ => "look at the system log for what is wrong with the disk, then repeat the command",
    }
}

/// A new file that is locked as long as it is open. Between its making and its locking it looks ownerless and may be removed;
/// then another one is made.
fn owned(path: &Path) -> io::Result<File> {
    loop {
        // Not truncated on opening: on a shared disk it may be of a process of another machine with the same number. A link that
        // somebody put there is not followed.
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        let opened = OpenOptions::new().write(true).create(true).truncate(false).custom_flags(flags).open(path);
        let file = match opened {
            Err(_) if path.is_symlink() => {
                fs::remove_file(path)?;
                continue;
            }
            opened => opened?,
        };
        match file.lock() {
            Ok(()) if !is_at(&file, path) => {}
            // Without locks nobody removes it either.
            Ok(()) | Err(_) => {
                file.set_len(0)?;
                return Ok(file);
            }
        }
    }
}

/// Whether `path` still leads to the open file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |m: fs::Metadata| (m.dev(), m.ino());
    fs::metadata(path).and_then(|at| Ok(identity(at) == identity(file.metadata()?))).unwrap_or(false)
}

/// Where open files can't be removed, they are where they were made.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

/// Removes the hidden files in `folder` whose processes are gone. Best effort: what can't be removed is in nobody's way.
fn remove_ownerless(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.filter(|e| is_hidden_name(&e.file_name())).map(|e| e.path()) {
        // For writing, because some file systems lock only that, and never through a link.
        let plain = fs::symlink_metadata(&path).is_ok_and(|m| m.is_file());
        let Some(file) = plain.then(|| OpenOptions::new().write(true).open(&path).ok()).flatten() else { continue };
        match file.try_lock() {
            // What was opened may have got its own name since, and what has the hidden name now may have an owner.
            Ok(()) if is_at(&file, &path) => drop(fs::remove_file(&path)),
            Ok(()) | Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
}

/// Whether a name is one that [`Replacement`] gives: `.NAME.PID.partial`.
fn is_hidden_name(name: &OsStr) -> bool {
    let named = |name: &str| {
        let (rest, pid) = name.strip_prefix('.')?.strip_suffix(".partial")?.rsplit_once('.')?;
        Some(!rest.is_empty() && !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit()))
    };
    name.to_str().and_then(named).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("readable").flatten();
        let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_that_is_not_finished_keeps_the_old_one_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("new/file");
        write(&path, b"old").expect("writable");
        let mut half = Replacement::of(&path).expect("writable");
        half.file.write_all(b"half").expect("writable");
        drop(half);
        assert_eq!(fs::read(&path).expect("still there"), b"old");
        assert_eq!(names(&dir.path().join("new")), ["file"]);
        assert!(write(Path::new(".."), b"").is_err());
    }

    #[test]
    fn hidden_files_without_an_owner_go_and_all_others_stay() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let others = [".a.csv.x7.partial", ".partial", "a.csv.77.partial", ".a.csv.77.part", "..77.partialx"];
        for name in others.into_iter().chain([".a.csv.77.partial", ".b.4000000000.partial"]) {
            fs::write(dir.path().join(name), b"half").expect("writable");
        }
        fs::create_dir(dir.path().join(".folder.77.partial")).expect("writable");
        let beside = Replacement::of(&dir.path().join("b.csv")).expect("writable");
        write(&dir.path().join("a.csv"), b"whole").expect("writable");
        let mut expected: Vec<String> = others.map(str::to_owned).into();
        expected.extend([
            "a.csv".into(),
            ".folder.77.partial".into(),
            format!(".b.csv.{}.partial", std::process::id()),
        ]);
        expected.sort();
        assert_eq!(names(dir.path()), expected, "one that is being written has an owner");
        beside.finish().expect("still there");
    }

    #[test]
    fn a_link_at_the_temporary_name_is_replaced_not_followed() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (victim, place) = (dir.path().join("victim"), dir.path().join("a.csv"));
        fs::write(&victim, b"precious").expect("writable");
        let temporary = dir.path().join(format!(".a.csv.{}.partial", std::process::id()));
        for target in [&victim, &dir.path().join("absent")] {
            std::os::unix::fs::symlink(target, &temporary).expect("a link");
            write(&place, b"whole").expect("writable");
            assert_eq!(fs::read(&place).expect("in its place"), b"whole");
        }
        assert_eq!(fs::read(&victim).expect("untouched"), b"precious");
        assert_eq!(names(dir.path()), ["a.csv", "victim"]);
    }

    #[test]
    fn devices_and_pipes_are_not_replaced() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (pipe, link) = (dir.path().join("pipe"), dir.path().join("link"));
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
        assert!(made.success());
        std::os::unix::fs::symlink(&pipe, &link).expect("a link");
        for place in [&pipe, &link] {
            assert_eq!(write(place, b"text").expect_err("no file").kind(), io::ErrorKind::InvalidInput);
        }
        assert_eq!(names(dir.path()), ["link", "pipe"]);
    }

    #[test]
    fn two_that_clear_the_same_folder_lose_no_file() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let work = |thread: usize| {
            let place = dir.path().join(format!("{thread}"));
            (0..300).for_each(|round: u32| {
                write(&place, &round.to_le_bytes()).expect("nobody takes it away");
                assert_eq!(fs::read(&place).expect("in its place"), round.to_le_bytes());
            });
        };
        std::thread::scope(|s| (0..4).for_each(|thread| drop(s.spawn(move || work(thread)))));
        assert_eq!(names(dir.path()), ["0", "1", "2", "3"]);
    }
}
