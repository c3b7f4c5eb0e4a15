//! The stored runs as cases: a scenario and what ns-3 made of it.

use super::files::{self, json_integer, read, results, untar, unzip};
use mixlab_contract::files::{StartRounding, read_config, read_flows, read_topology};
use mixlab_contract::{Scenario, ScenarioParts, Transport};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One stored run.
pub struct Case {
    /// Folder of the set, such as `train32`.
    pub set: String,
    pub name: String,
    pub scenario: Scenario,
    /// Start and FCT in ns of every finished flow, by id.
    pub expected: BTreeMap<u64, (u64, u64)>,
    /// PFC log, if stored.
    pub pfc: Option<PathBuf>,
    /// Packet trace, if stored.
    pub trace: Option<PathBuf>,
    /// Counters, if stored.
    pub meta: Option<String>,
}

impl Case {
    /// A counter of the stored run.
    pub fn counter(&self, key: &str) -> Option<u64> {
        json_integer(self.meta.as_deref()?, key)
    }
}

/// Where a stored run is; reading it is left until it is wanted.
pub struct Source {
    pub set: String,
    pub name: String,
    open: Box<dyn Fn() -> Case>,
}

impl Source {
    pub fn open(&self) -> Case {
        (self.open)()
    }
}

/// Sets with one folder per run.
const FOLDER_SETS: [&str; 7] =
    ["micro", "train32", "train32_hp", "train32_pfc0", "train32_dcqcn_seeds", "closed", "test1024"];

/// All stored runs.
pub fn all(truth: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    for set in FOLDER_SETS {
        let mut folders: Vec<PathBuf> =
            list(&truth.join(set)).into_iter().filter(|p| p.join("config.txt").is_file()).collect();
        folders.sort();
        sources.extend(folders.into_iter().map(|folder| Source {
            set: set.into(),
            name: file_name(&folder),
            open: Box::new(move || folder_case(set, &folder)),
        }));
    }
    sources.extend(golden(&truth.join("golden")));
    sources
}

fn list(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).map_or_else(|_| Vec::new(), |d| d.flatten().map(|e| e.path()).collect())
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

fn scenario(config: &str, topology: &str, flows: &str, rng_run: u64) -> Scenario {
    let config = read_config("config", config).unwrap_or_else(|e| panic!("{e}"));
    let parts = ScenarioParts {
        topology: read_topology("topology", topology).unwrap_or_else(|e| panic!("{e}")),
        flows: read_flows("flows", flows, StartRounding::Nearest).unwrap_or_else(|e| panic!("{e}")).flows,
        paths: None,
        transport: Transport { rng_run, ..config.transport },
        application: config.application,
        horizon: config.horizon,
    };
    Scenario::new(parts).expect("a valid scenario")
}

fn folder_case(set: &str, folder: &Path) -> Case {
    let text = |name: &str| read(&folder.join(name));
    let meta = text("meta.json");
    let rng_run = json_integer(&meta, "rng_run").unwrap_or(1);
    let existing = |name: &str| Some(folder.join(name)).filter(|p| p.is_file());
    Case {
        set: set.into(),
        name: file_name(folder),
        scenario: scenario(&text("config.txt"), &text("topology.txt"), &text("flows.txt"), rng_run),
        expected: results(&text("fct.txt"), [0, 6, 7]),
        pfc: existing("pfc.txt.gz"),
        trace: existing("trace.log.gz"),
        meta: Some(meta),
    }
}

fn golden(root: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut add = |set: &str, name: &str, open: Box<dyn Fn() -> Case>| {
        sources.push(Source { set: format!("golden/{set}"), name: name.into(), open });
    };
    for name in ["A", "B"] {
        let folder = root.join("upstream");
        if folder.join(format!("{name}_fct.txt.gz")).is_file() {
            add("upstream", name, Box::new(move || upstream_case(&folder, name)));
        }
    }
    let mut configs: Vec<PathBuf> =
        list(&root.join("local39")).into_iter().filter(|p| p.extension().is_some_and(|e| e == "cfg")).collect();
    configs.sort();
    for config in configs {
        let name = config.file_stem().expect("a name").to_string_lossy().into_owned();
        let (root, n) = (root.to_owned(), name.clone());
        add("local39", &name, Box::new(move || local_case(&root, &n)));
    }
    let micro = root.join("micro");
    if micro.join("expected.txt").is_file() {
        for line in read(&micro.join("expected.txt")).lines().filter(|l| !l.starts_with("ideal")) {
            let (name, line) = (line.split_whitespace().next().expect("a name").to_owned(), line.to_owned());
            let micro = micro.clone();
            add("micro", &name, Box::new(move || micro_case(&micro, &line)));
        }
    }
    sources
}

fn upstream_case(folder: &Path, name: &str) -> Case {
    let text = |what: &str| read(&folder.join(format!("{name}_{what}.txt.gz")));
    Case {
        set: "golden/upstream".into(),
        name: name.into(),
        scenario: scenario(&text("config_test"), &text("topology_test"), &text("flows_test"), 1),
        expected: results(&text("fct"), [0, 6, 7]),
        pfc: Some(folder.join(format!("{name}_pfc.txt.gz"))),
        trace: None,
        meta: None,
    }
}

fn local_case(root: &Path, name: &str) -> Case {
    let here = root.join("local39");
    let upstream = |what: &str| read(&root.join("upstream").join(what));
    let letter = &name[..1];
    let topology = match name.starts_with("A40") {
        true => read(&here.join("A40_topology.txt.gz")),
        false => upstream(&format!("{letter}_topology_test.txt.gz")),
    };
    let flows = match name {
        "Acl" => read(&here.join("cl_flows.txt.gz")),
        _ => upstream(&format!("{letter}_flows_test.txt.gz")),
    };
    Case {
        set: "golden/local39".into(),
        name: name.into(),
        scenario: scenario(&read(&here.join(format!("{name}.cfg"))), &topology, &flows, 1),
        expected: results(&read(&here.join(format!("{name}.fct.gz"))), [0, 2, 3]),
        pfc: None,
        trace: None,
        meta: None,
    }
}

/// `line`: name, FCTs by flow id in brackets, and more.
fn micro_case(folder: &Path, line: &str) -> Case {
    let (name, rest) = line.split_once(' ').expect("a name");
    let list = rest.trim_start_matches('[').split(']').next().expect("a list");
    let fcts: Vec<u64> = list.split(", ").map(|w| w.parse().expect("ns")).collect();
    let configs = untar(&unzip(&std::fs::read(folder.join("cfg.tgz")).expect("configurations")));
    let kind = name.split('_').next().expect("a topology");
    let text = |suffix: &str| files::read(&folder.join(format!("{kind}{suffix}.txt")));
    let scenario = scenario(&configs[&format!("{name}.cfg")], &text(""), &text("f"), 1);
    let expected = scenario.flows().iter().zip(fcts).map(|(f, fct)| (f.id, (f.start.ns_floor(), fct))).collect();
    Case { set: "golden/micro".into(), name: name.into(), scenario, expected, pfc: None, trace: None, meta: None }
}
