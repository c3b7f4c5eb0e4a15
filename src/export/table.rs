//! The tidy table: one row per selected mix, backend and flow, with the attributes of the mix on every row.
//!
//! Order: mix, backend, flow. A value that does not exist (FCT of an unfinished flow) is missing, never a special number.

use super::tidy_parquet::ParquetTable;
use super::{ExportError, Format};
use crate::atomic::Replacement;
use crate::dataset::{RunResults, ScenarioResults};
use crate::store::{FlowColumns, Reader, Selection};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Real,
}

/// One cell.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'a> {
    Text(&'a str),
    Integer(u64),
    Real(f64),
    Missing,
}

/// Names and kinds of the columns; [`row`] fills them in this order.
pub(super) const COLUMNS: [(&str, Kind); 22] = [
    ("mix_id", Kind::Integer),
    ("scenario", Kind::Text),
    ("backend", Kind::Text),
    ("flow_id", Kind::Integer),
    ("src", Kind::Integer),
    ("dst", Kind::Integer),
    ("size_bytes", Kind::Integer),
    ("start_ns", Kind::Integer),
    ("fct_ns", Kind::Integer),
    ("ideal_fct_ns", Kind::Integer),
    ("slowdown", Kind::Real),
    ("cc", Kind::Text),
    ("spatial", Kind::Text),
    ("size_dist", Kind::Text),
    ("cluster", Kind::Text),
    ("lognorm_sigma", Kind::Real),
    ("max_load", Kind::Real),
    ("delivered_load", Kind::Real),
    ("buffer_bytes", Kind::Integer),
    ("window_bytes", Kind::Integer),
    ("host_count", Kind::Integer),
    ("max_inflight_flows", Kind::Integer),
];

/// The rows of one mix under one backend.
pub(super) struct Block<'a> {
    flows: &'a FlowColumns,
    results: &'a ScenarioResults,
    backend: &'a str,
    run: &'a RunResults,
}

impl Block<'_> {
    pub(super) fn rows(&self) -> impl Iterator<Item = [Cell<'_>; COLUMNS.len()]> {
        (0..self.flows.id.len()).map(|i| self.row(i))
    }

    fn row(&self, i: usize) -> [Cell<'_>; COLUMNS.len()] {
        let Self { flows, results, backend, run } = self;
        let a = &results.attributes;
        let time = |ns: u64| if ns == u64::MAX { Cell::Missing } else { Cell::Integer(ns) };
        let real = |v: f64| if v.is_nan() { Cell::Missing } else { Cell::Real(v) };
        [
            Cell::Integer(results.mix_id),
            Cell::Text(&results.digest),
            Cell::Text(backend),
            Cell::Integer(flows.id[i]),
            Cell::Integer(flows.src[i]),
            Cell::Integer(flows.dst[i]),
            Cell::Integer(flows.size_bytes[i]),
            time(run.start_ns[i]),
            time(run.fct_ns[i]),
            Cell::Integer(flows.ideal_fct_ns[i]),
            real(run.slowdown[i]),
            Cell::Text(&a.cc),
            Cell::Text(&a.spatial),
            Cell::Text(&a.size_dist),
            Cell::Text(&a.cluster),
            real(a.lognorm_sigma),
            real(a.max_load),
            real(a.delivered_load),
            Cell::Integer(a.buffer_bytes),
            Cell::Integer(a.window_bytes),
            Cell::Integer(a.hosts),
            Cell::Integer(a.max_inflight_flows),
        ]
    }
}

/// Writes the selected ok runs as one table into the file `out`. Memory: one scenario (parquet: one row group besides).
///
/// # Errors
/// [`ExportError::Io`], [`ExportError::Parquet`], or what the store says; an older file is still there then.
pub async fn tidy(reader: &Reader, selection: &Selection, format: Format, out: &Path) -> Result<(), ExportError> {
    let mut replacement = Replacement::of(out).map_err(|e| ExportError::io(out, e))?;
    match format {
        Format::Csv => {
            tidy_csv(reader, selection, &mut replacement.file).await.map_err(|e| match e {
                ExportError::Stream(source) => ExportError::io(out, source),
                other => other,
            })?;
        }
        Format::Parquet => {
            let named = |source| ExportError::parquet(out, source);
            let mut table = ParquetTable::new(&mut replacement.file).map_err(named)?;
            each_block(reader, selection, |block| table.append(block).map_err(named)).await?;
            table.finish().map_err(named)?;
        }
    }
    replacement.finish().map_err(|e| ExportError::io(out, e))
}

/// Writes the same table as CSV to a stream.
///
/// # Errors
/// [`ExportError::Stream`], or what the store says.
pub async fn tidy_csv(reader: &Reader, selection: &Selection, out: &mut (dyn Write + Send)) -> Result<(), ExportError> {
    let header = COLUMNS.map(|(name, _)| name).join(",");
    writeln!(out, "{header}").map_err(ExportError::Stream)?;
    each_block(reader, selection, |block| write_csv(out, block).map_err(ExportError::Stream)).await
}

async fn each_block(
    reader: &Reader,
    selection: &Selection,
    mut take: impl FnMut(&Block<'_>) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    for mix in reader.mixes(selection).await? {
        let (flows, results) = (reader.flows(&mix).await?, reader.results(&mix, selection).await?);
        for (backend, run) in &results.runs {
            take(&Block { flows: &flows, results: &results, backend, run })?;
        }
    }
    Ok(())
}

fn write_csv(out: &mut dyn Write, block: &Block<'_>) -> io::Result<()> {
    let mut line = String::new();
    for row in block.rows() {
        line.clear();
        for cell in row {
            match cell {
                Cell::Text(text) => quote(&mut line, text),
                Cell::Integer(v) => write!(line, "{v}").expect("strings take everything"),
                Cell::Real(v) => line.push_str(&real(v)),
                Cell::Missing => {}
            }
            line.push(',');
        }
        line.pop();
        line.push('\n');
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

/// A field of RFC 4180: quoted if it has to be.
fn quote(line: &mut String, text: &str) {
    if text.contains(['"', ',', '\n', '\r']) {
        line.push('"');
        line.push_str(&text.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(text);
    }
}

/// The shortest text that reads back as the same number, with a decimal point or exponent (1.0, not 1).
pub(super) fn real(v: f64) -> String {
    format!("{v:?}")
}
