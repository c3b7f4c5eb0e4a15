//! Coarse packet-level simulation: the transport and the switches of `packet`, in ticks and trains of packets, with steady phases
//! skipped. The README has the model, what it ignores and how wrong it is.
//!
//! ```text
//! drive ─► CoarseNetwork (network) ─ per tick: ACKs ─► control (rates) ─► cards send ─► fabric (queues, pauses)
//! ```

pub mod backend;
pub mod control;
pub mod fabric;
pub mod network;
pub mod onlooker;
pub mod ring;
mod sender;
mod steady;
pub mod telemetry;

pub use backend::CoarseBackend;
pub use network::CoarseNetwork;
pub use onlooker::{Arrived, Onlooker};
