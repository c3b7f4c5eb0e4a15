//! m4: a learned flow-level simulator, run in-process on a plain CPU.

pub mod numerics;
pub mod paper;
pub mod weights;
