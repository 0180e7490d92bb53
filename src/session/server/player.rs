//! What of the script is due for one client, and in which form it leaves.

use std::sync::Arc;

use crate::rtp::edit;
use crate::rtp::packet::is_rtcp;
use crate::rtsp::demux::FRAME_HEADER;
use crate::session::script::{End, Frame, Lane};
use crate::session::server::offer::{Offer, ReportClock, Speed};
use crate::session::server::rounds::Shift;
use crate::session::server::transport::Delivery;
use crate::time::Timestamp;

/// One client's place in the script.
#[derive(Debug)]
pub(super) struct Player {
    offer: Arc<Offer>,
    /// The next frame, and how often the script has been played through.
    next: usize,
    round: u64,
    /// Script time goes on from here; `None` while nothing is played.
    clock: Option<Clock>,
    /// Script time at which a pause began.
    paused_at: i64,
    /// What `--sr now` adds to NTP times, from the first PLAY on.
    ntp_shift: Option<i64>,
    /// The packet of a datagram.
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
    /// The script is over.
    End(End),
    /// Nothing is due.
    Nothing,
}

impl Player {
    pub(super) fn new(offer: Arc<Offer>) -> Self {
        Self { offer, next: 0, round: 0, clock: None, paused_at: 0, ntp_shift: None, payload: Vec::new() }
    }

    /// Begins, or goes on after a pause.
    pub(super) fn play(&mut self, now: Timestamp) {
        self.ntp_shift.get_or_insert_with(|| now.nanos_since(self.offer.script.played_at()));
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
        (self.clock, self.next, self.round, self.paused_at) = (None, 0, 0, 0);
    }

    pub(super) fn is_playing(&self) -> bool {
        self.clock.is_some()
    }

    /// Whether frames are left that were recorded before the answer to PLAY.
    pub(super) fn has_early(&self) -> bool {
        self.is_playing() && self.round == 0 && self.offer.script.frame(self.next).is_some_and(|frame| frame.after < 0)
    }

    /// When something is due next.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let Clock { base, from } = self.clock?;
        let distance = self.next_after()?.saturating_sub(from);
        Some(match self.offer.speed {
            Speed::Max => base,
            Speed::Times(speed) => base.plus_nanos(divided(distance, speed)),
        })
    }

    /// Leaves out what was due before `now`.
    pub(super) fn skip_to(&mut self, now: Timestamp) {
        let Some(time) = self.script_time(now) else { return };
        while self.next_after().is_some_and(|after| after < time) && self.peek().is_some() {
            self.advance();
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
        if self.next_after().is_none_or(|after| after > time) || (early && !self.has_early()) {
            return Step::Nothing;
        }
        let offer = Arc::clone(&self.offer);
        let Some(frame) = offer.script.frame(self.next) else { return Step::End(offer.script.end()) };
        let tcp = || deliveries.iter().flatten().any(|delivery| matches!(delivery, Delivery::Tcp { .. }));
        let delivery = match frame.lane {
            Lane::Track { index, rtcp } => {
                deliveries.get(index).copied().flatten().map(|delivery| (delivery, index, rtcp))
            }
            Lane::Stray { .. } | Lane::Raw if !tcp() => None,
            Lane::Stray { channel } => Some((Delivery::Tcp { rtp: channel, rtcp: channel }, 0, false)),
            Lane::Raw => {
                if batch.is_empty() || batch.len() + frame.payload.len() < super::BATCH {
                    batch.extend_from_slice(frame.payload);
                }
                None
            }
        };
        let step = match delivery {
            None => Step::Composed,
            Some((Delivery::Tcp { rtp, rtcp: channel }, _, rtcp)) => {
                self.compose(&frame, if rtcp { channel } else { rtp }, batch);
                Step::Composed
            }
            // What has been gathered leaves first.
            Some((Delivery::Udp { .. }, ..)) if !batch.is_empty() => return Step::Nothing,
            Some((Delivery::Udp { client, .. }, track, rtcp)) => {
                let mut payload = std::mem::take(&mut self.payload);
                payload.clear();
                payload.extend_from_slice(frame.payload);
                let len = self.rewrite(&frame, &mut payload);
                payload.truncate(len);
                self.payload = payload;
                let port = if rtcp { client.1 } else { client.0 };
                if len == 0 { Step::Composed } else { Step::Datagram { track, rtcp, port } }
            }
        };
        self.advance();
        step
    }

    /// Appends a frame with its header.
    fn compose(&self, frame: &Frame<'_>, channel: u8, batch: &mut Vec<u8>) {
        let start = batch.len();
        let length = u16::try_from(frame.payload.len()).unwrap_or(u16::MAX);
        let [high, low] = length.to_be_bytes();
        batch.extend_from_slice(&[b'$', channel, high, low]);
        batch.extend_from_slice(frame.payload.get(..usize::from(length)).unwrap_or_default());
        if !self.rewrites() {
            return;
        }
        let payload = batch.get_mut(start + FRAME_HEADER..).unwrap_or_default();
        let len = self.rewrite(frame, payload);
        if len == 0 {
            return batch.truncate(start);
        }
        batch.truncate(start + FRAME_HEADER + len);
        let length = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        if let Some(field) = batch.get_mut(start + 2..start + FRAME_HEADER) {
            field.copy_from_slice(&length);
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

    /// Script time of the next frame, or of the end.
    fn next_after(&self) -> Option<i64> {
        self.clock?;
        let script = &self.offer.script;
        let Some(frame) = script.frame(self.next) else {
            return Some(match script.end() {
                End::Closed { after, .. } => after,
                End::Open | End::Unknown => script.last_after(),
            });
        };
        let rounds = self.offer.rounds.as_ref().map_or(0, |rounds| rounds.start(self.round));
        Some(frame.after.saturating_add(rounds))
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
