//! The first and the last of many.

use std::collections::VecDeque;

/// Keeps the beginning and the end of a long list, and counts what lies between.
#[derive(Debug)]
pub(super) struct Ends<T> {
    first: Vec<T>,
    last: VecDeque<T>,
    limits: (usize, usize),
    omitted: usize,
}

impl<T> Ends<T> {
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
            let mut ends = Ends::new(first, last);
            (0..count).for_each(|item| ends.push(item));
            let (beginning, omitted, end) = ends.parts();
            let all: Vec<usize> = beginning.iter().chain(end).copied().collect();
            let kept = count.min(first + last);
            let expected: Vec<usize> =
                (0..count.min(first)).chain(count - (kept - count.min(first))..count).collect();
            prop_assert_eq!(all, expected);
            prop_assert_eq!((omitted, ends.count()), (count - kept, count));
        }
    }
}
