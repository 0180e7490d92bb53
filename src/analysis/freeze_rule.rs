//! When a distance between pictures is seen as a standstill, by the rule of WebRTC's statistics (`freezeCount`, W3C
//! "Identifiers for WebRTC's Statistics API"): three times the usual one at least, and 150 ms more than that.

/// Less than this a viewer does not see as a standstill, however fast pictures usually come.
const MORE_NS: f64 = 150e6;

/// Whether a distance is that much longer than the usual one, both in nanoseconds.
pub(super) fn stands_still(distance_ns: f64, usual_ns: f64) -> bool {
    distance_ns >= (3.0 * usual_ns).max(usual_ns + MORE_NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_conditions_count() {
        let (fast, slow) = (20e6, 100e6);
        assert!(stands_still(170e6, fast) && !stands_still(169e6, fast), "150 ms more than 20 ms");
        assert!(stands_still(300e6, slow) && !stands_still(299e6, slow), "three times 100 ms");
    }
}
