//! Rack-to-rack traffic: how many flows go from rack s to rack d, as counts. Two forms: the full matrix (parsimon-eval's spatial
//! files), or a few shares from which a matrix is made.
//!
//! ```text
//! generated: count(s, d) = ⌊10⁹ · share(s, d) · w(s) · w(d) / Σ of the same over the class + ½⌋,   w(r) = (1 + rank of r in its pod)^−skew
//! classes: same rack, same pod, other pods; the shares are those of the flows, and add up to 1 after normalisation
//! ```

use super::error::SpecError;
use super::json::{Document, Fields, Node};
use rand::Rng;
use std::collections::BTreeMap;
use std::path::Path;

/// Most racks on a side of a matrix: 65,536 hosts in racks of 16. Every entry that is not 0 takes 16 bytes.
const MOST_RACKS: u64 = 1 << 12;
/// Flows a generated matrix counts in each class.
const COUNTS: f64 = 1e9;

/// A rack-to-rack matrix and how its racks form pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpatialMatrix {
    /// Pods in the order of the file.
    pub pods: Vec<SpatialPod>,
    /// Racks (rows with a name) of the matrix.
    pub racks: usize,
    /// Non-zero entries row by row: (sum of counts up to and with this entry, source rack, destination rack).
    entries: Vec<(u64, u32, u32)>,
}

/// A pod of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpatialPod {
    /// Its name in the trace.
    pub name: String,
    /// Its racks: rows of the matrix, in the order in which the pod lists them.
    pub racks: Vec<usize>,
}

const GENERATED: &[&str] = &["pods", "racks_per_pod", "same_rack", "same_pod", "other_pods", "skew", "source"];

impl SpatialMatrix {
    /// Reads a matrix in either form.
    ///
    /// # Errors
    /// A fault with its place.
    pub fn parse(document: &Document, warnings: &mut Vec<String>) -> Result<Self, SpecError> {
        let root = document.root()?;
        let members = root.members("a rack-to-rack matrix: an object")?;
        if members.iter().any(|(key, _)| key == "matrix" || key == "pod2tors") {
            return listed(&root);
        }
        let fields = root.fields("a rack-to-rack matrix: an object", GENERATED)?;
        for (name, hint) in fields.unknown() {
            let name = name.escape_debug();
            warnings.push(format!("{}: unknown field `{name}` is ignored ({hint})", document.file().display()));
        }
        generated(&fields)
    }

    /// Reads a spatial file.
    ///
    /// # Errors
    /// As [`SpatialMatrix::parse`], or if the file cannot be read.
    pub fn read(file: &Path, warnings: &mut Vec<String>) -> Result<Self, SpecError> {
        Self::parse(&Document::read(file)?, warnings)
    }

    /// Draws (source rack, destination rack) in proportion to the counts. Cost: one draw, O(log entries).
    pub fn sample(&self, rng: &mut impl Rng) -> (usize, usize) {
        let r = rng.gen_range(0..self.total());
        let (_, src, dst) = self.entries[self.entries.partition_point(|(sum, ..)| *sum <= r)];
        (src as usize, dst as usize)
    }

    /// Sum of all counts; above 0.
    pub fn total(&self) -> u64 {
        self.entries.last().expect("a matrix has at least one entry that is not 0").0
    }

    /// Non-zero entries: (sum of counts up to and with this entry, source rack, destination rack).
    pub fn entries(&self) -> &[(u64, u32, u32)] {
        &self.entries
    }
}

fn listed(root: &Node<'_>) -> Result<SpatialMatrix, SpecError> {
    let known = &["matrix", "pod2tors", "nr_pods", "nr_racks"];
    let top = root.fields("a rack-to-rack matrix: an object", known)?;
    let matrix = top.required("matrix")?.fields("an object", &["inner", "idx2name"])?;
    let mut row_of: BTreeMap<String, usize> = BTreeMap::new();
    for (row, node) in matrix.required("idx2name")?.array("an array of rack names")?.iter().enumerate() {
        let name = node.string("the name of a rack")?;
        if row_of.insert(name, row).is_some() {
            return Err(node.fault("each rack once", ""));
        }
    }
    let mut in_pod = vec![false; row_of.len()];
    let mut pods = Vec::new();
    for (name, node) in top.required("pod2tors")?.members("an object: pods and their racks")? {
        let mut racks = Vec::new();
        for rack in node.array("an array of rack names")? {
            let row = row_of.get(&rack.string("the name of a rack")?).copied();
            let row = row.ok_or_else(|| rack.fault("a rack that `matrix.idx2name` lists", ""))?;
            if std::mem::replace(&mut in_pod[row], true) {
                return Err(rack.fault("each rack in one pod", ""));
            }
            racks.push(row);
        }
        pods.push(SpatialPod { name, racks });
    }
    let entries = counts(matrix.required("inner")?, &in_pod)?;
    Ok(SpatialMatrix { pods, racks: in_pod.len(), entries })
}

/// Reads the rows. Rows may be longer than there are racks (slots without a rack), but only zeros may stand there.
fn counts(inner: &Node<'_>, in_pod: &[bool]) -> Result<Vec<(u64, u32, u32)>, SpecError> {
    let rows = inner.array("an array of rows")?;
    if rows.len() as u64 > MOST_RACKS {
        return Err(inner.fault_with("at most 4,096 rows", &format!("{}", rows.len()), ""));
    }
    let (mut entries, mut sum) = (Vec::new(), 0u64);
    for (src, row) in rows.iter().enumerate() {
        let values = row.wholes("a whole number of flows")?;
        if values.len() != rows.len() {
            let expected = format!("{} numbers, as many as there are rows", rows.len());
            return Err(row.fault_with(&expected, &format!("{}", values.len()), "the matrix must be square"));
        }
        for (dst, count) in values.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            if [src, dst].iter().any(|rack| !in_pod.get(*rack).copied().unwrap_or(false)) {
                let found = format!("{count} flows from row {src} to column {dst}");
                return Err(row.fault_with(
                    "traffic only between racks of a pod",
                    &found,
                    "one of the two is in no pod",
                ));
            }
            sum = sum
                .checked_add(count)
                .ok_or_else(|| row.fault_with("counts that add up to less than 2^64", "more", "divide all counts"))?;
            entries.push((sum, src as u32, dst as u32));
        }
    }
    if entries.is_empty() {
        return Err(inner.fault_with("at least one count above 0", "only zeros", ""));
    }
    Ok(entries)
}

fn generated(fields: &Fields<'_>) -> Result<SpatialMatrix, SpecError> {
    let count = |name| {
        let node: &Node<'_> = fields.required(name)?;
        match node.whole("a whole number from 1 to 4,096", MOST_RACKS)? {
            0 => Err(node.fault("a whole number from 1 to 4,096", "")),
            n => Ok(n as usize),
        }
    };
    let (pods, per_pod) = (count("pods")?, count("racks_per_pod")?);
    let racks = pods * per_pod;
    if racks as u64 > MOST_RACKS {
        return Err(fields.node().fault_with("at most 4,096 racks in all", &racks.to_string(), ""));
    }
    let mut shares = [0.0; 3];
    for (share, name) in shares.iter_mut().zip(["same_rack", "same_pod", "other_pods"]) {
        let node = fields.required(name)?;
        *share = node.real("a share from 0 to 1", "the three shares are normalised to add up to 1", |v| {
            (0.0..=1.0).contains(&v)
        })?;
    }
    let skew = |n: &Node<'_>| n.real("a number from 0 (all racks alike) to 4", "", |v| (0.0..=4.0).contains(&v));
    let skew = fields.optional("skew").map_or(Ok(0.0), skew)?;
    let weights: Vec<f64> = (0..racks).map(|rack| (1.0 + rank(rack, per_pod) as f64).powf(-skew)).collect();
    let weight = |rack: usize| weights[rack];
    let class = |s: usize, d: usize| {
        if s == d {
            0
        } else if s / per_pod == d / per_pod {
            1
        } else {
            2
        }
    };
    let mut sums = [0.0; 3];
    let pairs = || (0..racks).flat_map(|s| (0..racks).map(move |d| (s, d)));
    pairs().for_each(|(s, d)| sums[class(s, d)] += weight(s) * weight(d));
    let all: f64 = (0..3).filter(|c| sums[*c] > 0.0).map(|c| shares[c]).sum();
    let (mut entries, mut sum) = (Vec::with_capacity(racks * racks), 0);
    for (s, d) in pairs() {
        let c = class(s, d);
        let count =
            if all > 0.0 { (COUNTS * shares[c] / all * weight(s) * weight(d) / sums[c]).round() as u64 } else { 0 };
        if count > 0 {
            sum += count;
            entries.push((sum, s as u32, d as u32));
        }
    }
    if entries.is_empty() {
        return Err(fields.node().fault_with("at least one share above 0", "no traffic between any racks", ""));
    }
    let pods =
        (0..pods).map(|p| SpatialPod { name: format!("pod{p}"), racks: (p * per_pod..(p + 1) * per_pod).collect() });
    Ok(SpatialMatrix { pods: pods.collect(), racks, entries })
}

/// Rank of a rack within its pod.
fn rank(rack: usize, per_pod: usize) -> usize {
    rack % per_pod
}
