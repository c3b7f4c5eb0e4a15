//! Which periods are learned from: many are short, few are long, and all lengths shall be learned.

use super::options::Sampling;
use super::period::Period;
use mixlab_contract::conformance::SplitMix;

/// Periods drawn, by their number among the candidates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    /// To train on.
    pub training: Vec<usize>,
    /// To validate on.
    pub validation: Vec<usize>,
}

impl Sampling {
    /// The bin of a period; none if it is not learned from.
    fn bin(&self, period: &Period) -> Option<usize> {
        let below = |end: &&usize| **end <= period.flows.len();
        let reached = self.bins.iter().take_while(below).count();
        (period.most_active < self.most_active).then_some(reached)?.checked_sub(1)
    }

    /// Draws among `candidates`; a function of the arguments alone. Cost: O(n log n).
    ///
    /// Drawing one after the other with probabilities w is the same as taking the smallest −ln(u) ÷ w, u uniform in 0..1
    /// (Efraimidis and Spirakis, 2006).
    pub fn draw<'a>(&self, candidates: impl Iterator<Item = &'a Period>, batch: usize, seed: u64) -> Drawn {
        let bins: Vec<Option<usize>> = candidates.map(|p| self.bin(p)).collect();
        let mut population = vec![0u32; self.bins.len()];
        bins.iter().flatten().for_each(|b| population[*b] += 1);
        let mut random = SplitMix(seed);
        let mut keyed = Vec::new();
        for (number, bin) in bins.iter().enumerate() {
            if let Some(bin) = bin {
                // In (0, 1]: the logarithm is finite.
                let u = ((random.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64;
                keyed.push((-u.ln() * f64::from(population[*bin]), number));
            }
        }
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut drawn: Vec<usize> = keyed.into_iter().take(self.count).map(|(_, number)| number).collect();
        shuffle(&mut drawn, &mut random);
        let share = (drawn.len() as f64 * self.training_share.clamp(0.0, 1.0)) as usize;
        let validation = drawn.split_off(share - share % batch.max(1));
        Drawn { training: drawn, validation }
    }
}

/// Fisher–Yates.
pub(super) fn shuffle(items: &mut [usize], random: &mut SplitMix) {
    for i in (1..items.len()).rev() {
        items.swap(i, random.below(i as u64 + 1) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mixlab_contract::FlowIndex;

    fn period(flows: u32, most_active: usize) -> Period {
        Period { flows: (0..flows).map(FlowIndex).collect(), most_active }
    }

    #[test]
    fn every_bin_that_is_not_empty_is_drawn_from_equally_and_nothing_twice() {
        let mut all = vec![period(1, 1); 5_000];
        all.extend(vec![period(3, 2); 500]);
        all.extend(vec![period(700, 20); 500]);
        all.extend(vec![period(700, 150); 500]);
        let sampling = Sampling { count: 300, ..Sampling::default() };
        let drawn = sampling.draw(all.iter(), 2, 1);
        assert_eq!((drawn.training.len(), drawn.validation.len()), (270, 30));
        let mut numbers: Vec<usize> = drawn.training.iter().chain(&drawn.validation).copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 300, "nothing is drawn twice");
        for (what, range) in [("one", 0..5_000), ("three", 5_000..5_500), ("many", 5_500..6_000)] {
            let count = numbers.iter().filter(|n| range.contains(*n)).count();
            assert!((70..130).contains(&count), "{count} of 300 have {what}");
        }
        assert!(numbers.iter().all(|n| *n < 6_000), "too many active at a time");
        assert_eq!(drawn, sampling.draw(all.iter(), 2, 1));
        assert_ne!(drawn, sampling.draw(all.iter(), 2, 2));
    }

    #[test]
    fn training_periods_are_whole_batches() {
        let all = vec![period(2, 1); 25];
        let drawn = Sampling::default().draw(all.iter(), 4, 0);
        assert_eq!((drawn.training.len(), drawn.validation.len()), (20, 5));
    }
}
