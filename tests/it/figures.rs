//! Figures against tables computed by hand, on degenerate and on large data, and as bytes.
//!
//! With `MIXLAB_KEEP_FIGURES=DIR` the demonstration figures stay in `DIR` to be looked at.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use mixlab::dataset::{
    Attributes, ChannelLoad, Dataset, Details, QueueSeries, RunResults, ScenarioResults, Tier, Traffic,
};
use mixlab::figures::{self, Cell, Figure, FigureError, Page, Request, Table};

/// A small deterministic stream of numbers (SplitMix64), so that the tests need no random crate.
struct Stream(u64);

impl Stream {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.unit(), self.unit());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}

pub fn run(slowdown: Vec<f64>, cpu_s: f64, timed_alone: bool) -> RunResults {
    let flows = slowdown.len();
    RunResults {
        fingerprint: "a".into(),
        slowdown: slowdown.into(),
        start_ns: vec![0; flows].into(),
        fct_ns: vec![1000; flows].into(),
        wall_s: cpu_s * 1.1,
        cpu_s,
        timed_alone,
        packets: 0,
        events: 0,
    }
}

pub fn scenario(mix_id: u64, sizes: &[u64], runs: Vec<(&str, RunResults)>) -> ScenarioResults {
    ScenarioResults {
        mix_id,
        digest: format!("{mix_id:064x}"),
        attributes: Attributes { cc: "dctcp".into(), hosts: 32, ..Attributes::default() },
        size_bytes: sizes.into(),
        ideal_fct_ns: vec![1000; sizes.len()].into(),
        runs: runs.into_iter().map(|(id, run)| (id.to_string(), run)).collect(),
        missing: BTreeMap::new(),
        details: Details::default(),
    }
}

pub fn against(baseline: &str) -> Request {
    Request { baseline: Some(baseline.to_string()), ..Request::default() }
}

pub fn named(name: &str) -> &'static dyn Figure {
    figures::named(name).expect("the figure exists")
}

/// Scenarios with log-normal sizes and slowdowns that grow with load; each backend errs in its own way.
pub fn plausible(scenarios: u64, flows: usize, backends: &[&str]) -> Dataset {
    let one = |mix: u64| {
        let mut stream = Stream(mix * 7919 + 1);
        let load = 0.2 + 0.6 * stream.unit();
        let sizes: Vec<u64> = (0..flows).map(|_| (9.5 + 2.2 * stream.normal()).exp().clamp(50.0, 5e7) as u64).collect();
        let truth: Vec<f64> = sizes
            .iter()
            .map(|s| 1.0 + (0.35 * (*s as f64 / 1e4).powf(0.15) * load * (1.1 * stream.normal()).exp()) * 2.0)
            .collect();
        let mut estimate = |id: &str| -> RunResults {
            let (bias, spread, cpu) = match id {
                "ns3" => (1.0, 0.0, 40.0),
                "packet" => (1.0, 0.0, 4.0),
                "flowsim" => (0.75, 0.25, 0.02),
                "flowsim-window" => (0.95, 0.08, 0.03),
                "coarse" => (1.02, 0.06, 0.2),
                "m4" => (1.06, 0.15, 1.5),
                "pmn" => (1.25, 0.4, 0.3),
                "my-own-simulator-with-a-long-name" => (0.85, 0.3, 8.0),
                _ => (0.0, 0.0, 2e-5),
            };
            let bias = bias * (1.0 + 0.1 * (stream.unit() - 0.5));
            let off = |s: &f64, stream: &mut Stream| 1.0 + (s - 1.0) * bias * (spread * stream.normal()).exp();
            let slowdown = truth.iter().map(|s| if spread == 0.0 && bias > 0.5 { *s } else { off(s, &mut stream) });
            let slowdown: Vec<f64> = slowdown.collect();
            run(slowdown, cpu * (1.0 + 3.0 * load) * (0.4 * stream.normal()).exp() * flows as f64 / 2000.0, true)
        };
        let runs: Vec<(&str, RunResults)> = backends.iter().map(|id| (*id, estimate(id))).collect();
        let mut scenario = scenario(mix, &sizes, runs);
        scenario.attributes = varied(mix, load);
        scenario.details = details(&mut stream, mix == 0);
        scenario
    };
    Dataset { scenarios: (0..scenarios).map(one).collect() }
}

/// Attributes that differ between mixes.
fn varied(mix: u64, load: f64) -> Attributes {
    let of = |names: [&str; 3]| names[(mix % 3) as usize].to_string();
    Attributes {
        cc: of(["dctcp", "hp", "timely"]),
        spatial: of(["uniform-2x4", "skewed-2x4", "rack-local-2x4"]),
        size_dist: of(["web-server", "hadoop", "cache-follower"]),
        lognorm_sigma: 1.0 + (mix % 2) as f64,
        max_load: load,
        delivered_load: load * 1.02,
        buffer_bytes: 100_000 + 7_000 * mix,
        window_bytes: 15_000,
        hosts: 32 << (mix % 3),
        max_inflight_flows: 1 << (2 * (mix % 3)),
        ..Attributes::default()
    }
}

/// Demand and queues as a small network would have them.
fn details(stream: &mut Stream, watched: bool) -> Details {
    let racks = 6;
    let rack_flows: Vec<u64> = (0..racks * racks).map(|_| (stream.unit() * 300.0) as u64).collect();
    let tiers = [Tier::HostUp, Tier::HostDown, Tier::Fabric];
    let channels = (0..48).map(|i| ChannelLoad { tier: tiers[i % 3], load: 0.6 * stream.unit() }).collect();
    let rack_bytes = rack_flows.iter().map(|n| n * 5_000).collect();
    let oversubscription = 1.0 + (stream.unit() * 3.0).floor();
    let traffic = Traffic { racks, rack_flows, rack_bytes, channels, oversubscription };
    let mut samples = || -> Vec<f64> { (0..30 * 240).map(|_| stream.unit().powi(4)).collect() };
    let queues = QueueSeries {
        backend: "packet".into(),
        first_ns: 1_000_000_000,
        interval_ns: 50_000,
        channels: (0..30).map(|i| format!("s32→h{i}")).collect(),
        queued_bytes: samples().into_iter().map(|v| (v * 200_000.0) as u64).collect(),
        utilisation: samples(),
    };
    Details { traffic: Some(Arc::new(traffic)), queues: watched.then(|| Arc::new(queues)) }
}

/// Figures that compare backends over all scenarios.
pub fn comparing() -> impl Iterator<Item = &'static dyn Figure> {
    figures::all().iter().copied().filter(|figure| figure.needs().backends > 0 && figure.name() != "trace")
}

fn text(cell: &Cell) -> &str {
    if let Cell::Text(text) = cell { text } else { "" }
}

fn number(cell: &Cell) -> f64 {
    match cell {
        Cell::Number(number) => *number,
        Cell::Count(count) => *count as f64,
        Cell::Text(_) => f64::NAN,
    }
}

/// Rows of a table whose first columns are these texts, the rest as numbers.
pub fn numbers(table: &Table, texts: &[(usize, &str)], columns: &[usize]) -> Vec<Vec<f64>> {
    let matching = table.rows.iter().filter(|row| texts.iter().all(|(at, t)| text(&row[*at]) == *t));
    matching.map(|row| columns.iter().map(|at| number(&row[*at])).collect()).collect()
}

pub fn close(a: &[Vec<f64>], b: &[Vec<f64>]) -> bool {
    a.len() == b.len() && a.iter().flatten().zip(b.iter().flatten()).all(|(x, y)| (x - y).abs() < 1e-9)
}

#[test]
fn slowdown_curves_are_the_staircases_of_pooled_flows_and_unfinished_flows_lower_them() {
    let dataset = Dataset {
        scenarios: vec![
            scenario(3, &[500, 2_000], vec![("packet", run(vec![2.0, 3.0], 1.0, true))]),
            scenario(4, &[700, 900], vec![("packet", run(vec![1.0, f64::NAN], 1.0, true))]),
        ],
    };
    let table = named("slowdown-cdf").data(&dataset, &Request::default()).expect("data is complete");
    let small = numbers(&table, &[(0, "≤ 1 KB")], &[1, 3, 4]);
    let third = 1.0 / 3.0;
    let by_hand = [[3.0, 1.0, 0.0], [3.0, 1.0, third], [3.0, 2.0, third], [3.0, 2.0, 2.0 * third]];
    assert!(close(&small, &by_hand.map(Vec::from)), "{small:?}");
    let all = numbers(&table, &[(0, "all flows"), (2, "packet")], &[1, 3, 4]);
    assert_eq!(all.last(), Some(&vec![4.0, 3.0, 0.75]));
    assert_eq!(numbers(&table, &[(0, "> 1 MB")], &[1]).len(), 0);
    let caption = named("slowdown-cdf").caption(&table);
    for part in ["2 scenarios", "mixes 3, 4", "packet 1", "No panel for sizes without flows", "> 1 MB"] {
        assert!(caption.contains(part), "{part:?} in {caption:?}");
    }
}

#[test]
fn errors_are_percentages_against_the_baseline_with_their_rank_and_median() {
    let one = |mix, factor: f64| {
        let truth = vec![1.0, 2.0, 4.0];
        let other = truth.iter().map(|s| s * factor).collect();
        scenario(mix, &[100; 3], vec![("packet", run(truth, 1.0, true)), ("flowsim", run(other, 0.1, true))])
    };
    let dataset = Dataset { scenarios: vec![one(0, 1.5), one(1, 0.9)] };
    let table = named("error-cdf").data(&dataset, &against("packet")).expect("data is complete");
    for statistic in ["mean_error_percent", "p90_error_percent", "p99_slowdown_error_percent"] {
        let rows = numbers(&table, &[(0, statistic), (1, "flowsim")], &[2, 4, 5, 6, 7]);
        let by_hand = [[1.0, 10.0, 0.5, 30.0, 3.0], [0.0, 50.0, 1.0, 30.0, 3.0]];
        assert!(close(&rows, &by_hand.map(Vec::from)), "{statistic}: {rows:?}");
    }
    assert!(table.rows.iter().all(|row| text(&row[1]) == "flowsim"), "the baseline has no error");
}

#[test]
fn speed_up_is_the_ratio_of_cpu_times_and_contention_is_said() {
    let one = |mix, packet: f64, alone| {
        let fast = run(vec![1.0], 0.5, true);
        scenario(mix, &[100], vec![("packet", run(vec![1.0], packet, alone)), ("flowsim", fast)])
    };
    let dataset = Dataset { scenarios: vec![one(0, 10.0, true), one(1, 5.0, false)] };
    let table = named("runtime").data(&dataset, &against("packet")).expect("data is complete");
    let rows = numbers(&table, &[(0, "speed_up"), (1, "flowsim")], &[2, 4, 5, 6]);
    assert!(close(&rows, &[vec![1.0, 10.0, 0.5, 15.0], vec![0.0, 20.0, 1.0, 15.0]]), "{rows:?}");
    let wall = numbers(&table, &[(0, "wall_s"), (1, "packet")], &[2, 4, 7]);
    assert!(close(&wall, &[vec![1.0, 5.5, 0.0], vec![0.0, 11.0, 1.0]]), "{wall:?}");
    let caption = named("runtime").caption(&table);
    assert!(caption.contains("1 of 4 runs were timed beside others"), "{caption}");
    let table = named("runtime").data(&dataset, &Request::default()).expect("no baseline is needed");
    assert!(numbers(&table, &[(0, "speed_up")], &[4]).is_empty());
}

#[test]
fn the_cost_of_a_formula_is_shown_only_if_somebody_asks() {
    let dataset = plausible(2, 10, &["packet", "ideal"]);
    let shown = |request: &Request| named("runtime").data(&dataset, request).expect("data is complete").scope.backends;
    assert_eq!(shown(&Request::default()), ["packet"]);
    let asked = Request { baseline: None, backends: Some(vec!["ideal".into(), "packet".into()]), ..Request::default() };
    assert_eq!(shown(&asked), ["packet", "ideal"]);
    let alone = plausible(2, 10, &["ideal"]);
    assert_eq!(named("runtime").data(&alone, &Request::default()).expect("it ran").scope.backends, ["ideal"]);
}

#[test]
fn a_scenario_without_one_of_the_runs_is_left_out_for_all_and_the_caption_says_so() {
    let mut dataset = plausible(4, 50, &["packet", "flowsim", "m4"]);
    dataset.scenarios[2].runs.remove("m4");
    dataset.scenarios[2].missing.insert("m4".into(), "timed out after 60 s".into());
    dataset.scenarios[0].missing.insert("pmn".into(), "not built".into());
    for figure in comparing() {
        let table = figure.data(&dataset, &against("packet")).expect("three scenarios are complete");
        assert_eq!(table.scope.scenarios, [0, 1, 3], "{}", figure.name());
        let caption = figure.caption(&table);
        for part in ["Over 3 scenarios", "1 of 4 scenarios", "m4 in mix 2 (timed out after 60 s)", "pmn", "not built"] {
            assert!(caption.contains(part), "{}: {part:?} in {caption:?}", figure.name());
        }
    }
}

#[test]
fn missing_data_names_backend_and_mixes_and_leaves_no_file() {
    let dataset = plausible(3, 20, &["packet", "flowsim"]);
    let out = tempfile::tempdir().expect("a temporary directory");
    let request =
        Request { baseline: Some("ns3".into()), backends: Some(vec!["flowsim".into()]), ..Request::default() };
    for figure in comparing() {
        let error =
            figures::write(figure, &dataset, &request, &Page::default(), out.path()).expect_err("ns3 never ran");
        assert!(error.is_missing_data());
        let message = error.to_string();
        assert!(message.contains("ns3 in mixes 0–2") && message.contains(figure.name()), "{message}");
        let none = figure.data(&Dataset::default(), &request).expect_err("nothing is there");
        assert!(none.is_missing_data());
    }
    assert_eq!(std::fs::read_dir(out.path()).expect("the directory").count(), 0);
    let error = named("error-cdf").data(&dataset, &Request::default()).expect_err("no baseline");
    assert!(matches!(error, FigureError::NoBaseline { .. }) && !error.is_missing_data());
    let alone = Request { baseline: Some("packet".into()), backends: Some(vec![]), ..Request::default() };
    let error = named("error-cdf").data(&dataset, &alone).expect_err("nothing to compare");
    assert!(matches!(error, FigureError::TooFewBackends { .. }), "{error}");
}

#[test]
fn equal_data_give_equal_bytes_in_every_form() {
    let dataset = plausible(6, 300, &["packet", "flowsim", "flowsim-window", "m4", "ideal", "another"]);
    let (first, second) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    for figure in figures::all() {
        let one =
            figures::write(*figure, &dataset, &against("packet"), &Page::default(), first.path()).expect("it draws");
        let two = figures::write(*figure, &dataset.clone(), &against("packet"), &Page::default(), second.path())
            .expect("it draws");
        assert_eq!(one.caption, two.caption);
        let files = [(&one.svg, &two.svg), (&one.pdf, &two.pdf), (&one.png, &two.png), (&one.csv, &two.csv)];
        for (a, b) in files {
            let (a_bytes, b_bytes) = (std::fs::read(a).expect("written"), std::fs::read(b).expect("written"));
            assert!(a_bytes == b_bytes, "{} differs between two drawings", a.display());
        }
        let pdf = std::fs::read(&one.pdf).expect("written");
        let has = |text: &str| pdf.windows(text.len()).any(|w| w == text.as_bytes());
        assert!(has("DejaVuSans") && !has("CreationDate"), "the PDF embeds the font and has no date");
    }
    assert_eq!(std::fs::read_dir(first.path()).expect("the directory").count(), 5 * figures::all().len());
}

#[test]
fn degenerate_data_are_drawn_or_refused_but_never_panic() {
    let cases: Vec<(&str, Vec<f64>, f64)> = vec![
        ("a single flow", vec![2.5], 1.0),
        ("equal slowdowns", vec![1.0; 40], 1.0),
        ("nothing finished", vec![f64::NAN; 40], 1.0),
        ("zero runtime", vec![1.0, 2.0, 3.0], 0.0),
        ("not a time", vec![1.0, 2.0, 3.0], f64::NAN),
        ("faster than possible, or never", vec![0.2, 0.0, f64::INFINITY, 1e9], 1e-9),
        ("no flows", vec![], 1.0),
        ("the largest and the smallest number", vec![f64::MAX, f64::MIN_POSITIVE, 1.0], f64::MAX),
        ("negative", vec![-1.0, 2.0], -1.0),
        ("a tiny time", vec![1e-300, 1e300], 5e-324),
    ];
    for (case, slowdown, cpu) in cases {
        let sizes = vec![1_000; slowdown.len()];
        let pair = vec![("packet", run(slowdown.clone(), cpu, true)), ("flowsim", run(slowdown, cpu, false))];
        let dataset = Dataset { scenarios: vec![scenario(0, &sizes, pair)] };
        for figure in figures::all() {
            let out = tempfile::tempdir().expect("a temporary directory");
            match figures::write(*figure, &dataset, &against("packet"), &Page::default(), out.path()) {
                Ok(written) => assert!(written.png.exists(), "{case}"),
                Err(error) => assert!(error.is_missing_data(), "{case}: {error}"),
            }
        }
    }
}

#[test]
fn a_million_flows_draw_and_stay_under_a_megabyte() {
    let dataset = plausible(1, 1_000_000, &["packet", "flowsim", "flowsim-window", "m4"]);

    for figure in figures::all() {
        let started = cpu_time::ProcessTime::now();
        let Ok(table) = figure.data(&dataset, &against("packet")) else { continue };
        let data = started.elapsed();
        let bytes = figures::svg(*figure, &table, &Page::default()).expect("it draws").len();
        let all = started.elapsed();
        println!("{}: {bytes} bytes of SVG, CPU time {data:.2?} for the data, {all:.2?} in all", figure.name());
        assert!(bytes < 1_000_000, "{}: {bytes} bytes of SVG", figure.name());
    }
}

#[test]
fn a_failed_write_leaves_no_temporary_files() {
    let out = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir(out.path().join("runtime.csv")).expect("a directory in the way");
    let dataset = plausible(2, 10, &["packet", "flowsim"]);
    let error = figures::write(named("runtime"), &dataset, &against("packet"), &Page::default(), out.path())
        .expect_err("in the way");
    assert!(matches!(error, FigureError::Write { .. }) && !error.is_missing_data(), "{error}");
    let names = std::fs::read_dir(out.path()).expect("the directory").map(|e| e.expect("an entry").file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().ends_with(".tmp")));
}

fn keep(dataset: &Dataset, request: &Request, dir: &Path) {
    for figure in figures::all() {
        match figures::write(*figure, dataset, request, &Page::default(), dir) {
            Ok(written) => println!("{}: {}", written.png.display(), written.caption),
            Err(error) => assert!(error.is_missing_data(), "{error}"),
        }
    }
}

#[test]
fn demonstration_figures_draw() {
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let kept = std::env::var_os("MIXLAB_KEEP_FIGURES").map(std::path::PathBuf::from);
    let dir = kept.unwrap_or_else(|| temporary.path().to_path_buf());
    let four = ["packet", "flowsim", "flowsim-window", "m4"];
    keep(&plausible(6, 2000, &four), &against("packet"), &dir.join("six"));
    keep(&plausible(40, 2000, &four), &against("packet"), &dir.join("forty"));
    let many = [
        "ns3",
        "packet",
        "flowsim",
        "flowsim-window",
        "coarse",
        "m4",
        "ideal",
        "pmn",
        "my-own-simulator-with-a-long-name",
    ];
    let mut messy = plausible(12, 500, &many);
    messy.scenarios[4].runs.remove("m4");
    messy.scenarios[4].missing.insert("m4".into(), "timed out after 600 s".into());
    for scenario in &mut messy.scenarios {
        if let Some(run) = scenario.runs.get_mut("flowsim") {
            run.timed_alone = false;
            let unfinished = |(i, s): (usize, &f64)| if i % 40 == 0 { f64::NAN } else { *s };
            run.slowdown = run.slowdown.iter().enumerate().map(unfinished).collect::<Vec<_>>().into();
        }
    }
    keep(&messy, &against("ns3"), &dir.join("messy"));
    keep(&plausible(1, 2000, &["packet", "flowsim"]), &against("packet"), &dir.join("single"));
    let mut wide = plausible(20, 2000, &["ns3", "packet", "m4", "ideal"]);
    for (i, scenario) in wide.scenarios.iter_mut().enumerate() {
        let factor = |at: usize, scale: f64| 1.0 + scale * ((at * 37 + i * 101) % 97) as f64;
        for (id, scale) in [("packet", 1e-5 * (i + 1) as f64), ("m4", -0.006)] {
            let run = scenario.runs.get_mut(id).expect("the run is there");
            run.slowdown = run.slowdown.iter().enumerate().map(|(at, s)| s * factor(at, scale)).collect();
        }
    }
    keep(&wide, &against("ns3"), &dir.join("wide"));
    let mut no_baseline = plausible(6, 2000, &["flowsim", "flowsim-window"]);
    no_baseline.scenarios.iter_mut().for_each(|s| s.size_bytes = Arc::from(vec![20_000; 2000]));
    for name in ["slowdown-cdf", "runtime"] {
        figures::write(named(name), &no_baseline, &Request::default(), &Page::default(), &dir.join("no-baseline"))
            .expect("it draws");
    }
}
