//! What outside programs write: ns-3's session lines and answers, tables of external backends.

use super::{chosen, text};
use mixlab::external::{Column, read_table};
use mixlab_contract::conformance::{Scope, random_scenario};
use mixlab_contract::{FlowOutcome, Scenario, SimDuration};
use mixlab_ns3::results::{Collector, answer, counters};
use std::fmt::Write;
use std::sync::LazyLock;

/// An open scenario and a closed loop of a few flows.
static SCENARIOS: LazyLock<[Scenario; 2]> = LazyLock::new(|| {
    let small = |closed_loops| Scope { flows: 4, closed_loops, ..Scope::default() };
    let is_closed = |s: &Scenario| s.application() != mixlab_contract::Application::Open;
    let closed = (0..).map(|seed| random_scenario(seed, small(true))).find(is_closed);
    [random_scenario(1, small(false)), closed.expect("every fourth is one")]
});

/// The first byte chooses: a batch of lines over one of two scenarios, or an online answer and counters.
pub fn ns3(bytes: &[u8]) {
    let Some((choice, rest)) = chosen(bytes) else { return };
    let text = text(rest);
    let scenario = match choice {
        b'0' => &SCENARIOS[0],
        b'1' => &SCENARIOS[1],
        _ => {
            if let Ok(Some(event)) = answer(&text) {
                let kind = text.split(' ').next().unwrap_or_default();
                let written = format!("{kind} {} {}", event.flow.0, event.time.ns_floor());
                assert_eq!(answer(&written), Ok(Some(event)));
            }
            let _ = counters(&text.split(' ').collect::<Vec<_>>());
            return;
        }
    };
    let mut collector = Collector::new(scenario);
    if text.lines().all(|line| collector.take(line).is_ok())
        && let Ok(output) = collector.finish()
    {
        assert_eq!(output.outcomes.len(), scenario.flows().len());
    }
}

/// The first byte chooses columns and scenario.
pub fn table(bytes: &[u8]) {
    let Some((choice, rest)) = chosen(bytes) else { return };
    let columns: &[Column] = match choice & 3 {
        0 => &[Column::Id, Column::FctNs],
        1 => &[Column::Id, Column::StartNs, Column::FctNs],
        2 => &[Column::Skipped, Column::FctNs, Column::Id],
        _ => &[Column::Id, Column::FctNs, Column::Skipped, Column::Skipped],
    };
    let scenario = &SCENARIOS[usize::from(choice >> 2 & 1)];
    let Ok(outcomes) = read_table("t", &text(rest), columns, scenario) else { return };
    let columns = [Column::Id, Column::StartNs, Column::FctNs];
    let again = read_table("t", &written(scenario, &outcomes), &columns, scenario);
    assert_eq!(again.as_ref(), Ok(&outcomes));
}

fn written(scenario: &Scenario, outcomes: &[FlowOutcome]) -> String {
    let ns = |ps: u64| format!("{}.{:03}", ps / 1000, ps % 1000);
    let mut table = String::new();
    for (flow, outcome) in scenario.flows().iter().zip(outcomes) {
        let (start, fct): (_, Option<SimDuration>) = match outcome {
            FlowOutcome::Completed { start, fct } => (Some(*start), Some(*fct)),
            FlowOutcome::Unfinished { start } => (*start, None),
        };
        let [start, fct] = [start.map(|t| t.ps()), fct.map(|d| d.ps())].map(|t| t.map_or("-".to_owned(), ns));
        writeln!(table, "{},{start},{fct}", flow.id).expect("writing to a string cannot fail");
    }
    table
}
