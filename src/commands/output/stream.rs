//! The open end of an output: a file, or standard output.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use crate::commands::output::opening::sync;

pub(super) enum OutputStream {
    File(File),
    Stdout(io::Stdout),
}

impl OutputStream {
    /// Writes everything, or tells how much was written before the error.
    pub(super) fn write_counted(&mut self, bytes: &[u8]) -> Result<usize, (usize, io::Error)> {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match self.write(rest) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((written, error)),
            }
        }
        Ok(written)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stdout(stdout) => stdout.write(bytes),
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(_) => Ok(()),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }

    /// Whether it is a file on a disk, whose length can be set. A pipe or device opened by name is none.
    pub(super) fn is_on_disk(&self) -> bool {
        matches!(self, Self::File(file) if file.metadata().is_ok_and(|file| file.is_file()))
    }

    /// Cuts off what is behind, and writes on from there.
    pub(super) fn cut_to(&mut self, len: u64) -> io::Result<()> {
        match self {
            Self::File(file) if file.metadata()?.is_file() => {
                file.set_len(len)?;
                file.seek(SeekFrom::Start(len)).map(|_| ())
            }
            Self::File(_) | Self::Stdout(_) => Ok(()),
        }
    }

    /// What was written is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        match self {
            Self::File(file) if self.is_on_disk() => sync(file),
            Self::File(_) | Self::Stdout(_) => Ok(()),
        }
    }
}
