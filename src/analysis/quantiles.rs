//! Quantiles of a stream of durations: exact as long as they are few, then from a sketch of bounded size.

/// So many values are kept as they are.
const EXACT: usize = 100_000;
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
}

impl Quantiles {
    pub(super) fn insert(&mut self, value: i64) {
        self.count += 1;
        if self.sketch.is_empty() {
            self.exact.push(value);
            if self.exact.len() > EXACT {
                let exact = std::mem::take(&mut self.exact);
                for value in exact {
                    self.sketch(value);
                }
            }
        } else {
            self.sketch(value);
        }
    }

    fn sketch(&mut self, value: i64) {
        let bucket = bucket(value);
        if self.sketch.len() <= bucket {
            self.sketch.resize(bucket + 1, 0);
        }
        if let Some(count) = self.sketch.get_mut(bucket) {
            *count += 1;
        }
    }

    /// The value below or at which `percent` of all lie (nearest rank), in nanoseconds; `None` without values.
    pub(super) fn percentile(&self, percent: u64) -> Option<i64> {
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
        let mut quantiles = Quantiles::default();
        assert_eq!(quantiles.percentile(50), None);
        for value in [5, 1, 4, 2, 3] {
            quantiles.insert(value);
        }
        assert_eq!((quantiles.percentile(50), quantiles.percentile(99)), (Some(3), Some(5)));
    }

    #[test]
    fn many_values_are_near() {
        let mut quantiles = Quantiles::default();
        for value in 0..300_000i64 {
            quantiles.insert(value * 100);
        }
        for percent in [1, 50, 99] {
            let exact = 3000.0 * 100.0 * f64::from(u32::try_from(percent).unwrap());
            let near = f64::from(u32::try_from(quantiles.percentile(percent).unwrap()).unwrap());
            assert!((near - exact).abs() / exact < 0.01, "{percent}: {near} for {exact}");
        }
        assert!(quantiles.sketch.len() < 10_000);
    }

    proptest::proptest! {
        #[test]
        fn a_bucket_holds_its_values(value in 0i64..) {
            let middle = middle(bucket(value));
            proptest::prop_assert!((middle - value).unsigned_abs() <= value.unsigned_abs() / 128);
        }
    }
}
