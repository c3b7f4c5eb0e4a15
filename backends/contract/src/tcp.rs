//! TCP as a transport: which of ns-3's congestion controls, and the queue discipline at the ports.
//!
//! Under TCP, the parameters of [`crate::Transport`] mean:
//!
//! ```text
//! payload      application bytes of a full segment; a header is 42 B: 2 PPP + 20 IP + 20 TCP (no timestamps)
//! buffer       limit of each port's own queue (no memory is shared among ports)
//! ecn          whether queues mark; always, except under a drop-tail FIFO
//! marking      thresholds of RED by link rate; empty under every other discipline
//! max_rate     rate of the fastest NIC; rng_run: run of the random streams
//! ```
//!
//! Windows, pacing, PFC and ACK priority of the RDMA transport do not exist; [`crate::Scenario::new`] refuses them, so that equal
//! experiments have equal digests. A flow is one connection: its FCT begins with the SYN and ends when the receiving application
//! has the last byte.
//!
//! Left out: what TCP implementations fix for all their connections (initial window, timers, receive window) is the backend's.

use crate::backend::Unsupported;
use crate::scenario::Scenario;
use crate::transport::CongestionControl;
use crate::units::SimDuration;

/// Bytes of headers on a segment: 2 PPP + 20 IP + 20 TCP. A bare SYN or ACK is no shorter.
pub const TCP_HEADER_BYTES: u64 = 42;

/// Congestion control of a TCP sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TcpVariant {
    /// DCTCP (RFC 8257).
    Dctcp,
    /// CUBIC (RFC 9438).
    Cubic,
    /// BBR, version 1.
    Bbr,
    /// Reno's window with NewReno's recovery (RFC 5681, 6582).
    NewReno,
}

/// What a port does with packets that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueDiscipline {
    /// Drop-tail.
    Fifo,
    /// RED on the instantaneous queue, marking by the thresholds of [`crate::Transport::marking`].
    Red,
    /// CoDel (RFC 8289), marking.
    CoDel {
        /// Sojourn time that is accepted for ever.
        target: SimDuration,
        /// How long it may be exceeded.
        interval: SimDuration,
    },
    /// One CoDel queue per flow, served in turn (RFC 8290), marking.
    FqCoDel {
        /// As for CoDel.
        target: SimDuration,
        /// As for CoDel.
        interval: SimDuration,
    },
    /// PIE (RFC 8033), marking.
    Pie {
        /// Queueing delay aimed at.
        target: SimDuration,
        /// Period at which the marking probability is updated.
        update_interval: SimDuration,
    },
}

impl TcpVariant {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Dctcp, Self::Cubic, Self::Bbr, Self::NewReno];

    /// The name used in mixes: `tcp-dctcp`, `tcp-cubic`, `tcp-bbr` or `tcp-newreno`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dctcp => "tcp-dctcp",
            Self::Cubic => "tcp-cubic",
            Self::Bbr => "tcp-bbr",
            Self::NewReno => "tcp-newreno",
        }
    }
}

impl QueueDiscipline {
    /// The name used in mixes: `fifo`, `red`, `codel`, `fq-codel` or `pie`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::Red => "red",
            Self::CoDel { .. } => "codel",
            Self::FqCoDel { .. } => "fq-codel",
            Self::Pie { .. } => "pie",
        }
    }

    /// Its two times (CoDel: target and interval; PIE: target and update interval), none for FIFO and RED.
    pub const fn times(&self) -> Option<[SimDuration; 2]> {
        match *self {
            Self::Fifo | Self::Red => None,
            Self::CoDel { target, interval } | Self::FqCoDel { target, interval } => Some([target, interval]),
            Self::Pie { target, update_interval } => Some([target, update_interval]),
        }
    }
}

/// Whether the scenario has the RDMA transport, the only one that most backends model.
///
/// # Errors
/// [`Unsupported`] naming the TCP variant.
pub fn rdma_only(scenario: &Scenario) -> Result<(), Unsupported> {
    match scenario.transport().congestion_control {
        CongestionControl::Tcp { variant, .. } => Err(Unsupported { feature: format!("TCP ({})", variant.name()) }),
        _ => Ok(()),
    }
}
