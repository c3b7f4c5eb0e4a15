//! `train` and `test` through the command line: interrupted or not, a training ends in the same bits; scenarios learned from are
//! not tested on; weights never stand for other weights.

use crate::program::{command, file, run_expecting};
use mixlab::train::log::{Curve, EVENTS};
use mixlab::train::tensorboard;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::tempdir;

/// A training of the refined model that takes less than a second.
const TINY: [&str; 20] = [
    "--wide-draws",
    "1",
    "--draws",
    "4",
    "--validation-draws",
    "2",
    "--draw-flows",
    "60",
    "--rounds",
    "6",
    "--steps",
    "5",
    "--hidden",
    "16",
    "--fast-draws",
    "1",
    "--checkpoint-every",
    "2",
    "--validate-every",
    "3",
];

/// With [`TINY`] one of the corrected model.
const CORRECTED: [&str; 6] = ["--architecture", "corrected", "--lessons", "2", "--memory", "2"];

/// One of the published architecture.
const PAPER: [&str; 18] = [
    "--architecture",
    "paper",
    "--draws",
    "6",
    "--validation-draws",
    "4",
    "--draw-flows",
    "40",
    "--epochs",
    "2",
    "--periods",
    "12",
    "--hidden",
    "8",
    "--graph-layers",
    "1",
    "--weights-seed",
    "3",
];

fn train(cwd: &Path, out: &str, options: &[&[&str]]) -> String {
    run_expecting(0, cwd, &[&["--root", "r", "train", "--out", out], &options.concat()[..]].concat()).1
}

fn bytes(cwd: &Path, name: &str) -> Vec<u8> {
    std::fs::read(cwd.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Files that must be equal after equal trainings.
fn same(cwd: &Path, a: &str, b: &str, names: &[&str]) {
    for name in names {
        assert_eq!(bytes(cwd, &format!("{a}/{name}")), bytes(cwd, &format!("{b}/{name}")), "{name} of {a} and {b}");
    }
}

#[test]
fn the_mean_of_trainings_is_a_model_and_what_is_no_training_is_refused() {
    let dir = tempdir().expect("a temporary directory");
    let at = dir.path();
    let demo = file("spec/demo.mix.json").display().to_string();
    for (a, b, mean, architecture) in [("a", "b", "mean", &[][..]), ("c", "d", "other mean", &CORRECTED[..])] {
        train(at, a, &[&TINY, architecture]);
        train(at, b, &[&TINY, architecture, &["--weights-seed", "2"]]);
        let (_, err) = run_expecting(0, at, &["train", "--average", &format!("{a},{b}"), "--out", mean]);
        assert!(err.contains(&format!("mean of 2 trainings: --m4-weights {mean}")), "{err}");
        same(at, a, mean, &["scenarios.csv"]);
        let args = ["--root", "s", "--mixes", &demo, "--nr-flows", "50", "--m4-weights", mean, "m4"];
        run_expecting(0, at, &args);
    }
    let (_, err) = run_expecting(2, at, &["train", "--average", "a,c", "--out", "other"]);
    assert!(err.contains("wrote for the refined model"), "{err}");
    let (_, err) = run_expecting(2, at, &["train", "--average", "a,nowhere", "--out", "other"]);
    assert!(err.contains("nowhere") && err.contains("expected a folder that `mixlab train` wrote"), "{err}");
    assert!(!at.join("other").exists());
}

#[test]
fn events_of_a_training_are_the_rows_of_its_log() {
    let dir = tempdir().expect("a temporary directory");
    let args = [&["--root", "r", "--message-format", "ndjson", "train", "--out", "t"], &TINY[..]].concat();
    let (out, err) = run_expecting(0, dir.path(), &args);
    assert!(!err.contains("loss"), "a bar beside events: {err}");
    let events = out.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).expect("JSON"));
    let steps: Vec<_> = events.filter(|e| e["event"] == "train-step").collect();
    assert_eq!(steps.iter().map(|e| e["step"].as_u64().expect("a number")).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert!(steps.iter().all(|e| e["of"] == 6 && e["loss"].is_number()));
    let validated = steps.iter().map(|e| e["validation_mean"].is_number());
    assert_eq!(validated.collect::<Vec<_>>(), [false, false, true, false, false, true]);
}

#[test]
fn a_training_in_parts_or_with_more_jobs_or_from_any_checkpoint_ends_in_the_same_weights() {
    for (architecture, weights) in [(&[][..], "refined.safetensors"), (&CORRECTED[..], "corrected.safetensors")] {
        let dir = tempdir().expect("a temporary directory");
        let at = dir.path();
        let err = train(at, "whole", &[&TINY, architecture]);
        assert!(err.contains("8 runs finished") && err.contains("6 rounds done"), "{err}");
        let best = format!("best/{weights}");
        let equal = [weights, &best, "loss.csv", "scenarios.csv", "training.csv"];

        let err = train(at, "parts", &[&TINY, architecture, &["--until", "3"]]);
        assert!(err.contains("3 of 6 rounds"), "{err}");
        let err = train(at, "parts", &[&TINY, architecture]);
        assert!(err.contains("going on after step 3"), "{err}");
        same(at, "whole", "parts", &equal);

        for step in ["000002", "000004", "000006"] {
            let from = format!("whole/checkpoints/{step}.checkpoint");
            train(at, step, &[&TINY, architecture, &["--from", &from]]);
            same(at, "whole", step, &[weights]);
        }
        let other = [&["--root", "other", "-j", "2", "-q", "train", "--out", "jobs"], &TINY[..], architecture].concat();
        run_expecting(0, at, &other);
        same(at, "whole", "jobs", &equal);

        train(at, "seed", &[&TINY, architecture, &["--weights-seed", "2"]]);
        assert_ne!(bytes(at, &format!("seed/{weights}")), bytes(at, &format!("whole/{weights}")));
    }
}

#[test]
fn options_of_another_training_or_architecture_are_refused() {
    let dir = tempdir().expect("a temporary directory");
    let at = dir.path();
    train(at, "whole", &[&TINY, &["--until", "1"]]);
    let (_, err) =
        run_expecting(2, at, &[&["--root", "r", "train", "--out", "whole", "--rate", "0.1"], &TINY[..]].concat());
    assert!(err.contains("--rate is `0.002` there, `0.1` here"), "{err}");
    let (_, err) = run_expecting(2, at, &[&["train", "--out", "x", "--epochs", "2"], &TINY[..]].concat());
    assert!(err.contains("--epochs belongs to --architecture paper"), "{err}");
    let (_, err) = run_expecting(2, at, &[&["train", "--out", "x", "--memory", "2"], &TINY[..]].concat());
    assert!(err.contains("--memory belongs to --architecture corrected"), "{err}");
}

#[test]
fn a_killed_training_goes_on_to_the_weights_of_an_uninterrupted_one() {
    let dir = tempdir().expect("a temporary directory");
    let at = dir.path();
    let often = ["--checkpoint-every", "1", "--rounds", "12"];
    let options: Vec<&str> = TINY.into_iter().collect();
    let options: Vec<&str> = [&options[..8], &options[10..16], &often, &["--validate-every", "3"]].concat();
    train(at, "whole", &[&options]);
    let args = [&["--root", "r", "train", "--out", "killed"], &options[..]].concat();
    let mut kills = 0;
    for round in 0..60 {
        let mut child =
            command(at, &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
        std::thread::sleep(Duration::from_millis(30 + 10 * round));
        if child.try_wait().expect("our child").is_some() {
            break;
        }
        child.kill().expect("our child");
        child.wait().expect("our child");
        kills += 1;
    }
    assert!(kills > 0, "the training was never killed");
    run_expecting(0, at, &args);
    same(at, "whole", "killed", &["refined.safetensors", "loss.csv"]);
    let events = tensorboard::decode(&bytes(at, &format!("killed/{EVENTS}")));
    let curve = Curve::read(&at.join("killed/loss.csv")).expect("well formed");
    assert_eq!(events.iter().map(|e| e.step).collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>());
    for (event, (_, loss)) in events.iter().zip(curve.of("loss")) {
        assert_eq!(event.scalars[0], ("train/loss".to_owned(), loss as f32));
    }
    assert_eq!(curve.of("validation_mean").iter().map(|v| v.0).collect::<Vec<_>>(), [3, 6, 9, 12]);
}

#[test]
fn control_c_saves_a_checkpoint_and_ends_with_130() {
    let dir = tempdir().expect("a temporary directory");
    let at = dir.path();
    let many = [
        "--draws",
        "2",
        "--wide-draws",
        "0",
        "--fast-draws",
        "0",
        "--validation-draws",
        "0",
        "--draw-flows",
        "60",
        "--hidden",
        "16",
        "--rounds",
        "100000",
    ];
    let args = [&["--root", "r", "train", "--out", "m4", "--checkpoint-every", "100000"], &many[..]].concat();
    let child = command(at, &args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
    while !std::fs::metadata(at.join("m4/loss.csv")).is_ok_and(|m| m.len() > 200) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let interrupt = std::process::Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status();
    assert!(interrupt.expect("a shell").success());
    let output = child.wait_with_output().expect("our child");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("the same command goes on"), "{err}");
    let saved = mixlab::train::checkpoint::latest(&at.join("m4")).expect("readable").expect("one was saved");
    let step = mixlab::train::checkpoint::Checkpoint::load(&saved).expect("whole").step;
    let rows = Curve::read(&at.join("m4/loss.csv")).expect("well formed").rows;
    assert_eq!(rows.last().map(|r| r.0), Some(step));
}

#[test]
fn the_published_architecture_is_trained_resumed_and_used() {
    let dir = tempdir().expect("a temporary directory");
    let at = dir.path();
    train(at, "whole", &[&PAPER]);
    let curve = Curve::read(&at.join("whole/loss.csv")).expect("well formed");
    let steps = curve.rows.len();
    assert!(
        steps >= 4 && curve.of("validation_loss").len() == 2 && curve.of("validation_mean").len() == 2,
        "{curve:?}"
    );
    assert!(curve.of("remaining").iter().any(|r| r.1 > 0.0), "the truth was simulated with supervision");
    train(at, "parts", &[&PAPER, &["--until", "3"]]);
    train(at, "parts", &[&PAPER]);
    same(at, "whole", "parts", &["weights.safetensors", "manifest.json", "loss.csv"]);
    let mixes = file("spec/0.mix.json").display().to_string();
    let test = ["--root", "r", "--mixes", &mixes, "--nr-flows", "60", "test", "--weights", "whole", "--simulate-truth"];
    let (out, err) = run_expecting(0, at, &test);
    assert!(out.contains("m4") && err.contains("m4-2 paper"), "{out}{err}");
    let (_, err) = run_expecting(2, at, &[&["train", "--out", "x", "--rounds", "2"], &PAPER[..]].concat());
    assert!(err.contains("--rounds belongs to --architecture refined or corrected"), "{err}");
}

#[test]
fn a_folder_is_one_training_and_what_would_mix_two_is_refused_and_changes_nothing() {
    let dir = tempdir().expect("a temporary directory");
    let at = dir.path();
    train(at, "t", &[&TINY, &["--until", "4"]]);
    let files = ["refined.safetensors", "loss.csv", "scenarios.csv", "train.json", "best/refined.safetensors"];
    let before = files.map(|name| bytes(at, &format!("t/{name}")));
    let refused = |code: i32, options: &[&[&str]], want: &str| {
        let args = [&["--root", "other", "train", "--out", "t"], &options.concat()[..]].concat();
        let (_, err) = run_expecting(code, at, &args);
        assert!(err.contains(want), "{want} is not in: {err}");
        assert_eq!(files.map(|name| bytes(at, &format!("t/{name}"))), before, "after {want}");
    };
    refused(2, &[&TINY, &["--weights-seed", "7"]], "--weights-seed is `1` there, `7` here");
    assert!(!at.join("other").exists(), "nothing is simulated for a training that is refused");
    let fewer: Vec<&str> = TINY.iter().map(|a| if *a == "2" { "3" } else { a }).collect();
    refused(2, &[&fewer], "is of another training");
    let without: Vec<&str> = TINY[..4].iter().chain(&["--validation-draws", "0"]).chain(&TINY[6..]).copied().collect();
    refused(2, &[&without], "validation scenarios is `2` there, `0` here");
    let other: Vec<&str> = TINY[..2].iter().chain(&["--draws", "5"]).chain(&TINY[4..]).copied().collect();
    refused(2, &[&other], "scenarios is `6` there, `7` here");
    for other in [&PAPER[..], &CORRECTED] {
        refused(2, &[other], "holds weights of another architecture");
    }
    let (_, err) = run_expecting(2, at, &["train", "--average", "t", "--out", "t"]);
    assert!(err.contains("a training of its own"), "{err}");
    let (said, _) = run_expecting(0, at, &["--dry-run", "train", "--average", "t", "--out", "mean"]);
    assert!(said.contains("would write") && !at.join("mean").exists(), "{said}");
    assert!(train(at, "t", &[&TINY]).contains("6 rounds done"), "the same command goes on");
}

#[test]
fn all_shows_the_runs_that_it_is_about_and_compare_says_where_weights_are_mixed() {
    let dir = tempdir().expect("a temporary directory");
    let at = dir.path();
    train(at, "m4", &[&TINY]);
    let mixes = file("spec/demo.mix.json").display().to_string();
    let about = ["-q", "--root", "r", "--mixes", &mixes, "--nr-flows", "60"];
    let out = |more: &[&str]| run_expecting(0, at, &[&about[..], more].concat()).0;
    // The shipped weights last, so that they are the newest.
    out(&["packet"]);
    out(&["--m4-weights", "m4", "m4"]);
    out(&["m4"]);
    let row = |text: &str| text.lines().find(|l| l.starts_with("m4 ")).expect("a row").to_owned();
    let wanted = row(&out(&["--m4-weights", "m4", "compare", "--baseline", "packet"]));
    let all = out(&["--m4-weights", "m4", "all", "--baseline", "packet", "--out", "f"]);
    let errors = |row: &str| row.split_whitespace().skip(1).take(7).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(errors(&row(&all)), errors(&wanted));
    train(at, "other", &[&TINY, &["--weights-seed", "2"]]);
    let test = ["--root", "r", "--mixes", &mixes, "--nr-flows", "60", "test", "--ids", "0..2", "--weights", "other"];
    run_expecting(0, at, &test);
    let (_, err) = run_expecting(
        0,
        at,
        &["--root", "r", "--mixes", &mixes, "--nr-flows", "60", "compare", "--baseline", "packet"],
    );
    assert!(err.contains("m4: its runs are of 2 versions, options or weights"), "{err}");
}

#[test]
fn a_test_needs_stored_truth_and_shows_the_weights_it_was_asked_for() {
    let dir = tempdir().expect("a temporary directory");
    let at = dir.path();
    train(at, "m4", &[&TINY]);
    let mixes = file("spec/demo.mix.json").display().to_string();
    let about = ["--root", "r", "--mixes", &mixes, "--nr-flows", "100"];
    let test = |more: &'static [&'static str]| [&about[..], &["test", "--format", "json"], more].concat();
    let (_, err) = run_expecting(7, at, &test(&["--weights", "m4"]));
    assert!(
        err.contains("6 of 6 scenarios") && err.contains("--nr-flows 100 --seed 0 --workload compat packet"),
        "{err}"
    );
    run_expecting(0, at, &[&about[..], &["-q", "packet"]].concat());

    let errors = |out: &str| {
        let json: serde_json::Value = serde_json::from_str(out).expect("JSON");
        let overall = json["overall"].as_array().expect("rows").clone();
        assert_eq!(overall.iter().map(|r| r["backend"].clone()).collect::<Vec<_>>(), ["flowsim-window", "m4"]);
        assert!(json["groups"].as_array().is_some_and(|g| !g.is_empty()));
        overall[1]["errors"]["mean"].as_f64().expect("a number")
    };
    let (shipped, err) = run_expecting(0, at, &test(&[]));
    assert!(err.contains("m4-3 refined"), "{err}");
    let (mine, _) = run_expecting(0, at, &test(&["--weights", "m4"]));
    assert_ne!(errors(&shipped), errors(&mine));
    // Asked again in the other order, each is what it was: nothing is simulated anew, nothing is mistaken.
    let (again, err) = run_expecting(0, at, &test(&[]));
    assert!(err.contains("0 runs finished") && again == shipped, "{err}");
    assert_eq!(
        run_expecting(0, at, &test(&["--weights", "m4/best"])).0,
        run_expecting(0, at, &test(&["--weights", "m4/best"])).0
    );
    let with = |weights: &[&str]| {
        let compare = [&about[..], weights, &["-q", "compare", "--baseline", "packet", "--format", "json"]].concat();
        errors_of_m4(&run_expecting(0, at, &compare).0)
    };
    assert_eq!(with(&["--m4-weights", "m4"]), errors(&mine));
    let csv = run_expecting(0, at, &[&about[..], &["-q", "test", "--format", "csv"]].concat()).0;
    assert!(
        csv.lines().all(|l| l.matches(',').count() == 13) && csv.contains("\nmax load=below 0.4,m4,packet,all,"),
        "{csv}"
    );
}

fn errors_of_m4(out: &str) -> f64 {
    let json: serde_json::Value = serde_json::from_str(out).expect("JSON");
    let rows = json["overall"].as_array().expect("rows").clone();
    let m4 = rows.iter().find(|r| r["backend"] == "m4").expect("a row for m4");
    m4["errors"]["mean"].as_f64().expect("a number")
}

#[test]
fn draws_of_the_test_stream_are_not_those_of_the_training_and_what_was_learned_is_said() {
    let dir = tempdir().expect("a temporary directory");
    let at = dir.path();
    train(at, "m4", &[&TINY]);
    let draws = ["--root", "r", "test", "--weights", "m4", "--draws", "3", "--draw-flows", "60"];
    let (_, err) = run_expecting(7, at, &draws);
    assert!(err.contains("3 of 3") && err.contains("--simulate-truth"), "{err}");
    let (out, err) = run_expecting(0, at, &[&draws[..], &["--simulate-truth"]].concat());
    assert!(out.contains("per scenario") && !err.contains("learned from"), "{out}{err}");
    // Truth is stored now; and another model that learned from the stored scenarios knows some of what is tested.
    run_expecting(0, at, &draws);
    run_expecting(
        0,
        at,
        &["--root", "r", "train", "--out", "stored", "--stored", "--rounds", "1", "--hidden", "16", "--steps", "5"],
    );
    let (_, err) =
        run_expecting(0, at, &["--root", "r", "test", "--weights", "stored", "--draws", "3", "--draw-flows", "60"]);
    assert!(err.contains("of these 3 scenarios were learned from"), "{err}");
}

#[test]
fn mixes_of_a_mix_space_are_learned_from_and_its_sets_are_disjoint() {
    let dir = tempdir().expect("a temporary directory");
    let at = dir.path();
    let space = file("spec/eval_train.mixspace.json").display().to_string();
    let options = [
        "--mixspace",
        &space,
        "--draws",
        "3",
        "--validation-draws",
        "2",
        "--rounds",
        "1",
        "--hidden",
        "16",
        "--steps",
        "5",
    ];
    let args = [&["--root", "r", "--nr-flows", "50", "train", "--out", "m4"], &options[..]].concat();
    run_expecting(0, at, &args);
    let table = String::from_utf8(bytes(at, "m4/scenarios.csv")).expect("text");
    let mut digests: Vec<&str> = table.lines().skip(1).map(|l| l.split(',').next().expect("a cell")).collect();
    assert_eq!(digests.len(), 3 + 2 + 30);
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 35);
}
