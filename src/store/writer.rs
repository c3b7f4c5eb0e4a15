//! The writing side of the store. Every method is one transaction: it happened, or it did not.
//!
//! Dropping a future of a writer half-way rolls its transaction back; so does the death of the process. WAL with
//! `synchronous = NORMAL`: a killed process loses nothing that was committed, a power cut may lose the last runs whole.

use super::error::{At, StoreError};
use super::summary::{slowdown, summarise};
use super::{FILE_NAME, MixEntry, RunMeta, RunStatus, columns, format, lock, physics};
use mixlab_contract::{FlowOutcome, Scenario, ideal_fct, scenario::hex};
use sha2::{Digest, Sha256};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, query, query_scalar};
use std::fs::File;
use std::path::{Path, PathBuf};
use tokio::sync::Mutex;

/// A scenario in one store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScenarioId(i64);

/// The one process that may write to a root.
pub struct Writer {
    connection: Mutex<SqliteConnection>,
    path: PathBuf,
    /// Released when it is closed, after the connection.
    lock: File,
}

impl Writer {
    /// Opens the store under `root` for writing; creates the folder and the file, migrates an older file.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another writer is at work; [`StoreError::TooNew`], [`StoreError::NotAStore`],
    /// [`StoreError::ReadOnly`], [`StoreError::DiskFull`].
    pub async fn open(root: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(root).map_err(|e| StoreError::io(root, e))?;
        let lock = lock::take(root)?;
        let path = root.join(FILE_NAME);
        let options = SqliteConnectOptions::new()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true);
        let mut connection = format::connect(&path, options).await?;
        format::migrate(&mut connection, &path).await?;
        Ok(Self { connection: Mutex::new(connection), path, lock })
    }

    /// Stores a scenario with its flows unless it is there, and points the mix to it. Idempotent.
    ///
    /// Cost of a new scenario: routing and ideal FCTs once, about 1 µs of CPU time per flow for the rows.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for numbers SQLite can't hold, or what the database says.
    pub async fn put_scenario(&mut self, entry: &MixEntry, scenario: &Scenario) -> Result<ScenarioId, StoreError> {
        let digest = scenario.digest();
        let path = &self.path;
        let mut transaction = self.connection.get_mut().begin_with("BEGIN IMMEDIATE").await.at(path)?;
        let known: Option<i64> = query_scalar("SELECT scenario_id FROM scenario WHERE digest = ?")
            .bind(&digest)
            .fetch_optional(&mut *transaction)
            .await
            .at(path)?;
        let id = match known {
            Some(id) => id,
            None => insert_scenario(&mut transaction, path, &digest, scenario).await?,
        };
        upsert_mix(&mut transaction, path, entry, id).await?;
        transaction.commit().await.at(path)?;
        Ok(ScenarioId(id))
    }

    /// How the run of a scenario (by digest), backend and fingerprint ended; `None` if there is none.
    ///
    /// # Errors
    /// What the database says.
    pub async fn run_status(
        &self,
        digest: &str,
        backend: &str,
        fingerprint: &str,
    ) -> Result<Option<RunStatus>, StoreError> {
        let name: Option<String> = query_scalar(
            "SELECT status FROM run JOIN scenario USING (scenario_id) WHERE digest = ? AND backend = ? AND fingerprint = ?",
        )
        .bind(digest)
        .bind(backend)
        .bind(fingerprint)
        .fetch_optional(&mut *self.connection.lock().await)
        .await
        .at(&self.path)?;
        Ok(name.as_deref().and_then(RunStatus::from_name))
    }

    /// Stores a run with its outcomes (one per flow in scenario order if it is ok, else none), phases and summary.
    /// Replaces a failed or unsupported run of the same key. Cost: about 1 µs of CPU time per flow.
    ///
    /// # Errors
    /// [`StoreError::AlreadyDone`], [`StoreError::Incomplete`], [`StoreError::OutOfRange`], or what the database says.
    /// In each case the store is as before.
    pub async fn put_run(
        &mut self,
        scenario: ScenarioId,
        meta: &RunMeta,
        outcomes: &[FlowOutcome],
    ) -> Result<(), StoreError> {
        let path = &self.path;
        let ScenarioId(scenario) = scenario;
        let mut transaction = self.connection.get_mut().begin_with("BEGIN IMMEDIATE").await.at(path)?;
        let flows: i64 = query_scalar("SELECT flow_count FROM scenario WHERE scenario_id = ?")
            .bind(scenario)
            .fetch_one(&mut *transaction)
            .await
            .at(path)?;
        let expected = if meta.status == RunStatus::Ok { flows as usize } else { 0 };
        if outcomes.len() != expected {
            return Err(StoreError::Incomplete { expected, found: outcomes.len() });
        }
        make_room(&mut transaction, path, scenario, meta).await?;
        let run = insert_run(&mut transaction, path, scenario, meta).await?;
        insert_phases(&mut transaction, path, run, &meta.phases).await?;
        if meta.status == RunStatus::Ok {
            insert_outcomes(&mut transaction, path, run, outcomes).await?;
            insert_summary(&mut transaction, path, (scenario, run), outcomes).await?;
        }
        transaction.commit().await.at(path)
    }

    /// Closes the file (folding the write-ahead log into it) and lets the next writer in.
    ///
    /// # Errors
    /// What the database says; the data is safe in the log then.
    pub async fn close(self) -> Result<(), StoreError> {
        let Self { connection, path, lock } = self;
        let closed = connection.into_inner().close().await.at(&path);
        drop(lock);
        closed
    }
}

/// A number as SQLite can hold it.
fn integer(column: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::OutOfRange { column, found: value })
}

async fn insert_scenario(
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

async fn upsert_mix(
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
async fn make_room(
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

async fn insert_run(
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
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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

async fn insert_phases(
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

async fn insert_outcomes(
    connection: &mut SqliteConnection,
    path: &Path,
    run: i64,
    outcomes: &[FlowOutcome],
) -> Result<(), StoreError> {
    // Nanoseconds of 64-bit picoseconds always fit.
    let row = |(index, outcome): (usize, &FlowOutcome)| {
        let (start, fct) = match outcome {
            FlowOutcome::Completed { start, fct } => (Some(*start), Some(*fct)),
            FlowOutcome::Unfinished { start } => (*start, None),
        };
        let (start_ns, fct_ns) = (start.map(|s| s.ns_floor() as i64), fct.map(|f| f.ns_nearest() as i64));
        [Some(run), Some(index as i64), start_ns, fct_ns]
    };
    let rows: Vec<_> = outcomes.iter().enumerate().map(row).collect();
    columns::insert(connection, "outcome", "run_id, flow_index, start_ns, fct_ns", &rows).await.at(path)
}

async fn insert_summary(
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

#[cfg(test)]
mod tests {
    use super::*;
    use mixlab_contract::conformance::{Scope, random_scenario};
    use mixlab_contract::{Backend, Counters, IdealBackend, Silent};

    #[tokio::test]
    async fn a_full_disk_is_named_and_leaves_nothing_of_the_write() {
        let root = tempfile::tempdir().expect("temporary folder");
        let mut writer = Writer::open(root.path()).await.expect("empty root");
        let scenario = random_scenario(1, Scope { flows: 5_000, ..Scope::default() });
        let attributes = crate::dataset::Attributes::default();
        let (spec_file, mix_json, workload) = ("m.json".into(), "{}".into(), "compat".into());
        let entry =
            MixEntry { mix_id: 1, spec_file, mix_json, seed: 0, nr_flows: 9, workload, enable_app: false, attributes };
        let id = writer.put_scenario(&entry, &scenario).await.expect("room for it");
        let outcomes = IdealBackend.run(&scenario, &Silent).expect("ideal always runs").outcomes;
        let meta = RunMeta {
            backend: "ideal".into(),
            fingerprint: "1".into(),
            status: RunStatus::Ok,
            started_at_unix_ms: 0,
            wall_ns: 1,
            cpu_ns: 1,
            peak_rss_bytes: 1,
            timed_alone: true,
            phases: vec![("simulate".into(), 1)],
            counters: Counters::default(),
            provenance: super::super::Provenance::default(),
            error: None,
            log_tail: None,
            work_dir: None,
        };
        let connection = writer.connection.get_mut();
        let pages: i64 = query_scalar("PRAGMA page_count").fetch_one(&mut *connection).await.expect("a pragma");
        let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + 1));
        query(limit).execute(connection).await.expect("a pragma");
        let refused = writer.put_run(id, &meta, &outcomes).await;
        assert!(matches!(refused, Err(StoreError::DiskFull { .. })), "{refused:?}");
        let connection = writer.connection.get_mut();
        let rows: i64 = query_scalar("SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM outcome)")
            .fetch_one(&mut *connection)
            .await
            .expect("both tables");
        assert_eq!(rows, 0);
        query("PRAGMA max_page_count = 1073741823").execute(connection).await.expect("a pragma");
        writer.put_run(id, &meta, &outcomes).await.expect("room again");
    }
}
