//! Empirical distribution functions as polylines, thinned where the eye cannot tell.
//!
//! `F(v) = (values ≤ v) / n` is a staircase. Its corners form a polyline that only rises. A stretch of such a
//! polyline stays inside the box that its two ends span, so if that box is thinner than the tolerance in *one*
//! direction, the straight line between its ends is nowhere further than the tolerance from the true curve. Thinning
//! joins corners greedily into the longest such stretches: at most about `2 · length ⁄ tolerance` points are left,
//! however many values there were, and a curve of few values keeps all its corners.

/// Corners of the distribution function of `sorted` values out of `n` (`n` − `sorted.len()` values are infinite, so
/// that the curve ends below 1). Two corners per different value: foot and top of its step.
pub fn staircase(sorted: &[f64], n: usize) -> Vec<(f64, f64)> {
    let mut corners = Vec::new();
    let mut below = 0;
    for equal in sorted.chunk_by(|a, b| a == b) {
        corners.push((equal[0], below as f64 / n as f64));
        below += equal.len();
        corners.push((equal[0], below as f64 / n as f64));
    }
    corners
}

/// Where a curve of corners reaches `share`; where it ends if it does not; `None` without corners.
pub fn reaches(corners: &[(f64, f64)], share: f64) -> Option<f64> {
    corners.iter().find(|c| c.1 >= share).or(corners.last()).map(|c| c.0)
}

/// Drops the corners of a rising polyline that cannot be told apart at `tolerance`, in the units of `place`, which
/// says where a corner is drawn (each coordinate only rises or only falls). The first and the last corner stay. Cost: linear.
pub fn thinned(corners: &[(f64, f64)], place: impl Fn((f64, f64)) -> (f64, f64), tolerance: f64) -> Vec<(f64, f64)> {
    let Some((&first, rest)) = corners.split_first() else { return Vec::new() };
    let mut kept = vec![first];
    let mut from = place(first);
    let mut previous = first;
    for &corner in rest {
        let at = place(corner);
        let thick = (at.0 - from.0).abs() > tolerance && (at.1 - from.1).abs() > tolerance;
        if thick && kept.last() != Some(&previous) {
            kept.push(previous);
            from = place(previous);
        }
        previous = corner;
    }
    if kept.last() != Some(&previous) {
        kept.push(previous);
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_staircase_has_the_foot_and_the_top_of_every_step() {
        assert_eq!(staircase(&[1.0, 1.0, 3.0], 4), [(1.0, 0.0), (1.0, 0.5), (3.0, 0.5), (3.0, 0.75)]);
        assert_eq!(staircase(&[], 4), []);
    }

    #[test]
    fn few_values_keep_all_corners_and_many_are_bounded_by_the_resolution() {
        let few = staircase(&[1.0, 2.0, 3.0], 3);
        assert_eq!(thinned(&few, |p| (p.0 * 10.0, p.1 * 10.0), 0.1), few);
        let values: Vec<f64> = (0..100_000).map(|i| 1.0 + f64::from(i) * 1e-4).collect();
        let thin = thinned(&staircase(&values, values.len()), |p| (p.0, p.1 * 10.0), 0.1);
        assert!(thin.len() <= 202, "{}", thin.len());
        let downwards = thinned(&staircase(&values, values.len()), |p| (p.0, -p.1 * 10.0), 0.1);
        assert_eq!(downwards, thin);
    }

    /// Height range of a polyline at `x`, both ends of a vertical stretch.
    fn heights(line: &[(f64, f64)], x: f64) -> (f64, f64) {
        let mut range = (f64::INFINITY, f64::NEG_INFINITY);
        for pair in line.windows(2) {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            if x0 <= x && x <= x1 {
                let at = |x: f64| if x1 > x0 { y0 + (y1 - y0) * (x - x0) / (x1 - x0) } else { y1 };
                let low = if x1 > x0 { at(x) } else { y0 };
                range = (range.0.min(low), range.1.max(at(x)));
            }
        }
        range
    }

    proptest! {
        #[test]
        fn every_corner_is_within_the_tolerance_of_the_thinned_curve(
            mut values in prop::collection::vec(1.0f64..20.0, 1..300), tolerance in 0.01f64..0.5,
        ) {
            values.sort_by(f64::total_cmp);
            let corners: Vec<(f64, f64)> =
                staircase(&values, values.len()).iter().map(|p| (p.0, p.1 * 10.0)).collect();
            let thin = thinned(&corners, |p| p, tolerance);
            let (first, last) = (corners[0].0, corners[corners.len() - 1].0);
            for (x, y) in corners {
                // Near: the thinned curve passes through the box of half-width `tolerance` around the corner.
                let low = heights(&thin, (x - tolerance).max(first)).0 - tolerance - 1e-9;
                let high = heights(&thin, (x + tolerance).min(last)).1 + tolerance + 1e-9;
                prop_assert!(low <= y && y <= high, "({x}, {y}) outside {low}..{high}");
            }
        }
    }
}
