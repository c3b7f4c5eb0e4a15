//! Mix spaces: ranges to draw mixes from, bit-exact with parsimon-eval's `gen_mixes`.
//!
//! ```text
//! stream 1 (seed):        spatial, size_dist, σ: choose · max_load: uniform in [low, high] · cluster: choose
//! stream 2 (param seed):  cc: uniform index · bfsz, window (KB, ·1000 truncated): uniform · PFC: choose · param_1, param_2: uniform
//! ```
//!
//! Both streams are ChaCha12 (`rand` 0.8 `StdRng`) and run on through the list. The original has its second seed in the source
//! code (2, 3 or 0 in published lists); here it is an argument. Spaces of the oldest version have no second stream.
//! Ours: `max_inflights`, a list; n values turn every draw into n consecutive mixes that differ only in the in-flight limit.

use super::error::SpecError;
use super::json::{Document, Fields, Node};
use super::mix::{self, Cc, Mix};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Every field a mix space may have.
pub const SPACE_FIELDS: &[&str] = &[
    "spatials",
    "size_dists",
    "lognorm_sigmas",
    "max_loads",
    "clusters",
    "bfszs",
    "windows",
    "pfcs",
    "ccs",
    "params",
    "max_inflights",
];

/// Ranges to draw mixes from.
#[derive(Clone, Debug, PartialEq)]
pub struct MixSpace {
    spatials: Vec<PathBuf>,
    size_dists: Vec<PathBuf>,
    sigmas: Vec<f64>,
    loads: Range,
    clusters: Vec<PathBuf>,
    transports: Option<TransportSpace>,
    max_inflights: Vec<u32>,
    /// What was ignored, one line each.
    pub warnings: Vec<String>,
}

/// Bounds of a uniform draw, both included.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    low: f64,
    high: f64,
}

/// Ranges of the transport parameters.
#[derive(Clone, Debug, PartialEq)]
struct TransportSpace {
    bfszs: Range,
    windows_kb: Range,
    pfcs: Vec<bool>,
    ccs: Vec<Cc>,
    /// Two per entry of `ccs`.
    params: Vec<Range>,
}

/// Reads a mix space.
///
/// # Errors
/// [`SpecError`]: the first fault of the file.
pub fn load_mix_space(file: &Path) -> Result<MixSpace, SpecError> {
    MixSpace::parse(&Document::read(file)?)
}

impl MixSpace {
    /// Reads a mix space from a document.
    ///
    /// # Errors
    /// A fault with its place.
    pub fn parse(document: &Document) -> Result<Self, SpecError> {
        let fields = document.root()?.fields("a mix space: an object", SPACE_FIELDS)?;
        let warnings = fields
            .unknown()
            .map(|(name, hint)| (name.escape_debug(), hint))
            .map(|(name, hint)| format!("{}: unknown field `{name}` is ignored ({hint})", document.file().display()));
        let paths = |name| list(fields.required(name)?, |n| n.string("the path of a file").map(PathBuf::from));
        let limits = |n: &Node<'_>| n.whole("a whole number below 2^32", u64::from(u32::MAX)).map(|v| v as u32);
        Ok(Self {
            warnings: warnings.collect(),
            spatials: paths("spatials")?,
            size_dists: paths("size_dists")?,
            sigmas: list(fields.required("lognorm_sigmas")?, mix::sigma)?,
            loads: range(fields.required("max_loads")?, mix::load)?,
            clusters: paths("clusters")?,
            transports: TransportSpace::parse(&fields)?,
            max_inflights: fields.optional("max_inflights").map_or(Ok(Vec::new()), |n| list(n, limits))?,
        })
    }

    /// Draws `count` mixes with ids from 0; equal arguments give equal mixes. Mixes keep the paths as the space writes them.
    pub fn draw(&self, count: usize, seed: u64, param_seed: u64) -> Vec<Mix> {
        let (mut rng, mut param_rng) = (StdRng::seed_from_u64(seed), StdRng::seed_from_u64(param_seed));
        let copies = self.max_inflights.len().max(1);
        let mut mixes = Vec::with_capacity(count.min(1 << 20));
        while mixes.len() < count {
            let drawn = self.draw_one(&mut rng, &mut param_rng, param_seed);
            for copy in 0..copies.min(count - mixes.len()) {
                let max_inflight_flows = self.max_inflights.get(copy).copied().unwrap_or(0);
                mixes.push(Mix { id: mixes.len() as u64, max_inflight_flows, ..drawn.clone() });
            }
        }
        mixes
    }

    fn draw_one(&self, rng: &mut StdRng, param_rng: &mut StdRng, param_seed: u64) -> Mix {
        // Struct literals evaluate in the order written, which is the order of the original's draws.
        let mut mix = Mix {
            id: 0,
            spatial: choose(&self.spatials, rng).clone(),
            size_dist: choose(&self.size_dists, rng).clone(),
            lognorm_sigma: *choose(&self.sigmas, rng),
            max_load: self.loads.draw(rng),
            cluster: choose(&self.clusters, rng).clone(),
            duration_s: None,
            param_id: 0,
            bfsz: 40.0,
            window: 18_000,
            enable_pfc: true,
            cc: Cc::Dctcp,
            param_1: 30.0,
            param_2: 30.0,
            queue: None,
            max_inflight_flows: 0,
        };
        if let Some(space) = &self.transports {
            let cc = param_rng.gen_range(0..space.ccs.len());
            mix.param_id = param_seed;
            mix.bfsz = space.bfszs.draw(param_rng);
            mix.window = (space.windows_kb.draw(param_rng) * 1000.0) as u64;
            mix.enable_pfc = *choose(&space.pfcs, param_rng);
            mix.cc = space.ccs[cc];
            mix.param_1 = space.params[2 * cc].draw(param_rng);
            mix.param_2 = space.params[2 * cc + 1].draw(param_rng);
        }
        mix
    }

    /// The mixes as a pretty-printed JSON array, as the original writes it (without final newline): spaces of the oldest version
    /// give only the fields it knew.
    ///
    /// # Errors
    /// If a path is not UTF-8, which paths of a spec always are.
    pub fn to_json(&self, mixes: &[Mix]) -> Result<String, serde_json::Error> {
        if self.transports.is_some() || !self.max_inflights.is_empty() {
            return serde_json::to_string_pretty(mixes);
        }
        let old: Vec<OldMix<'_>> = mixes.iter().map(OldMix::of).collect();
        serde_json::to_string_pretty(&old)
    }
}

impl TransportSpace {
    /// All five fields, or none of them.
    fn parse(fields: &Fields<'_>) -> Result<Option<Self>, SpecError> {
        if ["bfszs", "windows", "pfcs", "ccs", "params"].iter().all(|name| fields.optional(name).is_none()) {
            return Ok(None);
        }
        let window = |n: &Node<'_>| n.real("a window in KB, 0 to 1,000,000", "", |v| (0.0..=1e6).contains(&v));
        let ccs = list(fields.required("ccs")?, Cc::parse)?;
        let node = fields.required("params")?;
        let params = list(node, |n| range(n, mix::parameter))?;
        if params.len() < 2 * ccs.len() {
            let expected = format!("two ranges for each of the {} entries of `ccs`", ccs.len());
            return Err(node.fault_with(
                &expected,
                &params.len().to_string(),
                "params[2i] and params[2i + 1] belong to ccs[i]",
            ));
        }
        Ok(Some(Self {
            bfszs: range(fields.required("bfszs")?, mix::bfsz)?,
            windows_kb: range(fields.required("windows")?, window)?,
            pfcs: list(fields.required("pfcs")?, mix::pfc)?,
            ccs,
            params,
        }))
    }
}

impl Range {
    fn draw(self, rng: &mut StdRng) -> f64 {
        rng.gen_range(self.low..=self.high)
    }
}

fn choose<'a, T>(values: &'a [T], rng: &mut StdRng) -> &'a T {
    values.choose(rng).expect("lists of a mix space are not empty")
}

fn range<'a>(node: &Node<'a>, bound: impl Fn(&Node<'a>) -> Result<f64, SpecError>) -> Result<Range, SpecError> {
    let fields = node.fields("a range: {\"low\": …, \"high\": …}", &["low", "high"])?;
    let high = fields.required("high")?;
    let range = Range { low: bound(fields.required("low")?)?, high: bound(high)? };
    if range.low <= range.high {
        Ok(range)
    } else {
        Err(high.fault(&format!("at least the low bound {}", range.low), ""))
    }
}

fn list<'a, T>(node: &Node<'a>, element: impl Fn(&Node<'a>) -> Result<T, SpecError>) -> Result<Vec<T>, SpecError> {
    let nodes = node.array("an array")?;
    if nodes.is_empty() {
        return Err(node.fault_with("at least one element", "none", ""));
    }
    nodes.iter().map(element).collect()
}

/// The fields of the oldest version.
#[derive(Serialize)]
struct OldMix<'a> {
    id: u64,
    spatial: &'a Path,
    size_dist: &'a Path,
    lognorm_sigma: f64,
    max_load: f64,
    cluster: &'a Path,
}

impl<'a> OldMix<'a> {
    fn of(mix: &'a Mix) -> Self {
        let Mix { id, spatial, size_dist, lognorm_sigma, max_load, cluster, .. } = mix;
        Self { id: *id, spatial, size_dist, lognorm_sigma: *lognorm_sigma, max_load: *max_load, cluster }
    }
}
