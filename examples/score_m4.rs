//! Scores.
use mixlab::spec::load_mixes;
use mixlab::statistics;
use mixlab::train::{draws, truth};
use mixlab::workload::{Generator, WorkloadOptions, scenario};
use mixlab_contract::{Backend, FlowOutcome, Scenario, Silent, ideal::ideal_fct};
use mixlab_flowsim::FlowsimBackend;
use mixlab_m4::M4Backend;
use mixlab_packet::PacketBackend;
use std::path::Path;
use std::time::Instant;

const CACHE: &str = "/tmp/m4truth";

fn drawn(id: u64, seed: u64) -> Scenario {
    let d = draws::draw(id, seed).unwrap_or_else(|e| panic!("{e}"));
    let options = WorkloadOptions { seed: 1000 + id, nr_flows: d.nr_flows, enable_app: false, generator: Generator::Compat };
    scenario(&d.mix, &options).unwrap_or_else(|e| panic!("{e}"))
}

fn mixes(file: &str, ids: std::ops::Range<usize>, nr_flows: usize) -> Vec<(String, Scenario)> {
    let spec = load_mixes(Path::new(file)).unwrap_or_else(|e| panic!("{e}"));
    let options = WorkloadOptions { seed: 0, nr_flows, enable_app: false, generator: Generator::Compat };
    spec.mixes[ids].iter().map(|m| (format!("{}-{}", m.mix.id, m.mix.cc.name()), scenario(m, &options).unwrap_or_else(|e| panic!("{e}")))).collect()
}

fn slowdowns(s: &Scenario, o: &[FlowOutcome]) -> Vec<f64> {
    s.indices().map(|i| o[i.index()].fct().map_or(f64::NAN, |f| (f.ps() as f64 / ideal_fct(s, i).ps() as f64).max(1.0))).collect()
}

fn score(truth: &[f64], guess: &[f64]) -> [f64; 5] {
    let pairs: Vec<(f64, f64)> = truth.iter().copied().zip(guess.iter().copied()).filter(|(a, b)| !a.is_nan() && !b.is_nan()).collect();
    let mut e: Vec<f64> = pairs.iter().map(|(a, b)| (b - a).abs() / a * 100.0).collect();
    let q = |v: &mut Vec<f64>, p: f64| { v.sort_by(f64::total_cmp); let x = p * (v.len() - 1) as f64; let i = x as usize; let j = (i + 1).min(v.len() - 1); v[i] + (x - i as f64) * (v[j] - v[i]) };
    let mean = e.iter().sum::<f64>() / e.len() as f64;
    let p90 = q(&mut e, 0.9);
    let (mut a, mut b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let level = a.iter().sum::<f64>() / a.len() as f64;
    let bias = pairs.iter().map(|(a, b)| (b - a) / a * 100.0).sum::<f64>() / pairs.len() as f64;
    let (pa, pb) = (q(&mut a, 0.99), q(&mut b, 0.99));
    [mean, p90, (pb / pa - 1.0) * 100.0, level, bias]
}

fn evaluate(name: &str, set: &[(String, Scenario)], backends: &[&dyn Backend], verbose: bool) {
    let _ = statistics::mean;
    let mut rows: Vec<Vec<[f64; 5]>> = Vec::new();
    let mut cpu = vec![0.0; backends.len()];
    for (id, s) in set {
        let t = truth::outcomes(s, &PacketBackend, Path::new(CACHE)).unwrap_or_else(|e| panic!("{e}"));
        let t = slowdowns(s, &t);
        let row: Vec<[f64; 5]> = backends.iter().enumerate().map(|(k, b)| {
            let start = Instant::now();
            let o = b.run(s, &Silent).unwrap_or_else(|e| panic!("{e}")).outcomes;
            cpu[k] += start.elapsed().as_secs_f64();
            score(&t, &slowdowns(s, &o))
        }).collect();
        if verbose {
            print!("{id:>12} level {:5.2}", row[0][3]);
            for r in &row { print!("  | {:5.1} {:5.1} {:+6.1} bias {:+5.1}", r[0], r[1], r[2], r[4]); }
            println!();
        }
        rows.push(row);
    }
    for (k, b) in backends.iter().enumerate() {
        let avg = |pick: &dyn Fn(&[f64; 5]) -> f64, keep: &dyn Fn(&[f64; 5]) -> bool| { let v: Vec<f64> = rows.iter().map(|r| &r[k]).filter(|r| keep(r)).map(|r| pick(r)).collect(); v.iter().sum::<f64>() / v.len().max(1) as f64 };
        let all = |_: &[f64; 5]| true;
        let loaded = |r: &[f64; 5]| r[3] > 3.5;
        println!("{name:>10} {:>15}: {:5.2} {:5.2} {:5.2} | loaded ({}) {:5.2} {:5.2} {:5.2} | p99 bias {:+5.1} bias {:+5.1} | {:.2} s/scenario", b.id(),
            avg(&|r| r[0], &all), avg(&|r| r[1], &all), avg(&|r| r[2].abs(), &all),
            rows.iter().filter(|r| loaded(&r[k])).count(), avg(&|r| r[0], &loaded), avg(&|r| r[1], &loaded), avg(&|r| r[2].abs(), &loaded),
            avg(&|r| r[2], &all), avg(&|r| r[4], &all), cpu[k] / set.len() as f64);
    }
}

fn main() {
    let argument = |name: &str, default: f64| std::env::args().find_map(|a| a.strip_prefix(&format!("{name}=")).map(|v| v.parse::<f64>().unwrap())).unwrap_or(default);
    let spec = "/work/shared/upstream/parsimon-eval/expts/fig_8/spec/";
    let train32 = mixes(&format!("{spec}eval_train.mix.json"), 0..argument("n32", 40.0) as usize, 2000);
    let test1024 = mixes(&format!("{spec}eval_test.mix.json"), 0..argument("n1024", 6.0) as usize, 20_000);
    let begin = Instant::now();
    let valid: Vec<(String, Scenario)> = (1_000_000..1_000_000 + argument("valid", 30.0) as u64).map(|id| { let s = drawn(id, 2); (format!("{id}-{}", s.transport().congestion_control.name()), s) }).collect();
    let file = std::env::args().nth(1).unwrap();
    let m4 = M4Backend::with_weights(mixlab_m4::corrected::weights::decode(&std::fs::read(file).unwrap()).unwrap());
    println!("{:.0} s", begin.elapsed().as_secs_f64());
    let verbose = argument("verbose", 0.0) > 0.0;
    let window = FlowsimBackend::window();
    let backends: [&dyn Backend; 2] = [&window, &m4];
    evaluate("valid", &valid, &backends, verbose);
    evaluate("train32", &train32, &backends, verbose);
    evaluate("test1024", &test1024, &backends, verbose);
}
