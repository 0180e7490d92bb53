//! `rtsp-rec record`: sessions to a capture.

use std::path::{Path, PathBuf};

use bytesize::ByteSize;

use crate::capture::{Writer, WriterOptions};
use crate::cli::{APPLICATION, RecordArgs};
use crate::commands::login;
use crate::commands::monitor::Monitor;
use crate::commands::output::{Output, complete, default_name, is_stdout, print, system};
use crate::commands::{raise_file_limit, trust};
use crate::error::Error;
use crate::net::{Clock, EventLoop};
use crate::report::summary;
use crate::rtsp::mask::masked_urls;
use crate::session::client::{Limits, Timeouts};
use crate::session::{ClientConfig, Ending, Machine, Reconnecting};
use crate::trace::Direction;

/// Records all sessions into one file, then says what it got.
pub(super) fn run(args: &RecordArgs) -> Result<(), Error> {
    let clock = Clock::start();
    let configs = configs(args)?;
    let trust = trust::of(&args.tls)?;
    let urls: Vec<String> = configs.iter().map(|config| masked_urls(config.url.as_str())).collect();
    let path = path(args, &configs, clock);
    let output = Output::create(&path, args.force)?;
    raise_file_limit();
    let mut event_loop = EventLoop::new(clock).map_err(Error::EventLoop)?;
    event_loop.stop_on_signals().map_err(Error::EventLoop)?;
    event_loop.trust(trust);
    if let Some(ports) = args.transport.port_range {
        event_loop.use_ports(ports);
    }
    for config in configs {
        event_loop.add(Reconnecting::new(config, args.reconnect, fastrand::u64(..), clock.now()));
    }
    let write_error = |source| Error::Write { path: path.clone(), source };
    let mut writer = Writer::new(output, writer_options(args, &urls)).map_err(write_error)?;
    // From here on there is a capture, whatever happens.
    writer.flush().map_err(write_error)?;
    let mut tap = (writer, Monitor::new(&urls, args.quiet, args.verbose, clock.now()));
    let recorded = event_loop.run(&mut tap);
    let (writer, monitor) = tap;
    monitor.clear();
    let size = complete(writer, recorded).map_err(write_error)?;
    let text = report(&path, size, &monitor, event_loop.machines());
    let printed = if args.quiet { Ok(()) } else { print(Some(&path), &text).map_err(Error::Stdout) };
    // A reader that is gone does not make a failed recording a good one.
    outcome(event_loop.machines())?;
    printed
}

fn path(args: &RecordArgs, configs: &[ClientConfig], clock: Clock) -> PathBuf {
    args.output.clone().unwrap_or_else(|| {
        let start = clock.now().to_string();
        let seconds = start.split('.').next().unwrap_or(&start);
        default_name(configs.first().map_or("", |config| config.url.host()), &format!("{seconds}Z"))
    })
}

fn configs(args: &RecordArgs) -> Result<Vec<ClientConfig>, Error> {
    let password = login::password(args.password_file.as_deref())?;
    args.urls.iter().enumerate().map(|(index, url)| config(args, index, url, password.as_deref())).collect()
}

fn config(args: &RecordArgs, index: usize, url: &str, password: Option<&str>) -> Result<ClientConfig, Error> {
    let name = format!("URL {}", index + 1);
    let (url, credentials) = login::target(&name, url, args.user.as_deref(), password)?;
    Ok(ClientConfig {
        credentials,
        url,
        user_agent: args.user_agent.clone(),
        media: args.media.clone(),
        transports: args.transport.transport.iter().map(|name| (*name).into()).collect(),
        seed: fastrand::u64(..),
        limits: Limits {
            duration: args.duration,
            packets: args.max_packets,
            bytes: args.max_bytes.map(|size| size.as_u64()),
        },
        timeouts: Timeouts {
            connect: args.connect_timeout,
            response: args.response_timeout,
            idle: args.idle_timeout,
            ..Timeouts::default()
        },
    })
}

fn writer_options(args: &RecordArgs, urls: &[String]) -> WriterOptions {
    let trust = if args.tls.insecure { " Certificates of servers were not verified (--insecure)." } else { "" };
    let comment = format!(
        "Recorded by {APPLICATION} from {}. Each packet holds one RTSP message or one interleaved frame. A server port \
         that Wireshark does not take for RTSP is written as 554; the interface description has the real address, and what carried \
         RTSP besides TCP.{trust}",
        named(urls)
    );
    WriterOptions {
        application: APPLICATION.to_owned(),
        os: system(),
        comment,
        keep_ports: args.keep_ports,
        keep_credentials: args.keep_credentials,
        taken_at: Direction::ClientToServer,
    }
}

fn named(urls: &[String]) -> String {
    match urls {
        [first, .., _] => format!("{first} and {} more", urls.len() - 1),
        _ => urls.concat(),
    }
}

/// The table of the streams, and what became of each session.
fn report<'a>(path: &Path, size: u64, monitor: &Monitor, sessions: impl Iterator<Item = &'a Reconnecting>) -> String {
    let table = summary::table(monitor.streams());
    let sessions: Vec<&Reconnecting> = sessions.collect();
    let endings: Vec<String> = sessions.iter().map(|session| ending(session, sessions.len() > 1)).collect();
    let name = if is_stdout(path) { "standard output".into() } else { path.display().to_string() };
    let evidence = monitor.evidence().line();
    format!("{table}{}{evidence}{} written to {name}\n", endings.concat(), ByteSize(size).display().si())
}

/// How a session ended, how often it was lost, and what the server would not give.
fn ending(session: &Reconnecting, several: bool) -> String {
    let why = match session.outcome() {
        Some(Ok(Ending::Stopped)) => "stopped",
        Some(Ok(Ending::LimitReached)) => "limit reached",
        Some(Ok(Ending::EndOfStream)) => "end of stream",
        // One failed session is told on standard error.
        Some(Err(error)) if several => &format!("failed: {error}"),
        Some(Err(_)) | None if session.lost() > 0 => "failed",
        Some(Err(_)) | None => return String::new(),
    };
    let client = session.client();
    let refusals = client.refusals().iter().map(|refusal| format!("not recorded: {refusal}\n"));
    let changes = client.fallbacks().iter().map(|change| format!("{}: {change}\n", session.url()));
    let before = changes.chain(refusals).collect::<String>();
    format!("{before}{}: {why}{}\n", session.url(), losses(session))
}

/// How often a session was lost and tried again, and how the latest times.
fn losses(session: &Reconnecting) -> String {
    let plural = |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    if session.lost() == 0 {
        return String::new();
    }
    let (connections, lost) = (session.connections(), session.lost());
    let each = session.losses().map(|loss| format!("\n  {}  {}", loss.at, loss.error));
    format!(
        "; {}, {}:{}",
        plural(connections, "connection", "connections"),
        plural(lost, "loss", "losses"),
        each.collect::<String>()
    )
}

/// One failed session is a failed recording, whatever the others did.
fn outcome<'a>(sessions: impl Iterator<Item = &'a Reconnecting>) -> Result<(), Error> {
    let outcomes: Vec<Option<String>> = sessions.map(failure).collect();
    let failed = outcomes.iter().flatten().count();
    let sessions = outcomes.len();
    match outcomes.into_iter().flatten().next() {
        Some(first) => Err(Error::Sessions { failed, sessions, first }),
        None => Ok(()),
    }
}

/// URL and reason of a session that failed.
fn failure(session: &Reconnecting) -> Option<String> {
    let error = session.outcome()?.as_ref().err()?;
    Some(format!("{}: {error}", session.url()))
}
