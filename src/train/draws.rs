//! Mixes to learn from: drawn in memory over the ranges of the published mix spaces, with size distributions, rack-to-rack
//! matrices and fabrics of their own, so that nothing a figure is scored on is trained on.
//!
//! ```text
//! window 5–15 KB · buffer 10–16 (× 10 KiB) · load 0.3–0.8 · σ 1 or 2
//! dctcp K 10–30 · dcqcn K_min 10–30, K_max 30–50 · timely T_low 40–60, T_high 100–150 µs · hp η 70–95, AI 50–100
//! sizes     exponential, Gaussian, log-normal, Lomax (means 5 KB to 1 MB), or small messages beside large transfers
//! matrices  log-normal rack weights, optionally sparse; in 40 % of the draws 30 to 90 % of the traffic stays in its rack
//! fabrics   2 pods of 4 racks of 4 hosts, or 64 to 512 hosts in two to four pods; 10 Gb/s, 1 µs
//! ```
//!
//! [`wide`] draws beyond those ranges what a user may bring: half of its mixes have heavy traffic within racks (load 0.45–0.85,
//! 50 to 97 % in the rack), a quarter other links (10, 25, 40 or 100 Gb/s, fabric 1 to 4 times that, 0.2 to 4 µs, windows and
//! buffers that grow with the rate or not), a quarter 256 to 2,048 hosts; σ from 0.5 to 2.5 in all of them. [`fast`] draws as those
//! with other links do, but only hosts with links of 25, 50 or 100 Gb/s.

use crate::spec::json::Document;
use crate::spec::{Cc, Cluster, LoadedMix, Mix, SizeDistribution, SpatialMatrix, SpecError};
use crate::workload::{Generator, WorkloadError, WorkloadOptions, scenario};
use mixlab_contract::Scenario;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Normal};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A mix and how many flows to make of it.
#[derive(Clone, Debug)]
pub struct Draw {
    /// The mix.
    pub mix: LoadedMix,
    /// Flows.
    pub nr_flows: usize,
}

impl Draw {
    /// Its scenario: compat generator, seed 1000 + id.
    ///
    /// # Errors
    /// [`WorkloadError`] if the mix's gaps are too short for the generator, as with many small flows on fast links.
    pub fn scenario(&self) -> Result<Scenario, WorkloadError> {
        let (seed, nr_flows) = (1000 + self.mix.mix.id, self.nr_flows);
        scenario(&self.mix, &WorkloadOptions { seed, nr_flows, enable_app: false, generator: Generator::Compat })
    }
}

/// What a cluster is drawn as.
struct Shape {
    pods: usize,
    fabs: usize,
    racks: usize,
    hosts: usize,
    spines: usize,
    /// Rates of hosts' links and of the fabric's, Gb/s.
    rates: (u32, u32),
    /// Propagation delay of every link, ns.
    delay: u32,
}

impl Shape {
    /// Of so many pods, fabric switches per pod, racks per pod and hosts per rack, with links of 10 Gb/s and 1 µs; spines are drawn.
    fn of((pods, fabs, racks, hosts): (usize, usize, usize, usize), rng: &mut StdRng) -> Self {
        Self { pods, fabs, racks, hosts, spines: hosts >> rng.gen_range(0..3), rates: (10, 10), delay: 1000 }
    }

    /// Other links: hosts at `host` Gb/s, the fabric 1 to 4 times as fast, 0.2 to 4 µs. By how much windows and buffers grow.
    fn relink(&mut self, host: u32, rng: &mut StdRng) -> (f64, f64) {
        self.rates = (host, host * [1, 1, 2, 4][rng.gen_range(0..4)]);
        self.delay = rng.gen_range(200f64.ln()..4000f64.ln()).exp() as u32;
        let ratio = f64::from(host) / 10.0;
        (ratio.powf(rng.gen_range(0.0..=1.0)), ratio.powf(rng.gen_range(0.0..=1.0)))
    }

    /// How many flows to draw.
    fn flows(&self) -> usize {
        if self.pods * self.racks * self.hosts > 32 { 5000 } else { 2000 }
    }

    fn cluster(&self, file: &Path) -> Result<Cluster, SpecError> {
        let Self { pods, fabs, racks, hosts, spines, rates: (host, fabric), delay } = self;
        let text = format!(
            r#"{{"pods": {pods}, "fabs_per_pod": {fabs}, "spines_per_plane": {spines}, "racks_per_pod": {racks},
            "hosts_per_rack": {hosts}, "host_rate": "{host}Gbps", "fabric_rate": "{fabric}Gbps", "delay": "{delay}ns"}}"#
        );
        Cluster::parse(&Document::new(file, text), &mut Vec::new())
    }
}

/// Draw number `id` of the stream `seed`; equal arguments give equal draws, whatever was drawn before.
///
/// # Errors
/// A fault of a generated text, which would be a fault of this program.
pub fn draw(id: u64, seed: u64) -> Result<Draw, SpecError> {
    let rng = &mut StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(id));
    let large = rng.gen_bool(0.25);
    let shape = Shape::of(size(large, rng), rng);
    let locality = &mut StdRng::seed_from_u64(seed.wrapping_mul(7_000_003).wrapping_add(id));
    let rack_share = locality.gen_bool(0.4).then(|| locality.gen_range(0.3..0.9));
    assemble(&shape, rack_share, rng, |rng| mix(id, rng))
}

/// Draw number `id` of the stream `seed` of mixes beyond the published ranges (see the module).
///
/// # Errors
/// A fault of a generated text, which would be a fault of this program.
pub fn wide(id: u64, seed: u64) -> Result<Draw, SpecError> {
    let rng = &mut StdRng::seed_from_u64(seed.wrapping_mul(3_000_017).wrapping_add(id) ^ 0x0077_6964_6500_0000);
    let kind = rng.gen_range(0..4);
    let spread = kind == 3;
    let size = match (spread, rng.gen_bool(0.3)) {
        (true, _) => (rng.gen_range(2..=8), rng.gen_range(1..=4), rng.gen_range(8..=16), 16),
        (false, large) => size(large, rng),
    };
    let mut shape = Shape::of(size, rng);
    let growth = if kind == 2 { shape.relink([10, 25, 40, 100][rng.gen_range(0..4)], rng) } else { (1.0, 1.0) };
    let heavy = kind < 2;
    let rack_share = (heavy || rng.gen_bool(0.3)).then(|| rng.gen_range(0.5..0.97));
    let vary = |rng: &mut StdRng| {
        let mut mix = varied(id, growth, rng);
        mix.max_load = if heavy { rng.gen_range(0.45..=0.85) } else { mix.max_load };
        mix
    };
    assemble(&shape, rack_share, rng, vary)
}

/// Draw number `id` of the stream `seed` of mixes with fast links (see the module).
///
/// # Errors
/// A fault of a generated text, which would be a fault of this program.
pub fn fast(id: u64, seed: u64) -> Result<Draw, SpecError> {
    let rng = &mut StdRng::seed_from_u64(seed.wrapping_mul(5_000_011).wrapping_add(id) ^ 0x0066_6173_7400_0000);
    let size = size(rng.gen_bool(0.3), rng);
    let mut shape = Shape::of(size, rng);
    let growth = shape.relink([25, 50, 100][rng.gen_range(0..3)], rng);
    let rack_share = rng.gen_bool(0.3).then(|| rng.gen_range(0.5..0.97));
    assemble(&shape, rack_share, rng, |rng| varied(id, growth, rng))
}

/// Pods, fabric switches per pod, racks per pod and hosts per rack of 64 hosts and more, or of 32.
fn size(large: bool, rng: &mut StdRng) -> (usize, usize, usize, usize) {
    if large {
        (rng.gen_range(2..=4), rng.gen_range(1..=4), rng.gen_range(4..=8), [8, 12, 16][rng.gen_range(0..3)])
    } else {
        (2, 1, 4, 4)
    }
}

/// A mix with σ from 0.5 to 2.5, its window and its buffer grown by these factors.
fn varied(id: u64, growth: (f64, f64), rng: &mut StdRng) -> Mix {
    let mut mix = mix(id, rng);
    mix.lognorm_sigma = rng.gen_range(0.5..=2.5);
    mix.window = (mix.window as f64 * growth.0) as u64;
    mix.bfsz *= growth.1;
    mix
}

/// Puts a draw together: sizes, matrix and mix are drawn from `rng`, in this order.
fn assemble(
    shape: &Shape,
    rack_share: Option<f64>,
    rng: &mut StdRng,
    mix: impl FnOnce(&mut StdRng) -> Mix,
) -> Result<Draw, SpecError> {
    let file = Path::new("drawn");
    let cluster = shape.cluster(file)?;
    let sizes = SizeDistribution::parse(&Document::new(file, sizes(rng)))?;
    let matrix = matrix(shape.pods, shape.racks, rack_share, rng);
    let spatial = SpatialMatrix::parse(&Document::new(file, matrix), &mut Vec::new())?;
    let mix = LoadedMix {
        mix: mix(rng),
        topology: cluster.topology.clone(),
        cluster: Arc::new(cluster),
        spatial: Arc::new(spatial),
        sizes: Arc::new(sizes),
        spec_file: file.to_path_buf(),
    };
    Ok(Draw { mix, nr_flows: shape.flows() })
}

fn mix(id: u64, rng: &mut StdRng) -> Mix {
    let (cc, param_1, param_2) = match rng.gen_range(0..20) {
        0..6 => (Cc::Dctcp, rng.gen_range(10.0..=30.0), 30.0),
        6..12 => (Cc::Dcqcn, rng.gen_range(10.0..=30.0), rng.gen_range(30.0..=50.0)),
        12..18 => (Cc::Timely, rng.gen_range(40.0..=60.0), rng.gen_range(100.0..=150.0)),
        _ => (Cc::Hp, rng.gen_range(70.0..=95.0), rng.gen_range(50.0..=100.0)),
    };
    Mix {
        id,
        spatial: PathBuf::from("drawn"),
        size_dist: PathBuf::from("drawn"),
        lognorm_sigma: f64::from(rng.gen_range(1..=2)),
        max_load: rng.gen_range(0.3..=0.8),
        cluster: PathBuf::from("drawn"),
        duration_s: None,
        param_id: 0,
        bfsz: rng.gen_range(10.0..=16.0),
        window: rng.gen_range(5_000..15_000),
        enable_pfc: true,
        cc,
        param_1,
        param_2,
        queue: None,
        max_inflight_flows: 0,
    }
}

/// Percentiles of 10,000 draws from a random distribution, as text.
fn sizes(rng: &mut StdRng) -> String {
    let scale = rng.gen_range(5e3f64.ln()..1e6f64.ln()).exp();
    let family = rng.gen_range(0..6);
    let (sigma, shape): (f64, f64) = (rng.gen_range(1.0..2.2), rng.gen_range(1.2..3.0));
    let (small, ratio) = (rng.gen_range(200f64.ln()..2e3f64.ln()).exp(), rng.gen_range(0.3..0.85));
    let normal = Normal::<f64>::new(0.0, 1.0).expect("a unit normal");
    let mut draws: Vec<f64> = (0..10_000u32)
        .map(|_| {
            let (u, z): (f64, f64) = (rng.gen_range(0.0..1.0), normal.sample(rng));
            match family {
                0 => -scale * (1.0 - u).ln(),
                1 => scale * (1.0 + 0.7 * z).abs(),
                2 => scale * (sigma * z - sigma * sigma / 2.0).exp(),
                3 => scale * (shape - 1.0) * ((1.0 - u).powf(-1.0 / shape) - 1.0),
                _ if u < ratio => small * (0.7 * z).exp(),
                _ => scale * (sigma * z - sigma * sigma / 4.0).exp(),
            }
        })
        .map(|s: f64| 50.0 + s.min(3e8))
        .collect();
    draws.sort_by(f64::total_cmp);
    let (mut text, mut last) = (String::new(), 0.0);
    for percent in 0..=100 {
        let size = draws[(percent * 100).min(9_999)].round().max(last + 1.0);
        last = size;
        let _ = writeln!(text, "{size} {percent}");
    }
    text
}

/// A rack-to-rack matrix as text; `rack_share` is the share of traffic that stays in its rack, if that is fixed.
fn matrix(pods: usize, racks: usize, rack_share: Option<f64>, rng: &mut StdRng) -> String {
    let n = pods * racks;
    let spread: f64 = rng.gen_range(0.0..1.8);
    let (local, sparse, noise) = (rng.gen_range(0.0..0.5f64), rng.gen_bool(0.4), rng.gen_range(0.0..1.5f64));
    let keeps_local = rng.gen_bool(0.5);
    let normal = Normal::<f64>::new(0.0, 1.0).expect("a unit normal");
    let weights = |rng: &mut StdRng| -> Vec<f64> { (0..n).map(|_| (spread * normal.sample(rng)).exp()).collect() };
    let (from, to) = (weights(rng), weights(rng));
    let to_sum: f64 = to.iter().sum();
    let rows: Vec<String> = (0..n)
        .map(|s| {
            let row = (0..n).map(|d| {
                let mut w = from[s] * to[d] * (noise * normal.sample(rng)).exp() * 100.0;
                if sparse && rng.gen_bool(0.4) {
                    w *= 0.01;
                }
                if s == d {
                    w *= if keeps_local { local * n as f64 } else { 0.0 };
                    w = rack_share.map_or(w, |share| from[s] * to_sum * share / (1.0 - share) * 100.0);
                }
                format!("{}", (w.round() as u64).max(u64::from(s != d)))
            });
            format!("[{}]", row.collect::<Vec<_>>().join(","))
        })
        .collect();
    let name = |r: usize| format!("\"r{r}\"");
    let names: Vec<String> = (0..n).map(name).collect();
    let pods_text: Vec<String> =
        (0..pods).map(|p| format!("\"p{p}\": [{}]", names[p * racks..(p + 1) * racks].join(","))).collect();
    format!(
        r#"{{"matrix": {{"inner": [{}], "idx2name": [{}]}}, "pod2tors": {{{}}}, "nr_pods": {pods}, "nr_racks": {n}}}"#,
        rows.join(","),
        names.join(","),
        pods_text.join(",")
    )
}
