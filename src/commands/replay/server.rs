//! The capture as an RTSP server.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use crate::cli::ReplayArgs;
use crate::commands::hiding::{self, shown_lines};
use crate::commands::inputs::{open_capture, raise_file_limit};
use crate::commands::login;
use crate::commands::replay::bare;
use crate::commands::replay::log::ClientLog;
use crate::commands::replay::recording;
use crate::commands::signals;
use crate::error::Error;
use crate::net::{Accepted, Clock, EventLoop};
use crate::rtsp::url::Credentials;
use crate::session::faults::FaultError;
use crate::session::script::{ScriptBuilder, ScriptOptions};
use crate::session::{ReplayConfig, Script, Server};
use crate::trace::Direction;

/// Serves until Ctrl-C.
pub(super) fn run(args: &ReplayArgs) -> Result<(), Error> {
    hiding::hide(&args.masking.mask, None);
    let offer = offer(args)?;
    raise_file_limit();
    let mut event_loop = EventLoop::new(Clock::start()).map_err(Error::EventLoop)?;
    event_loop.be_precise();
    event_loop.stop_on_signals(&signals::of_an_end()).map_err(Error::EventLoop)?;
    let listen_error = |source| Error::Listen { address: args.listen, source };
    let ports = event_loop.bind_media(args.listen.ip(), offer.script().tracks().len()).map_err(listen_error)?;
    let offer = Arc::new(offer.with_udp(ports));
    let served = Arc::clone(&offer);
    let machine =
        move |Accepted { client, server, number, now }| Server::new(Arc::clone(&served), (client, server), number, now);
    let address = event_loop.listen(args.listen, None, machine).map_err(listen_error)?;
    let writer = recording::begin(args, Direction::ServerToClient)?;
    if !args.quiet {
        say(&args.capture, &offer, &offer.url_at(address)).map_err(Error::Stdout)?;
    }
    let mut tap = (writer, (!args.quiet).then(|| ClientLog::new(args.verbose)));
    let served = event_loop.run(&mut tap);
    recording::finish(args, tap.0, served)
}

fn offer(args: &ReplayArgs) -> Result<ReplayConfig, Error> {
    let script = script(args)?;
    let mut offer = ReplayConfig::new(script)
        .at_speed(args.speed)
        .with_slow_client(args.slow_client.into())
        .with_reports(args.sr.into());
    if let Some(path) = &args.path {
        offer = offer.at_path(path);
    }
    if args.looped {
        offer = offer.looped();
    }
    let wrong = |error: FaultError| Error::Usage(format!("--fault: {error}"));
    offer.with_faults(args.faults.clone(), args.seed, credentials(args)?).map_err(wrong)
}

/// Who is let in by logins that name nobody.
fn credentials(args: &ReplayArgs) -> Result<Option<Credentials>, Error> {
    let Some(user) = args.client.user.clone() else { return Ok(None) };
    let password = login::password(args.client.password_file.as_deref())?.unwrap_or_default();
    Ok(Some(Credentials { user, password }))
}

fn script(args: &ReplayArgs) -> Result<Script, Error> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|source| Error::File { action: "read", path: path.to_owned(), source })
    };
    let description = args.sdp.as_deref().map(read).transpose()?;
    let path = || args.capture.clone();
    let file = open_capture(&args.capture)?;
    let mut builder = ScriptBuilder::new(ScriptOptions { session: args.session, description });
    let flows = bare::read(file, &mut builder).map_err(|source| Error::Capture { path: path(), source })?;
    builder.finish().map_err(|source| bare::refused(&args.capture, &flows, source))
}

/// Where it is to be had.
fn say(capture: &Path, offer: &ReplayConfig, url: &str) -> io::Result<()> {
    let script = offer.script();
    let kinds: Vec<&str> = script.tracks().iter().map(|track| track.kind.as_str()).collect();
    let text = format!(
        "{}: {} frames in {:.1} s, tracks: {}\nServing {}  (Ctrl-C ends it)\n",
        capture.display(),
        script.frame_count(),
        script.duration().as_secs_f64(),
        kinds.join(", "),
        url,
    );
    let mut out = io::stdout();
    out.write_all(shown_lines(&text).as_bytes())?;
    out.flush()
}
