//! `check`: is what the store holds right, and what to do if not.

use super::args::{CheckArgs, Common};
use super::exit::Exit;
use super::failure::Failure;
use super::{progress, remark, shown};
use crate::backends::registry;
use crate::bounded::below;
use crate::check::{Findings, difference, sample, verify};
use crate::runner::repeat;
use crate::store::Reader;
use std::fmt::Write;

/// Verifies the store under the root; with `--rerun N` also repeats N of its runs and compares.
pub async fn run(common: &Common, args: &CheckArgs) -> Result<Exit, Failure> {
    let reader = Reader::open(&common.root).await?;
    let backends = registry(&common.backends())?;
    let bar = progress::bar(common, 0, 0, "scenarios checked");
    let mut findings = verify(&reader, &backends, &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })
    .await?;
    bar.finish_and_clear();
    let repeated = match args.rerun {
        Some(count) => rerun(common, &reader, &backends, count, &mut findings).await?,
        None => String::new(),
    };
    for line in &findings.remarks {
        remark(common, &format!("remark: {line}"));
    }
    let mut text = format!(
        "{} scenarios, {} runs, {} outcomes checked{repeated}: ",
        findings.scenarios, findings.runs, findings.outcomes
    );
    if findings.damages.is_empty() {
        text.push_str("all is as it should be\n");
        return shown(&text);
    }
    let _ = writeln!(text, "{} damages", findings.damages.len());
    for damage in &findings.damages {
        let _ = writeln!(text, "damage: {damage}");
    }
    shown(&text)?;
    let advice = format!(
        "{} holds results that can't be trusted; restore a copy, or move it away and repeat the sweep (export what is still good first)",
        common.root.join("mixlab.sqlite").display()
    );
    Err(Failure::new(Exit::Store, advice))
}

/// Repeats `count` runs; says how many for the summary line.
async fn rerun(
    common: &Common,
    reader: &Reader,
    backends: &[std::sync::Arc<dyn mixlab_contract::Backend>],
    count: usize,
    findings: &mut Findings,
) -> Result<String, Failure> {
    let runs = sample(reader, backends, count, common.seed).await?;
    if runs.len() < count {
        let short = format!("only {} of the {count} runs to repeat are there, of backends of this build", runs.len());
        findings.remarks.push(short);
    }
    let bar = progress::bar(common, runs.len() as u64, 0, "runs repeated");
    for (run, backend) in &runs {
        let scenario = reader.load_scenario(&run.digest).await?;
        let stored = reader.outcomes(run, scenario.flows().len()).await?;
        let work_dir = below(&common.root, &["work", &format!("check-{}-{}", run.digest, run.backend)])?;
        let scenario = std::sync::Arc::new(scenario);
        let (again, with) = (std::sync::Arc::clone(&scenario), std::sync::Arc::clone(backend));
        let timeout = common.timeout;
        let repeated = tokio::task::spawn_blocking(move || repeat(again, with, timeout, work_dir)).await;
        let repeated = repeated.map_err(|e| Failure::internal(format!("a repeated run died: {e}")))?;
        let problem = match repeated {
            Ok(outcomes) => difference(&scenario, &stored, &outcomes),
            Err(error) => Some(format!("it failed when repeated: {error}")),
        };
        if let Some(problem) = problem {
            findings.damages.push(format!("scenario {}, {}: {problem}", &run.digest[..12], run.backend));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(format!(", {} runs repeated", runs.len()))
}
