//! Writes a redacted capture and analyzes it on the way: one thread makes it, one writes it to the file, and one reads what
//! was written.

use std::fs::File;
use std::io::{self, Read, Write};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, ScopedJoinHandle};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::capture::reader::{CaptureError, FileEnd, NextChunk};
use crate::capture::rewrite::RewritePlan;

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
    /// `expected` is how long it is without compression, more or less.
    pub(super) fn new(name: &[u8], file: &'a mut File, expected: u64) -> io::Result<Self> {
        Ok(match name {
            _ if name.ends_with(b".zst") => Self::Zstd(zstd::Encoder::new(file, LEVEL)?),
            _ if name.ends_with(b".gz") => Self::Gzip(GzEncoder::new(file, Compression::fast())),
            _ => {
                reserve(file, expected);
                Self::Plain(file)
            }
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
            // What was reserved and not needed is given back.
            Self::Plain(file) => file.set_len(file.metadata()?.len()),
            Self::Gzip(encoder) => encoder.finish().map(|_| ()),
            Self::Zstd(encoder) => encoder.finish().map(|_| ()),
        }
    }
}

/// Reserves room for a file. Measured on ext4: to find room for each page when it is written costs a quarter of the
/// writing. Where it can't be done, writing finds room all the same, or tells that there is none.
#[cfg(target_os = "linux")]
fn reserve(file: &File, len: u64) {
    use rustix::fs::{FallocateFlags, fallocate};
    let _ = fallocate(file, FallocateFlags::KEEP_SIZE, 0, len);
}

#[cfg(not(target_os = "linux"))]
fn reserve(_: &File, _: u64) {}

/// What stopped the writing.
pub(super) enum Failure {
    /// The original can't be redacted.
    Redact(CaptureError),
    /// The file can't be written.
    Write(io::Error),
}

/// The second pass. `analyzed` reads what is written, while it is.
pub(super) fn write<R: Read, T: Send>(
    plan: RewritePlan,
    input: R,
    output: Output<'_>,
    comment: &str,
    analyzed: impl FnOnce(NextChunk<'static>) -> T + Send,
) -> Result<(FileEnd, T), Failure> {
    thread::scope(|scope| {
        let (made, to_write) = sync_channel(WAITING);
        let (written, to_read) = sync_channel::<Vec<u8>>(WAITING);
        let (used, to_fill) = sync_channel(2 * WAITING);
        let writer = scope.spawn(move || store(output, &to_write, &written));
        let reader = scope.spawn(move || {
            analyzed(Box::new(move |chunk| {
                // With nobody left to fill it, it is not needed.
                let _ = used.try_send(chunk);
                to_read.recv().ok()
            }))
        });
        let full = |chunk| {
            made.send(chunk).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            let mut next: Vec<u8> = to_fill.try_recv().unwrap_or_default();
            next.clear();
            Ok(next)
        };
        let end = plan.write_chunks(input, full, comment);
        drop(made);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn what_was_reserved_and_not_needed_is_given_back() {
        use std::os::unix::fs::MetadataExt;
        let mut file = tempfile::tempfile().unwrap();
        let mut output = Output::new(b"a.pcap", &mut file, 8 << 20).unwrap();
        output.write(&[7; 1000]).unwrap();
        output.finish().unwrap();
        file.sync_all().unwrap();
        let metadata = file.metadata().unwrap();
        assert_eq!(metadata.len(), 1000);
        assert!(metadata.blocks() * 512 < 1 << 20, "{} blocks", metadata.blocks());
    }
}
