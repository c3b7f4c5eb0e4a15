//! The published architecture as an offline backend `m4`: a checkpoint and the rules of its event loop.

use crate::paper::{Checkpoint, M4Network, Rules, parameters};
use mixlab_contract::{Backend, Counters, Observer, RunError, RunOutput, Scenario, Unsupported, drive};

/// The learned flow-level simulator.
#[derive(Clone, Debug)]
pub struct PaperBackend {
    checkpoint: Checkpoint,
    rules: Rules,
}

impl PaperBackend {
    /// With these weights.
    pub const fn new(checkpoint: Checkpoint, rules: Rules) -> Self {
        Self { checkpoint, rules }
    }
}

impl Backend for PaperBackend {
    fn id(&self) -> &str {
        "m4"
    }

    fn fingerprint(&self) -> String {
        format!("m4-2 paper {} {}", self.rules.name(), self.checkpoint.digest())
    }

    /// What the 13 parameters can't express, and congestion controls the weights were not trained for.
    fn check(&self, scenario: &Scenario) -> Result<(), Unsupported> {
        parameters(scenario)?;
        let name = scenario.transport().congestion_control.name();
        match self.checkpoint.congestion_controls.iter().any(|known| known == name) {
            true => Ok(()),
            false => Err(Unsupported { feature: format!("{name}, for which these weights were not trained,") }),
        }
    }

    fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError> {
        let failed = |message: String| RunError::Failed { message, log_tail: String::new() };
        self.check(scenario).map_err(|e| failed(e.to_string()))?;
        observer.phase("set-up");
        let network = M4Network::new(scenario, &self.checkpoint.weights, self.rules);
        let mut network = network.map_err(|e| failed(e.to_string()))?;
        observer.phase("simulate");
        let outcomes = drive(&mut network, scenario, observer)?;
        let counters = Counters { events: network.work().events, ..Counters::default() };
        Ok(RunOutput { outcomes, counters, supervision: None })
    }
}
