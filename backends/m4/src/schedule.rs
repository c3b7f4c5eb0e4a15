//! Indexed binary heap: the predicted end of each active flow. A prediction moves in O(log n); ties go to the flow announced
//! first.

use mixlab_contract::SimTime;

const ABSENT: u32 = u32::MAX;

type Entry = (SimTime, u32, u32);

/// Ends by slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schedule {
    /// (end, order of announcement, slot)
    entries: Vec<Entry>,
    /// `[slots]` where in `entries` a slot is, or [`ABSENT`].
    place: Vec<u32>,
}

impl Schedule {
    /// The earliest end and its slot.
    pub fn first(&self) -> Option<(SimTime, u32)> {
        self.entries.first().map(|(end, _, slot)| (*end, *slot))
    }

    /// Sets the end of `slot`, which may or may not have one.
    pub fn set(&mut self, slot: u32, order: u32, end: SimTime) {
        if self.place.len() <= slot as usize {
            self.place.resize(slot as usize + 1, ABSENT);
        }
        let entry = (end, order, slot);
        match self.place[slot as usize] {
            ABSENT => {
                self.entries.push(entry);
                self.rise(self.entries.len() - 1, entry);
            }
            at if entry < self.entries[at as usize] => self.rise(at as usize, entry),
            at => self.sink(at as usize, entry),
        }
    }

    /// Removes the earliest.
    pub fn pop(&mut self) {
        let Some(last) = self.entries.pop() else { return };
        match self.entries.first() {
            Some((_, _, slot)) => {
                self.place[*slot as usize] = ABSENT;
                self.sink(0, last);
            }
            None => self.place[last.2 as usize] = ABSENT,
        }
    }

    fn rise(&mut self, mut at: usize, entry: Entry) {
        while at > 0 && entry < self.entries[(at - 1) / 2] {
            self.put(at, self.entries[(at - 1) / 2]);
            at = (at - 1) / 2;
        }
        self.put(at, entry);
    }

    fn sink(&mut self, mut at: usize, entry: Entry) {
        loop {
            let children = 2 * at + 1..(2 * at + 3).min(self.entries.len());
            match children.min_by_key(|c| self.entries[*c]) {
                Some(child) if self.entries[child] < entry => {
                    self.put(at, self.entries[child]);
                    at = child;
                }
                _ => break,
            }
        }
        self.put(at, entry);
    }

    fn put(&mut self, at: usize, entry: Entry) {
        self.entries[at] = entry;
        self.place[entry.2 as usize] = at as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mixlab_contract::conformance::SplitMix;

    #[test]
    fn ends_come_in_order_of_time_then_announcement_like_a_sorted_list() {
        let mut random = SplitMix(7);
        let (mut heap, mut list) = (Schedule::default(), vec![None; 40]);
        for _ in 0..20_000 {
            let slot = random.below(40) as usize;
            if random.below(3) > 0 {
                let end = SimTime::from_ps(random.below(50));
                heap.set(slot as u32, 100 - slot as u32, end);
                list[slot] = Some(end);
            } else {
                let first = (0..40).filter_map(|s| list[s].map(|end: SimTime| (end, 100 - s, s))).min();
                assert_eq!(heap.first(), first.map(|(end, _, s)| (end, s as u32)));
                heap.pop();
                if let Some((_, _, s)) = first {
                    list[s] = None;
                }
            }
        }
    }
}
