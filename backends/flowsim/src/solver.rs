//! Incremental max-min fairness: rates of flows over channels, kept exact while flows come and go.
//!
//! An allocation is max-min fair if and only if each flow is at its own cap or crosses a *saturated* channel on which no
//! flow is faster: its bottleneck (Bertsekas and Gallager, Data Networks, 6.5.2). So each channel has a *level* λ, the rate
//! of the flows bottlenecked there (∞ if there are none), and a flow's rate is min(cap, smallest λ on its path):
//!
//! ```text
//! λ of channel m solves   Σ_{f on m} min(u_f, λ) = C_m,    u_f = cap_f if m is f's bottleneck, else f's rate
//! ```
//!
//! A change makes the equation wrong on a few channels. [`MaxMin::settle`] repairs the lowest wrong level first, which can
//! disturb other channels only at that level or above; so every level is passed once, as in progressive filling, but
//! channels whose level does not change are never opened, and flows whose rate does not change are never written.
//! Levels closer than [`TOLERANCE`] count as equal, so that rounding noise does not travel. The textbook solver
//! [`crate::oracle::fill`] is its slow twin.
//!
//! Shapes: S slots (active flows; reused), H = `stride` hops per slot, L channels.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Relative difference below which two levels are the same.
pub const TOLERANCE: f64 = 1e-12;
/// A channel without level needs no look while its load, which may have drifted, is below this part of its capacity.
const SURELY_UNSATURATED: f64 = 1.0 - 1e-6;
const NO_CHANNEL: u32 = u32::MAX;

/// What the solver knows of an active flow; read together in the innermost loop, hence one record.
#[derive(Clone, Copy, Debug)]
struct Share {
    rate: f64,
    cap: f64,
    /// Channel that limits it, or [`NO_CHANNEL`] if its cap does.
    bottleneck: u32,
    hops: u16,
    changed: bool,
}

/// One flow on one channel's list.
#[derive(Clone, Copy, Debug)]
struct Member {
    slot: u32,
    /// Where in `hops` it is recorded: `slot · stride + hop`.
    hop: u32,
}

/// One hop of a flow: the channel and the place in that channel's list.
#[derive(Clone, Copy, Debug, Default)]
struct Hop {
    channel: u32,
    place: u32,
}

/// The part of a channel that every change of a rate on it reads; 16 bytes, since this is the busiest array.
#[derive(Clone, Copy, Debug)]
struct Gauge {
    /// Sum of its members' rates, up to rounding drift.
    load: f64,
    /// Below this load nothing can be wrong with the channel: a little less than its capacity while it has no level and no
    /// repair is due, else −∞.
    fine_below: f64,
}

#[derive(Clone, Debug)]
struct Channel {
    capacity: f64,
    level: f64,
    /// The level it will get, at the level `due`.
    next_level: f64,
    /// Level at which it is to be repaired; ∞ = consistent.
    due: f64,
    dirty: bool,
    /// Whether a flow was placed here and does not have the level as its rate yet.
    joined: bool,
    members: Vec<Member>,
}

impl Channel {
    /// See [`Gauge::fine_below`].
    fn fine_below(&self) -> f64 {
        let quiet = self.level == f64::INFINITY && self.due == f64::INFINITY;
        if quiet { self.capacity * SURELY_UNSATURATED } else { f64::NEG_INFINITY }
    }
}

/// How much work was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Calls of [`MaxMin::settle`].
    pub settles: u64,
    /// Flows whose rate was written, each counted once per call.
    pub flows: u64,
    /// Level equations solved.
    pub levels: u64,
}

/// Max-min fair rates of the active flows.
#[derive(Clone, Debug)]
pub struct MaxMin {
    /// `[L]`
    channels: Vec<Channel>,
    /// `[L]`
    gauges: Vec<Gauge>,
    /// `[S]`
    shares: Vec<Share>,
    /// `[S][H]`
    hops: Vec<Hop>,
    stride: usize,
    free: Vec<u32>,
    /// Flows that have not yet chosen a bottleneck.
    unplaced: Vec<u32>,
    dirty: Vec<u32>,
    /// (level as ordered bits, channel); entries that disagree with `due` are stale.
    repairs: BinaryHeap<Reverse<(u64, u32)>>,
    changed: Vec<u32>,
    work: Work,
}

impl MaxMin {
    /// No flows over channels of these capacities (bit/s, each above 0).
    pub fn new(capacities: impl IntoIterator<Item = f64>) -> Self {
        let channel = |capacity| Channel {
            capacity,
            level: f64::INFINITY,
            next_level: f64::INFINITY,
            due: f64::INFINITY,
            dirty: false,
            joined: false,
            members: Vec::new(),
        };
        let channels: Vec<Channel> = capacities.into_iter().map(channel).collect();
        let gauge = |c: &Channel| Gauge { load: 0.0, fine_below: c.fine_below() };
        Self {
            gauges: channels.iter().map(gauge).collect(),
            channels,
            shares: Vec::new(),
            hops: Vec::new(),
            stride: 1,
            free: Vec::new(),
            unplaced: Vec::new(),
            dirty: Vec::new(),
            repairs: BinaryHeap::new(),
            changed: Vec::new(),
            work: Work::default(),
        }
    }

    /// Adds a flow over `path` that never goes faster than `cap` (bit/s, above 0); its rate is 0 until [`Self::settle`].
    /// Returns its slot: the lowest numbers there are, reused after [`Self::remove`].
    pub fn insert(&mut self, path: &[u32], cap: f64) -> u32 {
        if path.len() > self.stride {
            self.widen(path.len());
        }
        let share = Share { rate: 0.0, cap, bottleneck: NO_CHANNEL, hops: path.len() as u16, changed: false };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.shares[slot as usize] = share;
                slot
            }
            None => {
                self.shares.push(share);
                self.hops.resize(self.shares.len() * self.stride, Hop::default());
                self.shares.len() as u32 - 1
            }
        };
        let base = slot as usize * self.stride;
        for (i, channel) in path.iter().enumerate() {
            let members = &mut self.channels[*channel as usize].members;
            self.hops[base + i] = Hop { channel: *channel, place: members.len() as u32 };
            members.push(Member { slot, hop: (base + i) as u32 });
        }
        self.unplaced.push(slot);
        slot
    }

    /// Removes a flow. PRECONDITION: [`Self::settle`] was called since it was inserted and since its cap was raised.
    pub fn remove(&mut self, slot: u32) {
        let Share { rate, hops, .. } = self.shares[slot as usize];
        let base = slot as usize * self.stride;
        for i in base..base + usize::from(hops) {
            let Hop { channel, place } = self.hops[i];
            let c = &mut self.channels[channel as usize];
            c.members.swap_remove(place as usize);
            if let Some(moved) = c.members.get(place as usize) {
                self.hops[moved.hop as usize].place = place;
            }
            let emptied = c.members.is_empty();
            self.add_load(channel, -rate);
            if emptied {
                self.gauges[channel as usize].load = 0.0; // and here
            }
        }
        self.free.push(slot);
    }

    /// Raises a flow's cap (bit/s). PRECONDITION: [`Self::settle`] was called since it was inserted and since its cap was
    /// raised before; `cap` is not below the cap so far.
    pub fn raise_cap(&mut self, slot: u32, cap: f64) {
        let share = &mut self.shares[slot as usize];
        debug_assert!(cap >= share.cap);
        share.cap = cap;
        if share.bottleneck == NO_CHANNEL {
            self.unplaced.push(slot);
        }
    }

    /// Rate of a flow as of the last [`Self::settle`], bit/s.
    pub fn rate(&self, slot: u32) -> f64 {
        self.shares[slot as usize].rate
    }

    /// The channel that limits a flow as of the last [`Self::settle`]; `None` = its own cap does.
    pub fn bottleneck(&self, slot: u32) -> Option<u32> {
        let channel = self.shares[slot as usize].bottleneck;
        (channel != NO_CHANNEL).then_some(channel)
    }

    /// The slots whose rate the last [`Self::settle`] wrote, each once.
    pub fn changed(&self) -> &[u32] {
        &self.changed
    }

    /// What was done so far.
    pub fn work(&self) -> Work {
        self.work
    }

    /// Makes all rates max-min fair. Cost: O(hops) per rate that changes and O(members) per channel looked at.
    pub fn settle(&mut self) {
        for slot in self.changed.drain(..) {
            self.shares[slot as usize].changed = false;
        }
        for i in 0..self.unplaced.len() {
            self.place(self.unplaced[i]);
        }
        self.unplaced.clear();
        self.judge_dirty();
        while let Some(Reverse((due, channel))) = self.repairs.pop() {
            if self.channels[channel as usize].due.to_bits() == due {
                self.repair(channel);
                self.judge_dirty();
            }
        }
        self.work.settles += 1;
        self.work.flows += self.changed.len() as u64;
    }

    /// Gives a flow that its cap limits (or that is new) the tightest of its channels as bottleneck, if any binds.
    fn place(&mut self, slot: u32) {
        let Share { rate, cap, hops, .. } = self.shares[slot as usize];
        let base = slot as usize * self.stride;
        let (mut lowest, mut tightest) = (cap, NO_CHANNEL);
        for i in base..base + usize::from(hops) {
            let channel = self.hops[i].channel;
            let gauge = &self.gauges[channel as usize];
            if gauge.load - rate + lowest < gauge.fine_below {
                continue;
            }
            self.shares[slot as usize].bottleneck = channel;
            let level = self.level_of(channel).0;
            if level < lowest {
                (lowest, tightest) = (level, channel);
            }
        }
        self.shares[slot as usize].bottleneck = tightest;
        if tightest == NO_CHANNEL {
            self.set_rate(slot, cap);
        } else {
            self.channels[tightest as usize].joined = true;
            self.mark_dirty(tightest);
        }
    }

    /// Solves the level equation of a channel: its level, and the fastest member that is bottlenecked elsewhere.
    ///
    /// Newton's method on the concave, piecewise linear left side; it ends exactly, usually after two or three rounds.
    fn level_of(&mut self, channel: u32) -> (f64, f64) {
        self.work.levels += 1;
        let c = &self.channels[channel as usize];
        let shares = &self.shares;
        let demand = |m: &Member| {
            let s = &shares[m.slot as usize];
            if s.bottleneck == channel { s.cap } else { s.rate }
        };
        let (mut total, mut fastest, mut load) = (0.0, 0.0f64, 0.0);
        let evenly = c.capacity / c.members.len() as f64;
        let mut level = if c.level == f64::INFINITY { evenly } else { c.level * (1.0 - TOLERANCE) };
        let (mut below, mut above) = (0.0, 0u32);
        for m in &c.members {
            let s = &shares[m.slot as usize];
            let here = s.bottleneck == channel;
            let u = if here { s.cap } else { s.rate };
            fastest = fastest.max(if here { 0.0 } else { u });
            total += u;
            load += s.rate;
            below += if u < level { u } else { 0.0 };
            above += u32::from(u >= level);
        }
        self.gauges[channel as usize].load = load; // drift ends here
        if total <= c.capacity {
            return (f64::INFINITY, fastest);
        }
        // The first step may go down; from then on levels rise until the set of members above stays the same.
        level = if above == 0 { evenly } else { (c.capacity - below) / f64::from(above) };
        loop {
            (below, above) = (0.0, 0);
            for u in c.members.iter().map(demand) {
                below += if u < level { u } else { 0.0 };
                above += u32::from(u >= level);
            }
            let next = if above == 0 { level } else { (c.capacity - below) / f64::from(above) };
            if next <= level {
                return (level, fastest);
            }
            level = next;
        }
    }

    /// Decides for every touched channel whether it must be repaired, and at which level.
    fn judge_dirty(&mut self) {
        while let Some(channel) = self.dirty.pop() {
            let (next, fastest) = self.level_of(channel);
            let c = &mut self.channels[channel as usize];
            c.dirty = false;
            let old = c.level;
            let same = next == old || (next - old).abs() <= TOLERANCE * old && old < f64::INFINITY;
            c.next_level = if same { old } else { next };
            let disobeyed = c.joined || fastest > old * (1.0 + TOLERANCE);
            c.due = if !same || disobeyed { old.min(next).min(f64::MAX) } else { f64::INFINITY };
            self.gauges[channel as usize].fine_below = c.fine_below();
            if c.due < f64::INFINITY {
                self.repairs.push(Reverse((c.due.to_bits(), channel)));
            }
        }
    }

    /// Gives a channel its new level: its own flows follow it, faster flows are cut and become its own.
    fn repair(&mut self, channel: u32) {
        let c = &mut self.channels[channel as usize];
        let level = c.next_level;
        (c.level, c.due, c.joined) = (level, f64::INFINITY, false);
        self.gauges[channel as usize].fine_below = c.fine_below();
        c.dirty = true; // its own flows' changes cannot make it inconsistent: keep it off the list
        for i in 0..c.members.len() {
            let slot = self.channels[channel as usize].members[i].slot;
            let s = &mut self.shares[slot as usize];
            if s.bottleneck == channel {
                let rate = if s.cap <= level {
                    s.bottleneck = NO_CHANNEL;
                    s.cap
                } else {
                    level
                };
                if s.rate != rate {
                    self.set_rate(slot, rate);
                }
            } else if s.rate > level * (1.0 + TOLERANCE) {
                s.bottleneck = channel;
                self.set_rate(slot, level);
            }
        }
        self.channels[channel as usize].dirty = false;
    }

    fn set_rate(&mut self, slot: u32, rate: f64) {
        let s = &mut self.shares[slot as usize];
        let change = rate - s.rate;
        s.rate = rate;
        if !s.changed {
            s.changed = true;
            self.changed.push(slot);
        }
        let base = slot as usize * self.stride;
        for i in base..base + usize::from(s.hops) {
            self.add_load(self.hops[i].channel, change);
        }
    }

    fn add_load(&mut self, channel: u32, change: f64) {
        let gauge = &mut self.gauges[channel as usize];
        gauge.load += change;
        if gauge.load >= gauge.fine_below {
            self.mark_dirty(channel);
        }
    }

    fn mark_dirty(&mut self, channel: u32) {
        let c = &mut self.channels[channel as usize];
        if !c.dirty {
            c.dirty = true;
            self.dirty.push(channel);
        }
    }

    fn widen(&mut self, stride: usize) {
        let mut hops = vec![Hop::default(); self.shares.len() * stride];
        for slot in 0..self.shares.len() {
            let old = &self.hops[slot * self.stride..(slot + 1) * self.stride];
            hops[slot * stride..slot * stride + self.stride].copy_from_slice(old);
        }
        let before = self.stride as u32;
        for m in self.channels.iter_mut().flat_map(|c| &mut c.members) {
            m.hop = m.slot * stride as u32 + (m.hop - m.slot * before);
        }
        (self.hops, self.stride) = (hops, stride);
    }
}
