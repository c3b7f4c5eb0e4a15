//! Summary of an ok run: mean and percentiles of the slowdown per flow-size bucket and over all flows.

use crate::statistics::{BUCKET_NAMES, bucket, mean, quantile, sorted};

/// Name of the bucket of all flows.
const ALL: &str = "all";

/// One row of `run_summary`; statistics (mean, p50, p90, p99) are over the finished flows, `None` if there are none.
#[derive(Debug, PartialEq)]
pub(super) struct BucketSummary {
    pub(super) bucket: &'static str,
    pub(super) flows: usize,
    pub(super) unfinished: usize,
    pub(super) slowdown: [Option<f64>; 4],
}

/// Summarises flows given as (size in bytes, slowdown or NaN if unfinished): "all", then every bucket.
pub(super) fn summarise(flows: &[(u64, f64)]) -> Vec<BucketSummary> {
    let mut slowdowns = vec![Vec::new(); 1 + BUCKET_NAMES.len()];
    for (size_bytes, slowdown) in flows {
        slowdowns[0].push(*slowdown);
        slowdowns[1 + bucket(*size_bytes)].push(*slowdown);
    }
    let names = [ALL].into_iter().chain(BUCKET_NAMES);
    names.zip(slowdowns).map(|(bucket, slowdowns)| summarise_bucket(bucket, slowdowns)).collect()
}

fn summarise_bucket(bucket: &'static str, mut slowdowns: Vec<f64>) -> BucketSummary {
    let flows = slowdowns.len();
    slowdowns.retain(|s| !s.is_nan());
    let finished = sorted(slowdowns);
    let percentile = |q| quantile(&finished, q);
    let slowdown = [mean(&finished), percentile(0.5), percentile(0.9), percentile(0.99)];
    BucketSummary { bucket, flows, unfinished: flows - finished.len(), slowdown }
}

/// FCT ÷ ideal FCT, NaN if unfinished.
pub(super) fn slowdown(fct_ns: Option<u64>, ideal_fct_ns: u64) -> f64 {
    fct_ns.map_or(f64::NAN, |fct| fct as f64 / ideal_fct_ns as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_count_every_flow_once_per_grouping_and_measure_only_the_finished() {
        let flows = [(500, 1.0), (1_000, 3.0), (5_000, f64::NAN), (2_000_000, 2.0)];
        let rows = summarise(&flows);
        assert_eq!(rows[0].bucket, ALL);
        assert_eq!((rows[0].flows, rows[0].unfinished, rows[0].slowdown[1]), (4, 1, Some(2.0)));
        assert_eq!(rows[1..].iter().map(|r| r.flows).sum::<usize>(), 4);
        assert_eq!((rows[1].flows, rows[1].slowdown[0]), (2, Some(2.0)));
        assert_eq!((rows[2].flows, rows[2].unfinished, rows[2].slowdown), (1, 1, [None; 4]));
    }
}
