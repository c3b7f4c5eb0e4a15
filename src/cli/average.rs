//! `train --average`: one model that is the mean of several trainings of the refined or of the corrected model.
//!
//! Trainings that differ only in their seed err in different directions; the mean of their corrections errs less than each. The
//! result is one file of weights like any other (`Perceptron::mean`), and costs as much as all of its members.

use super::exit::Exit;
use super::failure::Failure;
use super::learning::Architecture;
use super::sweep::provenance;
use super::train::{SCENARIOS, one_architecture};
use crate::atomic;
use crate::bounded::{TRAINING_FILE, read_text};
use crate::train::checkpoint::latest;
use mixlab_m4::Perceptron;
use mixlab_m4::perceptron::file::{Kind, WIDEST};
use mixlab_m4::weights::LARGEST_FILE;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Writes the mean of the weights in `members` into `out`, with `train.json` and the scenarios that any of them learned from; what to say.
pub fn average(members: &[PathBuf], out: &Path) -> Result<String, Failure> {
    let kind = Kind::ALL.into_iter().find(|k| members[0].join(k.file()).is_file()).unwrap_or(Kind::ALL[0]);
    let models: Vec<Perceptron> = members.iter().map(|folder| read(kind, folder)).collect::<Result<_, _>>()?;
    let width: usize = models.iter().map(|m| m.hidden).sum();
    if width > WIDEST {
        let text = format!("--average: {width} hidden units in all, expected at most {WIDEST}: name fewer folders");
        return Err(Failure::new(Exit::Usage, text));
    }
    let architecture = match kind {
        Kind::Refined => Architecture::Refined,
        Kind::Corrected => Architecture::Corrected,
    };
    one_architecture(out, architecture)?;
    if latest(out)?.is_some() {
        let what = "a training of its own, which the mean would stand in for";
        let text = format!("{} holds {what}: choose another --out", out.display());
        return Err(Failure::new(Exit::Usage, text));
    }
    let mean = Perceptron::mean(&models);
    let made = provenance();
    let listed: Vec<_> =
        members.iter().zip(&models).map(|(folder, m)| json!({"folder": folder, "weights": m.digest()})).collect();
    let recipe = json!({
        "architecture": kind.name(), "mean of": listed, "weights": mean.digest(),
        "version": made.version, "commit": made.commit, "command": made.command,
    });
    write(&out.join(kind.file()), &kind.encode(&mean))?;
    write(&out.join(SCENARIOS), scenarios(members).as_bytes())?;
    write(&out.join("train.json"), format!("{recipe:#}\n").as_bytes())?;
    let trainings = if models.len() == 1 { "training" } else { "trainings" };
    Ok(format!("mean of {} {trainings}: --m4-weights {} (weights={})", models.len(), out.display(), mean.digest()))
}

fn read(kind: Kind, folder: &Path) -> Result<Perceptron, Failure> {
    let file = folder.join(kind.file());
    let hint = format!("expected a folder that `mixlab train` wrote for the {} model", kind.name());
    let refused =
        |e: &dyn std::fmt::Display| Failure::new(Exit::Usage, format!("--average: {}: {e}; {hint}", file.display()));
    let bytes = mixlab_m4::weights::read(&file, LARGEST_FILE).map_err(|e| refused(&e))?;
    kind.decode(&bytes).map_err(|e| refused(&e))
}

/// All lines of the members' tables, each once; `mixlab test` warns of what is in it.
fn scenarios(members: &[PathBuf]) -> String {
    let texts: Vec<String> =
        members.iter().filter_map(|folder| read_text(&folder.join(SCENARIOS), TRAINING_FILE).ok()).collect();
    let mut seen = BTreeSet::new();
    let lines = texts.iter().flat_map(|text| text.lines()).filter(|line| seen.insert(*line));
    lines.fold(String::new(), |all, line| all + line + "\n")
}

fn write(place: &Path, bytes: &[u8]) -> Result<(), Failure> {
    atomic::write(place, bytes).map_err(|e| Failure::internal(format!("{}: {e}", place.display())))
}
