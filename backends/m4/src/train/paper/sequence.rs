//! One busy period as the training sees it: what the model is told, in the order of true events, and what it should answer.
//!
//! ```text
//! slowdown    of a flow: true FCT ÷ ideal FCT
//! remaining   of each active flow, right after an event: bytes that its receiver lacks ÷ size
//! queue       of each channel of the path of a flow that starts: ∛(bytes waiting + 1e-6); none if all are empty
//! ```
//!
//! The features of a flow are the engine's ([`crate::paper`]'s `features.rs`). Without supervision only slowdowns are there.

use super::period::{Period, happenings};
use crate::paper::features::Announced;
use crate::paper::{PARAMETERS, parameters};
use mixlab_contract::supervision::{Change, Malformed, Moment};
use mixlab_contract::{FlowIndex, FlowOutcome, FlowStart, Scenario, SimTime, Supervision, Unsupported};
use std::ops::Range;

/// A flow of a period.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    /// The first numbers of its state at its start.
    pub initial: [f32; 4],
    /// Channels of its path, as the model counts them.
    pub links: f32,
    /// Its distinct channels in order, numbered within the period.
    pub channels: Vec<u32>,
    /// The answer.
    pub slowdown: f32,
}

/// A start or an end of a member.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Occurrence {
    pub time: SimTime,
    pub member: u32,
    pub start: bool,
    /// Where in the sequence's `remaining` its labels are.
    pub remaining: Range<u32>,
    /// Where in the sequence's `queues` its labels are.
    pub queues: Range<u32>,
}

/// A busy period to learn from. Memory: 8 bytes per label; a label per event and active flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    pub(super) parameters: [f32; PARAMETERS],
    /// By start, then by index of the flow.
    pub(super) members: Vec<Member>,
    /// In order: ends before starts, then by index of the flow.
    pub(super) occurrences: Vec<Occurrence>,
    /// (member, label), by member within an occurrence.
    pub(super) remaining: Vec<(u32, f32)>,
    /// (channel, label).
    pub(super) queues: Vec<(u32, f32)>,
    /// Distinct channels of its members.
    pub(super) channels: usize,
    /// Channels of the whole topology.
    pub(super) slots: usize,
}

/// Why a scenario can't be learned from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// The model's parameters can't express it.
    #[error("the model can't express {0}")]
    Unsupported(String),
    /// Its supervision can't be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The supervision is of another scenario.
    #[error("the supervision names flow {flow} of {flows}")]
    Foreign {
        /// Index of the flow.
        flow: u32,
        /// Flows of the scenario.
        flows: usize,
    },
}

impl From<Unsupported> for SequenceError {
    fn from(unsupported: Unsupported) -> Self {
        Self::Unsupported(unsupported.feature)
    }
}

impl Sequence {
    /// The given periods of a scenario, of which `outcomes` are the truth. One pass over the supervision, if there is one.
    ///
    /// # Errors
    /// [`SequenceError`]
    ///
    /// # Panics
    /// If a flow of a period has no FCT, or is in two periods: they are not this scenario's.
    pub fn of(
        scenario: &Scenario,
        outcomes: &[FlowOutcome],
        supervision: Option<&Supervision>,
        periods: &[Period],
    ) -> Result<Vec<Self>, SequenceError> {
        let parameters = parameters(scenario)?;
        let mut sequences: Vec<Self> = periods.iter().map(|p| Self::bare(scenario, outcomes, p, parameters)).collect();
        let Some(supervision) = supervision else { return Ok(sequences) };
        // Where each flow is: sequence, member, its two occurrences.
        let mut places: Vec<Option<Place>> = vec![None; scenario.flows().len()];
        for (at, (sequence, period)) in sequences.iter().zip(periods).enumerate() {
            for (member, flow) in period.flows.iter().enumerate() {
                let old = places[flow.index()].replace(Place { sequence: at, member, occurrences: [0; 2] });
                assert!(old.is_none(), "{flow:?} is in two periods");
            }
            for (i, o) in sequence.occurrences.iter().enumerate() {
                let flow = period.flows[o.member as usize];
                let place = places[flow.index()].as_mut().expect("members were placed above");
                place.occurrences[usize::from(o.start)] = i;
            }
        }
        for moment in supervision.moments() {
            let moment = moment?;
            let outside =
                moment.remaining.iter().map(|(f, _)| *f).chain([moment.flow]).find(|f| f.index() >= places.len());
            if let Some(FlowIndex(flow)) = outside {
                return Err(SequenceError::Foreign { flow, flows: places.len() });
            }
            if let Some(place) = &places[moment.flow.index()] {
                sequences[place.sequence].label(scenario, &moment, place, &places);
            }
        }
        Ok(sequences)
    }

    /// Without labels but slowdowns.
    fn bare(scenario: &Scenario, outcomes: &[FlowOutcome], period: &Period, parameters: [f32; PARAMETERS]) -> Self {
        let mut numbers = std::collections::BTreeMap::new();
        let mut members = Vec::with_capacity(period.flows.len());
        let mut place = std::collections::BTreeMap::new();
        for (flow, member) in period.flows.iter().zip(0u32..) {
            let FlowOutcome::Completed { start, fct } = outcomes[flow.index()] else {
                panic!("{flow:?} of a period has no FCT");
            };
            let start = FlowStart::of(scenario, *flow, start, false);
            let announced = Announced::new(scenario.topology(), scenario.transport(), &start);
            let mut number = |channel: u32| {
                let next = numbers.len() as u32;
                *numbers.entry(channel).or_insert(next)
            };
            members.push(Member {
                initial: announced.initial().map(|v| v as f32),
                links: announced.links as f32,
                channels: announced.channels.iter().map(|(c, _)| number(*c)).collect(),
                slowdown: (fct.ps() as f64 / announced.ideal.ps() as f64) as f32,
            });
            place.insert(*flow, member);
        }
        let occurrence = |h: super::period::Happening| Occurrence {
            time: h.time,
            member: place[&h.flow],
            start: h.start,
            remaining: 0..0,
            queues: 0..0,
        };
        let occurrences = happenings(outcomes, period.flows.iter().copied()).into_iter().map(occurrence).collect();
        let (channels, slots) = (numbers.len(), scenario.topology().channel_count());
        Self { parameters, members, occurrences, remaining: Vec::new(), queues: Vec::new(), channels, slots }
    }

    /// Takes the labels of a moment of one of its flows.
    fn label(&mut self, scenario: &Scenario, moment: &Moment, place: &Place, places: &[Option<Place>]) {
        let from = self.remaining.len();
        for (flow, bytes) in &moment.remaining {
            if let Some(p) = places[flow.index()].as_ref().filter(|p| p.sequence == place.sequence) {
                let ratio = bytes.0 as f64 / scenario.flow(*flow).size.0 as f64;
                self.remaining.push((p.member as u32, ratio as f32));
            }
        }
        self.remaining[from..].sort_unstable_by_key(|(member, _)| *member);
        let start = moment.change == Change::Released;
        let queues = self.queues.len();
        if start {
            let waiting = |channel| match moment.queues.binary_search_by_key(channel, |(c, _)| *c) {
                Ok(at) => moment.queues[at].1.0,
                Err(_) => 0,
            };
            let path = scenario.path(moment.flow);
            let distinct = path.iter().enumerate().filter(|(i, c)| !path[..*i].contains(c)).map(|(_, c)| c);
            let lengths: Vec<u64> = distinct.map(waiting).collect();
            if lengths.iter().any(|l| *l > 0) {
                let root = |bytes: &u64| (*bytes as f64 + 1e-6).cbrt() as f32;
                let channels = self.members[place.member].channels.iter();
                self.queues.extend(channels.copied().zip(lengths.iter().map(root)));
            }
        }
        let occurrence = &mut self.occurrences[place.occurrences[usize::from(start)]];
        occurrence.remaining = from as u32..self.remaining.len() as u32;
        occurrence.queues = queues as u32..self.queues.len() as u32;
    }

    /// Number of flows.
    pub fn flows(&self) -> usize {
        self.members.len()
    }

    /// Labels of remaining sizes, and of queue lengths.
    pub fn labels(&self) -> (usize, usize) {
        (self.remaining.len(), self.queues.len())
    }
}

/// Where a flow is.
#[derive(Clone, Copy, Debug)]
struct Place {
    sequence: usize,
    member: usize,
    /// Its end, its start.
    occurrences: [usize; 2],
}
