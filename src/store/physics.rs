//! The physics of a scenario as JSON and small binary columns, and back.
//!
//! Field names carry the units the contract's types carry; `serde(remote)` makes a new field of the contract a compile
//! error here, so nothing can be left out in silence. The digest of the rebuilt scenario is the final check.

use mixlab_contract::{
    Application, BitsPerSec, Bytes, ChannelId, CongestionControl, Flow, Link, Marking, NodeId, NodeKind, Paths,
    QueueDiscipline, Scenario, SimDuration, TcpVariant, Topology, Transport, routing,
};
use serde::{Deserialize, Serialize};

/// A topology as stored: nodes not named in `switch_order` are hosts; a link is (a, b, rate in b/s, delay in ps).
#[derive(Serialize, Deserialize)]
struct TopologyJson {
    node_count: usize,
    switch_order: Vec<u32>,
    links: Vec<(u32, u32, u64, u64)>,
}

/// Topology to JSON.
pub(super) fn topology_json(topology: &Topology) -> String {
    let links = topology.links().iter().map(|l| (l.a.0, l.b.0, l.rate.0, l.delay.ps())).collect();
    let switch_order = topology.switch_order().iter().map(|s| s.0).collect();
    json(&TopologyJson { node_count: topology.node_count(), switch_order, links })
}

/// JSON to topology; the text says what is wrong.
pub(super) fn topology(text: &str) -> Result<Topology, String> {
    let stored: TopologyJson = serde_json::from_str(text).map_err(|e| format!("topology: {e}"))?;
    // Every host has a link of its own; the check keeps damaged text from asking for absurd memory.
    if stored.node_count > stored.switch_order.len() + stored.links.len() {
        return Err("topology: more nodes than switches and links".into());
    }
    let mut kinds = vec![NodeKind::Host; stored.node_count];
    for switch in &stored.switch_order {
        *kinds.get_mut(*switch as usize).ok_or("topology: a switch is not a node")? = NodeKind::Switch;
    }
    let link = |(a, b, rate, delay)| Link {
        a: NodeId(a),
        b: NodeId(b),
        rate: BitsPerSec(rate),
        delay: SimDuration::from_ps(delay),
    };
    let links = stored.links.into_iter().map(link).collect();
    let order = stored.switch_order.into_iter().map(NodeId).collect();
    Topology::new(kinds, links, order).map_err(|e| format!("topology: {e}"))
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Bytes")]
struct BytesJson(u64);

#[derive(Serialize, Deserialize)]
#[serde(remote = "BitsPerSec")]
struct RateJson(u64);

#[derive(Serialize, Deserialize)]
#[serde(remote = "SimDuration")]
struct DurationJson(#[serde(getter = "picoseconds")] u64);

fn picoseconds(duration: &SimDuration) -> u64 {
    duration.ps()
}

impl From<DurationJson> for SimDuration {
    fn from(stored: DurationJson) -> Self {
        Self::from_ps(stored.0)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Transport")]
struct TransportJson {
    #[serde(rename = "payload_bytes", with = "BytesJson")]
    payload: Bytes,
    #[serde(rename = "window_bytes", with = "window")]
    window: Option<Bytes>,
    variable_window: bool,
    #[serde(rename = "min_rate_bps", with = "RateJson")]
    min_rate: BitsPerSec,
    #[serde(rename = "max_rate_bps", with = "RateJson")]
    max_rate: BitsPerSec,
    rate_bound: bool,
    ack_high_priority: bool,
    pfc: bool,
    ecn: bool,
    #[serde(rename = "buffer_bytes", with = "BytesJson")]
    buffer: Bytes,
    #[serde(with = "marking")]
    marking: Vec<(BitsPerSec, Marking)>,
    #[serde(with = "CongestionControlJson")]
    congestion_control: CongestionControl,
    rng_run: u64,
}

/// A window as bytes or null.
mod window {
    use super::{Bytes, Deserialize, Serialize};

    pub(super) fn serialize<S: serde::Serializer>(window: &Option<Bytes>, to: S) -> Result<S::Ok, S::Error> {
        window.map(|w| w.0).serialize(to)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Bytes>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Bytes))
    }
}

#[derive(Serialize, Deserialize)]
struct MarkingJson {
    rate_bps: u64,
    k_min_bytes: u64,
    k_max_bytes: u64,
    p_max: f64,
}

/// Marking thresholds as one object per link rate.
mod marking {
    use super::{BitsPerSec, Bytes, Deserialize, Marking, MarkingJson, Serialize};

    type Thresholds = Vec<(BitsPerSec, Marking)>;

    pub(super) fn serialize<S: serde::Serializer>(all: &Thresholds, to: S) -> Result<S::Ok, S::Error> {
        let one = |(rate, Marking { k_min, k_max, p_max }): &(BitsPerSec, Marking)| MarkingJson {
            rate_bps: rate.0,
            k_min_bytes: k_min.0,
            k_max_bytes: k_max.0,
            p_max: *p_max,
        };
        all.iter().map(one).collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Thresholds, D::Error> {
        let one = |m: MarkingJson| {
            let (k_min, k_max) = (Bytes(m.k_min_bytes), Bytes(m.k_max_bytes));
            (BitsPerSec(m.rate_bps), Marking { k_min, k_max, p_max: m.p_max })
        };
        Ok(Vec::<MarkingJson>::deserialize(from)?.into_iter().map(one).collect())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "CongestionControl", tag = "name", rename_all = "snake_case")]
enum CongestionControlJson {
    Dctcp {
        gain: f64,
        #[serde(rename = "additive_bps", with = "RateJson")]
        additive: BitsPerSec,
    },
    Dcqcn {
        gain: f64,
        #[serde(rename = "alpha_interval_ps", with = "DurationJson")]
        alpha_interval: SimDuration,
        #[serde(rename = "decrease_interval_ps", with = "DurationJson")]
        decrease_interval: SimDuration,
        #[serde(rename = "increase_interval_ps", with = "DurationJson")]
        increase_interval: SimDuration,
        fast_recovery_rounds: u32,
        #[serde(rename = "additive_bps", with = "RateJson")]
        additive: BitsPerSec,
        #[serde(rename = "hyper_bps", with = "RateJson")]
        hyper: BitsPerSec,
        clamp_target: bool,
    },
    #[serde(rename = "hp")]
    Hpcc {
        target_utilisation: f64,
        #[serde(rename = "additive_bps", with = "RateJson")]
        additive: BitsPerSec,
        additive_stages: u32,
        telemetry_multiplier: u32,
        fast_reaction: bool,
        per_hop_rate: bool,
    },
    Timely {
        #[serde(rename = "t_low_ps", with = "DurationJson")]
        t_low: SimDuration,
        #[serde(rename = "t_high_ps", with = "DurationJson")]
        t_high: SimDuration,
        beta: f64,
        #[serde(rename = "additive_bps", with = "RateJson")]
        additive: BitsPerSec,
        #[serde(rename = "hyper_bps", with = "RateJson")]
        hyper: BitsPerSec,
    },
    Tcp {
        #[serde(with = "TcpVariantJson")]
        variant: TcpVariant,
        #[serde(with = "QueueDisciplineJson")]
        queue: QueueDiscipline,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "TcpVariant", rename_all = "kebab-case")]
enum TcpVariantJson {
    Dctcp,
    Cubic,
    Bbr,
    #[serde(rename = "newreno")]
    NewReno,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "QueueDiscipline", tag = "name")]
enum QueueDisciplineJson {
    #[serde(rename = "fifo")]
    Fifo,
    #[serde(rename = "red")]
    Red,
    #[serde(rename = "codel")]
    CoDel {
        #[serde(rename = "target_ps", with = "DurationJson")]
        target: SimDuration,
        #[serde(rename = "interval_ps", with = "DurationJson")]
        interval: SimDuration,
    },
    #[serde(rename = "fq-codel")]
    FqCoDel {
        #[serde(rename = "target_ps", with = "DurationJson")]
        target: SimDuration,
        #[serde(rename = "interval_ps", with = "DurationJson")]
        interval: SimDuration,
    },
    #[serde(rename = "pie")]
    Pie {
        #[serde(rename = "target_ps", with = "DurationJson")]
        target: SimDuration,
        #[serde(rename = "update_interval_ps", with = "DurationJson")]
        update_interval: SimDuration,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Application", tag = "kind", rename_all = "snake_case")]
enum ApplicationJson {
    Open,
    ClosedLoop { max_inflight: u32, hosts_per_group: u32 },
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct StoredTransport(#[serde(with = "TransportJson")] Transport);

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct StoredApplication(#[serde(with = "ApplicationJson")] Application);

/// Transport to JSON.
pub(super) fn transport_json(transport: &Transport) -> String {
    json(&StoredTransport(transport.clone()))
}

/// JSON to transport; the text says what is wrong.
pub(super) fn transport(text: &str) -> Result<Transport, String> {
    serde_json::from_str(text).map(|t: StoredTransport| t.0).map_err(|e| format!("transport: {e}"))
}

/// Application to JSON.
pub(super) fn application_json(application: Application) -> String {
    json(&StoredApplication(application))
}

/// JSON to application; the text says what is wrong.
pub(super) fn application(text: &str) -> Result<Application, String> {
    serde_json::from_str(text).map(|a: StoredApplication| a.0).map_err(|e| format!("application: {e}"))
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain structs with text keys always serialise")
}

/// The paths of a scenario, or `None` if they are the ECMP paths that [`Scenario::new`] finds by itself.
pub(super) fn paths_blob(scenario: &Scenario) -> Option<Vec<u8>> {
    let same = |(data, acks): (Paths, Paths)| {
        let mut flows = scenario.indices();
        flows.all(|i| scenario.path(i) == data.get(i.index()) && scenario.ack_path(i) == acks.get(i.index()))
    };
    if routing::ecmp_paths(scenario.topology(), scenario.flows()).is_ok_and(same) {
        return None;
    }
    let mut blob = Vec::new();
    for index in scenario.indices() {
        for path in [scenario.path(index), scenario.ack_path(index)] {
            blob.extend((path.len() as u32).to_le_bytes());
            path.iter().for_each(|channel| blob.extend(channel.0.to_le_bytes()));
        }
    }
    Some(blob)
}

/// Data and ACK paths of `flows` flows; `None` if the blob has another length.
pub(super) fn paths(blob: &[u8], flows: usize) -> Option<(Paths, Paths)> {
    let (words, rest) = blob.as_chunks::<4>();
    let mut words = words.iter().map(|w| u32::from_le_bytes(*w));
    let mut next = || -> Option<Vec<ChannelId>> {
        let hops = words.next()? as usize;
        let path: Vec<ChannelId> = words.by_ref().take(hops).map(ChannelId).collect();
        (path.len() == hops).then_some(path)
    };
    let (mut data, mut acks) = (Paths::new(), Paths::new());
    for _ in 0..flows {
        data.push(&next()?);
        acks.push(&next()?);
    }
    (rest.is_empty() && words.next().is_none()).then_some((data, acks))
}

/// What rounding the starts down to ns took from each, or `None` if nothing.
pub(super) fn start_rests_blob(flows: &[Flow]) -> Option<Vec<u8>> {
    let rests: Vec<u16> = flows.iter().map(|f| (f.start.ps() % 1_000) as u16).collect();
    let whole = rests.iter().all(|rest| *rest == 0);
    (!whole).then(|| rests.into_iter().flat_map(u16::to_le_bytes).collect())
}

/// The rests (ps) of `flows` flows; `None` if the blob has another length.
pub(super) fn start_rests(blob: &[u8], flows: usize) -> Option<Vec<u64>> {
    let (words, rest) = blob.as_chunks::<2>();
    (rest.is_empty() && words.len() == flows).then(|| words.iter().map(|w| u16::from_le_bytes(*w).into()).collect())
}
