//! Late frames as they come: next to the earliest so far, as a player has it that does not know what is to come.

use crate::time::Timestamp;

/// So much slower or faster than another a clock may be (crystals are within 100 parts per million): with time the earliest
/// frame says less.
const DRIFT: f64 = 200e-6;

/// Late frames of the part that plays.
#[derive(Clone, Debug)]
pub(super) struct LateFrames {
    /// The least lateness, and the media time for which it holds.
    earliest_ms: f64,
    media_ms: f64,
    /// Of all parts.
    count: u64,
    latest: Option<Timestamp>,
}

impl LateFrames {
    pub(super) const fn new() -> Self {
        Self { earliest_ms: f64::INFINITY, media_ms: f64::NEG_INFINITY, count: 0, latest: None }
    }

    /// Another part begins.
    pub(super) fn begin_part(&mut self) {
        (self.earliest_ms, self.media_ms) = (f64::INFINITY, f64::NEG_INFINITY);
    }

    /// The next frame is whole.
    #[inline]
    pub(super) fn frame(&mut self, at: Timestamp, media_ms: f64, lateness_ms: f64, buffer_ms: f64) {
        let passed_ms = (media_ms - self.media_ms).max(0.0);
        (self.earliest_ms, self.media_ms) = (self.earliest_ms + passed_ms * DRIFT, media_ms.max(self.media_ms));
        self.earliest_ms = self.earliest_ms.min(lateness_ms);
        if lateness_ms - self.earliest_ms > buffer_ms {
            self.count += 1;
            self.latest = Some(at);
        }
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Whether one came since.
    pub(super) fn has_since(&self, from: Timestamp) -> bool {
        self.latest.is_some_and(|latest| latest >= from)
    }
}
