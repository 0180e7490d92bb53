//! Rows on their way out, in chunks: what the tables that are put together by hand have in common.

use std::io::{self, Write};

/// Bytes that are collected before they are written.
pub(super) const CHUNK: usize = 64 << 10;

/// Collects whole rows.
pub(super) struct Lines<W: Write> {
    out: W,
    /// The rows so far; a row is added here.
    pub(super) bytes: Vec<u8>,
}

impl<W: Write> Lines<W> {
    pub(super) const fn new(out: W) -> Self {
        Self { out, bytes: Vec::new() }
    }

    /// A row is complete.
    pub(super) fn end_row(&mut self) -> io::Result<()> {
        if self.bytes.len() < CHUNK { Ok(()) } else { self.write() }
    }

    /// Writes what has been collected and gives back the output.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.write()?;
        Ok(self.out)
    }

    /// Writes what has been collected, for somebody to see it now.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.write()?;
        self.out.flush()
    }

    fn write(&mut self) -> io::Result<()> {
        self.out.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}
