//! What a recording says at its end.

use bytesize::ByteSize;

use crate::commands::monitor::Monitor;
use crate::commands::output::is_stdout;
use crate::commands::record::recordings::{Recording, Recordings};
use crate::commands::record::targets::Plan;
use crate::error::Error;
use crate::report::summary;
use crate::session::{Ending, Machine, Reconnecting};

/// What became of a target.
pub(super) struct SessionReport<'a> {
    url: &'a str,
    /// `None` where its file could not be made.
    session: Option<&'a Reconnecting>,
    /// Why it failed.
    failure: Option<String>,
    file: usize,
}

/// What became of each target. `machines` are those whose files could be made.
pub(super) fn sessions<'a>(
    urls: &'a [String],
    plan: &Plan,
    recordings: &Recordings,
    mut machines: impl Iterator<Item = &'a Reconnecting>,
) -> Vec<SessionReport<'a>> {
    let mut sessions = Vec::new();
    for (place, (url, target)) in urls.iter().zip(&plan.targets).enumerate() {
        let recording = recordings.get(target.file);
        let shortage = plan.shortage(place).map(|error| error.to_string());
        let begun = shortage.is_none() && recording.is_some_and(Recording::was_begun);
        let session = begun.then(|| machines.next()).flatten();
        let of_file = recording.and_then(|recording| recording.error.as_ref()).map(ToString::to_string);
        let own = session.and_then(|session| session.outcome()?.as_ref().err().map(ToString::to_string));
        let url = session.map_or(url.as_str(), |session| session.url());
        sessions.push(SessionReport { url, session, failure: shortage.or(of_file).or(own), file: target.file });
    }
    sessions
}

/// The table of the streams, and what became of each session and file.
pub(super) fn text(monitor: &Monitor, sessions: &[SessionReport<'_>], recordings: &Recordings) -> String {
    let table = summary::table(monitor.streams());
    let several = sessions.len() > 1;
    let ending = |session: &SessionReport<'_>| match recordings.get(session.file) {
        Some(recording) if recordings.len() > 1 && recording.was_begun() => {
            session.ending(several, &format!("; {}", written(recording)))
        }
        _ => session.ending(several, ""),
    };
    let endings: String = sessions.iter().map(ending).collect();
    let evidence = monitor.evidence().line();
    let file = recordings.get(0).filter(|_| recordings.len() == 1).map(|only| format!("{}\n", written(only)));
    format!("{table}{endings}{evidence}{}", file.unwrap_or_default())
}

/// One failed session is a failed recording, whatever the others did.
pub(super) fn outcome(sessions: &[SessionReport<'_>], recordings: &mut Recordings) -> Result<(), Error> {
    if let Some(error) = recordings.only().and_then(|only| only.error.take()) {
        return Err(error);
    }
    let failed = sessions.iter().filter_map(|session| Some((session.url, session.failure.as_ref()?)));
    let failed: Vec<String> = failed.map(|(url, failure)| format!("{url}: {failure}")).collect();
    let (count, sessions) = (failed.len(), sessions.len());
    failed.into_iter().next().map_or(Ok(()), |first| Err(Error::Sessions { failed: count, sessions, first }))
}

impl SessionReport<'_> {
    /// How it ended, how often it was lost, and what the server would not give.
    fn ending(&self, several: bool, file: &str) -> String {
        let ending = self.session.and_then(|session| session.outcome()?.as_ref().ok());
        let lost = self.session.map_or(0, Reconnecting::lost);
        let why = match (&self.failure, ending) {
            (Some(failure), _) if several => &format!("failed: {failure}"),
            // One failed session is told on standard error.
            (Some(_), _) | (None, None) if lost > 0 => "failed",
            (Some(_), _) | (None, None) => return String::new(),
            (None, Some(Ending::Stopped)) => "stopped",
            (None, Some(Ending::LimitReached)) => "limit reached",
            (None, Some(Ending::EndOfStream)) => "end of stream",
        };
        let before = self.session.map(before).unwrap_or_default();
        format!("{before}{}: {why}{file}{}\n", self.url, self.session.map(losses).unwrap_or_default())
    }
}

/// What the server would not give, or not as asked, and what never came.
fn before(session: &Reconnecting) -> String {
    let client = session.client();
    let refusals = client.refusals().iter().map(|refusal| format!("not recorded: {refusal}\n"));
    let changes = session.changes().map(|change| format!("{}: {change}\n", session.url()));
    let silent = client.silent_tracks();
    let silent = silent.map(|(track, kind)| format!("{}: no packet of track {track} ({kind}) came\n", session.url()));
    changes.chain(refusals).chain(silent).collect()
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

fn written(recording: &Recording) -> String {
    let written = &recording.written;
    let size = ByteSize(written.bytes).display().si();
    match written.files {
        _ if is_stdout(&recording.path) => format!("{size} written to standard output"),
        0 | 1 => format!("{size} written to {}", recording.path_of_last().display()),
        files => format!("{size} written to {files} files, the last {}", recording.path_of_last().display()),
    }
}
