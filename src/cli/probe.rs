//! `probe`: one packet simulation under chosen probes. What the files hold: [`crate::probe`].

use super::args::{Common, Fidelity};
use super::exit::Exit;
use super::failure::Failure;
use super::sweep::{watch_signals, workload_options};
use super::{progress, remark, shown, warn};
use crate::plan;
use crate::probe::{Channels, ProbeError, Probes, Recorded, Request};
use crate::runner::StopFlag;
use crate::spec;
use crate::store::{Reader, Selection, StoreError};
use clap::Args;
use indicatif::ProgressBar;
use mixlab_contract::{Backend, Observer, RunError, Scenario, SimDuration};
use mixlab_packet::PacketBackend;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Options of `probe`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("probes").required(true).multiple(true))]
pub struct ProbeArgs {
    /// Queues and utilisations of channels in equal intervals (queues.csv)
    #[arg(long, group = "probes")]
    pub queues: bool,
    /// Interval of --queues: a whole number of ns, such as 500ns, 10us or 1ms
    #[arg(long, value_name = "TIME", default_value = "10us", value_parser = interval, requires = "queues")]
    pub every: SimDuration,
    /// Channels of --queues: pairs of nodes, A-B meaning from A to B; or `busiest N`, the N switch ports that most bytes are to
    /// cross
    #[arg(long, value_name = "A-B,…|busiest N", num_args = 1..=2, default_values = ["busiest", "16"], requires = "queues")]
    pub channels: Vec<String>,
    /// PFC frames sent and obeyed, in the form of the RDMA ns-3 programs (pfc.txt)
    #[arg(long, group = "probes")]
    pub pfc: bool,
    /// Rate, window and RTT at each ACK of the flows with these ids (acks.csv)
    #[arg(long, value_name = "FLOW,…", value_delimiter = ',', group = "probes")]
    pub acks: Vec<u64>,
    /// Remaining bytes of all active flows and queues on their paths at every flow start and end (moments.csv, remaining.csv,
    /// moment_queues.csv)
    #[arg(long, group = "probes")]
    pub moments: bool,
    /// The mix, by its id; not needed where there is only one
    #[arg(long, value_name = "N")]
    pub mix_id: Option<u64>,
    /// A stored scenario instead of one of --mixes, by the first digits of its digest
    #[arg(long, value_name = "DIGEST", conflicts_with = "mix_id")]
    pub scenario: Option<String>,
    /// Folder of the files
    #[arg(long, value_name = "DIR", default_value = "./probe")]
    pub out: PathBuf,
}

/// What a first Ctrl-C does.
const STOPPING: &str = "stopping: no file is written (again to stop at once)";

/// Runs the scenario and writes the files.
pub async fn run(common: &Common, args: &ProbeArgs) -> Result<Exit, Failure> {
    let request = request(args)?;
    let (scenario, digest) = chosen(common, args).await?;
    let probes = Probes::of(&request, &scenario)?;
    let backend = match common.fidelity {
        Fidelity::Ns3 => PacketBackend::NS3,
        Fidelity::Clean => PacketBackend::CLEAN,
    };
    let what = format!("scenario {}: {} flows, {}", &digest[..12], scenario.flows().len(), backend.id());
    if common.dry_run {
        return shown(&format!("{what}, files to {}\n", args.out.display()));
    }
    let Recorded { output, files } = recorded(common, probes, scenario, backend, args.out.clone()).await?;
    let finished = output.outcomes.iter().filter(|o| o.fct().is_some()).count();
    let mut text = format!("{what}, {finished} finished\n");
    for (path, rows) in files {
        let _ = writeln!(text, "{}: {rows} rows", path.display());
    }
    remark(common, text.trim_end());
    Ok(Exit::Ok)
}

fn request(args: &ProbeArgs) -> Result<Request, Failure> {
    let channels = channels(&args.channels).map_err(|e| Failure::new(Exit::Usage, format!("--channels: {e}")))?;
    let queues = args.queues.then_some((channels, args.every));
    Ok(Request { queues, pfc: args.pfc, acks: args.acks.clone(), moments: args.moments })
}

/// The scenario and its digest.
async fn chosen(common: &Common, args: &ProbeArgs) -> Result<(Arc<Scenario>, String), Failure> {
    let usage = |text: String| Failure::new(Exit::Usage, text);
    if let (Some(file), None) = (&common.mixes, &args.scenario) {
        let spec = spec::load_mixes(file)?;
        warn(common, &spec.warnings);
        let ids = spec.mixes.iter().map(|m| m.mix.id).collect::<Vec<_>>();
        let place = one(&ids, args.mix_id, &file.display().to_string()).map_err(usage)?;
        let planned = plan::planned(&spec.mixes[place], &workload_options(common))?;
        return Ok((planned.scenario, planned.digest));
    }
    let reader = match Reader::open(&common.root).await {
        Err(StoreError::NotFound { .. }) if args.scenario.is_none() => {
            let root = common.root.display();
            return Err(usage(format!("probe needs --mixes FILE: there is no store under {root} either")));
        }
        other => other?,
    };
    let mut entries = reader.entries(&Selection::default()).await?;
    let place = format!("the store under {}", common.root.display());
    let digest = if let Some(prefix) = &args.scenario {
        entries.retain(|(_, digest)| digest.starts_with(&prefix.to_ascii_lowercase()));
        let mut digests: Vec<String> = entries.into_iter().map(|(_, digest)| digest).collect();
        digests.sort();
        digests.dedup();
        match digests.len() {
            1 => digests.remove(0),
            0 => {
                return Err(Failure::new(
                    Exit::MissingResults,
                    format!("no scenario in {place} has the digest {prefix}…"),
                ));
            }
            n => {
                return Err(usage(format!(
                    "{n} scenarios in {place} have digests that begin with {prefix}: give more digits"
                )));
            }
        }
    } else {
        let ids: Vec<u64> = entries.iter().map(|(entry, _)| entry.mix_id).collect();
        entries.swap_remove(one(&ids, args.mix_id, &place).map_err(usage)?).1
    };
    Ok((Arc::new(reader.load_scenario(&digest).await?), digest))
}

/// Position of the wanted mix, or of the only one.
fn one(ids: &[u64], wanted: Option<u64>, place: &str) -> Result<usize, String> {
    let range = match (ids.iter().min(), ids.iter().max()) {
        (Some(first), Some(last)) => format!("{} with ids from {first} to {last}", ids.len()),
        _ => "none".into(),
    };
    let fits: Vec<usize> = (0..ids.len()).filter(|i| wanted.is_none_or(|id| ids[*i] == id)).collect();
    match (fits.as_slice(), wanted) {
        ([place], _) => Ok(*place),
        ([], Some(id)) => Err(format!("there is no mix {id} in {place} (mixes: {range})")),
        ([], None) => Err(format!("there is no mix in {place}")),
        (_, Some(id)) => Err(format!("{place} has several scenarios of a mix {id}: choose one with --scenario DIGEST")),
        (_, None) => Err(format!("which mix of {place}? (--mix-id N; mixes: {range})")),
    }
}

/// The run, with bar, signals and time limit.
async fn recorded(
    common: &Common,
    probes: Probes,
    scenario: Arc<Scenario>,
    backend: PacketBackend,
    folder: PathBuf,
) -> Result<Recorded, Failure> {
    let (stop, late) = (StopFlag::default(), StopFlag::default());
    let signals = tokio::spawn(watch_signals(stop.clone(), common.quiet, STOPPING));
    let limit = common.timeout.map(|limit| {
        let late = late.clone();
        tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            late.set();
        })
    });
    let bar = progress::bar(common, scenario.flows().len() as u64, 0, "flows");
    let watcher = Watcher { stop, late: late.clone(), bar: bar.clone() };
    let ran = tokio::task::spawn_blocking(move || probes.record(backend, &scenario, &folder, &watcher)).await;
    signals.abort();
    limit.inspect(|task| task.abort());
    bar.finish_and_clear();
    match ran.map_err(|e| Failure::internal(format!("the run broke off: {e}")))? {
        Err(ProbeError::Run(RunError::Cancelled)) if late.is_set() => {
            let limit = common.timeout.unwrap_or_default().as_secs_f64();
            Err(Failure::new(Exit::RunsFailed, format!("time limit of {limit} s exceeded; no file is written")))
        }
        other => Ok(other?),
    }
}

impl From<ProbeError> for Failure {
    fn from(e: ProbeError) -> Self {
        let exit = match e {
            ProbeError::NoFlow { .. } | ProbeError::NoChannel { .. } => Exit::Usage,
            ProbeError::Unsupported { .. } => Exit::BackendUnavailable,
            ProbeError::Run(RunError::Cancelled) => Exit::Interrupted,
            ProbeError::Run(_) => Exit::RunsFailed,
            ProbeError::Write { .. } => Exit::Internal,
        };
        Self::new(exit, e.to_string())
    }
}

/// Shows progress, and stops the run when asked to or when its time is over.
struct Watcher {
    stop: StopFlag,
    late: StopFlag,
    bar: ProgressBar,
}

impl Observer for Watcher {
    fn phase(&self, _: &'static str) {}

    fn progress(&self, done: u64) {
        self.bar.set_position(done);
    }

    fn cancelled(&self) -> bool {
        self.stop.is_set() || self.late.is_set()
    }

    fn work_dir(&self) -> &Path {
        Path::new(".")
    }
}

/// `busiest N`, or pairs of nodes.
fn channels(words: &[String]) -> Result<Channels, String> {
    let text = words.join(" ");
    let expected = || format!("expected pairs of nodes such as 0-32,32-40, or busiest N, not `{text}`");
    if let Some(count) = text.strip_prefix("busiest") {
        let count = count.trim().parse().ok().filter(|n| *n > 0);
        return count.map(Channels::Busiest).ok_or_else(expected);
    }
    let pair = |pair: &str| {
        let (from, to) = pair.trim().split_once('-')?;
        Some((from.parse().ok()?, to.parse().ok()?))
    };
    text.split(',').map(pair).collect::<Option<_>>().map(Channels::Between).ok_or_else(expected)
}

fn interval(text: &str) -> Result<SimDuration, String> {
    let units = [("ns", 1), ("us", 1_000), ("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];
    let found = units.into_iter().find_map(|(unit, ns)| Some((text.strip_suffix(unit)?.parse::<u64>().ok()?, ns)));
    found
        .and_then(|(count, ns)| count.checked_mul(ns))
        .filter(|ns| (1..=1_000_000_000_000).contains(ns))
        .map(SimDuration::from_ns)
        .ok_or_else(|| "expected a whole number with ns, us, ms or s, from 1ns to 1000s".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_pairs_or_the_busiest() {
        let of = |text: &str| channels(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(of("0-32,32-40"), Ok(Channels::Between(vec![(0, 32), (32, 40)])));
        assert_eq!(of("busiest 8"), Ok(Channels::Busiest(8)));
        for bad in ["", "0", "0-", "0-1,", "0-1 1-2", "busiest", "busiest 0", "busiest x", "a-b"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn intervals_are_whole_ns_with_a_unit() {
        assert_eq!(interval("500ns"), Ok(SimDuration::from_ns(500)));
        assert_eq!(interval("10us"), Ok(SimDuration::from_ns(10_000)));
        assert_eq!(interval("2s"), Ok(SimDuration::from_ns(2_000_000_000)));
        for bad in ["", "10", "0ns", "1.5us", "-1us", "1001s", "99999999999999999999ns", "10 h"] {
            assert!(interval(bad).is_err(), "{bad}");
        }
    }
}
