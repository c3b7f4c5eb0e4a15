//! Nodes and full-duplex links. Link `k` joins `a` and `b`; its two directions are channels `2k` (a→b) and `2k+1` (b→a).
//!
//! Left out: hosts with several links (no simulator of the field routes them alike).

use crate::units::{BitsPerSec, SimDuration};

/// A host or switch; ids are contiguous from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// A cable: both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// One direction of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub u32);

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// Sends and receives flows.
    Host,
    /// Forwards packets.
    Switch,
}

/// A cable between two nodes; both directions have the same rate and propagation delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// One end.
    pub a: NodeId,
    /// The other end.
    pub b: NodeId,
    /// Rate of each direction.
    pub rate: BitsPerSec,
    /// One-way propagation delay.
    pub delay: SimDuration,
}

/// Why nodes and links are not a topology.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TopologyError {
    /// An end of a link is not a node.
    #[error("link {link} names node {node}, but there are only {nodes} nodes (ids 0 to {max})", max = nodes.saturating_sub(1))]
    UnknownNode {
        /// Index of the link.
        link: usize,
        /// The id it names.
        node: u32,
        /// Nodes there are.
        nodes: usize,
    },
    /// Both ends are the same node.
    #[error("link {link} joins node {node} to itself")]
    Loop {
        /// Index of the link.
        link: usize,
        /// The node.
        node: u32,
    },
    /// Two links join the same nodes.
    #[error("links {first} and {second} both join nodes {a} and {b}; at most one link per pair is supported")]
    Parallel {
        /// Index of the earlier link.
        first: usize,
        /// Index of the later link.
        second: usize,
        /// One end.
        a: u32,
        /// The other end.
        b: u32,
    },
    /// A link carries nothing.
    #[error("link {link} has rate 0")]
    ZeroRate {
        /// Index of the link.
        link: usize,
    },
    /// A host with no link or several.
    #[error("host {host} has {links} links; a host must have exactly one")]
    HostLinks {
        /// The host.
        host: u32,
        /// How many it has.
        links: usize,
    },
    /// A host's only neighbour is a host.
    #[error("host {host} is not attached to a switch")]
    NoSwitch {
        /// The host.
        host: u32,
    },
    /// The switch list is not a list of the switches.
    #[error("the switch order must name each switch once")]
    SwitchOrder,
}

/// A validated network of hosts and switches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    kinds: Vec<NodeKind>,
    links: Vec<Link>,
    /// Switches in the order in which the spec declares them (files of the ns-3 programs keep it).
    switch_order: Vec<NodeId>,
    /// Outgoing channels of node `n`: `outgoing[first[n]..first[n + 1]]`, in link order.
    first: Vec<u32>,
    outgoing: Vec<ChannelId>,
}

impl Topology {
    /// Checks and indexes a network. `kinds[i]` is the kind of node `i`; `switch_order` is how the spec lists switches.
    ///
    /// # Errors
    /// [`TopologyError`] if a link is dangling, a loop, parallel or has rate 0, or if a host has not exactly one link
    /// to a switch.
    pub fn new(kinds: Vec<NodeKind>, links: Vec<Link>, switch_order: Vec<NodeId>) -> Result<Self, TopologyError> {
        check_links(&kinds, &links)?;
        let mut seen = vec![false; kinds.len()];
        let valid = |s: &NodeId| kinds.get(s.0 as usize) == Some(&NodeKind::Switch);
        if !switch_order.iter().all(|s| valid(s) && !std::mem::replace(&mut seen[s.0 as usize], true))
            || switch_order.len() != kinds.iter().filter(|k| **k == NodeKind::Switch).count()
        {
            return Err(TopologyError::SwitchOrder);
        }
        let (first, outgoing) = index_channels(kinds.len(), &links);
        let topology = Self { kinds, links, switch_order, first, outgoing };
        for host in topology.hosts() {
            let out = topology.outgoing(host);
            if out.len() != 1 {
                return Err(TopologyError::HostLinks { host: host.0, links: out.len() });
            }
            if topology.kind(topology.head(out[0])) != NodeKind::Switch {
                return Err(TopologyError::NoSwitch { host: host.0 });
            }
        }
        Ok(topology)
    }

    /// Number of nodes.
    pub fn node_count(&self) -> usize {
        self.kinds.len()
    }

    /// Number of channels: twice the number of links.
    pub fn channel_count(&self) -> usize {
        self.links.len() * 2
    }

    /// All links, in the order of the spec.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Switches in declaration order.
    pub fn switch_order(&self) -> &[NodeId] {
        &self.switch_order
    }

    /// What `node` is.
    pub fn kind(&self, node: NodeId) -> NodeKind {
        self.kinds[node.0 as usize]
    }

    /// All hosts, ascending.
    pub fn hosts(&self) -> impl Iterator<Item = NodeId> + '_ {
        (0..self.kinds.len() as u32).map(NodeId).filter(|n| self.kind(*n) == NodeKind::Host)
    }

    /// Number of hosts.
    pub fn host_count(&self) -> usize {
        self.kinds.len() - self.switch_order.len()
    }

    /// Channels that leave `node`, in link order.
    pub fn outgoing(&self, node: NodeId) -> &[ChannelId] {
        let n = node.0 as usize;
        &self.outgoing[self.first[n] as usize..self.first[n + 1] as usize]
    }

    /// The link of a channel.
    pub fn link(&self, channel: ChannelId) -> &Link {
        &self.links[(channel.0 / 2) as usize]
    }

    /// The node a channel leaves.
    pub fn tail(&self, channel: ChannelId) -> NodeId {
        let link = self.link(channel);
        if channel.0.is_multiple_of(2) { link.a } else { link.b }
    }

    /// The node a channel enters.
    pub fn head(&self, channel: ChannelId) -> NodeId {
        self.tail(channel.reverse())
    }

    /// The channel from `tail` to `head`, if they are neighbours.
    pub fn channel_between(&self, tail: NodeId, head: NodeId) -> Option<ChannelId> {
        self.outgoing(tail).iter().copied().find(|c| self.head(*c) == head)
    }

    /// The switch a host is attached to.
    pub fn switch_of(&self, host: NodeId) -> NodeId {
        self.head(self.outgoing(host)[0])
    }
}

impl ChannelId {
    /// The other direction of the same link.
    pub const fn reverse(self) -> Self {
        Self(self.0 ^ 1)
    }

    /// Index into arrays with one entry per channel.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

fn check_links(kinds: &[NodeKind], links: &[Link]) -> Result<(), TopologyError> {
    let mut pairs: Vec<(NodeId, NodeId, usize)> = Vec::with_capacity(links.len());
    for (i, l) in links.iter().enumerate() {
        for end in [l.a, l.b] {
            if end.0 as usize >= kinds.len() {
                return Err(TopologyError::UnknownNode { link: i, node: end.0, nodes: kinds.len() });
            }
        }
        if l.a == l.b {
            return Err(TopologyError::Loop { link: i, node: l.a.0 });
        }
        if l.rate.0 == 0 {
            return Err(TopologyError::ZeroRate { link: i });
        }
        pairs.push((l.a.min(l.b), l.a.max(l.b), i));
    }
    pairs.sort_unstable();
    match pairs.windows(2).find(|w| (w[0].0, w[0].1) == (w[1].0, w[1].1)) {
        Some(w) => Err(TopologyError::Parallel { first: w[0].2, second: w[1].2, a: w[0].0.0, b: w[0].1.0 }),
        None => Ok(()),
    }
}

fn index_channels(nodes: usize, links: &[Link]) -> (Vec<u32>, Vec<ChannelId>) {
    let mut first = vec![0u32; nodes + 1];
    for l in links {
        first[l.a.0 as usize + 1] += 1;
        first[l.b.0 as usize + 1] += 1;
    }
    for n in 0..nodes {
        first[n + 1] += first[n];
    }
    let mut next = first.clone();
    let mut outgoing = vec![ChannelId(0); links.len() * 2];
    for (k, l) in links.iter().enumerate() {
        for (node, channel) in [(l.a, 2 * k as u32), (l.b, 2 * k as u32 + 1)] {
            outgoing[next[node.0 as usize] as usize] = ChannelId(channel);
            next[node.0 as usize] += 1;
        }
    }
    (first, outgoing)
}
