//! What a recording says at its end.

use bytesize::ByteSize;

use crate::commands::monitor::Monitor;
use crate::commands::output::is_stdout;
use crate::commands::record::recordings::{Recording, Recordings};
use crate::commands::record::targets::Plan;
use crate::error::Error;
use crate::report::summary;
use crate::session::{Client, Ending, Machine};

/// What became of a target.
pub(super) struct Session<'a> {
    url: &'a str,
    /// `None` where its file could not be made.
    client: Option<&'a Client>,
    /// Why it failed.
    failure: Option<String>,
    file: usize,
}

/// What became of each target. `clients` are those whose files could be made.
pub(super) fn sessions<'a>(
    urls: &'a [String],
    plan: &Plan,
    recordings: &Recordings,
    mut clients: impl Iterator<Item = &'a Client>,
) -> Vec<Session<'a>> {
    let mut sessions = Vec::new();
    for (url, target) in urls.iter().zip(&plan.targets) {
        let recording = recordings.get(target.file);
        let client = recording.filter(|recording| recording.was_begun()).and_then(|_| clients.next());
        let of_file = recording.and_then(|recording| recording.error.as_ref()).map(ToString::to_string);
        let own = client.and_then(|client| client.outcome()?.as_ref().err().map(ToString::to_string));
        let url = client.map_or(url.as_str(), |client| client.url());
        sessions.push(Session { url, client, failure: of_file.or(own), file: target.file });
    }
    sessions
}

/// The table of the streams, and what became of each session and file.
pub(super) fn text(monitor: &Monitor, sessions: &[Session<'_>], recordings: &Recordings) -> String {
    let table = summary::table(monitor.streams());
    let several = sessions.len() > 1;
    let ending = |session: &Session<'_>| match recordings.get(session.file) {
        Some(recording) if recordings.len() > 1 && recording.was_begun() => {
            session.ending(several, &format!("; {}", written(recording)))
        }
        _ => session.ending(several, ""),
    };
    let endings: String = sessions.iter().map(ending).collect();
    let file = recordings.get(0).filter(|_| recordings.len() == 1).map(|only| format!("{}\n", written(only)));
    format!("{table}{endings}{}", file.unwrap_or_default())
}

/// One failed session is a failed recording, whatever the others did.
pub(super) fn outcome(sessions: &[Session<'_>], recordings: &mut Recordings) -> Result<(), Error> {
    if let Some(error) = recordings.only().and_then(|only| only.error.take()) {
        return Err(error);
    }
    let failed = sessions.iter().filter_map(|session| Some((session.url, session.failure.as_ref()?)));
    let failed: Vec<String> = failed.map(|(url, failure)| format!("{url}: {failure}")).collect();
    let (count, sessions) = (failed.len(), sessions.len());
    failed.into_iter().next().map_or(Ok(()), |first| Err(Error::Sessions { failed: count, sessions, first }))
}

impl Session<'_> {
    /// How it ended, and what the server would not give.
    fn ending(&self, several: bool, file: &str) -> String {
        let ending = self.client.and_then(|client| client.outcome()?.as_ref().ok());
        let why = match (&self.failure, ending) {
            // One failed session is told on standard error.
            (Some(_), _) if !several => return String::new(),
            (Some(failure), _) => &format!("failed: {failure}"),
            (None, Some(Ending::Stopped)) => "stopped",
            (None, Some(Ending::LimitReached)) => "limit reached",
            (None, Some(Ending::EndOfStream)) => "end of stream",
            (None, None) => return String::new(),
        };
        let refusals = self.client.map(Client::refusals).unwrap_or_default();
        let refusals: Vec<String> = refusals.iter().map(|refusal| format!("not recorded: {refusal}\n")).collect();
        format!("{}{}: {why}{file}\n", refusals.concat(), self.url)
    }
}

fn written(recording: &Recording) -> String {
    let written = &recording.written;
    let size = ByteSize(written.bytes).display().si();
    match written.files {
        _ if is_stdout(&recording.path) => format!("{size} written to standard output"),
        0 | 1 => format!("{size} written to {}", recording.path_of_last().display()),
        files => format!("{size} written to {files} files, the last {}", recording.path_of_last().display()),
    }
}
