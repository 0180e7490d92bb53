//! What the files of a recording are called.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::Error;

const COMPRESSED: &str = ".zst";

/// The names of one recording's files, one after the other.
#[derive(Debug)]
pub(in crate::commands) struct Names {
    path: PathBuf,
    force: bool,
    /// The file that is written now, from 1; `None` where there is but one.
    number: Option<u64>,
    /// So many complete files are kept.
    keep: Option<usize>,
    complete: VecDeque<PathBuf>,
}

impl Names {
    /// One file. With `force` an existing one is overwritten.
    pub(in crate::commands) fn one(path: PathBuf, force: bool) -> Self {
        Self { path, force, number: None, keep: None, complete: VecDeque::new() }
    }

    /// `NAME-00001.pcapng` and so on, of which only the last `keep` stay.
    pub(in crate::commands) fn rotating(path: PathBuf, force: bool, keep: Option<usize>) -> Self {
        Self { number: Some(1), keep, ..Self::one(path, force) }
    }

    /// As the user gave it.
    pub(in crate::commands) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn overwrites(&self) -> bool {
        // What there was is refused at the beginning.
        self.force || self.number.is_some()
    }

    /// How many files there are.
    pub(super) fn number(&self) -> u64 {
        self.number.unwrap_or(1)
    }

    /// What the current file is called while it is written.
    pub(super) fn current(&self) -> PathBuf {
        match self.number {
            Some(number) => part(&numbered(&self.path, number)),
            None => self.path.clone(),
        }
    }

    /// What the current file is called when it is complete.
    pub(super) fn last(&self) -> PathBuf {
        self.number.map_or_else(|| self.path.clone(), |number| numbered(&self.path, number))
    }

    /// Refuses files of an earlier recording of this name, also what is left of one that was killed: those that watch the
    /// folder would take them for this one's.
    pub(super) fn refuse_existing(&self) -> Result<(), Error> {
        if self.force || self.number.is_none() {
            return Ok(());
        }
        let Ok(folder) = folder(&self.path).read_dir() else { return Ok(()) };
        let earlier = folder.flatten().map(|entry| entry.file_name()).find(|name| is_earlier(&self.path, name));
        earlier.map_or(Ok(()), |name| Err(Error::Exists(self.path.with_file_name(name))))
    }

    /// The current file is complete: it gets its name, and the oldest goes.
    pub(super) fn complete(&mut self) -> io::Result<()> {
        if self.number.is_none() {
            return Ok(());
        }
        let (from, to) = (self.current(), self.last());
        if !self.force && to.exists() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} exists", to.display())));
        }
        std::fs::rename(from, &to)?;
        self.complete.push_back(to);
        if self.keep.is_some_and(|keep| self.complete.len() > keep)
            && let Some(oldest) = self.complete.pop_front()
        {
            // Somebody may have moved it away.
            let _ = std::fs::remove_file(oldest);
        }
        Ok(())
    }

    /// The name of the next file while it is written.
    pub(super) fn next(&mut self) -> PathBuf {
        self.number = self.number.map(|number| number + 1);
        self.current()
    }
}

/// Whether what is written there is to be compressed.
pub(super) fn is_compressed(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(COMPRESSED.as_bytes())
}

/// The text with what file systems do not like replaced.
pub(in crate::commands) fn clean(text: &str) -> String {
    text.replace(|char: char| !char.is_ascii_alphanumeric() && !".-_".contains(char), "-")
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `cam-00001.pcapng.zst` for `cam.pcapng.zst`.
fn numbered(path: &Path, number: u64) -> PathBuf {
    let (stem, extension) = split(path);
    path.with_file_name(format!("{stem}-{number:05}{extension}"))
}

/// `.cam-00001.pcapng.part`: no pattern for captures finds it.
fn part(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.part"))
}

/// The file's name before its extensions, and those.
fn split(path: &Path) -> (String, String) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (plain, compressed) = name.strip_suffix(COMPRESSED).map_or((&*name, ""), |plain| (plain, COMPRESSED));
    match plain.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) {
        Some((stem, extension)) => (stem.to_owned(), format!(".{extension}{compressed}")),
        None => (plain.to_owned(), compressed.to_owned()),
    }
}

/// Whether a file in the same folder is of a recording of this name, complete or not.
fn is_earlier(path: &Path, name: &OsStr) -> bool {
    let text = name.to_string_lossy();
    let part = text.strip_prefix('.').and_then(|text| text.strip_suffix(".part"));
    is_numbered(path, name) || part.is_some_and(|name| is_numbered(path, OsStr::new(name)))
}

/// Whether a file in the same folder is a complete one of those.
fn is_numbered(path: &Path, name: &OsStr) -> bool {
    let (stem, extension) = split(path);
    let name = name.to_string_lossy();
    let number = name.strip_prefix(&*stem).and_then(|name| name.strip_suffix(&*extension));
    let digits = number.and_then(|number| number.strip_prefix('-'));
    digits.is_some_and(|digits| digits.len() >= 5 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_every_file_system_takes() {
        assert_eq!(clean("fe80::1_2026-11-22T09:30:00Z"), "fe80--1_2026-11-22T09-30-00Z");
        assert_eq!(clean("../a b/ü"), "..-a-b--");
    }

    #[test]
    fn numbers_stand_before_the_extensions() {
        for (given, first) in [
            ("cam.pcapng", "cam-00001.pcapng"),
            ("a/b.c/cam.x.pcapng.zst", "a/b.c/cam.x-00001.pcapng.zst"),
            ("cam", "cam-00001"),
            ("cam.zst", "cam-00001.zst"),
            (".hidden", ".hidden-00001"),
        ] {
            let path = Path::new(given);
            assert_eq!(numbered(path, 1), Path::new(first));
            assert!(is_numbered(path, numbered(path, 123_456).file_name().unwrap()));
            assert!(!is_numbered(path, path.file_name().unwrap()));
            let part = part(&numbered(path, 1));
            assert!(!is_numbered(path, part.file_name().unwrap()) && is_earlier(path, part.file_name().unwrap()));
        }
    }
}
