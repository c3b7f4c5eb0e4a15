//! Rows of `mix` and `run` as the reader works with them.

use super::error::{At, StoreError};
use super::{MixEntry, RunStatus, Selection};
use crate::dataset::Attributes;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row, query};
use std::collections::BTreeMap;
use std::path::Path;

/// A mix and the scenario it currently makes.
#[derive(Clone, Debug)]
pub(crate) struct SelectedMix {
    pub(crate) entry: MixEntry,
    pub(crate) digest: String,
    pub(super) scenario: i64,
    pub(super) flow_count: usize,
}

/// What `run` says about a run.
pub(super) struct RunRow {
    pub(super) run: i64,
    pub(super) status: RunStatus,
    pub(super) fingerprint: String,
    pub(super) wall_ns: u64,
    pub(super) cpu_ns: u64,
    pub(super) timed_alone: bool,
    pub(super) packets: u64,
    pub(super) events: u64,
    pub(super) error: Option<String>,
}

/// A column that the writer filled from a `u64`.
pub(super) fn unsigned(row: &SqliteRow, column: &str) -> Result<u64, sqlx::Error> {
    u64::try_from(row.try_get::<i64, _>(column)?).map_err(|e| sqlx::Error::Decode(e.into()))
}

/// A column that the writer filled from an `f64`; SQLite keeps NaN as NULL.
fn real(row: &SqliteRow, column: &str) -> Result<f64, sqlx::Error> {
    Ok(row.try_get::<Option<f64>, _>(column)?.unwrap_or(f64::NAN))
}

/// The selected mixes, in order.
pub(super) async fn read_mixes(
    connection: &mut SqliteConnection,
    path: &Path,
    selection: &Selection,
) -> Result<Vec<SelectedMix>, StoreError> {
    let rows = query(
        "SELECT mix.*, scenario.digest, scenario.flow_count FROM mix JOIN scenario USING (scenario_id)
         ORDER BY mix_id, nr_flows, seed, workload, enable_app",
    )
    .fetch_all(connection)
    .await
    .at(path)?;
    let mixes: Vec<SelectedMix> = rows.iter().map(mix_of).collect::<Result<_, _>>().at(path)?;
    Ok(mixes.into_iter().filter(|mix| selection.has_mix(mix)).collect())
}

fn mix_of(row: &SqliteRow) -> Result<SelectedMix, sqlx::Error> {
    let attributes = Attributes {
        cc: row.try_get("cc")?,
        spatial: row.try_get("spatial")?,
        size_dist: row.try_get("size_dist")?,
        cluster: row.try_get("cluster")?,
        lognorm_sigma: real(row, "lognorm_sigma")?,
        max_load: real(row, "max_load")?,
        delivered_load: real(row, "delivered_load")?,
        buffer_bytes: unsigned(row, "buffer_bytes")?,
        window_bytes: unsigned(row, "window_bytes")?,
        hosts: unsigned(row, "host_count")?,
        max_inflight_flows: unsigned(row, "max_inflight_flows")?,
    };
    let entry = MixEntry {
        mix_id: unsigned(row, "mix_id")?,
        spec_file: row.try_get("spec_file")?,
        mix_json: row.try_get("mix_json")?,
        seed: unsigned(row, "seed")?,
        nr_flows: unsigned(row, "nr_flows")?,
        workload: row.try_get("workload")?,
        enable_app: row.try_get("enable_app")?,
        attributes,
    };
    Ok(SelectedMix {
        entry,
        digest: row.try_get("digest")?,
        scenario: row.try_get("scenario_id")?,
        flow_count: unsigned(row, "flow_count")? as usize,
    })
}

/// The run that stands for each selected backend.
pub(super) async fn read_runs(
    connection: &mut SqliteConnection,
    path: &Path,
    scenario: i64,
    selection: &Selection,
) -> Result<BTreeMap<String, RunRow>, StoreError> {
    let rows = query(
        "SELECT run_id, backend, status, fingerprint, wall_ns, cpu_ns, timed_alone, packets, events, error
         FROM run WHERE scenario_id = ? ORDER BY status = 'ok', started_at_unix_ms, run_id",
    )
    .bind(scenario)
    .fetch_all(connection)
    .await
    .at(path)?;
    // Later rows replace earlier ones of the same backend.
    let runs: Vec<(String, RunRow)> = rows.iter().map(run_of).collect::<Result<_, _>>().at(path)?;
    Ok(runs.into_iter().filter(|(backend, run)| selection.has_run(backend, &run.fingerprint)).collect())
}

fn run_of(row: &SqliteRow) -> Result<(String, RunRow), sqlx::Error> {
    let status = RunStatus::from_name(row.try_get("status")?);
    let run = RunRow {
        run: row.try_get("run_id")?,
        status: status.ok_or_else(|| sqlx::Error::Decode("unknown run status".into()))?,
        fingerprint: row.try_get("fingerprint")?,
        wall_ns: unsigned(row, "wall_ns")?,
        cpu_ns: unsigned(row, "cpu_ns")?,
        timed_alone: row.try_get("timed_alone")?,
        packets: unsigned(row, "packets")?,
        events: unsigned(row, "events")?,
        error: row.try_get("error")?,
    };
    Ok((row.try_get("backend")?, run))
}
