//! The report as a page, in a real browser where there is one, and the server that shows it.

use crate::figures::{against, plausible};
use crate::program::{command, file, run_expecting};
use mixlab::figures;
use mixlab::report::{Report, page};
use mixlab::store::{Origin, RunStatus, StatusRow};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::tempdir;

const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'&</script><script>document.title='owned'</script>";

/// A report whose every name is hostile.
fn hostile_report() -> Report {
    let mut dataset = plausible(8, 300, &["packet", "flowsim", "m4"]);
    for scenario in &mut dataset.scenarios {
        let a = &mut scenario.attributes;
        (a.spatial, a.size_dist, a.cluster) = (HOSTILE.into(), HOSTILE.into(), HOSTILE.into());
        scenario.missing.insert(HOSTILE.into(), HOSTILE.into());
    }
    let status = |s: &mixlab::dataset::ScenarioResults, backend: &str, status, error: Option<&str>| StatusRow {
        mix_id: s.mix_id,
        digest: s.digest.clone(),
        nr_flows: 300,
        attributes: s.attributes.clone(),
        backend: backend.into(),
        status: Some(status),
        fingerprint: String::new(),
        wall_ns: 5_000_000,
        cpu_ns: 4_000_000,
        timed_alone: false,
        error: error.map(str::to_owned),
    };
    let of = |s| [status(s, "packet", RunStatus::Ok, None), status(s, HOSTILE, RunStatus::Failed, Some(HOSTILE))];
    let text = || HOSTILE.to_string();
    Report {
        root: text(),
        status: dataset.scenarios.iter().flat_map(of).collect(),
        dataset,
        origins: vec![Origin { version: text(), commit: text(), host: text(), runs: 16, command: text() }],
        request: against("packet"),
        live: false,
    }
}

#[test]
fn hostile_names_stay_text_and_nothing_is_fetched() {
    let html = page(&hostile_report()).expect("it draws");
    assert!(!html.contains("<img") && !html.contains("<script>document"), "a name became markup");
    assert_eq!(html.matches("<script").count(), 1);
    for outside in ["src=\"http", "href=\"http", "url(", "@import"] {
        assert!(!html.contains(outside), "{outside}");
    }
    for part in ["timed beside others", "Failed and unsupported", "id=\"figure-slowdown-cdf\"", "Mix 7"] {
        assert!(html.contains(part), "{part}");
    }
    assert!(html == page(&hostile_report()).expect("it draws"), "equal contents give equal bytes");
}

/// A browser, or a visible line that there is none.
fn chromium(profile: &Path) -> Option<Command> {
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    });
    let Some(name) = found else {
        let _ = writeln!(std::io::stderr(), "skipped: no chromium to open the report in");
        return None;
    };
    let mut command = Command::new(name);
    let quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"]).args(quiet);
    command.arg(format!("--user-data-dir={}", profile.display())).stdin(Stdio::null());
    Some(command)
}

#[test]
fn a_browser_opens_the_report_sorts_and_filters_its_tables_and_shows_its_figures() {
    let dir = tempdir().expect("a temporary directory");
    let Some(mut browser) = chromium(&dir.path().join("profile")) else { return };
    let path = dir.path().join("report.html");
    std::fs::write(&path, page(&hostile_report()).expect("it draws")).expect("writable");
    let url = format!("file://{}#check", path.display());
    let output = browser.args(["--virtual-time-budget=20000", "--dump-dom", &url]).output().expect("it starts");
    let (dom, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let check = dom.split("data-check=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let number = |name: &str| -> Option<usize> {
        check.split(' ').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    };
    assert_eq!(number("errors"), Some(0), "{check}\n{log}");
    assert!(number("sorted").is_some_and(|n| n > 100), "{check}");
    assert!(number("filtered").is_some_and(|n| n >= 2), "{check}");
    let drawn = figures::all().iter().filter(|f| dom.contains(&format!("<figure id=\"figure-{}\"", f.name()))).count();
    assert_eq!(number("figures"), Some(drawn), "every figure is seen: {check}");
    assert!(!log.contains("CONSOLE"), "{log}");
}

fn get(address: &str, path: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server answers");
    answer
}

#[test]
fn the_server_shows_what_is_stored_now_and_nothing_else() {
    let dir = tempdir().expect("a temporary directory");
    let demo = file("spec/0.mix.json").display().to_string();
    let mixes = ["--root", "r", "--mixes", &demo, "--nr-flows", "100"];
    run_expecting(0, dir.path(), &[&mixes[..], &["flowsim"]].concat());
    let serve = ["--root", "r", "serve", "--listen", "127.0.0.1:0"];
    let mut server = command(dir.path(), &serve).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(server.stderr.take().expect("piped")).read_line(&mut line).expect("it says its address");
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address").to_owned();
    let first = get(&address, "/", &address);
    let version = get(&address, "/version", &address);
    let (refused, outside) = (get(&address, "/", "evil.example"), get(&address, "/../../etc/passwd", &address));
    run_expecting(0, dir.path(), &[&mixes[..], &["packet"]].concat());
    let (second, later) = (get(&address, "/", &address), get(&address, "/version", &address));
    server.kill().expect("it runs");
    server.wait().expect("it ends");
    assert!(first.starts_with("HTTP/1.1 200") && first.contains("flowsim") && first.contains("fetch("), "{first:.300}");
    assert!(first.contains("Content-Security-Policy: default-src 'none'"));
    assert!(refused.starts_with("HTTP/1.1 403") && outside.starts_with("HTTP/1.1 404"), "{refused}{outside}");
    assert!(version != later && second.contains("figure-error-cdf"), "{version} {later}");
    let (_, err) = run_expecting(2, dir.path(), &["--root", "r", "serve", "--listen", "0.0.0.0:0"]);
    assert!(err.contains("other machines"), "{err}");
}

#[test]
fn the_program_writes_one_file() {
    let dir = tempdir().expect("a temporary directory");
    let demo = file("spec/0.mix.json").display().to_string();
    run_expecting(0, dir.path(), &["--root", "r", "--mixes", &demo, "--nr-flows", "100", "mlsys"]);
    let (_, err) = run_expecting(0, dir.path(), &["--root", "r", "report", "--out", "out/r.html"]);
    assert!(err.contains("out/r.html"), "{err}");
    let html = std::fs::read_to_string(dir.path().join("out/r.html")).expect("written");
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("flowsim-window"));
    assert_eq!(std::fs::read_dir(dir.path().join("out")).expect("the folder").count(), 1);
}
