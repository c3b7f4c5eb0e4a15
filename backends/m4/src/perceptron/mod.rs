//! The learned function of the corrected and the refined model: two hidden layers of rectified units.
//!
//! ```text
//! z = (x − centre) · scale        a = max(0, z·A + α)  [H]        b = max(0, a·B + β)  [H]        g = b·c + γ
//! ```
//!
//! Matrices are stored input by input (`A[F][H]`), so that one input's contribution is one run over H outputs: that vectorises
//! without reordering sums ([`crate::numerics::layer`]).

pub mod file;

use crate::numerics::Simd;
use crate::numerics::layer::{BLOCK, add_outer, rectified};
use mixlab_contract::conformance::SplitMix;
use mixlab_contract::scenario::hex;
use sha2::{Digest, Sha256};

/// Weights, in the order of the formula.
#[derive(Clone, Debug, PartialEq)]
pub struct Perceptron {
    /// `[F]`
    pub centre: Vec<f32>,
    /// `[F]`
    pub scale: Vec<f32>,
    /// Width of both hidden layers.
    pub hidden: usize,
    /// A `[F][H]`, α `[H]`, B `[H][H]`, β `[H]`, c `[H]`, γ `[1]`, one after another.
    pub weights: Vec<f32>,
    /// Parts of the hidden layers that B does not connect: 1, or in a mean the number of its members. It decides the cost only.
    parts: usize,
}

/// Where each tensor begins in [`Perceptron::weights`].
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// α.
    pub first_bias: usize,
    /// B.
    pub second: usize,
    /// β.
    pub second_bias: usize,
    /// c.
    pub last: usize,
    /// γ.
    pub last_bias: usize,
    /// Number of weights.
    pub total: usize,
}

impl Layout {
    /// The layout for a number of inputs and a hidden width.
    pub const fn of(inputs: usize, hidden: usize) -> Self {
        let first_bias = inputs * hidden;
        let second = first_bias + hidden;
        let second_bias = second + hidden * hidden;
        let last = second_bias + hidden;
        let last_bias = last + hidden;
        Self { first_bias, second, second_bias, last, last_bias, total: last_bias + 1 }
    }
}

/// Hidden values of one evaluation, kept for the gradient.
#[derive(Clone, Debug, Default)]
pub struct Activations {
    /// z `[F]`.
    pub input: Vec<f32>,
    /// a `[H]`.
    pub first: Vec<f32>,
    /// b `[H]`.
    pub second: Vec<f32>,
    /// Instruction level of the machine; it decides the cost, not the bits.
    simd: Simd,
}

impl Perceptron {
    /// A function with these numbers; what B leaves unconnected now must stay so.
    pub fn new(centre: Vec<f32>, scale: Vec<f32>, hidden: usize, weights: Vec<f32>) -> Self {
        let parts = parts(&Layout::of(centre.len(), hidden), hidden, &weights);
        Self { centre, scale, hidden, weights, parts }
    }

    /// A function of `inputs` numbers that is 0 everywhere and can be trained: random hidden layers (He's rule), no output yet.
    pub fn untrained(inputs: usize, hidden: usize, seed: u64) -> Self {
        let layout = Layout::of(inputs, hidden);
        let mut random = SplitMix(seed);
        let mut weights = vec![0.0; layout.total];
        let mut fill = |range: std::ops::Range<usize>, inputs: usize| {
            let width = (6.0 / inputs as f32).sqrt();
            for w in &mut weights[range] {
                *w = (random.next_u64() >> 40) as f32 / (1u32 << 23) as f32 * width - width;
            }
        };
        fill(0..layout.first_bias, inputs);
        fill(layout.second..layout.second_bias, hidden);
        Self::new(vec![0.0; inputs], vec![1.0; inputs], hidden, weights)
    }

    /// A function that is a sum of functions of one feature each, linear on either side of its mean, while only the last layer
    /// learns: hidden units are max(0, z_i) and max(0, −z_i).
    pub fn additive(inputs: usize) -> Self {
        let hidden = (2 * inputs).next_multiple_of(BLOCK);
        let layout = Layout::of(inputs, hidden);
        let mut weights = vec![0.0; layout.total];
        for i in 0..inputs {
            weights[i * hidden + 2 * i] = 1.0;
            weights[i * hidden + 2 * i + 1] = -1.0;
        }
        for j in 0..hidden {
            weights[layout.second + j * hidden + j] = 1.0;
        }
        Self::new(vec![0.0; inputs], vec![1.0; inputs], hidden, weights)
    }

    /// The function that is the mean of some: their hidden units side by side, in blocks.
    ///
    /// Inputs are centred and scaled as in the first; what differs in the others goes into their first layer. Where the first
    /// is blind to an input, so is the mean. PRECONDITION: at least one, all of the same inputs.
    pub fn mean(models: &[Self]) -> Self {
        let hidden = models.iter().map(|m| m.hidden).sum();
        let first = &models[0];
        let inputs = first.inputs();
        let to = Layout::of(inputs, hidden);
        let mut weights = vec![0.0; to.total];
        let mut start = 0;
        for m in models {
            let (h, from, w) = (m.hidden, m.layout(), &m.weights);
            weights[to.first_bias + start..][..h].copy_from_slice(&w[from.first_bias..from.second]);
            for i in 0..inputs {
                // (x − c)·s = (x − c₀)·s₀ · (s ÷ s₀) + (c₀ − c)·s
                let scale = if first.scale[i] == 0.0 { 0.0 } else { m.scale[i] / first.scale[i] };
                let shift = (first.centre[i] - m.centre[i]) * m.scale[i];
                for j in 0..h {
                    weights[i * hidden + start + j] = w[i * h + j] * scale;
                    weights[to.first_bias + start + j] += w[i * h + j] * shift;
                }
            }
            for i in 0..h {
                let row = to.second + (start + i) * hidden + start;
                weights[row..row + h].copy_from_slice(&w[from.second + i * h..][..h]);
            }
            weights[to.second_bias + start..][..h].copy_from_slice(&w[from.second_bias..from.last]);
            for j in 0..h {
                weights[to.last + start + j] = w[from.last + j] / models.len() as f32;
            }
            weights[to.last_bias] += w[from.last_bias] / models.len() as f32;
            start += h;
        }
        Self::new(first.centre.clone(), first.scale.clone(), hidden, weights)
    }

    /// Numbers it is a function of.
    pub fn inputs(&self) -> usize {
        self.centre.len()
    }

    /// Where its tensors begin.
    pub fn layout(&self) -> Layout {
        Layout::of(self.inputs(), self.hidden)
    }

    /// SHA-256 of all numbers, little-endian, as hex digits.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for v in self.centre.iter().chain(&self.scale).chain(&self.weights) {
            digest.update(v.to_le_bytes());
        }
        hex(&digest.finalize())
    }

    /// g(x `[F]`). Cost: F·H + H² ÷ parts multiplications at most.
    pub fn evaluate(&self, x: &[f32], at: &mut Activations) -> f32 {
        let h = self.hidden;
        let layout = self.layout();
        let w = &self.weights;
        at.input.clear();
        at.input.extend(x.iter().zip(&self.centre).zip(&self.scale).map(|((x, c), s)| (x - c) * s));
        at.first.resize(h, 0.0);
        at.second.resize(h, 0.0);
        let (matrix, bias) = w[..layout.second].split_at(layout.first_bias);
        rectified(at.simd, 1, &at.input, matrix, bias, &mut at.first);
        let (matrix, bias) = w[layout.second..layout.last].split_at(h * h);
        rectified(at.simd, self.parts, &at.first, matrix, bias, &mut at.second);
        let sum: f32 = at.second.iter().zip(&w[layout.last..layout.last_bias]).map(|(b, c)| b * c).sum();
        sum + w[layout.last_bias]
    }

    /// Adds ∂g·`slope` / ∂weights to `gradient`, for the evaluation that `at` is of.
    pub fn add_gradient(&self, at: &Activations, slope: f32, gradient: &mut [f32], scratch: &mut [Vec<f32>; 2]) {
        let h = self.hidden;
        let layout = self.layout();
        let [by_first, by_second] = scratch;
        gradient[layout.last_bias] += slope;
        let last = &self.weights[layout.last..layout.last_bias];
        by_second.clear();
        for j in 0..h {
            gradient[layout.last + j] += slope * at.second[j];
            by_second.push(if at.second[j] > 0.0 { slope * last[j] } else { 0.0 });
        }
        by_first.clear();
        for i in 0..h {
            let row = &self.weights[layout.second + i * h..layout.second + (i + 1) * h];
            let back: f32 = if at.first[i] > 0.0 { dot(row, by_second) } else { 0.0 };
            by_first.push(back);
        }
        add_outer(at.simd, &at.first, by_second, &mut gradient[layout.second..layout.second_bias]);
        add(by_second, &mut gradient[layout.second_bias..layout.last]);
        add_outer(at.simd, &at.input, by_first, &mut gradient[..layout.first_bias]);
        add(by_first, &mut gradient[layout.first_bias..layout.second]);
    }
}

/// The most equal parts of the hidden layers that the second matrix leaves unconnected.
fn parts(layout: &Layout, hidden: usize, weights: &[f32]) -> usize {
    let matrix = &weights[layout.second..layout.second_bias];
    let apart = |parts: &usize| {
        let width = hidden / parts;
        let fits = hidden.is_multiple_of(*parts) && width.is_multiple_of(BLOCK);
        let row = |(i, row): (usize, &[f32])| (0..hidden).all(|j| row[j] == 0.0 || i / width == j / width);
        fits && matrix.chunks_exact(hidden).enumerate().all(row)
    };
    (1..=hidden / BLOCK).rev().find(apart).unwrap_or(1)
}

/// Sum of products in eight interleaved parts, so that it vectorises in a fixed order.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut parts = [0.0f32; 8];
    let (whole, rest) = (a.len() / 8 * 8, a.len() % 8);
    for (x, y) in a[..whole].chunks_exact(8).zip(b[..whole].chunks_exact(8)) {
        for k in 0..8 {
            parts[k] += x[k] * y[k];
        }
    }
    for k in 0..rest {
        parts[k] += a[whole + k] * b[whole + k];
    }
    parts.iter().sum()
}

fn add(from: &[f32], to: &mut [f32]) {
    for (t, f) in to.iter_mut().zip(from) {
        *t += f;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUTS: usize = 30;

    /// A function that depends on all of its inputs and weights.
    fn any(hidden: usize, seed: u64) -> Perceptron {
        let mut model = Perceptron::untrained(INPUTS, hidden, seed);
        let mut random = SplitMix(seed);
        let mut number = || (random.next_u64() >> 40) as f32 / (1u32 << 24) as f32 - 0.5;
        for w in model.weights.iter_mut().filter(|w| **w == 0.0) {
            *w = number();
        }
        model.centre.iter_mut().for_each(|c| *c = number());
        model.scale.iter_mut().for_each(|s| *s = number() + 1.0);
        model
    }

    #[test]
    fn the_mean_of_functions_is_their_mean_everywhere() {
        let models = [any(16, 1), any(32, 2), any(16, 3)];
        let mean = Perceptron::mean(&models);
        assert_eq!((mean.hidden, mean.parts), (64, 1), "widths differ");
        let (mut at, mut random) = (Activations::default(), SplitMix(7));
        for _ in 0..100 {
            let x: [f32; INPUTS] = std::array::from_fn(|_| (random.next_u64() >> 40) as f32 / (1u32 << 22) as f32);
            let expected = models.iter().map(|m| m.evaluate(&x, &mut at)).sum::<f32>() / 3.0;
            let found = mean.evaluate(&x, &mut at);
            assert!((found - expected).abs() < 1e-4 * expected.abs().max(1.0), "{found}, expected {expected}");
        }
        let equal = Perceptron::mean(&[any(16, 1), any(16, 2), any(16, 3)]);
        let whole = Perceptron { parts: 1, ..equal.clone() };
        let [ours, slow] = [&equal, &whole].map(|m| m.evaluate(&[0.5; INPUTS], &mut at).to_bits());
        assert_eq!((equal.parts, ours), (3, slow), "parts decide the cost only");
        assert_eq!(
            Perceptron::mean(&models[..1]).evaluate(&[0.5; INPUTS], &mut at).to_bits(),
            models[0].evaluate(&[0.5; INPUTS], &mut at).to_bits()
        );
    }
}
