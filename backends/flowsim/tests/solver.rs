//! The incremental solver against progressive filling, and the optimality of what it finds.

#[path = "../../contract/tests/support/cases.rs"]
mod cases;

use cases::cases;
use mixlab_contract::conformance::SplitMix;
use mixlab_flowsim::MaxMin;
use mixlab_flowsim::oracle::fill;
use proptest::prelude::*;

/// A flow the test knows of: slot, channels, cap.
type Known = (u32, Vec<u32>, f64);

struct Case {
    capacities: Vec<f64>,
    caps: &'static [f64],
    longest_path: u64,
    solver: MaxMin,
    flows: Vec<Known>,
    random: SplitMix,
    /// Slots changed since the last `settle`; each may be changed once.
    fresh: Vec<u32>,
}

impl Case {
    fn new(seed: u64, most_channels: u64) -> Self {
        let mut random = SplitMix(seed);
        let channels = 1 + random.below(most_channels);
        let round: &[f64] = &[10e9, 10e9, 40e9];
        let odd: &[f64] = &[1e9, 7.3e9, 10e9, 99.7e9];
        let choices = if random.below(2) == 0 { round } else { odd };
        let capacities: Vec<f64> = (0..channels).map(|_| random.choose(choices)).collect();
        let caps: &[f64] = if random.below(2) == 0 { &[10e9] } else { &[10e9, 5e9, 1e9, 3.3e9, 0.2e9] };
        let longest_path = 1 + random.below(channels.min(8));
        let solver = MaxMin::new(capacities.iter().copied());
        Self { capacities, caps, longest_path, solver, flows: Vec::new(), random, fresh: Vec::new() }
    }

    /// One insertion, removal or rise of a cap.
    fn change(&mut self, target: u64) {
        let any = self.random.below(self.flows.len().max(1) as u64) as usize;
        let settled = self.flows.get(any).is_some_and(|(slot, ..)| !self.fresh.contains(slot));
        match self.random.below(10) {
            0 if settled => {
                let (slot, _, cap) = &mut self.flows[any];
                *cap = cap.max(10e9);
                self.solver.raise_cap(*slot, *cap);
                self.fresh.push(*slot);
            }
            n if settled && n < 1 + 9 * self.flows.len() as u64 / (2 * target) => {
                let (slot, ..) = self.flows.remove(any);
                self.solver.remove(slot);
            }
            _ => {
                let hops = 1 + self.random.below(self.longest_path);
                let first = self.random.below(self.capacities.len() as u64);
                let n = self.capacities.len() as u64;
                let stride = 1 + self.random.below(3);
                let mut path: Vec<u32> = (0..hops).map(|h| ((first + h * stride) % n) as u32).collect();
                path.sort_unstable();
                path.dedup();
                let cap = self.random.choose(self.caps);
                let slot = self.solver.insert(&path, cap);
                self.fresh.push(slot);
                self.flows.push((slot, path, cap));
            }
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let flows: Vec<(&[u32], f64)> = self.flows.iter().map(|(_, path, cap)| (&path[..], *cap)).collect();
        for ((slot, ..), want) in self.flows.iter().zip(fill(&self.capacities, &flows)) {
            let got = self.solver.rate(*slot);
            prop_assert!((got - want).abs() <= 1e-9 * want, "slot {} has {}, filling gives {}", slot, got, want);
        }
        self.work_is_conserved()
    }

    /// No channel is overloaded, and every flow is at its cap or among the fastest of a saturated channel.
    fn work_is_conserved(&self) -> Result<(), TestCaseError> {
        let mut load = vec![0.0; self.capacities.len()];
        let mut fastest = vec![0.0f64; self.capacities.len()];
        for (slot, path, _) in &self.flows {
            for c in path.iter().map(|c| *c as usize) {
                load[c] += self.solver.rate(*slot);
                fastest[c] = fastest[c].max(self.solver.rate(*slot));
            }
        }
        for (c, load) in load.iter().enumerate() {
            prop_assert!(*load <= self.capacities[c] * (1.0 + 1e-10), "channel {} carries {}", c, load);
        }
        for (slot, path, cap) in &self.flows {
            let rate = self.solver.rate(*slot);
            let limits = |c: usize| load[c] >= self.capacities[c] * (1.0 - 1e-10) && rate >= fastest[c] * (1.0 - 1e-10);
            let limited = rate >= cap * (1.0 - 1e-10) || path.iter().any(|c| limits(*c as usize));
            prop_assert!(limited, "slot {} has {}, and nothing keeps it from more", slot, rate);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(3_000)))]

    #[test]
    fn rates_are_those_of_progressive_filling_and_conserve_work(seed: u64, target in 1u64..60, batch in 1usize..6) {
        let mut case = Case::new(seed, 30);
        for _ in 0..60 {
            for _ in 0..1 + case.random.below(batch as u64) {
                case.change(target);
            }
            case.solver.settle();
            case.fresh.clear();
            case.check()?;
        }
    }
}

/// Hundreds of flows, thousands of changes: errors do not add up.
#[test]
fn rates_stay_exact_over_long_histories() {
    for seed in 0..6 {
        let mut case = Case::new(seed, 400);
        for step in 0..20_000 {
            case.change(300);
            case.solver.settle();
            case.fresh.clear();
            if step % 500 == 0 {
                case.check().unwrap_or_else(|e| panic!("seed {seed} step {step}: {e}"));
            }
        }
    }
}

#[test]
fn changes_are_reported_once_and_completely() {
    let mut case = Case::new(3, 30);
    let mut seen = vec![0.0; 200];
    for _ in 0..2_000 {
        case.change(20);
        case.fresh.clear();
        case.solver.settle();
        let mut changed = case.solver.changed().to_vec();
        for slot in &changed {
            seen[*slot as usize] = case.solver.rate(*slot);
        }
        for (slot, ..) in &case.flows {
            assert_eq!(seen[*slot as usize], case.solver.rate(*slot), "slot {slot} changed in silence");
        }
        let reported = changed.len();
        changed.sort_unstable();
        changed.dedup();
        assert_eq!(changed.len(), reported, "a slot was reported twice");
    }
}
