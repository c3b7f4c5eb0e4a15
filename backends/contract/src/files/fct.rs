//! `fct*.txt`: one row per delivered flow, in order of delivery.
//!
//! ```text
//! id sip dip sport dport size start fct ideal        addresses in hexadecimal, size in bytes, times in ns
//!    sip dip sport dport size start fct ideal        older programs: the flow follows from addresses and source port
//! ```
//!
//! Source ports of a pair of hosts count up from 10,000 in flow order, which identifies a flow where there is no id.
//! In the 9-column form the FCT ends at the receiver's last byte; programs of the 8-column form take the sender's last ACK.
//! The `ideal` column is kept, but a slowdown uses [`crate::ideal_fct`].

use super::FileError;
use super::quantity::within_range;
use super::scanner::Scanner;
use crate::backend::FlowOutcome;
use crate::ideal::ideal_fct;
use crate::routing::{DESTINATION_PORT, address, source_ports};
use crate::scenario::{Application, FlowIndex, Scenario};
use crate::topology::NodeId;
use crate::units::{Bytes, SimDuration, SimTime};
use std::collections::HashMap;
use std::fmt::Write as _;

/// Which columns the rows have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FctForm {
    /// Nine, the first being the flow id.
    WithIds,
    /// Eight, without flow id.
    WithoutIds,
}

/// One delivered flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FctRow {
    /// Line in the file, from 1.
    pub line: usize,
    /// Flow id, in the 9-column form.
    pub id: Option<u64>,
    /// Sender.
    pub src: NodeId,
    /// Receiver.
    pub dst: NodeId,
    /// Port of the sender.
    pub source_port: u16,
    /// Application bytes.
    pub size: Bytes,
    /// When it was released.
    pub start: SimTime,
    /// From release to the end.
    pub fct: SimDuration,
    /// The program's own ideal FCT.
    pub ideal: SimDuration,
}

/// The content of `fct*.txt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FctFile {
    /// The name the caller gave, for later errors.
    pub file: String,
    /// Its columns ([`FctForm::WithIds`] if there is no row).
    pub form: FctForm,
    /// Rows in the order of the file.
    pub rows: Vec<FctRow>,
}

/// Reads `fct*.txt`. Cost: O(text).
///
/// # Errors
/// [`FileError`] for the first row that does not fit: another number of columns than 9 or 8 (the same in all rows), a number
/// that is none, an address of no host, another destination port than 100.
pub fn read_fct(file: &str, text: &str) -> Result<FctFile, FileError> {
    let mut form = None;
    let mut rows = Vec::new();
    for mut row in Scanner::lines(file, text) {
        let columns = row.count_words();
        let this = match columns {
            9 => Some(FctForm::WithIds),
            8 => Some(FctForm::WithoutIds),
            _ => None,
        };
        match this.filter(|f| *form.get_or_insert(*f) == *f) {
            Some(form) => rows.push(read_row(&mut row, form)?),
            None => {
                let _ = row.next_word(); // so that the error names this line
                let expected =
                    "9 columns (`id sip dip sport dport size start fct ideal`), or 8 without id, in every row";
                return Err(row.unexpected(format!("{columns} columns"), expected));
            }
        }
    }
    Ok(FctFile { file: file.into(), form: form.unwrap_or(FctForm::WithIds), rows })
}

fn read_row(row: &mut Scanner<'_>, form: FctForm) -> Result<FctRow, FileError> {
    let id = if form == FctForm::WithIds { Some(row.number("a flow id")?) } else { None };
    let (src, dst) = (read_address(row)?, read_address(row)?);
    let source_port = row.number("the source port")?;
    let port: u64 = row.number("the destination port")?;
    if port != u64::from(DESTINATION_PORT) {
        return Err(row.unsupported(format!("destination port {port}"), "100"));
    }
    let size = Bytes(row.number("the size in bytes")?);
    let [start, fct, ideal] = [read_ns(row, "start")?, read_ns(row, "FCT")?, read_ns(row, "ideal FCT")?];
    row.end("the end of the row")?;
    Ok(FctRow {
        line: row.line(),
        id,
        src,
        dst,
        source_port,
        size,
        start: SimTime::from_ns(start),
        fct: SimDuration::from_ns(fct),
        ideal: SimDuration::from_ns(ideal),
    })
}

fn read_ns(row: &mut Scanner<'_>, what: &str) -> Result<u64, FileError> {
    let ns: u64 = row.number(&format!("the {what} in ns"))?;
    within_range(ns).ok_or_else(|| row.unexpected(format!("{what} {ns} ns"), "less than 213 days"))
}

fn read_address(row: &mut Scanner<'_>) -> Result<NodeId, FileError> {
    let expected = "the address of a host as 8 hexadecimal digits";
    let word = row.word(expected)?;
    let node = u32::from_str_radix(word, 16).ok().filter(|_| word.len() == 8).and_then(node_at);
    node.ok_or_else(|| row.unexpected_word(word, expected))
}

/// The inverse of [`address`].
fn node_at(ip: u32) -> Option<NodeId> {
    let offset = ip.checked_sub(address(NodeId(0)))?;
    let node = NodeId((offset >> 16) * 256 + (offset >> 8) % 256);
    (address(node) == ip).then_some(node)
}

/// The outcome of every flow of `scenario`, in flow order. A flow without a row is unfinished; in an open scenario it was
/// released at its own start, in a closed loop the file does not say when.
///
/// # Errors
/// [`FileError`] for the first row that names no flow of the scenario, or one that was named before, or contradicts the
/// flow's hosts, size or start (closed loop: is released before it), or ends after the horizon.
pub fn match_outcomes(fct: &FctFile, scenario: &Scenario) -> Result<Vec<FlowOutcome>, FileError> {
    let open = scenario.application() == Application::Open;
    let released = |f: &crate::Flow| Some(f.start).filter(|s| open && *s <= scenario.horizon());
    let mut outcomes: Vec<FlowOutcome> =
        scenario.flows().iter().map(|f| FlowOutcome::Unfinished { start: released(f) }).collect();
    let index = RowIndex::new(fct.form, scenario);
    let mut line_of = vec![0usize; outcomes.len()];
    for row in &fct.rows {
        let fault = |found: String, expected: String| FileError::Unexpected {
            file: fct.file.clone(),
            line: row.line,
            found,
            expected,
        };
        let at = index.find(row).ok_or_else(|| fault(row.name(), "a flow of the flow file".into()))?;
        let flow = &scenario.flows()[at];
        if line_of[at] != 0 {
            return Err(fault(row.name(), format!("each flow once, but line {} has it too", line_of[at])));
        }
        line_of[at] = row.line;
        if (row.src, row.dst, row.size) != (flow.src, flow.dst, flow.size) {
            let [found, expected] = [(row.src, row.dst, row.size), (flow.src, flow.dst, flow.size)]
                .map(|(s, d, b)| format!("flow {} from host {} to host {} of {b}", flow.id, s.0, d.0));
            return Err(fault(found, format!("{expected}, as in the flow file")));
        }
        if row.start < flow.start || open && row.start != flow.start {
            let expected =
                format!("its start in the flow file, {}{}", flow.start, if open { "" } else { ", or later" });
            return Err(fault(format!("flow {} starting at {}", flow.id, row.start), expected));
        }
        if row.start + row.fct > scenario.horizon() {
            let found = format!("flow {} finishing at {}", flow.id, row.start + row.fct);
            return Err(fault(found, format!("nothing after the horizon, {}", scenario.horizon())));
        }
        outcomes[at] = FlowOutcome::Completed { start: row.start, fct: row.fct };
    }
    Ok(outcomes)
}

impl FctRow {
    /// How an error calls the flow.
    fn name(&self) -> String {
        match self.id {
            Some(id) => format!("flow {id}"),
            None => format!("a flow from host {} to host {}, port {}", self.src.0, self.dst.0, self.source_port),
        }
    }
}

/// From a row to the position of its flow.
enum RowIndex {
    Ids(HashMap<u64, usize>),
    Ports(HashMap<(NodeId, NodeId, u16), usize>),
}

impl RowIndex {
    fn new(form: FctForm, scenario: &Scenario) -> Self {
        let flows = scenario.flows();
        match form {
            FctForm::WithIds => Self::Ids(flows.iter().enumerate().map(|(i, f)| (f.id, i)).collect()),
            FctForm::WithoutIds => {
                let ports = source_ports(flows);
                Self::Ports(flows.iter().zip(ports).enumerate().map(|(i, (f, p))| ((f.src, f.dst, p), i)).collect())
            }
        }
    }

    fn find(&self, row: &FctRow) -> Option<usize> {
        match self {
            Self::Ids(of) => of.get(&row.id?).copied(),
            Self::Ports(of) => of.get(&(row.src, row.dst, row.source_port)).copied(),
        }
    }
}

/// Writes the 9-column form: completed flows by end (ties in flow order), times in whole ns, to the nearest.
///
/// # Panics
/// If `outcomes` has not one entry per flow.
pub fn write_fct(scenario: &Scenario, outcomes: &[FlowOutcome]) -> String {
    assert_eq!(outcomes.len(), scenario.flows().len(), "one outcome per flow");
    let mut done: Vec<(SimTime, FlowIndex, SimTime, SimDuration)> = Vec::new();
    for (index, outcome) in scenario.indices().zip(outcomes) {
        if let FlowOutcome::Completed { start, fct } = *outcome {
            done.push((start + fct, index, start, fct));
        }
    }
    done.sort_unstable();
    let ports = source_ports(scenario.flows());
    let mut out = String::new();
    for (_, index, start, fct) in done {
        let f = scenario.flow(index);
        let (id, from, to, port, size) = (f.id, address(f.src), address(f.dst), ports[index.index()], f.size.0);
        let (start, fct, ideal) = (start.ns_floor(), fct.ns_nearest(), ideal_fct(scenario, index).ns_nearest());
        writeln!(out, "{id} {from:08x} {to:08x} {port} {DESTINATION_PORT} {size} {start} {fct} {ideal}")
            .expect("writing to a string cannot fail");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Backend, Silent};
    use crate::conformance::{Scope, random_scenario};
    use crate::ideal::IdealBackend;

    fn outcomes(scenario: &Scenario) -> Vec<FlowOutcome> {
        IdealBackend.run(scenario, &Silent).unwrap().outcomes
    }

    fn without_ids(text: &str) -> String {
        text.lines().map(|l| l.split_once(' ').unwrap().1.to_owned() + "\n").collect()
    }

    #[test]
    fn addresses_are_those_of_hosts() {
        for node in [0, 1, 255, 256, 65_535, 65_536, 1_000_000] {
            assert_eq!(node_at(address(NodeId(node))), Some(NodeId(node)));
        }
        for ip in [0, 0x0b00_0000, 0x0b00_0002, u32::MAX] {
            assert_eq!(node_at(ip), None);
        }
    }

    #[test]
    fn writing_then_reading_gives_the_same_outcomes_with_and_without_ids() {
        for seed in 0..100 {
            let scenario = random_scenario(seed, Scope::default());
            let before = outcomes(&scenario);
            let text = write_fct(&scenario, &before);
            for text in [text.clone(), without_ids(&text)] {
                let fct = read_fct("fct.txt", &text).unwrap();
                assert_eq!(match_outcomes(&fct, &scenario).as_ref(), Ok(&before), "seed {seed}");
            }
        }
    }

    #[test]
    fn a_flow_without_row_is_unfinished() {
        let scenario = random_scenario(2, Scope { closed_loops: false, ..Scope::default() });
        let text = write_fct(&scenario, &outcomes(&scenario));
        let (first, rest) = text.split_once('\n').unwrap();
        let id: u64 = first.split(' ').next().unwrap().parse().unwrap();
        let matched = match_outcomes(&read_fct("f", rest).unwrap(), &scenario).unwrap();
        let missing = scenario.flows().iter().position(|f| f.id == id).unwrap();
        assert_eq!(matched[missing], FlowOutcome::Unfinished { start: Some(scenario.flows()[missing].start) });
        assert_eq!(matched.iter().filter(|o| o.fct().is_none()).count(), 1);
    }

    #[test]
    fn rows_that_contradict_the_flows_are_errors() {
        let scenario = random_scenario(2, Scope { closed_loops: false, ..Scope::default() });
        let text = write_fct(&scenario, &outcomes(&scenario));
        let row = text.lines().next().unwrap();
        let words: Vec<&str> = row.split(' ').collect();
        let changed = |column: usize, value: &str| {
            let mut words = words.clone();
            words[column] = value;
            words.join(" ")
        };
        for (text, part) in [
            (changed(0, "99999"), "found flow 99999, expected a flow of the flow file"),
            (format!("{row}\n{row}"), "each flow once, but line 1 has it too"),
            (changed(1, words[2]), "as in the flow file"),
            (changed(5, "12345678"), "of 12345678 B, expected"),
            (changed(6, "5"), "starting at 5 ns, expected its start in the flow file"),
            (changed(7, "9000000000"), "nothing after the horizon"),
            (changed(4, "101"), "destination port 101 is not supported"),
            (changed(1, "0b00000g"), "found `0b00000g`, expected the address of a host"),
            (changed(6, "18446744073709551615"), "expected less than 213 days"),
            (format!("{row} 1"), "found 10 columns"),
            (format!("{row}\n{}", without_ids(row)), "f:2: found 8 columns"),
        ] {
            let error = read_fct("f", &text).and_then(|f| match_outcomes(&f, &scenario)).unwrap_err().to_string();
            assert!(error.contains(part), "{error}\nshould say: {part}");
        }
    }
}
