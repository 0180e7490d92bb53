//! Quantiles of a stream of durations: exact as long as they are few, then from a sketch of bounded size.

use crate::analysis::budget::Budget;

/// So many values are kept as they are, if there is room.
const EXACT: usize = 100_000;
/// A stream with more has many.
const FEW: usize = 1024;
/// Steps within each power of two: half a step is less than 0.4 %.
const STEPS_LOG2: u32 = 7;
const STEPS: u64 = 1 << STEPS_LOG2;

/// Collects values in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Quantiles {
    exact: Vec<i64>,
    /// Counts by logarithm once there are more; sketches of the parts of a stream add up.
    sketch: Vec<u64>,
    count: u64,
    /// There was no room even for a sketch.
    gone: bool,
}

impl Quantiles {
    #[inline]
    pub(super) fn insert(&mut self, value: i64, budget: &mut Budget) {
        self.count += 1;
        // There is room only while no value is sketched.
        if self.exact.len() < self.exact.capacity() {
            self.exact.push(value);
        } else {
            self.insert_another(value, budget);
        }
    }

    fn insert_another(&mut self, value: i64, budget: &mut Budget) {
        if self.sketch.is_empty() && !self.gone {
            if self.grow(budget) {
                self.exact.push(value);
                return;
            }
            for value in std::mem::take(&mut self.exact) {
                self.sketch(value, budget);
            }
        }
        self.sketch(value, budget);
    }

    /// Makes room for more exact values.
    #[cold]
    fn grow(&mut self, budget: &mut Budget) -> bool {
        let (len, bytes) = (self.exact.len(), |values: usize| values * size_of::<i64>());
        let wanted = (len * 2).clamp(16, EXACT);
        if wanted > len && budget.take(bytes(wanted - len), wanted > FEW) {
            self.exact.reserve_exact(wanted - len);
            return true;
        }
        budget.give_back(bytes(len));
        false
    }

    fn sketch(&mut self, value: i64, budget: &mut Budget) {
        let bucket = bucket(value);
        if let Some(count) = self.sketch.get_mut(bucket) {
            *count += 1;
        } else if !self.gone {
            let more = bucket + 1 - self.sketch.len();
            if budget.take(more * size_of::<u64>(), false) {
                self.sketch.reserve_exact(more);
                self.sketch.resize(bucket, 0);
                self.sketch.push(1);
            } else {
                budget.give_back(self.sketch.len() * size_of::<u64>());
                (self.sketch, self.gone) = (Vec::new(), true);
            }
        }
    }

    /// The value below or at which `percent` of all lie (nearest rank), in nanoseconds; `None` without values, or
    /// where there was no room.
    pub(super) fn percentile(&self, percent: u64) -> Option<i64> {
        if self.gone {
            return None;
        }
        let rank = (self.count * percent).div_ceil(100).max(1);
        if self.sketch.is_empty() {
            let mut sorted = self.exact.clone();
            let place = usize::try_from(rank - 1).ok().filter(|place| *place < sorted.len())?;
            return Some(*sorted.select_nth_unstable(place).1);
        }
        let mut below = 0;
        let bucket = self.sketch.iter().position(|count| {
            below += count;
            below >= rank
        });
        bucket.map(middle)
    }
}

/// Small values have a bucket each; then each power of two has [`STEPS`]. Negative ones count as 0.
fn bucket(value: i64) -> usize {
    let value = u64::try_from(value).unwrap_or(0);
    let shift = value.max(1).ilog2().saturating_sub(STEPS_LOG2);
    let bucket = u64::from(shift) * STEPS + (value >> shift);
    usize::try_from(bucket).unwrap_or(usize::MAX)
}

/// The value in the middle of a bucket.
fn middle(bucket: usize) -> i64 {
    let bucket = bucket as u64;
    let shift = (bucket / STEPS).saturating_sub(1);
    let low = (bucket - shift * STEPS) << shift;
    i64::try_from(low + ((1 << shift) >> 1)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_exact() {
        let (mut quantiles, mut budget) = (Quantiles::default(), Budget::default());
        assert_eq!(quantiles.percentile(50), None);
        for value in [5, 1, 4, 2, 3] {
            quantiles.insert(value, &mut budget);
        }
        assert_eq!((quantiles.percentile(50), quantiles.percentile(99)), (Some(3), Some(5)));
    }

    #[test]
    fn many_values_are_near() {
        let (mut quantiles, mut budget) = (Quantiles::default(), Budget::default());
        for value in 0..300_000i64 {
            quantiles.insert(value * 100, &mut budget);
        }
        for percent in [1, 50, 99] {
            let exact = 3000.0 * 100.0 * f64::from(u32::try_from(percent).unwrap());
            let near = f64::from(u32::try_from(quantiles.percentile(percent).unwrap()).unwrap());
            assert!((near - exact).abs() / exact < 0.01, "{percent}: {near} for {exact}");
        }
        assert!(quantiles.sketch.len() < 10_000);
    }

    #[test]
    fn the_hundred_thousandth_is_exact() {
        let (mut quantiles, mut budget) = (Quantiles::default(), Budget::default());
        for value in 0..100_000i64 {
            quantiles.insert(value * 1_000_003, &mut budget);
        }
        assert_eq!(quantiles.percentile(50), Some(49_999 * 1_000_003));
        assert!(quantiles.sketch.is_empty());
        quantiles.insert(0, &mut budget);
        assert!(!quantiles.sketch.is_empty() && quantiles.exact.capacity() == 0);
    }

    /// First those with many values go to sketches; and where all are too many, some have none.
    #[test]
    fn thousands_of_streams_stay_small() {
        let (mut streams, mut budget) = (vec![Quantiles::default(); 8000], Budget::default());
        for (number, stream) in (0..).zip(&mut streams) {
            for value in 0..3000i64 {
                stream.insert((value + number) << (value % 40), &mut budget);
            }
        }
        let bytes = |stream: &Quantiles| 8 * (stream.exact.capacity() + stream.sketch.capacity());
        assert!(streams.iter().map(bytes).sum::<usize>() < 64 << 20);
        assert!(!streams[0].exact.is_empty() && !streams[1400].sketch.is_empty());
        assert_eq!(streams[7999].percentile(50), None);
    }

    proptest::proptest! {
        #[test]
        fn a_bucket_holds_its_values(value in 0i64..) {
            let middle = middle(bucket(value));
            proptest::prop_assert!((middle - value).unsigned_abs() <= value.unsigned_abs() / 128);
        }
    }
}
