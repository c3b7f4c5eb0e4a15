//! Reads the tensors of a TorchScript module (`torch.jit.script(module).save(file)`) by name.
//!
//! Such a file is a ZIP archive: `<stem>/data.pkl` is a pickle of the module tree whose
//! leaves refer to `<stem>/data/<key>`, raw little-endian f32. Code entries are not looked at; nothing is executed.

mod pickle;
mod zip;

use super::tensor::{Tensor, Tensors};
use super::{LARGEST_FILE, WeightsError, read};
use pickle::{Pickle, Value};
use std::path::Path;

/// Deepest module tree accepted.
const DEEPEST: usize = 16;
/// Most values looked at while walking the tree: shared parts count each time they are met.
const MOST_VISITS: usize = 100_000;

/// Reads a file's bytes. Names are paths in the module tree: `homogeneous_layer.conv.lin.weight`.
///
/// # Errors
/// What is wrong, as a fragment.
pub fn decode(bytes: &[u8]) -> Result<Tensors, String> {
    let archive = zip::Archive::open(bytes)?;
    let stem = archive.names().find_map(|name| name.strip_suffix("/data.pkl").filter(|s| !s.contains('/')));
    let stem = stem.ok_or("no entry <stem>/data.pkl: not a TorchScript file")?;
    let tree = archive.get(&format!("{stem}/data.pkl"))?;
    let order = format!("{stem}/byteorder");
    if archive.names().any(|name| name == order) && archive.get(&order)? != b"little" {
        return Err("the numbers are not little-endian".into());
    }
    let pickle = Pickle::parse(tree)?;
    let mut walk =
        Walk { pickle: &pickle, archive: &archive, stem, visits: 0, left: bytes.len(), tensors: Tensors::default() };
    walk.visit(pickle.root(), "", DEEPEST)?;
    Ok(walk.tensors)
}

/// Reads a file.
///
/// # Errors
/// [`WeightsError::File`] or [`WeightsError::Format`].
pub fn load(path: &Path) -> Result<Tensors, WeightsError> {
    decode(&read(path, LARGEST_FILE)?).map_err(|problem| WeightsError::format(path, problem))
}

struct Walk<'a> {
    pickle: &'a Pickle,
    archive: &'a zip::Archive<'a>,
    stem: &'a str,
    visits: usize,
    /// Bytes that tensors may still take: tensors that share storage can't take more than the file is long.
    left: usize,
    tensors: Tensors,
}

impl Walk<'_> {
    /// Modules are objects whose state is a dictionary of attributes; tensors are calls of `_rebuild_tensor_v2`.
    fn visit(&mut self, value: Value, path: &str, depth: usize) -> Result<(), String> {
        self.visits += 1;
        if depth == 0 || self.visits > MOST_VISITS {
            return Err("the module tree is too deep or too large".into());
        }
        let pickle = self.pickle;
        let Value::Object(object) = value else { return Ok(()) };
        let object = pickle.object(object);
        if pickle.text(object.callable) == Some("torch._utils _rebuild_tensor_v2") {
            let tensor = self.tensor(object.arguments).map_err(|e| format!("tensor `{path}`: {e}"))?;
            let free = self.tensors.insert(path, tensor);
            return if free { Ok(()) } else { Err(format!("two tensors are called `{path}`")) };
        }
        let Some(Value::Dict(state)) = object.state else { return Ok(()) };
        for (key, value) in pickle.dict(state) {
            let Some(key) = pickle.text(*key) else { continue };
            let path = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
            self.visit(*value, &path, depth - 1)?;
        }
        Ok(())
    }

    /// Arguments: (storage, offset, shape, strides, …); the storage is ("storage", type, key, device, count).
    fn tensor(&mut self, arguments: Value) -> Result<Tensor, String> {
        let [Value::Persistent(id), Value::Int(offset), shape, strides, ..] = *self.pickle.tuple(arguments) else {
            return Err("its description is not (storage, offset, shape, strides, …)".into());
        };
        let [kind, class, key, _, Value::Int(_)] = *self.pickle.tuple(self.pickle.persistent(id)) else {
            return Err("its storage is not (\"storage\", type, key, device, count)".into());
        };
        if self.pickle.text(kind) != Some("storage") || self.pickle.text(class) != Some("torch FloatStorage") {
            return Err("its numbers are not f32".into());
        }
        let shape = self.extents(shape).ok_or("its shape is not a tuple of sizes")?;
        let strides = self.extents(strides).ok_or("its strides are not a tuple of sizes")?;
        let mut expected = 1usize;
        for (d, stride) in shape.iter().zip(&strides).rev() {
            if *d > 1 && *stride != expected {
                return Err(format!("strides {strides:?} are not those of a contiguous array of shape {shape:?}"));
            }
            expected = expected.checked_mul(*d).ok_or("its shape is too large")?;
        }
        if shape.len() != strides.len() {
            return Err("shape and strides have different lengths".into());
        }
        let key = self.pickle.text(key).ok_or("the key of its storage is not a text")?;
        let entry = format!("{}/data/{key}", self.stem);
        let storage = self.archive.get(&entry)?;
        let span = usize::try_from(offset).ok().and_then(|o| {
            let begin = o.checked_mul(4)?;
            Some(begin..begin.checked_add(expected.checked_mul(4)?)?)
        });
        let bytes =
            span.and_then(|s| storage.get(s)).ok_or_else(|| format!("{entry} is too short for shape {shape:?}"))?;
        self.left = self.left.checked_sub(bytes.len()).ok_or("the tensors are larger than the file")?;
        Tensor::from_le_bytes(&shape, bytes).ok_or_else(|| format!("{entry} does not have shape {shape:?}"))
    }

    fn extents(&self, value: Value) -> Option<Vec<usize>> {
        let Value::Tuple(_) = value else { return None };
        let size = |v: &Value| if let Value::Int(i) = v { usize::try_from(*i).ok() } else { None };
        self.pickle.tuple(value).iter().map(size).collect()
    }
}
