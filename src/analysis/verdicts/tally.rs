//! What shows by being counted: findings of one kind, refused requests.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;

use crate::analysis::findings::Finding;
use crate::analysis::out::Place;
use crate::analysis::verdicts::event::{Event, Subject, Verdict};
use crate::analysis::verdicts::take_room;

/// Methods whose refusals are remembered.
const MAX_METHODS: usize = 32;

/// What a finding says of its cause: the words of the event and the verdict, which may depend on the transport.
fn meaning(code: &str, over_tcp: bool) -> Option<(&'static str, Verdict)> {
    let by_transport = |tcp, udp| if over_tcp { tcp } else { udp };
    Some(match code {
        "duplicate" => ("duplicates", by_transport(Verdict::SentTwice, Verdict::RepeatedOnTheWay)),
        "reordered" => ("reordering", by_transport(Verdict::SentOutOfOrder, Verdict::ReorderedOnTheWay)),
        "sequence-restart" | "ssrc-change" => ("restart", Verdict::SourceRestarted),
        "junk" => ("garbage", Verdict::ProtocolBroken),
        "unknown-channel" | "transport-incomplete" => ("channels", Verdict::ChannelsUnclear),
        "end-without-bye" => ("end", Verdict::EndedByTheServer),
        "media-stopped" => ("end", Verdict::MediaStopped),
        "sr-missing" | "sr-stopped" => ("reports", Verdict::NoSenderReports),
        "capture-gap" | "capture-cut" => ("gap", Verdict::MissingInTheCapture),
        _ => return None,
    })
}

/// The counts of one session.
#[derive(Debug, Default)]
pub(super) struct Tally {
    found: BTreeMap<(&'static str, Option<usize>), Found>,
    /// By method: refusals that no success followed, and how many logins were asked for.
    refused: BTreeMap<String, Refusals>,
}

/// Findings of one code and track.
#[derive(Debug)]
struct Found {
    first: Place,
    last: Place,
    count: u64,
    /// Of the first one.
    detail: String,
}

#[derive(Debug)]
struct Refusals {
    first: Place,
    last: Place,
    status: u16,
    count: u64,
    /// Challenges that were followed by a success.
    challenges: u64,
    granted: bool,
}

impl Tally {
    /// A finding.
    pub(super) fn finding(&mut self, place: Place, finding: &Finding, room: &AtomicUsize) {
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
    pub(super) fn response(&mut self, place: Place, method: &str, status: u16, room: &AtomicUsize) {
        // A session works without these.
        if matches!(method, "OPTIONS" | "GET_PARAMETER" | "SET_PARAMETER") && status != 401 {
            return;
        }
        let new = status >= 400 && !self.refused.contains_key(method);
        if new && (self.refused.len() >= MAX_METHODS || !take_room(room)) {
            return;
        }
        if status < 400 {
            if let Some(refusals) = self.refused.get_mut(method) {
                refusals.challenges += u64::from(refusals.status == 401 && !refusals.granted);
                refusals.granted = true;
            }
            return;
        }
        let new = Refusals { first: place, last: place, status, count: 0, challenges: 0, granted: false };
        let refusals = self.refused.entry(method.to_owned()).or_insert(new);
        (refusals.last, refusals.status, refusals.granted) = (place, status, false);
        refusals.count += 1;
    }

    /// The events, at the end of the session; `over_tcp` tells how the media of a track travels.
    pub(super) fn into_events(self, over_tcp: impl Fn(Option<usize>) -> bool) -> Vec<Event> {
        let found = self.found.into_iter().filter_map(|((code, track), found)| {
            let (kind, verdict) = meaning(code, over_tcp(track))?;
            let (subject, Found { first, last, count, detail }) = (Subject::Track(track), found);
            Some(Event { subject, kind, verdict, count, first, last, span: None, detail })
        });
        let mut events: Vec<Event> = found.collect();
        events.extend(repeated_logins(self.refused.values()));
        events.extend(self.refused.into_iter().filter_map(|(method, refusals)| refusals.into_event(&method)));
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
    let (subject, kind, verdict) = (Subject::Track(None), "login", Verdict::LoginRepeated);
    (count > 2).then_some(Event { subject, kind, verdict, count, first, last, span: None, detail })
}

impl Refusals {
    fn into_event(self, method: &str) -> Option<Event> {
        let Self { first, last, status, count, granted, .. } = self;
        if granted {
            return None;
        }
        let (kind, verdict) = match status {
            401 => ("login", Verdict::LoginNeeded),
            _ => ("refusal", Verdict::RefusedByTheServer),
        };
        let detail = format!("{method} was answered with {status} and not granted");
        Some(Event { subject: Subject::Track(None), kind, verdict, count, first, last, span: None, detail })
    }
}
