//! Captures as commands open them, what is said of those that lack something, and how many files may be open.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::error::Error;

/// What a capture of something else, or of a part of a session, is told.
pub(super) const NO_SESSION: &str = "no RTSP session found; it may be in TLS, or the capture may lack its beginning";

/// And one that is not whole.
pub(super) const CUT: &str = "the file ends in the middle of a packet";

/// Opens a capture.
pub(super) fn open_capture(path: &Path) -> Result<File, Error> {
    let opened = File::open(path).and_then(|file| {
        // A folder can be opened; what fails is reading.
        if file.metadata()?.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(file) }
    });
    opened.map_err(|source| Error::File { action: "open", path: path.to_owned(), source })
}

/// Each connection costs a file descriptor. What can't be raised is lived with; how many there may be.
pub(super) fn raise_file_limit() -> u64 {
    let current = || rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(u64::MAX, |(soft, _)| soft);
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|_| current())
}
