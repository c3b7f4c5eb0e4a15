//! An external program as a backend: inputs into a fresh folder, the program under supervision, its table as outcomes.

use super::manifest::{Input, Manifest};
use super::results::read_table;
use crate::atomic::{refusal, unreadable};
use mixlab_contract::files::{
    ConfigFiles, match_outcomes, read_fct, write_config, write_flows, write_paths, write_topology,
};
use mixlab_contract::routing::ecmp_paths;
use mixlab_contract::scenario::hex;
use mixlab_contract::{
    Application, Availability, Backend, Counters, FlowOutcome, Observer, Parallelism, RunError, RunOutput, Scenario,
    Silent, SimDuration, Unsupported, ideal_fct,
};
use mixlab_ns3::bounded::{LastLines, most_bytes, read_bounded, too_much};
use mixlab_ns3::process::{Launch, Patience, ProcessError, Running, clean_environment, run_error};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use walkdir::WalkDir;

/// Starts the program and ends it when standard input closes, so that a killed mixlab leaves no orphan. It is a constant: the
/// program and its arguments are its positional parameters and are never read as shell.
const GUARD: &str = r#"exec 3<&0 </dev/null
"$@" 3<&- &
program=$!
{ while read -r line; do :; done; kill -KILL -$$; } <&3 3<&- >/dev/null 2>&1 &
exec 3<&-
wait "$program""#;
/// A version command that takes longer is stuck.
const VERSION_LIMIT: Duration = Duration::from_secs(20);
/// Most bytes a version command may print.
const VERSION_BYTES: usize = 64 * 1024;

/// Length and time of a file; `None` if it is gone.
type State = Option<(u64, SystemTime)>;

/// A program with a `backend.toml`. Cheap to make; files are digested when the fingerprint is first asked for.
#[derive(Debug)]
pub struct ExternalBackend {
    manifest: Arc<Manifest>,
    fingerprint: OnceLock<Result<String, String>>,
    /// The files as they were when they were digested.
    signature: OnceLock<Vec<(PathBuf, State)>>,
    version: OnceLock<Result<String, String>>,
}

impl ExternalBackend {
    /// The backend a manifest describes.
    pub fn new(manifest: Arc<Manifest>) -> Self {
        Self { manifest, fingerprint: OnceLock::new(), signature: OnceLock::new(), version: OnceLock::new() }
    }

    fn launch(&self, words: &[String], dir: &Path) -> Result<Launch, String> {
        let program = self.manifest.executable(&words[0]).ok_or_else(|| self.missing(&words[0]))?;
        let guard: Vec<OsString> = vec!["-c".into(), GUARD.into(), "mixlab-guard".into(), program.into_os_string()];
        let arguments = guard.into_iter().chain(words[1..].iter().map(OsString::from)).collect();
        let mut environment = clean_environment(dir);
        environment.extend(self.manifest.environment.iter().map(|(k, v)| (k.into(), v.into())));
        Ok(Launch { program: "/bin/sh".into(), arguments, directory: dir.to_path_buf(), environment })
    }

    fn missing(&self, program: &str) -> String {
        format!("there is no executable `{program}` in {} or in PATH", self.manifest.folder.display())
    }

    /// Digest of the manifest's folder (which holds the model), and what says which interpreter runs it: the output of the
    /// version command, else the digest of the program. What can't be read can't be told from what it was before, so then there
    /// is none, and the backend is not available.
    fn digest(&self) -> Result<String, String> {
        let m = &self.manifest;
        let mut h = Sha256::new();
        let files = files_below(&m.folder)?;
        self.signature.get_or_init(|| files.iter().map(|f| (f.clone(), state(f))).collect());
        for file in files {
            let name = file.strip_prefix(&m.folder).unwrap_or(&file).to_string_lossy().into_owned();
            h.update((name.len() as u64).to_le_bytes());
            h.update(name.as_bytes());
            h.update(digest_file(&file)?);
        }
        match self.version() {
            Some(Ok(version)) => h.update(version),
            Some(Err(problem)) => h.update(problem),
            None => h.update(m.executable(&m.command[0]).map_or(Ok(Vec::new()), |p| digest_file(&p))?),
        }
        Ok(format!("external-1 version={} content={}", m.version, hex(&h.finalize())))
    }

    /// A file that is not what it was when the files were digested.
    fn changed(&self) -> Option<PathBuf> {
        let mut files = self.signature.get()?.iter();
        files.find(|(file, known)| state(file) != *known).map(|(file, _)| file.clone())
    }

    /// What the version command prints, if there is one. Without an answer the backend is not available: versions could not be
    /// told apart.
    fn version(&self) -> Option<&Result<String, String>> {
        let words = self.manifest.version_command.as_ref()?;
        let patience = Patience { observer: &Silent, limit: Some(VERSION_LIMIT) };
        let ask = || -> Result<String, String> {
            let launch = self.launch(words, &self.manifest.folder)?;
            let (mut running, _lifeline) = Running::start(&launch).map_err(|e| e.to_string())?;
            let mut text = String::new();
            while let Some(line) = running.next_line(patience).map_err(|e| e.to_string())? {
                text = text + &line + "\n";
                if text.len() > VERSION_BYTES {
                    return Err(format!("it prints more than {VERSION_BYTES} bytes"));
                }
            }
            running.finish(patience).map_err(|e| e.to_string())?;
            Ok(text.strip_suffix('\n').unwrap_or_default().to_owned() + &running.log_tail())
        };
        Some(self.version.get_or_init(ask))
    }
}

impl Backend for ExternalBackend {
    fn id(&self) -> &str {
        &self.manifest.name
    }

    fn fingerprint(&self) -> String {
        match self.fingerprint.get_or_init(|| self.digest()) {
            Ok(fingerprint) => fingerprint.clone(),
            Err(problem) => format!("external-1 {problem}"),
        }
    }

    fn probe(&self) -> Availability {
        let program = &self.manifest.command[0];
        let missing = |reason: String| {
            let install = &self.manifest.install;
            let hint = if install.is_empty() { "install it, or correct backend.toml" } else { install };
            Availability::Missing { reason, hint: hint.into() }
        };
        match (self.manifest.executable(program), self.version()) {
            (None, _) => missing(self.missing(program)),
            (Some(_), Some(Err(problem))) => missing(format!("its version-command gives no version: {problem}")),
            (Some(_), _) => match self.fingerprint.get_or_init(|| self.digest()) {
                Ok(_) => Availability::Available,
                Err(problem) => missing(problem.clone()),
            },
        }
    }

    fn check(&self, scenario: &Scenario) -> Result<(), Unsupported> {
        let m = &self.manifest;
        let cc = scenario.transport().congestion_control.name();
        let (hosts, flows) = (scenario.topology().host_count() as u64, scenario.flows().len() as u64);
        let over = |most: Option<u64>, n: u64| most.is_some_and(|most| n > most);
        let inexpressible = || write_config(scenario, &ConfigFiles::default()).err();
        let feature = match () {
            () if m.supports.cc.as_ref().is_some_and(|list| !list.iter().any(|name| name == cc)) => {
                format!("congestion control {cc}")
            }
            () if scenario.application() != Application::Open && !m.supports.closed_loop => "a closed loop".into(),
            () if over(m.supports.max_hosts, hosts) => format!("a network of {hosts} hosts"),
            () if over(m.supports.max_flows, flows) => format!("a scenario of {flows} flows"),
            () if m.inputs.contains(&Input::Topology) && !m.inputs.contains(&Input::Paths) && !is_ecmp(scenario) => {
                "routing other than ECMP (it does not read path_1.txt)".into()
            }
            () => match inexpressible().filter(|_| m.inputs.contains(&Input::Config)) {
                Some(e) => e.to_string(),
                None => return Ok(()),
            },
        };
        Err(Unsupported { feature })
    }

    fn parallelism(&self) -> Parallelism {
        if self.manifest.alone { Parallelism::Alone } else { Parallelism::Any }
    }

    fn tolerance(&self) -> SimDuration {
        self.manifest.tolerance
    }

    fn run(&self, scenario: &Scenario, observer: &dyn Observer) -> Result<RunOutput, RunError> {
        self.check(scenario).map_err(|unsupported| failed(unsupported.to_string()))?;
        observer.phase("set-up");
        let folder = self.write_inputs(scenario, observer.work_dir())?;
        let launch = self.launch(&self.manifest.command, &folder).map_err(failed)?;
        observer.phase("simulate");
        let patience = Patience { observer, limit: self.manifest.time_limit };
        let (written, log_tail) = self.supervise(&launch, scenario, patience)?;
        observer.phase("read");
        if let Some(file) = self.changed() {
            let text = "changed since this command began, so the result is not that of its fingerprint: repeat the command \
                        (a program that writes files does so in its work folder)";
            let message = format!("{}: {} {text}", self.id(), file.display());
            return Err(RunError::Failed { message, log_tail });
        }
        let outcomes = self.outcomes(scenario, &folder, written);
        let outcomes = outcomes.map_err(|e| RunError::Failed { message: format!("{}: {e}", self.id()), log_tail })?;
        Ok(RunOutput { outcomes, counters: Counters::default(), supervision: None })
    }
}

impl ExternalBackend {
    /// Writes the inputs into a folder that was not there before, so that no old result can be taken for a new one.
    fn write_inputs(&self, scenario: &Scenario, work_dir: &Path) -> Result<PathBuf, RunError> {
        let place = |e: std::io::Error| failed(refusal(&work_dir.join("external"), &e));
        let folder = work_dir.canonicalize().map_err(place)?.join("external");
        fs::create_dir(&folder).map_err(place)?;
        for input in &self.manifest.inputs {
            let text = match input {
                Input::Topology => write_topology(scenario),
                Input::Flows => write_flows(scenario) + "\n",
                Input::Config => write_config(scenario, &ConfigFiles::default()).map_err(|e| failed(e.to_string()))?,
                Input::Paths => write_paths(scenario),
                Input::Ideal => ideal_table(scenario),
            };
            let file = folder.join(input.file_name());
            fs::write(&file, text).map_err(|e| failed(refusal(&file, &e)))?;
        }
        Ok(folder)
    }

    /// Runs the program to its end; returns its standard output if that is the table, and the end of what it said.
    fn supervise(
        &self,
        launch: &Launch,
        scenario: &Scenario,
        patience: Patience<'_>,
    ) -> Result<(String, String), RunError> {
        let (mut running, _lifeline) = Running::start(launch).map_err(|e| run_error(self.id(), &e, None))?;
        let to_stdout = self.manifest.output.file == "-";
        let most = most_bytes(scenario);
        let (mut table, mut said) = (String::new(), LastLines::default());
        let ended = loop {
            match running.next_line(patience) {
                Ok(Some(line)) if to_stdout && table.len() as u64 <= most => {
                    table.push_str(&line);
                    table.push('\n');
                }
                Ok(Some(_)) if to_stdout => {
                    return Err(failed(format!("{}: {}", self.id(), too_much("standard output", most))));
                }
                Ok(Some(line)) => said.push(line),
                Ok(None) => break running.finish(patience),
                Err(e) => break Err(e),
            }
        };
        let log_tail = said.with(running.log_tail());
        match ended {
            Ok(()) => Ok((table, log_tail)),
            Err(ProcessError::Cancelled) => Err(RunError::Cancelled),
            Err(e) => Err(RunError::Failed { message: format!("{}: {e}", self.id()), log_tail }),
        }
    }

    fn outcomes(&self, scenario: &Scenario, folder: &Path, written: String) -> Result<Vec<FlowOutcome>, String> {
        let output = &self.manifest.output;
        let (name, text) = match output.file.as_str() {
            "-" => ("standard output", written),
            name => (name, read_bounded(&folder.join(name), most_bytes(scenario))?),
        };
        let Some(columns) = &output.columns else {
            if !text.is_empty() && !text.ends_with('\n') {
                return Err(format!("{name} is cut off in its last line"));
            }
            let rows = read_fct(name, &text).map_err(|e| e.to_string())?;
            let outcomes = match_outcomes(&rows, scenario).map_err(|e| e.to_string())?;
            let lacking = outcomes.iter().zip(scenario.flows()).filter(|(o, _)| o.fct().is_none());
            let lacking: Vec<u64> = lacking.map(|(_, flow)| flow.id).collect();
            return match lacking.first() {
                None => Ok(outcomes),
                Some(id) => Err(format!(
                    "{name} has no row for {} of {} flows (first: flow {id})",
                    lacking.len(),
                    outcomes.len()
                )),
            };
        };
        read_table(name, &text, columns, scenario).map_err(|e| e.to_string())
    }
}

/// `ideal.txt`: `id ideal_fct_ns` per flow, in flow order.
fn ideal_table(scenario: &Scenario) -> String {
    let row = |i| format!("{} {}\n", scenario.flow(i).id, ideal_fct(scenario, i).ns_floor());
    scenario.indices().map(row).collect()
}

fn is_ecmp(scenario: &Scenario) -> bool {
    ecmp_paths(scenario.topology(), scenario.flows())
        .is_ok_and(|(data, _)| scenario.indices().all(|f| data.get(f.index()) == scenario.path(f)))
}

fn failed(message: String) -> RunError {
    RunError::Failed { message, log_tail: String::new() }
}

/// Files that can matter, sorted, also those behind links; hidden ones and Python's caches can't.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let matters = |name: &str| !name.starts_with('.') && name != "__pycache__" && !name.ends_with(".pyc");
    let walk = WalkDir::new(folder).min_depth(1).follow_links(true).sort_by_file_name().into_iter();
    let mut files = Vec::new();
    for entry in walk.filter_entry(move |e| matters(&e.file_name().to_string_lossy())) {
        match entry {
            Ok(entry) => files.extend(Some(entry.into_path()).filter(|p| p.is_file())),
            // A link to nothing is no file.
            Err(e) if e.io_error().is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound) => {}
            Err(e) => return Err(format!("its files can't be told from what they were before: {e}")),
        }
    }
    Ok(files)
}

fn state(file: &Path) -> State {
    let meta = fs::metadata(file).ok()?;
    Some((meta.len(), meta.modified().ok()?))
}

/// In pieces: models can be larger than memory.
fn digest_file(file: &Path) -> Result<Vec<u8>, String> {
    let failed = |e: &std::io::Error| unreadable(file, e);
    let mut opened = fs::File::open(file).map_err(|e| failed(&e))?;
    let (mut digest, mut piece) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match opened.read(&mut piece).map_err(|e| failed(&e))? {
            0 => return Ok(digest.finalize().to_vec()),
            n => digest.update(&piece[..n]),
        }
    }
}
