//! What has come of a track so far: packets, reports of its sender, words of its receiver.

use crate::analysis::location::Location;
use crate::analysis::stream::StreamState;
use crate::analysis::unreachable::UnreachablePaths;
use crate::rtp::rtcp::ReportBlock;
use crate::session::Dialog;
use crate::session::dialog::{MediaPath, Setup};
use crate::time::Timestamp;
use crate::trace::Direction;

/// What the dialogue and the streams of a session say.
#[derive(Clone, Copy, Debug)]
pub(in crate::analysis) struct SessionState<'a> {
    pub(in crate::analysis) dialog: &'a Dialog,
    pub(in crate::analysis) streams: &'a [StreamState],
    pub(in crate::analysis) unreachable: &'a UnreachablePaths,
    /// A source has said BYE.
    pub(in crate::analysis) bye: bool,
}

/// Counts that only rise, so that two of them tell what came between.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    /// RTP packets, and what came on their way and is none.
    pub(super) packets: u64,
    /// Sender reports, and the packet counts of the first and the last of them.
    pub(super) reports: u64,
    pub(super) first_reported: Option<u32>,
    pub(super) reported: Option<u32>,
    /// RTP packets on channels that no SETUP named.
    pub(super) elsewhere: u64,
    pub(super) missing_bytes: u64,
    pub(super) junk_bytes: u64,
}

impl Totals {
    /// Of the streams that may belong to this SETUP.
    pub(super) fn of(setup: &Setup, direction: Direction, state: SessionState<'_>) -> Self {
        let own = || state.streams.iter().filter(|stream| is_of(stream, setup, direction, state.dialog));
        let reporting = own().max_by_key(|stream| stream.reports.count);
        Self {
            packets: own().map(|stream| stream.sequence.packets).sum(),
            reports: reporting.map_or(0, |stream| stream.reports.count),
            first_reported: reporting.and_then(|stream| stream.reports.first).map(|(_, packets)| packets),
            reported: reporting.and_then(|stream| stream.reports.last).map(|report| report.packets),
            elsewhere: unnamed(direction, state).map(|stream| stream.sequence.packets).sum(),
            ..Self::default()
        }
    }
}

/// When the last packet of this SETUP came.
pub(super) fn last_packet(setup: &Setup, direction: Direction, state: SessionState<'_>) -> Option<Timestamp> {
    let own = state.streams.iter().filter(|stream| is_of(stream, setup, direction, state.dialog));
    own.filter_map(StreamState::last).max()
}

/// Whether a stream may be this track's: by its track, or where tracks share a channel or port by its payload type.
fn is_of(stream: &StreamState, setup: &Setup, direction: Direction, dialog: &Dialog) -> bool {
    let key = &stream.key;
    let by_track = setup.track.is_some() && key.track == setup.track;
    // The server's port alone can be that of what went to another port of the client.
    let elsewhere = || is_elsewhere(stream, dialog);
    let shares = || setup.number() == Some(key.channel) && !elsewhere();
    let described = || {
        let media = dialog.media(setup.track);
        let payload_type = stream.payload_type();
        media.zip(payload_type).is_none_or(|(media, payload_type)| media.format(payload_type).is_some())
    };
    key.direction == direction && (by_track || shares() && described())
}

/// Whether a stream came between UDP ports that no SETUP named.
fn is_elsewhere(stream: &StreamState, dialog: &Dialog) -> bool {
    stream.key.track.is_none()
        && stream.path.is_some_and(|path| matches!(path, MediaPath::Udp(_)) && !dialog.knows(path))
}

/// Whether a stream can be one that a description lists.
fn is_described(stream: &StreamState, dialog: &Dialog) -> bool {
    let tracks = dialog.description().map(|description| &description.media);
    let lists =
        |payload_type: u8| tracks.is_none_or(|tracks| tracks.iter().any(|media| media.format(payload_type).is_some()));
    stream.payload_type().is_none_or(lists)
}

/// RTP on channels and ports that no SETUP named.
fn unnamed(direction: Direction, state: SessionState<'_>) -> impl Iterator<Item = &StreamState> {
    let is_setup = move |stream: &StreamState| match stream.path {
        // What is not described may be another program's.
        Some(MediaPath::Udp(_)) => !is_elsewhere(stream, state.dialog) || !is_described(stream, state.dialog),
        _ => state.dialog.setups().iter().any(|setup| setup.number() == Some(stream.key.channel)),
    };
    let streams = state.streams.iter().filter(move |stream| stream.key.direction == direction);
    streams.filter(move |stream| stream.key.track.is_none() && stream.sequence.packets > 0 && !is_setup(stream))
}

/// Where RTP came that no SETUP named.
pub(super) fn elsewhere(direction: Direction, state: SessionState<'_>) -> Option<String> {
    let stream = unnamed(direction, state).max_by_key(|stream| stream.sequence.packets)?;
    Some(match stream.path {
        Some(MediaPath::Udp(path)) => {
            let host = path.receiver.map(|host| format!(" of {host}")).unwrap_or_default();
            format!("to UDP port {}{host} (from port {})", path.client, path.server)
        }
        _ => format!("on channel {}", stream.key.channel),
    })
}

/// What a receiver reports of a source (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceiverWord {
    reporter: u32,
    source: u32,
    track: Option<usize>,
    number: Option<u16>,
    direction: Direction,
    first: u32,
    last: u32,
    /// It is the first word on this source since media was granted.
    is_new: bool,
    /// That word has a jitter, which takes two packets.
    had_jitter: bool,
    /// When the latest came.
    at: Timestamp,
}

impl ReceiverWord {
    pub(super) fn new(setup: &Setup, place: &Location, reporter: u32, block: &ReportBlock) -> Self {
        Self {
            reporter,
            source: block.source_ssrc,
            track: setup.track,
            number: setup.number(),
            direction: place.direction,
            first: block.ext_highest_seq,
            last: block.ext_highest_seq,
            is_new: true,
            had_jitter: block.ext_highest_seq > 0 && block.jitter > 0,
            at: place.at,
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        let key = |word: &Self| (word.reporter, word.source, word.track, word.number, word.direction);
        key(self) == key(other)
    }

    /// Whether it speaks of the media of this SETUP, which goes in `direction`.
    pub(super) fn is_of(&self, setup: &Setup, direction: Direction) -> bool {
        self.direction == direction.reverse() && self.track == setup.track && self.number == setup.number()
    }

    pub(super) fn go_on(&mut self, at: Timestamp, block: &ReportBlock) {
        (self.last, self.at) = (block.ext_highest_seq, at);
    }

    /// Only what comes from now on counts.
    pub(super) fn begin(&mut self) {
        (self.first, self.is_new, self.had_jitter) = (self.last, false, false);
    }

    /// The highest sequence numbers that prove that packets came.
    pub(super) fn received(&self) -> Option<(u32, u32)> {
        let rose = self.last.wrapping_sub(self.first).cast_signed() > 0;
        (rose || self.is_new && self.had_jitter).then_some((self.first, self.last))
    }

    /// Whether it says at this time or later that no packet came.
    pub(super) fn denies(&self, since: Timestamp) -> bool {
        let stands = self.first == self.last && (self.last == 0 || !self.is_new);
        stands && self.at >= since
    }
}
