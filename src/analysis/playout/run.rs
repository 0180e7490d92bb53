//! One frame, or several that are joined.

/// A frame, or neighbours whose lateness is nearly the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FrameRun {
    /// Media time of the first.
    pub(super) media_ms: f64,
    /// Lowest and highest lateness.
    pub(super) least_ms: f64,
    pub(super) most_ms: f64,
    pub(super) frames: u32,
    /// What came before is not to be compared with it.
    pub(super) begins_part: bool,
}

impl FrameRun {
    /// More of the frame came, later.
    pub(super) fn grow(&mut self, lateness_ms: f64) {
        self.most_ms = self.most_ms.max(lateness_ms);
        if self.frames == 1 {
            self.least_ms = self.most_ms;
        }
    }
}
