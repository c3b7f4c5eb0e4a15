//! The offline door: a simulator that turns a scenario into one outcome per flow.

use crate::scenario::Scenario;
use crate::supervision::Supervision;
use crate::units::{SimDuration, SimTime};
use std::path::Path;
use std::time::Duration;

/// A simulator, as the runner sees it. Implementations are pure functions of the scenario and of their own options.
pub trait Backend: Send + Sync {
    /// Name on the command line, in the store and in figures: lower-case letters, digits and `-`.
    fn id(&self) -> &str;

    /// Digest of everything besides the scenario that can change the answer: model version, options, weights, binaries.
    fn fingerprint(&self) -> String;

    /// Whether it can run here, or why not and what to do.
    fn probe(&self) -> Availability {
        Availability::Available
    }

    /// Whether it models everything in `scenario`. Approximating in silence is a bug: say [`Unsupported`].
    ///
    /// # Errors
    /// [`Unsupported`] naming the feature.
    fn check(&self, scenario: &Scenario) -> Result<(), Unsupported>;

    /// Whether other runs may share the machine.
    fn parallelism(&self) -> Parallelism {
        Parallelism::Any
    }

    /// Whether its outputs carry a supervision. Like every onlooker it changes neither outcomes nor fingerprint.
    fn supervises(&self) -> bool {
        false
    }

    /// How far below the ideal FCT an outcome may lie before it is a fault (rounding of a clock, say).
    fn tolerance(&self) -> SimDuration {
        SimDuration::ZERO
    }

    /// Simulates.
    ///
    /// # Errors
    /// [`RunError`]; a partial result is never returned.
    fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError>;
}

/// Whether a backend can be used on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It can.
    Available,
    /// It can't.
    Missing {
        /// Why, as a fragment.
        reason: String,
        /// What to do about it.
        hint: String,
    },
}

/// Whether runs of a backend may share the machine with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parallelism {
    /// Any number at once.
    Any,
    /// Alone, because it uses the whole machine.
    Alone,
}

/// A scenario needs something the backend does not model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{feature} is not modelled by this backend")]
pub struct Unsupported {
    /// What it lacks.
    pub feature: String,
}

/// Fate of one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowOutcome {
    /// Its last byte reached the receiver before the horizon.
    Completed {
        /// When it was released (its own start, or later in a closed loop).
        start: SimTime,
        /// From release to last byte.
        fct: SimDuration,
    },
    /// It did not.
    Unfinished {
        /// When it was released, if it was.
        start: Option<SimTime>,
    },
}

impl FlowOutcome {
    /// The FCT, if there is one.
    pub const fn fct(&self) -> Option<SimDuration> {
        match self {
            Self::Completed { fct, .. } => Some(*fct),
            Self::Unfinished { .. } => None,
        }
    }
}

/// What an engine counted. Zero where it does not apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events executed.
    pub events: u64,
    /// Packet transmissions: data, ACKs and NACKs, each link crossed counted.
    pub packets: u64,
    /// Packets marked by ECN.
    pub marks: u64,
    /// PFC pause frames sent.
    pub pauses: u64,
    /// Packets dropped.
    pub drops: u64,
}

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOutput {
    /// One per flow, in scenario order.
    pub outcomes: Vec<FlowOutcome>,
    /// What the engine counted.
    pub counters: Counters,
    /// What learned simulators are trained on, if it was asked for ([`Backend::supervises`]).
    pub supervision: Option<Supervision>,
}

/// Why a run has no result.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The observer asked for it.
    #[error("cancelled")]
    Cancelled,
    /// Anything else; the chain of causes in one text, and the end of the program's log if there is one.
    #[error("{message}")]
    Failed {
        /// What went wrong.
        message: String,
        /// Last lines an outside program wrote.
        log_tail: String,
    },
}

/// The runner's side of a run: engines tell it where they are and ask whether to go on.
pub trait Observer: Sync {
    /// A new phase begins (`set-up`, `simulate` …); the runner times it, since engines read no clock. `build` is what is done
    /// once per machine; it does not count as time of the run.
    fn phase(&self, name: &'static str);

    /// `done` flows are finished so far.
    fn progress(&self, done: u64);

    /// A process that the backend started used this much CPU time.
    fn outside_cpu(&self, _: Duration) {}

    /// Whether to stop.
    fn cancelled(&self) -> bool;

    /// An empty directory for files of this run.
    fn work_dir(&self) -> &Path;
}

/// An observer that does not observe: for tests and benches.
pub struct Silent;

impl Observer for Silent {
    fn phase(&self, _: &'static str) {}
    fn progress(&self, _: u64) {}
    fn cancelled(&self) -> bool {
        false
    }
    fn work_dir(&self) -> &Path {
        Path::new(".")
    }
}
