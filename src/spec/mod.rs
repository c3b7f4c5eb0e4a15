//! Experiments as a person writes them: mixes, mix spaces, clusters, rack-to-rack matrices, flow-size distributions.
//!
//! ```text
//! mix file ── json (values with places) ──► Mix ──┐
//! cluster, spatial, size files, each loaded once ─┴──► LoadedMix ── workload ──► scenario
//! ```
//!
//! Reads every version of parsimon-eval's files unmodified; formats, units and defaults are described in `spec/README.md`.
//! Nothing here panics, whatever the input: every error names file, JSON path, line, column and what to do.

pub mod cluster;
pub mod error;
pub mod json;
pub mod mix;
pub mod mixspace;
pub mod sizes;
pub mod spatial;
pub mod tcp;
pub mod toml;
pub mod transport;
pub mod units;

pub use cluster::{Cluster, Pod, Rack};
pub use error::{Fault, SpecError};
pub use mix::{Cc, Mix};
pub use mixspace::{MixSpace, load_mix_space};
pub use sizes::SizeDistribution;
pub use spatial::SpatialMatrix;
pub use tcp::Queue;

use crate::spec::json::{Document, Node};
use mixlab_contract::Topology;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most mixes of a list: beyond it neither the list nor what it asks for fits a machine. A mix takes some 500 bytes.
pub const MOST_MIXES: usize = 1 << 20;

/// A mix and everything its files say. Files that several mixes name are shared.
#[derive(Clone, Debug)]
pub struct LoadedMix {
    /// The mix as written.
    pub mix: Mix,
    /// Nodes and links.
    pub topology: Arc<Topology>,
    /// Pods, racks and hosts of the cluster.
    pub cluster: Arc<Cluster>,
    /// Rack-to-rack traffic.
    pub spatial: Arc<SpatialMatrix>,
    /// Flow sizes.
    pub sizes: Arc<SizeDistribution>,
    /// The file the mix was read from.
    pub spec_file: PathBuf,
}

/// All mixes of a file.
#[derive(Clone, Debug)]
pub struct LoadedSpec {
    /// In the order of the file; ids are unique.
    pub mixes: Vec<LoadedMix>,
    /// What was ignored, one line each.
    pub warnings: Vec<String>,
}

/// Reads a list of mixes (or a single one) and every file they name.
///
/// Relative paths in the file are looked for in the current directory, then beside the file, then in each directory above it.
/// Cost: each file is read once.
///
/// # Errors
/// [`SpecError`]: the first fault of any of the files.
pub fn load_mixes(file: &Path) -> Result<LoadedSpec, SpecError> {
    mixes_of(&Document::read(file)?)
}

/// Reads every file that drawn mixes name, as [`load_mixes`] would if `file` held these mixes.
///
/// # Errors
/// [`SpecError`]: the first fault of any of the files.
pub fn load_drawn(file: &Path, mixes: &[Mix]) -> Result<LoadedSpec, SpecError> {
    let text = serde_json::to_string(mixes).expect("mixes are plain data");
    mixes_of(&Document::new(file, text))
}

fn mixes_of(document: &Document) -> Result<LoadedSpec, SpecError> {
    let file = document.file();
    let root = document.root()?;
    let expected = "a mix (an object) or an array of mixes";
    let nodes = if root.is_object() { vec![root.clone()] } else { root.array(expected)? };
    if nodes.is_empty() {
        return Err(root.fault_with("at least one mix", "an empty array", ""));
    }
    if nodes.len() > MOST_MIXES {
        return Err(root.fault_with(
            &format!("at most {MOST_MIXES} mixes"),
            &nodes.len().to_string(),
            "make several lists",
        ));
    }
    let mut library = Library::new(file);
    let mut ids: BTreeMap<u64, Node<'_>> = BTreeMap::new();
    let mut unknown: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let mut meaningless: BTreeMap<&str, usize> = BTreeMap::new();
    let mut mixes = Vec::with_capacity(nodes.len());
    for node in &nodes {
        let fields = node.fields("a mix: an object", mix::MIX_FIELDS)?;
        for (name, hint) in fields.unknown() {
            unknown.entry(name.escape_debug().to_string()).or_insert((0, hint)).0 += 1;
        }
        let mix = Mix::parse(&fields)?;
        mix.meaningless(&fields).for_each(|name| *meaningless.entry(name).or_default() += 1);
        let id = fields.required("id")?;
        if let Some(first) = ids.insert(mix.id, id.clone()) {
            let hint = format!("line {} has the same id; ids name the results", first.line());
            return Err(id.fault_with("an id that no other mix of the list has", &mix.id.to_string(), &hint));
        }
        let cluster = library.cluster(fields.required("cluster")?)?;
        mixes.push(LoadedMix {
            topology: Arc::clone(&cluster.topology),
            cluster,
            spatial: library.spatial(fields.required("spatial")?)?,
            sizes: library.sizes(fields.required("size_dist")?)?,
            spec_file: file.to_path_buf(),
            mix,
        });
    }
    let mut warnings = library.warnings;
    if !unknown.is_empty() {
        let each: Vec<String> = unknown
            .iter()
            .map(|(name, (count, hint))| format!("`{name}` in {count} of {} ({hint})", nodes.len()))
            .collect();
        warnings.push(format!("{}: unknown fields of mixes are ignored: {}", file.display(), each.join("; ")));
    }
    if !meaningless.is_empty() {
        let each: Vec<String> =
            meaningless.iter().map(|(name, count)| format!("`{name}` in {count} of {}", nodes.len())).collect();
        warnings.push(format!("{}: TCP has none of these and ignores them: {}", file.display(), each.join("; ")));
    }
    Ok(LoadedSpec { mixes, warnings })
}

/// Files that mixes name, each read once.
struct Library {
    /// Where relative paths may start.
    roots: Vec<PathBuf>,
    clusters: BTreeMap<PathBuf, Arc<Cluster>>,
    spatials: BTreeMap<PathBuf, Arc<SpatialMatrix>>,
    sizes: BTreeMap<PathBuf, Arc<SizeDistribution>>,
    warnings: Vec<String>,
}

impl Library {
    fn new(spec_file: &Path) -> Self {
        let absolute = spec_file.canonicalize().unwrap_or_else(|_| spec_file.to_path_buf());
        let mut roots = vec![PathBuf::new()];
        roots.extend(absolute.ancestors().skip(1).map(Path::to_path_buf));
        let (clusters, spatials, sizes) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { roots, clusters, spatials, sizes, warnings: Vec::new() }
    }

    /// The file a node names.
    fn find(&self, node: &Node<'_>) -> Result<PathBuf, SpecError> {
        let written = PathBuf::from(node.string("the path of a file")?);
        let places = self.roots.iter().map(|root| root.join(&written));
        if let Some(found) = places.clone().find(|p| p.is_file()) {
            return Ok(found);
        }
        let mut looked: Vec<String> = places.map(|p| p.display().to_string()).collect();
        looked.dedup();
        let hint = format!("looked for {}", looked.join(", "));
        Err(node.fault("the path of a file that exists", &hint))
    }

    fn cluster(&mut self, node: &Node<'_>) -> Result<Arc<Cluster>, SpecError> {
        let path = self.find(node)?;
        if let Some(cluster) = self.clusters.get(&path) {
            return Ok(Arc::clone(cluster));
        }
        let cluster = Arc::new(Cluster::read(&path, &mut self.warnings)?);
        self.clusters.insert(path, Arc::clone(&cluster));
        Ok(cluster)
    }

    fn spatial(&mut self, node: &Node<'_>) -> Result<Arc<SpatialMatrix>, SpecError> {
        let path = self.find(node)?;
        if let Some(spatial) = self.spatials.get(&path) {
            return Ok(Arc::clone(spatial));
        }
        let spatial = Arc::new(SpatialMatrix::read(&path, &mut self.warnings)?);
        self.spatials.insert(path, Arc::clone(&spatial));
        Ok(spatial)
    }

    fn sizes(&mut self, node: &Node<'_>) -> Result<Arc<SizeDistribution>, SpecError> {
        let path = self.find(node)?;
        if let Some(sizes) = self.sizes.get(&path) {
            return Ok(Arc::clone(sizes));
        }
        let sizes = Arc::new(SizeDistribution::read(&path)?);
        self.sizes.insert(path, Arc::clone(&sizes));
        Ok(sizes)
    }
}
