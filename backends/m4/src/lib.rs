//! Learned flow-level simulation.
//!
//! [`corrected`] is the fluid-conditioned model: `flowsim-window`'s fluid, whose rates a small learned function corrects for
//! what contention adds. [`train`] makes its weights.

pub mod corrected;
pub mod train;

pub use corrected::{CorrectedNetwork, M4Backend};
