//! The corrected fluid as a backend: `m4`.

use super::network::CorrectedNetwork;
use super::perceptron::Perceptron;
use super::weights::{self, WeightsError};
use mixlab_contract::tcp::rdma_only;
use mixlab_contract::{Backend, Counters, Observer, RunError, RunOutput, Scenario, Unsupported, drive};
use std::sync::Arc;

/// The learned model with its weights.
#[derive(Clone, Debug)]
pub struct M4Backend {
    model: Arc<Perceptron>,
    digest: String,
}

impl M4Backend {
    /// The model with the weights that ship with this crate.
    ///
    /// # Errors
    /// Never for the file in the repository, which a test reads.
    pub fn shipped() -> Result<Self, WeightsError> {
        weights::shipped().map(Self::with_weights)
    }

    /// The model with these weights.
    pub fn with_weights(model: Perceptron) -> Self {
        let digest = model.digest();
        Self { model: Arc::new(model), digest }
    }
}

impl Backend for M4Backend {
    fn id(&self) -> &str {
        "m4"
    }

    fn fingerprint(&self) -> String {
        format!("m4-2 corrected weights={}", self.digest)
    }

    /// Every RDMA scenario: what the fluid leaves out is what the correction is for, and the README says where it was trained.
    fn check(&self, scenario: &Scenario) -> Result<(), Unsupported> {
        rdma_only(scenario)
    }

    fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError> {
        observer.phase("simulate");
        let mut network = CorrectedNetwork::new(scenario, &self.model);
        let outcomes = drive(&mut network, scenario, observer)?;
        let counters = Counters { events: network.events(), ..Counters::default() };
        Ok(RunOutput { outcomes, counters, supervision: None })
    }
}
