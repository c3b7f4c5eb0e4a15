//! Laws of the store: nothing half done, nothing lost or repeated, everything comes back as it went in.

use mixlab::dataset::Attributes;
use mixlab::statistics::{mean, quantile, sorted};
use mixlab::store::{MixEntry, Provenance, Reader, RunMeta, RunStatus, ScenarioId, Selection, StoreError, Writer};
use mixlab_contract::conformance::{Scope, SplitMix, queue_disciplines, random_scenario, under_tcp};
use mixlab_contract::{
    Backend, Counters, FlowOutcome, IdealBackend, Paths, Scenario, Silent, SimDuration, SimTime, TcpVariant, ideal_fct,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, query_as, query_scalar};
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::task::Poll;
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn scenario(seed: u64) -> Scenario {
    random_scenario(seed, Scope::default())
}

fn entry(mix_id: u64) -> MixEntry {
    let attributes = Attributes {
        cc: "dctcp".into(),
        spatial: "matrix A".into(),
        size_dist: "web, \"search\"".into(),
        cluster: "tiny".into(),
        lognorm_sigma: 1.5,
        max_load: 0.1 + mix_id as f64 / 7.0,
        delivered_load: 0.3,
        buffer_bytes: 300_000,
        window_bytes: 18_000,
        hosts: 16,
        max_inflight_flows: 0,
    };
    MixEntry {
        mix_id,
        spec_file: "spec/a.mix.json".into(),
        mix_json: format!("{{\"id\": {mix_id}}}"),
        seed: 0,
        nr_flows: 60,
        workload: "compat".into(),
        enable_app: false,
        attributes,
    }
}

fn run(backend: &str, status: RunStatus) -> RunMeta {
    RunMeta {
        backend: backend.into(),
        fingerprint: "v1".into(),
        status,
        started_at_unix_ms: 1_000,
        wall_ns: 2_500_000_000,
        cpu_ns: 2_000_000_000,
        peak_rss_bytes: 4096,
        timed_alone: true,
        phases: vec![("set-up".into(), 5), ("simulate".into(), 7)],
        counters: Counters { events: 11, packets: 12, marks: 13, pauses: 14, drops: 15 },
        provenance: Provenance { host: "here".into(), ..Provenance::default() },
        error: (status != RunStatus::Ok).then(|| "it broke\nbecause of this".into()),
        log_tail: None,
        work_dir: None,
    }
}

/// Plausible outcomes: ideal times stretched at random, some flows unfinished, some never released.
fn outcomes(scenario: &Scenario, seed: u64) -> Vec<FlowOutcome> {
    let mut random = SplitMix(seed);
    let one = |index| {
        let start = scenario.flow(index).start + SimDuration::from_ns(random.below(50));
        match random.below(20) {
            0 => FlowOutcome::Unfinished { start: None },
            1 => FlowOutcome::Unfinished { start: Some(start) },
            _ => {
                let fct = ideal_fct(scenario, index) + SimDuration::from_ps(random.below(9_000_000));
                FlowOutcome::Completed { start, fct }
            }
        }
    };
    scenario.indices().map(one).collect()
}

async fn writer(root: &Path) -> Writer {
    Writer::open(root).await.expect("a root of our own")
}

async fn reader(root: &Path) -> Reader {
    Reader::open(root).await.expect("a store")
}

async fn put(writer: &mut Writer, mix_id: u64, scenario: &Scenario) -> ScenarioId {
    writer.put_scenario(&entry(mix_id), scenario).await.expect("a valid scenario")
}

/// A plain connection, as pandas has one.
async fn plain(root: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(root.join("mixlab.sqlite")).connect().await.expect("an SQLite file")
}

async fn count(root: &Path, from: &'static str) -> i64 {
    let text = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {from}"));
    query_scalar(text).fetch_one(&mut plain(root).await).await.expect("a count")
}

#[tokio::test]
async fn a_root_without_a_store_is_not_found_and_not_touched() {
    let root = folder();
    let missing = Reader::open(root.path()).await.err();
    assert!(matches!(missing, Some(StoreError::NotFound { .. })), "{missing:?}");
    assert_eq!(std::fs::read_dir(root.path()).expect("the folder").count(), 0);
}

#[tokio::test]
async fn a_newer_store_and_foreign_files_are_refused_untouched() {
    let root = folder();
    writer(root.path()).await.close().await.expect("no trouble");
    sqlx::query("PRAGMA user_version = 99").execute(&mut plain(root.path()).await).await.expect("a pragma");
    for refused in [Writer::open(root.path()).await.err(), Reader::open(root.path()).await.err()] {
        assert!(matches!(refused, Some(StoreError::TooNew { found: 99, known: 2, .. })), "{refused:?}");
    }
    for content in ["PRAGMA user_version = 1; CREATE TABLE other (x)", ""] {
        let root = folder();
        if content.is_empty() {
            std::fs::write(root.path().join("mixlab.sqlite"), "not a database at all, ".repeat(100)).expect("a file");
        } else {
            let file = SqliteConnectOptions::new().filename(root.path().join("mixlab.sqlite")).create_if_missing(true);
            sqlx::raw_sql(content).execute(&mut file.connect().await.expect("a file")).await.expect("a table");
        }
        for refused in [Writer::open(root.path()).await.err(), Reader::open(root.path()).await.err()] {
            assert!(matches!(refused, Some(StoreError::NotAStore { .. })), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn a_root_that_is_no_folder_is_an_error_with_its_path() {
    let root = folder();
    let file = root.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let refused = Writer::open(&file.join("below")).await.err().expect("a file has no folders");
    assert!(refused.to_string().contains("below"), "{refused}");
}

#[tokio::test]
async fn storing_a_scenario_twice_changes_nothing() {
    let root = folder();
    let mut writer = writer(root.path()).await;
    let first = put(&mut writer, 1, &scenario(1)).await;
    assert_eq!(first, put(&mut writer, 1, &scenario(1)).await);
    assert_eq!(first, put(&mut writer, 2, &scenario(1)).await, "another mix may make the same scenario");
    assert_ne!(first, put(&mut writer, 3, &scenario(2)).await);
    for (table, rows) in [("scenario", 2), ("mix", 3)] {
        assert_eq!(count(root.path(), table).await, rows, "{table}");
    }
    assert_eq!(count(root.path(), "flow").await as usize, scenario(1).flows().len() + scenario(2).flows().len());
}

#[tokio::test]
async fn numbers_beyond_sqlite_are_refused_by_name_and_leave_nothing() {
    let root = folder();
    let mut writer = writer(root.path()).await;
    let huge = MixEntry { seed: u64::MAX, ..entry(1) };
    let refused = writer.put_scenario(&huge, &scenario(1)).await;
    assert!(matches!(refused, Err(StoreError::OutOfRange { column: "seed", .. })), "{refused:?}");
    assert_eq!(count(root.path(), "scenario").await + count(root.path(), "flow").await, 0);
    put(&mut writer, 1, &scenario(1)).await;
}

#[tokio::test]
async fn an_edited_mix_points_to_its_new_scenario_and_old_runs_stay_unselected() {
    let root = folder();
    let mut writer = writer(root.path()).await;
    let (old, new) = (scenario(1), scenario(2));
    let id = put(&mut writer, 1, &old).await;
    writer.put_run(id, &run("ideal", RunStatus::Ok), &outcomes(&old, 1)).await.expect("a new run");
    put(&mut writer, 1, &new).await;
    let results = reader(root.path()).await.dataset(&Selection::default()).await.expect("readable").scenarios;
    assert_eq!(results.len(), 1);
    assert_eq!((results[0].digest.clone(), results[0].runs.len()), (new.digest(), 0));
    assert_eq!(writer.run_status(&old.digest(), "ideal", "v1").await.expect("readable"), Some(RunStatus::Ok));
    put(&mut writer, 1, &old).await;
    let results = reader(root.path()).await.dataset(&Selection::default()).await.expect("readable").scenarios;
    assert_eq!(results[0].runs.len(), 1, "undoing the edit brings the run back");
}

#[tokio::test]
async fn a_finished_run_is_never_replaced_and_a_failed_one_is() {
    let root = folder();
    let mut writer = writer(root.path()).await;
    let s = scenario(3);
    let id = put(&mut writer, 1, &s).await;
    assert_eq!(writer.run_status(&s.digest(), "b", "v1").await.expect("readable"), None);
    for status in [RunStatus::Failed, RunStatus::Unsupported, RunStatus::Failed] {
        writer.put_run(id, &run("b", status), &[]).await.expect("replaces a run that is not ok");
        assert_eq!(writer.run_status(&s.digest(), "b", "v1").await.expect("readable"), Some(status));
    }
    writer.put_run(id, &run("b", RunStatus::Ok), &outcomes(&s, 1)).await.expect("replaces a failed run");
    for (status, rows) in [(RunStatus::Ok, outcomes(&s, 2)), (RunStatus::Failed, vec![])] {
        let refused = writer.put_run(id, &run("b", status), &rows).await;
        assert!(matches!(refused, Err(StoreError::AlreadyDone { .. })), "{refused:?}");
    }
    assert_eq!(count(root.path(), "run").await, 1);
    assert_eq!(count(root.path(), "outcome").await as usize, s.flows().len());
    assert_eq!(count(root.path(), "run_phase").await, 2);
}

#[tokio::test]
async fn a_run_has_one_outcome_per_flow_or_is_refused() {
    let root = folder();
    let mut writer = writer(root.path()).await;
    let s = scenario(4);
    let (id, mut rows) = (put(&mut writer, 1, &s).await, outcomes(&s, 1));
    let refused = writer.put_run(id, &run("b", RunStatus::Failed), &rows).await;
    assert!(matches!(refused, Err(StoreError::Incomplete { expected: 0, .. })), "{refused:?}");
    rows.pop();
    let refused = writer.put_run(id, &run("b", RunStatus::Ok), &rows).await;
    assert!(matches!(refused, Err(StoreError::Incomplete { .. })), "{refused:?}");
    assert_eq!(count(root.path(), "run").await, 0);
}

/// Polls a future at most `times` times, then drops it.
async fn abandon_after<F: Future>(future: F, times: u32) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut left = times;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test]
async fn an_abandoned_write_leaves_no_rows_and_the_writer_usable() {
    let root = folder();
    let mut writer = writer(root.path()).await;
    let s = random_scenario(5, Scope { flows: 8_000, ..Scope::default() });
    let (id, rows) = (put(&mut writer, 1, &s).await, outcomes(&s, 1));
    for polls in 1.. {
        let done = abandon_after(writer.put_run(id, &run("b", RunStatus::Ok), &rows), polls).await;
        // A plain connection sees the last commit only, whether or not the writer's rollback has come through.
        let stored = (count(root.path(), "run").await, count(root.path(), "outcome").await as usize);
        match done {
            // Abandoned while its commit was under way, the attempt before may have come through after all.
            Some(Err(StoreError::AlreadyDone { .. })) if stored == (1, s.flows().len()) => break,
            Some(result) => {
                result.expect("earlier attempts left nothing behind");
                assert_eq!(stored, (1, s.flows().len()));
                assert!(polls > 5, "put_run was abandoned in the middle several times");
                break;
            }
            None if stored == (0, 0) => {}
            // The commit was under way and came through: then everything is there.
            None => {
                assert_eq!(stored, (1, s.flows().len()));
                break;
            }
        }
    }
}

#[tokio::test]
async fn results_come_back_as_they_went_in() {
    let root = folder();
    let mut writer = writer(root.path()).await;
    let (s, other) = (scenario(6), scenario(7));
    let rows = outcomes(&s, 1);
    let id = put(&mut writer, 8, &s).await;
    put(&mut writer, 5, &other).await;
    writer.put_run(id, &run("b", RunStatus::Ok), &rows).await.expect("a new run");
    writer.put_run(id, &run("c", RunStatus::Failed), &[]).await.expect("a new run");
    let reader = reader(root.path()).await; // beside the open writer
    let all = reader.dataset(&Selection::default()).await.expect("readable").scenarios;
    assert_eq!(all.iter().map(|r| r.mix_id).collect::<Vec<_>>(), [5, 8]);
    let got = &all[1];
    assert_eq!((&got.digest, &got.attributes), (&s.digest(), &entry(8).attributes));
    assert_eq!(got.missing.get("c").map(String::as_str), Some("it broke"));
    let b = &got.runs["b"];
    assert_eq!((b.wall_s, b.cpu_s, b.timed_alone, b.packets, b.events), (2.5, 2.0, true, 12, 11));
    for index in s.indices() {
        let (i, ideal) = (index.index(), ideal_fct(&s, index).ns_nearest());
        let (start, fct) = match rows[i] {
            FlowOutcome::Completed { start, fct } => (start.ns_floor(), fct.ns_nearest()),
            FlowOutcome::Unfinished { start } => (start.map_or(u64::MAX, SimTime::ns_floor), u64::MAX),
        };
        assert_eq!((got.size_bytes[i], got.ideal_fct_ns[i]), (s.flow(index).size.0, ideal));
        assert_eq!((b.start_ns[i], b.fct_ns[i]), (start, fct));
        assert!(if fct == u64::MAX { b.slowdown[i].is_nan() } else { b.slowdown[i] == fct as f64 / ideal as f64 });
    }
    let only = Selection { mix_ids: Some(vec![8]), backends: Some(vec!["c".into()]), ..Selection::default() };
    let some = reader.dataset(&only).await.expect("readable").scenarios;
    assert_eq!((some.len(), some[0].runs.len(), some[0].missing.len()), (1, 0, 1));
}

#[tokio::test]
async fn both_doors_can_move_between_threads() {
    let root = folder();
    let path = root.path().to_owned();
    let digest = tokio::spawn(async move {
        let mut writer = writer(&path).await;
        let s = scenario(1);
        let id = put(&mut writer, 1, &s).await;
        writer.put_run(id, &run("b", RunStatus::Ok), &outcomes(&s, 1)).await.expect("a new run");
        assert!(writer.run_status(&s.digest(), "b", "v1").await.expect("readable").is_some());
        let reader = reader(&path).await;
        reader.dataset(&Selection::default()).await.expect("readable");
        reader.status(&Selection::default()).await.expect("readable");
        reader.load_scenario(&s.digest()).await.expect("stored above");
        writer.close().await.expect("no trouble");
        reader.digest(&Selection::default()).await.expect("readable")
    });
    assert_eq!(digest.await.expect("no panic").len(), 64);
}

#[tokio::test]
async fn status_is_a_full_grid_of_mixes_and_backends() {
    let root = folder();
    let mut writer = writer(root.path()).await;
    let s = scenario(6);
    let id = put(&mut writer, 1, &s).await;
    put(&mut writer, 2, &scenario(7)).await;
    writer.put_run(id, &run("b", RunStatus::Ok), &outcomes(&s, 1)).await.expect("a new run");
    writer.put_run(id, &run("c", RunStatus::Unsupported), &[]).await.expect("a new run");
    let rows = reader(root.path()).await.status(&Selection::default()).await.expect("readable");
    let grid: Vec<_> = rows.iter().map(|r| (r.mix_id, r.backend.as_str(), r.status)).collect();
    let (ok, unsupported) = (Some(RunStatus::Ok), Some(RunStatus::Unsupported));
    assert_eq!(grid, [(1, "b", ok), (1, "c", unsupported), (2, "b", None), (2, "c", None)]);
    assert_eq!((rows[0].wall_ns, rows[0].error.as_deref()), (2_500_000_000, None));
    assert_eq!(rows[1].error.as_deref(), Some("it broke\nbecause of this"));
    let asked = Selection { backends: Some(vec!["d".into()]), mix_ids: Some(vec![2]), ..Selection::default() };
    let rows = reader(root.path()).await.status(&asked).await.expect("readable");
    assert_eq!(rows.iter().map(|r| (r.mix_id, r.backend.as_str(), r.status)).collect::<Vec<_>>(), [(2, "d", None)]);
}

#[tokio::test]
async fn the_ok_run_stored_last_counts_in_the_dataset_and_in_plain_sql_whatever_the_clock_said() {
    let root = folder();
    let mut writer = writer(root.path()).await;
    let s = scenario(9);
    let id = put(&mut writer, 1, &s).await;
    for (fingerprint, started_at_unix_ms, status) in [
        ("old", 10, RunStatus::Ok),
        ("middle", 50, RunStatus::Ok),
        ("new", 30, RunStatus::Ok), // the clock was set back
        ("broken", 40, RunStatus::Failed),
    ] {
        let meta = RunMeta { fingerprint: fingerprint.into(), started_at_unix_ms, ..run("b", status) };
        let rows = if status == RunStatus::Ok { outcomes(&s, started_at_unix_ms) } else { vec![] };
        writer.put_run(id, &meta, &rows).await.expect("a new run");
    }
    let reader = reader(root.path()).await;
    let all = reader.dataset(&Selection::default()).await.expect("readable").scenarios;
    let newest = outcomes(&s, 30);
    let want: Vec<u64> = newest.iter().map(|o| o.fct().map_or(u64::MAX, |f| f.ns_nearest())).collect();
    assert_eq!(*all[0].runs["b"].fct_ns, *want);
    assert!(all[0].missing.is_empty());
    assert_eq!(reader.status(&Selection::default()).await.expect("readable")[0].fingerprint, "new");

    type Row = (i64, String, i64, i64, Option<i64>, Option<f64>);
    let text = "SELECT mix_id, backend, flow_id, size_bytes, fct_ns, slowdown FROM flow_result ORDER BY flow_id";
    let view: Vec<Row> = query_as(text).fetch_all(&mut plain(root.path()).await).await.expect("the documented view");
    assert_eq!(view.len(), s.flows().len());
    for (i, (mix_id, backend, flow_id, size_bytes, fct_ns, slowdown)) in view.into_iter().enumerate() {
        assert_eq!((mix_id, backend.as_str(), flow_id), (1, "b", s.flows()[i].id as i64));
        assert_eq!(size_bytes as u64, all[0].size_bytes[i]);
        assert_eq!(fct_ns.map_or(u64::MAX, |f| f as u64), all[0].runs["b"].fct_ns[i]);
        let ours = all[0].runs["b"].slowdown[i];
        assert_eq!(slowdown, (!ours.is_nan()).then_some(ours));
    }
}

#[tokio::test]
async fn summaries_are_the_statistics_of_the_records() {
    let root = folder();
    let mut writer = writer(root.path()).await;
    let s = scenario(11);
    let id = put(&mut writer, 1, &s).await;
    writer.put_run(id, &run("b", RunStatus::Ok), &outcomes(&s, 1)).await.expect("a new run");
    let all = reader(root.path()).await.dataset(&Selection::default()).await.expect("readable").scenarios;
    let slowdown = &all[0].runs["b"].slowdown;
    let finished = sorted(slowdown.iter().copied().filter(|s| !s.is_nan()).collect());
    let text = "SELECT flows, unfinished, mean_slowdown, p99_slowdown FROM run_summary WHERE bucket = 'all'";
    let row: (i64, i64, Option<f64>, Option<f64>) =
        query_as(text).fetch_one(&mut plain(root.path()).await).await.expect("one summary of all flows");
    let unfinished = slowdown.len() - finished.len();
    assert_eq!(row, (slowdown.len() as i64, unfinished as i64, mean(&finished), quantile(&finished, 0.99)));
    assert_eq!(count(root.path(), "run_summary").await, 6);
}

#[tokio::test]
async fn equal_results_have_equal_digests_in_any_order_and_at_any_time() {
    let (a, b) = (folder(), folder());
    let seeds = [1, 2, 3, 4];
    for (root, order, time) in [(&a, [0, 1, 2, 3], 100), (&b, [3, 1, 0, 2], 900)] {
        let mut writer = writer(root.path()).await;
        for i in order {
            let s = scenario(seeds[i]);
            let id = put(&mut writer, i as u64, &s).await;
            for backend in ["x", "y"] {
                let meta = RunMeta { started_at_unix_ms: time, wall_ns: time, ..run(backend, RunStatus::Ok) };
                writer.put_run(id, &meta, &outcomes(&s, seeds[i])).await.expect("a new run");
            }
        }
        writer.close().await.expect("no trouble");
    }
    let all = Selection::default();
    let (left, right) = (reader(a.path()).await, reader(b.path()).await);
    let digest = left.digest(&all).await.expect("readable");
    assert_eq!(digest, right.digest(&all).await.expect("readable"));
    assert_eq!(digest.len(), 64);
    let part = Selection { backends: Some(vec!["x".into()]), ..all.clone() };
    assert_ne!(digest, left.digest(&part).await.expect("readable"));

    let mut writer = writer(b.path()).await;
    let s = scenario(1);
    let meta = RunMeta { fingerprint: "v2".into(), started_at_unix_ms: 5_000, ..run("x", RunStatus::Ok) };
    let id = put(&mut writer, 0, &s).await;
    writer.put_run(id, &meta, &outcomes(&s, 77)).await.expect("a new run");
    assert_ne!(digest, right.digest(&all).await.expect("readable"), "one run has other outcomes");
}

#[tokio::test]
async fn scenarios_are_rebuilt_to_the_bit() {
    let root = folder();
    let mut writer = writer(root.path()).await;
    let mut scenarios: Vec<Scenario> = (0..150).map(scenario).collect();
    scenarios.push((150..).find_map(|seed| with_foreign_paths(&scenario(seed))).expect("some have several paths"));
    scenarios.push(with_fractional_times(&scenario(151)));
    for variant in TcpVariant::ALL {
        scenarios.extend(queue_disciplines().map(|queue| under_tcp(&scenario(152), variant, queue)));
    }
    for (mix_id, s) in scenarios.iter().enumerate() {
        put(&mut writer, mix_id as u64, s).await;
    }
    assert_eq!(count(root.path(), "scenario WHERE paths IS NOT NULL").await, 1);
    assert_eq!(count(root.path(), "scenario WHERE start_rests_ps IS NOT NULL").await, 1);
    let reader = reader(root.path()).await;
    for s in &scenarios {
        assert_eq!(reader.load_scenario(&s.digest()).await.expect("stored above"), *s);
    }
    let unknown = reader.load_scenario("beef").await;
    assert!(matches!(unknown, Err(StoreError::UnknownScenario { .. })), "{unknown:?}");
}

/// The same scenario with ACKs that take the way of the data back; `None` if ECMP happens to do that too.
fn with_foreign_paths(s: &Scenario) -> Option<Scenario> {
    let mut parts = s.clone().into_parts();
    let (mut data, mut acks) = (Paths::new(), Paths::new());
    for index in s.indices() {
        data.push(s.path(index));
        acks.push(&s.path(index).iter().rev().map(|c| c.reverse()).collect::<Vec<_>>());
    }
    parts.paths = Some((data, acks));
    let changed = Scenario::new(parts).expect("the way back exists");
    (changed != *s).then_some(changed)
}

fn with_fractional_times(s: &Scenario) -> Scenario {
    let mut parts = s.clone().into_parts();
    let last = parts.flows.last_mut().expect("random scenarios have flows");
    last.start = last.start + SimDuration::from_ps(123);
    parts.horizon = SimTime::MAX;
    parts.transport.window = None;
    Scenario::new(parts).expect("still sorted")
}

#[tokio::test]
async fn a_scenario_that_was_tampered_with_is_corrupt() {
    let changes = [
        "UPDATE flow SET size_bytes = size_bytes + 1 WHERE flow_index = 0",
        "DELETE FROM flow WHERE flow_index = 0",
        "UPDATE flow SET src = 4000000000000",
        "UPDATE flow SET start_ns = -1",
        "UPDATE scenario SET paths = x'0100'",
        "UPDATE scenario SET start_rests_ps = x'01'",
        "UPDATE scenario SET transport_json = '{}'",
        "UPDATE topology SET topology_json = '{\"node_count\": 1000000000000000, \"switch_order\": [], \"links\": []}'",
    ];
    for change in changes {
        let root = folder();
        let s = scenario(1);
        let mut writer = writer(root.path()).await;
        put(&mut writer, 1, &s).await;
        writer.close().await.expect("no trouble");
        sqlx::query(change).execute(&mut plain(root.path()).await).await.expect("valid SQL");
        let found = reader(root.path()).await.load_scenario(&s.digest()).await;
        assert!(matches!(found, Err(StoreError::Corrupt { .. })), "{change}: {found:?}");
    }
}

#[tokio::test]
async fn a_second_writer_in_the_same_process_is_locked_out_until_the_first_is_gone() {
    let root = folder();
    std::fs::write(root.path().join("mixlab.lock"), "process 1 on a machine long gone").expect("a stale lock file");
    let first = writer(root.path()).await;
    match Writer::open(root.path()).await.err() {
        Some(StoreError::Locked { by, .. }) => assert!(by.contains(&std::process::id().to_string()), "{by}"),
        other => panic!("not locked: {other:?}"),
    }
    first.close().await.expect("no trouble");
    drop(writer(root.path()).await);
    drop(writer(root.path()).await);
}

/// Root for [`writes_until_killed`]; absent in a normal test run.
const CHILD_ROOT: &str = "MIXLAB_TEST_CHILD_ROOT";

/// The other process of the two tests below, which start it by name: stores runs until it is killed.
#[tokio::test]
async fn writes_until_killed() {
    let Some(root) = std::env::var_os(CHILD_ROOT) else { return };
    let mut writer = writer(Path::new(&root)).await;
    let s = random_scenario(5, Scope { flows: 4_000, ..Scope::default() });
    let (id, rows) = (put(&mut writer, 1, &s).await, outcomes(&s, 1));
    println!("\nready");
    // Bounded, so that a child whose parent died fills no disk.
    for round in 0..2_000 {
        let meta = RunMeta { fingerprint: format!("{}-{round}", std::process::id()), ..run("b", RunStatus::Ok) };
        writer.put_run(id, &meta, &rows).await.expect("a new run");
    }
}

/// The other process; killed (SIGKILL) when dropped.
struct OtherWriter(Child);

impl Drop for OtherWriter {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("our own child");
    }
}

fn start_child(root: &Path) -> OtherWriter {
    let mut child = OtherWriter(
        Command::new(std::env::current_exe().expect("this test program"))
            .args(["--exact", "store::writes_until_killed", "--nocapture"])
            .env(CHILD_ROOT, root)
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again"),
    );
    let out = BufReader::new(child.0.stdout.take().expect("piped"));
    assert!(out.lines().map_while(Result::ok).any(|line| line == "ready"), "the child ended early");
    child
}

#[tokio::test]
async fn a_writer_in_another_process_locks_this_one_out_and_its_death_lets_it_in() {
    let root = folder();
    let child = start_child(root.path());
    let id = child.0.id().to_string();
    let refused = Writer::open(root.path()).await.err();
    assert!(Reader::open(root.path()).await.is_ok(), "readers may come at any time");
    drop(child);
    match refused {
        Some(StoreError::Locked { by, .. }) => assert!(by.contains(&id), "{by}"),
        other => panic!("not locked: {other:?}"),
    }
    writer(root.path()).await;
}

#[tokio::test]
async fn a_killed_writer_leaves_whole_runs_only() {
    let root = folder();
    let mut stored = 0;
    for kill in 0..6 {
        let child = start_child(root.path());
        tokio::time::sleep(std::time::Duration::from_millis(60 + 37 * kill)).await;
        drop(child);
        let mut connection = plain(root.path()).await;
        let verdict: String =
            query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.expect("a verdict");
        assert_eq!(verdict, "ok");
        let broken = "SELECT count(*) FROM run JOIN scenario USING (scenario_id) WHERE status <> 'ok'
            OR (SELECT count(*) FROM outcome WHERE outcome.run_id = run.run_id) <> flow_count
            OR (SELECT count(*) FROM run_summary AS s WHERE s.run_id = run.run_id) <> 6
            OR (SELECT count(*) FROM run_phase AS p WHERE p.run_id = run.run_id) <> 2";
        let broken: i64 = query_scalar(broken).fetch_one(&mut connection).await.expect("a count");
        let orphans = "SELECT count(*) FROM outcome WHERE run_id NOT IN (SELECT run_id FROM run)";
        let orphans: i64 = query_scalar(orphans).fetch_one(&mut connection).await.expect("a count");
        assert_eq!((broken, orphans), (0, 0));
        let now = count(root.path(), "run").await;
        assert!(now >= stored, "a stored run was lost");
        stored = now;
    }
    assert!(stored > 0, "the child got to store something");
    let ideal = IdealBackend.run(&scenario(1), &Silent).expect("ideal always runs").outcomes;
    let mut writer = writer(root.path()).await;
    let id = put(&mut writer, 2, &scenario(1)).await;
    writer.put_run(id, &run("ideal", RunStatus::Ok), &ideal).await.expect("the store is usable");
}
