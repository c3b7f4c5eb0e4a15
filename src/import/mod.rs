//! Results that an outside simulator or testbed left behind, as a scenario plus the outcome of every flow.
//!
//! ```text
//! folder:  config*.txt  topology*.txt  flows*.txt  fct*.txt  [path_1.txt]  [elapsed.txt]  [mix.json]  [meta.json]
//!             │             │             │            │          │
//!             └─ transport ─┴─ Scenario ──┴────────────┼──────────┘ (without it: ECMP)
//!                                                      └─ one FlowOutcome per flow (no row = unfinished)
//! ```
//!
//! Formats are those of the RDMA ns-3 programs ([`mixlab_contract::files`]); each file may be compressed (`.gz`). Where the
//! config names a file, the file of that name (whatever its folder) is taken, else `topology.txt` and so on, else the only
//! file that begins so. Rows are checked against the flows; what is odd but readable is a warning, the rest an error.
//!
//! Left out: queue lengths, PFC logs and traces; records of parsimon-eval (`records.csv`), which lack start and FCT.

mod folder;
mod metadata;

pub use folder::{ImportError, scenario_dirs};

use folder::Folder;
use metadata::Metadata;
use mixlab_contract::files::{
    self, Config, FctFile, FctForm, FlowFile, StartRounding, match_outcomes, read_config, read_fct, read_flows,
    read_paths, read_topology,
};
use mixlab_contract::{
    Application, BitsPerSec, Bytes, FlowOutcome, Marking, Scenario, ScenarioParts, Topology, Transport, ideal_fct,
};
use std::path::{Path, PathBuf};

/// A finished run of something outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// Folder it comes from.
    pub dir: PathBuf,
    /// What was simulated.
    pub scenario: Scenario,
    /// Fate of each flow, in scenario order.
    pub outcomes: Vec<FlowOutcome>,
    /// Wall-clock seconds it took (`elapsed.txt`, or `run.wall_s` of `meta.json`).
    pub wall_s: Option<f64>,
    /// CPU seconds it took (`run.cpu_s` of `meta.json`).
    pub cpu_s: Option<f64>,
    /// The mix it was made from (`mix.json`), as written.
    pub mix_json: Option<String>,
    /// What a person should know about these files, as sentences without full stop.
    pub warnings: Vec<String>,
}

/// Reads one folder. Cost: O(text), plus routing of the flows.
///
/// # Errors
/// [`ImportError`] if a needed file is missing or ambiguous, can't be read, or contradicts itself or another file.
pub fn import_dir(dir: &Path) -> Result<Imported, ImportError> {
    let folder = Folder::open(dir)?;
    let mut warnings = Vec::new();
    let (file, text) = folder.read_needed("config", "")?;
    let mut config = read_config(&file, &text)?;
    warnings.append(&mut config.warnings);
    let metadata = Metadata::read(&folder, &mut warnings)?;
    config.transport.rng_run = metadata.rng_run.unwrap_or(1);
    let (file, text) = folder.read_needed("topology", &config.files.topology)?;
    let topology = read_topology(&file, &text)?;
    mark_link_rates(&mut config.transport, &topology, &mut warnings);
    let flows = folder.read_needed("flows", &config.files.flows)?;
    let (file, text) = folder.read_needed("fct", &config.files.fct)?;
    let fct = read_fct(&file, &text)?;
    let (scenario, outcomes) = match_flows(&folder, &config, &topology, &flows, &fct, &mut warnings)?;
    let scenario = give_paths(&folder, scenario, &mut warnings)?;
    judge(&scenario, &outcomes, &fct, &mut warnings);
    let Metadata { wall_s, cpu_s, mix_json, .. } = metadata;
    Ok(Imported { dir: dir.to_path_buf(), scenario, outcomes, wall_s, cpu_s, mix_json, warnings })
}

/// Reads every scenario folder at or below `dirs`, in the order of [`scenario_dirs`]: one result each, so that a caller can
/// store the good ones and name the bad ones.
///
/// # Errors
/// [`ImportError`] if a folder can't be listed or if there is no scenario folder below one of `dirs`.
pub fn import_dirs(
    dirs: &[PathBuf],
) -> Result<impl Iterator<Item = (PathBuf, Result<Imported, ImportError>)> + use<>, ImportError> {
    let folders = scenario_dirs(dirs)?;
    Ok(folders.into_iter().map(|dir| {
        let imported = import_dir(&dir);
        (dir, imported)
    }))
}

/// Keeps the thresholds of rates that links have, so that the same experiment has the same digest whatever else the maps of
/// its config list. For a rate they lack the program takes 0, and then marks whatever leaves a queue behind.
fn mark_link_rates(transport: &mut Transport, topology: &Topology, warnings: &mut Vec<String>) {
    let mut rates: Vec<BitsPerSec> = topology.links().iter().map(|l| l.rate).collect();
    rates.sort_unstable();
    rates.dedup();
    let mark = |rate: &BitsPerSec| {
        let marking = transport.marking_at(*rate).unwrap_or_else(|| {
            if transport.ecn {
                warnings.push(format!("the config has no ECN thresholds for links of {rate}: the program takes 0"));
            }
            Marking { k_min: Bytes(0), k_max: Bytes(0), p_max: 0.0 }
        });
        (*rate, marking)
    };
    transport.marking = rates.iter().map(mark).collect();
}

/// Builds the scenario and matches its flows with the rows. ns-3.17 rounds starts down where later versions round to the
/// nearest nanosecond; which of the two wrote the rows shows in them.
fn match_flows(
    folder: &Folder,
    config: &Config,
    topology: &Topology,
    (file, text): &(String, String),
    fct: &FctFile,
    warnings: &mut Vec<String>,
) -> Result<(Scenario, Vec<FlowOutcome>), ImportError> {
    let build = |rounding| -> Result<(Scenario, usize), ImportError> {
        let FlowFile { flows, unread_rows } = read_flows(file, text, rounding)?;
        let parts = ScenarioParts {
            topology: topology.clone(),
            flows,
            paths: None,
            transport: config.transport.clone(),
            application: config.application,
            horizon: config.horizon,
        };
        Ok((folder.scenario(parts)?, unread_rows))
    };
    let (scenario, unread_rows) = build(StartRounding::Nearest)?;
    if unread_rows > 0 {
        warnings.push(format!("{file}: {unread_rows} rows beyond the count on the first line are not read"));
    }
    let mismatch = match match_outcomes(fct, &scenario) {
        Ok(outcomes) => return Ok((scenario, outcomes)),
        Err(mismatch) => mismatch,
    };
    let (scenario, _) = build(StartRounding::Down)?;
    match match_outcomes(fct, &scenario) {
        Ok(outcomes) => {
            warnings.push(
                "starts in the result are rounded down to a nanosecond, as ns-3.17 does; so are the flows".into(),
            );
            Ok((scenario, outcomes))
        }
        Err(_) => Err(mismatch.into()),
    }
}

/// Replaces the data paths by those of the path file, if there is one. ACKs keep their ECMP paths.
fn give_paths(folder: &Folder, scenario: Scenario, warnings: &mut Vec<String>) -> Result<Scenario, ImportError> {
    let Some((file, text)) = folder.read_optional("path_1.txt")? else { return Ok(scenario) };
    let given = read_paths(&file, &text, scenario.topology(), scenario.flows())?;
    let other = scenario.indices().filter(|i| given.get(i.index()) != scenario.path(*i)).count();
    if other == 0 {
        return Ok(scenario);
    }
    warnings.push(format!("{file}: {other} paths are not those of ECMP routing; they are taken as given"));
    let mut parts = scenario.into_parts();
    parts.paths = parts.paths.map(|(_, acks)| (given, acks));
    folder.scenario(parts)
}

/// Warns about rows that are readable but odd.
fn judge(scenario: &Scenario, outcomes: &[FlowOutcome], fct: &FctFile, warnings: &mut Vec<String>) {
    if fct.form == FctForm::WithoutIds {
        warnings.push(format!("{}: no flow ids; such programs take the FCT at the sender's last ACK", fct.file));
    }
    let unfinished = outcomes.iter().filter(|o| o.fct().is_none()).count();
    if unfinished > 0 {
        warnings.push(format!("{}: {unfinished} of {} flows have no row: unfinished", fct.file, outcomes.len()));
        if scenario.application() != Application::Open {
            warnings.push("when they were released is not known".into());
        }
    }
    let ideals: Vec<_> = scenario.indices().map(|i| ideal_fct(scenario, i)).collect();
    let faster = outcomes.iter().zip(&ideals).filter(|(o, ideal)| o.fct().is_some_and(|fct| fct < **ideal)).count();
    if faster > 0 {
        warnings.push(format!("{}: {faster} flows are faster than their ideal FCT", fct.file));
    }
    let mut by_ends: Vec<_> = fct.rows.iter().map(|r| (r.src, r.dst, r.size, r.ideal)).collect();
    let ours: std::collections::HashSet<_> =
        scenario.flows().iter().zip(&ideals).map(|(f, ideal)| (f.src, f.dst, f.size, *ideal)).collect();
    by_ends.retain(|row| !ours.contains(row));
    if !by_ends.is_empty() {
        let count = by_ends.len();
        warnings.push(format!("{}: {count} rows have another ideal FCT than ours, which counts", fct.file));
    }
}

impl From<files::FileError> for ImportError {
    fn from(error: files::FileError) -> Self {
        Self::Content(error)
    }
}
