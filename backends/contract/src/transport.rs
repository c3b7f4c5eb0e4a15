//! The transport every flow uses: windowed RDMA-like senders, congestion control, ECN marking, PFC, shared buffers.
//!
//! Parameters as the RDMA stack of the HPCC family of ns-3 programs has them (the ground truth of the m3 and m4 papers);
//! the comment of each names its key in that program's `config.txt`. TCP, the other transport, uses a few of them: see
//! [`crate::tcp`].

use crate::tcp::{QueueDiscipline, TCP_HEADER_BYTES, TcpVariant};
use crate::units::{BitsPerSec, Bytes, SimDuration};

/// Bytes of headers on a data packet before in-band telemetry: 14 PPP + 20 IP + 8 UDP + 6 sequence.
pub const HEADER_BYTES: u64 = 48;

/// Transport and switch parameters of a scenario; the same for all flows and switches.
#[derive(Clone, Debug, PartialEq)]
pub struct Transport {
    /// Application bytes of a full packet (`PACKET_PAYLOAD_SIZE`).
    pub payload: Bytes,
    /// Bytes a sender may have in flight (`FIXED_WIN`); `None` = unlimited (`HAS_WIN 0`).
    pub window: Option<Bytes>,
    /// Whether the window shrinks with the sending rate (`VAR_WIN`).
    pub variable_window: bool,
    /// Lowest rate congestion control may set (`MIN_RATE`).
    pub min_rate: BitsPerSec,
    /// Highest rate of a sender, whatever its NIC can do (`MAX_RATE`).
    pub max_rate: BitsPerSec,
    /// Whether senders pace at their current rate rather than at `max_rate` (`RATE_BOUND`).
    pub rate_bound: bool,
    /// Whether ACKs travel in the unaccounted high-priority queue (`ACK_HIGH_PRIO`) or among data.
    pub ack_high_priority: bool,
    /// Whether hosts and switches obey PFC pauses (`ENABLE_PFC`).
    pub pfc: bool,
    /// Whether switches mark (`ENABLE_QCN`).
    pub ecn: bool,
    /// Packet buffer of each switch (`BUFFER_SIZE`, there in KiB).
    pub buffer: Bytes,
    /// Marking thresholds by exact link rate (`KMIN_MAP`, `KMAX_MAP`, `PMAX_MAP`).
    pub marking: Vec<(BitsPerSec, Marking)>,
    /// How senders react.
    pub congestion_control: CongestionControl,
    /// Which run of the marking random streams (ns-3's `RngRun`, normally 1).
    pub rng_run: u64,
}

/// ECN marking of one queue: never below `k_min`, always above `k_max`, with probability rising to `p_max` between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Marking {
    /// Queue length from which marking begins.
    pub k_min: Bytes,
    /// Queue length above which everything is marked.
    pub k_max: Bytes,
    /// Marking probability at `k_max`.
    pub p_max: f64,
}

/// Congestion control and its parameters (all flows use the same).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CongestionControl {
    /// DCTCP (`CC_MODE 8`).
    Dctcp {
        /// g of the marked-fraction average (`EWMA_GAIN`).
        gain: f64,
        /// Additive increase per window (`DCTCP_RATE_AI`).
        additive: BitsPerSec,
    },
    /// DCQCN (`CC_MODE 1`).
    Dcqcn {
        /// g of the α average (`EWMA_GAIN`).
        gain: f64,
        /// Period of the α timer (`ALPHA_RESUME_INTERVAL`).
        alpha_interval: SimDuration,
        /// Period of the rate-decrease timer (`RATE_DECREASE_INTERVAL`).
        decrease_interval: SimDuration,
        /// Period of the rate-increase timer (`RP_TIMER`).
        increase_interval: SimDuration,
        /// Fast-recovery rounds (`FAST_RECOVERY_TIMES`).
        fast_recovery_rounds: u32,
        /// Additive increase (`RATE_AI`).
        additive: BitsPerSec,
        /// Hyper increase (`RATE_HAI`).
        hyper: BitsPerSec,
        /// Whether each decrease also lowers the target rate (`CLAMP_TARGET_RATE`).
        clamp_target: bool,
    },
    /// HPCC (`CC_MODE 3`; "hp" in mixes).
    Hpcc {
        /// η, the target utilisation in 0..1 (`U_TARGET`).
        target_utilisation: f64,
        /// Additive increase (`RATE_AI`).
        additive: BitsPerSec,
        /// Additive stages before a multiplicative one (`MI_THRESH`).
        additive_stages: u32,
        /// Granularity multiplier of the telemetry counters (`INT_MULTI`).
        telemetry_multiplier: u32,
        /// Whether every ACK adjusts the rate, not only one per RTT (`FAST_REACT`).
        fast_reaction: bool,
        /// Whether each hop has its own rate (`MULTI_RATE`).
        per_hop_rate: bool,
    },
    /// TIMELY (`CC_MODE 7`).
    Timely {
        /// Below this RTT the rate always rises (`TIMELY_T_LOW`).
        t_low: SimDuration,
        /// Above this RTT the rate always falls (`TIMELY_T_HIGH`).
        t_high: SimDuration,
        /// β, the decrease factor (`TIMELY_BETA`).
        beta: f64,
        /// Additive increase (`RATE_AI`).
        additive: BitsPerSec,
        /// Hyper increase after five increases in a row (`RATE_HAI`).
        hyper: BitsPerSec,
    },
    /// TCP, a transport of its own ([`crate::tcp`]).
    Tcp {
        /// How its senders react.
        variant: TcpVariant,
        /// What ports do with packets that wait.
        queue: QueueDiscipline,
    },
}

impl CongestionControl {
    /// The name used in mixes: `dctcp`, `dcqcn`, `hp`, `timely`, or that of a [`TcpVariant`].
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Dctcp { .. } => "dctcp",
            Self::Dcqcn { .. } => "dcqcn",
            Self::Hpcc { .. } => "hp",
            Self::Timely { .. } => "timely",
            Self::Tcp { variant, .. } => variant.name(),
        }
    }

    /// Bytes of in-band telemetry on a data packet and its ACK: a timestamp for TIMELY, five hop records for HPCC.
    pub const fn telemetry_bytes(&self) -> u64 {
        match self {
            Self::Dctcp { .. } | Self::Dcqcn { .. } | Self::Tcp { .. } => 0,
            Self::Timely { .. } => 8,
            Self::Hpcc { .. } => 42,
        }
    }
}

impl Transport {
    /// Header bytes of a data packet on the wire (48, or 56 for TIMELY, 90 for HPCC, 42 for TCP).
    pub const fn data_header(&self) -> Bytes {
        match self.congestion_control {
            CongestionControl::Tcp { .. } => Bytes(TCP_HEADER_BYTES),
            _ => Bytes(HEADER_BYTES + self.congestion_control.telemetry_bytes()),
        }
    }

    /// Bytes of an ACK or NACK on the wire (60, or 88 for HPCC, 42 for TCP).
    pub const fn ack_size(&self) -> Bytes {
        if let CongestionControl::Tcp { .. } = self.congestion_control {
            return Bytes(TCP_HEADER_BYTES);
        }
        let bytes = 46 + self.congestion_control.telemetry_bytes();
        Bytes(if bytes < 60 { 60 } else { bytes })
    }

    /// Packets a flow of `size` is cut into.
    pub const fn packets(&self, size: Bytes) -> u64 {
        size.0.div_ceil(self.payload.0)
    }

    /// Bytes a flow of `size` puts on each link of its path, headers included, nothing sent twice.
    pub const fn wire_bytes(&self, size: Bytes) -> Bytes {
        Bytes(size.0 + self.packets(size) * self.data_header().0)
    }

    /// Marking thresholds of ports with exactly this link rate.
    pub fn marking_at(&self, rate: BitsPerSec) -> Option<Marking> {
        self.marking.iter().find(|(r, _)| *r == rate).map(|(_, m)| *m)
    }
}
