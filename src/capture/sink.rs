//! Where the blocks of a capture go.

use std::io::{self, Write};

/// Takes a capture, one buffer of whole blocks after the other.
pub trait BlockSink {
    /// Takes these blocks, and leaves an empty buffer.
    ///
    /// # Errors
    /// Where they can't be written down.
    fn take(&mut self, blocks: &mut Vec<u8>) -> io::Result<()>;

    /// What was taken is a complete file; what comes next begins another one.
    ///
    /// # Errors
    /// Where there can't be another one.
    fn next_file(&mut self) -> io::Result<()>;
}

/// One file, written at once.
impl<W: Write> BlockSink for W {
    fn take(&mut self, blocks: &mut Vec<u8>) -> io::Result<()> {
        let written = self.write_all(blocks);
        blocks.clear();
        written?;
        self.flush()
    }

    fn next_file(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
