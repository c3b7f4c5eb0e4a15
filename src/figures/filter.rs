//! Choosing scenarios by what their mixes say: `cc=dctcp load>0.5 sizes=web-server|hadoop`.
//!
//! ```text
//! filter = term { (space | ",") term }          all terms must hold
//! term   = key op value { "|" value }           several values: any of them (with = and != only)
//! op     = "=" | "!=" | "<" | "<=" | ">" | ">="
//! ```
//!
//! Keys and their units are in [`KEYS`]. Text keys know = and != only. Bytes may be written 16KB or 1.5MB (powers of 1000).

use crate::dataset::ScenarioResults;

/// Key, what it is.
pub const KEYS: [(&str, &str); 13] = [
    ("mix", "id of the mix"),
    ("cc", "congestion control"),
    ("matrix", "rack-to-rack matrix"),
    ("sizes", "flow-size distribution"),
    ("cluster", "cluster"),
    ("sigma", "burstiness"),
    ("load", "load asked for, 0 to 1"),
    ("delivered", "load the busiest channel gets"),
    ("buffer", "switch buffer, bytes"),
    ("window", "sender window, bytes"),
    ("hosts", "hosts"),
    ("inflight", "in-flight limit of a closed loop"),
    ("flows", "flows"),
];

/// A parsed filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    text: String,
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq)]
struct Term {
    key: &'static str,
    op: Op,
    values: Vec<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Equal,
    Different,
    Less,
    AtMost,
    More,
    AtLeast,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(String),
    Number(f64),
}

/// Operators, longer ones first.
const OPS: [(&str, Op); 6] = [
    ("!=", Op::Different),
    ("<=", Op::AtMost),
    (">=", Op::AtLeast),
    ("=", Op::Equal),
    ("<", Op::Less),
    (">", Op::More),
];

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// No operator in a term.
    #[error(
        "`{term}` is no condition\n  hint: KEY OP VALUE without spaces, such as load>0.5; OP is one of = != < <= > >="
    )]
    NoOperator {
        /// The term.
        term: String,
    },
    /// An unknown key.
    #[error("scenarios have no `{key}`{}\n  hint: the keys are {}", suggestion(key), key_names())]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// A number key without a number.
    #[error("`{term}`: `{value}` is not a number{}", if *bytes { " of bytes (such as 15000 or 15KB)" } else { "" })]
    NotANumber {
        /// The term.
        term: String,
        /// What stands for the number.
        value: String,
        /// Whether the key counts bytes.
        bytes: bool,
    },
    /// An order of texts or of several values.
    #[error("`{term}`: {why}; use = or !=")]
    NoOrder {
        /// The term.
        term: String,
        /// Why there is no order.
        why: &'static str,
    },
}

fn key_names() -> String {
    KEYS.map(|(key, _)| key).join(", ")
}

fn suggestion(key: &str) -> String {
    let near = KEYS.iter().map(|(k, _)| (strsim::damerau_levenshtein(key, k), k)).min();
    near.filter(|(distance, _)| *distance <= 2).map_or(String::new(), |(_, k)| format!(" (did you mean `{k}`?)"))
}

fn is_text(key: &str) -> bool {
    matches!(key, "cc" | "matrix" | "sizes" | "cluster")
}

impl Filter {
    /// Parses a filter; an empty text keeps everything.
    ///
    /// # Errors
    /// [`FilterError`] naming the term and what was expected.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let terms = text.split(|c: char| c.is_whitespace() || c == ',').filter(|term| !term.is_empty());
        Ok(Self { text: text.trim().to_string(), terms: terms.map(term).collect::<Result<_, _>>()? })
    }

    /// Whether the filter keeps a scenario.
    pub fn keeps(&self, scenario: &ScenarioResults) -> bool {
        self.terms.iter().all(|term| term.holds(scenario))
    }

    /// The filter as written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

fn term(text: &str) -> Result<Term, FilterError> {
    let place = text.find(['=', '!', '<', '>']);
    let cut = place.and_then(|at| OPS.iter().find_map(|(sign, op)| Some((at, *op, text[at..].strip_prefix(sign)?))));
    let Some((at, op, values)) = cut.filter(|(at, _, values)| *at > 0 && !values.is_empty()) else {
        return Err(FilterError::NoOperator { term: text.to_string() });
    };
    let key = KEYS.iter().map(|(key, _)| *key).find(|key| *key == text[..at].to_lowercase());
    let key = key.ok_or_else(|| FilterError::UnknownKey { key: text[..at].to_string() })?;
    let ordered = !matches!(op, Op::Equal | Op::Different);
    let no_order = |why| FilterError::NoOrder { term: text.to_string(), why };
    if ordered && is_text(key) {
        return Err(no_order("names have no order"));
    }
    if ordered && values.contains('|') {
        return Err(no_order("several values have no order"));
    }
    let bytes = matches!(key, "buffer" | "window");
    let value = |value: &str| match is_text(key) {
        true => Ok(Value::Text(value.to_lowercase())),
        false => number(value, bytes).map(Value::Number).ok_or_else(|| FilterError::NotANumber {
            term: text.to_string(),
            value: value.to_string(),
            bytes,
        }),
    };
    Ok(Term { key, op, values: values.split('|').map(value).collect::<Result<_, _>>()? })
}

fn number(text: &str, bytes: bool) -> Option<f64> {
    let upper = text.to_uppercase();
    let units: &[(&str, f64)] = if bytes { &[("KB", 1e3), ("MB", 1e6), ("B", 1.0)] } else { &[("%", 0.01)] };
    let scaled = units.iter().find_map(|(unit, scale)| Some((upper.strip_suffix(unit)?, *scale)));
    let (digits, scale) = scaled.unwrap_or((&upper, 1.0));
    digits.parse::<f64>().ok().filter(|v| v.is_finite()).map(|v| v * scale)
}

impl Term {
    fn holds(&self, s: &ScenarioResults) -> bool {
        let a = &s.attributes;
        let any = |is: &dyn Fn(&Value) -> bool| self.values.iter().any(is) == (self.op != Op::Different);
        let text = |text: &str| any(&|v| *v == Value::Text(text.to_lowercase()));
        let value = match self.key {
            "cc" => return text(&a.cc),
            "matrix" => return text(&a.spatial),
            "sizes" => return text(&a.size_dist),
            "cluster" => return text(&a.cluster),
            "mix" => s.mix_id as f64,
            "sigma" => a.lognorm_sigma,
            "load" => a.max_load,
            "delivered" => a.delivered_load,
            "buffer" => a.buffer_bytes as f64,
            "window" => a.window_bytes as f64,
            "hosts" => a.hosts as f64,
            "inflight" => a.max_inflight_flows as f64,
            _ => s.size_bytes.len() as f64,
        };
        // What is measured is compared as written; what is counted, exactly.
        let slack = if ["sigma", "load", "delivered"].contains(&self.key) { 1e-9 } else { 0.0 };
        let near = |v: f64| (v - value).abs() <= slack * v.abs().max(value.abs());
        let Some(Value::Number(v)) = self.values.first() else { return false };
        match self.op {
            Op::Equal | Op::Different => any(&|v| matches!(v, Value::Number(v) if near(*v))),
            Op::Less => value < *v && !near(*v),
            Op::AtMost => value < *v || near(*v),
            Op::More => value > *v && !near(*v),
            Op::AtLeast => value > *v || near(*v),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Attributes;
    use std::collections::BTreeMap;

    fn scenario() -> ScenarioResults {
        let attributes = Attributes {
            cc: "dctcp".into(),
            size_dist: "web-server".into(),
            max_load: 0.3,
            window_bytes: 15_000,
            ..Attributes::default()
        };
        ScenarioResults {
            mix_id: 4,
            digest: String::new(),
            attributes,
            size_bytes: vec![1, 2].into(),
            ideal_fct_ns: vec![1, 1].into(),
            runs: BTreeMap::new(),
            missing: BTreeMap::new(),
            details: Default::default(),
        }
    }

    #[test]
    fn all_terms_and_any_value_must_hold() {
        let keeps = |text: &str| Filter::parse(text).expect("a filter").keeps(&scenario());
        for yes in ["", "cc=dctcp\r\n", "cc=hp|DCTCP,load<=30%", "load=0.3", "window=15KB mix!=3", "flows>=2 load>0.29"]
        {
            assert!(keeps(yes), "{yes}");
        }
        for no in ["cc!=dctcp", "cc=dctcp load>0.3", "load<0.3", "mix=1|2|3", "sizes!=hadoop|web-server"] {
            assert!(!keeps(no), "{no}");
        }
    }

    #[test]
    fn mistakes_are_named_with_what_was_expected() {
        let says = |text: &str| Filter::parse(text).expect_err("no filter").to_string();
        for (text, part) in [
            ("laod>0.5", "did you mean `load`?"),
            ("load>much", "`much` is not a number"),
            ("window=wide", "15KB"),
            ("load", "KEY OP VALUE"),
            ("load>", "KEY OP VALUE"),
            (">0.5", "KEY OP VALUE"),
            ("load!0.5", "KEY OP VALUE"),
            ("cc>dctcp", "names have no order"),
            ("mix<1|2", "several values"),
            ("load=nan", "not a number"),
        ] {
            assert!(says(text).contains(part), "{text}: {}", says(text));
        }
    }
}
