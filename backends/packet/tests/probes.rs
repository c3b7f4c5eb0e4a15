//! Onlookers: they change nothing, and what they record is the state of the network.

use mixlab_contract::conformance::{Scope, random_scenario};
use mixlab_contract::supervision::{Change, Moment};
use mixlab_contract::{
    Backend, Bytes, ChannelId, FlowIndex, FlowStart, Network, Scenario, Silent, SimDuration, SimTime, drive,
};
use mixlab_packet::fidelity::{Clean, Fidelity, Ns3};
use mixlab_packet::probe::{ChannelSeries, FlowTrace, PfcEvent, PfcLog, Probe, Sample, Transmission, View};
use mixlab_packet::queue::{EventQueue, FineWheel, PlainHeap, Wheel};
use mixlab_packet::{CleanNetwork, PacketBackend, PacketNetwork};

const SEEDS: std::ops::Range<u64> = 0..60;

/// A random scenario, with PFC off in some.
fn scenario(seed: u64) -> Scenario {
    let mut parts = random_scenario(seed, Scope::default()).into_parts();
    parts.transport.pfc = !seed.is_multiple_of(4);
    parts.transport.buffer = Bytes(30_000 + 1_000 * seed);
    Scenario::new(parts).expect("still valid")
}

/// The supervisor's slow twin: looks at every flow and channel at every moment.
struct Looker<'a> {
    scenario: &'a Scenario,
    active: Vec<bool>,
    moments: Vec<Moment>,
}

impl Looker<'_> {
    fn look(&mut self, time: SimTime, flow: FlowIndex, change: Change, view: &View<'_>) {
        self.active[flow.index()] = change == Change::Released;
        let active: Vec<FlowIndex> = self.scenario.indices().filter(|f| self.active[f.index()]).collect();
        let remaining = active.iter().map(|f| (*f, view.remaining(*f))).collect();
        let crossed = |c: &ChannelId| active.iter().any(|f| self.scenario.path(*f).contains(c));
        let channels = (0..self.scenario.topology().channel_count() as u32).map(ChannelId).filter(crossed);
        let queues = channels.map(|c| (c, view.queued(c))).filter(|(_, bytes)| bytes.0 > 0).collect();
        self.moments.push(Moment { time, flow, change, remaining, queues });
    }
}

impl Probe for Looker<'_> {
    fn released(&mut self, time: SimTime, flow: FlowIndex, view: &View<'_>) {
        assert_eq!(view.remaining(flow), self.scenario.flow(flow).size, "nothing has arrived at the release");
        self.look(time, flow, Change::Released, view);
    }

    fn delivered(&mut self, time: SimTime, flow: FlowIndex, view: &View<'_>) {
        assert_eq!(view.remaining(flow), Bytes(0), "remaining bytes reach 0 exactly at the delivery");
        self.look(time, flow, Change::Delivered, view);
        let last = self.moments.last().expect("just pushed");
        assert!(last.remaining.iter().all(|(_, left)| left.0 > 0), "and not before");
    }
}

fn supervision_is_what_its_slow_twin_sees<Q: EventQueue, F: Fidelity>(backend: PacketBackend, scenario: &Scenario) {
    let plain = backend.run(scenario, &Silent).expect("a supported scenario");
    let mut supervised = backend.supervised().run(scenario, &Silent).expect("a supported scenario");
    let supervision = supervised.supervision.take().expect("it was asked for");
    assert_eq!(plain, supervised, "an onlooker changes nothing");
    let twin = Looker { scenario, active: vec![false; scenario.flows().len()], moments: Vec::new() };
    let mut network = PacketNetwork::<Q, _, F>::observed(scenario, twin);
    drive(&mut network, scenario, &Silent).expect("not cancelled");
    let twin = network.into_probe();
    let moments: Vec<Moment> = supervision.moments().collect::<Result<_, _>>().expect("well formed");
    assert!(moments == twin.moments, "the moments differ");
    let finished = plain.outcomes.iter().filter(|o| o.fct().is_some()).count();
    assert_eq!(moments.iter().filter(|m| m.change == Change::Delivered).count(), finished);
}

#[test]
fn supervision_has_every_moment_and_is_what_its_slow_twin_sees() {
    for seed in SEEDS {
        supervision_is_what_its_slow_twin_sees::<Wheel, Ns3>(PacketBackend::NS3, &scenario(seed));
        supervision_is_what_its_slow_twin_sees::<PlainHeap, Clean>(PacketBackend::CLEAN, &scenario(seed));
    }
}

/// With ACKs among data and no pause frames, queue 3 is all there is in a switch.
#[test]
fn sampled_queues_add_up_to_the_state_of_the_switches() {
    let mut seen = 0;
    for seed in SEEDS {
        let mut parts = random_scenario(seed, Scope::default()).into_parts();
        (parts.transport.ack_high_priority, parts.transport.pfc) = (false, false);
        let scenario = Scenario::new(parts).expect("still valid");
        let channels: Vec<_> = (0..scenario.topology().channel_count() as u32).map(ChannelId).collect();
        let (first, interval) = (SimTime::from_ns(1_000_000_000), SimDuration::from_ps(7_777_777));
        let series = ChannelSeries::new(channels.clone(), first, interval);
        let mut network = CleanNetwork::observed(&scenario, series);
        for flow in scenario.indices() {
            network.start_flow(FlowStart::of(&scenario, flow, scenario.flow(flow).start, false));
        }
        let mut at = first;
        for _ in 0..100 {
            // Everything before the sample, then the next event, which takes it.
            while network.next_event(SimTime::from_ps(at.ps() - 1)).is_some() {}
            let [_, output, _] = network.buffered_bytes();
            while network.next_event(at + interval).is_some() {}
            let taken: u64 = network.probe().samples.iter().filter(|s| s.time == at).map(|s| s.queued.0).sum();
            let sampled = network.probe().samples.iter().any(|s| s.time == at);
            assert!(!sampled || taken == output, "seed {seed}: {taken} bytes sampled, {output} in the switches");
            seen += taken;
            at = at + interval + interval;
        }
    }
    assert!(seen > 0, "no queue was ever seen");
}

/// Counts bytes per channel the plain way.
#[derive(Default)]
struct Sent(Vec<u64>);

impl Probe for Sent {
    fn transmit(&mut self, t: &Transmission) {
        let index = t.channel.index();
        if index >= self.0.len() {
            self.0.resize(index + 1, 0);
        }
        self.0[index] += u64::from(t.wire_bytes);
    }
}

#[test]
fn samples_are_regular_and_no_channel_sends_more_than_its_rate() {
    for seed in SEEDS {
        let scenario = scenario(seed);
        let channels: Vec<_> = (0..scenario.topology().channel_count() as u32).map(ChannelId).collect();
        let (first, interval) = (SimTime::from_ns(1_000_000_000), SimDuration::from_ns(10_000));
        let series = ChannelSeries::new(channels.clone(), first, interval);
        let mut network = PacketNetwork::<Wheel, _>::observed(&scenario, (series, Sent::default()));
        drive(&mut network, &scenario, &Silent).expect("not cancelled");
        let (series, Sent(total)) = network.into_probe();
        let of = |c: ChannelId| series.samples.iter().filter(move |s: &&Sample| s.channel == c);
        for channel in channels {
            assert!((0..).zip(of(channel)).all(|(k, s)| s.time.ps() == first.ps() + k * interval.ps()), "seed {seed}");
            let sum: u64 = of(channel).map(|s| s.sent.0).sum();
            assert!(sum <= total.get(channel.index()).copied().unwrap_or(0), "seed {seed}");
            let most = scenario.topology().link(channel).rate.0 / 8 / 100_000 + 1_100;
            assert!(of(channel).all(|s| s.sent.0 <= most), "seed {seed}: more than one packet above the rate");
        }
    }
}

#[test]
fn logs_have_every_pause_and_the_acks_of_the_chosen_flows_only() {
    let mut pauses = 0;
    for seed in SEEDS {
        let scenario = scenario(seed);
        let chosen = FlowIndex(scenario.flows().len() as u32 / 2);
        let probes = (PfcLog::default(), FlowTrace::of([chosen]));
        let mut network = PacketNetwork::<FineWheel, _, Clean>::observed(&scenario, probes);
        drive(&mut network, &scenario, &Silent).expect("not cancelled");
        let counted = network.counters().pauses;
        let (log, trace) = network.into_probe();
        assert_eq!(log.records.iter().filter(|r| r.event == PfcEvent::PauseSent).count() as u64, counted);
        pauses += counted;
        let path: SimDuration = scenario.path(chosen).iter().map(|c| scenario.topology().link(*c).delay).sum();
        assert!(!trace.records.is_empty() && trace.records.iter().all(|a| a.flow == chosen && a.rtt > path + path));
        let highest = scenario.transport().max_rate.0;
        assert!(trace.records.iter().all(|a| a.rate <= highest), "seed {seed}");
    }
    assert!(pauses > 0);
}
