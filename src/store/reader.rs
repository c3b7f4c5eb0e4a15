//! The reading side of the store. It never writes, may be opened while a writer is at work, and sees only whole runs;
//! each method reads one snapshot.
//!
//! The run that stands for a scenario and backend is the newest ok one, else the newest (failed or unsupported).

use super::error::{At, StoreError};
use super::rows::{RunRow, SelectedMix, read_mixes, read_runs, unsigned};
use super::summary::slowdown;
use super::{FILE_NAME, MixEntry, RunStatus, columns, format, physics};
use crate::dataset::{Attributes, Dataset, Details, RunResults, ScenarioResults};
use mixlab_contract::scenario::hex;
use mixlab_contract::{Bytes, Flow, NodeId, Scenario, ScenarioParts, SimDuration, SimTime};
use sha2::{Digest, Sha256};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{Connection, Row, query};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Which part of the store to read; `None` = all. Only scenarios that a mix currently makes are ever selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Ids of mixes.
    pub mix_ids: Option<Vec<u64>>,
    /// Ids of backends.
    pub backends: Option<Vec<String>>,
    /// Digests of scenarios.
    pub digests: Option<Vec<String>>,
    /// Fingerprints by backend: of these backends only runs of this fingerprint count, not the newest of any.
    pub fingerprints: BTreeMap<String, String>,
}

impl Selection {
    pub(super) fn has_mix(&self, mix: &SelectedMix) -> bool {
        self.mix_ids.as_ref().is_none_or(|ids| ids.contains(&mix.entry.mix_id))
            && self.digests.as_ref().is_none_or(|digests| digests.contains(&mix.digest))
    }

    pub(super) fn has_run(&self, backend: &str, fingerprint: &str) -> bool {
        self.backends.as_ref().is_none_or(|ids| ids.iter().any(|id| id == backend))
            && self.fingerprints.get(backend).is_none_or(|only| only == fingerprint)
    }
}

/// State of one mix under one backend.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusRow {
    /// Id of the mix.
    pub mix_id: u64,
    /// Digest of its scenario.
    pub digest: String,
    /// Flows asked for.
    pub nr_flows: u64,
    /// What was chosen in the mix.
    pub attributes: Attributes,
    /// Backend id.
    pub backend: String,
    /// How the run ended; `None` = there is none, and the fields below are empty.
    pub status: Option<RunStatus>,
    /// The backend's fingerprint then.
    pub fingerprint: String,
    /// Wall-clock time.
    pub wall_ns: u64,
    /// CPU time.
    pub cpu_ns: u64,
    /// Whether nothing else of the sweep ran at the same time.
    pub timed_alone: bool,
    /// Chain of causes, if it is not ok.
    pub error: Option<String>,
}

/// Flows of a scenario as columns, in flow order.
#[derive(Clone, Debug)]
pub(crate) struct FlowColumns {
    pub(crate) id: Vec<u64>,
    pub(crate) src: Vec<u64>,
    pub(crate) dst: Vec<u64>,
    pub(crate) size_bytes: Vec<u64>,
    pub(crate) start_ns: Vec<u64>,
    pub(crate) ideal_fct_ns: Vec<u64>,
}

/// A store opened for reading.
pub struct Reader {
    pub(super) connection: Mutex<SqliteConnection>,
    pub(super) path: PathBuf,
}

impl Reader {
    /// Opens the store under `root`. Works on a read-only folder too, once its writer has closed it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::NoAccess`], [`StoreError::TooNew`], [`StoreError::TooOld`],
    /// [`StoreError::NotAStore`].
    pub async fn open(root: &Path) -> Result<Self, StoreError> {
        let path = root.join(FILE_NAME);
        match path.try_exists() {
            Ok(true) => {}
            Ok(false) => return Err(StoreError::NotFound { path }),
            Err(_) => return Err(StoreError::NoAccess { path }),
        }
        let options = SqliteConnectOptions::new().read_only(true);
        let connection = match open_checked(&path, options.clone()).await {
            // On a read-only folder SQLite can't make the files it shares with a writer; it does without them if promised
            // that there is no writer and nothing left in the log.
            Err(e) if e.is_access() && log_is_empty(root) => open_checked(&path, options.immutable(true)).await?,
            other => other?,
        };
        Ok(Self { connection: Mutex::new(connection), path })
    }

    /// Everything selected, for comparisons and figures. A scenario that several mixes lead to is there once, under the first
    /// of them. Cost: 16 bytes per flow and 24 per outcome.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], or what the database says.
    pub async fn dataset(&self, selection: &Selection) -> Result<Dataset, StoreError> {
        let mut connection = self.connection.lock().await;
        let mut snapshot = connection.begin().await.at(&self.path)?;
        let mut scenarios: Vec<ScenarioResults> = Vec::new();
        let mut known = BTreeSet::new();
        for mix in read_mixes(&mut snapshot, &self.path, selection).await? {
            if known.insert(mix.scenario) {
                scenarios.push(self.read_results(&mut snapshot, &mix, selection).await?);
            }
        }
        Ok(Dataset { scenarios })
    }

    /// State of every selected mix under every selected backend (without a selection: under every backend that has any
    /// run of these mixes), by mix, then backend.
    ///
    /// # Errors
    /// What the database says.
    pub async fn status(&self, selection: &Selection) -> Result<Vec<StatusRow>, StoreError> {
        let mut connection = self.connection.lock().await;
        let mut snapshot = connection.begin().await.at(&self.path)?;
        let mut mixes = Vec::new();
        let mut backends: BTreeSet<String> = selection.backends.iter().flatten().cloned().collect();
        for mix in read_mixes(&mut snapshot, &self.path, selection).await? {
            let runs = read_runs(&mut snapshot, &self.path, mix.scenario, selection).await?;
            backends.extend(runs.keys().cloned());
            mixes.push((mix, runs));
        }
        let grid = mixes.iter_mut().flat_map(|(mix, runs)| {
            backends.iter().map(|backend| status_row(mix, backend, runs.remove(backend))).collect::<Vec<_>>()
        });
        Ok(grid.collect())
    }

    /// The selected mixes as they were filed, each with the digest of its scenario.
    ///
    /// # Errors
    /// What the database says.
    pub async fn entries(&self, selection: &Selection) -> Result<Vec<(MixEntry, String)>, StoreError> {
        let mixes = read_mixes(&mut *self.connection.lock().await, &self.path, selection).await?;
        Ok(mixes.into_iter().map(|mix| (mix.entry, mix.digest)).collect())
    }

    /// Rebuilds a scenario.
    ///
    /// # Errors
    /// [`StoreError::UnknownScenario`]; [`StoreError::Corrupt`] if what is rebuilt has another digest.
    pub async fn load_scenario(&self, digest: &str) -> Result<Scenario, StoreError> {
        let mut connection = self.connection.lock().await;
        let mut snapshot = connection.begin().await.at(&self.path)?;
        let row = query("SELECT * FROM scenario JOIN topology USING (topology_id) WHERE scenario.digest = ?")
            .bind(digest)
            .fetch_optional(&mut *snapshot)
            .await
            .at(&self.path)?;
        let Some(row) = row else {
            return Err(StoreError::UnknownScenario { digest: digest.to_owned() });
        };
        let (id, count): (i64, i64) =
            row.try_get("scenario_id").and_then(|id| Ok((id, row.try_get("flow_count")?))).at(&self.path)?;
        let flows = self.read_flows(&mut snapshot, id, count as usize).await?;
        let corrupt = |problem: String| StoreError::Corrupt { path: self.path.clone(), problem };
        let scenario = rebuild(&row, &flows)
            .at(&self.path)?
            .map_err(|problem| corrupt(format!("scenario {digest}: {problem}")))?;
        if scenario.digest() != digest {
            return Err(corrupt(format!("scenario {digest} is rebuilt with digest {}", scenario.digest())));
        }
        Ok(scenario)
    }

    /// SHA-256 over mixes, flows and outcomes of the runs that count, by mix, backend and flow, as 64 hex digits.
    ///
    /// Equal for equal results, whatever the order, time, machine and fingerprint of the runs.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], or what the database says.
    pub async fn digest(&self, selection: &Selection) -> Result<String, StoreError> {
        let mut connection = self.connection.lock().await;
        let mut snapshot = connection.begin().await.at(&self.path)?;
        let mut all = Sha256::new();
        for mix in read_mixes(&mut snapshot, &self.path, selection).await? {
            let head = (
                mix.entry.mix_id,
                mix.entry.seed,
                mix.entry.nr_flows,
                &mix.entry.workload,
                mix.entry.enable_app,
                &mix.digest,
            );
            all.update(format!("{head:?}\n"));
            let flows = self.read_flows(&mut snapshot, mix.scenario, mix.flow_count).await?;
            let FlowColumns { id, src, dst, size_bytes, start_ns, ideal_fct_ns } = &flows;
            [id, src, dst, size_bytes, start_ns, ideal_fct_ns].into_iter().for_each(|c| hash_column(&mut all, c));
            let results = self.read_results(&mut snapshot, &mix, selection).await?;
            for (backend, run) in &results.runs {
                all.update(format!("{backend:?}\n"));
                [&run.start_ns, &run.fct_ns].into_iter().for_each(|c| hash_column(&mut all, c));
            }
        }
        Ok(hex(&all.finalize()))
    }

    /// The selected mixes, in order.
    pub(crate) async fn mixes(&self, selection: &Selection) -> Result<Vec<SelectedMix>, StoreError> {
        read_mixes(&mut *self.connection.lock().await, &self.path, selection).await
    }

    /// Flows of a mix's scenario.
    pub(crate) async fn flows(&self, mix: &SelectedMix) -> Result<FlowColumns, StoreError> {
        self.read_flows(&mut *self.connection.lock().await, mix.scenario, mix.flow_count).await
    }

    /// Results of one mix: an entry of [`Self::dataset`].
    pub(crate) async fn results(
        &self,
        mix: &SelectedMix,
        selection: &Selection,
    ) -> Result<ScenarioResults, StoreError> {
        let mut connection = self.connection.lock().await;
        let mut snapshot = connection.begin().await.at(&self.path)?;
        self.read_results(&mut snapshot, mix, selection).await
    }

    async fn read_flows(
        &self,
        connection: &mut SqliteConnection,
        scenario: i64,
        count: usize,
    ) -> Result<FlowColumns, StoreError> {
        let names = ["flow_id", "src", "dst", "size_bytes", "start_ns", "ideal_fct_ns"];
        let columns = columns::select(connection, "flow", names, ("scenario_id", scenario), count).await;
        let [id, src, dst, size_bytes, start_ns, ideal_fct_ns] = columns.at(&self.path)?;
        let whole = |column| self.whole(column, count, None);
        Ok(FlowColumns {
            id: whole(id)?,
            src: whole(src)?,
            dst: whole(dst)?,
            size_bytes: whole(size_bytes)?,
            start_ns: whole(start_ns)?,
            ideal_fct_ns: whole(ideal_fct_ns)?,
        })
    }

    async fn read_results(
        &self,
        connection: &mut SqliteConnection,
        mix: &SelectedMix,
        selection: &Selection,
    ) -> Result<ScenarioResults, StoreError> {
        let (key, count) = (("scenario_id", mix.scenario), mix.flow_count);
        let [sizes, ideals] =
            columns::select(connection, "flow", ["size_bytes", "ideal_fct_ns"], key, count).await.at(&self.path)?;
        let size_bytes = self.whole(sizes, count, None)?.into();
        let ideal_fct_ns: Arc<[u64]> = self.whole(ideals, count, None)?.into();
        let (mut runs, mut missing) = (BTreeMap::new(), BTreeMap::new());
        for (backend, row) in read_runs(connection, &self.path, mix.scenario, selection).await? {
            if row.status == RunStatus::Ok {
                runs.insert(backend, self.read_outcomes(connection, &row, &ideal_fct_ns).await?);
            } else {
                let first_line = row.error.as_deref().and_then(|text| text.lines().next());
                missing.insert(backend, first_line.unwrap_or(row.status.name()).to_owned());
            }
        }
        let (mix_id, digest, attributes) = (mix.entry.mix_id, mix.digest.clone(), mix.entry.attributes.clone());
        let details = Details::default();
        Ok(ScenarioResults { mix_id, digest, attributes, size_bytes, ideal_fct_ns, runs, missing, details })
    }

    async fn read_outcomes(
        &self,
        connection: &mut SqliteConnection,
        row: &RunRow,
        ideal_fct_ns: &[u64],
    ) -> Result<RunResults, StoreError> {
        let (key, count) = (("run_id", row.run), ideal_fct_ns.len());
        let [starts, fcts] =
            columns::select(connection, "outcome", ["start_ns", "fct_ns"], key, count).await.at(&self.path)?;
        let start_ns = self.whole(starts, count, Some(u64::MAX))?;
        let fct_ns = self.whole(fcts, count, Some(u64::MAX))?;
        let finished = |fct: u64| (fct != u64::MAX).then_some(fct);
        Ok(RunResults {
            fingerprint: row.fingerprint.as_str().into(),
            slowdown: fct_ns.iter().zip(ideal_fct_ns).map(|(fct, ideal)| slowdown(finished(*fct), *ideal)).collect(),
            start_ns: start_ns.into(),
            fct_ns: fct_ns.into(),
            wall_s: row.wall_ns as f64 * 1e-9,
            cpu_s: row.cpu_ns as f64 * 1e-9,
            timed_alone: row.timed_alone,
            packets: row.packets,
            events: row.events,
        })
    }

    /// A column of `count` numbers that are not negative, NULL as `null` where that is allowed.
    pub(super) fn whole(
        &self,
        column: Vec<Option<i64>>,
        count: usize,
        null: Option<u64>,
    ) -> Result<Vec<u64>, StoreError> {
        let corrupt = |problem| StoreError::Corrupt { path: self.path.clone(), problem };
        if column.len() != count {
            return Err(corrupt(format!("{} rows where there should be {count}", column.len())));
        }
        let value = |v: Option<i64>| v.map_or(null, |v| u64::try_from(v).ok());
        let all: Option<Vec<u64>> = column.into_iter().map(value).collect();
        all.ok_or_else(|| corrupt("a number is missing or negative".into()))
    }
}

fn log_is_empty(root: &Path) -> bool {
    std::fs::metadata(root.join(format!("{FILE_NAME}-wal"))).map_or(true, |log| log.len() == 0)
}

async fn open_checked(path: &Path, options: SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    let mut connection = format::connect(path, options).await?;
    format::check(&mut connection, path).await?;
    Ok(connection)
}

fn hash_column(hash: &mut Sha256, column: &[u64]) {
    hash.update((column.len() as u64).to_le_bytes());
    column.iter().for_each(|v| hash.update(v.to_le_bytes()));
}

fn status_row(mix: &SelectedMix, backend: &str, run: Option<RunRow>) -> StatusRow {
    let status = run.as_ref().map(|r| r.status);
    let (fingerprint, wall_ns, cpu_ns, timed_alone, error) =
        run.map(|r| (r.fingerprint, r.wall_ns, r.cpu_ns, r.timed_alone, r.error)).unwrap_or_default();
    StatusRow {
        mix_id: mix.entry.mix_id,
        digest: mix.digest.clone(),
        nr_flows: mix.entry.nr_flows,
        attributes: mix.entry.attributes.clone(),
        backend: backend.to_owned(),
        status,
        fingerprint,
        wall_ns,
        cpu_ns,
        timed_alone,
        error,
    }
}

/// A scenario from its row and flows; the inner text says what is wrong with them.
fn rebuild(row: &SqliteRow, flows: &FlowColumns) -> Result<Result<Scenario, String>, sqlx::Error> {
    let count = flows.id.len();
    let (paths, rests): (Option<&[u8]>, Option<&[u8]>) = (row.try_get("paths")?, row.try_get("start_rests_ps")?);
    let horizon =
        SimTime::from_ns(unsigned(row, "horizon_ns")?) + SimDuration::from_ps(unsigned(row, "horizon_rest_ps")?);
    let (topology, transport): (&str, &str) = (row.try_get("topology_json")?, row.try_get("transport_json")?);
    let application: &str = row.try_get("application_json")?;
    let build = || {
        let rests = match rests {
            Some(blob) => physics::start_rests(blob, count).ok_or("start_rests_ps has the wrong length")?,
            None => vec![0; count],
        };
        let node = |id: u64| u32::try_from(id).map(NodeId).map_err(|_| "a node id is too large");
        let flow = |i: usize| -> Result<Flow, &str> {
            let start = SimTime::from_ns(flows.start_ns[i]) + SimDuration::from_ps(rests[i]);
            let (src, dst) = (node(flows.src[i])?, node(flows.dst[i])?);
            Ok(Flow { id: flows.id[i], src, dst, size: Bytes(flows.size_bytes[i]), start })
        };
        let paths = paths.map(|blob| physics::paths(blob, count).ok_or("paths has the wrong length")).transpose()?;
        let parts = ScenarioParts {
            topology: physics::topology(topology)?,
            flows: (0..count).map(flow).collect::<Result<_, _>>()?,
            paths,
            transport: physics::transport(transport)?,
            application: physics::application(application)?,
            horizon,
        };
        Scenario::new(parts).map_err(|e| e.to_string())
    };
    Ok(build())
}
