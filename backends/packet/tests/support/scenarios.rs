//! Random scenarios with transports, rates and losses beyond those of the contract.

use mixlab_contract::conformance::{Scope, SplitMix, random_scenario};
use mixlab_contract::{
    BitsPerSec, Bytes, CongestionControl, Marking, Scenario, ScenarioParts, SimDuration, SimTime, Transport,
};

/// The scenario with another transport.
pub fn with_transport(scenario: Scenario, change: impl FnOnce(&mut Transport)) -> Scenario {
    let mut parts = scenario.into_parts();
    change(&mut parts.transport);
    Scenario::new(parts).expect("still valid")
}

/// Takes the window away, except from HPCC, which needs one.
pub fn without_window(t: &mut Transport) {
    if !matches!(t.congestion_control, CongestionControl::Hpcc { .. }) {
        t.window = None;
    }
}

/// A random scenario, with PFC off, ECN off, no window or a small buffer in some.
pub fn varied(seed: u64) -> Scenario {
    with_transport(random_scenario(seed, Scope::default()), |t| {
        t.pfc = !seed.is_multiple_of(3);
        t.ecn = !seed.is_multiple_of(11);
        t.rate_bound = !seed.is_multiple_of(13);
        if seed.is_multiple_of(5) {
            without_window(t);
        }
        if seed.is_multiple_of(2) {
            t.buffer = Bytes(40 * 1024);
        }
        if let CongestionControl::Hpcc { per_hop_rate, additive_stages, .. } = &mut t.congestion_control {
            *per_hop_rate = seed.is_multiple_of(2);
            *additive_stages = 5;
        }
    })
}

pub fn changed(scenario: Scenario, change: impl FnOnce(&mut ScenarioParts)) -> Scenario {
    let mut parts = scenario.into_parts();
    change(&mut parts);
    Scenario::new(parts).expect("still valid")
}

/// A random scenario on links of 100 to 800 Gb/s, with delays and starts that are not whole nanoseconds.
pub fn fast(seed: u64) -> Scenario {
    changed(random_scenario(seed, Scope::default()), |p| {
        let mut r = SplitMix(seed);
        let rates = [100, 200, 400, 800].map(BitsPerSec::from_gbps);
        let links: Vec<_> = p
            .topology
            .links()
            .iter()
            .map(|l| mixlab_contract::Link {
                rate: r.choose(&rates),
                delay: SimDuration::from_ps(100_000 + r.below(2_000_000)),
                ..*l
            })
            .collect();
        let nodes = p.topology.node_count() as u32;
        let kinds = (0..nodes).map(|n| p.topology.kind(mixlab_contract::NodeId(n))).collect();
        let order = p.topology.switch_order().to_vec();
        p.topology = mixlab_contract::Topology::new(kinds, links, order).expect("the same shape");
        for f in &mut p.flows {
            f.start = SimTime::from_ps(f.start.ps() / 10 + f.id);
        }
        p.paths = None;
        let t = &mut p.transport;
        (t.min_rate, t.max_rate) = (BitsPerSec::from_gbps(1), r.choose(&rates));
        t.window = Some(Bytes(20_000 + r.below(200_000))).filter(|_| !seed.is_multiple_of(5));
        t.buffer = Bytes(300_000 + r.below(2_000_000));
        t.pfc = !seed.is_multiple_of(3);
        let (k_min, p_max) = (Bytes(20_000 + r.below(50_000)), 0.2);
        t.marking = rates.map(|rate| (rate, Marking { k_min, k_max: Bytes(k_min.0 * 3), p_max })).into();
        if let CongestionControl::Hpcc { per_hop_rate, .. } = &mut t.congestion_control {
            *per_hop_rate = seed.is_multiple_of(2);
        }
    })
}

/// A random scenario that loses packets: PFC off and little buffer, with and without a window.
pub fn lossy(seed: u64) -> Scenario {
    changed(random_scenario(seed, Scope::default()), |p| {
        p.transport.pfc = false;
        p.transport.buffer = Bytes(12_000 + 1_000 * (seed % 20));
        p.transport.window = p.transport.window.filter(|_| !seed.is_multiple_of(4));
    })
}
