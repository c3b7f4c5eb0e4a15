//! The command line: parses, calls, prints. Nothing else in mixlab prints.
//!
//! stdout carries data (tables, CSV, JSON, ndjson events); progress, remarks and errors go to stderr.

mod args;
mod average;
mod check;
mod compare;
mod config;
mod doctor;
mod drawing;
mod early;
mod events;
mod examples;
mod exit;
mod expand;
mod export;
mod failure;
mod figures;
mod import;
mod init;
mod learning;
mod plain;
mod probe;
mod progress;
mod report;
mod serve;
mod start;
mod status;
mod sweep;
mod table;
mod test;
mod train;

use crate::spec::SpecError;
use crate::spec::json::Document;
use args::{Cli, Command, Common, MessageFormat};
use exit::Exit;
use failure::Failure;
use plain::plain;
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

/// Entry point of the program.
pub fn main() -> ExitCode {
    let cli = match start::parse() {
        Ok(cli) => cli,
        Err(failure) => return failure.report(MessageFormat::Human),
    };
    let form = cli.common.message_format;
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return Failure::internal(format!("cannot start the async runtime: {e}")).report(form),
    };
    let exit = runtime.block_on(dispatch(cli));
    // Workers that are still busy (a second Ctrl-C) must not hold up the exit.
    runtime.shutdown_background();
    match exit {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(form),
    }
}

/// A reader of `mixlab.toml` files that applies nothing: it says whether such a file would be accepted.
pub fn settings_reader() -> impl Fn(&Document) -> Result<(), SpecError> {
    let definition = start::definition();
    move |document| config::Settings::parse(document, &definition).map(drop)
}

/// Whether `serve`, listening at `address`, would answer a request with this head (all up to the empty line).
pub fn answers(head: &str, address: SocketAddr) -> bool {
    serve::checked(head, address).is_ok()
}

async fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    let common = &cli.common;
    match cli.command {
        Command::Ideal => sweep::run(common, "ideal").await,
        Command::Flowsim => sweep::run(common, "flowsim").await,
        Command::FlowsimWindow => sweep::run(common, "flowsim-window").await,
        Command::Coarse => sweep::run(common, "coarse").await,
        Command::Packet => sweep::run(common, "packet").await,
        Command::Floor => sweep::run(common, "floor").await,
        Command::Mlsys => sweep::run(common, "mlsys").await,
        Command::Ns3 => sweep::run(common, "ns3").await,
        Command::M4 => sweep::run(common, "m4").await,
        Command::M4Fluid => sweep::run(common, "m4-fluid").await,
        Command::Pmn => sweep::run(common, "pmn").await,
        Command::PmnM => sweep::run(common, "pmn-m").await,
        Command::PmnMc => sweep::run(common, "pmn-mc").await,
        Command::All(figures) => sweep::all(common, &figures).await,
        Command::Expand(args) => expand::run(common, &args),
        Command::Figures(args) => figures::run(common, &args).await,
        Command::Report(args) => report::run(common, &args).await,
        Command::Serve(args) => serve::run(common, &args).await,
        Command::Compare(args) => compare::run(common, &args).await,
        Command::Train(args) => train::run(common, &args).await,
        Command::Probe(args) => probe::run(common, &args).await,
        Command::Test(args) => test::run(common, &args).await,
        Command::Status => status::run(common).await,
        Command::Check(args) => check::run(common, &args).await,
        Command::Import(args) => import::run(common, &args).await,
        Command::Export(args) => export::run(common, &args).await,
        Command::Doctor(args) => match &args.conformance {
            Some(name) => doctor::conformance(common, name, args.scenarios),
            None => doctor::run(common).await,
        },
        Command::Init(args) => init::run(common, &args),
        Command::HelpEvents => data(events::SCHEMA),
        Command::HelpSettings(args) => start::help_settings(&args),
        Command::External(name) => sweep::run(common, &name).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut start::definition(), "mixlab", &mut script);
            data(&String::from_utf8_lossy(&script))
        }
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(start::definition()).render(&mut page).expect("memory takes everything");
            data(&String::from_utf8_lossy(&page))
        }
    }
}

/// Writes data to stdout. A reader that has gone away (`| head`) is not an error.
fn data(text: &str) -> Result<Exit, Failure> {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(no_stdout(&e)),
        _ => Ok(Exit::Ok),
    }
}

fn no_stdout(why: &std::io::Error) -> Failure {
    Failure::unwritable(Path::new("standard output"), why)
}

/// A line on stderr. Where that can't be written, because its disk is full or its reader is gone, nobody can be told, and the
/// work goes on.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Writes text for people to stdout: names in it can't command the terminal.
fn shown(text: &str) -> Result<Exit, Failure> {
    data(&plain(text))
}

/// A remark on stderr, unless `--quiet`.
fn remark(common: &Common, text: &str) {
    if !common.quiet {
        say(&plain(text));
    }
}

/// Warnings on stderr, unless `--quiet`; long lists are cut.
fn warn(common: &Common, warnings: &[String]) {
    const SHOWN: usize = 8;
    for w in warnings.iter().take(SHOWN) {
        remark(common, &format!("warning: {w}"));
    }
    if warnings.len() > SHOWN {
        remark(common, &format!("warning: … and {} more of this kind", warnings.len() - SHOWN));
    }
}
