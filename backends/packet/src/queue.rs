//! Event queues: events leave in the order (time, insertion number), the order of ns-3's scheduler.
//!
//! [`TimingWheel`] is the fast one: one slot per 2^SHIFT ticks for the next [`SLOTS`] slots, each an ordered list; a second
//! wheel of [`TURNS`] slots, each a whole turn of the first, not ordered; and a heap for what lies beyond. [`Wheel`] has one tick per slot, [`FineWheel`] 256, for a clock of picoseconds. [`PlainHeap`] is
//! the slow, obvious twin. All take an event with an insertion number that was reserved earlier, so that an engine may
//! decide late that an event is needed after all.
//!
//! CORRECTNESS: with `turn` = slot ÷ SLOTS, an event waits in the second wheel at most until the base enters its turn, and
//! the base never enters or passes a turn with waiting events without moving them to their slots; the same holds for the heap
//! and the second wheel. An event moved there looks for its place by (time, number). A push under a new number into a wheel
//! with one tick per slot need not look: every event already in the slot has a smaller number, and every event of that time
//! still waiting was pushed earlier but is put in its place when it is moved.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Slots of a wheel: at 1 ns or 256 ps each, more than a full packet's transmission plus propagation on usual links.
pub const SLOTS: u64 = 8192;

/// Turns of the first wheel that the second one covers: at 8 or 2 µs each, more than the timers of congestion control.
pub const TURNS: u64 = 256;

const MASK: u64 = SLOTS - 1;
const TURN_WORDS: usize = TURNS as usize / 64;
const WORDS: usize = SLOTS as usize / 64;
/// No node. (There is one of this number, which refers to itself, so that reading ahead needs no branch.)
const NONE: u32 = 0;

/// An event as it comes out of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// When, in ticks of the engine's clock.
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

    /// Inserts an event under the next number, and returns that.
    fn push(&mut self, time: u64, what: u32, operand: u32) -> u64;

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

    fn push(&mut self, time: u64, what: u32, operand: u32) -> u64 {
        let number = self.reserve();
        self.insert(Scheduled { time, number, what, operand });
        number
    }

    fn pop(&mut self, until: u64) -> Option<Scheduled> {
        let Reverse((time, ..)) = self.heap.peek()?;
        if *time > until {
            return None;
        }
        self.heap.pop().map(|Reverse((time, number, what, operand))| Scheduled { time, number, what, operand })
    }
}

/// A timing wheel with one slot per nanosecond of a clock that counts nanoseconds.
pub type Wheel = TimingWheel<0>;

/// A timing wheel with one slot per 256 ticks of a clock that counts picoseconds: few enough that the list of a slot stays short.
pub type FineWheel = TimingWheel<8>;

/// A list node: an event and the next older one of its slot, or the next free node.
#[derive(Clone, Copy)]
struct Node {
    number: u64,
    what: u32,
    operand: u32,
    next: u32,
    /// Ticks of its time beyond the beginning of the slot.
    fraction: u32,
}

/// A timing wheel with one slot per 2^SHIFT ticks.
///
/// A slot lists its events from the last to the first, so that a push touches no other event (or few, if slots have several
/// ticks); when its time comes, the list is turned over into `current`.
pub struct TimingWheel<const SHIFT: u32> {
    /// Slot of the events being taken, counted from time 0; no event is in an earlier one.
    base: u64,
    numbers: u64,
    /// Events of slot `base` from the last to the first. All precede those in the list of slot `base`.
    current: Vec<Scheduled>,
    /// Last event of each slot, or none.
    last: Box<[u32; SLOTS as usize]>,
    /// One bit per slot that is not empty.
    occupied: Box<[u64; WORDS]>,
    nodes: Vec<Node>,
    free: u32,
    /// A node of the list that is probably next; every event taken reads one node of it ahead, since the lists of a large
    /// network do not fit into the first cache, and turning one over would wait for node after node.
    scout: u32,
    /// Events of later turns, by turn, and one bit per turn that has any.
    turns: Vec<Vec<Scheduled>>,
    waiting: [u64; TURN_WORDS],
    /// First turn with waiting events, in the second wheel or beyond; the maximum if there is none.
    first_waiting: u64,
    far: BinaryHeap<Reverse<(u64, u64, u32, u32)>>,
}

impl<const SHIFT: u32> Default for TimingWheel<SHIFT> {
    fn default() -> Self {
        Self {
            base: 0,
            numbers: 0,
            current: Vec::new(),
            last: Box::new([NONE; SLOTS as usize]),
            occupied: Box::new([0; WORDS]),
            nodes: vec![Node { number: 0, what: 0, operand: 0, next: NONE, fraction: 0 }],
            scout: NONE,
            free: NONE,
            turns: vec![Vec::new(); TURNS as usize],
            waiting: [0; TURN_WORDS],
            first_waiting: u64::MAX,
            far: BinaryHeap::new(),
        }
    }
}

impl<const SHIFT: u32> EventQueue for TimingWheel<SHIFT> {
    const ELIDE: bool = true;

    #[inline]
    fn reserve(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    #[inline]
    fn insert(&mut self, e: Scheduled) {
        let slot = e.time >> SHIFT;
        if slot - self.base >= SLOTS {
            return self.push_far(e);
        }
        let is_later = |other: &Scheduled| (other.time, other.number) > (e.time, e.number);
        if slot == self.base && self.current.first().is_some_and(is_later) {
            let place = self.current.partition_point(is_later);
            return self.current.insert(place, e);
        }
        self.insert_in_list(e);
    }

    #[inline]
    fn push(&mut self, time: u64, what: u32, operand: u32) -> u64 {
        let number = self.reserve();
        let e = Scheduled { time, number, what, operand };
        if SHIFT > 0 {
            self.insert(e);
        } else if time - self.base < SLOTS {
            self.prepend(e);
        } else {
            self.push_far(e);
        }
        number
    }

    #[inline]
    fn pop(&mut self, until: u64) -> Option<Scheduled> {
        self.scout = self.nodes[self.scout as usize].next;
        if let Some(e) = self.current.last() {
            if e.time > until {
                return None;
            }
            return self.current.pop();
        }
        let next = loop {
            let next = self.next_slot();
            let turn = next.map_or(u64::MAX, |slot| slot / SLOTS);
            if self.first_waiting > turn || self.first_waiting == u64::MAX {
                break next?;
            }
            if self.first_waiting * SLOTS > until >> SHIFT {
                return None;
            }
            self.enter_turn(self.first_waiting);
        };
        if next > until >> SHIFT {
            return None;
        }
        self.base = next;
        let first = self.turn_over((next & MASK) as usize);
        if SHIFT > 0 && first.time > until {
            self.current.push(first);
            return None;
        }
        Some(first)
    }
}

impl<const SHIFT: u32> TimingWheel<SHIFT> {
    #[inline]
    fn fraction(time: u64) -> u32 {
        (time & ((1 << SHIFT) - 1)) as u32
    }

    #[inline]
    fn node(&mut self, e: Scheduled, next: u32) -> u32 {
        let fraction = Self::fraction(e.time);
        let node = Node { number: e.number, what: e.what, operand: e.operand, next, fraction };
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
        let slot = ((e.time >> SHIFT) & MASK) as usize;
        self.last[slot] = self.node(e, self.last[slot]);
        self.occupied[slot / 64] |= 1 << (slot % 64);
    }

    /// Puts an event in its place in the list of its slot. Lists are short.
    #[inline]
    fn insert_in_list(&mut self, e: Scheduled) {
        let key = (Self::fraction(e.time), e.number);
        let last = self.last[((e.time >> SHIFT) & MASK) as usize];
        if last == NONE || self.key(last) < key {
            return self.prepend(e);
        }
        let mut later = last;
        loop {
            let next = self.nodes[later as usize].next;
            if next == NONE || self.key(next) < key {
                let new = self.node(e, next);
                self.nodes[later as usize].next = new;
                return;
            }
            later = next;
        }
    }

    #[inline]
    fn key(&self, node: u32) -> (u32, u64) {
        let node = &self.nodes[node as usize];
        (node.fraction, node.number)
    }

    fn push_far(&mut self, e: Scheduled) {
        let turn = (e.time >> SHIFT) / SLOTS;
        self.first_waiting = self.first_waiting.min(turn);
        if turn - self.base / SLOTS < TURNS {
            let place = (turn % TURNS) as usize;
            self.turns[place].push(e);
            self.waiting[place / 64] |= 1 << (place % 64);
        } else {
            self.far.push(Reverse((e.time, e.number, e.what, e.operand)));
        }
    }

    /// Moves the base to the beginning of `turn`, the first with waiting events, unless it is there already, and the events
    /// to their slots.
    fn enter_turn(&mut self, turn: u64) {
        self.base = self.base.max(turn * SLOTS);
        while let Some(Reverse((time, number, what, operand))) = self.far.peek().copied() {
            if (time >> SHIFT) / SLOTS - turn >= TURNS {
                break;
            }
            self.far.pop();
            self.push_far(Scheduled { time, number, what, operand });
        }
        let place = (turn % TURNS) as usize;
        let mut events = std::mem::take(&mut self.turns[place]);
        self.waiting[place / 64] &= !(1 << (place % 64));
        events.drain(..).for_each(|e| self.insert_in_list(e));
        self.turns[place] = events;
        self.first_waiting = self.next_waiting(turn);
    }

    /// The first turn after `turn` with waiting events.
    fn next_waiting(&self, turn: u64) -> u64 {
        let ahead = (1..TURNS).find(|step| {
            let place = ((turn + step) % TURNS) as usize;
            self.waiting[place / 64] >> (place % 64) & 1 == 1
        });
        let far = self.far.peek().map_or(u64::MAX, |Reverse((time, ..))| (time >> SHIFT) / SLOTS);
        ahead.map_or(far, |step| (turn + step).min(far))
    }

    /// Empties the list of slot `base`, which is not empty: returns its first event and keeps the others in `current`.
    #[inline]
    fn turn_over(&mut self, slot: usize) -> Scheduled {
        self.occupied[slot / 64] &= !(1 << (slot % 64));
        let last = std::mem::replace(&mut self.last[slot], NONE);
        // Good enough: the next slot with events among the 64 around this one.
        let ahead = self.occupied[slot / 64] & (!0u64 << (slot % 64));
        self.scout = self.last[(slot & !63 | ahead.trailing_zeros() as usize) & MASK as usize];
        let mut at = last;
        loop {
            let node = self.nodes[at as usize];
            let time = (self.base << SHIFT) + u64::from(node.fraction);
            let e = Scheduled { time, number: node.number, what: node.what, operand: node.operand };
            if node.next == NONE {
                self.nodes[at as usize].next = self.free;
                self.free = last;
                return e;
            }
            self.current.push(e);
            at = node.next;
        }
    }

    /// The first slot that is not empty.
    #[inline]
    fn next_slot(&self) -> Option<u64> {
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
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mixlab_contract::conformance::SplitMix;

    #[test]
    fn the_wheel_is_a_heap_over_time_and_number() {
        is_a_heap(Wheel::default(), 1);
    }

    #[test]
    fn the_fine_wheel_is_a_heap_over_time_and_number() {
        is_a_heap(FineWheel::default(), 1);
        is_a_heap(FineWheel::default(), 1_000);
    }

    fn is_a_heap(mut wheel: impl EventQueue, scale: u64) {
        let mut r = SplitMix(7);
        let mut heap = PlainHeap::default();
        let (mut now, mut reserved) = (0, Vec::new());
        for round in 0..200_000u32 {
            let time = now + scale * [0, 1, 838, 1838, SLOTS - 1, SLOTS, 50_000][r.below(7) as usize] + r.below(3);
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
                    let until = now + scale * r.below(3_000);
                    let popped = wheel.pop(until);
                    assert_eq!(popped, heap.pop(until));
                    now = popped.map_or(until, |e| e.time);
                }
            }
        }
    }
}
