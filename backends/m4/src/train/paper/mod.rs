//! Training of the published architecture, as published.
//!
//! ```text
//! truth of a scenario (FCTs, supervision) ── periods ──► Sampling::draw ──► Sequence ──► Trainer: step, step, … ──► model
//!                                            busy periods   by length        labels        forwards, backwards, Adam
//! ```
//!
//! A sequence is one busy period with the true times of its events (teacher forcing). Its states go through the engine's own
//! forward pass; the reverse pass is written by hand on the engine's kernels. [`Options`] has every choice and its published value.

mod checkpoint;
mod gradient;
mod loss;
mod optimiser;
mod options;
mod packed;
mod pass;
mod period;
mod plan;
mod sampling;
mod sequence;
mod trained;
mod trainer;

#[cfg(test)]
mod tests;

pub use checkpoint::ResumeError;
pub use loss::Losses;
pub use options::{Options, Plateau, Questions, Reduction, Sampling, Updates};
pub use period::{Period, periods};
pub use sampling::Drawn;
pub use sequence::{Sequence, SequenceError};
pub use trainer::{Report, Trainer};
