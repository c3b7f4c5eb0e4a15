//! Error of the two backends against real ns-3, scenario by scenario, compared with an independent program.
//!
//! Metrics per scenario, in %: mean and 90th percentile over flows of |predicted − true| ÷ true slowdown, and the error of the
//! 99th percentile of slowdown. The expected values were measured once with another implementation (C, not part of this
//! repository) of the same model on the same runs of ns-3.39, so agreement checks both programs.

#[path = "support/reference.rs"]
mod reference;

use mixlab_contract::{Backend, CongestionControl, Silent};
use mixlab_flowsim::FlowsimBackend;
use std::path::Path;

/// Scenario; mean, p90 and p99 error of payload max-min; the same with wire bytes and windows.
const EXPECTED: &str = "\
test1024/000 6.3 19.9 25.8 4.7 13.3 17.7
train32/000 34.2 70.0 55.9 31.1 66.0 49.5
train32/001 18.5 43.5 29.4 15.8 38.0 17.3
train32/002 30.7 60.1 36.6 6.6 16.3 34.1
train32/003 23.9 48.5 45.2 14.3 35.1 39.6
train32/004 8.8 28.8 27.4 7.2 23.7 23.6
train32/005 26.6 54.8 3.9 6.2 13.7 6.0
train32/006 24.5 53.6 54.6 20.2 48.6 44.9
train32/007 29.6 54.7 44.2 16.1 37.8 30.1
train32/008 22.0 45.0 35.7 10.9 27.1 29.2
train32/009 27.5 51.6 44.6 12.7 30.0 31.5
train32/010 18.1 42.0 4.2 12.1 30.4 4.9
train32/011 9.2 28.6 22.0 5.3 17.4 18.8
train32/012 13.0 39.7 22.2 4.9 12.5 17.3
train32/013 20.6 44.4 37.4 17.1 38.8 27.5
train32/014 7.0 26.2 14.8 3.7 11.2 12.0
train32/015 9.8 31.9 13.3 4.5 13.9 7.8
train32/016 51.4 87.8 69.3 49.4 87.0 63.3
train32/017 41.4 62.2 31.5 8.0 18.6 18.4
train32/018 7.0 25.1 17.3 4.9 16.4 12.3
train32/019 31.1 52.8 18.2 5.4 13.2 0.9
";

/// Percentile `p` in 0..1 of sorted values, linear between ranks.
fn percentile(sorted: &[f64], p: f64) -> f64 {
    let rank = p * (sorted.len() - 1) as f64;
    let (low, part) = (rank.floor() as usize, rank.fract());
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] * (1.0 - part) + sorted[high] * part
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// Mean, p90 and p99 error in % of `backend` on the scenario in `folder`.
fn errors(backend: FlowsimBackend, folder: &Path) -> [f64; 3] {
    let scenario = reference::scenario(folder);
    let output = backend.run(&scenario, &Silent).expect("not cancelled");
    let (mut error, mut predicted, mut real) = (Vec::new(), Vec::new(), Vec::new());
    for (flow, (fct, ideal)) in reference::fcts(folder) {
        let got = output.outcomes[flow].fct().expect("the horizon is far away").ps() as f64 * 1e-3;
        error.push(100.0 * (got - fct as f64).abs() / fct as f64);
        predicted.push(got.max(ideal as f64) / ideal as f64);
        real.push(fct as f64 / ideal as f64);
    }
    let mean = error.iter().sum::<f64>() / error.len() as f64;
    let p99 = percentile(&sorted(predicted), 0.99) / percentile(&sorted(real), 0.99) - 1.0;
    [mean, percentile(&sorted(error), 0.9), 100.0 * p99.abs()]
}

#[test]
fn errors_against_ns3_are_those_an_independent_program_measured() {
    let Some(truth) = reference::truth() else {
        reference::skipped();
        return;
    };
    let (mut sums, mut count, mut largest) = ([[0.0; 3]; 2], 0.0, 0.0f64);
    for line in EXPECTED.lines() {
        let (name, numbers) = line.split_once(' ').expect("name and numbers");
        let want: Vec<f64> = numbers.split(' ').map(|n| n.parse().expect("number")).collect();
        for (k, backend) in [FlowsimBackend::plain(), FlowsimBackend::window()].into_iter().enumerate() {
            let got = errors(backend, &truth.join(name));
            println!("{name} {}: {:.1}/{:.1}/{:.1} %", backend.id(), got[0], got[1], got[2]);
            for (i, got) in got.into_iter().enumerate() {
                let off = (got - want[3 * k + i]).abs();
                let id = backend.id();
                assert!(off <= 0.3, "{name} {id}: error number {i} is {got:.2}, expected {}", want[3 * k + i]);
                largest = largest.max(off);
                sums[k][i] += got * f64::from(name.starts_with("train32"));
            }
        }
        count += f64::from(name.starts_with("train32"));
    }
    for (id, sum) in ["flowsim", "flowsim-window"].into_iter().zip(sums) {
        let [mean, p90, p99] = sum.map(|v| v / count);
        println!("mean of the {count} train32 scenarios, {id}: {mean:.1}/{p90:.1}/{p99:.1} %");
    }
    println!("largest difference from the independent program: {largest:.2} percentage points");
}

/// Nine sizes from 1 B to 10 MB, 1 to 5 switches, windows of 5 to 100 kB, one flow at a time. HPCC is left out: it uses only
/// a part of an idle link, which is rate control.
#[test]
fn lone_flows_take_the_time_they_take_in_ns3() {
    let Some(truth) = reference::truth() else {
        reference::skipped();
        return;
    };
    let (mut sum, mut count, mut largest) = (0.0, 0.0, 0.0f64);
    for entry in std::fs::read_dir(truth.join("micro")).expect("the folder of small runs") {
        let folder = entry.expect("a readable folder").path();
        if !folder.file_name().is_some_and(|n| n.to_string_lossy().starts_with("single_")) {
            continue;
        }
        let scenario = reference::scenario(&folder);
        if matches!(scenario.transport().congestion_control, CongestionControl::Hpcc { .. }) {
            continue;
        }
        let output = FlowsimBackend::window().run(&scenario, &Silent).expect("not cancelled");
        for (flow, (fct, _)) in reference::fcts(&folder) {
            let got = output.outcomes[flow].fct().expect("the horizon is far away").ps() as f64 * 1e-3;
            let error = 100.0 * (got - fct as f64).abs() / fct as f64;
            (sum, count, largest) = (sum + error, count + 1.0, largest.max(error));
        }
    }
    let mean = sum / count;
    println!("{count} lone flows: {mean:.4} % off on average, {largest:.3} % at most");
    assert!(count > 0.0 && mean < 0.02 && largest < 0.1);
}
