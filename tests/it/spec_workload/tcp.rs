//! TCP in mixes: names, defaults, what the parameters mean under each queue, and what is refused or ignored.

use super::shipped_spec;
use mixlab::spec::{Cc, LoadedSpec, Queue, SpecError, load_mixes};
use mixlab_contract::{
    BitsPerSec, Bytes, CongestionControl, Marking, QueueDiscipline, SimDuration, TcpVariant, Transport,
};
use std::fs;

/// A mix with these further fields.
fn load(fields: &str) -> Result<LoadedSpec, SpecError> {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let file = scratch.path().join("x.mix.json");
    let base = r#"{"id": 0, "spatial": "spec/spatials/uniform-2x4.json", "size_dist": "spec/sizes/hadoop.txt",
        "lognorm_sigma": 1, "max_load": 0.5, "cluster": "spec/clusters/32-1to1.json""#;
    fs::write(&file, format!("{base}, {fields}}}")).expect("writable scratch");
    load_mixes(&file)
}

fn transport(fields: &str) -> Transport {
    let loaded = load(fields).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(loaded.warnings, Vec::<String>::new());
    loaded.mixes[0].mix.transport(&loaded.mixes[0].topology)
}

fn fault(fields: &str) -> String {
    let error = load(fields).expect_err("must fail").to_string();
    error.split_once("x.mix.json:").map_or(error.clone(), |(_, rest)| rest.to_string())
}

#[test]
fn every_variant_has_its_default_queue() {
    for (cc, variant, queue) in [
        ("tcp-dctcp", TcpVariant::Dctcp, QueueDiscipline::Red),
        ("tcp-cubic", TcpVariant::Cubic, QueueDiscipline::Red),
        ("tcp-newreno", TcpVariant::NewReno, QueueDiscipline::Red),
        ("tcp-bbr", TcpVariant::Bbr, QueueDiscipline::Fifo),
    ] {
        let t = transport(&format!(r#""cc": "{cc}""#));
        assert_eq!(t.congestion_control, CongestionControl::Tcp { variant, queue });
        assert_eq!(t.congestion_control.name(), cc);
        assert_eq!(t.ecn, queue == QueueDiscipline::Red);
        assert_eq!((t.payload, t.window, t.pfc, t.buffer), (Bytes(1460), None, false, Bytes(400 << 10)));
    }
}

#[test]
fn parameters_belong_to_the_queue() {
    let us = |us: u64| SimDuration::from_ns(us * 1_000);
    let of = |queue: &str, more: &str| {
        let t = transport(&format!(r#""cc": "tcp-cubic", "queue": "{queue}"{more}"#));
        let CongestionControl::Tcp { queue, .. } = t.congestion_control else { panic!("TCP was asked for") };
        (queue, t.marking)
    };
    let own = r#", "param_1": 45.5, "param_2": 700"#;
    for (name, default, given) in [
        ("fifo", QueueDiscipline::Fifo, QueueDiscipline::Fifo),
        (
            "codel",
            QueueDiscipline::CoDel { target: us(30), interval: us(600) },
            QueueDiscipline::CoDel { target: SimDuration::from_ns(45_500), interval: us(700) },
        ),
        (
            "fq-codel",
            QueueDiscipline::FqCoDel { target: us(30), interval: us(600) },
            QueueDiscipline::FqCoDel { target: SimDuration::from_ns(45_500), interval: us(700) },
        ),
        (
            "pie",
            QueueDiscipline::Pie { target: us(30), update_interval: us(30) },
            QueueDiscipline::Pie { target: SimDuration::from_ns(45_500), update_interval: us(700) },
        ),
    ] {
        assert_eq!((of(name, ""), of(name, own)), ((default, vec![]), (given, vec![])));
    }
    let thresholds = |k_min, k_max| {
        let marking = Marking { k_min: Bytes(k_min), k_max: Bytes(k_max), p_max: 1.0 };
        (QueueDiscipline::Red, vec![(BitsPerSec::from_gbps(10), marking)])
    };
    assert_eq!((of("red", ""), of("red", own)), (thresholds(30_000, 30_000), thresholds(45_000, 700_000)));
}

#[test]
fn mistakes_are_named() {
    for (fields, expected) in [
        (
            r#""cc": "tcp-reno""#,
            "expected one of dctcp, dcqcn, hp, timely, tcp-dctcp, tcp-cubic, tcp-bbr, tcp-newreno, found \"tcp-reno\"\n  hint: did you mean `tcp-newreno`?",
        ),
        (
            r#""cc": "tcp-bbr", "queue": "fqcodel""#,
            "$.queue: expected one of fifo, red, codel, fq-codel, pie, found \"fqcodel\"\n  hint: did you mean `fq-codel`?",
        ),
        (r#""cc": "tcp-bbr", "queue": "cake""#, "found \"cake\"\n  hint: known: fifo, red, codel, fq-codel, pie"),
        (r#""cc": "dcqcn", "queue": "red""#, "$.queue: expected no `queue` with the cc dcqcn, found \"red\""),
        (r#""queue": "red""#, "$.queue: expected no `queue` with the cc dctcp"),
        (r#""cc": "tcp-dctcp", "param_1": 0.5"#, "$.param_1: expected K_min in KB at 10 Gb/s, at least 1, found 0.5"),
        (
            r#""cc": "tcp-dctcp", "param_1": 40"#,
            "expected a field `param_2` with K_max in KB at 10 Gb/s, at least K_min (param_1), found none, so 30",
        ),
        (
            r#""cc": "tcp-cubic", "queue": "codel", "param_2": 20"#,
            "$.param_2: expected CoDel's interval in µs, at least the target (param_1), found 20",
        ),
        (
            r#""cc": "tcp-cubic", "queue": "pie", "param_2": 0"#,
            "$.param_2: expected PIE's update interval in µs, at least 1, found 0",
        ),
    ] {
        let shown = fault(fields);
        assert!(shown.contains(expected), "{shown}\nlacks\n{expected}");
    }
}

#[test]
fn what_tcp_does_not_have_is_ignored_with_a_warning() {
    let plain = load(r#""cc": "tcp-dctcp""#).unwrap_or_else(|e| panic!("{e}"));
    let more = load(r#""cc": "tcp-dctcp", "window": 9000, "enable_pfc": 1"#).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(more.warnings.len(), 1);
    let warning = &more.warnings[0];
    assert!(
        warning.ends_with("TCP has none of these and ignores them: `enable_pfc` in 1 of 1; `window` in 1 of 1"),
        "{warning}"
    );
    let of = |spec: &LoadedSpec| spec.mixes[0].mix.transport(&spec.mixes[0].topology);
    assert_eq!(of(&plain), of(&more));
    let rdma = load(r#""cc": "dctcp", "window": 9000, "enable_pfc": 1"#).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(rdma.warnings, Vec::<String>::new());
}

#[test]
fn what_is_written_is_read_back() {
    let shipped = load_mixes(&shipped_spec().join("tcp.mix.json")).unwrap_or_else(|e| panic!("{e}"));
    let mixes: Vec<_> = shipped.mixes.iter().map(|m| m.mix.clone()).collect();
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let file = scratch.path().join("again.mix.json");
    fs::write(&file, serde_json::to_string(&mixes).expect("plain data")).expect("writable scratch");
    let again = load_mixes(&file).unwrap_or_else(|e| panic!("{e}"));
    assert!(again.mixes.iter().map(|m| &m.mix).eq(&mixes));
    let queues: Vec<_> = mixes.iter().filter_map(|m| m.queue).collect();
    assert!(Queue::ALL.iter().all(|q| queues.contains(q)), "every queue is shown");
    assert!(TcpVariant::ALL.iter().all(|v| mixes.iter().any(|m| m.cc == Cc::Tcp(*v))), "every variant is shown");
}
