//! The fluid-conditioned model: `flowsim-window`'s fluid with a learned correction of every flow's rate.
//!
//! ```text
//! contention: max-min rates, queues they imply ─ features ─ perceptron ─► g ─► network: speed = rate · e^g
//! ```

pub mod backend;
pub mod contention;
pub mod features;
pub mod network;

pub use backend::CorrectedBackend;
pub use network::CorrectedNetwork;
