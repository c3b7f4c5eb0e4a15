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

pub(crate) struct Layer {
    pub inputs: usize,
    pub outputs: usize,
    pub project: Linear,
    pub neighbours: Linear,
    pub own: Linear,
    pub norm: LayerNorm,
}

/// The four cells, in the order of [`Batch::gates`].
pub(crate) struct Cells {
    pub flow_time: Gru,
    pub link_time: Gru,
    pub flow_rate: Gru,
    pub link_rate: Gru,
}

/// The weights, packed for one scenario's parameters.
pub struct Model {
    simd: Simd,
    hidden: usize,
    layers: Vec<Layer>,
    /// Absent in the ablation without them.
    cells: Option<Cells>,
    /// 1 + H → head: number of links, state.
    head: Linear,
    /// head → 1
    slowdown: Linear,
}

/// What a graph layer computed on the way to its output.
#[derive(Default)]
pub(crate) struct LayerRoom {
    /// `[N, in]` projections.
    pub projected: Vec<f32>,
    /// `[N, in]` their sums over neighbours.
    pub sum: Vec<f32>,
    /// `[N, out]` what the layer norm is applied to.
    pub raw: Vec<f32>,
}

/// The states of one or more components' rows during an event of each, and room for everything in between, which stays until the
/// next event: training's reverse pass starts from it. Reused from event to event.
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
    /// Time cells of flows and links, rate cells of flows and links.
    pub(crate) gates: [GruScratch; 4],
    /// `[layers + 1][N, w]` input of each graph layer, the first of which are the states after the time cells; output of the last.
    pub(crate) heard: Vec<Vec<f32>>,
    /// `[layers]`
    pub(crate) layers: Vec<LayerRoom>,
    /// `[S, 1 + H]` the head's input, `[S, head]` its hidden layer.
    pub(crate) head: [Vec<f32>; 2],
}

impl Model {
    /// Packs `weights` for `parameters`. Cost: one pass over the weights.
    pub fn new(weights: &Weights, parameters: &[f32; PARAMETERS], simd: Simd) -> Self {
        let Config { hidden, exchange, head, .. } = &weights.config;
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
        let cells = weights.config.recurrent.then(|| Cells {
            flow_time: gru(1, &weights.flow_time),
            link_time: gru(1, &weights.link_time),
            flow_rate: Gru::new(
                packed(hidden, gates, &rate_input(weights, parameters)),
                packed(hidden, gates, &weights.flow_rate.hidden),
            ),
            link_rate: gru(hidden, &weights.link_rate),
        });
        Self {
            simd,
            hidden,
            layers: layers.collect(),
            cells,
            head: packed(1 + hidden, *head, &head_input(weights, parameters)),
            slowdown: packed(*head, 1, &weights.slowdown),
        }
    }

    /// H.
    pub const fn hidden(&self) -> usize {
        self.hidden
    }

    /// The graph layers.
    pub(crate) fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The cells, unless the model is without.
    pub(crate) fn cells(&self) -> Option<&Cells> {
        self.cells.as_ref()
    }

    /// Multiply-adds of one event of `flows` and `classes` rows whose time advances, sums over neighbours left out.
    pub fn multiply_adds(&self, flows: usize, classes: usize) -> usize {
        let (rows, h) = (flows + classes, self.hidden);
        let layer = |l: &Layer| l.inputs * l.inputs + 2 * l.inputs * l.outputs;
        let cells = if self.cells.is_some() { 3 * h * h * 3 } else { 0 }; // time (hidden part), rate (both parts)
        let head = flows * ((1 + h) * self.head.outputs() + self.head.outputs());
        rows * (cells + self.layers.iter().map(layer).sum::<usize>()) + head
    }

    /// One event of each component: new states and predictions.
    pub fn step(&self, batch: &mut Batch) {
        self.advance(batch);
        self.exchange(batch);
        self.adjust(batch);
        let states = std::mem::take(&mut batch.states);
        self.predict(batch, &states);
        batch.states = states;
    }

    /// The time cells.
    pub(crate) fn advance(&self, batch: &mut Batch) {
        let Some(cells) = &self.cells else { return };
        let (flows, links) = batch.states.split_at_mut(batch.flows * self.hidden);
        let (elapsed, [gf, gl, ..]) = (&batch.elapsed_us, &mut batch.gates);
        cells.flow_time.step(self.simd, batch.moving_flows, elapsed, flows, gf);
        cells.link_time.step(self.simd, batch.moving_classes, &elapsed[batch.flows..], links, gl);
    }

    /// The graph network, from `batch.states` to the last of `batch.heard`.
    pub(crate) fn exchange(&self, batch: &mut Batch) {
        let (simd, rows) = (self.simd, batch.flows + batch.classes);
        batch.heard.resize_with(self.layers.len() + 1, Vec::new);
        batch.layers.resize_with(self.layers.len(), LayerRoom::default);
        batch.heard[0].clear();
        batch.heard[0].extend_from_slice(&batch.states[..rows * self.hidden]);
        for (i, (layer, room)) in self.layers.iter().zip(&mut batch.layers).enumerate() {
            let (k, m) = (layer.inputs, layer.outputs);
            let (before, after) = batch.heard.split_at_mut(i + 1);
            let (x, y) = (&before[i], &mut after[0]);
            for (buffer, width) in [(&mut room.projected, k), (&mut room.sum, k), (&mut room.raw, m)] {
                buffer.resize(rows * width, 0.0);
            }
            layer.project.apply(simd, rows, x, &mut room.projected, Finish::Relu);
            sum_rows(simd, k, &batch.neighbours, &room.projected, &mut room.sum);
            layer.neighbours.apply(simd, rows, &room.sum, &mut room.raw, Finish::Bias);
            layer.own.apply(simd, rows, x, &mut room.raw, Finish::Add);
            y.clear();
            y.extend_from_slice(&room.raw);
            layer.norm.apply(simd, rows, y);
        }
    }

    /// The rate cells.
    pub(crate) fn adjust(&self, batch: &mut Batch) {
        let (rows, split) = (batch.flows + batch.classes, batch.flows * self.hidden);
        let x = &batch.heard[self.layers.len()];
        let Some(cells) = &self.cells else {
            return batch.states[..rows * self.hidden].copy_from_slice(x);
        };
        let (flows, links) = batch.states.split_at_mut(split);
        let [.., gf, gl] = &mut batch.gates;
        cells.flow_rate.step(self.simd, batch.flows, &x[..split], flows, gf);
        cells.link_rate.step(self.simd, batch.classes, &x[split..], links, gl);
    }

    /// The head: `batch.slowdowns` of the first `batch.flows` of `states`.
    pub(crate) fn predict(&self, batch: &mut Batch, states: &[f32]) {
        let (flows, h) = (batch.flows, self.hidden);
        let [x, hidden] = &mut batch.head;
        x.clear();
        for (links, state) in batch.links.iter().zip(states.chunks_exact(h)).take(flows) {
            x.push(*links);
            x.extend_from_slice(state);
        }
        hidden.resize(flows * self.head.outputs(), 0.0);
        self.head.apply(self.simd, flows, x, hidden, Finish::Relu);
        self.conclude(batch);
    }

    /// The head's last map alone.
    pub(crate) fn conclude(&self, batch: &mut Batch) {
        batch.slowdowns.resize(batch.flows, 0.0);
        self.slowdown.apply(self.simd, batch.flows, &batch.head[1], &mut batch.slowdowns, Finish::Bias);
    }

    /// Takes the parameters of another scenario. PRECONDITION: `weights` are those it was packed from.
    pub(crate) fn set_parameters(&mut self, weights: &Weights, parameters: &[f32; PARAMETERS]) {
        if let Some(cells) = &mut self.cells {
            cells.flow_rate.set_input_bias(&rate_input(weights, parameters).bias);
        }
        self.head.set_bias(&head_input(weights, parameters).bias);
    }
}

/// The input map of the flows' rate cell, parameters folded in.
pub(crate) fn rate_input(weights: &Weights, parameters: &[f32; PARAMETERS]) -> Dense {
    folded(&weights.flow_rate.input, weights.config.hidden + PARAMETERS, weights.config.hidden, parameters)
}

/// The first map of the head, parameters folded in.
pub(crate) fn head_input(weights: &Weights, parameters: &[f32; PARAMETERS]) -> Dense {
    folded(&weights.head, 1 + PARAMETERS + weights.config.hidden, 1, parameters)
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
