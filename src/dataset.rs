//! Results as figures and comparisons see them: plain columns in memory, one entry per scenario, no store behind it.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything selected for a comparison or a figure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Scenarios in the order of their mixes.
    pub scenarios: Vec<ScenarioResults>,
}

/// One scenario and its finished runs.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioResults {
    /// Id of the mix it was made from.
    pub mix_id: u64,
    /// Digest of the scenario (64 hex digits).
    pub digest: String,
    /// What was chosen in the mix.
    pub attributes: Attributes,
    /// Size of each flow in bytes.
    pub size_bytes: Arc<[u64]>,
    /// Ideal FCT of each flow in ns.
    pub ideal_fct_ns: Arc<[u64]>,
    /// Finished runs by backend id.
    pub runs: BTreeMap<String, RunResults>,
    /// Backends whose run failed or was unsupported, with the reason in one line.
    pub missing: BTreeMap<String, String>,
    /// What is worked out only for those who ask.
    pub details: Details,
}

/// What costs more than reading columns, so that only some figures have it: see [`crate::details`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Details {
    /// Who sends to whom over which channels.
    pub traffic: Option<Arc<Traffic>>,
    /// What waited where and when, in the packet simulation.
    pub queues: Option<Arc<QueueSeries>>,
}

/// The demand of a scenario on its network.
#[derive(Clone, Debug, PartialEq)]
pub struct Traffic {
    /// Racks (switches with hosts), in the order of their first host.
    pub racks: usize,
    /// Flows from rack to rack: row = source, `racks` × `racks`; empty if there are too many racks for a matrix.
    pub rack_flows: Vec<u64>,
    /// Their application bytes, likewise.
    pub rack_bytes: Vec<u64>,
    /// Every channel.
    pub channels: Vec<ChannelLoad>,
    /// Largest ratio over tiers of switches: rate of all hosts ÷ rate of the tier upwards; 0 if there is one tier.
    pub oversubscription: f64,
}

/// What a channel is asked to carry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChannelLoad {
    /// Between which kinds of nodes.
    pub tier: Tier,
    /// Application bytes × 8 ÷ (first to last start of any flow × rate); NaN if all flows start at once.
    pub load: f64,
}

/// Kinds of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// From a host.
    HostUp,
    /// To a host.
    HostDown,
    /// Between switches.
    Fabric,
}

/// Queues and utilisations of channels in equal intervals of simulated time.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSeries {
    /// The backend that was watched.
    pub backend: String,
    /// Time of the first sample, ns.
    pub first_ns: u64,
    /// Between samples, ns.
    pub interval_ns: u64,
    /// Names of the channels.
    pub channels: Vec<String>,
    /// Bytes waiting at the time of the sample: by time, then channel.
    pub queued_bytes: Vec<u64>,
    /// Share of the interval before in which the channel sent (0 to 1, more by a packet): by time, then channel.
    pub utilisation: Vec<f64>,
}

/// The knobs of a mix that errors are grouped by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes {
    /// Congestion control: `dctcp`, `dcqcn`, `hp`, `timely`, `tcp-…`.
    pub cc: String,
    /// Rack-to-rack matrix: its file name without extension.
    pub spatial: String,
    /// Flow-size distribution: its file name without extension.
    pub size_dist: String,
    /// Cluster: its file name without extension.
    pub cluster: String,
    /// Burstiness σ.
    pub lognorm_sigma: f64,
    /// Load asked for (0..1).
    pub max_load: f64,
    /// Load the busiest channel really gets.
    pub delivered_load: f64,
    /// Switch buffer in bytes, or that of a port under TCP.
    pub buffer_bytes: u64,
    /// Sender window in bytes (0 = none, or TCP's own).
    pub window_bytes: u64,
    /// Hosts of the cluster.
    pub hosts: u64,
    /// In-flight limit of a closed loop (0 = open).
    pub max_inflight_flows: u64,
}

/// One finished run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunResults {
    /// What the backend was: version, options, weights.
    pub fingerprint: Arc<str>,
    /// Slowdown (FCT ÷ ideal FCT) of each flow; NaN if unfinished.
    pub slowdown: Arc<[f64]>,
    /// When each flow was released, ns; `u64::MAX` if never.
    pub start_ns: Arc<[u64]>,
    /// FCT of each flow, ns; `u64::MAX` if unfinished.
    pub fct_ns: Arc<[u64]>,
    /// Wall-clock seconds of the run.
    pub wall_s: f64,
    /// CPU seconds of the run.
    pub cpu_s: f64,
    /// Whether nothing else of this sweep ran at the same time (else wall time is not comparable).
    pub timed_alone: bool,
    /// Packet transmissions simulated (0 if the backend has none).
    pub packets: u64,
    /// Events executed.
    pub events: u64,
}

impl ScenarioResults {
    /// Slowdowns `(baseline, other, size in bytes)` of the flows that both runs finished; `None` if a run is missing.
    pub fn pairs(&self, baseline: &str, other: &str) -> Option<Vec<(f64, f64, u64)>> {
        let (a, b) = (self.runs.get(baseline)?, self.runs.get(other)?);
        let both = a.slowdown.iter().zip(b.slowdown.iter()).zip(self.size_bytes.iter());
        Some(both.filter(|((a, b), _)| !a.is_nan() && !b.is_nan()).map(|((a, b), s)| (*a, *b, *s)).collect())
    }
}
