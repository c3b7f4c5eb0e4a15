//! The two queues between a network and its driver: announced flows that have not started, and events not yet reported.

use mixlab_contract::{Event, EventKind, FlowIndex, SimTime};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Announced flows by (start, order of announcement). Announcing in order of start costs O(1), else O(log n).
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    in_order: VecDeque<(SimTime, u32)>,
    out_of_order: BinaryHeap<Reverse<(SimTime, u32)>>,
}

impl Arrivals {
    /// Flow number `order` (rising from call to call) starts at `start`.
    pub fn push(&mut self, start: SimTime, order: u32) {
        match self.in_order.back() {
            Some((last, _)) if *last > start => self.out_of_order.push(Reverse((start, order))),
            _ => self.in_order.push_back((start, order)),
        }
    }

    /// Earliest start.
    pub fn first(&self) -> Option<SimTime> {
        let late = self.out_of_order.peek().map(|Reverse((start, _))| *start);
        match (self.in_order.front(), late) {
            (Some((a, _)), Some(b)) => Some(b.min(*a)),
            (Some((a, _)), None) => Some(*a),
            (None, b) => b,
        }
    }

    /// Takes the next flow, if it starts at `start`.
    pub fn pop_at(&mut self, start: SimTime) -> Option<u32> {
        let front = self.in_order.front().copied();
        let late = self.out_of_order.peek().map(|Reverse(e)| *e);
        let next = [front, late].into_iter().flatten().min()?;
        if next.0 != start {
            return None;
        }
        if front == Some(next) {
            self.in_order.pop_front();
        } else {
            self.out_of_order.pop();
        }
        Some(next.1)
    }
}

/// Events to report, by (time, order of announcement, kind).
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    events: BinaryHeap<Reverse<(SimTime, u32, EventKind, FlowIndex)>>,
}

impl Outbox {
    /// Something will happen to flow number `order`.
    pub fn push(&mut self, order: u32, event: Event) {
        self.events.push(Reverse((event.time, order, event.kind, event.flow)));
    }

    /// Earliest time.
    pub fn first(&self) -> Option<SimTime> {
        self.events.peek().map(|Reverse((time, ..))| *time)
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<Event> {
        self.events.pop().map(|Reverse((time, _, kind, flow))| Event { time, flow, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_leave_by_start_then_announcement_in_whatever_order_they_came() {
        let starts = [5, 9, 2, 9, 2, 7, 11, 1];
        let mut arrivals = Arrivals::default();
        for (order, start) in starts.iter().enumerate() {
            arrivals.push(SimTime::from_ps(*start), order as u32);
        }
        assert_eq!(arrivals.pop_at(SimTime::from_ps(2)), None);
        let mut left = Vec::new();
        while let Some(start) = arrivals.first() {
            left.push(arrivals.pop_at(start).expect("the first flow starts then"));
        }
        assert_eq!(left, [7, 2, 4, 0, 5, 1, 3, 6]);
    }
}
