//! What happens to which states, event by event: everything about a sequence that does not depend on the weights.
//!
//! States are numbered: first the members, then link classes. Links with equal history share a class, as in the engine
//! (`paper/graph.rs`). Where idle links keep their state, those that are crossed by the same members have equal histories from
//! beginning to end; where they start anew, the engine's own graph says what a class is.

use super::options::Updates;
use super::sequence::Sequence;
use crate::numerics::Neighbours;
use crate::paper::features::microseconds;
use crate::paper::graph::{Change, Graph, Rows};
use mixlab_contract::{SimDuration, SimTime};
use std::collections::BTreeMap;

/// An event.
#[derive(Clone, Debug, Default)]
pub(super) struct Event {
    /// Which occurrence of the sequence.
    pub occurrence: usize,
    /// Since the last event of these states, µs.
    pub elapsed_us: f32,
    /// States of flows that move: the batch's first rows.
    pub flows: Vec<u32>,
    /// States of link classes that move: the rows after them.
    pub classes: Vec<u32>,
    /// States of link classes that are made before: of idle links, or as copies of another state.
    pub begun: Vec<(u32, Option<u32>)>,
    /// Who hears whom, by row.
    pub neighbours: Neighbours,
    /// Labelled queues: (row, label), one per channel.
    pub queues: Vec<(u32, f32)>,
}

/// The events of a sequence. Events that move nothing are left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub events: Vec<Event>,
    /// Number of states.
    pub states: usize,
}

impl Plan {
    pub fn new(sequence: &Sequence, updates: Updates) -> Self {
        match updates {
            Updates::Period => Self::whole(sequence),
            Updates::Connected => Self::connected(sequence),
        }
    }

    /// All active members and the links they cross.
    fn whole(sequence: &Sequence) -> Self {
        let (class_of, links) = lasting_classes(sequence);
        let members = sequence.members.len() as u32;
        let mut plan = Self { events: Vec::new(), states: sequence.members.len() + links.len() };
        let crossed: Vec<Vec<u32>> = sequence
            .members
            .iter()
            .map(|m| {
                let mut classes: Vec<u32> = m.channels.iter().map(|c| class_of[*c as usize]).collect();
                classes.sort_unstable();
                classes.dedup();
                classes
            })
            .collect();
        let (mut active, mut known, mut last): (Vec<u32>, _, Option<SimTime>) =
            (Vec::new(), vec![false; links.len()], None);
        for (occurrence, o) in sequence.occurrences.iter().enumerate() {
            match active.binary_search(&o.member) {
                Ok(at) => drop(active.remove(at)),
                Err(at) => active.insert(at, o.member),
            }
            let elapsed = last.map_or(SimDuration::ZERO, |last| o.time.since(last));
            last = Some(o.time);
            if active.is_empty() {
                continue;
            }
            let mut event = Event {
                occurrence,
                elapsed_us: microseconds(elapsed) as f32,
                flows: active.clone(),
                ..Event::default()
            };
            let mut flows_of: BTreeMap<u32, Vec<(u32, f32)>> = BTreeMap::new();
            for (row, member) in active.iter().enumerate() {
                crossed[*member as usize].iter().for_each(|c| flows_of.entry(*c).or_default().push((row as u32, 1.0)));
            }
            let row_of: BTreeMap<u32, u32> = flows_of.keys().copied().zip(active.len() as u32..).collect();
            event.neighbours.first.push(0);
            let hears =
                active.iter().map(|m| crossed[*m as usize].iter().map(|c| (row_of[c], links[*c as usize])).collect());
            for edges in hears.collect::<Vec<Vec<(u32, f32)>>>().into_iter().chain(flows_of.values().cloned()) {
                event.neighbours.edges.extend(edges);
                event.neighbours.first.push(event.neighbours.edges.len() as u32);
            }
            for class in flows_of.keys() {
                event.classes.push(members + class);
                if !std::mem::replace(&mut known[*class as usize], true) {
                    event.begun.push((members + class, None));
                }
            }
            let labels = sequence.queues[o.queues.start as usize..o.queues.end as usize].iter();
            event.queues = labels.map(|(c, label)| (row_of[&class_of[*c as usize]], *label)).collect();
            plan.events.push(event);
        }
        plan
    }

    /// What the engine moves.
    fn connected(sequence: &Sequence) -> Self {
        let mut graph = Graph::new(sequence.channels);
        let (mut rows, mut changes) = (Rows::default(), Vec::new());
        let mut plan = Self { events: Vec::new(), states: sequence.members.len() };
        let mut last = vec![SimTime::ZERO; sequence.members.len()];
        // The graph uses the numbers of classes again; states are for good.
        let mut state_of: Vec<u32> = Vec::new();
        let mut connected = Vec::new();
        for (occurrence, o) in sequence.occurrences.iter().enumerate() {
            let mut event = Event { occurrence, ..Event::default() };
            connected.clear();
            if o.start {
                changes.clear();
                graph.insert(o.member, sequence.members[o.member as usize].channels.iter().copied(), &mut changes);
                for change in &changes {
                    let (class, from) = match *change {
                        Change::Begun(class) => (class, None),
                        Change::Split { old, new } => (new, Some(state_of[old as usize])),
                    };
                    state_of.resize(state_of.len().max(class as usize + 1), 0);
                    state_of[class as usize] = plan.states as u32;
                    event.begun.push((plan.states as u32, from));
                    plan.states += 1;
                }
                last[o.member as usize] = o.time;
                graph.connected(o.member, &mut connected);
            } else {
                graph.connected(o.member, &mut connected);
                connected.retain(|m| *m != o.member);
                graph.remove(o.member);
            }
            let Some(since) = connected.iter().map(|m| last[*m as usize]).min() else { continue };
            // Members are numbered in the order in which the engine's flows are announced.
            connected.sort_unstable();
            connected.iter().for_each(|m| last[*m as usize] = o.time);
            event.elapsed_us = microseconds(o.time.since(since)) as f32;
            event.flows.clone_from(&connected);
            let mut classes = Vec::new();
            graph.classes_crossed(&connected, &mut classes);
            graph.listen(&connected, &classes, &mut rows, &mut event.neighbours);
            let labels = sequence.queues[o.queues.start as usize..o.queues.end as usize].iter();
            event.queues = labels.map(|(c, label)| (rows.of_channel(&graph, *c), *label)).collect();
            event.classes = classes.iter().map(|c| state_of[*c as usize]).collect();
            plan.events.push(event);
        }
        plan
    }
}

/// `[channel]` its class, `[class]` its number of links: channels crossed by the same members.
fn lasting_classes(sequence: &Sequence) -> (Vec<u32>, Vec<f32>) {
    let mut crossing: Vec<Vec<u32>> = vec![Vec::new(); sequence.channels];
    for (member, m) in sequence.members.iter().enumerate() {
        m.channels.iter().for_each(|c| crossing[*c as usize].push(member as u32));
    }
    let (mut classes, mut links) = (BTreeMap::new(), Vec::new());
    let class_of = crossing.into_iter().map(|members| {
        let class = *classes.entry(members).or_insert_with(|| {
            links.push(0.0);
            links.len() as u32 - 1
        });
        links[class as usize] += 1.0;
        class
    });
    (class_of.collect(), links)
}
