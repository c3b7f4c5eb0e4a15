//! `topology.txt`: the network as the ns-3 programs read it.
//!
//! ```text
//! nodes switches links
//! switch ids …
//! a b rate delay error-rate        per full-duplex link: `10000000000bps` or `10Gbps`, `1000ns` or `0.001ms`, 0
//! ```
//!
//! Line breaks are mere spaces there and here. Delays are whole nanoseconds (ns-3 rounds them; writing rounds down).
//! Left out: receive errors; a link that loses frames is an error.

use super::FileError;
use super::quantity;
use super::scanner::Scanner;
use crate::scenario::Scenario;
use crate::topology::{Link, NodeId, NodeKind, Topology};
use std::fmt::Write as _;

/// Reads `topology.txt`. Cost: O(text).
///
/// # Errors
/// [`FileError`] for the first word that does not fit, for lossy links, and for what [`Topology::new`] refuses.
pub fn read_topology(file: &str, text: &str) -> Result<Topology, FileError> {
    let mut words = Scanner::new(file, text, 1);
    let nodes: u32 = words.number("the number of nodes")?;
    let switches: u32 = words.number("the number of switches")?;
    let link_count: u32 = words.number("the number of links")?;
    if switches > nodes {
        return Err(words.unexpected(format!("{switches} switches"), format!("at most the {nodes} nodes there are")));
    }
    // A host has exactly one link, so this bounds the memory a claimed number of nodes can cost.
    if nodes - switches > link_count {
        let found = format!("{} hosts and {link_count} links", nodes - switches);
        return Err(words.unexpected(found, "at least one link per host"));
    }
    let mut switch_order = Vec::new();
    for _ in 0..switches {
        switch_order.push(NodeId(words.number("a switch id")?));
        if switch_order[switch_order.len() - 1].0 >= nodes {
            return Err(words.unexpected(
                format!("switch {}", switch_order[switch_order.len() - 1].0),
                format!("an id below {nodes}"),
            ));
        }
    }
    let mut links = Vec::new();
    for _ in 0..link_count {
        links.push(read_link(&mut words)?);
    }
    words.end("the end after the last link")?;
    let mut kinds = vec![NodeKind::Host; nodes as usize];
    for switch in &switch_order {
        kinds[switch.0 as usize] = NodeKind::Switch;
    }
    Topology::new(kinds, links, switch_order).map_err(|source| FileError::Topology { file: file.into(), source })
}

fn read_link(words: &mut Scanner<'_>) -> Result<Link, FileError> {
    let (a, b) = (NodeId(words.number("a node of a link")?), NodeId(words.number("the other node of a link")?));
    let word = words.word("a rate")?;
    let rate = quantity::rate(word).ok_or_else(|| words.unexpected_word(word, "a rate such as 10Gbps"))?;
    let word = words.word("a delay")?;
    let delay = quantity::delay(word).ok_or_else(|| words.unexpected_word(word, "a delay such as 1000ns"))?;
    let word = words.word("an error rate")?;
    match word.parse::<f64>() {
        Ok(0.0) => Ok(Link { a, b, rate, delay }),
        Ok(rate) if rate > 0.0 => Err(words.unsupported(format!("a link with error rate {rate}"), "0")),
        _ => Err(words.unexpected_word(word, "an error rate")),
    }
}

/// Writes `topology.txt` as parsimon-eval does: switches in declaration order, links in link order.
pub fn write_topology(scenario: &Scenario) -> String {
    let t = scenario.topology();
    let switches: Vec<String> = t.switch_order().iter().map(|s| s.0.to_string()).collect();
    let mut out = format!("{} {} {}\n{}\n", t.node_count(), switches.len(), t.links().len(), switches.join(" "));
    for l in t.links() {
        let (a, b, rate, delay) = (l.a.0, l.b.0, l.rate.0, l.delay.ns_floor());
        writeln!(out, "{a} {b} {rate}bps {delay}ns 0").expect("writing to a string cannot fail");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Scope, random_scenario};
    use crate::units::{BitsPerSec, SimDuration};

    const STAR: &str = "3 1 2\n2\n0 2 10Gbps 0.001ms 0.000000\n1 2 40000000000bps 1us 0";

    #[test]
    fn a_star_is_read_in_every_spelling_of_units() {
        let t = read_topology("topology.txt", STAR).unwrap();
        assert_eq!((t.host_count(), t.switch_order()), (2, &[NodeId(2)][..]));
        assert_eq!(t.links()[0].rate, BitsPerSec::from_gbps(10));
        assert_eq!(t.links()[1].rate, BitsPerSec::from_gbps(40));
        assert!(t.links().iter().all(|l| l.delay == SimDuration::from_ns(1000)));
    }

    #[test]
    fn writing_then_reading_gives_the_same_network() {
        for seed in 0..100 {
            let scenario = random_scenario(seed, Scope::default());
            assert_eq!(read_topology("t", &write_topology(&scenario)).as_ref(), Ok(scenario.topology()));
        }
    }

    #[test]
    fn every_fault_is_an_error_with_its_line() {
        for (from, to, message) in [
            ("0.000000", "0.01", "t:3: a link with error rate 0.01 is not supported (supported: 0)"),
            ("10Gbps", "10Gbqs", "t:3: found `10Gbqs`, expected a rate such as 10Gbps"),
            ("1us", "one", "t:4: found `one`, expected a delay such as 1000ns"),
            ("3 1 2\n2", "3 1 2\n9", "t:2: found switch 9, expected an id below 3"),
            ("3 1 2", "4000000000 1 2", "t:1: found 3999999999 hosts and 2 links, expected at least one link per host"),
            ("3 1 2", "3 1 4000000000", "t:4: found the end, expected a node of a link"),
            ("3 1 2", "3 1 1", "t:1: found 2 hosts and 1 links, expected at least one link per host"),
            ("1 2 4", "0 2 4", "t: links 0 and 1 both join nodes 0 and 2; at most one link per pair is supported"),
            ("1us 0", "1us 0 5", "t:4: found `5`, expected the end after the last link"),
        ] {
            let error = read_topology("t", &STAR.replace(from, to)).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
