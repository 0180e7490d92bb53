//! Frames in order of media time, in bounded memory: as long as there is room each by itself, then neighbours together
//! whose lateness is nearly the same.

use std::cmp::Ordering;

use crate::analysis::budget::Budget;
use crate::analysis::playout::figures::{PlayoutFigures, own_drift_ppm};
use crate::analysis::playout::run::FrameRun;

/// Frames and runs that are kept of a stream: 1 MiB.
const MAX_RUNS: usize = 32_768;
/// So many there is always room for.
const MIN_RUNS: usize = 64;
/// A stream with more has many.
const FEW_RUNS: usize = 1024;
/// A frame finds its place among so many of the latest: more than a decoder reorders (ITU-T H.264, section A.3.1, has 16
/// at most).
pub(super) const REORDERED: usize = 32;
/// What frames that are joined first differ by at most, in milliseconds; doubled as often as is needed.
const TOLERANCE_MS: f64 = 1.0;
/// A drift of 1000 parts per million, ten times that of crystals, changes the lateness within a run by the tolerance.
const SPAN: f64 = 1000.0;
/// Beyond a tolerance of eleven days anything is joined.
const MAX_TOLERANCE_MS: f64 = 1e9;

/// The frames of a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct RunList {
    runs: Vec<FrameRun>,
    /// Places in `runs` where parts begin.
    parts: usize,
    tolerance_ms: f64,
    /// Of parts that there was no room for.
    settled: Option<PlayoutFigures>,
}

impl RunList {
    /// The highest media time.
    #[inline]
    pub(super) fn highest_ms(&self) -> Option<f64> {
        self.runs.last().map(|run| run.media_ms)
    }

    /// Takes the next frame; one that comes out of order goes where it belongs.
    #[inline]
    pub(super) fn insert(&mut self, frame: FrameRun) {
        self.parts += usize::from(frame.begins_part);
        if frame.begins_part || self.highest_ms().is_none_or(|highest_ms| frame.media_ms > highest_ms) {
            self.runs.push(frame);
        } else {
            self.insert_earlier(frame);
        }
    }

    #[cold]
    fn insert_earlier(&mut self, mut frame: FrameRun) {
        let mut place = self.runs.len();
        let oldest = place.saturating_sub(REORDERED);
        while let Some(before) = place.checked_sub(1).and_then(|before| self.runs.get_mut(before)) {
            match before.media_ms.total_cmp(&frame.media_ms) {
                Ordering::Equal => return before.grow(frame.most_ms),
                Ordering::Greater if place > oldest => {}
                _ => break,
            }
            place -= 1;
            if before.begins_part {
                frame.begins_part = std::mem::take(&mut before.begins_part);
                break;
            }
        }
        self.runs.insert(place, frame);
    }

    /// Makes room for one more.
    #[inline]
    pub(super) fn make_room(&mut self, buffer_ms: f64, budget: &mut Budget) {
        if self.runs.len() == self.runs.capacity() {
            self.grow(buffer_ms, budget);
        }
    }

    #[cold]
    fn grow(&mut self, buffer_ms: f64, budget: &mut Budget) {
        let len = self.runs.len();
        let wanted = (len * 2).clamp(MIN_RUNS, MAX_RUNS);
        let bytes = (wanted - len.min(wanted)) * size_of::<FrameRun>();
        if len == 0 || wanted > len && budget.take_frames(bytes, wanted > FEW_RUNS) {
            self.runs.reserve_exact(wanted - len);
        } else {
            self.compact(buffer_ms);
        }
    }

    /// Makes at most half of the runs, but for the latest ones.
    fn compact(&mut self, buffer_ms: f64) {
        let target = self.runs.len() - self.runs.len().saturating_sub(REORDERED) / 2;
        if self.parts > target / 2 {
            self.settle(buffer_ms);
        }
        self.tolerance_ms = self.tolerance_ms.max(TOLERANCE_MS);
        while self.runs.len() > target {
            self.join();
            if self.tolerance_ms > MAX_TOLERANCE_MS {
                self.settle(buffer_ms);
                self.tolerance_ms = f64::INFINITY;
            } else if self.runs.len() > target {
                self.tolerance_ms *= 2.0;
            }
        }
    }

    /// Joins neighbours, but for the latest ones.
    fn join(&mut self) {
        let (tolerance_ms, mut place) = (self.tolerance_ms, 0);
        let last = self.runs.len().saturating_sub(REORDERED);
        self.runs.dedup_by(|next, run| {
            place += 1;
            let (least_ms, most_ms) = (run.least_ms.min(next.least_ms), run.most_ms.max(next.most_ms));
            let alike = most_ms - least_ms <= tolerance_ms && next.media_ms - run.media_ms <= SPAN * tolerance_ms;
            let Some(frames) = run.frames.checked_add(next.frames) else { return false };
            let joins = alike && !next.begins_part && place < last;
            if joins {
                (run.least_ms, run.most_ms, run.frames) = (least_ms, most_ms, frames);
            }
            joins
        });
    }

    /// Keeps no more of the parts before the latest than their figures, with the drift of each by itself.
    fn settle(&mut self, buffer_ms: f64) {
        let latest = self.runs.iter().rposition(|run| run.begins_part).unwrap_or(0);
        let earlier: Vec<FrameRun> = self.runs.drain(..latest).collect();
        let figures = parts(&earlier).filter_map(|part| PlayoutFigures::of(part, own_drift_ppm(part), buffer_ms));
        self.settled = self.settled.into_iter().chain(figures).reduce(PlayoutFigures::joined);
        self.parts = 1;
    }

    /// Frames and runs that are kept.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.runs.len()
    }

    /// The figures of all parts; without a common drift each has its own. `None` without a frame.
    pub(super) fn figures(&self, drift: CommonDrift, buffer_ms: f64) -> Option<PlayoutFigures> {
        let figures = parts(&self.runs).filter_map(|part| {
            let drift_ppm = match drift {
                CommonDrift::Of(drift_ppm) => drift_ppm,
                CommonDrift::None => own_drift_ppm(part),
            };
            PlayoutFigures::of(part, drift_ppm, buffer_ms)
        });
        self.settled.into_iter().chain(figures).reduce(PlayoutFigures::joined)
    }
}

/// Whether one drift holds for all parts.
#[derive(Clone, Copy, Debug)]
pub(super) enum CommonDrift {
    /// This one, if it is known.
    Of(Option<f64>),
    /// Timestamps jumped.
    None,
}

fn parts(runs: &[FrameRun]) -> impl Iterator<Item = &[FrameRun]> {
    runs.chunk_by(|_, next| !next.begins_part)
}
