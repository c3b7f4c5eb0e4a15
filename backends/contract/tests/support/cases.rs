//! How many random scenarios a test draws, and what it says when one of them breaks its law. Shared by all crates' tests.
//!
//! `MIXLAB_CASES=30` draws thirty times as many as usual (nightly runs do). `MIXLAB_SEED=7` draws only the scenario of seed 7, which
//! repeats a failure; with both, the seeds count from 7. Left out: more than one thread.

use mixlab_contract::Scenario;
use mixlab_contract::shrink::{Held, hunt};
use std::io::Write;
use std::ops::Range;

/// The number in an environment variable.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, expected a whole number")))
}

/// Seeds to draw where a test usually draws so many.
#[allow(dead_code, reason = "some binaries only scale the cases of proptest")]
pub fn seeds(usual: u64) -> Range<u64> {
    let (first, times) = (number("MIXLAB_SEED"), number("MIXLAB_CASES"));
    let count = if first.is_some() && times.is_none() { 1 } else { usual * times.unwrap_or(1) };
    let first = first.unwrap_or(0);
    first..first + count
}

/// Cases for proptest, which draws and repeats in its own way (`PROPTEST_RNG_SEED`, `proptest-regressions`).
#[allow(dead_code, reason = "most binaries draw scenarios")]
pub fn cases(usual: u32) -> u32 {
    usual * number("MIXLAB_CASES").map_or(1, |times| times.try_into().expect("MIXLAB_CASES is small"))
}

/// Holds `law` on as many scenarios as asked for. Prints how many there were; at least `share` of them must be in its reach.
///
/// # Panics
/// With the smallest scenario that breaks it, and how to repeat that.
#[allow(dead_code, reason = "some binaries only scale the cases of proptest")]
pub fn hold(usual: u64, share: f64, draw: impl Fn(u64) -> Scenario, law: impl Fn(&Scenario) -> Held) {
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    let seeds = seeds(usual);
    let count = seeds.end - seeds.start;
    match hunt(seeds.clone(), draw, law) {
        Ok(applied) => {
            // Straight to stderr: the test harness would swallow `eprintln!` of a test that passes.
            let _ = writeln!(std::io::stderr(), "{test}: seeds {seeds:?}, held on {applied} of {count} scenarios");
            let enough = applied as f64 >= share * count as f64 || count == 1;
            assert!(enough, "only {applied} of {count} scenarios are in reach of the law");
        }
        Err(finding) => {
            panic!("{finding}repeat: MIXLAB_SEED={} cargo nextest run {test} --no-capture", finding.seed)
        }
    }
}
