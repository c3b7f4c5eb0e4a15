//! The rooms of the house and the doors between them, checked on the sources.

use crate::program::workspace;
use regex::Regex;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Source files below `dir`, as (path relative to the workspace, text without its test module).
fn sources(dir: &str) -> Vec<(PathBuf, String)> {
    let files = WalkDir::new(workspace().join(dir)).sort_by_file_name().into_iter().map(|e| e.expect("readable"));
    let rust = files.filter(|e| e.path().extension().is_some_and(|x| x == "rs"));
    let found: Vec<_> = rust
        .map(|e| {
            let text = std::fs::read_to_string(e.path()).expect("UTF-8");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            (e.path().strip_prefix(workspace()).expect("below the workspace").to_owned(), code)
        })
        .collect();
    assert!(!found.is_empty(), "no sources below {dir}");
    found
}

/// Lines (without comments) that match `pattern` in files that `allowed` does not accept.
fn offenders(dir: &str, pattern: &str, allowed: impl Fn(&Path) -> bool) -> Vec<String> {
    let regex = Regex::new(pattern).expect("valid pattern");
    let mut found = Vec::new();
    for (path, code) in sources(dir) {
        if allowed(&path) {
            continue;
        }
        for (n, line) in code.lines().enumerate().filter(|(_, l)| !l.trim_start().starts_with("//")) {
            if regex.is_match(line) {
                found.push(format!("{}:{}: {}", path.display(), n + 1, line.trim()));
            }
        }
    }
    found
}

fn none(of: &[&str]) -> impl Fn(&Path) -> bool {
    move |path| of.iter().any(|p| path.starts_with(p))
}

#[test]
fn engines_depend_on_the_contract_and_on_nothing_else_of_mixlab() {
    for entry in std::fs::read_dir(workspace().join("backends")).expect("readable") {
        let manifest = entry.expect("readable").path().join("Cargo.toml");
        if !manifest.exists() {
            continue;
        }
        let text = std::fs::read_to_string(&manifest).expect("UTF-8");
        let path = manifest.to_string_lossy();
        // m4's corrected model is a correction of flowsim's fluid and is defined on its solver, its refined one a refinement of coarse; coarse
        // takes flowsim's volumes and idle FCTs, and its queues between a network and its driver.
        let allowed: &[&str] = match () {
            () if path.contains("contract") => &[],
            () if path.contains("/m4/") => &["mixlab-contract", "mixlab-flowsim", "mixlab-coarse"],
            () if path.contains("/coarse/") => &["mixlab-contract", "mixlab-flowsim"],
            () => &["mixlab-contract"],
        };
        for line in text.lines().filter(|l| l.starts_with("mixlab")) {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            assert!(allowed.contains(&name), "{}: {line}", manifest.display());
        }
    }
}

#[test]
fn only_the_command_line_prints() {
    let found = offenders("src", r"\be?print(ln)?!|\bdbg!|std::io::std(out|err)\(", none(&["src/cli"]));
    assert!(found.is_empty(), "{found:#?}");
    let engines = offenders("backends", r"\be?print(ln)?!|\bdbg!", |p| !p.components().any(|c| c.as_os_str() == "src"));
    assert!(engines.is_empty(), "{engines:#?}");
}

#[test]
fn only_the_runner_reads_a_clock_and_only_the_supervisor_in_ns3_starts_processes() {
    let clocks = r"\bInstant::|\bSystemTime::|\bThreadTime::|\bProcessTime::";
    let found = offenders("src", clocks, none(&["src/runner"]));
    assert!(found.is_empty(), "{found:#?}");
    let engine = |p: &Path| !p.components().any(|c| c.as_os_str() == "src") || p.starts_with("backends/ns3");
    let found = offenders("backends", &format!(r"{clocks}|\bstd::env::|\bthread::|process::Command"), engine);
    assert!(found.is_empty(), "{found:#?}");
    let starts = r"process::(\{[^}]*\b)?Command\b";
    let found = offenders("src", starts, |_| false);
    assert!(found.is_empty(), "{found:#?}");
    let supervisor =
        |p: &Path| p == Path::new("backends/ns3/src/process.rs") || !p.components().any(|c| c.as_os_str() == "src");
    let found = offenders("backends", starts, supervisor);
    assert!(found.is_empty(), "{found:#?}");
    // External backends are run by that supervisor, and the runner stops what it runs on Ctrl-Z; nobody else may use it.
    let found = offenders("src", r"mixlab_ns3::process", none(&["src/external", "src/runner/suspension.rs"]));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn figures_and_comparisons_see_results_only_as_a_dataset() {
    let found = offenders("src/figures", r"crate::(store|spec|workload|runner|plan|cli)\b|sqlx", |_| false);
    assert!(found.is_empty(), "{found:#?}");
    let inner = offenders("src", r"crate::cli\b", none(&["src/cli", "src/main.rs"]));
    assert!(inner.is_empty(), "{inner:#?}");
    let sql = offenders("src", r"\bsqlx::", none(&["src/store"]));
    assert!(sql.is_empty(), "{sql:#?}");
}

/// Every Rust file of the workspace, tests and benches included.
fn everything() -> Vec<PathBuf> {
    let folders = ["src", "backends", "tests", "benches", "examples"].map(|folder| workspace().join(folder));
    let files =
        folders.iter().flat_map(|f| WalkDir::new(f).sort_by_file_name()).map(|e| e.expect("readable").into_path());
    let rust: Vec<PathBuf> = files.filter(|p| p.extension().is_some_and(|x| x == "rs")).collect();
    assert!(rust.len() > 300, "{} files", rust.len());
    rust.into_iter().chain([workspace().join("build.rs")]).collect()
}

#[test]
fn unsafe_code_stands_in_one_module_and_every_use_says_why_it_is_sound() {
    let word = Regex::new(r"\bunsafe\b").expect("valid pattern");
    let text_literal = Regex::new(r#""([^"\\]|\\.)*""#).expect("valid pattern");
    let mut places = Vec::new();
    for path in everything() {
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        let lines: Vec<&str> = text.lines().collect();
        for (n, line) in lines.iter().enumerate() {
            // Not in comments and texts (the content-security policy of `serve` has the word).
            let code = text_literal.replace_all(line.split("//").next().unwrap_or_default(), "");
            if !word.is_match(&code.replace("'unsafe-inline'", "")) {
                continue;
            }
            let before = &lines[n.saturating_sub(4)..n];
            assert!(before.iter().any(|l| l.contains("SAFETY:")), "{}:{}: no SAFETY comment", path.display(), n + 1);
            places.push(path.strip_prefix(workspace()).expect("below").to_owned());
        }
    }
    places.dedup();
    assert_eq!(places, [Path::new("backends/m4/src/numerics/simd.rs")]);
    // The lint says the same: forbidden everywhere, denied where one module allows it.
    let manifest = |path: &str| std::fs::read_to_string(workspace().join(path)).expect("UTF-8");
    assert!(manifest("Cargo.toml").contains("[workspace.lints.rust]\nunsafe_code = \"forbid\""));
    for name in ["coarse", "contract", "flowsim", "m4", "ns3", "packet"] {
        let text = manifest(&format!("backends/{name}/Cargo.toml"));
        let own = if name == "m4" { "[lints.rust]\nunsafe_code = \"deny\"" } else { "[lints]\nworkspace = true" };
        assert!(text.contains(own), "{name}");
    }
    let allowed = offenders("backends", r"allow\((clippy::)?unsafe|expect\(unsafe", |_| false);
    let [only] = &allowed[..] else { panic!("one place, not {allowed:?}") };
    assert!(only.starts_with("backends/m4/src/numerics/mod.rs:") && only.ends_with("#[allow(unsafe_code)]"), "{only}");
    assert!(offenders("src", r"allow\(unsafe|expect\(unsafe", |_| false).is_empty());
}

#[test]
fn sql_is_text_of_the_program_and_every_value_is_bound() {
    // sqlx takes a statement only as `&'static str`, which no input can be, or from who asserts that it is safe. Those places are:
    // the migrations and their stamp (constants), and columns.rs, which takes tables and columns as `&'static str` itself.
    let asserted = offenders("src", r"AssertSqlSafe\(", |_| false);
    let places: Vec<&str> = asserted.iter().map(|l| l.split(':').next().expect("a file")).collect();
    assert_eq!(places, ["src/store/columns.rs", "src/store/columns.rs", "src/store/format.rs", "src/store/format.rs"]);
    let columns = std::fs::read_to_string(workspace().join("src/store/columns.rs")).expect("UTF-8");
    let code = columns.split("#[cfg(test)]").next().expect("the code");
    let signatures = code.split("pub(super) async fn").skip(1).map(|f| f.split(") ->").next().expect("parameters"));
    for parameters in signatures {
        assert!(!parameters.replace("&'static str", "").contains("str"), "{parameters}");
    }
    let leaked = offenders("src", r"String::leak|Box::leak|\.leak\(\)", |_| false);
    assert!(leaked.is_empty(), "no text becomes static: {leaked:#?}");
}

#[test]
fn every_dependency_is_a_release_on_crates_io_with_its_digest() {
    let lock = std::fs::read_to_string(workspace().join("Cargo.lock")).expect("UTF-8");
    let packages: Vec<&str> = lock.split("[[package]]").skip(1).collect();
    assert!(packages.len() > 100);
    for package in packages {
        let of = |key: &str| package.lines().find_map(|l| l.strip_prefix(key)).unwrap_or_default().trim_matches('"');
        let name = of("name = ");
        if name.starts_with("mixlab") {
            continue;
        }
        assert_eq!(of("source = "), "registry+https://github.com/rust-lang/crates.io-index", "{name}");
        assert_eq!(of("checksum = ").len(), 64, "{name}");
    }
}
