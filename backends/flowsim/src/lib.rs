//! Exact max-min fluid simulation of flows over a network: the baseline of the field, and the same with windows.
//!
//! ```text
//! Scenario ── terms: volume, highest rates, latency of each flow
//!                 │
//! driver ──► network: clock, arrivals, ends ◄──► solver: max-min fair rates, repaired where a change reaches
//!                 │
//!              events
//! ```
//!
//! [`oracle`] is the slow, obvious twin that the engine is compared with. The README has the model, what it leaves out and
//! how far off it is.

pub mod backend;
pub mod calendar;
pub mod heap;
pub mod network;
pub mod oracle;
pub mod solver;
pub mod terms;

pub use backend::FlowsimBackend;
pub use network::FluidNetwork;
pub use oracle::OracleNetwork;
pub use solver::MaxMin;
pub use terms::{Rules, Terms};
