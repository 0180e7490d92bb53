//! `rtsp-rec record`: sessions to a capture.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytesize::ByteSize;

use crate::capture::{Writer, WriterOptions};
use crate::cli::{APPLICATION, RecordArgs};
use crate::commands::monitor::Monitor;
use crate::commands::output::{Output, complete, default_name, is_stdout, system};
use crate::error::Error;
use crate::net::{Clock, EventLoop};
use crate::report::summary;
use crate::rtsp::mask::masked_urls;
use crate::rtsp::url::{Credentials, RtspUrl};
use crate::session::client::{Limits, Timeouts};
use crate::session::{Client, ClientConfig, Ending, Machine};
use crate::trace::Direction;

/// Where the password is looked for when no file is named.
const PASSWORD_VARIABLE: &str = "RTSP_REC_PASSWORD";

/// Records all sessions into one file, then says what it got.
pub(super) fn run(args: &RecordArgs) -> Result<(), Error> {
    let clock = Clock::start();
    let configs = configs(args)?;
    let urls: Vec<String> = configs.iter().map(|config| masked_urls(config.url.as_str())).collect();
    let path = path(args, &configs, clock);
    let output = Output::create(&path, args.force)?;
    let mut event_loop = EventLoop::new(clock).map_err(Error::EventLoop)?;
    event_loop.stop_on_signals().map_err(Error::EventLoop)?;
    for config in configs {
        event_loop.add(Client::new(config, clock.now()));
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
    let printed = if args.quiet { Ok(()) } else { print(&path, &text).map_err(Error::Stdout) };
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
    let password = password(args)?;
    args.urls.iter().enumerate().map(|(index, url)| config(args, index, url, password.as_deref())).collect()
}

fn config(args: &RecordArgs, index: usize, url: &str, password: Option<&str>) -> Result<ClientConfig, Error> {
    // The URL itself may hold a password: it is not repeated.
    let wrong = |why: String| Error::Usage(format!("URL {}: {why}", index + 1));
    let url: RtspUrl = url.parse().map_err(|error: crate::rtsp::url::UrlError| wrong(error.to_string()))?;
    if url.scheme() != "rtsp" {
        return Err(wrong(format!("{}:// is not supported yet; try rtsp://", url.scheme())));
    }
    Ok(ClientConfig {
        credentials: credentials(args.user.as_deref(), password, url.credentials()),
        url,
        user_agent: args.user_agent.clone(),
        media: args.media.clone(),
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

/// The password from outside the URL.
fn password(args: &RecordArgs) -> Result<Option<String>, Error> {
    let Some(path) = &args.password_file else { return Ok(std::env::var(PASSWORD_VARIABLE).ok()) };
    let text =
        std::fs::read_to_string(path).map_err(|source| Error::File { action: "read", path: path.clone(), source })?;
    Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
}

/// The user given wins over the URL's; a URL that has both keeps its password, one with a user alone gets the given
/// one. A user without any password has an empty one: cameras are sold like that.
fn credentials(user: Option<&str>, password: Option<&str>, url: Option<&Credentials>) -> Option<Credentials> {
    let from_url = url.filter(|url| user.is_none_or(|user| user == url.user));
    let own = from_url.map(|url| url.password.as_str()).filter(|password| !password.is_empty() && user.is_none());
    let user = user.or(from_url.map(|url| url.user.as_str()))?.to_owned();
    let password = own.or(password).or(from_url.map(|url| url.password.as_str())).unwrap_or_default().to_owned();
    Some(Credentials { user, password })
}

fn writer_options(args: &RecordArgs, urls: &[String]) -> WriterOptions {
    let comment = format!(
        "Recorded by {APPLICATION} from {}. Each packet holds one RTSP message or one interleaved frame. A server port \
         that Wireshark does not take for RTSP is written as 554; the interface description has the real address.",
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
fn report<'a>(path: &Path, size: u64, monitor: &Monitor, clients: impl Iterator<Item = &'a Client>) -> String {
    let table = summary::table(monitor.streams());
    let clients: Vec<&Client> = clients.collect();
    let sessions: Vec<String> = clients.iter().map(|client| ending(client, clients.len() > 1)).collect();
    let name = if is_stdout(path) { "standard output".into() } else { path.display().to_string() };
    format!("{table}{}{} written to {name}\n", sessions.concat(), ByteSize(size).display().si())
}

/// How a session ended, and what the server would not give.
fn ending(client: &Client, several: bool) -> String {
    let why = match client.outcome() {
        Some(Ok(Ending::Stopped)) => "stopped",
        Some(Ok(Ending::LimitReached)) => "limit reached",
        Some(Ok(Ending::EndOfStream)) => "end of stream",
        // One failed session is told on standard error.
        Some(Err(error)) if several => &format!("failed: {error}"),
        Some(Err(_)) | None => return String::new(),
    };
    let refusals: Vec<String> = client.refusals().iter().map(|refusal| format!("not recorded: {refusal}\n")).collect();
    format!("{}{}: {why}\n", refusals.concat(), client.url())
}

/// To standard output, unless that is where the capture went. What a server says must not steer the terminal.
fn print(path: &Path, text: &str) -> io::Result<()> {
    let text: String = text.chars().filter(|char| !char.is_control() || *char == '\n').collect();
    if is_stdout(path) { io::stderr().write_all(text.as_bytes()) } else { io::stdout().write_all(text.as_bytes()) }
}

/// One failed session is a failed recording, whatever the others did.
fn outcome<'a>(clients: impl Iterator<Item = &'a Client>) -> Result<(), Error> {
    let outcomes: Vec<Option<String>> = clients.map(failure).collect();
    let failed = outcomes.iter().flatten().count();
    let sessions = outcomes.len();
    match outcomes.into_iter().flatten().next() {
        Some(first) => Err(Error::Sessions { failed, sessions, first }),
        None => Ok(()),
    }
}

/// URL and reason of a session that failed.
fn failure(client: &Client) -> Option<String> {
    let error = client.outcome()?.as_ref().err()?;
    Some(format!("{}: {error}", client.url()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_logs_in() {
        let url = |user: &str, password: &str| Credentials { user: user.to_owned(), password: password.to_owned() };
        for (user, password, in_url, expected) in [
            (None, None, None, None),
            (None, Some("p"), None, None),
            (Some("a"), None, None, Some(("a", ""))),
            (Some("a"), Some("p"), None, Some(("a", "p"))),
            (None, None, Some(url("u", "w")), Some(("u", "w"))),
            (None, Some("p"), Some(url("u", "w")), Some(("u", "w"))),
            (None, Some("p"), Some(url("u", "")), Some(("u", "p"))),
            (Some("u"), Some("p"), Some(url("u", "w")), Some(("u", "p"))),
            (Some("u"), None, Some(url("u", "w")), Some(("u", "w"))),
            (Some("a"), None, Some(url("u", "w")), Some(("a", ""))),
        ] {
            let found = credentials(user, password, in_url.as_ref());
            assert_eq!(found, expected.map(|(user, password)| url(user, password)), "{user:?} {password:?} {in_url:?}");
        }
    }
}
