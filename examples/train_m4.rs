//! Trains the corrected m4 model: mixes are drawn, simulated by `packet` once, and learned from in rounds.
//!
//! ```text
//! cargo run --release --example train_m4 -- FOLDER [draws=440] [wide=240] [rounds=250] [steps=60] [hidden=64] …
//! ```
//!
//! FOLDER gets the ground truth (`truth/`), a checkpoint every ten rounds, the log (`log.csv`) and in the end
//! `corrected.safetensors`. Called again, it goes on where it was.

use mixlab::train::{draws, truth};
use mixlab_contract::{Backend, FlowIndex, ideal::ideal_fct};
use mixlab_m4::corrected::weights;
use mixlab_m4::train::{Campaign, Lesson, Options};
use mixlab_packet::PacketBackend;
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::str::FromStr;

fn argument<T: FromStr>(name: &str, default: T) -> Result<T, Box<dyn Error>> {
    let prefix = format!("{name}=");
    match std::env::args().find_map(|a| a.strip_prefix(&prefix).map(str::to_owned)) {
        Some(value) => value.parse().map_err(|_| format!("{name}={value} is not a number").into()),
        None => Ok(default),
    }
}

fn options() -> Result<Options, Box<dyn Error>> {
    let d = Options::default();
    Ok(Options {
        hidden: argument("hidden", d.hidden)?,
        rounds: argument("rounds", d.rounds)?,
        steps: argument("steps", d.steps)?,
        lessons: argument("lessons", d.lessons)?,
        memory: argument("memory", d.memory)?,
        batch: argument("batch", d.batch)?,
        rate: argument("rate", d.rate)?,
        smooth: argument("smooth", d.smooth)?,
        asymmetry: argument("asymmetry", d.asymmetry)?,
        emphasis: argument("emphasis", d.emphasis)?,
        seed: argument("seed", d.seed)?,
        ..d
    })
}

/// Draws 0, 1, … of stream 1, those beyond the published ranges after the others, with their ground truth.
fn lessons(draws: u64, wide: u64, folder: &Path) -> Result<Vec<Lesson>, Box<dyn Error>> {
    let mut lessons = Vec::new();
    for id in 0..draws + wide {
        let draw = if id < draws { draws::draw(id, 1)? } else { draws::wide(id - draws, 1)? };
        match draw.scenario() {
            Ok(scenario) if PacketBackend::NS3.check(&scenario).is_err() => eprintln!("draw {id} has no truth"),
            Ok(scenario) => {
                let outcomes = truth::outcomes(&scenario, &PacketBackend::NS3, folder)?;
                lessons.push((scenario, outcomes));
            }
            Err(e) => eprintln!("draw {id} is left out: {e}"),
        }
    }
    Ok(lessons)
}

/// Mean true slowdown from which on a scenario is heavily loaded.
const HEAVY: f64 = 3.0;

fn mean_slowdown((scenario, truth): &Lesson) -> f64 {
    let slowdown = |i: FlowIndex| Some(truth[i.index()].fct()?.ps() as f64 / ideal_fct(scenario, i).ps() as f64);
    let all: Vec<f64> = scenario.indices().filter_map(slowdown).collect();
    all.iter().sum::<f64>() / all.len().max(1) as f64
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: train_m4 FOLDER [option=value] …")?;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    let options = options()?;
    let mut lessons = lessons(argument("draws", 440)?, argument("wide", 240)?, &folder.join("truth"))?;
    // Heavily loaded scenarios are rare, and the ones in which a wrong correction feeds back: they are learned from twice.
    let heavy: Vec<Lesson> = lessons.iter().filter(|lesson| mean_slowdown(lesson) > HEAVY).cloned().collect();
    lessons.extend(heavy);
    let checkpoint = folder.join("checkpoint");
    let mut campaign = match fs::read(&checkpoint) {
        Ok(bytes) => Campaign::resume(options, &lessons, &bytes)?,
        Err(_) => Campaign::new(options, &lessons)?,
    };
    let mut log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log.csv"))?;
    while !campaign.done() {
        let r = campaign.advance(&lessons)?;
        writeln!(log, "{},{:.5},{:.5},{:.5}", r.round, r.loss, r.error, r.bias)?;
        if (r.round + 1) % 10 == 0 {
            println!("round {} loss {:.4} closed-loop error {:.4} bias {:+.4}", r.round, r.loss, r.error, r.bias);
            fs::write(&checkpoint, campaign.checkpoint())?;
            fs::write(folder.join("corrected.safetensors"), weights::encode(campaign.model()))?;
        }
    }
    fs::write(folder.join("corrected.safetensors"), weights::encode(campaign.model()))?;
    println!("weights {}", campaign.model().digest());
    Ok(())
}
