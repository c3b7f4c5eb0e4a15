//! `import`: results of outside simulators or testbeds, as scenarios with a finished run of a backend of that name.

use super::args::{Common, ImportArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::plain::plain;
use super::sweep::provenance;
use super::{remark, say, warn};
use crate::backends;
use crate::dataset::Attributes;
use crate::external::{LONGEST_NAME, is_name};
use crate::import::{Imported, import_dirs};
use crate::store::{MixEntry, Reader, RunMeta, RunStatus, Selection, StoreError, Writer};
use crate::workload::delivered_load;
use mixlab_contract::{Application, Counters, FlowOutcome, Scenario};
use std::collections::BTreeMap;

/// How imported scenarios are filed.
const WORKLOAD: &str = "import";

/// Reads every scenario folder at or below the given ones; good ones are stored, bad ones are named.
pub async fn run(common: &Common, args: &ImportArgs) -> Result<Exit, Failure> {
    check_name(common, &args.name)?;
    let folders = import_dirs(&args.dirs).map_err(|e| Failure::new(Exit::BadSpec, e.to_string()))?;
    let mut writer = Writer::open(&common.root).await?;
    let mut ids = Ids::of(&Reader::open(&common.root).await?).await?;
    let (mut stored, mut bad) = (0, 0);
    for (dir, imported) in folders {
        let imported = match imported {
            Ok(imported) => imported,
            Err(e) => {
                say(&format!("error: {}", plain(&e.to_string())));
                bad += 1;
                continue;
            }
        };
        let warnings: Vec<String> = imported.warnings.iter().map(|w| format!("{}: {w}", dir.display())).collect();
        warn(common, &warnings);
        store(&mut writer, &mut ids, &args.name, imported).await?;
        stored += 1;
    }
    writer.close().await?;
    remark(
        common,
        &format!("{stored} runs of {} stored under {}, {bad} folders refused", args.name, common.root.display()),
    );
    Ok(if bad > 0 { Exit::RunsFailed } else { Exit::Ok })
}

fn check_name(common: &Common, name: &str) -> Result<(), Failure> {
    if !is_name(name) {
        let shown: String = name.chars().take(LONGEST_NAME).collect();
        let text =
            format!("`{shown}` can't name a backend: use lower-case letters, digits and `-`, at most {LONGEST_NAME}");
        return Err(Failure::new(Exit::Usage, text));
    }
    if backends::registry(&common.backends())?.iter().any(|b| b.id() == name) {
        let text = format!("`{name}` is a backend of mixlab itself; give outside results another name");
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(())
}

async fn store(writer: &mut Writer, ids: &mut Ids, name: &str, imported: Imported) -> Result<(), StoreError> {
    let folder = std::fs::canonicalize(&imported.dir).unwrap_or_else(|_| imported.dir.clone());
    let source = folder.display().to_string();
    let scenario = &imported.scenario;
    let entry = MixEntry {
        mix_id: ids.id(&source),
        spec_file: source,
        mix_json: imported.mix_json.clone().unwrap_or_default(),
        seed: 0,
        nr_flows: scenario.flows().len() as u64,
        workload: WORKLOAD.into(),
        enable_app: scenario.application() != Application::Open,
        attributes: attributes(scenario, imported.mix_json.as_deref()),
    };
    let id = writer.put_scenario(&entry, scenario).await?;
    let fingerprint = fingerprint(&imported.outcomes);
    if writer.run_status(&scenario.digest(), name, &fingerprint).await? == Some(RunStatus::Ok) {
        return Ok(()); // imported before
    }
    let ns = |seconds: Option<f64>| (seconds.unwrap_or_default() * 1e9) as u64;
    let meta = RunMeta {
        backend: name.into(),
        fingerprint,
        status: RunStatus::Ok,
        started_at_unix_ms: 0,
        wall_ns: ns(imported.wall_s),
        cpu_ns: ns(imported.cpu_s.or(imported.wall_s)),
        peak_rss_bytes: 0,
        timed_alone: false,
        phases: Vec::new(),
        counters: Counters::default(),
        provenance: provenance(),
        error: None,
        log_tail: None,
        work_dir: None,
    };
    writer.put_run(id, &meta, &imported.outcomes).await
}

/// Mix ids of imported folders: the one a folder had before, else the next free one.
struct Ids {
    known: BTreeMap<String, u64>,
    next: u64,
}

impl Ids {
    async fn of(reader: &Reader) -> Result<Self, StoreError> {
        let entries = reader.entries(&Selection::default()).await?;
        let next = entries.iter().map(|(e, _)| e.mix_id + 1).max().unwrap_or(0);
        let imports = entries.into_iter().filter(|(e, _)| e.workload == WORKLOAD);
        Ok(Self { known: imports.map(|(e, _)| (e.spec_file, e.mix_id)).collect(), next })
    }

    fn id(&mut self, source: &str) -> u64 {
        *self.known.entry(source.to_owned()).or_insert_with(|| {
            self.next += 1;
            self.next - 1
        })
    }
}

/// What the results are, so that importing the same files twice stores them once.
fn fingerprint(outcomes: &[FlowOutcome]) -> String {
    use sha2::{Digest, Sha256};
    let mut digest = Sha256::new();
    for outcome in outcomes {
        let (start, fct) = match outcome {
            FlowOutcome::Completed { start, fct } => (start.ps(), fct.ps()),
            FlowOutcome::Unfinished { start } => (start.map_or(u64::MAX, |s| s.ps()), u64::MAX),
        };
        digest.update(start.to_le_bytes());
        digest.update(fct.to_le_bytes());
    }
    format!("import-{}", &mixlab_contract::scenario::hex(&digest.finalize())[..16])
}

/// What the scenario says, and what its `mix.json` adds if there is one.
fn attributes(scenario: &Scenario, mix_json: Option<&str>) -> Attributes {
    let mix: serde_json::Value = mix_json.and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default();
    let stem = |field: &str| {
        let path = std::path::Path::new(mix[field].as_str().unwrap_or_default());
        path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    };
    let transport = scenario.transport();
    Attributes {
        cc: transport.congestion_control.name().into(),
        spatial: stem("spatial"),
        size_dist: stem("size_dist"),
        cluster: stem("cluster"),
        lognorm_sigma: mix["lognorm_sigma"].as_f64().unwrap_or_default(),
        max_load: mix["max_load"].as_f64().unwrap_or_default(),
        delivered_load: delivered_load(scenario),
        buffer_bytes: transport.buffer.0,
        window_bytes: transport.window.map_or(0, |w| w.0),
        hosts: scenario.topology().host_count() as u64,
        max_inflight_flows: match scenario.application() {
            Application::Open => 0,
            Application::ClosedLoop { max_inflight, .. } => max_inflight.into(),
        },
    }
}
