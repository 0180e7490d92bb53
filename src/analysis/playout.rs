//! Playout: what a player with a buffer would have shown of a stream. A stream is not bad because it jitters; it is bad
//! where a player shows it.
//!
//! A frame is what one RTP timestamp carries, of any encoding; it is there when its last packet is. docs/metrics.md has the
//! formulas. The drift between the clocks, and how late a frame is next to the earliest, are known only at the end; so the
//! frames are kept, in order of media time and in bounded memory.

mod figures;
mod late_frames;
mod run;
mod runs;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::analysis::budget::Budget;
use crate::analysis::cell::{float, ticks_ms};
use crate::analysis::sequence::Status;
use crate::time::Timestamp;

pub(super) use figures::{PlayoutFigures, buffer_ms};
use late_frames::LateFrames;
use run::FrameRun;
use runs::{CommonDrift, RunList};

/// A frame that comes so much earlier than all before has another clock: its timestamp jumped ahead. The bound of verdicts.
const EARLY_MS: f64 = 500.0;
/// A timestamp that goes so far back has jumped: no order of sending explains it. The bound of verdicts.
const BACK_MS: f64 = 2000.0;

/// A packet as playout sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct FramePacket {
    pub(super) at: Timestamp,
    pub(super) status: Status,
    pub(super) ext_timestamp: i64,
    pub(super) clock_rate_hz: u32,
    /// How late it is: its skew.
    pub(super) lateness_ms: f64,
}

/// The frames of a stream and when they were there.
#[derive(Clone, Debug)]
pub(super) struct FrameArrivals {
    /// Of the latest frame, which more packets may belong to.
    ext_timestamp: Option<i64>,
    media_ms: f64,
    lateness_ms: f64,
    /// When its latest packet came.
    at: Timestamp,
    clock_rate_hz: u32,
    /// The next frame begins another part.
    begins_part: bool,
    /// The least lateness of this part.
    base_ms: f64,
    /// A packet far from all others, which the next one may confirm.
    strayed: Option<FramePacket>,
    /// Timestamps jumped, or numbers started over: the drift over all of it is none.
    jumped: bool,
    runs: RunList,
    late: LateFrames,
    buffer: Duration,
}

impl FrameArrivals {
    /// No frames yet, of a player that holds back so much.
    pub(super) fn new(buffer: Duration) -> Self {
        Self {
            ext_timestamp: None,
            media_ms: 0.0,
            lateness_ms: 0.0,
            at: Timestamp::UNKNOWN,
            clock_rate_hz: 0,
            begins_part: true,
            base_ms: f64::INFINITY,
            strayed: None,
            jumped: false,
            runs: RunList::default(),
            late: LateFrames::new(),
            buffer,
        }
    }

    /// Takes the next packet in order of arrival that is no duplicate.
    #[inline]
    pub(super) fn packet(&mut self, packet: FramePacket, budget: &mut Budget) {
        if self.ext_timestamp == Some(packet.ext_timestamp) {
            (self.lateness_ms, self.at) = (self.lateness_ms.max(packet.lateness_ms), packet.at);
        } else {
            self.other_frame(packet, budget);
        }
    }

    /// The packet belongs to another frame than the one before.
    fn other_frame(&mut self, packet: FramePacket, budget: &mut Budget) {
        match packet.status {
            Status::Jump => {
                self.strayed = Some(packet);
                return;
            }
            Status::Restart => {
                self.begin_part(budget);
                self.jumped = true;
                if let Some(first) = self.strayed.take() {
                    self.begin_frame(&first);
                }
            }
            _ => self.strayed = None,
        }
        if self.ext_timestamp == Some(packet.ext_timestamp) {
            (self.lateness_ms, self.at) = (self.lateness_ms.max(packet.lateness_ms), packet.at);
            return;
        }
        self.end_frame(budget);
        if packet.clock_rate_hz != self.clock_rate_hz {
            self.begins_part = true;
        }
        self.begin_frame(&packet);
    }

    fn begin_frame(&mut self, packet: &FramePacket) {
        self.ext_timestamp = Some(packet.ext_timestamp);
        self.media_ms = ticks_ms(float(packet.ext_timestamp), packet.clock_rate_hz);
        (self.lateness_ms, self.at, self.clock_rate_hz) = (packet.lateness_ms, packet.at, packet.clock_rate_hz);
    }

    /// What comes next is not to be compared with what came before.
    pub(super) fn begin_part(&mut self, budget: &mut Budget) {
        self.end_frame(budget);
        self.begins_part = true;
    }

    #[inline]
    fn end_frame(&mut self, budget: &mut Budget) {
        self.runs.make_room(buffer_ms(self.buffer), budget);
        self.add_frame();
    }

    /// The latest frame is whole.
    fn add_frame(&mut self) {
        if self.ext_timestamp.take().is_none() || !self.lateness_ms.is_finite() {
            return;
        }
        let (media_ms, lateness_ms) = (self.media_ms, self.lateness_ms);
        let early = lateness_ms < self.base_ms - EARLY_MS;
        let back = self.runs.highest_ms().is_some_and(|highest_ms| media_ms < highest_ms - BACK_MS);
        if !self.begins_part && (early || back) {
            (self.begins_part, self.jumped) = (true, true);
        }
        let begins_part = std::mem::take(&mut self.begins_part);
        if begins_part {
            self.late.begin_part();
        }
        self.late.frame(self.at, media_ms, lateness_ms, buffer_ms(self.buffer));
        self.base_ms = if begins_part { lateness_ms } else { self.base_ms.min(lateness_ms) };
        self.runs.insert(FrameRun { media_ms, least_ms: lateness_ms, most_ms: lateness_ms, frames: 1, begins_part });
    }

    /// Frames that came later than the buffer allows next to the earliest before them. So a stream that begins with a burst
    /// has none, though its first frames wait longer than those behind them.
    pub(super) fn late_frames(&self) -> u64 {
        self.late.count()
    }

    /// Whether such a frame came since.
    pub(super) fn has_late_since(&self, from: Timestamp) -> bool {
        self.late.has_since(from)
    }

    /// What a player would have shown so far; `None` where no frame came. `drift_ppm` is that of the whole stream.
    pub(super) fn figures(&self, drift_ppm: Option<f64>) -> Option<PlayoutFigures> {
        let mut all = self.clone();
        all.add_frame();
        let drift = if self.jumped { CommonDrift::None } else { CommonDrift::Of(drift_ppm) };
        all.runs.figures(drift, buffer_ms(self.buffer))
    }
}
