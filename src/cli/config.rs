//! `mixlab.toml` in the root: values for options, so that a root remembers how it is to be used. Precedence:
//!
//! ```text
//! flag on the command line  >  environment variable  >  mixlab.toml  >  default
//! --jobs 4                     MIXLAB_JOBS=4            jobs = 4        1
//! ```
//!
//! Keys are the long names of the options that take a value. Options of one subcommand stand in a table of its name
//! (`[figures] out = "…"`, variable `MIXLAB_FIGURES_OUT`); `[figures]` also holds for the figures that `all` draws, and
//! `baseline` may stand at the top, for every subcommand that has one. Relative paths start at the folder of the file.
//! Implementation: the values become defaults of the definition of the command line, so they are read as flags are.

use super::table::TextTable;
use crate::bounded::SMALL_FILE;
use crate::spec::SpecError;
use crate::spec::json::Document;
use crate::spec::toml::{Member, Value};
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};
use std::path::{Path, PathBuf};

/// Name of the file in a root.
pub const FILE_NAME: &str = "mixlab.toml";
/// Options that can't be set in the file: it is found through the first, and a sweep that asks nothing runs nothing.
const NOT_IN_FILE: [&str; 1] = ["root"];
/// Subcommands whose options say what is wanted of this very call.
const WITHOUT_SETTINGS: [&str; 5] = ["doctor", "expand", "export", "import", "probe"];
/// Options of several subcommands that mean the same in all of them.
const SHARED: [&str; 1] = ["baseline"];

/// What the file says.
#[derive(Debug, Default)]
pub struct Settings {
    file: PathBuf,
    entries: Vec<Setting>,
}

#[derive(Debug)]
struct Setting {
    /// The subcommand, or the top level.
    table: Option<String>,
    key: String,
    values: Vec<String>,
    line: usize,
}

/// The definition of the command line with an environment variable for every option that takes a value.
pub fn with_environment(definition: Command) -> Command {
    let global = |a: Arg| match a.get_long() {
        Some(long) if is_settable(&a) && a.get_env().is_none() => {
            let name = variable(None, long);
            a.env(name).hide_env(true)
        }
        _ => a,
    };
    definition.mut_args(global).mut_subcommands(|s| {
        let table = s.get_name().to_owned();
        if WITHOUT_SETTINGS.contains(&table.as_str()) {
            return s;
        }
        s.mut_args(|a| match a.get_long() {
            Some(long) if is_settable(&a) && a.get_env().is_none() => {
                let table = if SHARED.contains(&long) { None } else { Some(lender(&table)) };
                let name = variable(table, long);
                a.env(name).hide_env(true)
            }
            _ => a,
        })
    })
}

/// The subcommand whose settings a subcommand uses.
fn lender(subcommand: &str) -> &str {
    if subcommand == "all" { "figures" } else { subcommand }
}

fn variable(table: Option<&str>, long: &str) -> String {
    let name = [Some("mixlab"), table, Some(long)].into_iter().flatten().collect::<Vec<_>>().join("_");
    name.replace('-', "_").to_uppercase()
}

fn is_settable(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) && arg.get_long().is_some() && !arg.is_hide_set()
}

fn keys(command: &Command) -> Vec<&str> {
    let settable = command.get_arguments().filter(|a| is_settable(a));
    settable.filter_map(Arg::get_long).filter(|k| !NOT_IN_FILE.contains(k)).collect()
}

/// Subcommands with settings of their own.
fn tables(definition: &Command) -> Vec<&Command> {
    let without = |name| name == "all" || WITHOUT_SETTINGS.contains(&name);
    definition.get_subcommands().filter(|s| !without(s.get_name()) && !keys(s).is_empty()).collect()
}

impl Settings {
    /// Reads `mixlab.toml` in `root`, if it is there, and checks every value as the command line would.
    ///
    /// # Errors
    /// A fault with file and line.
    pub fn read(root: &Path, definition: &Command) -> Result<Self, SpecError> {
        let file = root.join(FILE_NAME);
        match Document::read_within(&file, SMALL_FILE) {
            Ok(document) => Self::parse(&document, definition),
            Err(SpecError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(e),
        }
    }

    /// Reads a document, as [`Settings::read`] does a file.
    ///
    /// # Errors
    /// A fault with its place.
    pub fn parse(document: &Document, definition: &Command) -> Result<Self, SpecError> {
        let file = document.file().to_path_buf();
        let mut settings = Self { entries: Vec::new(), file };
        let subcommands = tables(definition);
        let names: Vec<&str> = subcommands.iter().map(|s| s.get_name()).collect();
        let known: Vec<&str> = keys(definition).into_iter().chain(SHARED).chain(names.iter().copied()).collect();
        for member in Value::parse(document)?.table(&known)? {
            match subcommands.iter().find(|s| s.get_name() == member.key) {
                Some(subcommand) if member.value.is_table() => {
                    for own in member.value.table(&keys(subcommand))? {
                        settings.add(own, subcommand, Some(subcommand.get_name()), definition)?;
                    }
                }
                Some(_) => return Err(member.value.fault("a table", "")),
                None => {
                    let owner = if SHARED.contains(&member.key.as_str()) {
                        subcommands.iter().find(|s| keys(s).contains(&member.key.as_str()))
                    } else {
                        None
                    };
                    settings.add(member, owner.map_or(definition, |s| *s), None, definition)?;
                }
            }
        }
        Ok(settings)
    }

    fn add(
        &mut self,
        member: &Member<'_>,
        owner: &Command,
        table: Option<&str>,
        all: &Command,
    ) -> Result<(), SpecError> {
        let Some(arg) = owner.get_arguments().find(|a| a.get_long() == Some(&member.key)) else {
            return Err(member.unknown(&keys(owner)));
        };
        let mut values = Vec::new();
        for value in elements(member, arg)? {
            let word = value.word().ok_or_else(|| value.fault("text, a number, true or false", ""))?;
            check(&word, value, arg, owner, all)?;
            values.push(self.resolved(arg, word));
        }
        let (table, key) = (table.map(str::to_owned), member.key.clone());
        self.entries.push(Setting { table, key, values, line: member.value.line() });
        Ok(())
    }

    /// Paths start at the folder of the file.
    fn resolved(&self, arg: &Arg, word: String) -> String {
        let is_path = arg.get_value_hint() == ValueHint::AnyPath && word != "-";
        let folder = self.file.parent().filter(|_| is_path);
        folder.map_or(word.clone(), |folder| folder.join(&word).display().to_string())
    }

    /// The definition with these values as defaults.
    pub fn apply(&self, definition: Command) -> Command {
        let with = |arg: Arg, table: Option<&str>| match self.of(&arg, table) {
            Some(setting) => arg.default_values(setting.values.clone()),
            None => arg,
        };
        definition.mut_args(|a| with(a, None)).mut_subcommands(|s| {
            let table = s.get_name().to_owned();
            s.mut_args(|a| with(a, Some(&table)))
        })
    }

    fn of(&self, arg: &Arg, table: Option<&str>) -> Option<&Setting> {
        let key = arg.get_long()?;
        let wanted = table.map(lender);
        let own = self.entries.iter().find(|e| e.key == key && e.table.as_deref() == wanted);
        own.or_else(|| self.entries.iter().find(|e| e.key == key && e.table.is_none() && SHARED.contains(&key)))
    }

    /// The values of a top-level key.
    pub fn values(&self, key: &str) -> &[String] {
        self.entries.iter().find(|e| e.table.is_none() && e.key == key).map_or(&[], |e| &e.values)
    }

    /// Every option that is in force, its value and where that comes from: all options common to all subcommands, then what
    /// the file says to single ones.
    pub fn in_force(&self, definition: &Command, matches: &ArgMatches) -> String {
        let mut table = TextTable::new(&["setting", "value", "from"]);
        for arg in definition.get_arguments().filter(|a| is_settable(a)) {
            let Some(long) = arg.get_long() else { continue };
            let id = arg.get_id().as_str();
            let raw = matches.try_get_raw(id).ok().flatten();
            let value: Vec<String> = raw.into_iter().flatten().map(|v| v.to_string_lossy().into_owned()).collect();
            let value = if value.is_empty() { "-".to_owned() } else { value.join(", ") };
            let from = match matches.value_source(id) {
                Some(ValueSource::CommandLine) => format!("--{long}"),
                Some(ValueSource::EnvVariable) => arg.get_env().map_or(String::new(), |e| e.to_string_lossy().into()),
                _ => self.of(arg, None).map_or_else(|| "default".into(), |s| self.place(s)),
            };
            table.row(vec![long.into(), value, from]);
        }
        for setting in self.entries.iter().filter(|s| s.table.is_some() || SHARED.contains(&s.key.as_str())) {
            let name = setting.table.iter().map(|t| format!("{t}.")).collect::<String>() + &setting.key;
            table.row(vec![name, setting.values.join(", "), self.place(setting)]);
        }
        table.text()
    }

    fn place(&self, setting: &Setting) -> String {
        format!("{}:{}", self.file.display(), setting.line)
    }
}

/// One value, or the elements of an array where an option may be repeated.
fn elements<'v, 'd>(member: &'v Member<'d>, arg: &Arg) -> Result<Vec<&'v Value<'d>>, SpecError> {
    let many = matches!(arg.get_action(), ArgAction::Append) || arg.get_value_delimiter().is_some();
    let each = member.value.each();
    if each.is_empty() || (!many && member.value.word().is_none()) {
        return Err(member.value.fault(if many { "one value or more" } else { "one value" }, ""));
    }
    Ok(each)
}

/// Reads a value as the command line would.
fn check(word: &str, value: &Value<'_>, arg: &Arg, owner: &Command, all: &Command) -> Result<(), SpecError> {
    let long = arg.get_long().unwrap_or_default();
    // Global options may follow any subcommand; `status` has no options of its own.
    let subcommand = if owner.get_name() == all.get_name() { "status" } else { owner.get_name() };
    let line = [all.get_name().to_owned(), subcommand.to_owned(), format!("--{long}={word}")];
    let Err(e) = all.clone().try_get_matches_from(line) else { return Ok(()) };
    let about_value = |kind| matches!(e.get(kind), Some(ContextValue::String(a)) if a.contains(&format!("--{long}")));
    if !about_value(ContextKind::InvalidArg) || e.get(ContextKind::InvalidValue).is_none() {
        return Ok(()); // some other option is missing, which only matters when the subcommand is called
    }
    Err(match e.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(valid)) if !valid.is_empty() => {
            let valid: Vec<&str> = valid.iter().map(String::as_str).collect();
            value.fault(&format!("one of {}", valid.join(", ")), &crate::spec::error::suggestion(word, &valid))
        }
        _ => {
            use std::error::Error;
            let why = e.source().map(ToString::to_string).unwrap_or_default();
            value.fault(&format!("what --{long} takes"), &why)
        }
    })
}

/// Every key with its variable and meaning, for people.
pub fn help(definition: &Command) -> String {
    let mut text = String::from(
        "Settings, in order of precedence: flag, environment variable, mixlab.toml in the --root folder, default.\n\
         Relative paths in mixlab.toml start at its folder. `mixlab doctor` says what is in force and why.\n",
    );
    let mut section = |title: String, command: &Command, wanted: &dyn Fn(&str) -> bool| {
        text.push_str(&title);
        for arg in command.get_arguments().filter(|a| is_settable(a) && a.get_long().is_some_and(wanted)) {
            let variable = arg.get_env().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
            let meaning = arg.get_help().map(ToString::to_string).unwrap_or_default();
            text.push_str(&format!("  {:16} {variable:26} {meaning}\n", arg.get_long().unwrap_or_default()));
        }
    };
    section("\nat the top of mixlab.toml\n".into(), definition, &|key| !NOT_IN_FILE.contains(&key));
    let subcommands = tables(definition);
    if let Some(first) = subcommands.iter().find(|s| keys(s).iter().any(|k| SHARED.contains(k))) {
        section(String::new(), first, &|key| SHARED.contains(&key));
    }
    for subcommand in &subcommands {
        section(format!("\n[{}]\n", subcommand.get_name()), subcommand, &|_| true);
    }
    text
}

/// The JSON Schema of the file, from the definition of the command line: keys, meanings and choices.
pub fn schema(definition: &Command) -> serde_json::Value {
    let mut properties = properties(definition);
    let subcommands = tables(definition);
    for shared in SHARED {
        let arg = subcommands.iter().flat_map(|s| s.get_arguments()).find(|a| a.get_long() == Some(shared));
        properties.extend(arg.map(|a| (shared.to_owned(), property(a))));
    }
    for subcommand in subcommands {
        let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
        let own = properties_of_table(subcommand, &about);
        properties.insert(subcommand.get_name().to_owned(), own);
    }
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mixlab.toml",
        "description": "Values for mixlab's options, in the folder of the results (--root). A flag or an environment variable wins over them.",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

fn properties_of_table(subcommand: &Command, about: &str) -> serde_json::Value {
    serde_json::json!({
        "type": "object", "description": about, "additionalProperties": false, "properties": properties(subcommand),
    })
}

fn properties(command: &Command) -> serde_json::Map<String, serde_json::Value> {
    let settable = keys(command);
    let args = command.get_arguments().filter(|a| a.get_long().is_some_and(|l| settable.contains(&l)));
    args.map(|a| (a.get_long().unwrap_or_default().to_owned(), property(a))).collect()
}

fn property(arg: &Arg) -> serde_json::Value {
    let description = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let choices: Vec<String> = arg.get_possible_values().iter().map(|v| v.get_name().to_owned()).collect();
    let one = match choices.is_empty() {
        false if choices == ["true", "false"] => serde_json::json!({"type": "boolean"}),
        false => serde_json::json!({"enum": choices}),
        true => serde_json::json!({"type": ["string", "number", "boolean"]}),
    };
    let many = matches!(arg.get_action(), ArgAction::Append) || arg.get_value_delimiter().is_some();
    let mut property = match many {
        true => serde_json::json!({"anyOf": [one, {"type": "array", "minItems": 1, "items": one}]}),
        false => one,
    };
    property["description"] = description.into();
    property
}
