//! What ns-3's TCP stack and our program over it cannot do, beside the limits that `scenario_text` checks for both programs.

use mixlab_contract::{BitsPerSec, Bytes, CongestionControl, QueueDiscipline, Scenario, SimDuration};

/// Largest payload: an IP packet of 65,535 bytes less 20 IP, 20 TCP and 40 bytes of options.
const LARGEST_PAYLOAD: u64 = 65_455;
/// Sequence numbers have 32 bits and are compared modulo 2^32.
const LARGEST_FLOW: Bytes = Bytes(1 << 31);
/// ns-3's queue sizes have 32 bits.
const LARGEST_BUFFER: Bytes = Bytes(u32::MAX as u64);
/// ns-3's packets live for 64 hops, the first of which is the sender.
const LONGEST_PATH: usize = 63;
/// Ports a host has for its flows: all but 0 and the one it listens at.
const FLOWS_PER_HOST: u32 = 65_534;
/// CoDel counts time in units of 1,024 ns.
const SHORTEST_CODEL_TIME: SimDuration = SimDuration::from_ns(1_024);

/// The first feature of a TCP scenario that is not modelled.
///
/// PRECONDITION: the scenario's congestion control is a TCP variant.
pub fn tcp_feature(scenario: &Scenario) -> Option<String> {
    let t = scenario.transport();
    let CongestionControl::Tcp { queue, .. } = t.congestion_control else { return None };
    if t.payload.0 > LARGEST_PAYLOAD {
        return Some(format!("a payload of {} per segment", t.payload));
    }
    if t.buffer > LARGEST_BUFFER {
        return Some(format!("a buffer of {} per port", t.buffer));
    }
    queue_feature(scenario, queue).or_else(|| flow_feature(scenario))
}

fn queue_feature(scenario: &Scenario, queue: QueueDiscipline) -> Option<String> {
    match queue {
        QueueDiscipline::Fifo => None,
        QueueDiscipline::Red => {
            let mut rates = scenario.topology().links().iter().map(|l| l.rate);
            rates.find_map(|rate| red_feature(scenario, rate))
        }
        QueueDiscipline::CoDel { target, interval } | QueueDiscipline::FqCoDel { target, interval } => {
            let short = [target, interval].into_iter().find(|time| *time < SHORTEST_CODEL_TIME)?;
            Some(format!("a CoDel time of {short} (at least {SHORTEST_CODEL_TIME})"))
        }
        QueueDiscipline::Pie { target, update_interval } => {
            [target, update_interval].contains(&SimDuration::ZERO).then(|| "a PIE time of 0 ns".into())
        }
    }
}

/// ns-3 takes thresholds of 0 for "choose them yourself".
fn red_feature(scenario: &Scenario, rate: BitsPerSec) -> Option<String> {
    match scenario.transport().marking_at(rate) {
        None => Some(format!("RED on a link of {rate} without thresholds for that rate")),
        Some(m) if m.k_min.0 == 0 || m.k_max < m.k_min => {
            Some(format!("RED with thresholds of {} and {} (K_min above 0, K_max at least K_min)", m.k_min, m.k_max))
        }
        Some(m) if !(m.p_max > 0.0 && m.p_max <= 1.0) => Some(format!("RED with a P_max of {}", m.p_max)),
        Some(_) => None,
    }
}

fn flow_feature(scenario: &Scenario) -> Option<String> {
    let mut of_host = vec![0u32; scenario.topology().node_count()];
    for index in scenario.indices() {
        let flow = scenario.flow(index);
        if flow.size > LARGEST_FLOW {
            return Some(format!("a flow of {} (TCP's sequence numbers have 32 bits)", flow.size));
        }
        let longest = scenario.path(index).len().max(scenario.ack_path(index).len());
        if longest > LONGEST_PATH {
            return Some(format!("a path over {longest} links (at most {LONGEST_PATH})"));
        }
        let flows = &mut of_host[flow.src.0 as usize];
        *flows += 1;
        if *flows > FLOWS_PER_HOST {
            return Some(format!("more than {FLOWS_PER_HOST} flows of one host"));
        }
    }
    None
}
