//! Queues, buffers and pauses of the switches.
//!
//! ```text
//! queue of a channel     FIFO of trains in order of arrival; k packets of b bytes in all, the last of which has arrived by τ, have left
//!                        by max(clock + b / C, τ + b / k / C), and arrive at the far end after the link's delay
//! in(c)                  bytes that came over channel c and wait in the switch behind it
//! threshold of a switch  max(0, pool − Σ (in(c) − headroom used))     in(c) above it: what is too much is headroom, and c is paused
//! resume                 no headroom used, and in(c) < 1248 or in(c) + 2496 ≤ threshold
//! drop                   headroom is used and all that is set aside for c would be exceeded, or the switch's buffer
//! ```
//!
//! The rules are those of the packet engine's switches; here an input that uses no headroom is looked at once per tick, when arrivals
//! and departures are known.

use crate::control::{bytes_per_ns, ns};
use crate::ring::Ring;
use mixlab_contract::transport::HEADER_BYTES;
use mixlab_contract::{BitsPerSec, ChannelId, CongestionControl, NodeId, NodeKind, Scenario, Topology, Transport};
use std::cmp::Ordering;
use std::collections::VecDeque;

/// Lossless queues of a port for which headroom is set aside.
const LOSSLESS_QUEUES: u64 = 2;
/// Bytes of headroom for the response time of the far end.
const RESPONSE_BYTES: u64 = 3860;
/// Rate above which headroom does not grow in ns-3, bit/s.
const HEADROOM_RATE: u64 = 10_000_000_000;
/// Bytes of a PFC frame.
const PFC_BYTES: f64 = 43.0;
/// A paused input below this many bytes is resumed whatever the threshold.
const RESUME_FLOOR: u64 = 1248;
/// Otherwise it must be this many bytes below the threshold.
const RESUME_OFFSET: u64 = 2496;

/// Packets of one flow that travel together.
#[derive(Clone, Copy, Debug)]
pub struct Train {
    /// When its last byte left the last link, or arrived here, ns.
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
    /// HPCC: its ticket for stamps.
    pub ticket: u32,
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

/// One direction of a link and the queue in front of it: two cache lines, what is looked at most in the first.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Channel {
    /// What waits for it; the last `fresh` trains arrived in this tick.
    queue: VecDeque<Train>,
    /// ns per byte.
    pub pace: f64,
    /// Until when its link is busy, ns.
    pub clock: f64,
    /// Bytes that wait for it.
    pub backlog: u64,
    fresh: u32,
    /// From when on its sender is paused, ns.
    pub pause: f64,
    /// Bytes of ACKs that the link carries besides, and the tick they are of.
    acks: (f64, u64),
    marking: Option<Marking>,
    /// Bytes sent so far, ACKs included.
    pub sent: f64,
}

/// The far end of a channel: what came over it into a switch and waits there.
#[derive(Clone, Debug)]
struct Input {
    /// Node it belongs to.
    node: u32,
    /// Whether it is on the list of inputs to look at for pauses.
    watched: bool,
    /// Whether it wants the sender to be paused, and what it has said on the way: when it takes effect, and what.
    wanted: bool,
    orders: VecDeque<(f64, bool)>,
    /// How long the link is, ns, and how long a pause frame is on its way back.
    latency: f64,
    reaction: f64,
    /// in(c).
    inside: u64,
    /// Of it, in headroom, and the headroom set aside for it.
    headroom: u64,
    reserve: u64,
    /// Bytes that have come in this tick.
    came: u64,
    /// When it first was above the threshold in this tick, ns.
    crossed: f64,
    /// What has left of it in this tick.
    left: u64,
    /// What leaves in a tick, a running mean of the last ones.
    leaving: u64,
}

/// A set of channels, in order of their numbers.
#[derive(Clone, Debug)]
pub struct Agenda(Vec<u64>);

impl Agenda {
    /// How many words there are.
    pub fn words(&self) -> usize {
        self.0.len()
    }

    /// Channel `c` has trains to send.
    pub fn insert(&mut self, c: u32) {
        self.0[c as usize / 64] |= 1 << (c % 64);
    }

    /// Channel `c` has none.
    pub fn remove(&mut self, c: u32) {
        self.0[c as usize / 64] &= !(1 << (c % 64));
    }

    /// The channels of a word.
    pub fn of(&self, word: usize) -> impl Iterator<Item = u32> + use<> {
        let mut left = self.0[word];
        std::iter::from_fn(move || {
            let c = 64 * word as u32 + left.trailing_zeros();
            left &= left.checked_sub(1)?;
            Some(c)
        })
    }
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
    /// Channels with trains to send.
    pub agenda: Agenda,
    /// Trains on links, with the time of their arrival.
    pub flying: Ring<Train>,
    inputs: Vec<Input>,
    switches: Vec<Switch>,
    watched: Vec<u32>,
    /// Whether anybody obeys pauses.
    pfc: bool,
    /// What trains of several packets use more of a headroom than packets would, bytes: one is on its way when a pause is ordered, and one is
    /// taken in as a whole.
    slack: u64,
    /// Bytes of a full packet.
    packet: f64,
    /// Length of a tick, ns.
    tick: f64,
    /// Pauses ordered so far.
    pub pauses: u64,
    /// Packets dropped so far.
    pub drops: u64,
}

impl Fabric {
    /// An empty one, with ticks of `tick` ns and trains of `grain` packets or a tick. Cost: O(nodes + channels).
    pub fn new(scenario: &Scenario, tick: f64, grain: u64) -> Self {
        let (topology, transport) = (scenario.topology(), scenario.transport());
        let packet = (transport.payload.0 + transport.data_header().0) as f64;
        let links = topology.links().iter().map(|l| (pace(l.rate), ns(l.delay)));
        let (slowest, longest) = links.fold((0.0f64, 0.0f64), |(s, l), (pace, delay)| (s.max(pace), l.max(delay)));
        // A train that begins in a tick arrives at the latest once all that fits into one at the highest rate has crossed the slowest link.
        let most = (grain as f64 * packet).max(tick * bytes_per_ns(transport.max_rate));
        let ahead = ((longest + most * slowest) / tick) as usize + 3;
        Self {
            channels: (0..topology.channel_count() as u32).map(|c| idle(topology, transport, ChannelId(c))).collect(),
            agenda: Agenda(vec![0; topology.channel_count().div_ceil(64)]),
            flying: Ring::new(ahead),
            inputs: (0..topology.channel_count() as u32).map(|c| empty(topology, transport, ChannelId(c))).collect(),
            switches: (0..topology.node_count() as u32).map(|n| switch(topology, transport, NodeId(n))).collect(),
            watched: Vec::new(),
            pfc: transport.pfc,
            slack: if transport.pfc { 2 * (grain - 1) * packet as u64 } else { 0 },
            tick,
            packet,
            pauses: 0,
            drops: 0,
        }
    }

    /// A train has left over channel `over`; it is tick `now`.
    #[inline]
    pub fn launch(&mut self, over: u32, train: Train, now: u64) {
        let time = train.time + self.latency(over);
        self.flying.put_off(now, (time / self.tick) as u64, Train { time, ..train });
    }

    /// Whether all that waits, waits for the end of a pause.
    pub fn is_held(&self) -> bool {
        let mut busy = (0..self.agenda.words()).flat_map(|word| self.agenda.of(word));
        busy.all(|c| self.channels[c as usize].pause < f64::INFINITY)
    }

    /// How long channel `c`'s link is, ns.
    pub fn latency(&self, c: u32) -> f64 {
        self.inputs[c as usize].latency
    }

    /// A train comes over channel `over` and waits for channel `next`, in `order` among the trains of this tick; or it is dropped.
    #[inline(always)]
    pub fn arrive(&mut self, over: u32, next: u32, train: Train, order: impl Fn(&Train, &Train) -> Ordering) -> bool {
        if !self.admit(over, train.bytes, train.time) {
            self.drops += u64::from(train.packets);
            return false;
        }
        self.channels[next as usize].join(train, order);
        self.agenda.insert(next);
        true
    }

    /// Bytes come over channel `c` into a switch; whether there is room for them.
    #[inline]
    fn admit(&mut self, c: u32, bytes: u32, time: f64) -> bool {
        let input = &mut self.inputs[c as usize];
        let v = &mut self.switches[input.node as usize];
        let bytes = u64::from(bytes);
        // A tick's arrivals are counted before its departures: as many of these are expected as in the last ones.
        let leaving = input.leaving;
        let room = leaving + self.slack;
        let full = input.headroom > 0 && input.headroom + bytes > input.reserve + room;
        if full || v.inside + bytes > v.buffer + room {
            return false;
        }
        input.inside += bytes;
        input.came += bytes;
        v.inside += bytes;
        if input.headroom > 0 {
            input.headroom += bytes;
            v.headroom += bytes;
        } else if input.inside > v.pool.saturating_sub(v.inside - v.headroom) + leaving {
            input.crossed = input.crossed.min(time);
        }
        if !std::mem::replace(&mut input.watched, true) {
            self.watched.push(c);
        }
        true
    }

    /// Bytes that came over channel `c` leave its switch.
    pub fn leave(&mut self, c: u32, bytes: u32) {
        let input = &mut self.inputs[c as usize];
        let v = &mut self.switches[input.node as usize];
        let bytes = u64::from(bytes);
        let freed = input.headroom.min(bytes);
        input.inside -= bytes;
        input.left += bytes;
        input.headroom -= freed;
        v.inside -= bytes;
        v.headroom -= freed;
    }

    /// Pauses and resumes, once all of a tick has moved; `t` is its middle, and the next one's is `next`.
    pub fn settle(&mut self, t: f64, next: f64) {
        let mut kept = 0;
        for i in 0..self.watched.len() {
            let c = self.watched[i];
            self.decide(c, t, next);
            // Written whether or not it stays: who does is hard to predict.
            self.watched[kept] = c;
            kept += usize::from(self.inputs[c as usize].watched);
        }
        self.watched.truncate(kept);
    }

    /// Whether input `c` wants a pause now, and whether its sender is paused in the next tick.
    fn decide(&mut self, c: u32, t: f64, next: f64) {
        let input = &mut self.inputs[c as usize];
        let v = &mut self.switches[input.node as usize];
        let threshold = v.pool.saturating_sub(v.inside - v.headroom);
        let before = input.wanted;
        if input.headroom == 0 && input.inside > threshold {
            // A packet uses headroom if it comes above the threshold, not if the threshold falls below it.
            input.headroom = (input.inside - threshold).min(input.came);
            v.headroom += input.headroom;
        }
        let low = input.inside < RESUME_FLOOR || input.inside + RESUME_OFFSET <= threshold;
        input.wanted = input.headroom > 0 || input.wanted && !low;
        if input.wanted != before {
            if self.pfc {
                let delay = in_transit(&self.channels[c as usize ^ 1], t, (self.packet, self.tick));
                let since = if input.wanted && input.crossed < f64::INFINITY { input.crossed } else { t };
                input.orders.push_back((since + delay + input.reaction, input.wanted));
            }
            self.pauses += u64::from(input.wanted);
        }
        while let Some((at, order)) = input.orders.pop_front_if(|(at, _)| *at < next + 0.5 * self.tick) {
            let channel = &mut self.channels[c as usize];
            if order {
                channel.pause = at;
            } else {
                channel.pause = f64::INFINITY;
                channel.clock = channel.clock.max(at);
            }
        }
        input.crossed = f64::INFINITY;
        input.came = 0;
        input.leaving = (std::mem::take(&mut input.left) + input.leaving) / 2;
        // Once no order is on its way, the sender is paused if that is wanted.
        input.watched = input.wanted | (input.inside > 0) | !input.orders.is_empty();
    }

    /// How long an ACK that comes to channel `c` in the tick at `t` has to wait, ns: for what is in transmission, and unless ACKs go first for
    /// what waits.
    pub fn delay(&self, c: u32, t: f64, first: bool) -> f64 {
        let channel = &self.channels[c as usize];
        let behind = if first { 0.0 } else { channel.backlog as f64 * channel.pace };
        behind + in_transit(channel, t, (self.packet, self.tick))
    }
}

/// How long the packet that a link sends keeps it busy from any moment of the tick at `t` on, on average, ns: half a packet, if it sends.
fn in_transit(channel: &Channel, t: f64, (packet, tick): (f64, f64)) -> f64 {
    let busy = ((channel.clock - t) / tick).clamp(0.0, 1.0);
    busy * 0.5 * packet * channel.pace
}

impl Channel {
    /// Prepares the link for tick `tick`: ACKs of the last one go first. An idle link's clock stays behind: it is as good as free.
    pub fn open(&mut self, tick: u64) {
        let (bytes, of) = std::mem::take(&mut self.acks);
        // Times 0 or 1: whether there were any is hard to predict.
        self.clock += bytes * f64::from(of + 1 >= tick) * self.pace;
    }

    /// ACKs of tick `tick` that the link carries besides.
    pub fn carry(&mut self, bytes: f64, tick: u64) {
        self.sent += bytes;
        let (before, of) = self.acks;
        self.acks = (before * f64::from(of == tick) + bytes, tick);
    }

    /// A train comes, and stands before those of this tick that it is before in `order`.
    #[inline(always)]
    pub fn join(&mut self, train: Train, order: impl Fn(&Train, &Train) -> Ordering) {
        self.backlog += u64::from(train.bytes);
        let mut place = self.queue.len();
        let first = place - self.fresh as usize;
        self.queue.push_back(train);
        self.fresh += 1;
        while place > first && order(&train, &self.queue[place - 1]).is_lt() {
            self.queue.swap(place - 1, place);
            place -= 1;
        }
    }

    /// Those who come from now on stand behind all that are here.
    pub fn line_up(&mut self) {
        self.fresh = 0;
    }

    /// Whether anything waits for it. If not, the next train goes where the last one was, which is in the cache.
    pub fn waits(&mut self) -> bool {
        if self.queue.is_empty() {
            self.queue.clear();
        }
        !self.queue.is_empty()
    }

    /// The link sends the first train in the queue, if that can begin before `end`.
    #[inline(always)]
    pub fn send(&mut self, end: f64) -> Option<Train> {
        let first = self.queue.front()?;
        let duration = f64::from(first.bytes) * self.pace;
        // Most trains are one packet, and a division costs.
        let last = if first.packets == 1 { duration } else { duration / f64::from(first.packets) };
        if self.clock.max(first.time + last - duration) >= end.min(self.pause) {
            return None;
        }
        let mut train = self.queue.pop_front()?;
        self.backlog -= u64::from(train.bytes);
        self.sent += f64::from(train.bytes);
        self.clock = (self.clock + duration).max(train.time + last);
        train.waited += (self.clock - last - train.time) as f32;
        train.time = self.clock;
        let unmarked = self.unmarked();
        if unmarked < 1.0 {
            for _ in 0..train.packets {
                train.clear *= unmarked;
            }
        }
        Some(train)
    }

    /// Probability that a packet that leaves now is not marked.
    fn unmarked(&self) -> f32 {
        let queue = self.backlog as f64;
        match self.marking {
            Some(m) if queue > m.high => 0.0,
            Some(m) if queue > m.low => (1.0 - m.most * (queue - m.low) / (m.high - m.low)) as f32,
            _ => 1.0,
        }
    }
}

/// ns per byte at a rate.
fn pace(rate: BitsPerSec) -> f64 {
    8e9 / rate.0 as f64
}

fn idle(topology: &Topology, transport: &Transport, c: ChannelId) -> Channel {
    let rate = topology.link(c).rate;
    let heeds =
        matches!(transport.congestion_control, CongestionControl::Dctcp { .. } | CongestionControl::Dcqcn { .. });
    let marking = transport.marking_at(rate).filter(|_| transport.ecn && heeds);
    Channel {
        pace: pace(rate),
        queue: VecDeque::new(),
        fresh: 0,
        backlog: 0,
        clock: 0.0,
        pause: f64::INFINITY,
        marking: marking.map(|m| Marking { low: m.k_min.0 as f64, high: m.k_max.0 as f64, most: m.p_max }),
        acks: (0.0, 0),
        sent: 0.0,
    }
}

fn empty(topology: &Topology, transport: &Transport, c: ChannelId) -> Input {
    let link = topology.link(c);
    let latency = ns(link.delay);
    Input {
        node: topology.head(c).0,
        watched: false,
        wanted: false,
        orders: VecDeque::new(),
        latency,
        reaction: latency + PFC_BYTES * 8e9 / link.rate.0 as f64,
        inside: 0,
        headroom: 0,
        reserve: headroom(topology, transport, c),
        came: 0,
        crossed: f64::INFINITY,
        left: 0,
        leaving: 0,
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
