//! Existing ns-3 trees of the papers (m4's UNISON-for-ns-3, the ns-3.39 branches of m3 and Parsimon): their own `third.cc`,
//! driven as their scripts do, but without shell, Python or the current directory.
//!
//! ```text
//! scenario ─► topology.txt flows.txt config.txt trace.txt  (fresh folder)  ─► scratch/third CONFIG ─► fct.txt ─► outcomes
//! ```
//!
//! The built program is started if there is one (`build/scratch/*third*`), otherwise `./ns3 run` or `./waf --run` in the
//! tree; all under our guard, so that neither outlives its caller. These programs end with status 0 whatever happens, so nothing is believed
//! but rows: every flow must have one, and lines that announce trouble fail the run.
//!
//! They route flows themselves, so scenarios with other paths than ECMP's are unsupported. Left out: the original HPCC
//! program (ns-3.17), whose flow file has no ids and whose buffer and window mean something else.

use crate::compile::{CompileError, Recipe, cache_dir};
use crate::process::{Launch, Patience, ProcessError, Running, clean_environment, read_output, run_error};
use crate::scenario_text::check;
use mixlab_contract::files::{ConfigFiles, match_outcomes, read_fct, write_config, write_flows, write_topology};
use mixlab_contract::routing::ecmp_paths;
use mixlab_contract::scenario::hex;
use mixlab_contract::tcp::rdma_only;
use mixlab_contract::{
    Availability, Backend, Counters, FlowOutcome, Observer, RunError, RunOutput, Scenario, Unsupported,
};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// Words in a log that mean that results are not to be used, in lower case.
const TROUBLE: [&str; 7] =
    ["unknown rate", "assert failed", "ns_assert failed", "fatal error", "terminate called", "msg=", "exception"];
/// Where a tree keeps its libraries: CMake's place, and waf's.
const LIBRARY_DIRS: [&str; 2] = ["build/lib", "build"];
/// Most bytes of results: a row has about 80.
const BYTES_PER_FLOW: u64 = 1024;
const OTHER_BYTES: u64 = 1 << 20;
/// Lines of the program's output that are kept for the log.
const KEPT_LINES: usize = 50;

/// An ns-3 tree of the HPCC family as a backend.
#[derive(Debug)]
pub struct Ns3Tree {
    dir: PathBuf,
    cache: Option<PathBuf>,
    time_limit: Option<Duration>,
    fingerprint: OnceLock<String>,
}

/// How the tree's program is started.
enum Entry {
    /// The built program.
    Binary(PathBuf),
    /// `./ns3 run`, or `./waf --run` in trees before ns-3.36, which build it if need be.
    Script(PathBuf, &'static str),
}

impl Ns3Tree {
    /// The tree in `dir`; no time limit.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), cache: None, time_limit: None, fingerprint: OnceLock::new() }
    }

    /// Keeps the guard in `cache` instead of the usual place.
    pub fn with_cache(mut self, cache: impl Into<PathBuf>) -> Self {
        self.cache = Some(cache.into());
        self
    }

    /// Kills runs that take longer.
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// What would be started, with absolute paths: a tree is often named relative to where its user stands.
    fn entry(&self) -> Option<Entry> {
        let dir = self.dir.canonicalize().ok()?;
        let executable = |p: &PathBuf| fs::metadata(p).is_ok_and(|m| m.permissions().mode() & 0o111 != 0);
        let third = |p: &PathBuf| p.file_name().is_some_and(|n| n.to_string_lossy().contains("third")) && executable(p);
        let mut built: Vec<PathBuf> = files_in(&dir.join("build/scratch")).into_iter().filter(third).collect();
        built.sort_by_key(|p| p.to_string_lossy().contains("-debug"));
        if let Some(binary) = built.into_iter().next() {
            return Some(Entry::Binary(binary));
        }
        let scripts = [("ns3", "run"), ("waf", "--run")].map(|(name, command)| (dir.join(name), command));
        let (script, command) = scripts.into_iter().find(|(script, _)| script.is_file())?;
        dir.join("scratch/third.cc").is_file().then_some(Entry::Script(script, command))
    }

    fn launch(&self, guard: PathBuf, folder: &Path, rng_run: u64) -> Result<Launch, RunError> {
        let entry = self.entry().ok_or_else(|| failed(self.missing().0))?;
        let directory = self.dir.canonicalize().map_err(|e| failed(format!("{}: {e}", self.dir.display())))?;
        let config = folder.join("config.txt").into_os_string();
        let arguments = match entry {
            Entry::Binary(binary) => vec![binary.into_os_string(), config],
            Entry::Script(script, command) => {
                let mut run = OsString::from("scratch/third ");
                run.push(config);
                vec![script.into_os_string(), command.into(), run]
            }
        };
        let mut environment = clean_environment(folder);
        let libraries = LIBRARY_DIRS.map(|dir| directory.join(dir).into_os_string()).join(&OsString::from(":"));
        environment.push(("LD_LIBRARY_PATH".into(), libraries));
        // The config file has no key for it; ns-3 reads its global values from here in every program.
        environment.push(("NS_GLOBAL_VALUE".into(), format!("RngRun={rng_run}").into()));
        Ok(Launch { program: guard, arguments, directory, environment })
    }

    fn guard(&self, observer: &dyn Observer) -> Result<PathBuf, RunError> {
        let cache = self.cache.clone().unwrap_or_else(cache_dir);
        let built = Recipe::guard().and_then(|r| r.build(&cache, observer));
        built.map_err(|e| match e {
            CompileError::Cancelled => RunError::Cancelled,
            e => failed(e.to_string()),
        })
    }

    fn missing(&self) -> (String, String) {
        let reason = format!(
            "{} is no tree with scratch/third.cc and ns3 or waf, and none with build/scratch/*third*",
            self.dir.display()
        );
        (reason, "name the folder of the ns-3 sources the paper's scripts run in (--ns3-dir)".into())
    }
}

impl Backend for Ns3Tree {
    fn id(&self) -> &str {
        "ns3"
    }

    fn fingerprint(&self) -> String {
        let digest = || {
            let mut h = Sha256::new();
            let entry = match self.entry() {
                Some(Entry::Binary(binary)) => vec![binary],
                Some(Entry::Script(..)) => vec![self.dir.join("scratch/third.cc")],
                None => vec![],
            };
            let libraries = LIBRARY_DIRS.iter().flat_map(|dir| files_in(&self.dir.join(dir)));
            for file in entry.into_iter().chain(libraries.filter(|f| f.to_string_lossy().contains(".so"))) {
                h.update(Sha256::digest(fs::read(file).unwrap_or_default()));
            }
            format!("ns3-hpcc-1 tree={}", hex(&h.finalize()))
        };
        self.fingerprint.get_or_init(digest).clone()
    }

    fn probe(&self) -> Availability {
        let compiler = || Recipe::guard().err().map(|e| (e.to_string(), "apt-get install -y g++".into()));
        let missing = if self.entry().is_none() { Some(self.missing()) } else { compiler() };
        missing.map_or(Availability::Available, |(reason, hint)| Availability::Missing { reason, hint })
    }

    fn check(&self, scenario: &Scenario) -> Result<(), Unsupported> {
        rdma_only(scenario)?;
        check(scenario)?;
        let unsupported = |feature: String| Err(Unsupported { feature });
        if let Err(e) = write_config(scenario, &ConfigFiles::default()) {
            return unsupported(e.to_string());
        }
        let own = ecmp_paths(scenario.topology(), scenario.flows());
        let same = own.is_ok_and(|(data, acks)| {
            scenario
                .indices()
                .all(|f| data.get(f.index()) == scenario.path(f) && acks.get(f.index()) == scenario.ack_path(f))
        });
        if same { Ok(()) } else { unsupported("routing other than ECMP by the hash of these programs".into()) }
    }

    fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError> {
        self.check(scenario).map_err(|unsupported| failed(unsupported.to_string()))?;
        observer.phase("build");
        let guard = self.guard(observer)?;
        observer.phase("set-up");
        let folder = write_inputs(scenario, observer.work_dir())?;
        let launch = self.launch(guard, &folder, scenario.transport().rng_run)?;
        observer.phase("simulate");
        let patience = Patience { observer, limit: self.time_limit };
        let log_tail = supervise(&launch, patience)?;
        observer.phase("read");
        let outcomes = read_results(scenario, &folder.join("fct.txt"));
        let outcomes = outcomes.map_err(|message| RunError::Failed { message, log_tail })?;
        Ok(RunOutput { outcomes, counters: Counters::default(), supervision: None })
    }
}

/// Writes the input files into a folder that was not there before, so that no old result can be taken for a new one.
fn write_inputs(scenario: &Scenario, work_dir: &Path) -> Result<PathBuf, RunError> {
    let place = |e: std::io::Error| failed(format!("cannot write the inputs in {}: {e}", work_dir.display()));
    let folder = work_dir.canonicalize().map_err(place)?.join("ns3-hpcc");
    fs::create_dir(&folder).map_err(place)?;
    let named = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let files = ConfigFiles {
        topology: named("topology.txt"),
        flows: named("flows.txt"),
        trace: named("trace.txt"),
        trace_output: named("mix.tr"),
        fct: named("fct.txt"),
        pfc: named("pfc.txt"),
        queues: named("qlen.txt"),
    };
    let config = write_config(scenario, &files).map_err(|e| failed(e.to_string()))?;
    let texts =
        [("topology.txt", write_topology(scenario)), ("flows.txt", write_flows(scenario)), ("trace.txt", "0\n".into())];
    for (name, text) in texts.into_iter().chain([("config.txt", config)]) {
        fs::write(folder.join(name), text).map_err(place)?;
    }
    Ok(folder)
}

/// Runs the program to its end and returns the end of what it said. Lines that announce trouble end it.
fn supervise(launch: &Launch, patience: Patience<'_>) -> Result<String, RunError> {
    let (mut running, _lifeline) = Running::start(launch).map_err(|e| run_error("ns3", &e, None))?;
    let mut said: VecDeque<String> = VecDeque::new();
    let mut trouble = None;
    let ended = loop {
        match running.next_line(patience) {
            Ok(Some(line)) => {
                trouble = trouble.or_else(|| trouble_in(&line));
                said.push_back(line);
                if said.len() > KEPT_LINES {
                    said.pop_front();
                }
            }
            Ok(None) => break running.finish(patience),
            Err(e) => break Err(e),
        }
    };
    let errors = running.log_tail();
    let log_tail = said.into_iter().chain([errors.clone()]).collect::<Vec<_>>().join("\n");
    let trouble = trouble.or_else(|| errors.lines().find_map(trouble_in));
    match (ended, trouble) {
        (Err(ProcessError::Cancelled), _) => Err(RunError::Cancelled),
        (Err(e), _) => Err(RunError::Failed { message: format!("ns3: {e}"), log_tail }),
        (Ok(()), Some(line)) => Err(RunError::Failed { message: format!("ns3 reported trouble: '{line}'"), log_tail }),
        (Ok(()), None) => Ok(log_tail),
    }
}

fn trouble_in(line: &str) -> Option<String> {
    let lower = line.to_lowercase();
    TROUBLE.iter().any(|t| lower.contains(t)).then(|| line.chars().take(120).collect())
}

/// The outcome of every flow; a flow without a row is a failure, since nothing else tells a cut-off file from a whole one.
fn read_results(scenario: &Scenario, file: &Path) -> Result<Vec<FlowOutcome>, String> {
    let most = scenario.flows().len() as u64 * BYTES_PER_FLOW + OTHER_BYTES;
    let text = read_output(file, most).map_err(|e| format!("ns3: {e}"))?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("fct.txt is cut off in its last line".into());
    }
    let rows = read_fct("fct.txt", &text).map_err(|e| e.to_string())?;
    let outcomes = match_outcomes(&rows, scenario).map_err(|e| e.to_string())?;
    let lacking: Vec<u64> =
        outcomes.iter().zip(scenario.flows()).filter(|(o, _)| o.fct().is_none()).map(|(_, flow)| flow.id).collect();
    match lacking.first() {
        None => Ok(outcomes),
        Some(first) => {
            Err(format!("fct.txt has no row for {} of {} flows (first: {first})", lacking.len(), outcomes.len()))
        }
    }
}

fn failed(message: String) -> RunError {
    RunError::Failed { message, log_tail: String::new() }
}

/// The files in a folder, by name; none if it can't be read.
fn files_in(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|e| e.path()).filter(|p| p.is_file()).collect();
    files.sort();
    files
}
