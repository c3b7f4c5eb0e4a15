//! Laws of the exports: the formats other programs read, whole files only, and the same table in every format.

use mixlab::dataset::Attributes;
use mixlab::export::{ExportError, Format, parsimon_layout, tidy, tidy_csv};
use mixlab::store::{MixEntry, Provenance, Reader, RunMeta, RunStatus, Selection, Writer};
use mixlab_contract::conformance::{Scope, random_scenario};
use mixlab_contract::{Counters, FlowOutcome, Scenario, SimDuration, ideal_fct};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use std::fs::{File, read_to_string};
use std::path::Path;
use tempfile::TempDir;

fn scenario() -> Scenario {
    random_scenario(6, Scope { closed_loops: false, ..Scope::default() })
}

/// Slowdown 1 for every third flow, 2 and a bit for the next, the rest unfinished (half of them never released).
fn outcomes(s: &Scenario) -> Vec<FlowOutcome> {
    let one = |index: mixlab_contract::FlowIndex| {
        let (start, ideal) = (s.flow(index).start, ideal_fct(s, index));
        match index.0 % 3 {
            0 => FlowOutcome::Completed { start, fct: ideal },
            1 => FlowOutcome::Completed { start, fct: ideal + ideal + SimDuration::from_ns(1) },
            _ => FlowOutcome::Unfinished { start: index.0.is_multiple_of(2).then_some(start) },
        }
    };
    s.indices().map(one).collect()
}

fn entry(mix_id: u64, nr_flows: u64) -> MixEntry {
    let attributes = Attributes {
        cc: "dctcp".into(),
        spatial: "A, \"left\"".into(),
        max_load: 0.5,
        delivered_load: f64::NAN,
        ..Attributes::default()
    };
    let (spec_file, mix_json, workload) = ("m.json".into(), "{}".into(), "compat".into());
    MixEntry { mix_id, spec_file, mix_json, seed: 0, nr_flows, workload, enable_app: false, attributes }
}

/// A store in which mix 4 has an ok run of two backends and a failed one of a third.
async fn store() -> (TempDir, Reader, Writer) {
    let root = tempfile::tempdir().expect("a temporary folder");
    let mut writer = Writer::open(root.path()).await.expect("a root of our own");
    let s = scenario();
    let id = writer.put_scenario(&entry(4, 60), &s).await.expect("a valid scenario");
    for (backend, status) in
        [("flowsim-window", RunStatus::Ok), ("ideal", RunStatus::Ok), ("packet", RunStatus::Failed)]
    {
        let meta = RunMeta {
            backend: backend.into(),
            fingerprint: "1".into(),
            status,
            started_at_unix_ms: 0,
            wall_ns: 12_999_999_999,
            cpu_ns: 1,
            peak_rss_bytes: 1,
            timed_alone: true,
            phases: vec![],
            counters: Counters::default(),
            provenance: Provenance::default(),
            error: None,
            log_tail: None,
            work_dir: None,
        };
        let rows = if status == RunStatus::Ok { outcomes(&s) } else { vec![] };
        writer.put_run(id, &meta, &rows).await.expect("a new run");
    }
    let reader = Reader::open(root.path()).await.expect("a store");
    (root, reader, writer)
}

fn no_temporary_files_below(folder: &Path) {
    for entry in walkdir::WalkDir::new(folder) {
        let name = entry.expect("our own folder").file_name().to_string_lossy().into_owned();
        assert!(!name.ends_with(".tmp"), "{name} was left behind");
    }
}

#[tokio::test]
async fn the_parsimon_layout_lists_finished_flows_in_order_of_completion() {
    let (_root, reader, _writer) = store().await;
    let out = tempfile::tempdir().expect("a temporary folder");
    let files = parsimon_layout(&reader, &Selection::default(), out.path()).await.expect("a writable folder");
    let short: Vec<_> = files.iter().map(|f| f.strip_prefix(out.path()).expect("below the root").to_owned()).collect();
    let names =
        ["4/flowsim-window/records.csv", "4/flowsim-window/elapsed.txt", "4/ideal/records.csv", "4/ideal/elapsed.txt"];
    assert_eq!(short, names.map(std::path::PathBuf::from));
    assert_eq!(read_to_string(&files[1]).expect("written"), "12", "whole seconds, rounded down, no newline");

    let s = scenario();
    let mut finished: Vec<_> = s
        .indices()
        .zip(outcomes(&s))
        .filter_map(|(i, o)| match o {
            FlowOutcome::Completed { start, fct } => Some((start.ns_floor() + fct.ns_nearest(), i, fct.ns_nearest())),
            FlowOutcome::Unfinished { .. } => None,
        })
        .collect();
    finished.sort();
    let mut want = String::from("mix_id,flow_id,size,slowdown,sim\n");
    for (_, i, fct) in finished {
        let slowdown = fct as f64 / ideal_fct(&s, i).ns_nearest() as f64;
        want += &format!("4,{},{},{slowdown:?},FlowsimWindow\n", s.flow(i).id, s.flow(i).size.0);
    }
    assert!(want.contains(",1.0,FlowsimWindow"), "whole numbers keep their point, as in the original's files");
    assert_eq!(read_to_string(&files[0]).expect("written"), want);
    no_temporary_files_below(out.path());
}

#[tokio::test]
async fn two_scenarios_of_one_mix_do_not_overwrite_each_other() {
    let (_root, reader, mut writer) = store().await;
    let other = random_scenario(7, Scope::default());
    writer.put_scenario(&entry(4, 2_000), &other).await.expect("a valid scenario");
    let out = tempfile::tempdir().expect("a temporary folder");
    let refused = parsimon_layout(&reader, &Selection::default(), out.path()).await;
    assert!(matches!(refused, Err(ExportError::SeveralScenarios { mix_id: 4 })), "{refused:?}");
    let one = Selection { digests: Some(vec![scenario().digest()]), ..Selection::default() };
    assert_eq!(parsimon_layout(&reader, &one, out.path()).await.expect("one folder each").len(), 4);
}

/// Fields of a line of CSV.
fn fields(line: &str) -> Vec<String> {
    let (mut all, mut quoted) = (vec![String::new()], false);
    let mut letters = line.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                all.last_mut().expect("one field").push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(String::new()),
            c => all.last_mut().expect("one field").push(c),
        }
    }
    all
}

#[tokio::test]
async fn the_csv_table_has_a_row_per_backend_and_flow_and_leaves_missing_values_empty() {
    let (_root, reader, _writer) = store().await;
    let mut bytes = Vec::new();
    tidy_csv(&reader, &Selection::default(), &mut bytes).await.expect("memory takes everything");
    let text = String::from_utf8(bytes).expect("text");
    let mut lines = text.lines().map(fields);
    let header = lines.next().expect("a header");
    let rows: Vec<Vec<String>> = lines.collect();
    let s = scenario();
    assert_eq!(rows.len(), 2 * s.flows().len());
    let column = |name: &str| header.iter().position(|h| h == name).expect("a documented column");
    for (i, row) in rows.iter().enumerate() {
        let index = i % s.flows().len();
        let cell = |name| row[column(name)].as_str();
        assert_eq!(row.len(), header.len());
        assert_eq!(cell("backend"), if i < s.flows().len() { "flowsim-window" } else { "ideal" });
        assert_eq!((cell("mix_id"), cell("scenario")), ("4", s.digest().as_str()));
        assert_eq!((cell("spatial"), cell("delivered_load"), cell("max_load")), ("A, \"left\"", "", "0.5"));
        assert_eq!(cell("size_bytes"), s.flows()[index].size.0.to_string());
        assert_eq!(cell("src"), s.flows()[index].src.0.to_string());
        match index % 3 {
            0 => assert_eq!((cell("slowdown"), cell("fct_ns")), ("1.0", cell("ideal_fct_ns"))),
            1 => assert!(cell("slowdown").parse::<f64>().expect("a number") > 2.0),
            _ => assert_eq!((cell("slowdown"), cell("fct_ns"), cell("start_ns").is_empty()), ("", "", index % 2 == 1)),
        }
    }
    let out = tempfile::tempdir().expect("a temporary folder");
    let file = out.path().join("below/table.csv");
    for _ in 0..2 {
        tidy(&reader, &Selection::default(), Format::Csv, &file).await.expect("a writable folder");
        assert_eq!(read_to_string(&file).expect("written"), text);
    }
    no_temporary_files_below(out.path());
}

#[tokio::test]
async fn the_parquet_table_equals_the_csv_table() {
    let (_root, reader, _writer) = store().await;
    let out = tempfile::tempdir().expect("a temporary folder");
    let file = out.path().join("table.parquet");
    // In a task of its own, as the command line runs it.
    let place = file.clone();
    let task = async move { (tidy(&reader, &Selection::default(), Format::Parquet, &place).await, reader) };
    let (written, reader) = tokio::spawn(task).await.expect("no panic");
    written.expect("a writable folder");
    let mut bytes = Vec::new();
    tidy_csv(&reader, &Selection::default(), &mut bytes).await.expect("memory takes everything");
    let text = String::from_utf8(bytes).expect("text");
    let mut lines = text.lines().map(fields);
    let header = lines.next().expect("a header");

    let parquet = SerializedFileReader::new(File::open(&file).expect("written")).expect("a parquet file");
    let mut rows = 0;
    for (row, want) in parquet.get_row_iter(None).expect("rows").zip(lines.by_ref()) {
        let row = row.expect("a row");
        let names: Vec<&String> = row.get_column_iter().map(|(name, _)| name).collect();
        assert_eq!(names, header.iter().collect::<Vec<_>>());
        let cells = row.get_column_iter().map(|(_, field)| match field {
            Field::Null => String::new(),
            Field::Str(text) => text.clone(),
            Field::Long(v) => v.to_string(),
            Field::Double(v) => format!("{v:?}"),
            other => panic!("{other:?} is of no kind the table has"),
        });
        assert_eq!(cells.collect::<Vec<_>>(), want);
        rows += 1;
    }
    assert_eq!((rows, lines.next()), (2 * scenario().flows().len(), None));
    no_temporary_files_below(out.path());
}

#[tokio::test]
async fn an_empty_selection_is_an_empty_table_with_its_columns() {
    let (_root, reader, _writer) = store().await;
    let none = Selection { mix_ids: Some(vec![]), ..Selection::default() };
    let out = tempfile::tempdir().expect("a temporary folder");
    let file = out.path().join("table.parquet");
    tidy(&reader, &none, Format::Parquet, &file).await.expect("a writable folder");
    let parquet = SerializedFileReader::new(File::open(&file).expect("written")).expect("a parquet file");
    assert_eq!(parquet.metadata().file_metadata().num_rows(), 0);
    let mut bytes = Vec::new();
    tidy_csv(&reader, &none, &mut bytes).await.expect("memory takes everything");
    let text = String::from_utf8(bytes).expect("text");
    let columns = parquet.metadata().file_metadata().schema_descr().columns().len();
    assert_eq!((text.lines().count(), fields(text.trim_end()).len()), (1, columns));
    assert!(parsimon_layout(&reader, &none, out.path()).await.expect("nothing to write").is_empty());
}

#[tokio::test]
async fn a_place_that_is_taken_by_a_folder_is_an_error_with_its_path_and_no_leftovers() {
    let (_root, reader, _writer) = store().await;
    let out = tempfile::tempdir().expect("a temporary folder");
    let taken = out.path().join("table.csv");
    std::fs::create_dir(&taken).expect("a folder of our own");
    let refused = tidy(&reader, &Selection::default(), Format::Csv, &taken).await.expect_err("it is a folder");
    assert!(refused.to_string().contains("table.csv"), "{refused}");
    no_temporary_files_below(out.path());
}
