//! `path_1.txt`: the data path of every flow, as parsimon-eval writes it.
//!
//! ```text
//! flows,distinct-paths
//! id:src-dst,a-b,b-c,…,        first the ends, then the links from source to destination
//! ```
//!
//! ACK paths are not in the file: ns-3 hashes ACKs on their own ([`crate::routing`]).

use super::FileError;
use super::scanner::Scanner;
use crate::routing::Paths;
use crate::scenario::{Flow, Scenario};
use crate::topology::{ChannelId, NodeId, Topology};
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

/// Reads the data paths of `flows`, in flow order. The number of distinct paths is not checked. Cost: O(text).
///
/// # Errors
/// [`FileError`] for the first line that does not fit, that names no flow or one that was named before, whose ends are not
/// the flow's, or whose links are not a path of the topology between them; and if a flow has no path.
pub fn read_paths(file: &str, text: &str, topology: &Topology, flows: &[Flow]) -> Result<Paths, FileError> {
    let mut lines = Scanner::lines(file, text);
    let mut first = lines.next().unwrap_or_else(|| Scanner::new(file, "", 1));
    let word = first.word("`flows,distinct-paths`")?;
    let counts = word.split_once(',').and_then(|(a, b)| Some((a.parse::<usize>().ok()?, b.parse::<usize>().ok()?)));
    match counts {
        None => return Err(first.unexpected_word(word, "`flows,distinct-paths`")),
        Some((count, _)) if count != flows.len() => {
            return Err(first.unexpected(format!("{count} paths"), format!("one per flow: {}", flows.len())));
        }
        Some(_) => {}
    }
    let index_of: HashMap<u64, usize> = flows.iter().enumerate().map(|(i, f)| (f.id, i)).collect();
    let mut hops: Vec<ChannelId> = Vec::new();
    let mut spans: Vec<Option<(usize, usize)>> = vec![None; flows.len()];
    let mut last = first;
    for mut line in lines {
        let word = line.word("a path")?;
        line.end("one path per line")?;
        let at = word.split_once(':').and_then(|(id, _)| index_of.get(&id.parse().ok()?)).copied();
        let at = at.ok_or_else(|| line.unexpected_word(word, "`id:src-dst,a-b,…,` with the id of a flow"))?;
        let begin = hops.len();
        read_hops(word, topology, &flows[at], &mut hops).ok_or_else(|| {
            let (id, src, dst) = (flows[at].id, flows[at].src.0, flows[at].dst.0);
            line.unexpected_word(word, format!("`{id}:{src}-{dst},` and the links of a path between these hosts"))
        })?;
        if spans[at].replace((begin, hops.len())).is_some() {
            return Err(line.unexpected(format!("a second path of flow {}", flows[at].id), "one path per flow"));
        }
        last = line;
    }
    let mut paths = Paths::new();
    for (span, flow) in spans.into_iter().zip(flows) {
        let (begin, end) =
            span.ok_or_else(|| last.unexpected(format!("no path of flow {}", flow.id), "one path per flow"))?;
        paths.push(&hops[begin..end]);
    }
    Ok(paths)
}

/// Appends the hops of `id:src-dst,a-b,…,` if they lead from the flow's source to its destination.
fn read_hops(word: &str, topology: &Topology, flow: &Flow, hops: &mut Vec<ChannelId>) -> Option<()> {
    let pairs = word.split_once(':')?.1;
    let mut pairs = pairs.strip_suffix(',').unwrap_or(pairs).split(',').map(|pair| {
        let (a, b) = pair.split_once('-')?;
        Some((NodeId(a.parse().ok()?), NodeId(b.parse().ok()?)))
    });
    if pairs.next()?? != (flow.src, flow.dst) {
        return None;
    }
    let mut at = flow.src;
    for pair in pairs {
        let (a, b) = pair?;
        if a != at || (a.0 as usize) >= topology.node_count() {
            return None;
        }
        hops.push(topology.channel_between(a, b)?);
        at = b;
    }
    (at == flow.dst).then_some(())
}

/// Writes `path_1.txt`, flows in scenario order. Paths are distinct if any link or end differs.
pub fn write_paths(scenario: &Scenario) -> String {
    let t = scenario.topology();
    let distinct: HashSet<&[ChannelId]> = scenario.indices().map(|i| scenario.path(i)).collect();
    let mut out = format!("{},{}\n", scenario.flows().len(), distinct.len());
    let invariant = "writing to a string cannot fail";
    for index in scenario.indices() {
        let f = scenario.flow(index);
        write!(out, "{}:{}-{},", f.id, f.src.0, f.dst.0).expect(invariant);
        for channel in scenario.path(index) {
            write!(out, "{}-{},", t.tail(*channel).0, t.head(*channel).0).expect(invariant);
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Scope, random_scenario};

    #[test]
    fn writing_then_reading_gives_the_same_paths() {
        for seed in 0..100 {
            let scenario = random_scenario(seed, Scope::default());
            let paths = read_paths("p", &write_paths(&scenario), scenario.topology(), scenario.flows()).unwrap();
            assert!(scenario.indices().all(|i| paths.get(i.index()) == scenario.path(i)), "seed {seed}");
        }
    }

    #[test]
    fn what_is_no_path_of_the_flow_is_an_error() {
        let scenario = random_scenario(3, Scope::default());
        let text = write_paths(&scenario);
        let f = scenario.flows()[0];
        let ends = format!("{}:{}-{},", f.id, f.src.0, f.dst.0);
        let path = text.lines().nth(1).unwrap();
        for (from, to) in [
            (ends.clone(), format!("{}:{}-{},", f.id, f.dst.0, f.src.0)),
            (ends.clone(), format!("99999:{}-{},", f.src.0, f.dst.0)),
            (ends.clone(), format!("{ends}0-4000000000,")),
            (path.to_owned(), ends.clone()),
            (path.to_owned(), format!("{path}\n{path}")),
            (format!("{path}\n"), String::new()),
            (text.lines().next().unwrap().to_owned(), "7000,1".into()),
        ] {
            let broken = text.replacen(&from, &to, 1);
            assert!(read_paths("p", &broken, scenario.topology(), scenario.flows()).is_err(), "{from} → {to}");
        }
    }
}
