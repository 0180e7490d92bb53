//! `rtsp-rec man`: manual pages, made of what `--help` knows.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use roff::{Roff, roman};

use crate::cli::{APPLICATION, Cli, ManArgs};
use crate::error::Error;

/// The section of the manual that holds user commands.
const SECTION: &str = "1";

/// Prints a page, or writes all of them.
pub(super) fn run(args: &ManArgs) -> Result<(), Error> {
    let tool = tool();
    if let Some(folder) = &args.output {
        return write_all(&tool, folder);
    }
    let page = page(&tool, wanted(&tool, args.command.as_deref())?).map_err(Error::Stdout)?;
    io::stdout().write_all(page.as_bytes()).and_then(|()| io::stdout().flush()).map_err(Error::Stdout)
}

/// The command line with all that is derived from it, such as the full names of commands.
fn tool() -> Command {
    let mut tool = Cli::command().disable_help_subcommand(true);
    tool.build();
    tool
}

fn wanted<'c>(tool: &'c Command, name: Option<&str>) -> Result<&'c Command, Error> {
    let Some(name) = name else { return Ok(tool) };
    let known: Vec<&str> = tool.get_subcommands().map(Command::get_name).collect();
    let unknown = || Error::Usage(format!("there is no command '{name}'; there are {}", known.join(", ")));
    tool.find_subcommand(name).ok_or_else(unknown)
}

fn write_all(tool: &Command, folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|source| Error::File { action: "create", path: folder.to_owned(), source })?;
    for command in std::iter::once(tool).chain(tool.get_subcommands()) {
        let path = folder.join(format!("{}.{SECTION}", name(command)));
        let written = page(tool, command).and_then(|page| fs::write(&path, page));
        written.map_err(|source| Error::File { action: "write", path, source })?;
    }
    Ok(())
}

/// `rtsp-rec`, `rtsp-rec-record`.
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// The roff source of a page.
fn page(tool: &Command, command: &Command) -> io::Result<String> {
    let man = Man::new(command.clone()).section(SECTION);
    let mut out = Vec::new();
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    let commands: Vec<&Command> = command.get_subcommands().collect();
    if !commands.is_empty() {
        man.render_subcommands_section(&mut out)?;
    }
    if let Some(help) = command.get_after_help() {
        explanations(&help.to_string()).to_writer(&mut out)?;
    }
    see_also(if commands.is_empty() { vec![tool] } else { commands }).to_writer(&mut out)?;
    let sections = String::from_utf8(out).map_err(io::Error::other)?;
    // Each section comes with definitions, which one page needs once. The date stays empty: pages are the same whenever
    // they are made.
    let definitions = Roff::new().render();
    let title = format!(".TH \"{}\" {SECTION} \"\" \"{APPLICATION}\" \"User Commands\"\n", name(command));
    Ok(format!("{definitions}{title}{}", sections.replace(&definitions, "")))
}

/// What stands below the options in `--help`: examples, line by line; then text, with the exit codes in its last lines.
fn explanations(help: &str) -> Roff {
    let mut roff = Roff::new();
    let (examples, rest) = match help.strip_prefix("Examples:\n") {
        Some(text) => text.split_once("\n\n").unwrap_or((text, "")),
        None => ("", help),
    };
    if !examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]).control("nf", []);
        for line in examples.lines() {
            roff.text([roman(line.trim())]);
        }
        roff.control("fi", []);
    }
    let (notes, exit_codes) = rest.split_once("Exit code: ").unwrap_or((rest, ""));
    for (heading, text) in [("NOTES", notes), ("EXIT STATUS", exit_codes)] {
        if !text.is_empty() {
            roff.control("SH", [heading]);
        }
        for line in text.trim_end().lines() {
            if line.is_empty() {
                roff.control("PP", [])
            } else {
                roff.text([roman(line)])
            };
        }
    }
    roff
}

fn see_also(others: Vec<&Command>) -> Roff {
    let names: Vec<String> = others.into_iter().map(|command| format!("{}({SECTION})", name(command))).collect();
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]).text([roman(names.join(", "))]);
    roff
}
