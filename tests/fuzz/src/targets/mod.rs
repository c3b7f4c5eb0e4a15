//! Fuzz targets: one function per parser, from bytes to nothing. The law of every one: no panic, no endless loop, memory within
//! what the fuzzer allows, whatever the bytes; where a text is accepted and there is a writer, writing and reading again gives
//! the same value; what is accepted can be used.
//!
//! Used twice: by the fuzzer (tests/fuzz) and, over the corpus, by the ordinary tests (tests/it/corpus.rs).

mod backends;
mod network;
mod settings;
mod specs;
mod training;
mod weights;

/// What is done with an input; it panics if the law of the parser does not hold.
pub type Target = fn(&[u8]);

/// Name and function of every target.
pub const ALL: [(&str, Target); 17] = [
    ("backend_toml", settings::backend_toml),
    ("cluster", specs::cluster),
    ("config", network::config),
    ("fct", network::fct),
    ("files", network::files),
    ("import", network::import),
    ("mixes", specs::mixes),
    ("mixlab_toml", settings::mixlab_toml),
    ("mixspace", specs::mix_space),
    ("ns3", backends::ns3),
    ("request", settings::request),
    ("sizes", specs::sizes),
    ("spatial", specs::spatial),
    ("table", backends::table),
    ("torchscript", weights::torchscript),
    ("training", training::training),
    ("weights", weights::weights),
];

/// The first byte, which chooses among the parsers of a target, and the rest.
fn chosen(bytes: &[u8]) -> Option<(u8, &[u8])> {
    bytes.split_first().map(|(choice, rest)| (*choice, rest))
}

/// The bytes as text; what is no UTF-8 is replaced, since readers of files refuse it before any parser sees it.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
