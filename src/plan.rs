//! A plan: scenarios × backends − what is already stored. Pure bookkeeping; the runner executes it.

use crate::spec::{LoadedMix, LoadedSpec};
use crate::store::{Ledger, MixEntry, RunStatus, StoreError};
use crate::workload::{self, Generator, WorkloadError, WorkloadOptions};
use mixlab_contract::{Backend, Scenario};
use std::sync::Arc;

/// A mix and the scenario made from it.
#[derive(Clone, Debug)]
pub struct PlannedScenario {
    /// How the store files it.
    pub entry: MixEntry,
    /// The experiment.
    pub scenario: Arc<Scenario>,
    /// Its digest.
    pub digest: String,
}

/// One scenario on one backend: indices into the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedRun {
    /// Index into [`Plan::scenarios`].
    pub scenario: usize,
    /// Index into [`Plan::backends`].
    pub backend: usize,
}

/// What a sweep will do.
pub struct Plan {
    /// All scenarios, in the order of their mixes.
    pub scenarios: Vec<PlannedScenario>,
    /// All backends, in the order asked for.
    pub backends: Vec<Arc<dyn Backend>>,
    /// Runs that are missing, or failed if they are to be repeated, or ok but without the supervision that the backend
    /// would give; scenario by scenario.
    pub missing: Vec<PlannedRun>,
    /// Runs that are stored as finished.
    pub done: usize,
    /// Runs that are stored as failed or unsupported and will not be repeated.
    pub kept_failures: usize,
    /// Those of them that are stored as failed.
    pub kept_failed: usize,
}

/// Expands all mixes of a spec into scenarios, `threads` at a time.
///
/// # Errors
/// [`WorkloadError`] of the first mix (in file order) whose flows can't be made.
pub fn scenarios(
    spec: &LoadedSpec,
    options: &WorkloadOptions,
    threads: usize,
) -> Result<Vec<PlannedScenario>, WorkloadError> {
    let threads = threads.clamp(1, spec.mixes.len().max(1));
    let mut slots: Vec<Option<Result<PlannedScenario, WorkloadError>>> = Vec::new();
    slots.resize_with(spec.mixes.len(), || None);
    let share = spec.mixes.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        for (mixes, slots) in spec.mixes.chunks(share).zip(slots.chunks_mut(share)) {
            scope.spawn(move || {
                for (mix, slot) in mixes.iter().zip(slots) {
                    *slot = Some(planned(mix, options));
                }
            });
        }
    });
    slots.into_iter().map(|s| s.expect("every slot is filled by its thread")).collect()
}

/// The scenario of one mix, as the store files it.
///
/// # Errors
/// [`WorkloadError`] if its flows can't be made.
pub fn planned(mix: &LoadedMix, options: &WorkloadOptions) -> Result<PlannedScenario, WorkloadError> {
    let scenario = workload::scenario(mix, options)?;
    let mut attributes = mix.mix.attributes(&mix.topology);
    attributes.delivered_load = workload::delivered_load(&scenario);
    let entry = MixEntry {
        mix_id: mix.mix.id,
        spec_file: mix.spec_file.display().to_string(),
        mix_json: serde_json::to_string(&mix.mix).expect("a mix is plain data"),
        seed: options.seed,
        nr_flows: options.nr_flows as u64,
        workload: match options.generator {
            Generator::Compat => "compat".into(),
            Generator::Calibrated => "calibrated".into(),
        },
        enable_app: options.enable_app,
        attributes,
    };
    let digest = scenario.digest();
    Ok(PlannedScenario { entry, scenario: Arc::new(scenario), digest })
}

/// Whether a stored ok run has to be repeated for its supervision alone. Its outcomes stay.
async fn lacks_supervision(
    stored: &impl Ledger,
    scenario: &PlannedScenario,
    backend: &dyn Backend,
) -> Result<bool, StoreError> {
    Ok(backend.supervises() && !stored.has_supervision(&scenario.digest, backend.id(), &backend.fingerprint()).await?)
}

impl Plan {
    /// Looks up what is stored and keeps what is missing.
    ///
    /// # Errors
    /// [`StoreError`] if the store can't be read.
    pub async fn new(
        scenarios: Vec<PlannedScenario>,
        backends: Vec<Arc<dyn Backend>>,
        stored: &impl Ledger,
        retry_failed: bool,
    ) -> Result<Self, StoreError> {
        let mut plan = Self { scenarios, backends, missing: Vec::new(), done: 0, kept_failures: 0, kept_failed: 0 };
        let fingerprints: Vec<String> = plan.backends.iter().map(|b| b.fingerprint()).collect();
        // Several mixes may lead to the same scenario; it is simulated once.
        let mut seen = std::collections::BTreeSet::new();
        for (s, scenario) in plan.scenarios.iter().enumerate() {
            if !seen.insert(scenario.digest.as_str()) {
                continue;
            }
            for (b, backend) in plan.backends.iter().enumerate() {
                match stored.run_status(&scenario.digest, backend.id(), &fingerprints[b]).await? {
                    Some(RunStatus::Ok) if !lacks_supervision(stored, scenario, backend.as_ref()).await? => {
                        plan.done += 1
                    }
                    Some(RunStatus::Ok) => plan.missing.push(PlannedRun { scenario: s, backend: b }),
                    Some(status) if !retry_failed => {
                        plan.kept_failures += 1;
                        plan.kept_failed += usize::from(status == RunStatus::Failed);
                    }
                    _ => plan.missing.push(PlannedRun { scenario: s, backend: b }),
                }
            }
        }
        Ok(plan)
    }

    /// The scenario of a run.
    pub fn scenario(&self, run: PlannedRun) -> &PlannedScenario {
        &self.scenarios[run.scenario]
    }

    /// The backend of a run.
    pub fn backend(&self, run: PlannedRun) -> &Arc<dyn Backend> {
        &self.backends[run.backend]
    }
}
