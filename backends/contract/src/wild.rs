//! Random scenarios of every shape that a scenario may have, for engines against their oracles.
//!
//! [`random_scenario`](crate::conformance::random_scenario) draws leaf–spine networks as experiments have them; here the network
//! is a star, line, ring, tree, fat tree or any connected graph, its nodes and links numbered in any order, its rates and delays
//! mixed, and every parameter of the transport is drawn over most of its range: thresholds beyond the buffer, packets of one byte,
//! no window, no PFC, no ECN, horizons that cut flows off. Left out: TCP, given paths, and more bytes than a test has time for.

use crate::conformance::SplitMix;
use crate::scenario::{Application, Flow, Scenario, ScenarioParts};
use crate::topology::{Link, NodeId, NodeKind, Topology};
use crate::transport::{CongestionControl, Marking, Transport};
use crate::units::{BitsPerSec, Bytes, SimDuration, SimTime};

/// Packets that the flows of a scenario have together, about.
const PACKETS: u64 = 6_000;

/// A random scenario; equal seeds give equal scenarios. Most are such that ns-3 can simulate them: whole nanoseconds, and rates
/// that its rounding leaves alone; one in eight is not.
pub fn wild_scenario(seed: u64) -> Scenario {
    let mut r = SplitMix(seed ^ 0x77_696c_6400);
    let odd = r.below(8) == 0;
    let rates = palette(&mut r, odd);
    let topology = random_topology(&mut r, &rates, odd);
    let transport = random_transport(&mut r, &topology, &rates);
    let flows = random_flows(&mut r, &topology, transport.payload);
    let application = match r.below(4) {
        0 => Application::ClosedLoop { max_inflight: 1 + r.below(4) as u32, hosts_per_group: 1 + r.below(4) as u32 },
        _ => Application::Open,
    };
    let last = flows.last().map_or(SimTime::ZERO, |f| f.start);
    let horizon = last + SimDuration::from_ns(r.choose(&[200_000, 20_000_000, 1_000_000_000]));
    Scenario::new(ScenarioParts { topology, flows, paths: None, transport, application, horizon }).expect("valid parts")
}

/// Link rates to draw from.
fn palette(r: &mut SplitMix, odd: bool) -> Vec<BitsPerSec> {
    if odd {
        return vec![BitsPerSec(999_999_937), BitsPerSec(7_300_000_000), BitsPerSec(33_333_333_333)];
    }
    let gbps: &[u64] = match r.below(6) {
        0 => &[1, 10],
        1 | 2 => &[10],
        3 => &[10, 40],
        4 => &[25, 100],
        _ => &[10, 25, 40, 50, 100, 200, 400],
    };
    gbps.iter().map(|g| BitsPerSec::from_gbps(*g)).collect()
}

/// Links between `0..switches`, without repetition, so that all are connected.
fn switch_links(r: &mut SplitMix) -> (u32, Vec<(u32, u32)>) {
    let line = |n: u32| (1..n).map(|k| (k - 1, k)).collect::<Vec<_>>();
    let mut small = |least: u64, most: u64| (least + r.below(most - least + 1)) as u32;
    let shape = small(0, 6);
    match shape {
        0 => (1, Vec::new()),
        1 => {
            let n = small(2, 5);
            (n, line(n))
        }
        2 => {
            let n = small(3, 6);
            (n, line(n).into_iter().chain([(n - 1, 0)]).collect())
        }
        3 => {
            let (leaves, spines) = (small(1, 4), small(1, 3));
            (leaves + spines, (0..leaves).flat_map(|l| (0..spines).map(move |s| (l, leaves + s))).collect())
        }
        4 => {
            // Two pods of two ToRs (0 to 3) and two fabric switches (4 to 7), under two spines.
            let pods = (0..4).flat_map(|tor| [(tor, 4 + tor / 2 * 2), (tor, 5 + tor / 2 * 2)]);
            (10, pods.chain((4..8).map(|f| (f, 8 + f % 2))).collect())
        }
        _ => {
            let n = small(2, 7);
            let mut links: Vec<(u32, u32)> = (1..n).map(|k| (small(0, u64::from(k) - 1), k)).collect();
            for _ in 0..if shape == 5 { 0 } else { small(0, 5) } {
                let (a, b) = (small(0, u64::from(n) - 1), small(0, u64::from(n) - 1));
                if a < b && !links.contains(&(a, b)) {
                    links.push((a, b));
                }
            }
            (n, links)
        }
    }
}

fn random_topology(r: &mut SplitMix, rates: &[BitsPerSec], odd: bool) -> Topology {
    let (switches, between) = switch_links(r);
    let mut hosts: Vec<u32> = (0..2 + r.below(11)).map(|_| r.below(u64::from(switches)) as u32).collect();
    hosts.sort_unstable();
    let count = hosts.len() as u32;
    // Names: hosts first, as in files of the ns-3 programs, or in any order.
    let mut names: Vec<u32> = (0..count + switches).collect();
    if r.below(3) == 0 {
        shuffle(r, &mut names);
    }
    let mut ends: Vec<(u32, u32)> = between.iter().map(|(a, b)| (count + a, count + b)).collect();
    ends.extend((0..count).map(|h| (h, count + hosts[h as usize])));
    shuffle(r, &mut ends);
    let delays_ns: &[u64] = match r.below(4) {
        0 => &[1_000],
        1 => &[0, 1, 333, 20_000],
        _ => &[500, 1_000, 1_500, 2_000],
    };
    let same = (r.below(3) == 0).then(|| (r.choose(rates), r.choose(delays_ns)));
    let mut link = |(a, b): (u32, u32)| {
        let (rate, delay) = same.unwrap_or_else(|| (r.choose(rates), r.choose(delays_ns)));
        let (a, b) = if r.below(2) == 0 { (a, b) } else { (b, a) };
        let fraction_ps = if odd { r.below(1_000) } else { 0 };
        let delay = SimDuration::from_ps(delay * 1_000 + fraction_ps);
        Link { a: NodeId(names[a as usize]), b: NodeId(names[b as usize]), rate, delay }
    };
    let links = ends.into_iter().map(&mut link).collect();
    let mut kinds = vec![NodeKind::Switch; names.len()];
    names[..count as usize].iter().for_each(|n| kinds[*n as usize] = NodeKind::Host);
    let mut order: Vec<NodeId> = names[count as usize..].iter().map(|n| NodeId(*n)).collect();
    shuffle(r, &mut order);
    Topology::new(kinds, links, order).expect("hosts have one link, switches are connected")
}

fn shuffle<T>(r: &mut SplitMix, items: &mut [T]) {
    for k in (1..items.len()).rev() {
        items.swap(k, r.below(k as u64 + 1) as usize);
    }
}

/// Flows between random hosts, of one to all others to one host, or many between the same two.
fn random_flows(r: &mut SplitMix, topology: &Topology, payload: Bytes) -> Vec<Flow> {
    let hosts: Vec<NodeId> = topology.hosts().collect();
    let count = 1 + r.below(60);
    let longest = (PACKETS / count).max(2) * payload.0 * 2;
    let (pattern, gap_ns) = (r.below(4), r.choose(&[0, 100, 5_000, 20_000, 200_000]));
    let favourite = r.below(hosts.len() as u64) as usize;
    let ties = r.below(4) == 0;
    let mut start = SimTime::from_ns(r.choose(&[0, 1_000_000_000]));
    let mut flow = |id| {
        let src = if pattern == 0 { favourite } else { r.below(hosts.len() as u64) as usize };
        let dst = (src + 1 + r.below(hosts.len() as u64 - 1) as usize) % hosts.len();
        let (src, dst) = if pattern == 1 { (dst, src) } else { (src, dst) };
        // Towards one host, from whoever is not it.
        let to = if pattern == 2 && src != favourite { favourite } else { dst };
        let size = match r.below(4) {
            0 => 1 + r.below(2 * payload.0 + 500),
            1 => payload.0 * (1 + r.below(4)),
            _ => 1 + r.below(longest),
        };
        let step = r.below(2 * gap_ns + 1);
        start = start + SimDuration::from_ns(if ties { step / 10_000 * 10_000 } else { step });
        Flow { id, src: hosts[src], dst: hosts[to], size: Bytes(size), start }
    };
    (0..count).map(&mut flow).collect()
}

fn random_transport(r: &mut SplitMix, topology: &Topology, rates: &[BitsPerSec]) -> Transport {
    let fastest = topology.links().iter().map(|l| l.rate).max().expect("hosts have links");
    let max_rate = r.choose(&[fastest, fastest, rates[0], BitsPerSec(rates[0].0 / 2)]);
    let min_rate = BitsPerSec(r.choose(&[1_000_000, 100_000_000, max_rate.0 / 10, max_rate.0]).min(max_rate.0));
    let congestion_control = random_control(r, max_rate);
    let dctcp = matches!(congestion_control, CongestionControl::Dctcp { .. });
    let buffer = r.choose(&[12_000, 40_000, 150_000, 600_000, 20_000_000]) + r.below(10_000);
    let (k_min, extra, p_max) = (1_000 + r.below(40_000), r.below(60_000), r.choose(&[0.01, 0.2, 1.0]));
    let mark = |rate: BitsPerSec| {
        let scale = (rate.0 / 10_000_000_000).max(1);
        let k_max = if dctcp { k_min } else { k_min + extra } * scale;
        (rate, Marking { k_min: Bytes(k_min * scale), k_max: Bytes(k_max), p_max: if dctcp { 1.0 } else { p_max } })
    };
    let windows = [None, Some(1), Some(3_000), Some(5_000 + r.below(30_000)), Some(200_000 + r.below(100_000))];
    let window = r.choose(&windows).map(Bytes);
    let hpcc = matches!(congestion_control, CongestionControl::Hpcc { .. });
    Transport {
        payload: Bytes(r.choose(&[1_000, 1_000, 1_000, 1, 64, 1_460, 9_000])),
        // ns-3's HPCC has no answer without a window.
        window: if hpcc { Some(window.unwrap_or(Bytes(20_000))) } else { window },
        variable_window: r.below(3) > 0,
        min_rate,
        max_rate,
        rate_bound: r.below(4) > 0,
        ack_high_priority: r.below(2) == 0,
        pfc: r.below(3) > 0,
        ecn: r.below(5) > 0,
        buffer: Bytes(buffer),
        marking: rates.iter().copied().map(mark).collect(),
        congestion_control,
        rng_run: 1 + r.below(3),
    }
}

fn random_control(r: &mut SplitMix, max_rate: BitsPerSec) -> CongestionControl {
    let us = |u: u64| SimDuration::from_ns(u * 1_000);
    let steps = [1_000_000, 20_000_000, 615_000_000, max_rate.0 / 4 + 1].map(BitsPerSec);
    let (additive, hyper) = (r.choose(&steps), r.choose(&steps));
    let any = (1 + r.below(999)) as f64 / 1_000.0;
    let gain = r.choose(&[0.0625, 0.00390625, 0.5, 1.0, any]);
    match r.below(4) {
        0 => CongestionControl::Dctcp { gain, additive },
        1 => CongestionControl::Dcqcn {
            gain,
            alpha_interval: us(1 + r.below(60)),
            decrease_interval: us(1 + r.below(60)),
            increase_interval: us(1 + r.below(300)),
            fast_recovery_rounds: 1 + r.below(5) as u32,
            additive,
            hyper,
            clamp_target: r.below(2) == 0,
        },
        2 => CongestionControl::Hpcc {
            target_utilisation: (30 + r.below(70)) as f64 / 100.0,
            additive,
            additive_stages: r.below(6) as u32,
            telemetry_multiplier: 1 + r.below(3) as u32,
            fast_reaction: r.below(2) == 0,
            per_hop_rate: r.below(2) == 0,
        },
        _ => {
            let t_low = us(1 + r.below(60));
            let beta = (1 + r.below(100)) as f64 / 100.0;
            CongestionControl::Timely { t_low, t_high: t_low + us(r.below(150)), beta, additive, hyper }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn equal_seeds_give_equal_scenarios_and_all_features_occur() {
        let mut seen = BTreeSet::new();
        for seed in 0..500 {
            let scenario = wild_scenario(seed);
            assert_eq!(scenario.digest(), wild_scenario(seed).digest());
            let t = scenario.transport();
            seen.insert(t.congestion_control.name().to_owned());
            seen.insert(format!("pfc {}, ecn {}, window {}", t.pfc, t.ecn, t.window.is_some()));
            seen.insert(format!("closed {}", scenario.application() != Application::Open));
            seen.insert(format!("{} switches", scenario.topology().switch_order().len()));
            seen.insert(format!("hosts first {}", scenario.topology().kind(NodeId(0)) == NodeKind::Host));
        }
        // 4 controls, 8 of PFC × ECN × window, 2 + 2, and networks of 1 to 7 and of 10 switches.
        assert_eq!(seen.len(), 4 + 8 + 2 + 8 + 2, "{seen:?}");
    }
}
