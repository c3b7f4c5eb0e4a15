//! Kernels against their naive twin, and the law that every instruction level and every batching gives the same bits.

use mixlab_contract::conformance::SplitMix;
use mixlab_m4::numerics::{Finish, Gru, GruScratch, LayerNorm, Linear, Neighbours, Simd, layer, naive, simd::sum_rows};

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
    if cfg!(miri) {
        // Some thousand times slower: remainders and panels, nothing large.
        return vec![(1, 1, 1), (3, 5, 17), (7, 2, 33), (9, 3, 49), (13, 1, 16)];
    }
    let mut shapes: Vec<_> =
        (0..60).map(|_| (1 + r.below(40) as usize, 1 + r.below(70) as usize, 1 + r.below(120) as usize)).collect();
    shapes.extend([(1, 200, 600), (7, 1, 600), (9, 200, 300), (17, 300, 200), (3, 214, 200), (5, 200, 1)]);
    shapes
}

/// Those of the shapes that Miri has time for; otherwise all.
fn affordable<const N: usize>(sizes: &[[usize; N]]) -> Vec<[usize; N]> {
    let small = |s: &&[usize; N]| !cfg!(miri) || s.iter().product::<usize>() <= 110;
    sizes.iter().filter(small).copied().collect()
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

/// By inputs, as the twin never has it: A[i][j] is its W[j][i].
#[test]
fn rectified_layers_equal_their_twin_and_are_the_same_bits_as_sums_in_order_at_every_level() {
    let mut r = SplitMix(7);
    let shapes = [[1, 1, 16], [1, 3, 32], [1, 5, 48], [1, 64, 128], [1, 65, 144], [1, 102, 128], [1, 130, 64]];
    for [parts, k, m] in affordable(&shapes).into_iter().chain(affordable(&[[2, 2, 32], [2, 128, 128], [3, 192, 240]]))
    {
        let (mut matrix, bias) = (random(&mut r, k * m, 0.3), random(&mut r, m, 1.0));
        let unseen = |i: usize| i / m / (k / parts) != i % m / (m / parts);
        (0..k * m).filter(|i| unseen(*i)).for_each(|i| matrix[i] = 0.0);
        let x: Vec<f32> = random(&mut r, k, 1.0).into_iter().map(|v| if v < -0.2 { 0.0 } else { v }).collect();
        let (slopes, old) = (random(&mut r, m, 1.0), random(&mut r, k * m, 1.0));
        let transposed: Vec<f32> = (0..k * m).map(|i| matrix[i % k * m + i / k]).collect();
        let want = naive::relu(naive::linear(&transposed, &bias, &wide(&x)));
        let in_order = |j: usize| (0..k).fold(bias[j], |sum, i| sum + x[i] * matrix[i * m + j]).max(0.0);
        let outer: Vec<f32> = (0..k * m).map(|i| old[i] + x[i / m] * slopes[i % m]).collect();
        // What a part does not see is not read.
        let hidden: Vec<f32> = (0..k * m).map(|i| if unseen(i) { f32::NAN } else { matrix[i] }).collect();
        for simd in Simd::available() {
            let what = format!("{} {parts} of {k}x{m}", simd.name());
            let (mut out, mut sums) = (vec![9.0; m], old.clone());
            layer::rectified(simd, parts, &x, &hidden, &bias, &mut out);
            layer::add_outer(simd, &x, &slopes, &mut sums);
            close(&out, &want, &what);
            assert_eq!(out, (0..m).map(in_order).collect::<Vec<_>>(), "{what}: other bits than sums in order");
            assert_eq!(sums, outer, "{what}: outer product");
        }
    }
}

#[test]
fn gru_cells_equal_their_twin_and_are_the_same_bits_at_every_level() {
    let mut r = SplitMix(2);
    for [rows, k, width] in
        affordable(&[[1, 1, 1], [2, 3, 17], [3, 5, 16], [7, 200, 200], [12, 1, 200], [5, 17, 33], [9, 64, 64]])
    {
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
    for [width] in affordable(&[[1], [5], [16], [40], [200], [300]]) {
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

#[test]
fn a_transposed_map_is_the_map_of_the_transpose() {
    let mut r = SplitMix(4);
    for (rows, k, m) in shapes(&mut r) {
        let (weight, x) = (random(&mut r, k * m, 0.3), random(&mut r, rows * k, 1.0));
        let turned: Vec<f32> =
            (0..m).flat_map(|o| (0..k).map(move |i| (i, o))).map(|(i, o)| weight[i * m + o]).collect();
        let (mut got, mut want) = (vec![0.0; rows * m], vec![0.0; rows * m]);
        Linear::transposed(k, m, &weight).apply(Simd::best(), rows, &x, &mut got, Finish::Bias);
        Linear::new(k, m, &turned, &[]).apply(Simd::best(), rows, &x, &mut want, Finish::Bias);
        assert_eq!(got, want, "{rows}x{k}x{m}");
    }
}

/// Σ direction · f(x), differentiated by x along each axis.
fn differences(x: &[f64], direction: &[f32], f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let sum = |x: &[f64]| f(x).iter().zip(direction).map(|(y, d)| y * f64::from(*d)).sum::<f64>();
    let mut x = x.to_vec();
    let mut along = |i: usize| {
        let (at, step) = (x[i], 1e-5);
        x[i] = at + step;
        let up = sum(&x);
        x[i] = at - step;
        let down = sum(&x);
        x[i] = at;
        (up - down) / (2.0 * step)
    };
    (0..direction.len()).map(&mut along).collect()
}

#[test]
fn the_reverse_of_a_gru_is_its_twins_derivative_and_the_same_bits_at_every_level() {
    let mut r = SplitMix(5);
    for [rows, k, width] in affordable(&[[1, 1, 1], [2, 3, 17], [3, 5, 16], [4, 7, 33]]) {
        let (wi, wh) = (random(&mut r, 3 * width * k, 0.5), random(&mut r, 3 * width * width, 0.5));
        let (bi, bh) = (random(&mut r, 3 * width, 0.5), random(&mut r, 3 * width, 0.5));
        let gru = Gru::new(Linear::new(k, 3 * width, &wi, &bi), Linear::new(width, 3 * width, &wh, &bh));
        let back = [Linear::transposed(3 * width, k, &wi), Linear::transposed(3 * width, width, &wh)];
        let twin = naive::GruWeights { input: &wi, hidden: &wh, input_bias: &bi, hidden_bias: &bh };
        let (x, h) = (random(&mut r, rows * k, 1.0), random(&mut r, rows * width, 1.0));
        let direction = random(&mut r, rows * width, 1.0);
        let mut first: Option<(Vec<f32>, Vec<f32>)> = None;
        for simd in Simd::available() {
            let (mut new, mut d, mut scratch) = (h.clone(), direction.clone(), GruScratch::default());
            gru.step(simd, rows, &x, &mut new, &mut scratch);
            gru.reverse(simd, rows, &h, &mut d, &mut scratch);
            let mut dx = vec![0.0; rows * k];
            back[0].apply(simd, rows, &scratch.input, &mut dx, Finish::Bias);
            back[1].apply(simd, rows, &scratch.hidden, &mut d, Finish::Add);
            for n in 0..rows {
                let (x, h) = (wide(&x[n * k..][..k]), wide(&h[n * width..][..width]));
                let direction = &direction[n * width..][..width];
                let by_h = differences(&h, direction, |h| naive::gru(twin, &x, h));
                close(&d[n * width..][..width], &by_h, simd.name());
                let sum = |x: &[f64]| {
                    let new = naive::gru(twin, x, &h);
                    vec![new.iter().zip(direction).map(|(y, d)| y * f64::from(*d)).sum()]
                };
                for i in 0..k {
                    let by_x = differences(&x[i..=i], &[1.0], |xi| {
                        let mut moved = x.clone();
                        moved[i] = xi[0];
                        sum(&moved)
                    });
                    close(&dx[n * k + i..][..1], &by_x, simd.name());
                }
            }
            let both = (d, dx);
            assert_eq!(first.get_or_insert(both.clone()), &both, "{}", simd.name());
        }
    }
}

#[test]
fn the_reverse_of_a_layer_norm_is_its_twins_derivative_and_the_same_bits_at_every_level() {
    let mut r = SplitMix(6);
    let widths: &[usize] = if cfg!(miri) { &[2, 17] } else { &[2, 5, 16, 40] };
    for width in widths.iter().copied() {
        let (gain, offset) = (random(&mut r, width, 1.0), random(&mut r, width, 1.0));
        let (x, direction) = (random(&mut r, 3 * width, 3.0), random(&mut r, 3 * width, 1.0));
        let norm = LayerNorm::new(&gain, &offset);
        let mut first: Option<[Vec<f32>; 3]> = None;
        for simd in Simd::available() {
            let (mut d, mut d_gain, mut d_offset) = (direction.clone(), vec![0.0; width], vec![0.0; width]);
            norm.reverse(simd, 3, &x, &mut d, &mut d_gain, &mut d_offset);
            let (mut gains, mut offsets) = (vec![0.0; width], vec![0.0; width]);
            for n in 0..3 {
                let (x, direction) = (wide(&x[n * width..][..width]), &direction[n * width..][..width]);
                let want = differences(&x, direction, |x| naive::layer_norm(&gain, &offset, x));
                close(&d[n * width..][..width], &want, simd.name());
                let unit = naive::layer_norm(&vec![1.0; width], &vec![0.0; width], &x);
                for (j, d) in direction.iter().enumerate() {
                    gains[j] += f64::from(*d) * unit[j];
                    offsets[j] += f64::from(*d);
                }
            }
            close(&d_gain, &gains, simd.name());
            close(&d_offset, &offsets, simd.name());
            let all = [d, d_gain, d_offset];
            assert_eq!(first.get_or_insert(all.clone()), &all, "{}", simd.name());
        }
    }
}
