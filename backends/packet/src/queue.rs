//! Event queues: events leave in the order (time, insertion number), the order of ns-3's scheduler.
//!
//! [`Wheel`] is the fast one: one slot per nanosecond for the next [`SLOTS`] ns, each a list by insertion number, and a heap
//! for what lies beyond. [`PlainHeap`] is its slow, obvious twin. Both also take an event with an insertion number that was
//! reserved earlier, so that an engine may decide late that an event is needed after all.
//!
//! CORRECTNESS of the wheel: an event for time T goes to the far heap while the wheel's base is ≤ T − SLOTS, and straight to
//! its slot afterwards. The base never moves without first moving every far event that came within reach, in heap order;
//! so whatever is in a slot from the heap precedes, in list and in number, whatever is put there directly.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Nanoseconds the wheel covers: more than a full packet's transmission plus propagation on usual links.
pub const SLOTS: u64 = 8192;

const MASK: u64 = SLOTS - 1;
const WORDS: usize = SLOTS as usize / 64;
const NONE: u32 = u32::MAX;

/// An event as it comes out of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// When, in nanoseconds.
    pub time: u64,
    /// Insertion number.
    pub number: u64,
    /// What, as the engine encodes it.
    pub what: u32,
    /// To which packet, or another operand.
    pub operand: u32,
}

/// A queue of events in the order (time, insertion number).
pub trait EventQueue: Default {
    /// Whether the engine may leave out events that turn out to do nothing. The twin executes them all.
    const ELIDE: bool;

    /// Takes the next insertion number.
    fn reserve(&mut self) -> u64;

    /// Inserts an event under a number reserved before. `time` must not be before that of the last event popped.
    fn insert(&mut self, event: Scheduled);

    /// Inserts an event under the next number.
    fn push(&mut self, time: u64, what: u32, operand: u32);

    /// Takes the first event if it is not after `until`.
    fn pop(&mut self, until: u64) -> Option<Scheduled>;
}

/// A binary heap over (time, number).
#[derive(Default)]
pub struct PlainHeap {
    heap: BinaryHeap<Reverse<(u64, u64, u32, u32)>>,
    numbers: u64,
}

impl EventQueue for PlainHeap {
    const ELIDE: bool = false;

    fn reserve(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn insert(&mut self, e: Scheduled) {
        self.heap.push(Reverse((e.time, e.number, e.what, e.operand)));
    }

    fn push(&mut self, time: u64, what: u32, operand: u32) {
        let number = self.reserve();
        self.insert(Scheduled { time, number, what, operand });
    }

    fn pop(&mut self, until: u64) -> Option<Scheduled> {
        let Reverse((time, ..)) = self.heap.peek()?;
        if *time > until {
            return None;
        }
        self.heap.pop().map(|Reverse((time, number, what, operand))| Scheduled { time, number, what, operand })
    }
}

/// A list node: an event and the next older one of its slot, or the next free node.
#[derive(Clone, Copy)]
struct Node {
    number: u64,
    what: u32,
    operand: u32,
    next: u32,
}

/// A timing wheel with one slot per nanosecond.
///
/// A slot lists its events from the youngest to the oldest, so that a push touches no other event; when its time comes, the
/// list is turned over into `current`.
pub struct Wheel {
    /// Time of the events being taken; no event is earlier.
    base: u64,
    numbers: u64,
    /// Events of `base` from the youngest to the oldest. All are older than those in the slot of `base`.
    current: Vec<Scheduled>,
    /// Youngest event of each slot, or none.
    youngest: Box<[u32; SLOTS as usize]>,
    /// One bit per slot that is not empty.
    occupied: Box<[u64; WORDS]>,
    nodes: Vec<Node>,
    free: u32,
    far: BinaryHeap<Reverse<(u64, u64, u32, u32)>>,
    /// Time of the first far event, or the maximum.
    first_far: u64,
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            base: 0,
            numbers: 0,
            current: Vec::new(),
            youngest: Box::new([NONE; SLOTS as usize]),
            occupied: Box::new([0; WORDS]),
            nodes: Vec::new(),
            free: NONE,
            far: BinaryHeap::new(),
            first_far: u64::MAX,
        }
    }
}

impl EventQueue for Wheel {
    const ELIDE: bool = true;

    #[inline]
    fn reserve(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    #[inline]
    fn insert(&mut self, e: Scheduled) {
        if e.time - self.base >= SLOTS {
            return self.push_far(e);
        }
        if e.time == self.base && self.current.first().is_some_and(|youngest| e.number < youngest.number) {
            let place = self.current.partition_point(|other| other.number > e.number);
            return self.current.insert(place, e);
        }
        let youngest = self.youngest[(e.time & MASK) as usize];
        if youngest == NONE || self.nodes[youngest as usize].number < e.number {
            return self.prepend(e);
        }
        // Some events of the slot are younger than the reserved number: pass them. Slots are short.
        let mut younger = youngest;
        loop {
            let next = self.nodes[younger as usize].next;
            if next == NONE || self.nodes[next as usize].number < e.number {
                let new = self.node(e, next);
                self.nodes[younger as usize].next = new;
                return;
            }
            younger = next;
        }
    }

    #[inline]
    fn push(&mut self, time: u64, what: u32, operand: u32) {
        let number = self.reserve();
        let e = Scheduled { time, number, what, operand };
        if time - self.base < SLOTS { self.prepend(e) } else { self.push_far(e) }
    }

    #[inline]
    fn pop(&mut self, until: u64) -> Option<Scheduled> {
        if self.base <= until
            && let Some(e) = self.current.pop()
        {
            return Some(e);
        }
        let next = self.next_time()?;
        if next > until {
            return None;
        }
        if next != self.base {
            self.advance(next);
        }
        Some(self.turn_over((next & MASK) as usize))
    }
}

impl Wheel {
    #[inline]
    fn node(&mut self, e: Scheduled, next: u32) -> u32 {
        let node = Node { number: e.number, what: e.what, operand: e.operand, next };
        if self.free == NONE {
            self.nodes.push(node);
            (self.nodes.len() - 1) as u32
        } else {
            let index = self.free;
            self.free = self.nodes[index as usize].next;
            self.nodes[index as usize] = node;
            index
        }
    }

    #[inline]
    fn prepend(&mut self, e: Scheduled) {
        let slot = (e.time & MASK) as usize;
        self.youngest[slot] = self.node(e, self.youngest[slot]);
        self.occupied[slot / 64] |= 1 << (slot % 64);
    }

    fn push_far(&mut self, e: Scheduled) {
        self.first_far = self.first_far.min(e.time);
        self.far.push(Reverse((e.time, e.number, e.what, e.operand)));
    }

    /// Empties the slot of `base`, which is not empty: returns its oldest event and keeps the others in `current`.
    #[inline]
    fn turn_over(&mut self, slot: usize) -> Scheduled {
        self.occupied[slot / 64] &= !(1 << (slot % 64));
        let youngest = std::mem::replace(&mut self.youngest[slot], NONE);
        let mut at = youngest;
        loop {
            let node = self.nodes[at as usize];
            let e = Scheduled { time: self.base, number: node.number, what: node.what, operand: node.operand };
            if node.next == NONE {
                self.nodes[at as usize].next = self.free;
                self.free = youngest;
                return e;
            }
            self.current.push(e);
            at = node.next;
        }
    }

    /// Time of the first slot that is not empty, or of the first far event.
    #[inline]
    fn next_time(&self) -> Option<u64> {
        let start = (self.base & MASK) as usize;
        let (first_word, bit) = (start / 64, start % 64);
        let ahead = self.occupied[first_word] & (!0u64 << bit);
        if ahead != 0 {
            return Some(self.base + u64::from(ahead.trailing_zeros()) - bit as u64);
        }
        for step in 1..=WORDS {
            let word = self.occupied[(first_word + step) % WORDS];
            if word != 0 {
                let distance = (step * 64) as u64 + u64::from(word.trailing_zeros()) - bit as u64;
                return Some(self.base + distance);
            }
        }
        (self.first_far != u64::MAX).then_some(self.first_far)
    }

    /// Moves the base to `time` and brings far events within reach into their slots.
    #[inline]
    fn advance(&mut self, time: u64) {
        self.base = time;
        while self.first_far.wrapping_sub(time) < SLOTS {
            let Some(Reverse((time, number, what, operand))) = self.far.pop() else { break };
            self.prepend(Scheduled { time, number, what, operand });
            self.first_far = self.far.peek().map_or(u64::MAX, |Reverse((time, ..))| *time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mixlab_contract::conformance::SplitMix;

    #[test]
    fn the_wheel_is_a_heap_over_time_and_number() {
        let mut r = SplitMix(7);
        let (mut wheel, mut heap) = (Wheel::default(), PlainHeap::default());
        let (mut now, mut reserved) = (0, Vec::new());
        for round in 0..200_000u32 {
            let time = now + [0, 1, 838, 1838, SLOTS - 1, SLOTS, 50_000][r.below(7) as usize] + r.below(3);
            match r.below(6) {
                0 => {
                    let number = wheel.reserve();
                    assert_eq!(number, heap.reserve());
                    reserved.push((time, number));
                }
                1 if !reserved.is_empty() => {
                    let (time, number) = reserved.swap_remove(r.below(reserved.len() as u64) as usize);
                    if time > now {
                        let e = Scheduled { time, number, what: round, operand: 1 };
                        wheel.insert(e);
                        heap.insert(e);
                    }
                }
                2 | 3 => {
                    wheel.push(time, round, 0);
                    heap.push(time, round, 0);
                }
                _ => {
                    let until = now + r.below(3_000);
                    let popped = wheel.pop(until);
                    assert_eq!(popped, heap.pop(until));
                    now = popped.map_or(until, |e| e.time);
                }
            }
        }
    }
}
