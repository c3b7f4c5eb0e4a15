//! The tidy table as parquet: flat optional columns, snappy, row groups of about [`GROUP_ROWS`] rows.

use super::table::{Block, COLUMNS, Cell, Kind};
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::io::Write;
use std::sync::Arc;

/// Rows a group has at least, unless it is the last: readers skip and decode by group.
const GROUP_ROWS: usize = 262_144;

/// Values of a column that wait for their row group (only those that are not missing).
enum Values {
    Text(Vec<ByteArray>),
    Integer(Vec<i64>),
    Real(Vec<f64>),
}

/// A column that waits: definition level 1 = there is a value, 0 = it is missing.
struct Column {
    levels: Vec<i16>,
    values: Values,
}

/// A parquet file being written.
pub(super) struct ParquetTable<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: Vec<Column>,
}

impl<W: Write + Send> ParquetTable<W> {
    pub(super) fn new(to: W) -> Result<Self> {
        let field = |(name, kind): (&str, Kind)| match kind {
            Kind::Text => format!("OPTIONAL BYTE_ARRAY {name} (STRING);"),
            Kind::Integer => format!("OPTIONAL INT64 {name};"),
            Kind::Real => format!("OPTIONAL DOUBLE {name};"),
        };
        let schema = format!("message flow_result {{ {} }}", COLUMNS.map(field).join(" "));
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = SerializedFileWriter::new(to, Arc::new(parse_message_type(&schema)?), Arc::new(properties))?;
        Ok(Self { writer, columns: COLUMNS.iter().map(|(_, kind)| Column::new(*kind)).collect() })
    }

    pub(super) fn append(&mut self, block: &Block<'_>) -> Result<()> {
        for row in block.rows() {
            for (column, cell) in self.columns.iter_mut().zip(row) {
                column.push(cell)?;
            }
        }
        if self.columns[0].levels.len() >= GROUP_ROWS { self.write_group() } else { Ok(()) }
    }

    pub(super) fn finish(mut self) -> Result<()> {
        if !self.columns[0].levels.is_empty() {
            self.write_group()?;
        }
        self.writer.close().map(drop)
    }

    fn write_group(&mut self) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            let mut to = group.next_column()?.ok_or_else(|| ParquetError::General("a column too many".into()))?;
            let levels = Some(column.levels.as_slice());
            match (to.untyped(), &column.values) {
                (ColumnWriter::ByteArrayColumnWriter(w), Values::Text(v)) => w.write_batch(v, levels, None)?,
                (ColumnWriter::Int64ColumnWriter(w), Values::Integer(v)) => w.write_batch(v, levels, None)?,
                (ColumnWriter::DoubleColumnWriter(w), Values::Real(v)) => w.write_batch(v, levels, None)?,
                _ => return Err(ParquetError::General("a column has another type than its schema".into())),
            };
            to.close()?;
            column.clear();
        }
        group.close().map(drop)
    }
}

impl Column {
    fn new(kind: Kind) -> Self {
        let values = match kind {
            Kind::Text => Values::Text(Vec::new()),
            Kind::Integer => Values::Integer(Vec::new()),
            Kind::Real => Values::Real(Vec::new()),
        };
        Self { levels: Vec::new(), values }
    }

    fn push(&mut self, cell: Cell<'_>) -> Result<()> {
        match (&mut self.values, cell) {
            (_, Cell::Missing) => {
                self.levels.push(0);
                return Ok(());
            }
            (Values::Text(values), Cell::Text(text)) => {
                // Text columns are constant over whole blocks; equal neighbours share their bytes.
                let same = values.last().filter(|last| last.data() == text.as_bytes()).cloned();
                values.push(same.unwrap_or_else(|| ByteArray::from(text)));
            }
            (Values::Integer(values), Cell::Integer(v)) => {
                values.push(i64::try_from(v).map_err(|e| ParquetError::External(Box::new(e)))?);
            }
            (Values::Real(values), Cell::Real(v)) => values.push(v),
            _ => return Err(ParquetError::General("a cell has another kind than its column".into())),
        }
        self.levels.push(1);
        Ok(())
    }

    fn clear(&mut self) {
        self.levels.clear();
        match &mut self.values {
            Values::Text(v) => v.clear(),
            Values::Integer(v) => v.clear(),
            Values::Real(v) => v.clear(),
        }
    }
}
