//! The offline door: [`PacketBackend`] runs a scenario through the contract's driver.

use crate::congestion::rate_code;
use crate::network::PacketNetwork;
use mixlab_contract::transport::HEADER_BYTES;
use mixlab_contract::units::PS_PER_NS;
use mixlab_contract::{
    Backend, BitsPerSec, Bytes, CongestionControl, NodeKind, Observer, RunError, RunOutput, Scenario, SimDuration,
    Unsupported, drive,
};

/// Sequence numbers are 32 bit on the wire.
const LARGEST_FLOW: u64 = u32::MAX as u64;
/// Packet sizes are kept in 16 bits.
const LARGEST_PACKET: u64 = u16::MAX as u64;
/// Channels and flows an event can name.
const LARGEST_INDEX: usize = 1 << 28;
/// Host ids an ns-3 address can hold.
const LARGEST_NODE: usize = 65_535;
/// Buffers and windows are counted in 32 bits.
const LARGEST_BUFFER: u64 = u32::MAX as u64;
/// Slowest link and longest delay whose times fit in 32 bits of nanoseconds.
const SLOWEST_LINK: BitsPerSec = BitsPerSec(1_000_000);
const LONGEST_DELAY: SimDuration = SimDuration::from_ns(1_000_000_000);

/// The packet-level simulator as a backend: same results as the RDMA ns-3 of the m4 paper, to the nanosecond.
#[derive(Clone, Copy, Debug, Default)]
pub struct PacketBackend;

impl Backend for PacketBackend {
    fn id(&self) -> &str {
        "packet"
    }

    fn fingerprint(&self) -> String {
        "packet-1 fidelity=ns3".into()
    }

    fn check(&self, scenario: &Scenario) -> Result<(), Unsupported> {
        match missing_feature(scenario) {
            Some(feature) => Err(Unsupported { feature }),
            None => Ok(()),
        }
    }

    fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError> {
        if let Err(unsupported) = self.check(scenario) {
            return Err(RunError::Failed { message: unsupported.to_string(), log_tail: String::new() });
        }
        observer.phase("set-up");
        let mut network = PacketNetwork::new(scenario);
        observer.phase("simulate");
        let outcomes = drive(&mut network, scenario, observer)?;
        Ok(RunOutput { outcomes, counters: network.counters() })
    }
}

/// The first thing in `scenario` that this simulator would not do exactly as ns-3.
fn missing_feature(scenario: &Scenario) -> Option<String> {
    sizes(scenario).or_else(|| links(scenario)).or_else(|| flows(scenario)).or_else(|| timers(scenario))
}

fn sizes(scenario: &Scenario) -> Option<String> {
    let (t, topology) = (scenario.transport(), scenario.topology());
    let packet = t.payload.0.saturating_add(t.data_header().0);
    if packet > LARGEST_PACKET {
        return Some(format!("a packet of {packet} bytes (at most {LARGEST_PACKET})"));
    }
    for (what, bytes) in [("buffer", t.buffer), ("window", t.window.unwrap_or_default())] {
        if bytes.0 > LARGEST_BUFFER {
            return Some(format!("a {what} of {bytes} (at most {LARGEST_BUFFER})"));
        }
    }
    if topology.node_count() > LARGEST_NODE {
        return Some(format!("a network of {} nodes (at most {LARGEST_NODE})", topology.node_count()));
    }
    if topology.channel_count() > LARGEST_INDEX || scenario.flows().len() > LARGEST_INDEX {
        return Some(format!("more than {LARGEST_INDEX} links or flows"));
    }
    None
}

fn links(scenario: &Scenario) -> Option<String> {
    let (t, topology) = (scenario.transport(), scenario.topology());
    let hpcc = matches!(t.congestion_control, CongestionControl::Hpcc { .. });
    for link in topology.links() {
        let switch_sends = [link.a, link.b].iter().any(|n| topology.kind(*n) == NodeKind::Switch);
        if t.ecn && switch_sends && t.marking_at(link.rate).is_none() {
            return Some(format!("ECN on a link of {} without marking thresholds for that rate", link.rate));
        }
        if link.rate < SLOWEST_LINK || link.delay > LONGEST_DELAY {
            return Some(format!(
                "a link of {} and {} (at least {SLOWEST_LINK}, at most {LONGEST_DELAY})",
                link.rate, link.delay
            ));
        }
        if !whole_ns(link.delay) {
            return Some(format!("a propagation delay of {} (whole nanoseconds only)", link.delay));
        }
        if hpcc && rate_code(link.rate.0).is_none() {
            return Some(format!("HPCC telemetry on a link of {}", link.rate));
        }
        if beats_ideal(scenario, link.rate.min(t.max_rate)) {
            return Some(format!("a rate of {}, at which ns-3's rounding beats the ideal FCT,", link.rate));
        }
    }
    None
}

/// Whether packets, each rounded down to whole nanoseconds, would be faster than the ideal FCT, which rounds less often.
fn beats_ideal(scenario: &Scenario, rate: BitsPerSec) -> bool {
    let t = scenario.transport();
    let packet = rate.transmission_ns_floor(Bytes(t.payload.0 + t.data_header().0));
    let header = rate.transmission_ns_floor(Bytes(HEADER_BYTES));
    let payload_ps = rate.transmission_floor(t.payload).ps();
    packet * PS_PER_NS < payload_ps + header * PS_PER_NS
}

fn flows(scenario: &Scenario) -> Option<String> {
    for index in scenario.indices() {
        let flow = scenario.flow(index);
        if flow.size.0 > LARGEST_FLOW {
            return Some(format!("a flow of {} (sequence numbers have 32 bit)", flow.size));
        }
        if !flow.start.ps().is_multiple_of(PS_PER_NS) {
            return Some(format!("a flow start at {} (whole nanoseconds only)", flow.start));
        }
        for path in [scenario.path(index), scenario.ack_path(index)] {
            if path.windows(2).any(|w| w[1] == w[0].reverse()) {
                return Some(format!("a path that turns back on a link (flow {})", flow.id));
            }
        }
    }
    None
}

fn timers(scenario: &Scenario) -> Option<String> {
    let durations = match scenario.transport().congestion_control {
        CongestionControl::Dctcp { .. } | CongestionControl::Hpcc { .. } => return None,
        CongestionControl::Dcqcn { alpha_interval, decrease_interval, increase_interval, .. } => {
            if [alpha_interval, decrease_interval, increase_interval].contains(&SimDuration::ZERO) {
                return Some("a DCQCN timer of 0 ns".into());
            }
            vec![alpha_interval, decrease_interval, increase_interval]
        }
        CongestionControl::Timely { t_low, t_high, .. } => vec![t_low, t_high],
    };
    let odd = durations.into_iter().find(|d| !whole_ns(*d))?;
    Some(format!("a congestion-control time of {odd} (whole nanoseconds only)"))
}

fn whole_ns(duration: SimDuration) -> bool {
    duration.ps().is_multiple_of(PS_PER_NS)
}
