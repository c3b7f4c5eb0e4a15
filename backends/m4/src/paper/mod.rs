//! The published m4 architecture (arXiv 2503.01770 and its public code): states of flows and links, moved on at every start
//! and end of a flow by recurrent cells and a graph network, and a head that predicts each flow's final slowdown.
//!
//! ```text
//! flow state h[H]   at its start   h0 = 1, h2 = log2(bytes / 1000 + 1), h3 = links of its path, else 0
//! link state z[H]   while idle     z1 = 1, z2 = 1, else 0
//!
//! at every event, for the flows S of the component it happens in and the links L they cross:
//!   d = max over S of (now − last update), µs
//!   if d > 0       h ← TimeCell(d, h)                     z ← LinkTimeCell(d, z)
//!   x = (h, z); three times (SAGE convolution, sum over neighbours, both directions):
//!                  p = ReLU(W_p x + b_p)        x_i ← LayerNorm(W_l Σ_neighbours p + b_l + W_r x_i)
//!   h ← RateCell((x, parameters), h)            z ← LinkRateCell(x, z)
//!   slowdown = max(1, W_2 ReLU(W_1 (links, parameters, h) + b_1) + b_2)      predicted end = start + slowdown · ideal FCT
//! the next event is the earliest of the next start and the predicted ends
//! ```
//!
//! Shapes: H = 200; graph widths 200 → 300 → 300 → 200; head 1 + 13 + H → 200 → 1; 13 parameters of the scenario.
//! Left out, as in the original: rates, propagation delays, order of hops, buffers per port, PFC state.

pub mod checkpoint;
pub mod config;
pub(crate) mod features;
pub(crate) mod graph;
pub mod model;
pub mod network;
pub mod original;
pub mod parameters;
pub mod reference;
pub mod weights;

pub use checkpoint::Checkpoint;
pub use config::{Components, Config, Rules};
pub use model::Model;
pub use network::M4Network;
pub use parameters::{PARAMETERS, parameters};
pub use reference::ReferenceNetwork;
pub use weights::Weights;
