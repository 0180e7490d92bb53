//! Where a recording goes: a file that is made new, one after the other where it rotates, or standard output.
//!
//! **The event loop never waits for the disk.** `commands/output/disk` takes the buffers, each file into a queue of its
//! own, and a thread writes them (and compresses: each buffer is a zstd frame). At most one thread works on a file. One
//! does for all; where it made no progress between two ticks while other files wait, it is stuck in a pipe that nobody
//! reads or on a dead network disk, and another one is started. Up to 16 sync files side by side. Up to 64 MiB wait in
//! all, of which each of many files has its share (256 KiB at least); a file with nothing waiting has room in any case,
//! so those that are stuck do not stop the others. Where a disk is full the file is cut to what is whole, and the rest
//! of the buffer stands first in line again, to be tried with each tick.
//!
//! **Rotation** happens between two events. `Writer::rotate` completes the file, and begins the next one with the
//! interfaces of the open connections and with what `Repeat` kept of their dialogues: the requests that made the
//! session and the answers that granted them, at most 2 MiB a connection. The sink is told in between; `Names` gives
//! the file its name. `output/opening` makes files, with a lock (`flock`) against a second recorder; the next file is
//! made before this one gets its name, so that at any time one is locked. `output/earlier` completes what a recorder
//! that was killed left.
//!
//! `commands/record/recordings` routes events by session to their recording: all URLs of the command line share one,
//! each of `--targets` has its own.

mod disk;
mod earlier;
mod naming;
mod opening;
mod stream;
mod target;
mod whole;

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::capture::{BlockSink, Writer, whole_blocks};
use crate::commands::hiding::shown_lines;
use crate::commands::terminal::unread;
use crate::error::Error;

pub(super) use disk::{Disk, DiskFile};
pub(super) use naming::{Names, clean};
pub(super) use opening::{FileCare, create};
pub(super) use target::{Target, refuse_captures};

use earlier::Adopted;
use naming::is_compressed;
use opening::{create_locked, may_pass, sync_folder};
use stream::OutputStream;

/// zstd's fastest usual level: media does not get smaller by trying harder.
const COMPRESSION: i32 = 1;

/// The output of a recording.
pub(super) struct Output {
    names: Names,
    care: FileCare,
    stream: OutputStream,
    /// The file behind this one, which is made before this one is complete: at any time a recorder has a lock on one of
    /// its files.
    next: Option<File>,
    /// What an earlier recording had left.
    adopted: Vec<Adopted>,
    /// Each buffer becomes a zstd frame, so that what was written is whole whenever it ends.
    compresses: bool,
    /// Bytes of this file that are whole blocks, or whole frames.
    whole: u64,
    /// Bytes of the files before.
    before: u64,
}

/// What came of an output.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    pub(super) bytes: u64,
    pub(super) files: u64,
    /// The last of them.
    pub(super) last: PathBuf,
}

impl Output {
    /// Opens the output; `-` is standard output. An existing file is refused unless it may be overwritten; numbered files go
    /// on behind those that are there.
    pub(super) fn create(mut names: Names, care: FileCare) -> Result<Self, Error> {
        let compresses = is_compressed(names.path());
        let mut adopted = Vec::new();
        let stream = if is_stdout(names.path()) {
            OutputStream::Stdout(io::stdout())
        } else {
            if names.are_numbered() {
                let path = names.path().to_owned();
                adopted = earlier::take_over(&mut names, care, compresses).map_err(|error| refused(path, error))?;
            }
            let path = names.current();
            let file = create_locked(&path, care).map_err(|error| match error.kind() {
                // Another recorder was faster.
                io::ErrorKind::AlreadyExists if names.are_numbered() => Error::Taken(names.path().to_owned()),
                _ => refused(path, error),
            })?;
            OutputStream::File(file)
        };
        Ok(Self { names, care, stream, next: None, adopted, compresses, whole: 0, before: 0 })
    }

    /// What an earlier recording had left.
    pub(super) fn adopted(&self) -> &[Adopted] {
        &self.adopted
    }

    /// Writes whole blocks, and takes from the buffer what was written. Where that fails the file is cut off behind the last
    /// that is whole, so that no tool stumbles over the rest.
    fn write(&mut self, blocks: &mut Vec<u8>) -> io::Result<()> {
        let written = if self.compresses {
            compressed(blocks, |frame| self.stream.write_counted(frame).map_err(|(_, error)| (0, error)))?
        } else {
            self.stream.write_counted(blocks).map_err(|(count, error)| (whole_blocks(blocks, count), error))
        };
        match written {
            Ok(count) => {
                self.whole += count as u64;
                blocks.clear();
                self.stream.flush()
            }
            Err((count, error)) => {
                self.whole += count as u64;
                blocks.drain(..count);
                self.stream.cut_to(self.whole)?;
                Err(error)
            }
        }
    }

    /// Whether what failed so may be tried again: the disk may get room.
    fn may_go_on(&self, error: &io::Error) -> bool {
        may_pass(error) && self.stream.is_on_disk()
    }

    /// The file is complete, and gets its name. What failed may be tried again.
    fn complete(&mut self) -> io::Result<()> {
        if self.care.sync {
            self.stream.sync()?;
        }
        self.names.complete(self.care.overwrite)?;
        if self.care.sync && self.stream.is_on_disk() {
            sync_folder(self.names.folder());
        }
        self.before += std::mem::take(&mut self.whole);
        Ok(())
    }

    /// Nothing more comes, or can be written.
    fn finish(&mut self) -> io::Result<Written> {
        self.complete()?;
        if self.next.take().is_some() {
            // Nothing will be in it.
            let _ = std::fs::remove_file(self.names.next());
        }
        Ok(Written { bytes: self.before, files: self.names.count(), last: self.names.last() })
    }
}

/// What it means that a file can't be made.
fn refused(path: PathBuf, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::ResourceBusy => Error::Taken(path),
        io::ErrorKind::AlreadyExists if !path.is_dir() => Error::Exists(path),
        io::ErrorKind::AlreadyExists => {
            Error::File { action: "create", path, source: io::ErrorKind::IsADirectory.into() }
        }
        _ => Error::File { action: "create", path, source },
    }
}

impl BlockSink for Output {
    fn take(&mut self, blocks: &mut Vec<u8>) -> io::Result<()> {
        let written = self.write(blocks);
        blocks.clear();
        written
    }

    fn next_file(&mut self) -> io::Result<()> {
        if self.next.is_none() {
            self.next = Some(create_locked(&self.names.next(), self.care)?);
        }
        self.complete()?;
        self.names.advance();
        if let Some(next) = self.next.take() {
            self.stream = OutputStream::File(next);
        }
        Ok(())
    }
}

/// A compressor needs more memory than most of what it compresses: each thread has one, not each file.
struct Zstd {
    compressor: zstd::bulk::Compressor<'static>,
    frame: Vec<u8>,
}

thread_local! {
    static ZSTD: RefCell<Option<Zstd>> = const { RefCell::new(None) };
}

/// Lends the bytes as a zstd frame.
fn compressed<T>(bytes: &[u8], then: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
    ZSTD.with_borrow_mut(|zstd| {
        let Zstd { compressor, frame } = match zstd {
            Some(zstd) => zstd,
            None => zstd.insert(Zstd { compressor: zstd::bulk::Compressor::new(COMPRESSION)?, frame: Vec::new() }),
        };
        frame.resize(zstd::zstd_safe::compress_bound(bytes.len()), 0);
        let len = compressor.compress_to_buffer(bytes, frame)?;
        Ok(then(frame.get(..len).unwrap_or_default()))
    })
}

/// Completes a capture that is written at once, also where recording failed. Its size.
pub(super) fn complete(mut writer: Writer<Output>, recorded: io::Result<()>) -> io::Result<u64> {
    recorded.and_then(|()| writer.flush())?;
    writer.into_inner()?.finish().map(|written| written.bytes)
}

/// The operating system, as captures name it.
pub(super) fn system() -> String {
    format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)
}

/// Prints to standard output, unless that is where the capture goes. What a server says must not steer the terminal, nor
/// hold what logs in.
pub(super) fn print(capture: Option<&Path>, text: &str) -> io::Result<()> {
    let text = shown_lines(text);
    let bytes = text.as_bytes();
    if capture.is_some_and(is_stdout) {
        io::stderr().write_all(bytes).map_err(|error| unread(io::stderr(), error))
    } else {
        io::stdout().write_all(bytes).map_err(|error| unread(io::stdout(), error))
    }
}

/// Whether the name stands for standard output.
pub(super) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAREFUL: FileCare = FileCare { overwrite: false, private: false, sync: true };

    #[test]
    fn an_existing_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pcapng");
        std::fs::write(&path, "precious").unwrap();
        assert!(matches!(Output::create(Names::one(path.clone()), CAREFUL), Err(Error::Exists(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
        Output::create(Names::one(path.clone()), FileCare { overwrite: true, ..CAREFUL }).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn files_get_their_names_when_they_are_complete() {
        let folder = tempfile::tempdir().unwrap();
        let names = || {
            let mut names: Vec<String> = std::fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        let path = folder.path().join("cam.pcapng");
        let mut output = Output::create(Names::rotating(path, Some(2)), CAREFUL).unwrap();
        assert_eq!(names(), [".cam-00001.pcapng.part"]);
        for number in 2..5 {
            output.take(&mut vec![number; 100]).unwrap();
            output.next_file().unwrap();
        }
        assert_eq!(names(), [".cam-00004.pcapng.part", "cam-00002.pcapng", "cam-00003.pcapng"]);
        let written = output.finish().unwrap();
        assert_eq!(names(), ["cam-00003.pcapng", "cam-00004.pcapng"]);
        assert_eq!((written.bytes, written.files, written.last), (300, 4, folder.path().join("cam-00004.pcapng")));
    }
}
