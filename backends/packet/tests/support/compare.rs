//! Runs a stored case and compares everything that was stored.

use super::cases::Case;
use super::files::read;
use super::logs::Logs;
use mixlab_contract::{Backend, Counters, FlowOutcome, Silent, drive};
use mixlab_packet::queue::{EventQueue, Wheel};
use mixlab_packet::{PacketBackend, PacketNetwork};

/// Result of a comparison.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Flows whose outcome is that of ns-3 (same start and FCT, or unfinished in both), and all flows.
    pub equal: usize,
    pub total: usize,
    /// First difference of each kind, in words.
    pub differences: Vec<String>,
    pub counters: Counters,
}

/// Runs `case` and compares outcomes and counters.
pub fn compare(case: &Case) -> Verdict {
    PacketBackend::NS3.check(&case.scenario).unwrap_or_else(|e| panic!("{}/{}: {e}", case.set, case.name));
    let mut network = PacketNetwork::new(&case.scenario);
    let outcomes = drive(&mut network, &case.scenario, &Silent).expect("not cancelled");
    judge(case, &outcomes, network.counters())
}

/// The same with PFC log and trace, which takes longer.
pub fn compare_with_logs(case: &Case) -> Verdict {
    let trace = case.trace.as_deref().map(read);
    let records = trace.as_ref().map_or(0, |t| t.lines().count());
    let mut network = PacketNetwork::<Wheel, _>::observed(&case.scenario, Logs::new(&case.scenario, records));
    let outcomes = drive(&mut network, &case.scenario, &Silent).expect("not cancelled");
    let mut verdict = judge(case, &outcomes, network.counters());
    let logs = network.probe();
    if let Some(path) = &case.pfc {
        verdict.differences.extend(first_difference("PFC log", &read(path), &logs.pfc));
    }
    let rows = logs.pfc.lines().count() as u64;
    if let Some(theirs) = case.counter("pfc_log_rows").filter(|theirs| *theirs != rows) {
        verdict.differences.push(format!("PFC log has {rows} rows, ns-3's {theirs}"));
    }
    if let Some(trace) = trace {
        verdict.differences.extend(first_difference("trace", &trace, &logs.trace));
    }
    verdict
}

/// Outcomes and counters under any queue.
pub fn outcomes_under<Q: EventQueue>(case: &Case) -> (Vec<FlowOutcome>, Counters) {
    let mut network = PacketNetwork::<Q, _>::observed(&case.scenario, mixlab_packet::probe::Unobserved);
    let outcomes = drive(&mut network, &case.scenario, &Silent).expect("not cancelled");
    (outcomes, network.counters())
}

fn judge(case: &Case, outcomes: &[FlowOutcome], counters: Counters) -> Verdict {
    let mut verdict = Verdict { total: outcomes.len(), counters, ..Verdict::default() };
    for (flow, outcome) in case.scenario.flows().iter().zip(outcomes) {
        let ours = match outcome {
            FlowOutcome::Completed { start, fct } => Some((start.ns_floor(), fct.ns_floor())),
            FlowOutcome::Unfinished { .. } => None,
        };
        let theirs = case.expected.get(&flow.id).copied();
        if ours == theirs {
            verdict.equal += 1;
        } else if verdict.differences.is_empty() {
            verdict.differences.push(format!("flow {}: (start, FCT) {ours:?}, ns-3 {theirs:?}", flow.id));
        }
    }
    for (key, ours) in [("pkt_hops", counters.packets), ("switch_drops", counters.drops), ("ecn_marks", counters.marks)]
    {
        if let Some(theirs) = case.counter(key).filter(|theirs| *theirs != ours) {
            verdict.differences.push(format!("{key}: {ours}, ns-3 {theirs}"));
        }
    }
    verdict
}

fn first_difference(what: &str, theirs: &str, ours: &str) -> Option<String> {
    let (mut a, mut b) = (theirs.lines(), ours.lines());
    let mut line = 0;
    loop {
        line += 1;
        match (a.next(), b.next()) {
            (None, None) => return None,
            (x, y) if x == y => {}
            (x, y) => return Some(format!("{what} line {line}: {y:?}, ns-3 {x:?}")),
        }
    }
}
