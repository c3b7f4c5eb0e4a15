//! The model that ships: `coarse` with trains of a few packets, and a learned function of what became of a flow in it.
//!
//! ```text
//! coarse, grain 2 ─ what a flow met: waits, marks, rate ─ features ─ perceptron ─► g ─► FCT = lone + wait · e^(−g)
//! ```

pub mod backend;
pub mod features;
pub mod network;

pub use backend::RefinedBackend;
pub use network::{GRAIN, RefinedNetwork};
