//! The files of an export: one for each track in a folder, or one for the only track.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::slice;

use crate::cli::ExportArgs;
use crate::commands::export::tracks::failed;
use crate::commands::output::{create, is_stdout, refuse_captures};
use crate::error::Error;

/// Thousands of tracks may be written at once.
const BUFFER: usize = 4 << 10;

/// Where files go.
#[derive(Debug)]
pub(super) struct Files {
    place: Destination,
    force: bool,
    /// Must not be written to.
    capture: PathBuf,
}

#[derive(Debug)]
enum Destination {
    Folder(PathBuf),
    /// One file, or standard output; until it is begun.
    One(Option<PathBuf>),
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct OutFile {
    pub(super) path: PathBuf,
    out: OutputFile,
    pub(super) len: u64,
}

#[derive(Debug)]
enum OutputFile {
    File(BufWriter<File>),
    Stdout(io::Stdout),
}

impl Files {
    /// With `--track` the output is a file, unless it is a folder or ends with a slash.
    pub(super) fn new(args: &ExportArgs) -> Result<Self, Error> {
        let (path, force, one) = (&*args.output, args.force, args.track.is_some());
        let capture = args.capture.clone();
        let is_folder = path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/");
        if is_stdout(path) || one && !is_folder {
            return Ok(Self { place: Destination::One(Some(path.to_owned())), force, capture });
        }
        if path.exists() && !path.is_dir() {
            let text = format!("{} is no folder; with --track N it may be a file", path.display());
            return Err(Error::Usage(text));
        }
        Ok(Self { place: Destination::Folder(path.to_owned()), force, capture })
    }

    /// Begins the file of a track, which is called so in a folder.
    pub(super) fn create(&mut self, name: &str) -> Result<OutFile, Error> {
        let path = match &mut self.place {
            Destination::Folder(folder) => {
                let failed = |source| Error::File { action: "create", path: folder.clone(), source };
                std::fs::create_dir_all(&*folder).map_err(failed)?;
                folder.join(name)
            }
            Destination::One(path) => path.take().ok_or_else(|| {
                Error::Usage("several sessions have this track: --session N says which is meant".to_owned())
            })?,
        };
        let out = if is_stdout(&path) { OutputFile::Stdout(io::stdout()) } else { OutputFile::File(self.open(&path)?) };
        Ok(OutFile { path, out, len: 0 })
    }

    fn open(&self, path: &Path) -> Result<BufWriter<File>, Error> {
        refuse_captures(path, slice::from_ref(&self.capture))?;
        match create(path, self.force) {
            Ok(file) => Ok(BufWriter::with_capacity(BUFFER, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Error::Exists(path.to_owned())),
            Err(source) => Err(Error::File { action: "create", path: path.to_owned(), source }),
        }
    }
}

impl OutFile {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.len += bytes.len() as u64;
        let written = match &mut self.out {
            OutputFile::File(file) => file.write_all(bytes),
            OutputFile::Stdout(stdout) => stdout.write_all(bytes),
        };
        written.map_err(|error| failed(&self.path, error))
    }

    /// The file is complete. Where it can go back it gets this at its beginning.
    pub(super) fn finish(&mut self, beginning: Option<Vec<u8>>) -> Result<(), Error> {
        self.end(beginning).map_err(|error| failed(&self.path, error))
    }

    fn end(&mut self, beginning: Option<Vec<u8>>) -> io::Result<()> {
        match (&mut self.out, beginning) {
            (OutputFile::File(file), Some(beginning)) if file.get_ref().metadata()?.is_file() => {
                file.seek(SeekFrom::Start(0))?;
                file.write_all(&beginning)?;
                file.flush()
            }
            (OutputFile::File(file), _) => file.flush(),
            (OutputFile::Stdout(stdout), _) => stdout.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(output: &Path, force: bool, one: bool) -> Result<Files, Error> {
        let args = ExportArgs {
            named: crate::cli::NamedArgs::default(),
            capture: PathBuf::from("capture"),
            view: None,
            media: true,
            rtpdump: false,
            output: output.to_owned(),
            session: None,
            track: one.then_some(0),
            force,
            quiet: true,
        };
        Files::new(&args)
    }

    #[test]
    fn existing_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let media = folder.path().join("media");
        let mut made = files(&media, false, false).unwrap();
        let mut file = made.create("1-0-video-H264.h264").unwrap();
        file.write(b"header, and more").unwrap();
        file.finish(Some(b"HEADER".to_vec())).unwrap();
        assert_eq!(std::fs::read(&file.path).unwrap(), b"HEADER, and more");
        assert!(matches!(made.create("1-0-video-H264.h264"), Err(Error::Exists(_))));
        files(&media, true, false).unwrap().create("1-0-video-H264.h264").unwrap();
        assert_eq!(std::fs::read(&file.path).unwrap(), b"");
        assert!(matches!(files(&file.path, false, false), Err(Error::Usage(_))), "a file, where a folder has to be");
    }

    #[test]
    fn one_track_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("video.h264");
        let mut made = files(&path, false, true).unwrap();
        assert_eq!(made.create("1-0-video-H264.h264").unwrap().path, path);
        assert!(matches!(made.create("2-0-video-H264.h264"), Err(Error::Usage(_))));
        assert_eq!(files(folder.path(), false, true).unwrap().create("x").unwrap().path, folder.path().join("x"));
    }
}
