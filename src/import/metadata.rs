//! What a folder says about the run besides physics. Nothing here can make an import fail except an unreadable file:
//! `meta.json` and `elapsed.txt` of others may hold anything.
//!
//! ```text
//! elapsed.txt   seconds (parsimon-eval), or seconds,…
//! meta.json     {"run": {"wall_s": 9.1, "cpu_s": 9.0}, "rng_run": 2, …}      all optional
//! mix.json      the mix, kept as written
//! ```

use super::folder::{Folder, ImportError};
use serde_json::Value;

/// What is known; absent where a file or field is.
#[derive(Default)]
pub(super) struct Metadata {
    pub(super) wall_s: Option<f64>,
    pub(super) cpu_s: Option<f64>,
    /// ns-3's `RngRun`, which no config has.
    pub(super) rng_run: Option<u64>,
    pub(super) mix_json: Option<String>,
}

impl Metadata {
    pub(super) fn read(folder: &Folder, warnings: &mut Vec<String>) -> Result<Self, ImportError> {
        let mut known = Self::default();
        if let Some((file, text)) = folder.read_small("meta.json")? {
            match serde_json::from_str::<Value>(&text) {
                Err(error) => warnings.push(format!("{file} is passed over: {error}")),
                Ok(value) => {
                    let seconds = |field: &str| value.get("run")?.get(field)?.as_f64().filter(is_seconds);
                    (known.wall_s, known.cpu_s) = (seconds("wall_s"), seconds("cpu_s"));
                    known.rng_run = value.get("rng_run").and_then(Value::as_u64);
                }
            }
        }
        if let Some((file, text)) = folder.read_small("elapsed.txt")? {
            let first = text.split(',').next().unwrap_or_default().trim();
            match first.parse().ok().filter(is_seconds) {
                Some(seconds) => known.wall_s = Some(seconds),
                None => warnings.push(format!("{file} is passed over: it does not begin with a number of seconds")),
            }
        }
        if let Some((file, text)) = folder.read_small("mix.json")? {
            match serde_json::from_str::<Value>(&text) {
                Ok(_) => known.mix_json = Some(text),
                Err(error) => warnings.push(format!("{file} is passed over: {error}")),
            }
        }
        Ok(known)
    }
}

fn is_seconds(s: &f64) -> bool {
    s.is_finite() && *s >= 0.0
}
