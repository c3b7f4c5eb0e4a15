//! A scenario: a mix with every choice made. It fully determines the physics; two scenarios with equal digests are the
//! same experiment, whatever files they came from.

use crate::routing::{self, NoPath, Paths};
use crate::tcp::QueueDiscipline;
use crate::topology::{ChannelId, NodeId, NodeKind, Topology};
use crate::transport::{CongestionControl, Transport};
use crate::units::{Bytes, SimDuration, SimTime};
use sha2::{Digest, Sha256};

/// Most flows of a scenario: with their paths, some 4 GB.
pub const MOST_FLOWS: usize = 1 << 25;

/// Position of a flow in [`Scenario::flows`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowIndex(pub u32);

impl FlowIndex {
    /// Index into arrays with one entry per flow.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One transfer from a host to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Name in files; unique within the scenario, normally equal to the position.
    pub id: u64,
    /// Sender.
    pub src: NodeId,
    /// Receiver.
    pub dst: NodeId,
    /// Application bytes, at least 1.
    pub size: Bytes,
    /// When the application asks for it. In a closed loop it may have to wait for earlier flows of its group.
    pub start: SimTime,
}

/// What releases flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// Every flow starts at its own time.
    Open,
    /// At most `max_inflight` flows of a group of `hosts_per_group` consecutive senders are outstanding; the rest wait
    /// in order. A flow stops being outstanding when its sender has the last ACK.
    ClosedLoop {
        /// Outstanding flows a group may have, at least 1.
        max_inflight: u32,
        /// Senders per group, at least 1 (group = sender id ÷ this).
        hosts_per_group: u32,
    },
}

/// The parts of a scenario, before they are checked.
#[derive(Clone, Debug)]
pub struct ScenarioParts {
    /// The network.
    pub topology: Topology,
    /// Flows by start time (ties in order of release).
    pub flows: Vec<Flow>,
    /// Path of each flow; `None` = ECMP routing ([`routing::ecmp_paths`]).
    pub paths: Option<(Paths, Paths)>,
    /// Transport and switches.
    pub transport: Transport,
    /// What releases flows.
    pub application: Application,
    /// Nothing happens later; flows not delivered by then are unfinished.
    pub horizon: SimTime,
}

/// Why parts are not a scenario.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ScenarioError {
    /// Something about one flow.
    #[error("flow {id}: {problem}")]
    Flow {
        /// Its id.
        id: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// Two flows are not connected.
    #[error(transparent)]
    NoPath(#[from] NoPath),
    /// A transport or application parameter.
    #[error("{field} is {found}, expected {expected}")]
    Parameter {
        /// Name of the parameter.
        field: &'static str,
        /// Its value.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
    /// More than [`MOST_FLOWS`].
    #[error("{0} flows are more than the 33,554,432 a scenario can have; divide them among several scenarios")]
    TooManyFlows(usize),
}

/// A validated experiment: topology, flows, paths, transport, application and horizon.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    topology: Topology,
    flows: Vec<Flow>,
    paths: Paths,
    ack_paths: Paths,
    transport: Transport,
    application: Application,
    horizon: SimTime,
    base_rtt: SimDuration,
}

impl Scenario {
    /// Checks the parts, routes the flows unless paths are given, and computes what depends only on them.
    ///
    /// # Errors
    /// [`ScenarioError`]: the first flow or parameter that no simulator could obey.
    pub fn new(parts: ScenarioParts) -> Result<Self, ScenarioError> {
        let ScenarioParts { topology, flows, paths, transport, application, horizon } = parts;
        if flows.len() > MOST_FLOWS {
            return Err(ScenarioError::TooManyFlows(flows.len()));
        }
        check_flows(&topology, &flows)?;
        check_parameters(&transport, application)?;
        check_tcp(&topology, &transport)?;
        let (paths, ack_paths) = match paths {
            Some(given) => {
                check_paths(&topology, &flows, &given.0, false)?;
                check_paths(&topology, &flows, &given.1, true)?;
                given
            }
            None => routing::ecmp_paths(&topology, &flows)?,
        };
        let base_rtt = routing::largest_round_trip(&topology);
        Ok(Self { topology, flows, paths, ack_paths, transport, application, horizon, base_rtt })
    }

    /// The network.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Flows by start time.
    pub fn flows(&self) -> &[Flow] {
        &self.flows
    }

    /// All flow indices, in order.
    pub fn indices(&self) -> impl Iterator<Item = FlowIndex> + use<> {
        (0..self.flows.len() as u32).map(FlowIndex)
    }

    /// One flow.
    pub fn flow(&self, index: FlowIndex) -> &Flow {
        &self.flows[index.index()]
    }

    /// Channels a flow's data crosses, in order.
    pub fn path(&self, index: FlowIndex) -> &[ChannelId] {
        self.paths.get(index.index())
    }

    /// Channels a flow's ACKs cross, in order.
    pub fn ack_path(&self, index: FlowIndex) -> &[ChannelId] {
        self.ack_paths.get(index.index())
    }

    /// Transport and switches.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// What releases flows.
    pub fn application(&self) -> Application {
        self.application
    }

    /// Nothing happens later.
    pub fn horizon(&self) -> SimTime {
        self.horizon
    }

    /// Twice the largest propagation delay between two hosts.
    pub fn base_rtt(&self) -> SimDuration {
        self.base_rtt
    }

    /// Takes the scenario apart, for building a variant of it.
    pub fn into_parts(self) -> ScenarioParts {
        ScenarioParts {
            topology: self.topology,
            flows: self.flows,
            paths: Some((self.paths, self.ack_paths)),
            transport: self.transport,
            application: self.application,
            horizon: self.horizon,
        }
    }

    /// SHA-256 of everything above in one canonical binary form, as 64 hex digits.
    pub fn digest(&self) -> String {
        let mut h = Canonical(Sha256::new());
        h.text("mixlab scenario 1");
        h.number(self.topology.node_count() as u64);
        for s in self.topology.switch_order() {
            h.number(s.0.into());
        }
        for l in self.topology.links() {
            [l.a.0.into(), l.b.0.into(), l.rate.0, l.delay.ps()].into_iter().for_each(|v| h.number(v));
        }
        h.number(self.flows.len() as u64);
        for f in &self.flows {
            [f.id, f.src.0.into(), f.dst.0.into(), f.size.0, f.start.ps()].into_iter().for_each(|v| h.number(v));
        }
        for index in self.indices() {
            for path in [self.path(index), self.ack_path(index)] {
                h.number(path.len() as u64);
                path.iter().for_each(|c| h.number(c.0.into()));
            }
        }
        h.transport(&self.transport);
        match self.application {
            Application::Open => h.number(0),
            Application::ClosedLoop { max_inflight, hosts_per_group } => {
                [1, max_inflight.into(), hosts_per_group.into()].into_iter().for_each(|v| h.number(v));
            }
        }
        h.number(self.horizon.ps());
        hex(&h.0.finalize())
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Feeds numbers to the digest as 8 little-endian bytes each, so that no two scenarios share a byte stream by accident.
struct Canonical(Sha256);

impl Canonical {
    fn number(&mut self, v: u64) {
        self.0.update(v.to_le_bytes());
    }

    fn real(&mut self, v: f64) {
        self.number(v.to_bits());
    }

    fn text(&mut self, s: &str) {
        self.number(s.len() as u64);
        self.0.update(s.as_bytes());
    }

    fn transport(&mut self, t: &Transport) {
        let window = t.window.map_or(0, |w| w.0);
        for v in [t.payload.0, window, t.min_rate.0, t.max_rate.0, t.buffer.0, t.rng_run] {
            self.number(v);
        }
        for flag in [t.window.is_some(), t.variable_window, t.rate_bound, t.ack_high_priority, t.pfc, t.ecn] {
            self.number(flag.into());
        }
        self.number(t.marking.len() as u64);
        for (rate, m) in &t.marking {
            [rate.0, m.k_min.0, m.k_max.0].into_iter().for_each(|v| self.number(v));
            self.real(m.p_max);
        }
        self.text(t.congestion_control.name());
        match t.congestion_control {
            CongestionControl::Dctcp { gain, additive } => {
                self.real(gain);
                self.number(additive.0);
            }
            CongestionControl::Dcqcn {
                gain,
                alpha_interval,
                decrease_interval,
                increase_interval,
                fast_recovery_rounds,
                additive,
                hyper,
                clamp_target,
            } => {
                self.real(gain);
                for interval in [alpha_interval, decrease_interval, increase_interval] {
                    self.number(interval.ps());
                }
                for v in [fast_recovery_rounds.into(), additive.0, hyper.0, clamp_target.into()] {
                    self.number(v);
                }
            }
            CongestionControl::Hpcc {
                target_utilisation,
                additive,
                additive_stages,
                telemetry_multiplier,
                fast_reaction,
                per_hop_rate,
            } => {
                self.real(target_utilisation);
                let flags = [fast_reaction.into(), per_hop_rate.into()];
                [additive.0, additive_stages.into(), telemetry_multiplier.into()]
                    .into_iter()
                    .chain(flags)
                    .for_each(|v| self.number(v));
            }
            CongestionControl::Timely { t_low, t_high, beta, additive, hyper } => {
                self.real(beta);
                [t_low.ps(), t_high.ps(), additive.0, hyper.0].into_iter().for_each(|v| self.number(v));
            }
            CongestionControl::Tcp { queue, .. } => {
                self.text(queue.name());
                queue.times().iter().flatten().for_each(|time| self.number(time.ps()));
            }
        }
    }
}

fn check_flows(topology: &Topology, flows: &[Flow]) -> Result<(), ScenarioError> {
    let is_host = |n: NodeId| (n.0 as usize) < topology.node_count() && topology.kind(n) == NodeKind::Host;
    let mut last = SimTime::ZERO;
    for f in flows {
        let problem = if !is_host(f.src) {
            "its source is not a host of the topology"
        } else if !is_host(f.dst) {
            "its destination is not a host of the topology"
        } else if f.src == f.dst {
            "source and destination are the same host"
        } else if f.size.0 == 0 {
            "its size is 0 bytes"
        } else if f.start < last {
            "it starts before the flow listed before it; flows must be sorted by start"
        } else {
            last = f.start;
            continue;
        };
        return Err(ScenarioError::Flow { id: f.id, problem });
    }
    let mut ids: Vec<u64> = flows.iter().map(|f| f.id).collect();
    ids.sort_unstable();
    match ids.windows(2).find(|w| w[0] == w[1]) {
        Some(w) => Err(ScenarioError::Flow { id: w[0], problem: "the id is used twice" }),
        None => Ok(()),
    }
}

fn check_paths(topology: &Topology, flows: &[Flow], paths: &Paths, reverse: bool) -> Result<(), ScenarioError> {
    for (i, f) in flows.iter().enumerate() {
        let (src, dst) = if reverse { (f.dst, f.src) } else { (f.src, f.dst) };
        let bad =
            ScenarioError::Flow { id: f.id, problem: "its path does not lead from its source to its destination" };
        if i >= paths.len() {
            return Err(bad);
        }
        let path = paths.get(i);
        let known = path.iter().all(|c| c.index() < topology.channel_count());
        let joined = known && path.windows(2).all(|w| topology.head(w[0]) == topology.tail(w[1]));
        let ends = joined
            && path.first().is_some_and(|c| topology.tail(*c) == src)
            && path.last().is_some_and(|c| topology.head(*c) == dst);
        if !ends {
            return Err(bad);
        }
    }
    Ok(())
}

fn check_parameters(t: &Transport, application: Application) -> Result<(), ScenarioError> {
    let parameter = |field, found: String, expected| Err(ScenarioError::Parameter { field, found, expected });
    if t.payload.0 == 0 {
        return parameter("payload", t.payload.to_string(), "at least 1 byte per packet");
    }
    if t.window == Some(Bytes(0)) {
        return parameter("window", "0 B".into(), "at least 1 byte, or no window at all");
    }
    if t.max_rate.0 == 0 || t.min_rate > t.max_rate {
        return parameter("min_rate", t.min_rate.to_string(), "at most max_rate, and max_rate above 0");
    }
    if let Application::ClosedLoop { max_inflight, hosts_per_group } = application {
        if max_inflight == 0 {
            return parameter("max_inflight_flows", "0".into(), "at least 1 in a closed loop");
        }
        if hosts_per_group == 0 {
            return parameter("hosts_per_group", "0".into(), "at least 1");
        }
    }
    Ok(())
}

/// TCP must leave alone what only the RDMA transport has, and be consistent in what it has itself.
fn check_tcp(topology: &Topology, t: &Transport) -> Result<(), ScenarioError> {
    let CongestionControl::Tcp { queue, .. } = t.congestion_control else { return Ok(()) };
    let marks = queue != QueueDiscipline::Fifo;
    let red = queue == QueueDiscipline::Red;
    let nics = topology.hosts().map(|h| topology.link(topology.outgoing(h)[0]).rate);
    let fastest = nics.max().unwrap_or(t.max_rate);
    let rules = [
        ("window", t.window.is_none(), t.window.map_or(String::new(), |w| w.to_string()), "none under TCP"),
        ("variable_window", !t.variable_window, "on".into(), "off under TCP"),
        ("rate_bound", !t.rate_bound, "on".into(), "off under TCP"),
        ("ack_high_priority", !t.ack_high_priority, "on".into(), "off under TCP"),
        ("pfc", !t.pfc, "on".into(), "off under TCP"),
        ("min_rate", t.min_rate.0 == 0, t.min_rate.to_string(), "0 b/s under TCP"),
        ("max_rate", t.max_rate == fastest, t.max_rate.to_string(), "the rate of the fastest NIC under TCP"),
        ("ecn", t.ecn == marks, t.ecn.to_string(), "on under TCP, except with a FIFO, which does not mark"),
        (
            "marking",
            red != t.marking.is_empty(),
            format!("{} rates", t.marking.len()),
            "thresholds for RED, and only then",
        ),
        ("buffer", t.buffer.0 > 0, t.buffer.to_string(), "at least 1 byte"),
    ];
    match rules.into_iter().find(|(_, kept, _, _)| !kept) {
        Some((field, _, found, expected)) => Err(ScenarioError::Parameter { field, found, expected }),
        None => Ok(()),
    }
}
