//! The two queues between a network and its driver: announced flows that have not started, and events not yet reported.

use mixlab_contract::{Event, EventKind, FlowIndex, SimTime};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Announced flows by (start, order of announcement).
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrivals(BinaryHeap<Reverse<(SimTime, u32)>>);

impl Arrivals {
    /// Flow number `order` starts at `start`.
    pub fn push(&mut self, start: SimTime, order: u32) {
        self.0.push(Reverse((start, order)));
    }

    /// Earliest start.
    pub fn first(&self) -> Option<SimTime> {
        self.0.peek().map(|Reverse((start, _))| *start)
    }

    /// Takes the next flow.
    pub fn pop(&mut self) -> Option<(SimTime, u32)> {
        self.0.pop().map(|Reverse(next)| next)
    }
}

/// Events to report, by (time, order of announcement, kind).
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox(BinaryHeap<Reverse<(SimTime, u32, EventKind, FlowIndex)>>);

impl Outbox {
    /// Something will happen to flow number `order`.
    pub fn push(&mut self, order: u32, event: Event) {
        self.0.push(Reverse((event.time, order, event.kind, event.flow)));
    }

    /// Earliest time.
    pub fn first(&self) -> Option<SimTime> {
        self.0.peek().map(|Reverse((time, ..))| *time)
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<Event> {
        self.0.pop().map(|Reverse((time, _, kind, flow))| Event { time, flow, kind })
    }
}
