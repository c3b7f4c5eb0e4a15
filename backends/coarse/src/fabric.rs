//! Queues, buffers and pauses of the switches.
//!
//! ```text
//! queue of a channel     FIFO of trains in order of arrival; a train of b bytes that arrived by τ leaves at max(clock + b / C, τ)
//! in(c)                  bytes that came over channel c and wait in the switch behind it
//! threshold of a switch  max(0, pool − Σ (in(c) − headroom used))     in(c) above it: what is too much is headroom, and c is paused
//! resume                 no headroom used, and in(c) < 1248 or in(c) + 2496 ≤ threshold
//! drop                   headroom is used and all that is set aside for c would be exceeded, or the switch's buffer
//! ```
//!
//! The rules are those of the packet engine's switches; here they are looked at once per tick, when its arrivals and departures are
//! known, and a pause holds from the next tick on.

use mixlab_contract::transport::HEADER_BYTES;
use mixlab_contract::{ChannelId, CongestionControl, NodeId, NodeKind, Scenario, Topology, Transport};
use std::collections::VecDeque;

/// Lossless queues of a port for which headroom is set aside.
const LOSSLESS_QUEUES: u64 = 2;
/// Bytes of headroom for the response time of the far end.
const RESPONSE_BYTES: u64 = 3860;
/// Rate above which headroom does not grow in ns-3, bit/s.
const HEADROOM_RATE: u64 = 10_000_000_000;
/// A paused input below this many bytes is resumed whatever the threshold.
const RESUME_FLOOR: u64 = 1248;
/// Otherwise it must be this many bytes below the threshold.
const RESUME_OFFSET: u64 = 2496;

/// Packets of one flow that travel together.
#[derive(Clone, Copy, Debug)]
pub struct Train {
    /// When its last byte arrived here, ns. Latencies of links and of storing and forwarding are left out: they are in the flow's
    /// idle FCT.
    pub time: f64,
    /// How long it has waited on its way, ns.
    pub waited: f32,
    /// Probability that no packet of it was marked.
    pub clear: f32,
    /// Order of announcement of its flow.
    pub flow: u32,
    /// Where the channel that it waits for stands in the routes.
    pub place: u32,
    /// Its first packet, counted from the flow's first, without those passed over with steady phases.
    pub from: u32,
    /// Bytes on the wire; 0 in a NACK.
    pub bytes: u32,
    /// Packets.
    pub packets: u16,
    /// Hops after that channel.
    pub ahead: u16,
}

impl Train {
    /// Whether, on its way back, it tells of a gap: only packets in order are acknowledged.
    pub fn is_nack(&self) -> bool {
        self.bytes == 0
    }
}

/// ECN thresholds, bytes, and the probability at the upper one.
#[derive(Clone, Copy, Debug)]
struct Marking {
    low: f64,
    high: f64,
    most: f64,
}

/// One direction of a link: the queue in front of it and what came over it.
#[derive(Clone, Debug)]
pub struct Channel {
    /// ns per byte.
    pub pace: f64,
    /// Largest number of hops before it on any path: upstream channels are served first.
    pub level: usize,
    /// Node it enters.
    pub head: u32,
    /// What waits for it.
    pub queue: VecDeque<Train>,
    /// What arrived in this tick.
    pub inbox: Vec<Train>,
    /// Bytes of both.
    pub backlog: u64,
    /// Until when its link is busy, ns.
    pub clock: f64,
    /// Whether its sender is paused.
    pub paused: bool,
    /// Whether its receiver wants it to be, and what it has said on the way: when it takes effect, and what.
    wanted: bool,
    orders: VecDeque<(f64, bool)>,
    /// From a change of mind at the receiver to the first byte that arrives or is missing because of it, ns.
    reaction: f64,
    /// Whether it is on its level's list of channels with work.
    pub listed: bool,
    /// in(c).
    inside: u64,
    /// Of it, in headroom, and the headroom set aside for it.
    headroom: u64,
    reserve: u64,
    /// What has left of it in this tick, and in the last one.
    left: [u64; 2],
    /// Whether it is on the list of channels to look at for pauses.
    watched: bool,
    marking: Option<Marking>,
    /// Bytes of ACKs that the link carries besides, and the tick they are of.
    acks: (f64, u64),
    /// HPCC: running utilisation and the tick it is of.
    busy: (f64, u64),
}

/// A switch's buffer; hosts have none.
#[derive(Clone, Copy, Debug, Default)]
struct Switch {
    buffer: u64,
    pool: u64,
    /// Bytes inside.
    inside: u64,
    /// Of them, in headroom.
    headroom: u64,
}

/// All channels and switches.
#[derive(Clone, Debug)]
pub struct Fabric {
    /// By channel.
    pub channels: Vec<Channel>,
    switches: Vec<Switch>,
    watched: Vec<u32>,
    /// Whether anybody obeys pauses.
    pfc: bool,
    /// Pauses ordered so far.
    pub pauses: u64,
}

impl Fabric {
    /// An empty one. Cost: O(nodes + channels).
    pub fn new(scenario: &Scenario) -> Self {
        let (topology, transport) = (scenario.topology(), scenario.transport());
        Self {
            channels: (0..topology.channel_count() as u32).map(|c| idle(topology, transport, ChannelId(c))).collect(),
            switches: (0..topology.node_count() as u32).map(|n| switch(topology, transport, NodeId(n))).collect(),
            watched: Vec::new(),
            pfc: transport.pfc,
            pauses: 0,
        }
    }

    /// Bytes come over channel `c` into a switch; whether there was room for them.
    pub fn admit(&mut self, c: u32, bytes: u32) -> bool {
        let channel = &mut self.channels[c as usize];
        let v = &mut self.switches[channel.head as usize];
        let bytes = u64::from(bytes);
        // A tick's arrivals are counted before its departures: as many of these are expected as in the last tick.
        let leaving = channel.left[1].saturating_sub(channel.left[0]);
        let full = channel.headroom > 0 && channel.headroom + bytes > channel.reserve + leaving;
        if full || v.inside + bytes > v.buffer + leaving {
            return false;
        }
        channel.inside += bytes;
        v.inside += bytes;
        if channel.wanted {
            channel.headroom += bytes;
            v.headroom += bytes;
        }
        if !std::mem::replace(&mut channel.watched, true) {
            self.watched.push(c);
        }
        true
    }

    /// Bytes that came over channel `c` leave its switch.
    pub fn leave(&mut self, c: u32, bytes: u32) {
        let channel = &mut self.channels[c as usize];
        let v = &mut self.switches[channel.head as usize];
        let bytes = u64::from(bytes);
        let freed = channel.headroom.min(bytes);
        channel.inside -= bytes;
        channel.left[0] += bytes;
        channel.headroom -= freed;
        v.inside -= bytes;
        v.headroom -= freed;
    }

    /// Pauses and resumes, once all of a tick has moved; `t` is its middle, and the next one's is `next`.
    pub fn settle(&mut self, t: f64, next: f64) {
        let (channels, switches, pauses) = (&mut self.channels, &mut self.switches, &mut self.pauses);
        let pfc = self.pfc;
        self.watched.retain(|c| {
            let c = &mut channels[*c as usize];
            let v = &mut switches[c.head as usize];
            let threshold = v.pool.saturating_sub(v.inside - v.headroom);
            let before = c.wanted;
            if c.wanted {
                let low = c.inside < RESUME_FLOOR || c.inside + RESUME_OFFSET <= threshold;
                c.wanted = c.headroom > 0 || !low;
            } else if c.inside > threshold {
                c.wanted = true;
                c.headroom = c.inside - threshold;
                v.headroom += c.headroom;
            }
            if c.wanted != before {
                if pfc {
                    c.orders.push_back((t + c.reaction, c.wanted));
                }
                *pauses += u64::from(c.wanted);
            }
            while let Some((_, order)) = c.orders.front().filter(|(at, _)| *at <= next) {
                c.paused = *order;
                c.orders.pop_front();
            }
            c.left = [0, c.left[0]];
            c.watched = c.paused || c.wanted || c.inside > 0 || !c.orders.is_empty();
            c.watched
        });
    }

    /// How long a byte that comes to channel `c` now has to wait, ns.
    pub fn delay(&self, c: u32) -> f64 {
        let channel = &self.channels[c as usize];
        channel.backlog as f64 * channel.pace
    }
}

impl Channel {
    /// Prepares the link for tick `tick`: ACKs of the last one go first. An idle link's clock stays behind: it is as good as free.
    pub fn open(&mut self, tick: u64) {
        let (bytes, of) = self.acks;
        if of + 1 >= tick {
            self.clock += bytes * self.pace;
            self.acks.0 = 0.0;
        }
    }

    /// ACKs of tick `tick` that the link carries besides.
    pub fn carry(&mut self, bytes: f64, tick: u64) {
        if self.acks.1 != tick {
            self.acks = (0.0, tick);
        }
        self.acks.0 += bytes;
    }

    /// The link sends `train`; when its last byte leaves.
    pub fn send(&mut self, train: &Train) -> f64 {
        self.clock = (self.clock + f64::from(train.bytes) * self.pace).max(train.time);
        self.clock
    }

    /// Whether `train` may leave, as it could begin before `end`.
    pub fn may_send(&self, train: &Train, end: f64) -> bool {
        !self.paused && self.clock.max(train.time - f64::from(train.bytes) * self.pace) < end
    }

    /// Takes the first train in the queue, if it may leave.
    pub fn next(&mut self, end: f64) -> Option<Train> {
        let first = self.queue.front()?;
        if self.may_send(first, end) { self.queue.pop_front() } else { None }
    }

    /// Probability that a packet that leaves now is not marked.
    pub fn unmarked(&self) -> f32 {
        let queue = self.backlog as f64;
        match self.marking {
            Some(m) if queue > m.high => 0.0,
            Some(m) if queue > m.low => (1.0 - m.most * (queue - m.low) / (m.high - m.low)) as f32,
            _ => 1.0,
        }
    }

    /// Notes that the link was busy for `share` of tick `tick`, averaged over `ticks`.
    pub fn note(&mut self, share: f64, tick: u64, ticks: f64) {
        let (busy, of) = self.busy;
        let fade = 1.0 / (1.0 + (tick - of) as f64 / ticks);
        self.busy = (busy * fade + share / ticks.max(1.0), tick);
    }

    /// Running utilisation at tick `tick`.
    pub fn utilisation(&self, tick: u64, ticks: f64) -> f64 {
        self.busy.0 / (1.0 + (tick - self.busy.1) as f64 / ticks)
    }
}

fn idle(topology: &Topology, transport: &Transport, c: ChannelId) -> Channel {
    let rate = topology.link(c).rate;
    let heeds =
        matches!(transport.congestion_control, CongestionControl::Dctcp { .. } | CongestionControl::Dcqcn { .. });
    let marking = transport.marking_at(rate).filter(|_| transport.ecn && heeds);
    Channel {
        pace: 8e9 / rate.0 as f64,
        level: 0,
        head: topology.head(c).0,
        queue: VecDeque::new(),
        inbox: Vec::new(),
        backlog: 0,
        clock: 0.0,
        paused: false,
        wanted: false,
        orders: VecDeque::new(),
        reaction: 2.0 * topology.link(c).delay.ps() as f64 / 1e3,
        listed: false,
        inside: 0,
        headroom: 0,
        reserve: headroom(topology, transport, c),
        left: [0; 2],
        watched: false,
        marking: marking.map(|m| Marking { low: m.k_min.0 as f64, high: m.k_max.0 as f64, most: m.p_max }),
        acks: (0.0, 0),
        busy: (0.0, 0),
    }
}

/// A switch: its pool is its buffer less the headroom of all ports and queues, of which at most 80 % of the buffer. Hosts
/// take in all that comes.
fn switch(topology: &Topology, transport: &Transport, node: NodeId) -> Switch {
    const ENDLESS: u64 = u64::MAX >> 1;
    let buffer = transport.buffer.0;
    if topology.kind(node) == NodeKind::Host {
        return Switch { buffer: ENDLESS, pool: ENDLESS, ..Switch::default() };
    }
    let ports = topology.outgoing(node).iter();
    let reserved: u64 = ports.map(|c| LOSSLESS_QUEUES * headroom(topology, transport, *c)).sum();
    let pool = buffer - reserved.min((buffer as f64 * 0.8) as u64);
    Switch { buffer, pool, ..Switch::default() }
}

/// Headroom of one queue behind a link: two full packets without telemetry, the response time, and the link's round trip.
fn headroom(topology: &Topology, transport: &Transport, c: ChannelId) -> u64 {
    let link = topology.link(c);
    let flying = 2.0 * link.rate.0.min(HEADROOM_RATE) as f64 * link.delay.as_secs_f64() / 8.0;
    2 * (transport.payload.0 + HEADER_BYTES) + RESPONSE_BYTES + flying as u64
}
