//! The offline backend.

use crate::network::CoarseNetwork;
use mixlab_contract::tcp::rdma_only;
use mixlab_contract::{Backend, Observer, RunError, RunOutput, Scenario, Unsupported, drive};

/// Coarse packet-level simulation as an offline backend.
#[derive(Clone, Copy, Debug, Default)]
pub struct CoarseBackend;

impl Backend for CoarseBackend {
    fn id(&self) -> &str {
        "coarse"
    }

    fn fingerprint(&self) -> String {
        "coarse-2".into()
    }

    /// Every RDMA scenario.
    fn check(&self, scenario: &Scenario) -> Result<(), Unsupported> {
        rdma_only(scenario)
    }

    fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError> {
        observer.phase("simulate");
        let mut network = CoarseNetwork::new(scenario);
        let outcomes = drive(&mut network, scenario, observer)?;
        Ok(RunOutput { outcomes, counters: network.counters(), supervision: None })
    }
}
