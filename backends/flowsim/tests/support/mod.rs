//! Random scenarios harder than the contract's, and the reader of reference scenarios.

use mixlab_contract::conformance::{Scope, SplitMix, random_scenario};
use mixlab_contract::{Application, BitsPerSec, Bytes, Link, Scenario, ScenarioParts, SimDuration, SimTime, Topology};

/// A contract scenario made nastier: other link rates (some below 1 Gb/s, some not round), sender limits below the links,
/// no window or a tiny one, other packet sizes, equal sizes and starts, large flows. Equal seeds give equal scenarios.
pub fn nasty_scenario(seed: u64) -> Scenario {
    let mut r = SplitMix(seed ^ 0x5eed);
    let scope = Scope { flows: 10 + r.below(60), largest: r.choose(&[3_000, 200_000, 20_000_000]), ..Scope::default() };
    let mut parts = random_scenario(seed, scope).into_parts();
    parts.paths = None;
    if r.below(2) == 0 {
        parts.topology = relinked(&parts.topology, &mut r);
    }
    if r.below(2) == 0 {
        quantise(&mut parts, &mut r);
    }
    let t = &mut parts.transport;
    t.payload = Bytes(r.choose(&[1000, 1000, 256, 4096, 1]));
    t.max_rate = BitsPerSec(r.choose(&[10_000_000_000, 40_000_000_000, 7_000_000_001, 2_500_000_000]));
    t.min_rate = BitsPerSec(1_000_000);
    t.window =
        r.choose(&[None, t.window, Some(Bytes(1)), Some(Bytes(5_000)), Some(Bytes(12_345)), Some(Bytes(300_000))]);
    parts.horizon = SimTime::from_ns(3_000_000_000_000);
    if r.below(3) == 0 {
        parts.application = Application::ClosedLoop { max_inflight: 1 + r.below(3) as u32, hosts_per_group: 2 };
    }
    Scenario::new(parts).expect("the variant is a valid scenario")
}

fn relinked(topology: &Topology, r: &mut SplitMix) -> Topology {
    let rates = [10_000_000_000, 25_000_000_000, 999_999_937, 40_000_000_000, 100_000_000_000];
    let vary = |l: &Link| Link {
        rate: BitsPerSec(r.choose(&rates)),
        delay: SimDuration::from_ps(r.choose(&[0, 1_000_000, 333_333])),
        ..*l
    };
    let links = topology.links().iter().map(vary).collect();
    let kinds = (0..topology.node_count() as u32).map(|n| topology.kind(mixlab_contract::NodeId(n))).collect();
    Topology::new(kinds, links, topology.switch_order().to_vec()).expect("only rates and delays changed")
}

/// Few distinct sizes and starts: ties everywhere.
fn quantise(parts: &mut ScenarioParts, r: &mut SplitMix) {
    let sizes = [1_000, 48_000, 100_000];
    for f in &mut parts.flows {
        f.size = Bytes(r.choose(&sizes));
        f.start = SimTime::from_ns(f.start.ns_floor() / 50_000 * 50_000);
    }
}
