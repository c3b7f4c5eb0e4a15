//! Where packets are dropped: `coarse` against `packet`, which is the ns-3 program to the nanosecond (`backends/packet/tests/truth.rs`).

use mixlab_coarse::CoarseBackend;
use mixlab_contract::conformance::{Scope, random_scenario};
use mixlab_contract::{Backend, RunOutput, Scenario, Silent};
use mixlab_packet::PacketBackend;

/// Random scenarios without PFC and with enough flows for their buffers to overflow.
fn lossy(seed: u64) -> Scenario {
    let scope = Scope { flows: 400, closed_loops: false, ..Scope::default() };
    let mut parts = random_scenario(seed, scope).into_parts();
    parts.transport.pfc = false;
    Scenario::new(parts).expect("PFC is no part of what is checked")
}

fn unfinished(output: &RunOutput) -> f64 {
    output.outcomes.iter().filter(|o| o.fct().is_none()).count() as f64
}

#[test]
fn coarse_drops_and_delays_as_packet_does() {
    let (mut drops, mut hung, mut slowness, mut error, mut flows) = ([0.0; 2], [0.0; 2], [0.0; 2], 0.0, 0.0);
    for seed in 0..150 {
        let scenario = lossy(seed);
        if PacketBackend::NS3.check(&scenario).is_err() {
            continue;
        }
        let backends: [&dyn Backend; 2] = [&PacketBackend::NS3, &CoarseBackend];
        let [truth, ours] = backends.map(|b| b.run(&scenario, &Silent).expect("it runs"));
        for (k, output) in [&truth, &ours].into_iter().enumerate() {
            drops[k] += output.counters.drops as f64;
            hung[k] += unfinished(output);
        }
        for (truth, ours) in truth.outcomes.iter().zip(&ours.outcomes) {
            if let (Some(truth), Some(ours)) = (truth.fct(), ours.fct()) {
                let [truth, ours] = [truth, ours].map(|fct| fct.ps() as f64);
                (slowness[0], slowness[1]) = (slowness[0] + truth, slowness[1] + ours);
                (error, flows) = (error + (ours / truth - 1.0).abs(), flows + 1.0);
            }
        }
    }
    let off = |[truth, ours]: [f64; 2]| (ours / truth - 1.0).abs();
    assert!(drops[0] > 10_000.0 && hung[0] > 500.0, "not lossy enough: {drops:?} drops, {hung:?} flows that never end");
    assert!(off(drops) < 0.1, "{drops:?} drops");
    assert!(off(hung) < 0.1, "{hung:?} flows that never end, because nothing follows a lost end and there is no timer");
    assert!(off(slowness) < 0.05, "{slowness:?} ps in all");
    assert!(error / flows < 0.25, "mean error of an FCT {}", error / flows);
}
