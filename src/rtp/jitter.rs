//! Interarrival jitter: how unevenly packets arrive against their timestamps (RFC 3550, section 6.4.1 and appendix A.8).
//!
//! J(i) = J(i-1) + (|D(i-1,i)| - J(i-1)) / 16, where D is the difference of the distances at the receiver and at the
//! sender. A sixteenth is the RFC's, so that all receivers report the same.

/// The jitter behind one more difference, both in the same unit.
#[inline]
pub(crate) fn smoothed(jitter: f64, difference: f64) -> f64 {
    jitter + (difference.abs() - jitter) / 16.0
}

/// The same for a receiver that reports, in integers as appendix A.8 computes it: the jitter in sixteenths of a tick, the
/// difference in ticks.
pub(crate) fn smoothed_sixteenths(jitter: u32, difference: i32) -> u32 {
    jitter.wrapping_add(difference.unsigned_abs()).wrapping_sub(jitter.wrapping_add(8) >> 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Rounding aside, a report says what the analysis says.
        #[test]
        fn integers_follow(differences in proptest::collection::vec(-100_000..100_000_i32, 0..200)) {
            let exact = differences.iter().fold(0.0, |jitter, difference| smoothed(jitter, f64::from(*difference)));
            let reported = differences.iter().fold(0, |jitter, difference| smoothed_sixteenths(jitter, *difference));
            let off = exact - f64::from(reported) / 16.0;
            prop_assert!(off.abs() <= 1.0, "{off}");
        }
    }
}
