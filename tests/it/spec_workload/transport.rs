//! The transport of a mix against the configurations ns-3 really ran with, and against the documented scaling.

use super::{mixes, reference, shipped_spec};
use mixlab::spec::{Cc, LoadedMix};
use mixlab_contract::files::read_config;
use mixlab_contract::{BitsPerSec, CongestionControl, Link, Topology};
use std::fs;
use std::path::Path;

#[test]
fn transports_are_what_ns3_read_from_its_configurations() {
    let (Some(truth), Some(spec)) = (reference("truth"), reference("upstream/parsimon-eval/expts/fig_8/spec")) else {
        return;
    };
    let mut seen = 0;
    for set in ["train32", "train32_hp", "test1024", "closed"] {
        for case in fs::read_dir(truth.join(set)).expect("readable folder") {
            let case = case.expect("readable folder").path();
            let text = fs::read_to_string(case.join("config.txt")).expect("readable config");
            let mut read = read_config("config.txt", &text).expect("a config ns-3 read").transport;
            let mix = load_case(&case, &spec);
            let ours = mix.mix.transport(&mix.topology);
            // The config lists thresholds of rates that the topology may lack.
            read.marking.retain(|(rate, _)| ours.marking_at(*rate).is_some());
            assert_eq!(ours, read, "{}", case.display());
            seen += 1;
        }
    }
    assert!(seen >= 20, "{seen} configurations");
}

/// The mix of a case; its paths are relative to the experiment's folder.
fn load_case(case: &Path, spec: &Path) -> LoadedMix {
    let experiment = spec.parent().expect("spec is in a folder").display();
    let text = fs::read_to_string(case.join("mix.json")).expect("readable mix");
    let text = text
        .replace("\"../../", &format!("\"{experiment}/../../"))
        .replace("\"spec/", &format!("\"{experiment}/spec/"));
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let file = scratch.path().join("mix.json");
    fs::write(&file, text).expect("writable scratch");
    mixes(&file).remove(0)
}

/// A topology like `t` with every rate times ten, fabric links a further four times as fast.
fn faster(t: &Topology) -> Topology {
    let host = |l: &Link| (l.a.0 as usize) < t.host_count();
    let links =
        t.links().iter().map(|l| Link { rate: BitsPerSec(l.rate.0 * if host(l) { 10 } else { 40 }), ..*l }).collect();
    let kinds = (0..t.node_count() as u32).map(|n| t.kind(mixlab_contract::NodeId(n))).collect();
    Topology::new(kinds, links, t.switch_order().to_vec()).expect("still valid")
}

#[test]
fn rates_and_thresholds_scale_with_the_links() {
    let mut mix = mixes(&shipped_spec().join("0.mix.json")).remove(0);
    let fast = faster(&mix.topology);
    (mix.mix.param_1, mix.mix.param_2) = (20.37, 45.0);
    let gbps = BitsPerSec::from_gbps;
    for (cc, want) in
        [(Cc::Dctcp, [203, 203, 814, 814]), (Cc::Dcqcn, [81, 180, 325, 720]), (Cc::Hp, [40, 160, 160, 640])]
    {
        mix.mix.cc = cc;
        let t = mix.mix.transport(&fast);
        let kb = |rate| {
            t.marking_at(gbps(rate)).map(|m| [m.k_min.0 / 1000, m.k_max.0 / 1000]).expect("every rate has thresholds")
        };
        assert_eq!([kb(100), kb(400)].concat(), want, "{cc:?}");
        assert_eq!((t.min_rate, t.max_rate), (gbps(10), gbps(100)));
    }
    let CongestionControl::Hpcc { telemetry_multiplier, .. } = mix.mix.transport(&fast).congestion_control else {
        panic!("the last was HPCC")
    };
    assert_eq!(telemetry_multiplier, 4);
    mix.mix.window = 0;
    assert_eq!(mix.mix.transport(&fast).window, None);
}

#[test]
fn dcqcn_always_has_pfc() {
    let mut mix = mixes(&shipped_spec().join("0.mix.json")).remove(0);
    mix.mix.enable_pfc = false;
    assert!(!mix.mix.transport(&mix.topology).pfc);
    mix.mix.cc = Cc::Dcqcn;
    assert!(mix.mix.transport(&mix.topology).pfc);
}
