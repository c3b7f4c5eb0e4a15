//! m4: a learned flow-level simulator, run in-process on a plain CPU.

mod calendar;
mod capacity;
pub mod numerics;
pub mod paper;
mod schedule;
pub mod weights;
