//! The laws of the contract, over every backend of this build.

use mixlab::backends::registry;
use mixlab_contract::conformance::{
    Scope, disjoint_parts_do_not_interact, lone_flow_is_ideal, output_is_sound_and_repeatable, random_scenario,
};
use mixlab_contract::{Backend, SimDuration};

/// Telemetry makes lone TIMELY and HPCC packets longer than the ideal FCT assumes, on every hop of every packet.
const LONE_FLOW_SLACK: SimDuration = SimDuration::from_ns(2_000);

fn scenarios(count: u64) -> impl Iterator<Item = (u64, mixlab_contract::Scenario)> {
    (0..count).map(|seed| (seed, random_scenario(seed, Scope { flows: 30, ..Scope::default() })))
}

fn on_every_backend(law: impl Fn(&dyn Backend, &mixlab_contract::Scenario) -> Result<(), String>) {
    for backend in registry() {
        let mut held = 0;
        for (seed, scenario) in scenarios(60) {
            if backend.check(&scenario).is_ok() {
                law(&*backend, &scenario).unwrap_or_else(|e| panic!("{} on seed {seed}: {e}", backend.id()));
                held += 1;
            }
        }
        assert!(held > 30, "{} supports only {held} of 60 scenarios", backend.id());
    }
}

#[test]
fn outputs_are_sound_and_repeatable() {
    on_every_backend(output_is_sound_and_repeatable);
}

#[test]
fn a_lone_flow_is_ideal() {
    on_every_backend(|backend, scenario| lone_flow_is_ideal(backend, scenario, LONE_FLOW_SLACK));
}

#[test]
fn disjoint_parts_do_not_influence_each_other() {
    on_every_backend(disjoint_parts_do_not_interact_if_deterministic);
}

/// Under ns-3's fidelity DCQCN's marks are drawn from one network-wide stream, so its two halves do share something: the draws.
/// The floor shifts other flows when there are more of them.
fn disjoint_parts_do_not_interact_if_deterministic(
    backend: &dyn Backend,
    scenario: &mixlab_contract::Scenario,
) -> Result<(), String> {
    let draws = scenario.transport().congestion_control.name() == "dcqcn" && backend.id() == "packet";
    if draws || backend.id() == "floor" { Ok(()) } else { disjoint_parts_do_not_interact(backend, scenario) }
}
