//! Active flows and busy links as a bipartite graph, kept small by a symmetry of the model.
//!
//! The model knows nothing of a link but its state and its flows. Links that were idle before, and since then have been
//! crossed by exactly the same flows, went through the same updates, so their states are equal. Such links form a *class*
//! with one state and a count; a sum over links becomes a weighted sum over classes. A class is split when a new flow
//! crosses some of its links; it never grows; it ends with its last flow, which makes its links idle. The result is the
//! same as with one state per link, for half the rows or fewer: of the four to six links of a path few are shared.

use crate::numerics::Neighbours;

/// No class.
const IDLE: u32 = u32::MAX;

/// Links with equal history.
#[derive(Clone, Debug, Default)]
pub(crate) struct Class {
    /// Slots of the flows that cross its links, by arrival.
    pub flows: Vec<u32>,
    /// Its channels.
    pub channels: Vec<u32>,
}

/// What an arrival did to the classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Idle links became this class.
    Begun(u32),
    /// `new` was split off `old` and starts with its state.
    Split { old: u32, new: u32 },
}

/// Where flows (by slot) and classes are in a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    of_slot: Vec<u32>,
    of_class: Vec<u32>,
}

impl Rows {
    /// The row of a busy channel's class.
    pub fn of_channel(&self, graph: &Graph, channel: u32) -> u32 {
        self.of_class[graph.class_of[channel as usize] as usize]
    }
}

/// The graph. Memory: 4 B per channel plus what is active.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    /// `[slot]` classes that each flow crosses.
    flows: Vec<Vec<u32>>,
    classes: Vec<Class>,
    free: Vec<u32>,
    /// `[channel]`
    class_of: Vec<u32>,
    /// Marks of the last search, by slot and by class.
    seen_flow: Vec<u64>,
    seen_class: Vec<u64>,
    search: u64,
}

impl Graph {
    pub fn new(channels: usize) -> Self {
        Self {
            flows: Vec::new(),
            classes: Vec::new(),
            free: Vec::new(),
            class_of: vec![IDLE; channels],
            seen_flow: Vec::new(),
            seen_class: Vec::new(),
            search: 0,
        }
    }

    pub fn class(&self, class: u32) -> &Class {
        &self.classes[class as usize]
    }

    /// A flow that crosses `channel`, if there is one.
    pub fn flow_on(&self, channel: u32) -> Option<u32> {
        let class = self.class_of[channel as usize];
        (class != IDLE).then(|| self.classes[class as usize].flows[0])
    }

    /// Classes of the flow in `slot`.
    pub fn classes_of(&self, slot: u32) -> &[u32] {
        &self.flows[slot as usize]
    }

    /// A flow starts on distinct `channels`; `changes` tells which states have to be made.
    pub fn insert(&mut self, slot: u32, channels: impl Iterator<Item = u32>, changes: &mut Vec<Change>) {
        if self.flows.len() <= slot as usize {
            self.flows.resize(slot as usize + 1, Vec::new());
            self.seen_flow.resize(slot as usize + 1, 0);
        }
        // By class, in order of the path.
        let mut groups: Vec<(u32, Vec<u32>)> = Vec::new();
        for channel in channels {
            let class = self.class_of[channel as usize];
            match groups.iter_mut().find(|(c, _)| *c == class) {
                Some((_, members)) => members.push(channel),
                None => groups.push((class, vec![channel])),
            }
        }
        for (old, members) in groups {
            let whole = old != IDLE && members.len() == self.classes[old as usize].channels.len();
            let class = if whole { old } else { self.split(old, members, changes) };
            self.classes[class as usize].flows.push(slot);
            self.flows[slot as usize].push(class);
        }
    }

    /// Makes `members`, idle or part of `old`, a class of their own.
    fn split(&mut self, old: u32, members: Vec<u32>, changes: &mut Vec<Change>) -> u32 {
        let new = self.free.pop().unwrap_or(self.classes.len() as u32);
        if new as usize == self.classes.len() {
            self.classes.push(Class::default());
            self.seen_class.push(0);
        }
        members.iter().for_each(|c| self.class_of[*c as usize] = new);
        if old == IDLE {
            changes.push(Change::Begun(new));
        } else {
            self.classes[old as usize].channels.retain(|c| !members.contains(c));
            let flows = self.classes[old as usize].flows.clone();
            flows.iter().for_each(|f| self.flows[*f as usize].push(new));
            self.classes[new as usize].flows = flows;
            changes.push(Change::Split { old, new });
        }
        self.classes[new as usize].channels = members;
        new
    }

    /// The flow in `slot` ends.
    pub fn remove(&mut self, slot: u32) {
        for class in std::mem::take(&mut self.flows[slot as usize]) {
            let c = &mut self.classes[class as usize];
            c.flows.retain(|f| *f != slot);
            if c.flows.is_empty() {
                c.channels.drain(..).for_each(|channel| self.class_of[channel as usize] = IDLE);
                self.free.push(class);
            }
        }
    }

    /// Appends to `slots` the flow in `slot` and all flows connected to it. Cost: O(edges between them).
    pub fn connected(&mut self, slot: u32, slots: &mut Vec<u32>) {
        self.search += 1;
        let mut at = slots.len();
        slots.push(slot);
        self.seen_flow[slot as usize] = self.search;
        while at < slots.len() {
            for class in &self.flows[slots[at] as usize] {
                if std::mem::replace(&mut self.seen_class[*class as usize], self.search) == self.search {
                    continue;
                }
                for flow in &self.classes[*class as usize].flows {
                    if std::mem::replace(&mut self.seen_flow[*flow as usize], self.search) != self.search {
                        slots.push(*flow);
                    }
                }
            }
            at += 1;
        }
    }

    /// Who hears whom in a batch that has the flows in `slots` in its first rows, then `classes`: of everything that they cross.
    pub fn listen(&self, slots: &[u32], classes: &[u32], rows: &mut Rows, neighbours: &mut Neighbours) {
        rows.of_slot.resize(self.flows.len(), 0);
        rows.of_class.resize(self.classes.len(), 0);
        slots.iter().zip(0..).for_each(|(slot, row)| rows.of_slot[*slot as usize] = row);
        classes.iter().zip(slots.len() as u32..).for_each(|(class, row)| rows.of_class[*class as usize] = row);
        neighbours.first.clear();
        neighbours.edges.clear();
        neighbours.first.push(0);
        for slot in slots {
            let links = |class: &u32| self.class(*class).channels.len() as f32;
            let crossed = self.classes_of(*slot).iter();
            neighbours.edges.extend(crossed.map(|c| (rows.of_class[*c as usize], links(c))));
            neighbours.first.push(neighbours.edges.len() as u32);
        }
        for class in classes {
            let flows = self.class(*class).flows.iter();
            neighbours.edges.extend(flows.map(|f| (rows.of_slot[*f as usize], 1.0)));
            neighbours.first.push(neighbours.edges.len() as u32);
        }
    }

    /// Appends to `classes` those of `slots`, in order of appearance.
    pub fn classes_crossed(&mut self, slots: &[u32], classes: &mut Vec<u32>) {
        self.search += 1;
        for slot in slots {
            for class in &self.flows[*slot as usize] {
                if std::mem::replace(&mut self.seen_class[*class as usize], self.search) != self.search {
                    classes.push(*class);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mixlab_contract::conformance::SplitMix;

    /// Active flows with their channels, as sets.
    type Naive = Vec<Option<Vec<u32>>>;

    fn crossing(naive: &Naive, channel: u32) -> Vec<u32> {
        let crosses = |s: &u32| naive[*s as usize].as_ref().is_some_and(|p| p.contains(&channel));
        (0..naive.len() as u32).filter(crosses).collect()
    }

    fn closure(naive: &Naive, slot: u32) -> Vec<u32> {
        let mut found = vec![slot];
        let mut at = 0;
        while at < found.len() {
            let path = naive[found[at] as usize].clone().expect("active");
            for near in path.iter().flat_map(|c| crossing(naive, *c)) {
                if !found.contains(&near) {
                    found.push(near);
                }
            }
            at += 1;
        }
        found.sort_unstable();
        found
    }

    #[test]
    fn every_link_of_a_class_has_the_flows_of_the_class_and_connected_flows_are_the_closure() {
        const CHANNELS: u32 = 14;
        let mut random = SplitMix(1);
        let (mut graph, mut naive) = (Graph::new(CHANNELS as usize), vec![None; 12]);
        for _ in 0..20_000 {
            let slot = random.below(12) as u32;
            if naive[slot as usize].take().is_some() {
                graph.remove(slot);
            } else {
                let mut path: Vec<u32> = (0..CHANNELS).filter(|_| random.below(4) == 0).collect();
                path.push(random.below(CHANNELS.into()) as u32);
                path.sort_unstable();
                path.dedup();
                graph.insert(slot, path.iter().copied(), &mut Vec::new());
                naive[slot as usize] = Some(path);
                let mut connected = Vec::new();
                graph.connected(slot, &mut connected);
                connected.sort_unstable();
                assert_eq!(connected, closure(&naive, slot));
            }
            for channel in 0..CHANNELS {
                let class = graph.class_of[channel as usize];
                let mut flows = if class == IDLE { Vec::new() } else { graph.class(class).flows.clone() };
                flows.sort_unstable();
                assert_eq!(flows, crossing(&naive, channel), "channel {channel}");
                assert!(flows.iter().all(|f| graph.classes_of(*f).contains(&class)));
                assert!(class == IDLE || graph.class(class).channels.contains(&channel));
            }
        }
    }
}
