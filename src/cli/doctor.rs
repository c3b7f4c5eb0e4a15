//! `doctor`: what mixlab finds on this machine, which settings are in force and why, and whether a backend keeps the laws.

use super::args::Common;
use super::exit::Exit;
use super::failure::Failure;
use super::shown;
use super::status::stored_runs;
use crate::backends::{self, NOT_BUILT, ns3_found, registry};
use crate::bounded::below;
use crate::conformance::{Judgement, judge};
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
    for manifest in &common.start.external {
        let _ = writeln!(text, "  {:16}is external: {}", manifest.name, manifest.folder.display());
    }
    let _ =
        writeln!(text, "\nsettings (flag > environment > mixlab.toml > default)\n{}", indented(&common.start.in_force));
    let _ = writeln!(text, "root      {}", common.root.display());
    let state = match Reader::open(&common.root).await {
        Err(StoreError::NotFound { .. }) => "no store yet".to_owned(),
        Err(e) => format!("unusable: {e}"),
        Ok(reader) => format!("{} runs stored", stored_runs(&reader).await?),
    };
    let _ = writeln!(text, "store     {state}");
    shown(&text)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// Holds one backend to the laws of the contract; files of broken runs are kept under the root.
pub fn conformance(common: &Common, name: &str, scenarios: u64) -> Result<Exit, Failure> {
    /// Broken cases that are shown of each law.
    const SHOWN: usize = 3;
    let found = backends::named(name, &common.backends())?;
    let [backend] = &found[..] else {
        return Err(Failure::new(Exit::Usage, format!("`{name}` stands for several backends; name one")));
    };
    let name = format!("conformance-{}-{}", backend.id(), std::process::id());
    let work_root = below(&common.root, &["work", &name])?;
    let judgements = judge(&**backend, scenarios, &work_root)?;
    let mut text = format!("{} ({})\n", backend.id(), backend.fingerprint());
    for Judgement { law, held, left_out, broken } in &judgements {
        let verdict = match (held, broken.len()) {
            (_, 1..) => "BROKEN",
            (0, _) => "not tried",
            _ => "held",
        };
        let _ = writeln!(text, "\n{verdict:9} {}", law.words());
        let _ = writeln!(
            text,
            "          on {held} of {scenarios} scenarios, {} broken, {left_out} not supported or exempt",
            broken.len()
        );
        for (seed, seen) in broken.iter().take(SHOWN) {
            let _ = writeln!(text, "          scenario {seed}: {seen}");
        }
    }
    let is_broken = judgements.iter().any(|j| !j.broken.is_empty());
    if is_broken {
        let _ = writeln!(text, "\nfiles of broken runs: {}", work_root.display());
    } else {
        let _ = std::fs::remove_dir_all(&work_root); // harmless if it stays
        let _ = std::fs::remove_dir(common.root.join("work"));
        let _ = std::fs::remove_dir(&common.root); // only if it was made for this
    }
    shown(&text)?;
    let tried = judgements.iter().any(|j| j.held > 0);
    Ok(if is_broken || !tried { Exit::RunsFailed } else { Exit::Ok })
}

fn processor() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find(|l| l.starts_with("model name")).and_then(|l| l.split(": ").nth(1));
    model.unwrap_or(std::env::consts::ARCH).trim().to_owned()
}
