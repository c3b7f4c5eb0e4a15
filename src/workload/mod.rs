//! From a mix to a scenario: who sends how much to whom, and when.
//!
//! ```text
//! LoadedMix ── placement (racks of the trace → racks of the cluster) ── pairs, sizes, gaps ──► flows
//!           ── transport (cc, parameters) ── application ── ECMP paths (contract) ──────────► Scenario
//! ```
//!
//! Two generators: [`Generator::Compat`] repeats parsimon-eval bit for bit, faults included; [`Generator::Calibrated`]
//! delivers the load it is asked for. Both make flows with ids 0, 1, 2 … that start at 1 s or later, in whole nanoseconds.

mod calibrated;
mod compat;
pub mod files;
mod placement;

use crate::spec::LoadedMix;
use mixlab_contract::scenario::MOST_FLOWS;
use mixlab_contract::{Application, Flow, Scenario, ScenarioError, ScenarioParts, SimTime};

/// When the first flow starts.
const FIRST_START_NS: u64 = 1_000_000_000;
/// Latest start a scenario may have: 100 days, well below the end of the clock.
const LATEST_START_NS: u64 = 100 * 24 * 3600 * 1_000_000_000;
/// Senders that share an in-flight limit (the original's constant).
const HOSTS_PER_GROUP: u32 = 16;

/// How flows are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generator {
    /// parsimon-eval's, bit for bit: one random stream for all mixes, load in flows on polarised routes.
    #[default]
    Compat,
    /// Load in bytes on the true routes, an own random stream per workload.
    Calibrated,
}

/// What the command line adds to a mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkloadOptions {
    /// Seed of the random streams.
    pub seed: u64,
    /// Flows to make, at least 1.
    pub nr_flows: usize,
    /// Whether all flows are asked for at 1 s (an application that has everything to send at once).
    pub enable_app: bool,
    /// How flows are made.
    pub generator: Generator,
}

/// Why a mix is not a workload.
#[derive(Debug, thiserror::Error)]
#[error("mix {id} of {file}: {problem}", file = spec_file.display())]
pub struct WorkloadError {
    /// The mix.
    pub id: u64,
    /// The file it was read from.
    pub spec_file: std::path::PathBuf,
    /// What is wrong.
    pub problem: Box<Problem>,
}

/// What is wrong with a workload.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Nothing to do.
    #[error("the number of flows must be at least 1")]
    NoFlows,
    /// Matrix and cluster differ in pods.
    #[error(
        "the matrix {spatial} has {matrix} pods, the cluster {cluster} has {pods}\n  hint: they must have equally many"
    )]
    Pods {
        /// File of the matrix.
        spatial: String,
        /// File of the cluster.
        cluster: String,
        /// Pods of the matrix.
        matrix: usize,
        /// Pods of the cluster.
        pods: usize,
    },
    /// A pod of the cluster is too small.
    #[error("pod {pod} of the cluster {cluster} has {racks} racks, pod {name} of the matrix {spatial} needs {needed}")]
    Racks {
        /// File of the matrix.
        spatial: String,
        /// File of the cluster.
        cluster: String,
        /// Pod of the cluster.
        pod: usize,
        /// Pod of the matrix.
        name: String,
        /// Racks it has.
        racks: usize,
        /// Racks it needs.
        needed: usize,
    },
    /// Traffic within a rack that has one host, or with a rack that has none.
    #[error(
        "rack {row} of the matrix {spatial} has traffic {with}, but its rack in the cluster {cluster} has {hosts} host(s)"
    )]
    Hosts {
        /// File of the matrix.
        spatial: String,
        /// File of the cluster.
        cluster: String,
        /// Row of the matrix.
        row: usize,
        /// What traffic.
        with: &'static str,
        /// Hosts there are.
        hosts: usize,
    },
    /// The mean size rounds to nothing.
    #[error("the mean of the sizes in {size_dist} is {mean} bytes, which the compat generator rounds to 0")]
    Mean {
        /// File of the distribution.
        size_dist: String,
        /// The mean.
        mean: f64,
    },
    /// The mean gap rounds to nothing.
    #[error(
        "the mean gap between flows is {gap_ns} ns, which the compat generator rounds to 0\n  hint: use the calibrated generator"
    )]
    Gap {
        /// The gap.
        gap_ns: f64,
    },
    /// Arrivals take too long.
    #[error(
        "the arrivals of the flows would take more than 100 days\n  hint: fewer flows, a higher load or a smaller lognorm_sigma"
    )]
    TooLong,
    /// The parts do not fit together.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
}

/// Makes the scenario of a mix; equal arguments give equal scenarios. Cost: O(flows · log) draws and one routing of all flows.
///
/// # Errors
/// [`WorkloadError`] naming mix and files.
pub fn scenario(mix: &LoadedMix, options: &WorkloadOptions) -> Result<Scenario, WorkloadError> {
    build(mix, options).map_err(|problem| WorkloadError {
        id: mix.mix.id,
        spec_file: mix.spec_file.clone(),
        problem: Box::new(problem),
    })
}

fn build(mix: &LoadedMix, options: &WorkloadOptions) -> Result<Scenario, Problem> {
    if options.nr_flows == 0 {
        return Err(Problem::NoFlows);
    }
    if options.nr_flows > MOST_FLOWS {
        return Err(ScenarioError::TooManyFlows(options.nr_flows).into());
    }
    let (mut flows, paths) = match options.generator {
        Generator::Compat => (compat::flows(mix, options)?, None),
        Generator::Calibrated => {
            let (flows, paths) = calibrated::flows(mix, options)?;
            (flows, Some(paths))
        }
    };
    if options.enable_app {
        flows.iter_mut().for_each(|f| f.start = SimTime::from_ns(FIRST_START_NS));
    }
    let last_start_ns = flows.last().map_or(0, |f: &Flow| f.start.ns_floor());
    let application = match mix.mix.max_inflight_flows {
        0 => Application::Open,
        max_inflight => Application::ClosedLoop { max_inflight, hosts_per_group: HOSTS_PER_GROUP },
    };
    let transport = mix.mix.transport(&mix.topology);
    let topology = (*mix.topology).clone();
    let horizon = horizon(last_start_ns);
    Ok(Scenario::new(ScenarioParts { topology, flows, paths, transport, application, horizon })?)
}

/// The simulation's stop time: whole seconds, int(last start in s + 2), computed in floating point as parsimon-eval's script does.
fn horizon(last_start_ns: u64) -> SimTime {
    SimTime::from_ns((last_start_ns as f64 / 1e9 + 2.0) as u64 * 1_000_000_000)
}

/// Load of the busiest channel: over all channels, the largest of
///
/// ```text
/// Σ size of the flows whose path crosses the channel · 8 ÷ (last start − first start) ÷ rate of the channel
/// ```
///
/// in application bytes (no headers), over the scenario's own paths, with the time between the first and the last start of *any*
/// flow. 0 if all flows start at once (one flow, or an application), since arrivals then define no load. Cost: O(hops).
pub fn delivered_load(scenario: &Scenario) -> f64 {
    let (Some(first), Some(last)) = (scenario.flows().first(), scenario.flows().last()) else { return 0.0 };
    let seconds = last.start.since(first.start).as_secs_f64();
    if seconds == 0.0 {
        return 0.0;
    }
    let topology = scenario.topology();
    let mut bytes = vec![0u64; topology.channel_count()];
    for index in scenario.indices() {
        let size = scenario.flow(index).size.0;
        scenario.path(index).iter().for_each(|c| bytes[c.index()] = bytes[c.index()].saturating_add(size));
    }
    placement::busiest_seconds(topology, &bytes) / seconds
}

/// The name of a file in an error.
fn shown(path: &std::path::Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_horizon_is_two_seconds_after_the_last_start_in_whole_seconds() {
        for (last_ns, seconds) in [(1_000_000_000, 3), (1_999_999_999, 3), (2_000_000_000, 4), (12_345_678_901, 14)] {
            assert_eq!(horizon(last_ns), SimTime::from_ns(seconds * 1_000_000_000));
        }
    }
}
