//! What a training says about itself, step by step: `loss.csv` for anything, an event file for TensorBoard.
//!
//! ```text
//! DIR/loss.csv                          step, then one column per scalar; empty where a step has no such value
//! DIR/events.out.tfevents.0.mixlab      the same as scalars, for `tensorboard --logdir DIR`
//! ```
//!
//! Both grow by one row per step. A training that goes on from a checkpoint first drops the rows of later steps, so that an
//! interrupted training leaves the same `loss.csv` as one that was not.

use super::tensorboard::{self, Event};
use crate::atomic;
use crate::bounded::{self, TRAINING_FILE};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Name of the table.
pub const CSV: &str = "loss.csv";
/// Name of the event file: TensorBoard looks for `tfevents` in it.
pub const EVENTS: &str = "events.out.tfevents.0.mixlab";

/// Name and value of a scalar; `None` if the step has none.
pub type Scalar = (&'static str, Option<f64>);

/// Both files, open at their ends.
#[derive(Debug)]
pub struct Log {
    csv: File,
    events: File,
}

impl Log {
    /// Opens the log in `folder` after its first `steps` steps: later rows are dropped, a log that is not there begins.
    ///
    /// # Errors
    /// Any input/output error.
    pub fn open(folder: &Path, columns: &[&str], steps: u64, wall_time_s: f64) -> io::Result<Self> {
        let (csv, events) = (folder.join(CSV), folder.join(EVENTS));
        let head = format!("step,{}\n", columns.join(","));
        let old = text_or_empty(&csv)?;
        if steps > 0 && !old.is_empty() && !old.starts_with(&head) {
            let found = old.lines().next().unwrap_or_default();
            let text =
                format!("{CSV} has the columns `{found}`, expected `{}`: it is not of this training", head.trim_end());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        // A row that was cut off by the death of the process has no step that was checkpointed.
        let kept = old.strip_prefix(&head).unwrap_or_default().split_inclusive('\n').filter(|row| {
            row.ends_with('\n') && row.split(',').next().and_then(|s| s.parse().ok()).is_some_and(|s: u64| s <= steps)
        });
        atomic::write(&csv, (head.clone() + &kept.collect::<String>()).as_bytes())?;
        let mut stream = tensorboard::beginning(wall_time_s);
        let old = tensorboard::decode(&bytes_or_empty(&events)?);
        old.iter().filter(|e| e.step <= steps).for_each(|e| stream.extend(tensorboard::encode(e)));
        atomic::write(&events, &stream)?;
        let append = |path| OpenOptions::new().append(true).open(path);
        Ok(Self { csv: append(&csv)?, events: append(&events)? })
    }

    /// Adds a step with all its columns.
    ///
    /// # Errors
    /// Any input/output error.
    pub fn add(&mut self, step: u64, scalars: &[Scalar], wall_time_s: f64) -> io::Result<()> {
        let cells: Vec<String> = scalars.iter().map(|(_, v)| v.map_or(String::new(), |v| v.to_string())).collect();
        self.csv.write_all(format!("{step},{}\n", cells.join(",")).as_bytes())?;
        let tags = scalars.iter().filter_map(|(name, v)| Some((tag(name), (*v)? as f32)));
        self.events.write_all(&tensorboard::encode(&Event { wall_time_s, step, scalars: tags.collect() }))
    }
}

/// A file of the log; empty if there is none yet.
fn bytes_or_empty(path: &Path) -> io::Result<Vec<u8>> {
    match bounded::read(path, TRAINING_FILE) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        // Whoever reports it names the folder.
        other => other.map_err(|e| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            io::Error::new(e.kind(), format!("{name}: {e}"))
        }),
    }
}

/// The same as text. A log that was cut off within a character is still one.
fn text_or_empty(path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&bytes_or_empty(path)?).into_owned())
}

/// `validation_mean` → `validation/mean`; what has no group is of the training.
fn tag(column: &str) -> String {
    match column.split_once('_') {
        Some(("validation", rest)) => format!("validation/{rest}"),
        _ => format!("train/{column}"),
    }
}

/// A read `loss.csv`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Names of the columns after `step`.
    pub columns: Vec<String>,
    /// Steps and values (NaN = none), in the order of the file.
    pub rows: Vec<(u64, Vec<f64>)>,
}

impl Curve {
    /// Reads a `loss.csv`.
    ///
    /// # Errors
    /// An input/output error, or one of kind `InvalidData` naming the line.
    pub fn read(path: &Path) -> io::Result<Self> {
        Self::parse(&bounded::read_text(path, TRAINING_FILE)?)
    }

    /// Reads the text of a `loss.csv`.
    ///
    /// # Errors
    /// One of kind `InvalidData` naming the line.
    pub fn parse(text: &str) -> io::Result<Self> {
        let bad = |line: usize, what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("line {line}: {what}"));
        let mut lines = text.lines();
        let head = lines.next().and_then(|l| l.strip_prefix("step,")).ok_or_else(|| bad(1, "no header `step,…`"))?;
        let columns: Vec<String> = head.split(',').map(str::to_owned).collect();
        let row = |(n, line): (usize, &str)| {
            let mut cells = line.split(',');
            let step = cells.next().and_then(|s| s.parse().ok()).ok_or_else(|| bad(n + 2, "no step"))?;
            let value = |cell: &str| if cell.is_empty() { Ok(f64::NAN) } else { cell.parse() };
            let values: Vec<f64> = cells.map(value).collect::<Result<_, _>>().map_err(|_| bad(n + 2, "no number"))?;
            if values.len() == columns.len() { Ok((step, values)) } else { Err(bad(n + 2, "wrong number of cells")) }
        };
        let rows = lines.enumerate().map(row).collect::<io::Result<_>>()?;
        Ok(Self { columns, rows })
    }

    /// The steps that have a value in a column, with it.
    pub fn of(&self, column: &str) -> Vec<(u64, f64)> {
        let Some(at) = self.columns.iter().position(|c| c == column) else { return Vec::new() };
        self.rows.iter().map(|(step, values)| (*step, values[at])).filter(|(_, v)| !v.is_nan()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn add(log: &mut Log, step: u64) {
        let validation = step.is_multiple_of(2).then_some(0.25);
        log.add(step, &[("loss", Some(1.0 / step as f64)), ("validation_mean", validation)], 9.0).expect("writable");
    }

    #[test]
    fn a_log_that_goes_on_from_a_checkpoint_is_that_of_an_uninterrupted_training() {
        let (whole, parts) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let open = |dir: &Path, steps| Log::open(dir, &["loss", "validation_mean"], steps, 9.0).expect("writable");
        let mut log = open(whole.path(), 0);
        (1..=6).for_each(|step| add(&mut log, step));
        let mut log = open(parts.path(), 0);
        (1..=5).for_each(|step| add(&mut log, step));
        log.csv.write_all(b"6,0.1").expect("writable"); // killed in the middle of a row
        let mut log = open(parts.path(), 3);
        (4..=6).for_each(|step| add(&mut log, step));
        let files = |dir: &Path| [CSV, EVENTS].map(|name| fs::read(dir.join(name)).expect("readable"));
        assert_eq!(files(whole.path()), files(parts.path()));
        let curve = Curve::read(&parts.path().join(CSV)).expect("well formed");
        assert_eq!(curve.of("validation_mean"), [(2, 0.25), (4, 0.25), (6, 0.25)]);
        assert_eq!(curve.of("loss")[2], (3, 1.0 / 3.0));
        let events = tensorboard::decode(&files(parts.path())[1]);
        assert_eq!(events.len(), 6);
        assert_eq!(events[1].scalars, [("train/loss".to_owned(), 0.5), ("validation/mean".to_owned(), 0.25)]);
    }

    #[test]
    fn what_is_no_log_is_named_by_its_line() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("x.csv");
        for (text, line) in
            [("", "line 1"), ("a,b\n", "line 1"), ("step,a\n1,2\n3,x\n", "line 3"), ("step,a\n1,2,3\n", "line 2")]
        {
            fs::write(&path, text).expect("writable");
            assert!(Curve::read(&path).expect_err(text).to_string().starts_with(line), "{text}");
        }
    }
}
