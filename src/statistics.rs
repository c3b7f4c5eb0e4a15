//! The few statistics everything is told in: percentiles, flow-size buckets, and the errors of one run against another.
//!
//! Definitions follow the evaluation of the m4 paper, so that numbers can be laid side by side:
//! per flow `e = |ŝ − s| / s` with s the baseline's slowdown and ŝ the other's; per scenario mean(e), p50(e), p90(e);
//! p99 error `|P99(ŝ) − P99(s)| / P99(s)` over the flows, not matched; percentiles interpolate linearly (numpy's default).

/// Upper edges (inclusive, bytes) of all flow-size buckets but the last, which is open.
pub const BUCKET_EDGES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// Names of the flow-size buckets.
pub const BUCKET_NAMES: [&str; 5] = ["≤ 1 KB", "1–10 KB", "10–100 KB", "100 KB–1 MB", "> 1 MB"];

/// Index of the bucket a flow of `size_bytes` falls into.
pub fn bucket(size_bytes: u64) -> usize {
    BUCKET_EDGES.partition_point(|edge| *edge < size_bytes)
}

/// The `q`-quantile (0 to 1) of `sorted` values by linear interpolation; `None` of nothing.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = q.clamp(0.0, 1.0) * last as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    Some(sorted[low] + (sorted[high] - sorted[low]) * (at - low as f64))
}

/// Mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() { None } else { Some(values.iter().sum::<f64>() / values.len() as f64) }
}

/// The values in ascending order (all must be comparable: no NaN).
pub fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// Errors of one backend against the baseline over a set of flows (as fractions, not percent).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ErrorSummary {
    /// Flows that both have finished; everything below is over these.
    pub flows: usize,
    /// Mean per-flow relative error of the slowdown.
    pub mean: f64,
    /// Its median.
    pub p50: f64,
    /// Its 90th percentile.
    pub p90: f64,
    /// Relative error of the 99th percentile of the slowdown.
    pub p99: f64,
    /// Mean signed relative error: positive if too slow.
    pub bias: f64,
}

/// Compares `(baseline, other)` slowdowns of the same flows; `None` if there are none.
pub fn errors(pairs: &[(f64, f64)]) -> Option<ErrorSummary> {
    let signed: Vec<f64> = pairs.iter().map(|(truth, other)| (other - truth) / truth).collect();
    let absolute = sorted(signed.iter().map(|e| e.abs()).collect());
    let p99_true = quantile(&sorted(pairs.iter().map(|p| p.0).collect()), 0.99)?;
    let p99_other = quantile(&sorted(pairs.iter().map(|p| p.1).collect()), 0.99)?;
    Some(ErrorSummary {
        flows: pairs.len(),
        mean: mean(&absolute)?,
        p50: quantile(&absolute, 0.5)?,
        p90: quantile(&absolute, 0.9)?,
        p99: (p99_other - p99_true).abs() / p99_true,
        bias: mean(&signed)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_include_their_upper_edge() {
        let of = [1, 1_000, 1_001, 10_000, 10_001, 1_000_000, 1_000_001].map(bucket);
        assert_eq!(of, [0, 0, 1, 1, 2, 3, 4]);
    }

    #[test]
    fn quantiles_interpolate_linearly_as_numpy_does() {
        let values = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(quantile(&values, 0.5), Some(3.0));
        assert_eq!(quantile(&values, 0.9), Some(4.0 + 4.0 * (2.7 - 2.0)));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn a_run_has_no_error_against_itself_and_ten_percent_is_ten_percent() {
        let same: Vec<_> = (1..=100).map(|i| (f64::from(i), f64::from(i))).collect();
        let zero = errors(&same).expect("flows");
        assert_eq!((zero.mean, zero.p90, zero.p99, zero.bias), (0.0, 0.0, 0.0, 0.0));
        let slower: Vec<_> = same.iter().map(|(t, o)| (*t, o * 1.1)).collect();
        let e = errors(&slower).expect("flows");
        for v in [e.mean, e.p50, e.p90, e.p99, e.bias] {
            assert!((v - 0.1).abs() < 1e-12);
        }
    }
}
