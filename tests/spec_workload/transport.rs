//! The transport of a mix against the configurations ns-3 really ran with, and against the documented scaling.

use super::{mixes, reference, shipped_spec};
use mixlab::spec::{Cc, LoadedMix};
use mixlab_contract::{BitsPerSec, Bytes, CongestionControl, Link, SimDuration, Topology, Transport};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The value ns-3 reads from `text` into an unsigned integer.
fn whole(text: &str) -> u64 {
    text.split('.').next().and_then(|t| t.parse().ok()).unwrap_or_else(|| panic!("{text} begins with a whole number"))
}

/// The value ns-3 reads from a data rate such as `2.5Mb/s`.
fn rate(text: &str) -> BitsPerSec {
    let mbps: f64 =
        text.strip_suffix("Mb/s").and_then(|t| t.parse().ok()).unwrap_or_else(|| panic!("{text} is in Mb/s"));
    BitsPerSec((mbps * 1e6) as u64)
}

fn check(t: &Transport, c: &BTreeMap<String, Vec<String>>, case: &str) {
    let one = |key: &str| c[key][0].as_str();
    let real = |key: &str| one(key).parse::<f64>().expect("a number");
    let us = |key: &str| SimDuration::from_ns(whole(one(key)) * 1000);
    assert_eq!(t.payload.0, whole(one("PACKET_PAYLOAD_SIZE")), "{case}");
    assert_eq!(t.window, Some(Bytes(whole(one("FIXED_WIN")))), "{case}");
    assert_eq!((t.min_rate, t.max_rate), (rate(one("MIN_RATE")), rate(one("MAX_RATE"))), "{case}");
    assert_eq!(t.buffer.0, whole(one("BUFFER_SIZE")) * 1024, "{case}");
    for (flag, key) in [
        (t.pfc, "ENABLE_PFC"),
        (t.ecn, "ENABLE_QCN"),
        (t.variable_window, "VAR_WIN"),
        (t.window.is_some(), "HAS_WIN"),
        (t.rate_bound, "RATE_BOUND"),
        (t.ack_high_priority, "ACK_HIGH_PRIO"),
    ] {
        assert_eq!(flag, real(key) != 0.0, "{case}: {key}");
    }
    for (link, m) in &t.marking {
        let at =
            |map: &str| c[map][1..].chunks(2).find(|e| e[0] == link.0.to_string()).map(|e| e[1].clone()).expect("rate");
        let got = (m.k_min.0, m.k_max.0, m.p_max);
        let want =
            (whole(&at("KMIN_MAP")) * 1000, whole(&at("KMAX_MAP")) * 1000, at("PMAX_MAP").parse().expect("number"));
        assert_eq!(got, want, "{case} at {link}");
    }
    let want = match whole(one("CC_MODE")) {
        8 => CongestionControl::Dctcp { gain: real("EWMA_GAIN"), additive: rate(one("DCTCP_RATE_AI")) },
        1 => CongestionControl::Dcqcn {
            gain: real("EWMA_GAIN"),
            alpha_interval: us("ALPHA_RESUME_INTERVAL"),
            decrease_interval: us("RATE_DECREASE_INTERVAL"),
            increase_interval: us("RP_TIMER"),
            fast_recovery_rounds: whole(one("FAST_RECOVERY_TIMES")) as u32,
            additive: rate(one("RATE_AI")),
            hyper: rate(one("RATE_HAI")),
            clamp_target: real("CLAMP_TARGET_RATE") != 0.0,
        },
        3 => CongestionControl::Hpcc {
            target_utilisation: real("U_TARGET"),
            additive: rate(one("RATE_AI")),
            additive_stages: whole(one("MI_THRESH")) as u32,
            telemetry_multiplier: whole(one("INT_MULTI")) as u32,
            fast_reaction: real("FAST_REACT") != 0.0,
            per_hop_rate: real("MULTI_RATE") != 0.0,
        },
        7 => CongestionControl::Timely {
            t_low: SimDuration::from_ns(whole(one("TIMELY_T_LOW"))),
            t_high: SimDuration::from_ns(whole(one("TIMELY_T_HIGH"))),
            beta: real("TIMELY_BETA"),
            additive: rate(one("RATE_AI")),
            hyper: rate(one("RATE_HAI")),
        },
        mode => panic!("{case}: unknown CC_MODE {mode}"),
    };
    assert_eq!(t.congestion_control, want, "{case}");
}

#[test]
fn transports_are_what_ns3_read_from_its_configurations() {
    let (Some(truth), Some(spec)) = (reference("truth"), reference("upstream/parsimon-eval/expts/fig_8/spec")) else {
        return;
    };
    let mut seen = 0;
    for set in ["train32", "train32_hp", "test1024", "closed"] {
        for case in fs::read_dir(truth.join(set)).expect("readable folder") {
            let case = case.expect("readable folder").path();
            let config = fs::read_to_string(case.join("config.txt")).expect("readable config");
            let words = config.lines().map(|l| l.split_whitespace().map(String::from).collect::<Vec<_>>());
            let config = words.filter(|w| w.len() > 1).map(|mut w| (w.remove(0), w)).collect();
            let mix = load_case(&case, &spec);
            check(&mix.mix.transport(&mix.topology), &config, &case.display().to_string());
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
