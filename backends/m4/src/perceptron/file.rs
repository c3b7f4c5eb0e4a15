//! Functions as safetensors files, and the ones that ship with this crate.
//!
//! ```text
//! u64 length of the header · header: JSON with name, type, shape and place of each tensor · f32, little-endian
//! tensors: centre [F], scale [F], weights [all of mod.rs, in its order]
//! ```
//!
//! Only files of exactly this layout are read: the header is made from the model and the hidden width, which follow from the file's
//! length, and must then be the same text. So there is nothing to parse and nothing to allocate but what the file holds.

use super::{Layout, Perceptron};
use crate::{corrected, refined};

/// Models of this crate whose learned part is a [`Perceptron`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`crate::refined`].
    Refined,
    /// [`crate::corrected`].
    Corrected,
}

impl Kind {
    /// All of them, the default first.
    pub const ALL: [Self; 2] = [Self::Refined, Self::Corrected];

    /// Its name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refined => "refined",
            Self::Corrected => "corrected",
        }
    }

    /// Name of a file of its weights in a folder.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Refined => "refined.safetensors",
            Self::Corrected => "corrected.safetensors",
        }
    }

    /// Numbers its function sees.
    pub const fn inputs(self) -> usize {
        match self {
            Self::Refined => refined::features::FEATURES,
            Self::Corrected => corrected::features::FEATURES,
        }
    }

    /// The shipped weights; a text of the same name beside each says where they come from.
    const fn shipped_file(self) -> &'static [u8] {
        match self {
            Self::Refined => include_bytes!("../../weights/refined.safetensors"),
            Self::Corrected => include_bytes!("../../weights/corrected.safetensors"),
        }
    }

    /// The shipped function.
    ///
    /// # Errors
    /// Never for the files in the repository, which a test reads.
    pub fn shipped(self) -> Result<Perceptron, WeightsError> {
        self.decode(self.shipped_file())
    }
}

/// Widest hidden layers that are looked for.
pub const WIDEST: usize = 512;

/// Why bytes are not weights of a model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WeightsError {
    /// The length fits no hidden width.
    #[error(
        "{found} bytes are not the length of a file of weights of this model (of the published architecture name the folder)"
    )]
    Length {
        /// Bytes there are.
        found: usize,
    },
    /// The header is another one.
    #[error("the header is not that of the {model} model with {hidden} hidden units")]
    Header {
        /// The model that the length stands for.
        model: &'static str,
        /// Its hidden width.
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

/// A file as a model, whichever it is of.
///
/// # Errors
/// [`WeightsError`].
pub fn decode(bytes: &[u8]) -> Result<(Kind, Perceptron), WeightsError> {
    let mut why = WeightsError::Length { found: bytes.len() };
    for kind in Kind::ALL {
        match kind.decode(bytes) {
            Ok(model) => return Ok((kind, model)),
            Err(WeightsError::Length { .. }) => {}
            Err(e) => why = e,
        }
    }
    Err(why)
}

impl Kind {
    /// A function of this model as a file.
    pub fn encode(self, model: &Perceptron) -> Vec<u8> {
        let header = self.header(model.hidden);
        let numbers = model.centre.iter().chain(&model.scale).chain(&model.weights);
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend(numbers.flat_map(|v| v.to_le_bytes()));
        bytes
    }

    /// A file as a function of this model.
    ///
    /// # Errors
    /// [`WeightsError`].
    pub fn decode(self, bytes: &[u8]) -> Result<Perceptron, WeightsError> {
        let inputs = self.inputs();
        let total = |hidden: usize| 2 * inputs + Layout::of(inputs, hidden).total;
        let length = |hidden: &usize| 8 + self.header(*hidden).len() + 4 * total(*hidden);
        let widths = (16..=WIDEST).step_by(16);
        let hidden = widths.into_iter().find(|h| length(h) == bytes.len());
        let hidden = hidden.ok_or(WeightsError::Length { found: bytes.len() })?;
        let expected = self.header(hidden);
        let (start, data) = bytes.split_at(8 + expected.len());
        if start[..8] != (expected.len() as u64).to_le_bytes() || &start[8..] != expected.as_bytes() {
            return Err(WeightsError::Header { model: self.name(), hidden });
        }
        let number = |b: &[u8]| f32::from_le_bytes(b.try_into().expect("chunks have four bytes"));
        let numbers: Vec<f32> = data.chunks_exact(4).map(number).collect();
        if let Some(position) = numbers.iter().position(|v| !v.is_finite()) {
            return Err(WeightsError::Value { position, value: numbers[position] });
        }
        let (centre, rest) = numbers.split_at(inputs);
        let (scale, weights) = rest.split_at(inputs);
        Ok(Perceptron::new(centre.to_vec(), scale.to_vec(), hidden, weights.to_vec()))
    }

    /// The header, padded with spaces to a multiple of eight bytes as safetensors asks.
    fn header(self, hidden: usize) -> String {
        let inputs = self.inputs();
        let entry = |name: &str, start: usize, count: usize| {
            let (from, to) = (4 * start, 4 * (start + count));
            format!("\"{name}\":{{\"dtype\":\"F32\",\"shape\":[{count}],\"data_offsets\":[{from},{to}]}}")
        };
        let total = Layout::of(inputs, hidden).total;
        let entries = [entry("centre", 0, inputs), entry("scale", inputs, inputs), entry("weights", 2 * inputs, total)];
        let of = self.name();
        let metadata = format!("\"__metadata__\":{{\"model\":\"mixlab m4 {of}\",\"hidden\":\"{hidden}\"}}");
        let text = format!("{{{metadata},{}}}", entries.join(","));
        format!("{text:width$}", width = text.len().next_multiple_of(8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_survives_the_file_and_damaged_files_are_refused() {
        for kind in Kind::ALL {
            let model = Perceptron::untrained(kind.inputs(), 32, 3);
            let bytes = kind.encode(&model);
            assert_eq!(decode(&bytes), Ok((kind, model)));
            assert_eq!(decode(&bytes[..bytes.len() - 1]), Err(WeightsError::Length { found: bytes.len() - 1 }));
            let mut other = bytes.clone();
            other[20] ^= 1;
            assert_eq!(decode(&other), Err(WeightsError::Header { model: kind.name(), hidden: 32 }));
            let mut other = bytes;
            let end = other.len();
            other[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
            assert!(matches!(decode(&other), Err(WeightsError::Value { .. })));
        }
        assert_eq!(decode(&[]), Err(WeightsError::Length { found: 0 }));
    }

    #[test]
    fn the_shipped_weights_are_those_that_their_descriptions_name() {
        let texts = [include_str!("../../weights/refined.md"), include_str!("../../weights/corrected.md")];
        for (kind, text) in Kind::ALL.into_iter().zip(texts) {
            let digest = kind.shipped().expect("the shipped weights can be read").digest();
            assert!(text.contains(&digest), "{}: {digest}", kind.name());
        }
    }
}
