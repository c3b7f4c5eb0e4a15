//! Golden values made with torch by an independent program (`golden/make_golden.py`): the TorchScript files it saved are read,
//! and a small scenario ends as its event loop says, under both rules for components.

use mixlab_contract::ideal::ideal_fct;
use mixlab_contract::{
    Application, Backend, BitsPerSec, Bytes, CongestionControl, Flow, Link, NodeId, NodeKind, Scenario, ScenarioParts,
    Silent, SimDuration, SimTime, Topology, Transport,
};
use mixlab_m4::{Checkpoint, Components, PaperBackend, Rules};
use std::path::{Path, PathBuf};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// src, dst, size, start (ns), ideal FCT (ns), end with merging components (ps), end with connected components (ps).
fn rows() -> Vec<[u64; 7]> {
    let text = std::fs::read_to_string(golden().join("golden.tsv")).expect("it is in the repository");
    let row = |line: &str| {
        let numbers: Vec<u64> = line.split('\t').map(|w| w.parse().expect("whole numbers")).collect();
        numbers.try_into().expect("seven columns")
    };
    text.lines().skip(1).map(row).collect()
}

fn scenario(rows: &[[u64; 7]]) -> Scenario {
    let (rate, delay) = (BitsPerSec::from_gbps(10), SimDuration::from_ns(1_000));
    let ends = [(0, 6), (1, 6), (2, 6), (3, 7), (4, 7), (5, 7), (6, 8), (7, 8)];
    let links = ends.iter().map(|(a, b)| Link { a: NodeId(*a), b: NodeId(*b), rate, delay }).collect();
    let kinds = (0..9).map(|n| if n < 6 { NodeKind::Host } else { NodeKind::Switch }).collect();
    let flows = rows.iter().zip(0..).map(|([src, dst, size, start, ..], id)| Flow {
        id,
        src: NodeId(*src as u32),
        dst: NodeId(*dst as u32),
        size: Bytes(*size),
        start: SimTime::from_ns(*start),
    });
    let us = |t: u64| SimDuration::from_ns(t * 1_000);
    let transport = Transport {
        payload: Bytes(1000),
        window: Some(Bytes(12_000)),
        variable_window: true,
        min_rate: BitsPerSec::from_gbps(1),
        max_rate: rate,
        rate_bound: true,
        ack_high_priority: true,
        pfc: true,
        ecn: true,
        buffer: Bytes(133_120),
        marking: Vec::new(),
        congestion_control: CongestionControl::Timely {
            t_low: us(48),
            t_high: us(101),
            beta: 0.8,
            additive: BitsPerSec(10_000_000),
            hyper: BitsPerSec(50_000_000),
        },
        rng_run: 1,
    };
    Scenario::new(ScenarioParts {
        topology: Topology::new(kinds, links, vec![NodeId(6), NodeId(7), NodeId(8)]).expect("valid"),
        flows: flows.collect(),
        paths: None,
        transport,
        application: Application::Open,
        horizon: SimTime::from_ns(3_000_000_000),
    })
    .expect("valid")
}

#[test]
fn torchs_files_and_event_loop_are_reproduced_to_a_millionth_of_the_fct() {
    let rows = rows();
    let scenario = scenario(&rows);
    let checkpoint = Checkpoint::load(&golden().join("torchscript")).expect("torch wrote these");
    for (components, column) in [(Components::Merge, 5), (Components::Split, 6)] {
        let backend = PaperBackend::new(checkpoint.clone(), Rules { components, capacity: false });
        assert_eq!(backend.check(&scenario), Ok(()));
        let output = backend.run(&scenario, &Silent).expect("runs");
        for (flow, (outcome, row)) in scenario.indices().zip(output.outcomes.iter().zip(&rows)) {
            assert_eq!(ideal_fct(&scenario, flow), SimDuration::from_ns(row[4]), "{flow:?}: ideal FCT");
            let (got, want) = (outcome.fct().expect("it ends").ps() as f64, (row[column] - row[3] * 1000) as f64);
            assert!((got / want - 1.0).abs() < 1e-6, "{flow:?} {components:?}: FCT {got} ps, torch {want} ps");
        }
    }
}
