//! Watches the media of a session: whether it comes, whether it is over, whether it is enough.

use std::time::Duration;

use crate::rtp::rtcp::{Compound, RtcpPacket};
use crate::rtsp::auth::LoginScheme;
use crate::session::Dialog;
use crate::session::client::senders::TrackSenders;
use crate::session::client::{Ending, Limits};
use crate::time::Timestamp;

/// How long after the last BYE something else may still come: a source that changes its SSRC says BYE as well.
const BYE_LINGER: Duration = Duration::from_millis(500);
/// How much earlier than announced a stream may end: the last frame begins before the end, and clocks differ.
const RANGE_SLACK: Duration = Duration::from_secs(2);
/// The user who ends a session earlier has not waited for its media; see the verdict `no-media`.
const FIRST_PACKET: Duration = Duration::from_secs(2);
/// How long media may stay away once the connection of its session is gone. Chosen, not measured.
const ORPHAN_PATIENCE: Duration = Duration::from_secs(5);

/// What counts for the limits of a session, also when it is taken up again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Interleaved frames, RTP and RTCP.
    pub packets: u64,
    /// Those of RTP.
    pub rtp_packets: u64,
    /// Bytes from the server.
    pub bytes: u64,
    /// When PLAY was first answered.
    pub began: Option<Timestamp>,
    /// The strongest login that the server has asked for: no later session gives a weaker one.
    pub login: Option<LoginScheme>,
}

/// What has come so far.
#[derive(Debug)]
pub(super) struct MediaWatch {
    limits: Limits,
    idle: Duration,
    progress: Progress,
    playing_since: Option<Timestamp>,
    /// When RTP came last, or PLAY was answered.
    last: Option<Timestamp>,
    /// Whether RTP ever came.
    heard: bool,
    /// Something came whose track can't be told.
    unclear: bool,
    /// In the order of their SETUPs.
    tracks: Vec<TrackSenders>,
    /// When every one of them has.
    all_bye: Option<Timestamp>,
}

/// What the media that came, or did not come, means for the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaState {
    GoOn,
    Ended(Ending),
    Silent,
}

impl MediaWatch {
    pub(super) fn new(limits: Limits, idle: Duration, progress: Progress) -> Self {
        Self {
            limits,
            idle,
            progress,
            playing_since: None,
            last: None,
            heard: false,
            unclear: false,
            tracks: Vec::new(),
            all_bye: None,
        }
    }

    /// Another session begins. What came in this one counts all the same.
    pub(super) fn begin_again(&mut self) {
        (self.playing_since, self.last, self.all_bye) = (None, None, None);
        (self.heard, self.unclear) = (false, false);
        self.tracks.clear();
    }

    /// The answer to PLAY came.
    pub(super) fn play(&mut self, now: Timestamp) {
        self.playing_since = Some(now);
        self.progress.began.get_or_insert(now);
        self.last = Some(now);
    }

    /// Media may have come that nobody has read.
    pub(super) fn excuse(&mut self, now: Timestamp) {
        if self.last.is_some() {
            self.last = Some(now);
        }
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress
    }

    /// From the answer to PLAY to the latest media; `None` before.
    pub(super) fn lasted(&self) -> Option<Duration> {
        Some(self.last?.duration_since(self.playing_since?))
    }

    pub(super) fn playing_for(&self, now: Timestamp) -> Duration {
        self.playing_since.map_or(Duration::ZERO, |since| now.duration_since(since))
    }

    /// So many bytes came, of whatever kind.
    pub(super) fn received(&mut self, len: usize) {
        self.progress.bytes = self.progress.bytes.saturating_add(len as u64);
    }

    /// A track was set up.
    pub(super) fn add_track(&mut self) {
        self.tracks.push(TrackSenders::default());
    }

    /// The connection is gone: only media that goes on is waited for.
    pub(super) fn orphan(&mut self, now: Timestamp) {
        self.idle = self.idle.min(ORPHAN_PATIENCE);
        self.last = Some(now);
    }

    /// Whether any RTP has come.
    pub(super) fn has_heard(&self) -> bool {
        self.heard
    }

    /// Tracks share a path, and what came there does not tell whose it is.
    pub(super) fn is_unclear(&mut self) {
        self.unclear = true;
    }

    /// An RTP packet of this source came, on the track that was set up as this one. A malformed one has no source.
    pub(super) fn rtp(&mut self, now: Timestamp, track: Option<usize>, ssrc: Option<u32>) {
        self.progress.packets += 1;
        self.progress.rtp_packets += 1;
        self.last = Some(now);
        self.heard = true;
        let Some(track) = track.and_then(|track| self.tracks.get_mut(track)) else { return };
        if track.heard(now, ssrc.unwrap_or_default()) {
            self.all_bye = None;
        }
    }

    /// An RTCP packet came. It is no sign of media: some servers go on with sender reports long after the last packet.
    pub(super) fn rtcp(&mut self, now: Timestamp, track: Option<usize>, payload: &[u8]) {
        self.progress.packets += 1;
        let byes = Compound::new(payload).filter_map(|packet| match packet {
            Ok(RtcpPacket::Goodbye(goodbye)) => Some(goodbye.ssrcs()),
            _ => None,
        });
        let named: Vec<u32> = byes.flatten().collect();
        // A BYE shows no payload type: where tracks share a path, it may be for another than it seems.
        let own = track.and_then(|track| self.tracks.get_mut(track));
        let known = own.is_some_and(|track| track.bye(&named)) || self.tracks.iter_mut().any(|track| track.bye(&named));
        if known {
            let over = self.sending().all(TrackSenders::all_bye);
            self.all_bye = over.then_some(now);
        }
    }

    /// The tracks of which something has come.
    fn sending(&self) -> impl Iterator<Item = &TrackSenders> {
        self.tracks.iter().filter(|track| !track.is_empty())
    }

    /// Whether the stream has said or shown that it is over.
    pub(super) fn is_over(&self, now: Timestamp, dialog: &Dialog) -> bool {
        let played = (self.playing_for(now) + RANGE_SLACK).as_secs_f64();
        self.all_bye.is_some() || dialog.range_end().is_some_and(|end| end <= played)
    }

    /// How long media was waited for, where none ever came. `ending`: whoever ends the session at once has not waited.
    pub(super) fn missed(&self, now: Timestamp, ending: Ending) -> Option<Duration> {
        let waited = now.duration_since(self.playing_since?);
        let long_enough = ending != Ending::Stopped || waited >= FIRST_PACKET;
        (self.progress.rtp_packets == 0 && long_enough).then_some(waited)
    }

    /// Whether RTP came of this SETUP.
    pub(super) fn has_sent(&self, place: usize) -> bool {
        self.tracks.get(place).is_some_and(|track| !track.is_empty())
    }

    /// The SETUPs of which nothing came, while something came of others.
    pub(super) fn silent(&self) -> impl Iterator<Item = usize> {
        let others = self.lasted().is_some_and(|lasted| lasted >= FIRST_PACKET) && self.heard && !self.unclear;
        let silent = self.tracks.iter().enumerate().filter(move |(_, track)| others && track.is_empty());
        silent.map(|(place, _)| place)
    }

    pub(super) fn state(&self, now: Timestamp, dialog: &Dialog) -> MediaState {
        let reached = |limit: Option<u64>, count: u64| limit.is_some_and(|limit| count >= limit);
        let due = |deadline: Option<Timestamp>| deadline.is_some_and(|deadline| deadline <= now);
        if reached(self.limits.packets, self.progress.packets)
            || reached(self.limits.bytes, self.progress.bytes)
            || due(self.end_of_duration())
        {
            MediaState::Ended(Ending::LimitReached)
        } else if due(self.end_of_linger()) {
            MediaState::Ended(Ending::EndOfStream)
        } else if due(self.end_of_patience()) {
            // Silence behind a BYE on each track: whatever else had sent is over as well.
            let left = self.sending().next().is_some() && self.sending().all(TrackSenders::any_bye);
            if left || self.is_over(now, dialog) { MediaState::Ended(Ending::EndOfStream) } else { MediaState::Silent }
        } else {
            MediaState::GoOn
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        [self.end_of_duration(), self.end_of_linger(), self.end_of_patience()].into_iter().flatten().min()
    }

    fn end_of_duration(&self) -> Option<Timestamp> {
        Some(self.progress.began? + self.limits.duration?)
    }

    fn end_of_linger(&self) -> Option<Timestamp> {
        Some(self.all_bye? + BYE_LINGER)
    }

    fn end_of_patience(&self) -> Option<Timestamp> {
        Some(self.last? + self.idle)
    }
}
