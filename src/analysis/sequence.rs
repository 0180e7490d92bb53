//! Sequence numbers: extension, loss, duplicates, reordering, restarts (RFC 3550, appendices A.1 and A.3).

use std::ops::Range;

use crate::rtp::beside::BesideNumbers;
use crate::rtp::{MAX_DROPOUT, MAX_MISORDER};

/// What a packet's sequence number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// The next number, or a later one.
    InOrder {
        /// How many numbers were skipped right before it.
        gap: u16,
    },
    /// It came after a higher one.
    Reordered,
    /// Its number has been seen before.
    Duplicate,
    /// Far from all others, and nothing confirms it yet.
    Jump,
    /// It confirms a jump: the sender has started over.
    Restart,
}

/// The numbers of one stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Sequence {
    /// The stretch since the last restart; `None` before the first packet.
    run: Option<Run>,
    first: Option<u16>,
    /// What earlier runs expected, and how many different numbers they saw.
    earlier_expected: i64,
    earlier_distinct: i64,
    /// The number that would confirm a jump.
    confirms: Option<u16>,
    /// Numbers of the run that are not expected: a seek skipped them, or the client had asked for the end.
    unexpected: Range<i64>,
    /// The client has asked for the end: what lacks lacks nobody.
    given_up: bool,
    /// Numbers that other payload types of the source took.
    foreign: Option<Box<BesideNumbers>>,
    /// How many of them lay between those of this stream.
    taken: i64,
    /// The numbers count packets of another stream as well: what lacks is told there.
    shared: bool,
    /// Packets of other payload types of the source.
    pub(super) beside: u64,
    pub(super) packets: u64,
    pub(super) duplicates: u64,
    pub(super) reordered: u64,
    pub(super) restarts: u64,
    pub(super) longest_gap: u16,
}

/// A stretch without a restart. Numbers are extended by the cycles that were counted.
#[derive(Clone, Copy, Debug)]
struct Run {
    base: i64,
    highest: i64,
    /// Bit `i`: `highest - i` has been seen.
    seen: u128,
    /// Different numbers from `base` on.
    distinct: i64,
}

impl Sequence {
    /// Takes the number of the next packet in order of arrival; gives what it says, and the number extended by the
    /// cycles so far.
    #[inline]
    pub(super) fn packet(&mut self, number: u16) -> (Status, i64) {
        self.packets += 1;
        let Some(run) = &mut self.run else {
            self.first = Some(number);
            self.run = Some(Run::new(number));
            return (Status::InOrder { gap: 0 }, i64::from(number));
        };
        let ahead = number.wrapping_sub(run.highest_number());
        let behind = ahead.wrapping_neg();
        let status = if ahead != 0 && ahead < MAX_DROPOUT {
            let before = run.highest_number();
            run.move_to(ahead);
            let taken = self.foreign.as_ref().map_or(0, |foreign| foreign.between(before, number));
            self.earlier_expected -= i64::from(taken);
            self.taken += i64::from(taken);
            Status::InOrder { gap: if self.shared { 0 } else { (ahead - 1).saturating_sub(taken) } }
        } else if behind < MAX_MISORDER {
            run.look_back(behind)
        } else if self.confirms == Some(number) {
            Status::Restart
        } else {
            Status::Jump
        };
        let extended = match status {
            Status::InOrder { .. } => run.highest,
            Status::Reordered | Status::Duplicate => run.highest - i64::from(behind),
            Status::Jump | Status::Restart => i64::from(number),
        };
        if let Some(foreign) = &mut self.foreign {
            foreign.media(number);
        }
        self.count(status, number, extended);
        (status, extended)
    }

    fn count(&mut self, status: Status, number: u16, extended: i64) {
        let confirms = self.confirms.take();
        match status {
            Status::InOrder { gap } if self.given_up => self.earlier_expected -= i64::from(gap),
            Status::InOrder { gap } => self.longest_gap = self.longest_gap.max(gap),
            Status::Reordered => {
                self.reordered += 1;
                self.earlier_expected += i64::from(self.unexpected.contains(&extended));
            }
            Status::Duplicate => self.duplicates += 1,
            Status::Jump => self.confirms = Some(number.wrapping_add(1)),
            Status::Restart => {
                self.restarts += 1;
                self.earlier_expected = self.expected();
                self.earlier_distinct += self.run.map_or(0, |run| run.distinct);
                // The packet that jumped belongs to the new run as well.
                let mut run = Run::new(confirms.unwrap_or(number).wrapping_sub(1));
                run.move_to(1);
                self.run = Some(run);
                self.unexpected = if self.given_up { run.base..i64::MAX } else { 0..0 };
            }
        }
    }

    /// A packet of another payload type of the source has this number.
    pub(super) fn foreign(&mut self, number: u16) {
        self.beside += 1;
        self.foreign.get_or_insert_default().note(number);
    }

    /// Whether a number is far from all before: it is none of those that come next or late (RFC 3550, appendix A.1).
    pub(super) fn is_far(&self, number: u16) -> bool {
        self.run.is_some_and(|run| {
            let ahead = number.wrapping_sub(run.highest_number());
            ahead >= MAX_DROPOUT && ahead.wrapping_neg() >= MAX_MISORDER
        })
    }

    /// Whether a packet with this number, among the latest ones, has not come.
    pub(super) fn lacks(&self, number: u16) -> bool {
        self.run.is_some_and(|run| {
            let behind = run.highest_number().wrapping_sub(number);
            let lies = i64::from(behind) <= run.highest - run.base;
            lies && 1u128.checked_shl(u32::from(behind)).is_some_and(|bit| run.seen & bit == 0)
        })
    }

    /// The numbers are those of the media, which other packets have as well.
    pub(super) fn share(&mut self) {
        (self.shared, self.longest_gap) = (true, 0);
    }

    /// A number as it would be without those that other payload types took.
    pub(super) fn without_foreign(&self, extended: i64) -> i64 {
        extended - self.taken
    }

    /// The client asked for the end of the stream, or wants it after all: while it is given up, nothing is lost.
    pub(super) fn give_up(&mut self, given_up: bool) {
        let next = self.highest().map_or(i64::MAX, |highest| highest + 1);
        match (self.given_up, given_up) {
            (false, true) => self.unexpected = next..i64::MAX,
            (true, false) => self.unexpected.end = next,
            _ => {}
        }
        self.given_up = given_up;
    }

    /// Whether the client has asked for its end.
    pub(super) fn is_given_up(&self) -> bool {
        self.given_up
    }

    /// With the packet of this number begins a part that was announced, perhaps with the number of its first packet. What
    /// is skipped up to there was never meant to come. Gives the number from which on packets are expected.
    pub(super) fn begin_part(&mut self, announced: Option<u16>, number: u16) -> u16 {
        let first = announced.filter(|first| number.wrapping_sub(*first) < MAX_DROPOUT).unwrap_or(number);
        self.confirms = None;
        let Some(run) = &mut self.run else { return first };
        let ahead = first.wrapping_sub(run.highest_number());
        if ahead != 0 && ahead < MAX_DROPOUT {
            let skipped = i64::from(ahead) - 1;
            self.unexpected = run.highest + 1..run.highest + 1 + skipped;
            self.earlier_expected -= skipped;
            run.skip(ahead - 1);
        } else {
            self.earlier_distinct += run.distinct;
            self.earlier_expected = self.expected();
            self.run = Some(Run { base: first.into(), highest: i64::from(first) - 1, seen: 0, distinct: 0 });
            self.unexpected = 0..0;
        }
        first
    }

    /// Number of the first packet.
    pub(super) fn first(&self) -> Option<u16> {
        self.first
    }

    /// The highest number, extended by the cycles since the last restart.
    pub(super) fn highest(&self) -> Option<i64> {
        self.run.map(|run| run.highest)
    }

    /// How many packets there should be: from the first to the highest of each run.
    pub(super) fn expected(&self) -> i64 {
        if self.shared {
            return self.earlier_distinct + self.run.map_or(0, |run| run.distinct);
        }
        self.earlier_expected + self.run.map_or(0, |run| run.highest - run.base + 1)
    }

    /// How many are not there by number alone; duplicates make it negative.
    pub(super) fn lost(&self) -> i64 {
        self.expected() - i64::try_from(self.packets).unwrap_or(i64::MAX)
    }

    /// Packets without those that came again.
    pub(super) fn distinct(&self) -> u64 {
        self.packets.saturating_sub(self.duplicates)
    }

    /// How many numbers were never seen.
    pub(super) fn missing(&self) -> i64 {
        self.expected() - self.earlier_distinct - self.run.map_or(0, |run| run.distinct)
    }
}

impl Run {
    fn new(number: u16) -> Self {
        let base = i64::from(number);
        Self { base, highest: base, seen: 1, distinct: 1 }
    }

    /// The highest number as packets carry it.
    fn highest_number(&self) -> u16 {
        u16::try_from(self.highest & 0xffff).unwrap_or(0)
    }

    fn move_to(&mut self, ahead: u16) {
        self.highest += i64::from(ahead);
        self.seen = self.seen.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
        self.distinct += 1;
    }

    /// Goes over numbers that do not come.
    fn skip(&mut self, by: u16) {
        self.highest += i64::from(by);
        self.seen = self.seen.checked_shl(u32::from(by)).unwrap_or(0);
    }

    fn look_back(&mut self, behind: u16) -> Status {
        let bit = 1u128 << behind;
        if self.seen & bit != 0 {
            return Status::Duplicate;
        }
        self.seen |= bit;
        self.distinct += i64::from(self.highest - i64::from(behind) >= self.base);
        Status::Reordered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[u16]) -> Sequence {
        let mut sequence = Sequence::default();
        for number in numbers {
            sequence.packet(*number);
        }
        sequence
    }

    /// Expected, lost, missing, duplicates, reordered, restarts.
    fn figures(numbers: &[u16]) -> [i64; 6] {
        let s = of(numbers);
        let count = |value: u64| i64::try_from(value).unwrap();
        [s.expected(), s.lost(), s.missing(), count(s.duplicates), count(s.reordered), count(s.restarts)]
    }

    #[test]
    fn numbers_are_extended() {
        let mut sequence = of(&[65534, 65535]);
        let extended: Vec<i64> = [1, 0, 1, 30000, 30001].map(|number| sequence.packet(number).1).to_vec();
        assert_eq!(extended, [65537, 65536, 65537, 30000, 30001]);
    }

    #[test]
    fn in_order_across_the_wrap() {
        assert_eq!(figures(&[65534, 65535, 0, 1]), [4, 0, 0, 0, 0, 0]);
        assert_eq!(of(&[65534, 65535, 0, 1]).highest(), Some(65537));
    }

    #[test]
    fn loss_reordering_and_duplicates() {
        assert_eq!(figures(&[1, 2, 5]), [5, 2, 2, 0, 0, 0]);
        assert_eq!(figures(&[1, 3, 2, 4]), [4, 0, 0, 0, 1, 0]);
        assert_eq!(figures(&[1, 2, 2, 3]), [3, -1, 0, 1, 0, 0]);
        assert_eq!(figures(&[1, 3, 3, 2, 2, 6]), [6, 0, 2, 2, 1, 0]);
        assert_eq!(of(&[1, 2, 12, 20]).longest_gap, 9);
    }

    #[test]
    fn what_lacks_among_the_latest() {
        let sequence = of(&[65_533, 65_534, 1, 2]);
        assert_eq!(
            [65_532, 65_533, 65_535, 0, 1, 2, 3, 500].map(|number| sequence.lacks(number)),
            [false, false, true, true, false, false, false, false]
        );
        assert!(!Sequence::default().lacks(0));
    }

    #[test]
    fn before_the_first() {
        assert_eq!(figures(&[10, 9, 11]), [2, -1, 0, 0, 1, 0]);
    }

    #[test]
    fn a_confirmed_jump_is_a_restart() {
        assert_eq!(figures(&[1, 2, 30000, 30001, 30002]), [5, 0, 0, 0, 0, 1]);
        assert_eq!(figures(&[40000, 40001, 7, 8, 10]), [6, 1, 1, 0, 0, 1]);
    }

    #[test]
    fn an_unconfirmed_jump_is_a_stray() {
        assert_eq!(figures(&[1, 2, 30000, 3, 4]), [4, -1, 0, 0, 0, 0]);
    }

    #[test]
    fn what_lacks_behind_the_end_is_not_lost() {
        let mut sequence = of(&[1, 2, 4]);
        sequence.give_up(true);
        // 3 was under way, 7 comes late, 6 and 8 never do.
        for number in [5, 9, 7, 3, 9] {
            sequence.packet(number);
        }
        assert_eq!((sequence.expected(), sequence.lost(), sequence.missing()), (7, -1, 0));
        assert_eq!((sequence.longest_gap, sequence.reordered, sequence.duplicates), (1, 2, 1));
        sequence.give_up(false);
        sequence.packet(12);
        assert_eq!((sequence.expected(), sequence.missing(), sequence.longest_gap), (10, 2, 2));
    }

    #[test]
    fn the_end_holds_for_numbers_that_start_over() {
        let mut sequence = of(&[1, 2]);
        sequence.give_up(true);
        for number in [40_000, 40_001, 40_005, 40_003] {
            sequence.packet(number);
        }
        assert_eq!((sequence.expected(), sequence.missing()), (6, 0));
    }

    /// Numbers 1, 2, 4, then a part that is announced like this and has these numbers.
    fn parts(announced: Option<u16>, numbers: &[u16]) -> (Vec<Status>, [i64; 4]) {
        let mut sequence = of(&[1, 2, 4]);
        sequence.begin_part(announced, numbers[0]);
        let statuses = numbers.iter().map(|number| sequence.packet(*number).0).collect();
        let restarts = i64::try_from(sequence.restarts).unwrap();
        (statuses, [sequence.expected(), sequence.lost(), sequence.missing(), restarts])
    }

    #[test]
    fn a_part_that_was_announced_is_no_loss_and_no_restart() {
        let (next, gap) = (Status::InOrder { gap: 0 }, Status::InOrder { gap: 1 });
        // Numbers go on, or leave out some; start elsewhere, also lower, and at 0.
        for first in [5, 9, 2_000, 40_000, 3, 0] {
            let told = parts(Some(first), &[first, first + 1]);
            assert_eq!(told, (vec![next, next], [6, 1, 1, 0]), "{first}");
            assert_eq!(parts(None, &[first, first + 1]), told, "{first}");
            // The first one is lost, which only the announcement tells.
            let told = parts(Some(first), &[first + 1, first + 2]);
            assert_eq!(told, (vec![gap, next], [7, 2, 2, 0]), "{first}");
        }
        // What was skipped comes after all.
        assert_eq!(parts(None, &[9, 7, 10]), (vec![next, Status::Reordered, next], [7, 1, 1, 0]));
    }

    #[test]
    fn numbers_of_a_part_that_starts_over_are_its_own() {
        let mut sequence = of(&[60_000]);
        sequence.begin_part(None, 0);
        assert_eq!(sequence.packet(0), (Status::InOrder { gap: 0 }, 0));
        assert_eq!((sequence.highest(), sequence.first()), (Some(0), Some(60_000)));
    }

    #[test]
    fn what_confirms_a_jump_is_forgotten_by_other_packets() {
        assert_eq!(figures(&[1, 2, 30_000, 3, 30_001, 4])[5], 0);
        assert_eq!(figures(&[1, 2, 30_000, 40_000, 30_001, 30_002])[5], 1);
        // The packet that confirmed does not confirm another one.
        assert_eq!(figures(&[1, 2, 30_000, 30_001, 10_000, 30_002, 30_003])[5], 1);
    }

    #[test]
    fn numbers_of_other_payload_types_are_not_lost() {
        let mut sequence = Sequence::default();
        // Error correction has 3 and 6, and 8 is lost.
        for number in [1, 2, 3, 4, 5, 6, 7, 9u16] {
            if matches!(number, 3 | 6) {
                sequence.foreign(number);
            } else {
                let _ = sequence.packet(number);
            }
        }
        assert_eq!((sequence.expected(), sequence.lost(), sequence.missing(), sequence.longest_gap), (7, 1, 1, 1));
        assert_eq!((sequence.beside, sequence.without_foreign(9)), (2, 7));
    }

    #[test]
    fn the_number_of_the_next_packet_says_nothing() {
        let mut sequence = Sequence::default();
        for number in [1, 2, 4u16] {
            sequence.foreign(number);
            sequence.packet(number);
        }
        sequence.foreign(5);
        sequence.packet(6);
        assert_eq!((sequence.expected(), sequence.missing(), sequence.duplicates), (6, 2, 0));
    }

    #[test]
    fn what_shares_the_numbers_of_the_media_lacks_nothing() {
        let mut sequence = of(&[3, 6, 9]);
        sequence.share();
        assert_eq!(sequence.packet(20).0, Status::InOrder { gap: 0 });
        sequence.packet(20);
        assert_eq!((sequence.expected(), sequence.lost(), sequence.missing(), sequence.duplicates), (4, -1, 0, 1));
    }

    #[test]
    fn the_limits_of_the_rfc() {
        let mut sequence = of(&[0]);
        assert_eq!(sequence.packet(2999).0, Status::InOrder { gap: 2998 });
        assert_eq!(sequence.packet(2900).0, Status::Reordered);
        assert_eq!(sequence.packet(2899).0, Status::Jump);
        assert_eq!(sequence.packet(5999).0, Status::Jump);
    }
}
