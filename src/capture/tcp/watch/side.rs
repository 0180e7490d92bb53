//! One direction of a watched connection: what its segments show, given those before.
//!
//! The rules are those by which Wireshark 4.0 to 4.4 mark segments (`tcp.analysis.*`), so that its filters find what is counted.

use crate::capture::control_bits as flags;
use crate::capture::ip::TcpSegment;
use crate::capture::tcp::options::TcpOptions;
use crate::capture::tcp::watch::mirrored::MirroredSegments;
use crate::capture::tcp::watch::signs::SegmentSigns;
use crate::capture::tcp::watch::stalls::{ByteNovelty, ReceivedAck, ReceiverRoom, SentBytes, StallWatch};
use crate::capture::tcp::watch::unacknowledged::{UnacknowledgedSegments, is_behind};
use crate::time::Timestamp;
use crate::trace::SegmentCounts;

/// With so many repeated acknowledgements before it, what comes at once is sent again.
const REPEATED_ACKS: u32 = 2;
/// At once.
const AT_ONCE_NS: i64 = 20_000_000;
/// What is overtaken comes so soon, where no handshake tells the round-trip time.
const OVERTAKEN_NS: i64 = 3_000_000;

/// What is known of one direction.
#[derive(Debug, Default)]
pub(super) struct WatchedSide {
    /// The number behind all that was sent, and when that went so far.
    next: Option<(u32, Timestamp)>,
    /// What it acknowledges, and when it said so last.
    ack: Option<(u32, Timestamp)>,
    /// The window as it stands in the latest segment, and whether that was a SYN, in which nothing is shifted.
    window: Option<(u16, bool)>,
    offered: OfferedScale,
    /// Acknowledgements that repeat the one before, in a row.
    repeated_acks: u32,
    /// What its latest segment showed.
    latest: SegmentSigns,
    sent: UnacknowledgedSegments,
    mirrored: MirroredSegments,
    pub(super) stalls: StallWatch,
    /// Since its row began.
    pub(super) counts: SegmentCounts,
}

/// How far a side offered to shift windows, in its SYN.
#[derive(Clone, Copy, Debug, Default)]
enum OfferedScale {
    /// That is not in the capture.
    #[default]
    Unseen,
    Nothing,
    Shift(u8),
}

/// What a segment says, taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadSegment {
    seq: u32,
    ack: u32,
    flags: u8,
    window: u16,
    /// Bytes of payload, captured or not.
    length: u32,
    options: TcpOptions,
    pub(super) at: Timestamp,
}

impl ReadSegment {
    pub(super) fn new(segment: &TcpSegment<'_>, at: Timestamp) -> Self {
        let length = u32::try_from(segment.payload.len()).unwrap_or(0).wrapping_add(segment.missing);
        let &TcpSegment { seq, ack, flags, .. } = segment;
        let options = TcpOptions::parse(segment.options());
        Self { seq, ack, flags, window: segment.window(), length, options, at }
    }

    /// Without any of these control bits.
    fn lacks(&self, bits: u8) -> bool {
        self.flags & bits == 0
    }

    /// Neither the beginning nor the end of a connection.
    fn is_plain(&self) -> bool {
        self.lacks(flags::SYN | flags::FIN | flags::RST)
    }

    /// SYN and FIN have a number as well.
    fn end(&self) -> u32 {
        let bits = u32::from(!self.lacks(flags::SYN | flags::FIN));
        self.seq.wrapping_add(self.length).wrapping_add(bits)
    }

    pub(super) fn is_syn(&self) -> bool {
        !self.lacks(flags::SYN)
    }

    /// The first one of a handshake.
    pub(super) fn opens(&self) -> bool {
        self.is_syn() && self.lacks(flags::ACK)
    }

    /// One that may be the last of a handshake.
    pub(super) fn is_bare_ack(&self) -> bool {
        self.is_plain() && self.length == 0 && !self.lacks(flags::ACK)
    }
}

impl WatchedSide {
    /// Bytes of memory for what waits.
    pub(super) fn held(&self) -> usize {
        self.sent.held()
    }

    pub(super) fn relieve(&mut self) {
        self.sent.forget();
    }

    /// Whether the segment is in the capture a second time.
    pub(super) fn is_copy(&mut self, segment: &TcpSegment<'_>, at: Timestamp) -> bool {
        self.mirrored.is_copy(segment, at)
    }

    /// Takes a segment, which `other` will see. `round_trip`: what the handshake took, if that is known. Its sender does not
    /// react to what passes here within the `reaction`.
    pub(super) fn take(&mut self, segment: &ReadSegment, other: &mut Self, round_trip: Option<i64>, reaction: i64) {
        if segment.is_syn() {
            self.offered = segment.options.window_shift.map_or(OfferedScale::Nothing, OfferedScale::Shift);
        }
        let shift = other.shift(self);
        let mut signs = self.signs_of_room(segment, other, shift);
        if self.ack.is_none_or(|(ack, _)| ack != segment.ack) {
            self.repeated_acks = 0;
        }
        self.signs_of_loss(segment, other, round_trip, &mut signs);
        self.stalls_of_bytes(segment, other, signs, reaction);
        let advances = self.ack.is_some_and(|(ack, _)| is_behind(segment.ack, ack));
        self.remember(segment, signs);
        if !segment.lacks(flags::ACK) {
            self.stalls_of_ack(segment, other, signs, advances);
        }
        self.count(segment, other, signs, shift.is_some());
    }

    /// Bytes move on, or don't.
    fn stalls_of_bytes(&mut self, segment: &ReadSegment, other: &Self, signs: SegmentSigns, reaction: i64) {
        let asks = signs.has(SegmentSigns::WINDOW_PROBE) || signs.has(SegmentSigns::KEEP_ALIVE);
        if segment.length == 0 || asks {
            return;
        }
        let new = self.next.is_none_or(|(next, _)| is_behind(segment.end(), next));
        let again = signs.has(SegmentSigns::RETRANSMISSION) || signs.has(SegmentSigns::OUT_OF_ORDER);
        let full = signs.has(SegmentSigns::WINDOW_FULL);
        let known = other.ack.is_some_and(|(ack, _)| !is_behind(segment.end(), ack));
        let novelty = match (again, new) {
            (true, _) if known => ByteNovelty::Twice,
            (true, _) => ByteNovelty::Again,
            (false, true) => ByteNovelty::New,
            (false, false) => ByteNovelty::Unclear,
        };
        let in_flight = self.in_flight(other);
        self.stalls.sent(SentBytes { at: segment.at, novelty, full, in_flight }, reaction);
    }

    /// What the other side sent moves on, or doesn't.
    fn stalls_of_ack(&self, segment: &ReadSegment, other: &mut Self, signs: SegmentSigns, advances: bool) {
        let sent = other.next.map(|(next, _)| next);
        let room = match (self.edge(self.shift(other)), sent) {
            _ if signs.has(SegmentSigns::ZERO_WINDOW) => ReceiverRoom::None,
            (Some(edge), Some(sent)) if !is_behind(edge, sent) => ReceiverRoom::Unclear,
            _ => ReceiverRoom::Some,
        };
        let asks = signs.has(SegmentSigns::DUPLICATE_ACK) || segment.options.sack_blocks > 0;
        let in_flight = other.in_flight(self);
        other.stalls.acknowledged(ReceivedAck { at: segment.at, advances, asks, room, in_flight });
    }

    /// How far its windows are shifted, if the SYNs tell: both sides have to offer it (RFC 7323, section 2.2).
    fn shift(&self, other: &Self) -> Option<u8> {
        match (self.offered, other.offered) {
            (OfferedScale::Nothing, _) | (_, OfferedScale::Nothing) => Some(0),
            (OfferedScale::Shift(shift), OfferedScale::Shift(_)) => Some(shift),
            _ => None,
        }
    }

    fn is_next(&self, number: u32) -> bool {
        self.next.is_some_and(|(next, _)| next == number)
    }

    /// What a segment shows of the receivers' room, and whether it repeats an acknowledgement.
    fn signs_of_room(&mut self, segment: &ReadSegment, other: &Self, shift: Option<u8>) -> SegmentSigns {
        let &ReadSegment { seq, ack, window, length, .. } = segment;
        let mut signs = SegmentSigns::default();
        let is_full = other.window.is_some_and(|(window, _)| window == 0);
        if length == 1 && is_full && self.is_next(seq) {
            signs.add(SegmentSigns::WINDOW_PROBE, true);
            return signs;
        }
        let (plain, empty) = (segment.is_plain(), length == 0);
        signs.add(SegmentSigns::ZERO_WINDOW, window == 0 && plain);
        let ahead = self.next.is_some_and(|(next, _)| is_behind(seq, next));
        signs.add(SegmentSigns::BEHIND_HOLE, ahead && segment.lacks(flags::RST));
        signs.add(SegmentSigns::KEEP_ALIVE, length <= 1 && plain && self.is_next(seq.wrapping_add(1)));
        let edge = other.edge(shift);
        signs.add(SegmentSigns::WINDOW_FULL, !empty && plain && edge == Some(seq.wrapping_add(length)));
        let same_ack = self.ack.is_some_and(|(known, _)| known == ack);
        let same_window = self.window.is_some_and(|(known, _)| known == window);
        let repeats = empty && plain && same_ack && same_window && self.is_next(seq);
        let answers = other.latest.has(SegmentSigns::KEEP_ALIVE);
        if repeats && window > 0 && !answers {
            self.repeated_acks = self.repeated_acks.saturating_add(1);
            signs.add(SegmentSigns::DUPLICATE_ACK, true);
        }
        signs
    }

    /// The number behind what it has room for.
    fn edge(&self, shift: Option<u8>) -> Option<u32> {
        let ((ack, _), (window, in_syn)) = (self.ack?, self.window?);
        let shift = if in_syn { 0 } else { shift? };
        Some(ack.wrapping_add(u32::from(window) << shift))
    }

    /// Whether a segment was sent before, or overtaken.
    fn signs_of_loss(&self, segment: &ReadSegment, other: &Self, round_trip: Option<i64>, signs: &mut SegmentSigns) {
        let &ReadSegment { seq, length, at, .. } = segment;
        let occupies = segment.end() != seq;
        if !occupies || signs.has(SegmentSigns::KEEP_ALIVE) {
            return;
        }
        let is_known = other.ack.is_some_and(|(ack, _)| !is_behind(segment.end(), ack));
        if is_known && length > 0 {
            signs.add(SegmentSigns::RETRANSMISSION, true);
            return;
        }
        let Some((next, next_at)) = self.next else { return };
        // Behind the byte of a window probe it is new.
        let behind_probe = length > 1 && next == seq.wrapping_add(1);
        let advances = !is_behind(next, seq) || behind_probe;
        let asked = other.ack.is_some_and(|(ack, ack_at)| ack == seq && at.nanos_since(ack_at) < AT_ONCE_NS);
        let is_fast = !advances && asked && other.repeated_acks >= REPEATED_ACKS;
        let soon = at.nanos_since(next_at) < round_trip.unwrap_or(OVERTAKEN_NS);
        if is_fast {
            signs.add(SegmentSigns::RETRANSMISSION, true);
        } else if !advances && soon && next != segment.end() {
            signs.add(SegmentSigns::OUT_OF_ORDER, true);
        } else {
            signs.add(SegmentSigns::RETRANSMISSION, !advances);
        }
    }

    /// How it stands behind a segment.
    fn remember(&mut self, segment: &ReadSegment, signs: SegmentSigns) {
        let (end, at, stamps) = (segment.end(), segment.at, segment.options.timestamps);
        let goes_on = self.next.is_none_or(|(next, _)| is_behind(end, next));
        if goes_on && !signs.has(SegmentSigns::WINDOW_PROBE) {
            self.next = Some((end, at));
            if segment.length > 0 {
                self.sent.send(end, at, stamps);
            }
        } else if segment.length > 0 {
            self.sent.send_again(segment.seq, end, at, stamps);
        }
        if !segment.lacks(flags::ACK) {
            self.ack = Some((segment.ack, at));
        }
        self.window = Some((segment.window, segment.is_syn()));
        self.latest = signs;
    }

    fn count(&mut self, segment: &ReadSegment, other: &mut Self, signs: SegmentSigns, scale_is_known: bool) {
        let in_flight = self.in_flight(other).filter(|_| segment.length > 0);
        let (length, counts) = (u64::from(segment.length), &mut self.counts);
        counts.segments += 1;
        counts.bytes += length;
        counts.retransmitted_segments += signs.count(SegmentSigns::RETRANSMISSION);
        counts.retransmitted_bytes += length * signs.count(SegmentSigns::RETRANSMISSION);
        counts.out_of_order_segments += signs.count(SegmentSigns::OUT_OF_ORDER);
        counts.duplicate_acks += signs.count(SegmentSigns::DUPLICATE_ACK);
        counts.sack_blocks += u64::from(segment.options.sack_blocks);
        counts.zero_windows += signs.count(SegmentSigns::ZERO_WINDOW);
        if scale_is_known {
            *counts.window_full.get_or_insert(0) += signs.count(SegmentSigns::WINDOW_FULL);
        }
        counts.in_flight_max = counts.in_flight_max.max(in_flight);
        if !segment.lacks(flags::ACK)
            && let Some(time) = other.sent.acknowledge(segment.ack, segment.at, segment.options.timestamps)
        {
            other.counts.round_trips.add(time);
        }
    }

    /// What it has sent and the other side has not acknowledged.
    fn in_flight(&self, other: &Self) -> Option<u64> {
        let ((next, _), (ack, _)) = (self.next?, other.ack?);
        u64::try_from(next.wrapping_sub(ack).cast_signed()).ok()
    }
}
