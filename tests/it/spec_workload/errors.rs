//! Every fault names file, JSON path, line, column, what was expected and found, and what to do.

use super::shipped_spec;
use mixlab::spec::json::Document;
use mixlab::spec::{Cluster, MixSpace, SizeDistribution, SpatialMatrix, SpecError, load_mixes};
use std::fs;
use std::path::Path;

/// Tests run in the workspace root, where these paths lead to the shipped files.
const GOOD: &str = r#"[
  {"id": 0, "spatial": "spec/spatials/uniform-2x4.json", "size_dist": "spec/sizes/hadoop.txt",
   "lognorm_sigma": 1, "max_load": 0.5, "cluster": "spec/clusters/32-1to1.json"},
  {"id": 1, "spatial": "spec/spatials/uniform-2x4.json", "size_dist": "spec/sizes/hadoop.txt",
   "lognorm_sigma": 1, "max_load": 0.5, "cluster": "spec/clusters/32-1to1.json",
   "bfsz": 12, "window": 9000.0, "enable_pfc": true, "cc": "dctcp", "param_1": 20, "param_2": 0, "max_inflight_flows": 0}
]"#;

fn load(text: &str) -> Result<mixlab::spec::LoadedSpec, SpecError> {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let file = scratch.path().join("x.mix.json");
    fs::write(&file, text).expect("writable scratch");
    load_mixes(&file)
}

/// What the user sees for `GOOD` with one replacement, without the folder.
fn shown(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from));
    let at = GOOD.rfind(from).expect("just seen");
    let text = format!("{}{to}{}", &GOOD[..at], &GOOD[at + from.len()..]);
    let error = load(&text).expect_err("must fail").to_string();
    error.split_once("x.mix.json").map_or(error.clone(), |(_, rest)| rest.to_string())
}

#[test]
fn defaults_and_number_forms_are_those_of_every_version() {
    let loaded = load(GOOD).unwrap_or_else(|e| panic!("{e}"));
    let (a, b) = (&loaded.mixes[0].mix, &loaded.mixes[1].mix);
    assert_eq!((a.bfsz, a.window, a.enable_pfc, a.param_1, a.max_inflight_flows), (40.0, 18_000, true, 30.0, 0));
    assert_eq!((b.bfsz, b.window, b.enable_pfc, b.param_1), (12.0, 9_000, true, 20.0));
    let single = GOOD[1..].split("},").next().expect("first mix").to_string() + r#", "duration": 5}"#;
    let loaded = load(&single).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((loaded.mixes[0].mix.bfsz, loaded.mixes[0].mix.duration_s), (50.0, Some(5)));
}

#[test]
fn faults_of_a_mix_say_where_and_what_to_do() {
    for (from, to, want) in [
        (
            "0.5",
            "\"high\"",
            ":5:36: $[1].max_load: expected a load above 0 and at most 2, found \"high\"\n  hint: it is a fraction: write 0.7 for 70 %",
        ),
        (
            "0.5",
            "70",
            ":5:36: $[1].max_load: expected a load above 0 and at most 2, found 70\n  hint: it is a fraction: write 0.7 for 70 %",
        ),
        (
            "\"max_load\"",
            "\"max_lod\"",
            ":4:3: $[1]: expected a field `max_load`, found none\n  hint: `max_lod` is not a known field: did you mean `max_load`?",
        ),
        (
            "\"dctcp\"",
            "\"dtcp\"",
            ":6:60: $[1].cc: expected one of dctcp, dcqcn, hp, timely, tcp-dctcp, tcp-cubic, tcp-bbr, tcp-newreno, found \"dtcp\"\n  hint: did you mean `dctcp`?",
        ),
        ("9000.0", "9000.5", ":6:26: $[1].window: expected whole bytes (0 = no window), found 9000.5"),
        (
            "\"id\": 1",
            "\"id\": 0",
            ":4:10: $[1].id: expected an id that no other mix of the list has, found 0\n  hint: line 2 has the same id; ids name the results",
        ),
        (
            "\"bfsz\": 12",
            "\"id\": 12",
            ":6:10: $[1].id: expected each field once, found `id` a second time\n  hint: remove one of the two",
        ),
        (
            "\"param_1\": 20",
            "\"param_1\": -1",
            ":6:80: $[1].param_1: expected the marking threshold K in KB at 10 Gb/s, at least 0, found -1\n  hint: param_1 and param_2 mean something else for each cc; see spec/README.md",
        ),
        ("true", "2", ":6:48: $[1].enable_pfc: expected true, false, 1 or 0, found 2"),
    ] {
        assert_eq!(shown(from, to), want);
    }
}

#[test]
fn a_missing_file_says_where_it_was_looked_for() {
    let error = shown("hadoop.txt", "hadop.txt");
    assert!(
        error.starts_with(
            ":4:71: $[1].size_dist: expected the path of a file that exists, found \"spec/sizes/hadop.txt\""
        ),
        "{error}"
    );
    for place in ["looked for spec/sizes/hadop.txt, ", "/spec/sizes/hadop.txt, "] {
        assert!(error.contains(place), "{error}");
    }
}

#[test]
fn broken_json_has_a_place() {
    let error = load("[\n  {\"id\": 0,\n   \"spatial\": }\n]").expect_err("must fail").to_string();
    assert!(error.contains("x.mix.json:3:15: expected JSON, found expected value"), "{error}");
    assert!(load("").expect_err("must fail").to_string().contains(":1:1: expected JSON"));
    assert!(load("[]").expect_err("must fail").to_string().contains("at least one mix"));
    let deep = "[".repeat(1_000_000);
    assert!(load(&deep).is_err());
    let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    assert!(
        load(&deep).expect_err("must fail").to_string().contains("$[0]: expected a mix: an object, found an array")
    );
}

#[test]
fn unknown_fields_are_one_warning_with_suggestions() {
    let text = GOOD.replace("\"id\"", "\"max_inflight_flow\": 3, \"colour\": \"red\", \"id\"");
    let warnings = load(&text).unwrap_or_else(|e| panic!("{e}")).warnings;
    assert_eq!(warnings.len(), 1);
    for part in
        ["`max_inflight_flow` in 2 of 2 (did you mean `max_inflight_flows`?)", "`colour` in 2 of 2 (known: id, "]
    {
        assert!(warnings[0].contains(part), "{}", warnings[0]);
    }
}

#[test]
fn files_that_are_no_text_or_not_there_are_errors_with_their_name() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let missing = scratch.path().join("none.mix.json");
    for path in [missing.as_path(), scratch.path()] {
        let error = load_mixes(path).expect_err("must fail");
        assert!(matches!(error, SpecError::Read { .. }), "{error}");
        assert!(error.to_string().starts_with(&format!("cannot read {}: ", path.display())), "{error}");
    }
    fs::write(&missing, b"[\n {\xff").expect("writable scratch");
    let error = load_mixes(&missing).expect_err("must fail").to_string();
    assert!(error.contains("none.mix.json:2:3: expected UTF-8 text, found the byte 0xff"), "{error}");
}

#[test]
fn the_first_place_that_has_a_file_counts() {
    // Beside the spec, and in the folder above it; the current directory has neither.
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let folder = scratch.path().join("spec");
    fs::create_dir(&folder).expect("writable scratch");
    let sizes = |bytes: u32| format!("0 0\n{bytes} 100\n");
    fs::write(scratch.path().join("s.txt"), sizes(10)).expect("writable scratch");
    let file = folder.join("x.mix.json");
    let shipped = |name: &str| shipped_spec().join(name).display().to_string();
    let text = GOOD.replace("spec/sizes/hadoop.txt", "s.txt").replace("spec/spatials", &shipped("spatials"));
    fs::write(&file, text.replace("spec/clusters", &shipped("clusters"))).expect("writable scratch");
    let largest = || load_mixes(&file).unwrap_or_else(|e| panic!("{e}")).mixes[1].sizes.points()[1].0;
    assert_eq!(largest(), 10.0);
    fs::write(folder.join("s.txt"), sizes(20)).expect("writable scratch");
    assert_eq!(largest(), 20.0);
}

fn document(text: &str) -> Document {
    Document::new(Path::new("f"), text.into())
}

#[test]
fn faults_of_size_distributions_have_line_and_column() {
    for (text, want) in [
        (
            "0 0\n10 50\n10 100\n",
            "f:3:1: expected a size above the 10 of the point before, found `10`\n  hint: sizes must increase strictly",
        ),
        (
            "0 0\n10 50\n20 50\n",
            "f:3:4: expected a percentage above the 50 of the point before, found `50`\n  hint: percentages must increase strictly",
        ),
        (
            "0 0\n10 0.5\n20 1.0\n",
            "f:4:1: expected 100 as the percentage of the last point, found 1\n  hint: percentages are cumulative, not fractions",
        ),
        (
            "# only\n",
            "f:2:1: expected at least one point, found none\n  hint: a line is: bytes, a space, cumulative percent",
        ),
        ("0 0 0\n", "f:1:1: expected two numbers: bytes and cumulative percent, found `0 0 0`"),
        (
            "0 0\n ten 100\n",
            "f:2:2: expected a number, found `ten`\n  hint: a line is: bytes, a space, cumulative percent",
        ),
        ("0 0\n1e300 100\n", "f:2:1: expected a size from 0 to 2^50 bytes, found `1e300`"),
        ("0 0\nNaN 100\n", "f:2:1: expected a size from 0 to 2^50 bytes, found `NaN`"),
    ] {
        assert_eq!(SizeDistribution::parse(&document(text)).expect_err("must fail").to_string(), want);
    }
}

#[test]
fn faults_of_clusters_have_a_place() {
    let small = r#"{"pods": 1, "fabs_per_pod": 1, "spines_per_plane": 1, "racks_per_pod": 1, "hosts_per_rack": 2, "host_rate": "10Gbps"}"#;
    let parse = |text: &str| Cluster::parse(&document(text), &mut Vec::new());
    parse(small).unwrap_or_else(|e| panic!("{e}"));
    for (from, to, want) in [
        (
            "\"10Gbps\"",
            "\"10GBps\"",
            "$.host_rate: expected a rate such as \"10Gbps\" or 10000000000 (bit/s), from 1 bit/s to 1,000 Tb/s, found \"10GBps\"\n  hint: did you mean `Gbps`?",
        ),
        ("\"10Gbps\"", "\"10\"", "hint: add a unit: bps, Kbps"),
        ("\"pods\": 1", "\"pods\": 0", "f:1:10: $.pods: expected a whole number from 1 to 1,048,576, found 0"),
        (
            "\"hosts_per_rack\": 2",
            "\"hosts_per_rack\": 1048576",
            "expected at most 1,048,576 nodes and 4,194,304 links, found 1048579 nodes",
        ),
    ] {
        let error = parse(&small.replace(from, to)).expect_err("must fail").to_string();
        assert!(error.contains(want), "{error}");
    }
    let node = |id: u32, kind: &str| format!(r#"{{"id": {id}, "kind": "{kind}"}}"#);
    let link = |a: u32, b: u32| format!(r#"{{"a": {a}, "b": {b}, "bandwidth": 10000000000, "delay": 1000}}"#);
    let listed = |host: u32, end: u32| {
        format!(
            r#"{{"planes": [[{}]], "pods": [{{"fabs": [{}], "racks": [{{"tor": {}, "hosts": [{}, {}], "host2tor": [{}, {}]}}], "tor2fab": [{}]}}], "fab2spine": [{}]}}"#,
            node(4, "Switch"),
            node(3, "Switch"),
            node(2, "Switch"),
            node(0, "Host"),
            node(host, "Host"),
            link(0, 2),
            link(1, end),
            link(2, 3),
            link(3, 4)
        )
    };
    parse(&listed(1, 2)).unwrap_or_else(|e| panic!("{e}"));
    let error = parse(&listed(0, 2)).expect_err("must fail").to_string();
    assert!(
        error.contains(
            "$.pods[0].racks[0].hosts[1]: expected ids without gaps, so 1 as the next one, found id 0 a second time"
        ),
        "{error}"
    );
    let error = parse(&listed(1, 9)).expect_err("must fail").to_string();
    assert!(
        error.contains(
            "$.pods[0].racks[0].host2tor[1]: expected nodes and links that make a network, found link 3 names node 9"
        ),
        "{error}"
    );
}

#[test]
fn faults_of_matrices_and_mix_spaces_have_a_place() {
    let matrix = |inner: &str, names: &str, pods: &str| {
        let text = format!(
            r#"{{"matrix": {{"inner": {inner}, "idx2name": {names}}}, "pod2tors": {pods}, "nr_pods": 1, "nr_racks": 2}}"#
        );
        SpatialMatrix::parse(&document(&text), &mut Vec::new()).map_err(|e| e.to_string())
    };
    let (names, pods) = (r#"["r", "s"]"#, r#"{"p": ["s", "r"]}"#);
    assert_eq!(matrix("[[1, 2], [0, 4]]", names, pods).expect("valid").entries(), [(1, 0, 0), (3, 0, 1), (7, 1, 1)]);
    matrix("[[1, 2, 0], [0, 4, 0], [0, 0, 0]]", names, pods).expect("empty slots are fine");
    for (inner, names, pods, want) in [
        ("[[1, 2], [0, -4]]", names, pods, "$.matrix.inner[1][1]: expected a whole number of flows, found -4"),
        ("[[1, 2], [0]]", names, pods, "$.matrix.inner[1]: expected 2 numbers, as many as there are rows, found 1"),
        ("[[0, 0], [0, 0]]", names, pods, "$.matrix.inner: expected at least one count above 0, found only zeros"),
        (
            "[[1, 2], [0, 4]]",
            names,
            r#"{"p": ["s", "t"]}"#,
            "$.pod2tors.p[1]: expected a rack that `matrix.idx2name` lists, found \"t\"",
        ),
        (
            "[[1, 2], [0, 4]]",
            names,
            r#"{"p": ["s"]}"#,
            "$.matrix.inner[0]: expected traffic only between racks of a pod, found 1 flows from row 0 to column 0",
        ),
        (
            "[[18446744073709551615, 2], [0, 4]]",
            names,
            pods,
            "expected counts that add up to less than 2^64, found more",
        ),
    ] {
        let error = matrix(inner, names, pods).expect_err("must fail");
        assert!(error.contains(want), "{error}");
    }
    let space = fs::read_to_string(shipped_spec().join("eval_train.mixspace.json")).expect("shipped");
    for (from, to, want) in [
        ("\"high\": 0.8", "\"high\": 0.2", "$.max_loads.high: expected at least the low bound 0.3, found 0.2"),
        (
            "\"windows\"",
            "\"window\"",
            "$: expected a field `windows`, found none\n  hint: `window` is not a known field: did you mean `windows`?",
        ),
        (
            "\"timely\"\n",
            "\"timely\", \"hp\"\n",
            "$.params: expected two ranges for each of the 4 entries of `ccs`, found 6",
        ),
    ] {
        assert!(space.contains(from), "{from}");
        let error = MixSpace::parse(&document(&space.replace(from, to))).expect_err("must fail").to_string();
        assert!(error.contains(want), "{error}");
    }
}
