//! Pieces of a stream in their order, and the one that stands at a position.

use std::cmp::Reverse;

/// How many pieces are passed over one by one, before the place of the next is looked for among all.
const NEAR: usize = 8;

/// Bytes that stand at a position.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeptPiece {
    pub(super) start: u64,
    pub(super) len: u32,
    /// Where they are kept.
    pub(super) kept: u32,
}

/// Puts pieces in their order. What was planned before it was known whose it is was planned twice: the later one counts,
/// and none lies within another.
pub(super) fn settle(pieces: &mut Vec<KeptPiece>) {
    pieces.sort_by_key(|piece| (piece.start, Reverse(piece.len)));
    pieces.dedup_by(|piece, before| {
        let [end, end_before] = [&*piece, &*before].map(|piece| piece.start + u64::from(piece.len));
        if (piece.start, end) == (before.start, end_before) {
            *before = *piece;
        }
        end <= end_before
    });
}

/// The place of the first piece that reaches behind a position; `near` is a guess.
pub(super) fn first_behind(pieces: &[KeptPiece], near: usize, at: u64) -> usize {
    let is_before = |piece: &KeptPiece| piece.start + u64::from(piece.len) <= at;
    let next = pieces.get(near..).unwrap_or_default().iter().take(NEAR).take_while(|piece| is_before(piece)).count();
    let first = near + next;
    let comes_behind = first.checked_sub(1).is_none_or(|before| pieces.get(before).is_some_and(is_before));
    if comes_behind && pieces.get(first).is_none_or(|piece| !is_before(piece)) {
        return first;
    }
    pieces.partition_point(is_before)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_guess_changes_nothing(
            pieces in proptest::collection::vec((0..20u64, 1..20u32), 0..40), near in 0..50usize, at in 0..900u64,
        ) {
            let mut start = 0;
            let piece = |(gap, len): (u64, u32)| {
                let piece = KeptPiece { start: start + gap, len, kept: 0 };
                start = piece.start + u64::from(len);
                piece
            };
            let pieces: Vec<KeptPiece> = pieces.into_iter().map(piece).collect();
            proptest::prop_assert_eq!(first_behind(&pieces, near, at), first_behind(&pieces, usize::MAX, at));
        }
    }
}
