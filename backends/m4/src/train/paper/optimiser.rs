//! Adam (Kingma and Ba, 2015) and a learning rate that falls when the validation loss stops falling.

use super::options::{Options, Plateau};

const DECAY: [f32; 2] = [0.9, 0.999];
const EPSILON: f32 = 1e-8;
/// The least relative improvement that counts.
const THRESHOLD: f32 = 1e-4;

/// The optimiser's memory.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Adam {
    /// First and second moments of the gradient, in the order of the weights.
    pub moments: [Vec<f32>; 2],
    /// Steps taken.
    pub step: u64,
    pub rate: f32,
    /// Smallest validation loss so far.
    pub best: f32,
    /// Epochs since then.
    pub stale: u64,
}

impl Adam {
    pub fn new(weights: usize, options: &Options) -> Self {
        let zeros = vec![0.0; weights];
        Self { moments: [zeros.clone(), zeros], step: 0, rate: options.learning_rate, best: f32::MAX, stale: 0 }
    }

    /// Shortens the gradient if asked to; returns how long it was.
    pub fn clip(gradient: &mut [f32], longest: Option<f32>) -> f32 {
        let length = gradient.iter().map(|g| f64::from(*g) * f64::from(*g)).sum::<f64>().sqrt() as f32;
        if let Some(longest) = longest.filter(|l| length > *l) {
            gradient.iter_mut().for_each(|g| *g *= longest / length);
        }
        length
    }

    /// Counts a step; then [`Self::apply`] moves the weights, part by part.
    pub fn advance(&mut self) {
        self.step += 1;
    }

    /// Moves `weights`, the part of all from `at` on, against their gradient.
    pub fn apply(&mut self, at: usize, weights: &mut [f32], gradient: &[f32], weight_decay: f32) {
        let correction = DECAY.map(|d| 1.0 - f64::from(d).powf(self.step as f64) as f32);
        let [first, second] = &mut self.moments;
        let (first, second) = (&mut first[at..][..weights.len()], &mut second[at..][..weights.len()]);
        for (i, w) in weights.iter_mut().enumerate() {
            let g = gradient[at + i] + weight_decay * *w;
            first[i] = DECAY[0] * first[i] + (1.0 - DECAY[0]) * g;
            second[i] = DECAY[1] * second[i] + (1.0 - DECAY[1]) * g * g;
            *w -= self.rate * (first[i] / correction[0]) / ((second[i] / correction[1]).sqrt() + EPSILON);
        }
    }

    /// An epoch ended with this validation loss.
    pub fn judge(&mut self, validation: f32, plateau: Plateau) {
        if validation < self.best * (1.0 - THRESHOLD) {
            (self.best, self.stale) = (validation, 0);
            return;
        }
        self.stale += 1;
        if self.stale > plateau.patience {
            self.rate = (self.rate * plateau.factor).max(plateau.least);
            self.stale = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_has_the_length_of_the_learning_rate_whatever_the_gradient() {
        let options = Options { learning_rate: 0.01, ..Options::default() };
        let mut adam = Adam::new(3, &options);
        let mut weights = [1.0, 2.0, 3.0];
        adam.advance();
        adam.apply(0, &mut weights, &[1e-3, -50.0, 0.0], 0.0);
        for (w, want) in weights.iter().zip([0.99, 2.01, 3.0]) {
            assert!((w - want).abs() < 1e-4, "{w}, expected {want}");
        }
    }

    #[test]
    fn the_rate_falls_after_more_than_patience_epochs_without_improvement_and_not_below_the_least() {
        let mut adam = Adam::new(0, &Options::default());
        let plateau = Plateau { factor: 0.1, patience: 2, least: 2e-6 };
        let rates: Vec<f32> = [5.0, 4.0, 4.0, 3.9999, 4.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]
            .iter()
            .map(|loss| {
                adam.judge(*loss, plateau);
                adam.rate
            })
            .collect();
        let (a, b, c) = (1e-4, 1e-4 * 0.1, 2e-6);
        assert_eq!(rates, [a, a, a, a, b, b, b, b, c, c, c, c]);
    }

    #[test]
    fn long_gradients_are_shortened_and_short_ones_are_not() {
        let mut gradient = [3.0, 4.0];
        assert_eq!(Adam::clip(&mut gradient, Some(10.0)), 5.0);
        assert_eq!(gradient, [3.0, 4.0]);
        Adam::clip(&mut gradient, Some(1.0));
        assert!((gradient[0] - 0.6).abs() < 1e-6 && (gradient[1] - 0.8).abs() < 1e-6);
    }
}
