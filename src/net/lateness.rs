//! Whether reading keeps up: what is read should not have waited.

use std::time::Duration;

use crate::time::Timestamp;

/// Longer waiting is told. Less is the grain of any system.
pub(super) const LATE: Duration = Duration::from_millis(20);
/// In so long it is told once, and again if it becomes twice as bad.
const INTERVAL: Duration = Duration::from_secs(1);

/// What is known of the reading of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lateness {
    /// When nothing was left to read.
    empty_at: Timestamp,
    /// When something was told last, and of how much.
    told: Option<(Timestamp, Duration)>,
}

impl Lateness {
    /// Nothing has come yet.
    pub(super) const fn new(now: Timestamp) -> Self {
        Self { empty_at: now, told: None }
    }

    /// Everything has been read by now.
    pub(super) fn drained(&mut self, now: Timestamp) {
        self.empty_at = now;
    }

    /// Whether what is to be read may have waited too long, for all that is known without asking.
    pub(super) fn is_possible(&self, now: Timestamp) -> bool {
        now.duration_since(self.empty_at) > LATE
    }

    /// The lag to tell of what has waited for `oldest` at least, as far as the system knows, and was read by a loop that
    /// woke up so much later than it wanted to.
    pub(super) fn lag(&mut self, now: Timestamp, oldest: Option<Duration>, overslept: Duration) -> Option<Duration> {
        // Without anything there nothing was late, however long the sleep.
        let lag = oldest?.max(overslept).min(now.duration_since(self.empty_at));
        let worse = self.told.is_none_or(|(at, before)| lag >= before * 2 || now.duration_since(at) >= INTERVAL);
        if lag <= LATE || !worse {
            return None;
        }
        self.told = Some((now, lag));
        Some(lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_waited_too_long_is_told() {
        let start = Timestamp::from_nanos(1_000_000_000);
        let mut lateness = Lateness::new(start);
        assert!(!lateness.is_possible(start + 20 * MS) && lateness.is_possible(start + 21 * MS));
        let at = start + 500 * MS;
        assert_eq!(lateness.lag(at, None, 400 * MS), None, "nothing was there");
        assert_eq!(lateness.lag(at, Some(20 * MS), Duration::ZERO), None, "soon enough");
        assert_eq!(lateness.lag(at, Some(21 * MS), Duration::ZERO), Some(21 * MS));
        assert_eq!(lateness.lag(at + MS, Some(MS), 300 * MS), Some(300 * MS), "the loop slept");
        assert_eq!(lateness.lag(at + 2 * MS, Some(299 * MS), MS), None, "that was told");
        assert_eq!(lateness.lag(at + 1001 * MS, Some(40 * MS), MS), Some(40 * MS), "a second later");
    }

    #[test]
    fn nothing_waits_longer_than_since_all_was_read() {
        let mut lateness = Lateness::new(Timestamp::from_nanos(0));
        let now = Timestamp::from_nanos(5_000_000_000);
        lateness.drained(now - 30 * MS);
        assert_eq!(lateness.lag(now, Some(60 * MS), 400 * MS), Some(30 * MS));
    }
}
