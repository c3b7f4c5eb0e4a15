//! Training and evaluation of the learned backend: mixes to learn from, their ground truth, and what comes out.

pub mod draws;
pub mod truth;
