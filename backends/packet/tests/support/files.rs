//! Topology, flow and result files of the RDMA ns-3 programs; gzip and tar around them.

use super::config::{parse_delay, parse_rate};
use flate2::read::GzDecoder;
use mixlab_contract::{Bytes, Flow, Link, NodeId, NodeKind, SimTime, Topology};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// The text of a file, unpacked if its name ends in `.gz`.
pub fn read(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    if path.extension().is_some_and(|e| e == "gz") {
        return String::from_utf8(unzip(&bytes)).expect("text");
    }
    String::from_utf8(bytes).expect("text")
}

/// A gzip stream unpacked.
pub fn unzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut out).expect("a gzip stream");
    out
}

/// The regular files of a tar archive: name and text.
pub fn untar(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut at = 0;
    let field = |from: usize, length: usize| {
        let raw = &bytes[from..from + length];
        let end = raw.iter().position(|b| *b == 0).unwrap_or(length);
        String::from_utf8_lossy(&raw[..end]).trim().to_owned()
    };
    while at + 512 <= bytes.len() && bytes[at] != 0 {
        let size = usize::from_str_radix(&field(at + 124, 12), 8).expect("an octal size");
        let text = String::from_utf8_lossy(&bytes[at + 512..at + 512 + size]).into_owned();
        files.insert(field(at, 100), text);
        at += 512 + size.div_ceil(512) * 512;
    }
    files
}

pub fn topology(text: &str) -> Topology {
    let mut lines = text.lines();
    let numbers = |line: &str| -> Vec<u32> { line.split_whitespace().map(|w| w.parse().expect("an id")).collect() };
    let head = numbers(lines.next().expect("counts"));
    let switches = numbers(lines.next().expect("switches"));
    let mut kinds = vec![NodeKind::Host; head[0] as usize];
    for s in &switches {
        kinds[*s as usize] = NodeKind::Switch;
    }
    let links = lines
        .take(head[2] as usize)
        .map(|line| {
            let w: Vec<&str> = line.split_whitespace().collect();
            let node = |w: &str| NodeId(w.parse().expect("an id"));
            Link { a: node(w[0]), b: node(w[1]), rate: parse_rate(w[2]), delay: parse_delay(w[3]) }
        })
        .collect();
    Topology::new(kinds, links, switches.into_iter().map(NodeId).collect()).expect("a valid topology")
}

pub fn flows(text: &str) -> Vec<Flow> {
    text.lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let w: Vec<&str> = line.split_whitespace().collect();
            let start: f64 = w[6].parse().expect("seconds");
            Flow {
                id: w[0].parse().expect("an id"),
                src: NodeId(w[1].parse().expect("a host")),
                dst: NodeId(w[2].parse().expect("a host")),
                size: Bytes(w[5].parse().expect("bytes")),
                start: SimTime::from_ns((start * 1e9).round() as u64),
            }
        })
        .collect()
}

/// Start and FCT in ns by flow id, from lines whose columns `id`, `start` and `fct` are given.
pub fn results(text: &str, [id, start, fct]: [usize; 3]) -> BTreeMap<u64, (u64, u64)> {
    text.lines()
        .map(|line| {
            let w: Vec<&str> = line.split_whitespace().collect();
            let number = |i: usize| w[i].parse().expect("a number");
            (number(id), (number(start), number(fct)))
        })
        .collect()
}

/// The integer after `"key":` in a JSON text.
pub fn json_integer(text: &str, key: &str) -> Option<u64> {
    let at = text.find(&format!("\"{key}\":"))?;
    let rest = text[at..].split_once(':')?.1.trim_start();
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
