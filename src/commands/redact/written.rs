//! Writes a redacted capture and analyzes it on the way: one thread makes it, one writes it to the file, and one reads what
//! was written.

use std::fs::File;
use std::io::{self, Read, Write};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, ScopedJoinHandle};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::capture::reader::{CaptureError, FileEnd};
use crate::capture::rewrite::Plan;

/// Bytes that go from thread to thread at once.
const CHUNK: usize = 1 << 18;
/// Chunks that wait for the next thread.
const WAITING: usize = 4;
/// zstd's fastest usual level.
const LEVEL: i32 = 1;

/// The file, compressed where its name says so.
pub(super) enum Output<'a> {
    Plain(&'a mut File),
    Gzip(GzEncoder<&'a mut File>),
    Zstd(zstd::Encoder<'static, &'a mut File>),
}

impl<'a> Output<'a> {
    pub(super) fn new(name: &[u8], file: &'a mut File) -> io::Result<Self> {
        Ok(match name {
            _ if name.ends_with(b".zst") => Self::Zstd(zstd::Encoder::new(file, LEVEL)?),
            _ if name.ends_with(b".gz") => Self::Gzip(GzEncoder::new(file, Compression::fast())),
            _ => Self::Plain(file),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Gzip(encoder) => encoder.finish().map(|_| ()),
            Self::Zstd(encoder) => encoder.finish().map(|_| ()),
        }
    }
}

/// What stopped the writing.
pub(super) enum Failure {
    /// The original can't be redacted.
    Redact(CaptureError),
    /// The file can't be written.
    Write(io::Error),
}

/// The second pass. `analyzed` reads what is written, while it is.
pub(super) fn write<R: Read, T: Send>(
    plan: Plan,
    input: R,
    output: Output<'_>,
    comment: &str,
    analyzed: impl FnOnce(ChunkReader) -> T + Send,
) -> Result<(FileEnd, T), Failure> {
    thread::scope(|scope| {
        let (made, to_write) = sync_channel(WAITING);
        let (written, to_read) = sync_channel(WAITING);
        let (used, to_fill) = sync_channel(2 * WAITING);
        let writer = scope.spawn(move || store(output, &to_write, &written));
        let reader = scope.spawn(move || analyzed(ChunkReader { chunks: to_read, used, chunk: Vec::new(), at: 0 }));
        let end =
            plan.write(input, ChunkWriter { chunk: Vec::with_capacity(CHUNK), chunks: made, used: to_fill }, comment);
        let (stored, analyzed) = (joined(writer), joined(reader));
        stored.map_err(Failure::Write)?;
        Ok((end.map_err(Failure::Redact)?, analyzed))
    })
}

/// What a thread has found.
pub(super) fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Writes chunks to the file, and passes on what is written.
fn store(mut output: Output<'_>, chunks: &Receiver<Vec<u8>>, written: &SyncSender<Vec<u8>>) -> io::Result<()> {
    for chunk in chunks {
        output.write(&chunk)?;
        // Who has found it bad reads no further.
        let _ = written.send(chunk);
    }
    output.finish()
}

/// Fills chunks.
struct ChunkWriter {
    chunk: Vec<u8>,
    chunks: SyncSender<Vec<u8>>,
    /// Those that were read.
    used: Receiver<Vec<u8>>,
}

impl Write for ChunkWriter {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chunk.len() + bytes.len() > CHUNK {
            self.flush()?;
        }
        self.chunk.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut next = self.used.try_recv().unwrap_or_else(|_| Vec::with_capacity(CHUNK));
        next.clear();
        let full = std::mem::replace(&mut self.chunk, next);
        self.chunks.send(full).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Reads chunks one behind the other.
pub(super) struct ChunkReader {
    chunks: Receiver<Vec<u8>>,
    used: SyncSender<Vec<u8>>,
    chunk: Vec<u8>,
    at: usize,
}

impl Read for ChunkReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.chunk.len() {
            let Ok(next) = self.chunks.recv() else { return Ok(0) };
            // With nobody left to fill it, it is not needed.
            let _ = self.used.try_send(std::mem::replace(&mut self.chunk, next));
            self.at = 0;
        }
        let len = self.chunk.get(self.at..).unwrap_or_default().read(out)?;
        self.at += len;
        Ok(len)
    }
}
