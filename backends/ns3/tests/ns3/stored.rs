//! Stored runs of the original ns-3 programs, as scenarios with the start and FCT of every finished flow.
//!
//! They are found through `MIXLAB_SHARED`, or in the folder `shared` beside the workspace; without them there is nothing to
//! compare with, which callers must say.

use flate2::read::GzDecoder;
use mixlab_contract::files::{StartRounding, read_config, read_flows, read_topology};
use mixlab_contract::{FlowOutcome, RunOutput, Scenario, ScenarioParts};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Folders that hold one folder per run.
const FOLDER_SETS: [&str; 7] =
    ["micro", "train32", "train32_hp", "train32_pfc0", "train32_dcqcn_seeds", "closed", "test1024"];

/// One stored run: where its files are.
pub struct Stored {
    pub set: &'static str,
    pub name: String,
    config: PathBuf,
    fct: PathBuf,
    /// Columns of id, start and FCT in the FCT file.
    columns: [usize; 3],
    /// Folders that may hold the files the config names.
    folders: Vec<PathBuf>,
}

/// A stored run, read.
pub struct Case {
    pub scenario: Scenario,
    /// Start and FCT in ns by flow id, of finished flows only.
    pub expected: BTreeMap<u64, (u64, u64)>,
    /// `meta.json`, if there is one.
    pub meta: String,
}

/// The folder of stored runs, or `None` and a visible line.
pub fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let root = std::env::var_os("MIXLAB_SHARED").map_or_else(beside, PathBuf::from).join("truth");
    if root.is_dir() {
        return Some(root);
    }
    eprintln!("skipped: no stored ns-3 runs in {} (set MIXLAB_SHARED)", root.display());
    None
}

/// All stored runs, by set and name.
pub fn all(root: &Path) -> Vec<Stored> {
    let mut found = Vec::new();
    for set in FOLDER_SETS {
        for dir in list(&root.join(set)) {
            if dir.join("config.txt").is_file() {
                let (config, fct) = (dir.join("config.txt"), dir.join("fct.txt"));
                found.push(Stored { set, name: stem(&dir), config, fct, columns: [0, 6, 7], folders: vec![dir] });
            }
        }
    }
    let golden = root.join("golden");
    for config in list(&golden.join("local39")).into_iter().filter(|p| p.extension().is_some_and(|e| e == "cfg")) {
        let (name, folders) = (stem(&config), vec![golden.join("upstream"), golden.join("local39")]);
        let fct = golden.join("local39").join(format!("{name}.fct"));
        found.push(Stored { set: "golden", name, config, fct, columns: [0, 2, 3], folders });
    }
    found
}

impl Stored {
    /// Reads it.
    pub fn open(&self) -> Case {
        let text = text(&self.config).unwrap_or_else(|| panic!("{} is there", self.config.display()));
        let mut config = read_config("config", &text).expect("stored configs are valid");
        let meta = fs::read_to_string(self.folders[0].join("meta.json")).unwrap_or_default();
        config.transport.rng_run = integer(&meta, "rng_run").unwrap_or(1);
        let topology = read_topology("topology", &self.named(&config.files.topology)).expect("stored files are valid");
        let flows = read_flows("flows", &self.named(&config.files.flows), StartRounding::Nearest);
        let parts = ScenarioParts {
            topology,
            flows: flows.expect("stored files are valid").flows,
            paths: None,
            transport: config.transport,
            application: config.application,
            horizon: config.horizon,
        };
        let scenario = Scenario::new(parts).expect("stored runs are valid scenarios");
        let rows = self::text(&self.fct).unwrap_or_else(|| panic!("{} is there", self.fct.display()));
        let expected = rows.lines().map(|row| {
            let words: Vec<&str> = row.split_whitespace().collect();
            let [id, start, fct] = self.columns.map(|c| words[c].parse::<u64>().expect("a number"));
            (id, (start, fct))
        });
        Case { expected: expected.collect(), scenario, meta }
    }

    /// A file the config names, under its own name or the one it is stored under.
    fn named(&self, name: &str) -> String {
        let file = Path::new(name).file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let stored = file.replace("A40.txt", "A40_topology.txt");
        let found = self.folders.iter().find_map(|f| text(&f.join(&stored)));
        found.unwrap_or_else(|| panic!("{name} is stored for {}/{}", self.set, self.name))
    }
}

impl Case {
    /// Flows whose fate equals the stored one: same start and FCT, or unfinished in both.
    pub fn equal(&self, output: &RunOutput) -> usize {
        let flows = self.scenario.flows().iter().zip(&output.outcomes);
        let same = flows.filter(|(flow, outcome)| {
            let ours = match outcome {
                FlowOutcome::Completed { start, fct } => Some((start.ns_floor(), fct.ns_floor())),
                FlowOutcome::Unfinished { .. } => None,
            };
            ours == self.expected.get(&flow.id).copied()
        });
        same.count()
    }

    /// A counter of the stored run.
    pub fn counter(&self, key: &str) -> Option<u64> {
        integer(&self.meta, key)
    }
}

fn integer(json: &str, key: &str) -> Option<u64> {
    let after = json.split_once(&format!("\"{key}\":"))?.1.trim_start();
    after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The text of a file, or of its gzipped form.
fn text(path: &Path) -> Option<String> {
    if let Ok(text) = fs::read_to_string(path) {
        return Some(text);
    }
    let mut zipped = path.as_os_str().to_owned();
    zipped.push(".gz");
    let mut text = String::new();
    GzDecoder::new(fs::File::open(zipped).ok()?).read_to_string(&mut text).ok()?;
    Some(text)
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.sort();
    paths
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
}
