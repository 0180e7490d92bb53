//! What stops a command. Each message says what, where, and what to try.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use crate::capture::reader::CaptureError;
use crate::session::rerun::RerunError;
use crate::session::script::ScriptError;

/// Why a command failed. It is shown as one line.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line asks for something that can't be.
    #[error("{0}")]
    Usage(String),
    /// The output is there already.
    #[error("{} exists; -f overwrites it", .0.display())]
    Exists(PathBuf),
    /// Another process records into the output.
    #[error("another rtsp-rec writes {}; name another file", .0.display())]
    Taken(PathBuf),
    /// A file or folder could not be opened or made.
    #[error("can't {action} {}: {source}{}", .path.display(), file_advice(action, source))]
    File {
        /// What was tried: `open`, `create`…
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A capture could not be read on.
    #[error("{}: {source}", .path.display())]
    Capture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: CaptureError,
    },
    /// Writing the output failed.
    #[error("can't write {}: {source}; what came before is complete", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A capture can't be served.
    #[error("{}: {source}", .path.display())]
    Script {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        source: ScriptError,
    },
    /// A recorded client's session can't be performed again.
    #[error("{}: {source}", .path.display())]
    Rerun {
        /// The file.
        path: PathBuf,
        /// What it holds.
        source: RerunError,
    },
    /// A capture holds nothing to work on.
    #[error("{}: {reason}", .path.display())]
    Nothing {
        /// The file.
        path: PathBuf,
        /// What it lacks, or holds.
        reason: String,
    },
    /// An address can't be served on.
    #[error("can't listen on {address}: {source}; {}", listen_advice(source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
    /// A target needs more file descriptors than there are.
    #[error("{limit} file descriptors do for {room} of {targets} targets; ulimit -n raises their number")]
    Descriptors {
        /// How many there may be.
        limit: u64,
        /// How many targets they do for.
        room: usize,
        /// How many there are.
        targets: usize,
    },
    /// Sessions failed. The report names each; this is the first of them.
    #[error("{}{first}", if *.failed > 1 { format!("{failed} of {sessions} sessions failed; the first: ") } else { String::new() })]
    Sessions {
        /// How many failed.
        failed: usize,
        /// How many there were.
        sessions: usize,
        /// URL and reason of the first that failed.
        first: String,
    },
    /// It worked, but a condition of `--fail-if` holds: which, and for which stream.
    #[error("{0}")]
    Condition(String),
    /// The system refused something that the event loop needs.
    #[error("the event loop failed: {0}")]
    EventLoop(#[source] io::Error),
    /// Printing failed.
    #[error("can't write to standard output: {0}")]
    Stdout(#[source] io::Error),
}

impl Error {
    /// The exit code that tells this failure from others: 2 for wrong usage, 3 for a condition that holds, else 1.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Condition(_) => 3,
            _ => 1,
        }
    }

    /// Whether nobody reads standard output any more, which is a normal end.
    pub fn is_closed_pipe(&self) -> bool {
        match self {
            Self::Stdout(error) | Self::Write { source: error, .. } => error.kind() == io::ErrorKind::BrokenPipe,
            _ => false,
        }
    }
}

/// What to try where a file can't be used.
fn file_advice(action: &str, source: &io::Error) -> &'static str {
    let makes = matches!(action, "create" | "write" | "write to");
    match source.kind() {
        io::ErrorKind::NotFound if makes => "; make its folder first",
        io::ErrorKind::NotFound => "; is the name right?",
        io::ErrorKind::PermissionDenied if makes => "; name a place where this user may write",
        io::ErrorKind::PermissionDenied => "; this user may not read it",
        // Only captures are opened; other files are read at once.
        io::ErrorKind::IsADirectory if action == "open" => "; name the files in it, as in FOLDER/*.pcapng",
        io::ErrorKind::IsADirectory => "; name a file in it",
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => "; a file is in the way of the folder",
        _ => "",
    }
}

/// What may be wrong where an address can't be served on.
fn listen_advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => "is another program using the port? --listen takes another address",
        io::ErrorKind::AddrNotAvailable => "--listen takes addresses of this machine; 0.0.0.0 is all of them",
        io::ErrorKind::PermissionDenied => "ports below 1024 are kept for root; --listen takes another address",
        _ => "--listen takes another address",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_addresses_that_can_t_be_used() {
        let file = |action, kind: io::ErrorKind| Error::File { action, path: "x".into(), source: kind.into() };
        let address = SocketAddr::from(([127, 0, 0, 1], 554));
        let listen = |kind: io::ErrorKind| Error::Listen { address, source: kind.into() };
        let errors = [
            file("open", io::ErrorKind::NotFound),
            file("create", io::ErrorKind::NotFound),
            file("read", io::ErrorKind::PermissionDenied),
            file("write", io::ErrorKind::PermissionDenied),
            file("open", io::ErrorKind::IsADirectory),
            file("create", io::ErrorKind::IsADirectory),
            file("create", io::ErrorKind::NotADirectory),
            file("open", io::ErrorKind::Interrupted),
            listen(io::ErrorKind::AddrInUse),
            listen(io::ErrorKind::AddrNotAvailable),
            listen(io::ErrorKind::PermissionDenied),
        ];
        insta::assert_snapshot!(errors.map(|error| error.to_string()).join("\n"));
    }
}
