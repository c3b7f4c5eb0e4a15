//! `check` finds what is not right in a store, and nothing in one that is.

use crate::program::{file, run_expecting};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection, raw_sql};
use std::path::Path;
use tempfile::{TempDir, tempdir};

/// A store with the demo mixes under three backends.
fn swept() -> TempDir {
    let dir = tempdir().expect("a temporary directory");
    let mixes = file("spec/demo.mix.json").display().to_string();
    for backend in ["mlsys", "packet"] {
        run_expecting(0, dir.path(), &["--root", "r", "--mixes", &mixes, "--nr-flows", "150", backend]);
    }
    dir
}

/// Changes the store behind mixlab's back.
fn tamper(dir: &Path, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let url = format!("sqlite://{}", dir.join("r/mixlab.sqlite").display());
        let mut connection = SqliteConnection::connect(&url).await.expect("a store");
        raw_sql("PRAGMA foreign_keys = OFF").execute(&mut connection).await.expect("a pragma");
        let changed = raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("valid SQL");
        assert!(changed.rows_affected() > 0, "{sql}: nothing changed");
        connection.close().await.expect("closes");
    });
}

#[test]
fn a_sound_store_passes_and_its_runs_repeat() {
    let dir = swept();
    let (out, _) = run_expecting(0, dir.path(), &["--root", "r", "check", "--rerun", "9", "--seed", "3"]);
    assert!(
        out.starts_with("6 scenarios, 24 runs, 3600 outcomes checked, 9 runs repeated: all is as it should be"),
        "{out}"
    );
}

#[test]
fn every_kind_of_damage_is_found_and_named() {
    for (sql, found) in [
        ("DELETE FROM outcome WHERE run_id = 2 AND flow_index = 7", "ok runs without exactly one outcome per flow: 1"),
        ("UPDATE outcome SET fct_ns = 1 WHERE run_id = 3 AND flow_index = 0", "less than its ideal FCT"),
        ("UPDATE outcome SET start_ns = 1 WHERE run_id = 3 AND flow_index = 0", "was released before its start"),
        (
            "UPDATE flow SET size_bytes = size_bytes + 1 WHERE scenario_id = 1 AND flow_index = 4",
            "is rebuilt with digest",
        ),
        (
            "UPDATE flow SET ideal_fct_ns = 5 WHERE scenario_id = 2 AND flow_index = 4",
            "has ideal FCT 5 ns stored, it is",
        ),
        ("UPDATE run SET status = 'failed' WHERE run_id = 1", "runs that are not ok but have outcomes: 1"),
        ("DELETE FROM scenario WHERE scenario_id = 6", "refers to a row of scenario that is not there"),
        ("DELETE FROM run_summary WHERE run_id = 1", "ok runs without a summary of all their flows: 1"),
    ] {
        let dir = swept();
        tamper(dir.path(), sql);
        let (out, err) = run_expecting(6, dir.path(), &["--root", "r", "check"]);
        assert!(out.contains(found), "{sql}: {out}");
        assert!(err.contains("can't be trusted"), "{err}");
    }
}

#[test]
fn a_changed_result_that_breaks_no_law_is_found_by_repeating_it() {
    let dir = swept();
    tamper(dir.path(), "UPDATE outcome SET fct_ns = fct_ns + 1 WHERE run_id = 20 AND flow_index = 30");
    run_expecting(0, dir.path(), &["--root", "r", "check"]);
    let (out, _) = run_expecting(6, dir.path(), &["--root", "r", "check", "--rerun", "24"]);
    assert_eq!(out.matches("damage: ").count(), 1, "{out}");
    assert!(out.contains("flow ") && out.contains(": stored started at"), "{out}");
}

#[test]
fn runs_of_other_versions_are_remarks() {
    let dir = swept();
    tamper(dir.path(), "UPDATE run SET fingerprint = 'older' WHERE backend = 'flowsim'");
    let (_, err) = run_expecting(0, dir.path(), &["--root", "r", "check"]);
    assert!(err.contains("flowsim made with fingerprint older, this is"), "{err}");
}
