//! Trains the published m4 architecture on drawn mixes that `packet` simulated, with dense supervision.
//!
//! ```text
//! cargo run --release --example train_m4_paper -- FOLDER [draws=200] [first=0] [hidden=200] [epochs=15] [count=4000] [rate=0.0001]
//!     [batch=2] [remaining=0.005] [queue=0.005] [clip=] [every=0] [connected=0] [seed=0] [longest=]
//! ```
//!
//! `hidden` H scales the graph network with it (H, 3H/2, 3H/2, H). FOLDER gets the truth (`supervised/`), a checkpoint and weights
//! after every epoch (`checkpoint`, `weights/`) and the log (`log.csv`). Called again, it goes on where it was.

use mixlab::train::draws;
use mixlab::workload::{Generator, WorkloadOptions, scenario};
use mixlab_contract::supervision::Change;
use mixlab_contract::{Backend, FlowOutcome, Scenario, Silent, SimTime, Supervision};
use mixlab_m4::paper::Config;
use mixlab_m4::train::paper::{Options, Period, Questions, Sampling, Sequence, Trainer, Updates, periods};
use mixlab_packet::PacketBackend;
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::str::FromStr;

/// The stream of draws that is trained on; `score_m4` takes others.
const STREAM: u64 = 1;

fn argument<T: FromStr>(name: &str, default: T) -> Result<T, Box<dyn Error>> {
    let prefix = format!("{name}=");
    match std::env::args().find_map(|a| a.strip_prefix(&prefix).map(str::to_owned)) {
        Some(value) => value.parse().map_err(|_| format!("{name}={value} is not a number").into()),
        None => Ok(default),
    }
}

fn options() -> Result<Options, Box<dyn Error>> {
    let d = Options::default();
    let h: usize = argument("hidden", d.config.hidden)?;
    let clip: f32 = argument("clip", 0.0)?;
    let (every, connected): (u8, u8) = (argument("every", 0)?, argument("connected", 0)?);
    Ok(Options {
        config: Config { hidden: h, exchange: vec![h, h * 3 / 2, h * 3 / 2, h], head: h, recurrent: true },
        sampling: Sampling { count: argument("count", d.sampling.count)?, ..d.sampling },
        updates: if connected == 1 { Updates::Connected } else { Updates::Period },
        questions: if every == 1 { Questions::Every } else { Questions::Last },
        remaining_weight: argument("remaining", d.remaining_weight)?,
        queue_weight: argument("queue", d.queue_weight)?,
        batch: argument("batch", d.batch)?,
        epochs: argument("epochs", d.epochs)?,
        learning_rate: argument("rate", d.learning_rate)?,
        clip: (clip > 0.0).then_some(clip),
        seed: argument("seed", d.seed)?,
        ..d
    })
}

/// A scenario and its supervision, simulated once and kept: 8 bytes number of moments, then the stream.
fn supervised(id: u64, folder: &Path) -> Result<(Scenario, Supervision), Box<dyn Error>> {
    let draw = draws::draw(id, STREAM)?;
    let (seed, nr_flows) = (1000 + id, draw.nr_flows);
    let options = WorkloadOptions { seed, nr_flows, enable_app: false, generator: Generator::Compat };
    let scenario = scenario(&draw.mix, &options)?;
    let file = folder.join(scenario.digest());
    if let Ok(bytes) = fs::read(&file)
        && let Some((moments, stream)) = bytes.split_first_chunk::<8>()
    {
        return Ok((scenario, Supervision::from_stored(stream.to_vec(), u64::from_le_bytes(*moments))));
    }
    let output = PacketBackend::NS3.supervised().run(&scenario, &Silent)?;
    let supervision = output.supervision.ok_or("packet was asked for a supervision")?;
    let mut bytes = supervision.len().to_le_bytes().to_vec();
    bytes.extend(supervision.as_bytes());
    fs::write(file, bytes)?;
    Ok((scenario, supervision))
}

/// Starts and FCTs: they are in the supervision.
fn outcomes(scenario: &Scenario, supervision: &Supervision) -> Result<Vec<FlowOutcome>, Box<dyn Error>> {
    let mut starts: Vec<Option<SimTime>> = vec![None; scenario.flows().len()];
    let mut outcomes = vec![FlowOutcome::Unfinished { start: None }; scenario.flows().len()];
    for moment in supervision.moments() {
        let moment = moment?;
        let flow = moment.flow.index();
        match (moment.change, starts[flow]) {
            (Change::Delivered, Some(start)) => {
                outcomes[flow] = FlowOutcome::Completed { start, fct: moment.time.since(start) };
            }
            _ => {
                starts[flow] = Some(moment.time);
                outcomes[flow] = FlowOutcome::Unfinished { start: Some(moment.time) };
            }
        }
    }
    Ok(outcomes)
}

/// Training and validation sequences.
fn sequences(folder: &Path, options: &Options) -> Result<(Vec<Sequence>, Vec<Sequence>), Box<dyn Error>> {
    let folder = folder.join("supervised");
    fs::create_dir_all(&folder)?;
    let (first, draws): (u64, u64) = (argument("first", 0)?, argument("draws", 200)?);
    let longest: usize = argument("longest", usize::MAX)?;
    let mut candidates: Vec<(u64, Period)> = Vec::new();
    for id in first..first + draws {
        let (scenario, supervision) = supervised(id, &folder)?;
        let found = periods(&scenario, &outcomes(&scenario, &supervision)?);
        candidates.extend(found.into_iter().filter(|p| p.flows.len() <= longest).map(|p| (id, p)));
    }
    let drawn = options.sampling.draw(candidates.iter().map(|(_, p)| p), options.batch, options.seed);
    println!(
        "{} periods of {draws} scenarios; drawn {} + {}",
        candidates.len(),
        drawn.training.len(),
        drawn.validation.len()
    );
    let mut made: Vec<Option<Sequence>> = vec![None; candidates.len()];
    let mut chosen: Vec<usize> = drawn.training.iter().chain(&drawn.validation).copied().collect();
    chosen.sort_unstable();
    for numbers in chosen.chunk_by(|a, b| candidates[*a].0 == candidates[*b].0) {
        let (scenario, supervision) = supervised(candidates[numbers[0]].0, &folder)?;
        let outcomes = outcomes(&scenario, &supervision)?;
        let periods: Vec<Period> = numbers.iter().map(|n| candidates[*n].1.clone()).collect();
        let of = Sequence::of(&scenario, &outcomes, Some(&supervision), &periods)?;
        numbers.iter().zip(of).for_each(|(n, sequence)| made[*n] = Some(sequence));
    }
    let mut take = |numbers: &[usize]| numbers.iter().filter_map(|n| made[*n].take()).collect::<Vec<_>>();
    Ok((take(&drawn.training), take(&drawn.validation)))
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: train_m4_paper FOLDER [option=value] …")?;
    let folder = Path::new(&folder);
    let options = options()?;
    let (training, validation) = sequences(folder, &options)?;
    let flows: usize = training.iter().map(Sequence::flows).sum();
    println!("{flows} flows per epoch");
    let file = folder.join("checkpoint");
    let mut trainer = match fs::read(&file) {
        Ok(bytes) => Trainer::resume(options.clone(), &bytes)?,
        Err(_) => Trainer::new(options.clone()),
    };
    let mut log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log.csv"))?;
    let (mut sum, mut steps) = (0.0, 0u32);
    while !trainer.done() {
        let report = trainer.step(&training, &validation);
        (sum, steps) = (sum + report.losses.slowdown, steps + 1);
        let Some(v) = report.validation else { continue };
        let mean = sum / f64::from(std::mem::take(&mut steps));
        sum = 0.0;
        println!("epoch {} training slowdown {mean:.4} validation {v:?} rate {:e}", report.epoch, report.rate);
        writeln!(
            log,
            "{},{mean:.5},{:.5},{:.5},{:.5},{:e}",
            report.epoch, v.slowdown, v.remaining, v.queue, report.rate
        )?;
        fs::write(&file, trainer.checkpoint())?;
        let controls = ["dctcp", "dcqcn", "hp", "timely"].map(String::from).to_vec();
        let data = format!("{} drawn mixes, stream {STREAM}, packet", argument("draws", 200)?);
        let weights = folder.join("weights");
        fs::create_dir_all(&weights)?;
        trainer.model(controls, [("data".to_string(), data)].into()).save(&weights)?;
    }
    Ok(())
}
