//! The JSON Schemas in `spec/schema`: every shipped and every published file satisfies its schema, wrong ones do not, and schemas
//! and readers agree. The validator here knows the keywords that our schemas use, and no others.

use crate::program::{file, reference, run_expecting};
use mixlab::external::Manifest;
use mixlab::spec::json::Document;
use mixlab::spec::{Cc, Cluster};
use regex::Regex;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Keywords that say nothing about validity.
const REMARKS: [&str; 5] = ["$schema", "$defs", "title", "description", "default"];

struct Schema(Value);

impl Schema {
    fn shipped(name: &str) -> Self {
        let text = std::fs::read_to_string(file("spec/schema").join(name)).expect("shipped");
        Self(serde_json::from_str(&text).expect("JSON"))
    }

    fn check(&self, value: &Value) -> Result<(), String> {
        self.valid(&self.0, value, "$")
    }

    fn valid(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        for (keyword, rule) in schema.as_object().expect("a schema is an object") {
            self.keyword(schema, keyword, rule, value, at)
                .map_err(|e| if e.is_empty() { format!("{at}: {keyword}") } else { e })?;
        }
        Ok(())
    }

    /// An empty error means: this keyword, here.
    fn keyword(&self, schema: &Value, keyword: &str, rule: &Value, value: &Value, at: &str) -> Result<(), String> {
        let require = |ok: bool| if ok { Ok(()) } else { Err(String::new()) };
        let number = |limit: &dyn Fn(f64, f64) -> bool| {
            value.as_f64().map_or(Ok(()), |v| require(limit(v, rule.as_f64().expect("a number"))))
        };
        match keyword {
            k if REMARKS.contains(&k) => Ok(()),
            "$ref" => {
                let pointer = rule.as_str().and_then(|r| r.strip_prefix('#')).expect("a local reference");
                self.valid(self.0.pointer(pointer).expect("the definition exists"), value, at)
            }
            "type" => {
                let names = rule.as_array().cloned().unwrap_or_else(|| vec![rule.clone()]);
                require(names.iter().any(|n| is_of_type(value, n.as_str().expect("a name"))))
            }
            "const" => require(is_same(value, rule)),
            "enum" => require(rule.as_array().expect("a list").iter().any(|v| is_same(value, v))),
            "minimum" => number(&|v, limit| v >= limit),
            "maximum" => number(&|v, limit| v <= limit),
            "exclusiveMinimum" => number(&|v, limit| v > limit),
            "pattern" => {
                let pattern = Regex::new(rule.as_str().expect("a pattern")).expect("a valid pattern");
                value.as_str().map_or(Ok(()), |text| require(pattern.is_match(text)))
            }
            "minItems" => {
                value.as_array().map_or(Ok(()), |a| require(a.len() as u64 >= rule.as_u64().expect("a count")))
            }
            "items" => {
                let elements = value.as_array().into_iter().flatten().enumerate();
                elements.into_iter().try_for_each(|(i, v)| self.valid(rule, v, &format!("{at}[{i}]")))
            }
            "required" => {
                let has = |name: &Value| value.get(name.as_str().expect("a name")).is_some();
                require(!value.is_object() || rule.as_array().expect("a list").iter().all(has))
            }
            "dependentRequired" => {
                let has = |name: &str| value.get(name).is_some();
                let all =
                    |names: &Value| names.as_array().expect("a list").iter().all(|n| has(n.as_str().expect("a name")));
                require(rule.as_object().expect("an object").iter().all(|(name, names)| !has(name) || all(names)))
            }
            "properties" => {
                let members =
                    rule.as_object().expect("an object").iter().filter_map(|(k, s)| Some((k, s, value.get(k)?)));
                members.into_iter().try_for_each(|(k, s, v)| self.valid(s, v, &format!("{at}.{k}")))
            }
            "additionalProperties" => {
                let known = |k: &str| schema.get("properties").is_some_and(|p| p.get(k).is_some());
                let others = value.as_object().into_iter().flatten().filter(|(k, _)| !known(k));
                match rule {
                    Value::Bool(allowed) => require(*allowed || others.count() == 0),
                    rule => others.into_iter().try_for_each(|(k, v)| self.valid(rule, v, &format!("{at}.{k}"))),
                }
            }
            "oneOf" | "anyOf" => {
                let verdicts: Vec<_> =
                    rule.as_array().expect("a list").iter().map(|s| self.valid(s, value, at)).collect();
                let valid = verdicts.iter().filter(|v| v.is_ok()).count();
                if valid == 1 || (valid > 1 && keyword == "anyOf") {
                    Ok(())
                } else {
                    Err(format!("{at}: {keyword}: {verdicts:?}"))
                }
            }
            // `then` is only meant where `if` holds; the schemas use no `else`.
            "if" if self.valid(rule, value, at).is_ok() => {
                self.valid(schema.get("then").expect("an `if` has a `then`"), value, at)
            }
            "if" | "then" => Ok(()),
            other => panic!("the schemas use the keyword {other}, which this validator does not know"),
        }
    }
}

/// 1 and 1.0 are the same number.
fn is_same(a: &Value, b: &Value) -> bool {
    a == b || a.as_f64().is_some_and(|a| Some(a) == b.as_f64())
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|v| v.fract() == 0.0),
        other => panic!("unknown type {other}"),
    }
}

fn json_of(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("readable");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn toml_as_json(text: &str) -> Value {
    use toml::de::{DeTable, DeValue};
    fn of(value: &DeValue<'_>) -> Value {
        match value {
            DeValue::String(s) => json!(s),
            DeValue::Integer(n) => json!(n.as_str().parse::<i64>().expect("a decimal number")),
            DeValue::Float(x) => json!(x.as_str().parse::<f64>().expect("a number")),
            DeValue::Boolean(b) => json!(b),
            DeValue::Datetime(d) => json!(d.to_string()),
            DeValue::Array(a) => a.iter().map(|v| of(v.get_ref())).collect(),
            DeValue::Table(t) => object(t),
        }
    }
    fn object(table: &DeTable<'_>) -> Value {
        Value::Object(table.iter().map(|(k, v)| (k.get_ref().to_string(), of(v.get_ref()))).collect())
    }
    object(DeTable::parse(text).expect("TOML").get_ref())
}

/// Files below `dir` whose name ends so.
fn files(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = WalkDir::new(dir).sort_by_file_name().into_iter().flatten().map(|e| e.into_path());
    entries.filter(|p| p.to_string_lossy().ends_with(ending)).collect()
}

/// All files of a kind that are shipped, and those of parsimon-eval where they are at hand.
fn all(folder: &str, ending: &str, published: &str) -> Vec<PathBuf> {
    let mut found = files(&file(folder), ending);
    assert!(!found.is_empty(), "no {ending} is shipped");
    if let Some(upstream) = reference("upstream/parsimon-eval") {
        let theirs = files(&upstream, ".json").into_iter();
        found.extend(theirs.filter(|p| {
            p.file_name().is_some_and(|n| Regex::new(published).expect("valid").is_match(&n.to_string_lossy()))
        }));
    }
    found
}

#[test]
fn shipped_and_published_files_satisfy_their_schemas() {
    for (schema, folder, ending, published) in [
        ("mix.schema.json", "spec", ".mix.json", r"\.mix\.json$"),
        ("mixspace.schema.json", "spec", ".mixspace.json", r"\.mixspace\.json$"),
        ("cluster.schema.json", "spec/clusters", ".json", r"^cluster_.*_to_1.*\.json$"),
    ] {
        let (schema, files) = (Schema::shipped(schema), all(folder, ending, published));
        for path in &files {
            schema.check(&json_of(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
        println!("{} files {ending}", files.len());
    }
    let starter = json_of(&file("src/cli/starter.mix.json"));
    Schema::shipped("mix.schema.json").check(&starter).unwrap_or_else(|e| panic!("{e}"));
    for path in files(&file("backends"), "backend.toml") {
        let text = std::fs::read_to_string(&path).expect("readable");
        let valid = Schema::shipped("backend.schema.json").check(&toml_as_json(&text));
        valid.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
}

#[test]
fn wrong_clusters_fail_the_schema_and_the_reader() {
    let schema = Schema::shipped("cluster.schema.json");
    let good = std::fs::read_to_string(file("spec/clusters/32-2to1.json")).expect("shipped");
    let read = |text: &str| Cluster::parse(&Document::new(Path::new("c"), text.into()), &mut Vec::new()).map(drop);
    schema.check(&serde_json::from_str(&good).expect("JSON")).expect("valid");
    read(&good).expect("valid");
    let base: Value = serde_json::from_str(&good).expect("JSON");
    for (key, wrong) in [
        ("pods", json!(0)),
        ("pods", json!(1.5)),
        ("hosts_per_rack", json!("4")),
        ("host_rate", json!("10GBps")),
        ("host_rate", json!(0)),
        ("delay", json!("1 hour")),
        ("delay", json!(-1)),
        ("racks_per_pod", Value::Null),
    ] {
        let mut cluster = base.clone();
        cluster[key] = wrong.clone();
        assert!(schema.check(&cluster).is_err(), "{key}: {wrong} passes the schema");
        assert!(read(&cluster.to_string()).is_err(), "{key}: {wrong} passes the reader");
    }
    let mut missing = base.clone();
    missing.as_object_mut().expect("an object").remove("host_rate");
    assert!(schema.check(&missing).is_err() && read(&missing.to_string()).is_err());
}

#[test]
fn wrong_backends_fail_the_schema_and_the_reader() {
    let schema = Schema::shipped("backend.schema.json");
    let good = std::fs::read_to_string(file("backends/example-python/backend.toml")).expect("shipped");
    let read =
        |text: &str| Manifest::parse(&Document::new(Path::new("b"), text.into()), PathBuf::from("/b"), &[]).map(drop);
    read(&good).expect("valid");
    for (from, to) in [
        ("name = \"store-and-forward\"", "name = \"Store\""),
        ("name = \"store-and-forward\"", ""),
        ("version = \"1\"", "version = 1"),
        ("command = [\"python3\"", "command = [3"),
        ("\"ideal.txt\"", "\"ideals.txt\""),
        ("file = \"fct.csv\"", "file = \"out/fct.csv\""),
        ("\"fct_ns\"", "\"fct\""),
        ("[\"id\", \"fct_ns\"]", "\"fct\""),
        ("cc = \"any\"", "cc = [\"cubic-ish\"]"),
        ("cc = \"any\"", ""),
        ("closed-loop = false", "closed-loop = \"no\""),
        ("closed-loop = false", "closed-lop = false"),
        ("in-all = false", "in-all = false\ntolerance-ns = -1"),
    ] {
        assert!(good.contains(from), "{from}");
        let text = good.replace(from, to);
        assert!(schema.check(&toml_as_json(&text)).is_err(), "{to} passes the schema");
        assert!(read(&text).is_err(), "{to} passes the reader");
    }
}

#[test]
fn the_backend_schema_has_the_keys_of_the_reader() {
    let schema = Schema::shipped("backend.schema.json").0;
    for (pointer, known) in [
        ("/properties", &mixlab::external::KEYS[..]),
        ("/properties/output/properties", &mixlab::external::OUTPUT_KEYS),
        ("/properties/supports/properties", &mixlab::external::SUPPORTS_KEYS),
    ] {
        let keys = schema.pointer(pointer).and_then(Value::as_object).expect("an object").keys();
        let (mut keys, mut known) = (keys.map(String::as_str).collect::<Vec<_>>(), known.to_vec());
        keys.sort_unstable();
        known.sort_unstable();
        assert_eq!(keys, known);
    }
}

#[test]
fn schemas_name_every_congestion_control() {
    let names: Vec<Value> = Cc::ALL.iter().map(|c| json!(c.name())).collect();
    for (file, pointer) in [
        ("mix.schema.json", "/$defs/mix/properties/cc/enum"),
        ("mixspace.schema.json", "/properties/ccs/items/enum"),
        ("backend.schema.json", "/properties/supports/properties/cc/oneOf/1/items/enum"),
    ] {
        assert_eq!(Schema::shipped(file).0.pointer(pointer), Some(&Value::Array(names.clone())), "{file}");
    }
}

#[test]
fn the_settings_schema_is_the_command_line() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (now, _) = run_expecting(0, dir.path(), &["help-settings", "--schema"]);
    let now: Value = serde_json::from_str(&now).expect("JSON");
    let shipped = Schema::shipped("mixlab.schema.json");
    assert_eq!(now, shipped.0, "run: mixlab help-settings --schema > spec/schema/mixlab.schema.json");
    let good = "jobs = 2\ntimeout = \"15m\"\nfidelity = \"clean\"\nbaseline = \"ns3\"\nenable-app = true\nbackend-dir = [\"a\"]\n[figures]\nout = \"f\"\n";
    shipped.check(&toml_as_json(good)).unwrap_or_else(|e| panic!("{e}"));
    for bad in ["job = 2", "fidelity = \"cleen\"", "figures = 3", "[figures]\nouts = \"f\"", "enable-app = 3"] {
        assert!(shipped.check(&toml_as_json(bad)).is_err(), "{bad}");
    }
}
