//! The libFuzzer program: hands every input to the target that `MIXLAB_FUZZ_TARGET` names. One program for all, since linking
//! mixlab once costs as much as a minute of fuzzing; every target has its own corpus and its own run (`scripts/fuzz`).

#![no_main]

mod targets;

use std::sync::LazyLock;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("MIXLAB_FUZZ_TARGET").unwrap_or_default();
    match targets::ALL.iter().find(|(known, _)| *known == name) {
        Some((_, target)) => *target,
        None => {
            let names: Vec<&str> = targets::ALL.iter().map(|(name, _)| *name).collect();
            panic!("MIXLAB_FUZZ_TARGET is `{name}`, expected one of {}", names.join(", "));
        }
    }
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET(bytes));
