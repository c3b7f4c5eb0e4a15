//! The numbers that fix the architecture's shapes, and the rules of its event loop.

use serde::{Deserialize, Serialize};

/// Dimensions. Any are allowed, so that tests can be small; [`Config::published`] has the released ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// H, length of a flow's and of a link's state; at least 4.
    pub hidden: usize,
    /// Widths of the graph network: input of each layer, then output of the last; first and last are H. H alone stands for no
    /// graph network (an ablation): the rate cells then read the states themselves.
    pub exchange: Vec<usize>,
    /// Width of the head's hidden layer.
    pub head: usize,
    /// Whether there are time and rate cells. Without them (an ablation) a state is what the graph network last put out.
    #[serde(default = "with", skip_serializing_if = "is_with")]
    pub recurrent: bool,
}

const fn with() -> bool {
    true
}

const fn is_with(recurrent: &bool) -> bool {
    *recurrent
}

/// Largest dimension accepted: bounds what a hostile manifest can ask for.
const LARGEST: usize = 4096;
/// Most graph layers accepted.
const MOST_LAYERS: usize = 16;

impl Config {
    /// The released model: 1,420,201 weights.
    pub fn published() -> Self {
        Self { hidden: 200, exchange: vec![200, 300, 300, 200], head: 200, recurrent: true }
    }

    /// Whether the dimensions fit together.
    pub fn is_sound(&self) -> bool {
        let size = |d: &usize| (1..=LARGEST).contains(d);
        size(&self.hidden)
            && self.hidden >= 4
            && size(&self.head)
            && self.exchange.iter().all(size)
            && self.exchange.len() <= MOST_LAYERS + 1
            && (self.recurrent || self.exchange.len() > 1)
            && self.exchange.first() == Some(&self.hidden)
            && self.exchange.last() == Some(&self.hidden)
    }
}

/// Which flows an event updates together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Components {
    /// Those connected to it now by shared links: when the flow that joined two groups ends, they part.
    #[default]
    Split,
    /// As published: groups merge when a flow joins them and stay together until their last flow ends.
    Merge,
}

/// Rules of the event loop that are no part of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Which flows an event updates.
    pub components: Components,
    /// Whether a flow can't end before its bytes, and those of the flows that ended before it, fit through each channel of
    /// its path. The published loop only holds slowdowns at 1 or more.
    pub capacity: bool,
}

impl Rules {
    /// The published loop (still with integer time, and no end in the past).
    pub const fn published() -> Self {
        Self { components: Components::Merge, capacity: false }
    }

    /// As part of a fingerprint.
    pub fn name(self) -> &'static str {
        match (self.components, self.capacity) {
            (Components::Split, true) => "split capacity",
            (Components::Split, false) => "split",
            (Components::Merge, true) => "merge capacity",
            (Components::Merge, false) => "merge",
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self { components: Components::Split, capacity: true }
    }
}
