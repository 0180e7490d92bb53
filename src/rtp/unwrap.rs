//! Counters that wrap, made to run on: 16-bit sequence numbers and 32-bit timestamps as `i64`.

mod sealed {
    pub trait Sealed {}
    impl Sealed for u16 {}
    impl Sealed for u32 {}
}

/// An unsigned counter that wraps: `u16` (sequence numbers) or `u32` (timestamps).
pub trait Counter: sealed::Sealed + Copy + Into<i64> {
    /// Steps from `earlier` to `self` by the shorter way round, negative when that is backwards.
    /// Exactly half the range counts as backwards.
    fn distance_from(self, earlier: Self) -> i64;
}

impl Counter for u16 {
    fn distance_from(self, earlier: Self) -> i64 {
        i64::from(self.wrapping_sub(earlier).cast_signed())
    }
}

impl Counter for u32 {
    fn distance_from(self, earlier: Self) -> i64 {
        i64::from(self.wrapping_sub(earlier).cast_signed())
    }
}

/// Extends a wrapping counter to 64 bits by the nearest-distance rule: each value is taken to be as close as it can be
/// to the value before it. The first value stands for itself; what wraps backwards below it becomes negative.
///
/// ```
/// use rtsp_rec::rtp::unwrap::Unwrapper;
///
/// let mut sequence = Unwrapper::<u16>::default();
/// assert_eq!(sequence.extend(65_534), 65_534);
/// assert_eq!(sequence.extend(1), 65_537);
/// assert_eq!(sequence.extend(65_535), 65_535);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Unwrapper<T> {
    last: Option<(T, i64)>,
}

impl<T> Default for Unwrapper<T> {
    fn default() -> Self {
        Self { last: None }
    }
}

impl<T: Counter> Unwrapper<T> {
    /// Takes the next value of the counter and gives its extended form.
    pub fn extend(&mut self, value: T) -> i64 {
        let extended = self.peek(value);
        self.last = Some((value, extended));
        extended
    }

    /// What [`extend`](Self::extend) would give, without moving on.
    pub fn peek(&self, value: T) -> i64 {
        self.last.map_or_else(|| value.into(), |(last, extended)| extended.wrapping_add(value.distance_from(last)))
    }

    /// The extended form of the value taken last.
    pub fn last(&self) -> Option<i64> {
        self.last.map(|(_, extended)| extended)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn runs_on_over_the_wrap_and_back() {
        let mut timestamps = Unwrapper::<u32>::default();
        assert_eq!(timestamps.last(), None);
        assert_eq!(timestamps.extend(3_000), 3_000);
        assert_eq!(timestamps.extend(u32::MAX), -1);
        assert_eq!(timestamps.peek(2), 2);
        assert_eq!(timestamps.extend(5), 5);
        assert_eq!(timestamps.last(), Some(5));
    }

    #[test]
    fn half_the_range_is_backwards() {
        assert_eq!(0x8000_u16.distance_from(0), -0x8000);
        assert_eq!(0x7fff_u16.distance_from(0), 0x7fff);
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the counter is the walk, cut off")]
    fn walk(start: u32, steps: &[i64]) -> impl Iterator<Item = (u32, i64)> + '_ {
        steps.iter().scan(i64::from(start), |at, step| {
            *at += step;
            Some((*at as u32, *at))
        })
    }

    proptest! {
        #[test]
        fn a_walk_of_small_steps_comes_back(start: u32, steps in prop::collection::vec(-0x7fff_ffff_i64..=0x7fff_ffff, 0..50)) {
            let mut unwrapper = Unwrapper::default();
            unwrapper.extend(start);
            for (wrapped, extended) in walk(start, &steps) {
                prop_assert_eq!(unwrapper.extend(wrapped), extended);
            }
        }

        #[test]
        fn so_does_one_of_sequence_numbers(start: u16, steps in prop::collection::vec(-0x7fff_i64..=0x7fff, 0..50)) {
            let mut unwrapper = Unwrapper::default();
            unwrapper.extend(start);
            for (wrapped, extended) in walk(u32::from(start), &steps) {
                prop_assert_eq!(unwrapper.extend((wrapped & 0xffff) as u16), extended);
            }
        }
    }
}
