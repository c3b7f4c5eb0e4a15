//! What a simulation costs as flows get larger: `cargo bench --bench flow_size`.
//!
//! The same 100 flows between the same hosts at the same max load (0.5; 32 hosts, the shipped mix's transport), with sizes of
//! 10 KB to 1 GB: gaps grow with sizes, so contention is the same and only bytes differ. `packet` costs what the packets cost;
//! flowsim and m4-fluid cost what the flows cost; coarse, and m4 on top of a coarser one, what the changes of speed cost. CPU time; the
//! fluids' is the best of twenty runs, that of the other two of three, since other work on the machine can only slow a run down. Arguments `most=BYTES` and `flows=N` change the largest size and the number of flows.

use cpu_time::ThreadTime;
use mixlab::spec::json::Document;
use mixlab::spec::{LoadedMix, SizeDistribution, load_mixes};
use mixlab::workload::{Generator, WorkloadOptions, scenario};
use mixlab_coarse::CoarseBackend;
use mixlab_contract::{Backend, Scenario, Silent};
use mixlab_flowsim::FlowsimBackend;
use mixlab_m4::{CorrectedBackend, RefinedBackend};
use mixlab_packet::PacketBackend;
use std::path::Path;
use std::sync::Arc;

const SIZES: [u64; 6] = [10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

fn argument(name: &str, default: u64) -> u64 {
    let prefix = format!("{name}=");
    let value = std::env::args().find_map(|a| a.strip_prefix(&prefix).map(str::to_owned));
    value.map_or(default, |v| v.parse().unwrap_or_else(|e| panic!("{name}={v}: {e}")))
}

/// CPU seconds of the best of `runs` runs, and the events of the last.
fn cost(backend: &dyn Backend, scenario: &Scenario, runs: u32) -> (f64, u64) {
    let (mut best, mut events) = (f64::INFINITY, 0);
    for _ in 0..runs {
        let start = ThreadTime::now();
        let output = backend.run(scenario, &Silent).unwrap_or_else(|e| panic!("{e}"));
        best = best.min(start.elapsed().as_secs_f64());
        events = output.counters.events;
    }
    (best, events)
}

fn main() {
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec");
    let base = load_mixes(&spec.join("0.mix.json")).unwrap_or_else(|e| panic!("{e}")).mixes.remove(0);
    let fluid_m4 = CorrectedBackend::shipped().unwrap_or_else(|e| panic!("{e}"));
    let m4 = RefinedBackend::shipped().unwrap_or_else(|e| panic!("{e}"));
    let nr_flows = argument("flows", 100) as usize;
    println!(
        "{:>11} {:>10} {:>10} {:>10} {:>9} {:>10} {:>10} {:>20} {:>13} {:>17}",
        "bytes",
        "packet s",
        "flowsim s",
        "m4-fluid s",
        "us/event",
        "m4 s",
        "coarse s",
        "packet ÷ m4-fluid",
        "packet ÷ m4",
        "packet ÷ coarse"
    );
    for size in SIZES.into_iter().filter(|s| *s <= argument("most", u64::MAX)) {
        let mut mix: LoadedMix = base.clone();
        mix.mix.max_load = 0.5;
        let text = format!("{} 0\n{size} 100\n", size - 1);
        let sizes = SizeDistribution::parse(&Document::new(Path::new("one size"), text));
        mix.sizes = Arc::new(sizes.unwrap_or_else(|e| panic!("{e}")));
        let options = WorkloadOptions { seed: 0, nr_flows, enable_app: false, generator: Generator::Compat };
        let scenario = scenario(&mix, &options).unwrap_or_else(|e| panic!("{e}"));
        let (packet, _) = cost(&PacketBackend::NS3, &scenario, 1);
        let (fluid, _) = cost(&FlowsimBackend::window(), &scenario, 20);
        let (corrected, events) = cost(&fluid_m4, &scenario, 20);
        let (refined, _) = cost(&m4, &scenario, 3);
        let (ticks, _) = cost(&CoarseBackend, &scenario, 3);
        let per_event = corrected / events as f64 * 1e6;
        println!(
            "{size:>11} {packet:>10.4} {fluid:>10.5} {corrected:>10.5} {per_event:>9.1} {refined:>10.5} {ticks:>10.5} {:>20.2} {:>13.2} {:>17.2}",
            packet / corrected,
            packet / refined,
            packet / ticks
        );
    }
}
