//! The corpus of the fuzzer, replayed on the stable compiler: every input that ever mattered keeps its target's law. The fuzzing
//! itself, which finds them, is `scripts/fuzz`.

use crate::program::file;
use std::fs;
use std::path::PathBuf;

#[path = "../fuzz/src/targets/mod.rs"]
mod targets;

/// No file of the corpus is longer: it is kept small so that replaying it costs nothing.
const LONGEST: u64 = 8 * 1024;

fn inputs(target: &str) -> Vec<PathBuf> {
    let folder = file("tests/fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("readable").path()).collect();
    files.sort();
    files
}

#[test]
fn every_input_of_the_corpus_keeps_the_law_of_its_target() {
    for (name, target) in targets::ALL {
        let inputs = inputs(name);
        assert!(!inputs.is_empty(), "{name} has no corpus");
        for input in inputs {
            let bytes = fs::read(&input).expect("readable");
            assert!(bytes.len() as u64 <= LONGEST, "{} is longer than {LONGEST} bytes", input.display());
            // The harness shows the output of a test that fails: the last line is the input.
            println!("{}", input.display());
            target(&bytes);
        }
    }
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let folders = fs::read_dir(file("tests/fuzz/corpus")).expect("there").map(|e| e.expect("readable").file_name());
    let mut folders: Vec<String> = folders.map(|name| name.into_string().expect("plain names")).collect();
    folders.sort();
    assert_eq!(folders, targets::ALL.map(|(name, _)| name));
}
