//! The arithmetic of small neural networks on one core: linear maps, GRU cells, layer norm, sums over neighbours.
//!
//! ```text
//! Linear     y = W x + b                       W [M, K] row-major as trained, packed once for the kernels
//! Gru        r = σ(W_ir x + b_ir + W_hr h + b_hr)      z likewise
//!            n = tanh(W_in x + b_in + r ∘ (W_hn h + b_hn))
//!            h ← (1 − z) ∘ n + z ∘ h
//! layer      y = max(0, b + Σ x_i · A_i)        A [K, M] input by input, no fused multiply-add
//! LayerNorm  y = gain ∘ (x − mean) ÷ √(variance + 1e-5) + offset
//! ```
//!
//! Shapes: N rows (flows or links) of K inputs or M outputs, row-major, without padding. Every kernel computes a row the
//! same way whatever the other rows are, and gives the same bits at every instruction level (same order, fused
//! multiply-add everywhere, or nowhere in [`layer`]), so results depend neither on batching nor on the machine. Inference
//! and training share these definitions. [`naive`] is the slow, obvious twin in double precision.
//!
//! Left out: threads, batching over models, other number formats.

pub mod gru;
pub mod layer;
pub mod linear;
pub mod naive;
pub mod norm;
pub mod scalar;
#[allow(unsafe_code)]
pub mod simd;

pub use gru::{Gru, GruScratch};
pub use linear::{Finish, Linear};
pub use norm::LayerNorm;
pub use simd::{Neighbours, Simd};
