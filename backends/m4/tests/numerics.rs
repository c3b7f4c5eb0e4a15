//! Kernels against their naive twin, and the law that every instruction level and every batching gives the same bits.

use mixlab_contract::conformance::SplitMix;
use mixlab_m4::numerics::{Finish, Gru, GruScratch, LayerNorm, Linear, Neighbours, Simd, naive, simd::sum_rows};

fn random(r: &mut SplitMix, count: usize, scale: f32) -> Vec<f32> {
    (0..count).map(|_| ((r.next_u64() >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * scale).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|v| f64::from(*v)).collect()
}

fn close(got: &[f32], want: &[f64], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((f64::from(*g) - w).abs() <= 2e-5 * (1.0 + w.abs()), "{what} [{i}]: {g}, twin {w}");
    }
}

/// (rows, inputs, outputs): every remainder of rows and vectors, and the shapes of the models.
fn shapes(r: &mut SplitMix) -> Vec<(usize, usize, usize)> {
    let mut shapes: Vec<_> =
        (0..60).map(|_| (1 + r.below(40) as usize, 1 + r.below(70) as usize, 1 + r.below(120) as usize)).collect();
    shapes.extend([(1, 200, 600), (7, 1, 600), (9, 200, 300), (17, 300, 200), (3, 214, 200), (5, 200, 1)]);
    shapes
}

#[test]
fn linear_maps_equal_their_twin_and_are_the_same_bits_at_every_level_and_batching() {
    let mut r = SplitMix(1);
    for (rows, k, m) in shapes(&mut r) {
        let (w, b, x) = (random(&mut r, k * m, 0.3), random(&mut r, m, 1.0), random(&mut r, rows * k, 1.0));
        let linear = Linear::new(k, m, &w, &b);
        let old = random(&mut r, rows * m, 1.0);
        for finish in [Finish::Bias, Finish::Relu, Finish::Add] {
            let mut first: Option<Vec<f32>> = None;
            for simd in Simd::available() {
                let what = format!("{} {rows}x{k}x{m} {finish:?}", simd.name());
                let (mut out, mut one) = (old.clone(), old.clone());
                linear.apply(simd, rows, &x, &mut out, finish);
                for (x, out) in x.chunks_exact(k).zip(one.chunks_exact_mut(m)) {
                    linear.apply(simd, 1, x, out, finish);
                }
                assert_eq!(out, one, "{what}: a row alone");
                assert_eq!(first.get_or_insert(out.clone()), &out, "{what}: other bits than the first level");
                for (n, (x, out)) in x.chunks_exact(k).zip(out.chunks_exact(m)).enumerate() {
                    let want = match finish {
                        Finish::Bias => naive::linear(&w, &b, &wide(x)),
                        Finish::Relu => naive::relu(naive::linear(&w, &b, &wide(x))),
                        Finish::Add => {
                            let product = naive::linear(&w, &[], &wide(x));
                            product.iter().zip(&old[n * m..]).map(|(p, o)| p + f64::from(*o)).collect()
                        }
                    };
                    close(out, &want, &what);
                }
            }
        }
    }
}

#[test]
fn gru_cells_equal_their_twin_and_are_the_same_bits_at_every_level() {
    let mut r = SplitMix(2);
    for (rows, k, width) in [(1, 1, 1), (3, 5, 16), (7, 200, 200), (12, 1, 200), (5, 17, 33), (9, 64, 64)] {
        let (wi, wh) = (random(&mut r, 3 * width * k, 0.2), random(&mut r, 3 * width * width, 0.2));
        let (bi, bh) = (random(&mut r, 3 * width, 0.5), random(&mut r, 3 * width, 0.5));
        let gru = Gru::new(Linear::new(k, 3 * width, &wi, &bi), Linear::new(width, 3 * width, &wh, &bh));
        let twin = naive::GruWeights { input: &wi, hidden: &wh, input_bias: &bi, hidden_bias: &bh };
        let (x, h) = (random(&mut r, rows * k, 2.0), random(&mut r, rows * width, 1.0));
        let mut first: Option<(Vec<f32>, Vec<f32>)> = None;
        for simd in Simd::available() {
            let (mut own, mut shared, mut scratch) = (h.clone(), h.clone(), GruScratch::default());
            gru.step(simd, rows, &x, &mut own, &mut scratch);
            gru.step_shared(simd, rows, &x[..k], &mut shared, &mut scratch);
            for n in 0..rows {
                let old = wide(&h[n * width..][..width]);
                close(&own[n * width..][..width], &naive::gru(twin, &wide(&x[n * k..][..k]), &old), simd.name());
                close(&shared[n * width..][..width], &naive::gru(twin, &wide(&x[..k]), &old), simd.name());
            }
            let both = (own, shared);
            assert_eq!(first.get_or_insert(both.clone()), &both, "{}", simd.name());
        }
    }
}

#[test]
fn layer_norms_and_neighbour_sums_equal_their_twins_and_are_the_same_bits_at_every_level() {
    let mut r = SplitMix(3);
    for width in [1, 5, 16, 40, 200, 300] {
        let (gain, offset) = (random(&mut r, width, 1.0), random(&mut r, width, 1.0));
        let x = random(&mut r, 6 * width, 10.0);
        let edges: Vec<(u32, f32)> = (0..20).map(|_| (r.below(6) as u32, 1.0 + r.below(5) as f32)).collect();
        let neighbours = Neighbours { first: vec![0, 3, 3, 13, 20], edges };
        let norm = LayerNorm::new(&gain, &offset);
        let mut first: Option<(Vec<f32>, Vec<f32>)> = None;
        for simd in Simd::available() {
            let (mut normed, mut sums) = (x.clone(), vec![7.0; 4 * width]);
            norm.apply(simd, 6, &mut normed);
            sum_rows(simd, width, &neighbours, &x, &mut sums);
            for n in 0..6 {
                let want = naive::layer_norm(&gain, &offset, &wide(&x[n * width..][..width]));
                close(&normed[n * width..][..width], &want, simd.name());
            }
            for n in 0..4 {
                let mut want = vec![0.0; width];
                for (source, weight) in
                    &neighbours.edges[neighbours.first[n] as usize..neighbours.first[n + 1] as usize]
                {
                    let row = &x[*source as usize * width..][..width];
                    want.iter_mut().zip(row).for_each(|(s, v)| *s += f64::from(*weight) * f64::from(*v));
                }
                close(&sums[n * width..][..width], &want, simd.name());
            }
            let both = (normed, sums);
            assert_eq!(first.get_or_insert(both.clone()), &both, "{}", simd.name());
        }
    }
}
