//! Spans of time that notes tell of, each once.

use std::collections::VecDeque;

use crate::time::Timestamp;

/// What the recorder said of itself is remembered so many times.
const MAX_NOTES: usize = 64;

/// From when to when.
pub(super) type Span = (Timestamp, Timestamp);

/// Keeps a span, joined with those that it touches. They come in the order of their ends.
pub(super) fn remember(spans: &mut VecDeque<Span>, (mut from, to): Span) {
    // A note that was tampered with may tell of any time.
    let mut end = to.max(from);
    while let Some((earlier, last)) = spans.pop_back_if(|(_, last)| from <= *last) {
        (from, end) = (from.min(earlier), end.max(last));
    }
    keep(spans, (from, end));
}

/// Keeps the latest few of what notes tell.
pub(super) fn keep<T>(memory: &mut VecDeque<T>, item: T) {
    if memory.len() == MAX_NOTES {
        memory.pop_front();
    }
    memory.push_back(item);
}

/// Nanoseconds that the spans have in common with this one.
pub(super) fn overlap(spans: &VecDeque<Span>, (from, to): Span) -> i64 {
    let common = |(begin, end): &Span| end.min(&to).nanos_since(*begin.max(&from)).max(0);
    spans.iter().map(common).fold(0, i64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_twice_counts_once() {
        let span = |from, to| (Timestamp::from_nanos(from), Timestamp::from_nanos(to));
        let mut spans = VecDeque::new();
        for told in [span(10, 20), span(15, 25), span(40, 50), span(45, 42), span(60, 60)] {
            remember(&mut spans, told);
        }
        assert_eq!(spans, [span(10, 25), span(40, 50), span(60, 60)]);
        assert_eq!(overlap(&spans, span(0, 100)), 25);
        assert_eq!(overlap(&spans, span(20, 45)), 10);
        assert_eq!(overlap(&spans, span(26, 39)), 0);
        remember(&mut spans, span(12, 70));
        assert_eq!(spans, [span(10, 70)], "a longer wait holds the others");
    }
}
