//! The refined coarse network as a backend: `m4`.

use super::network::{GRAIN, network};
use crate::perceptron::Perceptron;
use crate::perceptron::file::{Kind, WeightsError};
use mixlab_coarse::CoarseBackend;
use mixlab_contract::tcp::rdma_only;
use mixlab_contract::{Application, Backend, FlowOutcome, Observer, RunError, RunOutput, Scenario, Unsupported, drive};
use std::sync::Arc;

/// The learned model with its weights.
#[derive(Clone, Debug)]
pub struct RefinedBackend {
    model: Arc<Perceptron>,
    digest: String,
}

impl RefinedBackend {
    /// The model with the weights that ship with this crate.
    ///
    /// # Errors
    /// Never for the file in the repository, which a test reads.
    pub fn shipped() -> Result<Self, WeightsError> {
        Kind::Refined.shipped().map(Self::with_weights)
    }

    /// The model with these weights.
    pub fn with_weights(model: Perceptron) -> Self {
        let digest = model.digest();
        Self { model: Arc::new(model), digest }
    }
}

impl Backend for RefinedBackend {
    fn id(&self) -> &str {
        "m4"
    }

    fn fingerprint(&self) -> String {
        format!("m4-3 refined {} grain={GRAIN} weights={}", CoarseBackend.fingerprint(), self.digest)
    }

    /// Every RDMA scenario.
    fn check(&self, scenario: &Scenario) -> Result<(), Unsupported> {
        rdma_only(scenario)
    }

    fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError> {
        observer.phase("simulate");
        let mut network = network(scenario, GRAIN, &self.model, ());
        let mut outcomes = drive(&mut network, scenario, observer)?;
        if scenario.application() == Application::Open {
            // Nothing waits for a flow's end, so that it may turn out to be earlier than what is already simulated.
            for (flow, refined) in network.onlooker().fcts() {
                if let FlowOutcome::Completed { fct, .. } = &mut outcomes[flow.index()] {
                    *fct = *refined;
                }
            }
        }
        Ok(RunOutput { outcomes, counters: network.counters(), supervision: None })
    }
}
