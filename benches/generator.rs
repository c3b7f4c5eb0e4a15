//! Flows per CPU-second of both workload generators, routing and checks included: `cargo bench --bench generator`.
//!
//! Shipped matrices and clusters of 32 and 1,024 hosts, web-server sizes; the best of five runs counts, since other work on the
//! machine can only slow a run down. Compare ratios, not absolute numbers, across machines.

use cpu_time::ThreadTime;
use mixlab::spec::{Cluster, LoadedMix, SpatialMatrix, load_mixes};
use mixlab::workload::{Generator, WorkloadOptions, files, scenario};
use mixlab_contract::files::write_paths;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

const FLOWS: usize = 200_000;

fn main() {
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec");
    let base = load_mixes(&spec.join("0.mix.json")).unwrap_or_else(|e| panic!("{e}")).mixes.remove(0);
    println!("{:>6} {:>11} {:>9} {:>14}", "hosts", "what", "CPU s", "flows/CPU s");
    for (hosts, matrix) in [(32, "2x4"), (1024, "4x16")] {
        let mut mix: LoadedMix = base.clone();
        let read = |what: &str| spec.join(what);
        let cluster = Cluster::read(&read(&format!("clusters/{hosts}-1to1.json")), &mut Vec::new());
        mix.cluster = Arc::new(cluster.unwrap_or_else(|e| panic!("{e}")));
        mix.topology = Arc::clone(&mix.cluster.topology);
        let spatial = SpatialMatrix::read(&read(&format!("spatials/rack-local-{matrix}.json")), &mut Vec::new());
        mix.spatial = Arc::new(spatial.unwrap_or_else(|e| panic!("{e}")));
        for (name, generator) in [("compat", Generator::Compat), ("calibrated", Generator::Calibrated)] {
            let options = WorkloadOptions { seed: 0, nr_flows: FLOWS, enable_app: false, generator };
            let make = || scenario(&mix, &options).unwrap_or_else(|e| panic!("{e}"));
            report(hosts, name, || drop(black_box(make())));
            if generator == Generator::Compat {
                let made = make();
                report(hosts, "files", || drop(black_box((files::flows_json(&made), write_paths(&made)))));
            }
        }
    }
}

/// Runs five times and prints the best.
fn report(hosts: usize, what: &str, run: impl Fn()) {
    let once = || {
        let start = ThreadTime::now();
        run();
        start.elapsed().as_secs_f64()
    };
    let best = (0..5).map(|_| once()).fold(f64::INFINITY, f64::min);
    println!("{hosts:>6} {what:>11} {best:>9.3} {:>14.0}", FLOWS as f64 / best);
}
