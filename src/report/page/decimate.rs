//! Points over time, thinned out as they come: of each stretch of time the extremes stay.
//!
//! Buckets begin a microsecond wide. When there are too many, all of them become twice as wide, and neighbours that fall
//! into one are joined. So few points stay as they are, and of many no extreme is lost.

use std::fmt::Debug;

/// What is known of a stretch of time.
pub(super) trait Bucket: Copy + Debug {
    /// Takes what follows.
    fn join(&mut self, later: &Self);
}

/// Buckets in the order of time.
#[derive(Clone, Debug)]
pub(super) struct Decimator<B> {
    /// Nanoseconds.
    width: i64,
    /// Where the latest bucket ends.
    end: i64,
    limit: usize,
    /// Each with the time of its first point.
    buckets: Vec<(i64, B)>,
}

impl<B: Bucket> Decimator<B> {
    /// At most `limit` buckets that begin `width` nanoseconds wide.
    pub(super) fn new(width: i64, limit: usize) -> Self {
        Self { width: width.max(1), end: i64::MIN, limit: limit.max(4), buckets: Vec::new() }
    }

    /// Adds a point at `at`, nanoseconds. One that is late goes into the latest bucket: captures are in order, or nearly.
    #[inline]
    pub(super) fn add(&mut self, at: i64, point: &B) {
        match self.buckets.last_mut() {
            Some((_, latest)) if at < self.end => latest.join(point),
            _ => self.open(at, point),
        }
    }

    #[inline(never)]
    fn open(&mut self, at: i64, point: &B) {
        self.buckets.push((at, *point));
        self.end = end(at, self.width);
        self.shrink_if_above(self.limit);
    }

    /// From now on there may be so many only.
    pub(super) fn limit_to(&mut self, limit: usize) {
        self.limit = limit.max(4);
        self.shrink_if_above(self.limit);
        self.buckets.shrink_to(self.limit);
    }

    /// Widens until there is room for a quarter more, so that it happens seldom.
    fn shrink_if_above(&mut self, limit: usize) {
        if self.buckets.len() <= limit {
            return;
        }
        while self.buckets.len() > limit - limit / 4 && self.width < i64::MAX / 2 {
            let before = self.buckets.len();
            self.width *= 2;
            self.join_neighbours();
            if self.buckets.len() == before {
                self.widen_to_the_nearest();
            }
        }
        self.end = self.buckets.last().map_or(i64::MIN, |(at, _)| end(*at, self.width));
    }

    /// Widens as long as that would join nothing: points as far apart as a bucket is wide are in two of them.
    fn widen_to_the_nearest(&mut self) {
        let neighbours = self.buckets.iter().zip(self.buckets.iter().skip(1));
        let nearest = neighbours.map(|((at, _), (next, _))| next.saturating_sub(*at)).min();
        while self.width < i64::MAX / 4 && nearest.is_some_and(|nearest| nearest >= self.width * 2) {
            self.width *= 2;
        }
    }

    /// Joins the buckets that are in one by now.
    fn join_neighbours(&mut self) {
        let width = self.width;
        let mut until = self.buckets.first().map_or(i64::MIN, |(at, _)| end(*at, width));
        self.buckets.dedup_by(|(at, later), (_, bucket)| {
            let same = *at < until;
            if same {
                bucket.join(later);
            } else {
                until = end(*at, width);
            }
            same
        });
    }

    /// Nanoseconds that a bucket is wide.
    pub(super) fn width(&self) -> i64 {
        self.width
    }

    /// The time of its first point, and the bucket.
    pub(super) fn buckets(&self) -> &[(i64, B)] {
        &self.buckets
    }
}

/// Where the bucket of `at` ends.
fn end(at: i64, width: i64) -> i64 {
    at.div_euclid(width).saturating_add(1).saturating_mul(width)
}

/// The lowest and the highest of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Span {
    /// Of no values.
    pub(super) const NONE: Self = Self { min: f64::INFINITY, max: f64::NEG_INFINITY };

    /// Of one, if it is known.
    #[inline]
    pub(super) fn of(value: Option<f64>) -> Self {
        value.map_or(Self::NONE, |value| Self { min: value, max: value })
    }

    #[inline]
    pub(super) fn join(&mut self, other: &Self) {
        self.min = if other.min < self.min { other.min } else { self.min };
        self.max = if other.max > self.max { other.max } else { self.max };
    }

    /// Whether there is any value.
    pub(super) fn is_some(&self) -> bool {
        self.min <= self.max
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The values themselves beside their span, to compare.
    #[derive(Clone, Copy, Debug)]
    struct Counted {
        span: Span,
        count: usize,
        sum: i64,
    }

    impl Bucket for Counted {
        fn join(&mut self, later: &Self) {
            self.span.join(&later.span);
            self.count += later.count;
            self.sum += later.sum;
        }
    }

    fn one(value: i32) -> Counted {
        Counted { span: Span::of(Some(f64::from(value))), count: 1, sum: i64::from(value) }
    }

    fn decimated(points: &[(i64, i32)], limit: usize) -> Decimator<Counted> {
        let mut decimator = Decimator::new(1000, limit);
        for (at, value) in points {
            decimator.add(*at, &one(*value));
        }
        decimator
    }

    /// Points in the order of time, in bursts and with pauses.
    fn points() -> impl Strategy<Value = Vec<(i64, i32)>> {
        let step = prop_oneof![4 => 0i64..2000, 4 => 0i64..50_000_000, 1 => 0i64..10_000_000_000_000];
        prop::collection::vec((step, any::<i16>()), 0..400).prop_map(|steps| {
            let mut at = 0;
            steps
                .into_iter()
                .map(|(step, value)| {
                    at += step;
                    (at, i32::from(value))
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn each_bucket_has_the_extremes_of_its_points(points in points(), limit in 4usize..100) {
            let decimator = decimated(&points, limit);
            prop_assert!(decimator.buckets().len() <= limit);
            let mut left = points.as_slice();
            for (first, bucket) in decimator.buckets() {
                let end = end(*first, decimator.width());
                let (inside, rest) = left.split_at(left.partition_point(|(at, _)| *at < end));
                left = rest;
                prop_assert_eq!(inside.first().map(|(at, _)| *at), Some(*first));
                prop_assert_eq!(bucket.count, inside.len());
                let values: Vec<i32> = inside.iter().map(|(_, value)| *value).collect();
                let extremes = values.iter().min().zip(values.iter().max());
                let extremes = extremes.map(|(min, max)| Span { min: f64::from(*min), max: f64::from(*max) });
                prop_assert_eq!(Some(bucket.span), extremes);
            }
            prop_assert!(left.is_empty());
        }

        #[test]
        fn buckets_are_in_order_each_in_a_stretch_of_its_own(points in points(), limit in 4usize..100) {
            let decimator = decimated(&points, limit);
            let stretches: Vec<i64> =
                decimator.buckets().iter().map(|(at, _)| at.div_euclid(decimator.width())).collect();
            prop_assert!(stretches.is_sorted_by(|one, next| one < next));
        }

        /// Also where times are anything at all, as in a damaged capture.
        #[test]
        fn nothing_is_lost(points in prop::collection::vec((any::<i64>(), any::<i32>()), 0..200), limit in 4usize..20) {
            let decimator = decimated(&points, limit);
            prop_assert!(decimator.buckets().len() <= limit);
            let sum: i64 = decimator.buckets().iter().map(|(_, bucket)| bucket.sum).sum();
            prop_assert_eq!(sum, points.iter().map(|(_, value)| i64::from(*value)).sum::<i64>());
            prop_assert!(decimator.buckets().is_sorted_by_key(|(at, _)| *at));
        }

        #[test]
        fn a_lower_limit_holds_at_once(points in points(), limit in 4usize..50) {
            let mut decimator = decimated(&points, 1000);
            decimator.limit_to(limit);
            prop_assert!(decimator.buckets().len() <= limit);
            prop_assert_eq!(decimator.buckets().iter().map(|(_, bucket)| bucket.count).sum::<usize>(), points.len());
        }
    }

    #[test]
    fn few_points_stay_as_they_are() {
        let points = [(5_000, 1), (6_500, 2), (9_000_000_000, 3)];
        let decimator = decimated(&points, 10);
        let kept: Vec<_> = decimator.buckets().iter().map(|(at, bucket)| (*at, bucket.sum)).collect();
        assert_eq!(kept, points.map(|(at, value)| (at, i64::from(value))));
    }
}
