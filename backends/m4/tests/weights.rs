//! Weight files: what is written is read back, the original's files are read, and hostile files are errors.

mod support;
#[path = "support/torchscript.rs"]
mod writer;

use mixlab_m4::Checkpoint;
use mixlab_m4::paper::{Config, Weights, original};
use mixlab_m4::weights::{Manifest, Tensor, Tensors, WeightsError, safetensors, torchscript};
use proptest::prelude::*;
use std::path::Path;
use support::{checkpoint, small};
use tempfile::TempDir;
use writer::{Directory, Part, archive};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for a test")
}

/// Three graph layers, as the original has.
fn exported() -> Weights {
    Weights::untrained(small(), 3)
}

/// Writes the eight files of the original for `weights`.
fn export(weights: &Weights, to: &Path, directory: Directory) {
    let tensors = weights.to_tensors();
    let t = |name: String| Part::Tensor(tensors.get(&name).expect("it is among the tensors"));
    let write = |file: &str, module: Part<'_>| {
        std::fs::write(to.join(file), writer::torchscript(&module, directory)).expect("writable");
    };
    let dense = |weight: String, bias: String| Part::Module(vec![("weight", t(weight)), ("bias", t(bias))]);
    for i in 0..3 {
        let name = |part: &str| format!("exchange.{i}.{part}");
        let own = Part::Module(vec![("weight", t(name("own.weight")))]);
        let conv = Part::Module(vec![
            ("lin", dense(name("project.weight"), name("project.bias"))),
            ("lin_l", dense(name("neighbours.weight"), name("neighbours.bias"))),
            ("lin_r", own),
        ]);
        let norm = dense(name("norm.gain"), name("norm.offset"));
        let layer = Part::Module(vec![("conv", conv), ("norm", norm)]);
        write(&format!("gnn_layer_{i}.pt"), Part::Module(vec![("homogeneous_layer", layer)]));
    }
    for (file, name) in [
        ("lstmcell_time", "flow_time"),
        ("lstmcell_time_link", "link_time"),
        ("lstmcell_rate", "flow_rate"),
        ("lstmcell_rate_link", "link_rate"),
    ] {
        let cell = Part::Module(vec![
            ("weight_ih", t(format!("{name}.input.weight"))),
            ("weight_hh", t(format!("{name}.hidden.weight"))),
            ("bias_ih", t(format!("{name}.input.bias"))),
            ("bias_hh", t(format!("{name}.hidden.bias"))),
        ]);
        write(&format!("{file}.pt"), Part::Module(vec![("seq_cell", cell)]));
    }
    let layer = |i: usize| dense(format!("slowdown.{i}.weight"), format!("slowdown.{i}.bias"));
    let quiet = || Part::Module(Vec::new());
    let head = vec![("0", layer(0)), ("1", quiet()), ("2", quiet()), ("3", layer(1))];
    write("output_layer.pt", Part::Module(head));
}

#[test]
fn the_originals_eight_files_are_read_whatever_their_directory() {
    for directory in [Directory::Narrow, Directory::Wide] {
        let (dir, weights) = (folder(), exported());
        export(&weights, dir.path(), directory);
        let loaded = Checkpoint::load(dir.path()).expect("readable");
        assert_eq!(loaded.weights, weights, "{directory:?}");
        assert_eq!(loaded.digest(), weights.to_tensors().digest());
        assert_eq!(loaded.congestion_controls, original::TRAINED_FOR);
    }
}

#[test]
fn the_published_dimensions_are_found_in_the_originals_files() {
    let (dir, weights) = (folder(), Weights::untrained(Config::published(), 1));
    export(&weights, dir.path(), Directory::Wide);
    assert_eq!(original::load(dir.path()).expect("readable"), weights);
}

#[test]
fn a_saved_checkpoint_is_read_back_with_the_same_digest() {
    let (dir, mut saved) = (folder(), checkpoint(7));
    saved.provenance.insert("seed".into(), "7".into());
    saved.save(dir.path()).expect("writable");
    let loaded = Checkpoint::load(dir.path()).expect("readable");
    assert_eq!(loaded, saved);
    assert_eq!(loaded.digest(), saved.digest());
}

#[test]
fn a_changed_bit_is_noticed_by_the_digest() {
    let (dir, saved) = (folder(), checkpoint(7));
    saved.save(dir.path()).expect("writable");
    let file = dir.path().join("weights.safetensors");
    let mut bytes = std::fs::read(&file).expect("readable");
    *bytes.last_mut().expect("not empty") ^= 1;
    std::fs::write(&file, bytes).expect("writable");
    let error = Checkpoint::load(dir.path()).expect_err("changed");
    assert!(matches!(error, WeightsError::Manifest { field: "digest", .. }), "{error}");
}

#[test]
fn missing_misshapen_infinite_and_unknown_tensors_are_named() {
    let load = |change: &dyn Fn(Tensors) -> Tensors| {
        Weights::from_tensors(small(), change(exported().to_tensors())).expect_err("broken").to_string()
    };
    let rebuilt = |tensors: Tensors, name: &str, new: Option<Tensor>| {
        let mut all = Tensors::default();
        for (n, t) in tensors.iter().filter(|(n, _)| *n != name) {
            all.insert(n, t.clone());
        }
        if let Some(new) = new {
            all.insert(name, new);
        }
        all
    };
    let tensor = |shape: &[usize], v: f32| Tensor { shape: shape.to_vec(), values: vec![v; shape.iter().product()] };
    let name = "slowdown.0.bias";
    assert_eq!(load(&|t| rebuilt(t, name, None)), "tensor `slowdown.0.bias` is missing");
    let wrong = load(&|t| rebuilt(t, name, Some(tensor(&[10], 0.0))));
    assert_eq!(wrong, "tensor `slowdown.0.bias` has shape [10], expected [9]");
    let infinite = load(&|t| rebuilt(t, name, Some(tensor(&[9], f32::INFINITY))));
    assert_eq!(infinite, "tensor `slowdown.0.bias` contains inf; every weight must be finite");
    let extra = load(&|t| rebuilt(t, "zzz", Some(tensor(&[1], 0.0))));
    assert_eq!(extra, "tensor `zzz` is not part of the architecture");
}

#[test]
fn a_missing_file_a_foreign_file_and_a_foreign_architecture_are_said_so() {
    let dir = folder();
    let error = Checkpoint::load(dir.path()).expect_err("empty folder").to_string();
    assert!(error.contains("gnn_layer_0.pt"), "{error}");
    export(&exported(), dir.path(), Directory::Narrow);
    std::fs::write(dir.path().join("output_layer.pt"), b"not an archive at all, but long enough").expect("writable");
    let error = Checkpoint::load(dir.path()).expect_err("foreign file").to_string();
    assert!(error.contains("output_layer.pt: not a ZIP archive"), "{error}");
    let tensors = exported().to_tensors();
    let manifest = Manifest::new("other", serde_json::Value::Null, Vec::new(), Default::default(), &tensors);
    manifest.save(dir.path(), &tensors).expect("writable");
    let error = Checkpoint::load(dir.path()).expect_err("other architecture").to_string();
    assert_eq!(error, "architecture is `other`, expected `paper`");
}

#[test]
fn dimensions_that_do_not_fit_together_are_refused_before_any_tensor() {
    for config in [
        Config { hidden: 0, ..small() },
        Config { hidden: usize::MAX, ..small() },
        Config { exchange: vec![12], recurrent: false, ..small() },
        Config { exchange: Vec::new(), ..small() },
        Config { exchange: vec![12, 20, 13], ..small() },
        Config { head: 1 << 40, ..small() },
    ] {
        let error = Weights::from_tensors(config.clone(), Tensors::default()).expect_err("unsound");
        assert!(matches!(error, WeightsError::Manifest { field: "config", .. }), "{config:?}: {error}");
    }
}

#[test]
fn compressed_entries_other_number_types_and_transposed_tensors_are_refused() {
    let tensor = Tensor { shape: vec![2, 3], values: vec![1.0; 6] };
    let file = writer::torchscript(&Part::Module(vec![("w", Part::Tensor(&tensor))]), Directory::Narrow);
    assert_eq!(torchscript::decode(&file).expect("readable").get("w"), Some(&tensor));
    let replaced = |from: &[u8], to: &[u8]| {
        let at = file.windows(from.len()).position(|w| w == from).expect("it is in the file");
        let mut changed = file.clone();
        changed[at..at + to.len()].copy_from_slice(to);
        torchscript::decode(&changed).expect_err("broken")
    };
    assert!(replaced(b"FloatStorage", b"HalfxStorage").contains("not f32"));
    assert!(replaced(b"K\x03K\x01", b"K\x01K\x02").contains("contiguous"));
    assert!(replaced(b"little", b"biggie").contains("little-endian"));
    assert!(
        replaced(b"PK\x01\x02\x14\0\x14\0\x08\0\0\0", b"PK\x01\x02\x14\0\x14\0\x08\0\x08\0").contains("compressed")
    );
}

/// One storage described as many tensors must not be copied without bound.
#[test]
fn tensors_larger_than_the_file_are_refused() {
    let tensor = Tensor { shape: vec![4096], values: vec![1.0; 4096] };
    let names: Vec<String> = (0..20).map(|i| format!("t{i}")).collect();
    let mut parts: Vec<(&str, Part<'_>)> = Vec::new();
    let empty = Tensor { shape: vec![0], values: Vec::new() };
    parts.push(("big", Part::Tensor(&tensor)));
    parts.extend(names.iter().map(|n| (n.as_str(), Part::Tensor(&empty))));
    let file = writer::torchscript(&Part::Module(parts), Directory::Narrow);
    assert_eq!(torchscript::decode(&file).expect("readable").len(), 21);
    // A pickle in which every tensor claims the storage of the first.
    let mut program = vec![0x80, 2];
    program.extend(b"c__torch__.net\nModule\n)\x81}(");
    for name in &names {
        program.push(b'X');
        program.extend((name.len() as u32).to_le_bytes());
        program.extend(name.as_bytes());
        program
            .extend(b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\x00\x00\x000");
        program.extend(b"X\x03\0\0\0cpuM\0\x10tQK\0(M\0\x10t(K\x01ttR");
    }
    program.extend(b"ub.");
    let entries = [("m/data.pkl".to_string(), program), ("m/data/0".to_string(), vec![0; 4 * 4096])];
    let error = torchscript::decode(&archive(&entries, Directory::Narrow)).expect_err("20 times the file");
    assert!(error.contains("larger than the file"), "{error}");
}

/// Tuples nested as deep as a pickle allows: dropping or walking them must not overflow the stack.
#[test]
fn deep_nesting_and_cycles_are_survived() {
    let pickled = |program: Vec<u8>| archive(&[("m/data.pkl".to_string(), program)], Directory::Narrow);
    let mut deep = vec![0x80, 2, b')'];
    deep.extend(vec![0x85; 900_000]);
    deep.push(b'.');
    assert!(torchscript::decode(&pickled(deep)).expect("no tensors").is_empty());
    // An object whose state refers to the object itself.
    let cycle = b"\x80\x02cm\nC\n)\x81q\x00}(X\x01\0\0\0ah\x00ub.".to_vec();
    assert!(torchscript::decode(&pickled(cycle)).expect_err("endless").contains("too deep"));
    assert!(torchscript::decode(&pickled(vec![0x80; 2 << 20])).is_err());
}

/// Overwrites bytes and cuts the end off.
fn damaged(mut bytes: Vec<u8>, changes: &[(prop::sample::Index, u8)], cut: Option<prop::sample::Index>) -> Vec<u8> {
    for (at, value) in changes {
        let at = at.index(bytes.len());
        bytes[at] = *value;
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
    bytes
}

fn two_tensors() -> (Tensor, Tensor) {
    let values = |n: usize| (0..n).map(|i| i as f32).collect();
    (Tensor { shape: vec![5, 7], values: values(35) }, Tensor { shape: vec![300], values: values(300) })
}

/// Safetensors headers with one tensor or none, of any shape and place.
const HEADER: &str = concat!(
    r#"\{("a": ?\{"dtype":"F32","shape":\[[0-9]{0,20}(,[0-9]{1,20})?\],"#,
    r#""data_offsets":\[[0-9]{1,20},[0-9]{1,20}\]\})?\}"#
);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn damaged_torchscript_files_are_errors_or_tensors_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
        wide in any::<bool>(),
    ) {
        let (a, b) = two_tensors();
        let inner = Part::Module(vec![("a", Part::Tensor(&a)), ("b", Part::Tensor(&b))]);
        let directory = if wide { Directory::Wide } else { Directory::Narrow };
        let file = writer::torchscript(&Part::Module(vec![("inner", inner)]), directory);
        let file = damaged(file, &changes, cut);
        if let Ok(tensors) = torchscript::decode(&file) {
            prop_assert!(tensors.iter().map(|(_, t)| 4 * t.values.len()).sum::<usize>() <= file.len());
        }
    }

    #[test]
    fn damaged_safetensors_files_are_errors_or_tensors_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut tensors = Tensors::default();
        let (a, b) = two_tensors();
        tensors.insert("a", a);
        tensors.insert("b", b);
        let file = safetensors::encode(&tensors);
        prop_assert_eq!(safetensors::decode(&file), Ok(tensors));
        let file = damaged(file, &changes, cut);
        if let Ok(tensors) = safetensors::decode(&file) {
            prop_assert!(tensors.iter().map(|(_, t)| 4 * t.values.len()).sum::<usize>() <= file.len());
        }
    }

    #[test]
    fn arbitrary_pickles_are_errors_never_panics(program in prop::collection::vec(
        prop_oneof![prop::sample::select(b"(cXJKMGN)]}hjqrtQRaesub.\n\x80\x81\x85\x86\x87\x88\x89\x8a\x8c".to_vec()), 0u8..4],
        0..200,
    )) {
        let entries = [("m/data.pkl".to_string(), program)];
        let _ = torchscript::decode(&archive(&entries, Directory::Narrow));
    }

    #[test]
    fn headers_that_describe_other_tensors_are_errors(header in HEADER) {
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        file.extend([0; 64]);
        if let Ok(tensors) = safetensors::decode(&file) {
            prop_assert_eq!(tensors.iter().map(|(_, t)| 4 * t.values.len()).sum::<usize>(), 64);
        }
    }
}
