//! Tables of single figures against values computed by hand, pages, filters, and what is worked out for figures only.

use crate::figures::{against, close, comparing, named, numbers, plausible, run, scenario};
use mixlab::dataset::Dataset;
use mixlab::figures::{self, Filter, Page, Request, Theme};
use mixlab::statistics::{quantile, sorted};
use mixlab_contract::conformance::{Scope, random_scenario};
use mixlab_contract::{Backend, FlowOutcome, Silent};
use mixlab_packet::PacketBackend;

#[test]
fn boxes_are_quartiles_with_whiskers_within_one_and_a_half_of_their_range() {
    // Errors of 1 to 5 % and one of 50 %: quartiles 2.25 and 4.75, so whiskers end at 1 and 5 and 50 is a dot.
    let one = |mix: u64, error: f64, cc: &str| {
        let runs = [("packet", 2.0), ("m4", 2.0 * (1.0 + error))].map(|(id, s)| (id, run(vec![s; 4], 1.0, true)));
        let mut s = scenario(mix, &[100; 4], runs.to_vec());
        s.attributes.cc = cc.into();
        s
    };
    let errors = [0.01, 0.02, 0.03, 0.04, 0.05, 0.5];
    let mut scenarios: Vec<_> = errors.iter().enumerate().map(|(i, e)| one(i as u64, *e, "hp")).collect();
    scenarios.extend([one(6, 0.2, "dctcp"), one(7, 0.1, "dctcp")]);
    let table = named("error-boxes").data(&Dataset { scenarios }, &against("packet")).expect("data is complete");
    let boxed = numbers(&table, &[(0, "congestion control"), (1, "hp"), (2, "m4")], &[3, 5]);
    let by_hand = [1.0, 2.25, 3.5, 4.75, 5.0, 50.0].map(|v| vec![6.0, v]);
    assert!(close(&boxed, &by_hand), "{boxed:?}");
    let few = numbers(&table, &[(0, "congestion control"), (1, "dctcp"), (4, "scenario")], &[3, 5]);
    assert!(close(&few, &[vec![2.0, 10.0], vec![2.0, 20.0]]), "{few:?}");
    assert!(named("error-boxes").caption(&table).contains("hosts"), "what does not vary is said");
}

#[test]
fn a_filter_chooses_scenarios_and_the_caption_says_so() {
    let dataset = plausible(6, 60, &["packet", "flowsim"]);
    let request = Request { filter: Some(Filter::parse("cc=hp").expect("a filter")), ..against("packet") };
    for figure in comparing() {
        let Ok(table) = figure.data(&dataset, &request) else { continue };
        assert_eq!(table.scope.scenarios.len(), 2, "{}", figure.name());
        assert!(figure.caption(&table).contains("with cc=hp"), "{}", figure.name());
    }
    let none = Request { filter: Some(Filter::parse("load>5").expect("a filter")), ..against("packet") };
    let error = named("error-cdf").data(&dataset, &none).expect_err("no scenario has such a load");
    assert!(error.is_missing_data() && error.to_string().contains("load>5"), "{error}");
}

#[test]
fn a_trace_shows_the_flows_asked_for() {
    let dataset = plausible(3, 500, &["packet", "flowsim"]);
    let request = Request { flows: Some((490, 100)), ..against("packet") };
    let table = named("trace").data(&dataset, &request).expect("there are flows");
    let flows = numbers(&table, &[(4, "flowsim")], &[2]);
    assert_eq!((flows[0][0], flows[9][0], flows.len()), (490.0, 499.0, 10));
    let error = named("trace").data(&dataset, &Request { flows: Some((500, 1)), ..against("packet") });
    assert!(error.expect_err("there is no flow 500").is_missing_data());
}

#[test]
fn completion_is_from_the_first_release_to_the_last_delivery_of_runs_that_finished() {
    let one = |mix: u64, limit: u64, slowdown: Vec<f64>| {
        let mut r = run(slowdown.clone(), 1.0, true);
        r.start_ns = vec![1_000_000_000, 1_002_000_000].into();
        r.fct_ns = slowdown.iter().map(|s| if s.is_nan() { u64::MAX } else { (s * 1e6) as u64 }).collect();
        let mut s = scenario(mix, &[100; 2], vec![("packet", r)]);
        s.attributes.max_inflight_flows = limit;
        s
    };
    let unfinished = one(2, 2, vec![1.0, f64::NAN]);
    let scenarios = vec![one(0, 8, vec![9.0, 3.0]), one(1, 2, vec![1.0, 4.0]), unfinished, one(3, 0, vec![1.0; 2])];
    let table = named("completion").data(&Dataset { scenarios }, &Request::default()).expect("closed loops");
    let rows = numbers(&table, &[(1, "packet")], &[0, 2, 5]);
    assert!(close(&rows, &[vec![2.0, 1.0, 6.0], vec![8.0, 0.0, 9.0]]), "{rows:?}");
    assert!(named("completion").caption(&table).contains("packet 1"), "the unfinished run is said");
}

#[test]
fn shares_of_bytes_and_of_flows_are_those_of_the_sizes() {
    let dataset = Dataset { scenarios: vec![scenario(0, &[10, 10, 80], vec![])] };
    let table = named("flow-sizes").data(&dataset, &Request::default()).expect("no run is needed");
    let of = |panel| numbers(&table, &[(0, panel)], &[3, 4]);
    let third = 2.0 / 3.0;
    assert!(close(&of("flows"), &[vec![10.0, 0.0], vec![10.0, third], vec![80.0, third], vec![80.0, 1.0]]));
    assert!(close(&of("bytes"), &[vec![10.0, 0.0], vec![10.0, 0.2], vec![80.0, 0.2], vec![80.0, 1.0]]));
}

#[test]
fn signed_errors_keep_their_sign_and_sizes_lose_it() {
    let runs = vec![("packet", run(vec![2.0; 3], 1.0, true)), ("m4", run(vec![1.0, 3.0, f64::NAN], 1.0, true))];
    let dataset = Dataset { scenarios: vec![scenario(0, &[1; 3], runs)] };
    let table = named("flow-error-cdf").data(&dataset, &against("packet")).expect("two flows finished");
    let of = |panel| numbers(&table, &[(0, panel)], &[1, 3, 4]);
    assert!(close(&of("magnitude"), &[vec![2.0, 50.0, 0.0], vec![2.0, 50.0, 1.0]]));
    assert_eq!(of("signed").first(), Some(&vec![2.0, -50.0, 0.0]));
    assert_eq!(of("signed").last(), Some(&vec![2.0, 50.0, 1.0]));
}

#[test]
fn percentiles_by_size_are_those_of_the_comparison_with_an_interval_around() {
    let dataset = plausible(4, 4000, &["packet", "flowsim"]);
    let table = named("p99-bars").data(&dataset, &against("packet")).expect("data is complete");
    let all: Vec<f64> = dataset.scenarios.iter().flat_map(|s| s.runs["flowsim"].slowdown.to_vec()).collect();
    let p99 = quantile(&sorted(all), 0.99).expect("flows");
    let row = &numbers(&table, &[(0, "all flows"), (2, "flowsim")], &[1, 3, 4, 5])[0];
    assert!((row[1] - p99).abs() < 1e-12 && row[0] == 16_000.0, "{row:?}, {p99}");
    assert!(row[2] <= row[1] && row[1] <= row[3] && row[3] < 2.0 * row[1], "{row:?}");
}

#[test]
fn a_page_has_its_width_its_dots_and_its_colours_and_the_table_stays() {
    let dataset = plausible(4, 200, &["packet", "flowsim", "m4"]);
    let page = Page { narrow: true, theme: Theme::Dark, dpi: 72.0 };
    let out = tempfile::tempdir().expect("a temporary directory");
    for figure in figures::all() {
        let Ok(table) = figure.data(&dataset, &against("packet")) else { continue };
        let narrow = figures::write(*figure, &dataset, &against("packet"), &page, out.path()).expect("it draws");
        assert_eq!(table.to_csv(), std::fs::read_to_string(&narrow.csv).expect("written"), "{}", figure.name());
        let svg = std::fs::read_to_string(&narrow.svg).expect("written");
        assert!(svg.starts_with("<svg width=\"240pt\"") && svg.contains("#16181C"), "{}", figure.name());
        let png = std::fs::read(&narrow.png).expect("written");
        assert_eq!(u32::from_be_bytes([png[16], png[17], png[18], png[19]]), 240, "240 pt at 72 dpi");
    }
}

#[test]
fn the_busiest_channel_of_the_traffic_has_the_delivered_load() {
    for seed in 0..20 {
        let scenario = random_scenario(seed, Scope { flows: 300, ..Scope::default() });
        let traffic = mixlab::details::traffic(&scenario);
        let busiest = traffic.channels.iter().map(|c| c.load).filter(|l| l.is_finite()).fold(0.0, f64::max);
        let delivered = mixlab::workload::delivered_load(&scenario);
        assert!((busiest - delivered).abs() <= 1e-9 * delivered, "seed {seed}: {busiest} and {delivered}");
        assert_eq!(traffic.rack_flows.iter().sum::<u64>(), scenario.flows().len() as u64);
        assert_eq!(traffic.rack_bytes.iter().sum::<u64>(), scenario.flows().iter().map(|f| f.size.0).sum::<u64>());
    }
}

#[test]
fn queues_are_watched_until_the_last_delivery() {
    let runs = |seed: &u64| {
        let scenario = random_scenario(*seed, Scope { flows: 200, ..Scope::default() });
        PacketBackend::NS3.check(&scenario).is_ok()
    };
    let seed = (0..100).find(runs).expect("the packet engine runs some random scenario");
    let scenario = random_scenario(seed, Scope { flows: 200, ..Scope::default() });
    let output = PacketBackend::NS3.run(&scenario, &Silent).expect("the engine runs it");
    let end = |o: &FlowOutcome| match o {
        FlowOutcome::Completed { start, fct } => (*start + *fct).ns_floor(),
        FlowOutcome::Unfinished { .. } => 0,
    };
    let last = output.outcomes.iter().map(end).max().expect("flows");
    let clean = mixlab::details::queues(&scenario, true, last).expect("the other fidelity runs it, too");
    assert_eq!(clean.backend, "packet-clean");
    let series = mixlab::details::queues(&scenario, false, last).expect("the engine runs it again");
    assert_eq!(series.backend, "packet");
    let ports = series.channels.len();
    assert!(ports > 0 && series.queued_bytes.len() == series.utilisation.len());
    assert!(series.queued_bytes.len() / ports > 2_000, "it is sampled to the last delivery");
    assert!(series.queued_bytes.iter().any(|q| *q > 0) && series.utilisation.iter().any(|u| *u > 0.0));
}
