//! TCP in a mix: the queue discipline at the ports, and what the parameters mean under each.
//!
//! ```text
//! R = rate of a link in Gb/s
//! payload 1,460 B (1,500 with IP and TCP headers)      buffer = ⌊bfsz·10⌋ KiB for each port
//! red               K_min, K_max = ⌊p·R/10⌋ KB, marking probability rising to 1 in between
//! codel, fq-codel   target p1 µs, interval p2 µs       pie   target p1 µs, update interval p2 µs      fifo   none
//! ```
//!
//! Every queue but `fifo` marks packets rather than dropping them. Defaults: thresholds of 30 KB, which 10 Gb/s sends in 24 µs;
//! delays of 30 µs; CoDel's interval 20 times its target (RFC 8289), PIE's update interval equal to its target (RFC 8033).

use super::error::{SpecError, suggestion};
use super::json::Node;
use super::mix::Mix;
use super::transport::{gbps, link_rates, nic_rate};
use mixlab_contract::{
    BitsPerSec, Bytes, CongestionControl, Marking, QueueDiscipline, SimDuration, TcpVariant, Topology, Transport,
};
use serde::{Serialize, Serializer};

/// Application bytes of a full segment: 1,500 bytes of Ethernet payload less 20 IP and 20 TCP.
const SEGMENT: Bytes = Bytes(1460);

/// A queue discipline, by the names mixes use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    /// Drop-tail.
    Fifo,
    /// RED on the instantaneous queue.
    Red,
    /// CoDel.
    CoDel,
    /// FQ-CoDel.
    FqCoDel,
    /// PIE.
    Pie,
}

impl Queue {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Fifo, Self::Red, Self::CoDel, Self::FqCoDel, Self::Pie];

    /// The name in mixes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::Red => "red",
            Self::CoDel => "codel",
            Self::FqCoDel => "fq-codel",
            Self::Pie => "pie",
        }
    }

    /// The queue of a mix that names none: RED, which marks, for senders that react to marks; drop-tail for BBR, which does not.
    pub const fn default_for(variant: TcpVariant) -> Self {
        match variant {
            TcpVariant::Dctcp | TcpVariant::Cubic | TcpVariant::NewReno => Self::Red,
            TcpVariant::Bbr => Self::Fifo,
        }
    }

    /// `param_1` and `param_2` of a mix that does not give them.
    pub const fn default_parameters(self) -> (f64, f64) {
        match self {
            Self::Fifo | Self::Red | Self::Pie => (30.0, 30.0),
            Self::CoDel | Self::FqCoDel => (30.0, 600.0),
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    /// A fault with the nearest name.
    pub fn parse(node: &Node<'_>) -> Result<Self, SpecError> {
        let name = node.string("the name of a queue discipline")?;
        let names = Self::ALL.map(Self::name);
        let found = Self::ALL.into_iter().find(|queue| queue.name() == name);
        let expected = format!("one of {}", names.join(", "));
        found.ok_or_else(|| node.fault(&expected, &suggestion(&name, &names)))
    }

    /// The first parameter that is out of range: its name, its value and what it should be.
    pub fn parameter_fault(self, p1: f64, p2: f64) -> Option<(&'static str, f64, &'static str)> {
        let first = |expected| Some(("param_1", p1, expected));
        let second = |expected| Some(("param_2", p2, expected));
        match self {
            Self::Red if p1 < 1.0 => first("K_min in KB at 10 Gb/s, at least 1"),
            Self::Red if p2 < p1 => second("K_max in KB at 10 Gb/s, at least K_min (param_1)"),
            Self::CoDel | Self::FqCoDel if p1 < 2.0 => first("CoDel's target in µs, at least 2"),
            Self::CoDel | Self::FqCoDel if p2 < p1 => second("CoDel's interval in µs, at least the target (param_1)"),
            Self::Pie if p1 < 1.0 => first("PIE's target in µs, at least 1"),
            Self::Pie if p2 < 1.0 => second("PIE's update interval in µs, at least 1"),
            _ => None,
        }
    }
}

impl Serialize for Queue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The transport of a mix whose `cc` is a TCP variant.
pub(super) fn transport(mix: &Mix, variant: TcpVariant, topology: &Topology) -> Transport {
    let queue = mix.queue.unwrap_or(Queue::default_for(variant));
    let rates = if queue == Queue::Red { link_rates(topology) } else { Vec::new() };
    Transport {
        payload: SEGMENT,
        window: None,
        variable_window: false,
        min_rate: BitsPerSec(0),
        max_rate: nic_rate(topology),
        rate_bound: false,
        ack_high_priority: false,
        pfc: false,
        ecn: queue != Queue::Fifo,
        buffer: mix.buffer(),
        marking: rates.into_iter().map(|rate| (rate, marking(mix, rate))).collect(),
        congestion_control: CongestionControl::Tcp { variant, queue: discipline(queue, mix) },
        rng_run: 1,
    }
}

fn marking(mix: &Mix, rate: BitsPerSec) -> Marking {
    let kb = |k: f64| Bytes((k * gbps(rate) / 10.0) as u64 * 1000);
    Marking { k_min: kb(mix.param_1), k_max: kb(mix.param_2), p_max: 1.0 }
}

fn discipline(queue: Queue, mix: &Mix) -> QueueDiscipline {
    let us = |time: f64| SimDuration::from_ns((time * 1000.0) as u64);
    let (target, second) = (us(mix.param_1), us(mix.param_2));
    match queue {
        Queue::Fifo => QueueDiscipline::Fifo,
        Queue::Red => QueueDiscipline::Red,
        Queue::CoDel => QueueDiscipline::CoDel { target, interval: second },
        Queue::FqCoDel => QueueDiscipline::FqCoDel { target, interval: second },
        Queue::Pie => QueueDiscipline::Pie { target, update_interval: second },
    }
}
