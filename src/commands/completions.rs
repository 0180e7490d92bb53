//! `rtsp-rec completions`: what a shell has to know to complete the command line.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::cli::{Cli, CompletionsArgs};
use crate::error::Error;

/// Prints the script.
pub(super) fn run(args: &CompletionsArgs) -> Result<(), Error> {
    let script = script(args.shell).map_err(Error::Stdout)?;
    io::stdout().write_all(script.as_bytes()).and_then(|()| io::stdout().flush()).map_err(Error::Stdout)
}

fn script(shell: Shell) -> io::Result<String> {
    // Made in memory first: `generate` panics where its output fails, as a closed pipe does.
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "rtsp-rec", &mut script);
    let script = String::from_utf8(script).map_err(io::Error::other)?;
    // clap_complete 4.6 calls a command by two names for bash if the program has a hyphen in its name (clap issue 6421).
    Ok(if shell == Shell::Bash { script.replace("rtsp__subcmd__rec__", "rtsp__rec__") } else { script })
}
