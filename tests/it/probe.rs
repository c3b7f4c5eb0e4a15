//! `probe`: runs under probes are the runs without, files hold what the probes saw, errors name what there is.

use crate::program::{file, reference, run_expecting};
use mixlab::probe::{Channels, Probes, Request};
use mixlab_contract::conformance::{Scope, random_scenario};
use mixlab_contract::files::{PfcKind, read_pfc, write_pfc};
use mixlab_contract::supervision::Moment;
use mixlab_contract::{Backend, Bytes, FlowOutcome, RunOutput, Scenario, Silent, SimDuration};
use mixlab_packet::PacketBackend;
use mixlab_packet::probe::FlowTrace;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

fn demo() -> String {
    file("spec/demo.mix.json").display().to_string()
}

/// A random scenario, with small buffers, so that there are pauses.
fn scenario(seed: u64) -> Scenario {
    let mut parts = random_scenario(seed, Scope::default()).into_parts();
    parts.transport.buffer = Bytes(30_000 + 1_000 * seed);
    Scenario::new(parts).expect("still valid")
}

/// Lines of a table without its header, each split into its cells.
fn rows(folder: &Path, name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(folder.join(name)).expect("written");
    text.lines().skip(1).map(|l| l.split(',').map(str::to_owned).collect()).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("readable");
    let mut names: Vec<_> = entries.map(|e| e.expect("readable").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

const FILES: [&str; 6] = ["acks.csv", "moment_queues.csv", "moments.csv", "pfc.txt", "queues.csv", "remaining.csv"];

#[test]
fn runs_under_probes_are_the_runs_without_and_files_hold_what_the_probes_saw() {
    let mut pauses = 0;
    for seed in 0..20 {
        for backend in [PacketBackend::NS3, PacketBackend::CLEAN] {
            let scenario = scenario(seed);
            let folder = tempfile::tempdir().expect("a temporary folder");
            let chosen = scenario.indices().next().expect("there are flows");
            let request = Request {
                queues: Some((Channels::Busiest(3), SimDuration::from_ns(7_000))),
                pfc: true,
                acks: vec![scenario.flow(chosen).id],
                moments: true,
            };
            let probes = Probes::of(&request, &scenario).expect("they exist");
            let recorded = probes.record(backend, &scenario, folder.path(), &Silent).expect("a supported scenario");
            assert_eq!(recorded.output, backend.run(&scenario, &Silent).expect("a supported scenario"));
            assert_eq!(names(folder.path()), FILES);
            for (path, count) in &recorded.files {
                let lines = std::fs::read_to_string(path).expect("written").lines().count() as u64;
                assert_eq!(lines, count + u64::from(!path.ends_with("pfc.txt")), "{}", path.display());
            }
            pauses += pfc_is_readable(folder.path(), &recorded.output);
            acks_are_those_of_the_trace(folder.path(), backend, &scenario, FlowTrace::of([chosen]));
            moments_are_the_supervision(folder.path(), backend, &scenario);
            samples_are_of_all_channels_at_equal_intervals(&rows(folder.path(), "queues.csv"));
        }
    }
    assert!(pauses > 0, "no pause was ever seen");
}

fn samples_are_of_all_channels_at_equal_intervals(rows: &[Vec<String>]) {
    let channels: BTreeSet<_> = rows.iter().map(|r| (&r[1], &r[2])).collect();
    let (count, times) = (channels.len(), rows.iter().map(|r| r[0].parse().expect("ns")).collect::<Vec<f64>>());
    assert!((1..=3).contains(&count), "at most three were asked for, and small networks have fewer");
    assert!(times.chunks(count).all(|t| t.len() == count && t.iter().all(|x| *x == t[0])));
    assert!(times.windows(count + 1).all(|w| (w[count] - w[0] - 7_000.0).abs() < 1e-3));
}

fn pfc_is_readable(folder: &Path, output: &RunOutput) -> u64 {
    let text = std::fs::read_to_string(folder.join("pfc.txt")).expect("written");
    let events = read_pfc("pfc.txt", &text).expect("the contract's form");
    assert_eq!(write_pfc(&events), text);
    let sent = events.iter().filter(|e| e.kind == PfcKind::PauseSent).count() as u64;
    assert_eq!(sent, output.counters.pauses);
    sent
}

fn acks_are_those_of_the_trace(folder: &Path, backend: PacketBackend, scenario: &Scenario, trace: FlowTrace) {
    let (_, trace) = backend.observe(scenario, trace, &Silent).expect("a supported scenario");
    let rows = rows(folder, "acks.csv");
    assert_eq!(rows.len(), trace.records.len());
    for (row, ack) in rows.iter().zip(&trace.records) {
        let ps = |cell: &str| (cell.parse::<f64>().expect("ns") * 1000.0).round() as u64;
        assert_eq!((ps(&row[0]), ps(&row[5])), (ack.time.ps(), ack.rtt.ps()));
        assert_eq!(row[1], scenario.flow(ack.flow).id.to_string());
        assert_eq!((row[2] == "nack", row[3] == "1"), (ack.nack, ack.echo));
        let numbers: Vec<u64> = [4, 6, 7, 8, 9].iter().map(|i| row[*i].parse().expect("whole")).collect();
        assert_eq!(numbers, [ack.sequence, ack.rate, ack.window, ack.unacknowledged, ack.next]);
    }
}

fn moments_are_the_supervision(folder: &Path, backend: PacketBackend, scenario: &Scenario) {
    let output = backend.supervised().run(scenario, &Silent).expect("a supported scenario");
    let supervision = output.supervision.expect("it was asked for");
    let moments: Vec<Moment> = supervision.moments().collect::<Result<_, _>>().expect("well formed");
    let (remaining, queues) = (rows(folder, "remaining.csv"), rows(folder, "moment_queues.csv"));
    let (mut remaining, mut queues) = (remaining.into_iter(), queues.into_iter());
    let table = rows(folder, "moments.csv");
    assert_eq!(table.len(), moments.len());
    let delivered = table.iter().filter(|r| r[2] == "delivered").count();
    assert_eq!(delivered, output.outcomes.iter().filter(|o| matches!(o, FlowOutcome::Completed { .. })).count());
    for (number, (row, moment)) in table.iter().zip(&moments).enumerate() {
        assert_eq!((&row[0], &row[3]), (&number.to_string(), &scenario.flow(moment.flow).id.to_string()));
        for (flow, left) in &moment.remaining {
            let want = [number.to_string(), scenario.flow(*flow).id.to_string(), left.0.to_string()];
            assert_eq!(remaining.next().expect("a row per active flow"), want);
        }
        for (channel, bytes) in &moment.queues {
            let ends =
                [scenario.topology().tail(*channel), scenario.topology().head(*channel)].map(|n| n.0.to_string());
            let [from, to] = ends;
            assert_eq!(queues.next().expect("a row per queue"), [number.to_string(), from, to, bytes.0.to_string()]);
        }
    }
    assert!(remaining.next().is_none() && queues.next().is_none());
}

#[test]
fn a_stored_scenario_and_its_mix_give_the_same_files_under_the_same_seed() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (at, demo) = (dir.path(), demo());
    let call = |code, more: &[&str]| {
        let base = ["--root", "r", "--nr-flows", "200"];
        run_expecting(code, at, &[&base[..], more].concat())
    };
    call(0, &["--mixes", &demo, "-q", "flowsim"]);
    let probes = ["--queues", "--every", "20us", "--channels", "busiest", "4", "--pfc", "--acks", "0,7", "--moments"];
    let (plan, _) = call(0, &[&["--mixes", &demo, "--dry-run", "probe", "--mix-id", "1"], &probes[..]].concat());
    assert!(!at.join("probe").exists(), "a dry run writes nothing");
    let digest = plan.split_whitespace().nth(1).expect("scenario DIGEST").trim_end_matches(':').to_owned();
    call(0, &[&["--mixes", &demo, "probe", "--mix-id", "1", "--out", "a"], &probes[..]].concat());
    call(0, &[&["probe", "--mix-id", "1", "--out", "b"], &probes[..]].concat());
    call(0, &[&["--mixes", &demo, "probe", "--scenario", &digest, "--out", "c"], &probes[..]].concat());
    assert_eq!(names(&at.join("a")), FILES);
    for name in FILES {
        let read = |folder: &str| std::fs::read(at.join(folder).join(name)).expect("written");
        assert!(read("a") == read("b") && read("b") == read("c"), "{name} differs");
    }
}

#[test]
fn errors_name_what_there_is_and_leave_no_files() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (at, demo) = (dir.path(), demo());
    let tcp = file("spec/tcp.mix.json").display().to_string();
    let probe = |code, mixes: &str, more: &[&str], words: &str| {
        let base = ["--nr-flows", "2000", "--mixes", mixes, "probe", "--out", "out"];
        let (_, err) = run_expecting(code, at, &[&base[..], more].concat());
        assert!(err.contains(words), "{more:?}: {err}");
    };
    let of_demo = |code, more: &[&str], words: &str| probe(code, &demo, &[&["--mix-id", "0"], more].concat(), words);
    of_demo(2, &[], "--queues");
    of_demo(2, &["--acks", "2000"], "there is no flow 2000: the 2000 flows have ids from 0 to 1999");
    of_demo(2, &["--queues", "--channels", "0-1"], "there is no channel from 0 to 1: those from there lead to");
    of_demo(2, &["--queues", "--channels", "9999-1"], "nodes go from 0 to");
    of_demo(2, &["--queues", "--channels", "busiest", "none"], "busiest N");
    of_demo(2, &["--queues", "--every", "10"], "a whole number with ns");
    of_demo(2, &["--pfc", "--every", "1us"], "--queues");
    of_demo(5, &["--pfc", "--timeout", "1ms"], "time limit of 0.001 s");
    let unwritable = ["--mixes", &demo, "-q", "probe", "--mix-id", "0", "--pfc", "--out", "/dev/null/x"];
    let (_, err) = run_expecting(1, at, &unwritable);
    assert!(err.contains("cannot write /dev/null/x/pfc.txt"), "{err}");
    probe(2, &demo, &["--pfc"], "--mix-id");
    probe(2, &demo, &["--pfc", "--mix-id", "77"], "there is no mix 77");
    probe(4, &tcp, &["--pfc", "--mix-id", "0"], "backend `packet` can't run this scenario");
    probe(7, &demo, &["--pfc", "--scenario", "00"], "no store");
    assert!(!at.join("out").exists() || names(&at.join("out")).is_empty(), "no file is left");
}

/// Four runs of the real program, one per congestion control.
#[test]
fn the_pfc_log_of_an_imported_scenario_is_the_one_of_its_program_to_the_byte() {
    let Some(micro) = reference("truth/micro") else { return };
    let dir = tempfile::tempdir().expect("a temporary folder");
    let names = ["dcqcn", "dctcp", "hp", "timely"].map(|cc| format!("incast8_victim_pfc1_{cc}"));
    for name in names {
        let folder = micro.join(&name);
        run_expecting(
            0,
            dir.path(),
            &["--root", &name, "-q", "import", "--name", "ns3-lab", &folder.display().to_string()],
        );
        run_expecting(0, dir.path(), &["--root", &name, "-q", "probe", "--pfc", "--out", &format!("{name}-probe")]);
        let ours = std::fs::read_to_string(dir.path().join(format!("{name}-probe/pfc.txt"))).expect("written");
        let mut theirs = String::new();
        let packed = std::fs::File::open(folder.join("pfc.txt.gz")).expect("readable");
        flate2::read::GzDecoder::new(packed).read_to_string(&mut theirs).expect("gzip");
        assert!(!ours.is_empty() && ours == theirs, "{name}");
    }
}
