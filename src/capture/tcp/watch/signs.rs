//! What a segment shows, given those before it.

/// Signs of a segment. Each may be there or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SegmentSigns(u16);

impl SegmentSigns {
    /// It was sent before, as a whole.
    pub(super) const RETRANSMISSION: Self = Self(1);
    /// It was overtaken by a later one.
    pub(super) const OUT_OF_ORDER: Self = Self(1 << 1);
    /// It repeats an acknowledgement.
    pub(super) const DUPLICATE_ACK: Self = Self(1 << 2);
    /// It says that there is no room.
    pub(super) const ZERO_WINDOW: Self = Self(1 << 3);
    /// It fills the other side's window.
    pub(super) const WINDOW_FULL: Self = Self(1 << 4);
    /// It asks whether there is room again: one byte behind a window of 0.
    pub(super) const WINDOW_PROBE: Self = Self(1 << 5);
    /// It asks whether the other side is still there, with the byte before the next one. Linux asks so for room as well.
    pub(super) const KEEP_ALIVE: Self = Self(1 << 6);
    /// Segments before it are not in the capture, or still to come.
    pub(super) const BEHIND_HOLE: Self = Self(1 << 7);

    pub(super) fn add(&mut self, sign: Self, shows: bool) {
        if shows {
            self.0 |= sign.0;
        }
    }

    pub(super) const fn has(self, sign: Self) -> bool {
        self.0 & sign.0 != 0
    }

    /// 1 if it is there.
    pub(super) fn count(self, sign: Self) -> u64 {
        u64::from(self.has(sign))
    }
}
