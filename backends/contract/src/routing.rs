//! One routing for all backends: shortest paths, one next hop per flow and switch chosen by a hash (ECMP).
//!
//! At switch `s` with n next hops towards the destination, a packet takes number `H mod n`, where H is MurmurHash3-32 of
//! (source address, destination address, ports) seeded with the id of `s`, so that tiers do not polarise. Next hops are
//! listed in the order in which a breadth-first search from the destination expands them, neighbours in descending id.
//! ACKs are hashed on their own, with addresses and ports swapped. Addresses and ports are those of the RDMA ns-3 programs
//! (parsimon-eval's `path_1.txt` and ns-3 both follow from them), so the paths are the ones the papers' results used.

use crate::scenario::Flow;
use crate::topology::{ChannelId, NodeId, NodeKind, Topology};
use crate::units::SimDuration;
use std::collections::HashMap;

/// Destination port of every data packet.
pub const DESTINATION_PORT: u16 = 100;
/// Source port of the first flow of a pair of hosts; it counts up from here.
pub const FIRST_SOURCE_PORT: u16 = 10_000;

/// One path per flow: the channels it crosses, in order. Stored as one array (`offsets` has one entry more than flows).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    offsets: Vec<u32>,
    channels: Vec<ChannelId>,
}

impl Paths {
    /// No paths yet.
    pub fn new() -> Self {
        Self { offsets: vec![0], channels: Vec::new() }
    }

    /// Appends the path of the next flow.
    pub fn push(&mut self, path: &[ChannelId]) {
        self.channels.extend_from_slice(path);
        self.offsets.push(u32::try_from(self.channels.len()).expect("paths of all flows have fewer than 2^32 hops"));
    }

    /// The channels of flow number `index`, from its source to its destination.
    pub fn get(&self, index: usize) -> &[ChannelId] {
        &self.channels[self.offsets[index] as usize..self.offsets[index + 1] as usize]
    }

    /// Number of paths.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> FromIterator<&'a [ChannelId]> for Paths {
    fn from_iter<I: IntoIterator<Item = &'a [ChannelId]>>(paths: I) -> Self {
        let mut all = Self::new();
        paths.into_iter().for_each(|p| all.push(p));
        all
    }
}

/// A flow whose hosts are not connected.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no path from host {src} to host {dst}", src = src.0, dst = dst.0)]
pub struct NoPath {
    /// Where it starts.
    pub src: NodeId,
    /// Where it should end.
    pub dst: NodeId,
}

/// Address of a node, as the ns-3 programs number them.
pub const fn address(node: NodeId) -> u32 {
    0x0b00_0001 + ((node.0 / 256) << 16) + ((node.0 % 256) << 8)
}

/// The ECMP hash at one switch: MurmurHash3 (x86, 32 bit) over three words, seeded with the switch id.
pub const fn ecmp_hash(src: u32, dst: u32, src_port: u16, dst_port: u16, switch: NodeId) -> u32 {
    let words = [src, dst, src_port as u32 | ((dst_port as u32) << 16)];
    let mut h = switch.0;
    let mut i = 0;
    while i < words.len() {
        let k = words[i].wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
        h = (h ^ k).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
        i += 1;
    }
    h ^= 12;
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

/// Source port of every flow: 10,000 plus the number of earlier flows of the same ordered pair (wrapping at 16 bit).
pub fn source_ports(flows: &[Flow]) -> Vec<u16> {
    let mut used: HashMap<(NodeId, NodeId), u16> = HashMap::new();
    flows
        .iter()
        .map(|f| {
            let count = used.entry((f.src, f.dst)).or_insert(0);
            let port = FIRST_SOURCE_PORT.wrapping_add(*count);
            *count = count.wrapping_add(1);
            port
        })
        .collect()
}

/// Next hops of every switch towards the hosts of one switch, in ECMP order.
pub struct NextHops {
    target: NodeId,
    /// `choices[first[n]..first[n + 1]]` for node n.
    first: Vec<u32>,
    choices: Vec<ChannelId>,
    distance: Vec<u32>,
}

const UNREACHABLE: u32 = u32::MAX;

impl NextHops {
    /// Breadth-first search over the switches from `target`. Cost: O(nodes + links).
    pub fn towards(topology: &Topology, target: NodeId) -> Self {
        let nodes = topology.node_count();
        let mut distance = vec![UNREACHABLE; nodes];
        distance[target.0 as usize] = 0;
        let mut order = vec![target];
        let mut neighbours = Vec::new();
        let mut edges: Vec<(NodeId, ChannelId)> = Vec::new(); // (farther switch, its channel to the nearer one)
        let mut at = 0;
        while at < order.len() {
            let now = order[at];
            at += 1;
            neighbours.clear();
            neighbours.extend(topology.outgoing(now).iter().map(|c| (topology.head(*c), *c)));
            neighbours.retain(|(n, _)| topology.kind(*n) == NodeKind::Switch);
            neighbours.sort_unstable_by_key(|(n, _)| std::cmp::Reverse(*n));
            let farther = distance[now.0 as usize] + 1;
            for (next, channel) in &neighbours {
                let d = &mut distance[next.0 as usize];
                if *d == UNREACHABLE {
                    *d = farther;
                    order.push(*next);
                }
                if *d == farther {
                    edges.push((*next, channel.reverse()));
                }
            }
        }
        edges.sort_by_key(|(from, _)| *from); // stable: keeps the search order within a switch
        let mut first = vec![0u32; nodes + 1];
        for (from, _) in &edges {
            first[from.0 as usize + 1] += 1;
        }
        for n in 0..nodes {
            first[n + 1] += first[n];
        }
        Self { target, first, choices: edges.into_iter().map(|(_, c)| c).collect(), distance }
    }

    /// The channels from `switch` that lie on a shortest path to the target switch.
    pub fn at(&self, switch: NodeId) -> &[ChannelId] {
        let n = switch.0 as usize;
        &self.choices[self.first[n] as usize..self.first[n + 1] as usize]
    }

    /// Appends to `path` the hops of a packet from host `src` to host `dst` (attached to the target switch).
    ///
    /// # Errors
    /// [`NoPath`] if the two are not connected.
    pub fn route(
        &self,
        topology: &Topology,
        (src, src_port): (NodeId, u16),
        (dst, dst_port): (NodeId, u16),
        path: &mut Vec<ChannelId>,
    ) -> Result<(), NoPath> {
        debug_assert_eq!(topology.switch_of(dst), self.target);
        let up = topology.outgoing(src)[0];
        let mut switch = topology.head(up);
        if self.distance[switch.0 as usize] == UNREACHABLE {
            return Err(NoPath { src, dst });
        }
        path.push(up);
        while switch != self.target {
            let choices = self.at(switch);
            let hash = ecmp_hash(address(src), address(dst), src_port, dst_port, switch);
            let hop = choices[hash as usize % choices.len()];
            path.push(hop);
            switch = topology.head(hop);
        }
        path.push(topology.outgoing(dst)[0].reverse());
        Ok(())
    }
}

/// Paths of all flows and of their ACKs. Cost: one search per switch with hosts that are used; memory O(nodes + hops).
///
/// # Errors
/// [`NoPath`] for the first flow (by destination switch) whose hosts are not connected.
pub fn ecmp_paths(topology: &Topology, flows: &[Flow]) -> Result<(Paths, Paths), NoPath> {
    let ports = source_ports(flows);
    let forward = route_all(topology, flows.len(), |i| ((flows[i].src, ports[i]), (flows[i].dst, DESTINATION_PORT)))?;
    let backward = route_all(topology, flows.len(), |i| ((flows[i].dst, DESTINATION_PORT), (flows[i].src, ports[i])))?;
    Ok((forward, backward))
}

type Ends = ((NodeId, u16), (NodeId, u16));

fn route_all(topology: &Topology, count: usize, ends: impl Fn(usize) -> Ends) -> Result<Paths, NoPath> {
    let target = |i: usize| topology.switch_of(ends(i).1.0);
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|i| target(*i)); // stable, so errors name the first flow of a switch
    let mut spans = vec![(0usize, 0usize); count];
    let mut hops = Vec::new();
    let mut table: Option<NextHops> = None;
    for i in order {
        if table.as_ref().is_none_or(|t| t.target != target(i)) {
            table = Some(NextHops::towards(topology, target(i)));
        }
        let (from, to) = ends(i);
        let start = hops.len();
        table.as_ref().expect("set above").route(topology, from, to, &mut hops)?;
        spans[i] = (start, hops.len());
    }
    Ok(spans.iter().map(|(a, b)| &hops[*a..*b]).collect())
}

/// Twice the largest one-way propagation delay between two connected hosts: the base RTT the ns-3 program gives its
/// congestion control (no serialisation). Where shortest paths differ in delay, the one found first counts, as there.
pub fn largest_round_trip(topology: &Topology) -> SimDuration {
    // Hosts of one switch differ only in their own link, so one search per switch with hosts is enough.
    let mut access: Vec<[u64; 2]> = vec![[0; 2]; topology.node_count()]; // the two longest host links, ps
    let mut hosts = vec![0u32; topology.node_count()];
    for host in topology.hosts() {
        let delay = topology.link(topology.outgoing(host)[0]).delay.ps();
        let switch = topology.switch_of(host).0 as usize;
        hosts[switch] += 1;
        let longest = &mut access[switch];
        if delay > longest[0] {
            *longest = [delay, longest[0]];
        } else if delay > longest[1] {
            longest[1] = delay;
        }
    }
    let edge: Vec<usize> = (0..topology.node_count()).filter(|n| hosts[*n] > 0).collect();
    let mut largest = 0;
    for from in &edge {
        if hosts[*from] > 1 {
            largest = largest.max(access[*from][0].saturating_add(access[*from][1]));
        }
        let delays = switch_delays(topology, NodeId(*from as u32));
        for to in edge.iter().filter(|to| *to != from) {
            if let Some(middle) = delays[*to] {
                largest = largest.max(access[*from][0].saturating_add(middle).saturating_add(access[*to][0]));
            }
        }
    }
    SimDuration::from_ps(largest.saturating_mul(2))
}

/// Propagation delay (ps) from `target` to every switch along the first shortest path a search finds.
fn switch_delays(topology: &Topology, target: NodeId) -> Vec<Option<u64>> {
    let mut delay = vec![None; topology.node_count()];
    delay[target.0 as usize] = Some(0);
    let mut order = vec![target];
    let mut neighbours = Vec::new();
    let mut at = 0;
    while at < order.len() {
        let now = order[at];
        at += 1;
        neighbours.clear();
        neighbours.extend(topology.outgoing(now).iter().map(|c| (topology.head(*c), topology.link(*c).delay.ps())));
        neighbours.retain(|(n, _)| topology.kind(*n) == NodeKind::Switch);
        neighbours.sort_unstable_by_key(|(n, _)| std::cmp::Reverse(*n));
        for (next, hop) in &neighbours {
            if delay[next.0 as usize].is_none() {
                delay[next.0 as usize] = delay[now.0 as usize].map(|d: u64| d.saturating_add(*hop));
                order.push(*next);
            }
        }
    }
    delay
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_equals_the_published_vectors() {
        // (src host, dst host, sport, dport, switch) → H, observed in the real program.
        for (src, dst, sport, dport, seed, want) in [
            (0, 16, 10000, 100, 40, 0x93c6_3050),
            (0, 16, 10001, 100, 40, 0x7c38_187d),
            (16, 0, 100, 10000, 41, 0xf9c4_5978),
            (300, 17, 10000, 100, 1088, 0x7e12_42ea),
            (0, 1, 10000, 100, 32, 0xb93c_eced),
            (3, 31, 10005, 100, 40, 0x6039_77df),
        ] {
            assert_eq!(ecmp_hash(address(NodeId(src)), address(NodeId(dst)), sport, dport, NodeId(seed)), want);
        }
    }
}
