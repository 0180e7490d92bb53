//! Bytes the sender sent but the capture lacks, with nothing captured behind them: one side stops, or its last packets were
//! dropped. Acknowledgements and the sender's own later numbers show them (RFC 9293, section 3.4).
//!
//! No gap is passed on for them before the direction ends: in captures of two interfaces an acknowledgement may stand before
//! what it acknowledges. A message that they may have asked for is told as one that may lack its request at once.

use crate::capture::beginning::reach;
use crate::capture::tcp::reassembly::{Arrival, Assembler};

/// A FIN has a number as well, and no message has one byte.
const FIN_LEN: u64 = 1;

/// An acknowledgement that goes back by no more than this is an earlier place in the stream, and no wrapped number.
const MAX_BACK: i32 = 1 << 20;

impl Assembler {
    /// The other side acknowledges all bytes before this number. How many of them have not come.
    ///
    /// It is believed where an acknowledgement has fitted what came before: captures that were made by hand or edited may have
    /// any number there. One that goes back to what has come takes back what those before it said, unless a FIN stands behind
    /// the missing bytes: then a repeated acknowledgement changes nothing.
    #[inline]
    pub(in crate::capture) fn acknowledged(&mut self, number: u32, arrival: Arrival) -> u64 {
        let step = self.next.map_or(0, |next| number.wrapping_sub(next).cast_signed());
        if step > 0 && !self.acks_fit {
            return 0;
        }
        if (-MAX_BACK..=0).contains(&step) {
            self.acks_fit |= step == 0 && self.next.is_some();
            self.sent = self.sent.filter(|_| self.fin.is_some());
            return 0;
        }
        self.was_sent(number, arrival)
    }

    /// All bytes before this number have been sent, as the sender's own numbers go on behind them. How many of them have not
    /// come.
    #[inline]
    pub(in crate::capture) fn was_sent(&mut self, number: u32, arrival: Arrival) -> u64 {
        let is_ahead = self.next.is_some_and(|next| number.wrapping_sub(next).cast_signed() > 0);
        // More than 2 GiB may lack in the end: then the next byte's number tells nothing.
        if is_ahead || self.sent.is_some() { self.went_on(number, arrival) } else { 0 }
    }

    #[cold]
    fn went_on(&mut self, number: u32, arrival: Arrival) -> u64 {
        let Some((_, front)) = self.front() else { return 0 };
        let known = self.sent.map_or(front, |(sent, _)| sent.max(front));
        let ahead = u32::try_from((known - self.offset) & 0xffff_ffff).unwrap_or(0);
        let known_number = self.next.map_or(number, |next| next.wrapping_add(ahead));
        let step = i64::from(number.wrapping_sub(known_number).cast_signed());
        // Nobody sends so much at once: the number is wrong.
        if step > reach(known, 1, 1) {
            return 0;
        }
        let sent = known.saturating_add_signed(step.max(0));
        let sent = self.fin.map_or(sent, |fin| sent.min(fin));
        if self.sent.is_none_or(|(before, _)| sent > before) {
            self.sent = Some((sent, arrival));
        }
        let to = self.sent.filter(|_| self.lacks()).map_or(front, |(sent, _)| sent);
        if to <= front && self.waiting.is_empty() {
            self.sent = self.sent.filter(|_| self.fin.is_some());
        }
        (to - self.offset).saturating_sub(self.waiting_bytes as u64)
    }

    /// Whether bytes have been sent behind all that has come.
    pub(super) fn lacks(&self) -> bool {
        let front = self.front().map_or(self.offset, |(_, front)| front);
        self.sent.is_some_and(|(sent, _)| sent > front.saturating_add(FIN_LEN))
    }

    /// Whether the sender ended the stream behind bytes that the other side has, and the capture has not.
    pub(in crate::capture) fn ends_in_hole(&self) -> bool {
        self.fin.is_some_and(|fin| self.offset < fin && self.sent.is_some_and(|(sent, _)| fin <= sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::tcp::reassembly::Piece;
    use crate::rtsp::demux::CaptureGap;
    use crate::time::Timestamp;
    use proptest::prelude::*;

    const FIRST: u32 = u32::MAX - 4;

    fn arrival(number: u64) -> Arrival {
        Arrival { at: Timestamp::default(), number }
    }

    /// Ten bytes.
    fn assembler() -> Assembler {
        let mut assembler = Assembler::default();
        assembler.segment(FIRST, &[0; 10], 0, arrival(1), |_, _| Ok::<_, ()>(())).unwrap();
        assembler
    }

    /// The gaps at the end, each with the packet that shows it.
    fn gaps(assembler: &mut Assembler) -> Vec<(u64, u64)> {
        let mut gaps = Vec::new();
        let each = |piece: Piece<'_>, arrival: Arrival| {
            if let Piece::Gap(CaptureGap { len, .. }) = piece {
                gaps.push((len, arrival.number));
            }
            Ok::<_, ()>(())
        };
        assembler.finish(each).unwrap();
        gaps
    }

    #[test]
    fn what_is_acknowledged_and_has_not_come() {
        let mut assembler = assembler();
        assert_eq!([4, 5].map(|number| assembler.was_sent(number, arrival(2))), [0, 0], "it has come");
        assert_eq!(assembler.was_sent(6, arrival(3)), 0, "a FIN has a number");
        assert_eq!([25, 25, 20].map(|number| assembler.was_sent(number, arrival(4))), [20; 3]);
        assert_eq!(gaps(&mut assembler), [(20, 4)]);
        assert_eq!(gaps(&mut assembler), [], "it is told once");
    }

    #[test]
    fn acknowledgements_that_do_not_fit_say_nothing() {
        let mut assembler = assembler();
        assert_eq!(assembler.acknowledged(25, arrival(2)), 0, "none has fitted before");
        assert_eq!(assembler.acknowledged(5, arrival(3)), 0, "all that came");
        assert_eq!(assembler.acknowledged(25, arrival(4)), 20);
        assert_eq!((assembler.acknowledged(5, arrival(5)), gaps(&mut assembler)), (0, vec![]), "taken back");
        assert_eq!(assembler.acknowledged(25, arrival(6)), 20);
        assert_eq!(gaps(&mut assembler), [(20, 6)]);
    }

    #[test]
    fn what_comes_late_is_no_gap() {
        let mut assembler = assembler();
        assert_eq!(assembler.was_sent(25, arrival(2)), 20);
        assembler.segment(5, &[0; 20], 0, arrival(3), |_, _| Ok::<_, ()>(())).unwrap();
        assert_eq!((assembler.was_sent(25, arrival(4)), gaps(&mut assembler)), (0, vec![]));
    }

    #[test]
    fn a_fin_behind_what_lacks() {
        let mut assembler = assembler();
        assembler.end(25);
        assert!(!assembler.ends_in_hole(), "it may still come");
        assert_eq!(assembler.was_sent(26, arrival(2)), 20, "the FIN is no byte");
        assert!(assembler.ends_in_hole() && !assembler.is_over());
        assert_eq!(gaps(&mut assembler), [(20, 2)]);
        assert!(assembler.is_over() && !assembler.ends_in_hole());
    }

    #[test]
    fn more_than_numbers_count() {
        let mut assembler = assembler();
        let (mut sent, step) = (0_u64, 1_000_000_u32);
        let mut number = 5_u32;
        for _ in 0..6000 {
            number = number.wrapping_add(step);
            sent += u64::from(step);
            assembler.was_sent(number, arrival(2));
        }
        assert_eq!(gaps(&mut assembler), [(sent, 2)]);
    }

    proptest! {
        /// Whatever numbers come: a gap is no longer than what may have been sent, and little is kept.
        #[test]
        fn any_numbers(numbers in prop::collection::vec(any::<u32>(), 0..40)) {
            let mut assembler = assembler();
            for number in &numbers {
                assembler.was_sent(*number, arrival(2));
            }
            let limit = numbers.iter().fold(10_u64, |known, _| known.saturating_add(reach(known, 1, 1).unsigned_abs()));
            prop_assert!(gaps(&mut assembler).iter().all(|(len, _)| *len < limit));
            prop_assert_eq!(assembler.held(), 0);
        }
    }
}
