//! `packet` beside real ns-3 on each of its kernels, on the same flows: `cargo bench --bench kernels -- MIXES NR_FLOWS [COUNT]`
//! takes the first COUNT mixes of a file (all by default).
//!
//! Kernels: the default one of the installed ns-3; of the UNISON tree that `MIXLAB_NS3_MTP_DIR` names, the default one and
//! the multithreaded one (`mtp`) on 1 and 2 threads. CPU seconds are those of all threads; packet transmissions are counted
//! once per link. `differ`: flows whose outcome is not that of the first line; `mean %`: their mean |FCT difference|, and the
//! difference of the mean slowdown over all flows. Every run happens once; CPU time of ns-3 includes reading the scenario.

use cpu_time::ThreadTime;
use mixlab::spec::load_mixes;
use mixlab::workload::{Generator, WorkloadOptions, scenario};
use mixlab_contract::{Availability, Backend, Observer, RunOutput, Scenario, Silent, ideal_fct};
use mixlab_ns3::Ns3Backend;
use mixlab_packet::PacketBackend;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/0.mix.json");
    let file = words.first().map_or(shipped, PathBuf::from);
    let number = |i: usize, otherwise| words.get(i).and_then(|w| w.parse().ok()).unwrap_or(otherwise);
    let nr_flows = number(1, 2000);
    let options = WorkloadOptions { seed: 0, nr_flows, enable_app: false, generator: Generator::Compat };
    let spec = load_mixes(&file).unwrap_or_else(|e| panic!("{e}"));
    let backends = backends();
    for mix in spec.mixes.iter().take(number(2, usize::MAX)) {
        let scenario = scenario(mix, &options).unwrap_or_else(|e| panic!("{e}"));
        compare(&scenario, &backends);
    }
}

/// What can run here, by the name in the table.
fn backends() -> Vec<(&'static str, Box<dyn Backend>)> {
    let mut all: Vec<(&'static str, Box<dyn Backend>)> = vec![("packet", Box::new(PacketBackend::NS3))];
    let mut wanted = vec![("ns3", Ns3Backend::new())];
    match std::env::var_os("MIXLAB_NS3_MTP_DIR") {
        None => println!("skipped: no UNISON tree named (set MIXLAB_NS3_MTP_DIR)"),
        Some(tree) => {
            let tree = || Ns3Backend::new().with_dir(&tree);
            wanted.push(("tree, default", tree()));
            wanted.push(("tree, mtp, 1 thread", tree().with_threads(1)));
            wanted.push(("tree, mtp, 2 threads", tree().with_threads(2)));
        }
    }
    for (name, backend) in wanted {
        if let Availability::Missing { reason, hint } = backend.probe() {
            println!("skipped: {name}: {reason}; {hint}");
            continue;
        }
        println!("{name}: {}", backend.describe().unwrap_or_else(|missing| missing));
        backend.program(&Silent).unwrap_or_else(|e| panic!("{name}: {e}"));
        all.push((name, Box::new(backend)));
    }
    all
}

/// Runs a scenario everywhere and prints a line for each.
fn compare(scenario: &Scenario, backends: &[(&str, Box<dyn Backend>)]) {
    let control = scenario.transport().congestion_control.name();
    let (hosts, flows) = (scenario.topology().hosts().count(), scenario.flows().len());
    println!("\n{hosts} hosts, {flows} flows, {control}");
    println!(
        "{:22}{:>8}{:>8}{:>14}{:>12}{:>9}{:>8}{:>10}",
        "", "CPU s", "wall s", "transmissions", "M per CPU s", "differ", "mean %", "slowdown"
    );
    let mut first: Option<RunOutput> = None;
    for (name, backend) in backends {
        let observer = InOwnFolder { dir: tempfile::tempdir().expect("a temporary folder"), outside_ns: 0.into() };
        let (thread, wall) = (ThreadTime::now(), Instant::now());
        let output = backend.run(scenario, &observer).unwrap_or_else(|e| panic!("{name}: {e}"));
        let (thread, wall) = (thread.elapsed().as_secs_f64(), wall.elapsed().as_secs_f64());
        let outside = observer.outside_ns.load(Ordering::Relaxed) as f64 / 1e9;
        let cpu = if outside > 0.0 { outside } else { thread };
        let packets = output.counters.packets;
        let (differ, mean) = difference(first.as_ref().unwrap_or(&output), &output);
        println!(
            "{name:22}{cpu:>8.2}{wall:>8.2}{packets:>14}{:>12.2}{differ:>9}{mean:>8.2}{:>10.4}",
            packets as f64 / 1e6 / cpu,
            mean_slowdown(scenario, &output)
        );
        first.get_or_insert(output);
    }
}

/// How many outcomes differ, and the mean difference of their FCTs in percent.
fn difference(reference: &RunOutput, other: &RunOutput) -> (usize, f64) {
    let pairs = reference.outcomes.iter().zip(&other.outcomes).filter(|(a, b)| a != b);
    let relative: Vec<f64> = pairs
        .map(|(a, b)| match (a.fct(), b.fct()) {
            (Some(a), Some(b)) => (b.ps() as f64 / a.ps() as f64 - 1.0).abs(),
            _ => f64::NAN,
        })
        .collect();
    let known: Vec<f64> = relative.iter().copied().filter(|r| r.is_finite()).collect();
    (relative.len(), 100.0 * known.iter().sum::<f64>() / known.len().max(1) as f64)
}

fn mean_slowdown(scenario: &Scenario, output: &RunOutput) -> f64 {
    let finished = scenario.indices().zip(&output.outcomes).filter_map(|(i, o)| Some((i, o.fct()?)));
    let slowdowns: Vec<f64> = finished.map(|(i, fct)| fct.ps() as f64 / ideal_fct(scenario, i).ps() as f64).collect();
    slowdowns.iter().sum::<f64>() / slowdowns.len() as f64
}

/// An observer with a scratch folder, which outside programs need, and their CPU time.
struct InOwnFolder {
    dir: tempfile::TempDir,
    outside_ns: AtomicU64,
}

impl Observer for InOwnFolder {
    fn phase(&self, _: &'static str) {}
    fn progress(&self, _: u64) {}
    fn outside_cpu(&self, used: Duration) {
        self.outside_ns.fetch_add(used.as_nanos() as u64, Ordering::Relaxed);
    }
    fn cancelled(&self) -> bool {
        false
    }
    fn work_dir(&self) -> &Path {
        self.dir.path()
    }
}
