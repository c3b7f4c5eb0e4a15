//! What `check` needs to see of a store: the file's own consistency, every scenario and every run, selected or not.
//!
//! Nothing is judged here but what SQL can count; the rest compares with the contract and is in `crate::check`.

use super::error::{At, StoreError};
use super::{Reader, RunStatus, columns};
use mixlab_contract::{FlowOutcome, SimDuration, SimTime};
use sqlx::{Row, query, query_as, query_scalar};

/// A stored run, as far as it can be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRun {
    /// Digest of its scenario.
    pub digest: String,
    /// Backend id.
    pub backend: String,
    /// The backend's fingerprint then.
    pub fingerprint: String,
    /// How it ended.
    pub status: RunStatus,
    run: i64,
}

/// Counts that must be zero: what it would mean, and how to count.
const CONTRADICTIONS: [(&str, &str); 10] = [
    (
        "ok runs without exactly one outcome per flow",
        "SELECT count(*) FROM run JOIN scenario USING (scenario_id)
         WHERE status = 'ok' AND flow_count <> (SELECT count(*) FROM outcome WHERE outcome.run_id = run.run_id)",
    ),
    (
        "runs that are not ok but have outcomes",
        "SELECT count(*) FROM run WHERE status <> 'ok' AND EXISTS (SELECT 1 FROM outcome WHERE outcome.run_id = run.run_id)",
    ),
    ("runs that are not ok and have no reason", "SELECT count(*) FROM run WHERE status <> 'ok' AND error IS NULL"),
    (
        "ok runs without a summary of all their flows",
        "SELECT count(*) FROM run JOIN scenario USING (scenario_id)
         WHERE status = 'ok' AND flow_count IS NOT
               (SELECT flows FROM run_summary WHERE run_summary.run_id = run.run_id AND bucket = 'all')",
    ),
    (
        "scenarios whose number of flows is not what they say",
        "SELECT count(*) FROM scenario
         WHERE flow_count <> (SELECT count(*) FROM flow WHERE flow.scenario_id = scenario.scenario_id)",
    ),
    (
        "outcomes that finished but never started",
        "SELECT count(*) FROM outcome WHERE start_ns IS NULL AND fct_ns IS NOT NULL",
    ),
    (
        "runs with a time below 0",
        "SELECT count(*) FROM run WHERE wall_ns < 0 OR cpu_ns < 0 OR packets < 0 OR events < 0",
    ),
    (
        "mixes with more flows than they ask for",
        "SELECT count(*) FROM mix JOIN scenario USING (scenario_id) WHERE flow_count > nr_flows",
    ),
    (
        "mixes of another congestion control than their scenario",
        "SELECT count(*) FROM mix JOIN scenario USING (scenario_id) WHERE mix.cc <> scenario.cc",
    ),
    (
        "supervisions of runs that are not ok",
        "SELECT count(*) FROM supervision JOIN run USING (run_id) WHERE status <> 'ok'",
    ),
];

impl Reader {
    /// What is wrong with the file as a database: SQLite's integrity check, references to rows that are not there, and counts
    /// that contradict each other. Empty = nothing.
    ///
    /// # Errors
    /// If the file is too damaged to be asked.
    pub async fn contradictions(&self) -> Result<Vec<String>, StoreError> {
        let mut connection = self.connection.lock().await;
        let said: Vec<String> =
            query_scalar("PRAGMA integrity_check").fetch_all(&mut *connection).await.at(&self.path)?;
        let mut found: Vec<String> =
            said.into_iter().filter(|line| line != "ok").map(|line| format!("integrity: {line}")).collect();
        let dangling: Vec<(String, Option<i64>, String, i64)> =
            query_as("PRAGMA foreign_key_check").fetch_all(&mut *connection).await.at(&self.path)?;
        found.extend(dangling.into_iter().map(|(table, row, parent, _)| {
            let row = row.map_or_else(|| "a row".to_owned(), |r| format!("row {r}"));
            format!("{row} of table {table} refers to a row of {parent} that is not there")
        }));
        for (what, sql) in CONTRADICTIONS {
            let count: i64 = query_scalar(sql).fetch_one(&mut *connection).await.at(&self.path)?;
            if count > 0 {
                found.push(format!("{what}: {count}"));
            }
        }
        Ok(found)
    }

    /// Digests of all stored scenarios, in the order in which they were stored.
    ///
    /// # Errors
    /// What the database says.
    pub async fn scenario_digests(&self) -> Result<Vec<String>, StoreError> {
        let all = query_scalar("SELECT digest FROM scenario ORDER BY scenario_id");
        all.fetch_all(&mut *self.connection.lock().await).await.at(&self.path)
    }

    /// Ideal FCTs (ns, one per flow in scenario order) as they are stored with a scenario.
    ///
    /// # Errors
    /// [`StoreError::UnknownScenario`], [`StoreError::Corrupt`], or what the database says.
    pub async fn stored_ideals_ns(&self, digest: &str) -> Result<Vec<u64>, StoreError> {
        let mut connection = self.connection.lock().await;
        let found: Option<(i64, i64)> = query_as("SELECT scenario_id, flow_count FROM scenario WHERE digest = ?")
            .bind(digest)
            .fetch_optional(&mut *connection)
            .await
            .at(&self.path)?;
        let Some((id, count)) = found else {
            return Err(StoreError::UnknownScenario { digest: digest.to_owned() });
        };
        let (key, count) = (("scenario_id", id), count as usize);
        let [ideals] = columns::select(&mut connection, "flow", ["ideal_fct_ns"], key, count).await.at(&self.path)?;
        self.whole(ideals, count, None)
    }

    /// All runs of a scenario, the superseded too, in the order in which they were stored.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], or what the database says.
    pub async fn stored_runs(&self, digest: &str) -> Result<Vec<StoredRun>, StoreError> {
        let rows = query(
            "SELECT run_id, backend, fingerprint, status FROM run JOIN scenario USING (scenario_id)
             WHERE digest = ? ORDER BY run_id",
        )
        .bind(digest)
        .fetch_all(&mut *self.connection.lock().await)
        .await
        .at(&self.path)?;
        let run = |row: &sqlx::sqlite::SqliteRow| -> Result<StoredRun, sqlx::Error> {
            let status = RunStatus::from_name(row.try_get("status")?);
            Ok(StoredRun {
                digest: digest.to_owned(),
                backend: row.try_get("backend")?,
                fingerprint: row.try_get("fingerprint")?,
                status: status.ok_or_else(|| sqlx::Error::Decode("unknown run status".into()))?,
                run: row.try_get("run_id")?,
            })
        };
        rows.iter().map(run).collect::<Result<_, _>>().at(&self.path)
    }

    /// Outcomes of an ok run with `flows` flows, in whole ns as they are stored.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], or what the database says.
    pub async fn outcomes(&self, run: &StoredRun, flows: usize) -> Result<Vec<FlowOutcome>, StoreError> {
        let mut connection = self.connection.lock().await;
        let columns = columns::select(&mut connection, "outcome", ["start_ns", "fct_ns"], ("run_id", run.run), flows);
        let [starts, fcts] = columns.await.at(&self.path)?;
        let starts = self.whole(starts, flows, Some(u64::MAX))?;
        let fcts = self.whole(fcts, flows, Some(u64::MAX))?;
        let outcome = |(start, fct): (u64, u64)| {
            let start = (start != u64::MAX).then(|| SimTime::from_ns(start));
            match (start, fct) {
                (Some(start), fct) if fct != u64::MAX => {
                    FlowOutcome::Completed { start, fct: SimDuration::from_ns(fct) }
                }
                (start, _) => FlowOutcome::Unfinished { start },
            }
        };
        Ok(starts.into_iter().zip(fcts).map(outcome).collect())
    }
}
