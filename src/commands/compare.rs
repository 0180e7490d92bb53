//! `rtsp-rec compare`: two captures side by side. Each is read by a thread of its own, in step.

use std::io::{self, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, ScopedJoinHandle};

use crate::analysis::comparison::{CaptureComparison, CaptureView, Transcript};
use crate::analysis::matching::{Digests, Matcher, Packet, Side, StreamMatch};
use crate::analysis::{Analyzer, AnalyzerOptions};
use crate::capture::reader::CaptureError;
use crate::capture::{BareMedia, NamedMedia, Source};
use crate::cli::{CompareArgs, CompareFormat};
use crate::commands::analyze::open;
use crate::commands::inputs::CUT;
use crate::commands::named::{list, named, nothing};
use crate::commands::terminal::{complain, stdout, takes_colour};
use crate::error::Error;
use crate::report::captures;
use crate::report::table::Look;
use crate::session::script::ScriptError;

/// Packets that go from a reader to the matcher at once.
const BATCH: usize = 512;
/// Batches that wait for the matcher.
const BATCHES: usize = 4;

/// Reads both captures and tells how they differ.
pub(super) fn run(args: &CompareArgs) -> Result<(), Error> {
    let [a, b] = [&args.a, &args.b];
    if [a, b].iter().all(|path| path.as_os_str() == "-") {
        return Err(Error::Usage("only one of both captures can be standard input".to_owned()));
    }
    let (readings, matches) = read_both([a, b], [args.session_a, args.session_b], named(&args.named)?.as_ref())?;
    let [a_reading, b_reading] = &readings;
    let views = [a_reading.view(a, args.session_a)?, b_reading.view(b, args.session_b)?];
    let comparison = CaptureComparison::new(&views, &matches, args.session_a.is_some());
    print(args, &comparison).map_err(Error::Stdout)?;
    match comparison.differences().into_iter().next() {
        Some(difference) if args.fail_if_different => {
            Err(Error::Condition(format!("{} and {} differ: {difference}", a.display(), b.display())))
        }
        _ => Ok(()),
    }
}

/// What a capture has told.
struct Reading {
    heard: Transcript,
    analyzer: Analyzer<()>,
    cut: bool,
    /// What looks like RTP and is nobody's.
    bare: BareMedia,
}

impl Reading {
    /// All of it, or one session. Without any there is nothing to compare.
    fn view(&self, path: &Path, session: Option<usize>) -> Result<CaptureView<'_>, Error> {
        let wanted = |number: usize| session.is_none_or(|session| session == number);
        let view = CaptureView {
            sessions: self.heard.sessions().filter(|heard| wanted(heard.number)).collect(),
            streams: self.analyzer.streams().filter(|row| wanted(row.session)).collect(),
        };
        if !view.sessions.is_empty() {
            return Ok(view);
        }
        let sessions = self.heard.sessions().count();
        if let Some(wanted) = session.filter(|_| sessions > 0) {
            let source = ScriptError::NoSession { sessions, wanted };
            return Err(Error::Script { path: path.to_owned(), source });
        }
        for line in list(path, &self.bare) {
            complain(&line);
        }
        Err(nothing(path, &self.bare))
    }
}

fn print(args: &CompareArgs, comparison: &CaptureComparison) -> io::Result<()> {
    let names = [&args.a, &args.b].map(|path| path.display().to_string());
    let names = names.each_ref().map(String::as_str);
    let text = match args.format {
        CompareFormat::Text => captures::text(comparison, names, Look { coloured: takes_colour(&io::stdout()) }),
        CompareFormat::Json => captures::json::json(comparison, names)?,
    };
    let mut out = if args.format == CompareFormat::Json { stdout() } else { Box::new(io::stdout()) };
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Reads both captures at once, so that no more of either is held than lies between the copies of a packet.
fn read_both(
    paths: [&PathBuf; 2],
    sessions: [Option<usize>; 2],
    named: Option<&Arc<NamedMedia>>,
) -> Result<([Reading; 2], Vec<StreamMatch>), Error> {
    let [a, b] = paths;
    let [a_session, b_session] = sessions;
    let (a_sender, a_packets) = sync_channel(BATCHES);
    let (b_sender, b_packets) = sync_channel(BATCHES);
    let (a_read, b_read, matches) = thread::scope(|scope| {
        let a_reader = scope.spawn(move || read(a, a_session, named, &a_sender));
        let b_reader = scope.spawn(move || read(b, b_session, named, &b_sender));
        let matches = matched([Arriving::new(a_packets), Arriving::new(b_packets)]);
        (joined(a_reader), joined(b_reader), matches)
    });
    let readings = [a_read?, b_read?];
    for (_, path) in readings.iter().zip(paths).filter(|(reading, _)| reading.cut) {
        complain(&format!("{}: {CUT}; what stands before it is compared", path.display()));
    }
    Ok((readings, matches))
}

fn joined<T>(reader: ScopedJoinHandle<'_, T>) -> T {
    reader.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Takes packets from both, as the matcher wants them.
fn matched([mut a, mut b]: [Arriving; 2]) -> Vec<StreamMatch> {
    let mut matcher = Matcher::default();
    while let Some(side) = matcher.wants() {
        let next = match side {
            Side::A => a.next(),
            Side::B => b.next(),
        };
        match next {
            Some(packet) => matcher.packet(side, &packet),
            None => matcher.end(side),
        }
    }
    if matcher.passed_over() > 0 {
        complain(&format!("{} packets were not matched: there are too many streams", matcher.passed_over()));
    }
    matcher.finish()
}

/// The packets of a capture, as its reader finds them.
struct Arriving {
    batches: Receiver<Vec<Packet>>,
    batch: std::vec::IntoIter<Packet>,
}

impl Arriving {
    fn new(batches: Receiver<Vec<Packet>>) -> Self {
        Self { batches, batch: Vec::new().into_iter() }
    }

    fn next(&mut self) -> Option<Packet> {
        loop {
            if let Some(packet) = self.batch.next() {
                return Some(packet);
            }
            self.batch = self.batches.recv().ok()?.into_iter();
        }
    }
}

/// Reads a capture, and hands its RTP packets on: those of one session, if it is chosen.
fn read(
    path: &Path,
    session: Option<usize>,
    named: Option<&Arc<NamedMedia>>,
    packets: &SyncSender<Vec<Packet>>,
) -> Result<Reading, Error> {
    let input = open(path)?;
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    let mut batch = Vec::with_capacity(BATCH);
    let digests = Digests::new(|packet: Packet| {
        if session.is_none_or(|session| session == packet.session + 1) {
            batch.push(packet);
        }
        if batch.len() < BATCH {
            return Ok(());
        }
        packets.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).map_err(gone)
    });
    let options = AnalyzerOptions { capture: path.display().to_string(), closely: true, ..AnalyzerOptions::default() };
    let mut tap = (Transcript::default(), (Analyzer::new(options, ()), digests));
    let failed = |source| Error::Capture { path: path.to_owned(), source };
    let mut source = Source::with_named(named.cloned());
    let end = source.read_part(input, &mut tap).map_err(failed)?;
    let bare = source.bare_media();
    source.finish(&mut tap).map_err(CaptureError::Tap).map_err(failed)?;
    let (heard, (mut analyzer, _)) = tap;
    analyzer.settle();
    // Without a receiver nobody waits for them.
    let _ = packets.send(batch);
    Ok(Reading { heard, analyzer, cut: end.cut, bare })
}
