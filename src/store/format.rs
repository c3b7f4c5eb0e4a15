//! The file format: application id, version number and the migrations that lead from one version to the next.
//!
//! `PRAGMA user_version` is the number of migrations applied. `schema.sql` is the first; a new version appends a file
//! with the statements that change the one before it and never edits an older file.

use super::error::{At, StoreError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, query_scalar, raw_sql};
use std::path::Path;

/// Statements from version i to version i + 1.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql"), include_str!("supervision.sql")];

/// Marks the file as ours (`PRAGMA application_id`, shown by `file`): "mixl" in ASCII.
const APPLICATION_ID: u32 = 0x6d69_786c;

/// The SQLite that Cargo.lock brings in (libsqlite3-sys 0.37.0), with which everything here was tested. Versions up to 3.51.2
/// could, rarely, damage a WAL database that several connections use (the "WAL-reset bug").
const SQLITE: &str = "3.51.3";

/// Connects; statements are not logged.
///
/// # Errors
/// [`StoreError::OtherSqlite`], or why the file can't be opened.
pub(super) async fn connect(path: &Path, options: SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    let mut connection = options.filename(path).disable_statement_logging().connect().await.at(path)?;
    let found: String = query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await.at(path)?;
    expect_sqlite(found).map(|()| connection)
}

/// Refuses every SQLite but the bundled one.
fn expect_sqlite(found: String) -> Result<(), StoreError> {
    if found == SQLITE { Ok(()) } else { Err(StoreError::OtherSqlite { found, expected: SQLITE }) }
}

/// Version of the SQLite that is built in.
///
/// # Errors
/// [`StoreError::OtherSqlite`], or why not even an empty database in memory can be opened.
pub async fn sqlite_version() -> Result<String, StoreError> {
    let memory = Path::new(":memory:");
    let mut connection = connect(memory, SqliteConnectOptions::new()).await?;
    query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await.at(memory)
}

/// Brings an empty or older file to the current version, in one transaction.
pub(super) async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    migrate_with(connection, path, MIGRATIONS).await
}

/// Checks that the file has the current version.
pub(super) async fn check(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let known = MIGRATIONS.len() as u32;
    match version(connection, path, known).await? {
        // Its first writer was killed before it made the store.
        0 if is_empty(connection, path).await? => Err(StoreError::NotFound { path: path.to_owned() }),
        found if found < known => Err(StoreError::TooOld { path: path.to_owned(), found, known }),
        _ => Ok(()),
    }
}

async fn is_empty(connection: &mut SqliteConnection, path: &Path) -> Result<bool, StoreError> {
    query_scalar("SELECT count(*) = 0 FROM sqlite_schema").fetch_one(connection).await.at(path)
}

async fn migrate_with(connection: &mut SqliteConnection, path: &Path, all: &[&str]) -> Result<(), StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.at(path)?;
    let known = all.len() as u32;
    let found = version(&mut transaction, path, known).await?;
    if found == known {
        return transaction.rollback().await.at(path);
    }
    for statements in &all[found as usize..] {
        raw_sql(AssertSqlSafe(*statements)).execute(&mut *transaction).await.at(path)?;
    }
    let stamp = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {known}");
    raw_sql(AssertSqlSafe(stamp)).execute(&mut *transaction).await.at(path)?;
    transaction.commit().await.at(path)
}

/// The version of the file: 0 if it is empty, else at most `known`.
async fn version(connection: &mut SqliteConnection, path: &Path, known: u32) -> Result<u32, StoreError> {
    let id: u32 = query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await.at(path)?;
    let found: u32 = query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await.at(path)?;
    let objects: u32 = query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *connection).await.at(path)?;
    if id != APPLICATION_ID && (id, found, objects) != (0, 0, 0) {
        return Err(StoreError::NotAStore { path: path.to_owned() });
    }
    if found > known {
        return Err(StoreError::TooNew { path: path.to_owned(), found, known });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: &[&str] = &[
        MIGRATIONS[0],
        MIGRATIONS[1],
        "ALTER TABLE run ADD COLUMN note TEXT; CREATE INDEX by_backend ON run (backend)",
    ];

    async fn empty(folder: &Path) -> SqliteConnection {
        let options = SqliteConnectOptions::new().create_if_missing(true);
        connect(&folder.join("s.sqlite"), options).await.expect("a new file")
    }

    async fn schema(connection: &mut SqliteConnection) -> Vec<(String, Option<String>)> {
        let text = "SELECT name, sql FROM sqlite_schema ORDER BY name";
        sqlx::query_as(text).fetch_all(connection).await.expect("every file has a schema")
    }

    #[tokio::test]
    async fn an_older_file_becomes_what_a_new_file_is_and_keeps_its_rows() {
        let (old, new) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
        let (mut a, mut b) = (empty(old.path()).await, empty(new.path()).await);
        migrate_with(&mut a, old.path(), &LATER[..1]).await.expect("version 0 to 1");
        let row = "INSERT INTO topology (digest, node_count, topology_json) VALUES ('d', 2, '{}')";
        sqlx::query(row).execute(&mut a).await.expect("a valid row");
        migrate_with(&mut a, old.path(), LATER).await.expect("version 1 to 3");
        migrate_with(&mut b, new.path(), LATER).await.expect("version 0 to 3");
        assert_eq!(schema(&mut a).await, schema(&mut b).await);
        let kept: i64 = query_scalar("SELECT count(*) FROM topology").fetch_one(&mut a).await.expect("a count");
        assert_eq!((kept, version(&mut a, old.path(), 3).await.expect("ours")), (1, 3));
        migrate_with(&mut a, old.path(), LATER).await.expect("nothing to do");
    }

    #[tokio::test]
    async fn a_migration_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().expect("folder");
        let mut connection = empty(folder.path()).await;
        migrate_with(&mut connection, folder.path(), &LATER[..1]).await.expect("version 0 to 1");
        let before = schema(&mut connection).await;
        let broken = [LATER[0], LATER[1], LATER[2], "ALTER TABLE nowhere ADD COLUMN x"];
        migrate_with(&mut connection, folder.path(), &broken).await.expect_err("there is no such table");
        assert_eq!(schema(&mut connection).await, before);
        assert_eq!(version(&mut connection, folder.path(), 9).await.expect("ours"), 1);
    }

    #[tokio::test]
    async fn the_sqlite_at_run_time_is_the_bundled_one_and_any_other_is_refused() {
        assert_eq!(sqlite_version().await.expect("in memory"), SQLITE);
        let lock = include_str!("../../Cargo.lock");
        assert!(lock.contains("name = \"libsqlite3-sys\"\nversion = \"0.37.0\""), "another bundle: see its sqlite3.c");
        for other in ["3.51.2", "3.52.0", ""] {
            let refused = expect_sqlite(other.into());
            assert!(matches!(refused, Err(StoreError::OtherSqlite { .. })), "{refused:?}");
        }
    }

    #[tokio::test]
    async fn a_file_without_anything_in_it_is_no_store_yet() {
        let folder = tempfile::tempdir().expect("folder");
        let mut connection = empty(folder.path()).await;
        let refused = check(&mut connection, folder.path()).await;
        assert!(matches!(refused, Err(StoreError::NotFound { .. })), "{refused:?}");
    }

    #[tokio::test]
    async fn a_newer_file_is_refused_with_both_versions_and_an_older_one_by_readers() {
        let folder = tempfile::tempdir().expect("folder");
        let mut connection = empty(folder.path()).await;
        migrate_with(&mut connection, folder.path(), LATER).await.expect("version 0 to 3");
        let refused = migrate(&mut connection, folder.path()).await;
        assert!(matches!(refused, Err(StoreError::TooNew { found: 3, known: 2, .. })), "{refused:?}");
        raw_sql("PRAGMA user_version = 0").execute(&mut connection).await.expect("a pragma");
        let refused = check(&mut connection, folder.path()).await;
        assert!(matches!(refused, Err(StoreError::TooOld { found: 0, known: 2, .. })), "{refused:?}");
    }
}
