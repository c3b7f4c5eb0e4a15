//! Set-up: devices, ingress counters, switches and hosts of a topology. Cost: O(nodes + links).

use crate::fidelity::Fidelity;
use crate::packet::Fifo;
use crate::physics::Physics;
use crate::port::{Host, Ingress, LinkKind, NEVER, Port, Switch};
use crate::telemetry::rate_code;
use mixlab_contract::{Bytes, ChannelId, Link, Marking, NodeId, NodeKind, Scenario, Topology};
use std::collections::BTreeMap;

/// Lossless queues of a port for which headroom is set aside (0 and 3; only 3 is ever accounted).
const LOSSLESS_QUEUES: u64 = 2;
/// Rate above which headroom does not grow in ns-3, bit/s.
const HEADROOM_RATE_CAP: u64 = 10_000_000_000;
/// Bytes of headroom for the response time of the far end.
const RESPONSE_BYTES: f64 = 3860.0;

/// The state of an empty network.
pub(crate) struct Parts {
    pub ports: Vec<Port>,
    pub links: Vec<LinkKind>,
    pub ingress: Vec<Ingress>,
    pub switches: Vec<Switch>,
    pub hosts: Vec<Host>,
    /// Index among hosts of each node (unspecified for switches).
    pub host_of_node: Vec<u32>,
}

pub(crate) fn build<F: Fidelity>(scenario: &Scenario, physics: &Physics) -> Parts {
    let topology = scenario.topology();
    let places = places(topology);
    let channels = (0..topology.channel_count() as u32).map(ChannelId);
    let (links, link_of) = link_kinds::<F>(scenario, physics);
    let ports = channels.clone().map(|c| port(topology, &links, link_of[c.index() / 2], &places, c)).collect();
    let ingress = channels
        .map(|c| {
            let headroom = headroom::<F>(topology.link(c), physics).try_into().unwrap_or(u32::MAX);
            Ingress::new(places[topology.head(c).0 as usize], headroom)
        })
        .collect();
    let mut switches = vec![Switch::default(); topology.switch_order().len()];
    let mut hosts = Vec::with_capacity(topology.host_count());
    for node in (0..topology.node_count() as u32).map(NodeId) {
        match topology.kind(node) {
            NodeKind::Host => hosts.push(host(topology, physics, node)),
            NodeKind::Switch => {
                switches[places[node.0 as usize] as usize] = switch::<F>(scenario, physics, node);
            }
        }
    }
    Parts { ports, links, ingress, switches, hosts, host_of_node: places }
}

/// Index of each node among the nodes of its kind, by ascending id.
fn places(topology: &Topology) -> Vec<u32> {
    let mut next = [0u32; 2];
    (0..topology.node_count() as u32)
        .map(|n| {
            let place = &mut next[usize::from(topology.kind(NodeId(n)) == NodeKind::Switch)];
            *place += 1;
            *place - 1
        })
        .collect()
}

/// The kinds of links there are, and which each link is.
fn link_kinds<F: Fidelity>(scenario: &Scenario, physics: &Physics) -> (Vec<LinkKind>, Vec<u32>) {
    let mut kinds = Vec::new();
    let mut place_of = BTreeMap::new();
    let links = scenario.topology().links().iter();
    let place = links.map(|link| {
        *place_of.entry((link.rate, link.delay)).or_insert_with(|| {
            kinds.push(link_kind::<F>(scenario, physics, link));
            kinds.len() as u32 - 1
        })
    });
    let places = place.collect();
    (kinds, places)
}

fn link_kind<F: Fidelity>(scenario: &Scenario, physics: &Physics, link: &Link) -> LinkKind {
    LinkKind {
        rate: link.rate.0,
        rate_code: rate_code(link.rate.0).unwrap_or(0),
        delay: F::ticks(link.delay) as u32,
        full: physics.full_sizes.map(|size| F::transmission(size, link.rate.0) as u32),
        marking: marking(scenario, link),
    }
}

fn port(topology: &Topology, links: &[LinkKind], link: u32, places: &[u32], channel: ChannelId) -> Port {
    let (tail, head) = (topology.tail(channel), topology.head(channel));
    Port {
        free_at: 0,
        done_number: 0,
        sent: 0,
        high: Fifo::EMPTY,
        low: Fifo::EMPTY,
        egress: 0,
        queued: 0,
        k_min: links[link as usize].marking.k_min.0.min(u32::MAX.into()) as u32,
        link,
        tail: places[tail.0 as usize],
        done_scheduled: false,
        paused: false,
        at_host: topology.kind(tail) == NodeKind::Host,
        to_host: topology.kind(head) == NodeKind::Host,
    }
}

/// Thresholds of a link's ports. A rate without any has thresholds 0 in ns-3; the backend refuses such scenarios.
fn marking(scenario: &Scenario, link: &Link) -> Marking {
    let unknown = Marking { k_min: Bytes(0), k_max: Bytes(0), p_max: 1.0 };
    scenario.transport().marking_at(link.rate).unwrap_or(unknown)
}

fn host(topology: &Topology, physics: &Physics, node: NodeId) -> Host {
    let channel = topology.outgoing(node)[0];
    Host {
        port: channel.0,
        last_served: 0,
        list: Vec::new(),
        acks: Fifo::EMPTY,
        wake_at: NEVER,
        wake_generation: 0,
        max_rate: topology.link(channel).rate.0.min(physics.max_rate),
    }
}

fn switch<F: Fidelity>(scenario: &Scenario, physics: &Physics, node: NodeId) -> Switch {
    let topology = scenario.topology();
    let buffer = scenario.transport().buffer.0;
    let headroom_limit = topology
        .outgoing(node)
        .iter()
        .map(|c| LOSSLESS_QUEUES * headroom::<F>(topology.link(*c), physics))
        .sum::<u64>();
    let reserved = headroom_limit.min((buffer as f64 * 0.8) as u64);
    Switch { buffer, pool: buffer - reserved, headroom_limit, ..Switch::default() }
}

/// Headroom of one queue behind a link: two full packets, the response time, and the link's round trip.
///
/// ns-3 counts a faster link as one of 10 Gb/s and packets without telemetry, and takes the delay in seconds as a 64.64
/// fixed-point number, which is slightly low: 10 Gb/s and 1 µs give 8455 bytes, not 8456. Clean: the link's rate, the real
/// packets, exact and rounded up.
fn headroom<F: Fidelity>(link: &Link, physics: &Physics) -> u64 {
    if F::CLEAN {
        let bits_in_flight = (2 * u128::from(link.rate.0) * u128::from(link.delay.ps())).div_ceil(1_000_000_000_000);
        return 2 * u64::from(physics.data_size) + RESPONSE_BYTES as u64 + bits_in_flight.div_ceil(8) as u64;
    }
    let rate = link.rate.0.min(HEADROOM_RATE_CAP);
    let fixed_point = (u128::from(link.delay.ns_floor()) << 64) / 1_000_000_000;
    let seconds = fixed_point as f64 / 2f64.powi(64);
    (2.0 * f64::from(physics.payload + 48) + RESPONSE_BYTES + 2.0 * rate as f64 * seconds / 8.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fidelity::{Clean, Ns3};
    use mixlab_contract::conformance::{Scope, random_scenario};
    use mixlab_contract::{BitsPerSec, CongestionControl, SimDuration};

    #[test]
    fn headroom_of_the_usual_link_is_one_byte_short_in_ns3_only() {
        let mut parts = random_scenario(1, Scope::default()).into_parts();
        parts.transport.congestion_control = CongestionControl::Dctcp { gain: 0.5, additive: BitsPerSec(1) };
        let scenario = Scenario::new(parts).expect("still valid");
        let physics = Physics::of::<Ns3>(&scenario);
        let link = |gbps| Link {
            a: NodeId(0),
            b: NodeId(1),
            rate: BitsPerSec::from_gbps(gbps),
            delay: SimDuration::from_ns(1_000),
        };
        assert_eq!(headroom::<Ns3>(&link(10), &physics), 8455);
        assert_eq!(headroom::<Ns3>(&link(100), &physics), 8455, "the rate counts as 10 Gb/s");
        assert_eq!(headroom::<Clean>(&link(10), &physics), 8456);
        assert_eq!(headroom::<Clean>(&link(100), &physics), 8456 + 22_500);
    }
}
