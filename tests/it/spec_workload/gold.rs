//! The `compat` generator and the file formats against outputs of the original program.

use super::{mixes, reference};
use mixlab::spec::LoadedMix;
use mixlab::workload::{Generator, WorkloadOptions, files, scenario};
use mixlab_contract::Scenario;
use mixlab_contract::files::{write_flows, write_paths, write_topology};
use mixlab_contract::scenario::hex;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn compat(mix: &LoadedMix, seed: u64, nr_flows: usize, enable_app: bool) -> Scenario {
    let options = WorkloadOptions { seed, nr_flows, enable_app, generator: Generator::Compat };
    scenario(mix, &options).unwrap_or_else(|e| panic!("{e}"))
}

fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

#[test]
fn compat_equals_the_original_in_every_published_hash() {
    let Some(upstream) = reference("upstream") else { return };
    let table = fs::read_to_string(upstream.join("gold/flow_generation_hashes.tsv")).expect("readable table");
    let mut specs: BTreeMap<String, Vec<LoadedMix>> = BTreeMap::new();
    let mut rows = 0;
    for line in table.lines().skip(1) {
        let f: Vec<&str> = line.split('\t').collect();
        let list = specs.entry(f[0].into()).or_insert_with(|| mixes(&upstream.join(f[0])));
        let number = |i: usize| f[i].parse::<u64>().expect("a number");
        let mix = list.iter().find(|m| m.mix.id == number(1)).expect("the mix is in the list");
        let s = compat(mix, number(2), number(3) as usize, number(4) == 1);
        let last = s.flows().last().expect("flows");
        assert_eq!(last.start.ns_floor(), number(6), "last start of {line}");
        assert_eq!(s.flows().iter().map(|f| f.size.0).sum::<u64>(), number(7), "bytes of {line}");
        assert_eq!(sha256(&files::flows_json(&s)), f[8], "flows.json of {line}");
        assert_eq!(sha256(&write_paths(&s)), f[9], "path_1.txt of {line}");
        assert_eq!(sha256(&write_flows(&s)), f[10], "flows.txt of {line}");
        assert_eq!(sha256(&write_topology(&s)), f[11], "topology.txt of {line}");
        rows += 1;
    }
    assert_eq!(rows, 76);
}

#[test]
fn compat_equals_the_original_in_every_full_case() {
    let Some(upstream) = reference("upstream") else { return };
    for (case, app) in [
        ("eval_train_id0_nf2000_seed0", false),
        ("eval_test_id0_nf2000_seed0", false),
        ("eval_app_id0_nf2000_seed0_app", true),
    ] {
        let dir = upstream.join("gold").join(case);
        // The case names its files relative to the experiment's folder.
        let text = fs::read_to_string(dir.join("input.mix.json")).expect("readable mix");
        let experiment = upstream.join("parsimon-eval/expts/fig_8");
        let place = |p: &str| format!("\"{}/{p}", experiment.display());
        let text = text.replace("\"../../", &place("../../")).replace("\"spec/", &place("spec/"));
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let file = scratch.path().join("input.mix.json");
        fs::write(&file, text).expect("writable scratch");
        let s = compat(&mixes(&file)[0], 0, 2000, app);
        files::write_scenario_files(&s, &scratch.path().join("0")).expect("writable scratch");
        let written = |name: &str| fs::read_to_string(scratch.path().join("0").join(name)).expect("just written");
        let gold = |name: &str| fs::read_to_string(dir.join("0").join(name)).expect("readable case");
        assert!(written("flows.json") == gold("flows.json"), "{case}: flows.json");
        for name in ["topology.txt", "flows.txt", "path_1.txt"] {
            assert!(written(name) == gold(&format!("ns3/{name}")), "{case}: {name}");
        }
        assert_eq!(fs::read_dir(scratch.path().join("0")).expect("readable").count(), 4, "no partial files are left");
    }
}

#[test]
fn every_spec_file_of_the_original_loads_from_anywhere() {
    let Some(upstream) = reference("upstream/parsimon-eval") else { return };
    for (list, count) in [
        ("expts/fig_8/spec/0.mix.json", 1),
        ("expts/fig_8/spec/eval_app.mix.json", 30),
        ("expts/fig_8/spec/eval_test.mix.json", 50),
        ("expts/fig_8/spec/eval_test_trace.mix.json", 100),
        ("expts/fig_8/spec/eval_train.mix.json", 40),
        ("expts/fig_7/spec/0.mix.json", 1),
        ("expts_main/fig_8/spec/all.mix.json", 96),
    ] {
        let loaded = mixlab::spec::load_mixes(&upstream.join(list)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((loaded.mixes.len(), loaded.warnings.len()), (count, 0), "{list}");
    }
    let old = mixes(&upstream.join("expts/fig_7/spec/0.mix.json"));
    assert_eq!(old[0].mix.duration_s, Some(1));
    assert_eq!(old[0].topology.host_count(), 6144);
    compat(&old[0], 0, 1000, false);
}

#[test]
fn mixes_drawn_from_the_original_space_are_the_original_list() {
    let Some(upstream) = reference("upstream/parsimon-eval/expts_main/fig_8/spec") else { return };
    let space = mixlab::spec::load_mix_space(&upstream.join("all.mixspace.json")).unwrap_or_else(|e| panic!("{e}"));
    let original = fs::read_to_string(upstream.join("all.mix.json")).expect("readable list");
    let count = original.matches("\"id\"").count();
    let json = space.to_json(&space.draw(count, 0, 0)).expect("paths are UTF-8");
    assert!(count >= 96 && json == original.trim_end(), "drawn and original list differ");
}

#[test]
fn generated_clusters_are_the_original_ones() {
    let Some(upstream) = reference("upstream/parsimon-eval") else { return };
    let read = |file: &Path| mixlab::spec::Cluster::read(file, &mut Vec::new()).unwrap_or_else(|e| panic!("{e}"));
    for (ours, theirs) in [
        ("32-1to1", "expts/fig_8/spec/cluster_1_to_1_eval_train.json"),
        ("32-2to1", "expts/fig_8/spec/cluster_2_to_1_eval_train.json"),
        ("32-4to1", "expts/fig_8/spec/cluster_4_to_1_eval_train.json"),
        ("256-1to1", "expts/fig_8/spec/cluster_1_to_1_eval_app.json"),
        ("256-2to1", "expts/fig_8/spec/cluster_2_to_1_eval_app.json"),
        ("256-4to1", "expts/fig_8/spec/cluster_4_to_1_eval_app.json"),
        ("1024-1to1", "expts/fig_8/spec/cluster_1_to_1_eval_test.json"),
        ("1024-2to1", "expts/fig_8/spec/cluster_2_to_1_eval_test.json"),
        ("1024-4to1", "expts/fig_8/spec/cluster_4_to_1_eval_test.json"),
        ("6144-2to1", "workload/topologies/cluster_b_2_to_1_m4.json"),
    ] {
        let (ours, theirs) = (super::shipped_spec().join(format!("clusters/{ours}.json")), upstream.join(theirs));
        let (a, b) = (read(&ours), read(&theirs));
        assert!(a.topology == b.topology && a.pods == b.pods, "{} and {} differ", ours.display(), theirs.display());
    }
}
