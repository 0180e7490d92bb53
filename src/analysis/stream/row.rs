//! A stream as a row of the table.

use crate::analysis::cell::{Fixed, Millis, Seconds, Ssrc, Utc, float, millis};
use crate::analysis::frames::FrameStatistics;
use crate::analysis::rows::StreamRow;
use crate::analysis::stream::StreamState;
use crate::time::Timestamp;
use crate::trace::Flow;

impl StreamState {
    /// The row of the `streams` table.
    pub(in crate::analysis) fn row<'a>(
        &'a self,
        flow: &Flow,
        url: &str,
        media: Option<&'a str>,
        played: Option<Timestamp>,
    ) -> StreamRow<'a> {
        let duration = self.duration();
        let expected = self.sequence.expected();
        let steps = self.sequence.packets.saturating_sub(1);
        let ms = |nanos: i64| Fixed(millis(nanos)) as Millis;
        let percentile = |percent| self.deltas.as_ref().and_then(|deltas| deltas.percentile(percent)).map(ms);
        let report = self.reports.last;
        // Nothing is told in times that a wrong clock would make wrong.
        let is_right = self.wrong_clock_hz().is_none();
        let timed = |value: Option<f64>| value.filter(|_| is_right);
        let frames = self.frames.as_ref().map(|frames| &frames.statistics);
        let pictures = frames.filter(|_| self.encoding.as_ref().is_some_and(|encoding| encoding.payload.is_video()));
        let arrivals = self.arrivals.as_ref().filter(|_| is_right);
        let playout = arrivals.and_then(|arrivals| arrivals.figures(self.drift_ppm()));
        let since_play = |at: Timestamp| played.map(|played| ms(at.nanos_since(played)));
        StreamRow {
            capture: &self.capture,
            session: flow.id + 1,
            url: url.to_owned(),
            client: flow.client.to_string(),
            server: flow.server.to_string(),
            track: self.key.track,
            media,
            encoding: self.encoding.as_ref().map(|encoding| encoding.name.as_str()),
            payload_type: self.payload_type,
            clock_rate_hz: self.described_rate().or(self.inferred_rate),
            transport: self.transport,
            channel: self.key.channel,
            direction: self.key.direction,
            ssrc: Ssrc(self.key.ssrc),
            first_packet_utc: self.first.map(Utc),
            last_packet_utc: self.last.map(Utc),
            duration_s: duration.map(|nanos| Fixed(float(nanos) / 1e9) as Seconds),
            packets: self.sequence.packets,
            payload_bytes: self.payload_bytes,
            bitrate_bps: duration.zip(self.payload_bytes).and_then(|(nanos, bytes)| bitrate(bytes, nanos)),
            first_seq: self.sequence.first(),
            last_ext_seq: self.sequence.highest(),
            expected,
            lost: self.sequence.lost(),
            lost_percent: (expected > 0).then(|| Fixed(float(self.sequence.lost()) * 100.0 / float(expected))),
            missing: self.sequence.missing(),
            duplicates: self.sequence.duplicates,
            reordered: self.sequence.reordered,
            restarts: self.sequence.restarts,
            longest_gap: self.sequence.longest_gap,
            delta_min_ms: duration.map(|_| ms(self.delta_min)),
            delta_mean_ms: duration.map(|nanos| Fixed(millis(nanos) / float(steps.cast_signed()))),
            delta_max_ms: duration.map(|_| ms(self.delta_max)),
            delta_p50_ms: percentile(50),
            delta_p99_ms: percentile(99),
            jitter_mean_ms: timed(self.jitter.mean()).map(Fixed),
            jitter_max_ms: timed(self.jitter.max()).map(Fixed),
            jitter_last_ms: timed(self.jitter.last()).map(Fixed),
            frame_jitter_mean_ms: timed(self.frame_jitter.mean()).map(Fixed),
            frame_jitter_max_ms: timed(self.frame_jitter.max()).map(Fixed),
            skew_min_ms: timed(self.skew.range().map(|(min, _)| min)).map(Fixed),
            skew_max_ms: timed(self.skew.range().map(|(_, max)| max)).map(Fixed),
            drift_ppm: timed(self.drift_ppm()).map(Fixed),
            marker_packets: self.marker_packets,
            sr_count: self.reports.count,
            sr_last_utc: report.map(|report| Utc(report.at)),
            sr_last_ntp_utc: report.and_then(|report| report.ntp.to_timestamp()).map(Utc),
            sr_last_rtp_timestamp: report.map(|report| report.rtp_timestamp),
            sr_last_packets: report.map(|report| report.packets),
            sr_last_octets: report.map(|report| report.octets),
            sr_interval_mean_s: self.reports.interval_mean_s().map(Fixed),
            sr_offset_spread_ms: timed(self.reports.offset_spread_ms()).map(Fixed),
            cname: self.cname.as_deref(),
            frames: frames.map(|frames| frames.frames),
            incomplete_frames: frames.map(|frames| frames.incomplete),
            frame_rate_fps: timed(frames.and_then(|frames| frames.rate_fps(self.clock_rate_hz()))).map(Fixed),
            key_frames: pictures.map(|frames| frames.key_frames),
            gop_mean_frames: pictures.and_then(FrameStatistics::groups).map(|(mean, _)| Fixed(mean)),
            gop_max_frames: pictures.and_then(FrameStatistics::groups).map(|(_, max)| max),
            key_size_ratio: pictures.and_then(FrameStatistics::key_size_ratio).map(Fixed),
            freezes: pictures.and_then(FrameStatistics::freezes).map(|(freezes, _)| freezes),
            longest_freeze_ms: pictures.and_then(FrameStatistics::freezes).map(|(_, longest)| Fixed(longest)),
            play_to_first_packet_ms: self.first.and_then(since_play),
            sr_drift_ppm: timed(self.reports.media_drift_ppm()).map(Fixed),
            ntp_drift_ppm: self.reports.server_drift_ppm().map(Fixed),
            play_to_key_frame_ms: pictures.and_then(|frames| frames.first_key_at).and_then(since_play),
            inferred: self.inferred,
            buffer_needed_ms: playout.map(|playout| Fixed(playout.needed_ms)),
            buffer_needed_p99_ms: playout.map(|playout| Fixed(playout.needed_p99_ms)),
            late_frames: playout.map(|playout| playout.late_frames),
            stalls: playout.map(|playout| playout.stalls),
            stalled_ms: playout.map(|playout| Fixed(playout.stalled_ms)),
            dropped_frames: playout.map(|playout| playout.late_frames),
            damaged_frames: pictures.map(|frames| frames.damage.pictures()),
            damaged_ms: pictures.map(|frames| ms(frames.damage.nanos())),
        }
    }
}

/// Bits for each second; `None` where no time passed.
fn bitrate(bytes: u64, nanos: i64) -> Option<u64> {
    let nanos = u128::try_from(nanos).ok().filter(|nanos| *nanos > 0)?;
    u64::try_from((u128::from(bytes) * 8 * 1_000_000_000 + nanos / 2) / nanos).ok()
}
