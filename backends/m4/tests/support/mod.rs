//! Small models with random weights, for tests.

#![allow(dead_code, reason = "shared by several binaries, each of which uses a part")]

use mixlab_m4::Checkpoint;
use mixlab_m4::paper::{Config, Weights};

/// Names of all congestion controls.
pub fn all_controls() -> Vec<String> {
    ["dctcp", "dcqcn", "hp", "timely"].map(String::from).to_vec()
}

/// Dimensions of a model that a debug build runs in no time; odd ones, so that kernels meet their remainders.
pub fn small() -> Config {
    Config { hidden: 12, exchange: vec![12, 20, 17, 12], head: 9, recurrent: true }
}

/// Untrained weights whose predictions spread over about 1 to 10: the last bias is raised, the last weights too.
pub fn random_weights(config: Config, seed: u64) -> Weights {
    let mut weights = Weights::untrained(config, seed);
    weights.slowdown.bias[0] = 2.0;
    weights.slowdown.weight.iter_mut().for_each(|w| *w *= 3.0);
    weights
}

/// A checkpoint that claims to be trained for everything.
pub fn checkpoint(seed: u64) -> Checkpoint {
    Checkpoint::new(random_weights(small(), seed), all_controls(), Default::default())
}
