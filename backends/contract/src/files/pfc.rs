//! `pfc*.txt`: every PFC frame sent or received, in order of time.
//!
//! ```text
//! time node node-type port code        time in ns; type 0 host, 1 switch; ports of a node count from 1 in link order;
//!                                      code 0 resume received, 1 pause received, 2 pause sent, 3 resume sent
//! ```
//!
//! The oldest programs log only what is received.

use super::FileError;
use super::quantity::within_range;
use super::scanner::Scanner;
use crate::topology::{NodeId, NodeKind};
use crate::units::SimTime;
use std::fmt::Write as _;

/// What happened to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PfcKind {
    /// A port may send again.
    ResumeReceived,
    /// A port must stop sending.
    PauseReceived,
    /// A port's upstream neighbour is told to stop.
    PauseSent,
    /// A port's upstream neighbour is told to go on.
    ResumeSent,
}

const KINDS: [PfcKind; 4] = [PfcKind::ResumeReceived, PfcKind::PauseReceived, PfcKind::PauseSent, PfcKind::ResumeSent];

/// One PFC frame at one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PfcEvent {
    /// When.
    pub time: SimTime,
    /// Where.
    pub node: NodeId,
    /// What the node is.
    pub node_kind: NodeKind,
    /// Port of the node, from 1.
    pub port: u32,
    /// What.
    pub kind: PfcKind,
}

/// Reads `pfc*.txt`. Cost: O(text).
///
/// # Errors
/// [`FileError`] for the first line that does not fit or goes back in time.
pub fn read_pfc(file: &str, text: &str) -> Result<Vec<PfcEvent>, FileError> {
    let mut events: Vec<PfcEvent> = Vec::new();
    for mut row in Scanner::lines(file, text) {
        let ns: u64 = row.number("the time in ns")?;
        let time = within_range(ns).ok_or_else(|| row.unexpected(format!("{ns} ns"), "less than 213 days"))?;
        let time = SimTime::from_ns(time);
        if let Some(before) = events.last().filter(|e| e.time > time) {
            return Err(row.unexpected(format!("{ns} ns"), format!("not before {} of the row above", before.time)));
        }
        let node = NodeId(row.number("a node")?);
        let node_kind = match row.number::<u8>("a node type")? {
            0 => NodeKind::Host,
            1 => NodeKind::Switch,
            other => return Err(row.unexpected(format!("node type {other}"), "0 (host) or 1 (switch)")),
        };
        let port = row.number("a port")?;
        let code: usize = row.number("a code")?;
        let kind = KINDS.get(code).copied().ok_or_else(|| row.unexpected(format!("code {code}"), "0 to 3"))?;
        row.end("the end of the row")?;
        events.push(PfcEvent { time, node, node_kind, port, kind });
    }
    Ok(events)
}

/// Writes `pfc*.txt`, times in whole ns, rounded down.
pub fn write_pfc(events: &[PfcEvent]) -> String {
    let mut out = String::new();
    for e in events {
        let kind = u8::from(e.node_kind == NodeKind::Switch);
        let code = KINDS.iter().position(|k| *k == e.kind).expect("every kind is listed");
        writeln!(out, "{} {} {kind} {} {code}", e.time.ns_floor(), e.node.0, e.port)
            .expect("writing to a string cannot fail");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_then_writing_gives_the_same_text() {
        let text =
            "1000039584 9 1 6 2\n1000041103 9 1 3 2\n1000041361 7 0 1 1\n1000041361 7 0 1 0\n1000041361 9 1 6 3\n";
        let events = read_pfc("pfc.txt", text).unwrap();
        assert_eq!((events[2].node_kind, events[2].kind), (NodeKind::Host, PfcKind::PauseReceived));
        assert_eq!(write_pfc(&events), text);
    }

    #[test]
    fn every_fault_is_an_error_with_its_line() {
        for (text, message) in [
            ("5 1 1 1 4", "p:1: found code 4, expected 0 to 3"),
            ("5 1 2 1 1", "p:1: found node type 2, expected 0 (host) or 1 (switch)"),
            ("5 1 1 1 1\n4 1 1 1 1", "p:2: found 4 ns, expected not before 5 ns of the row above"),
            ("5 1 1 1", "p:1: found the end, expected a code"),
            ("5 1 1 1 1 1", "p:1: found `1`, expected the end of the row"),
            ("99999999999999999999 1 1 1 1", "p:1: found `99999999999999999999`, expected the time in ns"),
        ] {
            assert_eq!(read_pfc("p", text).unwrap_err().to_string(), message);
        }
    }
}
