//! The rows of the tables, and where they go.

use std::io;

use serde::Serialize;

use crate::analysis::cell::{Millis, Ratio, Seconds, Ssrc, Utc};

/// A consumer of rows. Rows of messages and reports come as the analysis meets them, streams at its end.
pub trait Sink {
    /// A stream.
    ///
    /// # Errors
    /// If the row could not be written; the run stops.
    fn stream(&mut self, row: &StreamRow<'_>) -> io::Result<()>;

    /// A sender report.
    ///
    /// # Errors
    /// As [`Sink::stream`].
    fn sender_report(&mut self, row: &SenderReportRow<'_>) -> io::Result<()>;

    /// An RTSP message.
    ///
    /// # Errors
    /// As [`Sink::stream`].
    fn message(&mut self, row: &MessageRow<'_>) -> io::Result<()>;
}

/// Nobody wants the rows.
impl Sink for () {
    fn stream(&mut self, _: &StreamRow<'_>) -> io::Result<()> {
        Ok(())
    }

    fn sender_report(&mut self, _: &SenderReportRow<'_>) -> io::Result<()> {
        Ok(())
    }

    fn message(&mut self, _: &MessageRow<'_>) -> io::Result<()> {
        Ok(())
    }
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn stream(&mut self, row: &StreamRow<'_>) -> io::Result<()> {
        (**self).stream(row)
    }

    fn sender_report(&mut self, row: &SenderReportRow<'_>) -> io::Result<()> {
        (**self).sender_report(row)
    }

    fn message(&mut self, row: &MessageRow<'_>) -> io::Result<()> {
        (**self).message(row)
    }
}

/// One RTP stream: a session, track, direction and SSRC. docs/metrics.md defines each column.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the columns are defined in docs/metrics.md")]
pub struct StreamRow<'a> {
    pub capture: &'a str,
    pub session: usize,
    pub url: String,
    pub client: String,
    pub server: String,
    pub track: Option<usize>,
    pub media: Option<&'a str>,
    pub encoding: Option<&'a str>,
    pub payload_type: Option<u8>,
    pub clock_rate_hz: Option<u32>,
    pub transport: &'static str,
    pub channel: u8,
    pub direction: &'static str,
    pub ssrc: Ssrc,
    pub first_packet_utc: Option<Utc>,
    pub last_packet_utc: Option<Utc>,
    pub duration_s: Option<Seconds>,
    pub packets: u64,
    pub payload_bytes: u64,
    pub bitrate_bps: Option<u64>,
    pub first_seq: Option<u16>,
    pub last_ext_seq: Option<i64>,
    pub expected: i64,
    pub lost: i64,
    pub lost_percent: Option<Ratio>,
    pub missing: i64,
    pub duplicates: u64,
    pub reordered: u64,
    pub restarts: u64,
    pub longest_gap: u16,
    pub delta_min_ms: Option<Millis>,
    pub delta_mean_ms: Option<Millis>,
    pub delta_max_ms: Option<Millis>,
    pub delta_p50_ms: Option<Millis>,
    pub delta_p99_ms: Option<Millis>,
    pub jitter_mean_ms: Option<Millis>,
    pub jitter_max_ms: Option<Millis>,
    pub jitter_last_ms: Option<Millis>,
    pub frame_jitter_mean_ms: Option<Millis>,
    pub frame_jitter_max_ms: Option<Millis>,
    pub skew_min_ms: Option<Millis>,
    pub skew_max_ms: Option<Millis>,
    pub drift_ppm: Option<Ratio>,
    pub marker_packets: u64,
    pub sr_count: u64,
    pub sr_last_utc: Option<Utc>,
    pub sr_last_ntp_utc: Option<Utc>,
    pub sr_last_rtp_timestamp: Option<u32>,
    pub sr_last_packets: Option<u32>,
    pub sr_last_octets: Option<u32>,
    pub sr_interval_mean_s: Option<Seconds>,
    pub sr_offset_spread_ms: Option<Millis>,
    pub cname: Option<&'a str>,
}

/// One sender report. docs/metrics.md defines each column.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the columns are defined in docs/metrics.md")]
pub struct SenderReportRow<'a> {
    pub capture: &'a str,
    pub frame_number: Option<u64>,
    pub time_utc: Utc,
    pub time_s: Seconds,
    pub session: usize,
    pub track: Option<usize>,
    pub channel: u8,
    pub direction: &'static str,
    pub ssrc: Ssrc,
    pub ntp_seconds: u32,
    pub ntp_fraction: u32,
    pub ntp_utc: Option<Utc>,
    pub rtp_timestamp: u32,
    pub sender_packets: u32,
    pub sender_octets: u32,
    pub interval_s: Option<Seconds>,
    pub received_packets: u64,
    pub received_octets: u64,
    pub offset_ms: Option<Millis>,
    pub cname: Option<&'a str>,
}

/// One RTSP request or response. docs/metrics.md defines each column.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the columns are defined in docs/metrics.md")]
pub struct MessageRow<'a> {
    pub capture: &'a str,
    pub frame_number: Option<u64>,
    pub time_utc: Utc,
    pub time_s: Seconds,
    pub session: usize,
    pub direction: &'static str,
    pub kind: &'static str,
    pub method: Option<&'a str>,
    pub url: Option<&'a str>,
    pub status: Option<u16>,
    pub reason: Option<&'a str>,
    pub cseq: Option<u32>,
    pub rtsp_session: Option<&'a str>,
    pub latency_ms: Option<Millis>,
    pub head_bytes: usize,
    pub body_bytes: usize,
}
