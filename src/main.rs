//! The command line tool: parse, run, tell what failed in one line.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use rtsp_rec::cli::Cli;
use rtsp_rec::commands;

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // What a server says must not steer the terminal, nor make two lines of one.
            let text: String = error.to_string().chars().filter(|char| !char.is_control()).collect();
            // Where standard error is gone too, the exit code has to do.
            let _ = writeln!(std::io::stderr(), "rtsp-rec: {text}");
            ExitCode::from(error.exit_code())
        }
    }
}
