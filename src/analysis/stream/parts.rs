//! Where a stream begins, where PLAY has it go on, and where the client has enough of it.

use crate::analysis::budget::Budget;
use crate::analysis::stream::StreamState;
use crate::rtp::MAX_DROPOUT;
use crate::rtp::packet::RtpPacket;
use crate::session::dialog::announced::{AnnouncedPart, NextPacket};
use crate::time::Timestamp;

impl StreamState {
    /// Its first packet is to come: at this pace, and the very first has this number by RTP-Info.
    pub(in crate::analysis) fn begin(&mut self, paced: bool, on_demand: bool, number: u16, first: Option<u16>) {
        (self.paced, self.on_demand) = (paced, on_demand);
        if let Some(frames) = &mut self.frames {
            frames.begin(first.filter(|first| number.wrapping_sub(*first) < MAX_DROPOUT), number);
            frames.statistics.begin_part(paced);
        }
    }

    /// PLAY has it go on elsewhere, or may.
    pub(in crate::analysis) fn announce(&mut self, part: AnnouncedPart) {
        if self.sequence.packets > 0 {
            self.announced.announce(part);
        }
    }

    /// Whether a part begins with this packet that was announced. Figures that compare packets begin anew with it.
    #[cold]
    pub(super) fn begins(&mut self, at: Timestamp, packet: &RtpPacket<'_>, budget: &mut Budget) -> bool {
        let Some((before, timestamp)) = self.jitter.latest() else { return false };
        let [.., high, low] = self.sequence.highest().unwrap_or(0).to_be_bytes();
        let next = NextPacket {
            at,
            seq: packet.sequence(),
            ahead: packet.sequence().wrapping_sub(u16::from_be_bytes([high, low])),
            passed_ns: at.nanos_since(before),
            ticks: packet.timestamp().wrapping_sub(timestamp).cast_signed(),
            rate: self.clock_rate_hz(),
            paced: self.paced,
        };
        let Some(part) = self.announced.begins(&next) else { return false };
        let first = self.sequence.begin_part(part.seq, packet.sequence());
        self.paced = part.paced;
        self.jitter.begin_part();
        self.frame_jitter.begin_part();
        self.skew.begin_part();
        self.media_clock.begin_part();
        if let Some(arrivals) = &mut self.arrivals {
            arrivals.begin_part(budget);
        }
        self.reports.begin_part();
        if let Some(frames) = &mut self.frames {
            frames.begin_part(at, part.paced, part.seq.map(|_| first), packet.sequence());
        }
        true
    }

    /// The client asked for its end, or wants it after all: from here on nothing is lost that anybody misses.
    pub(in crate::analysis) fn give_up(&mut self, at: Timestamp, given_up: bool) {
        self.given_up_from = given_up.then_some(at);
        if !given_up {
            self.sequence.give_up(false);
        }
        if let Some(frames) = &mut self.frames {
            frames.statistics.give_up(given_up.then_some(at));
        }
    }

    /// Whether the client had asked for its end by then.
    pub(in crate::analysis) fn is_given_up(&self, at: Timestamp) -> bool {
        self.sequence.is_given_up() || self.given_up_from.is_some_and(|from| at >= from)
    }
}
