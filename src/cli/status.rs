//! `status`: what is done, failed and missing, per backend and mix.

use super::args::Common;
use super::exit::Exit;
use super::failure::Failure;
use super::sweep::planned_scenarios;
use super::table::{TextTable, seconds};
use super::{data, warn};
use crate::backends;
use crate::compare::load_warning;
use crate::store::{Reader, RunStatus, Selection, StatusRow};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Counts per backend over the mixes of `--mixes`, or over all that are stored; then the failures with their reasons.
pub async fn run(common: &Common) -> Result<Exit, Failure> {
    let reader = Reader::open(&common.root).await?;
    let planned: Option<BTreeSet<String>> = match common.mixes {
        Some(_) => Some(planned_scenarios(common)?.into_iter().map(|s| s.digest).collect()),
        None => None,
    };
    let selection =
        Selection { digests: planned.as_ref().map(|p| p.iter().cloned().collect()), ..Selection::default() };
    let rows = reader.status(&selection).await?;
    let dataset = reader.dataset(&Selection { backends: Some(Vec::new()), ..selection }).await?;
    let scenarios = match &planned {
        Some(planned) => planned.len(),
        None => dataset.scenarios.iter().map(|s| &s.digest).collect::<BTreeSet<_>>().len(),
    };
    let warnings: Vec<String> = dataset.scenarios.iter().filter_map(load_warning).collect();
    warn(common, &warnings);
    data(&text(&rows, scenarios))
}

fn text(rows: &[StatusRow], scenarios: usize) -> String {
    let mut by_backend: BTreeMap<&str, Vec<&StatusRow>> = BTreeMap::new();
    for row in rows {
        by_backend.entry(&row.backend).or_default().push(row);
    }
    let registry = backends::registry();
    for backend in &registry {
        by_backend.entry(backend.id()).or_default();
    }
    let mut table = TextTable::new(&["backend", "done", "failed", "unsupported", "missing", "wall s", "cpu s"]);
    for (backend, rows) in &by_backend {
        let count = |status| rows.iter().filter(|r| r.status == status).count();
        let (wall, cpu) = (rows.iter().map(|r| r.wall_s).sum(), rows.iter().map(|r| r.cpu_s).sum());
        table.row(vec![
            (*backend).into(),
            count(RunStatus::Ok).to_string(),
            count(RunStatus::Failed).to_string(),
            count(RunStatus::Unsupported).to_string(),
            scenarios.saturating_sub(rows.len()).to_string(),
            seconds(wall),
            seconds(cpu),
        ]);
    }
    let mut text = format!("{scenarios} scenarios\n\n{}", table.text());
    let bad = rows.iter().filter(|r| r.status != RunStatus::Ok);
    for row in bad {
        let why = row.error.as_deref().unwrap_or("no reason was stored");
        let _ = write!(text, "\nmix {} {} {}: {why}", row.mix_id, row.backend, row.status.name());
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
