//! Packet-level simulator of RDMA data-centre networks: windowed and paced senders, DCTCP, DCQCN, HPCC and TIMELY,
//! go-back-N, ECN, PFC, shared switch buffers.
//!
//! It *is* the ns-3 program of the m3 and m4 papers (ns-3.39 with the RDMA stack of the HPCC authors), in exact integer
//! arithmetic and exact event order, including behaviour that looks unintended: the same FCT for every flow, to the
//! nanosecond. The system is chaotic, so anything less than exact would be a different sample of the same distribution.
//! The README has the model, what it leaves out, and the comparison with that program's outputs.
//!
//! ```text
//! drive ─► PacketNetwork (network) ─ events in (time, number) order from a timing wheel (queue)
//!             ├─ host: NIC, pacing          ├─ switch: forwarding, buffer, PFC, ECN (random)
//!             └─ ends: data, ACK, NACK ─► congestion: dctcp, dcqcn, hpcc, timely
//! ```

mod backend;
mod build;
mod congestion;
mod ends;
pub mod fidelity;
mod flow;
mod host;
mod network;
mod packet;
mod physics;
mod port;
pub mod probe;
pub mod queue;
pub mod random;
mod recovery;
mod switch;
mod telemetry;

pub use backend::PacketBackend;
pub use network::{CleanNetwork, PacketNetwork};
pub use packet::Kind;
