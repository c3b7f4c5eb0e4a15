//! Hostile input at the command line: whatever is handed to mixlab as a number, a file or a name ends in a documented exit code and
//! an error that says what is wrong, within 2 GiB of address space, and changes nothing outside the root.

use crate::program::{command, file, run_expecting};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::tempdir;

/// Address space of the program under test: stacks of its threads and the largest file it may read, twice.
const MOST_KIB: u64 = 2 << 20;
/// Only a guard: nothing here takes more than seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// As much as a file that no limit stops would cost.
const GIB: u64 = 1 << 30;

/// Runs `mixlab` with little memory and requires the exit code and words in what it says on stderr, which it returns.
fn refused(at: &Path, code: i32, args: &[&str], words: &str) -> String {
    let plain = command(at, args);
    let mut limited = Command::new("/bin/sh");
    limited.args(["-c", &format!("ulimit -v {MOST_KIB}; exec \"$@\""), "limited"]).arg(plain.get_program());
    limited.args(plain.get_args()).current_dir(at).stdin(Stdio::null()).env("MIXLAB_NS3_DIR", "/nonexistent");
    let mut child = limited.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a shell");
    let mut stderr = child.stderr.take().expect("piped");
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stderr.read_to_end(&mut bytes).map(|_| bytes)
    });
    let started = Instant::now();
    let status = loop {
        match child.try_wait().expect("our child") {
            Some(status) => break status,
            None if started.elapsed() > PATIENCE => {
                child.kill().expect("our child");
                panic!("no end: mixlab {args:?}");
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let said = reader.join().expect("it reads").expect("readable");
    let said = String::from_utf8(said).expect("messages are UTF-8");
    assert_eq!(status.code(), Some(code), "mixlab {args:?}\n{said:.2000}");
    assert!(said.contains(words), "mixlab {args:?} should say {words:?}:\n{said:.2000}");
    assert!(said.len() < 20_000, "a message, not a file: {} bytes", said.len());
    said
}

/// A folder with a good mix file `good.json` whose cluster, matrix and sizes are the shipped ones, and `with(field, path)` variants.
struct Stage(tempfile::TempDir);

impl Stage {
    fn new() -> Self {
        let stage = Self(tempdir().expect("a temporary directory"));
        stage.mix("good.json", &[]);
        stage
    }

    fn at(&self) -> &Path {
        self.0.path()
    }

    /// Writes a mix with some fields replaced by JSON values.
    fn mix(&self, name: &str, changes: &[(&str, &str)]) {
        let path = |p: &str| serde_json::json!(file(p)).to_string();
        let mut fields = vec![
            ("id", "0".to_owned()),
            ("spatial", path("spec/spatials/uniform-2x4.json")),
            ("size_dist", path("spec/sizes/web-server.txt")),
            ("cluster", path("spec/clusters/32-2to1.json")),
            ("lognorm_sigma", "1".to_owned()),
            ("max_load", "0.5".to_owned()),
        ];
        for (field, value) in changes {
            match fields.iter_mut().find(|(name, _)| name == field) {
                Some((_, old)) => *old = (*value).to_owned(),
                None => fields.push((field, (*value).to_owned())),
            }
        }
        let members: Vec<String> = fields.iter().map(|(k, v)| format!("\"{k}\": {v}")).collect();
        fs::write(self.at().join(name), format!("{{{}}}", members.join(", "))).expect("writable");
    }
}

/// Ways in which a file is not what it should be, by name. `None`: it can't be made here.
fn bad_files(at: &Path) -> Vec<(&'static str, PathBuf)> {
    let made = |name: &str, make: &dyn Fn(&Path)| {
        let path = at.join(name);
        make(&path);
        path
    };
    let pipe = |p: &Path| assert!(Command::new("mkfifo").arg(p).status().expect("coreutils").success());
    vec![
        ("1 GiB", made("huge", &|p| File::create(p).and_then(|f| f.set_len(GIB)).expect("sparse"))),
        ("255 MiB of nothing", made("large", &|p| File::create(p).and_then(|f| f.set_len(255 << 20)).expect("sparse"))),
        ("no UTF-8", made("bytes", &|p| fs::write(p, b"{\"pods\xff\": 1}").expect("writable"))),
        ("deep", made("deep", &|p| fs::write(p, "[{\"a\":".repeat(200_000)).expect("writable"))),
        ("empty", made("empty", &|p| fs::write(p, "").expect("writable"))),
        ("a folder", made("folder", &|p| fs::create_dir(p).expect("writable"))),
        ("a pipe", made("pipe", &pipe)),
        ("without end", made("zero", &|p| symlink("/dev/zero", p).expect("a link"))),
        ("a link to itself", made("loop", &|p| symlink("loop", p).expect("a link"))),
        ("missing", at.join("missing")),
    ]
}

#[test]
fn numbers_beyond_any_use_are_refused_at_once() {
    let stage = Stage::new();
    let sweep = |option: &str, value: &str, words: &str| {
        refused(stage.at(), 2, &["--root", "r", "--mixes", "good.json", option, value, "flowsim"], words);
    };
    for flows in ["1000000000000", "33554433", "0", "NaN", "1e6", "99999999999999999999999"] {
        sweep("--nr-flows", flows, "--nr-flows");
    }
    sweep("--nr-flows", "-1", "'-1'");
    sweep("--jobs", "1000000000", "--jobs");
    sweep("--seed", "18446744073709551616", "--seed");
    for time in ["NaN", "inf", "1e99h", "0"] {
        sweep("--timeout", time, "--timeout");
    }
    sweep("--timeout", "-1s", "'-1'");
    let space = file("spec/eval_train.mixspace.json").display().to_string();
    let draw = |count: &str, words: &str| {
        refused(stage.at(), 2, &["expand", "--mixspace", &space, "--count", count, "--out", "-"], words)
    };
    draw("1000000000000", "at most 1048576 mixes");
    draw("-5", "'-5'");
    assert!(!stage.at().join("r").exists(), "nothing was begun");
}

#[test]
fn numbers_in_specs_that_no_network_has_are_refused_with_their_place() {
    let stage = Stage::new();
    for (field, value, words) in [
        ("id", "18446744073709551616", "$.id"),
        ("id", "-1", "$.id"),
        ("id", "\"../../../tmp/x\"", "$.id"),
        ("max_load", "NaN", "JSON"),
        ("max_load", "1e999", "$.max_load"),
        ("max_load", "-0.5", "$.max_load"),
        ("lognorm_sigma", "1e308", "$.lognorm_sigma"),
        ("bfsz", "1e300", "$.bfsz"),
        ("window", "1e300", "$.window"),
        ("max_inflight_flows", "4294967296", "$.max_inflight_flows"),
    ] {
        stage.mix("m.json", &[(field, value)]);
        refused(stage.at(), 3, &["--root", "r", "--mixes", "m.json", "flowsim"], words);
    }
    let cluster = |hosts: &str, pods: &str| {
        format!(
            r#"{{"pods": {pods}, "fabs_per_pod": 1, "spines_per_plane": 1, "racks_per_pod": 4, "hosts_per_rack": {hosts}, "host_rate": "10Gbps"}}"#
        )
    };
    for (hosts, pods, words) in [
        ("1000000000", "2", "from 1 to 1,048,576"),
        ("1048576", "1048576", "at most 1,048,576 nodes"),
        ("-1", "2", "hosts_per_rack"),
        ("1e300", "2", "hosts_per_rack"),
    ] {
        fs::write(stage.at().join("c.json"), cluster(hosts, pods)).expect("writable");
        stage.mix("m.json", &[("cluster", "\"c.json\"")]);
        refused(stage.at(), 3, &["--root", "r", "--mixes", "m.json", "flowsim"], words);
    }
    fs::write(stage.at().join("s.txt"), "10 50\n1e300 100\n").expect("writable");
    stage.mix("m.json", &[("size_dist", "\"s.txt\"")]);
    refused(
        stage.at(),
        3,
        &["--root", "r", "--mixes", "m.json", "flowsim"],
        "s.txt:2:1: expected a size from 0 to 2^50",
    );
    assert!(!stage.at().join("r/mixlab.sqlite").exists(), "nothing was begun");
}

#[test]
fn arrays_and_objects_beyond_any_use_are_counted_and_not_kept() {
    let stage = Stage::new();
    for (text, words) in [
        (format!("[{}0]", "0,".repeat(6_000_000)), "expected at most 4194304 elements, found 6000001"),
        (format!("{{{}\"b\":0}}", "\"a\":0,".repeat(20_000)), "expected at most 16384 fields"),
        (format!("{{\"{}\":0}}", "k".repeat(5_000_000)), "expected names of fields of at most 256 bytes"),
        (format!("[{}", "[".repeat(10_000_000)), "JSON"),
    ] {
        fs::write(stage.at().join("m.json"), text).expect("writable");
        refused(stage.at(), 3, &["--root", "r", "--mixes", "m.json", "flowsim"], words);
    }
}

#[test]
fn a_spec_that_is_no_file_of_its_kind_is_an_error_with_its_name() {
    let stage = Stage::new();
    for (what, path) in bad_files(stage.at()) {
        let path = path.display().to_string();
        let name = path.rsplit('/').next().expect("a name");
        let said = refused(stage.at(), 3, &["--root", "r", "--mixes", &path, "flowsim"], name);
        assert!(said.starts_with("error: "), "{what}: {said}");
        refused(stage.at(), 3, &["expand", "--mixspace", &path, "--count", "1", "--out", "-"], name);
        for field in ["cluster", "spatial", "size_dist"] {
            stage.mix("m.json", &[(field, &serde_json::json!(path).to_string())]);
            refused(stage.at(), 3, &["--root", "r", "--mixes", "m.json", "flowsim"], name);
        }
    }
    assert!(!stage.at().join("r/mixlab.sqlite").exists(), "nothing was begun");
}

#[test]
fn settings_and_manifests_that_are_no_files_of_their_kind_stop_nothing_but_their_use() {
    let stage = Stage::new();
    fs::create_dir_all(stage.at().join("r")).expect("writable");
    fs::create_dir_all(stage.at().join("backends/x")).expect("writable");
    for (what, path) in bad_files(stage.at()) {
        let (settings, manifest) = (stage.at().join("r/mixlab.toml"), stage.at().join("backends/x/backend.toml"));
        symlink(&path, &settings).expect("a link");
        let fine = ["empty", "missing"].contains(&what);
        let args = ["--root", "r", "-q", "--mixes", "good.json", "--nr-flows", "10", "--dry-run", "flowsim"];
        refused(stage.at(), if fine { 0 } else { 3 }, &args, if fine { "" } else { "mixlab.toml" });
        fs::remove_file(&settings).expect("ours");
        // What is no plain file is no backend; what is one is read strictly.
        symlink(&path, &manifest).expect("a link");
        let plain = fs::metadata(&path).is_ok_and(|m| m.is_file());
        refused(stage.at(), if plain { 3 } else { 0 }, &args, if plain { "backend.toml" } else { "" });
        fs::remove_file(&manifest).expect("ours");
    }
}

#[test]
fn weights_logs_and_stores_that_are_no_files_of_their_kind_are_errors_with_their_name() {
    let stage = Stage::new();
    fs::create_dir(stage.at().join("w")).expect("writable");
    for (what, path) in bad_files(stage.at()) {
        for name in ["manifest.json", "gnn_layer_0.pt", "corrected.safetensors"] {
            let place = stage.at().join("w").join(name);
            symlink(&path, &place).expect("a link");
            let args = ["--root", "r", "--m4-weights", "w", "--mixes", "good.json", "--nr-flows", "10", "m4"];
            refused(stage.at(), 2, &args, "--m4-weights");
            fs::remove_file(&place).expect("ours");
        }
        let path = path.display().to_string();
        refused(stage.at(), 1, &["figures", "training", "--log", &path, "--out", "f"], "error: ");
        let root = stage.at().join("s");
        fs::create_dir(&root).expect("writable");
        if what != "missing" {
            symlink(&path, root.join("mixlab.sqlite")).expect("a link");
            refused(
                stage.at(),
                6,
                &["--root", "s", "--mixes", "good.json", "--nr-flows", "10", "flowsim"],
                "mixlab.sqlite",
            );
        }
        fs::remove_dir_all(&root).expect("ours");
    }
}

#[test]
fn a_store_that_claims_more_flows_than_it_has_is_damaged_and_costs_no_memory() {
    let stage = Stage::new();
    let sweep = |backend| ["--root", "r", "--mixes", "good.json", "--nr-flows", "10", backend];
    run_expecting(0, stage.at(), &sweep("flowsim"));
    run_expecting(0, stage.at(), &sweep("ideal"));
    let claim = async {
        let store = SqliteConnectOptions::new().filename(stage.at().join("r/mixlab.sqlite"));
        let mut store = store.connect().await.expect("an SQLite file");
        let changed = sqlx::query("UPDATE scenario SET flow_count = 1000000000000000000").execute(&mut store).await;
        assert_eq!(changed.expect("is written").rows_affected(), 1);
        store.close().await.expect("closes");
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(claim);
    let words = "10 rows where there should be 1000000000000000000";
    refused(stage.at(), 6, &["--root", "r", "check"], "can't be trusted");
    for command in [
        &["compare", "--baseline", "ideal"][..],
        &["report", "--out", "report.html"],
        &["export", "--format", "csv", "--out", "flows.csv"],
    ] {
        refused(stage.at(), 6, &[&["--root", "r"], command].concat(), words);
    }
    // Nor can a run be stored for it: it fails, is kept as failed, and nothing is repaired in silence.
    refused(stage.at(), 6, &sweep("m4"), "");
}

#[test]
fn imported_folders_are_read_within_limits_and_only_below_themselves() {
    let stage = Stage::new();
    let files =
        ["config.txt", "topology.txt", "flows.txt", "fct.txt", "meta.json", "elapsed.txt", "mix.json", "path_1.txt"];
    for (_, path) in bad_files(stage.at()).into_iter().filter(|(what, _)| *what != "missing") {
        for name in files {
            let folder = stage.at().join("import");
            fs::create_dir(&folder).expect("writable");
            for plain in ["config.txt", "topology.txt", "flows.txt", "fct.txt"] {
                fs::write(folder.join(plain), "CC_MODE 8\n").expect("writable");
            }
            let _ = fs::remove_file(folder.join(name));
            symlink(&path, folder.join(name)).expect("a link");
            let code = if name == "topology.txt" && !path.is_file() { 3 } else { 5 };
            refused(stage.at(), code, &["--root", "r", "import", "--name", "lab", "import"], "error: ");
            fs::remove_dir_all(&folder).expect("ours");
        }
    }
    // Few bytes that would be 520 MiB of spaces.
    let folder = stage.at().join("bomb");
    fs::create_dir(&folder).expect("writable");
    fs::write(folder.join("topology.txt"), "").expect("writable");
    let packed = File::create(folder.join("config.txt.gz")).expect("writable");
    let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
    let spaces = vec![b' '; 1 << 20];
    (0..520).for_each(|_| packed.write_all(&spaces).expect("writable"));
    packed.finish().expect("writable");
    refused(stage.at(), 5, &["--root", "r", "import", "--name", "lab", "bomb"], "more than 512 MiB of text");
}

#[test]
fn names_cannot_lead_out_of_the_root() {
    let stage = Stage::new();
    let long = "a".repeat(10_000);
    for name in ["../../x", "/etc/x", "a/b", "..", "", "a\nb", "A", &long] {
        refused(stage.at(), 2, &["--root", "r", "import", "--name", name, "."], "");
        refused(stage.at(), 2, &["--root", "r", "--mixes", "good.json", &format!("{name}/")], "");
    }
    run_expecting(0, stage.at(), &["--root", "r", "--mixes", "good.json", "--nr-flows", "50", "mlsys"]);
    for name in ["../x", "/etc/passwd", "slowdown-cdf/../../x"] {
        refused(stage.at(), 2, &["--root", "r", "figures", name, "--out", "f"], "figure");
    }
    assert!(!stage.at().join("x").exists() && !stage.at().join("f").exists());
}

#[test]
fn links_in_the_root_are_not_followed_by_writers() {
    let stage = Stage::new();
    let outside = tempdir().expect("a temporary directory");
    let root = stage.at().join("r");
    let linked = |name: &str, args: &[&str], code: i32| {
        fs::create_dir(&root).expect("writable");
        symlink(outside.path().join("target"), root.join(name)).expect("a link");
        let all = [&["--root", "r", "--mixes", "good.json", "--nr-flows", "20"], args].concat();
        refused(stage.at(), code, &all, "is a link");
        assert_eq!(fs::read_dir(outside.path()).expect("readable").count(), 1, "{name}: only what was there");
        assert_eq!(fs::read_dir(outside.path().join("target")).expect("readable").count(), 0, "{name}");
        fs::remove_dir_all(&root).expect("ours");
    };
    fs::create_dir(outside.path().join("target")).expect("writable");
    linked("0", &["expand"], 1);
    linked("work", &["flowsim"], 1);
    linked("mixlab.lock", &["flowsim"], 6);
    linked("mixlab.sqlite", &["flowsim"], 6);
    run_expecting(0, stage.at(), &["--root", "r", "--mixes", "good.json", "--nr-flows", "20", "flowsim"]);
    symlink(outside.path().join("target"), root.join("0")).expect("a link");
    refused(stage.at(), 1, &["--root", "r", "export", "--layout", "parsimon-eval"], "is a link");
    assert_eq!(fs::read_dir(outside.path().join("target")).expect("readable").count(), 0);
}

#[test]
fn a_link_in_place_of_an_output_is_replaced_and_what_it_leads_to_is_untouched() {
    let stage = Stage::new();
    run_expecting(0, stage.at(), &["--root", "r", "--mixes", "good.json", "--nr-flows", "50", "mlsys"]);
    let precious = stage.at().join("precious");
    fs::write(&precious, "mine").expect("writable");
    fs::create_dir(stage.at().join("f")).expect("writable");
    let outputs: [(&str, &[&str]); 4] = [
        ("f/slowdown-cdf.svg", &["figures", "slowdown-cdf", "--out", "f"]),
        ("all.csv", &["export", "--format", "csv", "--out", "all.csv"]),
        ("all.parquet", &["export", "--format", "parquet", "--out", "all.parquet"]),
        ("report.html", &["report", "--out", "report.html"]),
    ];
    for (place, args) in outputs {
        symlink(&precious, stage.at().join(place)).expect("a link");
        run_expecting(0, stage.at(), &[&["--root", "r"], args].concat());
        assert!(!stage.at().join(place).is_symlink(), "{place}");
        assert_eq!(fs::read_to_string(&precious).expect("readable"), "mine", "{place}");
    }
}

#[test]
fn names_that_are_no_text_work_like_others_but_for_the_stores() {
    let stage = Stage::new();
    let odd = |name: &[u8]| PathBuf::from(OsStr::from_bytes(name));
    fs::copy(stage.at().join("good.json"), stage.at().join(odd(b"m\xff.json"))).expect("writable");
    let run = |code: i32, args: &[&OsStr]| {
        let output = command(stage.at(), &[]).args(args).output().expect("it starts");
        assert_eq!(output.status.code(), Some(code), "{args:?} {}", String::from_utf8_lossy(&output.stderr));
    };
    let (root, mixes, out) = (odd(b"r\xfe"), odd(b"m\xff.json"), odd(b"\xff.csv"));
    let [flag_root, flag_mixes, flows, few, format, csv, to] =
        ["--root", "--mixes", "--nr-flows", "20", "--format", "csv", "--out"].map(OsStr::new);
    let plain = OsStr::new("r");
    run(0, &[flag_root, plain, flag_mixes, mixes.as_os_str(), flows, few, OsStr::new("mlsys")]);
    run(0, &[flag_root, plain, OsStr::new("export"), format, csv, to, out.as_os_str()]);
    run(0, &[flag_root, root.as_os_str(), flag_mixes, mixes.as_os_str(), flows, few, OsStr::new("expand")]);
    assert!(stage.at().join(&root).join("0/flows.txt").exists() && stage.at().join(&out).exists());
    // SQLite takes names in UTF-8 only.
    run(6, &[flag_root, root.as_os_str(), flag_mixes, mixes.as_os_str(), flows, few, OsStr::new("flowsim")]);
    run(3, &[flag_mixes, odd(b"no\xff").as_os_str(), OsStr::new("flowsim")]);
}

#[test]
fn names_with_line_breaks_and_terminal_commands_are_shown_not_obeyed() {
    let stage = Stage::new();
    let odd = "a\u{1b}[31m\u{1b}]0;owned\u{7}\nerror: all is well\u{202e}\u{9b}2J";
    let names = |said: &str| {
        assert!(!said.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']), "{said:?}");
        assert!(!said.lines().any(|l| l.starts_with("error: all is well")), "{said:?}");
    };
    names(&refused(stage.at(), 3, &["--root", "r", "--mixes", odd, "flowsim"], "\\u{1b}[31m"));
    fs::write(stage.at().join(odd), "{").expect("writable");
    names(&refused(stage.at(), 3, &["--root", "r", "--mixes", odd, "flowsim"], "\\u{1b}[31m"));
    fs::copy(file("spec/spatials/uniform-2x4.json"), stage.at().join(odd)).expect("writable");
    let quoted = serde_json::json!(odd).to_string();
    stage.mix("m.json", &[("spatial", &quoted), (&quoted[1..quoted.len() - 1], "1")]);
    let args = ["--root", "r", "--mixes", "m.json", "--nr-flows", "20"];
    for (code, what) in [(0, "mlsys"), (0, "status"), (7, "compare"), (0, "check")] {
        let (out, err) = run_expecting(code, stage.at(), &[&args[..], &[what]].concat());
        names(&out);
        names(&err);
    }
    stage.mix("m.json", &[("cc", &quoted)]);
    names(&refused(stage.at(), 3, &["--root", "r", "--mixes", "m.json", "flowsim"], "$.cc"));
}
