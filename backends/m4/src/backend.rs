//! The published architecture as an offline backend `m4`: a checkpoint and the rules of its event loop.

use crate::paper::{Checkpoint, M4Network, Rules, parameters};
use mixlab_contract::{Availability, Backend, Counters, Observer, RunError, RunOutput, Scenario, Unsupported, drive};

/// The learned flow-level simulator.
#[derive(Clone, Debug)]
pub struct PaperBackend {
    checkpoint: Option<Checkpoint>,
    rules: Rules,
}

impl PaperBackend {
    /// With a checkpoint, or without: then it is there to say that it is missing.
    pub const fn new(checkpoint: Option<Checkpoint>, rules: Rules) -> Self {
        Self { checkpoint, rules }
    }
}

impl Backend for PaperBackend {
    fn id(&self) -> &str {
        "m4"
    }

    fn fingerprint(&self) -> String {
        let digest = self.checkpoint.as_ref().map_or("no weights", Checkpoint::digest);
        format!("m4-1 paper {} {digest}", self.rules.name())
    }

    fn probe(&self) -> Availability {
        match self.checkpoint {
            Some(_) => Availability::Available,
            None => Availability::Missing {
                reason: "no weights are given".into(),
                hint:
                    "name a folder with `--m4-weights DIR`: one with manifest.json, or the original's eight .pt files"
                        .into(),
            },
        }
    }

    /// What the 13 parameters can't express, and congestion controls the weights were not trained for.
    fn check(&self, scenario: &Scenario) -> Result<(), Unsupported> {
        parameters(scenario)?;
        let name = scenario.transport().congestion_control.name();
        match &self.checkpoint {
            Some(c) if c.congestion_controls.iter().all(|known| known != name) => {
                Err(Unsupported { feature: format!("{name}, for which these weights were not trained,") })
            }
            _ => Ok(()),
        }
    }

    fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError> {
        let failed = |message: String| RunError::Failed { message, log_tail: String::new() };
        let checkpoint = self.checkpoint.as_ref().ok_or_else(|| failed("no weights are given".into()))?;
        self.check(scenario).map_err(|e| failed(e.to_string()))?;
        observer.phase("set-up");
        let network = M4Network::new(scenario, &checkpoint.weights, self.rules);
        let mut network = network.map_err(|e| failed(e.to_string()))?;
        observer.phase("simulate");
        let outcomes = drive(&mut network, scenario, observer)?;
        let counters = Counters { events: network.work().events, ..Counters::default() };
        Ok(RunOutput { outcomes, counters, supervision: None })
    }
}
