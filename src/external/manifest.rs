//! `backend.toml`: what an external backend is called, how it is started, what it reads, writes and models.
//!
//! Unknown keys are errors. All keys with their meaning: `spec/schema/backend.schema.json`.

use super::results::Column;
use crate::bounded::SMALL_FILE;
use crate::spec::error::suggestion;
use crate::spec::json::Document;
use crate::spec::toml::{Member, Value};
use crate::spec::{Cc, SpecError};
use mixlab_contract::SimDuration;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Name of the file that makes a folder a backend.
pub const FILE_NAME: &str = "backend.toml";
/// Keys of the top level.
pub const KEYS: [&str; 14] = [
    "name",
    "about",
    "version",
    "version-command",
    "command",
    "install",
    "inputs",
    "tolerance-ns",
    "time-limit-s",
    "alone",
    "in-all",
    "output",
    "supports",
    "environment",
];
/// Keys of `[output]`.
pub const OUTPUT_KEYS: [&str; 2] = ["file", "columns"];
/// Keys of `[supports]`.
pub const SUPPORTS_KEYS: [&str; 4] = ["cc", "closed-loop", "max-hosts", "max-flows"];
/// Stands for the folder of `backend.toml` in arguments and environment.
const FOLDER: &str = "{folder}";

/// A `backend.toml`.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Folder of the file, absolute.
    pub folder: PathBuf,
    /// Name on the command line, in the store and in figures.
    pub name: String,
    /// One line for `--help`.
    pub about: String,
    /// Version of the model, part of the fingerprint.
    pub version: String,
    /// Prints the version of whatever runs the model (an interpreter, a solver), part of the fingerprint.
    pub version_command: Option<Vec<String>>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// What to do if the program is missing.
    pub install: String,
    /// Files the program wants.
    pub inputs: Vec<Input>,
    /// What it writes.
    pub output: Output,
    /// What it models.
    pub supports: Supports,
    /// Variables it gets besides `PATH`, `HOME`, `TMPDIR` and `LC_ALL`.
    pub environment: BTreeMap<String, String>,
    /// How far below the ideal FCT a result may lie (rounding).
    pub tolerance: SimDuration,
    /// Time limit of a run.
    pub time_limit: Option<Duration>,
    /// Whether no other run may share the machine.
    pub alone: bool,
    /// Whether the subcommand `all` means this backend too.
    pub in_all: bool,
}

/// Files a program can ask for; they are in its working directory when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// Nodes, switches, links.
    Topology,
    /// Flows by start.
    Flows,
    /// Transport and switches.
    Config,
    /// The data path of every flow.
    Paths,
    /// The ideal FCT of every flow.
    Ideal,
}

impl Input {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Topology, Self::Flows, Self::Config, Self::Paths, Self::Ideal];

    /// The name of the file.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Topology => "topology.txt",
            Self::Flows => "flows.txt",
            Self::Config => "config.txt",
            Self::Paths => "path_1.txt",
            Self::Ideal => "ideal.txt",
        }
    }
}

/// Where and how the program writes FCTs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// A file in its working directory, or `-` for standard output.
    pub file: String,
    /// Columns of a table; `None` = ns-3's `fct.txt`.
    pub columns: Option<Vec<Column>>,
}

/// What a backend models; anything else is answered with *unsupported*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supports {
    /// Congestion controls by their names in mixes; `None` = any.
    pub cc: Option<Vec<String>>,
    /// Closed loops.
    pub closed_loop: bool,
    /// Most hosts.
    pub max_hosts: Option<u64>,
    /// Most flows.
    pub max_flows: Option<u64>,
}

/// The backends in these folders: a folder with a `backend.toml` is one, otherwise its direct subfolders may be. Sorted by
/// name. A folder that is not there has none. `reserved` names can't be taken.
///
/// # Errors
/// The first fault of a file, including a name that is taken.
pub fn discover(folders: &[PathBuf], reserved: &[String]) -> Result<Vec<Arc<Manifest>>, SpecError> {
    let mut found: BTreeMap<String, Arc<Manifest>> = BTreeMap::new();
    for file in folders.iter().flat_map(|f| manifests_in(f)) {
        let manifest = Manifest::read(&file, reserved)?;
        let same = |m: &Manifest| m.folder == manifest.folder; // found on two ways
        if let Some(other) = found.get(&manifest.name).filter(|m| !same(m)) {
            let document = Document::read_within(&file, SMALL_FILE)?;
            let hint = format!("{} has the same name", other.folder.join(FILE_NAME).display());
            let root = Value::parse(&document)?;
            let name = root.members()?.iter().find(|m| m.key == "name").map_or(&root, |m| &m.value);
            return Err(name.fault("a name that no other backend has", &hint));
        }
        found.insert(manifest.name.clone(), Arc::new(manifest));
    }
    Ok(found.into_values().collect())
}

fn manifests_in(folder: &Path) -> Vec<PathBuf> {
    let own = folder.join(FILE_NAME);
    if own.is_file() {
        return vec![own];
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut below: Vec<PathBuf> = entries.map(|e| e.path().join(FILE_NAME)).filter(|f| f.is_file()).collect();
    below.sort();
    below
}

impl Manifest {
    /// Reads a `backend.toml`.
    ///
    /// # Errors
    /// A fault with file, line and what to do.
    pub fn read(file: &Path, reserved: &[String]) -> Result<Self, SpecError> {
        let unreadable = |source| SpecError::Read { file: file.to_path_buf(), source };
        let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folder.canonicalize().map_err(unreadable)?;
        Self::parse(&Document::read_within(file, SMALL_FILE)?, folder, reserved)
    }

    /// Reads a document whose file lies in `folder`.
    ///
    /// # Errors
    /// A fault with its place.
    pub fn parse(document: &Document, folder: PathBuf, reserved: &[String]) -> Result<Self, SpecError> {
        let root = Value::parse(document)?;
        let table = Keys { owner: &root, members: root.table(&KEYS)? };
        let text = |key| table.optional(key).map_or(Ok(String::new()), |v| v.string("text").map(str::to_owned));
        let truth = |key, default| table.optional(key).map_or(Ok(default), Value::boolean);
        let line = |value| command_line(value, &folder);
        Ok(Self {
            name: name(table.required("name")?, reserved)?,
            about: text("about")?,
            version: table.required("version")?.string("the version of the model, as text")?.to_owned(),
            version_command: table.optional("version-command").map(line).transpose()?,
            command: line(table.required("command")?)?,
            install: text("install")?,
            inputs: inputs(table.required("inputs")?)?,
            output: Output::parse(table.required("output")?)?,
            supports: Supports::parse(table.required("supports")?)?,
            environment: table.optional("environment").map_or(Ok(BTreeMap::new()), |v| environment(v, &folder))?,
            tolerance: SimDuration::from_ns(number(&table, "tolerance-ns", 1_000_000)?.unwrap_or(0)),
            time_limit: number(&table, "time-limit-s", 31_536_000)?.map(Duration::from_secs),
            alone: truth("alone", false)?,
            in_all: truth("in-all", true)?,
            folder,
        })
    }

    /// The file an executable's name means: one in the backend's folder, else one in `PATH`.
    pub fn executable(&self, name: &str) -> Option<PathBuf> {
        use std::os::unix::fs::PermissionsExt;
        let executable =
            |p: &PathBuf| std::fs::metadata(p).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
        let own = self.folder.join(name);
        if name.contains('/') || executable(&own) {
            return Some(own).filter(executable);
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|dir| dir.join(name)).find(executable)
    }
}

impl Output {
    fn parse(value: &Value<'_>) -> Result<Self, SpecError> {
        let table = Keys { owner: value, members: value.table(&OUTPUT_KEYS)? };
        let file = table.required("file")?;
        let expected = "the name of a file in the working directory, or \"-\" for standard output";
        let name = file.string(expected)?;
        if name.is_empty() || name.contains('/') || name == ".." || Input::ALL.iter().any(|i| i.file_name() == name) {
            return Err(file.fault(expected, "a plain name that is not one of the inputs"));
        }
        let columns = table.required("columns")?;
        let known = Column::ALL.map(Column::name);
        if columns.word().is_some() {
            return match columns.string("") {
                Ok("fct.txt") => Ok(Self { file: name.into(), columns: None }),
                _ => Err(columns.fault("a list of columns, or \"fct.txt\" for ns-3's eight or nine columns", "")),
            };
        }
        let mut list: Vec<Column> = Vec::new();
        for value in columns.array("a list of columns")? {
            let written = value.string("the name of a column")?;
            let column = Column::ALL.into_iter().find(|c| c.name() == written);
            let column = column
                .ok_or_else(|| value.fault(&format!("one of {}", known.join(", ")), &suggestion(written, &known)))?;
            if column != Column::Skipped && list.contains(&column) {
                return Err(value.fault("each column once", ""));
            }
            list.push(column);
        }
        if !list.contains(&Column::Id) || !list.contains(&Column::FctNs) {
            return Err(columns.fault("at least the columns id and fct_ns", ""));
        }
        Ok(Self { file: name.into(), columns: Some(list) })
    }
}

impl Supports {
    fn parse(value: &Value<'_>) -> Result<Self, SpecError> {
        let table = Keys { owner: value, members: value.table(&SUPPORTS_KEYS)? };
        let known: Vec<&str> = Cc::ALL.iter().map(|c| c.name()).collect();
        let cc = table.required("cc")?;
        let expected = "a list of congestion controls, or \"any\" if it makes no difference to the model";
        let cc = if cc.string("").is_ok_and(|word| word == "any") {
            None
        } else {
            let mut list = Vec::new();
            for value in cc.array(expected)? {
                let written = value.string("the name of a congestion control")?;
                if !known.contains(&written) {
                    return Err(value.fault(&format!("one of {}", known.join(", ")), &suggestion(written, &known)));
                }
                list.push(written.to_owned());
            }
            Some(list)
        };
        Ok(Self {
            cc,
            closed_loop: table.optional("closed-loop").map_or(Ok(false), Value::boolean)?,
            max_hosts: number(&table, "max-hosts", u64::from(u32::MAX))?,
            max_flows: number(&table, "max-flows", u64::from(u32::MAX))?,
        })
    }
}

/// Members of a table by key.
struct Keys<'v, 'd> {
    owner: &'v Value<'d>,
    members: &'v [Member<'d>],
}

impl<'v, 'd> Keys<'v, 'd> {
    fn optional(&self, key: &str) -> Option<&'v Value<'d>> {
        self.members.iter().find(|m| m.key == key).map(|m| &m.value)
    }

    fn required(&self, key: &str) -> Result<&'v Value<'d>, SpecError> {
        let hint = "backends/example-python has a complete example";
        self.optional(key).ok_or_else(|| self.owner.fault_with(&format!("a key `{key}`"), "none", hint))
    }
}

fn number(table: &Keys<'_, '_>, key: &str, max: u64) -> Result<Option<u64>, SpecError> {
    let expected = format!("a whole number of at most {max}");
    table.optional(key).map(|v| v.whole(&expected, max)).transpose()
}

/// Longest name of a backend from outside, as [`is_name`] has it.
pub const LONGEST_NAME: usize = 40;

/// Whether results from outside can go by this name: lower-case letters, digits and `-`.
pub fn is_name(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    plain && !name.is_empty() && name.len() <= LONGEST_NAME
}

fn name(value: &Value<'_>, reserved: &[String]) -> Result<String, SpecError> {
    let expected = "a name of lower-case letters, digits and `-`, at most 40, beginning with a letter";
    let name = value.string(expected)?;
    if !is_name(name) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(value.fault(expected, ""));
    }
    if reserved.iter().any(|r| r == name) {
        return Err(value.fault("a name that mixlab does not use itself", "choose another one"));
    }
    Ok(name.into())
}

fn command_line(value: &Value<'_>, folder: &Path) -> Result<Vec<String>, SpecError> {
    let expected = "a list: the program and its arguments, each as text (no shell reads it)";
    let list = value.array(expected)?;
    let words: Vec<String> =
        list.iter().map(|v| v.string("an argument as text").map(|w| place(w, folder))).collect::<Result<_, _>>()?;
    if words.first().is_none_or(String::is_empty) { Err(value.fault(expected, "")) } else { Ok(words) }
}

/// `{folder}` filled in.
fn place(word: &str, folder: &Path) -> String {
    word.replace(FOLDER, &folder.display().to_string())
}

fn inputs(value: &Value<'_>) -> Result<Vec<Input>, SpecError> {
    let known = Input::ALL.map(Input::file_name);
    let one = |value: &Value<'_>| {
        let written = value.string("the name of an input file")?;
        let input = Input::ALL.into_iter().find(|i| i.file_name() == written);
        input.ok_or_else(|| value.fault(&format!("one of {}", known.join(", ")), &suggestion(written, &known)))
    };
    value.array("a list of input files")?.iter().map(one).collect()
}

fn environment(value: &Value<'_>, folder: &Path) -> Result<BTreeMap<String, String>, SpecError> {
    let variable = |m: &Member<'_>| Ok((m.key.clone(), place(m.value.string("text")?, folder)));
    value.members()?.iter().map(variable).collect()
}
