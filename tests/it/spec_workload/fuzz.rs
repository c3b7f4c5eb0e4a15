//! Whatever is in a spec file, reading it ends with a value or an error; whatever loads, makes a scenario or an error.

use super::shipped::files;
use super::{mixes, options, reference, shipped_spec};
use mixlab::spec::json::Document;
use mixlab::spec::{Cluster, LoadedMix, Mix, MixSpace, SizeDistribution, SpatialMatrix, mix};
use mixlab::workload::{Generator, delivered_load, scenario};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

/// Kinds of files, with the texts that mutations start from.
static SEEDS: LazyLock<Vec<(Kind, String)>> = LazyLock::new(|| {
    let mut seeds = Vec::new();
    let mut add = |kind, paths: Vec<PathBuf>| {
        seeds.extend(paths.iter().map(|p| (kind, fs::read_to_string(p).expect("readable seed"))))
    };
    add(Kind::Mixes, files("", ".mix.json"));
    add(Kind::Space, files("", ".mixspace.json"));
    add(Kind::Cluster, files("clusters", ".json"));
    add(Kind::Spatial, files("spatials", "2x4.json"));
    add(Kind::Sizes, files("sizes", ".txt"));
    if let Some(upstream) = reference("upstream/parsimon-eval") {
        add(
            Kind::Mixes,
            vec![upstream.join("expts/fig_8/spec/0.mix.json"), upstream.join("expts/fig_7/spec/0.mix.json")],
        );
        add(Kind::Cluster, vec![upstream.join("expts/fig_8/spec/cluster_4_to_1_eval_train.json")]);
        add(Kind::Spatial, vec![upstream.join("workload/spatials/cluster_c_2_4.json")]);
    }
    seeds
});

static BASE: LazyLock<LoadedMix> = LazyLock::new(|| mixes(&shipped_spec().join("0.mix.json")).remove(0));

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Mixes,
    Space,
    Cluster,
    Spatial,
    Sizes,
}

/// One change of a text; positions are taken modulo its length.
#[derive(Clone, Debug)]
enum Change {
    Flip(usize, u8),
    Delete(usize, usize),
    Insert(usize, &'static str),
    /// Replaces the number, string or word at a position.
    Value(usize, &'static str),
    Repeat(usize, usize),
}

const VALUES: [&str; 24] = [
    "0",
    "1",
    "2",
    "-1",
    "0.5",
    "1e308",
    "-0.0",
    "1e999",
    "18446744073709551616",
    "9007199254740993",
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "\"\\ud800\"",
    "\"Host\"",
    "\"hp\"",
    "\"timely\"",
    "[[1]]",
    "4096",
    "1e-300",
    "\"1Tbps\"",
    "\u{1F980}",
];

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Flip(at, byte)),
        (any::<usize>(), 1..60usize).prop_map(|(at, n)| Change::Delete(at, n)),
        (any::<usize>(), prop::sample::select(VALUES.to_vec())).prop_map(|(at, text)| Change::Insert(at, text)),
        (any::<usize>(), prop::sample::select(VALUES.to_vec())).prop_map(|(at, text)| Change::Value(at, text)),
        (any::<usize>(), 1..80usize).prop_map(|(at, n)| Change::Repeat(at, n)),
    ]
}

fn apply(text: &mut Vec<u8>, change: &Change) {
    let length = text.len().max(1);
    let clamp = |at: usize, n: usize| (at % length).min(text.len())..(at % length + n).min(text.len());
    match change {
        Change::Flip(at, byte) => {
            if let Some(b) = text.get_mut(at % length) {
                *b ^= byte;
            }
        }
        Change::Delete(at, n) => drop(text.drain(clamp(*at, *n))),
        Change::Insert(at, new) => drop(text.splice(clamp(*at, 0), new.bytes())),
        Change::Repeat(at, n) => {
            let part = text[clamp(*at, *n)].to_vec();
            text.splice(clamp(*at, 0), part);
        }
        Change::Value(at, new) => {
            let of_value = |b: &u8| !b",:[]{} \n#".contains(b);
            let start = (at % length..text.len()).find(|i| of_value(&text[*i])).unwrap_or(text.len());
            let end = (start..text.len()).find(|i| !of_value(&text[*i])).unwrap_or(text.len());
            text.splice(start..end, new.bytes());
        }
    }
}

/// Reads a text as its kind; if that works, goes on to scenarios. Returns whether it worked.
fn consume(kind: Kind, text: &[u8]) -> bool {
    let document = Document::new(Path::new("mutated"), String::from_utf8_lossy(text).into_owned());
    let mut changed = BASE.clone();
    let mut ignored = Vec::new();
    match kind {
        Kind::Mixes => {
            let Ok(root) = document.root() else { return false };
            let nodes = if root.is_array() { root.array("").unwrap_or_default() } else { vec![root] };
            let mixes = nodes.iter().filter_map(|n| Mix::parse(&n.fields("", mix::MIX_FIELDS).ok()?).ok());
            let mixes: Vec<Mix> = mixes.take(2).collect();
            for mix in &mixes {
                changed.mix = mix.clone();
                simulate(&changed);
            }
            return !mixes.is_empty();
        }
        Kind::Space => {
            let Ok(space) = MixSpace::parse(&document) else { return false };
            let drawn = space.draw(3, 1, 2);
            space.to_json(&drawn).expect("paths are UTF-8");
            changed.mix = drawn[0].clone();
        }
        Kind::Cluster => {
            let Ok(cluster) = Cluster::parse(&document, &mut ignored) else { return false };
            changed.cluster = Arc::new(cluster);
            changed.topology = Arc::clone(&changed.cluster.topology);
        }
        Kind::Spatial => {
            let Ok(spatial) = SpatialMatrix::parse(&document, &mut ignored) else { return false };
            changed.spatial = Arc::new(spatial);
        }
        Kind::Sizes => {
            let Ok(sizes) = SizeDistribution::parse(&document) else { return false };
            changed.sizes = Arc::new(sizes);
        }
    }
    simulate(&changed);
    true
}

fn simulate(mix: &LoadedMix) {
    if mix.topology.node_count() > 20_000 {
        return; // large is not what is tested here
    }
    for generator in [Generator::Compat, Generator::Calibrated] {
        if let Ok(s) = scenario(mix, &options(20, generator)) {
            assert!(delivered_load(&s) >= 0.0);
        }
    }
}

#[test]
fn unmutated_seeds_are_read() {
    for (kind, text) in SEEDS.iter() {
        assert!(consume(*kind, text.as_bytes()), "{kind:?}: {text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_of_a_spec_panics(seed in any::<prop::sample::Index>(), changes in prop::collection::vec(change(), 1..5)) {
        let (kind, text) = &SEEDS[seed.index(SEEDS.len())];
        let mut text = text.clone().into_bytes();
        changes.iter().for_each(|c| apply(&mut text, c));
        consume(*kind, &text);
    }
}
