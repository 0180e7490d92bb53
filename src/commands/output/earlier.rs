//! What an earlier recording of the same name left: complete files, and after a crash one that has its name yet to get.

use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::io;
use std::path::PathBuf;

use crate::commands::output::naming::{EarlierFile, Names};
use crate::commands::output::opening::{FileCare, lock, sync};
use crate::commands::output::whole::{FileTail, WholePart, measure};

/// So often another recorder may complete a file while the folder is looked through.
const ATTEMPTS: usize = 10;

/// A file that was completed for a recorder that did not get to it.
#[derive(Debug)]
pub(in crate::commands) struct Adopted {
    path: PathBuf,
    whole: WholePart,
    /// Bytes that were cut off.
    cut: u64,
}

impl Display for Adopted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match (self.whole, self.cut) {
            (WholePart { rest: FileTail::Unknown, len }, _) => {
                write!(f, "{path}: an earlier recording left it; behind byte {len} nobody can read it")
            }
            (WholePart { len: 0, .. }, cut) => {
                write!(f, "{path}: removed; an earlier recording left {cut} bytes of it")
            }
            (_, 0) => write!(f, "{path}: completed; an earlier recording left it"),
            (_, cut) => {
                write!(f, "{path}: completed; an earlier recording left it, with {cut} bytes of an unfinished packet")
            }
        }
    }
}

/// Completes what an earlier recording left, and has the names go on behind it. `ResourceBusy` where that recording still
/// runs. Where files may be overwritten nothing is completed.
pub(super) fn take_over(names: &mut Names, care: FileCare, compressed: bool) -> io::Result<Vec<Adopted>> {
    for _ in 0..ATTEMPTS {
        let earlier = names.earlier();
        let parts = earlier.iter().filter(|file| file.is_part).map(|file| {
            let part = File::options().read(true).write(true).open(&file.path)?;
            lock(&part).map(|()| (part, file))
        });
        let parts = match parts.collect::<io::Result<Vec<(File, &EarlierFile)>>>() {
            // Somebody has completed it just now: a recorder that runs.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            parts => parts?,
        };
        if care.overwrite {
            return Ok(Vec::new());
        }
        names.go_on_behind(&earlier);
        return parts
            .into_iter()
            .filter_map(|(part, file)| adopt(names, &part, file, care, compressed).transpose())
            .collect();
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

/// Cuts off what is not whole, and gives the file its name. One with nothing in it goes without a word.
fn adopt(
    names: &mut Names,
    part: &File,
    file: &EarlierFile,
    care: FileCare,
    compressed: bool,
) -> io::Result<Option<Adopted>> {
    let size = part.metadata()?.len();
    let whole = measure(part, compressed)?;
    let cut = if whole.rest == FileTail::Unfinished { size - whole.len } else { 0 };
    if whole.len == 0 && whole.rest != FileTail::Unknown {
        std::fs::remove_file(&file.path)?;
        return Ok((cut > 0).then(|| Adopted { path: file.path.clone(), whole, cut }));
    }
    if cut > 0 {
        part.set_len(whole.len)?;
    }
    if care.sync {
        sync(part)?;
    }
    let path = names.adopt(file)?;
    Ok(Some(Adopted { path, whole, cut }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{BlockSink, Source, Writer, WriterOptions};
    use crate::commands::output::{Output, is_stdout};
    use std::fs;
    use std::path::Path;

    fn names_in(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn capture() -> Vec<u8> {
        let sample: &[u8] = include_bytes!("../../../samples/gstreamer_h264_aac.pcapng");
        let mut writer = Writer::new(Vec::new(), WriterOptions::default()).unwrap();
        Source::read(sample, &mut writer).unwrap();
        writer.into_inner().unwrap()
    }

    fn begin(path: &Path, keep: Option<usize>) -> Output {
        assert!(!is_stdout(path));
        Output::create(Names::rotating(path.to_owned(), keep), FileCare::default()).unwrap()
    }

    #[test]
    fn the_same_command_goes_on_with_the_next_number() {
        let folder = tempfile::tempdir().unwrap();
        let (path, at) = (folder.path().join("cam.pcapng"), |name: &str| folder.path().join(name));
        let all = capture();
        fs::write(at("cam-00002.pcapng"), &all).unwrap();
        fs::write(at("cam-00003.pcapng"), &all).unwrap();
        fs::write(at(".cam-00004.pcapng.part"), &all[..all.len() - 10]).unwrap();
        // Of another recording, and of nobody.
        fs::write(at("cam-00009.pcapng.zst"), "x").unwrap();
        fs::write(at("cam-5.pcapng"), "x").unwrap();
        let mut output = begin(&path, Some(3));
        let whole = crate::capture::whole_blocks(&all, all.len() - 10);
        assert_eq!(fs::read(at("cam-00004.pcapng")).unwrap(), all[..whole]);
        let said: Vec<String> = output.adopted().iter().map(ToString::to_string).collect();
        let cut = all.len() - 10 - whole;
        let expected = format!(
            "{}: completed; an earlier recording left it, with {cut} bytes of an unfinished packet",
            at("cam-00004.pcapng").display()
        );
        assert_eq!(said, [expected]);
        output.take(&mut all.clone()).unwrap();
        output.next_file().unwrap();
        let others = ["cam-00009.pcapng.zst", "cam-5.pcapng"];
        let kept = [".cam-00006.pcapng.part", "cam-00003.pcapng", "cam-00004.pcapng", "cam-00005.pcapng"];
        assert_eq!(names_in(folder.path()), [&kept[..], &others].concat());
        assert_eq!(output.finish().unwrap().files, 2);
    }

    #[test]
    fn of_two_recorders_the_second_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cam.pcapng");
        let mut first = begin(&path, None);
        let second = |overwrite| {
            let care = FileCare { overwrite, ..FileCare::default() };
            Output::create(Names::rotating(path.clone(), None), care).map(drop).unwrap_err().to_string()
        };
        for overwrite in [false, true] {
            assert!(second(overwrite).contains("another rtsp-rec"), "{}", second(overwrite));
        }
        first.next_file().unwrap();
        assert!(second(false).contains("another rtsp-rec"));
        first.finish().unwrap();
        assert_eq!(names_in(folder.path()), ["cam-00001.pcapng", "cam-00002.pcapng"]);
    }

    #[test]
    fn what_holds_nothing_goes_and_what_nobody_knows_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (path, at) = (folder.path().join("cam.pcapng"), |name: &str| folder.path().join(name));
        fs::write(at(".cam-00001.pcapng.part"), "").unwrap();
        fs::write(at(".cam-00002.pcapng.part"), &capture()[..20]).unwrap();
        fs::write(at(".cam-00003.pcapng.part"), "somebody's own notes").unwrap();
        let output = begin(&path, None);
        assert_eq!(fs::read(at("cam-00003.pcapng")).unwrap(), b"somebody's own notes");
        assert_eq!(names_in(folder.path()), [".cam-00004.pcapng.part", "cam-00003.pcapng"]);
        let said: Vec<String> = output.adopted().iter().map(ToString::to_string).collect();
        assert!(said[0].contains("removed") && said[1].contains("behind byte 0"), "{said:?}");
    }
}
