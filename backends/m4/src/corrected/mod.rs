//! The fluid-conditioned model: `flowsim-window`'s fluid with a learned correction of every flow's rate.
//!
//! ```text
//! contention: max-min rates, queues they imply ─ features ─ perceptron ─► g ─► network: speed = rate · e^g
//! ```

pub mod backend;
pub mod contention;
pub mod features;
pub mod network;
pub mod perceptron;
pub mod weights;

pub use backend::M4Backend;
pub use network::CorrectedNetwork;
pub use perceptron::Perceptron;
