//! Who shares what at this moment: the max-min fluid of `flowsim-window` plus the queues its windows imply.
//!
//! ```text
//! q_f  = max(0, min(W, V_f) − r_f · T_f)      bytes in flight that the path cannot hold wait at the flow's bottleneck
//! Q_c  = Σ q_f over flows bottlenecked at c                      queue in front of channel c
//! I_c  = Σ q_f over flows on c bottlenecked at the next channel  what the switch behind c holds of c's traffic (PFC counts this)
//! P_c  = Σ q_f over flows on c bottlenecked anywhere behind c    what could push back onto c if pauses spread
//! B_v  = Σ Q_c over channels that leave switch v                 its buffer in use
//! ```
//!
//! r is the max-min rate, T the base RTT, W the window, V the flow's volume. Nothing here is learned; training replays true
//! arrivals and departures through this same code, so features mean the same in training and in inference.
//!
//! `tests/contention.rs` has the slow twin: every number from its definition over all flows, compared at each step of random lives.
//!
//! Left out: what was queued before and drains slowly, except through the averages of Q and of load.

use super::features::log1p;
use mixlab_contract::{ChannelId, NodeKind, Scenario, Topology};
use mixlab_flowsim::MaxMin;

/// 10⁻¹² bit per bit: volumes are in these, so that volume ÷ (bit/s) is in picoseconds.
pub const SCALE: f64 = 1e12;
/// Time constants of the running averages, ps.
pub const HORIZONS: [f64; 3] = [5e7, 5e8, 1e7];
/// Time constants of what a flow remembers, ps.
pub const PAST: [f64; 2] = [1.2e7, 5.5e7];
/// Headroom that the switches set aside per port and lossless queue, bytes (two queues; the rule of the RDMA ns-3 programs).
const HEADROOM: f64 = 2.0 * 8455.0;

/// A flow as it enters the fluid.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its path is `routes[first..first + hops]`.
    pub first: usize,
    /// Channels on its path.
    pub hops: usize,
    /// ACK path, likewise.
    pub first_ack: usize,
    /// Channels on its ACK path.
    pub ack_hops: usize,
    /// Volume, 10⁻¹² bit.
    pub volume: f64,
    /// Highest rate now, bit/s.
    pub cap: f64,
    /// Whether it sends full windows.
    pub windowed: bool,
    /// Slowest link of the path, bit/s.
    pub line: f64,
    /// Base RTT, ps.
    pub rtt: f64,
    /// FCT on an idle network, ps.
    pub lone: f64,
}

/// An active flow.
#[derive(Clone, Copy, Debug)]
pub struct Active {
    /// What it entered with.
    pub entry: Entry,
    /// Since when, ps.
    pub start: f64,
    /// Max-min rate, bit/s.
    pub rate: f64,
    /// Hop of its bottleneck; `None` = its cap limits it.
    pub bottleneck: Option<usize>,
    /// q_f, 10⁻¹² bit.
    pub queued: f64,
    /// Corrected speed, bit/s.
    pub speed: f64,
    /// Volume not yet sent when `speed` was set, 10⁻¹² bit.
    left: f64,
    /// When that was, ps.
    since: f64,
    /// What it has been through.
    pub past: Past,
    stamp: u64,
}

/// What a flow remembers: running averages over [`PAST`] of its speed and of the queues on its path.
#[derive(Clone, Copy, Debug)]
pub struct Past {
    /// Speed ÷ slowest link; 1 at the start, since flows start at line rate.
    pub speed: [f64; PAST.len()],
    /// `wait` while it was so.
    pub waits: [f64; PAST.len()],
    /// What lay ahead of it on its path when last looked at, in base RTTs as ln(1 + 4x).
    pub wait: f64,
}

impl Active {
    /// Volume not yet sent at time `t`, 10⁻¹² bit.
    pub fn left(&self, t: f64) -> f64 {
        (self.left - self.speed * (t - self.since)).max(0.0)
    }
}

/// One direction of a link.
#[derive(Clone, Debug)]
pub struct Channel {
    /// bit/s.
    pub capacity: f64,
    /// (slot, hop of that flow).
    members: Vec<(u32, u16)>,
    /// Q, I and P; volume of the flows that fit in a window; all 10⁻¹² bit.
    pub queue: f64,
    /// See the module.
    pub ingress: f64,
    /// See the module.
    pub pressure: f64,
    /// Volume of flows of at most one window.
    pub small: f64,
    /// First windows of the flows that came less than a base RTT ago (when last looked at): they are sent at line rate.
    pub fresh: f64,
    /// Number of flows bottlenecked here.
    pub limited: u32,
    /// Σ rates ÷ capacity.
    pub load: f64,
    /// Σ corrected speeds, bit/s.
    pub throughput: f64,
    /// Running averages of `queue` over [`HORIZONS`].
    pub queue_average: [f64; HORIZONS.len()],
    /// Running averages of `load`.
    pub load_average: [f64; HORIZONS.len()],
    updated: f64,
    /// When a flow last left, ps.
    pub departed: f64,
    /// Since when it has had flows without a break, ps.
    busy_since: f64,
    /// Volume of the flows that came and went since then.
    carried: f64,
    /// Σ min(W, left) over its flows: at most this much is in flight.
    pub afloat: f64,
    /// Q with what is left and with corrected speeds.
    pub held: f64,
    /// I likewise.
    pub held_in: f64,
    /// When the last three were made, ps; never, if flows came or went since.
    measured: f64,
    head: u32,
    tail: u32,
    stamp: u64,
}

impl Channel {
    /// Flows on it.
    pub fn flows(&self) -> usize {
        self.members.len()
    }

    /// Moves the averages to time `t`: implicit Euler, a' = (a + x·v) / (1 + x) with x = Δt ÷ τ.
    fn age(&mut self, t: f64) {
        let dt = t - self.updated;
        if dt > 0.0 {
            for (i, tau) in HORIZONS.iter().enumerate() {
                let x = dt / tau;
                self.queue_average[i] = (self.queue_average[i] + x * self.queue) / (1.0 + x);
                self.load_average[i] = (self.load_average[i] + x * self.load) / (1.0 + x);
            }
            self.updated = t;
        }
    }

    /// Σ corrected speeds ÷ Σ max-min rates: below 1 where flows are paused or wait; 1 on an idle channel.
    pub fn pace(&self) -> f64 {
        let rates = self.load * self.capacity;
        if rates > 0.0 { (self.throughput / rates).clamp(0.0, 4.0) } else { 1.0 }
    }

    /// The averages as they are at time `t`: (queue, load) over horizon `i`.
    pub fn averages(&self, i: usize, t: f64) -> (f64, f64) {
        let x = (t - self.updated).max(0.0) / HORIZONS[i];
        let blend = |a: f64, v: f64| (a + x * v) / (1.0 + x);
        (blend(self.queue_average[i], self.queue), blend(self.load_average[i], self.load))
    }
}

/// A node, as far as buffers go.
#[derive(Clone, Copy, Debug, Default)]
pub struct Node {
    /// Bits of its shared pool (buffer less headroom), 10⁻¹² bit; 0 at hosts.
    pub pool: f64,
    /// B_v, 10⁻¹² bit.
    pub backlog: f64,
    /// The same of `held`.
    pub held: f64,
}

/// The contention state of the whole network.
#[derive(Clone, Debug)]
pub struct Contention {
    solver: MaxMin,
    channels: Vec<Channel>,
    nodes: Vec<Node>,
    /// `[S]`
    flows: Vec<Active>,
    routes: Vec<u32>,
    /// Beside `routes`: what the flows that came before have afloat on the channel.
    ahead: Vec<f64>,
    window: f64,
    touched: Vec<u32>,
    dirty: Vec<u32>,
    affected: Vec<u32>,
    stamp: u64,
}

impl Contention {
    /// An empty network. Cost: O(nodes + channels).
    pub fn new(scenario: &Scenario) -> Self {
        let topology = scenario.topology();
        let t = scenario.transport();
        let capacity = |c: usize| topology.links()[c / 2].rate.0 as f64;
        let count = topology.channel_count();
        let packet = (t.payload.0 + t.data_header().0) as f64 * 8.0 * SCALE;
        let window = t.window.map_or(t.buffer.0 as f64 * 8.0 * SCALE, |w| w.0.div_ceil(t.payload.0) as f64 * packet);
        let buffer = t.buffer.0 as f64;
        Self {
            solver: MaxMin::new((0..count).map(capacity)),
            channels: (0..count as u32).map(|c| idle_channel(topology, ChannelId(c))).collect(),
            nodes: nodes(topology, buffer),
            flows: Vec::new(),
            routes: Vec::new(),
            ahead: Vec::new(),
            window,
            touched: Vec::new(),
            dirty: Vec::new(),
            affected: Vec::new(),
            stamp: 0,
        }
    }

    /// Stores a path; returns where it begins in the routes.
    pub fn route(&mut self, path: &[ChannelId]) -> usize {
        self.routes.extend(path.iter().map(|c| c.0));
        self.ahead.resize(self.routes.len(), 0.0);
        self.routes.len() - path.len()
    }

    /// A flow enters; its slot.
    pub fn begin(&mut self, t: f64, entry: Entry) -> u32 {
        let path = &self.routes[entry.first..entry.first + entry.hops];
        let slot = self.solver.insert(path, entry.cap);
        for (hop, c) in path.iter().enumerate() {
            let channel = &mut self.channels[*c as usize];
            if channel.members.is_empty() {
                (channel.busy_since, channel.carried) = (t, 0.0);
            }
            channel.members.push((slot, hop as u16));
            channel.measured = f64::NEG_INFINITY;
        }
        let flow = Active {
            entry,
            start: t,
            rate: 0.0,
            bottleneck: None,
            queued: 0.0,
            speed: 0.0,
            left: entry.volume,
            since: t,
            past: Past { speed: [1.0; PAST.len()], waits: [0.0; PAST.len()], wait: 0.0 },
            stamp: 0,
        };
        match self.flows.get_mut(slot as usize) {
            Some(place) => *place = flow,
            None => self.flows.push(flow),
        }
        self.touched.push(slot);
        slot
    }

    /// A flow comes to its last window.
    pub fn release_last_window(&mut self, slot: u32, cap: f64) {
        self.solver.raise_cap(slot, cap);
        let entry = &mut self.flows[slot as usize].entry;
        (entry.cap, entry.windowed) = (cap, false);
        self.touched.push(slot);
    }

    /// A flow leaves. PRECONDITION: [`Self::settle`] was called since it entered.
    pub fn end(&mut self, t: f64, slot: u32) {
        self.solver.remove(slot);
        let Active { entry: Entry { first, hops, volume, .. }, speed, .. } = self.flows[slot as usize];
        for i in first..first + hops {
            let c = self.routes[i];
            let channel = &mut self.channels[c as usize];
            let place =
                channel.members.iter().position(|m| m.0 == slot).expect("an active flow is a member of its path");
            // In order of arrival: who came first is ahead in the queues.
            channel.members.remove(place);
            channel.measured = f64::NEG_INFINITY;
            channel.departed = t;
            channel.carried += volume;
            channel.throughput = if channel.members.is_empty() { 0.0 } else { channel.throughput - speed };
            self.dirty.push(c);
        }
    }

    /// Brings rates and queues up to date; afterwards [`Self::affected`] lists the flows that something changed for.
    /// Cost: that of the solver, and O(members) per channel on the path of a flow that came, went or changed its rate.
    pub fn settle(&mut self, t: f64) {
        self.solver.settle();
        self.touched.extend_from_slice(self.solver.changed());
        for i in 0..self.touched.len() {
            let slot = self.touched[i];
            self.update_flow(slot);
            let Entry { first, hops, .. } = self.flows[slot as usize].entry;
            self.dirty.extend_from_slice(&self.routes[first..first + hops]);
        }
        self.touched.clear();
        self.stamp += 1;
        self.affected.clear();
        for i in 0..self.dirty.len() {
            let c = self.dirty[i];
            if std::mem::replace(&mut self.channels[c as usize].stamp, self.stamp) != self.stamp {
                self.update_channel(c, t);
            }
        }
        self.dirty.clear();
    }

    fn update_flow(&mut self, slot: u32) {
        let f = &mut self.flows[slot as usize];
        f.rate = self.solver.rate(slot);
        let path = &self.routes[f.entry.first..f.entry.first + f.entry.hops];
        f.bottleneck = self.solver.bottleneck(slot).and_then(|b| path.iter().position(|c| *c == b));
        f.queued = match f.bottleneck {
            Some(_) => (self.window.min(f.entry.volume) - f.rate * f.entry.rtt).max(0.0),
            None => 0.0,
        };
    }

    fn update_channel(&mut self, c: u32, t: f64) {
        let channel = &mut self.channels[c as usize];
        channel.age(t);
        let before = channel.queue;
        (channel.queue, channel.ingress, channel.pressure, channel.small) = (0.0, 0.0, 0.0, 0.0);
        (channel.load, channel.fresh, channel.limited) = (0.0, 0.0, 0);
        for (slot, hop) in &channel.members {
            let f = &mut self.flows[*slot as usize];
            if std::mem::replace(&mut f.stamp, self.stamp) != self.stamp {
                self.affected.push(*slot);
            }
            channel.load += f.rate;
            if f.entry.volume <= self.window {
                channel.small += f.entry.volume;
            }
            if t - f.start < f.entry.rtt {
                channel.fresh += f.entry.volume.min(self.window);
            }
            let Some(bottleneck) = f.bottleneck else { continue };
            let hop = usize::from(*hop);
            if bottleneck == hop {
                channel.queue += f.queued;
                channel.limited += 1;
            } else if bottleneck > hop {
                channel.pressure += f.queued;
                channel.ingress += if bottleneck == hop + 1 { f.queued } else { 0.0 };
            }
        }
        channel.load /= channel.capacity;
        self.nodes[channel.tail as usize].backlog += channel.queue - before;
    }

    /// When a flow can have ended at the earliest: no channel carries more than its capacity.
    ///
    /// The flows that came since a channel became busy and have ended by t have together at most capacity · (t − then).
    pub fn earliest_end(&self, slot: u32) -> f64 {
        let entry = &self.flows[slot as usize].entry;
        let bound = |c: &u32| {
            let channel = &self.channels[*c as usize];
            channel.busy_since + (channel.carried + entry.volume) / channel.capacity
        };
        self.path(entry).iter().map(bound).fold(0.0, f64::max)
    }

    /// Brings what is afloat on the path of a flow up to time `t`, and what the flow remembers.
    /// Cost: O(members) per channel of the path, once per moment.
    pub fn measure(&mut self, slot: u32, t: f64) {
        let Active { entry: Entry { first, hops, line, rtt, .. }, speed, since, .. } = self.flows[slot as usize];
        let mut longest = 0.0f64;
        for i in first..first + hops {
            let c = self.routes[i];
            if self.channels[c as usize].measured != t {
                self.measure_channel(c, t);
            }
            if i > first {
                longest = longest.max(self.ahead[i] / self.channels[c as usize].capacity);
            }
        }
        let past = &mut self.flows[slot as usize].past;
        for (i, tau) in PAST.iter().enumerate() {
            let x = (t - since) / tau;
            past.speed[i] = (past.speed[i] + x * speed / line) / (1.0 + x);
            past.waits[i] = (past.waits[i] + x * past.wait) / (1.0 + x);
        }
        past.wait = f64::from(log1p(4.0 * longest / rtt));
    }

    fn measure_channel(&mut self, c: u32, t: f64) {
        let channel = &mut self.channels[c as usize];
        let before = channel.held;
        (channel.afloat, channel.held, channel.held_in, channel.measured) = (0.0, 0.0, 0.0, t);
        for (slot, hop) in &channel.members {
            let f = &self.flows[*slot as usize];
            self.ahead[f.entry.first + usize::from(*hop)] = channel.afloat;
            let afloat = f.left(t).min(self.window);
            channel.afloat += afloat;
            let Some(bottleneck) = f.bottleneck else { continue };
            let waiting = (afloat - f.speed * f.entry.rtt).max(0.0);
            if bottleneck == usize::from(*hop) {
                channel.held += waiting;
            } else if bottleneck == usize::from(*hop) + 1 {
                channel.held_in += waiting;
            }
        }
        self.nodes[channel.tail as usize].held += channel.held - before;
    }

    /// What the flows that came before have afloat on the channels of a flow's path, 10⁻¹² bit.
    pub fn ahead(&self, entry: &Entry) -> &[f64] {
        &self.ahead[entry.first..entry.first + entry.hops]
    }

    /// Gives a flow its corrected speed from `t` on, with `left` of its volume to send.
    pub fn set_speed(&mut self, slot: u32, speed: f64, t: f64, left: f64) {
        let f = &mut self.flows[slot as usize];
        (f.left, f.since) = (left, t);
        let change = speed - std::mem::replace(&mut f.speed, speed);
        for i in f.entry.first..f.entry.first + f.entry.hops {
            self.channels[self.routes[i] as usize].throughput += change;
        }
    }

    /// Flows on a channel that the last [`Self::settle`] touched, each once, in an order that depends only on those channels.
    pub fn affected(&self) -> &[u32] {
        &self.affected
    }

    /// An active flow.
    pub fn flow(&self, slot: u32) -> &Active {
        &self.flows[slot as usize]
    }

    /// Channels of a flow's path.
    pub fn path(&self, entry: &Entry) -> &[u32] {
        &self.routes[entry.first..entry.first + entry.hops]
    }

    /// Channels of its ACK path.
    pub fn ack_path(&self, entry: &Entry) -> &[u32] {
        &self.routes[entry.first_ack..entry.first_ack + entry.ack_hops]
    }

    /// A channel.
    pub fn channel(&self, c: u32) -> &Channel {
        &self.channels[c as usize]
    }

    /// The switch or host that a channel enters.
    pub fn behind(&self, c: u32) -> &Node {
        &self.nodes[self.channels[c as usize].head as usize]
    }

    /// Window in 10⁻¹² bit, whole packets with headers; the switch buffer if there is none.
    pub fn window(&self) -> f64 {
        self.window
    }
}

fn idle_channel(topology: &Topology, c: ChannelId) -> Channel {
    Channel {
        capacity: topology.link(c).rate.0 as f64,
        members: Vec::new(),
        queue: 0.0,
        ingress: 0.0,
        pressure: 0.0,
        small: 0.0,
        fresh: 0.0,
        limited: 0,
        load: 0.0,
        throughput: 0.0,
        queue_average: [0.0; HORIZONS.len()],
        load_average: [0.0; HORIZONS.len()],
        updated: 0.0,
        departed: f64::NEG_INFINITY,
        busy_since: 0.0,
        carried: 0.0,
        afloat: 0.0,
        held: 0.0,
        held_in: 0.0,
        measured: f64::NEG_INFINITY,
        head: topology.head(c).0,
        tail: topology.tail(c).0,
        stamp: 0,
    }
}

/// Pools of the switches: the buffer less the headroom of all ports, of which at most 80 % of the buffer.
fn nodes(topology: &Topology, buffer: f64) -> Vec<Node> {
    let pool = |n: u32| match topology.kind(mixlab_contract::NodeId(n)) {
        NodeKind::Host => 0.0,
        NodeKind::Switch => {
            let ports = topology.outgoing(mixlab_contract::NodeId(n)).len() as f64;
            (buffer - (ports * HEADROOM).min(0.8 * buffer)) * 8.0 * SCALE
        }
    };
    (0..topology.node_count() as u32).map(|n| Node { pool: pool(n), backlog: 0.0, held: 0.0 }).collect()
}
