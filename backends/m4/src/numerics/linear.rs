//! Linear maps with packed weights: `Y[N, M] = X[N, K] Wᵀ + b`.
//!
//! Packing: the outputs are cut into vectors of 16 and the vectors into panels of three (the last panel has what is left).
//! A panel holds, for input 0, its vectors' weights, then those for input 1, and so on, so that a kernel reads it front to
//! back. The last vector is filled up with zeros. Packing is done once per model; at the batch sizes of an event (1 to a
//! few hundred rows) that is what makes the kernel fast, since general matrix products repack on every call.

use super::simd::{self, LANES, Lane, Simd};

/// Vectors per panel: 8 rows × 3 vectors of accumulators fit the 32 registers of AVX-512.
pub(crate) const PANEL: usize = 3;

/// What happens to the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// Y = X Wᵀ + b
    Bias,
    /// Y = max(0, X Wᵀ + b)
    Relu,
    /// Y += X Wᵀ (the bias is not added)
    Add,
}

/// A linear map K → M, packed.
#[derive(Clone, Debug)]
pub struct Linear {
    inputs: usize,
    outputs: usize,
    /// Panels, one after the other.
    panels: Vec<Lane>,
    /// `[M]`, filled up with zeros.
    bias: Vec<Lane>,
}

impl Linear {
    /// Packs `weight` (`[M, K]` row-major) and `bias` (`[M]`, or empty for zeros).
    ///
    /// # Panics
    /// If the lengths don't fit together or a dimension is 0: a fault of the caller.
    pub fn new(inputs: usize, outputs: usize, weight: &[f32], bias: &[f32]) -> Self {
        assert!(inputs > 0 && outputs > 0 && weight.len() == inputs * outputs, "weight is [outputs, inputs]");
        assert!(bias.is_empty() || bias.len() == outputs, "bias is [outputs] or absent");
        let vectors = outputs.div_ceil(LANES);
        let mut panels = Vec::with_capacity(vectors * inputs);
        for first in (0..vectors).step_by(PANEL) {
            for k in 0..inputs {
                for v in first..(first + PANEL).min(vectors) {
                    let mut lane = Lane::default();
                    for (j, out) in lane.0.iter_mut().enumerate().take(outputs - v * LANES) {
                        *out = weight[(v * LANES + j) * inputs + k];
                    }
                    panels.push(lane);
                }
            }
        }
        let mut linear = Self { inputs, outputs, panels, bias: vec![Lane::default(); vectors] };
        if !bias.is_empty() {
            linear.set_bias(bias);
        }
        linear
    }

    /// Packs the transpose of `weight` (`[K, M]` row-major), without bias: `Y[N, M] = X[N, K] weight`. The reverse pass of a map
    /// is one, and so is a sum of outer products (`Xᵀ Y` of two sets of rows). Cost: a copy.
    ///
    /// # Panics
    /// If the lengths don't fit together or a dimension is 0: a fault of the caller.
    pub fn transposed(inputs: usize, outputs: usize, weight: &[f32]) -> Self {
        assert!(inputs > 0 && outputs > 0 && weight.len() == inputs * outputs, "weight is [inputs, outputs]");
        let vectors = outputs.div_ceil(LANES);
        let mut panels = Vec::with_capacity(vectors * inputs);
        for first in (0..vectors).step_by(PANEL) {
            for row in weight.chunks_exact(outputs) {
                for part in row[first * LANES..].chunks(LANES).take(PANEL) {
                    let mut lane = Lane::default();
                    lane.0[..part.len()].copy_from_slice(part);
                    panels.push(lane);
                }
            }
        }
        Self { inputs, outputs, panels, bias: vec![Lane::default(); vectors] }
    }

    /// Replaces the bias (`[M]`).
    ///
    /// # Panics
    /// If it has another length.
    pub fn set_bias(&mut self, bias: &[f32]) {
        assert_eq!(bias.len(), self.outputs, "bias is [outputs]");
        for (lane, part) in self.bias.iter_mut().zip(bias.chunks(LANES)) {
            lane.0[..part.len()].copy_from_slice(part);
        }
    }

    /// K.
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// M.
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// `out[N, M]` from `x[N, K]`. Cost: N·K·M multiply-adds.
    ///
    /// # Panics
    /// If `x` or `out` is shorter than `rows` rows.
    pub fn apply(&self, simd: Simd, rows: usize, x: &[f32], out: &mut [f32], finish: Finish) {
        let (x, out) = (&x[..rows * self.inputs], &mut out[..rows * self.outputs]);
        simd::linear(
            simd,
            &simd::Product { inputs: self.inputs, panels: &self.panels, bias: &self.bias, finish },
            x,
            out,
        );
    }
}
