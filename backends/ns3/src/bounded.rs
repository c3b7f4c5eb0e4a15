//! What an outside program may cost its caller in memory: of what it says the end, of its results as much as its flows can need.

use mixlab_contract::Scenario;
use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Most bytes of results per flow, and for anything else.
const BYTES_PER_FLOW: u64 = 1024;
const OTHER_BYTES: u64 = 1 << 20;

/// Most bytes that the results of a scenario may have.
pub fn most_bytes(scenario: &Scenario) -> u64 {
    scenario.flows().len() as u64 * BYTES_PER_FLOW + OTHER_BYTES
}

/// That `name` is longer than it may be.
pub fn too_much(name: &str, most: u64) -> String {
    format!("{name} has more than {most} bytes")
}

/// Reads a result file of at most `most` bytes.
///
/// # Errors
/// In words, with the file's name: it is not there, no plain file (a pipe would be waited for), unreadable, too long, or no text.
pub fn read_bounded(file: &Path, most: u64) -> Result<String, String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let found = std::fs::metadata(file).map_err(|e| format!("it left no {name} ({e})"))?;
    if !found.is_file() {
        return Err(format!("{name} is not a plain file"));
    }
    let mut bytes = Vec::new();
    if found.len() <= most {
        let opened = File::open(file).map_err(|e| format!("{name}: {e}"))?;
        opened.take(most + 1).read_to_end(&mut bytes).map_err(|e| format!("{name}: {e}"))?;
    }
    if found.len().max(bytes.len() as u64) > most {
        return Err(too_much(&name, most));
    }
    String::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8"))
}

/// Lines that are kept.
const LINES: usize = 50;
/// Bytes of them that are kept, ends of lines included; of a longer line, its end.
const BYTES: usize = 16 * 1024;

/// A window on the end of a text that comes line by line.
#[derive(Clone, Debug, Default)]
pub struct LastLines {
    lines: VecDeque<String>,
    bytes: usize,
}

impl LastLines {
    /// Adds a line (without its end).
    pub fn push(&mut self, mut line: String) {
        if line.len() >= BYTES {
            let from = (line.len() - BYTES + 1..).find(|i| line.is_char_boundary(*i)).unwrap_or(line.len());
            line.drain(..from);
        }
        self.bytes += line.len() + 1;
        self.lines.push_back(line);
        while self.lines.len() > LINES || self.bytes > BYTES {
            let gone = self.lines.pop_front().expect("a line that is too long alone was shortened");
            self.bytes -= gone.len() + 1;
        }
    }

    /// The lines, and after them `errors`.
    pub fn with(self, errors: String) -> String {
        self.lines.into_iter().chain([errors]).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_and_its_size_is_bounded() {
        let mut last = LastLines::default();
        (0..1000).for_each(|i| last.push(i.to_string()));
        let text = last.clone().with("errors".into());
        assert!(text.starts_with("950\n951\n") && text.ends_with("\n999\nerrors"), "{text}");
        for line in ["x".repeat(10 * BYTES), "é".repeat(BYTES), "z".repeat(BYTES - 2), "y".repeat(BYTES / 2)] {
            last.push(line.clone());
            let text = last.clone().with(String::new());
            assert!(text.len() <= BYTES && line.ends_with(text.lines().last().expect("the line")), "{}", text.len());
        }
        last.push("end".into());
        assert!(last.with(String::new()).ends_with("y\nend\n"));
    }
}
