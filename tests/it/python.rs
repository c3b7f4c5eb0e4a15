//! The Python in the READMEs, executed on the results of a small sweep; where several programs compute the same, they agree.
//!
//! `MIXLAB_PYTHON` names the interpreter (default: `python3`); what its packages don't allow is skipped, visibly.

use crate::program::{file, run_expecting};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::tempdir;

const PAGES: [&str; 3] = ["README.md", "src/export/README.md", "src/store/README.md"];

/// What follows a snippet: it has read flows, and if it computed p99 per mix, these are printed.
const EPILOGUE: &str = r#"
assert len(flows) > 0 and 0.5 < flows["slowdown"].min(), flows
if "p99" in globals():
    pairs = p99.items() if hasattr(p99, "items") else p99.rows()
    print("p99", *(f"{mix}={value:.9f}" for mix, value in sorted(pairs)))
"#;

/// The Python blocks of a page.
fn snippets(page: &str) -> Vec<String> {
    let text = fs::read_to_string(file(page)).expect("the page is there");
    text.split("```python\n").skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}

fn python(cwd: &Path, code: &str) -> Option<Output> {
    let interpreter = std::env::var_os("MIXLAB_PYTHON").unwrap_or_else(|| "python3".into());
    Command::new(interpreter).arg("-c").arg(code).current_dir(cwd).stdin(Stdio::null()).output().ok()
}

/// Whether the interpreter has what a snippet imports, and a reader of Parquet if it needs one; says so if not.
fn runnable(cwd: &Path, page: &str, snippet: &str) -> bool {
    let imports: String =
        snippet.lines().filter(|line| line.starts_with("import ")).map(|l| format!("{l}\n")).collect();
    assert!(!imports.is_empty(), "{page}: nothing is imported in\n{snippet}");
    let parquet = if snippet.contains("pandas.read_parquet") { "import pyarrow\n" } else { "" };
    let runs = python(cwd, &(imports.clone() + parquet)).is_some_and(|output| output.status.success());
    if !runs {
        // Straight to stderr: the test harness would swallow `eprintln!` of a test that passes.
        let missing = (imports + parquet).trim_end().replace('\n', "; ");
        let _ = writeln!(std::io::stderr(), "skipped: no Python that can `{missing}` ({page})");
    }
    runs
}

#[test]
fn the_python_of_the_readmes_runs_and_its_programs_agree() {
    let dir = tempdir().expect("a temporary directory");
    let demo = file("spec/demo.mix.json").display().to_string();
    for root in ["R", "results"] {
        run_expecting(0, dir.path(), &["--root", root, "-q", "--mixes", &demo, "--nr-flows", "60", "packet"]);
    }
    run_expecting(0, dir.path(), &["--root", "R", "-q", "export", "--format", "parquet", "--out", "flows.parquet"]);
    let mut answers = BTreeSet::new();
    for page in PAGES {
        let snippets = snippets(page);
        assert!(!snippets.is_empty(), "{page} has no Python");
        for snippet in snippets.iter().filter(|snippet| runnable(dir.path(), page, snippet)) {
            let output = python(dir.path(), &format!("{snippet}{EPILOGUE}")).expect("it started before");
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{page}:\n{snippet}\n{error}");
            answers.insert(String::from_utf8_lossy(&output.stdout).into_owned());
        }
    }
    answers.remove("");
    assert!(answers.len() <= 1, "one question, several answers: {answers:#?}");
}
