//! What of the script is due for one client, and in which form it leaves.

use std::sync::Arc;
use std::time::Duration;

use crate::rtp::edit;
use crate::rtp::packet::is_rtcp;
use crate::rtsp::interleaved::{FRAME_HEADER, InterleavedHeader, append_frame};
use crate::session::faults::{self, FaultLine, Faults};
use crate::session::script::{End, Frame, Route};
use crate::session::server::loop_offsets::Shift;
use crate::session::server::replay_config::{ReplayConfig, ReportClock, Speed};
use crate::session::server::transport::Delivery;
use crate::time::Timestamp;

mod line;

/// Frames that are looked at in one go without anything for the client in them.
const MAX_IDLE_FRAMES: usize = 4096;
/// How long the player rests then: an endless script may hold nothing for a client.
const REST: Duration = Duration::from_millis(20);

/// One client's place in the script.
#[derive(Debug)]
pub(super) struct Player {
    offer: Arc<ReplayConfig>,
    faults: Faults,
    /// Where frames pass through faults, from PLAY on.
    line: Option<FaultLine>,
    /// The next frame, and how often the script has been played through.
    next: usize,
    round: u64,
    /// Script time goes on from here; `None` while nothing is played.
    clock: Option<Clock>,
    /// Script time at which a pause began.
    paused_at: i64,
    /// What `--sr now` adds to NTP times, from the first PLAY on.
    ntp_shift: Option<i64>,
    /// Frames since something was there for the client, and until when it rests after too many.
    idle_frames: usize,
    rests_until: Option<Timestamp>,
    /// A cut that was due while frames were left out.
    is_cut: bool,
    /// The packet of a datagram; in between, one that is made to fit.
    payload: Vec<u8>,
}

/// Script time `from` is the instant `base`.
#[derive(Clone, Copy, Debug)]
struct Clock {
    base: Timestamp,
    from: i64,
}

/// What there is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A frame, now at the end of the batch; or one that this client does not get.
    Composed,
    /// A packet for a port of the client: [`Player::payload`].
    Datagram { track: usize, rtcp: bool, port: u16 },
    /// The connection is cut, behind the part of a frame that is at the end of the batch.
    Cut,
    /// The script is over.
    End(End),
    /// Nothing is due.
    Nothing,
}

/// Where a frame goes.
#[derive(Clone, Copy)]
enum Way {
    Nowhere,
    /// Interleaved, on this channel.
    Channel(u8),
    /// As it is, between frames.
    Raw,
    Port {
        track: usize,
        rtcp: bool,
        port: u16,
    },
}

impl Player {
    pub(super) fn new(offer: Arc<ReplayConfig>, faults: Faults) -> Self {
        Self {
            offer,
            faults,
            line: None,
            next: 0,
            round: 0,
            clock: None,
            paused_at: 0,
            ntp_shift: None,
            idle_frames: 0,
            rests_until: None,
            is_cut: false,
            payload: Vec::new(),
        }
    }

    /// Begins, or goes on after a pause.
    pub(super) fn play(&mut self, now: Timestamp) {
        self.ntp_shift.get_or_insert_with(|| now.nanos_since(self.offer.script.played_at()));
        if self.faults.touch_media() && self.line.is_none() {
            self.line = Some(self.faults.line());
        }
        if self.clock.is_none() {
            self.clock = Some(Clock { base: now, from: self.paused_at });
        }
    }

    pub(super) fn pause(&mut self, now: Timestamp) {
        if let Some(time) = self.script_time(now) {
            // At full speed the place is that of the next frame.
            self.paused_at = time.min(self.next_after().unwrap_or(time)).max(self.paused_at);
            self.clock = None;
        }
    }

    /// Back to the start.
    pub(super) fn stop(&mut self) {
        (self.clock, self.line, self.ntp_shift, self.rests_until) = (None, None, None, None);
        (self.next, self.round, self.paused_at, self.idle_frames, self.is_cut) = (0, 0, 0, 0, false);
    }

    /// Whether it goes on where it was, rather than from the start.
    pub(super) fn has_begun(&self) -> bool {
        self.clock.is_some() || self.next > 0 || self.round > 0
    }

    pub(super) fn is_playing(&self) -> bool {
        self.clock.is_some()
    }

    /// Whether frames are left that were recorded before the answer to PLAY.
    pub(super) fn has_early(&self) -> bool {
        let more = self.peek().is_some() || self.line.as_ref().is_some_and(|line| line.due().is_some());
        more && self.round == 0 && self.next_after().is_some_and(|after| after < 0)
    }

    /// When something is due next.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let Clock { base, from } = self.clock?;
        // What came before the answer to PLAY is due at once, and not late.
        let distance = self.next_after()?.saturating_sub(from).max(0);
        let due = match self.offer.speed {
            Speed::Max => base,
            Speed::Times(speed) => base.plus_nanos(divided(distance, speed)),
        };
        Some(self.rests_until.map_or(due, |rest| due.max(rest)))
    }

    /// Leaves out what was due before `now`.
    pub(super) fn skip_to(&mut self, now: Timestamp) {
        let Some(time) = self.script_time(now) else { return };
        while self.source_after().is_some_and(|after| after < time) {
            self.advance();
        }
        if let Some(line) = &mut self.line {
            while !self.is_cut && line.due().is_some_and(|due| due < time) {
                self.is_cut = matches!(line.pop(), Some(faults::Step::Cut { .. }));
            }
        }
    }

    /// The packet of the latest [`Step::Datagram`].
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Does the next step if it is due. `early`: only what was recorded before the answer to PLAY.
    pub(super) fn next(
        &mut self,
        now: Timestamp,
        early: bool,
        deliveries: &[Option<Delivery>],
        batch: &mut Vec<u8>,
    ) -> Step {
        let Some(time) = self.script_time(now) else { return Step::Nothing };
        if self.is_cut {
            return Step::Cut;
        }
        if self.rests_until.is_some_and(|rest| rest > now) {
            return Step::Nothing;
        }
        self.rests_until = None;
        if self.idle_frames > MAX_IDLE_FRAMES {
            self.idle_frames = 0;
            self.rests_until = Some(now + REST);
            return Step::Nothing;
        }
        let filled = batch.len();
        let step = self.next_step(time, early, deliveries, batch);
        let idle = matches!(step, Step::Composed) && batch.len() == filled;
        self.idle_frames = if idle { self.idle_frames + 1 } else { 0 };
        step
    }

    /// The next step, as far as it is due.
    fn next_step(&mut self, time: i64, early: bool, deliveries: &[Option<Delivery>], batch: &mut Vec<u8>) -> Step {
        if self.next_after().is_none_or(|after| after > time) || (early && !self.has_early()) {
            return Step::Nothing;
        }
        if self.line.is_some() {
            return self.next_of_line(time, deliveries, batch);
        }
        let offer = Arc::clone(&self.offer);
        let Some(frame) = offer.script.frame(self.next) else { return Step::End(offer.script.end()) };
        let step = match self.way(frame.lane, deliveries) {
            Way::Nowhere => Step::Composed,
            Way::Raw => {
                batch.extend_from_slice(frame.payload);
                Step::Composed
            }
            Way::Channel(channel) => {
                self.compose(&frame, channel, batch);
                Step::Composed
            }
            // What has been gathered leaves first.
            Way::Port { .. } if !batch.is_empty() => return Step::Nothing,
            Way::Port { track, rtcp, port } => {
                self.fit(&frame);
                if self.payload.is_empty() { Step::Composed } else { Step::Datagram { track, rtcp, port } }
            }
        };
        self.advance();
        step
    }

    /// Where frames of this lane go.
    fn way(&self, lane: Route, deliveries: &[Option<Delivery>]) -> Way {
        let tcp = || deliveries.iter().flatten().any(|delivery| matches!(delivery, Delivery::Tcp { .. }));
        match lane {
            Route::Track { index, rtcp } => match deliveries.get(index).copied().flatten() {
                None => Way::Nowhere,
                Some(Delivery::Tcp { rtp, rtcp: control }) => {
                    Way::Channel(self.faults.channel(lane, if rtcp { control } else { rtp }))
                }
                Some(Delivery::Udp { client, .. }) => {
                    Way::Port { track: index, rtcp, port: if rtcp { client.1 } else { client.0 } }
                }
            },
            Route::Stray { .. } | Route::Raw if !tcp() => Way::Nowhere,
            Route::Stray { channel } => Way::Channel(channel),
            Route::Raw => Way::Raw,
        }
    }

    /// Puts a recorded packet, made to fit this round, into [`Self::payload`]; empty where nothing is left of it.
    fn fit(&mut self, frame: &Frame<'_>) {
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        payload.extend_from_slice(frame.payload);
        if self.rewrites() {
            let len = self.rewrite(frame, &mut payload);
            payload.truncate(len);
        }
        self.payload = payload;
    }

    /// Appends a frame with its header.
    fn compose(&self, frame: &Frame<'_>, channel: u8, batch: &mut Vec<u8>) {
        let start = batch.len();
        append_frame(batch, channel, frame.payload);
        if !self.rewrites() {
            return;
        }
        let payload = batch.get_mut(start + FRAME_HEADER..).unwrap_or_default();
        let len = self.rewrite(frame, payload);
        if len == 0 {
            return batch.truncate(start);
        }
        batch.truncate(start + FRAME_HEADER + len);
        let header = InterleavedHeader { channel, payload: u16::try_from(len).unwrap_or(u16::MAX) };
        if let Some(field) = batch.get_mut(start..).and_then(|frame| frame.first_chunk_mut()) {
            *field = header.to_bytes();
        }
    }

    /// Whether anything leaves otherwise than it was recorded.
    fn rewrites(&self) -> bool {
        self.offer.rounds.is_some() || self.offer.reports == ReportClock::Now
    }

    /// Makes a recorded packet one of this round; gives its length, which is 0 where nothing is left of it.
    fn rewrite(&self, frame: &Frame<'_>, payload: &mut [u8]) -> usize {
        let rounds = self.offer.rounds.as_ref();
        let shift = rounds.map(|rounds| rounds.shift(frame, self.round)).unwrap_or_default();
        if !is_rtcp(payload) {
            edit::shift_sequence(payload, shift.sequence);
            edit::shift_timestamp(payload, shift.timestamp);
            return payload.len();
        }
        let Shift { timestamp, packets, octets, .. } = shift;
        let rebased = self.ntp_shift.filter(|_| self.offer.reports == ReportClock::Now).unwrap_or(0);
        let ntp_nanos = shift.nanos.saturating_add(rebased);
        let report = edit::ReportShift { ntp_nanos, rtp_timestamp: timestamp, packets, octets };
        edit::shift_sender_reports(payload, &report);
        // Who goes on does not say goodbye.
        if rounds.is_some() { edit::without_goodbyes(payload) } else { payload.len() }
    }

    fn peek(&self) -> Option<Frame<'_>> {
        self.offer.script.frame(self.next)
    }

    /// Script time of the next frame of the script.
    fn source_after(&self) -> Option<i64> {
        let rounds = self.offer.rounds.as_ref().map_or(0, |rounds| rounds.start(self.round));
        Some(self.peek()?.after.saturating_add(rounds))
    }

    /// Script time of what comes next: a frame, or the end.
    fn next_after(&self) -> Option<i64> {
        self.clock?;
        let held = self.line.as_ref().and_then(FaultLine::due);
        let next = held.into_iter().chain(self.source_after()).min();
        Some(next.unwrap_or_else(|| match self.offer.script.end() {
            End::Closed { after, .. } => after,
            End::Open | End::Unknown => self.offer.script.last_after(),
        }))
    }

    fn advance(&mut self) {
        self.next += 1;
        if self.next >= self.offer.script.frame_count() && self.offer.rounds.is_some() {
            self.next = 0;
            self.round += 1;
        }
    }

    fn script_time(&self, now: Timestamp) -> Option<i64> {
        let Clock { base, from } = self.clock?;
        Some(match self.offer.speed {
            Speed::Max => i64::MAX,
            Speed::Times(speed) => from.saturating_add(multiplied(now.nanos_since(base), speed)),
        })
    }
}

/// Exact at the recorded speed.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "beyond 104 days nanoseconds are lost"
)]
fn multiplied(nanos: i64, by: f64) -> i64 {
    if (by - 1.0).abs() < f64::EPSILON { nanos } else { (nanos as f64 * by).round() as i64 }
}

/// What [`multiplied`] makes at least `nanos` of: who wakes then finds the frame due.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "beyond 104 days nanoseconds are lost"
)]
fn divided(nanos: i64, by: f64) -> i64 {
    if (by - 1.0).abs() < f64::EPSILON { nanos } else { (nanos as f64 / by).ceil() as i64 + 1 }
}
