//! Indexed 4-ary min-heap: when something happens to each slot (here: its fluid runs out; in m4: its predicted end). Ties go to
//! the flow announced first.

/// One entry: 16 bytes with times of eight, four children in one cache line.
#[derive(Clone, Copy, Debug)]
struct Entry<T> {
    time: T,
    /// Position of the flow in order of announcement: breaks ties, whatever slots the flows happen to have.
    order: u32,
    slot: u32,
}

impl<T: PartialOrd> Entry<T> {
    fn before(&self, other: &Self) -> bool {
        self.time < other.time || (self.time == other.time && self.order < other.order)
    }
}

const ABSENT: u32 = u32::MAX;
const ARITY: usize = 4;

/// Times by slot; all of them must compare (no NaN). Every operation costs O(log S).
#[derive(Clone, Debug)]
pub struct Heap<T> {
    entries: Vec<Entry<T>>,
    /// `[S]` where in `entries` a slot is, or [`ABSENT`].
    place: Vec<u32>,
}

/// Times in a fluid.
pub type TimeHeap = Heap<f64>;

impl<T> Default for Heap<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), place: Vec::new() }
    }
}

impl<T: Copy + PartialOrd> Heap<T> {
    /// The earliest time and its slot.
    pub fn first(&self) -> Option<(T, u32)> {
        self.entries.first().map(|e| (e.time, e.slot))
    }

    /// Sets the time of `slot`, which may or may not have one.
    pub fn set(&mut self, slot: u32, order: u32, time: T) {
        if self.place.len() <= slot as usize {
            self.place.resize(slot as usize + 1, ABSENT);
        }
        let entry = Entry { time, order, slot };
        match self.place[slot as usize] {
            ABSENT => {
                self.entries.push(entry);
                self.rise(self.entries.len() - 1, entry);
            }
            place => {
                let place = place as usize;
                if entry.before(&self.entries[place]) { self.rise(place, entry) } else { self.sink(place, entry) }
            }
        }
    }

    /// Removes the earliest entry.
    pub fn pop(&mut self) {
        let Some(last) = self.entries.pop() else { return };
        match self.entries.first() {
            Some(first) => {
                self.place[first.slot as usize] = ABSENT;
                self.sink(0, last);
            }
            None => self.place[last.slot as usize] = ABSENT,
        }
    }

    fn rise(&mut self, mut at: usize, entry: Entry<T>) {
        while at > 0 {
            let parent = (at - 1) / ARITY;
            if !entry.before(&self.entries[parent]) {
                break;
            }
            self.put(at, self.entries[parent]);
            at = parent;
        }
        self.put(at, entry);
    }

    fn sink(&mut self, mut at: usize, entry: Entry<T>) {
        loop {
            let children = ARITY * at + 1..(ARITY * at + 1 + ARITY).min(self.entries.len());
            let mut least: Option<usize> = None;
            for child in children {
                if least.is_none_or(|l| self.entries[child].before(&self.entries[l])) {
                    least = Some(child);
                }
            }
            match least {
                Some(child) if self.entries[child].before(&entry) => {
                    self.put(at, self.entries[child]);
                    at = child;
                }
                _ => break,
            }
        }
        self.put(at, entry);
    }

    fn put(&mut self, at: usize, entry: Entry<T>) {
        self.entries[at] = entry;
        self.place[entry.slot as usize] = at as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mixlab_contract::conformance::SplitMix;

    #[test]
    fn pops_in_order_of_time_then_announcement_like_a_sorted_list() {
        let mut random = SplitMix(7);
        let (mut heap, mut list) = (TimeHeap::default(), vec![None; 40]);
        for _ in 0..20_000 {
            let slot = random.below(40) as usize;
            if random.below(3) > 0 {
                let time = random.below(50) as f64;
                heap.set(slot as u32, 100 - slot as u32, time);
                list[slot] = Some(time);
            } else {
                let in_list = |s: usize| list[s].map(|time: f64| (time.to_bits(), 100 - s, s));
                let first = (0..40).filter_map(in_list).min();
                assert_eq!(heap.first().map(|(t, s)| (t.to_bits(), s as usize)), first.map(|(t, _, s)| (t, s)));
                heap.pop();
                if let Some((_, _, s)) = first {
                    list[s] = None;
                }
            }
        }
    }
}
