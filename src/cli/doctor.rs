//! `doctor`: what mixlab finds on this machine.

use super::args::Common;
use super::data;
use super::exit::Exit;
use super::failure::Failure;
use super::status::stored_runs;
use crate::backends::{NOT_BUILT, ns3_found, registry};
use crate::store::{Reader, StoreError, sqlite_version};
use mixlab_contract::Availability;
use std::fmt::Write;

/// Version, machine, backends and store, one line each.
pub async fn run(common: &Common) -> Result<Exit, Failure> {
    let mut text = format!("mixlab {} ({})\n", env!("CARGO_PKG_VERSION"), env!("MIXLAB_COMMIT"));
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let _ = writeln!(text, "machine   {}, {cpus} CPUs", processor());
    let _ = writeln!(text, "sqlite    {} (built in)", sqlite_version().await?);
    let _ = writeln!(text, "ns-3      {}", ns3_found(&common.backends()));
    text.push_str("\nbackends\n");
    for backend in registry(&common.backends())? {
        let state = match backend.probe() {
            Availability::Available => format!("available, fingerprint {}", backend.fingerprint()),
            Availability::Missing { reason, hint } => format!("unavailable: {reason}; {hint}"),
        };
        let _ = writeln!(text, "  {:16}{state}", backend.id());
    }
    for (name, reason) in NOT_BUILT {
        let _ = writeln!(text, "  {name:16}unavailable: {reason}");
    }
    let _ = writeln!(text, "\nroot      {}", common.root.display());
    let state = match Reader::open(&common.root).await {
        Err(StoreError::NotFound { .. }) => "no store yet".to_owned(),
        Err(e) => format!("unusable: {e}"),
        Ok(reader) => format!("{} runs stored", stored_runs(&reader).await?),
    };
    let _ = writeln!(text, "store     {state}");
    data(&text)
}

fn processor() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find(|l| l.starts_with("model name")).and_then(|l| l.split(": ").nth(1));
    model.unwrap_or(std::env::consts::ARCH).trim().to_owned()
}
