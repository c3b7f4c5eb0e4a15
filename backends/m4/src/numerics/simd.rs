//! The kernels, compiled once per instruction level and chosen at run time: AVX-512, AVX2 with FMA, or whatever the
//! compiler makes of plain loops.
//!
//! This is the one module of mixlab with `unsafe`, of two kinds. (1) [`Simd`] is a proof: it can only be made by asking
//! the CPU, so calling a function compiled for that level is sound. (2) `load` and `store` move 16 numbers between an array
//! and registers; the reference they take guarantees that the memory is there.
//!
//! Every level does the same operations in the same order on groups of 16 lanes, so all give the same bits. On x86
//! machines without FMA (before 2013) each multiply-add is a library call and the kernels are a hundred times slower: same
//! answers are worth more there than speed.

use super::linear::{Finish, PANEL};
use super::{layer, scalar};

/// Numbers per vector.
pub(crate) const LANES: usize = 16;

/// 16 numbers, aligned to a cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(crate) struct Lane(pub [f32; LANES]);

/// An instruction level this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Simd(Level);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Default for Simd {
    fn default() -> Self {
        Self::best()
    }
}

impl Simd {
    /// The fastest level of this machine.
    pub fn best() -> Self {
        Self::available()[0]
    }

    /// All levels of this machine, fastest first.
    pub fn available() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let fma = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if fma && is_x86_feature_detected!("avx512f") {
                levels.push(Self(Level::Avx512));
            }
            if fma {
                levels.push(Self(Level::Avx2));
            }
        }
        levels.push(Self(Level::Portable));
        levels
    }

    /// `avx512`, `avx2` or `portable`.
    pub const fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "avx2",
            Level::Portable => "portable",
        }
    }
}

/// A packed linear map and what to do with its product.
pub(crate) struct Product<'a> {
    /// K
    pub inputs: usize,
    /// See [`super::linear`].
    pub panels: &'a [Lane],
    /// `[M]` in vectors.
    pub bias: &'a [Lane],
    pub finish: Finish,
}

/// For each of some rows, the rows to add up and their weights: `edges[first[i]..first[i + 1]]`.
#[derive(Clone, Debug, Default)]
pub struct Neighbours {
    /// `[N + 1]`
    pub first: Vec<u32>,
    /// Index of a source row, weight.
    pub edges: Vec<(u32, f32)>,
}

/// The kernels of one level. `$rows` × `$vectors` accumulators must fit its registers, and `$outputs` numbers; `$lanes` has
/// `Vector` and its five operations; the attributes say what the level may use.
macro_rules! kernels {
    ($name:ident, $lanes:ident, $rows:literal, $vectors:literal, $outputs:literal, $(#[$level:meta])*) => {
        mod $name {
            use super::*;
            use super::$lanes::{Vector, fma, load, splat, store};

            $(#[$level])*
            pub fn rectified(parts: usize, input: &[f32], matrix: &[f32], bias: &[f32], out: &mut [f32]) {
                layer::rectified_by::<$outputs, { $outputs / 2 }>(parts, input, matrix, bias, out);
            }

            $(#[$level])*
            pub fn add_outer(input: &[f32], slopes: &[f32], matrix: &mut [f32]) {
                layer::add_outer_in_order(input, slopes, matrix);
            }

            /// R rows times V neighbouring vectors of a panel; `panel` starts at the first of them.
            $(#[$level])*
            #[inline]
            fn tile<const R: usize, const V: usize>(
                product: &Product<'_>,
                panel: &[Lane],
                stride: usize,
                first_vector: usize,
                x: &[f32],
                out: &mut [f32],
            ) {
                let k = product.inputs;
                let mut rows: [&[f32]; R] = [&[]; R];
                for (r, row) in rows.iter_mut().enumerate() {
                    *row = &x[r * k..][..k];
                }
                let mut sums: [[Vector; V]; R] = [[splat(0.0); V]; R];
                for i in 0..k {
                    let weights: &[Lane] = &panel[i * stride..][..V];
                    let mut w = [splat(0.0); V];
                    for v in 0..V {
                        w[v] = load(&weights[v].0);
                    }
                    for r in 0..R {
                        let input = splat(rows[r][i]);
                        for v in 0..V {
                            sums[r][v] = fma(input, w[v], sums[r][v]);
                        }
                    }
                }
                let outputs = out.len() / R;
                for r in 0..R {
                    for v in 0..V {
                        let mut sum = [0.0; LANES];
                        store(&mut sum, sums[r][v]);
                        let from = (first_vector + v) * LANES;
                        let part = &mut out[r * outputs..][..outputs][from..];
                        finish(product, first_vector + v, &sum, part);
                    }
                }
            }

            $(#[$level])*
            #[inline]
            fn finish(product: &Product<'_>, vector: usize, sum: &[f32; LANES], out: &mut [f32]) {
                let bias = &product.bias[vector].0;
                match (product.finish, out.first_chunk_mut::<LANES>()) {
                    (Finish::Bias, Some(out)) => (0..LANES).for_each(|j| out[j] = sum[j] + bias[j]),
                    (Finish::Relu, Some(out)) => (0..LANES).for_each(|j| out[j] = (sum[j] + bias[j]).max(0.0)),
                    (Finish::Add, Some(out)) => (0..LANES).for_each(|j| out[j] += sum[j]),
                    (Finish::Bias, None) => out.iter_mut().enumerate().for_each(|(j, o)| *o = sum[j] + bias[j]),
                    (Finish::Relu, None) => {
                        out.iter_mut().enumerate().for_each(|(j, o)| *o = (sum[j] + bias[j]).max(0.0));
                    }
                    (Finish::Add, None) => out.iter_mut().enumerate().for_each(|(j, o)| *o += sum[j]),
                }
            }

            /// All row blocks against V vectors; blocks are of nearly equal height.
            $(#[$level])*
            fn columns<const V: usize>(
                product: &Product<'_>,
                panel: &[Lane],
                stride: usize,
                first_vector: usize,
                (x, out): (&[f32], &mut [f32]),
                rows: usize,
            ) {
                let (k, m) = (product.inputs, out.len() / rows);
                let mut left = rows.div_ceil($rows);
                let mut at = 0;
                while left > 0 {
                    let height = (rows - at).div_ceil(left);
                    let (x, out) = (&x[at * k..][..height * k], &mut out[at * m..][..height * m]);
                    match height {
                        1 => tile::<1, V>(product, panel, stride, first_vector, x, out),
                        2 => tile::<2, V>(product, panel, stride, first_vector, x, out),
                        3 => tile::<3, V>(product, panel, stride, first_vector, x, out),
                        4 => tile::<4, V>(product, panel, stride, first_vector, x, out),
                        5 => tile::<{ if $rows < 5 { 1 } else { 5 } }, V>(product, panel, stride, first_vector, x, out),
                        6 => tile::<{ if $rows < 6 { 1 } else { 6 } }, V>(product, panel, stride, first_vector, x, out),
                        7 => tile::<{ if $rows < 7 { 1 } else { 7 } }, V>(product, panel, stride, first_vector, x, out),
                        _ => tile::<{ if $rows < 8 { 1 } else { 8 } }, V>(product, panel, stride, first_vector, x, out),
                    }
                    at += height;
                    left -= 1;
                }
            }

            $(#[$level])*
            pub fn linear(product: &Product<'_>, x: &[f32], out: &mut [f32]) {
                let (k, vectors) = (product.inputs, product.bias.len());
                let rows = x.len() / k;
                if rows == 0 {
                    return;
                }
                for first in (0..vectors).step_by(PANEL) {
                    let width = PANEL.min(vectors - first);
                    let panel = &product.panels[first * k..][..width * k];
                    let mut v = 0;
                    while v < width {
                        let (part, at) = (&panel[v..], first + v);
                        match (width - v).min($vectors) {
                            1 => columns::<1>(product, part, width, at, (x, out), rows),
                            2 => columns::<{ if $vectors < 2 { 1 } else { 2 } }>(product, part, width, at, (x, out), rows),
                            _ => columns::<{ if $vectors < 3 { 1 } else { 3 } }>(product, part, width, at, (x, out), rows),
                        }
                        v += (width - v).min($vectors);
                    }
                }
            }

            $(#[$level])*
            pub fn gru_gates(width: usize, input: &[f32], hidden: &[f32], h: &mut [f32]) {
                let shared = input.len() == 3 * width;
                for (n, state) in h.chunks_exact_mut(width).enumerate() {
                    let i = &input[if shared { 0 } else { n * 3 * width }..][..3 * width];
                    let s = &hidden[n * 3 * width..][..3 * width];
                    let ((ir, i), (hr, s)) = (i.split_at(width), s.split_at(width));
                    let ((iz, inn), (hz, hn)) = (i.split_at(width), s.split_at(width));
                    for j in 0..width {
                        state[j] = scalar::gru(ir[j], iz[j], inn[j], hr[j], hz[j], hn[j], state[j]);
                    }
                }
            }

            /// From the gates' inputs, the old state and the gradient of the new one (`d`): gradients of the gates' inputs, in
            /// their place, and of the old state as far as it is kept, in the place of `d`.
            $(#[$level])*
            pub fn gru_reverse(width: usize, input: &mut [f32], hidden: &mut [f32], h: &[f32], d: &mut [f32]) {
                let rows = input.chunks_exact_mut(3 * width).zip(hidden.chunks_exact_mut(3 * width));
                for ((i, s), (h, d)) in rows.zip(h.chunks_exact(width).zip(d.chunks_exact_mut(width))) {
                    let ((ir, i), (hr, s)) = (i.split_at_mut(width), s.split_at_mut(width));
                    let ((iz, inn), (hz, hn)) = (i.split_at_mut(width), s.split_at_mut(width));
                    for j in 0..width {
                        let r = scalar::sigmoid(ir[j] + hr[j]);
                        let z = scalar::sigmoid(iz[j] + hz[j]);
                        let n = scalar::tanh(r.mul_add(hn[j], inn[j]));
                        let dn = d[j] * (1.0 - z) * (1.0 - n * n);
                        let dz = d[j] * (h[j] - n) * z * (1.0 - z);
                        let dr = dn * hn[j] * r * (1.0 - r);
                        (ir[j], iz[j], inn[j]) = (dr, dz, dn);
                        (hr[j], hz[j], hn[j]) = (dr, dz, dn * r);
                        d[j] *= z;
                    }
                }
            }

            /// From rows before the norm and gradients after it (`d`): gradients before it in the place of `d`; adds those of
            /// gain and offset to `d_gain`, `d_offset`.
            $(#[$level])*
            pub fn layer_norm_reverse(gain: &[f32], x: &[f32], d: &mut [f32], d_gain: &mut [f32], d_offset: &mut [f32]) {
                let m = gain.len();
                let mut slope = vec![0.0f32; m];
                for (row, d) in x.chunks_exact(m).zip(d.chunks_exact_mut(m)) {
                    let mean = total(row, 0.0, false) / m as f32;
                    let variance = total(row, mean, true) / m as f32;
                    let scale = 1.0 / (variance + 1e-5).sqrt();
                    for j in 0..m {
                        let unit = (row[j] - mean) * scale;
                        d_gain[j] = d[j].mul_add(unit, d_gain[j]);
                        d_offset[j] += d[j];
                        d[j] *= gain[j];
                        slope[j] = d[j] * unit;
                    }
                    let (level, slant) = (total(d, 0.0, false) / m as f32, total(&slope, 0.0, false) / m as f32);
                    for j in 0..m {
                        let unit = (row[j] - mean) * scale;
                        d[j] = scale * unit.mul_add(-slant, d[j] - level);
                    }
                }
            }

            /// Sum of `f` over a row: 16 partial sums, then a fixed tree.
            $(#[$level])*
            #[inline]
            fn total(row: &[f32], shift: f32, square: bool) -> f32 {
                let mut sums = [0.0f32; LANES];
                for part in row.chunks(LANES) {
                    for (sum, v) in sums.iter_mut().zip(part) {
                        let v = v - shift;
                        *sum = if square { v.mul_add(v, *sum) } else { *sum + v };
                    }
                }
                let mut half = LANES / 2;
                while half > 0 {
                    for j in 0..half {
                        sums[j] += sums[j + half];
                    }
                    half /= 2;
                }
                sums[0]
            }

            $(#[$level])*
            pub fn layer_norm(gain: &[f32], offset: &[f32], x: &mut [f32]) {
                let m = gain.len();
                for row in x.chunks_exact_mut(m) {
                    let mean = total(row, 0.0, false) / m as f32;
                    let variance = total(row, mean, true) / m as f32;
                    let scale = 1.0 / (variance + 1e-5).sqrt();
                    for j in 0..m {
                        row[j] = ((row[j] - mean) * scale).mul_add(gain[j], offset[j]);
                    }
                }
            }

            $(#[$level])*
            pub fn sum_rows(width: usize, neighbours: &Neighbours, x: &[f32], out: &mut [f32]) {
                let spans = neighbours.first.windows(2);
                for (span, out) in spans.zip(out.chunks_exact_mut(width)) {
                    out.fill(0.0);
                    for (source, weight) in &neighbours.edges[span[0] as usize..span[1] as usize] {
                        let row = &x[*source as usize * width..][..width];
                        for (o, v) in out.iter_mut().zip(row) {
                            *o = v.mul_add(*weight, *o);
                        }
                    }
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod lanes512 {
    use super::LANES;
    use std::arch::x86_64::{__m512 as Register, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_storeu_ps};

    pub type Vector = Register;

    #[target_feature(enable = "avx512f,avx2,fma")]
    #[inline]
    pub fn splat(v: f32) -> Vector {
        _mm512_set1_ps(v)
    }

    #[target_feature(enable = "avx512f,avx2,fma")]
    #[inline]
    pub fn load(from: &[f32; LANES]) -> Vector {
        // SAFETY: 64 readable bytes, guaranteed by the reference; no alignment is asked for.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }

    #[target_feature(enable = "avx512f,avx2,fma")]
    #[inline]
    pub fn store(to: &mut [f32; LANES], v: Vector) {
        // SAFETY: 64 writable bytes, guaranteed by the reference; no alignment is asked for.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), v) }
    }

    #[target_feature(enable = "avx512f,avx2,fma")]
    #[inline]
    pub fn fma(a: Vector, b: Vector, c: Vector) -> Vector {
        _mm512_fmadd_ps(a, b, c)
    }
}

#[cfg(target_arch = "x86_64")]
mod lanes256 {
    use super::LANES;
    use std::arch::x86_64::{__m256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_storeu_ps};

    pub type Vector = [__m256; 2];

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    pub fn splat(v: f32) -> Vector {
        [_mm256_set1_ps(v); 2]
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    pub fn load(from: &[f32; LANES]) -> Vector {
        // SAFETY: 64 readable bytes, guaranteed by the reference; no alignment is asked for.
        unsafe { [_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from[8..].as_ptr())] }
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    pub fn store(to: &mut [f32; LANES], v: Vector) {
        let (low, high) = to.split_at_mut(8);
        // SAFETY: 32 writable bytes each, guaranteed by the references; no alignment is asked for.
        unsafe {
            _mm256_storeu_ps(low.as_mut_ptr(), v[0]);
            _mm256_storeu_ps(high.as_mut_ptr(), v[1]);
        }
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    pub fn fma(a: Vector, b: Vector, c: Vector) -> Vector {
        [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])]
    }
}

mod plain {
    use super::LANES;

    pub type Vector = [f32; LANES];

    #[inline(always)]
    pub fn splat(v: f32) -> Vector {
        [v; LANES]
    }

    #[inline(always)]
    pub fn load(from: &[f32; LANES]) -> Vector {
        *from
    }

    #[inline(always)]
    pub fn store(to: &mut [f32; LANES], v: Vector) {
        *to = v;
    }

    #[inline(always)]
    pub fn fma(a: Vector, b: Vector, mut c: Vector) -> Vector {
        for j in 0..LANES {
            c[j] = a[j].mul_add(b[j], c[j]);
        }
        c
    }
}

#[cfg(target_arch = "x86_64")]
kernels!(avx512, lanes512, 8, 3, 128, #[target_feature(enable = "avx512f,avx2,fma")]);
#[cfg(target_arch = "x86_64")]
kernels!(avx2, lanes256, 6, 1, 64, #[target_feature(enable = "avx2,fma")]);
kernels!(portable, plain, 4, 1, 32,);

/// Calls a kernel at the level that `$simd` proves the machine to have.
macro_rules! dispatch {
    ($simd:expr, $kernel:ident($($argument:expr),*)) => {
        match $simd.0 {
            // SAFETY: a `Simd` of this level exists only if the CPU has the features its kernels are compiled for.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { avx512::$kernel($($argument),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { avx2::$kernel($($argument),*) },
            Level::Portable => portable::$kernel($($argument),*),
        }
    };
}

/// See [`layer::rectified`], which checks the shapes.
pub(super) fn rectified(simd: Simd, parts: usize, input: &[f32], matrix: &[f32], bias: &[f32], out: &mut [f32]) {
    dispatch!(simd, rectified(parts, input, matrix, bias, out));
}

/// See [`layer::add_outer`].
pub(super) fn add_outer(simd: Simd, input: &[f32], slopes: &[f32], matrix: &mut [f32]) {
    dispatch!(simd, add_outer(input, slopes, matrix));
}

/// See [`super::Linear::apply`]; `x` and `out` have equally many rows.
pub(crate) fn linear(simd: Simd, product: &Product<'_>, x: &[f32], out: &mut [f32]) {
    dispatch!(simd, linear(product, x, out));
}

/// `h[N, H]` from the input parts (`[N, 3H]`, or `[3H]` for all rows) and hidden parts (`[N, 3H]`) of its gates.
pub(crate) fn gru_gates(simd: Simd, width: usize, input: &[f32], hidden: &[f32], h: &mut [f32]) {
    dispatch!(simd, gru_gates(width, input, hidden, h));
}

/// See [`super::Gru::reverse`].
pub(crate) fn gru_reverse(simd: Simd, width: usize, input: &mut [f32], hidden: &mut [f32], h: &[f32], d: &mut [f32]) {
    dispatch!(simd, gru_reverse(width, input, hidden, h, d));
}

/// See [`super::LayerNorm::reverse`].
pub(crate) fn layer_norm_reverse(simd: Simd, gain: &[f32], x: &[f32], d: &mut [f32], sums: [&mut [f32]; 2]) {
    let [d_gain, d_offset] = sums;
    dispatch!(simd, layer_norm_reverse(gain, x, d, d_gain, d_offset));
}

/// See [`super::LayerNorm::apply`].
pub(crate) fn layer_norm(simd: Simd, gain: &[f32], offset: &[f32], x: &mut [f32]) {
    dispatch!(simd, layer_norm(gain, offset, x));
}

/// `out[i] = Σ weight · x[source]` over the edges of row i; rows of `width` numbers.
///
/// # Panics
/// If an edge names a row that `x` doesn't have.
pub fn sum_rows(simd: Simd, width: usize, neighbours: &Neighbours, x: &[f32], out: &mut [f32]) {
    dispatch!(simd, sum_rows(width, neighbours, x, out));
}
