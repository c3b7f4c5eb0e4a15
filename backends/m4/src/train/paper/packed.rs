//! The weights as the two directions of a pass need them: the engine's own [`Model`] forwards, transposed maps backwards.

use super::gradient::{Gradient, MapId};
use super::trained::{Head, Trained};
use crate::numerics::{Finish, Linear, Simd};
use crate::paper::model::{head_input, rate_input};
use crate::paper::weights::{Cell, Dense};
use crate::paper::{Model, PARAMETERS};
use std::ops::Range;

/// The reverse of a map, and where its gradient goes.
pub(super) struct Reverse {
    /// M → K
    pub map: Linear,
    pub id: MapId,
}

/// A graph layer backwards.
pub(super) struct LayerReverse {
    pub project: Reverse,
    pub neighbours: Reverse,
    pub own: Reverse,
    pub gain: Range<usize>,
    pub offset: Range<usize>,
}

/// A cell backwards.
pub(super) struct CellReverse {
    /// 3H → K; a time cell's input needs no gradient, but its weights do.
    pub input: Reverse,
    /// 3H → H
    pub hidden: Reverse,
}

/// A head of training, both ways.
pub(super) struct HeadPair {
    hidden: Linear,
    out: Linear,
    pub back: [Reverse; 2],
}

/// All weights, both ways.
pub(super) struct Packed {
    pub simd: Simd,
    pub model: Model,
    pub layers: Vec<LayerReverse>,
    /// In the order of the model's cells; none in the ablation without them.
    pub cells: Option<[CellReverse; 4]>,
    pub slowdown: [Reverse; 2],
    pub remaining: HeadPair,
    pub queue: HeadPair,
}

impl Packed {
    /// Packs `trained`. Cost: a pass over all weights in either direction.
    pub fn new(trained: &Trained, gradient: &Gradient, simd: Simd) -> Self {
        let w = &trained.weights;
        let h = w.config.hidden;
        let none = [0.0; PARAMETERS];
        let reverse = |name: &str, inputs: usize, dense: &Dense| Reverse {
            map: Linear::transposed(dense.weight.len() / inputs, inputs, &dense.weight),
            id: gradient.map(name),
        };
        let layer = |(i, layer): (usize, &crate::paper::weights::Exchange)| LayerReverse {
            project: reverse(&format!("exchange.{i}.project"), w.config.exchange[i], &layer.project),
            neighbours: reverse(&format!("exchange.{i}.neighbours"), w.config.exchange[i], &layer.neighbours),
            own: reverse(&format!("exchange.{i}.own"), w.config.exchange[i], &layer.own),
            gain: gradient.vector(&format!("exchange.{i}.norm.gain")),
            offset: gradient.vector(&format!("exchange.{i}.norm.offset")),
        };
        let cell = |name: &str, inputs: usize, input: &Dense, cell: &Cell| CellReverse {
            input: reverse(&format!("{name}.input"), inputs, input),
            hidden: reverse(&format!("{name}.hidden"), h, &cell.hidden),
        };
        let cells = w.config.recurrent.then(|| {
            [
                cell("flow_time", 1, &w.flow_time.input, &w.flow_time),
                cell("link_time", 1, &w.link_time.input, &w.link_time),
                cell("flow_rate", h, &rate_input(w, &none), &w.flow_rate),
                cell("link_rate", h, &w.link_rate.input, &w.link_rate),
            ]
        });
        let head = |name: &str, head: &Head| HeadPair {
            hidden: Linear::new(h, h, &head.hidden.weight, &head.hidden.bias),
            out: Linear::new(h, 1, &head.out.weight, &head.out.bias),
            back: [reverse(&format!("{name}.0"), h, &head.hidden), reverse(&format!("{name}.1"), h, &head.out)],
        };
        Self {
            simd,
            model: Model::new(w, &none, simd),
            layers: w.exchange.iter().enumerate().map(layer).collect(),
            cells,
            slowdown: [
                reverse("slowdown.0", 1 + h, &head_input(w, &none)),
                reverse("slowdown.1", w.config.head, &w.slowdown),
            ],
            remaining: head("remaining", &trained.remaining),
            queue: head("queue", &trained.queue),
        }
    }
}

impl HeadPair {
    /// `hidden[rows, H]` from `x[rows, H]`.
    pub fn hide(&self, simd: Simd, rows: usize, x: &[f32], hidden: &mut Vec<f32>) {
        hidden.resize(rows * self.hidden.outputs(), 0.0);
        self.hidden.apply(simd, rows, x, hidden, Finish::Relu);
    }

    /// `out[rows]` from `hidden`.
    pub fn conclude(&self, simd: Simd, rows: usize, hidden: &[f32], out: &mut Vec<f32>) {
        out.resize(rows, 0.0);
        self.out.apply(simd, rows, hidden, out, Finish::Bias);
    }
}
