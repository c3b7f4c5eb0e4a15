//! Where runs come from: versions and machines.

use super::Reader;
use super::error::{At, StoreError};
use sqlx::{Row, query};

/// Runs made by one version on one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Version of mixlab.
    pub version: String,
    /// Commit it was built from.
    pub commit: String,
    /// Name of the machine.
    pub host: String,
    /// Runs, of any status.
    pub runs: u64,
    /// One command line that made some of them.
    pub command: String,
}

impl Reader {
    /// All origins, those with most runs first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn origins(&self) -> Result<Vec<Origin>, StoreError> {
        let rows = query(
            "SELECT version, commit_id, host, COUNT(*) AS runs, MAX(command) AS command FROM run
             GROUP BY version, commit_id, host ORDER BY runs DESC, version, commit_id, host",
        )
        .fetch_all(&mut *self.connection.lock().await)
        .await
        .at(&self.path)?;
        let origin = |row: &sqlx::sqlite::SqliteRow| -> Result<Origin, sqlx::Error> {
            Ok(Origin {
                version: row.try_get("version")?,
                commit: row.try_get("commit_id")?,
                host: row.try_get("host")?,
                runs: row.try_get::<i64, _>("runs")?.unsigned_abs(),
                command: row.try_get("command")?,
            })
        };
        rows.iter().map(origin).collect::<Result<_, _>>().at(&self.path)
    }
}
