//! Where a recording goes: a file that is made new, or standard output.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::capture::Writer;
use crate::error::Error;

/// The output of a recording.
#[derive(Debug)]
pub(super) enum Output {
    File(File),
    Stdout(io::Stdout),
}

impl Output {
    /// Opens the output; `-` is standard output. An existing file is refused unless `force`.
    pub(super) fn create(path: &Path, force: bool) -> Result<Self, Error> {
        if is_stdout(path) {
            return Ok(Self::Stdout(io::stdout()));
        }
        let mut options = OpenOptions::new();
        options.write(true);
        if force {
            options.create(true).truncate(true)
        } else {
            options.create_new(true)
        };
        options.open(path).map(Self::File).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists(path.to_owned()),
            _ => Error::File { action: "create", path: path.to_owned(), source },
        })
    }

    /// Cuts a file off behind its last whole block, so that no tool stumbles over the rest.
    pub(super) fn cut_to(&self, len: u64) -> io::Result<()> {
        match self {
            // A pipe or device opened by name has no length.
            Self::File(file) if file.metadata()?.is_file() => file.set_len(len),
            Self::File(_) | Self::Stdout(_) => Ok(()),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

/// Completes a capture, also where recording failed. Its size.
pub(super) fn complete(mut writer: Writer<Output>, recorded: io::Result<()>) -> io::Result<u64> {
    let result = recorded.and_then(|()| writer.flush());
    let size = writer.whole_len();
    if result.is_err() {
        writer.get_ref().cut_to(size)?;
    }
    result.map(|()| size)
}

/// The operating system, as captures name it.
pub(super) fn system() -> String {
    format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)
}

/// Prints to standard output, unless that is where the capture goes. What a server says must not steer the terminal.
pub(super) fn print(capture: Option<&Path>, text: &str) -> io::Result<()> {
    let text: String = text.chars().filter(|char| !char.is_control() || *char == '\n').collect();
    let bytes = text.as_bytes();
    if capture.is_some_and(is_stdout) { io::stderr().write_all(bytes) } else { io::stdout().write_all(bytes) }
}

/// Whether the name stands for standard output.
pub(super) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// `HOST_UTC-START.pcapng`, with what file systems do not like replaced.
pub(super) fn default_name(host: &str, start: &str) -> PathBuf {
    let clean = |text: &str| text.replace(|char: char| !char.is_ascii_alphanumeric() && !".-_".contains(char), "-");
    PathBuf::from(format!("{}_{}.pcapng", clean(host), clean(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_every_file_system_takes() {
        let name = default_name("fe80::1", "2026-11-22T09:30:00Z");
        assert_eq!(name, PathBuf::from("fe80--1_2026-11-22T09-30-00Z.pcapng"));
    }

    #[test]
    fn an_existing_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pcapng");
        std::fs::write(&path, "precious").unwrap();
        assert!(matches!(Output::create(&path, false), Err(Error::Exists(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
        Output::create(&path, true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }
}
