//! Outside programs that are killed for memory, flood their pipes, or write half a line for ever: failed runs that say so (or
//! good ones, if the results are), and a caller whose memory stays what it was. Other ways to fail are in `external.rs`.

use crate::external::{GOOD, Stage, demo};
use crate::program::run_expecting;

/// What a flood may cost the caller: lines that wait (16 MiB at most) and their tails.
const ROOM: u64 = 32 << 20;

/// A program of 48 MB: three times what may wait, in lines of 60,000 bytes.
const FLOOD: &str = "line=$(head -c 59999 /dev/zero | tr '\\0' x); i=0; \
                     while [ $i -lt 800 ]; do echo \"$line\"; i=$((i+1)); done";

fn to_stdout(text: String) -> String {
    text.replace("out.csv", "-")
}

#[test]
fn a_killed_program_is_said_to_have_perhaps_run_out_of_memory() {
    Stage::doing("kill -KILL $$").fails_with("perhaps by the system's out-of-memory killer");
    // Also in the middle of a line of results, which is then no bad line.
    Stage::new("printf 0,12; kill -KILL $$", to_stdout).fails_with("perhaps by the system's out-of-memory killer");
    let stage = Stage::doing("kill -TERM $$");
    assert!(!stage.run(5, &[]).contains("out-of-memory"), "somebody else asked it to end");
}

/// Peak memory of a sweep with this program, in bytes.
fn peak(stage: &Stage) -> u64 {
    let mixes = demo();
    let args = stage.args(&mixes, &["--message-format", "ndjson", "stand-in"]);
    let (events, _) = run_expecting(0, stage.path(), &args);
    let finished = events.lines().find(|l| l.contains("run-finished")).expect("the run has ended");
    let event: serde_json::Value = serde_json::from_str(finished).expect("JSON");
    event["peak_rss_bytes"].as_u64().expect("a number")
}

#[test]
fn a_flood_on_stdout_or_stderr_costs_its_caller_no_memory() {
    let quiet = peak(&Stage::good());
    assert!(quiet > 0, "no peak memory here");
    for flood in [format!("{FLOOD}\n{GOOD}"), format!("{{ {FLOOD}; }} >&2\n{GOOD}")] {
        let flooded = peak(&Stage::doing(&flood));
        assert!(flooded < quiet + ROOM, "{flooded} bytes, {quiet} without a flood");
    }
}

#[test]
fn what_a_flood_leaves_in_the_store_is_its_end() {
    let stage = Stage::doing(&format!("{FLOOD}\n{{ {FLOOD}; echo the cause; }} >&2\nexit 1"));
    stage.run(5, &[]);
    let size = std::fs::metadata(stage.path().join("r/mixlab.sqlite")).expect("a store").len();
    assert!(size < 1 << 20, "{size} bytes");
}

#[test]
fn a_flood_of_versions_makes_a_backend_unavailable() {
    let asked = |text: String| text.replace("[output]", "version-command = [\"run\", \"--version\"]\n[output]");
    let stage = Stage::new(&format!("{FLOOD}\n{FLOOD}"), asked);
    let err = stage.run(4, &[]);
    assert!(err.contains("it prints more than 65536 bytes"), "{err}");
}

#[test]
fn half_a_line_for_ever_ends_at_the_time_limit_or_the_longest_line() {
    let limited = |text: String| text.replace("[output]", "time-limit-s = 1\n[output]");
    Stage::new("printf half; sleep 1000", limited).fails_with("no end after 1 s");
    Stage::new("exec >&2; printf half; sleep 1000", limited).fails_with("no end after 1 s");
    Stage::doing("yes | tr -d '\\n'").fails_with("output line 1 is longer than 64 KiB");
}
