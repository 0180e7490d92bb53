//! Whether reading keeps up: what is read should not have waited.

use std::time::Duration;

use crate::time::Timestamp;
use crate::trace::TcpState;

/// Longer waiting is told. Less is the grain of any system.
pub(super) const LATE: Duration = Duration::from_millis(20);
/// The counts of the TCP connection are taken so often. Asking costs some 20 microseconds.
const COUNTS_EVERY: Duration = Duration::from_secs(1);

/// What is known of the reading of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadLag {
    /// When nothing was left to read.
    empty_at: Timestamp,
    /// The time that was told last, from when bytes had come to when they were read.
    told: Option<(Timestamp, Timestamp)>,
    /// The counts of the TCP connection, and when they were taken.
    counts: Option<(Timestamp, SegmentCounts)>,
}

/// What the system counts of a TCP connection, as far as it tells of loss on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SegmentCounts {
    /// Segments that came out of order: some before them were lost or late.
    pub(super) out_of_order: u64,
    /// Segments that this side sent again.
    pub(super) retransmitted: u64,
}

impl From<TcpState> for SegmentCounts {
    fn from(state: TcpState) -> Self {
        Self { out_of_order: state.out_of_order.unwrap_or(0), retransmitted: state.retransmitted }
    }
}

impl ReadLag {
    /// Nothing has come yet.
    pub(super) const fn new(now: Timestamp) -> Self {
        Self { empty_at: now, told: None, counts: None }
    }

    /// Everything has been read by now.
    pub(super) fn drained(&mut self, now: Timestamp) {
        self.empty_at = now;
    }

    /// Whether what is to be read may have waited too long, for all that is known without asking.
    pub(super) fn is_possible(&self, now: Timestamp) -> bool {
        now.duration_since(self.empty_at) > LATE
    }

    /// How late a read was, from when to when, if that was too long and is not told yet. What was read had waited for
    /// `oldest` at least, as far as the system knows, and the loop woke up so much later than it wanted to.
    pub(super) fn late(
        &self,
        now: Timestamp,
        oldest: Option<Duration>,
        overslept: Duration,
    ) -> Option<(Timestamp, Timestamp)> {
        // Without anything there nothing was late, however long the sleep.
        let lag = oldest?.max(overslept).min(now.duration_since(self.empty_at));
        let (from, to) = (now - lag, now);
        let is_known = self.told.is_some_and(|(begin, end)| {
            from <= end && begin.duration_since(from) <= LATE && to.duration_since(end) <= LATE
        });
        (lag > LATE && !is_known).then_some((from, to))
    }

    /// A late read is told of. What else of the same time is read late is not told again.
    pub(super) fn tell(&mut self, (from, to): (Timestamp, Timestamp)) {
        let earlier = self.told.filter(|(_, end)| from <= *end).map_or(from, |(begin, _)| begin);
        self.told = Some((earlier.min(from), to));
    }

    /// Whether it is time to take the counts.
    pub(super) fn wants_counts(&self, now: Timestamp) -> bool {
        self.counts.is_none_or(|(at, _)| now.duration_since(at) >= COUNTS_EVERY)
    }

    /// Takes the counts. Gives by how much they rose, if they did.
    pub(super) fn count(&mut self, now: Timestamp, counts: SegmentCounts) -> Option<SegmentCounts> {
        let (_, before) = self.counts.replace((now, counts))?;
        let rise = SegmentCounts {
            out_of_order: counts.out_of_order.saturating_sub(before.out_of_order),
            retransmitted: counts.retransmitted.saturating_sub(before.retransmitted),
        };
        (rise != SegmentCounts::default()).then_some(rise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_waited_too_long_is_told() {
        let start = Timestamp::from_nanos(1_000_000_000);
        let lateness = ReadLag::new(start);
        assert!(!lateness.is_possible(start + 20 * MS) && lateness.is_possible(start + 21 * MS));
        let at = start + 500 * MS;
        assert_eq!(lateness.late(at, None, 400 * MS), None, "nothing was there");
        assert_eq!(lateness.late(at, Some(20 * MS), Duration::ZERO), None, "soon enough");
        assert_eq!(lateness.late(at, Some(21 * MS), Duration::ZERO), Some((at - 21 * MS, at)));
        assert_eq!(lateness.late(at, Some(MS), 300 * MS), Some((at - 300 * MS, at)), "the loop slept");
    }

    #[test]
    fn all_late_time_is_told_and_none_of_it_twice() {
        let start = Timestamp::from_nanos(1_000_000_000);
        let mut lateness = ReadLag::new(start);
        let at = |ms: u32| start + ms * MS;
        let mut read = |now: u32, oldest: u32| {
            let late = lateness.late(at(now), Some(oldest * MS), Duration::ZERO);
            late.inspect(|late| lateness.tell(*late))
        };
        assert_eq!(read(500, 300), Some((at(200), at(500))));
        assert_eq!(read(501, 290), None, "the same backlog");
        assert_eq!(read(502, 400), Some((at(102), at(502))), "the system knew only when the last of its segments came");
        assert_eq!(read(521, 100), None);
        assert_eq!(read(530, 40), Some((at(490), at(530))), "the backlog stays");
        assert_eq!(read(531, 420), None);
        assert_eq!(read(600, 25), Some((at(575), at(600))), "another one, within the same second");
        assert_eq!(read(601, 90), Some((at(511), at(601))));
    }

    #[test]
    fn nothing_waits_longer_than_since_all_was_read() {
        let mut lateness = ReadLag::new(Timestamp::from_nanos(0));
        let now = Timestamp::from_nanos(5_000_000_000);
        lateness.drained(now - 30 * MS);
        assert_eq!(lateness.late(now, Some(60 * MS), 400 * MS), Some((now - 30 * MS, now)));
    }

    #[test]
    fn counts_rise() {
        let start = Timestamp::from_nanos(0);
        let mut lateness = ReadLag::new(start);
        let counts = |out_of_order, retransmitted| SegmentCounts { out_of_order, retransmitted };
        assert!(lateness.wants_counts(start));
        assert_eq!(lateness.count(start, counts(3, 1)), None, "what was before");
        assert!(!lateness.wants_counts(start + 999 * MS) && lateness.wants_counts(start + 1000 * MS));
        assert_eq!(lateness.count(start + MS, counts(3, 1)), None);
        assert_eq!(lateness.count(start + MS, counts(5, 1)), Some(counts(2, 0)));
        assert_eq!(lateness.count(start + MS, counts(5, 2)), Some(counts(0, 1)));
    }
}
