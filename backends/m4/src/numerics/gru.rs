//! A batch of GRU cells with common weights (gate order r, z, n; both biases, as torch has them).

use super::linear::{Finish, Linear};
use super::simd::{self, Simd};

/// A GRU cell K → H, packed.
#[derive(Clone, Debug)]
pub struct Gru {
    /// K → 3H
    input: Linear,
    /// H → 3H
    hidden: Linear,
}

/// Room for the gates of a batch; grows to the largest batch seen. What the last step left there is what its reverse needs.
#[derive(Clone, Debug, Default)]
pub struct GruScratch {
    /// `[N, 3H]` W_i x + b_i
    pub input: Vec<f32>,
    /// `[N, 3H]` W_h h + b_h
    pub hidden: Vec<f32>,
}

impl Gru {
    /// From its two linear maps, K → 3H and H → 3H.
    ///
    /// # Panics
    /// If they don't fit together.
    pub fn new(input: Linear, hidden: Linear) -> Self {
        assert_eq!(hidden.outputs(), 3 * hidden.inputs(), "the hidden map is [3H, H]");
        assert_eq!(input.outputs(), hidden.outputs(), "the input map is [3H, K]");
        Self { input, hidden }
    }

    /// Replaces the bias of the input map (`[3H]`).
    ///
    /// # Panics
    /// If it has another length.
    pub fn set_input_bias(&mut self, bias: &[f32]) {
        self.input.set_bias(bias);
    }

    /// H.
    pub const fn width(&self) -> usize {
        self.hidden.inputs()
    }

    /// `h[N, H]` ← GRU(`x[N, K]`, `h`).
    pub fn step(&self, simd: Simd, rows: usize, x: &[f32], h: &mut [f32], scratch: &mut GruScratch) {
        self.advance(simd, rows, rows, x, h, scratch);
    }

    /// `h[N, H]` ← GRU(`x[K]`, `h`): every row has the same input, so its part is computed once.
    pub fn step_shared(&self, simd: Simd, rows: usize, x: &[f32], h: &mut [f32], scratch: &mut GruScratch) {
        self.advance(simd, rows, 1, x, h, scratch);
    }

    fn advance(&self, simd: Simd, rows: usize, inputs: usize, x: &[f32], h: &mut [f32], scratch: &mut GruScratch) {
        let (width, gates) = (self.width(), self.hidden.outputs());
        let h = &mut h[..rows * width];
        scratch.input.resize(scratch.input.len().max(inputs * gates), 0.0);
        scratch.hidden.resize(scratch.hidden.len().max(rows * gates), 0.0);
        self.input.apply(simd, inputs, x, &mut scratch.input, Finish::Bias);
        self.hidden.apply(simd, rows, h, &mut scratch.hidden, Finish::Bias);
        let (input, hidden) = (&scratch.input[..inputs * gates], &scratch.hidden[..rows * gates]);
        simd::gru_gates(simd, width, input, hidden, h);
    }

    /// The reverse pass of the gates of a step of `rows` rows, each with an input of its own: `scratch` as the step left it,
    /// `h[N, H]` as it was before, `d[N, H]` the gradient of what it became. Leaves the gradients of the two linear maps'
    /// outputs in `scratch`, and in `d` the part of the gradient of `h` that does not go through them.
    pub fn reverse(&self, simd: Simd, rows: usize, h: &[f32], d: &mut [f32], scratch: &mut GruScratch) {
        let (width, gates) = (self.width(), self.hidden.outputs());
        let (input, hidden) = (&mut scratch.input[..rows * gates], &mut scratch.hidden[..rows * gates]);
        simd::gru_reverse(simd, width, input, hidden, &h[..rows * width], &mut d[..rows * width]);
    }
}
