//! Dense supervision in the store: one compressed stream per run (a row per moment and flow would be a hundred times more
//! rows than outcomes). The stream itself is the contract's; here it is only deflated and filed.

use super::error::{At, StoreError};
use super::ledger::has_supervision;
use super::{Reader, Writer};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use mixlab_contract::{FlowOutcome, Supervision};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Row, query, query_scalar};
use std::io::{Read, Write};
use std::path::Path;

/// Files the supervision of a run.
pub(super) async fn insert_supervision(
    connection: &mut SqliteConnection,
    path: &Path,
    run: i64,
    supervision: &Supervision,
) -> Result<(), StoreError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let deflated = encoder.write_all(supervision.as_bytes()).and_then(|()| encoder.finish());
    query("INSERT INTO supervision (run_id, moments, stream_bytes, stream_zlib) VALUES (?, ?, ?, ?)")
        .bind(run)
        .bind(supervision.len() as i64)
        .bind(supervision.as_bytes().len() as i64)
        .bind(deflated.map_err(|e| StoreError::io(path, e))?)
        .execute(connection)
        .await
        .at(path)?;
    Ok(())
}

/// The ok run of a key that has no supervision yet.
pub(super) async fn unsupervised_run(
    connection: &mut SqliteConnection,
    path: &Path,
    scenario: i64,
    (backend, fingerprint): (&str, &str),
) -> Result<Option<i64>, StoreError> {
    query_scalar(
        "SELECT run_id FROM run LEFT JOIN supervision USING (run_id)
         WHERE scenario_id = ? AND backend = ? AND fingerprint = ? AND status = 'ok' AND moments IS NULL",
    )
    .bind(scenario)
    .bind(backend)
    .bind(fingerprint)
    .fetch_optional(connection)
    .await
    .at(path)
}

/// Whether the outcomes stored for a run are these.
pub(super) async fn has_outcomes(
    connection: &mut SqliteConnection,
    path: &Path,
    run: i64,
    outcomes: &[FlowOutcome],
) -> Result<bool, StoreError> {
    let key = ("run_id", run);
    let stored = super::columns::select(connection, "outcome", ["start_ns", "fct_ns"], key, outcomes.len()).await;
    let [starts, fcts] = stored.at(path)?;
    let times = outcomes.iter().map(super::insert::outcome_ns);
    Ok(starts.len() == outcomes.len() && times.eq(starts.into_iter().zip(fcts)))
}

impl Writer {
    /// Whether the run of a scenario (by digest), backend and fingerprint has a supervision.
    ///
    /// # Errors
    /// What the database says.
    pub async fn has_supervision(&self, digest: &str, backend: &str, fingerprint: &str) -> Result<bool, StoreError> {
        has_supervision(&mut *self.connection.lock().await, &self.path, [digest, backend, fingerprint]).await
    }
}

impl Reader {
    /// The supervision of a scenario (by digest) under a backend: of the newest ok run that has one.
    ///
    /// Cost: inflating the stream; its moments are decoded as they are read ([`Supervision::moments`]).
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the stream is not what was filed, or what the database says.
    pub async fn supervision(&self, digest: &str, backend: &str) -> Result<Option<Supervision>, StoreError> {
        let row = query(
            "SELECT moments, stream_bytes, stream_zlib
             FROM supervision JOIN run USING (run_id) JOIN scenario USING (scenario_id)
             WHERE digest = ? AND backend = ? AND status = 'ok' ORDER BY started_at_unix_ms DESC, run_id DESC LIMIT 1",
        )
        .bind(digest)
        .bind(backend)
        .fetch_optional(&mut *self.connection.lock().await)
        .await
        .at(&self.path)?;
        let Some(row) = row else { return Ok(None) };
        let (moments, length) = (row.try_get::<i64, _>("moments"), row.try_get::<i64, _>("stream_bytes"));
        let (moments, length) = (moments.at(&self.path)? as u64, length.at(&self.path)? as u64);
        let deflated: &[u8] = row.try_get("stream_zlib").at(&self.path)?;
        let mut bytes = Vec::new();
        // One byte more than announced, so that a longer stream is noticed and a bomb does no harm.
        let read = ZlibDecoder::new(deflated).take(length.saturating_add(1)).read_to_end(&mut bytes);
        if read.is_err() || bytes.len() as u64 != length {
            let problem = format!("the supervision of scenario {digest} under {backend} can't be inflated");
            return Err(StoreError::Corrupt { path: self.path.clone(), problem });
        }
        Ok(Some(Supervision::from_stored(bytes, moments)))
    }
}
