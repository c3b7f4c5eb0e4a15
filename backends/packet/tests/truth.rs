//! The stored outputs of the real ns-3 program, reproduced: every FCT to the nanosecond, the same unfinished flows, the same
//! counters, and where stored the same PFC log and packet trace. `examples/truth.rs` prints the same comparison as a table.

mod support;

use mixlab_packet::queue::{EventQueue, PlainHeap, Wheel};
use mixlab_packet::random::Streams;
use support::cases::{self, Case};
use support::{compare, truth_or_skip};

/// Compares every stored run whose set is wanted, and names the ones that differ.
fn require_equal(test: &str, wanted: impl Fn(&str) -> bool) {
    let Some(truth) = truth_or_skip(test) else { return };
    let (mut runs, mut flows, mut differences) = (0, 0, Vec::new());
    for source in cases::all(&truth).into_iter().filter(|s| wanted(&s.set)) {
        let case = source.open();
        let verdict = compare::compare_with_logs(&case);
        runs += 1;
        flows += verdict.total;
        differences.extend(verdict.differences.iter().map(|d| format!("{}/{}: {d}", case.set, case.name)));
    }
    eprintln!("{test}: {runs} runs, {flows} flows");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn small_cases_equal_ns3_packet_by_packet() {
    require_equal("small cases", |set| set.ends_with("micro"));
}

#[test]
fn training_scenarios_equal_ns3() {
    require_equal("training scenarios", |set| set.starts_with("train32"));
}

#[test]
fn other_sources_equal_ns3() {
    require_equal("published and local outputs", |set| matches!(set, "golden/upstream" | "golden/local39"));
}

#[test]
fn large_fabrics_and_closed_loops_equal_ns3() {
    require_equal("1,024 hosts and closed loops", |set| matches!(set, "test1024" | "closed"));
}

#[test]
fn random_streams_equal_ns3() {
    let Some(truth) = truth_or_skip("random streams") else { return };
    let table = support::files::read(&truth.join("rng_golden.tsv"));
    for line in table.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_digit())) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let stream: u64 = words[0].parse().expect("a stream number");
        for (run, want) in (1..).zip(&words[1..]) {
            let want: f64 = want.parse().expect("a number");
            assert_eq!(Streams::new(stream, run).draw(), want, "stream {stream} run {run}");
        }
    }
}

/// The plain heap, which executes every event, on the stored cases that need no more than seconds.
#[test]
fn the_plain_queue_gives_the_same_results() {
    let Some(truth) = truth_or_skip("the plain queue") else { return };
    let wanted = |set: &str| matches!(set, "golden/micro" | "train32_dcqcn_seeds" | "train32_pfc0");
    for source in cases::all(&truth).into_iter().filter(|s| wanted(&s.set)) {
        let case = source.open();
        let ((fast, mut a), (slow, mut b)) = (under::<Wheel>(&case), under::<PlainHeap>(&case));
        assert_eq!(fast, slow, "{}/{}", case.set, case.name);
        assert!(a.events <= b.events, "the plain queue executes at least as many events");
        (a.events, b.events) = (0, 0);
        assert_eq!(a, b, "{}/{}", case.set, case.name);
    }
}

fn under<Q: EventQueue>(case: &Case) -> (Vec<mixlab_contract::FlowOutcome>, mixlab_contract::Counters) {
    compare::outcomes_under::<Q>(case)
}
