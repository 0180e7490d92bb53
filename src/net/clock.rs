//! The clock of a run.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::time::Timestamp;

/// Two clocks are read together when no more than this passes meanwhile.
const TOGETHER_NS: i64 = 20_000;
/// So often is that tried; then the closest reading has to do.
const MAX_TRIES: usize = 8;

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
        Self { wall: wall_clock(), monotonic: Instant::now() }
    }

    /// The time, and what has to be added to the system's wall clock to get it, in nanoseconds.
    pub(super) fn now_and_offset(&self) -> (Timestamp, i64) {
        now_and_offset(|| Reading { before: self.now(), wall: wall_clock(), after: self.now() })
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.wall + self.monotonic.elapsed()
    }
}

/// The system's clock, read between two looks at this program's.
#[derive(Clone, Copy, Debug)]
struct Reading {
    before: Timestamp,
    wall: Timestamp,
    after: Timestamp,
}

impl Reading {
    fn width(&self) -> i64 {
        self.after.nanos_since(self.before)
    }
}

/// Where the system gave the processor to others between the readings, they are far apart, and every time translated
/// by them would be wrong by as much.
fn now_and_offset(mut read: impl FnMut() -> Reading) -> (Timestamp, i64) {
    let mut best = read();
    for _ in 1..MAX_TRIES {
        if best.width() < TOGETHER_NS {
            break;
        }
        let next = read();
        if next.width() < best.width() {
            best = next;
        }
    }
    let middle = best.before.plus_nanos(best.width() / 2);
    (best.after, middle.nanos_since(best.wall))
}

fn wall_clock() -> Timestamp {
    Timestamp::default() + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_nanos(1_795_332_904_000_000_000);
    /// The system's clock is so far ahead.
    const AHEAD: i64 = 3_600_000_000_000;

    /// Reads clocks that are never in step with these waits (before, behind) around each look at the system's.
    fn measured(waits: &[(i64, i64)]) -> (i64, i64, usize) {
        let (mut at, mut reads) = (START, 0);
        let (now, offset) = now_and_offset(|| {
            let (first, second) = waits[reads % waits.len()];
            let before = at;
            let wall = before.plus_nanos(first);
            at = wall.plus_nanos(second);
            reads += 1;
            Reading { before, wall: wall.plus_nanos(AHEAD), after: at }
        });
        (now.nanos_since(START), offset + AHEAD, reads)
    }

    #[test]
    fn clocks_that_are_read_together_are_read_once() {
        assert_eq!(measured(&[(50, 50)]), (100, 0, 1));
        assert_eq!(measured(&[(0, 19_999)]), (19_999, 9_999, 1), "off by half of what passed at most");
    }

    #[test]
    fn a_slice_of_others_between_the_readings_does_not_count() {
        assert_eq!(measured(&[(4_000_000, 50), (50, 4_000_000), (40, 60)]), (8_000_200, 10, 3));
    }

    #[test]
    fn where_none_is_close_the_closest_counts() {
        let waits = [90, 80, 30, 40, 50, 60, 70, 100].map(|micros| (micros * 500, micros * 500));
        assert_eq!(measured(&waits), (200_000, 0, MAX_TRIES));
    }
}
