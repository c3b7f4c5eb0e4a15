//! The command line as typed. Every option may stand before or after the subcommand, as in parsimon-eval's calls and not.

use super::exit::Exit;
use super::probe::ProbeArgs;
use super::start::Start;
use super::test::TestArgs;
use super::train::TrainArgs;
use crate::backends::BackendOptions;
use crate::figures::Filter;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use mixlab_contract::scenario::MOST_FLOWS;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Run experiment mixes over data-centre network simulators and see which simulator is how wrong and how slow.
#[derive(Debug, Parser)]
#[command(name = "mixlab", version, after_help = Exit::TABLE, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// Options common to all subcommands.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every subcommand accepts.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Folder of the results: the store `mixlab.sqlite` and exported files
    #[arg(long, global = true, value_name = "DIR", default_value = "./results")]
    pub root: PathBuf,
    /// Mix file: a JSON mix or an array of them (parsimon-eval's files work as they are)
    #[arg(long, visible_alias = "mix", global = true, value_name = "FILE")]
    pub mixes: Option<PathBuf>,
    /// Seed of the workload generator
    #[arg(long, global = true, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Flows per scenario
    #[arg(long, global = true, value_name = "N", default_value_t = 2000, value_parser = flow_count)]
    pub nr_flows: u64,
    /// Start all flows at 1 s; with `max_inflight_flows` each rack keeps that many outstanding (closed loop)
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, action = ArgAction::Set,
          default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub enable_app: bool,
    /// Also store the dense supervision that learned simulators are trained on: remaining bytes of all active flows and queues
    /// on their paths at every flow start and end (`packet` only; runs stored without it are repeated to add it)
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, action = ArgAction::Set,
          default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub enable_train: bool,
    /// Packet simulation: as ns-3 is, or the same transport with its faults mended (backend `packet-clean`; with `all`, in
    /// place of `packet`; in `compare` and `figures`, the baseline if none is named)
    #[arg(long, global = true, value_enum, default_value_t = Fidelity::Ns3)]
    pub fidelity: Fidelity,
    /// How flows are drawn
    #[arg(long, global = true, value_enum, default_value_t = Workload::Compat)]
    pub workload: Workload,
    /// Runs at the same time; more than 1 makes wall times incomparable (they are marked), CPU times stay
    #[arg(long, short = 'j', global = true, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: u16,
    /// Time limit per run, such as 90, 90s, 15m or 2h; a run that exceeds it is stored as failed
    #[arg(long, global = true, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Run failed scenarios again (otherwise only missing ones run)
    #[arg(long, global = true)]
    pub retry_failed: bool,
    /// Print what would run, and run nothing
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// ns-3 to use: an installation or a built tree (default: Debian's libns3-dev, else a PyPI wheel)
    #[arg(long, global = true, value_name = "DIR", env = "MIXLAB_NS3_DIR")]
    pub ns3_dir: Option<PathBuf>,
    /// `hpcc`: drive the program of a tree of the m3/m4/HPCC papers, given by --ns3-dir, as its scripts do
    #[arg(long, global = true, value_enum, default_value_t = Ns3Flavor::Own)]
    pub ns3_flavor: Ns3Flavor,
    /// Threads of ns-3's kernel (UNISON trees only)
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub ns3_threads: Option<u32>,
    /// Weights of the learned simulator: a folder that `mixlab train` wrote, or one with the original's eight .pt files
    #[arg(long, global = true, value_name = "DIR")]
    pub m4_weights: Option<PathBuf>,
    /// Folder of an external backend (with a backend.toml), or of several; may be repeated (./backends is always looked at)
    #[arg(long, global = true, value_name = "DIR")]
    pub backend_dir: Vec<PathBuf>,
    /// No progress and no remarks on stderr, only errors
    #[arg(long, short = 'q', global = true)]
    pub quiet: bool,
    /// `ndjson`: one JSON object per event on stdout instead of progress (see `mixlab help-events`)
    #[arg(long, global = true, value_enum, default_value_t = MessageFormat::Human)]
    pub message_format: MessageFormat,
    /// What was found before the command line was read.
    #[arg(skip)]
    pub start: Start,
}

impl Common {
    /// What concerns the backends.
    pub fn backends(&self) -> BackendOptions {
        BackendOptions {
            ns3_dir: self.ns3_dir.clone(),
            ns3_tree: self.ns3_flavor == Ns3Flavor::Hpcc,
            ns3_threads: self.ns3_threads,
            m4_weights: self.m4_weights.clone(),
            clean: self.fidelity == Fidelity::Clean,
            supervise: self.enable_train,
            external: self.start.external.clone(),
        }
    }
}

/// Ways into ns-3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Ns3Flavor {
    /// mixlab's own program on ns-3's event kernel
    Own,
    /// The tree's own program
    Hpcc,
}

/// Fidelities of the packet simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fidelity {
    /// The ns-3 program of the m3 and m4 papers to the nanosecond, faults included
    Ns3,
    /// With a retransmission timer, true headroom, any link rate, picoseconds … (see the engine's README)
    Clean,
}

/// Workload generators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// parsimon-eval's generator to the bit, its load calibration included
    Compat,
    /// The busiest channel really gets the load asked for, in bytes; an own random stream per scenario
    Calibrated,
}

/// Form of the run events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    /// Progress bars, or lines where stderr is not a terminal
    Human,
    /// Newline-delimited JSON on stdout
    Ndjson,
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lower bound: every flow takes its ideal FCT
    Ideal,
    /// Exact max-min fluid simulation of payload bytes (the field's baseline)
    Flowsim,
    /// Max-min fluid simulation of wire bytes with the sender's window as a rate cap
    FlowsimWindow,
    /// Coarse packet-level simulation in ticks of 1 µs; long steady phases are skipped
    Coarse,
    /// Packet-level simulation of the RDMA transport: the embedded ground truth
    Packet,
    /// The error floor: packet, and packet again with one flow in ten started 1 ns later (and other DCQCN streams)
    #[command(
        after_help = "The truth is chaotic: the error of `floor` against `packet` in `compare` and in the figures is what no estimator can be told apart from."
    )]
    Floor,
    /// The fast estimators: flowsim, flowsim-window and m4
    Mlsys,
    /// Every available backend, then all figures and a summary table
    All(FigureArgs),
    /// Real ns-3
    Ns3,
    /// Learned simulator: coarse packet-level simulation in trains of two packets, refined
    M4,
    /// Learned flow-level simulator: flowsim-window, corrected; the cheapest
    M4Fluid,
    /// Parsimon over ns-3
    Pmn,
    /// Parsimon over Minim
    PmnM,
    /// Parsimon over Minim, clustered
    PmnMc,
    /// Write flows.json, topology.txt, flows.txt and path_1.txt of every mix, or draw mixes from a mix space; runs nothing
    #[command(
        after_help = "Examples:\n  mixlab --root demo --mixes spec/demo.mix.json expand\n  mixlab expand --mixspace spec/eval_train.mixspace.json --count 40 --seed 1 --out my.mix.json"
    )]
    Expand(ExpandArgs),
    /// Draw figures from the store
    #[command(
        after_help = "Examples:\n  mixlab figures --list\n  mixlab figures slowdown-cdf error-cdf --width single --filter 'cc=dctcp load>0.5'\n  mixlab figures trace --filter mix=3 --flows 500..600 --theme dark\n  mixlab figures training --log m4/loss.csv\nKeys of --filter: mix cc matrix sizes cluster sigma load delivered buffer window hosts inflight flows; operators = != < <= > >=; `a|b` is a or b"
    )]
    Figures(FiguresArgs),
    /// Write one HTML page: what was run, errors, all figures, failures, every scenario
    Report(ReportArgs),
    /// The report in a browser, live while a sweep runs
    #[command(
        after_help = "It can only be reached from this machine unless told otherwise; from elsewhere use ssh -L 8377:localhost:8377."
    )]
    Serve(ServeArgs),
    /// Errors and speed of every backend against a baseline
    #[command(after_help = crate::compare::DEFINITIONS)]
    Compare(CompareArgs),
    /// Train the learned simulator on scenarios that are drawn and simulated for it
    #[command(after_help = "Stopped at any moment, the same command goes on and ends in the same weights.")]
    Train(Box<TrainArgs>),
    /// Errors of learned weights against stored truth, by scenario, flow size and what the scenarios are
    #[command(
        after_help = "Results are stored as runs of m4 with these weights; `mixlab --m4-weights m4 compare` and `figures` show them."
    )]
    Test(TestArgs),
    /// Look into one packet simulation: queues, PFC frames, ACKs of single flows, the state at every flow start and end
    Probe(ProbeArgs),
    /// What is done, failed and missing
    Status,
    /// Is what is stored right? Verifies the file, every scenario and every run, and can repeat some of them
    #[command(
        after_help = "Examples:\n  mixlab --root R check\n  mixlab --root R check --rerun 20 --seed 7\n\nEnds with 0 if nothing is wrong, with 6 if something stored can't be trusted."
    )]
    Check(CheckArgs),
    /// Store results of an outside simulator or testbed: folders with config.txt, topology.txt, flows.txt and fct*.txt
    #[command(
        after_help = "Then `mixlab --root R packet` runs the imported scenarios, and `mixlab --root R compare --baseline NAME --flows` says how far it is, flow by flow."
    )]
    Import(ImportArgs),
    /// Write stored results as files
    Export(ExportArgs),
    /// What mixlab finds on this machine, and which settings are in force and why
    Doctor(DoctorArgs),
    /// Write a commented starter mix that runs as it is
    Init(InitArgs),
    /// Print the schema of the ndjson events
    HelpEvents,
    /// Print what mixlab.toml and the environment can set
    HelpSettings(HelpSettingsArgs),
    /// Print a shell completion script
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Print the man page (roff)
    Man,
    /// An external backend, by its name.
    #[command(skip)]
    External(String),
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Hold a backend to the laws of the contract on random scenarios, and print law by law how it fares
    #[arg(long, value_name = "BACKEND")]
    pub conformance: Option<String>,
    /// Scenarios per law
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub scenarios: u64,
}

/// Options of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// File to write
    #[arg(value_name = "FILE", default_value = "my.mix.json")]
    pub file: PathBuf,
    /// Overwrite the file if it is there
    #[arg(long)]
    pub force: bool,
}

/// Options of `help-settings`.
#[derive(Debug, Args)]
pub struct HelpSettingsArgs {
    /// As a JSON Schema of mixlab.toml, for editors
    #[arg(long)]
    pub schema: bool,
}

/// Options of `expand`.
#[derive(Debug, Args)]
pub struct ExpandArgs {
    /// Mix space to draw mixes from, instead of expanding `--mixes`
    #[arg(long, value_name = "FILE", requires = "count", requires = "out")]
    pub mixspace: Option<PathBuf>,
    /// Mixes to draw
    #[arg(long, value_name = "N")]
    pub count: Option<usize>,
    /// Seed of the second stream, for transport parameters (fixed in the original program)
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub param_seed: u64,
    /// Where to write the drawn mixes (`-` = stdout)
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Options of `figures`.
#[derive(Debug, Args)]
pub struct FiguresArgs {
    /// What to draw and how.
    #[command(flatten)]
    pub drawn: FigureArgs,
    /// Draw `training` from this log of a training, and nothing from the store
    #[arg(long, value_name = "DIR/loss.csv", conflicts_with_all = ["baseline", "backends", "filter", "flows"])]
    pub log: Option<PathBuf>,
}

/// Options of `figures` and `all`.
#[derive(Clone, Debug, Args)]
pub struct FigureArgs {
    /// Figures to draw (default: all)
    pub names: Vec<String>,
    /// List the figures and what they show
    #[arg(long)]
    pub list: bool,
    /// Backend taken as truth (default: ns3 if it was run, else packet)
    #[arg(long, value_name = "BACKEND")]
    pub baseline: Option<String>,
    /// Backends to show (default: all that were run)
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub backends: Option<Vec<String>>,
    /// Only scenarios that meet these conditions, such as 'cc=dctcp load>0.5'
    #[arg(long, value_name = "CONDITIONS", value_parser = filter)]
    pub filter: Option<Filter>,
    /// Flows of figures that show single flows, by start: from 0, end excluded
    #[arg(long, value_name = "FROM..TO", value_parser = flow_range)]
    pub flows: Option<(usize, usize)>,
    /// Width: one or both columns of a paper
    #[arg(long, value_enum, default_value_t = Width::Double)]
    pub width: Width,
    /// Dots per inch of the PNG
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(36..=1200))]
    pub dpi: u32,
    /// Colours for paper, or for slides and screens
    #[arg(long, value_enum, default_value_t = ThemeName::Light)]
    pub theme: ThemeName,
    /// Folder for SVG, PDF, PNG and CSV
    #[arg(long, value_name = "DIR", default_value = "./figures")]
    pub out: PathBuf,
}

/// Widths of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Width {
    /// 240 pt (3.33 in)
    Single,
    /// 504 pt (7 in)
    Double,
}

/// Themes of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ThemeName {
    /// Dark on white
    Light,
    /// Light on nearly black
    Dark,
}

/// Options of `report`.
#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// Backend taken as truth (default: ns3 if it was run, else packet)
    #[arg(long, value_name = "BACKEND")]
    pub baseline: Option<String>,
    /// Backends in the figures (default: all that were run)
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub backends: Option<Vec<String>>,
    /// Figures over scenarios that meet these conditions only, such as 'cc=dctcp load>0.5'
    #[arg(long, value_name = "CONDITIONS", value_parser = filter)]
    pub filter: Option<Filter>,
    /// File of the page
    #[arg(long, value_name = "FILE", default_value = "./report.html")]
    pub out: PathBuf,
}

/// Options of `serve`.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// What the page shows
    #[command(flatten)]
    pub report: ReportArgs,
    /// Address and port (port 0: any that is free)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8377")]
    pub listen: SocketAddr,
    /// Allow an address that other machines can reach
    #[arg(long)]
    pub any_address: bool,
}

/// Options of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Backend taken as truth (default: ns3 if it was run, else packet)
    #[arg(long, value_name = "BACKEND")]
    pub baseline: Option<String>,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    pub format: TableFormat,
    /// Flow by flow: how many FCTs are equal per scenario, and the flows that differ most
    #[arg(long)]
    pub flows: bool,
}

/// Forms of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// For reading
    Table,
    /// One JSON object
    Json,
    /// One row per scenario, backend and bucket
    Csv,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Also execute N stored runs again, drawn by --seed, and compare every flow
    #[arg(long, value_name = "N")]
    pub rerun: Option<usize>,
}

/// Options of `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Name of the backend these results are filed under, such as `ns3-lab`
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// Folders that are, or contain, scenario folders
    #[arg(required = true, value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
}

/// Options of `export`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("form").required(true))]
pub struct ExportArgs {
    /// Files in another program's layout under the root: <mix>/<backend>/records.csv and elapsed.txt
    #[arg(long, value_enum, group = "form")]
    pub layout: Option<Layout>,
    /// One tidy table of all flows
    #[arg(long, value_enum, group = "form", requires = "out")]
    pub format: Option<TidyFormat>,
    /// File of the tidy table (`-` = stdout, csv only)
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Only these backends
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub backends: Option<Vec<String>>,
}

/// Layouts of other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Layout {
    /// As the original's notebooks expect
    ParsimonEval,
}

/// Forms of the tidy table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TidyFormat {
    /// Comma-separated, for anything
    Csv,
    /// Apache Parquet, for pandas and polars
    Parquet,
}

fn flow_count(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(n) if (1..=MOST_FLOWS as u64).contains(&n) => Ok(n),
        _ => Err(format!(
            "expected a number of flows from 1 to {MOST_FLOWS}; divide larger experiments among several mixes"
        )),
    }
}

fn filter(text: &str) -> Result<Filter, String> {
    Filter::parse(text).map_err(|e| e.to_string())
}

/// First flow and number of flows.
fn flow_range(text: &str) -> Result<(usize, usize), String> {
    let ends = text.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse::<usize>().ok()?)));
    ends.filter(|(from, to)| from < to)
        .map(|(from, to)| (from, to - from))
        .ok_or_else(|| "expected FROM..TO, such as 500..600".into())
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let scale = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "ms" => 1e-3,
        _ => return Err("expected a number with ms, s, m or h".into()),
    };
    let seconds: f64 = digits.parse().map_err(|_| "expected a number with ms, s, m or h".to_owned())?;
    Duration::try_from_secs_f64(seconds * scale)
        .ok()
        .filter(|d| !d.is_zero())
        .ok_or_else(|| "expected a time above 0".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_readme_line_of_the_original_parses() {
        let line = "mixlab --root=./demo --mixes spec/0.mix.json --nr-flows 2000 --enable-train ns3";
        let cli = Cli::try_parse_from(line.split(' ')).expect("valid");
        assert!(cli.common.enable_train && matches!(cli.command, Command::Ns3));
    }

    #[test]
    fn options_are_accepted_before_and_after_the_subcommand() {
        let before = Cli::try_parse_from(["mixlab", "--mix", "a.json", "--seed", "3", "flowsim"]).expect("valid");
        let after = Cli::try_parse_from(["mixlab", "flowsim", "--seed", "3", "--mixes", "a.json"]).expect("valid");
        assert_eq!(before.common.mixes, after.common.mixes);
        assert_eq!((before.common.seed, after.common.seed), (3, 3));
        assert_eq!((before.common.nr_flows, before.common.root), (2000, PathBuf::from("./results")));
    }

    #[test]
    fn time_limits_have_units() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for bad in ["", "0", "-1", "3d", "NaN", "inf", "1e99h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
