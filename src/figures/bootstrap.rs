//! Confidence intervals of percentiles by the cluster bootstrap, seeded.
//!
//! Flows of a scenario are not independent (they share queues), so whole clusters are drawn with replacement, not flows:
//! clusters are scenarios, or, where there are few, pieces of equally many consecutive flows of them. The interval is the
//! 2.5th to 97.5th percentile of the statistic over [`ROUNDS`] draws (Efron's percentile method; Field and Welsh 2007 for clusters).

use crate::statistics::quantile;

/// Draws.
pub const ROUNDS: usize = 400;
/// Fewer scenarios than this are cut into pieces.
pub const FEWEST: usize = 20;

/// Pieces per scenario so that there are at least [`FEWEST`] clusters.
pub fn pieces(scenarios: usize) -> usize {
    FEWEST.div_ceil(scenarios.max(1))
}

/// 95 % interval of the `q`-quantile of `values`, each with its cluster (below `clusters`), sorted ascending by value.
/// Quantiles here are order statistics (no interpolation). `None` without values. Cost: O(rounds · (1 − q) · values).
pub fn interval(values: &[(f64, u32)], clusters: usize, q: f64) -> Option<(f64, f64)> {
    let mut sizes = vec![0usize; clusters];
    values.iter().for_each(|(_, c)| sizes[*c as usize] += 1);
    let present: Vec<usize> = (0..clusters).filter(|c| sizes[*c] > 0).collect();
    if present.is_empty() {
        return None;
    }
    let mut random = SplitMix(values.len() as u64);
    let mut weights = vec![0usize; clusters];
    let mut found: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            weights.fill(0);
            present.iter().for_each(|_| weights[present[random.below(present.len())]] += 1);
            let total: usize = weights.iter().zip(&sizes).map(|(w, n)| w * n).sum();
            from_above(values, &weights, total - ((q * total as f64).ceil() as usize).min(total))
        })
        .collect();
    found.sort_unstable_by(f64::total_cmp);
    Some((quantile(&found, 0.025)?, quantile(&found, 0.975)?))
}

/// The value that `above` weighted values lie above.
fn from_above(values: &[(f64, u32)], weights: &[usize], above: usize) -> f64 {
    let mut passed = 0;
    for (value, cluster) in values.iter().rev() {
        passed += weights[*cluster as usize];
        if passed > above {
            return *value;
        }
    }
    values.first().map_or(f64::NAN, |(value, _)| *value)
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(z ^ (z >> 31)) * n as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_percentile_and_shrinks_with_more_clusters() {
        let sample = |n: usize, clusters: u32| -> Vec<(f64, u32)> {
            (0..n).map(|i| (i as f64 / n as f64, (i as u32).wrapping_mul(2_654_435_761) % clusters)).collect()
        };
        let width = |clusters: u32| {
            let (low, high) = interval(&sample(4000, clusters), clusters as usize, 0.99).expect("values");
            assert!(low <= 0.99 && 0.989 <= high, "{low}..{high}");
            high - low
        };
        assert!(width(400) < 0.02);
        assert_eq!(interval(&[], 3, 0.99), None);
        assert_eq!(interval(&[(2.0, 0)], 1, 0.99), Some((2.0, 2.0)));
    }

    #[test]
    fn equal_values_give_equal_intervals() {
        let values: Vec<(f64, u32)> = (0..1000).map(|i| (f64::from(i), i % 30)).collect();
        assert_eq!(interval(&values, 30, 0.99), interval(&values, 30, 0.99));
    }
}
