//! Scores m4 beside flowsim-window against `packet`, on the mixes of a file or on drawn ones that no training uses.
//!
//! ```text
//! cargo run --release --example score_m4 -- TRUTH_FOLDER mixes=FILE [flows=2000] [first=0] [count=40] [weights=FILE or FOLDER]
//! cargo run --release --example score_m4 -- TRUTH_FOLDER drawn=STREAM [count=40]
//! ```
//!
//! `weights` are those of the corrected model (FILE) or of the published architecture (FOLDER), instead of the shipped ones.
//!
//! Per scenario: mean and 90th percentile over flows of |error of slowdown|, and error of the 99th percentile of slowdown, all
//! in %. A group's number is the plain mean over its scenarios; size buckets average the flows' errors per scenario.

use mixlab::spec::load_mixes;
use mixlab::statistics::{quantile, sorted};
use mixlab::train::{draws, truth};
use mixlab::workload::{Generator, WorkloadOptions, scenario};
use mixlab_contract::{Backend, FlowOutcome, Scenario, Silent, ideal::ideal_fct};
use mixlab_flowsim::FlowsimBackend;
use mixlab_m4::corrected::weights;
use mixlab_m4::{Checkpoint, M4Backend, PaperBackend, Rules};
use mixlab_packet::PacketBackend;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

/// Upper ends of the size buckets, in bytes.
const SIZES: [u64; 5] = [1 << 10, 10 << 10, 100 << 10, 1 << 20, u64::MAX];
/// Fewest flows of a size bucket in a scenario for it to count.
const FEWEST: usize = 20;
/// Upper ends of the classes of true mean slowdown.
const LEVELS: [f64; 4] = [1.6, 2.2, 3.5, f64::INFINITY];

fn argument(name: &str) -> Option<String> {
    let prefix = format!("{name}=");
    std::env::args().find_map(|a| a.strip_prefix(&prefix).map(str::to_owned))
}

fn number(name: &str, default: u64) -> Result<u64, Box<dyn Error>> {
    argument(name).map_or(Ok(default), |v| v.parse().map_err(|_| format!("{name}={v} is not a number").into()))
}

fn scenarios() -> Result<Vec<(u64, Scenario)>, Box<dyn Error>> {
    let (first, count) = (number("first", 0)?, number("count", 40)?);
    let (generator, enable_app) = (Generator::Compat, false);
    let ids = first..first + count;
    if let Some(file) = argument("mixes") {
        let spec = load_mixes(Path::new(&file))?;
        let options = WorkloadOptions { seed: 0, nr_flows: number("flows", 2000)? as usize, enable_app, generator };
        let chosen = spec.mixes.iter().filter(|m| ids.contains(&m.mix.id));
        return chosen.map(|m| Ok((m.mix.id, scenario(m, &options)?))).collect();
    }
    let stream = number("drawn", 3)?;
    ids.map(|id| {
        let draw = draws::draw(id, stream)?;
        let options = WorkloadOptions { seed: 1000 + id, nr_flows: draw.nr_flows, enable_app, generator };
        Ok((id, scenario(&draw.mix, &options)?))
    })
    .collect()
}

fn slowdowns(s: &Scenario, outcomes: &[FlowOutcome]) -> Vec<Option<f64>> {
    let of = |i| Some(outcomes[mixlab_contract::FlowIndex::index(i)].fct()?.ps() as f64 / ideal_fct(s, i).ps() as f64);
    s.indices().map(|i| of(i).map(|x: f64| x.max(1.0))).collect()
}

/// Rows of a table: group → backend → (sums of the three errors and of the bias, scenarios).
type Table = BTreeMap<String, Vec<([f64; 4], u32)>>;

fn add(table: &mut Table, group: String, backend: usize, row: [f64; 4]) {
    let entry = table.entry(group).or_insert_with(|| vec![([0.0; 4], 0); 2]);
    let (sums, count) = &mut entry[backend];
    sums.iter_mut().zip(row).for_each(|(s, r)| *s += r);
    *count += 1;
}

/// Mean, p90, p99 error and bias of (true, predicted) pairs, in %.
fn errors(pairs: &[(f64, f64)]) -> Option<[f64; 4]> {
    let each = sorted(pairs.iter().map(|(t, p)| (p - t).abs() / t * 100.0).collect());
    let mean = each.iter().sum::<f64>() / each.len() as f64;
    let bias = pairs.iter().map(|(t, p)| (p - t) / t * 100.0).sum::<f64>() / each.len() as f64;
    let truth = quantile(&sorted(pairs.iter().map(|p| p.0).collect()), 0.99)?;
    let guess = quantile(&sorted(pairs.iter().map(|p| p.1).collect()), 0.99)?;
    Some([mean, quantile(&each, 0.9)?, (guess / truth - 1.0).abs() * 100.0, bias])
}

/// Adds one backend's errors on one scenario to every group it belongs to; the row of all flows.
fn tally(
    table: &mut Table,
    k: usize,
    s: &Scenario,
    truth: &[Option<f64>],
    guess: &[Option<f64>],
) -> Option<(f64, [f64; 4])> {
    let finished: Vec<f64> = truth.iter().flatten().copied().collect();
    let level = finished.iter().sum::<f64>() / finished.len() as f64;
    let class = LEVELS.iter().find(|l| level < **l).copied().unwrap_or(f64::INFINITY);
    let sizes = s.flows().iter().map(|f| f.size.0);
    let known = |(size, (t, g)): (u64, (&Option<f64>, &Option<f64>))| Some((size, ((*t)?, (*g)?)));
    let all: Vec<(u64, (f64, f64))> = sizes.zip(truth.iter().zip(guess)).filter_map(known).collect();
    let row = errors(&all.iter().map(|a| a.1).collect::<Vec<_>>())?;
    add(table, "all".into(), k, row);
    add(table, format!("cc {}", s.transport().congestion_control.name()), k, row);
    add(table, format!("true mean slowdown < {class}"), k, row);
    for (i, top) in SIZES.iter().enumerate() {
        let bottom = if i == 0 { 0 } else { SIZES[i - 1] };
        let some: Vec<(f64, f64)> = all.iter().filter(|a| a.0 > bottom && a.0 <= *top).map(|a| a.1).collect();
        if some.len() >= FEWEST
            && let Some(row) = errors(&some)
        {
            add(table, format!("size class {i}"), k, row);
        }
    }
    Some((level, row))
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: score_m4 TRUTH_FOLDER mixes=FILE | drawn=STREAM …")?;
    let m4: Box<dyn Backend> = match argument("weights") {
        Some(folder) if Path::new(&folder).is_dir() => {
            Box::new(PaperBackend::new(Checkpoint::load(Path::new(&folder))?, Rules::default()))
        }
        Some(file) => Box::new(M4Backend::with_weights(weights::decode(&std::fs::read(file)?)?)),
        None => Box::new(M4Backend::shipped()?),
    };
    let backends: [&dyn Backend; 2] = [&FlowsimBackend::window(), m4.as_ref()];
    let mut table = Table::new();
    let mut cpu = [0.0; 2];
    let scenarios = scenarios()?;
    for (id, s) in &scenarios {
        let truth = slowdowns(s, &truth::outcomes(s, &PacketBackend::NS3, Path::new(&folder))?);
        for (k, backend) in backends.iter().enumerate() {
            let before = cpu_time::ThreadTime::now();
            let output = backend.run(s, &Silent)?;
            cpu[k] += before.elapsed().as_secs_f64();
            let Some((level, row)) = tally(&mut table, k, s, &truth, &slowdowns(s, &output.outcomes)) else { continue };
            if argument("each").is_some() {
                println!("{id:>8} {:>15} true mean {level:6.2} errors {row:6.1?}", backend.id());
            }
        }
    }
    println!("{:28} | n | flowsim-window mean/p90/p99, bias | m4 mean/p90/p99, bias", "group");
    for (group, rows) in &table {
        let shown = rows.iter().map(|(sums, n)| {
            let [mean, p90, p99, bias] = sums.map(|v| v / f64::from((*n).max(1)));
            format!("{mean:.1} / {p90:.1} / {p99:.1}, {bias:+.1}")
        });
        println!("{group:28} | {} | {}", rows[0].1, shown.collect::<Vec<_>>().join(" | "));
    }
    let count = scenarios.len().max(1) as f64;
    println!("CPU s per scenario: flowsim-window {:.3}, m4 {:.3}", cpu[0] / count, cpu[1] / count);
    Ok(())
}
