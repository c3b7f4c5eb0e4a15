//! One writer per root: an exclusive advisory lock on `mixlab.lock`, which the system releases when the process dies.
//!
//! The content (process id and host) only serves the message of the loser; a leftover file without a holder blocks nobody.

use super::StoreError;
use crate::bounded::below;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

/// Takes the lock of `root`; it is held until the file is dropped.
///
/// # Errors
/// [`StoreError::Locked`] naming the holder; [`StoreError::NoSharedMemory`] where files can't be locked.
pub(super) fn take(root: &Path) -> Result<File, StoreError> {
    let path = root.join("mixlab.lock");
    let io = |e| StoreError::io(&path, e);
    below(root, &["mixlab.lock"]).map_err(io)?;
    // Not truncated on opening: until the lock is ours the content is the holder's.
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut by = String::new();
            file.read_to_string(&mut by).map_err(io)?;
            let by = if by.trim().is_empty() { "a process that has just started".into() } else { by.trim().to_owned() };
            return Err(StoreError::Locked { path, by });
        }
        Err(TryLockError::Error(e)) => {
            return Err(StoreError::NoSharedMemory { path, source: sqlx::Error::Io(e) });
        }
    }
    file.set_len(0).map_err(io)?;
    writeln!(file, "process {} on {}", std::process::id(), host_name()).map_err(io)?;
    Ok(file)
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "this machine".into() } else { name.trim().to_owned() }
}
