//! GFLOP/s of the linear kernel and µs of a GRU step, by batch size and instruction level; one thread, CPU time, best of 7.
//!
//! `cargo bench -p mixlab-m4 --bench kernels`

use cpu_time::ThreadTime;
use mixlab_contract::conformance::SplitMix;
use mixlab_m4::numerics::{Finish, Gru, GruScratch, Linear, Simd};

fn random(r: &mut SplitMix, count: usize) -> Vec<f32> {
    (0..count).map(|_| (r.next_u64() >> 40) as f32 / (1u64 << 24) as f32 * 0.2 - 0.1).collect()
}

/// Seconds per call: the best of 7 batches of at least 10 ms.
fn best(mut f: impl FnMut()) -> f64 {
    let mut repeats = 1;
    let mut least = f64::INFINITY;
    let mut batches = 0;
    while batches < 7 {
        let begin = ThreadTime::now();
        (0..repeats).for_each(|_| f());
        let seconds = begin.elapsed().as_secs_f64();
        if seconds < 0.01 {
            repeats *= 2;
            continue;
        }
        least = least.min(seconds / f64::from(repeats));
        batches += 1;
    }
    least
}

fn main() {
    let mut r = SplitMix(1);
    println!("level     H  rows   linear H to 3H, GFLOP/s   GRU step (K = H), us   GFLOP/s");
    for simd in Simd::available() {
        for width in [64, 200, 400] {
            let weights = |r: &mut SplitMix| {
                let (w, b) = (random(r, 3 * width * width), random(r, 3 * width));
                Linear::new(width, 3 * width, &w, &b)
            };
            let (linear, gru) = (weights(&mut r), Gru::new(weights(&mut r), weights(&mut r)));
            for rows in [1, 8, 32, 128] {
                let (x, mut h) = (random(&mut r, rows * width), random(&mut r, rows * width));
                let (mut out, mut scratch) = (vec![0.0; rows * 3 * width], GruScratch::default());
                let product = best(|| linear.apply(simd, rows, &x, &mut out, Finish::Bias));
                let step = best(|| gru.step(simd, rows, &x, &mut h, &mut scratch));
                let flop = (6 * rows * width * width) as f64 * 1e-9;
                println!(
                    "{:8} {width:3}  {rows:4}   {:23.1}   {:20.1}   {:7.1}",
                    simd.name(),
                    flop / product,
                    step * 1e6,
                    2.0 * flop / step
                );
            }
        }
    }
}
