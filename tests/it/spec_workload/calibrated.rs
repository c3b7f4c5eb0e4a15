//! The `calibrated` generator delivers its load; both generators obey the laws of workloads.

use super::{mixes, options, shipped_spec};
use mixlab::spec::{LoadedMix, SizeDistribution, json::Document};
use mixlab::workload::{Generator, Problem, WorkloadOptions, delivered_load, scenario};
use mixlab_contract::{Application, Scenario, SimTime};
use std::path::Path;
use std::sync::Arc;

const BOTH: [Generator; 2] = [Generator::Compat, Generator::Calibrated];

fn demo() -> Vec<LoadedMix> {
    mixes(&shipped_spec().join("demo.mix.json"))
}

fn made(mix: &LoadedMix, options: &WorkloadOptions) -> Scenario {
    scenario(mix, options).unwrap_or_else(|e| panic!("{e}"))
}

fn sizes(text: &str) -> Arc<SizeDistribution> {
    let document = Document::new(Path::new("sizes"), text.into());
    Arc::new(SizeDistribution::parse(&document).unwrap_or_else(|e| panic!("{e}")))
}

#[test]
fn the_busiest_channel_gets_the_load_asked_for() {
    for mix in demo() {
        for seed in 0..5 {
            let s = made(&mix, &WorkloadOptions { seed, ..options(2000, Generator::Calibrated) });
            let (got, want) = (delivered_load(&s), mix.mix.max_load);
            assert!((got / want - 1.0).abs() < 1e-6, "mix {} seed {seed}: {got}, asked for {want}", mix.mix.id);
        }
    }
}

#[test]
fn with_light_tails_the_load_is_also_spread_over_time() {
    // Each half of the arrivals carries about half of the busiest channel's bytes, so the target is not met by one burst.
    let mut mix = demo().remove(0);
    mix.sizes = sizes("5000 0\n15000 100\n");
    let s = made(&mix, &options(20_000, Generator::Calibrated));
    let (first, last) = (s.flows()[0].start, s.flows()[19_999].start);
    let middle = SimTime::from_ps(first.ps().midpoint(last.ps()));
    let early: u64 = s.flows().iter().filter(|f| f.start < middle).map(|f| f.size.0).sum();
    let all: u64 = s.flows().iter().map(|f| f.size.0).sum();
    let share = early as f64 / all as f64;
    assert!((share - 0.5).abs() < 0.05, "{share} of the bytes arrive in the first half");
}

#[test]
fn gaps_have_the_burstiness_asked_for() {
    let mut mix = demo().remove(0);
    for sigma in [1.0, 2.0] {
        mix.mix.lognorm_sigma = sigma;
        let s = made(&mix, &options(20_000, Generator::Calibrated));
        let gaps = s.flows().windows(2).map(|w| w[1].start.since(w[0].start).ns_floor().max(1) as f64);
        let logs: Vec<f64> = gaps.map(f64::ln).collect();
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        let deviation = (logs.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / logs.len() as f64).sqrt();
        assert!((deviation / sigma - 1.0).abs() < 0.03, "σ of the gaps is {deviation}, asked for {sigma}");
    }
}

#[test]
fn equal_arguments_give_equal_scenarios_and_other_seeds_others() {
    let mix = demo().remove(2);
    for generator in BOTH {
        let o = options(500, generator);
        let first = made(&mix, &o);
        assert_eq!(first.digest(), made(&mix, &o).digest());
        assert_ne!(first.digest(), made(&mix, &WorkloadOptions { seed: 1, ..o }).digest());
    }
}

#[test]
fn calibrated_streams_differ_by_workload_and_agree_across_transports_and_ids() {
    let mix = demo().remove(0);
    let o = options(200, Generator::Calibrated);
    let flows = |mix: &LoadedMix| made(mix, &o).flows().to_vec();
    let base = flows(&mix);
    let mut other = mix.clone();
    (other.mix.id, other.mix.window, other.mix.param_1) = (77, 9_000, 11.0);
    assert_eq!(flows(&other), base, "only transport and id differ");
    let pairs = |flows: &[mixlab_contract::Flow]| flows.iter().map(|f| (f.src, f.dst, f.size)).collect::<Vec<_>>();
    other.mix.max_load = 0.31;
    assert_ne!(pairs(&flows(&other)), pairs(&base), "another load is another stream");
    let mut other = mix.clone();
    other.sizes = sizes("5000 0\n15000 100\n");
    assert_ne!(flows(&other), base);
}

#[test]
fn an_application_asks_for_everything_at_one_second_in_file_order() {
    let mut mix = demo().remove(1);
    for generator in BOTH {
        let open = made(&mix, &options(300, generator));
        mix.mix.max_inflight_flows = 4;
        let closed = made(&mix, &WorkloadOptions { enable_app: true, ..options(300, generator) });
        assert_eq!(closed.application(), Application::ClosedLoop { max_inflight: 4, hosts_per_group: 16 });
        assert!(closed.flows().iter().all(|f| f.start == SimTime::from_ns(1_000_000_000)));
        let what = |s: &Scenario| s.flows().iter().map(|f| (f.id, f.src, f.dst, f.size)).collect::<Vec<_>>();
        assert_eq!(what(&open), what(&closed));
        assert_eq!(closed.horizon(), SimTime::from_ns(3_000_000_000));
        assert_eq!(delivered_load(&closed), 0.0);
        mix.mix.max_inflight_flows = 0;
        let all_at_once = made(&mix, &WorkloadOptions { enable_app: true, ..options(300, generator) });
        assert_eq!(all_at_once.application(), Application::Open);
    }
}

#[test]
fn workloads_that_cannot_be_are_errors_that_name_mix_and_files() {
    let base = demo().remove(0);
    let spatial = |text: &str| {
        let document = Document::new(Path::new("spatial"), text.into());
        Arc::new(mixlab::spec::SpatialMatrix::parse(&document, &mut Vec::new()).unwrap_or_else(|e| panic!("{e}")))
    };
    let cluster = |text: &str| {
        let document = Document::new(Path::new("cluster"), text.into());
        Arc::new(mixlab::spec::Cluster::parse(&document, &mut Vec::new()).unwrap_or_else(|e| panic!("{e}")))
    };
    for generator in BOTH {
        let fails = |mix: &LoadedMix, nr_flows: usize| {
            let e = scenario(mix, &options(nr_flows, generator)).expect_err("must fail");
            assert!(e.to_string().starts_with("mix 0 of ") && e.to_string().contains("demo.mix.json: "), "{e}");
            *e.problem
        };
        assert!(matches!(fails(&base, 0), Problem::NoFlows));
        let shares = r#""same_rack": 1, "same_pod": 0, "other_pods": 0}"#;
        let mut mix = base.clone();
        mix.spatial = spatial(&format!(r#"{{"pods": 3, "racks_per_pod": 2, {shares}"#));
        assert!(matches!(fails(&mix, 10), Problem::Pods { matrix: 3, pods: 2, .. }));
        mix.spatial = spatial(&format!(r#"{{"pods": 2, "racks_per_pod": 9, {shares}"#));
        assert!(matches!(fails(&mix, 10), Problem::Racks { racks: 4, needed: 9, .. }));
        let mut mix = base.clone();
        mix.cluster = cluster(
            r#"{"pods": 2, "fabs_per_pod": 1, "spines_per_plane": 1, "racks_per_pod": 4, "hosts_per_rack": 1, "host_rate": "10Gbps"}"#,
        );
        mix.topology = Arc::clone(&mix.cluster.topology);
        assert!(matches!(fails(&mix, 10), Problem::Hosts { hosts: 1, .. }), "a rack of one host cannot talk to itself");
    }
    let mut tiny = base.clone();
    tiny.sizes = sizes("0 0\n1 100\n");
    tiny.mix.max_load = 2.0;
    let compat = *scenario(&tiny, &options(10, Generator::Compat)).expect_err("must fail").problem;
    assert!(matches!(compat, Problem::Gap { .. } | Problem::Mean { .. }), "{compat}");
    made(&tiny, &options(10, Generator::Calibrated));
}

#[test]
fn one_flow_is_a_workload() {
    for generator in BOTH {
        let s = made(&demo()[0], &options(1, generator));
        assert_eq!((s.flows().len(), delivered_load(&s)), (1, 0.0));
    }
}

#[test]
fn delivered_load_is_the_bytes_of_the_busiest_channel_over_the_span_of_arrivals() {
    for generator in BOTH {
        let s = made(&demo()[3], &options(300, generator));
        let starts: Vec<u64> = s.flows().iter().map(|f| f.start.ns_floor()).collect();
        let span_s = (starts.iter().max().expect("flows") - starts.iter().min().expect("flows")) as f64 / 1e9;
        let load = |channel: u32| {
            let channel = mixlab_contract::ChannelId(channel);
            let crossing = s.indices().filter(|i| s.path(*i).contains(&channel));
            let bits: u64 = crossing.map(|i| s.flow(i).size.0 * 8).sum();
            bits as f64 / span_s / s.topology().link(channel).rate.0 as f64
        };
        let busiest = (0..s.topology().channel_count() as u32).map(load).fold(0.0, f64::max);
        assert!((delivered_load(&s) / busiest - 1.0).abs() < 1e-9, "{generator:?}");
    }
}
