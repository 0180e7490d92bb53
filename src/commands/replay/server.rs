//! The capture as an RTSP server.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use crate::capture::{Source, Writer, WriterOptions};
use crate::cli::{APPLICATION, ReplayArgs};
use crate::commands::output::{Output, complete, system};
use crate::commands::replay::log::ClientLog;
use crate::error::Error;
use crate::net::{Accepted, Clock, EventLoop};
use crate::rtsp::mask::masked_urls;
use crate::session::faults::FaultError;
use crate::session::script::{ScriptBuilder, ScriptOptions};
use crate::session::{Offer, Script, Server};
use crate::trace::Direction;

/// Serves until Ctrl-C.
pub(super) fn run(args: &ReplayArgs) -> Result<(), Error> {
    let offer = offer(args)?;
    // A client costs a descriptor. What can't be raised is lived with.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut event_loop = EventLoop::new(Clock::start()).map_err(Error::EventLoop)?;
    event_loop.be_precise();
    event_loop.stop_on_signals().map_err(Error::EventLoop)?;
    let listen_error = |source| Error::Listen { address: args.listen, source };
    let ports = event_loop.bind_media(args.listen.ip(), offer.script().tracks().len()).map_err(listen_error)?;
    let offer = Arc::new(offer.with_udp(ports));
    let served = Arc::clone(&offer);
    let machine = move |Accepted { client, number, now }| Server::new(Arc::clone(&served), client, number, now);
    let address = event_loop.listen(args.listen, None, machine).map_err(listen_error)?;
    let writer = args.record.as_deref().map(|path| writer(args, path)).transpose()?;
    if !args.quiet {
        say(&args.capture, &offer, &offer.url_at(address)).map_err(Error::Stdout)?;
    }
    let mut tap = (writer, (!args.quiet).then(|| ClientLog::new(args.verbose)));
    let served = event_loop.run(&mut tap);
    finish(args, tap.0, served)
}

/// Completes what was recorded.
fn finish(args: &ReplayArgs, writer: Option<Writer<Output>>, served: io::Result<()>) -> Result<(), Error> {
    let (Some(writer), Some(path)) = (writer, &args.record) else { return served.map_err(Error::EventLoop) };
    let write_error = |source| Error::Write { path: path.clone(), source };
    let size = complete(writer, served).map_err(write_error)?;
    if args.quiet {
        return Ok(());
    }
    let size = bytesize::ByteSize(size).display().si();
    writeln!(io::stderr(), "{size} written to {}", path.display()).map_err(Error::Stdout)
}

fn offer(args: &ReplayArgs) -> Result<Offer, Error> {
    let script = script(args)?;
    let mut offer =
        Offer::new(script).at_speed(args.speed).with_slow_client(args.slow_client.into()).with_reports(args.sr.into());
    if let Some(path) = &args.path {
        offer = offer.at_path(path);
    }
    if args.looped {
        offer = offer.looped();
    }
    let wrong = |error: FaultError| Error::Usage(format!("--fault: {error}"));
    offer.with_faults(args.faults.clone(), args.seed, None).map_err(wrong)
}

fn script(args: &ReplayArgs) -> Result<Script, Error> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|source| Error::File { action: "read", path: path.to_owned(), source })
    };
    let description = args.sdp.as_deref().map(read).transpose()?;
    let path = || args.capture.clone();
    let file =
        std::fs::File::open(&args.capture).map_err(|source| Error::File { action: "open", path: path(), source })?;
    let mut builder = ScriptBuilder::new(ScriptOptions { session: args.session, description });
    Source::read(file, &mut builder).map_err(|source| Error::Capture { path: path(), source })?;
    builder.finish().map_err(|source| Error::Script { path: path(), source })
}

fn writer(args: &ReplayArgs, path: &Path) -> Result<Writer<Output>, Error> {
    let output = Output::create(path, args.force)?;
    let comment = format!("What {APPLICATION} sent and received while it replayed {}.", args.capture.display());
    let options = WriterOptions {
        application: APPLICATION.to_owned(),
        os: system(),
        comment,
        taken_at: Direction::ServerToClient,
        ..WriterOptions::default()
    };
    let write_error = |source| Error::Write { path: path.to_owned(), source };
    let mut writer = Writer::new(output, options).map_err(write_error)?;
    writer.flush().map_err(write_error)?;
    Ok(writer)
}

/// Where it is to be had.
fn say(capture: &Path, offer: &Offer, url: &str) -> io::Result<()> {
    let script = offer.script();
    let kinds: Vec<&str> = script.tracks().iter().map(|track| track.kind.as_str()).collect();
    let text = format!(
        "{}: {} frames in {:.1} s, tracks: {}\nServing {}  (Ctrl-C ends it)\n",
        capture.display(),
        script.frame_count(),
        script.duration().as_secs_f64(),
        kinds.join(", "),
        masked_urls(url),
    );
    let text: String = text.chars().filter(|char| !char.is_control() || *char == '\n').collect();
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}
