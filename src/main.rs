//! The command line tool: parse, run, tell what failed in one line.

use std::process::ExitCode;

use clap::Parser;

use rtsp_rec::cli::Cli;
use rtsp_rec::commands;

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            commands::complain(&error.to_string());
            ExitCode::from(error.exit_code())
        }
    }
}
