//! `status`: what is done, failed and missing, per backend and mix.

use super::args::Common;
use super::compare::selection;
use super::exit::Exit;
use super::failure::Failure;
use super::table::{TextTable, seconds};
use super::{shown, warn};
use crate::backends;
use crate::compare::load_warning;
use crate::store::{Reader, RunStatus, Selection, StatusRow};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Counts per backend over the mixes of `--mixes`, or over all that are stored; then the failures with their reasons, and
/// the digest of all results.
pub async fn run(common: &Common) -> Result<Exit, Failure> {
    let reader = Reader::open(&common.root).await?;
    let selection = selection(common)?;
    let rows = reader.status(&selection).await?;
    let stored: BTreeSet<&str> = rows.iter().map(|r| r.digest.as_str()).collect();
    let scenarios = selection.digests.as_ref().map_or(stored.len(), |d| d.iter().collect::<BTreeSet<_>>().len());
    // One per scenario, since lists with equal ids may be stored side by side.
    let loads: BTreeMap<_, _> = rows.iter().map(|r| ((r.mix_id, &r.digest), &r.attributes)).collect();
    warn(common, &loads.into_iter().filter_map(|((mix, _), a)| load_warning(mix, a)).collect::<Vec<_>>());
    let digest = reader.digest(&selection).await?;
    let known = backends::registry(&common.backends())?;
    let known: Vec<&str> = known.iter().map(|b| b.id()).collect();
    shown(&format!("{}\ndigest {digest}\n", text(&rows, scenarios, &known)))
}

fn text(rows: &[StatusRow], scenarios: usize, known: &[&str]) -> String {
    let mut by_backend: BTreeMap<&str, Vec<&StatusRow>> = known.iter().map(|id| (*id, Vec::new())).collect();
    for row in rows {
        by_backend.entry(&row.backend).or_default().push(row);
    }
    let mut table = TextTable::new(&["backend", "done", "failed", "unsupported", "missing", "wall s", "cpu s"]);
    for (backend, rows) in &by_backend {
        // Mixes may share a scenario; it counts once.
        let runs: BTreeMap<&str, &StatusRow> =
            rows.iter().filter(|r| r.status.is_some()).map(|r| (r.digest.as_str(), *r)).collect();
        let count = |status| runs.values().filter(|r| r.status == Some(status)).count().to_string();
        let total = |ns: fn(&StatusRow) -> u64| seconds(runs.values().map(|r| ns(r)).sum::<u64>() as f64 * 1e-9);
        table.row(vec![
            (*backend).into(),
            count(RunStatus::Ok),
            count(RunStatus::Failed),
            count(RunStatus::Unsupported),
            scenarios.saturating_sub(runs.len()).to_string(),
            total(|r| r.wall_ns),
            total(|r| r.cpu_ns),
        ]);
    }
    let mut text = format!("{scenarios} scenarios\n\n{}", table.text());
    for row in rows {
        let Some(status @ (RunStatus::Failed | RunStatus::Unsupported)) = row.status else { continue };
        let why = row.error.as_deref().unwrap_or("no reason was stored");
        let _ = writeln!(text, "mix {} {} {}: {why}", row.mix_id, row.backend, status.name());
    }
    text
}

/// Everything that is stored.
pub async fn stored_runs(reader: &Reader) -> Result<usize, Failure> {
    let rows = reader.status(&Selection::default()).await?;
    Ok(rows.iter().filter(|r| r.status.is_some()).count())
}
