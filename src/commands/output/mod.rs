//! Where a recording goes: a file that is made new, one after the other where it rotates, or standard output.

mod disk;
mod naming;
mod target;

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::capture::{BlockSink, Writer, whole_blocks};
use crate::error::Error;

pub(super) use disk::{Disk, DiskFile};
pub(super) use naming::{Names, clean};
pub(super) use target::{Target, refuse_captures};

use naming::is_compressed;

/// zstd's fastest usual level: media does not get smaller by trying harder.
const COMPRESSION: i32 = 1;

/// The output of a recording.
pub(super) struct Output {
    names: Names,
    stream: Stream,
    /// Each buffer becomes a zstd frame, so that what was written is whole whenever it ends.
    compresses: bool,
    /// Bytes of this file that are whole blocks, or whole frames.
    whole: u64,
    /// Bytes of the files before.
    before: u64,
}

enum Stream {
    File(File),
    Stdout(io::Stdout),
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
    /// Opens the output; `-` is standard output. An existing file is refused unless `force`.
    pub(super) fn create(names: Names) -> Result<Self, Error> {
        let stream = if is_stdout(names.path()) {
            Stream::Stdout(io::stdout())
        } else {
            names.refuse_existing()?;
            let path = names.current();
            create(&path, names.overwrites()).map(Stream::File).map_err(|source| match source.kind() {
                io::ErrorKind::AlreadyExists if !path.is_dir() => Error::Exists(path),
                io::ErrorKind::AlreadyExists => {
                    Error::File { action: "create", path, source: io::ErrorKind::IsADirectory.into() }
                }
                _ => Error::File { action: "create", path, source },
            })?
        };
        let compresses = is_compressed(names.path());
        Ok(Self { names, stream, compresses, whole: 0, before: 0 })
    }

    /// Writes whole blocks. Where that fails the file is cut off behind the last that is whole, so that no tool
    /// stumbles over the rest.
    fn write_blocks(&mut self, blocks: &[u8]) -> io::Result<()> {
        let written = if self.compresses {
            compressed(blocks, |frame| self.stream.write_counted(frame).map_err(|(_, error)| (0, error)))?
        } else {
            self.stream.write_counted(blocks).map_err(|(count, error)| (whole_blocks(blocks, count), error))
        };
        match written {
            Ok(count) => {
                self.whole += count as u64;
                self.stream.flush()
            }
            Err((count, error)) => {
                self.whole += count as u64;
                self.stream.cut_to(self.whole)?;
                Err(error)
            }
        }
    }

    /// The file is complete, and gets its name.
    fn complete(&mut self) -> io::Result<()> {
        self.before += std::mem::take(&mut self.whole);
        self.names.complete()
    }

    /// Nothing more comes, or can be written.
    pub(super) fn finish(&mut self) -> io::Result<Written> {
        self.complete()?;
        Ok(Written { bytes: self.before, files: self.names.number(), last: self.names.last() })
    }
}

impl BlockSink for Output {
    fn take(&mut self, blocks: &mut Vec<u8>) -> io::Result<()> {
        let written = self.write_blocks(blocks);
        blocks.clear();
        written
    }

    fn next_file(&mut self) -> io::Result<()> {
        self.complete()?;
        self.stream = Stream::File(create(&self.names.next(), self.names.overwrites())?);
        Ok(())
    }
}

impl Stream {
    /// Writes everything, or tells how much was written before the error.
    fn write_counted(&mut self, bytes: &[u8]) -> Result<usize, (usize, io::Error)> {
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

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(_) => Ok(()),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }

    fn cut_to(&self, len: u64) -> io::Result<()> {
        match self {
            // A pipe or device opened by name has no length.
            Self::File(file) if file.metadata()?.is_file() => file.set_len(len),
            Self::File(_) | Self::Stdout(_) => Ok(()),
        }
    }
}

/// Creates a file, which must not be there unless it may be overwritten.
pub(super) fn create(path: &Path, overwrite: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true);
    if overwrite {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    options.open(path)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pcapng");
        std::fs::write(&path, "precious").unwrap();
        assert!(matches!(Output::create(Names::one(path.clone(), false)), Err(Error::Exists(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
        Output::create(Names::one(path.clone(), true)).unwrap();
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
        let mut output = Output::create(Names::rotating(path.clone(), false, Some(2))).unwrap();
        assert_eq!(names(), [".cam-00001.pcapng.part"]);
        for number in 2..5 {
            output.take(&mut vec![number; 100]).unwrap();
            output.next_file().unwrap();
        }
        assert_eq!(names(), [".cam-00004.pcapng.part", "cam-00002.pcapng", "cam-00003.pcapng"]);
        let written = output.finish().unwrap();
        assert_eq!(names(), ["cam-00003.pcapng", "cam-00004.pcapng"]);
        assert_eq!((written.bytes, written.files, written.last), (300, 4, folder.path().join("cam-00004.pcapng")));
        assert!(matches!(Output::create(Names::rotating(path, false, None)), Err(Error::Exists(_))));
    }
}
