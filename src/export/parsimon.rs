//! The folder layout of parsimon-eval: `<root>/<mix id>/<backend>/records.csv` and `elapsed.txt`.
//!
//! `records.csv` has the header `mix_id,flow_id,size,slowdown,sim` and one row per finished flow in the order of completion
//! (delivery time, ties by flow); size is in bytes, `sim` is the name of the original program's enum variant. `elapsed.txt`
//! is the wall time in whole seconds, rounded down, without a newline.

use super::{ExportError, table::real};
use crate::atomic::Replacement;
use crate::bounded::below;
use crate::dataset::RunResults;
use crate::store::{FlowColumns, Reader, Selection};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes the selected ok runs under `root` and returns the files written.
///
/// # Errors
/// [`ExportError::SeveralScenarios`] if a mix id is selected twice; [`ExportError::Io`]; what the store says.
pub async fn parsimon_layout(reader: &Reader, selection: &Selection, root: &Path) -> Result<Vec<PathBuf>, ExportError> {
    let mixes = reader.mixes(selection).await?;
    let mut seen = BTreeSet::new();
    if let Some(again) = mixes.iter().find(|mix| !seen.insert(mix.entry.mix_id)) {
        return Err(ExportError::SeveralScenarios { mix_id: again.entry.mix_id });
    }
    let mut written = Vec::new();
    for mix in mixes {
        let (flows, results) = (reader.flows(&mix).await?, reader.results(&mix, selection).await?);
        for (backend, run) in &results.runs {
            let folder = below(root, &[&mix.entry.mix_id.to_string(), folder_name(backend)?]);
            let folder = folder.map_err(|e| ExportError::io(root, e))?;
            let records = |to: &mut dyn Write| write_records(to, mix.entry.mix_id, backend, &flows, run);
            written.push(write_file(folder.join("records.csv"), records)?);
            let elapsed = |to: &mut dyn Write| write!(to, "{}", run.wall_s as u64);
            written.push(write_file(folder.join("elapsed.txt"), elapsed)?);
        }
    }
    Ok(written)
}

fn folder_name(backend: &str) -> Result<&str, ExportError> {
    let plain = backend.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if plain && !backend.is_empty() { Ok(backend) } else { Err(ExportError::BackendName { backend: backend.into() }) }
}

fn write_file(place: PathBuf, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<PathBuf, ExportError> {
    let written = Replacement::of(&place).and_then(|mut replacement| {
        content(&mut replacement.file)?;
        replacement.finish()
    });
    written.map_err(|e| ExportError::io(&place, e))?;
    Ok(place)
}

fn write_records(
    to: &mut dyn Write,
    mix_id: u64,
    backend: &str,
    flows: &FlowColumns,
    run: &RunResults,
) -> io::Result<()> {
    let mut finished: Vec<usize> = (0..flows.id.len()).filter(|i| run.fct_ns[*i] != u64::MAX).collect();
    finished.sort_by_key(|i| run.start_ns[*i].saturating_add(run.fct_ns[*i])); // stable: ties stay in flow order
    let sim = variant_name(backend);
    writeln!(to, "mix_id,flow_id,size,slowdown,sim")?;
    for i in finished {
        writeln!(to, "{mix_id},{},{},{},{sim}", flows.id[i], flows.size_bytes[i], real(run.slowdown[i]))?;
    }
    Ok(())
}

/// Name of the original program's variant: `flowsim-window` is `FlowsimWindow`. Its `pmn-mc` is irregular.
fn variant_name(backend: &str) -> String {
    if backend == "pmn-mc" {
        return "PmnMC".into();
    }
    let capitalised = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    backend.split('-').map(capitalised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sims_are_named_as_in_the_original_program() {
        let pairs = [
            ("ns3", "Ns3"),
            ("flowsim-window", "FlowsimWindow"),
            ("mlsys", "Mlsys"),
            ("pmn-m", "PmnM"),
            ("pmn-mc", "PmnMC"),
            ("ns3-config", "Ns3Config"),
        ];
        for (backend, variant) in pairs {
            assert_eq!(variant_name(backend), variant);
        }
    }

    #[test]
    fn backend_names_cannot_lead_out_of_the_folder() {
        for name in ["..", "", "a/b", "/etc", "A b"] {
            assert!(folder_name(name).is_err(), "{name:?}");
        }
        assert_eq!(folder_name("flowsim-window").ok(), Some("flowsim-window"));
    }
}
