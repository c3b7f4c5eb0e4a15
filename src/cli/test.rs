//! `test`: a learned model against stored truth, on mixes, on draws that no training uses, or on stored scenarios.
//!
//! Results are stored like those of any run: backend `m4`, the digest of the weights in the fingerprint, so they never stand
//! for other weights. Tables are made of the runs with exactly these weights, not of the newest.

use super::args::{Common, Fidelity, MessageFormat, TableFormat};
use super::compare::{csv, csv_row, error_cells, json_of, row_json, table};
use super::exit::Exit;
use super::failure::Failure;
use super::sweep::{execute_on, exit_of, planned_scenarios};
use super::table::TextTable;
use super::train::{SCENARIOS, draw, stored_sets};
use super::{data, remark, warn};
use crate::backends::{self, BackendOptions};
use crate::bounded::{TRAINING_FILE, read_text};
use crate::compare::{Comparison, compare};
use crate::groups::{Group, groups};
use crate::plan::PlannedScenario;
use crate::store::{Reader, Selection, StoreError};
use crate::train::sets::{self, MOST_DRAWS, Role, Space};
use clap::Args;
use mixlab_contract::Backend;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// Options of `test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Weights to test: a folder that `train` wrote, or anything `--m4-weights` accepts [default: those; else the shipped ones]
    #[arg(long, value_name = "DIR")]
    pub weights: Option<PathBuf>,
    /// Instead of --mixes: draws of the test stream of `--seed`, from which no training draws
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_DRAWS))]
    pub draws: Option<u64>,
    /// Draw from this mix space (with --nr-flows flows each) instead of the built-in one
    #[arg(long, value_name = "FILE", requires = "draws")]
    pub mixspace: Option<PathBuf>,
    /// Draw beyond the published ranges: other links, more hosts, heavy traffic within racks
    #[arg(long, requires = "draws", conflicts_with = "mixspace")]
    pub wide: bool,
    /// Draw fabrics with fast links: 25 to 100 Gb/s at the hosts
    #[arg(long, requires = "draws", conflicts_with_all = ["mixspace", "wide"])]
    pub fast: bool,
    /// Flows per draw of the built-in space, instead of 2,000 (5,000 on fabrics of 64 and more hosts)
    #[arg(long, value_name = "N", requires = "draws", value_parser = clap::value_parser!(u32).range(1..))]
    pub draw_flows: Option<u32>,
    /// Instead of --mixes: the tenth of the stored scenarios that `train --stored` holds out for tests
    #[arg(long, conflicts_with = "draws")]
    pub stored: bool,
    /// Only mixes (or draws) with these ids; from 0, end excluded
    #[arg(long, value_name = "FROM..TO", value_parser = ids)]
    pub ids: Option<Range<u64>>,
    /// Backend taken as truth [default: packet; packet-clean with --fidelity clean]
    #[arg(long, value_name = "BACKEND")]
    pub baseline: Option<String>,
    /// Backends to show beside it, run on the same scenarios
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = "flowsim-window")]
    pub beside: Vec<String>,
    /// Simulate the truth that is missing, instead of stopping
    #[arg(long)]
    pub simulate_truth: bool,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    pub format: TableFormat,
}

fn ids(text: &str) -> Result<Range<u64>, String> {
    let ends = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    ends.filter(|r: &Range<u64>| !r.is_empty()).ok_or_else(|| "expected FROM..TO, such as 0..20".into())
}

/// Runs the model on scenarios whose truth is stored, and prints how far it is off.
pub async fn run(common: &Common, args: &TestArgs) -> Result<Exit, Failure> {
    let weights = args.weights.clone().or_else(|| common.m4_weights.clone());
    let options = BackendOptions { m4_weights: weights.clone(), ..common.backends() };
    let scenarios = scenarios(common, args).await?;
    let baseline = match &args.baseline {
        Some(name) => name.clone(),
        None if common.fidelity == Fidelity::Clean => "packet-clean".into(),
        None => "packet".into(),
    };
    let mut runners = Vec::new();
    for name in [&["m4".to_owned()], &args.beside[..]].concat() {
        for backend in backends::named(&name, &options)? {
            let known = |b: &Arc<dyn Backend>| b.id() == backend.id();
            if backend.id() != baseline && !runners.iter().any(known) {
                runners.push(backend);
            }
        }
    }
    if let Some(exit) = truth(common, args, &options, &scenarios, &baseline).await? {
        return Ok(exit);
    }
    warn(common, &learned_from(weights.as_deref(), &scenarios));
    let digests: Vec<String> = scenarios.iter().map(|s| s.digest.clone()).collect();
    let fingerprints = backends::fingerprints(&runners);
    remark(common, &format!("testing {}", fingerprints.get("m4").map_or("", String::as_str)));
    let summary = match execute_on(common, scenarios, runners).await? {
        None => return Ok(Exit::Ok), // a dry run
        Some(summary) if summary.interrupted => return Ok(Exit::Interrupted),
        Some(summary) => summary,
    };
    let backends: Vec<String> = fingerprints.keys().cloned().collect();
    let selected = std::iter::once(&baseline).chain(&backends).cloned().collect();
    let selection =
        Selection { digests: Some(digests), backends: Some(selected), fingerprints, ..Selection::default() };
    let dataset = Reader::open(&common.root).await?.dataset(&selection).await?;
    let comparison = compare(&dataset, &baseline);
    if comparison.overall.is_empty() {
        return Err(Failure::new(Exit::MissingResults, "no scenario could be simulated with these weights"));
    }
    warn(common, &comparison.warnings);
    let groups = groups(&dataset, &baseline, &backends);
    // Lines of JSON stay lines of JSON: there a table is asked for with --format.
    if common.message_format == MessageFormat::Human || args.format != TableFormat::Table {
        print(&comparison, &groups, args.format)?;
    }
    Ok(exit_of(&summary))
}

async fn scenarios(common: &Common, args: &TestArgs) -> Result<Vec<PlannedScenario>, Failure> {
    let mut scenarios = match (&common.mixes, args.draws, args.stored) {
        (_, Some(count), _) if args.wide || args.fast => {
            let space = if args.wide { Space::Wide } else { Space::Fast };
            sets::drawn(space, Role::Test, common.seed, count, args.draw_flows.map(|n| n as usize))?
        }
        (_, Some(count), _) => draw(common, args.mixspace.as_deref(), args.draw_flows, Role::Test, count)?,
        (_, None, true) => std::mem::take(&mut stored_sets(common).await?[Role::Test as usize]),
        (Some(file), None, false) => planned_scenarios(common, file)?,
        (None, None, false) => {
            return Err(Failure::new(Exit::Usage, "test on what? give --mixes FILE, --draws N or --stored"));
        }
    };
    scenarios.retain(|s| args.ids.as_ref().is_none_or(|ids| ids.contains(&s.entry.mix_id)));
    if scenarios.is_empty() {
        let text = match (&args.ids, args.stored) {
            (Some(ids), _) => format!("no scenario to test on has one of the ids {} to {}", ids.start, ids.end - 1),
            (None, true) => "no stored scenario is held out for tests".into(),
            (None, false) => "no scenario to test on".into(),
        };
        return Err(Failure::new(Exit::MissingResults, text));
    }
    Ok(scenarios)
}

/// Looks for the truth of all scenarios, or makes it; the exit code if that ends the program.
async fn truth(
    common: &Common,
    args: &TestArgs,
    options: &BackendOptions,
    scenarios: &[PlannedScenario],
    baseline: &str,
) -> Result<Option<Exit>, Failure> {
    if args.simulate_truth {
        let backend: Vec<_> = backends::named(baseline, options)?;
        return Ok(match execute_on(common, scenarios.to_vec(), backend).await? {
            None => Some(Exit::Ok),
            Some(summary) => Some(exit_of(&summary)).filter(|exit| *exit != Exit::Ok),
        });
    }
    let selection = Selection { backends: Some(vec![baseline.into()]), ..Selection::default() };
    let done: BTreeSet<String> = match Reader::open(&common.root).await {
        Err(StoreError::NotFound { .. }) => BTreeSet::new(),
        reader => {
            let rows = reader?.status(&selection).await?.into_iter();
            rows.filter(|r| r.status == Some(crate::store::RunStatus::Ok)).map(|r| r.digest).collect()
        }
    };
    let missing: Vec<u64> = scenarios.iter().filter(|s| !done.contains(&s.digest)).map(|s| s.entry.mix_id).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    const SHOWN: usize = 10;
    let shown: Vec<String> = missing.iter().take(SHOWN).map(u64::to_string).collect();
    let more = if missing.len() > SHOWN { ", …" } else { "" };
    let text = format!(
        "{} of {} scenarios have no finished run of the truth `{baseline}` under {}: mixes {}{more}\n  hint: {}",
        missing.len(),
        scenarios.len(),
        common.root.display(),
        shown.join(", "),
        command(common, args, baseline),
    );
    Err(Failure::new(Exit::MissingResults, text))
}

/// What makes the missing truth.
fn command(common: &Common, args: &TestArgs, baseline: &str) -> String {
    let again = "the same command with --simulate-truth makes them";
    let Some(mixes) = common.mixes.as_ref().filter(|_| args.draws.is_none() && !args.stored) else {
        return again.into();
    };
    let backend = if baseline == "packet-clean" { "--fidelity clean packet" } else { baseline };
    let app = if common.enable_app { " --enable-app" } else { "" };
    let (root, seed, flows) = (common.root.display(), common.seed, common.nr_flows);
    let workload = clap::ValueEnum::to_possible_value(&common.workload);
    let workload = workload.map_or(String::new(), |v| format!(" --workload {}", v.get_name()));
    format!(
        "mixlab --root {root} --mixes {} --nr-flows {flows} --seed {seed}{workload}{app} {backend}\n  or {again}",
        mixes.display()
    )
}

/// A warning if the folder of the weights says that some of these scenarios were learned from.
fn learned_from(weights: Option<&std::path::Path>, scenarios: &[PlannedScenario]) -> Vec<String> {
    // `DIR/best` is inside the training's folder.
    let tables = weights.into_iter().flat_map(|w| [Some(w), w.parent()]).flatten().map(|d| d.join(SCENARIOS));
    let Some(table) = tables.filter_map(|t| read_text(&t, TRAINING_FILE).ok()).next() else { return Vec::new() };
    let seen: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.split_once(','))
        .filter(|(_, rest)| !rest.starts_with(Role::Test.name()))
        .map(|(digest, _)| digest)
        .collect();
    let known = scenarios.iter().filter(|s| seen.contains(s.digest.as_str())).count();
    if known == 0 {
        return Vec::new();
    }
    vec![format!(
        "{known} of these {} scenarios were learned from or validated on: their errors say little",
        scenarios.len()
    )]
}

fn print(comparison: &Comparison, groups: &[Group], format: TableFormat) -> Result<Exit, Failure> {
    data(&match format {
        TableFormat::Table => table(comparison) + &group_tables(groups),
        TableFormat::Json => {
            let mut all = json_of(comparison);
            let one = |g: &Group| json!({"by": g.by, "value": g.value, "rows": g.rows.iter().map(row_json).collect::<Vec<_>>()});
            all["groups"] = groups.iter().map(one).collect();
            format!("{all:#}\n")
        }
        TableFormat::Csv => {
            let mut text = csv(comparison);
            for group in groups {
                for row in &group.rows {
                    csv_row(
                        &mut text,
                        &format!("{}={}", group.by.replace(',', ""), group.value),
                        row,
                        &comparison.baseline,
                    );
                }
            }
            text
        }
    })
}

fn group_tables(groups: &[Group]) -> String {
    let mut text = String::new();
    for all in groups.chunk_by(|a, b| a.by == b.by) {
        let by = all[0].by;
        let mut table =
            TextTable::new(&[by, "backend", "scenarios", "flows", "mean %", "p50 %", "p90 %", "p99 %", "bias %"]);
        for group in all {
            for row in &group.rows {
                let mut cells = vec![group.value.clone(), row.backend.clone(), row.scenarios.to_string()];
                cells.extend(error_cells(&row.all));
                table.row(cells);
            }
        }
        let _ = write!(text, "\nby {by}\n{}", table.text());
    }
    text
}
