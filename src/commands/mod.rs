//! One file a subcommand: glue between the rooms, and the only code that opens files.

mod analyze;
mod compare;
mod completions;
mod demo;
mod export;
mod hiding;
mod hurried;
mod inputs;
mod live;
mod locks;
mod logging;
mod login;
mod man;
mod monitor;
mod named;
mod ordered_writer;
mod output;
mod probe;
mod progress;
mod queue;
mod record;
mod recording_health;
mod redact;
mod replay;
mod report;
mod schema;
mod signals;
mod terminal;
mod trust;

use crate::cli::{Cli, Command};
use crate::error::Error;

pub use terminal::complain;

/// Runs what the command line asks for.
///
/// # Errors
/// What stopped it.
pub fn run(cli: Cli) -> Result<(), Error> {
    logging::begin(&cli.command)?;
    match cli.command {
        Command::Record(args) => record::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::Analyze(args) => analyze::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Redact(args) => redact::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}
