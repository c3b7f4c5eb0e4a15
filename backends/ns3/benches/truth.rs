//! All stored runs of the original ns-3 programs against this backend: flows with equal outcome, CPU time of our program,
//! packet transmissions per CPU-second. `cargo bench -p mixlab-ns3 --bench truth [-- [online] SET...]`; sets are `golden`,
//! `micro`, `train32` and so on; `online` drives them step by step. CPU time is what the system charges for ended children
//! (in hundredths of a second).

#[path = "../tests/ns3/stored.rs"]
mod stored;

use mixlab_contract::{Availability, Backend, RunError, RunOutput, Scenario, Silent, drive};
use mixlab_ns3::{Ns3Backend, Ns3Network};
use std::collections::BTreeMap;
use stored::{all, folder};

#[derive(Default)]
struct Row {
    runs: u64,
    flows: usize,
    equal: usize,
    packets: u64,
    cpu: f64,
    stored_cpu: f64,
}

fn main() {
    let ns3 = Ns3Backend::new();
    if let Availability::Missing { reason, hint } = ns3.probe() {
        println!("skipped: {reason}; {hint}");
        return;
    }
    let Some(root) = folder() else { return };
    println!("{}", ns3.describe().unwrap_or_else(|missing| missing));
    let sets: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let online = sets.iter().any(|s| s == "online");
    let sets: Vec<&String> = sets.iter().filter(|s| *s != "online").collect();
    ns3.program(&Silent).expect("the program builds");
    let mut rows: BTreeMap<(&str, &str), Row> = BTreeMap::new();
    let chosen = all(&root).into_iter().filter(|s| sets.is_empty() || sets.iter().any(|set| *set == s.set));
    for stored in chosen {
        let case = stored.open();
        let before = children_cpu();
        match run(&ns3, &case.scenario, online) {
            Err(e) => println!("{}/{}: {e}", stored.set, stored.name),
            Ok(output) => {
                let (flows, equal) = (case.scenario.flows().len(), case.equal(&output));
                if equal < flows {
                    println!("{}/{}: {equal} of {flows} equal", stored.set, stored.name);
                }
                let counted = [output.counters.marks, output.counters.drops];
                for (key, ours) in ["ecn_marks", "switch_drops"].into_iter().zip(counted) {
                    if case.counter(key).is_some_and(|theirs| theirs != ours) {
                        println!("{}/{}: {key} is {ours} here", stored.set, stored.name);
                    }
                }
                let control = case.scenario.transport().congestion_control.name();
                let row = rows.entry((stored.set, control)).or_default();
                row.runs += 1;
                row.flows += flows;
                row.equal += equal;
                row.packets += output.counters.packets;
                row.cpu += children_cpu() - before;
                row.stored_cpu += stored_cpu(&case.meta);
            }
        }
    }
    print_table(&rows);
}

fn run(ns3: &Ns3Backend, scenario: &Scenario, online: bool) -> Result<RunOutput, RunError> {
    if !online {
        return ns3.run(scenario, &Silent);
    }
    let mut network = Ns3Network::new(ns3, scenario, &Silent)?;
    let outcomes = drive(&mut network, scenario, &Silent)?;
    Ok(RunOutput { outcomes, counters: network.finish()?, supervision: None })
}

fn print_table(rows: &BTreeMap<(&str, &str), Row>) {
    println!("| set | cc | runs | equal / flows | packet transmissions | CPU s | M per CPU s | original's CPU s |");
    println!("|---|---|---|---|---|---|---|---|");
    for ((set, control), r) in rows {
        let speed = r.packets as f64 / r.cpu.max(0.01) / 1e6;
        println!(
            "| {set} | {control} | {} | {} / {} | {} | {:.2} | {speed:.2} | {:.2} |",
            r.runs, r.equal, r.flows, r.packets, r.cpu, r.stored_cpu
        );
    }
}

/// CPU seconds of all ended children, from `/proc/self/stat` (fields 16 and 17, at 100 ticks per second).
fn children_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(13).take(2);
    fields.filter_map(|f| f.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// What the original took, as its record says; 0 if it does not.
fn stored_cpu(meta: &str) -> f64 {
    let after = meta.split_once("\"cpu_s\":").map_or("0", |(_, rest)| rest.trim_start());
    after.split([',', '\n']).next().and_then(|n| n.trim().parse().ok()).unwrap_or(0.0)
}
