//! A layer whose matrix is stored input by input, without fused multiply-add: what the corrected model is made of.
//!
//! ```text
//! y = max(0, b + Σ_i x_i · A_i)        x [K], A [K][M], b, y [M]
//! ∂: A_i += x_i · d                     d [M]
//! ```
//!
//! K and M may fall into equal parts, of which each output sees only the inputs of its own (the rest of A is not read, as if it were
//! 0): what lies side by side there are independent models. M ÷ parts is a multiple of 16.
//!
//! Multiplication and addition round apart and every sum goes in the order of the inputs, so plain loops over the outputs,
//! compiled for any instruction level, give the same bits; machines without FMA are not slow. [`naive`](super::naive) is the twin.

use super::simd::{self, Simd};

/// Outputs that are computed together at least.
pub const BLOCK: usize = 16;
/// Inputs that are looked at together: half of them are 0 behind a rectifier, and a branch for each would cost more than it saves.
const GROUP: usize = u64::BITS as usize;

/// y = max(0, b + Σ x_i · A_i), over the inputs of an output's part.
///
/// # Panics
/// If the shapes do not fit.
pub fn rectified(simd: Simd, parts: usize, input: &[f32], matrix: &[f32], bias: &[f32], out: &mut [f32]) {
    let (k, m) = (input.len(), bias.len());
    let fits = matrix.len() == k * m && out.len() == m;
    assert!(fits && m.is_multiple_of(BLOCK * parts) && k.is_multiple_of(parts), "[{k}][{m}] does not fit");
    simd::rectified(simd, parts, input, matrix, bias, out);
}

/// A_i += x_i · d.
///
/// # Panics
/// If the shapes do not fit.
pub fn add_outer(simd: Simd, input: &[f32], slopes: &[f32], matrix: &mut [f32]) {
    assert_eq!(matrix.len(), input.len() * slopes.len(), "[{}][{}] does not fit", input.len(), slopes.len());
    simd::add_outer(simd, input, slopes, matrix);
}

/// [`rectified`] with W outputs at a time, as many as fit in the registers, then V, then [`BLOCK`]: the fewer, the more a sum waits for
/// the one before it.
#[inline(always)]
pub(super) fn rectified_by<const W: usize, const V: usize>(
    parts: usize,
    input: &[f32],
    matrix: &[f32],
    bias: &[f32],
    out: &mut [f32],
) {
    let (k, m) = (input.len() / parts, bias.len() / parts);
    for part in 0..parts {
        let (input, matrix) = (&input[part * k..][..k], &matrix[part * k * bias.len()..]);
        let (mut start, end) = (part * m, (part + 1) * m);
        while start + W <= end {
            block::<W>(input, matrix, bias, start, out);
            start += W;
        }
        while start + V <= end {
            block::<V>(input, matrix, bias, start, out);
            start += V;
        }
        while start < end {
            block::<BLOCK>(input, matrix, bias, start, out);
            start += BLOCK;
        }
    }
}

/// N outputs from `start` on.
#[inline(always)]
fn block<const N: usize>(input: &[f32], matrix: &[f32], bias: &[f32], start: usize, out: &mut [f32]) {
    let within = "a block lies within the outputs";
    let mut sums: [f32; N] = bias[start..start + N].try_into().expect(within);
    for (inputs, rows) in input.chunks(GROUP).zip(matrix.chunks(GROUP * bias.len())) {
        let mut present = inputs.iter().enumerate().fold(0u64, |bits, (i, x)| bits | (u64::from(*x != 0.0) << i));
        while present != 0 {
            let i = present.trailing_zeros() as usize;
            present &= present - 1;
            let row: &[f32; N] = rows[i * bias.len() + start..][..N].try_into().expect(within);
            for k in 0..N {
                sums[k] += inputs[i] * row[k];
            }
        }
    }
    for k in 0..N {
        out[start + k] = sums[k].max(0.0);
    }
}

/// See [`add_outer`].
#[inline(always)]
pub(super) fn add_outer_in_order(input: &[f32], slopes: &[f32], matrix: &mut [f32]) {
    for (x, row) in input.iter().zip(matrix.chunks_exact_mut(slopes.len())) {
        // Behind a rectifier half of the inputs are 0.
        if *x != 0.0 {
            for (m, d) in row.iter_mut().zip(slopes) {
                *m += x * d;
            }
        }
    }
}
