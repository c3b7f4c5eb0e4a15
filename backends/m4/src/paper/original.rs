//! Reads the eight TorchScript files that the original program exports, so that an existing checkpoint runs here.
//!
//! | file | tensors |
//! |---|---|
//! | `gnn_layer_{0,1,2}.pt` | `conv.lin.weight`, `conv.lin.bias`, `conv.lin_l.weight`, `conv.lin_l.bias`, `conv.lin_r.weight`, `norm.weight`, `norm.bias` |
//! | `lstmcell_{time,time_link,rate,rate_link}.pt` | `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh` |
//! | `output_layer.pt` | `0.weight`, `0.bias`, `3.weight`, `3.bias` |
//!
//! Modules may be wrapped (`homogeneous_layer.conv.lin.weight`): a tensor is found by how its path ends. Dimensions are taken
//! from the shapes. Source: file names and module trees of the public m4 repository.

use super::config::Config;
use super::weights::Weights;
use crate::weights::{Tensor, Tensors, WeightsError, torchscript};
use std::path::Path;

const CELLS: [(&str, &str); 4] = [
    ("lstmcell_time", "flow_time"),
    ("lstmcell_time_link", "link_time"),
    ("lstmcell_rate", "flow_rate"),
    ("lstmcell_rate_link", "link_rate"),
];
const CELL_TENSORS: [(&str, &str); 4] = [
    ("weight_ih", "input.weight"),
    ("weight_hh", "hidden.weight"),
    ("bias_ih", "input.bias"),
    ("bias_hh", "hidden.bias"),
];
const LAYER_TENSORS: [(&str, &str); 7] = [
    ("conv.lin.weight", "project.weight"),
    ("conv.lin.bias", "project.bias"),
    ("conv.lin_l.weight", "neighbours.weight"),
    ("conv.lin_l.bias", "neighbours.bias"),
    ("conv.lin_r.weight", "own.weight"),
    ("norm.weight", "norm.gain"),
    ("norm.bias", "norm.offset"),
];
const HEAD_TENSORS: [(&str, &str); 4] = [
    ("0.weight", "slowdown.0.weight"),
    ("0.bias", "slowdown.0.bias"),
    ("3.weight", "slowdown.1.weight"),
    ("3.bias", "slowdown.1.bias"),
];
const LAYERS: usize = 3;

/// Congestion controls the released model was trained for, by their names in mixes. (HPCC has a place in the parameters, but
/// is in none of the released training mixes.)
pub const TRAINED_FOR: [&str; 3] = ["dctcp", "dcqcn", "timely"];

/// Reads `folder`.
///
/// # Errors
/// [`WeightsError`]: unreadable, malformed, or a tensor that is missing or has the wrong shape.
pub fn load(folder: &Path) -> Result<Weights, WeightsError> {
    let mut tensors = Tensors::default();
    let mut add = |file: &str, wanted: &[(&str, &str)], prefix: &str| -> Result<(), WeightsError> {
        let found = torchscript::load(&folder.join(format!("{file}.pt")))?;
        for (theirs, ours) in wanted {
            tensors.insert(format!("{prefix}{ours}"), tensor(&found, file, theirs)?);
        }
        Ok(())
    };
    for layer in 0..LAYERS {
        add(&format!("gnn_layer_{layer}"), &LAYER_TENSORS, &format!("exchange.{layer}."))?;
    }
    for (file, name) in CELLS {
        add(file, &CELL_TENSORS, &format!("{name}."))?;
    }
    add("output_layer", &HEAD_TENSORS, "")?;
    Weights::from_tensors(config(&tensors), tensors)
}

/// The one tensor whose path is `end` or ends with `.end`.
fn tensor(found: &Tensors, file: &str, end: &str) -> Result<Tensor, WeightsError> {
    let matches = |path: &str| path.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let name = format!("{file}.pt: {end}");
    let mut all = found.iter().filter(|(path, _)| matches(path));
    match (all.next(), all.next()) {
        (Some((_, tensor)), None) => Ok(tensor.clone()),
        (None, _) => Err(WeightsError::Missing { name }),
        (Some(_), Some(_)) => Err(WeightsError::Unknown { name: format!("{name} (a second one)") }),
    }
}

/// The dimensions the shapes claim; whether they fit together is checked when the weights are assembled.
fn config(tensors: &Tensors) -> Config {
    let extent = |name: &str, d: usize| tensors.get(name).and_then(|t| t.shape.get(d)).copied().unwrap_or(0);
    let mut exchange: Vec<usize> = (0..LAYERS).map(|i| extent(&format!("exchange.{i}.own.weight"), 1)).collect();
    exchange.push(extent(&format!("exchange.{}.own.weight", LAYERS - 1), 0));
    let (hidden, head) = (extent("flow_rate.hidden.weight", 1), extent("slowdown.0.weight", 0));
    Config { hidden, exchange, head, recurrent: true }
}
