//! Training rows: what the correction saw during a closed-loop simulation with some weights, beside the true FCTs.
//!
//! A flow's life falls into segments between evaluations. They are merged, neighbours first, into at most [`GROUPS`] groups; a
//! group keeps the part of the volume sent in it and the evaluation of one segment, drawn in proportion to what was sent. With
//! other weights the flow would have sent
//!
//! ```text
//! P = Σ_groups share · min(e^g', ceiling) / min(e^g, ceiling)          (1 with the weights g of the simulation)
//! ```
//!
//! in the same time, so its FCT would have been (FCT − T) + T / P, T = its transfer time in the simulation: exact for a constant
//! change, first order otherwise, with the other flows as they were. Simulating anew with the improved weights takes care of the
//! rest, so the model is trained on the states that it itself gets into.

use crate::corrected::features::FEATURES;
use crate::corrected::network::{Base, CorrectedNetwork, Seen, Watch};
use crate::perceptron::Perceptron;
use mixlab_contract::conformance::SplitMix;
use mixlab_contract::{FlowOutcome, RunError, Scenario, Silent, drive, ideal::ideal_fct};

/// Most groups per flow.
pub const GROUPS: usize = 12;

/// One group of a flow's segments, of a model that sees F numbers.
#[derive(Clone, Debug)]
pub struct Row<const F: usize = FEATURES> {
    /// What the correction saw.
    pub features: [f32; F],
    /// Part of the flow's volume that was sent in it.
    pub share: f32,
    /// Largest e^g that has an effect: (highest speed on an idle network) ÷ (max-min rate).
    pub ceiling: f32,
    /// min(e^g, ceiling) in the simulation.
    pub factor: f32,
    /// Whether anything contended (else e^g is 1 whatever the weights).
    pub contended: bool,
}

/// One flow: its rows are `rows[first..first + count]` of its [`Recording`].
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// First row.
    pub first: u32,
    /// Number of rows.
    pub count: u32,
    /// (simulated FCT − transfer time) ÷ true FCT.
    pub fixed: f32,
    /// Transfer time ÷ true FCT.
    pub transfer: f32,
    /// True slowdown.
    pub slowdown: f32,
}

/// The rows of a scenario's flows.
#[derive(Clone, Debug, Default)]
pub struct Recording<const F: usize = FEATURES> {
    /// In order of flows.
    pub lives: Vec<Life>,
    /// Rows of all flows.
    pub rows: Vec<Row<F>>,
}

#[derive(Default)]
struct Track {
    open: Option<(f64, Row)>,
    groups: Vec<Row>,
    start: f64,
    transfer: f64,
}

/// The onlooker: segments of every flow, by order of announcement.
struct Tracks {
    tracks: Vec<Track>,
    random: SplitMix,
}

/// Simulates a scenario with `model` and records it; flows that did not finish in `truth` are left out.
///
/// # Errors
/// None but what the driver reports.
pub fn record(
    scenario: &Scenario,
    truth: &[FlowOutcome],
    model: &Perceptron,
    seed: u64,
) -> Result<Recording, RunError> {
    record_upon(Base::Fluid, scenario, truth, model, seed)
}

/// [`record`] with another base.
///
/// # Errors
/// None but what the driver reports.
pub fn record_upon(
    base: Base,
    scenario: &Scenario,
    truth: &[FlowOutcome],
    model: &Perceptron,
    seed: u64,
) -> Result<Recording, RunError> {
    let mut tracks = Vec::new();
    tracks.resize_with(scenario.flows().len(), Track::default);
    let watch = Tracks { tracks, random: SplitMix(seed) };
    let mut network = CorrectedNetwork::watched(scenario, model, watch).upon(base);
    let simulated = drive(&mut network, scenario, &Silent)?;
    let mut all = Recording::default();
    // In an open scenario flows are announced in their own order, so a track's number is the flow's.
    for (index, track) in scenario.indices().zip(network.into_watch().tracks) {
        let (Some(truth), Some(fct)) = (truth[index.index()].fct(), simulated[index.index()].fct()) else { continue };
        let (truth, fct) = (truth.ps() as f64, fct.ps() as f64);
        let first = all.rows.len() as u32;
        let total: f32 = track.groups.iter().map(|r| r.share).sum();
        all.rows.extend(track.groups.into_iter().map(|r| Row { share: r.share / total, ..r }));
        all.lives.push(Life {
            first,
            count: all.rows.len() as u32 - first,
            fixed: ((fct - track.transfer).max(0.0) / truth) as f32,
            transfer: (track.transfer / truth) as f32,
            slowdown: (truth / ideal_fct(scenario, index).ps() as f64) as f32,
        });
    }
    Ok(all)
}

impl Watch for Tracks {
    fn corrected(&mut self, order: u32, t: f64, seen: &Seen) {
        self.close(order, t);
        let track = &mut self.tracks[order as usize];
        if track.groups.is_empty() && track.open.is_none() {
            track.start = t;
        }
        let row = Row {
            features: seen.features,
            share: seen.speed as f32,
            ceiling: (seen.ceiling / seen.rate) as f32,
            factor: (seen.speed / seen.rate) as f32,
            contended: seen.contended,
        };
        track.open = Some((t, row));
    }

    fn ended(&mut self, order: u32, t: f64) {
        self.close(order, t);
        let track = &mut self.tracks[order as usize];
        track.transfer = t - track.start;
    }
}

impl Tracks {
    /// Ends the open segment of a flow; until here `share` is a speed.
    fn close(&mut self, order: u32, t: f64) {
        let track = &mut self.tracks[order as usize];
        let Some((since, mut row)) = track.open.take() else { return };
        row.share *= (t - since) as f32;
        if row.share <= 0.0 {
            // A segment of no length: keep the place of the life's beginning.
            if track.groups.is_empty() {
                track.start = track.start.min(since);
            }
            return;
        }
        track.groups.push(row);
        if track.groups.len() == 2 * GROUPS {
            let random = &mut self.random;
            let pairs: Vec<Row> = track.groups.chunks(2).map(|pair| merged(pair, random)).collect();
            track.groups = pairs;
        }
    }
}

/// Two neighbours as one.
fn merged(pair: &[Row], random: &mut SplitMix) -> Row {
    let total: f32 = pair.iter().map(|r| r.share).sum();
    let draw = (random.next_u64() >> 40) as f32 / (1u32 << 24) as f32 * total;
    let kept = if draw < pair[0].share { &pair[0] } else { &pair[pair.len() - 1] };
    Row { share: total, ..kept.clone() }
}
