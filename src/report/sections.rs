//! The sections of the report, each as HTML.

use super::html::{Cell, escaped, table};
use super::{Report, Shown};
use crate::compare::{Row, compare, load_warning};
use crate::dataset::{Dataset, ScenarioResults};
use crate::statistics::BUCKET_NAMES;
use crate::store::{RunStatus, StatusRow};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

fn seconds(s: f64) -> Cell {
    let text = match s {
        s if s >= 100.0 => format!("{s:.0}"),
        s if s >= 1.0 => format!("{s:.2}"),
        s => format!("{s:.4}"),
    };
    Cell::number(s, text)
}

fn percent(fraction: f64) -> Cell {
    // Zero has no sign once it is rounded.
    Cell::number(fraction, format!("{:.1}", (1000.0 * fraction).round() / 10.0 + 0.0))
}

fn count(n: usize) -> Cell {
    Cell::number(n as f64, n.to_string())
}

/// Mixes, backends, versions, machines.
pub fn what(report: &Report) -> String {
    let mixes: BTreeSet<u64> = report.status.iter().map(|r| r.mix_id).collect();
    let flows: usize = report.dataset.scenarios.iter().map(|s| s.size_bytes.len()).sum();
    let mut out = format!(
        "<p>{} mixes, {} scenarios, {} flows, from <code>{}</code>.</p>\n",
        mixes.len(),
        report.dataset.scenarios.len(),
        flows,
        escaped(&report.root)
    );
    if let Some(filter) = &report.request.filter {
        let _ = writeln!(out, "<p>Figures over scenarios with <code>{}</code> only.</p>", escaped(filter.text()));
    }
    let rows: Vec<Vec<Cell>> = report
        .origins
        .iter()
        .map(|o| {
            let texts = [&o.host, &o.version, &o.commit].map(|t| Cell::text(t.as_str())).into_iter();
            texts.chain([count(o.runs as usize), Cell::text(o.command.as_str())]).collect()
        })
        .collect();
    out += &table("Machines and versions", &["machine", "mixlab", "commit", "runs", "a command"], &rows);
    out
}

/// Runs per backend, and errors against the baseline.
pub fn summary(report: &Report) -> String {
    let mut by_backend: BTreeMap<&str, Vec<&StatusRow>> = BTreeMap::new();
    for row in &report.status {
        by_backend.entry(&row.backend).or_default().push(row);
    }
    let of = |(backend, rows): (&&str, &Vec<&StatusRow>)| -> Vec<Cell> {
        let n = |status| count(rows.iter().filter(|r| r.status == status).count());
        let total = |ns: fn(&StatusRow) -> u64| seconds(rows.iter().map(|r| ns(r)).sum::<u64>() as f64 * 1e-9);
        let states = [Some(RunStatus::Ok), Some(RunStatus::Failed), Some(RunStatus::Unsupported), None].map(n);
        let times = [total(|r| r.wall_ns), total(|r| r.cpu_ns)];
        [Cell::text(*backend)].into_iter().chain(states).chain(times).collect()
    };
    let rows: Vec<Vec<Cell>> = by_backend.iter().map(of).collect();
    let heads = ["backend", "done", "failed", "unsupported", "missing", "wall s", "CPU s"];
    let mut out = table("Runs by backend", &heads, &rows);
    match &report.request.baseline {
        Some(baseline) => {
            let comparison = compare(&report.dataset, baseline);
            let rows: Vec<Vec<Cell>> = comparison.overall.iter().map(|r| error_cells(r, count(r.scenarios))).collect();
            let caption = format!("Error of the FCT slowdown against {baseline}, means over scenarios");
            out += &table(&caption, &error_heads("scenarios"), &rows);
            out += "<p>Per flow e = |ŝ − s| ÷ s of the slowdown s = FCT ÷ ideal FCT, over the flows that both finished; p99 is the \
                    error of the 99th percentile of the slowdown; bias is the mean signed error (negative: too fast).</p>\n";
        }
        None => out += "<p>No baseline: neither ns3 nor packet was run, and none was named.</p>\n",
    }
    out
}

fn error_heads(second: &str) -> [&str; 11] {
    ["backend", second, "flows", "mean %", "p50 %", "p90 %", "p99 %", "bias %", "wall s", "CPU s", "speed-up"]
}

fn error_cells(row: &Row, second: Cell) -> Vec<Cell> {
    let e = &row.all;
    let errors = [e.mean, e.p50, e.p90, e.p99, e.bias].map(percent);
    let speed_up = row.speed_up();
    let ratio = if speed_up.is_finite() { format!("{speed_up:.1}×") } else { "–".to_string() };
    let mut cells = vec![Cell::text(row.backend.as_str()), second, count(e.flows)];
    cells.extend(errors);
    cells.extend([seconds(row.wall_s), seconds(row.cpu_s), Cell::number(speed_up, ratio)]);
    cells
}

/// What should not be trusted.
pub fn warnings(report: &Report) -> String {
    let loads: BTreeMap<_, _> =
        report.status.iter().map(|r| ((r.mix_id, r.nr_flows, &r.digest), &r.attributes)).collect();
    let warning =
        |((mix, flows, _), a): ((u64, u64, _), _)| Some(format!("{} with {flows} flows", load_warning(mix, a)?));
    let mut texts: Vec<String> = loads.into_iter().filter_map(warning).collect();
    let mut beside: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in report.status.iter().filter(|r| r.status == Some(RunStatus::Ok) && !r.timed_alone) {
        beside.entry(&row.backend).or_default().insert(&row.digest);
    }
    texts.extend(beside.into_iter().map(|(backend, runs)| {
        format!(
            "{backend}: {} runs were timed beside others; compare their CPU times, not their wall times",
            runs.len()
        )
    }));
    if let Some(baseline) = &report.request.baseline {
        texts.extend(
            compare(&report.dataset, baseline)
                .warnings
                .into_iter()
                .filter(|w| w.contains("not compared") || w.contains("its runs are of")),
        );
    }
    if texts.is_empty() {
        return "<p>None.</p>\n".into();
    }
    let items: String = texts.iter().map(|t| format!("<li>{}</li>\n", escaped(t))).collect();
    format!("<ul class=\"warnings\">{items}</ul>\n")
}

/// Runs without a result, with their reasons.
pub fn failures(report: &Report) -> String {
    let failed = report.status.iter().filter(|r| matches!(r.status, Some(RunStatus::Failed | RunStatus::Unsupported)));
    let row = |r: &StatusRow| {
        let status = r.status.map_or("missing", RunStatus::name);
        let class = if r.status == Some(RunStatus::Failed) { "bad" } else { "warn" };
        let why = r.error.as_deref().unwrap_or("no reason was stored");
        vec![count(r.mix_id as usize), Cell::text(r.backend.as_str()), Cell::state(status, class), Cell::text(why)]
    };
    let rows: Vec<Vec<Cell>> = failed.map(row).collect();
    if rows.is_empty() {
        return "<p>None.</p>\n".into();
    }
    table("Failed and unsupported runs", &["mix", "backend", "status", "reason"], &rows)
}

/// All figures with captions; those that could not be drawn with the reason.
pub fn figures(shown: &[Shown]) -> String {
    let mut out = String::new();
    for figure in shown {
        match figure {
            Shown::Drawn(name, caption, [light, dark]) => {
                let _ = writeln!(
                    out,
                    "<figure id=\"figure-{name}\"><div class=\"light\">{light}</div><div class=\"dark\">{dark}</div>\
                     <figcaption><b>{name}.</b> {}</figcaption></figure>",
                    escaped(caption)
                );
            }
            Shown::LeftOut(name, why) => {
                let _ = writeln!(out, "<p class=\"left-out\" id=\"figure-{name}\">Left out: {}.</p>", escaped(why));
            }
        }
    }
    out
}

/// A table of all scenarios, and one part per scenario to open.
pub fn scenarios(report: &Report) -> String {
    let scenarios = &report.dataset.scenarios;
    // One by one: a mix with several numbers of flows is as many scenarios.
    let compared = |s: &ScenarioResults, baseline| compare(&Dataset { scenarios: vec![s.clone()] }, baseline).scenarios;
    let rows_of = |s| report.request.baseline.as_deref().map_or(Vec::new(), |baseline| compared(s, baseline));
    let rows: Vec<Vec<Row>> = scenarios.iter().map(rows_of).collect();
    let cells: Vec<Vec<Cell>> =
        rows.iter().flatten().map(|r| error_cells(r, count(r.mix_id.unwrap_or_default() as usize))).collect();
    let mut out = String::new();
    if !cells.is_empty() {
        out += &table("Errors by scenario and backend", &error_heads("mix"), &cells);
    }
    for (scenario, rows) in scenarios.iter().zip(&rows) {
        out += &details(scenario, rows);
    }
    out
}

fn details(s: &ScenarioResults, rows: &[Row]) -> String {
    let a = &s.attributes;
    let mut out = format!(
        "<details><summary>Mix {}: {} flows, {} hosts, {}, load {:.2}, {}, {}</summary>\n<dl>",
        s.mix_id,
        s.size_bytes.len(),
        a.hosts,
        escaped(&a.cc),
        a.max_load,
        escaped(&a.spatial),
        escaped(&a.size_dist)
    );
    let facts = [
        ("scenario", s.digest.clone()),
        ("cluster", a.cluster.clone()),
        ("burstiness σ", a.lognorm_sigma.to_string()),
        ("load asked for / delivered", format!("{:.3} / {:.3}", a.max_load, a.delivered_load)),
        ("switch buffer", format!("{} bytes", a.buffer_bytes)),
        ("window", format!("{} bytes", a.window_bytes)),
        ("in-flight limit", if a.max_inflight_flows == 0 { "none".into() } else { a.max_inflight_flows.to_string() }),
    ];
    for (name, value) in facts {
        let _ = write!(out, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
    }
    out += "</dl>\n";
    let runs: Vec<Vec<Cell>> = s
        .runs
        .iter()
        .map(|(id, run)| {
            let unfinished = run.slowdown.iter().filter(|v| v.is_nan()).count();
            let alone = if run.timed_alone { Cell::state("alone", "ok") } else { Cell::state("beside others", "warn") };
            let counts = [run.events, run.packets].map(|n| count(n as usize));
            let head = [Cell::text(id.as_str()), count(unfinished), seconds(run.wall_s), seconds(run.cpu_s), alone];
            head.into_iter().chain(counts).collect()
        })
        .collect();
    let heads = ["backend", "unfinished flows", "wall s", "CPU s", "timed", "events", "packets"];
    out += &table(&format!("Runs of mix {}", s.mix_id), &heads, &runs);
    let mut sizes = Vec::new();
    for row in rows {
        for (name, e) in BUCKET_NAMES.iter().zip(&row.buckets).filter_map(|(name, e)| Some((name, e.as_ref()?))) {
            let errors = [e.mean, e.p90, e.p99, e.bias].map(percent);
            let head = [Cell::text(row.backend.as_str()), Cell::text(*name), count(e.flows)];
            sizes.push(head.into_iter().chain(errors).collect());
        }
    }
    if !sizes.is_empty() {
        let heads = ["backend", "flow size", "flows", "mean %", "p90 %", "p99 %", "bias %"];
        out += &table(&format!("Errors of mix {} by flow size", s.mix_id), &heads, &sizes);
    }
    out + "</details>\n"
}
