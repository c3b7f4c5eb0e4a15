//! The backends of this build and the external ones, by name, and the groups a subcommand may mean.

use crate::external::{self, ExternalBackend};
use crate::floor::FloorBackend;
use crate::train::course;
use mixlab_coarse::CoarseBackend;
use mixlab_contract::{Availability, Backend, IdealBackend};
use mixlab_flowsim::FlowsimBackend;
use mixlab_m4::perceptron::file::{self, Kind};
use mixlab_m4::weights::{LARGEST_FILE, Manifest, read};
use mixlab_m4::{Checkpoint, CorrectedBackend, PaperBackend, RefinedBackend, Rules};
use mixlab_ns3::{Ns3Backend, Ns3Tree};
use mixlab_packet::PacketBackend;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Backends of `mlsys`, the fast estimators; those that can't run here are left out.
const MLSYS: [&str; 3] = ["flowsim", "flowsim-window", "m4"];

/// Names users may know but that no code stands behind.
pub const NOT_BUILT: [(&str, &str); 3] = [
    ("pmn", "Parsimon is not built"),
    ("pmn-m", "Parsimon with Minim is not built"),
    ("pmn-mc", "Parsimon with Minim and clustering is not built"),
];

/// What a user can choose about backends.
#[derive(Clone, Debug, Default)]
pub struct BackendOptions {
    /// ns-3 to use instead of an installed one.
    pub ns3_dir: Option<PathBuf>,
    /// Whether `ns3_dir` is a tree of the papers whose own program is to be driven.
    pub ns3_tree: bool,
    /// Threads of ns-3's kernel (UNISON).
    pub ns3_threads: Option<u32>,
    /// Weights of the learned simulator.
    pub m4_weights: Option<PathBuf>,
    /// Clean fidelity: `packet-clean` wherever a name stands for `packet`.
    pub clean: bool,
    /// Dense supervision from the packet simulations.
    pub supervise: bool,
    /// External backends that were found.
    pub external: Vec<Arc<external::Manifest>>,
}

/// Why a requested backend can't be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BackendError {
    /// Known, but it can't run here.
    #[error("backend `{name}` is unavailable: {reason}")]
    Unavailable {
        /// The name.
        name: String,
        /// Why, and what to do.
        reason: String,
    },
    /// No such name.
    #[error("there is no backend `{name}`{}", hint.as_ref().map(|h| format!("; did you mean `{h}`?")).unwrap_or_default())]
    Unknown {
        /// The name.
        name: String,
        /// The nearest known name.
        hint: Option<String>,
    },
    /// An option of a backend is wrong.
    #[error("{0}")]
    Option(String),
}

/// All backends of this build, then the external ones, available here or not, in the order in which tables and legends list them.
///
/// # Errors
/// [`BackendError::Option`] if an option names something that is not there or not what it should be.
pub fn registry(options: &BackendOptions) -> Result<Vec<Arc<dyn Backend>>, BackendError> {
    let packet =
        |p: PacketBackend| -> Arc<dyn Backend> { Arc::new(if options.supervise { p.supervised() } else { p }) };
    let mut backends: Vec<Arc<dyn Backend>> = vec![
        Arc::new(IdealBackend),
        Arc::new(FlowsimBackend::plain()),
        Arc::new(FlowsimBackend::window()),
        Arc::new(CoarseBackend),
        m4_fluid()?,
        m4(options)?,
        packet(PacketBackend::NS3),
        packet(PacketBackend::CLEAN),
        Arc::new(FloorBackend),
        ns3(options)?,
    ];
    for manifest in &options.external {
        backends.push(Arc::new(ExternalBackend::new(Arc::clone(manifest))));
    }
    Ok(backends)
}

/// The fingerprint of each, by id.
pub fn fingerprints(backends: &[Arc<dyn Backend>]) -> BTreeMap<String, String> {
    backends.iter().map(|b| (b.id().to_owned(), b.fingerprint())).collect()
}

/// Whether a folder has files as the original program exports them.
fn has_torchscript(folder: &Path) -> bool {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.map(|f| f.path()).any(|f| f.extension() == Some("pt".as_ref()))
}

/// The corrected fluid with the weights that ship.
fn m4_fluid() -> Result<Arc<dyn Backend>, BackendError> {
    Ok(Arc::new(CorrectedBackend::shipped().map_err(|e| unreadable(&e))?))
}

fn unreadable(e: &file::WeightsError) -> BackendError {
    BackendError::Option(format!("the shipped weights of m4: {e}"))
}

/// The model that ships with its weights, or one with the user's.
fn m4(options: &BackendOptions) -> Result<Arc<dyn Backend>, BackendError> {
    let Some(path) = &options.m4_weights else {
        return Ok(Arc::new(RefinedBackend::shipped().map_err(|e| unreadable(&e))?));
    };
    let failed = |e: &dyn std::fmt::Display| BackendError::Option(format!("--m4-weights {}: {e}", path.display()));
    // What `mixlab train` wrote, or one of its files; else a folder of the published architecture.
    let files = Kind::ALL.map(|kind| path.join(kind.file()));
    let mut files: Vec<&PathBuf> = files.iter().chain([path]).filter(|f| f.is_file()).collect();
    let published = Manifest::exists_in(path) || has_torchscript(path);
    match files.len() + usize::from(published) {
        0 if path.is_dir() => {
            let [first, second] = Kind::ALL.map(Kind::file);
            return Err(failed(&format!(
                "no weights in this folder; expected what `mixlab train` writes ({first}, {second} or manifest.json), or the \
                 original's eight .pt files"
            )));
        }
        0 => return Err(failed(&"no such file or folder")),
        1 => {}
        _ => {
            let text = "it holds weights of several architectures; take all but one away, or name a file";
            return Err(failed(&format!("{text}, such as {}", files[0].display())));
        }
    }
    if let Some(file) = files.pop() {
        let bytes = read(file, LARGEST_FILE).map_err(|e| failed(&e))?;
        let (kind, model) = file::decode(&bytes).map_err(|e| failed(&e))?;
        return Ok(Arc::from(course::backend(kind, model)));
    }
    let checkpoint = Checkpoint::load(path).map_err(|e| failed(&e))?;
    Ok(Arc::new(PaperBackend::new(checkpoint, Rules::default())))
}

fn ns3(options: &BackendOptions) -> Result<Arc<dyn Backend>, BackendError> {
    if options.ns3_tree {
        let missing = || BackendError::Option("--ns3-flavor hpcc needs --ns3-dir DIR: the tree to drive".into());
        return Ok(Arc::new(Ns3Tree::new(options.ns3_dir.as_ref().ok_or_else(missing)?)));
    }
    let mut backend = Ns3Backend::new();
    if let Some(dir) = &options.ns3_dir {
        backend = backend.with_dir(dir);
    }
    if let Some(threads) = options.ns3_threads {
        backend = backend.with_threads(threads);
    }
    Ok(Arc::new(backend))
}

/// Which ns-3 there is: version, origin, build, kernels; or why there is none.
pub fn ns3_found(options: &BackendOptions) -> String {
    let found = match &options.ns3_dir {
        Some(dir) => Ns3Backend::new().with_dir(dir),
        None => Ns3Backend::new(),
    };
    found.describe().unwrap_or_else(|missing| missing)
}

/// The backends a name stands for: one, those of `mlsys`, those of `floor`, or `all` that are available here.
///
/// # Errors
/// [`BackendError`] if the name is unknown, not built, or can't run on this machine.
pub fn named(name: &str, options: &BackendOptions) -> Result<Vec<Arc<dyn Backend>>, BackendError> {
    let known = registry(options)?;
    let truth = if options.clean { "packet-clean" } else { "packet" };
    let available = |wanted: &dyn Fn(&str) -> bool| {
        let here = known.iter().filter(|b| wanted(b.id()) && b.probe() == Availability::Available);
        here.cloned().collect::<Vec<_>>()
    };
    let only_by_name = |id: &str| options.external.iter().any(|m| m.name == id && !m.in_all);
    let in_all = |id: &str| !["packet", "packet-clean", "floor"].contains(&id) && !only_by_name(id);
    match name {
        "all" => Ok(available(&|id| id == truth || in_all(id))),
        "packet" => Ok(vec![one(truth, &known)?]),
        "floor" if options.clean => {
            let reason = "it is the floor of the ns3 fidelity; leave --fidelity clean out".into();
            Err(BackendError::Unavailable { name: name.into(), reason })
        }
        "mlsys" => Ok(available(&|id| MLSYS.contains(&id))),
        // The floor is the distance between two packet runs.
        "floor" => Ok(available(&|id| ["packet", "floor"].contains(&id))),
        _ => Ok(vec![one(name, &known)?]),
    }
}

fn one(name: &str, known: &[Arc<dyn Backend>]) -> Result<Arc<dyn Backend>, BackendError> {
    if let Some((_, reason)) = NOT_BUILT.iter().find(|(n, _)| *n == name) {
        return Err(BackendError::Unavailable { name: name.into(), reason: (*reason).into() });
    }
    let backend = known.iter().find(|b| b.id() == name).ok_or_else(|| unknown(name, known))?;
    match backend.probe() {
        Availability::Available => Ok(Arc::clone(backend)),
        Availability::Missing { reason, hint } => {
            Err(BackendError::Unavailable { name: name.into(), reason: format!("{reason}; {hint}") })
        }
    }
}

fn unknown(name: &str, known: &[Arc<dyn Backend>]) -> BackendError {
    let names = known.iter().map(|b| b.id()).chain(NOT_BUILT.iter().map(|(n, _)| *n)).chain(["mlsys", "all"]);
    let nearest = names.map(|n| (strsim::jaro_winkler(name, n), n)).max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = nearest.filter(|(score, _)| *score > 0.75).map(|(_, n)| n.to_owned());
    BackendError::Unknown { name: name.into(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mlsys_is_the_fast_estimators_and_all_has_the_ground_truth_but_not_the_floor() {
        let options = BackendOptions::default();
        let ids = |name| named(name, &options).expect("built").iter().map(|b| b.id().to_owned()).collect::<Vec<_>>();
        assert_eq!(ids("mlsys")[..2], ["flowsim", "flowsim-window"]);
        assert_eq!(ids("floor"), ["packet", "floor"]);
        let all = ids("all");
        assert!(all.contains(&"packet".into()) && !all.contains(&"floor".into()), "{all:?}");
    }

    #[test]
    fn clean_fidelity_takes_the_place_of_ns3s_and_has_no_floor() {
        let options = BackendOptions { clean: true, ..BackendOptions::default() };
        let ids = |name| named(name, &options).expect("built").iter().map(|b| b.id().to_owned()).collect::<Vec<_>>();
        assert_eq!(ids("packet"), ["packet-clean"]);
        let all = ids("all");
        assert!(all.contains(&"packet-clean".into()) && !all.contains(&"packet".into()), "{all:?}");
        assert!(named("floor", &options).is_err());
    }

    #[test]
    fn names_without_code_are_unavailable_and_typos_get_a_hint() {
        let of = |name| named(name, &BackendOptions::default()).err();
        assert!(matches!(of("pmn"), Some(BackendError::Unavailable { .. })));
        let typo = of("flowsin").map(|e| e.to_string()).unwrap_or_default();
        assert!(typo.contains("did you mean `flowsim`?"), "{typo}");
    }

    #[test]
    fn weights_and_trees_that_are_not_there_are_said() {
        let weights = BackendOptions { m4_weights: Some("no/such/folder".into()), ..BackendOptions::default() };
        assert!(registry(&weights).err().is_some_and(|e| e.to_string().contains("no/such/folder")));
        let tree = BackendOptions { ns3_tree: true, ..BackendOptions::default() };
        assert!(registry(&tree).is_err());
    }
}
