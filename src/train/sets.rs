//! Scenarios to learn from, to watch the training with, and to score it on: three sets that share no scenario.
//!
//! ```text
//! drawn    draw id of stream 3 · seed + 1 (training), + 2 (validation), + 3 (test)       mixes of draws.rs, or of a mix space
//! stored   scenarios of a store by their digest:  one in ten validation, one in ten test, the others training
//! ```
//!
//! Streams are disjoint by construction: every draw has an own generator, seeded by stream and id, and its flows have an own
//! seed. [`check_disjoint`] looks all the same. A stored scenario keeps its role whatever is stored beside it.

use super::draws;
use crate::plan::{PlannedScenario, planned};
use crate::spec::{self, MixSpace, SpecError};
use crate::workload::{Generator, WorkloadError, WorkloadOptions};
use std::collections::BTreeMap;
use std::path::Path;

/// What a scenario is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Learned from.
    Training,
    /// Looked at during the training; never learned from.
    Validation,
    /// Looked at when it is over.
    Test,
}

/// All roles.
pub const ROLES: [Role; 3] = [Role::Training, Role::Validation, Role::Test];

impl Role {
    /// Its name: `training`, `validation`, `test`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// The stream its draws come from.
    pub const fn stream(self, seed: u64) -> u64 {
        seed.wrapping_mul(3).wrapping_add(self as u64 + 1)
    }

    /// The role of a stored scenario.
    pub fn of_digest(digest: &str) -> Self {
        let number = digest.bytes().take(12).fold(0u64, |n, b| n.wrapping_mul(31).wrapping_add(b.into()));
        match number % 10 {
            0 => Self::Validation,
            1 => Self::Test,
            _ => Self::Training,
        }
    }
}

/// Most draws per stream: below it, streams of different seeds never meet.
pub const MOST_DRAWS: u64 = 100_000;
/// From a stream of mixes to that of their transport parameters.
const PARAMETERS: u64 = 1_000_000_000;
/// How drawn scenarios are filed in a store, so that no mix file's scenario has the same key.
const DRAWN: &str = "drawn";
const DRAWN_WIDE: &str = "drawn-wide";
const DRAWN_FAST: &str = "drawn-fast";
const SPACE: &str = "mixspace";

/// Why there are no scenarios.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// A mix or mix space is wrong.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A mix is not a workload.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// A scenario has two roles.
    #[error("scenario {} is both of the {} and of the {} set", &digest[..12], first.name(), second.name())]
    Overlap {
        /// Its digest.
        digest: String,
        /// One role.
        first: Role,
        /// The other.
        second: Role,
    },
}

/// The built-in spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// The published ranges.
    Published,
    /// Beyond them.
    Wide,
    /// Fast links.
    Fast,
}

/// Draws `count` scenarios of a built-in space, with `flows` flows each if given (else as many as the draw says). Draws beyond
/// the published ranges whose gaps are too short for the generator are left out.
///
/// # Errors
/// [`SetError`] of a draw, which would be a fault of this program.
pub fn drawn(
    space: Space,
    role: Role,
    seed: u64,
    count: u64,
    flows: Option<usize>,
) -> Result<Vec<PlannedScenario>, SetError> {
    let stream = role.stream(seed);
    let mut set = Vec::new();
    for id in 0..count {
        let (draw, workload) = match space {
            Space::Published => (draws::draw(id, stream)?, DRAWN),
            Space::Wide => (draws::wide(id, stream)?, DRAWN_WIDE),
            Space::Fast => (draws::fast(id, stream)?, DRAWN_FAST),
        };
        let options = WorkloadOptions {
            seed: 1000 + id,
            nr_flows: flows.unwrap_or(draw.nr_flows),
            enable_app: false,
            generator: Generator::Compat,
        };
        match planned(&draw.mix, &options) {
            Ok(scenario) => set.push(filed(scenario, workload, stream)),
            Err(e) if space == Space::Published => return Err(e.into()),
            Err(_) => {}
        }
    }
    Ok(set)
}

/// Draws `count` scenarios of `flows` flows from a mix space, whose file says where relative paths start.
///
/// # Errors
/// [`SetError`]: a file that the space names is wrong, or a mix is not a workload.
pub fn from_space(
    (space, file): (&MixSpace, &Path),
    role: Role,
    seed: u64,
    count: u64,
    flows: usize,
) -> Result<Vec<PlannedScenario>, SetError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let stream = role.stream(seed);
    // Two streams, as the original draws; equal seeds would tie the choice of a matrix to that of a congestion control.
    let mixes = spec::load_drawn(file, &space.draw(count as usize, stream, stream.wrapping_add(PARAMETERS)))?;
    let one = |mix: &spec::LoadedMix| {
        let seed = stream.wrapping_mul(1_000_003).wrapping_add(mix.mix.id);
        let options = WorkloadOptions { seed, nr_flows: flows, enable_app: false, generator: Generator::Compat };
        Ok(filed(planned(mix, &options)?, SPACE, stream))
    };
    mixes.mixes.iter().map(one).collect()
}

/// A store's key for a draw: mix = id, seed = stream.
fn filed(mut scenario: PlannedScenario, workload: &str, stream: u64) -> PlannedScenario {
    scenario.entry.workload = workload.into();
    scenario.entry.seed = stream;
    scenario
}

/// Checks that no scenario has two roles.
///
/// # Errors
/// [`SetError::Overlap`].
pub fn check_disjoint<'a>(sets: impl IntoIterator<Item = (Role, &'a [PlannedScenario])>) -> Result<(), SetError> {
    let mut roles = BTreeMap::new();
    for (second, set) in sets {
        for scenario in set {
            let first = *roles.entry(scenario.digest.as_str()).or_insert(second);
            if first != second {
                return Err(SetError::Overlap { digest: scenario.digest.clone(), first, second });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_seeds_have_streams_of_their_own_and_draws_do_not_depend_on_their_number() {
        let streams: Vec<u64> = (0..20).flat_map(|seed| ROLES.map(|role| role.stream(seed))).collect();
        assert_eq!(streams, (1..=60).collect::<Vec<_>>());
        let digests = |set: Vec<PlannedScenario>| set.into_iter().map(|s| s.digest).collect::<Vec<_>>();
        let few = digests(drawn(Space::Published, Role::Training, 0, 3, Some(40)).expect("sound draws"));
        assert_eq!(digests(drawn(Space::Published, Role::Training, 0, 5, Some(40)).expect("sound draws"))[..3], few);
        assert_ne!(digests(drawn(Space::Published, Role::Training, 1, 3, Some(40)).expect("sound draws")), few);
    }

    #[test]
    fn a_scenario_with_two_roles_is_found() {
        let set = |role| drawn(Space::Published, role, 0, 2, Some(40)).expect("sound draws");
        let [a, b, c] = ROLES.map(set);
        check_disjoint([(Role::Training, &a[..]), (Role::Validation, &b), (Role::Test, &c)]).expect("disjoint");
        let found = check_disjoint([(Role::Training, &a[..]), (Role::Validation, &b), (Role::Test, &a[1..])]);
        let text = found.expect_err("it is there").to_string();
        assert!(text.contains("training") && text.contains("test"), "{text}");
    }

    #[test]
    fn about_a_fifth_of_stored_scenarios_is_held_out() {
        let digests =
            (0..1000u64).map(|i| mixlab_contract::scenario::hex(&i.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()));
        let roles: Vec<Role> = digests.map(|d| Role::of_digest(&d)).collect();
        let held_out = roles.iter().filter(|r| **r != Role::Training).count();
        assert!((120..280).contains(&held_out), "{held_out}");
    }
}
