//! What surrounds the files that the contract reads: gzip, tar, counters, and results in columns of their own.

use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// The text of a file, unpacked if its name ends in `.gz`.
pub fn read(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    if path.extension().is_some_and(|e| e == "gz") {
        return String::from_utf8(unzip(&bytes)).expect("text");
    }
    String::from_utf8(bytes).expect("text")
}

/// A gzip stream unpacked.
pub fn unzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut out).expect("a gzip stream");
    out
}

/// The regular files of a tar archive: name and text.
pub fn untar(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut at = 0;
    let field = |from: usize, length: usize| {
        let raw = &bytes[from..from + length];
        let end = raw.iter().position(|b| *b == 0).unwrap_or(length);
        String::from_utf8_lossy(&raw[..end]).trim().to_owned()
    };
    while at + 512 <= bytes.len() && bytes[at] != 0 {
        let size = usize::from_str_radix(&field(at + 124, 12), 8).expect("an octal size");
        let text = String::from_utf8_lossy(&bytes[at + 512..at + 512 + size]).into_owned();
        files.insert(field(at, 100), text);
        at += 512 + size.div_ceil(512) * 512;
    }
    files
}

/// Start and FCT in ns by flow id, from lines whose columns `id`, `start` and `fct` are given.
pub fn results(text: &str, [id, start, fct]: [usize; 3]) -> BTreeMap<u64, (u64, u64)> {
    text.lines()
        .map(|line| {
            let w: Vec<&str> = line.split_whitespace().collect();
            let number = |i: usize| w[i].parse().expect("a number");
            (number(id), (number(start), number(fct)))
        })
        .collect()
}

/// The integer after `"key":` in a JSON text.
pub fn json_integer(text: &str, key: &str) -> Option<u64> {
    let at = text.find(&format!("\"{key}\":"))?;
    let rest = text[at..].split_once(':')?.1.trim_start();
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
