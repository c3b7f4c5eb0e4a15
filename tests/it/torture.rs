//! Kill torture: SIGKILL at random moments of sweeps (in-process backends and an outside program), figures, exports and
//! migrations. Whatever the moment: the store passes `check`, the lock blocks nobody, no outside program lives on, a file is
//! whole or not there, and the resumed sweep ends with the results of an undisturbed one.
//!
//! CI kills 60 times. `MIXLAB_TORTURE_KILLS=1000 MIXLAB_TORTURE_SEED=7 cargo nextest run torture --no-capture` kills as often as one
//! likes and says what it did; records are kept under `results/runs`.

use crate::program::{command, digest, file, run, run_expecting};
use mixlab_contract::conformance::SplitMix;
use sqlx::{Connection, SqliteConnection, raw_sql};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

const FLOWS: &str = "120";

/// Plays the program of an ns-3 tree: every flow takes 0.9 s, the run 40 ms.
const STAND_IN: &str = r#"#!/bin/sh
flows=$(sed -n 's/^FLOW_FILE //p' "$1"); fct=$(sed -n 's/^FCT_OUTPUT_FILE //p' "$1")
sleep 0.04
awk 'NR > 1 {
  port = 10000 + seen[$2, $3]++
  split($2 " " $3, node, " ")
  for (i = 1; i <= 2; i++) ip[i] = 184549377 + int(node[i] / 256) * 65536 + (node[i] % 256) * 256
  printf "%d %08x %08x %d 100 %d %.0f 900000000 1\n", $1, ip[1], ip[2], port, $6, $7 * 1e9
}' "$flows" > "$fct"
"#;

/// One place of torture: a folder with the stand-in tree and any number of roots.
struct Place {
    dir: tempfile::TempDir,
    random: SplitMix,
    kills: BTreeMap<&'static str, usize>,
}

impl Place {
    fn new(seed: u64) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let scratch = dir.path().join("tree/build/scratch");
        std::fs::create_dir_all(&scratch).expect("writable");
        let program = scratch.join("ns3.39-third-optimized");
        std::fs::write(&program, STAND_IN).expect("writable");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("ours");
        Self { dir, random: SplitMix(seed), kills: BTreeMap::new() }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn total(&self) -> usize {
        self.kills.values().sum()
    }

    /// Starts `mixlab args` and kills it at a random moment of its first `longest`; whether it was still at work.
    fn kill(&mut self, what: &'static str, args: &[&str], longest: Duration) -> bool {
        let mut child =
            command(self.path(), args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
        std::thread::sleep(Duration::from_micros(self.random.below(longest.as_micros() as u64 + 1)));
        let at_work = child.try_wait().expect("our child").is_none();
        child.kill().expect("our child");
        child.wait().expect("our child");
        if at_work {
            *self.kills.entry(what).or_default() += 1;
        }
        no_orphans(self.path());
        at_work
    }

    /// The store under `root` is sound, if there is one yet.
    fn sound(&self, root: &str) {
        let output = run(self.path(), &["--root", root, "-q", "check"]);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        // 7: killed before there was a store; a store may also still be what it was before its migration.
        let older = output.status.code() == Some(6) && text.contains("has format version 1, expected 2");
        assert!(older || matches!(output.status.code(), Some(0 | 7)), "{text}");
    }
}

/// How long a command takes undisturbed.
fn timed(cwd: &Path, args: &[&str]) -> Duration {
    let begin = Instant::now();
    run_expecting(0, cwd, args);
    begin.elapsed()
}

/// No process (other than the dying) has the folder in its command line a second after its runner is gone.
fn no_orphans(dir: &Path) {
    let dir = dir.display().to_string();
    let alive = || {
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let lines = processes.filter_map(|p| std::fs::read(p.path().join("cmdline")).ok());
        lines.map(|l| String::from_utf8_lossy(&l).replace('\0', " ")).find(|l| l.contains(&dir))
    };
    let begin = Instant::now();
    while let Some(orphan) = alive() {
        assert!(begin.elapsed() < Duration::from_secs(5), "an orphan: {orphan}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Files in `folder` under their own names, each with its content; half-written ones have names that begin with a dot.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let shown = entries.filter(|e| !e.file_name().to_string_lossy().starts_with('.'));
    shown.map(|e| (e.path(), std::fs::read(e.path()).expect("readable"))).collect()
}

/// Names of half-written files in `folder`.
fn hidden(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|e| e.file_name().to_string_lossy().into_owned()).filter(|n| n.ends_with(".partial")).collect()
}

/// A picture or table is complete: it has its last bytes.
fn whole(path: &Path, content: &[u8]) -> bool {
    match path.extension().and_then(|e| e.to_str()) {
        Some("svg") => content.trim_ascii_end().ends_with(b"</svg>"),
        Some("png") => content.ends_with(b"IEND\xae\x42\x60\x82"),
        Some("pdf") => content.trim_ascii_end().ends_with(b"%%EOF"),
        Some("csv" | "txt") => content.ends_with(b"\n"),
        other => panic!("{other:?} is no kind of figure file"),
    }
}

fn sweep<'a>(root: &'a str, mixes: &'a str, out: &'a str) -> Vec<&'a str> {
    vec!["--root", root, "--mixes", mixes, "--nr-flows", FLOWS, "-j", "2", "all", "--out", out]
}

fn outside<'a>(root: &'a str, mixes: &'a str) -> Vec<&'a str> {
    let tree = ["--ns3-flavor", "hpcc", "--ns3-dir", "tree", "ns3"];
    [&["--root", root, "--mixes", mixes, "--nr-flows", FLOWS, "-j", "2"], &tree[..]].concat()
}

#[test]
fn nothing_is_lost_repeated_or_left_half_whatever_the_moment_of_the_kill() {
    let number = |name: &str, default: u64| {
        std::env::var(name)
            .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
    };
    let (kills, seed) = (number("MIXLAB_TORTURE_KILLS", 60), number("MIXLAB_TORTURE_SEED", 1));
    let mut place = Place::new(seed);
    let mixes = file("spec/demo.mix.json").display().to_string();
    let dir = place.path().to_owned();
    let sweeping = timed(&dir, &sweep("whole", &mixes, "figures-whole"));
    let driving = timed(&dir, &outside("whole", &mixes));
    let expected = digest(&dir, "whole");
    let export = ["--root", "whole", "-q", "export", "--format", "csv", "--out", "flows.csv"];
    let exporting = timed(&dir, &export);
    let exported = std::fs::read(dir.join("flows.csv")).expect("just written");
    let draw = ["--root", "whole", "-q", "figures", "--out", "drawn"];
    let drawing = timed(&dir, &draw);
    let drawn = files(&dir.join("drawn"));
    let mut rounds = 0;
    while place.total() < kills as usize {
        rounds += 1;
        let root = format!("killed-{rounds}");
        let figures = format!("figures-{rounds}");
        if place.random.below(3) == 0 {
            older_store(&dir, &root);
            place.kill("migration", &sweep(&root, &mixes, &figures), Duration::from_millis(15));
            place.sound(&root);
        }
        while place.kill("sweep", &sweep(&root, &mixes, &figures), sweeping) {
            place.sound(&root);
        }
        while place.kill("outside program", &outside(&root, &mixes), driving) {
            place.sound(&root);
        }
        run_expecting(0, &dir, &sweep(&root, &mixes, &figures));
        run_expecting(0, &dir, &outside(&root, &mixes));
        assert_eq!(digest(&dir, &root), expected, "round {rounds} of seed {seed}");
        for (path, content) in files(&dir.join(&figures)) {
            assert!(whole(&path, &content), "{} is not whole", path.display());
        }
        place.kill("export", &export, exporting);
        assert!(std::fs::read(dir.join("flows.csv")).expect("there before") == exported, "half an export");
        place.kill("figures", &draw, drawing);
        assert!(files(&dir.join("drawn")) == drawn, "half a figure");
        run_expecting(0, &dir, &export);
        run_expecting(0, &dir, &draw);
        for folder in [&dir, &dir.join("drawn")] {
            assert!(hidden(folder).is_empty(), "left behind: {:?}", hidden(folder));
        }
        for left in [&root, &figures] {
            std::fs::remove_dir_all(dir.join(left)).expect("ours");
        }
    }
    // Straight to stderr: the test harness would swallow `eprintln!` of a test that passes.
    let _ = writeln!(
        std::io::stderr(),
        "torture: seed {seed}, {} kills in {rounds} rounds {:?}: digest {expected} every time",
        place.total(),
        place.kills
    );
}

/// A store as version 1 of the format left it.
pub fn older_store(dir: &Path, root: &str) {
    std::fs::create_dir_all(dir.join(root)).expect("writable");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let url = format!("sqlite://{}?mode=rwc", dir.join(root).join("mixlab.sqlite").display());
        let mut connection = SqliteConnection::connect(&url).await.expect("a new file");
        raw_sql(include_str!("../../src/store/schema.sql")).execute(&mut connection).await.expect("version 1");
        let stamp = "PRAGMA application_id = 0x6d69786c; PRAGMA user_version = 1";
        raw_sql(stamp).execute(&mut connection).await.expect("pragmas");
        connection.close().await.expect("closes");
    });
}
