//! One file a subcommand: glue between the rooms, and the only code that opens files.

mod analyze;
mod compare;
mod completions;
mod demo;
mod export;
mod hiding;
mod hurried;
mod live;
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

use std::fs::File;
use std::io;
use std::path::Path;

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

/// What a capture of something else, or of a part of a session, is told.
const NO_SESSION: &str = "no RTSP session found; it may be in TLS, or the capture may lack its beginning";
/// And one that is not whole.
const CUT: &str = "the file ends in the middle of a packet";

/// Opens a capture.
fn open_capture(path: &Path) -> Result<File, Error> {
    let opened = File::open(path).and_then(|file| {
        // A folder can be opened; what fails is reading.
        if file.metadata()?.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(file) }
    });
    opened.map_err(|source| Error::File { action: "open", path: path.to_owned(), source })
}

/// Each connection costs a file descriptor. What can't be raised is lived with; how many there may be.
fn raise_file_limit() -> u64 {
    let current = || rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(u64::MAX, |(soft, _)| soft);
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|_| current())
}
