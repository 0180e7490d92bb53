//! When a stream has stopped: a silence that its own habits do not explain.

use crate::analysis::cell::float;
use crate::analysis::report_counts::SenderProgress;
use crate::analysis::stream::StreamState;
use crate::time::{NANOS_PER_SECOND, Timestamp};

/// Shorter silences at the end are none. Servers that send sound in pairs and pictures in lumps leave 60 to 80 ms between
/// them. A client that has enough may need a second to say so: it stops its player, or writes its file, and then sends
/// TEARDOWN.
const SHORTEST_NS: i64 = 3 * NANOS_PER_SECOND / 2;
/// A picture that is due may be as late as one step and be dropped once; three steps without any are not that.
const STEPS: i64 = 3;
/// Where timestamps tell no steps. Nearly all cameras send pictures more often.
const UNKNOWN_NS: i64 = 5 * NANOS_PER_SECOND;
/// Of sound with talkspurts each of them begins with the marker (RFC 3551, section 4.1); AAC has it on each packet.
const TALKSPURTS: u64 = 3;

impl StreamState {
    /// A silence longer than that is no habit of the stream: pictures each ten seconds are usual if they came so twice.
    pub(in crate::analysis) fn longest_silence_ns(&self) -> i64 {
        let rate = self.time_rate_hz();
        let step = self.media_clock.usual_step().zip(rate).map(|(ticks, rate)| nanos(ticks, rate));
        step.map_or(UNKNOWN_NS, |step| step.saturating_mul(STEPS).max(SHORTEST_NS))
    }

    /// How much of its media was sent ahead of time at this moment, as a server does that sends what it has in store.
    pub(in crate::analysis) fn sent_ahead_ns(&self, at: Timestamp) -> i64 {
        let elapsed = self.media_clock.elapsed(at).zip(self.time_rate_hz());
        elapsed.map_or(0, |((passed, ticks), rate)| nanos(ticks, rate).saturating_sub(passed).max(0))
    }

    /// Seconds of the part that is played that had come by then.
    pub(in crate::analysis) fn played_s(&self, at: Timestamp) -> Option<f64> {
        self.media_clock.elapsed(at).map(|(passed, _)| float(passed) / float(NANOS_PER_SECOND))
    }

    /// Whether it is at its usual pace, or at one that nobody knows: not at another Scale.
    pub(in crate::analysis) fn goes_as_time_does(&self) -> bool {
        self.paced
    }

    /// What its sender reports say of the time behind its latest packet.
    pub(in crate::analysis) fn progress_behind(&self, last: Timestamp) -> Option<SenderProgress> {
        let steps = i64::try_from(self.sequence.packets).unwrap_or(i64::MAX);
        let step_ns = self.duration().unwrap_or(0) / steps.max(1);
        self.reports.counts.behind(self.sequence.expected(), last, step_ns)
    }

    /// Whether some of its packets have the marker and most have not, as sound that leaves silence out.
    pub(in crate::analysis) fn has_talkspurts(&self) -> bool {
        self.marker_packets >= TALKSPURTS && self.marker_packets < self.sequence.packets / 2
    }

    /// Whether its receiver reports packets behind the last one that the capture has.
    pub(in crate::analysis) fn was_heard_beyond(&self) -> bool {
        let beyond = |(heard, highest): (u32, i64)| (i64::from(heard) - highest) & 0xffff;
        let beyond = self.heard_highest.zip(self.sequence.highest()).map_or(0, beyond);
        (1..0x8000).contains(&beyond)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates; beyond 292 years nothing is asked")]
fn nanos(ticks: i64, rate: u32) -> i64 {
    (float(ticks) * 1e9 / f64::from(rate)) as i64
}
