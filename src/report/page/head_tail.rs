//! The first and the last of many.

use std::collections::VecDeque;

/// Keeps the beginning and the end of a long list, and counts what lies between.
#[derive(Debug)]
pub(super) struct HeadTail<T> {
    first: Vec<T>,
    last: VecDeque<T>,
    limits: (usize, usize),
    omitted: usize,
}

impl<T> HeadTail<T> {
    pub(super) fn new(first: usize, last: usize) -> Self {
        Self { first: Vec::new(), last: VecDeque::new(), limits: (first, last), omitted: 0 }
    }

    pub(super) fn push(&mut self, item: T) {
        let (first, last) = self.limits;
        if self.first.len() < first {
            self.first.push(item);
            return;
        }
        self.last.push_back(item);
        if self.last.len() > last {
            self.last.pop_front();
            self.omitted += 1;
        }
    }

    /// The beginning; how many follow it that were left out; the end.
    pub(super) fn parts(&self) -> (&[T], usize, impl Iterator<Item = &T>) {
        (&self.first, self.omitted, self.last.iter())
    }

    /// The same with so many of them at most, of which the end has a quarter.
    pub(super) fn parts_within(&self, most: usize) -> (&[T], usize, impl Iterator<Item = &T>) {
        let last = self.last.len().min(most / 4);
        let first = self.first.get(..most - last).unwrap_or(&self.first);
        let omitted = self.count() - first.len() - last;
        (first, omitted, self.last.iter().skip(self.last.len() - last))
    }

    /// How many there were.
    pub(super) fn count(&self) -> usize {
        self.first.len() + self.omitted + self.last.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_lies_between_is_counted(count in 0usize..50, first in 0usize..10, last in 0usize..10) {
            let mut ends = HeadTail::new(first, last);
            (0..count).for_each(|item| ends.push(item));
            let (beginning, omitted, end) = ends.parts();
            let all: Vec<usize> = beginning.iter().chain(end).copied().collect();
            let kept = count.min(first + last);
            let expected: Vec<usize> =
                (0..count.min(first)).chain(count - (kept - count.min(first))..count).collect();
            prop_assert_eq!(all, expected);
            prop_assert_eq!((omitted, ends.count()), (count - kept, count));
        }

        #[test]
        fn fewer_of_them(count in 0usize..50, first in 0usize..10, last in 0usize..10, most in 0usize..20) {
            let mut ends = HeadTail::new(first, last);
            (0..count).for_each(|item| ends.push(item));
            let (beginning, omitted, end) = ends.parts_within(most);
            let end: Vec<usize> = end.copied().collect();
            prop_assert_eq!(beginning, (0..beginning.len()).collect::<Vec<_>>());
            prop_assert_eq!(&end, &(count - end.len()..count).collect::<Vec<_>>());
            prop_assert_eq!(beginning.len() + omitted + end.len(), count);
            prop_assert!(beginning.len() + end.len() <= most && end.len() <= most / 4);
            prop_assert!(most < first + last.max(1) * 4 || omitted == ends.parts().1, "there is room for all that is kept");
        }
    }
}
