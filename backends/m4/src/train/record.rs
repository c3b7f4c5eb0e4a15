//! Training rows: a scenario's true arrivals and departures replayed through the fluid, with what the correction would have seen.
//!
//! A flow occupies the fluid from its start for T = FCT − (lone − V/b), its true transfer time, and comes to its last window when
//! the same part of T has passed as of its volume. Its life falls into segments between events that affect it. They are merged
//! into at most [`GROUPS`] groups by equal times; a group keeps its whole fluid volume ∫ r dt and the features of one segment,
//! drawn in proportion to duration. So Σ_groups volume · e^g(features) is an unbiased estimate of what the corrected model would
//! have sent in the flow's true life, which should be V.

use crate::corrected::contention::{Contention, Entry};
use crate::corrected::features::{FEATURES, Setting};
use crate::corrected::network::enter;
use mixlab_contract::conformance::SplitMix;
use mixlab_contract::{FlowOutcome, FlowStart, Scenario};
use mixlab_flowsim::Terms;

/// Most groups per flow.
pub const GROUPS: usize = 10;

/// One group of a flow's segments.
#[derive(Clone, Debug)]
pub struct Row {
    /// What the correction sees.
    pub features: [f32; FEATURES],
    /// Part of the flow's volume that the uncorrected fluid sends in it.
    pub share: f32,
    /// Largest e^g that has an effect: (highest speed on an idle network) ÷ (max-min rate).
    pub ceiling: f32,
    /// Whether anything contends (else e^g is 1).
    pub contended: bool,
}

/// One flow: its rows are `rows[first..first + count]` of its [`Recording`].
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// First row.
    pub first: u32,
    /// Number of rows.
    pub count: u32,
    /// (lone − V/b) ÷ true FCT: the part of the FCT that nothing changes.
    pub fixed: f32,
    /// True slowdown over that of the uncorrected fluid's isolated flow: FCT ÷ lone.
    pub slowdown: f32,
}

/// The rows of a scenario's flows.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// In order of flows.
    pub lives: Vec<Life>,
    /// Rows of all flows.
    pub rows: Vec<Row>,
}

struct Watched {
    terms: Terms,
    entry: Entry,
    start: f64,
    transfer: f64,
    fct: f64,
    slot: u32,
    open: Option<Row>,
    since: f64,
    /// (row, duration so far) by group.
    groups: Vec<Option<(Row, f64)>>,
}

/// Replays the truth of one scenario. Flows that never finished are left out of it.
pub fn record(scenario: &Scenario, truth: &[FlowOutcome], seed: u64) -> Recording {
    let mut replay = Replay::new(scenario, truth, seed);
    let mut events: Vec<(f64, u8, usize)> = Vec::new();
    for (i, w) in replay.watched.iter().enumerate() {
        events.push((w.start, 2, i));
        events.push((w.start + w.transfer, 0, i));
        if w.entry.windowed {
            events.push((w.start + w.transfer * w.terms.windowed / w.entry.volume, 1, i));
        }
    }
    events.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut at = 0;
    while at < events.len() {
        let t = events[at].0;
        while at < events.len() && events[at].0 == t {
            let (_, kind, i) = events[at];
            replay.event(t, kind, i);
            at += 1;
        }
        replay.settle(t);
    }
    replay.finish()
}

struct Replay {
    setting: Setting,
    state: Contention,
    watched: Vec<Watched>,
    owner: Vec<usize>,
    random: SplitMix,
}

impl Replay {
    fn new(scenario: &Scenario, truth: &[FlowOutcome], seed: u64) -> Self {
        let mut state = Contention::new(scenario);
        let origin = scenario.flows().first().map_or(0, |f| f.start.ps());
        let mut watched = Vec::new();
        for index in scenario.indices() {
            let FlowOutcome::Completed { start, fct } = truth[index.index()] else { continue };
            let f = FlowStart::of(scenario, index, start, false);
            let (terms, entry) = enter(&mut state, scenario.topology(), scenario.transport(), &f);
            let fixed = entry.lone - terms.alone;
            let fct = fct.ps() as f64;
            watched.push(Watched {
                terms,
                entry,
                start: (start.ps() - origin) as f64,
                transfer: (fct - fixed).max(0.5 * terms.alone),
                fct,
                slot: u32::MAX,
                open: None,
                since: 0.0,
                groups: vec![None; GROUPS],
            });
        }
        Self { setting: Setting::of(scenario), state, watched, owner: Vec::new(), random: SplitMix(seed) }
    }

    fn event(&mut self, t: f64, kind: u8, i: usize) {
        match kind {
            0 => {
                self.close(i, t);
                self.state.end(t, self.watched[i].slot);
            }
            1 => {
                let w = &self.watched[i];
                self.state.release_last_window(w.slot, w.terms.line_rate);
            }
            _ => {
                let slot = self.state.begin(t, self.watched[i].entry);
                if self.owner.len() <= slot as usize {
                    self.owner.resize(slot as usize + 1, usize::MAX);
                }
                self.owner[slot as usize] = i;
                self.watched[i].slot = slot;
                self.watched[i].since = t;
            }
        }
    }

    fn settle(&mut self, t: f64) {
        self.state.settle(t);
        for k in 0..self.state.affected().len() {
            let slot = self.state.affected()[k];
            let i = self.owner[slot as usize];
            self.close(i, t);
            let (features, contended) = self.setting.observe(&self.state, slot, t);
            let f = self.state.flow(slot);
            let ceiling = (f.entry.cap.min(f.entry.line) / f.rate) as f32;
            let share = (f.rate / f.entry.volume) as f32;
            self.watched[i].open = Some(Row { features, share, ceiling, contended });
        }
    }

    /// Ends the open segment of a flow; until here `share` is per ps.
    fn close(&mut self, i: usize, t: f64) {
        let w = &mut self.watched[i];
        let duration = t - w.since;
        if let Some(mut row) = w.open.take()
            && duration > 0.0
        {
            row.share *= duration as f32;
            let group = ((w.since - w.start) / w.transfer * GROUPS as f64) as usize;
            match &mut w.groups[group.min(GROUPS - 1)] {
                Some((kept, total)) => {
                    *total += duration;
                    let share = kept.share + row.share;
                    if self.random.next_u64() as f64 / u64::MAX as f64 * *total < duration {
                        *kept = row;
                    }
                    kept.share = share;
                }
                empty => *empty = Some((row, duration)),
            }
        }
        w.since = t;
    }

    fn finish(self) -> Recording {
        let mut all = Recording::default();
        for w in self.watched {
            let first = all.rows.len() as u32;
            all.rows.extend(w.groups.into_iter().flatten().map(|(row, _)| row));
            all.lives.push(Life {
                first,
                count: all.rows.len() as u32 - first,
                fixed: ((w.entry.lone - w.terms.alone) / w.fct) as f32,
                slowdown: (w.fct / w.entry.lone) as f32,
            });
        }
        all
    }
}
