//! The laws of the contract, held against one backend on random scenarios, law by law, with fresh folders for its files.
//!
//! Laws and scenarios are those of `mixlab_contract::conformance`; here stands only what is known to be exempt and how close a
//! lone flow must come. Left out: the laws of online networks, which a backend behind this door does not show.

use mixlab_contract::conformance::{
    Scope, Verdict, disjoint_parts_do_not_interact, lone_flow_is_ideal, output_is_sound_and_repeatable, random_scenario,
};
use mixlab_contract::{
    Availability, Backend, Observer, Parallelism, RunError, RunOutput, Scenario, SimDuration, Unsupported,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Telemetry makes lone TIMELY and HPCC packets longer than the ideal FCT assumes, on every hop of every packet.
const LONE_FLOW_SLACK: SimDuration = SimDuration::from_ns(2_000);

/// A law of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// Outputs are complete, not faster than ideal, within the horizon, and the same when run again.
    SoundAndRepeatable,
    /// A flow that has the network to itself takes its ideal FCT.
    LoneFlowIsIdeal,
    /// Networks that share nothing do not influence each other.
    DisjointParts,
}

impl Law {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::SoundAndRepeatable, Self::LoneFlowIsIdeal, Self::DisjointParts];

    /// The law in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::SoundAndRepeatable => {
                "one outcome per flow, none faster than ideal or after the horizon, the same when run again"
            }
            Self::LoneFlowIsIdeal => "a flow that has the network to itself takes its ideal FCT",
            Self::DisjointParts => "networks that share nothing do not influence each other",
        }
    }

    /// DCQCN's marks are drawn from one network-wide stream, so its two halves do share something: the draws. `coarse`, and `m4` with
    /// it, draw them from streams of their own by the flows' numbers, which are others beside a copy. The floor draws which flows
    /// it shifts from all flows, too.
    fn applies(self, backend: &dyn Backend, scenario: &Scenario) -> bool {
        let dcqcn = scenario.transport().congestion_control.name() == "dcqcn";
        let draws = backend.id() == "floor" || (dcqcn && ["packet", "ns3", "coarse", "m4"].contains(&backend.id()));
        self != Self::DisjointParts || !draws
    }

    fn verdict(self, backend: &dyn Backend, scenario: &Scenario) -> Verdict {
        match self {
            Self::SoundAndRepeatable => output_is_sound_and_repeatable(backend, scenario),
            Self::LoneFlowIsIdeal => lone_flow_is_ideal(backend, scenario, LONE_FLOW_SLACK + backend.tolerance()),
            Self::DisjointParts => disjoint_parts_do_not_interact(backend, scenario),
        }
    }
}

/// How a backend fared under one law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The law.
    pub law: Law,
    /// Scenarios on which it held.
    pub held: usize,
    /// Scenarios that the backend does not support, or that the law does not apply to.
    pub left_out: usize,
    /// Scenarios on which it was broken: seed, and what was seen.
    pub broken: Vec<(u64, String)>,
}

/// Holds `backend` to every law on the scenarios with seeds 0 to `count` − 1; files go to fresh folders below `work_root`.
/// Cost: up to five runs of at most 30 (60) flows per scenario.
///
/// # Errors
/// If a folder can't be made.
pub fn judge(backend: &dyn Backend, count: u64, work_root: &Path) -> std::io::Result<Vec<Judgement>> {
    let kept = Kept { backend, work_root, runs: AtomicU64::new(0), refused: AtomicBool::new(false) };
    std::fs::create_dir_all(work_root)?;
    let mut judgements = Vec::new();
    for law in Law::ALL {
        let mut judgement = Judgement { law, held: 0, left_out: 0, broken: Vec::new() };
        for seed in 0..count {
            let scenario = expressible(random_scenario(seed, Scope { flows: 30, ..Scope::default() }));
            if backend.check(&scenario).is_err() || !law.applies(backend, &scenario) {
                judgement.left_out += 1;
                continue;
            }
            match law.verdict(&kept, &scenario) {
                Ok(()) => judgement.held += 1,
                Err(_) if kept.refused.swap(false, Ordering::Relaxed) => judgement.left_out += 1,
                Err(seen) => judgement.broken.push((seed, seen)),
            }
        }
        judgements.push(judgement);
    }
    Ok(judgements)
}

/// The scenario with marking thresholds in whole KB, finer than which `config.txt` (an input of outside programs) can't say.
fn expressible(scenario: Scenario) -> Scenario {
    let mut parts = scenario.into_parts();
    for (_, marking) in &mut parts.transport.marking {
        for threshold in [&mut marking.k_min, &mut marking.k_max] {
            threshold.0 -= threshold.0 % 1000;
        }
    }
    Scenario::new(parts).expect("rounded thresholds keep a scenario valid")
}

/// A backend that gets a fresh folder for every run.
struct Kept<'a> {
    backend: &'a dyn Backend,
    work_root: &'a Path,
    runs: AtomicU64,
    /// Whether it was given a scenario that it does not support: a law may change one (open its loop, double its network).
    refused: AtomicBool,
}

impl Backend for Kept<'_> {
    fn id(&self) -> &str {
        self.backend.id()
    }

    fn fingerprint(&self) -> String {
        self.backend.fingerprint()
    }

    fn probe(&self) -> Availability {
        self.backend.probe()
    }

    fn check(&self, scenario: &Scenario) -> Result<(), Unsupported> {
        self.backend.check(scenario)
    }

    fn parallelism(&self) -> Parallelism {
        self.backend.parallelism()
    }

    fn tolerance(&self) -> SimDuration {
        self.backend.tolerance()
    }

    fn run(&self, scenario: &Scenario, _: &dyn Observer) -> Result<RunOutput, RunError> {
        if let Err(unsupported) = self.check(scenario) {
            self.refused.store(true, Ordering::Relaxed);
            return Err(RunError::Failed { message: unsupported.to_string(), log_tail: String::new() });
        }
        let dir = self.work_root.join(self.runs.fetch_add(1, Ordering::Relaxed).to_string());
        let trouble = |e: std::io::Error| RunError::Failed { message: e.to_string(), log_tail: String::new() };
        std::fs::create_dir(&dir).map_err(trouble)?;
        let result = self.backend.run(scenario, &Folder(dir.clone()));
        if result.is_ok() {
            std::fs::remove_dir_all(&dir).map_err(trouble)?;
        }
        result
    }
}

/// Knows where files go, and nothing else.
struct Folder(PathBuf);

impl Observer for Folder {
    fn phase(&self, _: &'static str) {}
    fn progress(&self, _: u64) {}
    fn cancelled(&self) -> bool {
        false
    }
    fn work_dir(&self) -> &Path {
        &self.0
    }
}
