//! Loss, gradient and optimiser.
//!
//! ```text
//! P = Σ_rows share · min(e^g, ceiling) / factor        what the flow would have sent with these weights (see record)
//! z = ln(fixed + transfer / P)                         log of predicted ÷ true FCT
//! h(u) = √(u² + δ²) − δ                                 |u| for |u| ≫ δ, smooth at 0
//! loss = (1 − a) · h(z) + a · h(eᶻ − 1)                 a = 0: equal cost of factors; a = 1: the error that scores are made of
//! ```
//!
//! Too slow by a factor costs more in the second part than too fast by the same: what is uncertain is predicted lower, and the
//! closed loop, in which slow flows pile up, is calmer.
//!
//! Adam (Kingma and Ba, 2015) on means over batches of flows drawn without replacement; the learning rate falls as a half cosine.
//! Everything is a function of seed and recordings: equal inputs give equal weights, bit for bit.

use super::record::{Life, Recording};
use crate::corrected::features::exp;
use crate::corrected::network::BOUNDS;
use crate::perceptron::{Activations, Perceptron};
use mixlab_contract::conformance::SplitMix;

/// Options of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Steps in all.
    pub steps: u64,
    /// Flows per step.
    pub batch: usize,
    /// Learning rate at the first step.
    pub rate: f32,
    /// δ and a of the loss.
    pub shape: (f32, f32),
    /// Weight of a flow = slowdown to this power.
    pub emphasis: f32,
    /// Seed of the order of flows.
    pub seed: u64,
    /// Whether only the last layer learns.
    pub frozen: bool,
}

/// A training in progress.
#[derive(Clone, Debug)]
pub struct Descent {
    /// The weights so far.
    pub model: Perceptron,
    /// First and second moments.
    moments: [Vec<f32>; 2],
    /// Steps done.
    pub step: u64,
    schedule: Schedule,
}

/// Buffers of one evaluation of loss and gradient.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    at: Vec<Activations>,
    capped: Vec<bool>,
    scratch: [Vec<f32>; 2],
}

/// z of a life and ∂z/∂g of each row. Cost: one evaluation per row.
///
/// Above the ceiling a larger g has no effect, a smaller one does: the slope is kept where it asks for less.
fn error<const F: usize>(
    model: &Perceptron,
    all: &Recording<F>,
    life: &Life,
    work: &mut Workspace,
    slopes: &mut Vec<f32>,
) -> f32 {
    let rows = &all.rows[life.first as usize..(life.first + life.count) as usize];
    work.at.resize_with(work.at.len().max(rows.len()), Activations::default);
    slopes.clear();
    work.capped.clear();
    let mut progress = 0.0f32;
    for (row, at) in rows.iter().zip(&mut work.at) {
        let free = if row.contended { exp(model.evaluate(&row.features, at).clamp(BOUNDS.0, BOUNDS.1)) } else { 1.0 };
        let sent = row.share * free.min(row.ceiling) / row.factor;
        progress += sent;
        slopes.push(if row.contended { sent } else { 0.0 });
        work.capped.push(free >= row.ceiling);
    }
    let ratio = (life.fixed + life.transfer / progress).max(1e-6);
    let outer = -life.transfer / (progress * progress) / ratio;
    slopes.iter_mut().for_each(|s| *s *= outer);
    let z = ratio.ln();
    for (slope, capped) in slopes.iter_mut().zip(&work.capped) {
        if *capped && z > 0.0 {
            *slope = 0.0;
        }
    }
    z
}

/// z up to which the second part of the loss is taken as it is; beyond, it goes on as a straight line.
const STEEPEST: f32 = 1.5;

/// The loss (δ, a) of z and its derivative.
fn loss((smooth, asymmetry): (f32, f32), z: f32) -> (f32, f32) {
    let root = (z * z + smooth * smooth).sqrt();
    let ratio = exp(z.min(STEEPEST));
    let u = ratio - 1.0 + ratio * (z - STEEPEST).max(0.0);
    let other = (u * u + smooth * smooth).sqrt();
    let value = (1.0 - asymmetry) * root + asymmetry * other - smooth;
    (value, (1.0 - asymmetry) * z / root + asymmetry * ratio * u / other)
}

/// Loss (δ, a) of a life; adds its gradient times `weight`.
pub fn learn<const F: usize>(
    model: &Perceptron,
    all: &Recording<F>,
    life: &Life,
    (weight, shape): (f32, (f32, f32)),
    gradient: &mut [f32],
    work: &mut Workspace,
) -> f32 {
    let mut slopes = Vec::new();
    let z = error(model, all, life, work, &mut slopes);
    let (value, outer) = loss(shape, z);
    for (k, slope) in slopes.iter().enumerate() {
        let s = slope * weight * outer;
        if s != 0.0 {
            model.add_gradient(&work.at[k], s, gradient, &mut work.scratch);
        }
    }
    value
}

/// Predicted ÷ true FCT of the flows of a recording, had each alone been corrected by `model`.
pub fn ratios<const F: usize>(model: &Perceptron, all: &Recording<F>) -> Vec<f32> {
    let (mut work, mut slopes) = (Workspace::default(), Vec::new());
    all.lives.iter().map(|life| exp(error(model, all, life, &mut work, &mut slopes))).collect()
}

/// Mean |z| and mean z over the flows of some recordings.
pub fn assess<const F: usize>(model: &Perceptron, recordings: &[Recording<F>]) -> (f64, f64) {
    let (mut work, mut slopes) = (Workspace::default(), Vec::new());
    let (mut size, mut bias, mut count) = (0.0, 0.0, 0.0f64);
    for all in recordings {
        for life in &all.lives {
            let z = f64::from(error(model, all, life, &mut work, &mut slopes));
            (size, bias, count) = (size + z.abs(), bias + z, count + 1.0);
        }
    }
    (size / count.max(1.0), bias / count.max(1.0))
}

/// Centre and scale of the features over the contended rows of `recordings`; constant features get scale 1.
pub fn standardise<const F: usize>(model: &mut Perceptron, recordings: &[Recording<F>]) {
    let (mut sum, mut squares, mut count) = ([0.0f64; F], [0.0f64; F], 0.0f64);
    for row in recordings.iter().flat_map(|r| &r.rows).filter(|r| r.contended) {
        count += 1.0;
        for (i, x) in row.features.iter().enumerate() {
            sum[i] += f64::from(*x);
            squares[i] += f64::from(*x) * f64::from(*x);
        }
    }
    for i in 0..F {
        let mean = sum[i] / count.max(1.0);
        let deviation = (squares[i] / count.max(1.0) - mean * mean).max(0.0).sqrt();
        model.centre[i] = mean as f32;
        model.scale[i] = if deviation > 1e-4 { (1.0 / deviation) as f32 } else { 1.0 };
    }
}

impl Descent {
    /// A training from `model` on.
    pub fn new(model: Perceptron, schedule: Schedule) -> Self {
        let zeros = vec![0.0; model.weights.len()];
        Self { model, moments: [zeros.clone(), zeros], step: 0, schedule }
    }

    /// First and second moments of the gradient.
    pub fn moments(&self) -> &[Vec<f32>; 2] {
        &self.moments
    }

    /// Goes on from step `step` with these moments.
    pub fn restore(&mut self, moments: [Vec<f32>; 2], step: u64) {
        (self.moments, self.step) = (moments, step);
    }

    /// One step; the mean loss of its batch.
    pub fn advance<const F: usize>(&mut self, recordings: &[&Recording<F>], work: &mut Workspace) -> f32 {
        let s = self.schedule;
        // The batch is a function of the step alone, so that a resumed training goes on as if it had never stopped.
        let mut random = SplitMix(SplitMix(s.seed.wrapping_add(self.step << 20)).next_u64());
        let mut gradient = vec![0.0f32; self.model.weights.len()];
        let (mut loss, mut weights) = (0.0, 0.0);
        for _ in 0..s.batch {
            let all = recordings[random.below(recordings.len() as u64) as usize];
            let life = &all.lives[random.below(all.lives.len() as u64) as usize];
            let weight = life.slowdown.max(1.0).powf(s.emphasis);
            loss += weight * learn(&self.model, all, life, (weight, s.shape), &mut gradient, work);
            weights += weight;
        }
        gradient.iter_mut().for_each(|g| *g /= weights);
        if s.frozen {
            gradient[..self.model.layout().last].fill(0.0);
        }
        self.adam(&gradient);
        loss / weights
    }

    fn adam(&mut self, gradient: &[f32]) {
        const DECAY: [f32; 2] = [0.9, 0.999];
        self.step += 1;
        let progress = self.step as f32 / self.schedule.steps as f32;
        let rate = self.schedule.rate * (0.005 + 0.5 * (1.0 + (progress * std::f32::consts::PI).cos()));
        let correction = DECAY.map(|d| 1.0 - d.powi(self.step.min(100_000) as i32));
        let [first, second] = &mut self.moments;
        let norm = gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
        let clip = if norm > 1.0 { 1.0 / norm } else { 1.0 };
        for (i, w) in self.model.weights.iter_mut().enumerate() {
            let g = gradient[i] * clip;
            first[i] = DECAY[0] * first[i] + (1.0 - DECAY[0]) * g;
            second[i] = DECAY[1] * second[i] + (1.0 - DECAY[1]) * g * g;
            *w -= rate * (first[i] / correction[0]) / ((second[i] / correction[1]).sqrt() + 1e-8);
        }
    }
}
