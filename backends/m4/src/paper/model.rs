//! The forward pass of one event on packed weights: from the states of a component to its new states and slowdowns.
//!
//! What is constant is folded in once: the 13 parameters are the same for all flows of a scenario, so their part of the rate
//! cell's and of the head's input becomes bias. Up to rounding the result is that of [`super::reference`]. Several components
//! that share nothing may be stepped together, each with its own elapsed time.
//!
//! Shapes: S flows, C link classes (see `graph.rs`), N = S + C rows; widths of the graph network w0 = H … wL = H.

use super::config::Config;
use super::parameters::PARAMETERS;
use super::weights::{Cell, Dense, Weights};
use crate::numerics::{Finish, Gru, GruScratch, LayerNorm, Linear, Neighbours, Simd, simd::sum_rows};

struct Layer {
    inputs: usize,
    outputs: usize,
    project: Linear,
    neighbours: Linear,
    own: Linear,
    norm: LayerNorm,
}

/// The weights, packed for one scenario's parameters.
pub struct Model {
    simd: Simd,
    hidden: usize,
    layers: Vec<Layer>,
    flow_time: Gru,
    link_time: Gru,
    flow_rate: Gru,
    link_rate: Gru,
    /// 1 + H → head: number of links, state.
    head: Linear,
    /// head → 1
    slowdown: Linear,
}

/// The states of one or more components' rows during an event of each, and room for everything in between; reused from event to event.
#[derive(Default)]
pub struct Batch {
    /// S
    pub flows: usize,
    /// C
    pub classes: usize,
    /// How many of the flows, the first ones, and of the classes have had time pass since their last event. (For the others
    /// the time cells are skipped, as published.)
    pub moving_flows: usize,
    /// See `moving_flows`.
    pub moving_classes: usize,
    /// `[N]` time since the last event of each row's component, µs.
    pub elapsed_us: Vec<f32>,
    /// `[N, H]`: flows first. In: before the event; out: after it.
    pub states: Vec<f32>,
    /// For every row the rows it hears: a flow its classes (weight: links in the class), a class its flows (weight 1).
    pub neighbours: Neighbours,
    /// `[S]` links of each flow's path.
    pub links: Vec<f32>,
    /// `[S]` out: predicted slowdowns, not yet held at 1.
    pub slowdowns: Vec<f32>,
    gru: GruScratch,
    /// `[N, w]`: input of a layer, projection, sum over neighbours, output.
    room: [Vec<f32>; 4],
}

impl Model {
    /// Packs `weights` for `parameters`. Cost: one pass over the weights.
    pub fn new(weights: &Weights, parameters: &[f32; PARAMETERS], simd: Simd) -> Self {
        let Config { hidden, exchange, head } = &weights.config;
        let (hidden, gates) = (*hidden, 3 * *hidden);
        let layers = weights.exchange.iter().zip(exchange.windows(2)).map(|(layer, w)| {
            let (k, m) = (w[0], w[1]);
            Layer {
                inputs: k,
                outputs: m,
                project: packed(k, k, &layer.project),
                neighbours: packed(k, m, &layer.neighbours),
                own: packed(k, m, &layer.own),
                norm: LayerNorm::new(&layer.gain, &layer.offset),
            }
        });
        let gru = |k: usize, cell: &Cell| Gru::new(packed(k, gates, &cell.input), packed(hidden, gates, &cell.hidden));
        let flow_rate = Cell {
            input: folded(&weights.flow_rate.input, hidden + PARAMETERS, hidden, parameters),
            hidden: weights.flow_rate.hidden.clone(),
        };
        Self {
            simd,
            hidden,
            layers: layers.collect(),
            flow_time: gru(1, &weights.flow_time),
            link_time: gru(1, &weights.link_time),
            flow_rate: gru(hidden, &flow_rate),
            link_rate: gru(hidden, &weights.link_rate),
            head: packed(1 + hidden, *head, &folded(&weights.head, 1 + PARAMETERS + hidden, 1, parameters)),
            slowdown: packed(*head, 1, &weights.slowdown),
        }
    }

    /// H.
    pub const fn hidden(&self) -> usize {
        self.hidden
    }

    /// Multiply-adds of one event of `flows` and `classes` rows whose time advances, sums over neighbours left out.
    pub fn multiply_adds(&self, flows: usize, classes: usize) -> usize {
        let (rows, h) = (flows + classes, self.hidden);
        let layer = |l: &Layer| l.inputs * l.inputs + 2 * l.inputs * l.outputs;
        let cells = 3 * h * h * 3; // time (hidden part), rate (both parts)
        let head = flows * ((1 + h) * self.head.outputs() + self.head.outputs());
        rows * (cells + self.layers.iter().map(layer).sum::<usize>()) + head
    }

    /// One event of each component.
    pub fn step(&self, batch: &mut Batch) {
        let (flows, rows, h) = (batch.flows, batch.flows + batch.classes, self.hidden);
        let states = &mut batch.states[..rows * h];
        let (f, l) = states.split_at_mut(flows * h);
        self.flow_time.step(self.simd, batch.moving_flows, &batch.elapsed_us, f, &mut batch.gru);
        self.link_time.step(self.simd, batch.moving_classes, &batch.elapsed_us[flows..], l, &mut batch.gru);
        let [x, p, sum, y] = &mut batch.room;
        x.clear();
        x.extend_from_slice(states);
        for layer in &self.layers {
            let (k, m) = (layer.inputs, layer.outputs);
            for (buffer, width) in [(&mut *p, k), (&mut *sum, k), (&mut *y, m)] {
                buffer.resize(rows * width, 0.0);
            }
            layer.project.apply(self.simd, rows, x, p, Finish::Relu);
            sum_rows(self.simd, k, &batch.neighbours, p, sum);
            layer.neighbours.apply(self.simd, rows, sum, y, Finish::Bias);
            layer.own.apply(self.simd, rows, x, y, Finish::Add);
            layer.norm.apply(self.simd, rows, y);
            std::mem::swap(x, y);
        }
        let (f, l) = states.split_at_mut(flows * h);
        self.flow_rate.step(self.simd, flows, &x[..flows * h], f, &mut batch.gru);
        self.link_rate.step(self.simd, batch.classes, &x[flows * h..rows * h], l, &mut batch.gru);
        self.predict(batch);
    }

    fn predict(&self, batch: &mut Batch) {
        let (flows, h) = (batch.flows, self.hidden);
        let [x, hidden, ..] = &mut batch.room;
        x.clear();
        for (links, state) in batch.links.iter().zip(batch.states.chunks_exact(h)).take(flows) {
            x.push(*links);
            x.extend_from_slice(state);
        }
        hidden.resize(flows * self.head.outputs(), 0.0);
        batch.slowdowns.resize(flows, 0.0);
        self.head.apply(self.simd, flows, x, hidden, Finish::Relu);
        self.slowdown.apply(self.simd, flows, hidden, &mut batch.slowdowns, Finish::Bias);
    }
}

fn packed(inputs: usize, outputs: usize, dense: &Dense) -> Linear {
    Linear::new(inputs, outputs, &dense.weight, &dense.bias)
}

/// `dense` (K inputs) without the inputs from `at` on that are the scenario's parameters; their product becomes bias.
fn folded(dense: &Dense, inputs: usize, at: usize, parameters: &[f32; PARAMETERS]) -> Dense {
    let (mut weight, mut bias) = (Vec::new(), Vec::new());
    for (row, b) in dense.weight.chunks_exact(inputs).zip(&dense.bias) {
        let constant = row[at..at + PARAMETERS].iter().zip(parameters);
        let product: f64 = constant.map(|(w, p)| f64::from(*w) * f64::from(*p)).sum();
        bias.push((f64::from(*b) + product) as f32);
        weight.extend_from_slice(&row[..at]);
        weight.extend_from_slice(&row[at + PARAMETERS..]);
    }
    Dense { weight, bias }
}
