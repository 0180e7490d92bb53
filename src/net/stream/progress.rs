//! How far a stream has come that does not block.

use std::io;

/// How far connecting has come.
#[derive(Debug)]
pub(in crate::net) enum Progress {
    /// It takes its time.
    Pending,
    /// The stream stands.
    Stands,
    /// The server answered this to the GET of a tunnel.
    Refused(Vec<u8>),
}

/// A signal came in between: it is tried again.
pub(super) fn interrupted(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Interrupted
}
