//! When the packets of a stream came, next to each other and to their timestamps.

use crate::analysis::budget::Budget;
use crate::analysis::playout::FramePacket;
use crate::analysis::stream::{PacketFigures, StreamState};
use crate::time::Timestamp;

impl StreamState {
    #[inline]
    pub(super) fn delta(&mut self, at: Timestamp, budget: &mut Budget) -> Option<i64> {
        if !at.is_known() {
            self.last = None;
            return None;
        }
        self.first.get_or_insert(at);
        let delta = at.nanos_since(self.last.replace(at)?);
        self.delta_min = self.delta_min.min(delta);
        self.delta_max = self.delta_max.max(delta);
        if let Some(deltas) = &mut self.deltas {
            deltas.insert(delta, budget);
        }
        Some(delta)
    }

    /// A duplicate says nothing of time: it is left out here.
    #[inline]
    pub(super) fn timing(
        &mut self,
        at: Timestamp,
        rtp_timestamp: u32,
        figures: &mut PacketFigures,
        budget: &mut Budget,
    ) {
        figures.ext_rtp_timestamp = self.timestamps.extend(rtp_timestamp);
        if self.undescribed.is_none() && at.is_known() {
            (figures.difference_ms, figures.skew_ms) = self.pace(at, rtp_timestamp, figures, budget);
            figures.jitter_ms = self.jitter.last();
        }
    }

    /// How a packet keeps pace with its timestamp: how much later it came after the one before, and after the first.
    #[inline]
    pub(super) fn pace(
        &mut self,
        at: Timestamp,
        rtp_timestamp: u32,
        figures: &PacketFigures,
        budget: &mut Budget,
    ) -> (Option<f64>, Option<f64>) {
        let extended = figures.ext_rtp_timestamp;
        let is_new = self.jitter.last_timestamp() != Some(rtp_timestamp);
        if is_new && self.paced && self.media_clock.packet(at, extended) {
            self.wrong_clock = self.wrong_clock_hz().is_some();
        }
        let rate = self.time_rate_hz();
        if is_new {
            self.frame_jitter.packet(at, rtp_timestamp, rate);
        }
        let difference_ms = self.jitter.packet(at, rtp_timestamp, rate);
        let skew_ms = self.skew.packet(at, extended, rate);
        if let (Some(arrivals), Some(clock_rate_hz), Some(lateness_ms)) = (&mut self.arrivals, rate, skew_ms) {
            let status = figures.status;
            arrivals.packet(FramePacket { at, status, ext_timestamp: extended, clock_rate_hz, lateness_ms }, budget);
        }
        (difference_ms, skew_ms)
    }
}
