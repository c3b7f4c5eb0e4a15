//! The contract's laws and the simulator's own, on random scenarios: mixed link rates, all congestion controls, open and
//! closed loops.

mod support;

use mixlab_contract::conformance::{
    Scope, Verdict, disjoint_parts_do_not_interact, lone_flow_is_ideal, network_laws, output_is_sound_and_repeatable,
    random_scenario,
};
use mixlab_contract::{
    Backend, BitsPerSec, Bytes, ChannelId, CongestionControl, FlowIndex, FlowStart, Network, Scenario, Silent,
    SimDuration, SimTime, Transport, drive,
};
use mixlab_packet::probe::{Probe, Transmission};
use mixlab_packet::queue::Wheel;
use mixlab_packet::{Kind, PacketBackend, PacketNetwork};
use std::collections::HashMap;
use support::scenarios::{varied, with_transport, without_window};

const SEEDS: std::ops::Range<u64> = 0..120;

fn check(seed: u64, verdict: Verdict) {
    verdict.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
}

#[test]
fn outputs_are_sound_and_repeatable() {
    for seed in SEEDS {
        check(seed, output_is_sound_and_repeatable(&PacketBackend::NS3, &random_scenario(seed, Scope::default())));
        check(seed, output_is_sound_and_repeatable(&PacketBackend::NS3, &varied(seed)));
    }
}

#[test]
fn the_network_obeys_the_laws_of_networks() {
    for seed in SEEDS {
        check(seed, network_laws(&varied(seed), PacketNetwork::new));
    }
}

/// A lone flow may be a few ns above ideal (rounding per packet), and telemetry makes packets longer. HPCC is left out: it
/// keeps utilisation below η, so it slows a lone flow on purpose.
#[test]
fn a_lone_flow_is_ideal() {
    for seed in SEEDS {
        let scenario = random_scenario(seed, Scope::default());
        let t = scenario.transport();
        if matches!(t.congestion_control, CongestionControl::Hpcc { .. }) {
            continue;
        }
        let first = FlowIndex(0);
        let size = scenario.flow(first).size.min(t.window.expect("random scenarios have windows"));
        let packets = t.packets(size) + scenario.path(first).len() as u64;
        let telemetry_ns = t.congestion_control.telemetry_bytes(); // 1 byte takes 0.8 ns at 10 Gb/s
        let slack = SimDuration::from_ns(2 + packets * telemetry_ns);
        check(seed, lone_flow_is_ideal(&PacketBackend::NS3, &scenario, slack));
    }
}

/// DCQCN is left out: its marking draws come from one sequence for the whole network, as in ns-3.
#[test]
fn disjoint_parts_are_independent_unless_they_share_random_streams() {
    for seed in SEEDS {
        let scenario = random_scenario(seed, Scope::default());
        if !matches!(scenario.transport().congestion_control, CongestionControl::Dcqcn { .. }) {
            check(seed, disjoint_parts_do_not_interact(&PacketBackend::NS3, &scenario));
        }
    }
}

/// Bytes in switches are the same by input, by output and by switch at any time; in the end nothing is left.
#[test]
fn bytes_are_conserved() {
    for seed in SEEDS {
        let scenario = varied(seed);
        let mut network = PacketNetwork::new(&scenario);
        for flow in scenario.indices() {
            network.start_flow(FlowStart::of(&scenario, flow, scenario.flow(flow).start, false));
        }
        for step in 0..100 {
            let until = SimTime::from_ns(1_000_000_000 + step * 10_007);
            while network.next_event(until).is_some() {}
            let [input, output, total] = network.buffered_bytes();
            assert!(input == output && output == total, "seed {seed}: {input} {output} {total} bytes");
        }
        while network.next_event(scenario.horizon()).is_some() {}
        assert_eq!(network.buffered_bytes(), [0; 3], "seed {seed}");
        assert_eq!(network.packets_inside(), 0, "seed {seed}");
    }
}

/// With PFC, and headroom that covers every link, nothing is dropped and everything arrives.
#[test]
fn pfc_with_headroom_drops_nothing() {
    for seed in SEEDS {
        let scope = Scope { mixed_links: false, ..Scope::default() };
        let scenario = with_transport(random_scenario(seed, scope), |t| {
            t.buffer = Bytes(300 * 1024);
            if seed.is_multiple_of(2) {
                without_window(t);
            }
        });
        let output = PacketBackend::NS3.run(&scenario, &Silent).expect("a supported scenario");
        assert_eq!(output.counters.drops, 0, "seed {seed}");
        assert!(output.outcomes.iter().all(|o| o.fct().is_some()), "seed {seed}: a flow is unfinished");
    }
}

/// Data of a flow crosses each channel in order of sequence numbers if nothing is lost.
#[derive(Default)]
struct InOrder {
    next: HashMap<(u32, FlowIndex), u64>,
    overtaken: u64,
}

impl Probe for InOrder {
    fn transmit(&mut self, t: &Transmission) {
        if t.kind == Kind::Data {
            let next = self.next.entry((t.channel.0, t.flow)).or_default();
            self.overtaken += u64::from(t.sequence < *next);
            *next = t.sequence + 1;
        }
    }
}

#[test]
fn packets_of_a_flow_stay_in_order() {
    for seed in SEEDS {
        let scenario = random_scenario(seed, Scope { mixed_links: false, ..Scope::default() });
        let mut network = PacketNetwork::<Wheel, _>::observed(&scenario, InOrder::default());
        drive(&mut network, &scenario, &Silent).expect("not cancelled");
        if network.counters().drops == 0 {
            assert_eq!(network.probe().overtaken, 0, "seed {seed}");
        }
    }
}

/// Watches every channel: one packet at a time, none before it has arrived over the channel before, no pause while
/// something waits.
struct Watch<'a> {
    scenario: &'a Scenario,
    /// By channel: when its last transmission ended (ns), and whether bytes were left behind it.
    free_at: Vec<u64>,
    waiting: Vec<bool>,
    /// When data (flow, first byte) arrived wherever it is now, and over which channel.
    arrived: HashMap<(FlowIndex, u64), (u64, ChannelId)>,
    waited: u64,
}

impl<'a> Watch<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        let channels = scenario.topology().channel_count();
        Self {
            scenario,
            free_at: vec![0; channels],
            waiting: vec![false; channels],
            arrived: HashMap::new(),
            waited: 0,
        }
    }
}

impl Probe for Watch<'_> {
    fn transmit(&mut self, t: &Transmission) {
        let (now, channel) = (t.time.ns_floor(), t.channel.index());
        assert!(now >= self.free_at[channel], "two packets at once on {:?} at {now} ns", t.channel);
        if self.waiting[channel] {
            self.waited += 1;
            assert_eq!(now, self.free_at[channel], "{:?} was idle while something waited", t.channel);
        }
        let link = self.scenario.topology().link(t.channel);
        let end = now + link.rate.transmission_ns_floor(Bytes(t.wire_bytes.into()));
        self.free_at[channel] = end;
        self.waiting[channel] = t.queue_bytes > 0;
        if t.kind == Kind::Data {
            let path = self.scenario.path(t.flow);
            let place = path.iter().position(|c| *c == t.channel).expect("data stays on its path");
            let start = self.scenario.flow(t.flow).start.ns_floor();
            let from = (place > 0).then(|| path[place - 1]);
            let known = self.arrived.get(&(t.flow, t.sequence)).filter(|(_, over)| Some(*over) == from);
            let earliest = if from.is_some() { known.expect("it came over the channel before").0 } else { start };
            assert!(now >= earliest, "data of {:?} leaves at {now} ns, before {earliest} ns", t.flow);
            self.arrived.insert((t.flow, t.sequence), (end + link.delay.ns_floor(), t.channel));
        }
    }
}

/// Causality and work conservation. Without PFC, since a paused port rests; scenarios that lose something are left out,
/// since a byte sent twice is in two places.
#[test]
fn data_moves_forward_in_time_and_no_port_rests_while_something_waits() {
    let (mut scenarios, mut waited) = (0, 0);
    for seed in SEEDS {
        let scenario = with_transport(random_scenario(seed, Scope::default()), |t| {
            t.pfc = false;
            t.buffer = Bytes(4_000_000);
        });
        let mut network = PacketNetwork::<Wheel, _>::observed(&scenario, Watch::new(&scenario));
        drive(&mut network, &scenario, &Silent).expect("not cancelled");
        assert_eq!(network.counters().drops, 0, "seed {seed}: the buffer is large");
        waited += network.probe().waited;
        scenarios += 1;
    }
    assert!(waited > 100 * scenarios, "packets waited {waited} times only");
}

#[test]
fn what_ns3_would_not_do_the_same_way_is_refused() {
    let refused = |change: fn(&mut Transport)| {
        let scenario = with_transport(random_scenario(1, Scope::default()), change);
        PacketBackend::NS3.check(&scenario).expect_err("unsupported").feature
    };
    assert!(refused(|t| t.marking.clear()).contains("marking thresholds"));
    assert!(refused(|t| t.payload = Bytes(65_500)).contains("packet of"));
    let hpcc = |telemetry_multiplier| CongestionControl::Hpcc {
        target_utilisation: 0.9,
        additive: BitsPerSec(1),
        additive_stages: 0,
        telemetry_multiplier,
        fast_reaction: true,
        per_hop_rate: false,
    };
    for (window, multiplier, reason) in [(None, 1, "HPCC without a window"), (Some(Bytes(9)), 0, "multiplier of 0")] {
        let scenario = with_transport(random_scenario(1, Scope::default()), |t| {
            (t.window, t.congestion_control) = (window, hpcc(multiplier));
        });
        assert!(PacketBackend::NS3.check(&scenario).is_err_and(|e| e.feature.contains(reason)));
        assert_eq!(PacketBackend::CLEAN.check(&scenario), Ok(()), "clean has an answer");
    }
    let tiny = with_transport(random_scenario(1, Scope::default()), |t| {
        (t.payload, t.window, t.congestion_control) = (Bytes(1), Some(Bytes(5_000)), hpcc(1));
    });
    assert!(PacketBackend::NS3.check(&tiny).is_err_and(|e| e.feature.contains("units of 128 bytes")));
    assert_eq!(PacketBackend::CLEAN.check(&tiny), Ok(()), "clean counts bytes");
    assert!(PacketBackend::NS3.check(&random_scenario(1, Scope::default())).is_ok());
}
