//! Fast against slow: the incremental network against the textbook solver, flow by flow.

#[path = "../../contract/tests/support/cases.rs"]
mod cases;
mod support;

use cases::hold;
use mixlab_contract::conformance::{Scope, random_scenario};
use mixlab_contract::shrink::Held;
use mixlab_contract::wild::wild_scenario;
use mixlab_contract::{Application, FlowOutcome, Scenario, Silent, drive};
use mixlab_flowsim::{FluidNetwork, OracleNetwork, Rules};
use support::nasty_scenario;

/// Scenarios as experiments have them, with strange rates and sizes, and of any shape, in turn.
fn draw(seed: u64) -> Scenario {
    match seed % 4 {
        0 => random_scenario(seed, Scope::default()),
        1 => nasty_scenario(seed),
        _ => wild_scenario(seed),
    }
}

#[test]
fn outcomes_agree_with_the_oracle_to_a_billionth_of_the_time() {
    hold(3_000, 1.0, draw, |scenario| {
        agree(scenario, Rules::Payload)?;
        agree(scenario, Rules::Window)
    });
}

fn agree(scenario: &Scenario, rules: Rules) -> Held {
    let fast = drive(&mut FluidNetwork::new(scenario, rules), scenario, &Silent).expect("not cancelled");
    let slow = drive(&mut OracleNetwork::new(scenario, rules), scenario, &Silent).expect("not cancelled");
    // Deliveries are rounded to 1 ps; in a closed loop each passes its rounding on to the flows it releases.
    let slack = if scenario.application() == Application::Open { 2 } else { 50 };
    let differs = |i: &usize| !close(scenario, &fast[*i], &slow[*i], slack);
    match (0..fast.len()).find(differs) {
        None => Ok(true),
        Some(i) => Err(format!("{rules:?}, flow {}: {:?}, oracle {:?}", scenario.flows()[i].id, fast[i], slow[i])),
    }
}

/// Equal to 1e-9 of the FCT and `slack` picoseconds of rounding; at the horizon either may be just in time.
fn close(scenario: &Scenario, a: &FlowOutcome, b: &FlowOutcome, slack: u64) -> bool {
    let horizon = scenario.horizon().ps();
    match (*a, *b) {
        (FlowOutcome::Completed { start: s1, fct: f1 }, FlowOutcome::Completed { start: s2, fct: f2 }) => {
            let bound = slack + (f2.ps() as f64 * 1e-9) as u64;
            s1.ps().abs_diff(s2.ps()) <= bound && f1.ps().abs_diff(f2.ps()) <= bound
        }
        (FlowOutcome::Completed { start, fct }, FlowOutcome::Unfinished { .. })
        | (FlowOutcome::Unfinished { .. }, FlowOutcome::Completed { start, fct }) => {
            let bound = slack + (fct.ps() as f64 * 1e-9) as u64;
            (start + fct).ps() + bound >= horizon
        }
        (FlowOutcome::Unfinished { start: Some(s1) }, FlowOutcome::Unfinished { start: Some(s2) }) => {
            s1.ps().abs_diff(s2.ps()) <= slack
        }
        (FlowOutcome::Unfinished { start: a }, FlowOutcome::Unfinished { start: b }) => {
            a.or(b).is_none_or(|s| s.ps() + slack >= horizon)
        }
    }
}
