//! Frames that ended, as rows.

use std::io;

use crate::analysis::cell::{Fixed, Ssrc, Utc, float, millis};
use crate::analysis::frames::{Ended, Frames};
use crate::analysis::out::{RowEmitter, capture_at};
use crate::analysis::rows::{FrameRow, Row, Sink};
use crate::analysis::stream::{StreamKey, StreamState};

impl<S: Sink> RowEmitter<S> {
    /// Hands over the frames of a stream that ended.
    #[inline]
    pub(in crate::analysis) fn ended_frames(&mut self, session: usize, stream: &mut StreamState) -> io::Result<()> {
        let (key, rate) = (stream.key, stream.clock_rate_hz().filter(|_| stream.is_paced()).map(f64::from));
        let Some(frames) = &mut stream.frames else { return Ok(()) };
        if !frames.ended().is_empty() {
            frames.ended().iter().try_for_each(|ended| self.frame_row(session, key, rate, ended))?;
            frames.forget_ended();
        }
        Ok(())
    }

    fn frame_row(&mut self, session: usize, key: StreamKey, rate: Option<f64>, ended: &Ended) -> io::Result<()> {
        let frame = &ended.frame;
        let coding = Frames::coding_of(frame);
        let (first_capture, capture) = frame.captures;
        self.sink.row(&Row::Frame(FrameRow {
            capture: capture_at(&self.captures, capture),
            frame_number: frame.last_number,
            time_utc: Utc(frame.last_at),
            time_s: self.time_s(frame.last_at),
            session,
            track: key.track,
            channel: key.channel,
            direction: key.direction,
            ssrc: Ssrc(key.ssrc),
            frame: ended.number,
            kind: coding.map(|(kind, _)| kind),
            key: coding.map(|(_, key)| u8::from(key)),
            complete: u8::from(ended.complete),
            packets: frame.packets,
            missing: frame.missing(),
            // Fragments of an access unit of audio do not tell which is the first.
            units: if coding.is_none() { frame.units.max(1) } else { frame.units },
            bytes: frame.bytes,
            first_frame_number: frame.first_number.filter(|_| first_capture == capture),
            first_time_s: self.time_s(frame.first_at),
            transmit_ms: Fixed(millis(frame.last_at.nanos_since(frame.first_at))),
            first_ext_seq: frame.first_seq,
            last_ext_seq: frame.last_seq,
            rtp_timestamp: frame.rtp_timestamp,
            media_s: rate.map(|rate| Fixed(float(ended.media_ticks) / rate)),
            interval_ms: ended.interval.map(|(nanos, _)| Fixed(millis(nanos))),
            timestamp_interval_ms: ended.interval.zip(rate).map(|((_, ticks), rate)| Fixed(float(ticks) * 1e3 / rate)),
        }))
    }
}
