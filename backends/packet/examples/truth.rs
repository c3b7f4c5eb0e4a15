//! Compares the simulator with every stored output of the real ns-3 program and prints one line per set and congestion
//! control: runs and flows equal, CPU time, packet transmissions per CPU second, and the ratio to ns-3's.
//!
//! `cargo run --release -p mixlab-packet --example truth [-- [--logs] [set[/name]] …]`

#[path = "../tests/support/mod.rs"]
mod support;

use cpu_time::ThreadTime;
use std::collections::BTreeMap;
use support::{cases, compare};

#[derive(Default)]
struct Row {
    runs: usize,
    runs_equal: usize,
    flows: usize,
    flows_equal: usize,
    packets: u64,
    cpu_seconds: f64,
    ns3_packets: u64,
    ns3_cpu_seconds: f64,
}

fn main() {
    let mut wanted: Vec<String> = std::env::args().skip(1).collect();
    let logs = wanted.iter().any(|w| w == "--logs");
    wanted.retain(|w| w != "--logs");
    let Some(truth) = support::truth_or_skip("this program") else { return };
    let mut table: BTreeMap<(String, &'static str), Row> = BTreeMap::new();
    for source in cases::all(&truth) {
        let name = format!("{}/{}", source.set, source.name);
        if !wanted.is_empty() && !wanted.iter().any(|w| name.starts_with(w.as_str())) {
            continue;
        }
        let case = source.open();
        let row = table.entry((case.set.clone(), case.scenario.transport().congestion_control.name())).or_default();
        let begin = ThreadTime::now();
        let verdict = if logs { compare::compare_with_logs(&case) } else { compare::compare(&case) };
        row.cpu_seconds += begin.elapsed().as_secs_f64();
        row.runs += 1;
        row.runs_equal += usize::from(verdict.differences.is_empty());
        row.flows += verdict.total;
        row.flows_equal += verdict.equal;
        row.packets += verdict.counters.packets;
        if let (Some(hops), Some(speed)) = (case.counter("pkt_hops"), case.counter("pkt_hops_per_cpu_s")) {
            row.ns3_packets += hops;
            row.ns3_cpu_seconds += hops as f64 / speed as f64;
        }
        for difference in &verdict.differences {
            println!("{name}: {difference}");
        }
    }
    print_table(&table);
}

fn print_table(table: &BTreeMap<(String, &'static str), Row>) {
    println!("| set | cc | runs equal | flows equal | packets | CPU s | packets per CPU s | times ns-3 |");
    println!("|---|---|---|---|---|---|---|---|");
    for ((set, cc), r) in table {
        let speed = r.packets as f64 / r.cpu_seconds;
        let ratio = match r.ns3_packets {
            0 => "-".into(),
            hops => format!("{:.0}", speed / (hops as f64 / r.ns3_cpu_seconds)),
        };
        println!(
            "| {set} | {cc} | {}/{} | {}/{} | {} | {:.2} | {:.1} M | {ratio} |",
            r.runs_equal,
            r.runs,
            r.flows_equal,
            r.flows,
            r.packets,
            r.cpu_seconds,
            speed / 1e6
        );
    }
}
