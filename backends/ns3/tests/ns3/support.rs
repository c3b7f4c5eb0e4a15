//! What the integration tests share.

use mixlab_contract::{Availability, Backend, Observer};
use mixlab_ns3::Ns3Backend;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// ns-3 as installed here, or `None` and a visible line if there is none.
pub fn real_ns3() -> Option<Ns3Backend> {
    let backend = Ns3Backend::new();
    match backend.probe() {
        Availability::Available => Some(backend),
        Availability::Missing { reason, hint } => {
            eprintln!("skipped: {reason}; {hint}");
            None
        }
    }
}

/// A UNISON tree on this machine (`MIXLAB_NS3_MTP_DIR`, or `MIXLAB_NS3_DIR` if it has the mtp module), or `None` and a
/// visible line.
pub fn unison_tree() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|d| !d.is_empty()).map(PathBuf::from);
    let dir = named("MIXLAB_NS3_MTP_DIR").or_else(|| named("MIXLAB_NS3_DIR"));
    let Some(dir) = dir else {
        eprintln!("skipped: no UNISON tree named (set MIXLAB_NS3_MTP_DIR)");
        return None;
    };
    match Ns3Backend::new().with_dir(&dir).with_threads(1).probe() {
        Availability::Available => Some(dir),
        Availability::Missing { reason, hint } => {
            eprintln!("skipped: {reason}; {hint}");
            None
        }
    }
}

/// Whether the process is gone (or only waits to be collected by its parent), now or within a second.
pub fn gone(pid: &str) -> bool {
    (0..100).any(|_| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let dead = stat.is_empty() || stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'));
        if !dead {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        dead
    })
}

/// Writes an executable shell script.
pub fn script(file: &Path, body: &str) {
    fs::write(file, format!("#!/bin/sh\n{body}\n")).expect("the folder is writable");
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).expect("the script is ours");
}

/// Gives a run its directory and nothing else.
pub struct Keeper(pub PathBuf);

impl Observer for Keeper {
    fn phase(&self, _: &'static str) {}
    fn progress(&self, _: u64) {}
    fn cancelled(&self) -> bool {
        false
    }
    fn work_dir(&self) -> &Path {
        &self.0
    }
}
