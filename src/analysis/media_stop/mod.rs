//! Media that stops while somebody still wants it: a picture that stands still to the end, or sound that ends before the
//! session does. BYE, the end of the range that was announced, PAUSE and TEARDOWN are ends in good order; what was silent
//! long before them has stopped all the same.

mod evidence;

use crate::analysis::findings::ProtocolChecks;
use crate::analysis::location::Location;
use crate::analysis::media_wait::suppresses_silence;
use crate::analysis::stream::{StreamKey, StreamState};
use crate::analysis::verdicts::{Cause, StoppedMedia};
use crate::rtp::media_kind::MediaKind;
use crate::session::Dialog;
use crate::session::dialog::PayloadRole;
use crate::session::dialog::play::ControlledTracks;
use crate::time::{NANOS_PER_SECOND, Timestamp};
use crate::trace::Direction;

use evidence::StopEvidence;

/// How much earlier than announced a stream may end, and how far apart the ends of its tracks are: the last frame begins
/// before the end, and sound and pictures of a file seldom end together.
const RANGE_SLACK_S: f64 = 2.0;
const ENDS_NS: i64 = 2 * NANOS_PER_SECOND;
/// Tracks of one session that are told.
const MAX_STOPS: usize = 64;

/// The media of one session that stopped.
#[derive(Debug, Default)]
pub(super) struct MediaStops {
    /// Told if nothing comes of them after all.
    candidates: Vec<Candidate>,
    confirmed: Vec<StoppedMedia>,
    /// Streams that the client paused, by their place.
    resting: Vec<usize>,
    /// The connection has ended.
    closed: bool,
    /// When the client last asked for media. Of what did not come since then it is told that it never came.
    played: Option<Timestamp>,
    /// Tracks of which that is told; `None` for all of them.
    silent: Vec<Option<usize>>,
    /// When the server last answered a request.
    answered: Option<Timestamp>,
    /// When bytes of its connection last lacked in the capture.
    gap: Option<Timestamp>,
}

/// What the messages and streams of a session say.
#[derive(Clone, Copy, Debug)]
pub(super) struct StopScene<'a> {
    pub(super) dialog: &'a Dialog,
    pub(super) streams: &'a [StreamState],
    pub(super) watch: &'a ProtocolChecks,
}

/// A track that seems to have stopped.
#[derive(Debug)]
struct Candidate {
    key: StreamKey,
    /// The place of its stream.
    place: usize,
    is_video: bool,
    /// When its last packet came.
    since: Timestamp,
    until: Location,
    end: WaitEnd,
    evidence: StopEvidence,
    /// Silences up to this are usual.
    limit: i64,
    /// Packets of the track by then.
    packets: u64,
}

/// Why nobody waits any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitEnd {
    Teardown,
    Pause,
    Close,
    CaptureEnd,
}

impl WaitEnd {
    const fn words(self) -> &'static str {
        match self {
            Self::Teardown => "TEARDOWN",
            Self::Pause => "PAUSE",
            Self::Close => "the connection ended",
            Self::CaptureEnd => "the capture ended",
        }
    }
}

/// What belongs to one track; without one, to one channel.
type TrackKey = (Option<usize>, Option<u16>);

fn key_of(key: &StreamKey) -> TrackKey {
    (key.track, key.track.is_none().then_some(key.channel))
}

impl MediaStops {
    /// The server answered a request.
    pub(super) fn answered(&mut self, at: Timestamp) {
        self.answered = Some(at);
    }

    /// Bytes that the server sent lack in the capture.
    #[cold]
    pub(super) fn missing(&mut self, at: Timestamp) {
        self.gap = Some(at);
    }

    /// It is told that nothing came of a track, or of any.
    pub(super) fn is_silent(&mut self, track: Option<usize>) {
        self.silent.push(track);
    }

    /// The client wants media: what waits for its PLAY rests no longer, and what had stopped before has.
    pub(super) fn played(&mut self, at: Timestamp, tracks: &ControlledTracks, scene: StopScene<'_>) {
        self.confirm(scene);
        self.played = Some(at);
        let controlled = |place: &usize| {
            scene.streams.get(*place).is_some_and(|stream| tracks.contains(stream.key.track, stream.key.channel))
        };
        self.resting.retain(|place| !controlled(place));
    }

    /// Nobody waits any longer for these tracks, or for any.
    pub(super) fn end(
        &mut self,
        until: Location,
        end: WaitEnd,
        tracks: Option<&ControlledTracks>,
        scene: StopScene<'_>,
    ) {
        if self.closed || !until.at.is_known() {
            return;
        }
        let concerned =
            |stream: &StreamState| tracks.is_none_or(|tracks| tracks.contains(stream.key.track, stream.key.channel));
        let own = scene.streams.iter().enumerate().filter(|(_, stream)| is_media(stream) && concerned(stream));
        let own: Vec<usize> = own.map(|(place, _)| place).collect();
        let mut keys: Vec<TrackKey> = Vec::new();
        for place in own.iter().filter_map(|place| scene.streams.get(*place)) {
            if !keys.contains(&key_of(&place.key)) {
                keys.push(key_of(&place.key));
            }
        }
        let judged = keys.into_iter().filter_map(|key| self.judge(key, until, end, scene));
        let stops: Vec<Candidate> = judged.collect();
        let room = MAX_STOPS.saturating_sub(self.candidates.len());
        self.candidates.extend(stops.into_iter().take(room));
        self.closed = end == WaitEnd::Close;
        if end == WaitEnd::Pause {
            self.resting.extend(own);
        }
    }

    /// What had stopped, if nothing came of it since.
    fn confirm(&mut self, scene: StopScene<'_>) {
        for mut candidate in std::mem::take(&mut self.candidates) {
            let came = packets_of(key_of(&candidate.key), scene) != candidate.packets;
            // A server that answers TEARDOWN has sent all that it had for the connection before.
            let is_behind = |at: &Timestamp| at.nanos_since(candidate.since) > candidate.limit;
            candidate.evidence.answered = self.answered.filter(is_behind);
            let told = Some(candidate.told()).filter(|told| !came && is_wanted(told.verdict, scene));
            let room = MAX_STOPS.saturating_sub(self.confirmed.len());
            self.confirmed.extend(told.into_iter().take(room));
        }
    }

    /// What stopped, once the session is over.
    pub(super) fn take(&mut self, scene: StopScene<'_>) -> Vec<StoppedMedia> {
        self.confirm(scene);
        let is_silent = |track| self.silent.iter().any(|silent| silent.is_none() || *silent == track);
        let mut stops = std::mem::take(&mut self.confirmed);
        stops.retain(|stop| !is_silent(stop.track));
        together(stops, scene)
    }

    fn judge(&self, key: TrackKey, until: Location, end: WaitEnd, scene: StopScene<'_>) -> Option<Candidate> {
        let (place, stream) = latest(key, scene)?;
        let last = last_of(key, scene)?;
        let limit = stream.longest_silence_ns();
        let silence = until.at.nanos_since(last);
        if silence.saturating_sub(stream.sent_ahead_ns(last)) <= limit
            || self.resting.contains(&place)
            || self.played.is_some_and(|played| played > last)
            || stream.is_given_up(until.at)
            || !stream.goes_as_time_does()
            || is_over(stream, last, scene)
            || self.lacks_word(last, scene)
        {
            return None;
        }
        let evidence = StopEvidence {
            over_tcp: stream.is_over_tcp(),
            progress: stream.progress_behind(last),
            heard_beyond: stream.was_heard_beyond(),
            other: went_on(key, last, limit, scene),
            answered: None,
        };
        let kind = kind_of(stream, scene);
        let (is_video, packets) = (kind == Some(MediaKind::Video), packets_of(key, scene));
        let until = Location { direction: stream.key.direction, ..until };
        let stopped = evidence.is_lost() || is_awaited(kind, stream, scene);
        let key = stream.key;
        stopped.then_some(Candidate { key, place, is_video, since: last, until, end, evidence, limit, packets })
    }

    /// Whether the capture lacks what may have been the word that it ends, or the media itself.
    fn lacks_word(&self, last: Timestamp, scene: StopScene<'_>) -> bool {
        let behind = |at: Option<Timestamp>| at.is_some_and(|at| at > last);
        // An encrypted BYE can't be told.
        scene.watch.may_have_ended(last) || behind(self.gap) || behind(scene.watch.hidden_word)
    }
}

impl Candidate {
    fn told(self) -> StoppedMedia {
        let Self { key, place, is_video, since, until, end, evidence, .. } = self;
        let (verdict, packets, why) = evidence.judge(since);
        let silence = until.at.seconds_since(since);
        let detail = format!("no packet in the last {silence:.1} s before {}; {why}", end.words());
        let (track, others) = (key.track, Vec::new());
        StoppedMedia { track, stream: place, others, is_video, since, until, verdict, packets, detail }
    }
}

/// Whether anybody waited: without a PLAY in the capture that is not known, unless the sender goes on or other tracks do.
fn is_wanted(verdict: Cause, scene: StopScene<'_>) -> bool {
    verdict != Cause::MediaStopped || scene.watch.heard.playing
}

/// Media that a server sends to the client.
fn is_media(stream: &StreamState) -> bool {
    stream.key.direction == Direction::ServerToClient && stream.key.stranger.is_none() && stream.sequence.packets > 0
}

fn of_key(key: TrackKey, scene: StopScene<'_>) -> impl Iterator<Item = (usize, &StreamState)> {
    let streams = scene.streams.iter().enumerate();
    streams.filter(move |(_, stream)| is_media(stream) && key_of(&stream.key) == key)
}

/// The media stream of a track that came last.
fn latest(key: TrackKey, scene: StopScene<'_>) -> Option<(usize, &StreamState)> {
    of_key(key, scene).filter(|(_, stream)| stream.role == PayloadRole::Media).max_by_key(|(_, stream)| stream.last())
}

/// When anything of a track last came: comfort noise and keys that are pressed come instead of its sound.
fn last_of(key: TrackKey, scene: StopScene<'_>) -> Option<Timestamp> {
    of_key(key, scene).filter_map(|(_, stream)| stream.last()).max()
}

fn packets_of(key: TrackKey, scene: StopScene<'_>) -> u64 {
    of_key(key, scene).map(|(_, stream)| stream.sequence.packets).fold(0, u64::saturating_add)
}

fn kind_of(stream: &StreamState, scene: StopScene<'_>) -> Option<MediaKind> {
    let described = scene.dialog.media(stream.key.track).and_then(|media| MediaKind::named(&media.kind));
    let is_video = || stream.encoding().is_some_and(|encoding| encoding.payload.is_video());
    described.or_else(|| is_video().then_some(MediaKind::Video))
}

/// Whether media of this kind goes on as time does: metadata speaks of events, and sound may leave silence out.
fn is_awaited(kind: Option<MediaKind>, stream: &StreamState, scene: StopScene<'_>) -> bool {
    let media = scene.dialog.media(stream.key.track);
    match kind {
        Some(MediaKind::Video) => true,
        Some(MediaKind::Audio) => !media.is_some_and(suppresses_silence) && !stream.has_talkspurts(),
        Some(MediaKind::Application) => false,
        // What nothing describes is media of some kind; what is described as another kind is none.
        None => media.is_none() && !stream.has_talkspurts(),
    }
}

/// Whether it ended in good order: its source, or the one of another track at that time, said BYE, or the range is played.
fn is_over(stream: &StreamState, last: Timestamp, scene: StopScene<'_>) -> bool {
    let byes = scene.streams.iter().filter_map(|stream| stream.goodbye);
    let mut near = byes.filter(|bye| bye.nanos_since(last).saturating_abs() <= ENDS_NS);
    let reaches = |length: Option<f64>, played: Option<f64>| {
        length.zip(played).is_some_and(|(length, played)| length <= played + RANGE_SLACK_S)
    };
    stream.goodbye.is_some()
        || near.next().is_some()
        || reaches(scene.dialog.range_length(), stream.played_s(last))
        || reaches(scene.dialog.range_end(), scene.dialog.played().map(|since| last.seconds_since(since)))
}

/// For how long another track went on, and what it is, if that is longer than the usual silences of this one.
fn went_on(key: TrackKey, last: Timestamp, limit: i64, scene: StopScene<'_>) -> Option<(f64, &'static str)> {
    let others = scene.streams.iter().filter(|other| is_media(other) && key_of(&other.key) != key);
    let other = others.max_by_key(|other| other.last())?;
    let until = other.last().filter(|until| until.nanos_since(last) > limit)?;
    let name = kind_of(other, scene).map_or("another track", MediaKind::as_str);
    Some((until.seconds_since(last), name))
}

/// Where all tracks that go on as time does stopped together, for one reason, that is told once.
fn together(stops: Vec<StoppedMedia>, scene: StopScene<'_>) -> Vec<StoppedMedia> {
    let Some(last) = stops.iter().max_by_key(|stop| stop.since).filter(|_| stops.len() > 1) else { return stops };
    let is_same = |stop: &StoppedMedia| {
        stop.verdict == last.verdict
            && stop.until.at == last.until.at
            && stop.packets == 0
            && last.since.nanos_since(stop.since) <= NANOS_PER_SECOND
    };
    let is_told = |stream: &StreamState| stops.iter().any(|stop| stop.track == stream.key.track);
    let awaited =
        scene.streams.iter().filter(|stream| is_media(stream) && is_awaited(kind_of(stream, scene), stream, scene));
    if !stops.iter().all(is_same) || !awaited.into_iter().all(is_told) {
        return stops;
    }
    let others = stops.iter().map(|stop| stop.stream).filter(|stream| *stream != last.stream).collect();
    vec![StoppedMedia { track: None, others, ..last.clone() }]
}
