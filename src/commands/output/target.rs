//! An output file that gets its name when it is whole.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::commands::output::is_stdout;
use crate::commands::output::naming::folder;
use crate::error::Error;

/// What any file may have, less what the user's umask takes.
const MODE: u32 = 0o666;

/// Where a file goes that is written as a whole.
pub(in crate::commands) struct Target {
    path: PathBuf,
    force: bool,
}

impl Target {
    /// Refuses what is there, and what is one of the captures, before anything is read.
    pub(in crate::commands) fn new(path: &Path, force: bool, captures: &[PathBuf]) -> Result<Self, Error> {
        let error = |source| Error::File { action: "create", path: path.to_owned(), source };
        refuse_captures(path, captures)?;
        match path.metadata() {
            _ if is_stdout(path) => {}
            Ok(there) if there.is_dir() => return Err(error(io::ErrorKind::IsADirectory.into())),
            Ok(there) if there.is_file() && !force => return Err(Error::Exists(path.to_owned())),
            Err(_) => drop(folder(path).read_dir().map_err(error)?),
            Ok(_) => {}
        }
        Ok(Self { path: path.to_owned(), force })
    }

    /// Writes the whole file, or standard output.
    pub(in crate::commands) fn write(&self, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        if is_stdout(&self.path) {
            return content(&mut io::stdout().lock());
        }
        let mut file = self.begin()?;
        content(&mut file)?;
        self.keep(file)
    }

    /// A file that no pattern for captures finds, and that vanishes unless it is kept.
    pub(in crate::commands) fn begin(&self) -> io::Result<NamedTempFile> {
        let mut builder = Builder::new();
        let builder = builder.prefix(".rtsp-rec-").suffix(".part").permissions(Permissions::from_mode(MODE));
        if self.node().is_some() { builder.tempfile() } else { builder.tempfile_in(folder(&self.real_path())) }
    }

    /// Gives the file its name. A pipe or a device stays what it is and gets the content, and a link leads where it did.
    pub(in crate::commands) fn keep(&self, mut file: NamedTempFile) -> io::Result<()> {
        if let Some(mut node) = self.node().transpose()? {
            file.seek(SeekFrom::Start(0))?;
            return io::copy(&mut file, &mut node).map(|_| ());
        }
        file.as_file().sync_all()?;
        let path = self.real_path();
        let named = if self.force { file.persist(path) } else { file.persist_noclobber(path) };
        named.map(|_| ()).map_err(|error| error.error)
    }

    /// What an error of writing means.
    pub(in crate::commands) fn failed(&self, source: io::Error) -> Error {
        match source.kind() {
            _ if is_stdout(&self.path) => Error::Stdout(source),
            io::ErrorKind::AlreadyExists => Error::Exists(self.path.clone()),
            _ => Error::File { action: "write", path: self.path.clone(), source },
        }
    }

    fn real_path(&self) -> PathBuf {
        fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone())
    }

    /// What is there already and is no file.
    fn node(&self) -> Option<io::Result<File>> {
        let is_node = self.path.metadata().is_ok_and(|there| !there.is_file());
        is_node.then(|| File::options().write(true).open(&self.path))
    }
}

/// Refuses an output that is one of the captures, under whatever name: it would be lost before it is read.
pub(in crate::commands) fn refuse_captures(output: &Path, captures: &[PathBuf]) -> Result<(), Error> {
    let identity = |there: &Metadata| (there.dev(), there.ino());
    let Some(there) = output.metadata().ok().filter(Metadata::is_file) else { return Ok(()) };
    let same = |capture: &&PathBuf| capture.metadata().is_ok_and(|other| identity(&other) == identity(&there));
    match captures.iter().find(same) {
        Some(capture) => {
            let (output, capture) = (output.display(), capture.display());
            Err(Error::Usage(format!("{output} is the capture {capture} itself; -o takes another file")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &Path, force: bool) -> Result<Target, Error> {
        Target::new(path, force, &[])
    }

    #[test]
    fn a_file_gets_its_name_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.html");
        let names = || fs::read_dir(folder.path()).unwrap().count();
        let new = target(&path, false).unwrap();
        new.write(|_| Err(io::ErrorKind::StorageFull.into())).unwrap_err();
        assert_eq!(names(), 0);
        new.write(|out| out.write_all(b"one")).unwrap();
        assert!(matches!(target(&path, false), Err(Error::Exists(_))));
        let late = new.write(|out| out.write_all(b"two")).unwrap_err();
        assert!(matches!(new.failed(late), Error::Exists(_)));
        assert_eq!((names(), fs::read_to_string(&path).unwrap()), (1, "one".to_owned()));
        target(&path, true).unwrap().write(|out| out.write_all(b"three")).unwrap();
        assert_eq!((names(), fs::read_to_string(&path).unwrap()), (1, "three".to_owned()));
    }

    #[test]
    fn what_can_t_be_a_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        assert!(target(folder.path(), true).is_err());
        assert!(target(&folder.path().join("missing/x.html"), true).is_err());
        target(Path::new("-"), false).unwrap();
        target(Path::new("/dev/null"), false).unwrap().write(|out| out.write_all(b"x")).unwrap();
    }

    #[test]
    fn links_and_devices_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        target(&link, true).unwrap().write(|out| out.write_all(b"new")).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        std::os::unix::fs::symlink("/dev/null", folder.path().join("null")).unwrap();
        target(&folder.path().join("null"), true).unwrap().write(|out| out.write_all(b"x")).unwrap();
        assert!(!folder.path().join("null").metadata().unwrap().is_file());
    }

    #[test]
    fn a_capture_is_no_output_by_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let [file, hard, soft] = ["file", "hard", "soft"].map(|name| folder.path().join(name));
        fs::write(&file, "capture").unwrap();
        fs::hard_link(&file, &hard).unwrap();
        std::os::unix::fs::symlink(&file, &soft).unwrap();
        for output in [&file, &hard, &soft] {
            let refused = Target::new(output, true, &[PathBuf::from("other"), file.clone()]);
            assert!(matches!(refused, Err(Error::Usage(_))), "{}", output.display());
        }
    }
}
