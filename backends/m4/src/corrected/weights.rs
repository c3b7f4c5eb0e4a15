//! Weights as a safetensors file, and the ones that ship with this crate.
//!
//! ```text
//! u64 length of the header · header: JSON with name, type, shape and place of each tensor · f32, little-endian
//! tensors: centre [F], scale [F], weights [all of perceptron.rs, in its order]
//! ```
//!
//! Only files of exactly this layout are read: the header is made from the hidden width, which follows from the file's length,
//! and must then be the same text. So there is nothing to parse and nothing to allocate but what the file holds.

use super::features::FEATURES;
use super::perceptron::{Layout, Perceptron};

/// The shipped weights; `corrected.md` beside them says where they come from.
const SHIPPED: &[u8] = include_bytes!("../../weights/corrected.safetensors");
/// Widest hidden layers that are looked for.
pub const WIDEST: usize = 512;

/// Why bytes are not weights of this model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WeightsError {
    /// The length fits no hidden width.
    #[error(
        "{found} bytes are not the length of a weights file of this model (of the published architecture name the folder)"
    )]
    Length {
        /// Bytes there are.
        found: usize,
    },
    /// The header is another one.
    #[error("the header is not that of {hidden} hidden units and {FEATURES} features")]
    Header {
        /// Hidden width that the length stands for.
        hidden: usize,
    },
    /// A number is infinite or not a number.
    #[error("weight {position} is {value}, expected a finite number")]
    Value {
        /// Which, counted over all tensors.
        position: usize,
        /// What it is.
        value: f32,
    },
}

/// The shipped model.
///
/// # Errors
/// Never for the file in the repository, which a test reads.
pub fn shipped() -> Result<Perceptron, WeightsError> {
    decode(SHIPPED)
}

/// A model as a file.
pub fn encode(model: &Perceptron) -> Vec<u8> {
    let header = header(model.hidden);
    let numbers = model.centre.iter().chain(&model.scale).chain(&model.weights);
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(numbers.flat_map(|v| v.to_le_bytes()));
    bytes
}

/// A file as a model.
///
/// # Errors
/// [`WeightsError`].
pub fn decode(bytes: &[u8]) -> Result<Perceptron, WeightsError> {
    let length = |hidden: &usize| 8 + header(*hidden).len() + 4 * (2 * FEATURES + Layout::of(*hidden).total);
    let widths = (16..=WIDEST).step_by(16);
    let hidden = widths.into_iter().find(|h| length(h) == bytes.len());
    let hidden = hidden.ok_or(WeightsError::Length { found: bytes.len() })?;
    let expected = header(hidden);
    let (start, data) = bytes.split_at(8 + expected.len());
    if start[..8] != (expected.len() as u64).to_le_bytes() || &start[8..] != expected.as_bytes() {
        return Err(WeightsError::Header { hidden });
    }
    let number = |b: &[u8]| f32::from_le_bytes(b.try_into().expect("chunks have four bytes"));
    let numbers: Vec<f32> = data.chunks_exact(4).map(number).collect();
    if let Some(position) = numbers.iter().position(|v| !v.is_finite()) {
        return Err(WeightsError::Value { position, value: numbers[position] });
    }
    let (centre, rest) = numbers.split_at(FEATURES);
    let (scale, weights) = rest.split_at(FEATURES);
    Ok(Perceptron::new(centre.to_vec(), scale.to_vec(), hidden, weights.to_vec()))
}

/// The header, padded with spaces to a multiple of eight bytes as safetensors asks.
fn header(hidden: usize) -> String {
    let total = Layout::of(hidden).total;
    let entry = |name: &str, start: usize, count: usize| {
        let (from, to) = (4 * start, 4 * (start + count));
        format!("\"{name}\":{{\"dtype\":\"F32\",\"shape\":[{count}],\"data_offsets\":[{from},{to}]}}")
    };
    let entries =
        [entry("centre", 0, FEATURES), entry("scale", FEATURES, FEATURES), entry("weights", 2 * FEATURES, total)];
    let metadata = format!("\"__metadata__\":{{\"model\":\"mixlab m4 corrected\",\"hidden\":\"{hidden}\"}}");
    let text = format!("{{{metadata},{}}}", entries.join(","));
    format!("{text:width$}", width = text.len().next_multiple_of(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_survives_the_file_and_damaged_files_are_refused() {
        let model = Perceptron::untrained(32, 3);
        let bytes = encode(&model);
        assert_eq!(decode(&bytes), Ok(model));
        assert_eq!(decode(&bytes[..bytes.len() - 1]), Err(WeightsError::Length { found: bytes.len() - 1 }));
        assert_eq!(decode(&[]), Err(WeightsError::Length { found: 0 }));
        let mut other = bytes.clone();
        other[20] ^= 1;
        assert_eq!(decode(&other), Err(WeightsError::Header { hidden: 32 }));
        let mut other = bytes;
        let end = other.len();
        other[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(matches!(decode(&other), Err(WeightsError::Value { .. })));
    }

    #[test]
    fn the_shipped_weights_can_be_read() {
        assert!(shipped().is_ok());
    }
}
