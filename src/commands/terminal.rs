//! What a terminal gets beyond text: colour, where its user wants any.
//!
//! `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and `TERM=dumb` are honoured as other programs do.

use std::env;
use std::fs::{File, FileType};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use crate::commands::hiding::shown;
use crate::commands::logging;
use crate::report::visible::VisibleText;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Whether what is written here may be coloured.
pub(super) fn takes_colour(stream: &impl RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}

/// Whether lines on standard error can be drawn over.
pub(super) fn redraws() -> bool {
    !logging::is_on() && io::stderr().is_terminal() && env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// How many columns the terminal of standard error has.
pub(super) fn width() -> usize {
    let columns = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
    // A serial line does not know.
    if columns == 0 { 80 } else { columns.into() }
}

/// Whether somebody reads standard output as it comes, through a pipe or a socket.
pub(super) fn stdout_is_piped() -> bool {
    kind_of(io::stdout()).is_some_and(|kind| kind.is_fifo() || kind.is_socket())
}

fn kind_of(stream: impl AsFd) -> Option<FileType> {
    let metadata = stream.as_fd().try_clone_to_owned().and_then(|out| File::from(out).metadata());
    metadata.ok().map(|metadata| metadata.file_type())
}

/// What an error of writing to a standard stream means: a terminal that was closed (EIO) is one that nobody reads, as a closed
/// pipe is.
pub(super) fn unread(stream: impl AsFd, error: io::Error) -> io::Error {
    const EIO: i32 = 5;
    let hung_up = error.raw_os_error() == Some(EIO) && kind_of(stream).is_some_and(|kind| kind.is_char_device());
    if hung_up { io::ErrorKind::BrokenPipe.into() } else { error }
}

/// Standard output, where a terminal sees nothing that steers it.
pub(super) fn stdout() -> Box<dyn Write + Send> {
    if io::stdout().is_terminal() { Box::new(VisibleText::new(io::stdout())) } else { Box::new(io::stdout()) }
}

/// Says in a line on standard error what went wrong. One that can't be written is no reason to stop: the exit code has
/// to do.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{}", headed("rtsp-rec:", ERROR, text));
}

/// The line of a warning, for standard error.
pub(super) fn warning(text: &str) -> String {
    headed("warning:", WARNING, text)
}

/// The heading of what is drawn on standard error.
pub(super) fn heading(text: &str) -> String {
    let style = if takes_colour(&io::stderr()) { Style::new().bold() } else { Style::new() };
    format!("{style}{text}{style:#}")
}

/// What a server says must not steer the terminal, nor make two lines of one.
fn headed(head: &str, style: Style, text: &str) -> String {
    let style = if takes_colour(&io::stderr()) { style } else { Style::new() };
    format!("{style}{head}{style:#} {}", shown(text))
}
