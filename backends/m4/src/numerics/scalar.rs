//! Activation functions of one number, branch-free so that loops over them vectorise.
//!
//! ```text
//! exp x = 2ⁿ · p(x − n ln 2),  n = round(x / ln 2)        p: degree 6, relative error < 2e-7
//! σ(x)  = 1 / (1 + exp(−x))
//! tanh x = 1 − 2 / (1 + exp(2x))                            absolute error < 2e-7
//! ```
//!
//! Source of the polynomial: S. Moshier's Cephes library (`expf`). Callers must be compiled with fused multiply-add, or
//! each `mul_add` becomes a call; all functions are therefore inlined into the kernels of [`crate::numerics::simd`].

use std::f32::consts::LOG2_E;

/// Beyond ±87 the exponential leaves the normal range of `f32`.
const LIMIT: f32 = 87.0;
/// 1.5 · 2²³: adding it leaves the rounded integer in the low bits of the sum.
const ROUNDER: f32 = 12_582_912.0;
/// ln 2 in two parts; the first has so few bits that its product with n is exact.
const LN2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// exp x, with x held within ±87.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = x.clamp(-LIMIT, LIMIT);
    let shifted = x.mul_add(LOG2_E, ROUNDER);
    let n = shifted - ROUNDER;
    let r = n.mul_add(-LN2[1], n.mul_add(-LN2[0], x));
    let mut p = 1.987_569_1e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = r.mul_add(p, c);
    }
    let mantissa = (r * r).mul_add(p, r) + 1.0;
    // The low nine bits of `shifted` are n; biased and shifted they are the exponent of 2ⁿ.
    mantissa * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

/// The logistic function.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp(2.0 * x))
}

/// One component of a GRU: input parts `i*`, hidden parts `h*` of the three gates, old state `h`.
#[inline(always)]
pub fn gru(ir: f32, iz: f32, inn: f32, hr: f32, hz: f32, hn: f32, h: f32) -> f32 {
    let r = sigmoid(ir + hr);
    let z = sigmoid(iz + hz);
    let n = tanh(r.mul_add(hn, inn));
    z.mul_add(h - n, n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_within_a_few_parts_in_ten_million_of_the_library() {
        for i in -900_000..=900_000 {
            let x = i as f32 * 1e-4;
            let want = f64::from(x.clamp(-LIMIT, LIMIT)).exp();
            assert!((f64::from(exp(x)) / want - 1.0).abs() < 2e-7, "exp {x}");
            let want = 1.0 / (1.0 + (-f64::from(x)).exp());
            assert!((f64::from(sigmoid(x)) - want).abs() < 2e-7, "sigmoid {x}");
            assert!((f64::from(tanh(x)) - f64::from(x).tanh()).abs() < 2e-7, "tanh {x}");
        }
    }

    #[test]
    fn extremes_saturate_and_nothing_becomes_nan() {
        for x in [f32::MAX, f32::INFINITY, 1e9, 88.0] {
            assert_eq!((sigmoid(x), tanh(x), tanh(-x)), (1.0, 1.0, -1.0));
            assert!(sigmoid(-x) >= 0.0 && sigmoid(-x) < 1e-37);
        }
    }
}
