//! What figures want to know beyond the columns of the store: the demand on racks and channels, worked out from a scenario,
//! and the queues of its packet simulation, which runs again for it under the engine's own probe.
//!
//! The engine is a pure function of the scenario and probes change nothing, so the second run *is* the stored one, with its
//! queues visible. Left out: queues of other backends (fluid models have none, ns-3 does not tell).

use crate::dataset::{ChannelLoad, QueueSeries, Tier, Traffic};
use mixlab_contract::{
    Backend, ChannelId, NodeId, NodeKind, RunError, Scenario, Silent, SimDuration, SimTime, Topology,
};
use mixlab_packet::PacketBackend;
use mixlab_packet::probe::ChannelSeries;
use std::collections::{BTreeMap, BTreeSet};

/// Networks of more racks get no matrix of racks: it would have more cells than anybody can see, or memory can hold.
const MOST_RACKS: usize = 1 << 12;

/// Demand of a scenario. Cost: O(hops of all flows).
pub fn traffic(scenario: &Scenario) -> Traffic {
    let topology = scenario.topology();
    let (rack_of, racks) = racks(topology);
    let cells = if racks <= MOST_RACKS { racks * racks } else { 0 };
    let mut rack_flows = vec![0; cells];
    let mut rack_bytes = vec![0u64; cells];
    let mut bytes = vec![0u64; topology.channel_count()];
    for index in scenario.indices() {
        let flow = scenario.flow(index);
        let pair = rack_of[flow.src.0 as usize] * racks + rack_of[flow.dst.0 as usize];
        if cells > 0 {
            rack_flows[pair] += 1;
            rack_bytes[pair] = rack_bytes[pair].saturating_add(flow.size.0);
        }
        scenario.path(index).iter().for_each(|c| bytes[c.index()] = bytes[c.index()].saturating_add(flow.size.0));
    }
    let seconds = match (scenario.flows().first(), scenario.flows().last()) {
        (Some(first), Some(last)) => last.start.since(first.start).as_secs_f64(),
        _ => 0.0,
    };
    let channel = |c: u32| {
        let channel = ChannelId(c);
        let offered = bytes[channel.index()] as f64 * 8.0;
        let load = if seconds > 0.0 { offered / seconds / topology.link(channel).rate.0 as f64 } else { f64::NAN };
        ChannelLoad { tier: tier(topology, channel), load }
    };
    let channels = (0..topology.channel_count() as u32).map(channel).collect();
    Traffic { racks, rack_flows, rack_bytes, channels, oversubscription: oversubscription(topology) }
}

/// Rack of every host, by node id, and how many there are.
fn racks(topology: &Topology) -> (Vec<usize>, usize) {
    let mut numbers: BTreeMap<NodeId, usize> = BTreeMap::new();
    let mut rack_of = vec![0; topology.node_count()];
    for host in topology.hosts() {
        let next = numbers.len();
        rack_of[host.0 as usize] = *numbers.entry(topology.switch_of(host)).or_insert(next);
    }
    (rack_of, numbers.len())
}

fn tier(topology: &Topology, channel: ChannelId) -> Tier {
    match (topology.kind(topology.tail(channel)), topology.kind(topology.head(channel))) {
        (NodeKind::Host, _) => Tier::HostUp,
        (_, NodeKind::Host) => Tier::HostDown,
        _ => Tier::Fabric,
    }
}

/// Largest ratio, over tiers of switches, of the rate of all hosts to the rate of the tier's channels upwards; 0 without such.
/// The tier of a switch is its distance from the nearest host.
fn oversubscription(topology: &Topology) -> f64 {
    let mut tiers = vec![0; topology.node_count()];
    let mut reached: Vec<NodeId> = topology.hosts().map(|host| topology.switch_of(host)).collect();
    reached.sort_unstable();
    reached.dedup();
    for tier in 1.. {
        reached.iter().for_each(|switch| tiers[switch.0 as usize] = tier);
        let beyond = reached.iter().flat_map(|s| topology.outgoing(*s)).map(|c| topology.head(*c));
        let new = |n: &NodeId| topology.kind(*n) == NodeKind::Switch && tiers[n.0 as usize] == 0;
        let next: BTreeSet<NodeId> = beyond.filter(new).collect();
        if next.is_empty() {
            break;
        }
        reached = next.into_iter().collect();
    }
    let mut up: BTreeMap<u32, f64> = BTreeMap::new();
    let mut hosts = 0.0;
    for channel in (0..topology.channel_count() as u32).map(ChannelId) {
        let rate = topology.link(channel).rate.0 as f64;
        let [from, to] = [topology.tail(channel), topology.head(channel)].map(|n| tiers[n.0 as usize]);
        match from {
            0 => hosts += rate,
            tier if to > tier => *up.entry(tier).or_default() += rate,
            _ => {}
        }
    }
    up.values().map(|rate| hosts / rate).fold(0.0, f64::max)
}

/// Rows that a heat map of queues can show, and samples in time, of which it shows the extremes.
const MOST_CHANNELS: usize = 40;
const INTERVALS: u64 = 2400;

/// Queues and utilisations of the run of `packet`, or of `packet-clean`: of the switch ports that data cross (the 40 with the most
/// bytes if there are more), at 2400 equal steps from the first start to the last delivery. Cost: the run again.
///
/// # Errors
/// What the engine says, and [`RunError`] if the scenario is not one of its.
pub fn queues(scenario: &Scenario, clean: bool, last_delivery_ns: u64) -> Result<QueueSeries, RunError> {
    let backend = if clean { PacketBackend::CLEAN } else { PacketBackend::NS3 };
    let first = scenario.flows().first().map_or(SimTime::ZERO, |f| f.start);
    let span = SimTime::from_ns(last_delivery_ns).ps().saturating_sub(first.ps());
    let interval = SimDuration::from_ps(span.div_ceil(INTERVALS).max(1));
    let channels = busiest_ports(scenario, MOST_CHANNELS);
    let probe = ChannelSeries::new(channels.clone(), first + interval, interval);
    let (_, ChannelSeries { samples, .. }) = backend.observe(scenario, probe, &Silent)?;
    let topology = scenario.topology();
    let full = |c: ChannelId| topology.link(c).rate.0 as f64 * interval.as_secs_f64() / 8.0;
    Ok(QueueSeries {
        backend: backend.id().into(),
        first_ns: (first + interval).ns_floor(),
        interval_ns: interval.ps() / 1000,
        channels: channels.iter().map(|c| name(topology, *c)).collect(),
        queued_bytes: samples.iter().map(|s| s.queued.0).collect(),
        utilisation: samples.iter().map(|s| s.sent.0 as f64 / full(s.channel)).collect(),
    })
}

/// Switch ports that data cross, those towards hosts first, then the fabric, each by channel; if there are more than `most`,
/// those with the most bytes. Cost: O(hops of all flows).
pub fn busiest_ports(scenario: &Scenario, most: usize) -> Vec<ChannelId> {
    let topology = scenario.topology();
    let mut bytes = vec![0u64; topology.channel_count()];
    for index in scenario.indices() {
        let size = scenario.flow(index).size.0;
        scenario.path(index).iter().for_each(|c| bytes[c.index()] = bytes[c.index()].saturating_add(size));
    }
    let all = (0..topology.channel_count() as u32).map(ChannelId);
    let mut ports: Vec<ChannelId> =
        all.filter(|c| tier(topology, *c) != Tier::HostUp && bytes[c.index()] > 0).collect();
    ports.sort_by_key(|c| std::cmp::Reverse(bytes[c.index()]));
    ports.truncate(most);
    ports.sort_by_key(|c| (tier(topology, *c), *c));
    ports
}

fn name(topology: &Topology, channel: ChannelId) -> String {
    let node = |n: NodeId| if topology.kind(n) == NodeKind::Host { format!("h{}", n.0) } else { format!("s{}", n.0) };
    format!("{}→{}", node(topology.tail(channel)), node(topology.head(channel)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mixlab_contract::files::{StartRounding, read_config, read_flows, read_topology};
    use mixlab_contract::{Scenario, ScenarioParts};
    use std::fmt::Write;

    #[test]
    fn a_network_of_many_racks_gets_loads_but_no_matrix() {
        let racks = MOST_RACKS as u32 + 1;
        let mut text = format!("{} {} {}\n", 2 * racks + 1, racks + 1, 2 * racks);
        (racks..=2 * racks).for_each(|switch| write!(text, "{switch} ").expect("a string"));
        for rack in 0..racks {
            let (tor, spine) = (racks + rack, 2 * racks);
            write!(text, "\n{rack} {tor} 10Gbps 1us 0\n{tor} {spine} 10Gbps 1us 0").expect("a string");
        }
        let config = read_config("c", "CC_MODE 8 SIMULATOR_STOP_TIME 4").expect("sound");
        let flows =
            read_flows("f", "2\n0 0 1 3 100 5 1\n1 0 1 3 100 5 2\n", StartRounding::Nearest).expect("sound").flows;
        let topology = read_topology("t", &text).expect("sound");
        let (transport, application, horizon) = (config.transport, config.application, config.horizon);
        let parts = ScenarioParts { topology, flows, paths: None, transport, application, horizon };
        let demand = traffic(&Scenario::new(parts).expect("sound"));
        assert_eq!((demand.racks, demand.rack_flows.len()), (racks as usize, 0));
        assert!(demand.channels.iter().any(|c| c.load > 0.0));
    }
}
