//! What the files of a recording are called.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

const COMPRESSED: &str = ".zst";

/// The names of one recording's files, one after the other.
#[derive(Debug)]
pub(in crate::commands) struct Names {
    path: PathBuf,
    /// The file that is written now, from 1; `None` where there is but one.
    number: Option<u64>,
    /// Where this recording began.
    first: u64,
    /// So many complete files are kept.
    keep: Option<usize>,
    complete: VecDeque<PathBuf>,
}

/// A file of an earlier recording of the same name.
#[derive(Debug)]
pub(super) struct EarlierFile {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    /// It is not complete.
    pub(super) is_part: bool,
}

impl Names {
    /// One file.
    pub(in crate::commands) fn one(path: PathBuf) -> Self {
        Self { path, number: None, first: 1, keep: None, complete: VecDeque::new() }
    }

    /// `NAME-00001.pcapng` and so on, of which only the last `keep` stay.
    pub(in crate::commands) fn rotating(path: PathBuf, keep: Option<usize>) -> Self {
        Self { number: Some(1), keep, ..Self::one(path) }
    }

    /// As the user gave it.
    pub(in crate::commands) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn are_numbered(&self) -> bool {
        self.number.is_some()
    }

    /// How many files there are.
    pub(super) fn count(&self) -> u64 {
        self.number.map_or(1, |number| number - self.first + 1)
    }

    /// What the current file is called while it is written.
    pub(super) fn current(&self) -> PathBuf {
        self.number.map_or_else(|| self.path.clone(), |number| part(&numbered(&self.path, number)))
    }

    /// What the current file is called when it is complete.
    pub(super) fn last(&self) -> PathBuf {
        self.number.map_or_else(|| self.path.clone(), |number| numbered(&self.path, number))
    }

    /// What the file behind the current one is called while it is written.
    pub(super) fn next(&self) -> PathBuf {
        part(&numbered(&self.path, self.number.unwrap_or(0).saturating_add(1)))
    }

    /// The next file is the current one.
    pub(super) fn advance(&mut self) {
        self.number = self.number.map(|number| number.saturating_add(1));
    }

    /// The folder of the files.
    pub(super) fn folder(&self) -> &Path {
        folder(&self.path)
    }

    /// What an earlier recording of this name left, in its order.
    pub(super) fn earlier(&self) -> Vec<EarlierFile> {
        let Ok(entries) = self.folder().read_dir() else { return Vec::new() };
        let names = entries.flatten().map(|entry| entry.file_name());
        let mut earlier: Vec<EarlierFile> = names.filter_map(|name| self.read(&name)).collect();
        earlier.sort_by_key(|file| file.number);
        earlier
    }

    /// What a name in the folder says.
    fn read(&self, name: &OsStr) -> Option<EarlierFile> {
        let text = name.to_string_lossy();
        let inner = text.strip_prefix('.').and_then(|text| text.strip_suffix(".part"));
        let complete = number_of(&self.path, &text).map(|number| (number, false));
        let (number, is_part) = complete.or_else(|| Some((number_of(&self.path, inner?)?, true)))?;
        Some(EarlierFile { number, path: self.path.with_file_name(name), is_part })
    }

    /// The next file has the next number, and those that are complete count.
    pub(super) fn go_on_behind(&mut self, earlier: &[EarlierFile]) {
        if let Some(last) = earlier.last() {
            self.first = last.number.saturating_add(1);
            self.number = Some(self.first);
        }
        self.complete = earlier.iter().filter(|file| !file.is_part).map(|file| file.path.clone()).collect();
    }

    /// Gives a file of an earlier recording its name, and tells it. Who overwrote files may have left both a complete one of
    /// this number and a part.
    pub(super) fn adopt(&mut self, file: &EarlierFile) -> io::Result<PathBuf> {
        let mut path = numbered(&self.path, file.number);
        if path.exists() {
            path = self.last();
            self.advance();
            self.first = self.number.unwrap_or(self.first);
        }
        rename_new(&file.path, &path)?;
        self.complete.push_back(path.clone());
        // Numbers have the same width, but for those beyond five digits.
        self.complete.make_contiguous().sort_by_key(|path| (path.as_os_str().len(), path.clone()));
        Ok(path)
    }

    /// The current file is complete: it gets its name, and the oldest go.
    pub(super) fn complete(&mut self, overwrite: bool) -> io::Result<()> {
        if self.number.is_none() {
            return Ok(());
        }
        let (from, to) = (self.current(), self.last());
        if overwrite { std::fs::rename(from, &to) } else { rename_new(&from, &to) }?;
        self.complete.push_back(to);
        while self.keep.is_some_and(|keep| self.complete.len() > keep)
            && let Some(oldest) = self.complete.pop_front()
        {
            // Somebody may have moved it away.
            let _ = std::fs::remove_file(oldest);
        }
        Ok(())
    }
}

/// Renames a file to a name that nobody has.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} exists", to.display())));
    }
    std::fs::rename(from, to)
}

/// Whether what is written there is to be compressed.
pub(super) fn is_compressed(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(COMPRESSED.as_bytes())
}

/// The text with what file systems do not like replaced.
pub(in crate::commands) fn clean(text: &str) -> String {
    text.replace(|char: char| !char.is_ascii_alphanumeric() && !".-_".contains(char), "-")
}

/// Where a file of this name is.
pub(super) fn folder(path: &Path) -> &Path {
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

/// The number of a complete file in the same folder.
fn number_of(path: &Path, name: &str) -> Option<u64> {
    let (stem, extension) = split(path);
    let digits = name.strip_prefix(&*stem)?.strip_suffix(&*extension)?.strip_prefix('-')?;
    let is_number = digits.len() >= 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
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
            let names = Names::rotating(path.to_owned(), None);
            let read = |path: &Path| names.read(path.file_name().unwrap()).map(|file| (file.number, file.is_part));
            assert_eq!(read(&numbered(path, 123_456)), Some((123_456, false)));
            assert_eq!(read(&part(&numbered(path, 7))), Some((7, true)));
            assert_eq!(read(path), None);
            assert_eq!(read(&path.with_file_name("cam-99999999999999999999999.pcapng")), None);
        }
    }
}
