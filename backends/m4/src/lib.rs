//! m4: a learned flow-level simulator, run in-process on a plain CPU, without a machine-learning framework.
//!
//! ```text
//! folder of weights ── weights: manifest + safetensors, or TorchScript
//!                          │
//! Scenario ── paper: parameters, features ──► model: forward pass ◄── numerics: kernels
//!                          │                       │
//! driver ──────────► network: clock, starts, predicted ends, graph of flows and links
//! ```
//!
//! [`paper`] is the published architecture, with [`paper::reference`] as its slow twin. The README has the equations, what
//! the model leaves out, where it is valid and how fast it is.

pub mod backend;
mod calendar;
mod capacity;
pub mod numerics;
pub mod paper;
mod schedule;
pub mod weights;

pub use backend::M4Backend;
pub use paper::{Checkpoint, Components, M4Network, ReferenceNetwork, Rules};
