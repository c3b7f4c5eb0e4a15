//! Coarse packet-level simulation: the transport and the switches of `packet`, in ticks of 2 µs and trains of packets.

pub mod backend;
pub mod control;
pub mod fabric;
pub mod network;

pub use backend::CoarseBackend;
pub use network::CoarseNetwork;
