//! The hunt finds what a deliberately broken engine does wrong, and shrinks it to little more than the cause.

use mixlab_contract::conformance::{Scope, random_scenario};
use mixlab_contract::shrink::{Finding, Held, hunt};
use mixlab_contract::wild::wild_scenario;
use mixlab_contract::{
    Application, Backend, FlowIndex, IdealBackend, Observer, RunError, RunOutput, Scenario, Silent, SimDuration,
    Unsupported,
};

/// The ideal backend, with 1 ns more for flows that `slowed` names.
struct Broken(fn(&Scenario, FlowIndex) -> bool);

impl Backend for Broken {
    fn id(&self) -> &str {
        "broken"
    }

    fn fingerprint(&self) -> String {
        "broken-1".into()
    }

    fn check(&self, scenario: &Scenario) -> Result<(), Unsupported> {
        IdealBackend.check(scenario)
    }

    fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError> {
        let mut output = IdealBackend.run(scenario, observer)?;
        for (flow, outcome) in scenario.indices().zip(&mut output.outcomes) {
            if let mixlab_contract::FlowOutcome::Completed { fct, .. } = outcome {
                *fct += SimDuration::from_ns(u64::from((self.0)(scenario, flow)));
            }
        }
        Ok(output)
    }
}

fn found(slowed: fn(&Scenario, FlowIndex) -> bool, draw: fn(u64) -> Scenario) -> Finding {
    let law = |scenario: &Scenario| -> Held {
        let run = |backend: &dyn Backend| backend.run(scenario, &Silent).expect("never fails").outcomes;
        let (ours, theirs) = (run(&Broken(slowed)), run(&IdealBackend));
        if ours == theirs { Ok(true) } else { Err("outcomes differ".into()) }
    };
    *hunt(0..2_000, draw, law).expect_err("the engine is broken")
}

#[test]
fn one_slow_flow_is_found_and_shrunk_to_itself() {
    let finding = found(|s, f| s.flow(f).id == 41, wild_scenario);
    let s = &finding.smallest;
    assert_eq!(s.flows().iter().map(|f| f.id).collect::<Vec<_>>(), [41]);
    assert_eq!((s.flows()[0].size.0, s.application()), (1, Application::Open));
    assert_eq!(s.topology().host_count(), 2);
    assert_eq!(s.topology().links().len(), s.path(FlowIndex(0)).len(), "only links of its path are left");
    let t = s.transport();
    assert!(!t.pfc && !t.ecn && t.window.is_none() && t.congestion_control.name() == "dctcp", "{t:?}");
}

#[test]
fn what_takes_two_flows_that_meet_is_shrunk_to_two() {
    // An error of contention: a large flow that ends where another one does, at the same time.
    let meets = |s: &Scenario, f: FlowIndex| {
        let (flow, all) = (s.flow(f), s.flows());
        flow.size.0 > 20_000 && all.iter().any(|o| o.id != flow.id && o.dst == flow.dst && o.start == flow.start)
    };
    for draw in [wild_scenario, |seed| random_scenario(seed, Scope::default())] {
        let finding = found(meets, draw);
        let sizes: Vec<u64> = finding.smallest.flows().iter().map(|f| f.size.0).collect();
        assert!(sizes == [1, 20_001] || sizes == [20_001, 1], "{finding}");
    }
}

#[test]
fn what_only_one_congestion_control_and_a_closed_loop_bring_about_keeps_them() {
    let cause = |s: &Scenario, _: FlowIndex| {
        s.transport().congestion_control.name() == "timely" && s.application() != Application::Open && s.transport().pfc
    };
    let s = found(cause, wild_scenario).smallest;
    assert_eq!(
        (s.transport().congestion_control.name(), s.transport().pfc, s.transport().ecn),
        ("timely", true, false)
    );
    assert!(s.application() != Application::Open && s.flows().len() == 1);
}

#[test]
fn a_panic_is_a_finding_like_any_other_and_says_where_it_came_from() {
    let law = |s: &Scenario| -> Held {
        assert!(s.flows().len() < 10, "ten flows are too many");
        Ok(true)
    };
    let finding = hunt(0..100, wild_scenario, law).expect_err("some have ten");
    assert_eq!(finding.smallest.flows().len(), 10);
    assert!(finding.seen_there.contains("ten flows are too many"));
    assert!(finding.to_string().contains(&format!("seed {}", finding.seed)));
}

#[test]
fn what_holds_is_counted_and_what_is_out_of_reach_is_not() {
    let open = |s: &Scenario| -> Held { Ok(s.application() == Application::Open) };
    let held = hunt(0..200, wild_scenario, open).expect("nothing is broken");
    assert!((100..200).contains(&held), "{held} of 200 are open");
}
