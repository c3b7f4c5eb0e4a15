//! Building our C++ programs once per content: sources, compiler, options and library decide the name of the binary.
//!
//! The cache is `$MIXLAB_CACHE`, else `$XDG_CACHE_HOME/mixlab`, else `~/.cache/mixlab`, else a folder among the temporary
//! files. A build happens in a fresh folder beside the binary's place and ends with a rename, so that any number of
//! processes may build at once and a killed build leaves nothing that could be taken for a binary.

use crate::install::Installation;
use crate::process::{Launch, Patience, ProcessError, Running, clean_environment};
use crate::sources::{GUARD, SIMULATOR, Sources, TCP};
use mixlab_contract::scenario::hex;
use mixlab_contract::{Observer, Silent};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Modules of ns-3, besides the core, that the TCP simulator uses.
const TCP_MODULES: [&str; 4] = ["network", "internet", "point-to-point", "traffic-control"];

/// Modules that the multithreaded kernel needs.
const MTP_MODULES: [&str; 2] = ["mtp", "network"];
/// How to compile for it: UNISON's headers count references atomically, and our program cuts the network into parts.
const MTP_DEFINES: [&str; 2] = ["-DNS3_MTP", "-DMIXLAB_MTP"];

/// Options that decide the code. No `-march=native`: it would contract multiply-adds and change the last bits of rates.
const OPTIONS: [&str; 3] = ["-O2", "-DNDEBUG", "-ffp-contract=off"];
/// A compiler that takes longer is stuck.
const BUILD_LIMIT: Duration = Duration::from_secs(600);
/// What the names of folders begin with in which is compiled.
const WORKSHOP: &str = "build-";
/// One build at a time in this process: whoever waits finds the binary. Counts builds, which names their folders.
static BUILDS: Mutex<u64> = Mutex::new(0);

/// Why there is no binary.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// No compiler.
    #[error("no C++ compiler ({0}); install one with apt-get install -y g++, or name one with CXX")]
    NoCompiler(String),
    /// The compiler failed.
    #[error("{compiler}: {problem}")]
    Failed {
        /// The command.
        compiler: String,
        /// What happened.
        problem: String,
        /// The end of its messages.
        log_tail: String,
    },
    /// The cache can't be used.
    #[error("cannot write {path}: {source}")]
    Cache {
        /// The file or folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The ns-3 lacks a module.
    #[error("the ns-3 found has no {module} module")]
    NoModule {
        /// The module.
        module: &'static str,
    },
    /// One of its libraries can't be read.
    #[error("cannot read {path}: {source}")]
    Library {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The observer asked to stop.
    #[error("cancelled")]
    Cancelled,
}

/// Where built programs are kept.
pub fn cache_dir() -> PathBuf {
    let named = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let chosen = named("MIXLAB_CACHE")
        .or_else(|| named("XDG_CACHE_HOME").map(|d| d.join("mixlab")))
        .or_else(|| named("HOME").map(|d| d.join(".cache/mixlab")))
        .unwrap_or_else(|| std::env::temp_dir().join("mixlab-cache"));
    // The compiler runs in another folder.
    std::path::absolute(&chosen).unwrap_or(chosen)
}

/// Everything that decides a binary.
#[derive(Clone, Debug)]
pub struct Recipe {
    name: &'static str,
    sources: Sources,
    compiler: PathBuf,
    /// Arguments before the sources, and after them.
    options: [Vec<OsString>; 2],
    digest: String,
}

impl Recipe {
    /// Our simulator against an installed ns-3. Asks the compiler for its version.
    ///
    /// # Errors
    /// [`CompileError::NoCompiler`].
    pub fn simulator(installation: &Installation) -> Result<Self, CompileError> {
        Self::new("mixlab-ns3", SIMULATOR, options(installation, &[]), &installation.digest)
    }

    /// The same on the multithreaded kernel of a UNISON tree. Reads the libraries it links.
    ///
    /// # Errors
    /// [`CompileError::NoModule`], [`CompileError::Library`], [`CompileError::NoCompiler`].
    pub fn multithreaded(installation: &Installation) -> Result<Self, CompileError> {
        let (libraries, digest) = linked(installation, &MTP_MODULES)?;
        let [mut before, after] = options(installation, &libraries);
        before.extend(MTP_DEFINES.map(OsString::from));
        Self::new("mixlab-ns3-mtp", SIMULATOR, [before, after], &digest)
    }

    /// The simulator of ns-3's own TCP. Reads the libraries it links, since all of them decide its results.
    ///
    /// # Errors
    /// [`CompileError::NoModule`], [`CompileError::Library`], [`CompileError::NoCompiler`].
    pub fn tcp(installation: &Installation) -> Result<Self, CompileError> {
        let (libraries, digest) = linked(installation, &TCP_MODULES)?;
        Self::new("mixlab-ns3-tcp", TCP, options(installation, &libraries), &digest)
    }

    /// The guard of programs that are not ours; it needs no ns-3.
    ///
    /// # Errors
    /// [`CompileError::NoCompiler`].
    pub fn guard() -> Result<Self, CompileError> {
        Self::new("mixlab-guard", GUARD, [vec!["-std=c++17".into()], vec![]], "")
    }

    fn new(
        name: &'static str,
        sources: Sources,
        options: [Vec<OsString>; 2],
        library_digest: &str,
    ) -> Result<Self, CompileError> {
        let compiler = PathBuf::from(std::env::var_os("CXX").filter(|c| !c.is_empty()).unwrap_or_else(|| "c++".into()));
        let version = compiler_version(&compiler)?;
        let mut h = Sha256::new();
        let mut part = |text: &[u8]| {
            h.update((text.len() as u64).to_le_bytes());
            h.update(text);
        };
        sources.iter().flat_map(|(name, text)| [name, text]).for_each(|text| part(text.as_bytes()));
        options.iter().flatten().for_each(|option| part(option.as_bytes()));
        OPTIONS.iter().for_each(|option| part(option.as_bytes()));
        part(version.as_bytes());
        part(library_digest.as_bytes());
        Ok(Self { name, sources, compiler, options, digest: hex(&h.finalize()) })
    }

    /// SHA-256 of everything that decides the binary.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The binary, built now unless it is in the cache.
    ///
    /// # Errors
    /// [`CompileError`].
    pub fn build(&self, cache: &Path, observer: &dyn Observer) -> Result<PathBuf, CompileError> {
        let home = cache.join("ns3");
        let binary = home.join(format!("{}-{}", self.name, &self.digest[..32]));
        let mut builds = BUILDS.lock().unwrap_or_else(PoisonError::into_inner);
        if binary.is_file() {
            return Ok(binary);
        }
        *builds += 1;
        remove_abandoned(&home);
        let workshop = home.join(format!("{WORKSHOP}{}-{builds}", std::process::id()));
        let result = self.build_in(&workshop, observer).and_then(|built| {
            fs::rename(&built, &binary).map_err(|source| cache_error(&binary, source))?;
            Ok(binary)
        });
        fs::remove_dir_all(&workshop).ok();
        result
    }

    fn build_in(&self, workshop: &Path, observer: &dyn Observer) -> Result<PathBuf, CompileError> {
        fs::create_dir_all(workshop).map_err(|e| cache_error(workshop, e))?;
        for (name, text) in self.sources {
            let file = workshop.join(name);
            fs::write(&file, text).map_err(|e| cache_error(&file, e))?;
        }
        let built = workshop.join(self.name);
        let launch = Launch {
            program: self.compiler.clone(),
            arguments: self.arguments(&built),
            directory: workshop.to_path_buf(),
            environment: clean_environment(workshop),
        };
        run_compiler(&launch, observer)?;
        Ok(built)
    }

    fn arguments(&self, output: &Path) -> Vec<OsString> {
        let [before, after] = &self.options;
        let sources = self.sources.iter().map(|(name, _)| *name).filter(|name| name.ends_with(".cc"));
        let mut arguments: Vec<OsString> = OPTIONS.iter().copied().chain(sources).map(OsString::from).collect();
        arguments.splice(OPTIONS.len()..OPTIONS.len(), before.iter().cloned());
        arguments.extend(["-o".into(), output.into()]);
        arguments.extend(after.iter().cloned());
        arguments.push("-pthread".into());
        arguments
    }
}

/// Removes the workshops of builds that were killed: older than any build lasts. Processes are not asked, since a cache may be
/// shared by machines. What can't be removed is left to the next build.
fn remove_abandoned(home: &Path) {
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        let workshop = entry.file_name().to_string_lossy().starts_with(WORKSHOP);
        if workshop && age().is_some_and(|age| age > 2 * BUILD_LIMIT) {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

/// The libraries of these modules, and a digest of them and the core.
fn linked(installation: &Installation, modules: &[&'static str]) -> Result<(Vec<PathBuf>, String), CompileError> {
    let libraries = installation.modules(modules).map_err(|module| CompileError::NoModule { module })?;
    let mut h = Sha256::new();
    h.update(&installation.digest);
    for library in &libraries {
        let failed = |source| CompileError::Library { path: library.display().to_string(), source };
        h.update(Sha256::digest(fs::read(library).map_err(failed)?));
    }
    Ok((libraries, hex(&h.finalize())))
}

/// Arguments before and after the sources of a program that links ns-3's core and these further libraries.
fn options(installation: &Installation, libraries: &[PathBuf]) -> [Vec<OsString>; 2] {
    let mut before = vec![OsString::from(format!("-std={}", installation.standard()))];
    // The compiler looks in /usr/include anyway, and naming it would break its own search order.
    if installation.include != Path::new("/usr/include") {
        before.extend(["-isystem".into(), installation.include.clone().into_os_string()]);
    }
    let mut after: Vec<OsString> = libraries.iter().chain([&installation.library]).map(OsString::from).collect();
    if let Some(dir) = installation.library.parent() {
        let mut search = OsString::from("-Wl,-rpath,");
        search.push(dir);
        after.push(search);
    }
    [before, after]
}

fn compiler_version(compiler: &Path) -> Result<String, CompileError> {
    let missing = |problem: String| CompileError::NoCompiler(format!("{}: {problem}", compiler.display()));
    let launch = Launch {
        program: compiler.to_path_buf(),
        arguments: vec!["--version".into()],
        directory: std::env::temp_dir(),
        environment: clean_environment(&std::env::temp_dir()),
    };
    let patience = Patience { observer: &Silent, limit: Some(Duration::from_secs(30)) };
    let (mut running, _input) = Running::start(&launch).map_err(|e| missing(e.to_string()))?;
    let mut first = None;
    while let Some(line) = running.next_line(patience).map_err(|e| missing(e.to_string()))? {
        first = first.or(Some(line));
    }
    running.finish(patience).map_err(|e| missing(e.to_string()))?;
    first.ok_or_else(|| missing("it does not tell its version".into()))
}

fn run_compiler(launch: &Launch, observer: &dyn Observer) -> Result<(), CompileError> {
    let patience = Patience { observer, limit: Some(BUILD_LIMIT) };
    let compiler = launch.program.display().to_string();
    let (mut running, _input) = Running::start(launch).map_err(|e| CompileError::NoCompiler(e.to_string()))?;
    let ended = loop {
        match running.next_line(patience) {
            Ok(Some(_)) => {}
            Ok(None) => break running.finish(patience),
            Err(e) => break Err(e),
        }
    };
    match ended {
        Ok(()) => Ok(()),
        Err(ProcessError::Cancelled) => Err(CompileError::Cancelled),
        Err(e) => Err(CompileError::Failed { compiler, problem: e.to_string(), log_tail: running.log_tail() }),
    }
}

fn cache_error(path: &Path, source: std::io::Error) -> CompileError {
    CompileError::Cache { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn a_build_removes_the_workshops_of_killed_builds_and_nothing_else() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = |name: &str, age: Duration| {
            let path = home.path().join(name);
            fs::create_dir(&path).expect("is made");
            fs::write(path.join("main.cc"), "int main() {}").expect("is written");
            let opened = fs::File::open(&path).expect("opens");
            opened.set_modified(SystemTime::now() - age).expect("is set");
            path
        };
        let killed = folder("build-1-1", 3 * BUILD_LIMIT);
        let busy = folder("build-1-2", BUILD_LIMIT);
        let other = folder("simulator-0123", 3 * BUILD_LIMIT);
        remove_abandoned(home.path());
        assert!(!killed.exists() && busy.exists() && other.exists());
        remove_abandoned(&home.path().join("absent"));
    }
}
