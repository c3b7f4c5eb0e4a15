//! `compare`: errors and speed of every backend against a baseline, as a table, JSON or CSV.

use super::args::{Common, CompareArgs, Fidelity, TableFormat};
use super::exit::Exit;
use super::failure::Failure;
use super::sweep::planned_scenarios;
use super::table::{TextTable, percent, ratio, seconds};
use super::{data, warn};
use crate::backends;
use crate::compare::{Agreement, Comparison, Row, compare, default_baseline, flow_by_flow};
use crate::dataset::Dataset;
use crate::statistics::{BUCKET_NAMES, ErrorSummary};
use crate::store::{Reader, Selection};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Compares everything stored, or the mixes of `--mixes` only.
pub async fn run(common: &Common, args: &CompareArgs) -> Result<Exit, Failure> {
    let reader = Reader::open(&common.root).await?;
    let dataset = reader.dataset(&selection(common)?).await?;
    let comparison = comparison(common, &dataset, args.baseline.as_deref())?;
    warn(common, &comparison.warnings);
    if args.flows {
        return data(&flow_table(&flow_by_flow(&dataset, &comparison.baseline), args.format));
    }
    data(&match args.format {
        TableFormat::Table => table(&comparison),
        TableFormat::Json => format!("{:#}\n", json_of(&comparison)),
        TableFormat::Csv => csv(&comparison),
    })
}

/// What a command is about: the mixes of `--mixes`, else all that are stored; `m4` with the weights of `--m4-weights`, if given.
pub fn selection(common: &Common) -> Result<Selection, Failure> {
    let digests = match &common.mixes {
        Some(file) => Some(planned_scenarios(common, file)?.into_iter().map(|s| s.digest).collect()),
        None => None,
    };
    // The user's weights, and not the newest that somebody ran.
    let fingerprints = match common.m4_weights {
        Some(_) => backends::fingerprints(&backends::named("m4", &common.backends())?),
        None => BTreeMap::new(),
    };
    Ok(Selection { digests, fingerprints, ..Selection::default() })
}

/// Prints the summary at the end of `all`.
pub fn print_overall(common: &Common, dataset: &Dataset, baseline: Option<&str>) -> Result<(), Failure> {
    let comparison = comparison(common, dataset, baseline)?;
    warn(common, &comparison.warnings);
    data(&overall(&comparison)).map(|_| ())
}

fn comparison(common: &Common, dataset: &Dataset, baseline: Option<&str>) -> Result<Comparison, Failure> {
    let lacking = |text: String| Failure::new(Exit::MissingResults, text);
    let root = common.root.display();
    let baseline = match baseline {
        Some(name) => name.to_owned(),
        None => default_baseline(dataset, common.fidelity == Fidelity::Clean).ok_or_else(|| {
            lacking(format!("no ns3 or packet run is stored under {root}: run one, or name a --baseline"))
        })?,
    };
    if !dataset.scenarios.iter().any(|s| s.runs.contains_key(&baseline)) {
        return Err(lacking(format!("no finished run of the baseline `{baseline}` is stored under {root}")));
    }
    let comparison = compare(dataset, &baseline);
    if comparison.overall.is_empty() {
        return Err(lacking(format!(
            "no backend but `{baseline}` has a finished run of the same scenarios under {root}"
        )));
    }
    Ok(comparison)
}

/// Flows and errors of a row, as every table has them.
pub fn error_cells(e: &ErrorSummary) -> Vec<String> {
    let bias = format!("{:+.1}", e.bias * 100.0);
    vec![e.flows.to_string(), percent(e.mean), percent(e.p50), percent(e.p90), percent(e.p99), bias]
}

fn row_cells(row: &Row, scenarios: String) -> Vec<String> {
    let mut cells = vec![row.backend.clone(), scenarios];
    cells.extend(error_cells(&row.all));
    let star = if row.timed_alone { "" } else { "*" };
    cells.extend([format!("{}{star}", seconds(row.wall_s)), seconds(row.cpu_s), ratio(row.speed_up())]);
    cells
}

const COLUMNS: [&str; 11] =
    ["backend", "scenarios", "flows", "mean %", "p50 %", "p90 %", "p99 %", "bias %", "wall s", "cpu s", "speed-up"];

fn overall(c: &Comparison) -> String {
    let mut table = TextTable::new(&COLUMNS);
    for row in &c.overall {
        table.row(row_cells(row, row.scenarios.to_string()));
    }
    let stars =
        if c.overall.iter().all(|r| r.timed_alone) { "" } else { "* timed beside other runs: compare CPU times\n" };
    let (baseline, table) = (&c.baseline, table.text());
    format!("error of the FCT slowdown against {baseline} (means over scenarios)\n\n{table}{stars}{}", floor_line(c))
}

/// One line on the error floor: what its row means, or how to get one. Empty where there is none to get: it is a floor of the
/// ns3 fidelity only, and no floor of itself.
fn floor_line(c: &Comparison) -> &'static str {
    if ["packet-clean", "floor"].contains(&c.baseline.as_str()) {
        ""
    } else if c.overall.iter().any(|r| r.backend == "floor") {
        "floor: packet with one flow in ten 1 ns later; no estimator can be told apart from the truth below its errors\n"
    } else {
        "no error floor is stored: `mixlab floor` with the same --root and --mixes shows how much of an error is chaos\n"
    }
}

/// The comparison for reading: overall, by flow size, per scenario.
pub fn table(c: &Comparison) -> String {
    let mut text = overall(c);
    for (b, name) in BUCKET_NAMES.iter().enumerate() {
        let mut table = TextTable::new(&["backend", "flows", "mean %", "p50 %", "p90 %", "p99 %", "bias %"]);
        let mut any = false;
        for (row, errors) in c.overall.iter().filter_map(|r| Some((r, r.buckets[b]?))) {
            let mut cells = vec![row.backend.clone()];
            cells.extend(error_cells(&errors));
            table.row(cells);
            any = true;
        }
        if any {
            let _ = write!(text, "\nflows {name}\n{}", table.text());
        }
    }
    let mut columns = COLUMNS;
    columns[1] = "mix";
    let mut table = TextTable::new(&columns);
    for row in &c.scenarios {
        table.row(row_cells(row, row.mix_id.map_or(String::new(), |id| id.to_string())));
    }
    let _ = write!(text, "\nper scenario\n{}", table.text());
    text
}

fn flow_table(rows: &[Agreement], format: TableFormat) -> String {
    let worst =
        |r: &Agreement| r.worst.map_or(String::new(), |(flow, t, o)| format!("flow {flow}: {o} ns, not {t} ns"));
    let cells = |r: &Agreement| {
        let counts = [r.flows, r.equal, r.unfinished, r.extra].map(|n| n.to_string());
        [vec![r.backend.clone(), r.mix_id.to_string()], counts.to_vec(), vec![worst(r)]].concat()
    };
    const COLUMNS: [&str; 7] = ["backend", "mix", "flows", "equal", "unfinished", "extra", "worst"];
    match format {
        TableFormat::Table => {
            let mut table = TextTable::new(&COLUMNS);
            rows.iter().for_each(|r| table.row(cells(r)));
            let total = |n: fn(&Agreement) -> usize| rows.iter().map(n).sum::<usize>().to_string();
            let sums = [total(|r| r.flows), total(|r| r.equal), total(|r| r.unfinished), total(|r| r.extra)];
            table.row([vec!["all".into(), String::new()], sums.to_vec(), vec![String::new()]].concat());
            table.text()
        }
        TableFormat::Csv => {
            let lines = rows.iter().map(|r| cells(r).join(",").replace("ns, not", "ns not"));
            std::iter::once(COLUMNS.join(",")).chain(lines).map(|l| l + "\n").collect()
        }
        TableFormat::Json => {
            let objects = rows.iter().map(|r| {
                let worst = r.worst.map(|(flow, t, o)| json!({"flow": flow, "baseline_fct_ns": t, "fct_ns": o}));
                json!({"backend": r.backend, "mix_id": r.mix_id, "flows": r.flows, "equal": r.equal,
                       "unfinished": r.unfinished, "extra": r.extra, "worst": worst})
            });
            format!("{:#}\n", Value::Array(objects.collect()))
        }
    }
}

fn errors_json(e: &ErrorSummary) -> Value {
    json!({"flows": e.flows, "mean": e.mean, "p50": e.p50, "p90": e.p90, "p99": e.p99, "bias": e.bias})
}

/// One row as a JSON object.
pub fn row_json(row: &Row) -> Value {
    let buckets = BUCKET_NAMES.iter().zip(&row.buckets);
    let buckets: Vec<Value> =
        buckets.filter_map(|(name, e)| Some(json!({"sizes": name, "errors": errors_json(e.as_ref()?)}))).collect();
    json!({
        "backend": row.backend, "mix_id": row.mix_id, "scenarios": row.scenarios, "errors": errors_json(&row.all),
        "buckets": buckets, "wall_s": row.wall_s, "cpu_s": row.cpu_s, "baseline_cpu_s": row.baseline_cpu_s,
        "speed_up": row.speed_up(), "timed_alone": row.timed_alone,
    })
}

/// The comparison as one JSON object.
pub fn json_of(c: &Comparison) -> Value {
    let rows = |rows: &[Row]| rows.iter().map(row_json).collect::<Vec<_>>();
    json!({"baseline": c.baseline, "overall": rows(&c.overall), "scenarios": rows(&c.scenarios), "warnings": c.warnings})
}

/// The comparison as CSV, one row per scenario, backend and flow-size bucket.
pub fn csv(c: &Comparison) -> String {
    let mut text = String::from(
        "mix_id,backend,baseline,sizes,flows,mean_error,p50_error,p90_error,p99_error,bias,wall_s,cpu_s,speed_up,timed_alone\n",
    );
    for row in c.overall.iter().chain(&c.scenarios) {
        let mix = row.mix_id.map_or("overall".to_owned(), |id| id.to_string());
        csv_row(&mut text, &mix, row, &c.baseline);
    }
    text
}

/// Adds the lines of one row, `of` in place of its mix.
pub fn csv_row(text: &mut String, of: &str, row: &Row, baseline: &str) {
    let buckets = BUCKET_NAMES.iter().zip(&row.buckets).filter_map(|(name, e)| Some((*name, e.as_ref()?)));
    for (sizes, e) in [("all", &row.all)].into_iter().chain(buckets) {
        let _ = writeln!(
            text,
            "{of},{},{baseline},{sizes},{},{},{},{},{},{},{},{},{},{}",
            row.backend,
            e.flows,
            e.mean,
            e.p50,
            e.p90,
            e.p99,
            e.bias,
            row.wall_s,
            row.cpu_s,
            row.speed_up(),
            row.timed_alone
        );
    }
}
