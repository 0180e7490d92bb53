//! What one side has sent and the other has not acknowledged: for the times between both.

use std::collections::VecDeque;
use std::time::Duration;

use crate::capture::tcp::options::TimestampPair;
use crate::time::Timestamp;

/// Segments that are remembered: 700 kB of ordinary ones, more than what most cameras may send ahead. Further ones are not
/// measured.
const MAX_SENT: usize = 512;

/// The segments of one side that wait for their acknowledgement, in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct UnacknowledgedSegments(VecDeque<SentSegment>);

/// A segment that waits.
#[derive(Clone, Copy, Debug)]
struct SentSegment {
    /// The number behind it.
    end: u32,
    /// When it was sent, the last time.
    at: Timestamp,
    /// What the sender's clock said then.
    clock: Option<u32>,
    /// More than once; or one before it was.
    again: bool,
}

impl UnacknowledgedSegments {
    /// Bytes of memory for them.
    pub(super) fn held(&self) -> usize {
        self.0.capacity() * size_of::<SentSegment>()
    }

    /// Forgets them: the next times count.
    pub(super) fn forget(&mut self) {
        self.0 = VecDeque::new();
    }

    /// Bytes that were not sent before, up to this number.
    pub(super) fn send(&mut self, end: u32, at: Timestamp, timestamps: Option<TimestampPair>) {
        if self.0.len() < MAX_SENT {
            let clock = timestamps.map(|pair| pair.value);
            self.0.push_back(SentSegment { end, at, clock, again: false });
        }
    }

    /// Bytes were sent again, or came late: what stands behind them is not acknowledged before they are.
    pub(super) fn send_again(&mut self, from: u32, to: u32, at: Timestamp, timestamps: Option<TimestampPair>) {
        for segment in self.0.iter_mut().filter(|segment| is_behind(segment.end, from)) {
            segment.again = true;
            if !is_behind(segment.end, to) {
                (segment.at, segment.clock) = (at, timestamps.map(|pair| pair.value));
            }
        }
    }

    /// All before this number is acknowledged. How long the latest of it took: of what was sent more than once only if the
    /// clock of the sender comes back, since otherwise nobody knows which one is meant (RFC 6298, section 3).
    pub(super) fn acknowledge(
        &mut self,
        number: u32,
        at: Timestamp,
        timestamps: Option<TimestampPair>,
    ) -> Option<Duration> {
        let mut latest = None;
        while let Some(segment) = self.0.pop_front_if(|segment| !is_behind(segment.end, number)) {
            latest = Some(segment);
        }
        let segment = latest?;
        let is_meant = !segment.again || segment.clock.is_some() && segment.clock == timestamps.map(|pair| pair.echo);
        let is_timed = segment.at.is_known() && at.is_known() && at >= segment.at;
        (is_meant && is_timed).then(|| at.duration_since(segment.at))
    }
}

/// Whether a sequence number is behind another one, modulo 2^32.
pub(super) fn is_behind(number: u32, other: u32) -> bool {
    number.wrapping_sub(other).cast_signed() > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: u32 = u32::MAX - 50;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    fn end(number: u32) -> u32 {
        FIRST.wrapping_add(number)
    }

    fn clock(value: u32, echo: u32) -> TimestampPair {
        TimestampPair { value, echo }
    }

    #[test]
    fn the_latest_one_that_is_acknowledged_counts() {
        let mut sent = UnacknowledgedSegments::default();
        for number in 1..=3 {
            sent.send(end(number * 100), at(i64::from(number) * 10), None);
        }
        assert_eq!(sent.acknowledge(end(50), at(40), None), None, "none as a whole");
        assert_eq!(sent.acknowledge(end(200), at(45), None), Some(Duration::from_millis(25)));
        assert_eq!(sent.acknowledge(end(200), at(46), None), None, "told before");
        assert_eq!(sent.acknowledge(end(300), at(47), None), Some(Duration::from_millis(17)));
    }

    #[test]
    fn of_what_was_sent_twice_the_clock_tells_which_one() {
        let twice = |again: Option<TimestampPair>, ack: Option<TimestampPair>| {
            let mut sent = UnacknowledgedSegments::default();
            sent.send(end(100), at(0), Some(clock(1000, 0)));
            sent.send_again(FIRST, end(100), at(200), again);
            sent.acknowledge(end(100), at(220), ack)
        };
        assert_eq!(twice(Some(clock(1200, 0)), Some(clock(7, 1200))), Some(Duration::from_millis(20)));
        assert_eq!(twice(Some(clock(1200, 0)), Some(clock(7, 1000))), None);
        assert_eq!(twice(None, None), None);
    }

    #[test]
    fn what_waited_for_another_one_says_nothing() {
        let mut sent = UnacknowledgedSegments::default();
        sent.send(end(200), at(10), None);
        sent.send_again(FIRST, end(100), at(200), None);
        assert_eq!(sent.acknowledge(end(200), at(201), None), None);
        sent.send(end(300), at(210), None);
        assert_eq!(sent.acknowledge(end(300), at(212), None), Some(Duration::from_millis(2)));
    }

    #[test]
    fn memory_has_a_limit() {
        let mut sent = UnacknowledgedSegments::default();
        (0..10_000).for_each(|number| sent.send(end(number), at(0), None));
        assert_eq!(sent.0.len(), MAX_SENT);
        assert!(sent.held() <= 2 * MAX_SENT * size_of::<SentSegment>());
    }
}
