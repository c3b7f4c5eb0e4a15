//! What a plan asks a store: how runs ended. A writer, a reader and the lack of a store can all answer, so that a dry run needs
//! no writer (which would make the file).

use super::error::{At, StoreError};
use super::{Reader, RunStatus, Writer};
use sqlx::query_scalar;
use sqlx::sqlite::SqliteConnection;
use std::path::Path;

/// Knows which runs are stored. The key of a run is the digest of its scenario, its backend and the backend's fingerprint.
pub trait Ledger {
    /// How a run ended; `None` if there is none.
    fn run_status(
        &self,
        digest: &str,
        backend: &str,
        fingerprint: &str,
    ) -> impl Future<Output = Result<Option<RunStatus>, StoreError>>;

    /// Whether a run has a supervision.
    fn has_supervision(
        &self,
        digest: &str,
        backend: &str,
        fingerprint: &str,
    ) -> impl Future<Output = Result<bool, StoreError>>;
}

/// A root without a store.
#[derive(Clone, Copy, Debug)]
pub struct NoStore;

impl Ledger for NoStore {
    async fn run_status(&self, _: &str, _: &str, _: &str) -> Result<Option<RunStatus>, StoreError> {
        Ok(None)
    }

    async fn has_supervision(&self, _: &str, _: &str, _: &str) -> Result<bool, StoreError> {
        Ok(false)
    }
}

impl Ledger for Writer {
    async fn run_status(&self, digest: &str, backend: &str, print: &str) -> Result<Option<RunStatus>, StoreError> {
        Self::run_status(self, digest, backend, print).await
    }

    async fn has_supervision(&self, digest: &str, backend: &str, print: &str) -> Result<bool, StoreError> {
        Self::has_supervision(self, digest, backend, print).await
    }
}

impl Ledger for Reader {
    async fn run_status(&self, digest: &str, backend: &str, print: &str) -> Result<Option<RunStatus>, StoreError> {
        run_status(&mut *self.connection.lock().await, &self.path, [digest, backend, print]).await
    }

    async fn has_supervision(&self, digest: &str, backend: &str, print: &str) -> Result<bool, StoreError> {
        has_supervision(&mut *self.connection.lock().await, &self.path, [digest, backend, print]).await
    }
}

pub(super) async fn run_status(
    connection: &mut SqliteConnection,
    path: &Path,
    [digest, backend, fingerprint]: [&str; 3],
) -> Result<Option<RunStatus>, StoreError> {
    let name: Option<String> = query_scalar(
        "SELECT status FROM run JOIN scenario USING (scenario_id) WHERE digest = ? AND backend = ? AND fingerprint = ?",
    )
    .bind(digest)
    .bind(backend)
    .bind(fingerprint)
    .fetch_optional(connection)
    .await
    .at(path)?;
    Ok(name.as_deref().and_then(RunStatus::from_name))
}

pub(super) async fn has_supervision(
    connection: &mut SqliteConnection,
    path: &Path,
    [digest, backend, fingerprint]: [&str; 3],
) -> Result<bool, StoreError> {
    query_scalar(
        "SELECT EXISTS (SELECT 1 FROM supervision JOIN run USING (run_id) JOIN scenario USING (scenario_id)
                        WHERE digest = ? AND backend = ? AND fingerprint = ?)",
    )
    .bind(digest)
    .bind(backend)
    .bind(fingerprint)
    .fetch_one(connection)
    .await
    .at(path)
}
