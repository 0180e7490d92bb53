//! The tracks of a capture handed to whatever they are exported to, and what is said of them.

use std::io;
use std::path::Path;

use crate::capture::Source;
use crate::capture::reader::CaptureError;
use crate::cli::ExportArgs;
use crate::commands::analyze::open;
use crate::commands::inputs::CUT;
use crate::commands::named::{list, named, nothing as no_session};
use crate::commands::output::{clean, is_stdout, print};
use crate::commands::terminal::complain;
use crate::error::Error;
use crate::export::{MediaSink, Selection, Track, Tracks};
use crate::trace::{Remark, RemarkKind, Tap, TraceEvent};

/// Descriptions may hold longer words than file systems take.
const MAX_NAME: usize = 100;

/// A sink that remembers why it failed.
pub(super) trait FallibleSink {
    fn failure(&mut self) -> Option<Error>;
}

/// What a capture says of packets that it has the beginnings of only.
#[derive(Debug, Default)]
struct CutWatch(Option<String>);

impl Tap for CutWatch {
    fn event(&mut self, _: &TraceEvent<'_>) -> io::Result<()> {
        Ok(())
    }

    fn remark(&mut self, remark: &Remark<'_>) -> io::Result<()> {
        if remark.kind == RemarkKind::PacketsCut {
            self.0 = Some(remark.detail.to_owned());
        }
        Ok(())
    }
}

/// Hands the selected media of the capture to a sink; gives it back with the tracks that there were.
pub(super) fn read<S: MediaSink + FallibleSink>(args: &ExportArgs, sink: S) -> Result<(Vec<Track>, S), Error> {
    let selection = Selection { session: args.session, track: args.track };
    let mut tap = (Tracks::new(selection, sink), CutWatch::default());
    let input = open(&args.capture)?;
    let mut source = Source::with_named(named(&args.named)?);
    let done = source.read_part(input, &mut tap);
    let bare = source.bare_media();
    let done = done.and_then(|end| source.finish(&mut tap).map(|()| end).map_err(CaptureError::Tap));
    let (tracks, CutWatch(cut)) = tap;
    let saw_rtsp = tracks.saw_rtsp();
    let (tracks, mut sink) = tracks.finish().map_err(|error| failed(&args.output, error))?;
    if let Some(failure) = sink.failure() {
        return Err(failure);
    }
    match done {
        Ok(end) if end.cut => {
            complain(&format!("{}: {CUT}", args.capture.display()));
        }
        Ok(_) => {}
        // What stands before the damage is exported.
        Err(source) if !tracks.is_empty() => {
            complain(&format!("{}: {source}; what stands before that is exported", args.capture.display()));
        }
        Err(source) => return Err(Error::Capture { path: args.capture.clone(), source }),
    }
    if let Some(cut) = cut {
        complain(&format!("{}: {cut}: what is cut is not exported", args.capture.display()));
    }
    if tracks.is_empty() && !saw_rtsp && args.session.is_none() {
        for line in list(&args.capture, &bare) {
            complain(&line);
        }
        return Err(no_session(&args.capture, &bare));
    }
    if tracks.is_empty() {
        return Err(nothing(args, missing(args, saw_rtsp)));
    }
    Ok((tracks, sink))
}

/// Why there is no track.
fn missing(args: &ExportArgs, saw_rtsp: bool) -> String {
    match (saw_rtsp, args.session, args.track) {
        (false, Some(session), _) => format!("no RTSP session {session} is in it; analyze --table messages lists them"),
        (true, _, Some(track)) => format!("no media of track {track} is in it; analyze lists the streams"),
        _ => "no media of an RTSP session is in it".to_owned(),
    }
}

pub(super) fn nothing(args: &ExportArgs, reason: String) -> Error {
    Error::Nothing { path: args.capture.clone(), reason }
}

pub(super) fn failed(path: &Path, source: std::io::Error) -> Error {
    if is_stdout(path) { Error::Stdout(source) } else { Error::Write { path: path.to_owned(), source } }
}

/// Says what became of the tracks, where the export does not go.
pub(super) fn tell(args: &ExportArgs, lines: &[String]) -> Result<(), Error> {
    if args.quiet {
        return Ok(());
    }
    print(Some(&args.output), &(lines.join("\n") + "\n")).map_err(Error::Stdout)
}

/// `session 1 track 0 video H264`.
pub(super) fn title(track: &Track, encoding: &str) -> String {
    words([&track.name(), &track.media.kind, encoding], " ")
}

/// `1-0-video-H264.h264`.
pub(super) fn name(track: &Track, encoding: &str, extension: &str) -> String {
    let name: String = words([&track.file_name(), &track.media.kind, encoding], "-").chars().take(MAX_NAME).collect();
    format!("{}.{extension}", clean(&name))
}

fn words(words: [&str; 3], between: &str) -> String {
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(between)
}
