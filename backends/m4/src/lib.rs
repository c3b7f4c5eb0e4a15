//! m4: learned flow-level simulators, run in-process on a plain CPU, without a machine-learning framework.
//!
//! ```text
//! Scenario ──► refined: coarse in trains of a few packets, waits refined by a small learned function ◄─┐
//! Scenario ──► corrected: flowsim-window's fluid, rates corrected by another ◄─────────────────────────┴ shipped weights ◄── train
//!
//! folder of weights ── weights: manifest + safetensors, or TorchScript
//!                          │
//! Scenario ── paper: parameters, features ──► model: forward pass ◄── numerics: kernels
//!                          │                       │
//! driver ──────────► network: clock, starts, predicted ends, graph of flows and links
//! ```
//!
//! [`refined`] is the default model, [`corrected`] the cheapest. [`paper`] is the published architecture, with [`paper::reference`] as its slow twin,
//! for weights a user has. The README has the equations, what the models leave out, where they are valid and how fast they are.

pub mod backend;
mod calendar;
mod capacity;
pub mod corrected;
pub mod numerics;
pub mod paper;
pub mod perceptron;
pub mod refined;
pub mod train;
pub mod weights;

pub use backend::PaperBackend;
pub use corrected::{CorrectedBackend, CorrectedNetwork};
pub use paper::{Checkpoint, Components, M4Network, ReferenceNetwork, Rules};
pub use perceptron::Perceptron;
pub use refined::RefinedBackend;
