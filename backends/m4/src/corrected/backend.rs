//! The corrected fluid as a backend: `m4-fluid`, or `m4` with a user's weights.

use super::network::CorrectedNetwork;
use crate::perceptron::Perceptron;
use crate::perceptron::file::{Kind, WeightsError};
use mixlab_contract::tcp::rdma_only;
use mixlab_contract::{Backend, Counters, Observer, RunError, RunOutput, Scenario, Unsupported, drive};
use std::sync::Arc;

/// The corrected fluid with its weights.
#[derive(Clone, Debug)]
pub struct CorrectedBackend {
    id: &'static str,
    model: Arc<Perceptron>,
    digest: String,
}

impl CorrectedBackend {
    /// `m4-fluid`: the model with the weights that ship with this crate.
    ///
    /// # Errors
    /// Never for the file in the repository, which a test reads.
    pub fn shipped() -> Result<Self, WeightsError> {
        Ok(Self { id: "m4-fluid", ..Self::with_weights(Kind::Corrected.shipped()?) })
    }

    /// `m4`: the model with these weights.
    pub fn with_weights(model: Perceptron) -> Self {
        let digest = model.digest();
        Self { id: "m4", model: Arc::new(model), digest }
    }
}

impl Backend for CorrectedBackend {
    fn id(&self) -> &str {
        self.id
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
