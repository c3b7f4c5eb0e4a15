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
}
