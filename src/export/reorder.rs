//! RTP packets back into the order of their sequence numbers, within a small window; each once.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use crate::rtp::beside::BesideNumbers;
use crate::rtp::unwrap::Counter;
use crate::rtp::{MAX_DROPOUT, MAX_MISORDER};

/// So many packets wait for one that lacks, before it is taken for lost.
const WINDOW: usize = 64;
/// So many packets wait at the beginning, as nobody knows the first number.
const START: usize = 4;

/// So many times a client may give a stream up while packets wait.
const MAX_GIVEN_UP: usize = 8;
/// All numbers.
const ANYTHING: Range<i64> = i64::MIN..i64::MAX;

/// Puts packets in order.
#[derive(Debug, Default)]
pub(super) struct Reorder {
    /// The number that comes next, counted on over wraps; `None` before the first packets are in order.
    next: Option<i64>,
    waiting: BTreeMap<i64, Vec<u8>>,
    /// Bytes that wait.
    held: usize,
    /// A packet far from the others: the numbers begin anew if the one behind it follows.
    far: Option<(u16, Vec<u8>)>,
    /// The next packet does not follow the one before, though its number may.
    gap: bool,
    /// Numbers that other payload types of the source took.
    foreign: BesideNumbers,
    /// Numbers that nobody waited for, each time up to where he did so again.
    unexpected: VecDeque<Range<i64>>,
    given_up: bool,
    pub(super) lost: u64,
    /// Came again, or too late.
    pub(super) repeated: u64,
}

impl Reorder {
    /// Takes a packet, and hands over those that are in order now; with `true` where packets lack before it.
    pub(super) fn push(&mut self, sequence: u16, packet: &[u8], mut take: impl FnMut(&[u8], bool)) {
        self.foreign.media(sequence);
        let Some(reference) = self.next.or_else(|| self.waiting.keys().next().copied()) else {
            return self.wait(i64::from(sequence), packet);
        };
        let distance = sequence.distance_from(u16::try_from(reference & 0xffff).unwrap_or(0));
        if distance >= i64::from(MAX_DROPOUT) || distance < -i64::from(MAX_MISORDER) {
            return self.far(sequence, packet, take);
        }
        // One that came alone from far away came too late, or again.
        self.repeated += u64::from(self.far.take().is_some());
        match (self.next, distance) {
            (Some(_), ..0) => self.repeated += 1,
            (Some(next), 0) if self.waiting.is_empty() => {
                take(packet, std::mem::take(&mut self.gap));
                self.next = Some(next + 1);
            }
            _ => {
                self.wait(reference + distance, packet);
                self.drain(WINDOW, &mut take);
            }
        }
    }

    /// A packet of another payload type of the source has this number.
    pub(super) fn foreign(&mut self, sequence: u16) {
        self.foreign.note(sequence);
    }

    /// How many packets lack before the number, of those from `next` on.
    fn missing(&self, next: i64, number: i64) -> i64 {
        let low = |number: i64| u16::try_from(number & 0xffff).unwrap_or(0);
        let taken = if number > next { self.foreign.between(low(next - 1), low(number)) } else { 0 };
        (number - next - i64::from(taken)).max(0)
    }

    /// No more will come.
    pub(super) fn finish(&mut self, mut take: impl FnMut(&[u8], bool)) {
        self.drain(0, &mut take);
        self.repeated += u64::from(self.far.take().is_some());
    }

    /// What was handed over is not all there any more: what comes next does not follow it.
    pub(super) fn interrupt(&mut self) {
        self.gap = true;
    }

    /// Other numbers follow, which have nothing to do with those so far.
    pub(super) fn restart(&mut self) {
        let Self { lost, repeated, given_up, .. } = *self;
        let unexpected = if given_up { VecDeque::from([ANYTHING]) } else { VecDeque::new() };
        *self = Self { unexpected, given_up, lost, repeated, ..Self::default() };
    }

    /// A part of the stream begins that was asked for, perhaps with this number: none before it was sent.
    pub(super) fn begin_part(&mut self, first: Option<u16>) {
        self.restart();
        self.next = first.map(i64::from);
    }

    /// The client asked for the end of the stream, or wants it after all: while it is given up, nothing is lost.
    pub(super) fn give_up(&mut self, given_up: bool) {
        let next = self.next_new().unwrap_or(i64::MIN);
        match (self.given_up, given_up) {
            (false, true) => {
                self.unexpected.truncate(MAX_GIVEN_UP - 1);
                self.unexpected.push_front(next..i64::MAX);
            }
            (true, false) => self.unexpected.iter_mut().take(1).for_each(|latest| latest.end = next),
            _ => {}
        }
        self.given_up = given_up;
    }

    /// The number behind all that came.
    fn next_new(&self) -> Option<i64> {
        self.waiting.last_key_value().map(|(number, _)| number + 1).or(self.next)
    }

    /// The highest number so far.
    pub(super) fn highest(&self) -> Option<u16> {
        self.next_new().and_then(|next| u16::try_from((next - 1) & 0xffff).ok())
    }

    /// Bytes of memory that wait.
    pub(super) fn held(&self) -> usize {
        self.held + self.far.as_ref().map_or(0, |(_, packet)| packet.len())
    }

    fn wait(&mut self, number: i64, packet: &[u8]) {
        if self.waiting.contains_key(&number) {
            self.repeated += 1;
            return;
        }
        self.held += packet.len();
        self.waiting.insert(number, packet.to_vec());
    }

    /// Hands over what is in order, and whatever it takes that no more than `most` wait.
    fn drain(&mut self, most: usize, take: &mut impl FnMut(&[u8], bool)) {
        if self.next.is_none() && self.waiting.len() <= most.min(START) {
            return;
        }
        while let Some((number, _)) = self.waiting.first_key_value() {
            let missing = self.next.map_or(0, |next| self.missing(next, *number));
            if missing > 0 && self.waiting.len() <= most {
                return;
            }
            let Some((number, packet)) = self.waiting.pop_first() else { return };
            self.lost += self.expected(missing, number);
            self.held -= packet.len();
            take(&packet, std::mem::take(&mut self.gap) || missing > 0);
            self.next = Some(number + 1);
        }
    }

    /// How many are lost of those that lack before the number: all but those that nobody waited for.
    fn expected(&self, missing: i64, number: i64) -> u64 {
        let first = number - missing;
        let unexpected = |range: &Range<i64>| number.min(range.end).saturating_sub(first.max(range.start)).max(0);
        (missing - self.unexpected.iter().map(unexpected).sum::<i64>()).max(0).unsigned_abs()
    }

    /// One packet far away may be anything; two that follow each other are a new beginning (RFC 3550, appendix A.1).
    fn far(&mut self, sequence: u16, packet: &[u8], mut take: impl FnMut(&[u8], bool)) {
        match self.far.take() {
            Some((before, first)) if before.wrapping_add(1) == sequence => {
                self.drain(0, &mut take);
                self.gap = false;
                if self.given_up {
                    self.unexpected = VecDeque::from([ANYTHING]);
                }
                take(&first, true);
                take(packet, false);
                self.next = Some(i64::from(sequence) + 1);
            }
            other => {
                self.repeated += u64::from(other.is_some());
                self.far = Some((sequence, packet.to_vec()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The numbers that come out, each with whether some lack before it.
    fn run(numbers: &[u16]) -> (Vec<(u16, bool)>, Reorder) {
        let (mut reorder, mut out) = (Reorder::default(), Vec::new());
        let mut take = |packet: &[u8], gap| out.push((u16::from_be_bytes([packet[0], packet[1]]), gap));
        for number in numbers {
            reorder.push(*number, &number.to_be_bytes(), &mut take);
        }
        reorder.finish(&mut take);
        (out, reorder)
    }

    proptest! {
        #[test]
        fn small_displacements_are_undone(
            start: u16,
            delays in prop::collection::vec((0..20usize, 0..10u8), 1..300),
        ) {
            // Who the first is shows soon.
            let delays = [&[(0, 1); START], &delays[..]].concat();
            let numbers: Vec<u16> = (0..).zip(&delays).map(|(step, _)| start.wrapping_add(step)).collect();
            let mut order: Vec<usize> = (0..numbers.len()).collect();
            order.sort_by_key(|at| at + delays[*at].0);
            // Some come twice.
            let sent: Vec<u16> =
                order.iter().flat_map(|at| vec![numbers[*at]; 1 + usize::from(delays[*at].1 == 0)]).collect();
            let (out, reorder) = run(&sent);
            prop_assert_eq!(out, numbers.iter().map(|number| (*number, false)).collect::<Vec<_>>());
            prop_assert_eq!((reorder.lost, reorder.repeated, reorder.held()), (0, (sent.len() - numbers.len()) as u64, 0));
        }

        #[test]
        fn nothing_comes_twice_or_waits_for_ever(numbers in prop::collection::vec(any::<u16>(), 0..200)) {
            let (out, reorder) = run(&numbers);
            prop_assert!(out.len() <= numbers.len() && reorder.held() == 0);
        }
    }

    #[test]
    fn losses_show() {
        let (out, reorder) = run(&[65_534, 65_535, 1, 2]);
        assert_eq!(out, [(65_534, false), (65_535, false), (1, true), (2, false)]);
        assert_eq!(reorder.lost, 1);
    }

    #[test]
    fn a_new_beginning() {
        let mut numbers: Vec<u16> = (0..100).collect();
        numbers.extend([30_000, 100, 101, 9000, 9001, 9002]);
        let (out, reorder) = run(&numbers);
        assert_eq!((out.len(), reorder.repeated), (105, 1), "30000 came alone");
        assert_eq!(out[101..], [(101, false), (9000, true), (9001, false), (9002, false)]);
    }
}
