//! The files that sessions are recorded into. What happens to one of them touches no other.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::capture::{Writer, WriterOptions};
use crate::cli::{APPLICATION, RecordArgs};
use crate::commands::output::{Disk, DiskFile, Names, Output, Written, system};
use crate::commands::record::targets::Plan;
use crate::error::Error;
use crate::time::Timestamp;
use crate::trace::{Demand, Direction, Tap, TraceEvent};

/// Bytes that all files gather before they are written; a file gathers at least the least of it, so that there are not
/// too many writes.
const MAX_GATHERED: usize = 32 << 20;
const MIN_FLUSH_SIZE: usize = 32 << 10;

/// All files, and which session goes where.
pub(super) struct Recordings {
    all: Vec<Recording>,
    /// The file of each session, by the number of the session.
    of_session: Vec<usize>,
    disk: Disk,
    rotation: Rotation,
}

/// A file, or those that it was split into.
pub(super) struct Recording {
    pub(super) path: PathBuf,
    /// `None` where it could not be made.
    writer: Option<Writer<DiskFile>>,
    pub(super) error: Option<Error>,
    pub(super) written: Written,
}

/// When a new file begins.
struct Rotation {
    size: Option<u64>,
    time: Option<Duration>,
}

impl Recordings {
    /// Makes all files. Where there is but one, it has to be possible.
    pub(super) fn begin(args: &RecordArgs, plan: &Plan, urls: &[String], disk: Disk) -> Result<Self, Error> {
        let size = args.rotate_size.map(|size| size.as_u64());
        let rotation = Rotation { size, time: args.rotate_time };
        let mut recordings = Self { all: Vec::new(), of_session: Vec::new(), disk, rotation };
        for (place, path) in plan.files.iter().enumerate() {
            let of_file = urls.iter().zip(&plan.targets).filter(|(_, target)| target.file == place);
            let urls: Vec<&str> = of_file.map(|(url, _)| url.as_str()).collect();
            let recording = recordings.make(args, path.clone(), &urls, plan.files.len());
            recordings.all.push(recording);
        }
        recordings.only().and_then(|only| only.error.take()).map_or(Ok(recordings), Err)
    }

    fn make(&self, args: &RecordArgs, path: PathBuf, urls: &[&str], files: usize) -> Recording {
        let rotates = self.rotation.size.is_some() || self.rotation.time.is_some();
        let names = if rotates {
            let keep = args.keep.and_then(|keep| usize::try_from(keep).ok());
            Names::rotating(path.clone(), args.force, keep)
        } else {
            Names::one(path.clone(), args.force)
        };
        let options = WriterOptions { rotates, flush_size: flush_size(files), ..writer_options(args, urls) };
        let write_error = |source| Error::Write { path: path.clone(), source };
        let writer = Output::create(names).and_then(|output| {
            let mut writer = Writer::new(self.disk.add(output), options).map_err(write_error)?;
            // From here on there is a capture, whatever happens.
            writer.flush().map_err(write_error)?;
            Ok(writer)
        });
        let (writer, error) = match writer {
            Ok(writer) => (Some(writer), None),
            Err(error) => (None, Some(error)),
        };
        Recording { path, writer, error, written: Written::default() }
    }

    /// The next session goes into this file; `false` where it can't.
    pub(super) fn begin_session(&mut self, file: usize) -> bool {
        let possible = self.get(file).is_some_and(|recording| recording.error.is_none());
        if possible {
            self.of_session.push(file);
        }
        possible
    }

    /// How many files there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, file: usize) -> Option<&Recording> {
        self.all.get(file)
    }

    /// Where all sessions go into one file: that.
    pub(super) fn only(&mut self) -> Option<&mut Recording> {
        match self.all.as_mut_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Nothing more comes.
    pub(super) fn finish(&mut self) {
        for recording in &mut self.all {
            recording.act(Writer::flush);
            if let Some(writer) = &recording.writer {
                writer.sink().finish();
            }
        }
    }

    /// Whether all that was recorded is where it belongs, or can't get there.
    pub(super) fn is_settled(&self) -> bool {
        self.disk.tick();
        self.disk.is_settled()
    }

    /// Takes down what came of each.
    pub(super) fn settle(&mut self) {
        for recording in &mut self.all {
            let Some(writer) = &recording.writer else { continue };
            match writer.sink().end() {
                Some(Ok(written)) => recording.written = written,
                Some(Err(error)) => recording.fail(error),
                None => {
                    let words = format!("{} bytes wait for it, and it takes nothing", self.disk.queued());
                    recording.fail(io::Error::new(io::ErrorKind::TimedOut, words));
                }
            }
        }
    }
}

impl Recording {
    /// Whether the file could be made.
    pub(super) fn was_begun(&self) -> bool {
        self.writer.is_some()
    }

    /// The file that was written last.
    pub(super) fn path_of_last(&self) -> &Path {
        if self.written.files == 0 { &self.path } else { &self.written.last }
    }

    fn fail(&mut self, source: io::Error) {
        self.error.get_or_insert(Error::Write { path: self.path.clone(), source });
    }

    fn act(&mut self, act: impl FnOnce(&mut Writer<DiskFile>) -> io::Result<()>) {
        if let Some(writer) = self.writer.as_mut().filter(|_| self.error.is_none())
            && let Err(error) = act(writer)
        {
            self.fail(error);
        }
    }
}

impl Rotation {
    /// Begins a new file where it is time.
    fn rotate(&self, writer: &mut Writer<DiskFile>, now: Timestamp) -> io::Result<()> {
        let Some(began) = writer.began() else { return Ok(()) };
        let full = self.size.is_some_and(|size| writer.file_len() >= size);
        let old = self.time.is_some_and(|time| now.duration_since(began) >= time);
        if full || old { writer.rotate(now) } else { Ok(()) }
    }
}

/// An error concerns one recording, and shows as its demand.
impl Tap for Recordings {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        let Self { all, of_session, rotation, .. } = self;
        if let Some(recording) = of_session.get(event.flow.session).and_then(|file| all.get_mut(*file)) {
            recording.act(|writer| {
                writer.event(event)?;
                rotation.rotate(writer, event.at)
            });
        }
        Ok(())
    }

    fn demand(&self, session: usize) -> Demand {
        let recording = self.of_session.get(session).and_then(|file| self.all.get(*file));
        match recording {
            Some(Recording { writer: Some(writer), error: None, .. }) => writer.sink().demand(),
            _ => Demand::Stop,
        }
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        self.disk.tick();
        for recording in &mut self.all {
            recording.act(|writer| {
                self.rotation.rotate(writer, now)?;
                writer.tick(now)
            });
        }
        Ok(())
    }
}

/// What all files gather together is bounded.
fn flush_size(files: usize) -> usize {
    (MAX_GATHERED / files.max(1)).clamp(MIN_FLUSH_SIZE, WriterOptions::default().flush_size)
}

fn writer_options(args: &RecordArgs, urls: &[&str]) -> WriterOptions {
    let media = if args.headers_only {
        " Of RTP packets only headers and the first payload bytes were kept; zeros stand for the rest (--headers-only)."
    } else {
        ""
    };
    let trust = if args.tls.insecure { " Certificates of servers were not verified (--insecure)." } else { "" };
    let comment = format!(
        "Recorded by {APPLICATION} from {}. Each packet holds one RTSP message or one interleaved frame. A server port \
         that Wireshark does not take for RTSP is written as 554; the interface description has the real address, and what carried \
         RTSP besides TCP.{trust}{media}",
        named(urls)
    );
    WriterOptions {
        application: APPLICATION.to_owned(),
        os: system(),
        comment,
        keep_ports: args.keep_ports,
        keep_credentials: args.keep_credentials,
        headers_only: args.headers_only,
        taken_at: Direction::ClientToServer,
        ..WriterOptions::default()
    }
}

fn named(urls: &[&str]) -> String {
    match urls {
        [first, .., _] => format!("{first} and {} more", urls.len() - 1),
        _ => urls.concat(),
    }
}
