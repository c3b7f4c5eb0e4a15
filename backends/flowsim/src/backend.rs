//! The two backends of the one engine: `flowsim` and `flowsim-window`.

use crate::network::FluidNetwork;
use crate::terms::Rules;
use mixlab_contract::tcp::rdma_only;
use mixlab_contract::{Backend, Counters, Observer, RunError, RunOutput, Scenario, Unsupported, drive};

/// Exact max-min fluid simulation as an offline backend.
#[derive(Clone, Copy, Debug)]
pub struct FlowsimBackend {
    rules: Rules,
}

impl FlowsimBackend {
    /// `flowsim`: payload bytes, no limits but links and `max_rate`. The field's baseline.
    pub const fn plain() -> Self {
        Self { rules: Rules::Payload }
    }

    /// `flowsim-window`: wire bytes, full windows at window ÷ base RTT.
    pub const fn window() -> Self {
        Self { rules: Rules::Window }
    }

    /// The rules its fluid follows.
    pub const fn rules(&self) -> Rules {
        self.rules
    }
}

impl Backend for FlowsimBackend {
    fn id(&self) -> &str {
        match self.rules {
            Rules::Payload => "flowsim",
            Rules::Window => "flowsim-window",
        }
    }

    fn fingerprint(&self) -> String {
        match self.rules {
            Rules::Payload => "flowsim-2 payload".into(),
            Rules::Window => "flowsim-2 window".into(),
        }
    }

    /// Every RDMA scenario: the model leaves out transport detail on purpose (the README lists it). TCP has too much of it.
    fn check(&self, scenario: &Scenario) -> Result<(), Unsupported> {
        rdma_only(scenario)
    }

    fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError> {
        observer.phase("simulate");
        let mut network = FluidNetwork::new(scenario, self.rules);
        let outcomes = drive(&mut network, scenario, observer)?;
        Ok(RunOutput {
            outcomes,
            counters: Counters { events: network.events(), ..Counters::default() },
            supervision: None,
        })
    }
}
