//! Ground truth of scenarios, kept in a folder by the scenario's digest and the backend's fingerprint, so that it is computed once.

use mixlab_contract::{Backend, FlowOutcome, RunError, Scenario, Silent, SimDuration, SimTime};
use std::path::Path;

/// Outcomes of `scenario` on `backend`, read from `folder` if they are there, else computed and kept.
///
/// # Errors
/// [`RunError`] of the run. A file that cannot be read or written only costs the time to compute again.
pub fn outcomes(scenario: &Scenario, backend: &dyn Backend, folder: &Path) -> Result<Vec<FlowOutcome>, RunError> {
    let name = format!("{}-{}", scenario.digest(), backend.fingerprint().replace([' ', '/', '='], "_"));
    let file = folder.join(name);
    if let Ok(bytes) = std::fs::read(&file)
        && bytes.len() == 16 * scenario.flows().len()
    {
        return Ok(decode(&bytes));
    }
    let outcomes = backend.run(scenario, &Silent)?.outcomes;
    let _ = crate::atomic::write(&file, &encode(&outcomes));
    Ok(outcomes)
}

const NEVER: u64 = u64::MAX;

/// Start and FCT in ps, 8 bytes each, little-endian; all ones = never.
fn encode(outcomes: &[FlowOutcome]) -> Vec<u8> {
    let pair = |o: &FlowOutcome| match o {
        FlowOutcome::Completed { start, fct } => [start.ps(), fct.ps()],
        FlowOutcome::Unfinished { start } => [start.map_or(NEVER, SimTime::ps), NEVER],
    };
    outcomes.iter().flat_map(pair).flat_map(u64::to_le_bytes).collect()
}

fn decode(bytes: &[u8]) -> Vec<FlowOutcome> {
    let number = |b: &[u8]| u64::from_le_bytes(b.try_into().expect("chunks have eight bytes"));
    bytes
        .chunks_exact(16)
        .map(|c| match (number(&c[..8]), number(&c[8..])) {
            (NEVER, _) => FlowOutcome::Unfinished { start: None },
            (start, NEVER) => FlowOutcome::Unfinished { start: Some(SimTime::from_ps(start)) },
            (start, fct) => FlowOutcome::Completed { start: SimTime::from_ps(start), fct: SimDuration::from_ps(fct) },
        })
        .collect()
}
