//! What a pass over a sequence is worth.
//!
//! ```text
//! slowdown    mean over flows of |predicted ÷ true − 1|, predictions not held at 1
//! remaining   mean over flows of Σ_events |predicted − label|, before the graph network of the event
//! queue       mean over the topology's channels of Σ_starts |predicted − label|, at the same place
//! loss = slowdown + w_remaining · remaining + w_queue · queue          (means: over the sequences of a batch)
//! ```

use super::options::{Options, Reduction};
use super::plan::Plan;
use super::sequence::Sequence;

/// The terms of the loss, unweighted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// Of slowdowns.
    pub slowdown: f64,
    /// Of remaining sizes; 0 if their weight is.
    pub remaining: f64,
    /// Of queue lengths; 0 if their weight is.
    pub queue: f64,
}

impl Losses {
    /// The weighted sum.
    pub fn total(&self, options: &Options) -> f64 {
        self.slowdown
            + f64::from(options.remaining_weight) * self.remaining
            + f64::from(options.queue_weight) * self.queue
    }

    /// Adds another sequence's, times `share`.
    pub fn add(&mut self, other: &Self, share: f64) {
        self.slowdown += share * other.slowdown;
        self.remaining += share * other.remaining;
        self.queue += share * other.queue;
    }
}

/// What each label of a sequence counts for in its term.
pub(super) struct Counts {
    /// `[member]` of one label of its remaining size.
    pub remaining: Vec<f32>,
    /// `[label]` of each queue label.
    pub queues: Vec<f32>,
    /// `[member]` of one answer about its slowdown, where every answer counts.
    pub answers: Vec<f32>,
}

impl Counts {
    pub fn new(sequence: &Sequence, plan: &Plan, reduction: Reduction) -> Self {
        let flows = sequence.members.len();
        let (mut of_member, mut of_channel, mut answers) =
            (vec![0u32; flows], vec![0u32; sequence.channels], vec![0u32; flows]);
        sequence.remaining.iter().for_each(|(m, _)| of_member[*m as usize] += 1);
        sequence.queues.iter().for_each(|(c, _)| of_channel[*c as usize] += 1);
        plan.events.iter().flat_map(|e| &e.flows).for_each(|m| answers[*m as usize] += 1);
        let share = |count: u32, all: usize| match reduction {
            Reduction::Sum => 1.0 / all as f32,
            Reduction::Mean => 1.0 / (count + 1) as f32 / all as f32,
        };
        Self {
            remaining: of_member.iter().map(|n| share(*n, flows)).collect(),
            queues: sequence.queues.iter().map(|(c, _)| share(of_channel[*c as usize], sequence.slots)).collect(),
            answers: answers.iter().map(|n| 1.0 / (*n).max(1) as f32 / flows as f32).collect(),
        }
    }
}
