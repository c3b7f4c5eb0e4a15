//! Everything that is trained: the model's weights, and two heads that only training needs, which read a state and say what a
//! flow has left and how long a queue is.
//!
//! ```text
//! head   state [H] → ReLU, [H] → 1
//! names  remaining.0.weight, remaining.0.bias, remaining.1.weight, remaining.1.bias; queue likewise
//! ```

use crate::paper::weights::{Dense, uniform};
use crate::paper::{Config, Weights};

/// A head of training.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// H → H
    pub hidden: Dense,
    /// H → 1
    pub out: Dense,
}

/// What the optimiser moves.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The model.
    pub weights: Weights,
    /// From a flow's state: remaining ÷ size.
    pub remaining: Head,
    /// From a link's state: the cube root of its queue's bytes.
    pub queue: Head,
}

impl Trained {
    /// As a training starts; the same for equal seeds.
    ///
    /// # Panics
    /// If the dimensions don't fit together.
    pub fn untrained(config: Config, seed: u64) -> Self {
        let empty = || Dense { weight: Vec::new(), bias: Vec::new() };
        let head = || Head { hidden: empty(), out: empty() };
        let scale = 1.0 / (config.hidden as f32).sqrt();
        let mut trained = Self { weights: Weights::untrained(config, seed), remaining: head(), queue: head() };
        // Another stream than the weights'.
        let mut state = seed ^ 0x7261_6e64_6f6d_6c79;
        trained.each_of_heads(|_, shape, values| {
            *values = (0..shape.iter().product()).map(|_| uniform(&mut state) * scale).collect();
        });
        trained
    }

    /// Calls `visit` with name, shape and values of every tensor, always in the same order: the model's first.
    pub fn each(&mut self, mut visit: impl FnMut(&str, &[usize], &mut Vec<f32>)) {
        self.weights.each(&mut visit);
        self.each_of_heads(visit);
    }

    /// The heads' tensors alone.
    pub fn each_of_heads(&mut self, mut visit: impl FnMut(&str, &[usize], &mut Vec<f32>)) {
        let h = self.weights.config.hidden;
        for (name, head) in [("remaining", &mut self.remaining), ("queue", &mut self.queue)] {
            visit(&format!("{name}.0.weight"), &[h, h], &mut head.hidden.weight);
            visit(&format!("{name}.0.bias"), &[h], &mut head.hidden.bias);
            visit(&format!("{name}.1.weight"), &[1, h], &mut head.out.weight);
            visit(&format!("{name}.1.bias"), &[1], &mut head.out.bias);
        }
    }

    /// Number of weights.
    pub fn len(&mut self) -> usize {
        let mut count = 0;
        self.each(|_, shape, _| count += shape.iter().product::<usize>());
        count
    }
}
