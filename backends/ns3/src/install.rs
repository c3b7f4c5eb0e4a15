//! Which ns-3 is on this machine: a tree or installation the user names, Debian's `libns3-dev`, or the PyPI `ns3` wheel.
//!
//! ns-3 names its libraries `libns3[.VERSION]-core[-PROFILE].so`; Debian leaves the version out and puts it behind `.so.`.
//! Only the core library and the headers are needed, and four more modules for TCP. Nothing is executed here; the core library is read, to say whether its
//! assertions are compiled in (they, and unoptimised code, are the main causes of a slow ns-3).
//! Source: the CMake files of ns-3.36 to 3.44, and the packages named.

use mixlab_contract::scenario::hex;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// How to get an ns-3 on Debian and its derivatives.
const INSTALL: &str = "apt-get install -y --no-install-recommends libns3-dev g++ \
     (or: pip install --no-deps ns3, or name a built tree with MIXLAB_NS3_DIR)";

/// A text that ns-3's `NS_ASSERT` compiles into a library.
const ASSERT_TEXT: &[u8] = b"NS_ASSERT failed, cond=\"";
/// The same in ns-3 before 3.40.
const OLD_ASSERT_TEXT: &[u8] = b"assert failed. cond=\"";

/// Where an ns-3 comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Debian's package.
    Debian,
    /// A Python wheel.
    Wheel,
    /// A folder the user named: a source tree with a build in it, or an installation.
    Tree,
}

/// How an ns-3 was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Optimised, assertions off.
    Optimized,
    /// Optimised (as far as its name tells), assertions on.
    Asserts,
    /// Built for debugging.
    Debug,
}

/// An ns-3 that programs can be built against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Where it comes from.
    pub origin: Origin,
    /// `3.37`, or `unknown`.
    pub version: String,
    /// How it was built.
    pub profile: Profile,
    /// Whether it has the multithreaded kernel (UNISON's `mtp` module), and why not.
    pub multithreaded: Result<(), NoThreads>,
    /// Folder that holds `ns3/core-module.h` and its like.
    pub include: PathBuf,
    /// The core library.
    pub library: PathBuf,
    /// SHA-256 of the core library.
    pub digest: String,
}

/// Why an ns-3 can't run on several threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoThreads {
    /// Mainline ns-3, or UNISON without `--enable-mtp`.
    #[error("it has no mtp module")]
    NoModule,
    /// UNISON with both `--enable-mtp` and `--enable-mpi`: its kernel expects parts to be numbered by process.
    #[error("its mtp module is built for MPI as well")]
    Mpi,
}

/// There is no ns-3 here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotInstalled {
    /// What was looked for, as a fragment.
    pub reason: String,
    /// The command that installs one.
    pub hint: String,
}

impl Installation {
    /// Finds an ns-3: in `dir` if given (and nowhere else), otherwise Debian's, otherwise a wheel. Reads the core library.
    ///
    /// # Errors
    /// [`NotInstalled`] with the places looked at and the command that installs one.
    pub fn find(dir: Option<&Path>) -> Result<Self, NotInstalled> {
        if let Some(dir) = dir {
            let places = [dir.join("build"), dir.to_path_buf(), dir.join("ns3")];
            let found = places.iter().find_map(|place| Self::at(place, Origin::Tree));
            return found.ok_or_else(|| NotInstalled {
                reason: format!("no built ns-3 in {} (no libns3*-core*.so with its headers)", dir.display()),
                hint:
                    "build it there (./ns3 configure --build-profile=optimized && ./ns3 build), or name another folder"
                        .into(),
            });
        }
        let wheel = || wheel_places().iter().find_map(|place| Self::at(place, Origin::Wheel));
        Self::at(Path::new("/usr"), Origin::Debian).or_else(wheel).ok_or_else(|| NotInstalled {
            reason: "no ns-3 found (neither Debian's libns3-dev nor a Python ns3 wheel)".into(),
            hint: INSTALL.into(),
        })
    }

    /// The ns-3 under `prefix`, if there is one.
    fn at(prefix: &Path, origin: Origin) -> Option<Self> {
        let include = prefix.join("include");
        if !include.join("ns3/simulator.h").is_file() {
            return None;
        }
        let library = library_dirs(prefix).iter().find_map(|d| core_library(d))?;
        let bytes = fs::read(&library).ok()?;
        let name = library.file_name()?.to_str()?.to_owned();
        let profile = match name.contains("-debug") {
            true => Profile::Debug,
            false if contains(&bytes, ASSERT_TEXT) || contains(&bytes, OLD_ASSERT_TEXT) => Profile::Asserts,
            false => Profile::Optimized,
        };
        Some(Self {
            origin,
            version: version(prefix, &library),
            profile,
            multithreaded: multithreaded(&include),
            include,
            library,
            digest: hex(&Sha256::digest(&bytes)),
        })
    }

    /// The libraries of further modules, beside the core library.
    ///
    /// # Errors
    /// The name of the first module that was not built.
    pub fn modules(&self, names: &[&'static str]) -> Result<Vec<PathBuf>, &'static str> {
        let core = self.library.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (before, after) = core.rsplit_once("-core").unwrap_or((&core, ""));
        let library = |name: &'static str| {
            let file = self.library.with_file_name(format!("{before}-{name}{after}"));
            if file.is_file() { Ok(file) } else { Err(name) }
        };
        names.iter().copied().map(library).collect()
    }

    /// The C++ standard its headers need.
    pub fn standard(&self) -> &'static str {
        let minor = self.version.split('.').nth(1).and_then(|m| m.parse::<u32>().ok());
        match minor {
            Some(..=40) => "c++17",
            Some(41..=43) => "c++20",
            _ => "c++23",
        }
    }
}

impl fmt::Display for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = match self.origin {
            Origin::Debian => "Debian libns3-dev".into(),
            Origin::Wheel => format!("Python wheel in {}", self.include.display()),
            Origin::Tree => format!("tree in {}", self.include.display()),
        };
        let profile = match self.profile {
            Profile::Optimized => "optimized, assertions off",
            Profile::Asserts => "assertions on, a little slower than need be",
            Profile::Debug => "WARNING: debug build, several times slower than need be",
        };
        let kernels = match self.multithreaded {
            Ok(()) => "kernels default and mtp",
            Err(NoThreads::NoModule) => "kernel default",
            Err(NoThreads::Mpi) => "kernel default; mtp not usable, since it is built for MPI as well",
        };
        write!(f, "ns-3 {} ({origin}; {profile}; {kernels})", self.version)
    }
}

/// Whether these headers are of a tree with UNISON's kernel.
fn multithreaded(include: &Path) -> Result<(), NoThreads> {
    let has = |header: &str| include.join("ns3").join(header).is_file();
    match (has("mtp-interface.h"), has("mpi-interface.h")) {
        (false, _) => Err(NoThreads::NoModule),
        (true, true) => Err(NoThreads::Mpi),
        (true, false) => Ok(()),
    }
}

/// Folders libraries may be in under `prefix`, including Debian's per-architecture ones.
fn library_dirs(prefix: &Path) -> Vec<PathBuf> {
    let mut dirs = vec![prefix.join("lib64"), prefix.join("lib")];
    dirs.extend(folders(&prefix.join("lib")).into_iter().filter(|d| d.to_string_lossy().ends_with("-linux-gnu")));
    dirs
}

/// The core library in `dir`. Of several builds side by side, the first by name without `-debug`.
fn core_library(dir: &Path) -> Option<PathBuf> {
    let is_core = |name: &str| {
        let rest = name.strip_prefix("libns3").and_then(|r| r.strip_suffix(".so"));
        rest.is_some_and(|r| r.ends_with("-core") || r.contains("-core-"))
    };
    let mut names: Vec<String> =
        fs::read_dir(dir).ok()?.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
    names.retain(|n| is_core(n));
    names.sort_by_key(|n| (n.contains("-debug"), n.clone()));
    names.first().map(|n| dir.join(n))
}

/// `3.44` from `libns3.44-core.so`, from `libns3-core.so.37` behind the link, or from the tree's VERSION file.
fn version(prefix: &Path, library: &Path) -> String {
    let is_number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let name = |p: &Path| p.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let by_name = name(library).strip_prefix("libns3.").and_then(|r| r.split('-').next()).map(str::to_owned);
    if let Some(minor) = by_name.filter(|m| is_number(m)) {
        return format!("3.{minor}");
    }
    let real = library.canonicalize().map(|p| name(&p)).unwrap_or_default();
    if let Some(minor) = real.split(".so.").nth(1).and_then(|r| r.split('.').next()).filter(|m| is_number(m)) {
        return format!("3.{minor}");
    }
    let file = prefix.parent().map(|p| p.join("VERSION")).and_then(|p| fs::read_to_string(p).ok()).unwrap_or_default();
    match file.trim() {
        v if v.starts_with("3.") && v.len() < 20 => v.to_owned(),
        _ => "unknown".into(),
    }
}

/// `ns3` folders of Python packages: of an active virtual environment, of the user, of the system.
fn wheel_places() -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = Vec::new();
    roots.extend(std::env::var_os("VIRTUAL_ENV").map(|v| PathBuf::from(v).join("lib")));
    roots.extend(std::env::var_os("HOME").map(|v| PathBuf::from(v).join(".local/lib")));
    roots.extend(["/usr/local/lib", "/usr/lib"].map(PathBuf::from));
    let pythons = roots.iter().flat_map(|r| folders(r));
    let pythons = pythons.filter(|d| d.file_name().is_some_and(|n| n.to_string_lossy().starts_with("python3")));
    pythons.flat_map(|p| ["site-packages/ns3", "dist-packages/ns3"].map(|s| p.join(s))).collect()
}

/// The folders in `dir`, by name; none if it can't be read.
fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|e| e.path()).filter(|p| p.is_dir()).collect();
    found.sort();
    found
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|w| w == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fake(dir: &Path, library: &str, bytes: &[u8]) {
        fs::create_dir_all(dir.join("include/ns3")).expect("temporary folder is writable");
        fs::create_dir_all(dir.join("lib")).expect("temporary folder is writable");
        fs::write(dir.join("include/ns3/simulator.h"), "").expect("temporary folder is writable");
        fs::write(dir.join("lib").join(library), bytes).expect("temporary folder is writable");
    }

    #[test]
    fn a_tree_is_recognised_with_its_version_and_profile() {
        let cases = [
            ("libns3.44-core.so", &b"x"[..], "3.44", Profile::Optimized, "c++23"),
            ("libns3.40-core-default.so", b"xx NS_ASSERT failed, cond=\"yy", "3.40", Profile::Asserts, "c++17"),
            ("libns3.41-core-debug.so", b"x", "3.41", Profile::Debug, "c++20"),
            ("libns3-dev-core-optimized.so", b"x", "unknown", Profile::Optimized, "c++23"),
        ];
        for (library, bytes, version, profile, standard) in cases {
            let dir = tempfile::tempdir().expect("a temporary folder");
            fake(&dir.path().join("build"), library, bytes);
            let found = Installation::find(Some(dir.path())).expect("the tree is complete");
            assert_eq!((found.version.as_str(), found.profile), (version, profile), "{library}");
            assert_eq!(found.standard(), standard, "{library}");
            assert_eq!(found.origin, Origin::Tree);
        }
    }

    #[test]
    fn a_folder_without_ns3_says_what_is_missing() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let error = Installation::find(Some(dir.path())).expect_err("the folder is empty");
        assert!(error.to_string().contains("no built ns-3 in"), "{error}");
        assert!(error.hint.contains("./ns3 build"), "{}", error.hint);
    }

    #[test]
    fn other_libraries_are_not_taken_for_the_core() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fake(dir.path(), "libns3.44-antenna.so", b"x");
        assert!(Installation::find(Some(dir.path())).is_err());
    }
}
