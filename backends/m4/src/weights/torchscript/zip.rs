//! The directory of a ZIP archive, with the 64-bit extension that torch uses, and its entries that are not compressed.
//!
//! ```text
//! local header + data …   central directory   [zip64 record, zip64 locator]   end record (22 bytes + comment)
//! ```
//!
//! Source: PKWARE's APPNOTE. Left out: compression (torch compresses code, which nobody here
//! reads, but neither pickles nor numbers), encryption, several disks, checksums (a digest guards the weights).

use super::super::array;

/// Entries at most.
const MOST_ENTRIES: u64 = 10_000;
const END: &[u8] = b"PK\x05\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const END_64: &[u8] = b"PK\x06\x06";
const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";

/// Name and contents of an entry; no contents if it is compressed.
type Entry<'a> = (&'a str, Option<&'a [u8]>);

/// The entries.
pub(super) struct Archive<'a> {
    entries: Vec<Entry<'a>>,
}

impl<'a> Archive<'a> {
    /// Reads the directory. Allocates one slot per entry.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let (count, start) = directory(bytes).ok_or("not a ZIP archive, or cut off: no end record")?;
        if count > MOST_ENTRIES {
            return Err(format!("{count} entries are more than the {MOST_ENTRIES} accepted"));
        }
        let mut at = usize::try_from(start).map_err(|_| "the directory lies outside the file")?;
        let mut entries = Vec::new();
        for i in 0..count {
            let (entry, length) = entry(bytes, at).map_err(|e| format!("entry {i}: {e}"))?;
            entries.push(entry);
            at += length;
        }
        Ok(Self { entries })
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.entries.iter().map(|(name, _)| *name)
    }

    /// The contents of the entry `name`.
    pub(super) fn get(&self, name: &str) -> Result<&'a [u8], String> {
        let entry = self.entries.iter().find(|(n, _)| *n == name);
        let (_, bytes) = entry.ok_or_else(|| format!("the archive has no entry `{name}`"))?;
        bytes.ok_or_else(|| format!("the entry `{name}` is compressed; torch stores numbers as they are"))
    }
}

/// Number of entries and start of the central directory.
fn directory(bytes: &[u8]) -> Option<(u64, u64)> {
    let last = bytes.len().checked_sub(22)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    let end = (first..=last).rev().find(|at| bytes[*at..].starts_with(END))?;
    let count = u16::from_le_bytes(array(bytes, end + 10)?);
    let start = u32::from_le_bytes(array(bytes, end + 16)?);
    if count != u16::MAX && start != u32::MAX {
        return Some((count.into(), start.into()));
    }
    let locator = end.checked_sub(20)?;
    if !bytes[locator..].starts_with(LOCATOR_64) {
        return None;
    }
    let end = usize::try_from(u64::from_le_bytes(array(bytes, locator + 8)?)).ok()?;
    if !bytes.get(end..)?.starts_with(END_64) {
        return None;
    }
    let count = u64::from_le_bytes(array(bytes, end.checked_add(32)?)?);
    let start = u64::from_le_bytes(array(bytes, end.checked_add(48)?)?);
    Some((count, start))
}

/// The entry whose directory record starts at `at`, and the record's length.
fn entry(bytes: &[u8], at: usize) -> Result<(Entry<'_>, usize), String> {
    let cut = "its directory record is cut off";
    let record = bytes.get(at..).filter(|r| r.starts_with(CENTRAL)).ok_or("it has no directory record")?;
    let word = |at| array(record, at).map(u16::from_le_bytes).map(usize::from).ok_or(cut);
    let long = |at| array(record, at).map(u32::from_le_bytes).map(u64::from).ok_or(cut);
    let (method, name_length, extra_length, comment_length) = (word(10)?, word(28)?, word(30)?, word(32)?);
    let name = record.get(46..46 + name_length).ok_or(cut)?;
    let name = std::str::from_utf8(name).map_err(|_| "its name is not UTF-8")?;
    let extra = record.get(46 + name_length..46 + name_length + extra_length).ok_or(cut)?;
    let mut wide = zip64(extra);
    let mut value = |narrow: u64| if narrow == u64::from(u32::MAX) { wide.next() } else { Some(narrow) };
    // In the order of the extra field: original size, size in the archive, offset.
    let (_, size, offset) = (value(long(24)?), value(long(20)?), value(long(42)?));
    let found = size.zip(offset).and_then(|(size, offset)| contents(bytes, offset, size));
    let found = found.ok_or_else(|| format!("`{name}` lies outside the file or is cut off"))?;
    Ok(((name, (method == 0).then_some(found)), 46 + name_length + extra_length + comment_length))
}

/// The 64-bit numbers of an extra field.
fn zip64(mut extra: &[u8]) -> impl Iterator<Item = u64> + '_ {
    let mut body: &[u8] = &[];
    while let (Some(id), Some(length)) = (array(extra, 0), array(extra, 2)) {
        let end = 4 + usize::from(u16::from_le_bytes(length));
        let Some(field) = extra.get(4..end) else { break };
        if u16::from_le_bytes(id) == 1 {
            body = field;
            break;
        }
        extra = &extra[end..];
    }
    body.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b))
}

fn contents(bytes: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    let header = bytes.get(usize::try_from(offset).ok()?..).filter(|h| h.starts_with(LOCAL))?;
    let name = usize::from(u16::from_le_bytes(array(header, 26)?));
    let extra = usize::from(u16::from_le_bytes(array(header, 28)?));
    let begin = 30 + name + extra;
    header.get(begin..begin.checked_add(usize::try_from(size).ok()?)?)
}
