//! The offline door: a scenario goes to our program in one piece, outcomes come back line by line.

use crate::compile::{CompileError, Recipe, cache_dir};
use crate::install::{Installation, NoThreads};
use crate::process::{Launch, Patience, Running, clean_environment, run_error};
use crate::results::Collector;
use crate::scenario_text::{check, write_scenario};
use mixlab_contract::scenario::hex;
use mixlab_contract::tcp::rdma_only;
use mixlab_contract::{Availability, Backend, Observer, Parallelism, RunError, RunOutput, Scenario, Unsupported};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// Environment variable that names an ns-3 to use instead of an installed one.
const DIR_VARIABLE: &str = "MIXLAB_NS3_DIR";

/// ns-3 as a backend. Cheap to make; looks for ns-3 on first use and builds its program on the first run.
#[derive(Debug, Default)]
pub struct Ns3Backend {
    dir: Option<PathBuf>,
    cache: Option<PathBuf>,
    time_limit: Option<Duration>,
    threads: Option<u32>,
    ready_program: Option<PathBuf>,
    found: OnceLock<Result<Found, Missing>>,
}

/// An ns-3 and our programs for it.
#[derive(Clone, Debug)]
struct Found {
    installation: Installation,
    simulator: Recipe,
    /// What the ns-3 lacks if it has no TCP.
    tcp: Result<Recipe, String>,
}

/// Why it cannot run here.
#[derive(Clone, Debug)]
struct Missing {
    reason: String,
    hint: String,
}

impl Ns3Backend {
    /// With the ns-3 that `MIXLAB_NS3_DIR` names, else an installed one; no time limit.
    pub fn new() -> Self {
        Self { dir: std::env::var_os(DIR_VARIABLE).filter(|d| !d.is_empty()).map(PathBuf::from), ..Self::default() }
    }

    /// With the ns-3 in `dir` (a built tree or an installation) and no other.
    pub fn with_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Keeps the built program in `cache` instead of the usual place.
    pub fn with_cache(mut self, cache: impl Into<PathBuf>) -> Self {
        self.cache = Some(cache.into());
        self
    }

    /// Kills runs that take longer.
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Asks for the multithreaded kernel of a UNISON tree, on at most this many threads (there are never more than parts
    /// of the network). Even with one thread its results are not the default kernel's; the number of threads changes nothing.
    pub fn with_threads(mut self, threads: u32) -> Self {
        self.threads = Some(threads.max(1));
        self
    }

    /// Runs `program`, which must speak the protocol of ours, and looks for no ns-3.
    pub fn with_program(mut self, program: impl Into<PathBuf>) -> Self {
        self.ready_program = Some(program.into());
        self
    }

    /// The ns-3 that is used, in words: version, where it comes from, how it was built (with a warning if it is a slow one).
    ///
    /// # Errors
    /// Why there is none, and what to do about it.
    pub fn describe(&self) -> Result<String, String> {
        match self.found() {
            Ok(found) => Ok(match &found.tcp {
                Ok(_) => found.installation.to_string(),
                Err(lack) => format!("{}; no TCP: {lack}", found.installation),
            }),
            Err(missing) => Err(format!("{}; {}", missing.reason, missing.hint)),
        }
    }

    fn found(&self) -> Result<&Found, &Missing> {
        let find = || {
            let missing = |reason: String, hint: String| Missing { reason, hint };
            let installation = Installation::find(self.dir.as_deref()).map_err(|e| missing(e.reason, e.hint))?;
            let (simulator, tcp) = match (self.threads, installation.multithreaded) {
                (None, _) => (Recipe::simulator(&installation), Recipe::tcp(&installation).map_err(|e| e.to_string())),
                (Some(_), Ok(())) => (Recipe::multithreaded(&installation), Err("on the default kernel only".into())),
                (Some(_), Err(lack)) => return Err(threads_missing(lack)),
            };
            let simulator = simulator.map_err(|e| {
                let hint = match e {
                    CompileError::NoCompiler(_) => "apt-get install -y g++",
                    _ => "build the tree again",
                };
                missing(e.to_string(), hint.into())
            })?;
            Ok(Found { installation, simulator, tcp })
        };
        self.found.get_or_init(find).as_ref()
    }

    /// The program of the RDMA transport, built now unless it is in the cache; for a first run without delay, or to run it by hand.
    ///
    /// # Errors
    /// [`RunError`] if there is no ns-3 or compiler, if compiling fails, or if the observer cancels.
    pub fn program(&self, observer: &dyn Observer) -> Result<PathBuf, RunError> {
        self.build(observer, |found| Ok(&found.simulator))
    }

    /// The same for the program of ns-3's TCP.
    ///
    /// # Errors
    /// As [`Ns3Backend::program`], and if the ns-3 lacks a module.
    pub fn tcp_program(&self, observer: &dyn Observer) -> Result<PathBuf, RunError> {
        self.build(observer, |found| found.tcp.as_ref())
    }

    fn build(
        &self,
        observer: &dyn Observer,
        recipe: impl Fn(&Found) -> Result<&Recipe, &String>,
    ) -> Result<PathBuf, RunError> {
        if let Some(program) = &self.ready_program {
            return Ok(program.clone());
        }
        let failed = |message: String, log_tail: String| RunError::Failed { message, log_tail };
        let found = self.found().map_err(|m| failed(format!("{}; {}", m.reason, m.hint), String::new()))?;
        let recipe = recipe(found).map_err(|lack| failed(lack.clone(), String::new()))?;
        observer.phase("build");
        let cache = self.cache.clone().unwrap_or_else(cache_dir);
        recipe.build(&cache, observer).map_err(|e| match e {
            CompileError::Cancelled => RunError::Cancelled,
            CompileError::Failed { ref log_tail, .. } => failed(e.to_string(), log_tail.clone()),
            _ => failed(e.to_string(), String::new()),
        })
    }

    /// The arguments of a batch run.
    fn batch(&self) -> Vec<OsString> {
        let threads = self.threads.map(|n| n.to_string().into());
        ["batch".into()].into_iter().chain(threads).collect()
    }

    /// Why it can't simulate step by step, if it can't.
    pub(crate) fn offline_only(&self) -> Option<&'static str> {
        self.threads.map(|_| "the multithreaded kernel runs whole scenarios only; leave the number of threads out")
    }

    /// How long one program may run.
    pub(crate) fn time_limit(&self) -> Option<Duration> {
        self.time_limit
    }
}

impl Backend for Ns3Backend {
    fn id(&self) -> &str {
        "ns3"
    }

    fn fingerprint(&self) -> String {
        if let Some(program) = &self.ready_program {
            let bytes = std::fs::read(program).unwrap_or_default();
            return format!("ns3-1 program={}", hex(&Sha256::digest(bytes)));
        }
        match self.found() {
            Ok(Found { installation, simulator, tcp }) => {
                let tcp = tcp.as_ref().map_or("none", Recipe::digest);
                let kernel = if self.threads.is_some() { "mtp" } else { "default" };
                let version = &installation.version;
                format!("ns3-1 version={version} kernel={kernel} build={} tcp={tcp}", simulator.digest())
            }
            Err(missing) => format!("ns3-1 none ({})", missing.reason),
        }
    }

    fn probe(&self) -> Availability {
        if self.ready_program.is_some() {
            return Availability::Available;
        }
        match self.found() {
            Ok(_) => Availability::Available,
            Err(Missing { reason, hint }) => Availability::Missing { reason: reason.clone(), hint: hint.clone() },
        }
    }

    fn check(&self, scenario: &Scenario) -> Result<(), Unsupported> {
        if let (Err(tcp), None, Ok(Found { tcp: Err(lack), .. })) =
            (rdma_only(scenario), &self.ready_program, self.found())
        {
            return Err(Unsupported { feature: format!("{} ({lack})", tcp.feature) });
        }
        check(scenario)
    }

    fn parallelism(&self) -> Parallelism {
        // Waiting threads of the multithreaded kernel spin: beside other runs they would only burn what those need.
        match self.threads {
            Some(2..) => Parallelism::Alone,
            _ => Parallelism::Any,
        }
    }

    fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError> {
        let failed = |message: String| RunError::Failed { message, log_tail: String::new() };
        check(scenario).map_err(|unsupported| failed(unsupported.to_string()))?;
        let program = match rdma_only(scenario) {
            Ok(()) => self.program(observer)?,
            Err(_) => self.tcp_program(observer)?,
        };
        observer.phase("set-up");
        let text = write_scenario(scenario, true);
        observer.phase("simulate");
        let launch = launch(program, self.batch(), observer.work_dir());
        let result = simulate(&launch, &text, scenario, Patience { observer, limit: self.time_limit });
        if let Err(RunError::Failed { .. }) = result {
            // For `mixlab-ns3-… batch < scenario.txt` by hand. The run has failed already, whether this works or not.
            std::fs::write(observer.work_dir().join("scenario.txt"), text).ok();
        }
        result
    }
}

fn simulate(launch: &Launch, text: &str, scenario: &Scenario, patience: Patience<'_>) -> Result<RunOutput, RunError> {
    let (mut running, input) = Running::start(launch).map_err(|e| run_error("ns3", &e, None))?;
    input.send(text.to_owned()); // and it stays open until the end: closing it would end the program
    collect(&mut running, scenario, patience)
}

/// A start of our program in one of its modes.
pub(crate) fn launch(program: PathBuf, arguments: Vec<OsString>, dir: &Path) -> Launch {
    let environment = clean_environment(dir);
    Launch { program, arguments, directory: dir.to_path_buf(), environment }
}

/// Reads a batch run to its end: lines first, then the exit status, then completeness.
fn collect(running: &mut Running, scenario: &Scenario, patience: Patience<'_>) -> Result<RunOutput, RunError> {
    let mut collector = Collector::new(scenario);
    let mut wrong = None;
    loop {
        match running.next_line(patience) {
            Ok(None) => break,
            Err(e) => return Err(run_error("ns3", &e, Some(&*running))),
            Ok(Some(line)) => {
                let before = collector.completed();
                if let Err(e) = collector.take(&line) {
                    wrong = Some(e);
                    break;
                }
                if collector.completed() > before {
                    patience.observer.progress(collector.completed());
                }
            }
        }
    }
    if wrong.is_none() {
        running.finish(patience).map_err(|e| run_error("ns3", &e, Some(&*running)))?;
    }
    let result = match wrong {
        Some(e) => Err(e),
        None => collector.finish(),
    };
    result.map_err(|e| RunError::Failed { message: format!("ns3: {e}"), log_tail: running.log_tail() })
}

fn threads_missing(lack: NoThreads) -> Missing {
    let hint =
        "leave --ns3-threads out, or name a UNISON tree configured with --enable-mtp (and without MPI) with --ns3-dir";
    Missing {
        reason: format!("several kernel threads need UNISON's kernel, and the ns-3 found can't: {lack}"),
        hint: hint.into(),
    }
}
