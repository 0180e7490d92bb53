//! `--log` and `RTSP_REC_LOG`: what the event loop and the machines do, on standard error, a line each.

use std::env;
use std::io::Write;

use clap::ValueEnum;
use log::LevelFilter;

use crate::cli::{Command, LogLevel};
use crate::commands::hiding::shown;
use crate::error::Error;
use crate::net::Clock;

const VARIABLE: &str = "RTSP_REC_LOG";

/// Begins to log where a command has sessions and it was asked for; the option outweighs the variable. Lines have no logins
/// in them, and nothing that steers a terminal.
pub(super) fn begin(command: &Command) -> Result<(), Error> {
    let asked = match command {
        Command::Record(args) => args.log,
        Command::Probe(args) => args.log,
        Command::Replay(args) => args.log,
        Command::Demo(args) => args.log,
        _ => return Ok(()),
    };
    let Some(level) = asked.log.map_or_else(of_environment, |level| Ok(Some(level)))? else { return Ok(()) };
    let level = match level {
        LogLevel::Debug => LevelFilter::Debug,
        LogLevel::Trace => LevelFilter::Trace,
    };
    let clock = Clock::start();
    env_logger::Builder::new()
        // The crates below have nothing to say that a user could do something about.
        .filter_module("rtsp_rec", level)
        .format(move |line, record| writeln!(line, "{} {}", clock.now(), shown(&record.args().to_string())))
        .init();
    Ok(())
}

/// Whether lines come at any time: then no line is drawn over.
pub(super) fn is_on() -> bool {
    log::max_level() != LevelFilter::Off
}

fn of_environment() -> Result<Option<LogLevel>, Error> {
    let Some(text) = env::var_os(VARIABLE).filter(|text| !text.is_empty()) else { return Ok(None) };
    let level = text.to_str().and_then(|text| LogLevel::from_str(text, true).ok());
    let unknown = || Error::Usage(format!("{VARIABLE}={} is neither debug nor trace", text.display()));
    level.map(Some).ok_or_else(unknown)
}
