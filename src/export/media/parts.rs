//! Where a track's media goes on behind a PLAY, and where nobody waits for it any more.

use crate::export::reorder::Reorder;
use crate::rtp::MAX_DROPOUT;
use crate::rtp::packet::RtpPacket;
use crate::session::dialog::announced::{AnnouncedPart, AnnouncedParts, NextPacket};
use crate::session::dialog::play::MediaChange;
use crate::time::Timestamp;

/// What the client asked for that has not come yet, and the latest packet.
#[derive(Debug)]
pub(super) struct MediaParts {
    announced: AnnouncedParts,
    latest: Option<(Timestamp, u32)>,
    paced: bool,
    /// When the client asked for the end, until a packet comes behind that.
    given_up_from: Option<Timestamp>,
}

impl Default for MediaParts {
    fn default() -> Self {
        Self { announced: AnnouncedParts::default(), latest: None, paced: true, given_up_from: None }
    }
}

/// A part begins: with this number, where that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BegunPart {
    pub(super) first: Option<u16>,
}

impl MediaParts {
    /// The client asked for something of this track, whose source this is.
    pub(super) fn change(
        &mut self,
        (track, ssrc): (Option<usize>, u32),
        at: Timestamp,
        change: &MediaChange,
        reorder: &mut Reorder,
    ) {
        if let Some(asked) = change.refused {
            self.announced.forget(asked);
        }
        if let Some(given_up) = change.given_up {
            self.given_up_from = given_up.then_some(at);
            if !given_up {
                reorder.give_up(false);
            }
        }
        if let Some(part) = change.part.as_ref().filter(|_| self.latest.is_some()) {
            self.announced.announce(part.of(track, ssrc));
        }
    }

    /// Whether a part begins with the next packet of the source, whose clock runs at this rate.
    pub(super) fn packet(
        &mut self,
        at: Timestamp,
        packet: &RtpPacket<'_>,
        rate: Option<u32>,
        reorder: &mut Reorder,
    ) -> Option<BegunPart> {
        // Behind a hole of the capture packets are told later than the TEARDOWN that they came before.
        if self.given_up_from.is_some_and(|from| at >= from) {
            self.given_up_from = None;
            reorder.give_up(true);
        }
        let latest = self.latest.replace((at, packet.timestamp()));
        if self.announced.is_empty() {
            return None;
        }
        let ((before, timestamp), highest) = latest.zip(reorder.highest())?;
        let next = NextPacket {
            at,
            seq: packet.sequence(),
            ahead: packet.sequence().wrapping_sub(highest),
            passed_ns: at.nanos_since(before),
            ticks: packet.timestamp().wrapping_sub(timestamp).cast_signed(),
            rate,
            paced: self.paced,
        };
        let AnnouncedPart { seq, paced, .. } = self.announced.begins(&next)?;
        self.paced = paced;
        Some(BegunPart { first: seq.filter(|first| packet.sequence().wrapping_sub(*first) < MAX_DROPOUT) })
    }

    /// Another source sends from here on.
    pub(super) fn restart(&mut self) {
        (self.announced, self.latest) = (AnnouncedParts::default(), None);
    }
}
