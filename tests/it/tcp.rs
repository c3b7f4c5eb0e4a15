//! TCP scenarios through the whole: `ns3` runs them, every other backend says that it does not.

use crate::program::{command, file, run_expecting};
use mixlab::backends::{BackendOptions, registry};
use mixlab_contract::conformance::{Scope, random_scenario, under_tcp};
use mixlab_contract::{Availability, Backend, QueueDiscipline, TcpVariant};
use mixlab_ns3::Ns3Backend;
use std::io::Write;
use std::process::Output;
use tempfile::tempdir;

#[test]
fn every_other_backend_names_the_variant_as_unsupported() {
    let scenario = under_tcp(&random_scenario(1, Scope::default()), TcpVariant::Cubic, QueueDiscipline::Red);
    let all = registry(&BackendOptions::default()).expect("no options");
    let mut refused = Vec::new();
    for backend in all.iter().filter(|b| !["ns3", "ideal"].contains(&b.id())) {
        let unsupported = backend.check(&scenario).expect_err(backend.id());
        assert!(unsupported.feature.contains("tcp-cubic"), "{}: {unsupported}", backend.id());
        refused.push(backend.id());
    }
    assert_eq!(refused, ["flowsim", "flowsim-window", "coarse", "m4-fluid", "m4", "packet", "packet-clean", "floor"]);
}

#[test]
fn unsupported_runs_are_rows_and_no_failure() {
    let dir = tempdir().expect("a temporary directory");
    let mixes = file("spec/tcp.mix.json").display().to_string();
    run_expecting(0, dir.path(), &["--root", "r", "--mixes", &mixes, "--nr-flows", "50", "packet"]);
    let (out, _) = run_expecting(0, dir.path(), &["--root", "r", "--mixes", &mixes, "--nr-flows", "50", "status"]);
    assert!(out.contains("TCP (tcp-dctcp)"), "{out}");
}

#[test]
fn the_shipped_list_runs_on_ns3_resumes_and_repeats() {
    if let Availability::Missing { reason, hint } = Ns3Backend::new().probe() {
        // Straight to stderr: the test harness would swallow `eprintln!` of a test that passes.
        let _ = writeln!(std::io::stderr(), "skipped: {reason}; {hint}");
        return;
    }
    let dir = tempdir().expect("a temporary directory");
    let mixes = file("spec/tcp.mix.json").display().to_string();
    let ns3 = |args: &[&str]| -> (i32, String, String) {
        let mut command = command(dir.path(), args);
        let Output { status, stdout, stderr } =
            command.env_remove("MIXLAB_NS3_DIR").output().expect("the program starts");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (status.code().unwrap_or(-1), text(stdout), text(stderr))
    };
    let sweep = |root| ns3(&["--root", root, "--mixes", &mixes, "--nr-flows", "150", "ns3"]);
    for root in ["first", "second", "first"] {
        let (code, _, err) = sweep(root);
        assert_eq!(code, 0, "{err}");
    }
    let status = |root| {
        let (code, out, err) = ns3(&["--root", root, "status"]);
        assert_eq!(code, 0, "{err}");
        out
    };
    let digest = |root| status(root).lines().find(|l| l.starts_with("digest ")).map(str::to_owned);
    assert!(digest("first").is_some() && digest("first") == digest("second"));
    let row = status("first").lines().find(|l| l.starts_with("ns3")).map(str::to_owned).expect("a row for ns3");
    assert_eq!(row.split_whitespace().nth(1), Some("7"), "{row}");
}
