//! `--enable-train`: supervision is stored with its run, added to runs that lack it, and read back whole.

use crate::program::{file, run_expecting};
use mixlab::store::{Reader, Selection};
use mixlab_contract::supervision::Moment;

fn demo() -> String {
    file("spec/demo.mix.json").display().to_string()
}

#[tokio::test]
async fn a_finished_run_gets_the_supervision_it_lacks_and_nothing_else_changes() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let root = dir.path().join("r").display().to_string();
    let spec = demo();
    let sweep = ["--root", &root, "--mixes", &spec, "--nr-flows", "200", "-q", "packet"];
    let train = ["--root", &root, "--mixes", &spec, "--nr-flows", "200", "-q", "--enable-train", "packet"];
    let to_do = |options: &[&str]| {
        let text = run_expecting(0, dir.path(), &[options, &["--dry-run"]].concat()).0;
        text.lines().last().expect("a summary").to_owned()
    };
    run_expecting(0, dir.path(), &sweep);
    let reader = Reader::open(dir.path().join("r").as_path()).await.expect("a store");
    let before = reader.digest(&Selection::default()).await.expect("readable");
    let runs = reader.status(&Selection::default()).await.expect("readable");
    assert!(reader.supervision(&runs[0].digest, "packet").await.expect("readable").is_none());
    assert!(to_do(&train).starts_with(&format!("{} runs to do", runs.len())), "{}", to_do(&train));

    run_expecting(0, dir.path(), &train);
    assert_eq!(reader.digest(&Selection::default()).await.expect("readable"), before);
    assert!(to_do(&train).starts_with("0 runs to do"), "{}", to_do(&train));
    assert!(to_do(&sweep).starts_with("0 runs to do"), "supervision is no reason to repeat a run without it");
    for run in &runs {
        let stored = reader.supervision(&run.digest, "packet").await.expect("readable").expect("it was asked for");
        let moments: Vec<Moment> = stored.moments().collect::<Result<_, _>>().expect("well formed");
        assert_eq!(moments.len() as u64, 2 * run.nr_flows, "every flow is released and delivered");
        assert!(moments.last().expect("many").remaining.is_empty());
    }
}

#[tokio::test]
async fn a_run_under_enable_train_is_stored_with_its_supervision_at_once() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let root = dir.path().join("r").display().to_string();
    let spec = demo();
    let options = ["--root", &root, "--mixes", &spec, "--nr-flows", "100", "-q", "--fidelity", "clean"];
    run_expecting(0, dir.path(), &[&options[..], &["--enable-train", "packet"]].concat());
    let reader = Reader::open(dir.path().join("r").as_path()).await.expect("a store");
    for run in reader.status(&Selection::default()).await.expect("readable") {
        assert_eq!(run.backend, "packet-clean");
        assert!(reader.supervision(&run.digest, "packet-clean").await.expect("readable").is_some());
        assert!(reader.supervision(&run.digest, "packet").await.expect("readable").is_none());
    }
}
