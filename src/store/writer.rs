//! The writing side of the store. Every method is one transaction: it happened, or it did not.
//!
//! Dropping a future of a writer half-way rolls its transaction back; so does the death of the process. WAL with
//! `synchronous = NORMAL`: a killed process loses nothing that was committed, a power cut may lose the last runs whole.

use super::error::{At, StoreError};
use super::insert::{
    insert_outcomes, insert_phases, insert_run, insert_scenario, insert_summary, make_room, upsert_mix,
};
use super::ledger::run_status;
use super::supervision::{has_outcomes, insert_supervision, unsupervised_run};
use super::{FILE_NAME, MixEntry, RunMeta, RunStatus, format, lock};
use crate::bounded::below;
use mixlab_contract::{FlowOutcome, Scenario, Supervision};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, query, query_scalar};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tokio::sync::Mutex;

/// A scenario in one store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScenarioId(i64);

/// The one process that may write to a root.
pub struct Writer {
    pub(super) connection: Mutex<SqliteConnection>,
    pub(super) path: PathBuf,
    /// Which file it is, so that another one in its place is noticed.
    identity: Option<(u64, u64)>,
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
        let path = below(root, &[FILE_NAME]).map_err(|e| StoreError::io(&root.join(FILE_NAME), e))?;
        let options = SqliteConnectOptions::new()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true);
        let mut connection = format::connect(&path, options).await?;
        format::migrate(&mut connection, &path).await?;
        let identity = identity(&path);
        Ok(Self { connection: Mutex::new(connection), path, identity, lock })
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
        run_status(&mut *self.connection.lock().await, &self.path, [digest, backend, fingerprint]).await
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
        self.put_supervised_run(scenario, meta, outcomes, None).await
    }

    /// The same with the run's supervision, in the same transaction. If an ok run of the key is stored without one, the
    /// supervision is added to it, provided that the outcomes are the same; nothing else of the stored run changes.
    ///
    /// # Errors
    /// As [`Self::put_run`]; [`StoreError::NotRepeatable`] if the stored outcomes are others.
    pub async fn put_supervised_run(
        &mut self,
        scenario: ScenarioId,
        meta: &RunMeta,
        outcomes: &[FlowOutcome],
        supervision: Option<&Supervision>,
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
        if let Some(supervision) = supervision {
            let key = (meta.backend.as_str(), meta.fingerprint.as_str());
            if let Some(run) = unsupervised_run(&mut transaction, path, scenario, key).await? {
                if !has_outcomes(&mut transaction, path, run, outcomes).await? {
                    let (backend, fingerprint) = (meta.backend.clone(), meta.fingerprint.clone());
                    return Err(StoreError::NotRepeatable { backend, fingerprint });
                }
                insert_supervision(&mut transaction, path, run, supervision).await?;
                return transaction.commit().await.at(path);
            }
        }
        make_room(&mut transaction, path, scenario, meta).await?;
        let run = insert_run(&mut transaction, path, scenario, meta).await?;
        insert_phases(&mut transaction, path, run, &meta.phases).await?;
        if meta.status == RunStatus::Ok {
            insert_outcomes(&mut transaction, path, run, outcomes).await?;
            insert_summary(&mut transaction, path, (scenario, run), outcomes).await?;
            if let Some(supervision) = supervision {
                insert_supervision(&mut transaction, path, run, supervision).await?;
            }
        }
        transaction.commit().await.at(path)
    }

    /// Closes the file (folding the write-ahead log into it) and lets the next writer in. SQLite folds now and then and when it
    /// closes, too, but says nothing if the disk refuses; what was folded in vain before is folded again here.
    ///
    /// # Errors
    /// What the database says; the data is in the log then, as far as the disk took it. [`StoreError::Replaced`] if the file is gone.
    pub async fn close(self) -> Result<(), StoreError> {
        let Self { connection, path, identity: ours, lock } = self;
        let mut connection = connection.into_inner();
        // Passive: waits for no reader. What readers keep from being folded is made durable in the log.
        let folded = query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut connection).await.at(&path);
        let closed = connection.close().await.at(&path);
        drop(lock);
        if identity(&path) != ours {
            return Err(StoreError::Replaced { path });
        }
        folded.and(closed)
    }
}

/// Which file is at `path`.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mixlab_contract::conformance::{Scope, random_scenario};
    use mixlab_contract::{Backend, Counters, IdealBackend, Silent};

    #[tokio::test]
    async fn a_store_that_was_removed_or_replaced_is_noticed() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for replaced in [false, true] {
            let writer = Writer::open(dir.path()).await.expect("a store");
            let path = dir.path().join(FILE_NAME);
            std::fs::rename(&path, dir.path().join("gone")).expect("ours");
            if replaced {
                std::fs::copy(dir.path().join("gone"), &path).expect("ours");
            }
            let ended = writer.close().await.expect_err("it is gone").to_string();
            assert!(ended.contains("removed or replaced") && ended.contains("repeat the command"), "{ended}");
            let _ = std::fs::remove_file(&path);
        }
    }

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
        sqlx::query(limit).execute(connection).await.expect("a pragma");
        let refused = writer.put_run(id, &meta, &outcomes).await;
        assert!(matches!(refused, Err(StoreError::DiskFull { .. })), "{refused:?}");
        let connection = writer.connection.get_mut();
        let rows: i64 = query_scalar("SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM outcome)")
            .fetch_one(&mut *connection)
            .await
            .expect("both tables");
        assert_eq!(rows, 0);
        sqlx::query("PRAGMA max_page_count = 1073741823").execute(connection).await.expect("a pragma");
        writer.put_run(id, &meta, &outcomes).await.expect("room again");
    }
}
