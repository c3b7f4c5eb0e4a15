//! Segmentation of a simulated scenario into busy periods: what is learned from is one of them at a time.
//!
//! Starts and ends of flows are gone through in order of time (ends before starts, then by flow). A flow that starts joins, and
//! merges, all open periods that own a channel of its path; a period owns the channels of all its flows, and closes with the end
//! of its last active one. Source: the published preprocessing. A period with a flow that never ended never closes and is left
//! out.

use mixlab_contract::{FlowIndex, FlowOutcome, Scenario, SimTime};

/// Flows that influence each other, and nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// By start, then by index.
    pub flows: Vec<FlowIndex>,
    /// Most flows active at a time.
    pub most_active: usize,
}

#[derive(Default)]
struct Open {
    flows: Vec<FlowIndex>,
    channels: Vec<u32>,
    active: usize,
}

/// Something that happened to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Happening {
    pub time: SimTime,
    /// Whether it started; ends come first.
    pub start: bool,
    pub flow: FlowIndex,
}

/// Starts and ends of flows, in order. A flow that did not end only starts.
pub(super) fn happenings(outcomes: &[FlowOutcome], flows: impl Iterator<Item = FlowIndex>) -> Vec<Happening> {
    let both = flows.flat_map(|flow| {
        let (start, end) = match outcomes[flow.index()] {
            FlowOutcome::Completed { start, fct } => (Some(start), Some(start + fct)),
            FlowOutcome::Unfinished { start } => (start, None),
        };
        let happening = |time: Option<SimTime>, start| time.map(|time| Happening { time, start, flow });
        [happening(start, true), happening(end, false)]
    });
    let mut all: Vec<Happening> = both.flatten().collect();
    all.sort_unstable();
    all
}

/// The busy periods, in order of their ends. Cost: O(flows · (log flows + hops)).
///
/// # Panics
/// If there is not one outcome per flow.
pub fn periods(scenario: &Scenario, outcomes: &[FlowOutcome]) -> Vec<Period> {
    assert_eq!(outcomes.len(), scenario.flows().len(), "one outcome per flow");
    const NONE: u32 = u32::MAX;
    let mut owner = vec![NONE; scenario.topology().channel_count()];
    let mut open: Vec<Open> = Vec::new();
    let mut closed = Vec::new();
    for happening in happenings(outcomes, scenario.indices()) {
        let path = scenario.path(happening.flow);
        if happening.start {
            let mut mine = open.len() as u32;
            open.push(Open { flows: vec![happening.flow], channels: Vec::new(), active: 1 });
            for channel in path {
                let other = owner[channel.index()];
                if other == NONE {
                    owner[channel.index()] = mine;
                    open[mine as usize].channels.push(channel.0);
                } else if other != mine {
                    mine = merge(&mut open, &mut owner, mine, other);
                }
            }
            continue;
        }
        let mine = owner[path[0].index()] as usize;
        open[mine].active -= 1;
        if open[mine].active == 0 {
            let Open { flows, channels, .. } = std::mem::take(&mut open[mine]);
            channels.iter().for_each(|c| owner[*c as usize] = NONE);
            closed.push(close(flows, outcomes));
        }
    }
    closed
}

/// Merges the smaller of two periods into the other, which is returned.
fn merge(open: &mut [Open], owner: &mut [u32], a: u32, b: u32) -> u32 {
    let size = |p: u32| open[p as usize].channels.len();
    let (into, from) = if size(a) > size(b) { (a, b) } else { (b, a) };
    let Open { flows, channels, active } = std::mem::take(&mut open[from as usize]);
    channels.iter().for_each(|c| owner[*c as usize] = into);
    let all = &mut open[into as usize];
    all.flows.extend(flows);
    all.channels.extend(channels);
    all.active += active;
    into
}

fn close(flows: Vec<FlowIndex>, outcomes: &[FlowOutcome]) -> Period {
    let (mut active, mut most_active, mut ordered) = (0, 0, Vec::with_capacity(flows.len()));
    for happening in happenings(outcomes, flows.into_iter()) {
        if happening.start {
            ordered.push(happening.flow);
            active += 1;
            most_active = most_active.max(active);
        } else {
            active -= 1;
        }
    }
    Period { flows: ordered, most_active }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mixlab_contract::conformance::{Scope, random_scenario};
    use mixlab_contract::{Backend, IdealBackend, Silent};

    /// The definition, slowly: two flows are in one period if a chain of flows leads from one to the other in which neighbours
    /// share a channel, and the later starts while something of the earlier's period, as it is then, is still active.
    fn naive(scenario: &Scenario, outcomes: &[FlowOutcome]) -> Vec<Vec<FlowIndex>> {
        let end = |f: &FlowIndex| match outcomes[f.index()] {
            FlowOutcome::Completed { start, fct } => start + fct,
            FlowOutcome::Unfinished { .. } => SimTime::MAX,
        };
        let mut all: Vec<Vec<FlowIndex>> = Vec::new();
        for h in happenings(outcomes, scenario.indices()).into_iter().filter(|h| h.start) {
            let crosses = |f: &FlowIndex| scenario.path(*f).iter().any(|c| scenario.path(h.flow).contains(c));
            let joins = |p: &Vec<FlowIndex>| p.iter().any(|f| end(f) > h.time) && p.iter().any(crosses);
            let (joined, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(joins);
            all = rest;
            all.push(joined.into_iter().flatten().chain([h.flow]).collect());
        }
        all.retain(|p| p.iter().all(|f| end(f) < SimTime::MAX));
        all.iter_mut().for_each(|p| p.sort_unstable());
        all.sort_unstable();
        all
    }

    #[test]
    fn periods_are_those_of_the_definition_and_leave_out_what_never_ended() {
        let mut many = 0;
        for seed in 0..200 {
            let scenario = random_scenario(seed, Scope { closed_loops: false, ..Scope::default() });
            let mut outcomes = IdealBackend.run(&scenario, &Silent).expect("ideal runs").outcomes;
            if seed % 3 == 0 {
                let middle = outcomes.len() / 2;
                outcomes[middle] = FlowOutcome::Unfinished { start: Some(scenario.flows()[middle].start) };
            }
            let found = periods(&scenario, &outcomes);
            let mut sorted: Vec<Vec<FlowIndex>> = found.iter().map(|p| p.flows.clone()).collect();
            sorted.iter_mut().for_each(|p| p.sort_unstable());
            sorted.sort_unstable();
            assert_eq!(sorted, naive(&scenario, &outcomes), "seed {seed}");
            assert!(found.iter().all(|p| (1..=p.flows.len()).contains(&p.most_active)));
            many += found.iter().filter(|p| p.flows.len() > 1).count();
        }
        assert!(many > 150, "only {many} periods have several flows: the case tests little");
    }
}
