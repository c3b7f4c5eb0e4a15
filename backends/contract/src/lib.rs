//! What a backend is: the words, the physics every backend shares, and the two traits it may implement.
//!
//! ```text
//! Topology + flows + paths + Transport + Application + horizon  =  Scenario  (fully determines the physics)
//!                                                                     │
//!                 Backend::run (offline, one outcome per flow) ◄──────┤
//!                 Network      (online, flows start while it runs) ◄──┘  driven by `drive`
//! ```
//!
//! Everything that must be *one* truth for all backends lives here: units ([`units`]), routing ([`routing`]), the ideal
//! FCT ([`ideal_fct`]), the arrival loops ([`drive()`]) and the laws each backend is held to ([`conformance`]).
//! Engines depend on this crate and on nothing else of mixlab, but that `m4` and `coarse` also use pieces of `flowsim`.

pub mod backend;
pub mod conformance;
pub mod drive;
pub mod files;
pub mod ideal;
pub mod network;
pub mod routing;
pub mod scenario;
pub mod shrink;
pub mod supervision;
pub mod tcp;
pub mod topology;
pub mod transport;
pub mod units;
pub mod wild;

pub use backend::{
    Availability, Backend, Counters, FlowOutcome, Observer, Parallelism, RunError, RunOutput, Silent, Unsupported,
};
pub use drive::drive;
pub use ideal::{IdealBackend, ideal_fct, ideal_latency};
pub use network::{Event, EventKind, FlowStart, Network, Register};
pub use routing::Paths;
pub use scenario::{Application, Flow, FlowIndex, Scenario, ScenarioError, ScenarioParts};
pub use supervision::Supervision;
pub use tcp::{QueueDiscipline, TcpVariant};
pub use topology::{ChannelId, Link, LinkId, NodeId, NodeKind, Topology, TopologyError};
pub use transport::{CongestionControl, Marking, Transport};
pub use units::{BitsPerSec, Bytes, SimDuration, SimTime};
