//! The laws of the contract, over every backend of this build.

use mixlab::backends::{BackendOptions, registry};
use mixlab::conformance::judge;
use mixlab_contract::{Availability, Backend};
use std::sync::Arc;

/// ns-3 is held to the same laws in its own crate, where it is built.
fn in_process() -> impl Iterator<Item = Arc<dyn Backend>> {
    let all = registry(&BackendOptions::default()).expect("no options");
    all.into_iter().filter(|b| b.id() != "ns3" && b.probe() == Availability::Available)
}

#[test]
fn every_backend_keeps_every_law() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for backend in in_process() {
        for judgement in judge(&*backend, 60, &dir.path().join(backend.id())).expect("writable") {
            let (id, law) = (backend.id(), judgement.law);
            assert!(judgement.broken.is_empty(), "{id}, {law:?}: {:?}", judgement.broken);
            let exempt = id == "floor" && judgement.held == 0;
            assert!(exempt || judgement.held > 30, "{id} supports only {} of 60 scenarios", judgement.held);
        }
    }
}
