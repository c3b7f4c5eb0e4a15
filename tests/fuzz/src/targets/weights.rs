//! Weights of m4: our manifest with safetensors, the shipped model's file, TorchScript.

use super::chosen;
use mixlab_m4::Checkpoint;
use mixlab_m4::perceptron::file;
use mixlab_m4::weights::{Manifest, safetensors, torchscript as torch};
use std::path::Path;

/// The first byte chooses: tensors alone, the shipped model's form, or a manifest (one line) and its tensors. A manifest gets
/// the digest of the tensors, which a fuzzer can't guess.
pub fn weights(bytes: &[u8]) {
    let Some((choice, rest)) = chosen(bytes) else { return };
    match choice {
        b't' => {
            let Ok(tensors) = safetensors::decode(rest) else { return };
            let again = safetensors::decode(&safetensors::encode(&tensors)).expect("written by us");
            // Not equality of the numbers: a NaN is not equal to itself.
            assert_eq!(again.digest(), tensors.digest());
        }
        b'c' => {
            let Ok((kind, model)) = file::decode(rest) else { return };
            assert_eq!(kind.encode(&model), rest);
        }
        b'm' => manifest(rest),
        _ => {}
    }
}

fn manifest(bytes: &[u8]) {
    let Some(end) = bytes.iter().position(|b| *b == b'\n') else { return };
    let (manifest, tensors) = (&bytes[..end], &bytes[end + 1..]);
    let _ = Manifest::decode(Path::new(""), manifest, || Ok(tensors.to_vec()));
    let (Ok(decoded), Ok(mut json)) = (safetensors::decode(tensors), serde_json::from_slice(manifest)) else { return };
    if let serde_json::Value::Object(fields) = &mut json {
        fields.insert("digest".into(), decoded.digest().into());
    }
    let repaired = serde_json::to_vec(&json).expect("JSON");
    let Ok((manifest, tensors)) = Manifest::decode(Path::new(""), &repaired, || Ok(tensors.to_vec())) else { return };
    if let Ok(checkpoint) = Checkpoint::of(manifest, tensors) {
        assert_eq!(checkpoint.digest(), decoded.digest());
    }
}

pub fn torchscript(bytes: &[u8]) {
    let Ok(tensors) = torch::decode(bytes) else { return };
    let held: usize = tensors.iter().map(|(_, t)| 4 * t.values.len()).sum();
    assert!(held <= bytes.len(), "tensors take no more than the file");
}
