//! Fast against slow: either fidelity under its timing wheel and under the plain heap, which also executes every event that does
//! nothing. Every outcome, transmission, ACK, drop and PFC event must be the same.

#[path = "../../contract/tests/support/cases.rs"]
mod cases;
mod support;

use cases::hold;
use mixlab_contract::conformance::{network_laws, output_is_sound_and_repeatable};
use mixlab_contract::shrink::Held;
use mixlab_contract::wild::wild_scenario;
use mixlab_contract::{Backend, FlowOutcome, Scenario, Silent, drive};
use mixlab_packet::fidelity::{Clean, Fidelity, Ns3};
use mixlab_packet::probe::Unobserved;
use mixlab_packet::queue::{EventQueue, FineWheel, PlainHeap, Wheel};
use mixlab_packet::{CleanNetwork, PacketBackend, PacketNetwork};
use support::logs::Logs;
use support::scenarios::{fast, lossy, varied};

/// What one queue makes of a scenario: outcomes, trace, PFC log.
fn logs<Q: EventQueue, F: Fidelity>(scenario: &Scenario) -> (Vec<FlowOutcome>, String, String) {
    let mut network = PacketNetwork::<Q, _, F>::observed(scenario, Logs::new(scenario, usize::MAX));
    let outcomes = drive(&mut network, scenario, &Silent).expect("not cancelled");
    let logs = network.into_probe();
    (outcomes, logs.trace, logs.pfc)
}

fn same<Q: EventQueue, F: Fidelity>(backend: PacketBackend, scenario: &Scenario) -> Held {
    if backend.check(scenario).is_err() {
        return Ok(false);
    }
    let (fast, slow) = (logs::<Q, F>(scenario), logs::<PlainHeap, F>(scenario));
    if fast == slow {
        return Ok(true);
    }
    let line = fast.1.lines().zip(slow.1.lines()).find(|(a, b)| a != b);
    Err(format!("outcomes equal: {}; first transmission that differs: {line:?}", fast.0 == slow.0))
}

#[test]
fn the_wheel_and_the_plain_heap_give_the_same_trace() {
    let draw = |seed: u64| if seed.is_multiple_of(3) { varied(seed) } else { wild_scenario(seed) };
    hold(360, 0.7, draw, |s| same::<Wheel, Ns3>(PacketBackend::NS3, s));
}

#[test]
fn the_fine_wheel_and_the_plain_heap_give_the_same_trace() {
    let draw = |seed: u64| match seed % 4 {
        0 => fast(seed),
        1 => lossy(seed),
        _ => wild_scenario(seed),
    };
    hold(480, 0.9, draw, |s| same::<FineWheel, Clean>(PacketBackend::CLEAN, s));
}

/// The laws of the contract on scenarios of every shape: complete, sound, repeatable, the same however `next_event` is called.
#[test]
fn both_fidelities_keep_the_laws_on_scenarios_of_every_shape() {
    let laws = |backend: PacketBackend, scenario: &Scenario| -> Held {
        if backend.check(scenario).is_err() {
            return Ok(false);
        }
        output_is_sound_and_repeatable(&backend, scenario)?;
        match backend.id() {
            "packet" => network_laws(scenario, PacketNetwork::new)?,
            _ => network_laws(scenario, |s| CleanNetwork::observed(s, Unobserved))?,
        }
        Ok(true)
    };
    hold(200, 0.9, wild_scenario, |s| Ok(laws(PacketBackend::NS3, s)? | laws(PacketBackend::CLEAN, s)?));
}
