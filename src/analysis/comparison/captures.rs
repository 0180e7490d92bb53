//! Two captures side by side: their sessions in pairs, and of each pair the dialogue, the tracks and the packets.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

use serde::Serialize;

use crate::analysis::StreamRow;
use crate::analysis::comparison::dialogue::{Latencies, is_the_same, latencies, pairs};
use crate::analysis::comparison::figures::{self, Change};
use crate::analysis::comparison::transcript::HeardSession;
use crate::analysis::comparison::{Comparison, path};
use crate::analysis::matching::StreamMatch;
use crate::trace::Direction;

/// What is known of a capture.
#[derive(Debug, Default)]
pub struct CaptureView<'a> {
    /// Its sessions.
    pub sessions: Vec<&'a HeardSession>,
    /// The rows of their streams.
    pub streams: Vec<StreamRow<'a>>,
}

/// A session of a capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionName {
    /// Its number, as `analyze` gives it.
    pub session: usize,
    /// What it asked for.
    pub url: String,
}

/// Why two sessions are held against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PairedBy {
    /// Packets of the one are in the other.
    Packets,
    /// The server gave both the same session identifier.
    Dialogue,
    /// Both asked for the same path.
    Path,
    /// Each is the next of its capture.
    Order,
    /// The user said so.
    Choice,
}

/// A track in both captures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrackPair {
    /// `video`, `audio 1`: its kind, and its place among several of that kind.
    pub track: String,
    /// Who sends it: `c2s` or `s2c`.
    pub direction: Direction,
    /// Its encoding in both.
    pub encodings: [Option<String>; 2],
    /// Packets of each.
    pub packets: [u64; 2],
    /// Its figures.
    pub figures: Vec<Change>,
}

/// A stream of which both captures have packets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PacketPair {
    /// Its track, as [`TrackPair`] names it.
    pub track: String,
    /// What both have of it.
    #[serde(flatten)]
    pub found: StreamMatch,
}

/// Two sessions that are held against each other.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionPair {
    /// The session of each capture.
    pub sessions: [SessionName; 2],
    /// Why these two.
    pub by: PairedBy,
    /// Their requests, and what was answered.
    pub dialogue: Comparison,
    /// How long answers took, where both captures hold the same dialogue.
    pub latencies: Option<Latencies>,
    /// Their media, track by track.
    pub tracks: Vec<TrackPair>,
    /// The streams of which both have packets.
    pub packets: Vec<PacketPair>,
}

/// Two captures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CaptureComparison {
    /// Sessions side by side.
    pub pairs: Vec<SessionPair>,
    /// Sessions of each that the other has no like of.
    pub alone: [Vec<SessionName>; 2],
}

impl CaptureComparison {
    /// Holds two captures against each other. `choice` names one session of each that alone counts.
    pub fn new(views: &[CaptureView<'_>; 2], matches: &[StreamMatch], choice: bool) -> Self {
        let [a, b] = views;
        let mut left = UnpairedSessions { a: a.sessions.clone(), b: b.sessions.clone(), pairs: Vec::new() };
        if choice {
            left.take(PairedBy::Choice, |_| Some(()), |_, _| true);
        }
        left.take_matched(matches);
        left.take(PairedBy::Dialogue, HeardSession::id, |a, b| is_the_same(a, b, &pairs(a, b)));
        left.take_by_path(HeardSession::has_played);
        // Many players and recorders look first: the connection with which they only ask is like another one of its kind.
        left.take_by_path(HeardSession::wants_media);
        left.take(PairedBy::Order, |session| session.wants_media().then_some(()), |_, _| true);
        left.take_by_path(|_| true);
        left.take(PairedBy::Order, |_| Some(()), |_, _| true);
        let media = MediaOfSessions::new(views, matches);
        let pair = |(sessions, by): &([&HeardSession; 2], PairedBy)| SessionPair::new(&media, *sessions, *by);
        let mut pairs: Vec<SessionPair> = left.pairs.iter().map(pair).collect();
        pairs.sort_by_key(|pair| pair.sessions.each_ref().map(|name| name.session));
        let alone = [left.a, left.b].map(|sessions| sessions.into_iter().map(SessionName::of).collect());
        Self { pairs, alone }
    }
}

/// The sessions that have no like yet, and the pairs that were found. Captures may have thousands: no rule looks at each
/// with each.
struct UnpairedSessions<'a> {
    a: Vec<&'a HeardSession>,
    b: Vec<&'a HeardSession>,
    pairs: Vec<([&'a HeardSession; 2], PairedBy)>,
}

impl<'a> UnpairedSessions<'a> {
    /// Takes out sessions with the same key: for each of A the first of B, if it fits.
    fn take<K: Eq + Hash>(
        &mut self,
        by: PairedBy,
        key: impl Fn(&'a HeardSession) -> Option<K>,
        fits: impl Fn(&HeardSession, &HeardSession) -> bool,
    ) {
        let mut of_b: HashMap<K, VecDeque<&'a HeardSession>> = HashMap::new();
        for session in &self.b {
            if let Some(key) = key(session) {
                of_b.entry(key).or_default().push_back(session);
            }
        }
        let pairs: Vec<_> = self
            .a
            .iter()
            .filter_map(|session| {
                let others = of_b.get_mut(&key(session)?)?;
                let other = others.front().copied().filter(|other| fits(session, other))?;
                others.pop_front();
                Some([*session, other])
            })
            .collect();
        self.take_out(pairs, by);
    }

    /// Takes out sessions that asked for the same path, of those that are so.
    fn take_by_path(&mut self, is_so: impl Fn(&HeardSession) -> bool) {
        self.take(PairedBy::Path, |session| is_so(session).then(|| path(session.url())), |_, _| true);
    }

    /// Takes out sessions that have packets in common.
    fn take_matched(&mut self, matches: &[StreamMatch]) {
        let by_number = |sessions: &[&'a HeardSession]| -> HashMap<usize, &'a HeardSession> {
            sessions.iter().map(|session| (session.number, *session)).collect()
        };
        let (mut of_a, mut of_b) = (by_number(&self.a), by_number(&self.b));
        let pairs: Vec<_> = matches
            .iter()
            .filter(|found| found.both > 0)
            .filter_map(|found| {
                let [a, b] = found.sessions;
                let pair = [*of_a.get(&a?)?, *of_b.get(&b?)?];
                of_a.remove(&a?);
                of_b.remove(&b?);
                Some(pair)
            })
            .collect();
        self.take_out(pairs, PairedBy::Packets);
    }

    fn take_out(&mut self, pairs: Vec<[&'a HeardSession; 2]>, by: PairedBy) {
        let taken = |place: fn(&[&'a HeardSession; 2]) -> usize| pairs.iter().map(place).collect::<HashSet<_>>();
        let (of_a, of_b) = (taken(|[a, _]| a.number), taken(|[_, b]| b.number));
        self.a.retain(|session| !of_a.contains(&session.number));
        self.b.retain(|session| !of_b.contains(&session.number));
        self.pairs.extend(pairs.into_iter().map(|pair| (pair, by)));
    }
}

impl SessionName {
    fn of(session: &HeardSession) -> Self {
        Self { session: session.number, url: session.url().to_owned() }
    }
}

/// The streams and matches of two captures, by session.
struct MediaOfSessions<'a> {
    rows: [HashMap<usize, Vec<&'a StreamRow<'a>>>; 2],
    matches: HashMap<[Option<usize>; 2], Vec<&'a StreamMatch>>,
}

impl<'a> MediaOfSessions<'a> {
    fn new(views: &'a [CaptureView<'a>; 2], matches: &'a [StreamMatch]) -> Self {
        let rows = views.each_ref().map(|view| by(&view.streams, |row| row.session));
        Self { rows, matches: by(matches, |found| found.sessions) }
    }

    /// The streams of a session of each capture.
    fn rows(&self, sessions: [usize; 2]) -> [&[&'a StreamRow<'a>]; 2] {
        let ([of_a, of_b], [a, b]) = (&self.rows, sessions);
        [of_a.get(&a), of_b.get(&b)].map(|rows| rows.map_or(&[][..], Vec::as_slice))
    }
}

fn by<T, K: Eq + Hash>(all: &[T], key: impl Fn(&T) -> K) -> HashMap<K, Vec<&T>> {
    let mut sorted: HashMap<K, Vec<&T>> = HashMap::new();
    for one in all {
        sorted.entry(key(one)).or_default().push(one);
    }
    sorted
}

impl SessionPair {
    fn new(media: &MediaOfSessions<'_>, [a, b]: [&HeardSession; 2], by: PairedBy) -> Self {
        let [a_kinds, b_kinds] = media.rows([a.number, b.number]).map(kinds);
        let name = |found: &StreamMatch| {
            let of_it = |row: &StreamRow<'_>| row.ssrc == found.ssrc && row.direction == found.direction;
            a_kinds.iter().find(|kind| kind.rows.iter().any(of_it)).map_or_else(String::new, |kind| kind.name.clone())
        };
        let matches = media.matches.get(&[Some(a.number), Some(b.number)]).into_iter().flatten();
        let packets = matches.filter(|found| found.both > 0);
        let requests = pairs(a, b);
        let same = by == PairedBy::Dialogue || is_the_same(a, b, &requests);
        Self {
            sessions: [SessionName::of(a), SessionName::of(b)],
            by,
            dialogue: Comparison::of_sessions(a, b, &requests),
            latencies: if same { latencies(&requests) } else { None },
            packets: packets.map(|found| PacketPair { track: name(found), found: (*found).clone() }).collect(),
            tracks: tracks(&a_kinds, &b_kinds),
        }
    }
}

/// A track of one capture: what is compared with the track of the same name.
struct Kind<'a> {
    name: String,
    direction: Direction,
    rows: Vec<StreamRow<'a>>,
}

/// The tracks of a session that had packets, by kind and by place among those of their kind.
fn kinds<'a>(streams: &[&StreamRow<'a>]) -> Vec<Kind<'a>> {
    let mut tracks: Vec<(Option<usize>, u16, Kind<'a>)> = Vec::new();
    for row in streams.iter().copied().filter(|row| row.packets > 0) {
        // Without a description the channel is all that tells tracks apart.
        let channel = if row.track.is_some() { 0 } else { row.channel };
        let same = |(track, number, kind): &&mut (Option<usize>, u16, Kind<'a>)| {
            (*track, *number, kind.direction) == (row.track, channel, row.direction)
        };
        if let Some((_, _, kind)) = tracks.iter_mut().find(same) {
            kind.rows.push(row.clone());
        } else {
            let name = row.media.unwrap_or("unknown").to_owned();
            tracks.push((row.track, channel, Kind { name, direction: row.direction, rows: vec![row.clone()] }));
        }
    }
    tracks.sort_by_key(|(track, channel, _)| (*track, *channel));
    let mut kinds: Vec<Kind<'a>> = Vec::new();
    for (_, _, kind) in tracks {
        let same = kinds.iter().filter(|other| other.direction == kind.direction && is_of(&other.name, &kind.name));
        let name = match same.count() {
            0 => kind.name,
            before => format!("{} {}", kind.name, before + 1),
        };
        kinds.push(Kind { name, ..kind });
    }
    kinds
}

/// Whether a name is that of a kind, with or without a number.
fn is_of(name: &str, kind: &str) -> bool {
    name.strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

fn tracks(a: &[Kind<'_>], b: &[Kind<'_>]) -> Vec<TrackPair> {
    let alike = |kind: &Kind<'_>, other: &Kind<'_>| kind.name == other.name && kind.direction == other.direction;
    let with = a.iter().map(|kind| [Some(kind), b.iter().find(|other| alike(kind, other))]);
    let new = b.iter().filter(|kind| !a.iter().any(|other| alike(kind, other))).map(|kind| [None, Some(kind)]);
    with.chain(new).filter_map(|pair| track(pair)).collect()
}

fn track(pair: [Option<&Kind<'_>>; 2]) -> Option<TrackPair> {
    let [a, b] = pair.map(|kind| kind.map_or(&[][..], |kind| kind.rows.as_slice()));
    let kind = pair.into_iter().flatten().next()?;
    let encoding = |rows: &[StreamRow<'_>]| {
        let longest = rows.iter().max_by_key(|row| row.packets)?;
        longest.encoding.map(str::to_ascii_uppercase)
    };
    Some(TrackPair {
        track: kind.name.clone(),
        direction: kind.direction,
        encodings: [encoding(a), encoding(b)],
        packets: [a, b].map(|rows| rows.iter().map(|row| row.packets).sum()),
        figures: figures::changes(a, b),
    })
}

#[cfg(test)]
mod tests;
