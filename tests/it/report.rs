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

/// A running `mixlab serve`, ended when it is dropped.
struct Server {
    child: std::process::Child,
    address: String,
}

impl Server {
    fn start(at: &Path) -> Self {
        let serve = ["--root", "r", "serve", "--listen", "127.0.0.1:0"];
        let mut child = command(at, &serve).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stderr.take().expect("piped")).read_line(&mut line).expect("it says its address");
        let address =
            line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address").to_owned();
        Self { child, address }
    }

    /// The answer to a whole request; empty if the connection is closed without one.
    fn answer(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("the server listens");
        // A server that refuses may close before all is written.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(&self, path: &str, headers: &str) -> String {
        self.answer(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", self.address).as_bytes())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_server_shows_what_is_stored_now_and_nothing_else() {
    let dir = tempdir().expect("a temporary directory");
    let demo = file("spec/0.mix.json").display().to_string();
    let mixes = ["--root", "r", "--mixes", &demo, "--nr-flows", "100"];
    run_expecting(0, dir.path(), &[&mixes[..], &["flowsim"]].concat());
    let server = Server::start(dir.path());
    let address = server.address.clone();
    let first = get(&address, "/", &address);
    let version = get(&address, "/version", &address);
    let (refused, outside) = (get(&address, "/", "evil.example"), get(&address, "/../../etc/passwd", &address));
    run_expecting(0, dir.path(), &[&mixes[..], &["packet"]].concat());
    let (second, later) = (get(&address, "/", &address), get(&address, "/version", &address));
    drop(server);
    assert!(first.starts_with("HTTP/1.1 200") && first.contains("flowsim") && first.contains("fetch("), "{first:.300}");
    assert!(first.contains("Content-Security-Policy: default-src 'none'"));
    assert!(refused.starts_with("HTTP/1.1 403") && outside.starts_with("HTTP/1.1 404"), "{refused}{outside}");
    assert!(version != later && second.contains("figure-error-cdf"), "{version} {later}");
    let (_, err) = run_expecting(2, dir.path(), &["--root", "r", "serve", "--listen", "0.0.0.0:0"]);
    assert!(err.contains("other machines"), "{err}");
}

#[test]
fn the_server_answers_nobody_but_its_own_pages_and_only_about_the_store() {
    let dir = tempdir().expect("a temporary directory");
    std::fs::create_dir(dir.path().join("r")).expect("writable");
    std::fs::write(dir.path().join("r/notes.txt"), "treasure").expect("writable");
    std::os::unix::fs::symlink("/etc/passwd", dir.path().join("r/link")).expect("a link");
    let server = Server::start(dir.path());
    let status = |answer: &str| answer.split(' ').nth(1).unwrap_or_default().to_owned();
    let version = server.get("/version", "");
    assert!(["200", "503"].contains(&status(&version).as_str()), "{version}");
    for path in [
        "/notes.txt",
        "/link",
        "/mixlab.sqlite",
        "/../r/notes.txt",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/%252e%252e/etc/passwd",
        "/./version",
        "//version",
        "/version/",
        "/version?x",
        "/version%00.html",
        "/\\..\\etc\\passwd",
        "http://example.org/",
        "*",
    ] {
        let answer = server.get(path, "");
        assert_eq!(status(&answer), "404", "{path}: {answer}");
        assert!(!answer.contains("treasure") && !answer.contains("root:"), "{path}");
    }
    for origin in ["https://evil.example", "null", "http://evil.example", "file://", "http://localhost"] {
        assert_eq!(status(&server.get("/version", &format!("Origin: {origin}\r\n"))), "403", "{origin}");
    }
    let own = format!("Origin: http://{}\r\n", server.address);
    assert_eq!(status(&server.get("/version", &own)), status(&version));
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get"] {
        let request = format!("{method} / HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
        assert_eq!(status(&server.answer(request.as_bytes())), "405", "{method}");
    }
    for nonsense in [&b"\r\n\r\n"[..], b"GET /\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"\x16\x03\x01\r\n\r\n"] {
        assert_eq!(status(&server.answer(nonsense)), "400", "{nonsense:?}");
    }
    // Neither no text nor a head without end is kept: the connection is closed without an answer.
    assert_eq!(server.answer(b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n"), "");
    let endless = [&b"GET / HTTP/1.1\r\nX: "[..], &vec![b'a'; 1 << 20]].concat();
    assert_eq!(server.answer(&endless), "");
}

#[test]
fn slow_visitors_are_sent_away_and_hold_up_nobody() {
    let dir = tempdir().expect("a temporary directory");
    let server = Server::start(dir.path());
    let mut slow: Vec<TcpStream> =
        (0..200).map(|_| TcpStream::connect(&server.address).expect("the server listens")).collect();
    slow.iter_mut().for_each(|s| s.write_all(b"GET / HT").expect("the server reads"));
    assert!(server.get("/version", "").starts_with("HTTP/1.1 "), "others are answered meanwhile");
    // Five seconds are the limit; a minute is only a guard.
    let patience = Some(std::time::Duration::from_secs(60));
    for stream in &mut slow {
        stream.set_read_timeout(patience).expect("a timeout");
        assert_eq!(stream.read(&mut [0; 64]).expect("closed, not kept"), 0);
    }
}

#[test]
fn more_visitors_than_there_are_places_wait_and_cost_no_file_handles() {
    let dir = tempdir().expect("a temporary directory");
    let server = Server::start(dir.path());
    let handles = || std::fs::read_dir(format!("/proc/{}/fd", server.child.id())).map(Iterator::count);
    let Ok(before) = handles() else {
        let _ = writeln!(std::io::stderr(), "skipped: no /proc to count a process's file handles in");
        return;
    };
    let crowd: Vec<TcpStream> =
        (0..300).map(|_| TcpStream::connect(&server.address).expect("the system keeps them waiting")).collect();
    let most = (0..20).map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        handles().expect("it runs")
    });
    assert!(most.max().expect("samples") <= before + 256, "256 visitors at a time");
    // Those who came first say nothing and are sent away; this one comes after all of them and is answered.
    assert!(server.get("/version", "").starts_with("HTTP/1.1 "));
    drop(crowd);
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
