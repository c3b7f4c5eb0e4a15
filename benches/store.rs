//! Rows per CPU-second into and out of the store: `cargo bench -p mixlab --bench store`.
//!
//! Fifty scenarios of 20,000 flows; times are CPU time of the whole process, so the connection's own thread counts.

use cpu_time::ProcessTime;
use mixlab::dataset::Attributes;
use mixlab::store::{MixEntry, Provenance, Reader, RunMeta, RunStatus, Selection, StoreError, Writer};
use mixlab_contract::conformance::{Scope, random_scenario};
use mixlab_contract::{Backend, Counters, FlowOutcome, IdealBackend, Scenario, ScenarioParts, Silent};
use std::path::Path;
use std::time::Instant;

const SCENARIOS: u64 = 50;
const FLOWS: usize = 20_000;

fn entry(mix_id: u64) -> MixEntry {
    let (spec_file, mix_json, workload) = ("bench".into(), "{}".into(), "import".into());
    let attributes = Attributes::default();
    MixEntry { mix_id, spec_file, mix_json, seed: 0, nr_flows: FLOWS as u64, workload, enable_app: false, attributes }
}

fn meta() -> RunMeta {
    RunMeta {
        backend: "ideal".into(),
        fingerprint: "bench".into(),
        status: RunStatus::Ok,
        started_at_unix_ms: 0,
        wall_ns: 1,
        cpu_ns: 1,
        peak_rss_bytes: 1,
        timed_alone: true,
        phases: vec![("simulate".into(), 1)],
        counters: Counters::default(),
        provenance: Provenance::default(),
        error: None,
        log_tail: None,
        work_dir: None,
    }
}

/// A random scenario with exactly [`FLOWS`] flows, and their ideal outcomes.
fn case(seed: u64) -> (Scenario, Vec<FlowOutcome>) {
    let scope = Scope { flows: 4 * FLOWS as u64, closed_loops: false, ..Scope::default() };
    let long_enough = |s: &Scenario| s.flows().len() >= FLOWS;
    let s = (seed * 1_000..).map(|seed| random_scenario(seed, scope)).find(long_enough).expect("most seeds do");
    let mut parts: ScenarioParts = s.into_parts();
    parts.flows.truncate(FLOWS);
    parts.paths = None;
    let s = Scenario::new(parts).expect("a shorter scenario is valid");
    let outcomes = IdealBackend.run(&s, &Silent).expect("ideal always runs").outcomes;
    (s, outcomes)
}

fn report(what: &str, cpu: ProcessTime, wall: Instant) {
    let (cpu_s, wall_s) = (cpu.elapsed().as_secs_f64(), wall.elapsed().as_secs_f64());
    let rows = SCENARIOS as f64 * FLOWS as f64;
    println!("{what:<28} {rows:>9} rows  {cpu_s:>6.3} CPU s  {wall_s:>6.3} s  {:>9.0} rows per CPU-second", rows / cpu_s);
}

async fn measure(root: &Path) -> Result<(), StoreError> {
    let cases: Vec<_> = (0..SCENARIOS).map(case).collect();
    let mut writer = Writer::open(root).await?;
    let (cpu, wall, mut ids) = (ProcessTime::now(), Instant::now(), Vec::new());
    for (mix_id, (scenario, _)) in cases.iter().enumerate() {
        ids.push(writer.put_scenario(&entry(mix_id as u64), scenario).await?);
    }
    report("scenarios in (with routing)", cpu, wall);
    let (cpu, wall) = (ProcessTime::now(), Instant::now());
    for (id, (_, outcomes)) in ids.iter().zip(&cases) {
        writer.put_run(*id, &meta(), outcomes).await?;
    }
    report("run records in", cpu, wall);
    writer.close().await?;
    let size = std::fs::metadata(root.join("mixlab.sqlite")).map_or(0, |m| m.len());
    println!("file: {:.1} bytes per flow with one run", size as f64 / (SCENARIOS as f64 * FLOWS as f64));

    let reader = Reader::open(root).await?;
    let (cpu, wall) = (ProcessTime::now(), Instant::now());
    let dataset = reader.dataset(&Selection::default()).await?;
    report("dataset out", cpu, wall);
    assert_eq!(dataset.scenarios.len() as u64, SCENARIOS);
    let (cpu, wall) = (ProcessTime::now(), Instant::now());
    reader.digest(&Selection::default()).await?;
    report("digest", cpu, wall);
    let (cpu, wall) = (ProcessTime::now(), Instant::now());
    for (scenario, _) in &cases {
        reader.load_scenario(&scenario.digest()).await?;
    }
    report("scenarios out (with routing)", cpu, wall);
    Ok(())
}

fn main() {
    let root = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure(root.path())).expect("a store of our own");
}
