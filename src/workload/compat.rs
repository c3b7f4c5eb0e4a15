//! The workload generator of parsimon-eval, bit for bit, including what is wrong with it.
//!
//! ```text
//! 1. pods of the matrix in hash-map order ↦ pods of the cluster, racks shuffled        one ChaCha12 stream, seeded
//! 2. n test pairs, routed with ONE hash per flow at every hop (polarised ECMP)          with the command line's seed,
//!    busiest = channel with most test flows per bit/s (the last such), f = its share    the same for every mix
//! 3. total = ⌊⌊rate·load⌉ / f⌉ bit/s    gap = ⌊10⁹ · ⌊mean size⌉ · 8 / total⌉ ns    μ = ln gap − σ²/2
//! 4. per flow: pair, size (⌊·⌉; < 1 becomes 10; multiples of 1,000 lose a byte), then gap to the next ~ LogNormal(μ, σ)
//! ```
//!
//! Known faults kept on purpose: load counted in flows, on routes no simulator uses, by a noisy maximum; equal draws for all mixes
//! with equal seeds. [`super::Generator::Calibrated`] has none of them.
//!
//! The bits depend on: `rand` 0.8.5, `rand_chacha` 0.3.1, `rand_distr` 0.4.3, `rustc-hash` 1.1.0, the growth and iteration order of
//! `hashbrown` 0.16 on a 64-bit machine, and `exp` and `ln` of the C library being those of glibc.

use super::placement::Placement;
use super::{FIRST_START_NS, LATEST_START_NS, Problem, WorkloadOptions, shown};
use crate::spec::{LoadedMix, SpatialMatrix};
use hashbrown::HashMap;
use mixlab_contract::routing::{NextHops, NoPath};
use mixlab_contract::{Bytes, ChannelId, Flow, NodeId, ScenarioError, SimTime, Topology};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, LogNormal};
use rustc_hash::FxHasher;
use std::hash::BuildHasherDefault;

/// The flows of a mix.
///
/// # Errors
/// [`Problem`] where the original would panic, loop for ever or make flows without gaps.
pub fn flows(mix: &LoadedMix, options: &WorkloadOptions) -> Result<Vec<Flow>, Problem> {
    let mut rng = StdRng::seed_from_u64(options.seed);
    let placement = Placement::new(mix, &pod_order(&mix.spatial), &mut rng)?;
    let pairs: Vec<(NodeId, NodeId)> = (0..options.nr_flows).map(|_| placement.pair(&mut rng)).collect();
    let gap_ns = mean_gap_ns(mix, &pairs)?;
    let sigma = mix.mix.lognorm_sigma;
    let gaps = LogNormal::new(gap_ns.ln() - sigma * sigma / 2.0, sigma).expect("sigma is finite and positive");
    let mut start = FIRST_START_NS;
    let mut flows = Vec::with_capacity(options.nr_flows);
    for id in 0..options.nr_flows as u64 {
        let (src, dst) = placement.pair(&mut rng);
        let size = Bytes(whole_size(mix.sizes.sample(&mut rng)));
        flows.push(Flow { id, src, dst, size, start: SimTime::from_ns(start) });
        start = start.saturating_add(gaps.sample(&mut rng).round() as u64);
        if start > LATEST_START_NS && id + 1 < options.nr_flows as u64 {
            return Err(Problem::TooLong);
        }
    }
    Ok(flows)
}

/// A drawn size in whole bytes. Multiples of the packet size lose a byte, as in the original.
pub(super) fn whole_size(drawn: f64) -> u64 {
    let size = match drawn.round() as u64 {
        0 => 10,
        size => size,
    };
    if size % 1000 == 0 { size - 1 } else { size }
}

/// Pods in the order in which the original's hash map iterates over them, filled in the order of the file.
fn pod_order(spatial: &SpatialMatrix) -> Vec<usize> {
    // The value's size decides the growth of small tables, so it is that of the original's value (a vector).
    let mut map: HashMap<String, Vec<usize>, BuildHasherDefault<FxHasher>> = HashMap::default();
    for (pod, named) in spatial.pods.iter().enumerate() {
        map.insert(named.name.clone(), vec![pod]);
    }
    map.into_values().flatten().collect()
}

/// Steps 2 and 3.
fn mean_gap_ns(mix: &LoadedMix, pairs: &[(NodeId, NodeId)]) -> Result<f64, Problem> {
    let topology = &mix.topology;
    let counts = polarised_counts(topology, pairs).map_err(ScenarioError::from)?;
    let rate = |channel: usize| topology.link(ChannelId(channel as u32)).rate.0 as f64;
    let per_rate = |channel: &usize| f64::from(counts[*channel]) / rate(*channel);
    let busiest = (0..counts.len()).max_by(|a, b| per_rate(a).total_cmp(&per_rate(b))).expect("pairs cross channels");
    let fraction = f64::from(counts[busiest]) / pairs.len() as f64;
    let total = ((rate(busiest) * mix.mix.max_load).round() * (1.0 / fraction)).round();
    let mean = mix.sizes.mean();
    if mean.round() < 1.0 {
        return Err(Problem::Mean { size_dist: shown(&mix.mix.size_dist), mean });
    }
    let gap_ns = 1e9 / (total / 8.0 / mean.round());
    if gap_ns.round() < 1.0 { Err(Problem::Gap { gap_ns }) } else { Ok(gap_ns.round()) }
}

/// Flows per channel if pair number i takes choice SipHash(i) mod n at *every* switch, next hops in ascending id.
fn polarised_counts(topology: &Topology, pairs: &[(NodeId, NodeId)]) -> Result<Vec<u32>, NoPath> {
    let mut counts = vec![0u32; topology.channel_count()];
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_by_key(|i| topology.switch_of(pairs[*i].1));
    let mut table: Option<(NodeId, NextHops)> = None;
    let mut choices: Vec<(NodeId, ChannelId)> = Vec::new();
    for i in order {
        let (src, dst) = pairs[i];
        let target = topology.switch_of(dst);
        if table.as_ref().is_none_or(|(of, _)| *of != target) {
            table = Some((target, NextHops::towards(topology, target)));
        }
        let (_, next) = table.as_ref().expect("set above");
        let hash = siphash13(i as u64);
        let mut switch = topology.switch_of(src);
        counts[topology.outgoing(src)[0].index()] += 1;
        while switch != target {
            choices.clear();
            choices.extend(next.at(switch).iter().map(|c| (topology.head(*c), *c)));
            if choices.is_empty() {
                return Err(NoPath { src, dst });
            }
            choices.sort_unstable();
            let (to, channel) = choices[(hash % choices.len() as u64) as usize];
            counts[channel.index()] += 1;
            switch = to;
        }
        counts[topology.outgoing(dst)[0].reverse().index()] += 1;
    }
    Ok(counts)
}

/// SipHash-1-3 with zero keys of one 64-bit number: what Rust's standard hasher gave when the original was written. (Aumasson and
/// Bernstein, "SipHash: a fast short-input PRF", 2012.)
fn siphash13(number: u64) -> u64 {
    let mut v = [0x736f_6d65_7073_6575_u64, 0x646f_7261_6e64_6f6d, 0x6c79_6765_6e65_7261, 0x7465_6462_7974_6573];
    let round = |v: &mut [u64; 4]| {
        v[0] = v[0].wrapping_add(v[1]);
        v[2] = v[2].wrapping_add(v[3]);
        v[1] = v[1].rotate_left(13) ^ v[0];
        v[3] = v[3].rotate_left(16) ^ v[2];
        v[0] = v[0].rotate_left(32);
        v[2] = v[2].wrapping_add(v[1]);
        v[0] = v[0].wrapping_add(v[3]);
        v[1] = v[1].rotate_left(17) ^ v[2];
        v[3] = v[3].rotate_left(21) ^ v[0];
        v[2] = v[2].rotate_left(32);
    };
    for block in [number, 8 << 56] {
        v[3] ^= block; // the second block is the length in its top byte
        round(&mut v);
        v[0] ^= block;
    }
    v[2] ^= 0xff;
    (0..3).for_each(|_| round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{DefaultHasher, Hash, Hasher};

    #[test]
    fn the_hash_is_that_of_the_standard_library() {
        for number in (0..1000).chain([u64::MAX, 1 << 40]) {
            let mut hasher = DefaultHasher::new();
            number.hash(&mut hasher);
            assert_eq!(siphash13(number), hasher.finish());
        }
    }

    #[test]
    fn pods_are_visited_in_the_order_of_the_standard_librarys_map() {
        // Holds for Rust 1.95, with which the reference outputs were made. Should a later standard library iterate otherwise, the
        // pinned map stays as it is and this comparison goes.
        for count in 1..60usize {
            let names: Vec<String> =
                (0..count).map(|i| format!("{:08x}", i.wrapping_mul(0x9e37_79b9) as u32)).collect();
            let mut ours: HashMap<String, Vec<usize>, BuildHasherDefault<FxHasher>> = HashMap::default();
            let mut std: std::collections::HashMap<String, Vec<usize>, BuildHasherDefault<FxHasher>> =
                Default::default();
            for (i, name) in names.iter().enumerate() {
                ours.insert(name.clone(), vec![i]);
                std.insert(name.clone(), vec![i]);
            }
            assert!(ours.into_keys().eq(std.into_keys()), "{count} pods");
        }
    }

    #[test]
    fn sizes_are_rounded_as_in_the_original() {
        let of = [0.0, 0.4, 0.5, 1.0, 999.6, 1000.0, 2499.5].map(whole_size);
        assert_eq!(of, [10, 10, 1, 1, 999, 999, 2500]);
    }
}
