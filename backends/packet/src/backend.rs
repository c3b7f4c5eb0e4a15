//! The offline door: [`PacketBackend`] runs a scenario through the contract's driver.

use crate::fidelity::{Clean, Fidelity, Ns3};
use crate::network::PacketNetwork;
use crate::probe::{Probe, Supervisor, Unobserved};
use crate::queue::{EventQueue, FineWheel, Wheel};
use crate::telemetry::{SENT_UNIT, rate_code};
use mixlab_contract::tcp::rdma_only;
use mixlab_contract::transport::HEADER_BYTES;
use mixlab_contract::units::PS_PER_NS;
use mixlab_contract::{
    Backend, BitsPerSec, Bytes, ChannelId, CongestionControl, NodeKind, Observer, RunError, RunOutput, Scenario,
    SimDuration, Unsupported, drive,
};

/// Sequence numbers are 32 bit on ns-3's wire.
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
/// The same in picoseconds; the slowest link must also send a packet in 2^32 ps.
const LONGEST_CLEAN_DELAY: SimDuration = SimDuration::from_ns(4_000_000);
const LONGEST_CLEAN_PACKET: SimDuration = SimDuration::from_ps(u32::MAX as u64);

/// The packet-level simulator as a backend: `packet`, with the results of the RDMA ns-3 of the m4 paper to the nanosecond, or
/// `packet-clean`, the same transport with that program's faults mended.
#[derive(Clone, Copy, Debug)]
pub struct PacketBackend {
    clean: bool,
    supervise: bool,
}

impl PacketBackend {
    /// As ns-3 is.
    pub const NS3: Self = Self { clean: false, supervise: false };
    /// With the faults mended ([`crate::fidelity::Clean`]).
    pub const CLEAN: Self = Self { clean: true, supervise: false };

    /// The same, with a supervision in the output.
    pub const fn supervised(self) -> Self {
        Self { supervise: true, ..self }
    }

    /// Runs `scenario` with `probe` looking on, which sees everything and changes nothing; the output has no supervision.
    ///
    /// # Errors
    /// [`RunError::Failed`] for a scenario that [`Backend::check`] refuses; [`RunError::Cancelled`].
    pub fn observe<P: Probe>(
        &self,
        scenario: &Scenario,
        probe: P,
        observer: &dyn Observer,
    ) -> Result<(RunOutput, P), RunError> {
        if let Err(unsupported) = self.check(scenario) {
            return Err(RunError::Failed { message: unsupported.to_string(), log_tail: String::new() });
        }
        match self.clean {
            true => Self::simulate::<FineWheel, P, Clean>(scenario, probe, observer),
            false => Self::simulate::<Wheel, P, Ns3>(scenario, probe, observer),
        }
    }

    fn simulate<Q: EventQueue, P: Probe, F: Fidelity>(
        scenario: &Scenario,
        probe: P,
        observer: &dyn Observer,
    ) -> Result<(RunOutput, P), RunError> {
        observer.phase("set-up");
        let mut network = PacketNetwork::<Q, P, F>::observed(scenario, probe);
        observer.phase("simulate");
        let outcomes = drive(&mut network, scenario, observer)?;
        let counters = network.counters();
        Ok((RunOutput { outcomes, counters, supervision: None }, network.into_probe()))
    }
}

impl Backend for PacketBackend {
    fn id(&self) -> &str {
        if self.clean { "packet-clean" } else { "packet" }
    }

    fn fingerprint(&self) -> String {
        format!("packet-1 fidelity={}", if self.clean { "clean" } else { "ns3" })
    }

    fn check(&self, scenario: &Scenario) -> Result<(), Unsupported> {
        rdma_only(scenario)?;
        match missing_feature(scenario, self.clean) {
            Some(feature) => Err(Unsupported { feature }),
            None => Ok(()),
        }
    }

    fn supervises(&self) -> bool {
        self.supervise
    }

    fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError> {
        if self.supervise {
            let (output, probe) = self.observe(scenario, Supervisor::new(scenario), observer)?;
            return Ok(RunOutput { supervision: Some(probe.finish()), ..output });
        }
        let (output, Unobserved) = self.observe(scenario, Unobserved, observer)?;
        Ok(output)
    }
}

/// The first thing in `scenario` that this simulator would not do exactly as ns-3, or at all.
fn missing_feature(scenario: &Scenario, clean: bool) -> Option<String> {
    let shared = sizes(scenario).or_else(|| links(scenario)).or_else(|| flows(scenario)).or_else(|| timers(scenario));
    shared.or_else(|| match clean {
        true => clean_links(scenario),
        false => ns3_links(scenario).or_else(|| ns3_flows(scenario)).or_else(|| ns3_timers(scenario)),
    })
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
    if topology.channel_count() > LARGEST_INDEX || scenario.flows().len() > LARGEST_INDEX {
        return Some(format!("more than {LARGEST_INDEX} links or flows"));
    }
    None
}

fn links(scenario: &Scenario) -> Option<String> {
    let (t, topology) = (scenario.transport(), scenario.topology());
    let unmarked = topology.links().iter().find(|link| {
        let switch_sends = [link.a, link.b].iter().any(|n| topology.kind(*n) == NodeKind::Switch);
        t.ecn && switch_sends && t.marking_at(link.rate).is_none()
    })?;
    Some(format!("ECN on a link of {} without marking thresholds for that rate", unmarked.rate))
}

fn flows(scenario: &Scenario) -> Option<String> {
    scenario.indices().find_map(|index| {
        let turns_back = |path: &[ChannelId]| path.windows(2).any(|w| w[1] == w[0].reverse());
        (turns_back(scenario.path(index)) || turns_back(scenario.ack_path(index)))
            .then(|| format!("a path that turns back on a link (flow {})", scenario.flow(index).id))
    })
}

/// Durations of congestion control.
fn control_times(scenario: &Scenario) -> Vec<SimDuration> {
    match scenario.transport().congestion_control {
        CongestionControl::Dctcp { .. } | CongestionControl::Hpcc { .. } => Vec::new(),
        CongestionControl::Dcqcn { alpha_interval, decrease_interval, increase_interval, .. } => {
            vec![alpha_interval, decrease_interval, increase_interval]
        }
        CongestionControl::Timely { t_low, t_high, .. } => vec![t_low, t_high],
        CongestionControl::Tcp { .. } => Vec::new(),
    }
}

fn timers(scenario: &Scenario) -> Option<String> {
    let control = scenario.transport().congestion_control;
    if matches!(control, CongestionControl::Hpcc { .. }) && scenario.base_rtt() == SimDuration::ZERO {
        // Its utilisation is an average over the base RTT: 0 ÷ 0.
        return Some("HPCC without propagation delay".into());
    }
    let dcqcn = matches!(control, CongestionControl::Dcqcn { .. });
    (dcqcn && control_times(scenario).contains(&SimDuration::ZERO)).then(|| "a DCQCN timer of 0 ns".into())
}

fn clean_links(scenario: &Scenario) -> Option<String> {
    let t = scenario.transport();
    let packet = Bytes(t.payload.0 + t.data_header().0);
    let bad = scenario.topology().links().iter().find(|link| {
        link.delay > LONGEST_CLEAN_DELAY || link.rate.transmission_floor(packet) >= LONGEST_CLEAN_PACKET
    })?;
    Some(format!(
        "a link of {} and {} (at most {LONGEST_CLEAN_DELAY}, and at most {LONGEST_CLEAN_PACKET} per packet)",
        bad.rate, bad.delay
    ))
}

fn ns3_links(scenario: &Scenario) -> Option<String> {
    let (t, topology) = (scenario.transport(), scenario.topology());
    if topology.node_count() > LARGEST_NODE {
        return Some(format!("a network of {} nodes (at most {LARGEST_NODE})", topology.node_count()));
    }
    let hpcc = matches!(t.congestion_control, CongestionControl::Hpcc { .. });
    if hpcc && t.window.is_none() {
        // The queue term is divided by the window. Without one the program computes 0 ÷ 0 and makes an integer of the result,
        // which C++ leaves undefined: there is no answer to agree with.
        return Some("HPCC without a window".into());
    }
    if matches!(t.congestion_control, CongestionControl::Hpcc { telemetry_multiplier: 0, .. }) {
        return Some("a telemetry multiplier of 0".into());
    }
    if let CongestionControl::Hpcc { telemetry_multiplier, .. } = t.congestion_control {
        let (packet, unit) = (t.payload.0 + t.data_header().0, SENT_UNIT * u64::from(telemetry_multiplier));
        if packet < unit {
            // A port that sent a packet may have counted nothing: utilisation 0, by which the rate is divided, and what C++ makes
            // of infinity as an integer is undefined.
            return Some(format!("HPCC telemetry in units of {unit} bytes, more than a packet's {packet},"));
        }
    }
    for link in topology.links() {
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

fn ns3_flows(scenario: &Scenario) -> Option<String> {
    scenario.flows().iter().find_map(|flow| {
        if flow.size.0 > LARGEST_FLOW {
            return Some(format!("a flow of {} (sequence numbers have 32 bit)", flow.size));
        }
        (!flow.start.ps().is_multiple_of(PS_PER_NS))
            .then(|| format!("a flow start at {} (whole nanoseconds only)", flow.start))
    })
}

fn ns3_timers(scenario: &Scenario) -> Option<String> {
    let odd = control_times(scenario).into_iter().find(|d| !whole_ns(*d))?;
    Some(format!("a congestion-control time of {odd} (whole nanoseconds only)"))
}

fn whole_ns(duration: SimDuration) -> bool {
    duration.ps().is_multiple_of(PS_PER_NS)
}
