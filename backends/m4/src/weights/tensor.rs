//! Named arrays of f32: what every weight file is read into and every model is built from.

use super::WeightsError;
use mixlab_contract::scenario::hex;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// An array of f32, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Extent of each dimension, outermost first.
    pub shape: Vec<usize>,
    /// The numbers; as many as the product of `shape`.
    pub values: Vec<f32>,
}

impl Tensor {
    /// From little-endian bytes; `None` if there are not exactly as many as `shape` asks for.
    pub fn from_le_bytes(shape: &[usize], bytes: &[u8]) -> Option<Self> {
        let count = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d))?;
        if bytes.len() != count.checked_mul(4)? {
            return None;
        }
        let values = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        Some(Self { shape: shape.to_vec(), values })
    }
}

/// Tensors by name, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensors {
    by_name: BTreeMap<String, Tensor>,
}

impl Tensors {
    /// Adds a tensor; returns whether the name was free.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) -> bool {
        self.by_name.insert(name.into(), tensor).is_none()
    }

    /// By name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.by_name.get(name)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.by_name.iter().map(|(n, t)| (n.as_str(), t))
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Removes and returns the tensor `name`, which must have `shape` and finite numbers.
    ///
    /// # Errors
    /// [`WeightsError::Missing`], [`WeightsError::Shape`] or [`WeightsError::NotFinite`].
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let tensor = self.by_name.remove(name).ok_or_else(|| WeightsError::Missing { name: name.into() })?;
        if tensor.shape != shape {
            return Err(WeightsError::Shape { name: name.into(), found: tensor.shape, expected: shape.to_vec() });
        }
        match tensor.values.iter().find(|v| !v.is_finite()) {
            Some(value) => Err(WeightsError::NotFinite { name: name.into(), value: *value }),
            None => Ok(tensor.values),
        }
    }

    /// After everything a model needs was taken: nothing may be left.
    ///
    /// # Errors
    /// [`WeightsError::Unknown`] naming the first that is.
    pub fn finish(self) -> Result<(), WeightsError> {
        match self.by_name.into_keys().next() {
            Some(name) => Err(WeightsError::Unknown { name }),
            None => Ok(()),
        }
    }

    /// SHA-256 over names, shapes and bits, as 64 hex digits: the same for the same weights in any file format.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (name, tensor) in self.iter() {
            digest.update((name.len() as u64).to_le_bytes());
            digest.update(name);
            digest.update((tensor.shape.len() as u64).to_le_bytes());
            tensor.shape.iter().for_each(|d| digest.update((*d as u64).to_le_bytes()));
            tensor.values.iter().for_each(|v| digest.update(v.to_le_bytes()));
        }
        hex(&digest.finalize())
    }
}
