//! Interarrival jitter (RFC 3550, section 6.4.1 and appendix A.8), in floating point.

use crate::analysis::cell::{float, millis, ticks_ms};
use crate::rtp::jitter::smoothed;
use crate::time::Timestamp;

/// The estimator over a stream of packets.
#[derive(Clone, Debug, Default)]
pub(super) struct Jitter {
    previous: Option<(Timestamp, u32)>,
    /// Milliseconds.
    value: f64,
    max: f64,
    sum: f64,
    count: i64,
    /// Values since the figures last began.
    fresh: i64,
}

impl Jitter {
    /// Takes arrival and RTP timestamp of the next packet. Gives how much later it came after the one before than the
    /// timestamps say, in milliseconds; with an unknown clock rate there is nothing to estimate.
    #[inline]
    pub(super) fn packet(&mut self, at: Timestamp, rtp_timestamp: u32, clock_rate_hz: Option<u32>) -> Option<f64> {
        let previous = self.previous.replace((at, rtp_timestamp));
        let (Some((before, timestamp_before)), Some(rate)) = (previous, clock_rate_hz) else { return None };
        // Timestamps count modulo 2^32; the shorter way round is meant.
        let ticks = rtp_timestamp.wrapping_sub(timestamp_before).cast_signed();
        let difference = millis(at.nanos_since(before)) - ticks_ms(f64::from(ticks), rate);
        self.value = smoothed(self.value, difference);
        self.max = self.max.max(self.value);
        self.sum += self.value;
        self.count += 1;
        self.fresh += 1;
        Some(difference)
    }

    /// The next packet is not to be compared with those before it. Maximum and mean are those of all parts.
    pub(super) fn begin_part(&mut self) {
        (self.previous, self.value, self.fresh) = (None, 0.0, 0);
    }

    /// Arrival and timestamp of the previous packet.
    pub(super) fn latest(&self) -> Option<(Timestamp, u32)> {
        self.previous
    }

    /// The timestamp of the previous packet.
    pub(super) fn last_timestamp(&self) -> Option<u32> {
        self.previous.map(|(_, timestamp)| timestamp)
    }

    /// The value after the latest packet, in milliseconds; `None` before the second one of a
    /// part.
    pub(super) fn last(&self) -> Option<f64> {
        (self.fresh > 0).then_some(self.value)
    }

    /// The highest value.
    pub(super) fn max(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max)
    }

    /// The mean of the values from the second packet on.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / float(self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn by_hand() {
        let mut jitter = Jitter::default();
        jitter.packet(at(0), 0, Some(8000));
        assert_eq!(jitter.last(), None);
        jitter.packet(at(36), 160, Some(8000));
        assert_eq!(jitter.last(), Some(1.0));
        jitter.packet(at(56), 320, Some(8000));
        assert_eq!((jitter.last(), jitter.max()), (Some(1.0 - 1.0 / 16.0), Some(1.0)));
        assert_eq!(jitter.mean(), Some(f64::midpoint(1.0, 0.9375)));
    }

    #[test]
    fn early_counts_as_much_as_late() {
        let [late, early] = [36, 4].map(|ms| {
            let mut jitter = Jitter::default();
            jitter.packet(at(0), 0, Some(8000));
            (jitter.packet(at(ms), 160, Some(8000)), jitter.last())
        });
        // The difference has a sign, the jitter has none.
        assert_eq!((late, early), ((Some(16.0), Some(1.0)), (Some(-16.0), Some(1.0))));
    }

    #[test]
    fn a_part_begins_without_those_before() {
        let mut jitter = Jitter::default();
        for (ms, timestamp) in [(0, 0), (36, 160), (56, 320)] {
            jitter.packet(at(ms), timestamp, Some(8000));
        }
        jitter.begin_part();
        assert_eq!(jitter.packet(at(9_000), 9, Some(8000)), None);
        assert_eq!((jitter.last(), jitter.latest()), (None, Some((at(9_000), 9))));
        assert_eq!(jitter.packet(at(9_036), 169, Some(8000)), Some(16.0));
        assert_eq!(
            (jitter.last(), jitter.max(), jitter.mean()),
            (Some(1.0), Some(1.0), Some((1.0 + 0.9375 + 1.0) / 3.0))
        );
    }

    #[test]
    fn across_the_wrap_of_the_timestamp() {
        let mut jitter = Jitter::default();
        jitter.packet(at(0), u32::MAX - 79, Some(8000));
        jitter.packet(at(20), 80, Some(8000));
        assert_eq!(jitter.max(), Some(0.0));
    }

    #[test]
    fn without_a_clock_there_is_none() {
        let mut jitter = Jitter::default();
        jitter.packet(at(0), 0, None);
        jitter.packet(at(20), 80, None);
        assert_eq!(jitter.mean(), None);
    }
}
