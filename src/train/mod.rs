//! Training and evaluation of the learned backend: mixes to learn from, their ground truth, and what comes out.
//!
//! ```text
//! draws, mix space, store ── sets ──► training │ validation │ test ── truth in the store ── lessons
//!                                                                                              │
//!            weights, checkpoints, log (loss.csv, TensorBoard) ◄── course (one per architecture) ◄
//! ```

pub mod checkpoint;
pub mod course;
pub mod draws;
pub mod lessons;
pub mod log;
pub mod paper;
pub mod refined;
pub mod session;
pub mod sets;
pub mod tensorboard;
pub mod truth;
