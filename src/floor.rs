//! The floor of truth: the packet simulation again, with the smallest change a network would not notice.
//!
//! One flow in ten starts 1 ns later, and under DCQCN the marking draws come from other random streams. The modelled
//! system is chaotic, so individual FCTs move by several percent all the same; an estimator's error below that says nothing.
//! As a backend of its own (`floor`) the perturbed run is stored, resumed, compared and drawn like any other: its error
//! against `packet` *is* the floor.

use mixlab_contract::conformance::SplitMix;
use mixlab_contract::{
    Backend, Flow, FlowOutcome, Observer, Paths, RunError, RunOutput, Scenario, ScenarioParts, SimDuration, Unsupported,
};
use mixlab_packet::PacketBackend;

/// One flow in so many is shifted.
const ONE_IN: u64 = 10;
/// By so much.
const SHIFT: SimDuration = SimDuration::from_ns(1);

/// [`PacketBackend`] on a minimally perturbed copy of the scenario.
#[derive(Clone, Copy, Debug, Default)]
pub struct FloorBackend;

impl Backend for FloorBackend {
    fn id(&self) -> &str {
        "floor"
    }

    fn fingerprint(&self) -> String {
        format!("floor-1 over {}", PacketBackend::NS3.fingerprint())
    }

    fn check(&self, scenario: &Scenario) -> Result<(), Unsupported> {
        PacketBackend::NS3.check(scenario)
    }

    fn tolerance(&self) -> SimDuration {
        PacketBackend::NS3.tolerance()
    }

    fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError> {
        let (perturbed, order) = perturb(scenario);
        let output = PacketBackend::NS3.run(&perturbed, observer)?;
        let mut outcomes = vec![FlowOutcome::Unfinished { start: None }; output.outcomes.len()];
        for (outcome, original) in output.outcomes.into_iter().zip(order) {
            outcomes[original] = outcome;
        }
        Ok(RunOutput { outcomes, ..output })
    }
}

/// The perturbed scenario, and for each of its flows the position of the original.
fn perturb(scenario: &Scenario) -> (Scenario, Vec<usize>) {
    let mut random = SplitMix(scenario.flows().len() as u64);
    let shifted: Vec<Flow> = scenario
        .flows()
        .iter()
        .map(|f| Flow { start: if random.below(ONE_IN) == 0 { f.start + SHIFT } else { f.start }, ..*f })
        .collect();
    let mut order: Vec<usize> = (0..shifted.len()).collect();
    order.sort_by_key(|i| shifted[*i].start); // stable: flows of equal start keep their order
    let index: Vec<_> = scenario.indices().collect();
    let paths: Paths = order.iter().map(|i| scenario.path(index[*i])).collect();
    let ack_paths: Paths = order.iter().map(|i| scenario.ack_path(index[*i])).collect();
    let mut transport = scenario.transport().clone();
    transport.rng_run += 1;
    let perturbed = Scenario::new(ScenarioParts {
        topology: scenario.topology().clone(),
        flows: order.iter().map(|i| shifted[*i]).collect(),
        paths: Some((paths, ack_paths)),
        transport,
        application: scenario.application(),
        horizon: scenario.horizon(),
    });
    (perturbed.expect("a valid scenario stays valid when starts move by 1 ns"), order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mixlab_contract::conformance::{Scope, random_scenario};

    #[test]
    fn about_one_flow_in_ten_starts_a_nanosecond_later_and_nothing_else_moves() {
        let scenario = random_scenario(5, Scope { flows: 5_000, ..Scope::default() });
        let (perturbed, order) = perturb(&scenario);
        let mut moved = 0;
        for (flow, original) in perturbed.flows().iter().zip(&order) {
            let before = scenario.flows()[*original];
            assert_eq!(Flow { start: before.start, ..*flow }, before);
            assert!(flow.start == before.start || flow.start == before.start + SHIFT);
            moved += usize::from(flow.start != before.start);
        }
        let share = moved as f64 / order.len() as f64;
        assert!((0.05..0.15).contains(&share), "{moved} of {} flows", order.len());
    }
}
