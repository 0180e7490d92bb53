//! Frames: what the packets of one RTP timestamp carry together, such as a picture with all of its slices. Nothing is
//! decoded.
//!
//! Packets may come in any order within the distance that RFC 3550 calls reordered. A frame is over when its neighbours
//! are there, or too many packets have come since.

mod damage;
mod frame;
mod key_frames;
mod rows;
mod share;
mod statistics;

use std::collections::VecDeque;

use crate::analysis::rows::PictureKind;
use crate::analysis::sequence::Status;
use crate::rtp::MAX_MISORDER;
use crate::rtp::packet::RtpPacket;
use crate::rtp::payload::{PayloadFormat, PayloadOddity};
use crate::time::Timestamp;

pub(super) use frame::{Arrival, Frame};
pub(super) use key_frames::PicturePlace;
pub(super) use share::PayloadFault;
use share::{Edge, Share};
pub(super) use statistics::FrameStatistics;

/// Frames of a stream that may be open at a time: more than a decoder reorders (ITU-T H.264, section A.3.1, has 16 at most).
/// And where there are thousands of streams.
const MAX_OPEN: usize = 16;
const MAX_OPEN_CROWDED: usize = 2;
/// So many malformed payloads are not one camera's habit any more.
const MANY_MALFORMED: u64 = 16;

/// A frame that is over.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) frame: Frame,
    /// Counted from 1 in its stream.
    pub(super) number: u64,
    /// All of it came.
    pub(super) complete: bool,
    /// Nanoseconds since the frame before it ended, and ticks from its timestamp.
    pub(super) interval: Option<(i64, i64)>,
    /// Ticks since the first frame.
    pub(super) media_ticks: i64,
}

/// Puts the frames of one stream together.
#[derive(Clone, Debug, Default)]
pub(super) struct Frames {
    format: PayloadFormat,
    /// In the order of their sequence numbers.
    open: VecDeque<Frame>,
    max_open: usize,
    /// A packet far from all others, which the next one may confirm.
    jumped: Option<(Arrival, u32, bool, Share)>,
    /// Markers were seen that did not end their frame, as on each slice: none is believed any more.
    markers_within: bool,
    /// Those that ended and were not fetched, where somebody fetches them.
    ended: Vec<Ended>,
    kept: bool,
    /// What a payload had that is to be told.
    fault: Option<PayloadFault>,
    /// Payloads that were taken apart, and those of them that were not of the format.
    payloads: u64,
    malformed: u64,
    /// Of the latest that ended: its last sequence number, its end and its timestamp.
    before: Option<(i64, Timestamp, i64)>,
    first_timestamp: Option<i64>,
    /// Timestamp of the latest picture, and whether others are missing since.
    latest_picture: Option<i64>,
    lacks: bool,
    /// How many packets there were before the next one, and then the number of the first packet, where RTP-Info tells.
    missed: Option<u16>,
    begins: Option<i64>,
    number: u64,
    pub(super) statistics: FrameStatistics,
}

impl Frames {
    /// No frames yet; with `kept`, somebody fetches those that ended. A `crowded` analysis has little room for each stream.
    pub(super) fn new(kept: bool, crowded: bool) -> Self {
        Self { kept, max_open: if crowded { MAX_OPEN_CROWDED } else { MAX_OPEN }, ..Self::default() }
    }

    /// From here on payloads are of this format.
    pub(super) fn set_format(&mut self, format: PayloadFormat) {
        self.format = format;
    }

    /// What a picture is, and whether decoding can begin there; `None` if it is no picture.
    pub(super) fn coding_of(frame: &Frame) -> Option<(PictureKind, bool)> {
        frame.video.then(|| (frame.coding.kind(), frame.coding.key))
    }

    /// The next packet has this number, and the stream begins with `first` by RTP-Info.
    pub(super) fn begin(&mut self, first: Option<u16>, number: u16) {
        self.missed = first.map(|first| number.wrapping_sub(first));
    }

    /// The next packet begins another part, which PLAY announced.
    pub(super) fn begin_part(&mut self, at: Timestamp, paced: bool, first: Option<u16>, number: u16) {
        self.end_all();
        (self.before, self.jumped, self.begins) = (None, None, None);
        self.begin(first, number);
        self.statistics.begin_part(paced);
        self.statistics.forget_pace(at);
    }

    /// Takes the next packet in order of arrival.
    #[inline]
    pub(super) fn packet(&mut self, arrival: Arrival, packet: &RtpPacket<'_>) {
        if let Some(frame) = self.open.back_mut()
            && frame.rtp_timestamp == packet.timestamp()
            && frame.last_seq + 1 == arrival.ext_seq
            && arrival.status == (Status::InOrder { gap: 0 })
            && let Some(share) = Share::of_inner_fragment(self.format, packet.payload())
        {
            self.markers_within |= frame.marker;
            frame.append(arrival, packet.marker(), &share);
            self.jumped = None;
        } else if arrival.status != Status::Duplicate {
            self.other_packet(arrival, packet);
        }
    }

    /// Any but the usual one, which is a fragment in the middle of the latest frame.
    fn other_packet(&mut self, arrival: Arrival, packet: &RtpPacket<'_>) {
        if let Some(missed) = self.missed.take() {
            self.begins = Some(arrival.ext_seq - i64::from(missed));
        }
        let (share, fault) = Share::of(self.format, packet.payload());
        self.payloads += 1;
        if let Some(PayloadFault::Malformed(_)) = fault {
            self.malformed += 1;
        }
        self.fault = self.fault.take().or(fault);
        let (timestamp, marker) = (packet.timestamp(), packet.marker());
        match arrival.status {
            Status::Jump => {
                self.jumped = Some((arrival, timestamp, marker, share));
                return;
            }
            Status::Restart => self.restart(),
            _ => self.jumped = None,
        }
        self.add(arrival, timestamp, marker, &share);
        self.end_those_that_are_over(arrival.ext_seq);
    }

    /// What a payload had that is to be told, if one had since the last time.
    #[inline]
    pub(super) fn take_fault(&mut self) -> Option<PayloadFault> {
        self.fault.take()
    }

    /// So many payloads are not of the format that those which seem to be tell nothing either: encrypted ones without a word
    /// of it, or another format than the described one. Of random bytes about a quarter are malformed H.264.
    #[inline]
    pub(super) fn are_unreadable(&self) -> bool {
        self.malformed >= MANY_MALFORMED && self.malformed > self.payloads / 8
    }

    /// The numbers start over: what is open ends, and the packet that jumped is the first.
    fn restart(&mut self) {
        self.end_all();
        self.before = self.before.map(|(_, at, timestamp)| (i64::MIN, at, timestamp));
        if let Some((arrival, timestamp, marker, share)) = self.jumped.take() {
            self.add(arrival, timestamp, marker, &share);
        }
    }

    fn add(&mut self, arrival: Arrival, timestamp: u32, marker: bool, share: &Share) {
        if let Some(frame) = self.open.iter_mut().rev().find(|frame| frame.rtp_timestamp == timestamp) {
            self.markers_within |= frame.marker && arrival.ext_seq == frame.last_seq + 1;
            return frame.add(arrival, marker, share);
        }
        // Of a frame that is over already: too late for it.
        let too_late = |before: Option<(i64, Timestamp, i64)>| before.is_some_and(|(last, ..)| arrival.ext_seq <= last);
        if !too_late(self.before) && self.open.len() >= self.max_open {
            self.end_first();
        }
        if too_late(self.before) {
            return;
        }
        let place = self.open.iter().rposition(|frame| frame.first_seq < arrival.ext_seq).map_or(0, |place| place + 1);
        self.open.insert(place, Frame::new(arrival, timestamp, marker, self.format.is_video(), share));
    }

    fn end_those_that_are_over(&mut self, highest: i64) {
        while let Some(first) = self.open.front() {
            let next = self.open.get(1).map(|next| next.first_seq);
            let whole = first.has_no_hole() && self.follows_on(first) && next == Some(first.last_seq + 1);
            let late = next.is_some() && highest - first.last_seq >= i64::from(MAX_MISORDER);
            if !whole && !late {
                return;
            }
            self.end_first();
        }
    }

    /// The stream is over, or starts over.
    pub(super) fn end_all(&mut self) {
        while !self.open.is_empty() {
            self.end_first();
        }
    }

    /// The frames that ended and were not fetched, in their order.
    #[inline]
    pub(super) fn ended(&self) -> &[Ended] {
        &self.ended
    }

    /// They were fetched.
    pub(super) fn forget_ended(&mut self) {
        self.ended.clear();
    }

    fn end_first(&mut self) {
        let Some(frame) = self.open.pop_front() else { return };
        let complete = self.is_complete(&frame);
        if frame.begins == Edge::Cut && self.before.is_some() && self.follows_on(&frame) {
            let number = u16::try_from(frame.first_seq & 0xffff).unwrap_or(0);
            self.fault = self.fault.or(Some(PayloadFault::Odd(PayloadOddity::FragmentWithoutStart { number })));
        }
        if let Some(oddity) = self.odd_end(&frame) {
            self.fault = self.fault.or(Some(PayloadFault::Odd(oddity)));
        }
        self.number += 1;
        self.lacks |= self.lacks_before(&frame);
        self.statistics.frame(&frame, complete, self.lacks);
        if frame.coding.picture {
            (self.lacks, self.latest_picture) = (false, Some(frame.ext_timestamp));
        }
        let first_timestamp = *self.first_timestamp.get_or_insert(frame.ext_timestamp);
        let before = self.before.replace((frame.last_seq, frame.last_at, frame.ext_timestamp));
        if !self.kept {
            return;
        }
        self.ended.push(Ended {
            number: self.number,
            complete,
            interval: before.map(|(_, at, timestamp)| {
                (frame.last_at.nanos_since(at), frame.ext_timestamp.saturating_sub(timestamp))
            }),
            media_ticks: frame.ext_timestamp.saturating_sub(first_timestamp),
            frame,
        });
    }

    /// A frame of which no packet lacks, and whose last unit does all the same.
    fn odd_end(&self, frame: &Frame) -> Option<PayloadOddity> {
        if !frame.has_no_hole() || !self.is_followed(frame) {
            return None;
        }
        if let Some(len) = frame.is_cut_short(self.follows_on(frame)) {
            return Some(PayloadOddity::AccessUnitLength { len, came: frame.bytes });
        }
        let number = u16::try_from(frame.last_seq & 0xffff).unwrap_or(0);
        (frame.ends == Edge::Cut).then_some(PayloadOddity::FragmentWithoutEnd { number })
    }

    /// Whether pictures are missing right before a frame: numbers are, and its timestamp is not the next one. A packet alone
    /// may have been the beginning of this frame, or a parameter set.
    fn lacks_before(&self, frame: &Frame) -> bool {
        // Numbers that start over tell of no loss.
        let before = self.before.map(|(last_seq, ..)| last_seq).filter(|last_seq| *last_seq != i64::MIN);
        if before.is_none_or(|last_seq| last_seq.saturating_add(1) >= frame.first_seq) {
            return false;
        }
        let step = self.latest_picture.map(|latest| frame.ext_timestamp.saturating_sub(latest));
        let usual = self.statistics.usual_step();
        !step.zip(usual).is_some_and(|(step, usual)| step > 0 && step / 3 <= usual / 2)
    }

    /// Whether the packet behind its last one is known and belongs to another frame.
    fn is_followed(&self, frame: &Frame) -> bool {
        self.open.front().is_some_and(|next| next.first_seq == frame.last_seq + 1)
    }

    /// Whether the packet before its first one is known and belongs to another frame.
    fn follows_on(&self, frame: &Frame) -> bool {
        self.before.is_none_or(|(last_seq, ..)| last_seq.saturating_add(1) == frame.first_seq)
    }

    fn is_complete(&self, frame: &Frame) -> bool {
        let after = self.is_followed(frame);
        // What came before the very first packet nobody knows, unless RTP-Info tells that it is the first.
        let is_first = self.begins == Some(frame.first_seq);
        let follows_on = is_first || self.before.is_some() && self.follows_on(frame);
        let begins = match frame.begins {
            Edge::Cut => false,
            Edge::Open => follows_on,
            Edge::Frame => true,
        };
        let ends = match frame.ends {
            Edge::Cut => false,
            Edge::Open => frame.marker && !self.markers_within || after,
            Edge::Frame => true,
        };
        begins && ends && frame.has_no_hole() && frame.is_cut_short(true).is_none()
    }
}

#[cfg(test)]
mod tests;
