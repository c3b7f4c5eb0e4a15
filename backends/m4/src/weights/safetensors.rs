//! Named tensors in one file: 8 bytes length n (little-endian), n bytes JSON, then the numbers.
//!
//! ```text
//! {"name": {"dtype": "F32", "shape": [600, 200], "data_offsets": [0, 480000]}, …, "__metadata__": {…}}
//! ```
//!
//! Source: the safetensors format. Here: F32 only, and the tensors must fill the file without gaps, in any order.

use super::tensor::{Tensor, Tensors};
use super::{LARGEST_FILE, WeightsError, array, read};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Longest header accepted, bytes.
const LONGEST_HEADER: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// The file's bytes for `tensors`.
pub fn encode(tensors: &Tensors) -> Vec<u8> {
    let mut entries = BTreeMap::new();
    let mut end = 0;
    for (name, t) in tensors.iter() {
        let begin = end;
        end += 4 * t.values.len();
        entries.insert(name, Entry { dtype: "F32".into(), shape: t.shape.clone(), data_offsets: [begin, end] });
    }
    let mut header = serde_json::to_string(&entries).expect("a map of names to numbers is JSON");
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    tensors.iter().for_each(|(_, t)| t.values.iter().for_each(|v| bytes.extend(v.to_le_bytes())));
    bytes
}

/// Reads a file's bytes. Allocates no more than they are long.
///
/// # Errors
/// What is wrong, as a fragment.
pub fn decode(bytes: &[u8]) -> Result<Tensors, String> {
    let length = array(bytes, 0).map(u64::from_le_bytes).ok_or("shorter than the 8 bytes of a header length")?;
    if length > LONGEST_HEADER {
        return Err(format!("a header of {length} bytes is more than the {LONGEST_HEADER} accepted"));
    }
    let body = 8 + length as usize;
    let header = bytes.get(8..body).ok_or_else(|| format!("the header of {length} bytes is cut off"))?;
    let entries: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(header).map_err(|e| format!("the header is not a JSON object: {e}"))?;
    let mut parsed = Vec::new();
    for (name, value) in entries.into_iter().filter(|(name, _)| name != "__metadata__") {
        let entry: Entry = serde_json::from_value(value).map_err(|e| format!("tensor `{name}`: {e}"))?;
        if entry.dtype != "F32" {
            return Err(format!("tensor `{name}` has type {}, expected F32", entry.dtype));
        }
        parsed.push((name, entry));
    }
    check_spans(&parsed, bytes.len() - body)?;
    let mut tensors = Tensors::default();
    for (name, Entry { shape, data_offsets: [begin, end], .. }) in parsed {
        let tensor = Tensor::from_le_bytes(&shape, &bytes[body + begin..body + end]);
        let tensor = tensor.ok_or_else(|| format!("tensor `{name}` has {} bytes, not shape {shape:?}", end - begin))?;
        tensors.insert(name, tensor);
    }
    Ok(tensors)
}

/// The tensors fill `length` bytes without gap or overlap, so that reading them allocates no more.
fn check_spans(entries: &[(String, Entry)], length: usize) -> Result<(), String> {
    let mut spans: Vec<([usize; 2], &str)> = entries.iter().map(|(n, e)| (e.data_offsets, n.as_str())).collect();
    spans.sort_unstable();
    let mut at = 0;
    for ([begin, end], name) in spans {
        if begin != at || end < begin {
            return Err(format!("tensor `{name}` is at bytes {begin} to {end}, expected it to start at {at}"));
        }
        if end > length {
            return Err(format!("tensor `{name}` is cut off: it ends at byte {end} of {length}"));
        }
        at = end;
    }
    if at == length { Ok(()) } else { Err(format!("{} bytes after the last tensor", length - at)) }
}

/// Reads a file.
///
/// # Errors
/// [`WeightsError::File`] or [`WeightsError::Format`].
pub fn load(path: &Path) -> Result<Tensors, WeightsError> {
    decode(&read(path, LARGEST_FILE)?).map_err(|problem| WeightsError::format(path, problem))
}
