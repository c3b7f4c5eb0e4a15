//! Equality with stored runs of the original ns-3 programs, flow by flow: start, FCT, and which flows never finish; and the
//! original's own counts of transmissions, marks and drops.

use crate::stored::{Stored, all, folder};
use crate::support::real_ns3;
use mixlab_contract::{Backend, Silent};
use mixlab_ns3::Ns3Backend;
use std::process::Command;

/// Stored transmissions above which a run is left to the bench.
const LARGEST: u64 = 3_000_000;

fn compare(ns3: &Ns3Backend, stored: &Stored) -> usize {
    let (case, place) = (stored.open(), format!("{}/{}", stored.set, stored.name));
    let sent = ["tx_data", "tx_ack", "tx_nack"].map(|k| case.counter(k));
    let packets = sent.iter().copied().sum::<Option<u64>>();
    if packets.is_some_and(|p| p > LARGEST) {
        return 0;
    }
    let output = ns3.run(&case.scenario, &Silent).unwrap_or_else(|e| panic!("{place}: {e}"));
    let flows = case.scenario.flows().len();
    assert_eq!(case.equal(&output), flows, "{place}: flows with the stored outcome");
    let counted = [output.counters.packets, output.counters.marks, output.counters.drops];
    let expected = [packets, case.counter("ecn_marks"), case.counter("switch_drops")];
    for (ours, theirs) in counted.into_iter().zip(expected) {
        assert!(theirs.is_none_or(|t| t == ours), "{place}: counted {counted:?}, stored {expected:?}");
    }
    flows
}

fn compare_sets(sets: &[&str]) {
    let (Some(ns3), Some(root)) = (real_ns3(), folder()) else { return };
    let runs: Vec<Stored> = all(&root).into_iter().filter(|s| sets.contains(&s.set)).collect();
    let flows: usize = runs.iter().map(|stored| compare(&ns3, stored)).sum();
    assert!(flows > 0 || runs.is_empty(), "no run of {sets:?} is small enough");
}

#[test]
fn micro_runs_are_equal() {
    compare_sets(&["micro"]);
}

#[test]
fn training_runs_are_equal() {
    compare_sets(&["train32", "train32_hp"]);
}

#[test]
fn runs_with_other_random_streams_are_equal() {
    compare_sets(&["train32_dcqcn_seeds"]);
}

#[test]
fn runs_without_pfc_are_equal() {
    compare_sets(&["train32_pfc0"]);
}

/// Our jumps from stream to stream give the numbers of ns-3's own generator, in all digits.
#[test]
fn marking_streams_are_those_of_ns3() {
    let Some(ns3) = real_ns3() else { return };
    let program = ns3.program(&Silent).expect("ns-3 is installed");
    for (first, run) in [(0, 1), (416, 1), (10_082, 2), (1u64 << 40, 3)] {
        let arguments = ["streams".to_owned(), first.to_string(), "3000".into(), run.to_string()];
        let output = Command::new(&program).args(arguments).output().expect("the program starts");
        let text = String::from_utf8(output.stdout).expect("numbers are text");
        assert_eq!(text.lines().count(), 2000, "every third stream is skipped");
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(words[1], words[2], "stream {} of run {run}", words[0]);
        }
    }
}
