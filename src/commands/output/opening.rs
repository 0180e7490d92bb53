//! How an output file comes to be and stays: new, locked against a second recorder, on the disk before it counts.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Who may read a file, less what the user's umask takes: anybody, or its owner alone.
const PUBLIC: u32 = 0o666;
const PRIVATE: u32 = 0o600;

/// How a file is taken care of.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::commands) struct FileCare {
    /// One that is there may be overwritten.
    pub(in crate::commands) overwrite: bool,
    /// It holds passwords.
    pub(in crate::commands) private: bool,
    /// It is to outlive a power cut.
    pub(in crate::commands) sync: bool,
}

/// Creates a file, which must not be there unless it may be overwritten.
pub(in crate::commands) fn create(path: &Path, overwrite: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true);
    if overwrite {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    options.open(path)
}

/// The same, with a lock until it is closed: of two recorders the second must not empty what the first one writes.
pub(super) fn create_locked(path: &Path, care: FileCare) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).mode(if care.private { PRIVATE } else { PUBLIC });
    if care.overwrite {
        options.create(true).truncate(false)
    } else {
        options.create_new(true)
    };
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        lock(&file)?;
        file.set_len(0)?;
        if care.private {
            file.set_permissions(Permissions::from_mode(PRIVATE))?;
        }
    }
    Ok(file)
}

/// Locks a file; `ResourceBusy` where another recorder has.
pub(super) fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::ResourceBusy.into()),
        // Some network file systems know no locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// The file's content is on the disk.
pub(super) fn sync(file: &File) -> io::Result<()> {
    match file.sync_all() {
        // Some file systems have no such thing.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

/// The names in a folder are on the disk, as far as its file system can tell.
pub(super) fn sync_folder(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// Whether what failed may work later: the disk, or the table of open files, is full.
pub(super) fn may_pass(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        || matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_another_recorder_writes_is_not_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pcapng");
        let care = FileCare { overwrite: true, ..FileCare::default() };
        let first = create_locked(&path, care).unwrap();
        fs::write(&path, "media").unwrap();
        assert_eq!(create_locked(&path, care).unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        assert_eq!(fs::read(&path).unwrap(), b"media");
        drop(first);
        create_locked(&path, care).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        assert_eq!(create_locked(&path, FileCare::default()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn devices_are_shared() {
        let care = FileCare { overwrite: true, private: true, sync: true };
        let both = [(); 2].map(|()| create_locked(Path::new("/dev/null"), care).unwrap());
        for null in &both {
            let _ = sync(null);
        }
    }

    #[test]
    fn a_file_with_passwords_is_its_owner_s() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pcapng");
        let mode = || path.metadata().unwrap().permissions().mode() & 0o777;
        drop(create_locked(&path, FileCare { private: true, ..FileCare::default() }).unwrap());
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        create_locked(&path, FileCare { private: true, overwrite: true, sync: false }).unwrap();
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn a_full_disk_passes() {
        for (code, passes) in [(28, true), (122, true), (24, true), (23, true), (5, false), (13, false)] {
            assert_eq!(may_pass(&io::Error::from_raw_os_error(code)), passes, "{code}");
        }
    }
}
