//! Ticks to come: what belongs to a later tick waits in that tick's list.

/// Lists by tick, modulo their number, which is a power of two.
#[derive(Clone, Debug)]
pub struct Ring<T>(Vec<Vec<T>>);

impl<T> Ring<T> {
    /// An empty one that reaches so many ticks ahead, or a little further.
    pub fn new(ticks: usize) -> Self {
        Self((0..ticks.max(2).next_power_of_two()).map(|_| Vec::new()).collect())
    }

    /// Puts an item off to tick `at`, but at least to the one after tick `now`, and no further than the ring reaches.
    pub fn put_off(&mut self, now: u64, at: u64, item: T) {
        let slot = self.slot(at.clamp(now + 1, now + self.0.len() as u64 - 1));
        self.0[slot].push(item);
    }

    /// Takes the list of a tick; it wants to be given back once it is empty.
    pub fn take(&mut self, tick: u64) -> Vec<T> {
        let slot = self.slot(tick);
        std::mem::take(&mut self.0[slot])
    }

    /// Gives the list of a tick back, so that its memory is used again.
    pub fn give_back(&mut self, tick: u64, list: Vec<T>) {
        let slot = self.slot(tick);
        self.0[slot] = list;
    }

    /// Whether nothing is to come.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }

    fn slot(&self, tick: u64) -> usize {
        tick as usize & (self.0.len() - 1)
    }
}
