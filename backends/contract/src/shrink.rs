//! From a random scenario on which something fails to a small one on which it still fails.
//!
//! Greedy: of a list of simplifications (fewer flows first, in halves, quarters … one by one; then no closed loop, only the nodes
//! and links that are used, a simpler transport, equal links, smaller flows, equal starts) the first on which it still fails is
//! taken, until none is left. Every simplification makes some part smaller and none larger, so this ends; paths are kept as they
//! were, so routing does not move when nodes go. Left out: joining switches, and the smallest of all (it is a local minimum).
//! Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002.

use crate::routing::Paths;
use crate::scenario::{Application, Flow, Scenario, ScenarioParts};
use crate::topology::{ChannelId, Link, NodeId, Topology};
use crate::transport::{CongestionControl, Transport};
use crate::units::{BitsPerSec, Bytes};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Scenarios tried per finding.
const BUDGET: usize = 2_000;

/// Whether a law held on a scenario: `Ok(false)` if the scenario is out of its reach (some engine does not support it), `Err` with
/// what was seen if it is broken.
pub type Held = Result<bool, String>;

/// A scenario that breaks a law.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Seed of the scenario as drawn.
    pub seed: u64,
    /// What was seen there.
    pub seen: String,
    /// A small scenario on which the law is broken, too.
    pub smallest: Scenario,
    /// What was seen there.
    pub seen_there: String,
    /// Scenarios tried to find it.
    pub tried: usize,
}

/// Holds `law` on the scenarios that `draw` makes of `seeds`. Returns on how many it applied. A panic breaks the law.
///
/// # Errors
/// The first scenario that breaks it, shrunk.
pub fn hunt(
    seeds: impl IntoIterator<Item = u64>,
    draw: impl Fn(u64) -> Scenario,
    law: impl Fn(&Scenario) -> Held,
) -> Result<u64, Box<Finding>> {
    let mut applied = 0;
    for seed in seeds {
        let scenario = draw(seed);
        match verdict(&law, &scenario) {
            Ok(held) => applied += u64::from(held),
            Err(seen) => {
                let (smallest, seen_there, tried) = shrink(scenario, &seen, |s| verdict(&law, s).err());
                return Err(Box::new(Finding { seed, seen, smallest, seen_there, tried }));
            }
        }
    }
    Ok(applied)
}

fn verdict(law: impl Fn(&Scenario) -> Held, scenario: &Scenario) -> Held {
    catch_unwind(AssertUnwindSafe(|| law(scenario))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        Err(format!("panic: {}", text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message")))
    })
}

/// A smaller scenario on which `fails` still says something, what it says, and how many scenarios were tried.
fn shrink(scenario: Scenario, seen: &str, fails: impl Fn(&Scenario) -> Option<String>) -> (Scenario, String, usize) {
    let (mut best, mut seen, mut tried) = (scenario, seen.to_owned(), 0);
    loop {
        let parts = best.clone().into_parts();
        let mut smaller = None;
        for candidate in simplifications(&parts) {
            let Ok(candidate) = Scenario::new(candidate) else { continue };
            if tried == BUDGET {
                break;
            }
            tried += 1;
            if let Some(seen) = fails(&candidate) {
                smaller = Some((candidate, seen));
                break;
            }
        }
        match smaller {
            Some(found) => (best, seen) = found,
            None => return (best, seen, tried),
        }
    }
}

/// Simpler scenarios, the boldest first.
fn simplifications(parts: &ScenarioParts) -> impl Iterator<Item = ScenarioParts> {
    let with = |change: &dyn Fn(&mut ScenarioParts)| {
        let mut changed = parts.clone();
        change(&mut changed);
        changed
    };
    let open = (parts.application != Application::Open).then(|| with(&|p| p.application = Application::Open));
    let transports = simpler_transports(parts).into_iter().map(move |t| with(&|p| p.transport = t.clone()));
    fewer_flows(parts)
        .chain(open)
        .chain(only_what_is_used(parts))
        .chain(transports)
        .chain(equal_links(parts))
        .chain(smaller_flows(parts))
}

/// Without a half of the flows, a quarter … each single one.
fn fewer_flows(parts: &ScenarioParts) -> impl Iterator<Item = ScenarioParts> {
    let count = parts.flows.len();
    let lengths = std::iter::successors(Some(count / 2), |n| Some(n / 2)).take_while(|n| *n > 0);
    let spans = lengths.flat_map(move |length| (0..count).step_by(length).map(move |from| from..from + length));
    spans.map(move |span| keep_flows(parts, |i| !span.contains(&i)))
}

fn keep_flows(parts: &ScenarioParts, keep: impl Fn(usize) -> bool) -> ScenarioParts {
    let kept: Vec<usize> = (0..parts.flows.len()).filter(|i| keep(*i)).collect();
    let select = |paths: &Paths| kept.iter().map(|i| paths.get(*i)).collect::<Paths>();
    ScenarioParts {
        flows: kept.iter().map(|i| parts.flows[*i]).collect(),
        paths: parts.paths.as_ref().map(|(forward, back)| (select(forward), select(back))),
        ..parts.clone()
    }
}

/// Without nodes and links that no flow and no ACK passes; the rest keep their order.
fn only_what_is_used(parts: &ScenarioParts) -> Option<ScenarioParts> {
    let (old, (forward, back)) = (&parts.topology, parts.paths.as_ref()?);
    let mut used = vec![false; old.links().len()];
    for i in 0..parts.flows.len() {
        forward.get(i).iter().chain(back.get(i)).for_each(|c| used[c.index() / 2] = true);
    }
    let mut node = vec![None; old.node_count()];
    for (link, _) in old.links().iter().zip(&used).filter(|(_, used)| **used) {
        (node[link.a.0 as usize], node[link.b.0 as usize]) = (Some(NodeId(0)), Some(NodeId(0)));
    }
    node.iter_mut().flatten().zip(0..).for_each(|(n, id)| *n = NodeId(id));
    let channels: Vec<Option<u32>> = (used.iter())
        .scan(0, |next, used| {
            let id = *next;
            *next += u32::from(*used);
            Some(used.then_some(id))
        })
        .collect();
    let at = |n: NodeId| node[n.0 as usize].expect("an end of a link that is used");
    let links = old.links().iter().zip(&used).filter(|(_, used)| **used);
    let links: Vec<Link> = links.map(|(l, _)| Link { a: at(l.a), b: at(l.b), ..*l }).collect();
    if links.len() == old.links().len() {
        return None;
    }
    let kinds = (0..old.node_count()).filter(|n| node[*n].is_some()).map(|n| old.kind(NodeId(n as u32))).collect();
    let order = old.switch_order().iter().filter_map(|s| node[s.0 as usize]).collect();
    let moved = |paths: &Paths| {
        let moved = |c: &ChannelId| ChannelId(channels[c.index() / 2].expect("a link that is used") * 2 + c.0 % 2);
        let all: Vec<Vec<ChannelId>> =
            (0..parts.flows.len()).map(|i| paths.get(i).iter().map(moved).collect()).collect();
        all.iter().map(Vec::as_slice).collect::<Paths>()
    };
    Some(ScenarioParts {
        topology: Topology::new(kinds, links, order).ok()?,
        flows: parts.flows.iter().map(|f| Flow { src: at(f.src), dst: at(f.dst), ..*f }).collect(),
        paths: Some((moved(forward), moved(back))),
        ..parts.clone()
    })
}

/// The transport with one parameter at its simplest.
fn simpler_transports(parts: &ScenarioParts) -> Vec<Transport> {
    let simplest = CongestionControl::Dctcp { gain: 0.0625, additive: BitsPerSec(615_000_000) };
    let changes: [&dyn Fn(&mut Transport); 10] = [
        &|t| t.congestion_control = simplest,
        &|t| t.ecn = false,
        &|t| t.pfc = false,
        &|t| t.window = None,
        &|t| t.variable_window = false,
        &|t| t.rate_bound = false,
        &|t| t.ack_high_priority = false,
        &|t| t.payload = Bytes(1_000),
        &|t| t.min_rate = t.max_rate,
        &|t| t.rng_run = 1,
    ];
    let changed = changes.into_iter().map(|change| {
        let mut transport = parts.transport.clone();
        change(&mut transport);
        transport
    });
    changed.filter(|t| *t != parts.transport).collect()
}

/// All links with the rate of one of them, or with its delay.
fn equal_links(parts: &ScenarioParts) -> impl Iterator<Item = ScenarioParts> {
    let old = &parts.topology;
    let first = old.links().first().copied();
    let changes = first.into_iter().flat_map(|first| {
        let rate: fn(Link, Link) -> Link = |l, first| Link { rate: first.rate, ..l };
        let delay: fn(Link, Link) -> Link = |l, first| Link { delay: first.delay, ..l };
        [(rate, first), (delay, first)]
    });
    changes.filter_map(move |(change, first)| {
        let links: Vec<Link> = old.links().iter().map(|l| change(*l, first)).collect();
        let kinds = (0..old.node_count() as u32).map(|n| old.kind(NodeId(n))).collect();
        let topology = (links != old.links()).then(|| Topology::new(kinds, links, old.switch_order().to_vec()))?;
        Some(ScenarioParts { topology: topology.ok()?, ..parts.clone() })
    })
}

/// One flow with one byte, half as large, three quarters … one byte smaller, or as early as the flow before it.
fn smaller_flows(parts: &ScenarioParts) -> impl Iterator<Item = ScenarioParts> {
    (0..parts.flows.len()).flat_map(move |i| {
        let flow = parts.flows[i];
        let steps = std::iter::successors(Some(flow.size.0 - 1), |step| Some(step / 2)).take_while(|step| *step > 0);
        let sizes = steps.map(move |step| Flow { size: Bytes(flow.size.0 - step), ..flow });
        let before = i.checked_sub(1).map(|b| parts.flows[b].start).filter(|start| *start < flow.start);
        let changed = sizes.chain(before.map(|start| Flow { start, ..flow }));
        changed.map(move |f| {
            let mut parts = parts.clone();
            parts.flows[i] = f;
            parts
        })
    })
}

/// What it takes to repeat and to understand the finding.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (s, topology) = (&self.smallest, self.smallest.topology());
        writeln!(f, "seed {}: {}", self.seed, self.seen)?;
        writeln!(f, "smallest of {} scenarios tried: {}", self.tried, self.seen_there)?;
        writeln!(f, "{:?}, horizon {}", s.application(), s.horizon())?;
        writeln!(f, "{:?}", s.transport())?;
        writeln!(f, "{} nodes, switches {:?}", topology.node_count(), topology.switch_order())?;
        for (k, l) in topology.links().iter().enumerate() {
            writeln!(f, "link {k}: {} - {}, {}, {}", l.a.0, l.b.0, l.rate, l.delay)?;
        }
        for index in s.indices() {
            let Flow { id, src, dst, size, start } = *s.flow(index);
            let channels = |path: &[ChannelId]| path.iter().map(|c| c.0).collect::<Vec<_>>();
            let (path, back) = (channels(s.path(index)), channels(s.ack_path(index)));
            writeln!(f, "flow {id}: {} to {}, {size} at {start}, channels {path:?} and back {back:?}", src.0, dst.0)?;
        }
        Ok(())
    }
}
