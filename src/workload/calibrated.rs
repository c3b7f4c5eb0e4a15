//! A workload generator that delivers the load it is asked for.
//!
//! ```text
//! 1. draw pairs (p, q) and sizes s of all n flows, and n − 1 gaps g ~ LogNormal(−σ²/2, σ) (mean 1)
//! 2. route the flows with the ECMP of the contract: the paths every backend will obey
//! 3. T = max over channels of Σ s·8 ÷ rate          (time the busiest channel needs for its bytes)
//! 4. span = T ÷ max_load;   start of flow i = 1 s + ⌊span · (g₁ + … + gᵢ) ÷ (g₁ + … + gₙ₋₁)⌉ ns
//! ```
//!
//! So [`super::delivered_load`] is the target by construction (to the rounding of the span to 1 ns), for any sizes. Load is in
//! application bytes on the busiest channel between the first and the last start. What no calibration can help: with heavy-tailed
//! sizes and few flows the busiest channel is the one under the largest flow, and all others are far below the target.
//!
//! The stream is ChaCha12, seeded by SHA-256 of the seed and of everything that shapes the workload: sizes, matrix, cluster, σ and
//! load. Not the mix's id, path names or transport: mixes that differ only in transport have equal flows, so that a difference in
//! results is due to the transport. Independent repetitions take another seed.

use super::compat::whole_size;
use super::placement::{Placement, busiest_seconds};
use super::{FIRST_START_NS, LATEST_START_NS, Problem, WorkloadOptions};
use crate::spec::LoadedMix;
use mixlab_contract::routing::ecmp_paths;
use mixlab_contract::{Bytes, Flow, Paths, ScenarioError, SimTime};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, LogNormal};
use sha2::{Digest, Sha256};

/// The flows of a mix, with the paths of data and of ACKs.
///
/// # Errors
/// [`Problem`] if matrix and cluster do not fit, or arrivals would take too long.
pub fn flows(mix: &LoadedMix, options: &WorkloadOptions) -> Result<(Vec<Flow>, (Paths, Paths)), Problem> {
    let mut rng = StdRng::from_seed(stream(mix, options.seed));
    let in_file_order: Vec<usize> = (0..mix.spatial.pods.len()).collect();
    let placement = Placement::new(mix, &in_file_order, &mut rng)?;
    let sigma = mix.mix.lognorm_sigma;
    let gaps = LogNormal::new(-sigma * sigma / 2.0, sigma).expect("sigma is finite and positive");
    let mut flows = Vec::with_capacity(options.nr_flows);
    let mut arrivals = Vec::with_capacity(options.nr_flows);
    let mut arrival = 0.0;
    for id in 0..options.nr_flows as u64 {
        let (src, dst) = placement.pair(&mut rng);
        let size = Bytes(whole_size(mix.sizes.sample(&mut rng)));
        flows.push(Flow { id, src, dst, size, start: SimTime::from_ns(FIRST_START_NS) });
        arrivals.push(arrival);
        arrival += gaps.sample(&mut rng);
    }
    let paths = ecmp_paths(&mix.topology, &flows).map_err(ScenarioError::from)?;
    let mut bytes = vec![0u64; mix.topology.channel_count()];
    for (i, flow) in flows.iter().enumerate() {
        paths.0.get(i).iter().for_each(|c| bytes[c.index()] = bytes[c.index()].saturating_add(flow.size.0));
    }
    let span_ns = busiest_seconds(&mix.topology, &bytes) / mix.mix.max_load * 1e9;
    if span_ns > (LATEST_START_NS - FIRST_START_NS) as f64 {
        return Err(Problem::TooLong);
    }
    // A single flow, or gaps that all underflow to 0, start at once.
    let total = arrivals.last().copied().filter(|total| *total > 0.0).unwrap_or(1.0);
    for (flow, arrival) in flows.iter_mut().zip(arrivals) {
        flow.start = SimTime::from_ns(FIRST_START_NS + (span_ns * (arrival / total)).round() as u64);
    }
    Ok((flows, paths))
}

/// Seed of a workload's own stream.
fn stream(mix: &LoadedMix, seed: u64) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(b"mixlab calibrated workload 1");
    let mut number = |v: u64| digest.update(v.to_le_bytes());
    number(seed);
    number(mix.mix.lognorm_sigma.to_bits());
    number(mix.mix.max_load.to_bits());
    for list in [mix.sizes.points().len(), mix.spatial.entries().len(), mix.spatial.pods.len(), mix.cluster.pods.len()]
    {
        number(list as u64);
    }
    for (bytes, percent) in mix.sizes.points() {
        number(bytes.to_bits());
        number(percent.to_bits());
    }
    for (sum, src, dst) in mix.spatial.entries() {
        number(*sum);
        number(u64::from(*src) << 32 | u64::from(*dst));
    }
    for pod in &mix.spatial.pods {
        number(pod.racks.len() as u64);
        pod.racks.iter().for_each(|r| number(*r as u64));
    }
    for pod in &mix.cluster.pods {
        number(pod.racks.len() as u64);
        pod.racks.iter().for_each(|r| number(r.hosts.len() as u64));
    }
    for link in mix.topology.links() {
        number(u64::from(link.a.0) << 32 | u64::from(link.b.0));
        number(link.rate.0);
    }
    digest.finalize().into()
}
