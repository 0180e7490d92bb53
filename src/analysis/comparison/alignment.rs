//! Two lists side by side: what both have, in an order that both keep.

/// Where a line of the two lists stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AlignedLine {
    /// In both, at these places.
    Both(usize, usize),
    /// Only in the first.
    Then(usize),
    /// Only in the second.
    Now(usize),
}

/// Both lists as one, by their longest common subsequence. Its table has a cell for each pair of what stands behind their
/// common beginning: callers limit both.
pub(super) fn aligned<T: PartialEq>(then: &[T], now: &[T]) -> Vec<AlignedLine> {
    let same = then.iter().zip(now).take_while(|(line, other)| line == other).count();
    let [then, now] = [then, now].map(|lines| lines.get(same..).unwrap_or_default());
    let behind = aligned_from_difference(then, now).into_iter().map(|place| match place {
        AlignedLine::Both(row, column) => AlignedLine::Both(row + same, column + same),
        AlignedLine::Then(row) => AlignedLine::Then(row + same),
        AlignedLine::Now(column) => AlignedLine::Now(column + same),
    });
    (0..same).map(|place| AlignedLine::Both(place, place)).chain(behind).collect()
}

fn aligned_from_difference<T: PartialEq>(then: &[T], now: &[T]) -> Vec<AlignedLine> {
    let width = now.len() + 1;
    let mut lengths = vec![0_u16; (then.len() + 1) * width];
    let at = |lengths: &[u16], row: usize, column: usize| lengths.get(row * width + column).copied().unwrap_or(0);
    for (row, line) in then.iter().enumerate().rev() {
        for (column, other) in now.iter().enumerate().rev() {
            let length = if line == other {
                at(&lengths, row + 1, column + 1) + 1
            } else {
                at(&lengths, row + 1, column).max(at(&lengths, row, column + 1))
            };
            if let Some(place) = lengths.get_mut(row * width + column) {
                *place = length;
            }
        }
    }
    let (mut row, mut column, mut places) = (0, 0, Vec::new());
    while row < then.len() || column < now.len() {
        if row < then.len() && column < now.len() && then.get(row) == now.get(column) {
            places.push(AlignedLine::Both(row, column));
            (row, column) = (row + 1, column + 1);
        } else if column >= now.len()
            || (row < then.len() && at(&lengths, row + 1, column) >= at(&lengths, row, column + 1))
        {
            places.push(AlignedLine::Then(row));
            row += 1;
        } else {
            places.push(AlignedLine::Now(column));
            column += 1;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// Each list comes back in its order, and what stands side by side is the same.
        #[test]
        fn nothing_is_lost(then in proptest::collection::vec(0..4u8, 0..20), now in proptest::collection::vec(0..4u8, 0..20)) {
            let places = aligned(&then, &now);
            let rows: Vec<usize> = places.iter().filter_map(|place| match place {
                AlignedLine::Both(row, _) | AlignedLine::Then(row) => Some(*row),
                AlignedLine::Now(_) => None,
            }).collect();
            let columns: Vec<usize> = places.iter().filter_map(|place| match place {
                AlignedLine::Both(_, column) | AlignedLine::Now(column) => Some(*column),
                AlignedLine::Then(_) => None,
            }).collect();
            proptest::prop_assert_eq!(rows, (0..then.len()).collect::<Vec<_>>());
            proptest::prop_assert_eq!(columns, (0..now.len()).collect::<Vec<_>>());
            for place in &places {
                if let AlignedLine::Both(row, column) = place {
                    proptest::prop_assert_eq!(then[*row], now[*column]);
                }
            }
            proptest::prop_assert!(then != now || places.len() == then.len());
        }
    }
}
