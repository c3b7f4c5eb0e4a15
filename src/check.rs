//! Whether what a store holds is right: the file itself, every scenario against its digest and our ideal FCTs, every run against
//! the laws of its backend; and, on request, some runs once more.
//!
//! A *damage* means that something stored can't be trusted. A *remark* needs no repair: a run made by another version of a
//! backend stays readable, it only isn't taken for a run of this version. Left out: whether mixes on disk still are what was
//! stored (`status --mixes` says what is missing).

use crate::store::{Reader, RunStatus, StoreError, StoredRun};
use mixlab_contract::conformance::{SplitMix, check_output};
use mixlab_contract::{Backend, Counters, FlowOutcome, RunOutput, Scenario, SimDuration, ideal_fct};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was looked at and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Scenarios rebuilt.
    pub scenarios: usize,
    /// Runs looked at.
    pub runs: usize,
    /// Outcomes compared with their ideal FCT.
    pub outcomes: usize,
    /// What can't be trusted.
    pub damages: Vec<String>,
    /// What is worth knowing.
    pub remarks: Vec<String>,
}

/// What is stored has whole ns: start rounded down, FCT to nearest.
const ROUNDING: SimDuration = SimDuration::from_ns(1);

/// Checks everything in a store. `tick` is called after every scenario with (done, all).
///
/// Cost: rebuilding every scenario (routing included) and reading every outcome once; one scenario is held at a time.
///
/// # Errors
/// [`StoreError`] if the file can't be read at all; damage of single scenarios and runs is a finding.
pub async fn verify(
    reader: &Reader,
    backends: &[Arc<dyn Backend>],
    tick: &mut dyn FnMut(usize, usize),
) -> Result<Findings, StoreError> {
    let mut findings = Findings { damages: reader.contradictions().await?, ..Findings::default() };
    let digests = reader.scenario_digests().await?;
    let known = fingerprinted(backends);
    let mut foreign: BTreeMap<String, usize> = BTreeMap::new();
    for (done, digest) in digests.iter().enumerate() {
        match reader.load_scenario(digest).await {
            Ok(scenario) => verify_scenario(reader, &known, digest, &scenario, &mut findings, &mut foreign).await?,
            Err(StoreError::Corrupt { problem, .. }) => findings.damages.push(problem),
            Err(other) => return Err(other),
        }
        tick(done + 1, digests.len());
    }
    findings.remarks.extend(foreign.into_iter().map(|(what, runs)| format!("{what}: {runs} runs")));
    Ok(findings)
}

/// Backends with their fingerprints. Those of outside programs cost reading files or even a process, so each is asked once.
fn fingerprinted(backends: &[Arc<dyn Backend>]) -> Vec<(&Arc<dyn Backend>, String)> {
    backends.iter().map(|b| (b, b.fingerprint())).collect()
}

async fn verify_scenario(
    reader: &Reader,
    known: &[(&Arc<dyn Backend>, String)],
    digest: &str,
    scenario: &Scenario,
    findings: &mut Findings,
    foreign: &mut BTreeMap<String, usize>,
) -> Result<(), StoreError> {
    findings.scenarios += 1;
    let short = &digest[..12.min(digest.len())];
    let ideals = reader.stored_ideals_ns(digest).await?;
    let other = scenario.indices().zip(&ideals).find(|(i, ns)| ideal_fct(scenario, *i).ns_nearest() != **ns);
    if let Some((index, stored)) = other {
        let (id, ours) = (scenario.flow(index).id, ideal_fct(scenario, index).ns_nearest());
        findings.damages.push(format!("scenario {short}: flow {id} has ideal FCT {stored} ns stored, it is {ours} ns"));
    }
    for run in reader.stored_runs(digest).await? {
        findings.runs += 1;
        let found = known.iter().find(|(b, _)| b.id() == run.backend);
        let backend = found.map(|(b, _)| *b);
        if let Some(what) = foreign_to(found.map(|(_, fingerprint)| fingerprint.as_str()), &run) {
            *foreign.entry(what).or_default() += 1;
        }
        let Some(problem) = verify_run(reader, backend, scenario, &run, findings).await? else { continue };
        let text = format!("scenario {short}, {}: {problem}", run.backend);
        // Outside results obey the outside program's clock and its idea of a path.
        if backend.is_some() { findings.damages.push(text) } else { findings.remarks.push(text) }
    }
    Ok(())
}

/// Why a run is not one of this build's backends, if so; `fingerprint` is that of the backend with its name.
fn foreign_to(fingerprint: Option<&str>, run: &StoredRun) -> Option<String> {
    match fingerprint {
        None => Some(format!("{} is no backend of this mixlab (imported, or made by another build)", run.backend)),
        Some(ours) if ours != run.fingerprint => Some(format!(
            "{} made with fingerprint {}, this is {ours}: kept, and run anew when asked for",
            run.backend, run.fingerprint
        )),
        Some(_) => None,
    }
}

/// What is wrong with a run, if anything.
async fn verify_run(
    reader: &Reader,
    backend: Option<&Arc<dyn Backend>>,
    scenario: &Scenario,
    run: &StoredRun,
    findings: &mut Findings,
) -> Result<Option<String>, StoreError> {
    if run.status != RunStatus::Ok {
        return Ok(None);
    }
    let stored = match reader.outcomes(run, scenario.flows().len()).await {
        Ok(stored) => stored,
        Err(StoreError::Corrupt { problem, .. }) => return Ok(Some(problem)),
        Err(other) => return Err(other),
    };
    findings.outcomes += stored.len();
    let outcomes = scenario.indices().zip(stored).map(|(i, o)| not_before(o, scenario.flow(i).start)).collect();
    let output = RunOutput { outcomes, counters: Counters::default(), supervision: None };
    let tolerance = backend.map_or(SimDuration::ZERO, |b| b.tolerance()) + ROUNDING;
    if let Err(violation) = check_output(scenario, &output, tolerance) {
        return Ok(Some(violation));
    }
    match reader.supervision(&run.digest, &run.backend).await {
        Ok(supervision) => {
            let broken = supervision.and_then(|s| s.moments().find_map(Result::err));
            Ok(broken.map(|malformed| malformed.to_string()))
        }
        Err(StoreError::Corrupt { problem, .. }) => Ok(Some(problem)),
        Err(other) => Err(other),
    }
}

/// Undoes the rounding of a stored start that would put it before the flow's own.
fn not_before(outcome: FlowOutcome, own: mixlab_contract::SimTime) -> FlowOutcome {
    let lifted =
        |start: mixlab_contract::SimTime| if start.ns_floor() == own.ns_floor() { start.max(own) } else { start };
    match outcome {
        FlowOutcome::Completed { start, fct } => FlowOutcome::Completed { start: lifted(start), fct },
        FlowOutcome::Unfinished { start } => FlowOutcome::Unfinished { start: start.map(lifted) },
    }
}

/// `count` ok runs, drawn at random by `seed`, that a backend of this build can repeat: (run, backend).
///
/// # Errors
/// What the database says.
pub async fn sample(
    reader: &Reader,
    backends: &[Arc<dyn Backend>],
    count: usize,
    seed: u64,
) -> Result<Vec<(StoredRun, Arc<dyn Backend>)>, StoreError> {
    let known = fingerprinted(backends);
    let mut candidates = Vec::new();
    for digest in reader.scenario_digests().await? {
        for run in reader.stored_runs(&digest).await?.into_iter().filter(|r| r.status == RunStatus::Ok) {
            let same = known.iter().find(|(b, fingerprint)| b.id() == run.backend && *fingerprint == run.fingerprint);
            if let Some((backend, _)) = same {
                candidates.push((run, Arc::clone(backend)));
            }
        }
    }
    let mut random = SplitMix(seed);
    let mut drawn = Vec::new();
    while drawn.len() < count && !candidates.is_empty() {
        let place = random.below(candidates.len() as u64) as usize;
        drawn.push(candidates.swap_remove(place));
    }
    Ok(drawn)
}

/// The first flow whose fate differs from what is stored, as text; times are compared as they are stored, in whole ns.
pub fn difference(scenario: &Scenario, stored: &[FlowOutcome], repeated: &[FlowOutcome]) -> Option<String> {
    let whole = |outcome: &FlowOutcome| match outcome {
        FlowOutcome::Completed { start, fct } => (Some(start.ns_floor()), Some(fct.ns_nearest())),
        FlowOutcome::Unfinished { start } => (start.map(|s| s.ns_floor()), None),
    };
    let differs = |i: &usize| stored.get(*i).map(whole) != repeated.get(*i).map(whole);
    let first = (0..stored.len().max(repeated.len())).find(differs)?;
    let flow = scenario.flows().get(first).map_or_else(|| first.to_string(), |f| f.id.to_string());
    let show = |outcome: Option<&FlowOutcome>| match outcome.map(whole) {
        None => "nothing".to_owned(),
        Some((None, _)) => "never started".to_owned(),
        Some((Some(start), None)) => format!("started at {start} ns, unfinished"),
        Some((Some(start), Some(fct))) => format!("started at {start} ns, took {fct} ns"),
    };
    Some(format!("flow {flow}: stored {}, now {}", show(stored.get(first)), show(repeated.get(first))))
}
