//! Whether the event loop wakes up when it wants to.

use std::time::Duration;

use crate::time::Timestamp;

/// When the loop wanted to wake up, and what came of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PollTimer {
    until: Option<Timestamp>,
    overslept: Duration,
}

impl PollTimer {
    /// The loop goes to sleep, to this time at the latest. Gives how long that is.
    pub(super) fn set(&mut self, now: Timestamp, until: Timestamp) -> Duration {
        self.until = Some(until.max(now));
        until.duration_since(now)
    }

    /// It is awake.
    pub(super) fn woke(&mut self, now: Timestamp) {
        self.overslept = self.until.take().map_or(Duration::ZERO, |until| now.duration_since(until));
    }

    /// How much later than it wanted to it woke up: the system gave the processor to others.
    pub(super) const fn overslept(&self) -> Duration {
        self.overslept
    }
}

/// Poll rounds up to milliseconds: it gets the whole ones, and what is less than one is slept here.
pub(super) fn whole_millis(patience: Duration) -> Duration {
    let millis = Duration::from_millis(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX));
    if millis.is_zero() && !patience.is_zero() {
        std::thread::sleep(patience);
    }
    millis
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeping_too_long_counts_once() {
        let (start, second) = (Timestamp::from_nanos(0), Duration::from_secs(1));
        let mut alarm = PollTimer::default();
        assert_eq!(alarm.set(start, start + second), second);
        alarm.woke(start + second / 2);
        assert_eq!(alarm.overslept(), Duration::ZERO, "something happened before");
        alarm.set(start, start + second);
        alarm.woke(start + 3 * second);
        assert_eq!(alarm.overslept(), 2 * second);
        alarm.woke(start + 4 * second);
        assert_eq!(alarm.overslept(), Duration::ZERO, "it did not sleep in between");
    }
}
