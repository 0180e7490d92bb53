//! `rtsp-rec report`: captures to one HTML page.

use std::cell::RefCell;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::Builder;

use crate::cli::ReportArgs;
use crate::commands::analyze::{GroupResult, analyze_group, conclude};
use crate::commands::lanes::Choice;
use crate::commands::output::is_stdout;
use crate::commands::progress::Progress;
use crate::commands::queue::Queue;
use crate::commands::terminal::redraws;
use crate::error::Error;
use crate::report::page::{self, Section};

/// What any file may have, less what the user's umask takes.
const MODE: u32 = 0o666;

/// Analyzes the captures and writes the page, which gets its name when it is whole.
pub(super) fn run(args: &ReportArgs) -> Result<(), Error> {
    let target = Target::new(&args.output, args.force)?;
    let progress = Progress::of_files(&args.captures, redraws() && !is_stdout(&args.output));
    let (sections, results) = analyze(&Queue::new(&args.captures), &progress).map_err(|error| target.failed(error))?;
    drop(progress);
    if !sections.is_empty() {
        let written = target.write(|out| write_page(out, &sections));
        written.map_err(|error| target.failed(error))?;
    }
    conclude(results, <_>::default())
}

/// A part of the page, and what it is called.
struct Part {
    name: String,
    html: String,
}

/// A part for each capture that follows no other. They are read one after the other, so that only one is in memory.
fn analyze(queue: &Queue, progress: &Progress) -> io::Result<(Vec<Part>, Vec<GroupResult>)> {
    let (mut parts, mut results) = (Vec::new(), Vec::new());
    while let Choice::Take(first) = queue.take(usize::MAX) {
        let numbers = RefCell::new(vec![first]);
        let (mut section, mut result) = (Section::new(parts.len()), GroupResult::default());
        let moved = |follower| numbers.borrow_mut().extend(follower);
        analyze_group(first, queue, progress, &mut section, &mut result, moved)?;
        let names: Vec<String> =
            numbers.into_inner().into_iter().map(|number| queue.path(number).display().to_string()).collect();
        if result.anything {
            // If all captures are joined like this one, there will be so many parts.
            let html = section.render(&names, queue.len().div_ceil(names.len()))?;
            parts.push(Part { name: names.join(", "), html });
        }
        results.push(result);
    }
    Ok((parts, results))
}

fn write_page(out: &mut dyn Write, parts: &[Part]) -> io::Result<()> {
    let names: Vec<&str> = parts.iter().map(|part| &*part.name).collect();
    out.write_all(page::beginning(&names).as_bytes())?;
    for part in parts {
        out.write_all(part.html.as_bytes())?;
    }
    out.write_all(page::end().as_bytes())?;
    out.flush()
}

/// Where the page goes.
struct Target {
    path: PathBuf,
    force: bool,
}

impl Target {
    /// Refuses what is there before anything is read.
    fn new(path: &Path, force: bool) -> Result<Self, Error> {
        let target = Self { path: path.to_owned(), force };
        let error = |kind: io::ErrorKind| Error::File { action: "create", path: path.to_owned(), source: kind.into() };
        match path.metadata() {
            _ if is_stdout(path) => Ok(target),
            Ok(there) if there.is_dir() => Err(error(io::ErrorKind::IsADirectory)),
            Ok(there) if there.is_file() && !force => Err(Error::Exists(path.to_owned())),
            Err(_) if !folder(path).is_dir() => Err(error(io::ErrorKind::NotFound)),
            _ => Ok(target),
        }
    }

    fn write(&self, page: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        if is_stdout(&self.path) {
            return page(&mut io::stdout().lock());
        }
        // A pipe or a device stays what it is, and a link leads where it did.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        if path.metadata().is_ok_and(|there| !there.is_file()) {
            return page(&mut File::options().write(true).open(path)?);
        }
        let mut builder = Builder::new();
        let builder = builder.prefix(".report-").suffix(".part").permissions(Permissions::from_mode(MODE));
        let mut file = builder.tempfile_in(folder(&path))?;
        page(&mut file)?;
        let named = if self.force { file.persist(path) } else { file.persist_noclobber(path) };
        named.map(|_| ()).map_err(|error| error.error)
    }

    fn failed(&self, source: io::Error) -> Error {
        match source.kind() {
            _ if is_stdout(&self.path) => Error::Stdout(source),
            io::ErrorKind::AlreadyExists => Error::Exists(self.path.clone()),
            _ => Error::File { action: "write", path: self.path.clone(), source },
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_gets_its_name_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.html");
        let names = || fs::read_dir(folder.path()).unwrap().count();
        let target = Target::new(&path, false).unwrap();
        target.write(|_| Err(io::ErrorKind::StorageFull.into())).unwrap_err();
        assert_eq!(names(), 0);
        target.write(|out| out.write_all(b"one")).unwrap();
        assert!(matches!(Target::new(&path, false), Err(Error::Exists(_))));
        let late = target.write(|out| out.write_all(b"two")).unwrap_err();
        assert!(matches!(target.failed(late), Error::Exists(_)));
        assert_eq!((names(), fs::read_to_string(&path).unwrap()), (1, "one".to_owned()));
        Target::new(&path, true).unwrap().write(|out| out.write_all(b"three")).unwrap();
        assert_eq!((names(), fs::read_to_string(&path).unwrap()), (1, "three".to_owned()));
    }

    #[test]
    fn what_can_t_be_a_page_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Target::new(folder.path(), true).is_err());
        assert!(Target::new(&folder.path().join("missing/x.html"), true).is_err());
        Target::new(Path::new("-"), false).unwrap();
        Target::new(Path::new("/dev/null"), false).unwrap().write(|out| out.write_all(b"x")).unwrap();
    }
}
