//! The clock of a run.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::time::Timestamp;

/// Wall-clock time that never jumps: read once, then carried on by the monotonic clock. A step of the system's clock
/// during a recording would otherwise show as a gap or a burst that never was on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: Timestamp,
    monotonic: Instant,
}

impl Clock {
    /// A clock set by the system's.
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { wall: Timestamp::default() + since_epoch, monotonic: Instant::now() }
    }

    /// The time, and what has to be added to the system's wall clock to get it, in nanoseconds.
    pub(super) fn now_and_offset(&self) -> (Timestamp, i64) {
        let now = self.now();
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        (now, now.nanos_since(Timestamp::default() + since_epoch))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.wall + self.monotonic.elapsed()
    }
}
