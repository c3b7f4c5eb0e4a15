//! A scenario as the text that our C++ program reads (format: `program/scenario.h`), and what it cannot express.
//!
//! The program's clock has whole nanoseconds, so times in between are *unsupported*, never rounded. Reals are written with
//! the digits that read back as the same double.

use crate::tcp_limits::tcp_feature;
use mixlab_contract::transport::HEADER_BYTES;
use mixlab_contract::units::PS_PER_NS;
use mixlab_contract::{
    Application, BitsPerSec, Bytes, ChannelId, CongestionControl, FlowStart, NodeKind, Scenario, SimDuration,
    Unsupported,
};
use std::fmt::Write;

/// Rates the HPCC telemetry header has codes for, in Gb/s.
const TELEMETRY_GBPS: [u64; 8] = [25, 50, 100, 200, 400, 10, 100_000, 40];
/// Bytes per unit of the telemetry header's sent counter, before its multiplier.
const SENT_UNIT: u64 = 128;
/// Largest packet the program sends: far above any, small enough for its integer arithmetic.
const LARGEST_PACKET: u64 = 1 << 30;
/// Nodes the program makes at most.
const LARGEST_NODE: usize = (1 << 24) - 2; // a TCP host's address is its id + 1 in 10.0.0.0/8
/// ns-3's clock is a signed 64-bit number of nanoseconds.
const LARGEST_NS: u64 = i64::MAX as u64 / 2;

/// Whether the program would simulate `scenario` exactly.
///
/// # Errors
/// [`Unsupported`] naming the first feature it lacks.
pub fn check(scenario: &Scenario) -> Result<(), Unsupported> {
    let transport = || match scenario.transport().congestion_control {
        CongestionControl::Tcp { .. } => tcp_feature(scenario),
        _ => rdma_feature(scenario),
    };
    match network_feature(scenario)
        .or_else(transport)
        .or_else(|| control_feature(scenario))
        .or_else(|| flow_feature(scenario))
    {
        Some(feature) => Err(Unsupported { feature }),
        None => Ok(()),
    }
}

fn network_feature(scenario: &Scenario) -> Option<String> {
    let topology = scenario.topology();
    if topology.node_count() >= LARGEST_NODE {
        return Some(format!("a network of {} nodes", topology.node_count()));
    }
    let odd = topology.links().iter().find_map(|l| not_whole_ns(l.delay))?;
    Some(format!("a propagation delay of {odd} (whole nanoseconds only)"))
}

fn rdma_feature(scenario: &Scenario) -> Option<String> {
    let (t, topology) = (scenario.transport(), scenario.topology());
    if t.payload.0 > LARGEST_PACKET {
        return Some(format!("a payload of {} per packet", t.payload));
    }
    let hpcc = matches!(t.congestion_control, CongestionControl::Hpcc { .. });
    for link in topology.links() {
        let a_switch_sends = [link.a, link.b].iter().any(|n| topology.kind(*n) == NodeKind::Switch);
        if t.ecn && a_switch_sends && t.marking_at(link.rate).is_none() {
            return Some(format!("ECN on a link of {} without marking thresholds for that rate", link.rate));
        }
        if hpcc && !TELEMETRY_GBPS.iter().any(|g| BitsPerSec::from_gbps(*g) == link.rate) {
            return Some(format!("HPCC telemetry on a link of {}", link.rate));
        }
        if beats_ideal(scenario, link.rate.min(t.max_rate)) {
            return Some(format!(
                "a rate of {}, at which ns-3's rounding of each packet beats the ideal FCT,",
                link.rate
            ));
        }
    }
    None
}

/// Whether packets, each rounded down to whole nanoseconds, are faster than the ideal FCT, which rounds less often.
fn beats_ideal(scenario: &Scenario, rate: BitsPerSec) -> bool {
    let t = scenario.transport();
    let packet = rate.transmission_ns_floor(Bytes(t.payload.0 + t.data_header().0));
    let header = rate.transmission_ns_floor(Bytes(HEADER_BYTES));
    (packet - header) * PS_PER_NS < rate.transmission_floor(t.payload).ps()
}

fn control_feature(scenario: &Scenario) -> Option<String> {
    let t = scenario.transport();
    let times = match t.congestion_control {
        CongestionControl::Dctcp { .. } => vec![],
        CongestionControl::Hpcc { telemetry_multiplier: 0, .. } => return Some("a telemetry multiplier of 0".into()),
        CongestionControl::Hpcc { .. } if t.window.is_none() => return Some("HPCC without a window".into()),
        CongestionControl::Hpcc { .. } if scenario.base_rtt() == SimDuration::ZERO => {
            // Its utilisation is an average over the base RTT: 0 ÷ 0, and what C++ makes of that as an integer is undefined.
            return Some("HPCC without propagation delay".into());
        }
        CongestionControl::Hpcc { telemetry_multiplier, .. } => {
            let (packet, unit) = (t.payload.0 + t.data_header().0, SENT_UNIT * u64::from(telemetry_multiplier));
            if packet < unit {
                // A port may have counted nothing: the rate is divided by 0, and infinity as an integer is undefined in C++.
                return Some(format!("HPCC telemetry in units of {unit} bytes, more than a packet's {packet},"));
            }
            vec![]
        }
        CongestionControl::Timely { t_low, t_high, .. } => vec![t_low, t_high],
        CongestionControl::Tcp { queue, .. } => queue.times().map_or(vec![], Vec::from),
        CongestionControl::Dcqcn { alpha_interval, decrease_interval, increase_interval, .. } => {
            let intervals = vec![alpha_interval, decrease_interval, increase_interval];
            if intervals.contains(&SimDuration::ZERO) {
                return Some("a DCQCN timer of 0 ns".into());
            }
            intervals
        }
    };
    let odd = times.into_iter().find_map(not_whole_ns)?;
    Some(format!("a congestion-control time of {odd} (whole nanoseconds only)"))
}

fn flow_feature(scenario: &Scenario) -> Option<String> {
    if scenario.horizon().ns_floor() > LARGEST_NS {
        return Some("a horizon beyond 146 years".into());
    }
    for index in scenario.indices() {
        let flow = scenario.flow(index);
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

fn not_whole_ns(duration: SimDuration) -> Option<SimDuration> {
    (!duration.ps().is_multiple_of(PS_PER_NS)).then_some(duration)
}

/// The whole text. With `flows` the program runs them (batch); without, it waits for flows (online).
///
/// PRECONDITION: [`check`] passed.
pub fn write_scenario(scenario: &Scenario, flows: bool) -> String {
    let mut text = String::new();
    write_all(&mut text, scenario, flows).expect("writing to a string does not fail");
    text
}

/// The words of one flow after its id, shared by batch lines and online requests: `src dst size start n c… m c…`.
pub fn write_flow(text: &mut String, flow: &FlowStart<'_>) -> std::fmt::Result {
    write!(text, "{} {} {} {}", flow.src.0, flow.dst.0, flow.size.0, flow.start.ns_floor())?;
    for path in [flow.path, flow.ack_path] {
        write!(text, " {}", path.len())?;
        path.iter().try_for_each(|ChannelId(c)| write!(text, " {c}"))?;
    }
    writeln!(text)
}

fn write_all(text: &mut String, scenario: &Scenario, flows: bool) -> std::fmt::Result {
    let topology = scenario.topology();
    writeln!(text, "mixlab-ns3 1\nnodes {}", topology.node_count())?;
    write!(text, "switches {}", topology.switch_order().len())?;
    topology.switch_order().iter().try_for_each(|s| write!(text, " {}", s.0))?;
    writeln!(text, "\nlinks {}", topology.links().len())?;
    for l in topology.links() {
        writeln!(text, "{} {} {} {}", l.a.0, l.b.0, l.rate.0, l.delay.ns_floor())?;
    }
    write_transport(text, scenario)?;
    match scenario.application() {
        Application::ClosedLoop { max_inflight, hosts_per_group } if flows => {
            writeln!(text, "application closed {max_inflight} {hosts_per_group}")?;
        }
        // Online, the driver is the application.
        _ => writeln!(text, "application open")?,
    }
    writeln!(text, "horizon {}", scenario.horizon().ns_floor())?;
    writeln!(text, "flows {}", if flows { scenario.flows().len() } else { 0 })?;
    for index in scenario.indices().filter(|_| flows) {
        let flow = scenario.flow(index);
        write!(text, "{} ", flow.id)?;
        write_flow(text, &FlowStart::of(scenario, index, flow.start, true))?;
    }
    writeln!(text, "end")
}

fn write_transport(text: &mut String, scenario: &Scenario) -> std::fmt::Result {
    let t = scenario.transport();
    let flag = u8::from;
    writeln!(text, "payload {}\nwindow {}", t.payload.0, t.window.map_or(0, |w| w.0))?;
    writeln!(text, "variable_window {}", flag(t.variable_window))?;
    writeln!(text, "min_rate {}\nmax_rate {}", t.min_rate.0, t.max_rate.0)?;
    writeln!(text, "rate_bound {}\nack_high_priority {}", flag(t.rate_bound), flag(t.ack_high_priority))?;
    writeln!(text, "pfc {}\necn {}\nbuffer {}", flag(t.pfc), flag(t.ecn), t.buffer.0)?;
    writeln!(text, "rng_run {}\nbase_rtt {}", t.rng_run, scenario.base_rtt().ns_floor())?;
    writeln!(text, "marking {}", t.marking.len())?;
    for (rate, m) in &t.marking {
        writeln!(text, "{} {} {} {:?}", rate.0, m.k_min.0, m.k_max.0, m.p_max)?;
    }
    write_control(text, &t.congestion_control)
}

fn write_control(text: &mut String, control: &CongestionControl) -> std::fmt::Result {
    write!(text, "congestion_control {}", control.name())?;
    let flag = u8::from;
    match *control {
        CongestionControl::Dctcp { gain, additive } => writeln!(text, " {gain:?} {}", additive.0),
        CongestionControl::Dcqcn {
            gain,
            alpha_interval,
            decrease_interval,
            increase_interval,
            fast_recovery_rounds,
            additive,
            hyper,
            clamp_target,
        } => {
            write!(text, " {gain:?}")?;
            for interval in [alpha_interval, decrease_interval, increase_interval] {
                write!(text, " {}", interval.ns_floor())?;
            }
            writeln!(text, " {fast_recovery_rounds} {} {} {}", additive.0, hyper.0, flag(clamp_target))
        }
        CongestionControl::Hpcc {
            target_utilisation,
            additive,
            additive_stages,
            telemetry_multiplier,
            fast_reaction,
            per_hop_rate,
        } => {
            write!(text, " {target_utilisation:?} {} {additive_stages}", additive.0)?;
            writeln!(text, " {telemetry_multiplier} {} {}", flag(fast_reaction), flag(per_hop_rate))
        }
        CongestionControl::Timely { t_low, t_high, beta, additive, hyper } => {
            writeln!(text, " {} {} {beta:?} {} {}", t_low.ns_floor(), t_high.ns_floor(), additive.0, hyper.0)
        }
        CongestionControl::Tcp { queue, .. } => {
            write!(text, " {}", queue.name())?;
            queue.times().iter().flatten().try_for_each(|time| write!(text, " {}", time.ns_floor()))?;
            writeln!(text)
        }
    }
}
