//! The capture as an RTSP client.

use crate::analysis::comparison::{Comparison, StreamPair, figures};
use crate::analysis::{Analyzer, AnalyzerOptions, StreamRow};
use crate::cli::ReplayArgs;
use crate::commands::hiding;
use crate::commands::inputs::open_capture;
use crate::commands::login;
use crate::commands::monitor::Monitor;
use crate::commands::output::print;
use crate::commands::replay::bare;
use crate::commands::replay::recording;
use crate::commands::{signals, trust};
use crate::error::Error;
use crate::net::{Clock, EventLoop};
use crate::report::comparison;
use crate::rtsp::mask::masked_text;
use crate::session::client::Timeouts;
use crate::session::script::{ScriptBuilder, ScriptOptions};
use crate::session::{Machine, Rerun, RerunConfig, Script};
use crate::trace::Direction;

/// Performs the recorded client's session against `to`, and compares.
pub(super) fn run(args: &ReplayArgs, to: &str) -> Result<(), Error> {
    let config = config(args, to)?;
    let trust = trust::of(&args.tls)?;
    let (script, then) = read(args)?;
    hiding::hide(&args.masking.mask, [(&config.url, config.credentials.as_ref())]);
    let url = masked_text(config.url.as_str());
    let clock = Clock::start();
    let unfit = |source| Error::Rerun { path: args.capture.clone(), source };
    let rerun = Rerun::new(script, config, clock.now()).map_err(unfit)?;
    let mut event_loop = EventLoop::new(clock).map_err(Error::EventLoop)?;
    event_loop.stop_on_signals(&signals::of_an_end()).map_err(Error::EventLoop)?;
    event_loop.trust(trust);
    event_loop.add(rerun);
    let monitor = Monitor::new(&[url], args.quiet, args.verbose, clock.now()).analyzing();
    let mut tap = (recording::begin(args, Direction::ClientToServer)?, monitor);
    let replayed = event_loop.run(&mut tap);
    let (writer, monitor) = tap;
    monitor.clear();
    recording::finish(args, writer, replayed)?;
    event_loop.machines().next().map_or(Ok(()), |rerun| conclude(args, rerun, &then, &monitor))
}

fn config(args: &ReplayArgs, to: &str) -> Result<RerunConfig, Error> {
    let options = &args.client;
    let password = login::password(options.password_file.as_deref())?;
    let (url, credentials) = login::target("--to", to, options.user.as_deref(), password.as_deref())?;
    let timeouts =
        Timeouts { connect: options.connect_timeout, response: options.response_timeout, ..Timeouts::default() };
    Ok(RerunConfig { url, credentials, timeouts })
}

/// The recorded session, and its figures.
fn read(args: &ReplayArgs) -> Result<(Script, Analyzer<()>), Error> {
    let path = || args.capture.clone();
    let file = open_capture(&args.capture)?;
    let builder = ScriptBuilder::new(ScriptOptions { session: args.session, description: None });
    let mut tap = (builder, Analyzer::new(AnalyzerOptions::default(), ()));
    let flows = bare::read(file, &mut tap).map_err(|source| Error::Capture { path: path(), source })?;
    let (builder, analyzer) = tap;
    let script = builder.finish_for_client().map_err(|source| bare::refused(&args.capture, &flows, source))?;
    Ok((script, analyzer))
}

/// Says how it compares; fails where there was no session, or where differences are failures.
fn conclude(args: &ReplayArgs, rerun: &Rerun, then: &Analyzer<()>, now: &Monitor) -> Result<(), Error> {
    if let Some(Err(error)) = rerun.outcome() {
        return Err(Error::Sessions { failed: 1, sessions: 1, first: format!("{}: {error}", rerun.url()) });
    }
    let mut comparison = Comparison::of(rerun);
    comparison.streams = streams(rerun, then, now);
    let head = format!("{} (session {}) to {}\n\n", args.capture.display(), rerun.script().session(), rerun.url());
    if !args.quiet {
        print(args.record.as_deref(), &(head + &comparison::text(&comparison))).map_err(Error::Stdout)?;
    }
    match comparison.first_difference() {
        Some(difference) if args.client.fail_if_different => {
            Err(Error::Condition(format!("{}: {difference}", args.capture.display())))
        }
        _ => Ok(()),
    }
}

/// The tracks that had media then, or have it now.
fn streams(rerun: &Rerun, then: &Analyzer<()>, now: &Monitor) -> Vec<StreamPair> {
    let script = rerun.script();
    let from_server = |row: &StreamRow<'_>| row.direction == Direction::ServerToClient;
    let pair = |track: usize| {
        let recorded = |row: &StreamRow<'_>| row.session == script.session() && row.track == Some(track);
        let live = rerun.live_track(track);
        let of_track = |row: &StreamRow<'_>| live.is_some() && row.track == live;
        let played = (script.played_at(), rerun.played_at());
        StreamPair {
            track,
            then: figures(then.streams().filter(from_server).filter(recorded), Some(played.0)),
            now: figures(now.streams().filter(from_server).filter(of_track), played.1),
        }
    };
    let any = |pair: &StreamPair| pair.then.is_some() || pair.now.is_some();
    (0..script.tracks().len()).map(pair).filter(any).collect()
}
