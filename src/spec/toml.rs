//! TOML that remembers where every value stands: `mixlab.toml` and `backend.toml`. Errors look like those of JSON specs, with
//! the dotted key in place of the JSON path; unlike there, an unknown key is an error, since no other program defines these files.

use super::error::{Fault, SpecError, suggestion};
use super::json::Document;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// A value and its place.
#[derive(Debug)]
pub struct Value<'d> {
    document: &'d Document,
    /// Dotted key; empty for the whole file.
    path: String,
    span: Range<usize>,
    content: Content<'d>,
}

/// A key and its value.
#[derive(Debug)]
pub struct Member<'d> {
    /// The key, unquoted.
    pub key: String,
    key_span: Range<usize>,
    /// Its value.
    pub value: Value<'d>,
}

#[derive(Debug)]
enum Content<'d> {
    Text(String),
    /// As written, without underscores, in decimal.
    Number(String),
    Truth(bool),
    List(Vec<Value<'d>>),
    Table(Vec<Member<'d>>),
    /// Dates and times: nothing here is one.
    Date,
}

impl<'d> Value<'d> {
    /// The table a document holds.
    ///
    /// # Errors
    /// A fault at the first syntax error.
    pub fn parse(document: &'d Document) -> Result<Self, SpecError> {
        let text = document.text();
        let table = DeTable::parse(text).map_err(|e| {
            let span = e.span().unwrap_or(text.len()..text.len());
            document.fault_at(span, "TOML", e.message(), "text is quoted, tables begin with [name]")
        })?;
        let content = table_content(document, "", table.get_ref());
        Ok(Self { document, path: String::new(), span: 0..0, content })
    }

    fn new(document: &'d Document, path: String, span: Range<usize>, value: &DeValue<'_>) -> Self {
        let content = match value {
            DeValue::String(text) => Content::Text(text.to_string()),
            DeValue::Integer(n) => match i128::from_str_radix(n.as_str(), n.radix()) {
                Ok(value) => Content::Number(value.to_string()),
                Err(_) => Content::Number(n.as_str().to_owned()),
            },
            DeValue::Float(x) => Content::Number(x.as_str().to_owned()),
            DeValue::Boolean(b) => Content::Truth(*b),
            DeValue::Datetime(_) => Content::Date,
            DeValue::Array(array) => {
                let each = array.iter().enumerate();
                let element = |(i, v): (usize, &toml::Spanned<DeValue<'_>>)| {
                    Self::new(document, format!("{path}[{i}]"), v.span(), v.get_ref())
                };
                Content::List(each.map(element).collect())
            }
            DeValue::Table(table) => table_content(document, &path, table),
        };
        Self { document, path, span, content }
    }

    /// A fault at this value: `expected` … but this was found.
    pub fn fault(&self, expected: &str, hint: &str) -> SpecError {
        let written = &self.document.text()[self.span.clone()];
        let found = match &self.content {
            Content::List(_) => "an array".to_owned(),
            Content::Table(_) => "a table".to_owned(),
            _ => written.chars().take(60).collect(),
        };
        self.fault_with(expected, &found, hint)
    }

    /// A fault at this value, with other words for what was found.
    pub fn fault_with(&self, expected: &str, found: &str, hint: &str) -> SpecError {
        let fault = self.document.fault_at(self.span.clone(), expected, found, hint);
        Fault { json_path: self.path.clone(), ..fault }.into()
    }

    /// Line of the value, from 1.
    pub fn line(&self) -> usize {
        self.document.fault_at(self.span.clone(), "", "", "").line
    }

    /// Whether it is a table.
    pub fn is_table(&self) -> bool {
        matches!(self.content, Content::Table(_))
    }

    /// The members of a table, by place in the file.
    ///
    /// # Errors
    /// A fault if it is none.
    pub fn members(&self) -> Result<&[Member<'d>], SpecError> {
        match &self.content {
            Content::Table(members) => Ok(members),
            _ => Err(self.fault("a table", "")),
        }
    }

    /// The members of a table whose keys are among `known`.
    ///
    /// # Errors
    /// A fault if it is none, or at the first key that is unknown, with the one probably meant.
    pub fn table(&self, known: &[&str]) -> Result<&[Member<'d>], SpecError> {
        let members = self.members()?;
        match members.iter().find(|m| !known.contains(&m.key.as_str())) {
            Some(member) => Err(member.unknown(known)),
            None => Ok(members),
        }
    }

    /// Text.
    ///
    /// # Errors
    /// A fault if it is something else.
    pub fn string(&self, expected: &str) -> Result<&str, SpecError> {
        match &self.content {
            Content::Text(text) => Ok(text),
            _ => Err(self.fault(expected, "")),
        }
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// A fault if it is neither.
    pub fn boolean(&self) -> Result<bool, SpecError> {
        match self.content {
            Content::Truth(b) => Ok(b),
            _ => Err(self.fault("true or false", "")),
        }
    }

    /// A whole number from 0 to `max`.
    ///
    /// # Errors
    /// A fault if it is something else.
    pub fn whole(&self, expected: &str, max: u64) -> Result<u64, SpecError> {
        let number = match &self.content {
            Content::Number(n) => n.parse().ok(),
            _ => None,
        };
        number.filter(|n| *n <= max).ok_or_else(|| self.fault(expected, ""))
    }

    /// The elements of an array.
    ///
    /// # Errors
    /// A fault if it is none.
    pub fn array(&self, expected: &str) -> Result<&[Value<'d>], SpecError> {
        match &self.content {
            Content::List(values) => Ok(values),
            _ => Err(self.fault(expected, "")),
        }
    }

    /// Text, number or truth as one would type it on a command line; `None` for anything else.
    pub fn word(&self) -> Option<String> {
        match &self.content {
            Content::Text(text) | Content::Number(text) => Some(text.clone()),
            Content::Truth(b) => Some(b.to_string()),
            _ => None,
        }
    }

    /// The elements if it is an array, itself otherwise.
    pub fn each(&self) -> Vec<&Value<'d>> {
        match &self.content {
            Content::List(values) => values.iter().collect(),
            _ => vec![self],
        }
    }
}

impl Member<'_> {
    /// A fault at the key, which is none of `known`.
    pub fn unknown(&self, known: &[&str]) -> SpecError {
        let document = self.value.document;
        let found = format!("`{}`", self.key);
        let fault = document.fault_at(self.key_span.clone(), "a known key", &found, &suggestion(&self.key, known));
        Fault { json_path: self.value.path.clone(), ..fault }.into()
    }
}

fn table_content<'d>(document: &'d Document, path: &str, table: &DeTable<'_>) -> Content<'d> {
    let member = |(key, value): (&toml::Spanned<toml::de::DeString<'_>>, &toml::Spanned<DeValue<'_>>)| {
        let name = key.get_ref().to_string();
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        Member { key_span: key.span(), value: Value::new(document, path, value.span(), value.get_ref()), key: name }
    };
    let mut members: Vec<Member<'d>> = table.iter().map(member).collect();
    members.sort_by_key(|m| m.key_span.start);
    Content::Table(members)
}
