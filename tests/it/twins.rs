//! Two simulators of one physics, written independently: `packet` in Rust on a timing wheel, `ns3` in C++ on ns-3's kernel.
//! Where ns-3 is installed, they must agree on every flow and every count.

use mixlab_contract::conformance::{Scope, random_scenario};
use mixlab_contract::{Availability, Backend, Silent};
use mixlab_ns3::Ns3Backend;
use mixlab_packet::PacketBackend;
use std::io::Write;

#[test]
fn packet_and_ns3_agree_to_the_nanosecond_on_random_scenarios() {
    agree_on_random_scenarios(&Ns3Backend::new());
}

/// A UNISON tree runs the default kernel unless it is told otherwise, with the default kernel's results.
#[test]
fn packet_and_a_unison_tree_agree_to_the_nanosecond_on_random_scenarios() {
    let Some(tree) = std::env::var_os("MIXLAB_NS3_MTP_DIR") else {
        let _ = writeln!(std::io::stderr(), "skipped: no UNISON tree named (set MIXLAB_NS3_MTP_DIR)");
        return;
    };
    agree_on_random_scenarios(&Ns3Backend::new().with_dir(tree));
}

fn agree_on_random_scenarios(ns3: &Ns3Backend) {
    if let Availability::Missing { reason, hint } = ns3.probe() {
        // Straight to stderr: the test harness would swallow `eprintln!` of a test that passes.
        let _ = writeln!(std::io::stderr(), "skipped: {reason}; {hint}");
        return;
    }
    let mut compared = 0;
    for seed in 0..100 {
        let scenario = random_scenario(seed, Scope::default());
        if PacketBackend::NS3.check(&scenario).is_err() || ns3.check(&scenario).is_err() {
            continue;
        }
        let ours = PacketBackend::NS3.run(&scenario, &Silent).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let theirs = InOwnFolder::run(ns3, &scenario).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert_eq!(ours.outcomes, theirs.outcomes, "seed {seed}");
        let counts = |c: &mixlab_contract::Counters| (c.packets, c.marks, c.pauses, c.drops);
        assert_eq!(counts(&ours.counters), counts(&theirs.counters), "seed {seed}");
        compared += 1;
    }
    assert!(compared >= 50, "only {compared} of 100 scenarios are supported by both");
}

/// An observer with a scratch folder, which outside programs need.
struct InOwnFolder(tempfile::TempDir);

impl InOwnFolder {
    fn run(
        backend: &dyn Backend,
        scenario: &mixlab_contract::Scenario,
    ) -> Result<mixlab_contract::RunOutput, mixlab_contract::RunError> {
        backend.run(scenario, &Self(tempfile::tempdir().expect("a temporary directory")))
    }
}

impl mixlab_contract::Observer for InOwnFolder {
    fn phase(&self, _: &'static str) {}
    fn progress(&self, _: u64) {}
    fn cancelled(&self) -> bool {
        false
    }
    fn work_dir(&self) -> &std::path::Path {
        self.0.path()
    }
}
