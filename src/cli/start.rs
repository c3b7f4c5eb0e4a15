//! From `argv` to a parsed command line: the definition, values from the environment and `mixlab.toml`, and the external
//! backends as further subcommands.

use super::args::{Cli, Command, Common, HelpSettingsArgs};
use super::config::{self, Settings};
use super::exit::Exit;
use super::failure::Failure;
use super::{data, early, examples};
use crate::backends::{BackendOptions, NOT_BUILT, registry};
use crate::external::{Manifest, discover};
use crate::spec::SpecError;
use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

/// Where external backends are always looked for.
const BACKENDS: &str = "backends";
/// Subcommands that say how mixlab is used, which must work whatever is wrong with the files.
const WITHOUT_FILES: [&str; 5] = ["init", "help-events", "help-settings", "completions", "man"];

/// What was found before the command line was read.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// External backends.
    pub external: Vec<Arc<Manifest>>,
    /// Settings in force, with their sources, as a table.
    pub in_force: String,
}

/// The command line as it is defined, without external backends.
pub fn definition() -> clap::Command {
    examples::with_examples(config::with_environment(Cli::command()))
}

/// Reads the command line of this process. Ends the process for `--help`, `--version` and usage errors, as clap does.
///
/// # Errors
/// If `mixlab.toml` or a `backend.toml` is wrong.
pub fn parse() -> Result<Cli, Failure> {
    let args: Vec<OsString> = std::env::args_os().collect();
    let root = early::values(&args, "--root", "MIXLAB_ROOT").pop().unwrap_or_else(|| PathBuf::from("./results"));
    let plain = definition();
    let found = Settings::read(&root, &plain).and_then(|settings| {
        let external = discover(&folders(&args, &settings), &reserved(&plain))?;
        Ok((settings, external))
    });
    let (settings, external, fault) = match found {
        Ok((settings, external)) => (settings, external, None),
        Err(fault) => (Settings::default(), Vec::new(), Some(fault)),
    };
    let full = with_external(settings.apply(plain), &external);
    let matches = match full.clone().try_get_matches_from(&args) {
        Ok(matches) => matches,
        // The subcommand may be a backend that was not found because of the fault.
        Err(e) if e.kind() == ErrorKind::InvalidSubcommand && fault.is_some() => return Err(failure(fault)),
        Err(e) => e.exit(),
    };
    let name = matches.subcommand_name().unwrap_or_default();
    if fault.is_some() && !WITHOUT_FILES.contains(&name) {
        return Err(failure(fault));
    }
    let in_force = settings.in_force(&full, &matches);
    let mut cli = cli(&matches, external.iter().any(|m| m.name == name)).unwrap_or_else(|e| e.exit());
    cli.common.start = Start { external, in_force };
    Ok(cli)
}

fn failure(fault: Option<SpecError>) -> Failure {
    fault.map_or_else(|| Failure::internal("no fault"), Failure::from)
}

/// Folders that may have backends in them.
fn folders(args: &[OsString], settings: &Settings) -> Vec<PathBuf> {
    let mut folders = early::values(args, "--backend-dir", "MIXLAB_BACKEND_DIR");
    if folders.is_empty() {
        folders.extend(settings.values("backend-dir").iter().map(PathBuf::from));
    }
    folders.push(BACKENDS.into());
    folders
}

/// Names that external backends can't have.
fn reserved(definition: &clap::Command) -> Vec<String> {
    let subcommands = definition.get_subcommands().map(|s| s.get_name().to_owned());
    let built = registry(&BackendOptions::default()).unwrap_or_default();
    let built = built.iter().map(|b| b.id().to_owned()).chain(NOT_BUILT.iter().map(|(name, _)| (*name).to_owned()));
    subcommands.chain(built).chain(["help".to_owned()]).collect()
}

fn with_external(definition: clap::Command, external: &[Arc<Manifest>]) -> clap::Command {
    external.iter().fold(definition, |all, manifest| {
        let about = if manifest.about.is_empty() { "External backend" } else { &manifest.about };
        all.subcommand(clap::Command::new(manifest.name.clone()).about(format!("{about} (external)")))
    })
}

fn cli(matches: &ArgMatches, is_external: bool) -> Result<Cli, clap::Error> {
    match matches.subcommand_name().filter(|_| is_external) {
        Some(name) => {
            Ok(Cli { common: Common::from_arg_matches(matches)?, command: Command::External(name.to_owned()) })
        }
        None => Cli::from_arg_matches(matches),
    }
}

/// `help-settings`: every key with its variable and meaning, or the schema.
pub fn help_settings(args: &HelpSettingsArgs) -> Result<Exit, Failure> {
    let definition = definition();
    if args.schema {
        return data(&format!("{:#}\n", config::schema(&definition)));
    }
    data(&config::help(&definition))
}
