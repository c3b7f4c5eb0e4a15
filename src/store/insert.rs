//! Rows into tables, one function per part of a scenario or run; the writer wraps them in transactions.

use super::error::{At, StoreError};
use super::summary::{slowdown, summarise};
use super::{MixEntry, RunMeta, columns, physics};
use mixlab_contract::{FlowOutcome, Scenario, ideal_fct, scenario::hex};
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteConnection;
use sqlx::{query, query_scalar};
use std::path::Path;

/// A number as SQLite can hold it.
fn integer(column: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::OutOfRange { column, found: value })
}

/// A new scenario with its topology, if that is new, and its flows; returns its id.
pub(super) async fn insert_scenario(
    connection: &mut SqliteConnection,
    path: &Path,
    digest: &str,
    scenario: &Scenario,
) -> Result<i64, StoreError> {
    let topology = insert_topology(connection, path, &physics::topology_json(scenario.topology()), scenario).await?;
    let hosts = scenario.topology().hosts().count();
    let horizon_ns = scenario.horizon().ns_floor();
    let id = query(
        "INSERT INTO scenario (digest, topology_id, cc, host_count, flow_count, horizon_ns, horizon_rest_ps,
                               transport_json, application_json, paths, start_rests_ps)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(digest)
    .bind(topology)
    .bind(scenario.transport().congestion_control.name())
    .bind(hosts as i64)
    .bind(scenario.flows().len() as i64)
    .bind(integer("horizon_ns", horizon_ns)?)
    .bind((scenario.horizon().ps() - horizon_ns * 1_000) as i64)
    .bind(physics::transport_json(scenario.transport()))
    .bind(physics::application_json(scenario.application()))
    .bind(physics::paths_blob(scenario))
    .bind(physics::start_rests_blob(scenario.flows()))
    .execute(&mut *connection)
    .await
    .at(path)?
    .last_insert_rowid();
    let mut rows = Vec::with_capacity(scenario.flows().len());
    for index in scenario.indices() {
        let f = scenario.flow(index);
        rows.push([
            Some(id),
            Some(index.0.into()),
            Some(integer("flow_id", f.id)?),
            Some(f.src.0.into()),
            Some(f.dst.0.into()),
            Some(integer("size_bytes", f.size.0)?),
            Some(integer("start_ns", f.start.ns_floor())?),
            Some(integer("ideal_fct_ns", ideal_fct(scenario, index).ns_nearest())?),
        ]);
    }
    let columns = "scenario_id, flow_index, flow_id, src, dst, size_bytes, start_ns, ideal_fct_ns";
    columns::insert(connection, "flow", columns, &rows).await.at(path)?;
    Ok(id)
}

async fn insert_topology(
    connection: &mut SqliteConnection,
    path: &Path,
    json: &str,
    scenario: &Scenario,
) -> Result<i64, StoreError> {
    // The assignment changes nothing; it makes RETURNING answer for a row that was there already.
    query_scalar(
        "INSERT INTO topology (digest, node_count, topology_json) VALUES (?, ?, ?)
         ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest RETURNING topology_id",
    )
    .bind(hex(&Sha256::digest(json)))
    .bind(scenario.topology().node_count() as i64)
    .bind(json)
    .fetch_one(connection)
    .await
    .at(path)
}

/// Points a mix to a scenario.
pub(super) async fn upsert_mix(
    connection: &mut SqliteConnection,
    path: &Path,
    entry: &MixEntry,
    scenario: i64,
) -> Result<(), StoreError> {
    let a = &entry.attributes;
    query(
        "INSERT OR REPLACE INTO mix (mix_id, seed, nr_flows, workload, enable_app, scenario_id, spec_file, mix_json,
                                     cc, spatial, size_dist, cluster, lognorm_sigma, max_load, delivered_load,
                                     buffer_bytes, window_bytes, host_count, max_inflight_flows)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(integer("mix_id", entry.mix_id)?)
    .bind(integer("seed", entry.seed)?)
    .bind(integer("nr_flows", entry.nr_flows)?)
    .bind(&entry.workload)
    .bind(entry.enable_app)
    .bind(scenario)
    .bind(&entry.spec_file)
    .bind(&entry.mix_json)
    .bind(&a.cc)
    .bind(&a.spatial)
    .bind(&a.size_dist)
    .bind(&a.cluster)
    .bind(a.lognorm_sigma)
    .bind(a.max_load)
    .bind(a.delivered_load)
    .bind(integer("buffer_bytes", a.buffer_bytes)?)
    .bind(integer("window_bytes", a.window_bytes)?)
    .bind(integer("host_count", a.hosts)?)
    .bind(integer("max_inflight_flows", a.max_inflight_flows)?)
    .execute(connection)
    .await
    .at(path)?;
    Ok(())
}

/// Deletes a run of the same key that is not ok; refuses if it is.
pub(super) async fn make_room(
    connection: &mut SqliteConnection,
    path: &Path,
    scenario: i64,
    meta: &RunMeta,
) -> Result<(), StoreError> {
    query("DELETE FROM run WHERE scenario_id = ? AND backend = ? AND fingerprint = ? AND status <> 'ok'")
        .bind(scenario)
        .bind(&meta.backend)
        .bind(&meta.fingerprint)
        .execute(&mut *connection)
        .await
        .at(path)?;
    let done: bool =
        query_scalar("SELECT EXISTS (SELECT 1 FROM run WHERE scenario_id = ? AND backend = ? AND fingerprint = ?)")
            .bind(scenario)
            .bind(&meta.backend)
            .bind(&meta.fingerprint)
            .fetch_one(connection)
            .await
            .at(path)?;
    if done {
        let (backend, fingerprint) = (meta.backend.clone(), meta.fingerprint.clone());
        return Err(StoreError::AlreadyDone { backend, fingerprint });
    }
    Ok(())
}

/// A new run without its parts; returns its id. Of several runs of a backend the one stored last is the newest, so a clock that was
/// set back between two runs counts as having stood still.
pub(super) async fn insert_run(
    connection: &mut SqliteConnection,
    path: &Path,
    scenario: i64,
    meta: &RunMeta,
) -> Result<i64, StoreError> {
    let (counters, made_by) = (&meta.counters, &meta.provenance);
    let inserted = query(
        "INSERT INTO run (scenario_id, backend, fingerprint, status, started_at_unix_ms, wall_ns, cpu_ns,
                          peak_rss_bytes, timed_alone, events, packets, marks, pauses, drops,
                          version, commit_id, host, command, error, log_tail, work_dir)
         VALUES (?1, ?2, ?3, ?4,
                 max(?5, (SELECT coalesce(max(started_at_unix_ms), 0) FROM run WHERE scenario_id = ?1 AND backend = ?2)),
                 ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
    )
    .bind(scenario)
    .bind(&meta.backend)
    .bind(&meta.fingerprint)
    .bind(meta.status.name())
    .bind(integer("started_at_unix_ms", meta.started_at_unix_ms)?)
    .bind(integer("wall_ns", meta.wall_ns)?)
    .bind(integer("cpu_ns", meta.cpu_ns)?)
    .bind(integer("peak_rss_bytes", meta.peak_rss_bytes)?)
    .bind(meta.timed_alone)
    .bind(integer("events", counters.events)?)
    .bind(integer("packets", counters.packets)?)
    .bind(integer("marks", counters.marks)?)
    .bind(integer("pauses", counters.pauses)?)
    .bind(integer("drops", counters.drops)?)
    .bind(&made_by.version)
    .bind(&made_by.commit)
    .bind(&made_by.host)
    .bind(&made_by.command)
    .bind(&meta.error)
    .bind(&meta.log_tail)
    .bind(&meta.work_dir)
    .execute(connection)
    .await
    .at(path)?;
    Ok(inserted.last_insert_rowid())
}

/// Phases of a run.
pub(super) async fn insert_phases(
    connection: &mut SqliteConnection,
    path: &Path,
    run: i64,
    phases: &[(String, u64)],
) -> Result<(), StoreError> {
    for (position, (name, wall_ns)) in phases.iter().enumerate() {
        query("INSERT INTO run_phase (run_id, position, name, wall_ns) VALUES (?, ?, ?, ?)")
            .bind(run)
            .bind(position as i64)
            .bind(name)
            .bind(integer("wall_ns", *wall_ns)?)
            .execute(&mut *connection)
            .await
            .at(path)?;
    }
    Ok(())
}

/// Outcomes of a run.
pub(super) async fn insert_outcomes(
    connection: &mut SqliteConnection,
    path: &Path,
    run: i64,
    outcomes: &[FlowOutcome],
) -> Result<(), StoreError> {
    let row = |(index, outcome): (usize, &FlowOutcome)| {
        let (start_ns, fct_ns) = outcome_ns(outcome);
        [Some(run), Some(index as i64), start_ns, fct_ns]
    };
    let rows: Vec<_> = outcomes.iter().enumerate().map(row).collect();
    columns::insert(connection, "outcome", "run_id, flow_index, start_ns, fct_ns", &rows).await.at(path)
}

/// Start and FCT of an outcome as they are stored. Nanoseconds of 64-bit picoseconds always fit.
pub(super) fn outcome_ns(outcome: &FlowOutcome) -> (Option<i64>, Option<i64>) {
    let (start, fct) = match outcome {
        FlowOutcome::Completed { start, fct } => (Some(*start), Some(*fct)),
        FlowOutcome::Unfinished { start } => (*start, None),
    };
    (start.map(|s| s.ns_floor() as i64), fct.map(|f| f.ns_nearest() as i64))
}

/// Summary of a run, from its outcomes and the sizes and ideal FCTs of the scenario.
pub(super) async fn insert_summary(
    connection: &mut SqliteConnection,
    path: &Path,
    (scenario, run): (i64, i64),
    outcomes: &[FlowOutcome],
) -> Result<(), StoreError> {
    let columns = ["size_bytes", "ideal_fct_ns"];
    let [sizes, ideals] =
        columns::select(connection, "flow", columns, ("scenario_id", scenario), outcomes.len()).await.at(path)?;
    let flows: Vec<(u64, f64)> = outcomes
        .iter()
        .zip(sizes.into_iter().flatten().zip(ideals.into_iter().flatten()))
        .map(|(outcome, (size, ideal))| (size as u64, slowdown(outcome.fct().map(|f| f.ns_nearest()), ideal as u64)))
        .collect();
    for row in summarise(&flows) {
        let [mean, p50, p90, p99] = row.slowdown;
        query(
            "INSERT INTO run_summary (run_id, bucket, flows, unfinished, mean_slowdown, p50_slowdown, p90_slowdown, p99_slowdown)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(run)
        .bind(row.bucket)
        .bind(row.flows as i64)
        .bind(row.unfinished as i64)
        .bind(mean)
        .bind(p50)
        .bind(p90)
        .bind(p99)
        .execute(&mut *connection)
        .await
        .at(path)?;
    }
    Ok(())
}
