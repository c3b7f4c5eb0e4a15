//! JSON that remembers where every value stands, so that errors can name line, column and JSON path.
//!
//! A [`Node`] is a slice of the file's text (a borrowed `serde_json` raw value: its address gives its place). Values are
//! parsed one level at a time, when asked for; the syntax of the whole file is checked once, without recursion, so that deep
//! nesting cannot exhaust the stack.

use super::error::{Fault, SpecError, suggestion};
use crate::bounded::{self, SPEC_FILE};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::ErrorKind;
use std::marker::PhantomData;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most elements of an array: four times the nodes a cluster may have. Each costs some 100 bytes while it is looked at.
const MOST_ELEMENTS: usize = 1 << 22;
/// Most members of an object (a matrix has one per pod, everything else a dozen).
const MOST_MEMBERS: usize = 1 << 14;
/// Longest key, in bytes: errors and warnings repeat them.
const LONGEST_KEY: usize = 256;

/// A file and its text.
#[derive(Debug)]
pub struct Document {
    file: PathBuf,
    text: Arc<str>,
}

/// A JSON value and its place.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    document: &'a Document,
    text: &'a str,
    path: String,
}

/// The members of an object.
#[derive(Debug)]
pub struct Fields<'a> {
    node: Node<'a>,
    members: Vec<(String, Node<'a>)>,
    known: &'static [&'static str],
}

impl Document {
    /// A document that is already in memory; `file` only names it in errors.
    pub fn new(file: &Path, text: String) -> Self {
        Self { file: file.to_path_buf(), text: text.into() }
    }

    /// Reads a UTF-8 file of at most [`SPEC_FILE`] bytes (pipes are fine).
    ///
    /// # Errors
    /// [`SpecError::Read`] if it cannot be read, a fault if it is too large or not UTF-8.
    pub fn read(file: &Path) -> Result<Self, SpecError> {
        Self::read_within(file, SPEC_FILE)
    }

    /// Reads a UTF-8 file of at most `most` bytes.
    ///
    /// # Errors
    /// As [`Document::read`].
    pub fn read_within(file: &Path, most: u64) -> Result<Self, SpecError> {
        let bytes = bounded::read(file, most).map_err(|source| match source.kind() {
            ErrorKind::FileTooLarge => {
                let (empty, expected) =
                    (Self::new(file, String::new()), format!("a file of at most {} MiB", most >> 20));
                empty.fault_at(0..0, &expected, "a larger one", "is it the right file?").into()
            }
            _ => SpecError::Read { file: file.to_path_buf(), source },
        })?;
        String::from_utf8(bytes).map(|text| Self::new(file, text)).map_err(|e| {
            let valid = e.utf8_error().valid_up_to();
            let mut bytes = e.into_bytes();
            let found = format!("the byte 0x{:02x}", bytes[valid]);
            bytes.truncate(valid);
            let start = Self::new(file, String::from_utf8_lossy(&bytes).into_owned());
            start.fault_at(valid..valid, "UTF-8 text", &found, "save the file as UTF-8").into()
        })
    }

    /// The file's name.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value the file holds, its syntax checked to the end.
    ///
    /// # Errors
    /// A fault at the first syntax error.
    pub fn root(&self) -> Result<Node<'_>, SpecError> {
        match serde_json::from_str::<&RawValue>(&self.text) {
            Ok(raw) => Ok(Node { document: self, text: raw.get(), path: "$".into() }),
            Err(e) => {
                let what = e.to_string();
                let found = what.split(" at line ").next().unwrap_or(&what).to_string();
                let hint = "the file is not JSON from here on; look for a missing comma, quote or bracket just before";
                let (line, column) = (e.line().max(1), e.column().max(1));
                let at = self.offset(line, column);
                let fault = self.fault_at(at..at + 1, "JSON", &found, hint);
                Err(Fault { line, column, ..fault }.into())
            }
        }
    }

    /// A fault at these bytes (clamped to the text).
    pub fn fault_at(&self, span: Range<usize>, expected: &str, found: &str, hint: &str) -> Fault {
        let span = span.start.min(self.text.len())..span.end.min(self.text.len());
        let before = &self.text.as_bytes()[..span.start];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let column = 1 + String::from_utf8_lossy(&before[start..]).chars().count();
        Fault {
            file: self.file.clone(),
            json_path: String::new(),
            line,
            column,
            expected: expected.into(),
            found: found.into(),
            hint: hint.into(),
            text: Arc::clone(&self.text),
            span,
        }
    }

    /// Byte at which a line and column (in bytes, both from 1) stand; the end of the text if it has no such place.
    fn offset(&self, line: usize, column: usize) -> usize {
        let mut starts = std::iter::once(0).chain(self.text.match_indices('\n').map(|(at, _)| at + 1));
        let at = starts.nth(line - 1).map_or(self.text.len(), |start| start + column - 1).min(self.text.len());
        (0..=at).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0)
    }
}

impl<'a> Node<'a> {
    fn child(&self, raw: &'a RawValue, path: String) -> Self {
        Self { document: self.document, text: raw.get(), path }
    }

    /// A fault at this value: `expected` … but this was found.
    pub fn fault(&self, expected: &str, hint: &str) -> SpecError {
        self.fault_with(expected, &self.describe(), hint)
    }

    /// A fault at this value, with other words for what was found.
    pub fn fault_with(&self, expected: &str, found: &str, hint: &str) -> SpecError {
        let fault = self.document.fault_at(self.span(), expected, found, hint);
        Fault { json_path: self.path.clone(), ..fault }.into()
    }

    fn span(&self) -> Range<usize> {
        // A node's text is a slice of the document's, so the difference of the addresses is its place.
        let offset = self.text.as_ptr().addr() - self.document.text.as_ptr().addr();
        offset..offset + self.text.len()
    }

    /// Line of the value, from 1.
    pub fn line(&self) -> usize {
        self.document.fault_at(self.span(), "", "", "").line
    }

    fn describe(&self) -> String {
        match self.text.as_bytes().first() {
            Some(b'{') => "an object".into(),
            Some(b'[') => "an array".into(),
            _ if self.text.chars().count() > 60 => self.text.chars().take(60).chain("…".chars()).collect(),
            _ => self.text.into(),
        }
    }

    /// Whether it is an array.
    pub fn is_array(&self) -> bool {
        self.text.starts_with('[')
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        self.text.starts_with('{')
    }

    /// Whether it is a string.
    pub fn is_string(&self) -> bool {
        self.text.starts_with('"')
    }

    /// The elements of an array.
    ///
    /// # Errors
    /// A fault if it is not one.
    pub fn array(&self, expected: &str) -> Result<Vec<Node<'a>>, SpecError> {
        let raws: Limited<&'a RawValue> = serde_json::from_str(self.text).map_err(|_| self.fault(expected, ""))?;
        Ok(self
            .all_of(raws)?
            .into_iter()
            .enumerate()
            .map(|(i, raw)| self.child(raw, format!("{}[{i}]", self.path)))
            .collect())
    }

    /// The elements, unless they are too many.
    fn all_of<T>(&self, elements: Limited<T>) -> Result<Vec<T>, SpecError> {
        match elements.all {
            Some(all) => Ok(all),
            None => Err(self.fault_with(
                &format!("at most {MOST_ELEMENTS} elements"),
                &elements.count.to_string(),
                "divide it into several files",
            )),
        }
    }

    /// The members of an object in the order of the file, keys unescaped and unique. Comments ([`is_comment`]) are left out.
    ///
    /// # Errors
    /// A fault if it is no object, has a key twice, or more or longer keys than any spec needs.
    pub fn members(&self, expected: &str) -> Result<Vec<(String, Node<'a>)>, SpecError> {
        let Members(raws) = serde_json::from_str(self.text).map_err(|_| self.fault(expected, ""))?;
        if raws.len() > MOST_MEMBERS {
            return Err(self.fault_with(&format!("at most {MOST_MEMBERS} fields"), "more", ""));
        }
        if let Some((key, raw)) = raws.iter().find(|(key, _)| key.len() > LONGEST_KEY) {
            let found = format!("a name of {} bytes", key.len());
            return Err(self.child(raw, self.path.clone()).fault_with(
                &format!("names of fields of at most {LONGEST_KEY} bytes"),
                &found,
                "",
            ));
        }
        let mut members: Vec<(String, Node<'a>)> = Vec::with_capacity(raws.len());
        for (key, raw) in raws.into_iter().filter(|(key, _)| !is_comment(key)) {
            let node = self.child(raw, format!("{}.{}", self.path, key.escape_debug()));
            members.push((key.into_owned(), node));
        }
        let mut names: Vec<(&str, usize)> = members.iter().enumerate().map(|(i, (k, _))| (k.as_str(), i)).collect();
        names.sort_unstable();
        match names.windows(2).find(|w| w[0].0 == w[1].0) {
            Some(w) => {
                let again = &members[w[1].1].1;
                Err(again.fault_with(
                    "each field once",
                    &format!("`{}` a second time", w[1].0),
                    "remove one of the two",
                ))
            }
            None => Ok(members),
        }
    }

    /// The members of an object whose fields have the names `known`.
    ///
    /// # Errors
    /// As [`Node::members`].
    pub fn fields(&self, expected: &str, known: &'static [&'static str]) -> Result<Fields<'a>, SpecError> {
        Ok(Fields { members: self.members(expected)?, node: self.clone(), known })
    }

    /// A string.
    ///
    /// # Errors
    /// A fault if it is not one.
    pub fn string(&self, expected: &str) -> Result<String, SpecError> {
        serde_json::from_str(self.text).map_err(|_| self.fault(expected, ""))
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// A fault if it is neither.
    pub fn boolean(&self, expected: &str) -> Result<bool, SpecError> {
        serde_json::from_str(self.text).map_err(|_| self.fault(expected, ""))
    }

    /// A real number, written as integer or float, for which `valid` holds.
    ///
    /// # Errors
    /// A fault if it is no number, not finite or not valid.
    pub fn real(&self, expected: &str, hint: &str, valid: impl Fn(f64) -> bool) -> Result<f64, SpecError> {
        match serde_json::from_str::<f64>(self.text) {
            Ok(v) if v.is_finite() && valid(v) => Ok(v),
            _ => Err(self.fault(expected, hint)),
        }
    }

    /// A whole number of at most `max`, written as integer or as a float without fraction.
    ///
    /// # Errors
    /// A fault if it is not one.
    pub fn whole(&self, expected: &str, max: u64) -> Result<u64, SpecError> {
        const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53: beyond it floats skip whole numbers
        let value = serde_json::from_str::<u64>(self.text).ok().or_else(|| {
            let real = serde_json::from_str::<f64>(self.text).ok()?;
            ((0.0..=EXACT).contains(&real) && real.fract() == 0.0).then_some(real as u64)
        });
        value.filter(|v| *v <= max).ok_or_else(|| self.fault(expected, ""))
    }

    /// An array of whole numbers, quickly; on a fault the element is found.
    ///
    /// # Errors
    /// A fault at the first element that is not a whole number.
    pub fn wholes(&self, expected: &str) -> Result<Vec<u64>, SpecError> {
        match serde_json::from_str(self.text) {
            Ok(values) => self.all_of(values),
            Err(_) => self
                .array(&format!("an array, each element {expected}"))?
                .iter()
                .map(|n| n.whole(expected, u64::MAX))
                .collect(),
        }
    }
}

impl<'a> Fields<'a> {
    /// The field `name`, if it is there.
    pub fn optional(&self, name: &str) -> Option<&Node<'a>> {
        debug_assert!(self.known.contains(&name), "`{name}` is among the known fields");
        self.members.iter().find(|(key, _)| key == name).map(|(_, node)| node)
    }

    /// The field `name`.
    ///
    /// # Errors
    /// A fault if it is missing; the hint names the unknown field that was probably meant to be it.
    pub fn required(&self, name: &str) -> Result<&Node<'a>, SpecError> {
        self.optional(name).ok_or_else(|| {
            let unknown = self.members.iter().map(|(key, _)| key.as_str()).filter(|key| !self.known.contains(key));
            let hint = match super::error::did_you_mean(name, unknown) {
                Some(typo) => format!("`{typo}` is not a known field: did you mean `{name}`?"),
                None => format!("add `{name}`; the fields are described in spec/README.md"),
            };
            self.node.fault_with(&format!("a field `{name}`"), "none", &hint)
        })
    }

    /// The object itself.
    pub fn node(&self) -> &Node<'a> {
        &self.node
    }

    /// Fields that have no meaning, each with a suggestion.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, String)> {
        let unknown = self.members.iter().filter(|(key, _)| !self.known.contains(&key.as_str()));
        unknown.map(|(key, _)| (key.as_str(), suggestion(key, self.known)))
    }
}

/// Whether a member says nothing to us: JSON has no comments, so keys that begin with `//` are, and `$schema` is for editors.
/// (parsimon-eval ignores unknown fields, these included.)
pub fn is_comment(key: &str) -> bool {
    key.starts_with("//") || key == "$schema"
}

/// The elements of an array, counted to the end but kept only if they are not too many.
struct Limited<T> {
    count: usize,
    all: Option<Vec<T>>,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Limited<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Elements<T> {
            type Value = Limited<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(element) = seq.next_element()? {
                    if all.len() == MOST_ELEMENTS {
                        let mut count = MOST_ELEMENTS + 1;
                        drop(all);
                        while seq.next_element::<IgnoredAny>()?.is_some() {
                            count += 1;
                        }
                        return Ok(Limited { count, all: None });
                    }
                    all.push(element);
                }
                Ok(Limited { count: all.len(), all: Some(all) })
            }
        }
        deserializer.deserialize_seq(Elements(PhantomData))
    }
}

/// An object as a list, so that order and duplicates are kept.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A key, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Key(key), value)) = map.next_entry()? {
                    members.push((key, value));
                    if members.len() > MOST_MEMBERS {
                        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                        break;
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(All)
    }
}
