//! Scores m4 beside flowsim-window against `packet`, on the mixes of a file or on drawn ones that no training uses.
//!
//! ```text
//! cargo run --release --example score_m4 -- TRUTH_FOLDER mixes=FILE [flows=2000] [first=0] [count=40] [weights=FILE]
//! cargo run --release --example score_m4 -- TRUTH_FOLDER drawn=STREAM | wide=STREAM [first=0] [count=40]
//! each=1   a line per scenario        floor=1   the floor of truth as a third column (one more packet simulation each)
//! app=1    all flows are announced at once, as `--enable-app` does: for mixes with a limit of flows in flight
//! ```
//!
//! Per scenario: mean and 90th percentile over flows of |error of slowdown|, and error of the 99th percentile of slowdown, all
//! in %. A group's number is the plain mean over its scenarios; size buckets average the flows' errors per scenario.

use mixlab::floor::FloorBackend;
use mixlab::spec::{LoadedMix, load_mixes};
use mixlab::statistics;
use mixlab::train::{draws, truth};
use mixlab::workload::{Generator, WorkloadOptions, scenario};
use mixlab_contract::{Backend, FlowOutcome, Scenario, Silent, ideal::ideal_fct};
use mixlab_flowsim::FlowsimBackend;
use mixlab_m4::M4Backend;
use mixlab_m4::corrected::weights;
use mixlab_packet::PacketBackend;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

/// Upper ends of the size buckets, in bytes.
const SIZES: [u64; 5] = [1 << 10, 10 << 10, 100 << 10, 1 << 20, u64::MAX];
/// Fewest flows of a size bucket in a scenario for it to count.
const FEWEST: usize = 20;
/// Upper ends of the classes of true mean slowdown, max load, buffer (10 KiB) and window (bytes).
const LEVELS: [f64; 4] = [1.6, 2.2, 3.5, f64::INFINITY];
const LOADS: [f64; 4] = [0.4, 0.55, 0.7, f64::INFINITY];
const BUFFERS: [f64; 4] = [12.0, 14.0, 16.1, f64::INFINITY];
const WINDOWS: [f64; 4] = [8000.0, 11000.0, 15000.0, f64::INFINITY];

fn argument(name: &str) -> Option<String> {
    let prefix = format!("{name}=");
    std::env::args().find_map(|a| a.strip_prefix(&prefix).map(str::to_owned))
}

fn number(name: &str, default: u64) -> Result<u64, Box<dyn Error>> {
    argument(name).map_or(Ok(default), |v| v.parse().map_err(|_| format!("{name}={v} is not a number").into()))
}

/// A scenario and the groups it belongs to.
struct Case {
    id: u64,
    scenario: Scenario,
    groups: Vec<String>,
}

fn class(name: &str, tops: &[f64], value: f64) -> String {
    let i = tops.iter().position(|top| value < *top).unwrap_or(tops.len() - 1);
    let bottom = if i == 0 { 0.0 } else { tops[i - 1] };
    format!("{name} {bottom} to {}", tops[i])
}

fn groups(m: &LoadedMix) -> Vec<String> {
    let stem = |p: &Path| p.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    let mix = &m.mix;
    let rates = m.topology.links().iter().map(|l| l.rate.0 / 1_000_000_000);
    vec![
        "all".into(),
        format!("cc {}", mix.cc.name()),
        format!("sizes {}", stem(&mix.size_dist).split('-').next().unwrap_or_default()),
        format!("matrix {}", stem(&mix.spatial)),
        format!("cluster {}", stem(&mix.cluster)),
        format!("slowest link {} Gb/s", rates.min().unwrap_or(0)),
        format!("burstiness {:.0}", mix.lognorm_sigma),
        class("load", &LOADS, mix.max_load),
        class("buffer", &BUFFERS, mix.bfsz),
        class("window", &WINDOWS, mix.window as f64),
    ]
}

fn cases() -> Result<Vec<Case>, Box<dyn Error>> {
    let (first, count) = (number("first", 0)?, number("count", 40)?);
    let ids = first..first + count;
    let mut cases = Vec::new();
    if let Some(file) = argument("mixes") {
        let (nr_flows, enable_app) = (number("flows", 2000)? as usize, argument("app").is_some());
        let options = WorkloadOptions { seed: 0, nr_flows, enable_app, generator: Generator::Compat };
        for m in load_mixes(Path::new(&file))?.mixes.iter().filter(|m| ids.contains(&m.mix.id)) {
            cases.push(Case { id: m.mix.id, scenario: scenario(m, &options)?, groups: groups(m) });
        }
        return Ok(cases);
    }
    for id in ids {
        let draw = match argument("wide") {
            Some(_) => draws::wide(id, number("wide", 3)?)?,
            None => draws::draw(id, number("drawn", 3)?)?,
        };
        match draw.scenario() {
            Ok(scenario) if PacketBackend::NS3.check(&scenario).is_err() => eprintln!("draw {id} has no truth"),
            Ok(scenario) => cases.push(Case { id, scenario, groups: groups(&draw.mix) }),
            Err(e) => eprintln!("draw {id} is left out: {e}"),
        }
    }
    Ok(cases)
}

fn slowdowns(s: &Scenario, outcomes: &[FlowOutcome]) -> Vec<Option<f64>> {
    let of = |i| Some(outcomes[mixlab_contract::FlowIndex::index(i)].fct()?.ps() as f64 / ideal_fct(s, i).ps() as f64);
    s.indices().map(|i| of(i).map(|x: f64| x.max(1.0))).collect()
}

/// Rows of a table: group → column → (sums of the three errors and of the bias, scenarios).
type Table = BTreeMap<String, Vec<([f64; 4], u32)>>;

fn add(table: &mut Table, group: &str, column: usize, row: [f64; 4]) {
    let entry = table.entry(group.to_owned()).or_insert_with(|| vec![([0.0; 4], 0); 3]);
    let (sums, count) = &mut entry[column];
    sums.iter_mut().zip(row).for_each(|(s, r)| *s += r);
    *count += 1;
}

/// Mean, p90, p99 error and bias of (true, predicted) pairs, in %.
fn errors(pairs: &[(f64, f64)]) -> Option<[f64; 4]> {
    statistics::errors(pairs).map(|e| [e.mean, e.p90, e.p99, e.bias].map(|v| v * 100.0))
}

/// Adds one column's errors on one scenario to every group it belongs to; true mean slowdown and the row of all flows.
fn tally(
    table: &mut Table,
    column: usize,
    case: &Case,
    truth: &[Option<f64>],
    guess: &[Option<f64>],
) -> Option<(f64, [f64; 4])> {
    let s = &case.scenario;
    let finished: Vec<f64> = truth.iter().flatten().copied().collect();
    let level = finished.iter().sum::<f64>() / finished.len() as f64;
    let sizes = s.flows().iter().map(|f| f.size.0);
    let known = |(size, (t, g)): (u64, (&Option<f64>, &Option<f64>))| Some((size, ((*t)?, (*g)?)));
    let all: Vec<(u64, (f64, f64))> = sizes.zip(truth.iter().zip(guess)).filter_map(known).collect();
    let row = errors(&all.iter().map(|a| a.1).collect::<Vec<_>>())?;
    case.groups.iter().for_each(|group| add(table, group, column, row));
    add(table, &class("true mean slowdown", &LEVELS, level), column, row);
    for (i, top) in SIZES.iter().enumerate() {
        let bottom = if i == 0 { 0 } else { SIZES[i - 1] };
        let some: Vec<(f64, f64)> = all.iter().filter(|a| a.0 > bottom && a.0 <= *top).map(|a| a.1).collect();
        if some.len() >= FEWEST
            && let Some(row) = errors(&some)
        {
            add(table, &format!("size class {i}"), column, row);
        }
    }
    Some((level, row))
}

fn print(table: &Table, floor: bool) {
    let columns = if floor { 3 } else { 2 };
    let names = ["flowsim-window mean/p90/p99, bias", "m4 mean/p90/p99, bias", "floor mean/p90/p99, bias"];
    println!("{:34} | n | {}", "group", names[..columns].join(" | "));
    for (group, rows) in table {
        let shown: Vec<String> = rows[..columns]
            .iter()
            .map(|(sums, n)| {
                let [mean, p90, p99, bias] = sums.map(|v| v / f64::from((*n).max(1)));
                format!("{mean:.1} / {p90:.1} / {p99:.1}, {bias:+.1}")
            })
            .collect();
        println!("{group:34} | {} | {}", rows[0].1, shown.join(" | "));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: score_m4 TRUTH_FOLDER mixes=FILE | drawn=STREAM …")?;
    let folder = Path::new(&folder);
    let m4 = match argument("weights") {
        Some(file) => M4Backend::with_weights(weights::decode(&std::fs::read(file)?)?),
        None => M4Backend::shipped()?,
    };
    let backends: [&dyn Backend; 2] = [&FlowsimBackend::window(), &m4];
    let (mut table, mut cpu, mut worse) = (Table::new(), [0.0; 2], Vec::new());
    let cases = cases()?;
    for case in &cases {
        let (id, s) = (case.id, &case.scenario);
        let truth = slowdowns(s, &truth::outcomes(s, &PacketBackend::NS3, folder)?);
        let mut means = Vec::new();
        for (k, backend) in backends.iter().enumerate() {
            let before = cpu_time::ThreadTime::now();
            let output = backend.run(s, &Silent)?;
            cpu[k] += before.elapsed().as_secs_f64();
            let guess = slowdowns(s, &output.outcomes);
            let Some((level, row)) = tally(&mut table, k, case, &truth, &guess) else { continue };
            means.push(row[0]);
            if argument("each").is_some() {
                println!("{id:>8} {:>15} true mean {level:6.2} errors {row:6.1?}", backend.id());
            }
        }
        if means.len() == 2 && means[1] > means[0] {
            worse.push(id);
        }
        if argument("floor").is_some() {
            tally(&mut table, 2, case, &truth, &slowdowns(s, &truth::outcomes(s, &FloorBackend, folder)?));
        }
    }
    print(&table, argument("floor").is_some());
    println!("m4's mean error is above flowsim-window's in {worse:?}");
    let count = cases.len().max(1) as f64;
    println!("CPU s per scenario: flowsim-window {:.3}, m4 {:.3}", cpu[0] / count, cpu[1] / count);
    Ok(())
}
