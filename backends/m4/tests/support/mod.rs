//! Small models with random weights, and what several models are held to.

#![allow(dead_code, reason = "shared by several binaries, each of which uses a part")]

use mixlab_contract::conformance::{Scope, random_scenario};
use mixlab_contract::{Backend, BitsPerSec, Bytes, FlowOutcome, Scenario, Silent};
use mixlab_m4::Checkpoint;
use mixlab_m4::paper::{Config, Weights};

/// Names of all congestion controls.
pub fn all_controls() -> Vec<String> {
    ["dctcp", "dcqcn", "hp", "timely"].map(String::from).to_vec()
}

/// Dimensions of a model that a debug build runs in no time; odd ones, so that kernels meet their remainders.
pub fn small() -> Config {
    Config { hidden: 12, exchange: vec![12, 20, 17, 12], head: 9, recurrent: true }
}

/// Untrained weights whose predictions spread over about 1 to 10: the last bias is raised, the last weights too.
pub fn random_weights(config: Config, seed: u64) -> Weights {
    let mut weights = Weights::untrained(config, seed);
    weights.slowdown.bias[0] = 2.0;
    weights.slowdown.weight.iter_mut().for_each(|w| *w *= 3.0);
    weights
}

/// A checkpoint that claims to be trained for everything.
pub fn checkpoint(seed: u64) -> Checkpoint {
    Checkpoint::new(random_weights(small(), seed), all_controls(), Default::default())
}

/// Everybody sends to one receiver: the last flow ends no earlier than the receiver's link allows, unless packets were lost and some never end.
pub fn incast_takes_at_least_what_the_link_needs(backend: &dyn Backend) {
    let mut held = 0;
    for seed in 0..30 {
        let mut parts = random_scenario(seed, Scope { closed_loops: false, ..Scope::default() }).into_parts();
        let receiver = parts.flows[0].dst;
        parts.flows.retain(|f| f.src != receiver);
        parts.flows.iter_mut().for_each(|f| f.dst = receiver);
        parts.paths = None;
        let scenario = Scenario::new(parts).expect("senders differ from the receiver");
        let (first, bytes) = (scenario.flows()[0].start, scenario.flows().iter().map(|f| f.size.0).sum::<u64>());
        let outcomes = backend.run(&scenario, &Silent).expect("runs").outcomes;
        let end = |o: &FlowOutcome| match o {
            FlowOutcome::Completed { start, fct } => Some(*start + *fct),
            FlowOutcome::Unfinished { .. } => None,
        };
        let Some(ends) = outcomes.iter().map(end).collect::<Option<Vec<_>>>() else { continue };
        let took = ends.into_iter().max().expect("there are flows").since(first);
        let needed = BitsPerSec::from_gbps(10).transmission_floor(Bytes(bytes));
        assert!(took >= needed, "seed {seed}: {bytes} bytes in {took}, the link needs {needed}");
        held += 1;
    }
    assert!(held > 15, "only {held} incasts ended");
}
