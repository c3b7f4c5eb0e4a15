//! The gradient of all weights, in one vector in the order of [`Trained::each`].
//!
//! The gradient of a linear map's weights is Σ dy ⊗ x over all rows of all events. Rows are collected and multiplied in batches,
//! `dYᵀ X`, so that the gradient is not read and written at every event. Memory: [`ROWS`] rows of each map's input and output.

use super::trained::Trained;
use crate::numerics::{Finish, Linear, Simd};
use crate::paper::PARAMETERS;
use std::collections::BTreeMap;
use std::ops::Range;

/// Rows that are collected.
const ROWS: usize = 256;

/// The gradient of one linear map K → M.
#[derive(Clone, Debug)]
struct Map {
    /// Inputs as rows have them.
    inputs: usize,
    outputs: usize,
    /// Where its weights are, `[M, K]`, or `[M, K + 13]` if the scenario's parameters are among its inputs.
    weight: Range<usize>,
    bias: Option<Range<usize>>,
    /// Before which of the rows' inputs the parameters belong.
    parameters_at: Option<usize>,
    rows: usize,
    /// `[rows, K]`
    x: Vec<f32>,
    /// `[rows, M]`
    dy: Vec<f32>,
}

/// Names a map of a [`Gradient`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MapId(usize);

/// A gradient that is being added up.
#[derive(Clone, Debug)]
pub(super) struct Gradient {
    simd: Simd,
    /// In the order of [`Trained::each`].
    pub values: Vec<f32>,
    maps: Vec<Map>,
    ids: BTreeMap<String, MapId>,
    /// Tensors that belong to no map.
    others: BTreeMap<String, Range<usize>>,
    turned: Vec<f32>,
    product: Vec<f32>,
}

impl Gradient {
    /// Zero, for these shapes.
    pub fn new(trained: &mut Trained, simd: Simd) -> Self {
        let hidden = trained.weights.config.hidden;
        let (mut maps, mut ids, mut others) = (Vec::<Map>::new(), BTreeMap::new(), BTreeMap::new());
        let mut end = 0;
        trained.each(|name, shape, _| {
            let range = end..end + shape.iter().product::<usize>();
            end = range.end;
            if let Some(map) = name.strip_suffix(".weight") {
                let parameters_at = match map {
                    "flow_rate.input" => Some(hidden),
                    "slowdown.0" => Some(1),
                    _ => None,
                };
                let inputs = shape[1] - parameters_at.map_or(0, |_| PARAMETERS);
                ids.insert(map.to_string(), MapId(maps.len()));
                let (rows, x, dy) = (0, Vec::new(), Vec::new());
                maps.push(Map { inputs, outputs: shape[0], weight: range, bias: None, parameters_at, rows, x, dy });
            } else if let Some(MapId(map)) = name.strip_suffix(".bias").and_then(|map| ids.get(map)) {
                maps[*map].bias = Some(range);
            } else {
                others.insert(name.to_string(), range);
            }
        });
        let values = vec![0.0; end];
        Self { simd, values, maps, ids, others, turned: Vec::new(), product: Vec::new() }
    }

    /// The map that has tensor `name.weight`.
    ///
    /// # Panics
    /// If there is none.
    pub fn map(&self, name: &str) -> MapId {
        *self.ids.get(name).expect("every map of the architecture has weights")
    }

    /// Where in `values` a tensor is that belongs to no map.
    ///
    /// # Panics
    /// If there is none of the name.
    pub fn vector(&self, name: &str) -> Range<usize> {
        self.others.get(name).expect("every vector of the architecture has weights").clone()
    }

    /// Adds Σ dy ⊗ x over `rows` rows (and Σ dy to the bias).
    pub fn add(&mut self, map: MapId, rows: usize, x: &[f32], dy: &[f32], parameters: &[f32; PARAMETERS]) {
        if rows == 0 {
            return;
        }
        let m = &mut self.maps[map.0];
        m.x.extend_from_slice(&x[..rows * m.inputs]);
        m.dy.extend_from_slice(&dy[..rows * m.outputs]);
        m.rows += rows;
        if m.rows >= ROWS {
            self.settle_map(map, parameters);
        }
    }

    /// Multiplies what is collected. To be called before the parameters change and before `values` are read.
    pub fn settle(&mut self, parameters: &[f32; PARAMETERS]) {
        (0..self.maps.len()).for_each(|map| self.settle_map(MapId(map), parameters));
    }

    fn settle_map(&mut self, map: MapId, parameters: &[f32; PARAMETERS]) {
        let Self { simd, values, maps, turned, product, .. } = self;
        let m = &mut maps[map.0];
        if m.rows == 0 {
            return;
        }
        let (rows, k, outputs) = (m.rows, m.inputs, m.outputs);
        turned.clear();
        turned.resize(rows * outputs, 0.0);
        for (r, dy) in m.dy.chunks_exact(outputs).enumerate() {
            dy.iter().enumerate().for_each(|(o, v)| turned[o * rows + r] = *v);
        }
        let sums: Vec<f32> = turned.chunks_exact(rows).map(|dy| dy.iter().sum()).collect();
        let packed = Linear::transposed(rows, k, &m.x);
        match m.parameters_at {
            None => packed.apply(*simd, outputs, turned, &mut values[m.weight.clone()], Finish::Add),
            Some(at) => {
                product.clear();
                product.resize(outputs * k, 0.0);
                packed.apply(*simd, outputs, turned, product, Finish::Add);
                let gradient = values[m.weight.clone()].chunks_exact_mut(k + PARAMETERS);
                for ((gradient, product), sum) in gradient.zip(product.chunks_exact(k)).zip(&sums) {
                    gradient[..at].iter_mut().zip(&product[..at]).for_each(|(g, p)| *g += p);
                    gradient[at + PARAMETERS..].iter_mut().zip(&product[at..]).for_each(|(g, p)| *g += p);
                    gradient[at..at + PARAMETERS].iter_mut().zip(parameters).for_each(|(g, p)| *g += sum * p);
                }
            }
        }
        if let Some(bias) = m.bias.clone() {
            values[bias].iter_mut().zip(&sums).for_each(|(g, sum)| *g += sum);
        }
        m.rows = 0;
        m.x.clear();
        m.dy.clear();
    }
}
