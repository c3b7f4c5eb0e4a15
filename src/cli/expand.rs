//! `expand`: files of scenarios without running anything, or mixes drawn from a mix space.

use super::args::{Common, ExpandArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::sweep::planned_scenarios;
use super::{data, remark};
use crate::bounded::below;
use crate::spec::{self, MOST_MIXES};
use crate::workload::files::write_scenario_files;
use std::path::Path;

/// Draws mixes if `--mixspace` is given, else writes every scenario's files under the root.
pub fn run(common: &Common, args: &ExpandArgs) -> Result<Exit, Failure> {
    if let (Some(space), Some(count), Some(out)) = (&args.mixspace, args.count, &args.out) {
        if count > MOST_MIXES {
            let text = format!(
                "--count {count}: at most {MOST_MIXES} mixes are drawn at once; draw several lists with other seeds"
            );
            return Err(Failure::new(Exit::Usage, text));
        }
        let space = spec::load_mix_space(space)?;
        let mixes = space.draw(count, common.seed, args.param_seed);
        let text = space.to_json(&mixes).map_err(|e| Failure::internal(e.to_string()))?;
        return write_text(out, &text);
    }
    let Some(file) = &common.mixes else {
        return Err(Failure::new(Exit::Usage, "expand needs --mixes FILE, or --mixspace with --count and --out"));
    };
    let scenarios = planned_scenarios(common, file)?;
    for s in &scenarios {
        let dir = below(&common.root, &[&s.entry.mix_id.to_string()])?;
        write_scenario_files(&s.scenario, &dir).map_err(|e| Failure::internal(e.to_string()))?;
    }
    remark(common, &format!("{} scenarios written under {}", scenarios.len(), common.root.display()));
    Ok(Exit::Ok)
}

fn write_text(out: &Path, text: &str) -> Result<Exit, Failure> {
    if out == Path::new("-") {
        return data(text);
    }
    crate::atomic::write(out, text.as_bytes()).map_err(|e| Failure::unwritable(out, &e))?;
    Ok(Exit::Ok)
}
