//! `flows.txt`: the flows as the ns-3 programs read them.
//!
//! ```text
//! count
//! id src dst pg dport size start        pg = 3, dport = 100, size in bytes, start in seconds; sorted by start
//! ```
//!
//! The oldest programs have no id column; a flow's id is then its position. A start is a double, rounded to the nearest
//! nanosecond (ns-3.39) or down (ns-3.17). As in the programs, lines beyond the count are not read.

use super::FileError;
use super::quantity::seconds_to_ns;
use super::scanner::Scanner;
use crate::routing::DESTINATION_PORT;
use crate::scenario::{Flow, Scenario};
use crate::topology::NodeId;
use crate::units::{Bytes, SimTime};
use std::fmt::Write as _;

/// Priority group of every flow: the lossless queue that data uses.
const PRIORITY_GROUP: u64 = 3;
/// A row has at least this many bytes, which bounds what a claimed count can allocate.
const SHORTEST_ROW: usize = 14;

/// How a start in seconds becomes nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartRounding {
    /// To the nearest, half up: ns-3.39.
    Nearest,
    /// Down: ns-3.17.
    Down,
}

/// The content of `flows.txt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowFile {
    /// Flows by start.
    pub flows: Vec<Flow>,
    /// Rows beyond the count, which the programs do not read either.
    pub unread_rows: usize,
}

/// Reads `flows.txt`. Cost: O(text).
///
/// # Errors
/// [`FileError`] for the first row that does not fit, for a flow with another priority group or port than 3 and 100, for
/// fewer rows than the count says, and for a start before that of the row above.
pub fn read_flows(file: &str, text: &str, rounding: StartRounding) -> Result<FlowFile, FileError> {
    let mut lines = Scanner::lines(file, text);
    let mut first = lines.next().unwrap_or_else(|| Scanner::new(file, "", 1));
    let count: usize = first.number("the number of flows")?;
    first.end("only the number of flows on the first line")?;
    let mut flows: Vec<Flow> = Vec::with_capacity(count.min(text.len() / SHORTEST_ROW));
    let mut last_line = first;
    let mut columns = None;
    while flows.len() < count {
        let Some(mut row) = lines.next() else {
            let found = format!("{} rows", flows.len());
            return Err(last_line.unexpected(found, format!("{count} rows, as the first line says")));
        };
        let columns = *columns.get_or_insert_with(|| row.count_words());
        let flow = read_row(&mut row, columns, flows.len() as u64, rounding)?;
        if let Some(before) = flows.last().filter(|before| before.start > flow.start) {
            let expected = format!("a start not before {} of the row above", before.start);
            return Err(row.unexpected(format!("start {}", flow.start), expected));
        }
        flows.push(flow);
        last_line = row;
    }
    Ok(FlowFile { flows, unread_rows: lines.count() })
}

fn read_row(row: &mut Scanner<'_>, columns: usize, position: u64, rounding: StartRounding) -> Result<Flow, FileError> {
    let words = row.count_words();
    if words != columns || !(6..=7).contains(&columns) {
        let _ = row.next_word(); // so that the error names this line
        return Err(row.unexpected(
            format!("{words} columns"),
            "`id src dst 3 100 size start`, or the same without id, in every row",
        ));
    }
    let id = if columns == 7 { row.number("a flow id")? } else { position };
    let (src, dst) = (row.number("the source host")?, row.number("the destination host")?);
    let group: u64 = row.number("the priority group")?;
    if group != PRIORITY_GROUP {
        return Err(row.unsupported(format!("priority group {group}"), "3"));
    }
    let port: u64 = row.number("the destination port")?;
    if port != u64::from(DESTINATION_PORT) {
        return Err(row.unsupported(format!("destination port {port}"), "100"));
    }
    let size: u64 = row.number("the size in bytes")?;
    if size == 0 {
        return Err(row.unexpected("a flow of 0 bytes", "at least 1 byte"));
    }
    let seconds: f64 = row.number("the start in seconds")?;
    let start = seconds_to_ns(seconds, rounding == StartRounding::Nearest)
        .ok_or_else(|| row.unexpected(format!("start {seconds}"), "seconds from 0 to 18,446,744 (213 days)"))?;
    Ok(Flow { id, src: NodeId(src), dst: NodeId(dst), size: Bytes(size), start: SimTime::from_ns(start) })
}

/// Writes `flows.txt` as parsimon-eval does: starts (whole ns, rounded down) in the shortest decimal form, no final newline.
pub fn write_flows(scenario: &Scenario) -> String {
    let mut out = scenario.flows().len().to_string();
    for f in scenario.flows() {
        let (id, src, dst, size) = (f.id, f.src.0, f.dst.0, f.size.0);
        let start_s = f.start.ns_floor() as f64 / 1e9;
        write!(out, "\n{id} {src} {dst} {PRIORITY_GROUP} {DESTINATION_PORT} {size} {start_s}")
            .expect("writing to a string cannot fail");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Scope, random_scenario};

    const TWO: &str = "2\n0 1 0 3 100 86223 1\n7 17 19 3 100 70220 1.000003221\n";

    fn read(text: &str) -> Result<FlowFile, FileError> {
        read_flows("f", text, StartRounding::Nearest)
    }

    #[test]
    fn both_forms_give_the_same_flows_but_for_ids() {
        let with_ids = read(TWO).unwrap().flows;
        assert_eq!((with_ids[1].id, with_ids[1].start), (7, SimTime::from_ns(1_000_003_221)));
        let without = read("2\n1 0 3 100 86223 1\n17 19 3 100 70220 1.000003221").unwrap().flows;
        assert_eq!(without, [with_ids[0], Flow { id: 1, ..with_ids[1] }]);
    }

    #[test]
    fn rows_beyond_the_count_are_not_read_but_counted() {
        let cut = read(&TWO.replace("2\n0", "1\n0")).unwrap();
        assert_eq!((cut.flows.len(), cut.unread_rows), (1, 1));
    }

    #[test]
    fn starts_are_rounded_as_each_ns3_does() {
        let text = "1\n0 1 0 3 100 5 2.3";
        assert_eq!(read(text).unwrap().flows[0].start, SimTime::from_ns(2_300_000_000));
        let down = read_flows("f", text, StartRounding::Down).unwrap();
        assert_eq!(down.flows[0].start, SimTime::from_ns(2_299_999_999));
    }

    #[test]
    fn writing_then_reading_gives_the_same_flows() {
        for seed in 0..100 {
            let scenario = random_scenario(seed, Scope::default());
            assert_eq!(read(&write_flows(&scenario)).unwrap().flows, scenario.flows());
        }
        assert_eq!(read("0").unwrap().flows, []);
    }

    #[test]
    fn every_fault_is_an_error_with_its_line() {
        for (from, to, message) in [
            ("2\n", "3\n", "f:3: found 2 rows, expected 3 rows, as the first line says"),
            (
                "2\n",
                "18446744073709551615\n",
                "f:3: found 2 rows, expected 18446744073709551615 rows, as the first line says",
            ),
            ("0 3 100", "0 2 100", "f:2: priority group 2 is not supported (supported: 3)"),
            ("0 3 100", "0 3 80", "f:2: destination port 80 is not supported (supported: 100)"),
            ("86223", "0", "f:2: found a flow of 0 bytes, expected at least 1 byte"),
            ("86223", "8e4", "f:2: found `8e4`, expected the size in bytes"),
            (
                "86223 1",
                "86223 2",
                "f:3: found start 1000003221 ns, expected a start not before 2000000000 ns of the row above",
            ),
            ("1.000003221", "inf", "f:3: found start inf, expected seconds from 0 to 18,446,744 (213 days)"),
            (
                "7 17",
                "17",
                "f:3: found 6 columns, expected `id src dst 3 100 size start`, or the same without id, in every row",
            ),
        ] {
            assert_eq!(read(&TWO.replacen(from, to, 1)).unwrap_err().to_string(), message);
        }
        assert_eq!(read("").unwrap_err().to_string(), "f:1: found the end, expected the number of flows");
    }
}
