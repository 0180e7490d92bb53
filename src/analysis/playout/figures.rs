//! What a player with a buffer would have shown of a part: its frames in order of media time.

use std::time::Duration;

use crate::analysis::cell::float;
use crate::analysis::playout::run::FrameRun;
use crate::analysis::skew::LowerEnvelope;

/// What a player with a buffer would have shown of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::analysis) struct PlayoutFigures {
    /// The smallest buffer for which no frame is late, and for which 1 % are.
    pub(in crate::analysis) needed_ms: f64,
    pub(in crate::analysis) needed_p99_ms: f64,
    /// Frames that come too late for the buffer.
    pub(in crate::analysis) late_frames: u64,
    /// How often a player that waits stands still, and how long in all.
    pub(in crate::analysis) stalls: u64,
    pub(in crate::analysis) stalled_ms: f64,
}

/// A buffer as milliseconds.
pub(in crate::analysis) fn buffer_ms(buffer: Duration) -> f64 {
    buffer.as_secs_f64() * 1e3
}

/// The media clock against the capture's clock.
#[derive(Clone, Copy, Debug)]
struct ClockLine {
    origin_ms: f64,
    slope: f64,
}

impl ClockLine {
    /// Lowest and highest lateness of a run, without the drift.
    fn levelled(self, run: &FrameRun) -> (f64, f64) {
        let drifted_ms = self.slope * (run.media_ms - self.origin_ms);
        (run.least_ms - drifted_ms, run.most_ms - drifted_ms)
    }
}

impl PlayoutFigures {
    /// The figures of one part; `None` where it has no frame. Where a run holds several frames none is counted as late, and
    /// no standstill, that may not be one.
    pub(super) fn of(part: &[FrameRun], drift_ppm: Option<f64>, buffer_ms: f64) -> Option<Self> {
        let line = ClockLine { origin_ms: part.first()?.media_ms, slope: drift_ppm.unwrap_or(0.0) / 1e6 };
        let base_ms = part.iter().map(|run| line.levelled(run).0).fold(f64::INFINITY, f64::min);
        let mut figures = Self::default();
        let mut shown_ms = base_ms + buffer_ms;
        for run in part {
            let (least_ms, most_ms) = line.levelled(run);
            figures.needed_ms = figures.needed_ms.max(most_ms - base_ms);
            if least_ms - base_ms > buffer_ms {
                figures.late_frames += u64::from(run.frames);
            } else if most_ms - base_ms > buffer_ms {
                figures.late_frames += 1;
            }
            if most_ms > shown_ms {
                figures.stalls += 1;
                figures.stalled_ms += most_ms - shown_ms;
                shown_ms = most_ms;
            }
        }
        figures.needed_p99_ms = needed_p99_ms(part, line, base_ms);
        Some(figures)
    }

    /// Those of two parts together.
    pub(super) fn joined(self, other: Self) -> Self {
        Self {
            needed_ms: self.needed_ms.max(other.needed_ms),
            needed_p99_ms: self.needed_p99_ms.max(other.needed_p99_ms),
            late_frames: self.late_frames + other.late_frames,
            stalls: self.stalls + other.stalls,
            stalled_ms: self.stalled_ms + other.stalled_ms,
        }
    }
}

/// The buffer for which 99 % of the frames come in time: the value at rank ceil(0.99 n).
fn needed_p99_ms(part: &[FrameRun], line: ClockLine, base_ms: f64) -> f64 {
    let frames: u64 = part.iter().map(|run| u64::from(run.frames)).sum();
    let rank = (frames * 99).div_ceil(100);
    let mut needed: Vec<(f64, u32)> = part.iter().map(|run| (line.levelled(run).1 - base_ms, run.frames)).collect();
    needed.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let mut below = 0;
    let at_rank = needed.iter().find(|(_, frames)| {
        below += u64::from(*frames);
        below >= rank
    });
    at_rank.map_or(0.0, |(needed_ms, _)| *needed_ms)
}

/// The drift of a part by itself; `None` below 60 s.
pub(super) fn own_drift_ppm(part: &[FrameRun]) -> Option<f64> {
    let first = part.first()?;
    let mut envelope = LowerEnvelope::default();
    for run in part {
        let skew_ms = run.least_ms - first.least_ms;
        envelope.add(nanos(run.media_ms - first.media_ms + skew_ms), skew_ms);
    }
    envelope.slope_ppm()
}

#[expect(clippy::cast_possible_truncation, reason = "saturates; beyond 292 years nothing is asked")]
fn nanos(millis: f64) -> i64 {
    (millis * float(1_000_000)) as i64
}
