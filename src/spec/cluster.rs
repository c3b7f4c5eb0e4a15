//! Clusters: planes of spines, pods of fabric switches and racks. Two forms: every node and link listed (parsimon-eval's
//! topology files), or a few numbers from which the same nodes and links are made.
//!
//! ```text
//! spine plane i ─── fabric switch i of every pod ─── every ToR of the pod ─── the rack's hosts
//! ids:   hosts < ToRs < fabric switches < spines, pods in order, so rack r of all racks has hosts r·h … r·h + h − 1
//! links: per pod and fabric switch to its spines; then per pod ToRs to fabric switches, then hosts to their ToR
//! ```
//!
//! Left out: hosts with several links, other shapes than this three-tier fabric in the generated form.

use super::error::SpecError;
use super::json::{Document, Fields, Node};
use super::units::{delay, rate};
use mixlab_contract::{BitsPerSec, Link, NodeId, NodeKind, SimDuration, Topology, TopologyError};
use std::path::Path;
use std::sync::Arc;

/// Most nodes a cluster may have: 17 times the largest known (60,000 hosts), and a few hundred MB of memory.
const MOST_NODES: u64 = 1 << 20;
/// Most links a cluster may have.
const MOST_LINKS: u64 = 1 << 22;

/// A cluster: its network, and where pods and racks are in it.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Nodes and links.
    pub topology: Arc<Topology>,
    /// Pods in order.
    pub pods: Vec<Pod>,
}

/// A pod: racks joined by fabric switches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Racks in order.
    pub racks: Vec<Rack>,
}

/// A rack: hosts under one ToR switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rack {
    /// Its switch.
    pub tor: NodeId,
    /// Its hosts in order.
    pub hosts: Vec<NodeId>,
}

const GENERATED: &[&str] = &[
    "pods",
    "fabs_per_pod",
    "spines_per_plane",
    "racks_per_pod",
    "hosts_per_rack",
    "host_rate",
    "fabric_rate",
    "delay",
    "source",
];

impl Cluster {
    /// Reads a cluster in either form.
    ///
    /// # Errors
    /// A fault with its place, also if nodes and links are not a valid network.
    pub fn parse(document: &Document, warnings: &mut Vec<String>) -> Result<Self, SpecError> {
        let root = document.root()?;
        let members = root.members("a cluster: an object")?;
        if members.iter().any(|(key, _)| key == "planes" || key == "fab2spine") {
            return Listing::default().read(&root);
        }
        let fields = root.fields("a cluster: an object", GENERATED)?;
        for (name, hint) in fields.unknown() {
            let name = name.escape_debug();
            warnings.push(format!("{}: unknown field `{name}` is ignored ({hint})", document.file().display()));
        }
        Shape::parse(&fields)?.build(&root)
    }

    /// Reads a cluster file.
    ///
    /// # Errors
    /// As [`Cluster::parse`], or if the file cannot be read.
    pub fn read(file: &Path, warnings: &mut Vec<String>) -> Result<Self, SpecError> {
        Self::parse(&Document::read(file)?, warnings)
    }
}

/// The few numbers of a generated cluster.
#[derive(Clone, Copy, Debug)]
struct Shape {
    pods: u32,
    fabs: u32,
    spines: u32,
    racks: u32,
    hosts: u32,
    host_rate: BitsPerSec,
    fabric_rate: BitsPerSec,
    delay: SimDuration,
}

impl Shape {
    fn parse(fields: &Fields<'_>) -> Result<Self, SpecError> {
        let count = |name| {
            let node: &Node<'_> = fields.required(name)?;
            match node.whole("a whole number from 1 to 1,048,576", MOST_NODES)? {
                0 => Err(node.fault("a whole number from 1 to 1,048,576", "")),
                n => Ok(n as u32),
            }
        };
        let host_rate = rate(fields.required("host_rate")?)?;
        let shape = Self {
            pods: count("pods")?,
            fabs: count("fabs_per_pod")?,
            spines: count("spines_per_plane")?,
            racks: count("racks_per_pod")?,
            hosts: count("hosts_per_rack")?,
            host_rate,
            fabric_rate: fields.optional("fabric_rate").map_or(Ok(host_rate), rate)?,
            delay: fields.optional("delay").map_or(Ok(SimDuration::from_ns(1000)), delay)?,
        };
        let (nodes, links) = shape.size();
        if nodes > u128::from(MOST_NODES) || links > u128::from(MOST_LINKS) {
            let found = format!("{nodes} nodes and {links} links");
            return Err(fields.node().fault_with("at most 1,048,576 nodes and 4,194,304 links", &found, ""));
        }
        Ok(shape)
    }

    /// Nodes and links.
    fn size(&self) -> (u128, u128) {
        let [pods, fabs, spines, racks, hosts] =
            [self.pods, self.fabs, self.spines, self.racks, self.hosts].map(u128::from);
        let nodes = pods * racks * (hosts + 1) + pods * fabs + fabs * spines;
        (nodes, pods * fabs * spines + pods * racks * (fabs + hosts))
    }

    fn build(&self, root: &Node<'_>) -> Result<Cluster, SpecError> {
        let all_racks = self.pods * self.racks;
        let first_tor = all_racks * self.hosts;
        let first_fab = first_tor + all_racks;
        let first_spine = first_fab + self.pods * self.fabs;
        let tor = |pod, rack| NodeId(first_tor + pod * self.racks + rack);
        let fab = |pod, plane| NodeId(first_fab + pod * self.fabs + plane);
        let spine = |plane, at| NodeId(first_spine + plane * self.spines + at);
        let host = |pod, rack, at| NodeId((pod * self.racks + rack) * self.hosts + at);
        let link = |a, b, rate| Link { a, b, rate, delay: self.delay };

        let mut listing = Listing::default();
        listing.switches.extend((0..self.fabs).flat_map(|p| (0..self.spines).map(move |s| spine(p, s))));
        for pod in 0..self.pods {
            listing.switches.extend((0..self.fabs).map(|f| fab(pod, f)));
            listing.switches.extend((0..self.racks).map(|r| tor(pod, r)));
            let up = (0..self.fabs).flat_map(|f| (0..self.spines).map(move |s| (fab(pod, f), spine(f, s))));
            listing.links.extend(up.map(|(a, b)| link(a, b, self.fabric_rate)));
        }
        for pod in 0..self.pods {
            let up = (0..self.racks).flat_map(|r| (0..self.fabs).map(move |f| (tor(pod, r), fab(pod, f))));
            listing.links.extend(up.map(|(a, b)| link(a, b, self.fabric_rate)));
            let mut racks = Vec::new();
            for rack in 0..self.racks {
                let hosts: Vec<NodeId> = (0..self.hosts).map(|h| host(pod, rack, h)).collect();
                listing.links.extend(hosts.iter().map(|h| link(*h, tor(pod, rack), self.host_rate)));
                racks.push(Rack { tor: tor(pod, rack), hosts });
            }
            listing.pods.push(Pod { racks });
        }
        let nodes = first_spine + self.fabs * self.spines;
        let kinds = (0..nodes).map(|n| if n < first_tor { NodeKind::Host } else { NodeKind::Switch }).collect();
        let topology = Topology::new(kinds, listing.links, listing.switches)
            .map_err(|e| root.fault_with("numbers that make a network", &e.to_string(), ""))?;
        Ok(Cluster { topology: Arc::new(topology), pods: listing.pods })
    }
}

/// Nodes and links in the order of a listing (spines; per pod fabric switches, then ToR and hosts of each rack).
#[derive(Default)]
struct Listing<'a> {
    /// Every node's id and kind, with its place in the file.
    nodes: Vec<(u64, NodeKind, Node<'a>)>,
    switches: Vec<NodeId>,
    links: Vec<Link>,
    link_nodes: Vec<Node<'a>>,
    pods: Vec<Pod>,
}

impl<'a> Listing<'a> {
    fn read(mut self, root: &Node<'a>) -> Result<Cluster, SpecError> {
        let top = root.fields("a cluster: an object", &["planes", "pods", "fab2spine"])?;
        for plane in top.required("planes")?.array("an array of planes, each an array of spines")? {
            for spine in plane.array("a plane: an array of spines")? {
                self.node(&spine, NodeKind::Switch)?;
            }
        }
        let pods = top.required("pods")?.array("an array of pods")?;
        let pods: Vec<Fields<'a>> = pods
            .iter()
            .map(|p| p.fields("a pod: an object", &["fabs", "racks", "tor2fab"]))
            .collect::<Result<_, _>>()?;
        for link in top.required("fab2spine")?.array("an array of links")? {
            self.link(link)?;
        }
        for pod in &pods {
            self.pod(pod)?;
        }
        self.finish(root)
    }

    fn pod(&mut self, pod: &Fields<'a>) -> Result<(), SpecError> {
        for fab in pod.required("fabs")?.array("an array of switches")? {
            self.node(&fab, NodeKind::Switch)?;
        }
        for link in pod.required("tor2fab")?.array("an array of links")? {
            self.link(link)?;
        }
        let mut racks = Vec::new();
        for rack in pod.required("racks")?.array("an array of racks")? {
            let rack = rack.fields("a rack: an object", &["tor", "hosts", "host2tor"])?;
            let tor = self.node(rack.required("tor")?, NodeKind::Switch)?;
            let hosts = rack.required("hosts")?.array("an array of hosts")?;
            let hosts = hosts.iter().map(|h| self.node(h, NodeKind::Host)).collect::<Result<_, _>>()?;
            for link in rack.required("host2tor")?.array("an array of links")? {
                self.link(link)?;
            }
            racks.push(Rack { tor, hosts });
        }
        self.pods.push(Pod { racks });
        Ok(())
    }

    fn node(&mut self, node: &Node<'a>, kind: NodeKind) -> Result<NodeId, SpecError> {
        let fields = node.fields("a node: an object", &["id", "kind"])?;
        let id = fields.required("id")?.whole("a node id below 1,048,576", MOST_NODES - 1)?;
        let name = match kind {
            NodeKind::Host => "Host",
            NodeKind::Switch => "Switch",
        };
        let written = fields.required("kind")?;
        if written.string("\"Host\" or \"Switch\"")? != name {
            return Err(written.fault(&format!("\"{name}\" at this place"), ""));
        }
        self.nodes.push((id, kind, node.clone()));
        let id = NodeId(id as u32);
        if kind == NodeKind::Switch {
            self.switches.push(id);
        }
        Ok(id)
    }

    fn link(&mut self, node: Node<'a>) -> Result<(), SpecError> {
        let fields = node.fields("a link: an object", &["a", "b", "bandwidth", "delay"])?;
        let id = |name| fields.required(name)?.whole("a node id below 1,048,576", MOST_NODES - 1);
        self.links.push(Link {
            a: NodeId(id("a")? as u32),
            b: NodeId(id("b")? as u32),
            rate: rate(fields.required("bandwidth")?)?,
            delay: delay(fields.required("delay")?)?,
        });
        self.link_nodes.push(node);
        Ok(())
    }

    /// Ids must be 0, 1, 2 … without gaps, in any order; the rest is the topology's own check.
    fn finish(mut self, root: &Node<'a>) -> Result<Cluster, SpecError> {
        self.nodes.sort_by_key(|(id, ..)| *id);
        for (expected, (id, _, node)) in self.nodes.iter().enumerate() {
            if *id != expected as u64 {
                let found = if *id < expected as u64 { format!("id {id} a second time") } else { format!("id {id}") };
                let expected = format!("ids without gaps, so {expected} as the next one");
                return Err(node.fault_with(&expected, &found, "number the nodes 0, 1, 2, …, each once"));
            }
        }
        let kinds = self.nodes.iter().map(|(_, kind, _)| *kind).collect();
        let topology = Topology::new(kinds, self.links, self.switches).map_err(|e| {
            let place = match &e {
                TopologyError::UnknownNode { link, .. }
                | TopologyError::Loop { link, .. }
                | TopologyError::ZeroRate { link }
                | TopologyError::Parallel { second: link, .. } => self.link_nodes.get(*link),
                TopologyError::HostLinks { host, .. } | TopologyError::NoSwitch { host } => {
                    self.nodes.get(*host as usize).map(|(_, _, node)| node)
                }
                TopologyError::SwitchOrder => None,
            };
            place.unwrap_or(root).fault_with("nodes and links that make a network", &e.to_string(), "")
        })?;
        Ok(Cluster { topology: Arc::new(topology), pods: self.pods })
    }
}
