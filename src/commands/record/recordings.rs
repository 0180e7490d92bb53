//! The files that sessions are recorded into. What happens to one of them touches no other.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::capture::{Writer, WriterOptions};
use crate::cli::{APPLICATION, RecordArgs};
use crate::commands::hiding;
use crate::commands::output::{Disk, DiskFile, FileCare, Names, Output, Written, system};
use crate::commands::record::shortage::DiskShortage;
use crate::commands::record::targets::Plan;
use crate::error::Error;
use crate::net::SettlingState;
use crate::time::Timestamp;
use crate::trace::{Direction, Readiness, Tap, TraceEvent};

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
    shortage: DiskShortage,
}

/// A file, or those that it was split into.
pub(super) struct Recording {
    pub(super) path: PathBuf,
    /// `None` where it could not be made.
    writer: Option<Writer<DiskFile>>,
    pub(super) error: Option<Error>,
    pub(super) written: Written,
    /// What was done about an earlier recording.
    pub(super) adopted: Vec<String>,
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
        let mut recordings =
            Self { all: Vec::new(), of_session: Vec::new(), disk, rotation, shortage: DiskShortage::default() };
        for (place, path) in plan.files.iter().enumerate() {
            let of_file = urls.iter().zip(&plan.targets).filter(|(_, target)| target.file == place);
            let urls: Vec<&str> = of_file.map(|(url, _)| url.as_str()).collect();
            let recording = match plan.shortage(place) {
                Some(error) => Recording::refused(path.clone(), error),
                None => recordings.make(args, path.clone(), &urls, plan.files.len()),
            };
            recordings.all.push(recording);
        }
        recordings.only().and_then(|only| only.error.take()).map_or(Ok(recordings), Err)
    }

    fn make(&self, args: &RecordArgs, path: PathBuf, urls: &[&str], files: usize) -> Recording {
        let rotates = self.rotation.size.is_some() || self.rotation.time.is_some();
        let names = if rotates {
            let keep = args.keep.and_then(|keep| usize::try_from(keep).ok());
            Names::rotating(path.clone(), keep)
        } else {
            Names::one(path.clone())
        };
        let care = FileCare { overwrite: args.force, private: args.keep_credentials, sync: !args.no_sync };
        let options = WriterOptions { rotates, flush_size: flush_size(files), ..writer_options(args, urls) };
        let write_error = |source| Error::Write { path: path.clone(), source };
        let mut adopted = Vec::new();
        let writer = Output::create(names, care).and_then(|output| {
            adopted = output.adopted().iter().map(ToString::to_string).collect();
            let mut writer = Writer::new(self.disk.add(output), options).map_err(write_error)?;
            // From here on there is a capture, whatever happens.
            writer.flush().map_err(write_error)?;
            Ok(writer)
        });
        match writer {
            Ok(writer) => Recording { path, writer: Some(writer), error: None, written: Written::default(), adopted },
            Err(error) => Recording::refused(path, error),
        }
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

    /// What was done about earlier recordings.
    pub(super) fn adopted(&self) -> impl Iterator<Item = &String> {
        self.all.iter().flat_map(|recording| &recording.adopted)
    }

    /// Whether all that was recorded is where it belongs, or can't get there.
    pub(super) fn settling(&self) -> SettlingState {
        self.disk.tick();
        self.disk.settling()
    }

    /// What there is to say of a disk that is full, or has room again.
    pub(super) fn notice(&mut self, now: Timestamp) -> Option<String> {
        let is_full = |recording: &&Recording| recording.writer.as_ref().is_some_and(|writer| writer.sink().is_full());
        self.shortage.notice(now, self.all.iter().filter(is_full).map(|recording| &*recording.path))
    }

    /// Takes down what came of each.
    pub(super) fn settle(&mut self) {
        for recording in &mut self.all {
            let Some(writer) = &recording.writer else { continue };
            let (written, result) = writer.sink().end().unwrap_or_else(|| {
                let why = if writer.sink().is_full() { "the disk is full" } else { "it takes nothing" };
                let words = format!("{} bytes wait for it, and {why}", writer.sink().queued());
                (Written::default(), Err(io::Error::new(io::ErrorKind::TimedOut, words)))
            });
            recording.written = written;
            result.unwrap_or_else(|error| recording.fail(error));
        }
    }
}

impl Recording {
    /// One that can't be.
    fn refused(path: PathBuf, error: Error) -> Self {
        Self { path, writer: None, error: Some(error), written: Written::default(), adopted: Vec::new() }
    }

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
        // What is repeated may be longer than the size: at least as much has to be new.
        let new = writer.file_len().saturating_sub(writer.repeated());
        let full = self.size.is_some_and(|size| writer.file_len() >= size) && new >= writer.repeated();
        let old = self.time.is_some_and(|time| now.duration_since(began) >= time);
        if full || old { writer.rotate(now) } else { Ok(()) }
    }
}

/// An error concerns one recording, and shows as its readiness.
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

    fn readiness(&self, session: usize) -> Readiness {
        let recording = self.of_session.get(session).and_then(|file| self.all.get(*file));
        match recording {
            Some(Recording { writer: Some(writer), error: None, .. }) => writer.sink().readiness(),
            _ => Readiness::Stop,
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
        masking: hiding::rules(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Clock, EventLoop};
    use crate::rtsp::demux::Demuxer;
    use crate::session::Client;
    use crate::trace::{Flow, Payload};

    /// What one side says on a connection.
    fn say(writer: &mut Writer<DiskFile>, id: usize, direction: Direction, bytes: &[u8]) {
        let (client, server) = (([10, 0, 0, 1], 40_000).into(), ([10, 0, 0, 2], 554).into());
        let flow = Flow { id, session: id, url: "rtsp://camera/".to_owned(), client, server };
        let at = Timestamp::from_nanos(1);
        let mut demuxer = Demuxer::new();
        let mut pdus = demuxer.feed(bytes);
        while let Some(pdu) = pdus.next_pdu() {
            let payload = Payload::Pdu(&pdu);
            writer.event(&TraceEvent { at, flow: &flow, direction, frame_number: None, payload }).unwrap();
        }
    }

    #[test]
    fn a_dialogue_longer_than_the_size_begins_no_file_for_each_packet() {
        let folder = tempfile::tempdir().unwrap();
        let event_loop = EventLoop::<Client>::new(Clock::start()).unwrap();
        let disk = Disk::start(event_loop.waker()).unwrap();
        let names = Names::rotating(folder.path().join("x.pcapng"), None);
        let output = Output::create(names, FileCare::default()).unwrap();
        let options = WriterOptions { rotates: true, ..WriterOptions::default() };
        let mut writer = Writer::new(disk.add(output), options).unwrap();
        let rotation = Rotation { size: Some(100_000), time: None };
        let body = "x".repeat(150_000);
        let request = b"DESCRIBE rtsp://camera/ RTSP/1.0\r\nCSeq: 1\r\n\r\n";
        let answer = format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        say(&mut writer, 0, Direction::ClientToServer, request);
        say(&mut writer, 0, Direction::ServerToClient, answer.as_bytes());
        let frame = [&[b'$', 0, 4, 0][..], &[0x80; 1024]].concat();
        for _ in 0..1000 {
            say(&mut writer, 0, Direction::ServerToClient, &frame);
            rotation.rotate(&mut writer, Timestamp::from_nanos(2)).unwrap();
        }
        writer.flush().unwrap();
        writer.sink().finish();
        let mut end = None;
        while end.is_none() {
            disk.tick();
            end = writer.sink().end();
            std::thread::yield_now();
        }
        let (written, result) = end.unwrap();
        result.unwrap();
        assert!((3..10).contains(&written.files), "{written:?}");
        assert!(written.bytes < 3_000_000, "{written:?}");
    }
}
