//! TCP reassembly of one direction (RFC 9293, section 3.4), as captures need it: segments in any order, repeated,
//! overlapping, or never captured.
//!
//! What is in order passes through as a slice. What is ahead waits, within a limit; when that is reached, the hole before
//! it is given up and passed on as a gap of its exact length. Of bytes that come twice the first copy counts.

mod sent;

use std::collections::BTreeMap;

use crate::rtsp::demux::{CaptureGap, GapCause};
use crate::time::Timestamp;

/// So many bytes wait for a hole to be filled: what a receive window of an ordinary host lets come behind one. With
/// that, 5,709 of 5,738 RTP packets were found in a capture that lacks 28 of 5,615 segments.
const MAX_WAITING: usize = 256 << 10;
/// And so many segments, however short.
const MAX_SEGMENTS: usize = 1024;
/// What a segment that waits costs beside its bytes.
const ENTRY: usize = 96;

/// When and with which packet bytes came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) struct Arrival {
    pub(in crate::capture) at: Timestamp,
    /// 0 if it was in an earlier file.
    pub(in crate::capture) number: u64,
}

/// What comes next in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) enum Piece<'a> {
    /// Bytes.
    Data(&'a [u8]),
    /// Bytes that are not in the capture.
    Gap(CaptureGap),
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(in crate::capture) struct Assembler {
    /// Sequence number of the next byte, once one is known.
    next: Option<u32>,
    /// How far from the first byte the next one is.
    offset: u64,
    /// Segments ahead of it, by their distance from the first byte. They do not overlap.
    waiting: BTreeMap<u64, Segment>,
    waiting_bytes: usize,
    /// Where the sender said the stream ends.
    fin: Option<u64>,
    /// How far it went, though bytes before that have not come, and the packet that says so.
    sent: Option<(u64, Arrival)>,
    /// An acknowledgement of the other side has fitted what had come.
    acks_fit: bool,
}

/// A segment that waits.
#[derive(Debug)]
struct Segment {
    bytes: Vec<u8>,
    /// Bytes behind them that the capture cut off.
    missing: u32,
    arrival: Arrival,
}

impl Segment {
    fn len(&self) -> u64 {
        self.bytes.len() as u64 + u64::from(self.missing)
    }
}

impl Assembler {
    /// The stream begins behind a SYN with this number. Whether that is news.
    pub(in crate::capture) fn begin(&mut self, syn: u32) -> bool {
        let first = syn.wrapping_add(1);
        let news = self.next.is_none();
        self.next.get_or_insert(first);
        news
    }

    /// Whether a SYN with this number belongs to this stream, which has not moved on yet.
    pub(in crate::capture) fn is_repeated(&self, syn: u32) -> bool {
        self.offset == 0 && self.next.is_none_or(|next| next == syn.wrapping_add(1))
    }

    /// Bytes of memory for what waits.
    pub(in crate::capture) fn held(&self) -> usize {
        self.waiting_bytes + self.waiting.len() * ENTRY
    }

    /// Takes a segment, `missing` bytes of which the capture cut off at its end. `each` is given what is in order by
    /// now, with the packet that made it so.
    ///
    /// # Errors
    /// Those of `each`.
    pub(in crate::capture) fn segment<E>(
        &mut self,
        sequence: u32,
        payload: &[u8],
        missing: u32,
        arrival: Arrival,
        mut each: impl FnMut(Piece<'_>, Arrival) -> Result<(), E>,
    ) -> Result<(), E> {
        let next = *self.next.get_or_insert(sequence);
        let distance = i64::from(sequence.wrapping_sub(next).cast_signed());
        if distance > 0 {
            self.keep(self.offset.saturating_add_signed(distance), payload, missing, arrival);
            return self.give_up(&mut each);
        }
        let known = usize::try_from(-distance).unwrap_or(usize::MAX);
        let fresh = payload.get(known..).unwrap_or_default();
        let cut = u64::from(missing).saturating_sub(known.saturating_sub(payload.len()) as u64);
        if fresh.is_empty() && cut == 0 {
            return Ok(());
        }
        self.pass(fresh, cut, arrival, &mut each)?;
        if self.waiting.is_empty() { Ok(()) } else { self.drain(Some(arrival), &mut each) }
    }

    /// How far from the first byte the one with this number is.
    pub(in crate::capture) fn place(&self, sequence: u32) -> i64 {
        let distance = self.next.map_or(0, |next| sequence.wrapping_sub(next).cast_signed());
        self.offset.cast_signed().saturating_add(i64::from(distance))
    }

    /// The sequence number behind all that came, and how many bytes lie before it.
    pub(in crate::capture) fn front(&self) -> Option<(u32, u64)> {
        let front = self.waiting.last_key_value().map_or(self.offset, |(at, segment)| at + segment.len());
        let ahead = u32::try_from((front - self.offset) & 0xffff_ffff).unwrap_or(0);
        Some((self.next?.wrapping_add(ahead), front))
    }

    /// Numbers of packets are those of another file from now on: what waits has none any more.
    pub(in crate::capture) fn forget_numbers(&mut self) {
        self.waiting.values_mut().for_each(|segment| segment.arrival.number = 0);
        if let Some((_, arrival)) = &mut self.sent {
            arrival.number = 0;
        }
    }

    /// The sender ends the stream behind this number.
    pub(in crate::capture) fn end(&mut self, sequence: u32) {
        if let Some(next) = self.next {
            let distance = i64::from(sequence.wrapping_sub(next).cast_signed());
            self.fin.get_or_insert(self.offset.saturating_add_signed(distance));
        }
    }

    /// Whether all bytes up to the end have been passed on.
    pub(in crate::capture) fn is_over(&self) -> bool {
        self.fin.is_some_and(|fin| fin <= self.offset)
    }

    /// Nothing more will come: passes on what waits, with the gaps before it, and the gap of what was sent behind that.
    ///
    /// # Errors
    /// Those of `each`.
    pub(in crate::capture) fn finish<E>(
        &mut self,
        mut each: impl FnMut(Piece<'_>, Arrival) -> Result<(), E>,
    ) -> Result<(), E> {
        while !self.waiting.is_empty() {
            self.skip_hole(&mut each)?;
        }
        let lacks = self.lacks() || self.ends_in_hole();
        if let Some((sent, arrival)) = self.sent.take().filter(|_| lacks) {
            let sent = self.fin.map_or(sent, |fin| sent.min(fin));
            let len = sent.saturating_sub(self.offset);
            self.move_on(len);
            each(Piece::Gap(CaptureGap::not_captured(len)), arrival)?;
        }
        Ok(())
    }

    /// Hands over bytes, and the gap behind them, that come next.
    fn pass<E>(
        &mut self,
        bytes: &[u8],
        missing: u64,
        arrival: Arrival,
        each: &mut impl FnMut(Piece<'_>, Arrival) -> Result<(), E>,
    ) -> Result<(), E> {
        self.move_on(bytes.len() as u64 + missing);
        if !bytes.is_empty() {
            each(Piece::Data(bytes), arrival)?;
        }
        if missing > 0 {
            each(Piece::Gap(CaptureGap { len: missing, cause: GapCause::SnapLength }), arrival)?;
        }
        Ok(())
    }

    fn move_on(&mut self, len: u64) {
        self.offset += len;
        // Sequence numbers count modulo 2^32.
        let step = u32::try_from(len & 0xffff_ffff).unwrap_or(0);
        self.next = self.next.map(|next| next.wrapping_add(step));
    }

    /// Hands over what waits and is in order by now. Behind a hole that was filled everything arrives with the packet
    /// that filled it: `filled`. Behind one that was given up each segment keeps its own.
    fn drain<E>(
        &mut self,
        filled: Option<Arrival>,
        each: &mut impl FnMut(Piece<'_>, Arrival) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(entry) = self.waiting.first_entry().filter(|entry| *entry.key() <= self.offset) {
            let (at, segment) = entry.remove_entry();
            self.waiting_bytes -= segment.bytes.len();
            let known = self.offset - at;
            if known >= segment.len() {
                continue;
            }
            let skip = usize::try_from(known).unwrap_or(usize::MAX).min(segment.bytes.len());
            let missing = u64::from(segment.missing) - (known - skip as u64);
            self.pass(segment.bytes.get(skip..).unwrap_or_default(), missing, filled.unwrap_or(segment.arrival), each)?;
        }
        Ok(())
    }

    /// Keeps what nobody has sent yet of a segment ahead: the parts between those that wait already.
    fn keep(&mut self, start: u64, payload: &[u8], missing: u32, arrival: Arrival) {
        let end = start + payload.len() as u64 + u64::from(missing);
        let mut from = start;
        while from < end {
            let covered = self.waiting.range(..=from).next_back().map_or(0, |(at, segment)| at + segment.len());
            if covered > from {
                from = covered;
                continue;
            }
            let to = self.waiting.range(from..end).next().map_or(end, |(at, _)| *at);
            self.keep_part(start, from, to, payload, arrival);
            from = to;
        }
    }

    /// Keeps the bytes `from..to` of a segment that begins at `start`.
    fn keep_part(&mut self, start: u64, from: u64, to: u64, payload: &[u8], arrival: Arrival) {
        let place = |at: u64| usize::try_from(at - start).unwrap_or(usize::MAX).min(payload.len());
        let bytes = payload.get(place(from)..place(to)).unwrap_or_default().to_vec();
        let missing = u32::try_from(to - from - bytes.len() as u64).unwrap_or(u32::MAX);
        self.waiting_bytes += bytes.len();
        self.waiting.insert(from, Segment { bytes, missing, arrival });
    }

    /// Gives holes up as long as too much waits behind them.
    fn give_up<E>(&mut self, each: &mut impl FnMut(Piece<'_>, Arrival) -> Result<(), E>) -> Result<(), E> {
        while self.waiting_bytes > MAX_WAITING || self.waiting.len() > MAX_SEGMENTS {
            self.skip_hole(each)?;
        }
        Ok(())
    }

    fn skip_hole<E>(&mut self, each: &mut impl FnMut(Piece<'_>, Arrival) -> Result<(), E>) -> Result<(), E> {
        if let Some((at, segment)) = self.waiting.first_key_value() {
            let (hole, arrival) = (at.saturating_sub(self.offset), segment.arrival);
            if hole > 0 {
                self.move_on(hole);
                each(Piece::Gap(CaptureGap::not_captured(hole)), arrival)?;
            }
        }
        self.drain(None, each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ISN: u32 = u32::MAX - 20;

    fn arrival(number: u64) -> Arrival {
        Arrival { at: Timestamp::default(), number }
    }

    /// What comes out: bytes with gaps as their length, and the packet that each piece came with.
    fn assemble(segments: &[(u32, &[u8])]) -> (Vec<u8>, Vec<u64>, Vec<u64>) {
        let mut assembler = Assembler::default();
        assembler.begin(ISN);
        let (mut bytes, mut gaps, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        let mut each = |piece: Piece<'_>, arrival: Arrival| -> Result<(), ()> {
            match piece {
                Piece::Data(data) => bytes.extend_from_slice(data),
                Piece::Gap(gap) => gaps.push(gap.len),
            }
            numbers.push(arrival.number);
            Ok(())
        };
        for (number, (offset, payload)) in (1..).zip(segments) {
            let sequence = ISN.wrapping_add(1).wrapping_add(*offset);
            assembler.segment(sequence, payload, 0, arrival(number), &mut each).unwrap();
        }
        assembler.finish(&mut each).unwrap();
        (bytes, gaps, numbers)
    }

    #[test]
    fn in_order_and_out_of_order_across_the_wrap() {
        let expected = (b"abcdefghi".repeat(4), vec![]);
        let text = b"abcdefghi".repeat(4);
        let (bytes, gaps, numbers) = assemble(&[(0, &text[..10]), (10, &text[10..30]), (30, &text[30..])]);
        assert_eq!(((bytes, gaps), numbers), (expected.clone(), vec![1, 2, 3]));
        let (bytes, gaps, numbers) = assemble(&[(30, &text[30..]), (10, &text[10..30]), (0, &text[..10])]);
        assert_eq!(((bytes, gaps), numbers), (expected, vec![3, 3, 3]), "all come with what filled the hole");
    }

    #[test]
    fn the_first_copy_wins() {
        assert_eq!(assemble(&[(0, b"abc"), (1, b"XYZ")]).0, b"abcZ");
        assert_eq!(assemble(&[(4, b"efg"), (2, b"XXXXXXXX"), (0, b"ab")]).0, b"abXXefgXXX");
        assert_eq!(assemble(&[(2, b"cd"), (6, b"gh"), (1, b"bXXefXXi"), (0, b"a")]).0, b"abcdefghi");
    }

    #[test]
    fn a_hole_that_is_never_filled_is_a_gap_of_its_length() {
        let (bytes, gaps, numbers) = assemble(&[(0, b"ab"), (5, b"fg"), (9, b"jk")]);
        assert_eq!((bytes.as_slice(), gaps, numbers), (b"abfgjk".as_slice(), vec![3, 2], vec![1, 2, 2, 3, 3]));
    }

    #[test]
    fn too_much_behind_a_hole_gives_it_up() {
        let large = vec![7; 60_000];
        let segments: Vec<(u32, &[u8])> = (0..6).map(|number| (100 + number * 60_000, large.as_slice())).collect();
        let mut assembler = Assembler::default();
        assembler.begin(ISN);
        let mut passed = 0;
        for (number, (offset, payload)) in (1..).zip(&segments) {
            let sequence = ISN.wrapping_add(1).wrapping_add(*offset);
            let each = |_: Piece<'_>, _| -> Result<(), ()> {
                passed += 1;
                Ok(())
            };
            assembler.segment(sequence, payload, 0, arrival(number), each).unwrap();
            assert!(assembler.waiting_bytes <= MAX_WAITING);
        }
        assert_eq!(passed, 7);
    }

    #[test]
    fn what_the_snap_length_cut_off_is_a_gap() {
        let mut assembler = Assembler::default();
        let mut pieces = Vec::new();
        let mut each = |piece: Piece<'_>, _: Arrival| -> Result<(), ()> {
            pieces.push(match piece {
                Piece::Data(data) => data.len() as u64,
                Piece::Gap(CaptureGap { len, cause }) => len * if cause == GapCause::SnapLength { 1000 } else { 1 },
            });
            Ok(())
        };
        assembler.segment(0, &[0; 10], 90, arrival(1), &mut each).unwrap();
        assembler.segment(100, &[0; 10], 0, arrival(2), &mut each).unwrap();
        assembler.segment(100, &[0; 10], 0, arrival(3), &mut each).unwrap();
        assert_eq!(pieces, [10, 90_000, 10]);
    }

    proptest! {
        /// However a stream is cut, repeated, overlapped and shuffled, it comes out whole.
        #[test]
        fn nothing_is_lost_or_doubled(
            stream in prop::collection::vec(any::<u8>(), 1..400),
            cuts in prop::collection::vec((any::<prop::sample::Index>(), 1usize..80), 0..60),
            order in any::<u64>(),
        ) {
            let mut segments: Vec<(u32, &[u8])> = Vec::new();
            for (start, len) in &cuts {
                let start = start.index(stream.len());
                let end = (start + len).min(stream.len());
                segments.push((u32::try_from(start).unwrap(), &stream[start..end]));
            }
            for start in (0..stream.len()).step_by(37) {
                segments.push((u32::try_from(start).unwrap(), &stream[start..(start + 37).min(stream.len())]));
            }
            let mut state = order | 1;
            segments.sort_by_cached_key(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                state >> 33
            });
            let (bytes, gaps, _) = assemble(&segments);
            prop_assert_eq!(bytes, stream);
            prop_assert!(gaps.is_empty());
        }
    }
}
