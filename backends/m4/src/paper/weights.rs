//! The weights of the published architecture, as trained (row-major, unpacked), and their names in files.
//!
//! | name | shapes |
//! |---|---|
//! | `exchange.i.project.weight`, `.bias` | `[in, in]`, `[in]` |
//! | `exchange.i.neighbours.weight`, `.bias`, `exchange.i.own.weight` | `[out, in]`, `[out]`, `[out, in]` |
//! | `exchange.i.norm.gain`, `.offset` | `[out]` |
//! | `flow_time`, `link_time`, `flow_rate`, `link_rate` + `.input.weight`, `.hidden.weight`, `.input.bias`, `.hidden.bias` | `[3H, K]`, `[3H, H]`, `[3H]`, `[3H]`; K = 1, 1, H + 13, H |
//! | `slowdown.0.weight`, `.bias`, `slowdown.1.weight`, `.bias` | `[head, 14 + H]`, `[head]`, `[1, head]`, `[1]` |

use super::config::Config;
use super::parameters::PARAMETERS;
use crate::weights::{Tensor, Tensors, WeightsError};

/// A linear map as trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// `[M, K]`
    pub weight: Vec<f32>,
    /// `[M]`, or empty.
    pub bias: Vec<f32>,
}

/// A GRU cell as trained; gates r, z, n.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// `[3H, K]`
    pub input: Dense,
    /// `[3H, H]`
    pub hidden: Dense,
}

/// A layer of the graph network.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// `[in, in]`
    pub project: Dense,
    /// `[out, in]`
    pub neighbours: Dense,
    /// `[out, in]`, no bias
    pub own: Dense,
    /// `[out]`
    pub gain: Vec<f32>,
    /// `[out]`
    pub offset: Vec<f32>,
}

/// All weights of the architecture.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// Dimensions.
    pub config: Config,
    /// Graph layers.
    pub exchange: Vec<Exchange>,
    /// K = 1: time since the last event, µs.
    pub flow_time: Cell,
    /// K = 1.
    pub link_time: Cell,
    /// K = H + 13.
    pub flow_rate: Cell,
    /// K = H.
    pub link_rate: Cell,
    /// 14 + H → head; input: number of links, parameters, state.
    pub head: Dense,
    /// head → 1
    pub slowdown: Dense,
}

impl Weights {
    /// Takes the tensors apart.
    ///
    /// # Errors
    /// [`WeightsError`]: unsound dimensions, or a tensor that is missing, misshapen, not finite or too many.
    pub fn from_tensors(config: Config, tensors: Tensors) -> Result<Self, WeightsError> {
        if !config.is_sound() {
            let (found, expected) = (format!("{config:?}"), "dimensions of 1 to 4096 that fit together".into());
            return Err(WeightsError::Manifest { field: "config", found, expected });
        }
        let mut tensors = tensors;
        let weights = Self::assemble(config, |name, shape| tensors.take(name, shape))?;
        tensors.finish()?;
        Ok(weights)
    }

    /// The tensors, named.
    pub fn to_tensors(&self) -> Tensors {
        let mut tensors = Tensors::default();
        let mut copy = self.clone();
        copy.each(|name, shape, values| {
            tensors.insert(name, Tensor { shape: shape.to_vec(), values: std::mem::take(values) });
        });
        tensors
    }

    /// Untrained weights, which is what training starts from: uniform within ±1/√(inputs), in cells ±1/√H, as torch draws them
    /// for the published model (numbers of our own); the same for equal seeds.
    ///
    /// # Panics
    /// If the dimensions don't fit together.
    pub fn untrained(config: Config, seed: u64) -> Self {
        assert!(config.is_sound(), "dimensions fit together");
        let mut state = seed;
        let drawn = Self::assemble(config.clone(), |name, shape| {
            let count = shape.iter().product();
            let fan = fan_in(&config, name, shape);
            Ok::<_, std::convert::Infallible>(match name {
                n if n.ends_with("norm.gain") => vec![1.0; count],
                n if n.ends_with("norm.offset") => vec![0.0; count],
                _ => (0..count).map(|_| uniform(&mut state) / (fan as f32).sqrt()).collect(),
            })
        });
        drawn.unwrap_or_else(|never| match never {})
    }

    /// Calls `visit` with name, shape and values of every tensor, always in the same order.
    pub fn each(&mut self, mut visit: impl FnMut(&str, &[usize], &mut Vec<f32>)) {
        let Config { hidden, exchange, head, recurrent } = self.config.clone();
        for (i, (layer, w)) in self.exchange.iter_mut().zip(exchange.windows(2)).enumerate() {
            let (k, m) = (w[0], w[1]);
            visit(&format!("exchange.{i}.project.weight"), &[k, k], &mut layer.project.weight);
            visit(&format!("exchange.{i}.project.bias"), &[k], &mut layer.project.bias);
            visit(&format!("exchange.{i}.neighbours.weight"), &[m, k], &mut layer.neighbours.weight);
            visit(&format!("exchange.{i}.neighbours.bias"), &[m], &mut layer.neighbours.bias);
            visit(&format!("exchange.{i}.own.weight"), &[m, k], &mut layer.own.weight);
            visit(&format!("exchange.{i}.norm.gain"), &[m], &mut layer.gain);
            visit(&format!("exchange.{i}.norm.offset"), &[m], &mut layer.offset);
        }
        let cells = [
            ("flow_time", 1, &mut self.flow_time),
            ("link_time", 1, &mut self.link_time),
            ("flow_rate", hidden + PARAMETERS, &mut self.flow_rate),
            ("link_rate", hidden, &mut self.link_rate),
        ];
        for (name, inputs, cell) in cells.into_iter().filter(|_| recurrent) {
            let gates = 3 * hidden;
            visit(&format!("{name}.input.weight"), &[gates, inputs], &mut cell.input.weight);
            visit(&format!("{name}.hidden.weight"), &[gates, hidden], &mut cell.hidden.weight);
            visit(&format!("{name}.input.bias"), &[gates], &mut cell.input.bias);
            visit(&format!("{name}.hidden.bias"), &[gates], &mut cell.hidden.bias);
        }
        visit("slowdown.0.weight", &[head, 1 + PARAMETERS + hidden], &mut self.head.weight);
        visit("slowdown.0.bias", &[head], &mut self.head.bias);
        visit("slowdown.1.weight", &[1, head], &mut self.slowdown.weight);
        visit("slowdown.1.bias", &[1], &mut self.slowdown.bias);
    }

    /// Fills an empty set of weights tensor by tensor.
    fn assemble<E>(config: Config, mut fill: impl FnMut(&str, &[usize]) -> Result<Vec<f32>, E>) -> Result<Self, E> {
        let dense = || Dense { weight: Vec::new(), bias: Vec::new() };
        let cell = || Cell { input: dense(), hidden: dense() };
        let exchange = config.exchange.windows(2).map(|_| Exchange {
            project: dense(),
            neighbours: dense(),
            own: dense(),
            gain: Vec::new(),
            offset: Vec::new(),
        });
        let mut weights = Self {
            exchange: exchange.collect(),
            flow_time: cell(),
            link_time: cell(),
            flow_rate: cell(),
            link_rate: cell(),
            head: dense(),
            slowdown: dense(),
            config,
        };
        let mut failed = None;
        weights.each(|name, shape, values| {
            if failed.is_none() {
                match fill(name, shape) {
                    Ok(filled) => *values = filled,
                    Err(e) => failed = Some(e),
                }
            }
        });
        failed.map_or(Ok(weights), Err)
    }
}

/// What 1/√ of is the scale of an untrained tensor: H for all of a cell, else the inputs of the map that it belongs to.
fn fan_in(config: &Config, name: &str, shape: &[usize]) -> usize {
    match name {
        n if n.contains("_time.") || n.contains("_rate.") => config.hidden,
        "slowdown.0.bias" => 1 + PARAMETERS + config.hidden,
        "slowdown.1.bias" => config.head,
        n if n.ends_with(".bias") => {
            let layer = n.split('.').nth(1).and_then(|i| i.parse::<usize>().ok());
            layer.map_or(shape[0], |i| config.exchange[i])
        }
        _ => shape.get(1).copied().unwrap_or(shape[0]),
    }
}

/// Uniform in −1..1 (SplitMix64).
pub(crate) fn uniform(state: &mut u64) -> f32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}
