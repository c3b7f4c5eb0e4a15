//! Whole columns in and out of SQLite.
//!
//! In: `INSERT` statements of [`ROWS`] rows; a statement per row costs ten times as much (about 0.16 against 1.8 million
//! rows per CPU-second). Out: one JSON array per column and chunk of [`CHUNK`] rows, made by SQLite; fetching row by row
//! costs several times as much, because every row crosses from the connection's thread on its own.
//!
//! The statements are put together from names in this program's text only (`&'static str`); every value is bound.

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row, query};
use std::sync::Arc;

/// Rows per `INSERT`: from 100 up the cost per row no longer falls, and 500 × 8 columns stay far below 32,766 parameters.
const ROWS: usize = 500;

/// Rows per `SELECT`: bounds the text held at once to a few MB.
const CHUNK: usize = 65_536;

/// Inserts `rows` of N integers (NULL = `None`) into `table`, whose columns are `columns`.
pub(super) async fn insert<const N: usize>(
    connection: &mut SqliteConnection,
    table: &'static str,
    columns: &'static str,
    rows: &[[Option<i64>; N]],
) -> Result<(), sqlx::Error> {
    let statement = |rows: usize| -> Arc<str> {
        let row = format!("({})", ["?"; N].join(","));
        format!("INSERT INTO {table} ({columns}) VALUES {}", vec![row; rows].join(",")).into()
    };
    let full = statement(ROWS);
    for chunk in rows.chunks(ROWS) {
        // Only the full statement is worth keeping prepared.
        let whole = chunk.len() == ROWS;
        let text = if whole { Arc::clone(&full) } else { statement(chunk.len()) };
        let mut insert = query(AssertSqlSafe(text)).persistent(whole);
        for value in chunk.iter().flatten() {
            insert = insert.bind(*value);
        }
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Reads N integer columns of the rows of `owner` (a value of `key`) in `table`, in order of `flow_index`; NULL = `None`.
pub(super) async fn select<const N: usize>(
    connection: &mut SqliteConnection,
    table: &'static str,
    columns: [&'static str; N],
    (key, owner): (&'static str, i64),
    count: usize,
) -> Result<[Vec<Option<i64>>; N], sqlx::Error> {
    let arrays = columns.map(|c| format!("json_group_array({c})")).join(", ");
    let text: Arc<str> = format!(
        "SELECT {arrays} FROM (SELECT {} FROM {table} WHERE {key} = ? AND flow_index BETWEEN ? AND ? ORDER BY flow_index)",
        columns.join(", ")
    )
    .into();
    let mut all = [const { Vec::new() }; N];
    for first in (0..count).step_by(CHUNK) {
        let chunk = query(AssertSqlSafe(Arc::clone(&text))).bind(owner).bind(first as i64);
        let row = chunk.bind((first + CHUNK - 1) as i64).fetch_one(&mut *connection).await?;
        let mut last = true;
        for (i, column) in all.iter_mut().enumerate() {
            let values: Vec<Option<i64>> =
                serde_json::from_str(row.try_get(i)?).map_err(|e| sqlx::Error::Decode(e.into()))?;
            last &= values.len() < CHUNK;
            column.extend(values);
        }
        if last {
            break; // a damaged store may claim any count
        }
    }
    Ok(all)
}
