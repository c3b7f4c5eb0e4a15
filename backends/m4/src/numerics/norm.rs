//! Layer norm over the components of each row, ε = 1e-5, with gain and offset.

use super::simd::{self, Simd};

/// Gain and offset of a layer norm over M components.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    gain: Vec<f32>,
    offset: Vec<f32>,
}

impl LayerNorm {
    /// From `gain[M]` and `offset[M]`.
    ///
    /// # Panics
    /// If their lengths differ or are 0.
    pub fn new(gain: &[f32], offset: &[f32]) -> Self {
        assert!(!gain.is_empty() && gain.len() == offset.len(), "gain and offset are [M]");
        Self { gain: gain.to_vec(), offset: offset.to_vec() }
    }

    /// Normalises each row of `x[N, M]` in place.
    pub fn apply(&self, simd: Simd, rows: usize, x: &mut [f32]) {
        simd::layer_norm(simd, &self.gain, &self.offset, &mut x[..rows * self.gain.len()]);
    }

    /// The reverse pass: from rows `x[N, M]` as they were before and gradients `d[N, M]` of what they became, the gradients of
    /// `x`, in place of `d`. Adds the gradients of gain and offset to `d_gain`, `d_offset`.
    pub fn reverse(&self, simd: Simd, rows: usize, x: &[f32], d: &mut [f32], d_gain: &mut [f32], d_offset: &mut [f32]) {
        let m = self.gain.len();
        assert!(d_gain.len() == m && d_offset.len() == m, "gain and offset are [M]");
        simd::layer_norm_reverse(simd, &self.gain, &x[..rows * m], &mut d[..rows * m], [d_gain, d_offset]);
    }
}
