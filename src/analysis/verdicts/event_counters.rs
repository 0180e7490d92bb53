//! What shows by being counted: findings of one kind, refused requests.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;

use crate::analysis::findings::{Finding, FindingCode};
use crate::analysis::location::Location;
use crate::analysis::verdicts::event::{Event, Subject};
use crate::analysis::verdicts::room::take_room;
use crate::analysis::verdicts::words::{Cause, EventKind};
use crate::time::{NANOS_PER_SECOND, Timestamp};

/// Methods whose refusals are remembered.
const MAX_METHODS: usize = 32;
/// Who has a password at hand connects again at once; who is asked for it takes longer to type.
const NEXT_CONNECTION_NS: i64 = 10 * NANOS_PER_SECOND;
/// What a session works without.
const SIGNS_OF_LIFE: [&str; 3] = ["OPTIONS", "GET_PARAMETER", "SET_PARAMETER"];
/// What begins a session, in the order in which one method needs what those before have brought.
const BEGINNING: [&[&str]; 3] = [&["DESCRIBE", "ANNOUNCE"], &["SETUP"], &["PLAY", "RECORD"]];

/// What a finding says of its cause: the words of the event and the verdict, which may depend on the transport.
fn meaning(code: FindingCode, over_tcp: bool) -> Option<(EventKind, Cause)> {
    let by_transport = |tcp, udp| if over_tcp { tcp } else { udp };
    Some(match code {
        FindingCode::Duplicate => (EventKind::Duplicates, by_transport(Cause::SentTwice, Cause::RepeatedOnTheWay)),
        FindingCode::Reordered => {
            (EventKind::Reordering, by_transport(Cause::SentOutOfOrder, Cause::ReorderedOnTheWay))
        }
        FindingCode::SequenceRestart => (EventKind::Restart, Cause::SourceRestarted),
        FindingCode::Junk => (EventKind::Garbage, Cause::ProtocolBroken),
        FindingCode::UnknownChannel | FindingCode::TransportIncomplete => (EventKind::Channels, Cause::ChannelsUnclear),
        FindingCode::EndWithoutBye => (EventKind::End, Cause::EndedByTheServer),
        FindingCode::SrMissing | FindingCode::SrStopped => (EventKind::Reports, Cause::NoSenderReports),
        FindingCode::CaptureGap | FindingCode::CaptureCut => (EventKind::Gap, Cause::MissingInTheCapture),
        _ => return None,
    })
}

/// The counts of one session.
#[derive(Debug, Default)]
pub(super) struct EventCounters {
    found: BTreeMap<(FindingCode, Option<usize>), Found>,
    /// By method: refusals that no success followed, and how many logins were asked for.
    refused: BTreeMap<String, Refusals>,
    /// PLAY or RECORD was granted.
    plays: bool,
}

/// Findings of one code and track.
#[derive(Debug)]
struct Found {
    first: Location,
    last: Location,
    count: u64,
    /// Of the first one.
    detail: String,
}

#[derive(Debug)]
struct Refusals {
    first: Location,
    last: Location,
    status: u16,
    count: u64,
    /// Challenges that were followed by a success.
    challenges: u64,
    granted: bool,
}

impl EventCounters {
    /// A finding.
    pub(super) fn finding(&mut self, place: Location, finding: &Finding, room: &AtomicUsize) {
        let key = (finding.code, finding.track);
        if let Some(found) = self.found.get_mut(&key) {
            found.count += 1;
            found.last = place;
        } else if meaning(finding.code, true).is_some() && take_room(room) {
            let detail = finding.detail.clone();
            self.found.insert(key, Found { first: place, last: place, count: 1, detail });
        }
    }

    /// The final answer to a request.
    pub(super) fn response(&mut self, place: Location, method: &str, status: u16, room: &AtomicUsize) {
        // A session works without these; but it is no login that is missing any more.
        if SIGNS_OF_LIFE.contains(&method) && status != 401 {
            self.grant(method);
            return;
        }
        let new = status >= 400 && !self.refused.contains_key(method);
        if new && (self.refused.len() >= MAX_METHODS || !take_room(room)) {
            return;
        }
        if status < 400 {
            return self.grant(method);
        }
        let new = Refusals { first: place, last: place, status, count: 0, challenges: 0, granted: false };
        let refusals = self.refused.entry(method.to_owned()).or_insert(new);
        (refusals.last, refusals.status, refusals.granted) = (place, status, false);
        refusals.count += 1;
    }

    /// A request was taken. What asked for a login before and is not needed any more, once this was had, had its login.
    fn grant(&mut self, method: &str) {
        if let Some(refusals) = self.refused.get_mut(method) {
            refusals.challenges += u64::from(refusals.status == 401 && !refusals.granted);
            refusals.granted = true;
        }
        let Some(stage) = BEGINNING.iter().position(|methods| methods.contains(&method)) else { return };
        self.plays |= stage == 2;
        for (refused, refusals) in self.refused.iter_mut().filter(|(_, refusals)| refusals.status == 401) {
            // SETUP of one track says nothing about that of another.
            let described = BEGINNING.first().is_some_and(|methods| methods.contains(&refused.as_str()));
            refusals.granted |= SIGNS_OF_LIFE.contains(&refused.as_str()) || described && stage > 0;
        }
    }

    /// The client's next connection was granted something at that time: its login, where one was asked for just before.
    pub(super) fn login_given(&mut self, at: Timestamp) {
        let soon = |refusals: &&mut Refusals| (0..NEXT_CONNECTION_NS).contains(&at.nanos_since(refusals.last.at));
        for refusals in self.refused.values_mut().filter(|refusals| refusals.status == 401).filter(soon) {
            refusals.granted = true;
        }
    }

    /// The events, at the end of the session; `over_tcp` tells how the media of a track travels.
    pub(super) fn into_events(self, over_tcp: impl Fn(Option<usize>) -> bool) -> Vec<Event> {
        let plays = self.plays;
        let found = self.found.into_iter().filter_map(|((code, track), found)| {
            let (kind, verdict) = meaning(code, over_tcp(track))?;
            let (subject, Found { first, last, count, detail }) = (Subject::Track(track), found);
            Some(Event { subject, kind, verdict, count, first, last, span: None, detail })
        });
        let mut events: Vec<Event> = found.collect();
        events.extend(repeated_logins(self.refused.values()));
        let harms =
            |method: &str| !plays || !SIGNS_OF_LIFE.contains(&method) && !matches!(method, "TEARDOWN" | "PAUSE");
        let refused = self.refused.into_iter().filter(|(method, refusals)| refusals.status != 401 || harms(method));
        events.extend(refused.filter_map(|(method, refusals)| refusals.into_event(&method)));
        events
    }
}

/// Logins that were asked for again and again; a client may need a second one.
fn repeated_logins<'a>(all: impl Iterator<Item = &'a Refusals> + Clone) -> Option<Event> {
    let granted = all.filter(|refusals| refusals.challenges > 0);
    let count = granted.clone().map(|refusals| refusals.challenges).sum();
    let first = granted.clone().map(|refusals| refusals.first).min_by_key(|place| place.at)?;
    let last = granted.map(|refusals| refusals.last).max_by_key(|place| place.at)?;
    let detail = format!("{count} requests were answered with 401 and had to be sent again");
    let (subject, kind, verdict) = (Subject::Track(None), EventKind::Login, Cause::LoginRepeated);
    (count > 2).then_some(Event { subject, kind, verdict, count, first, last, span: None, detail })
}

impl Refusals {
    fn into_event(self, method: &str) -> Option<Event> {
        let Self { first, last, status, count, granted, .. } = self;
        if granted {
            return None;
        }
        let (kind, verdict) = match status {
            401 => (EventKind::Login, Cause::LoginNeeded),
            _ => (EventKind::Refusal, Cause::RefusedByTheServer),
        };
        let detail = format!("{method} was answered with {status} and not granted");
        Some(Event { subject: Subject::Track(None), kind, verdict, count, first, last, span: None, detail })
    }
}
