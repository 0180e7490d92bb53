//! Where decoding can begin, and how often.

use crate::analysis::frames::frame::Frame;
use crate::time::Timestamp;

/// When and where a picture came.
#[derive(Clone, Copy, Debug)]
pub(in crate::analysis) struct PicturePlace {
    pub(in crate::analysis) at: Timestamp,
    pub(in crate::analysis) frame_number: Option<u64>,
    pub(in crate::analysis) capture: u32,
}

/// The pictures with which decoding can begin: key frames, pictures of I slices alone, recovery points.
#[derive(Clone, Debug, Default)]
pub(in crate::analysis) struct KeyFrames {
    pub(in crate::analysis) first_picture: Option<PicturePlace>,
    pub(in crate::analysis) last_picture: Option<PicturePlace>,
    pub(in crate::analysis) first: Option<PicturePlace>,
    /// Something was missing before the first one.
    pub(in crate::analysis) lacks: bool,
    /// Timestamp and arrival of the latest, if nothing is missing since.
    latest: Option<(i64, Timestamp)>,
    /// What came before does not count for the distance: the client paused, or plays again.
    since: Option<Timestamp>,
    /// The most ticks and the most nanoseconds from one to the next: a jump of the timestamps makes the one long, a silence
    /// the other.
    longest: (i64, i64),
}

impl KeyFrames {
    /// Takes the next picture; `lacks`: something of it is missing, or right before it.
    pub(super) fn picture(&mut self, frame: &Frame, is_entry: bool, lacks: bool) {
        let first = PicturePlace { at: frame.first_at, frame_number: frame.first_number, capture: frame.captures.0 };
        let last = PicturePlace { at: frame.last_at, frame_number: frame.last_number, capture: frame.captures.1 };
        let is_first = self.first_picture.is_none();
        self.first_picture.get_or_insert(first);
        self.last_picture = Some(last);
        if self.first.is_none() {
            // Of the very first picture a part may have come before the capture began.
            self.lacks |= lacks && !is_first;
            self.first = is_entry.then_some(last);
        }
        // Behind a loss nobody knows whether it was a key frame.
        if lacks {
            self.latest = None;
        } else if let Some((timestamp, at)) = self.latest {
            let (ticks, nanos) = self.longest;
            let passed = frame.first_at.nanos_since(at);
            self.longest = (ticks.max(frame.ext_timestamp.saturating_sub(timestamp)), nanos.max(passed));
        }
        if is_entry && self.since.is_none_or(|since| since <= frame.first_at) {
            self.latest = Some((frame.ext_timestamp, frame.first_at));
        }
    }

    /// Another part of the media begins, or goes on after a pause.
    pub(super) fn begin_part(&mut self, at: Timestamp) {
        (self.latest, self.since) = (None, Some(at));
    }

    /// The most ticks and the most nanoseconds from one of them to the next, or to the end.
    pub(in crate::analysis) fn longest_distance(&self) -> (i64, i64) {
        self.longest
    }
}
