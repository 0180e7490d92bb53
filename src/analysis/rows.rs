//! The rows of the tables, and where they go.

use std::io;

use serde::Serialize;

use crate::analysis::cell::{Millis, Ratio, Seconds, Ssrc, Utc};

/// A consumer of rows. Rows come as the analysis meets them; those of streams come at its end.
pub trait Sink {
    /// Takes a row.
    ///
    /// # Errors
    /// If the row could not be written; the run stops.
    fn row(&mut self, row: &Row<'_>) -> io::Result<()>;

    /// Takes the row of a packet. There are more of them than of all others: who takes few of its columns can do it faster
    /// here.
    ///
    /// # Errors
    /// As for the other rows.
    #[inline]
    fn packet(&mut self, row: PacketRow<'_>) -> io::Result<()> {
        self.row(&Row::Packet(row))
    }

    /// Whether rows of this table are wanted at all. Those that are not need not be made.
    fn wants(&self, table: Table) -> bool;
}

/// Nobody wants the rows.
impl Sink for () {
    fn row(&mut self, _: &Row<'_>) -> io::Result<()> {
        Ok(())
    }

    fn wants(&self, _: Table) -> bool {
        false
    }
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        (**self).row(row)
    }

    #[inline]
    fn packet(&mut self, row: PacketRow<'_>) -> io::Result<()> {
        (**self).packet(row)
    }

    fn wants(&self, table: Table) -> bool {
        (**self).wants(table)
    }
}

/// The tables of an analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// A row for each session, track, direction and SSRC.
    Streams,
    /// A row for each RTP packet.
    Packets,
    /// A row for each frame of video, and for each timestamp of anything else.
    Frames,
    /// A row for each RTCP sender report.
    SenderReports,
    /// A row for each block of an RTCP sender or receiver report.
    ReportBlocks,
    /// A row for each RTSP request and response.
    Messages,
    /// A row for everything odd.
    Findings,
    /// A row for everything that a viewer may notice, with its cause.
    Verdicts,
}

impl Table {
    /// All of them, in the order of docs/metrics.md.
    pub const ALL: [Self; 8] = [
        Self::Streams,
        Self::Packets,
        Self::Frames,
        Self::SenderReports,
        Self::ReportBlocks,
        Self::Messages,
        Self::Findings,
        Self::Verdicts,
    ];

    /// The name of the table, which is also that of its file: `sender_reports`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Streams => "streams",
            Self::Packets => "packets",
            Self::Frames => "frames",
            Self::SenderReports => "sender_reports",
            Self::ReportBlocks => "report_blocks",
            Self::Messages => "messages",
            Self::Findings => "findings",
            Self::Verdicts => "verdicts",
        }
    }
}

/// A row of one of the tables. It serializes as a struct of its columns.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Row<'a> {
    /// Of [`Table::Streams`].
    Stream(Box<StreamRow<'a>>),
    /// Of [`Table::Packets`].
    Packet(PacketRow<'a>),
    /// Of [`Table::Frames`].
    Frame(FrameRow<'a>),
    /// Of [`Table::SenderReports`].
    SenderReport(SenderReportRow<'a>),
    /// Of [`Table::ReportBlocks`].
    ReportBlock(ReportBlockRow<'a>),
    /// Of [`Table::Messages`].
    Message(MessageRow<'a>),
    /// Of [`Table::Findings`].
    Finding(FindingRow<'a>),
    /// Of [`Table::Verdicts`].
    Verdict(VerdictRow<'a>),
}

impl Row<'_> {
    /// The table that it belongs to.
    pub const fn table(&self) -> Table {
        match self {
            Self::Stream(_) => Table::Streams,
            Self::Packet(_) => Table::Packets,
            Self::Frame(_) => Table::Frames,
            Self::SenderReport(_) => Table::SenderReports,
            Self::ReportBlock(_) => Table::ReportBlocks,
            Self::Message(_) => Table::Messages,
            Self::Finding(_) => Table::Findings,
            Self::Verdict(_) => Table::Verdicts,
        }
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
    pub channel: u16,
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
    pub frames: Option<u64>,
    pub incomplete_frames: Option<u64>,
    pub frame_rate_fps: Option<Ratio>,
    pub key_frames: Option<u64>,
    pub gop_mean_frames: Option<Ratio>,
    pub gop_max_frames: Option<u64>,
    pub key_size_ratio: Option<Ratio>,
    pub freezes: Option<u64>,
    pub longest_freeze_ms: Option<Millis>,
    pub play_to_first_packet_ms: Option<Millis>,
    pub play_to_key_frame_ms: Option<Millis>,
    pub sr_drift_ppm: Option<Ratio>,
    pub ntp_drift_ppm: Option<Ratio>,
    pub inferred: Option<&'static str>,
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
    pub channel: u16,
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
    pub delay_ms: Option<Millis>,
    pub track_skew_ms: Option<Millis>,
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
    pub product: Option<&'a str>,
}

/// One RTP packet. docs/metrics.md defines each column.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the columns are defined in docs/metrics.md")]
pub struct PacketRow<'a> {
    pub capture: &'a str,
    pub frame_number: Option<u64>,
    pub time_utc: Utc,
    pub time_s: Seconds,
    pub session: usize,
    pub track: Option<usize>,
    pub channel: u16,
    pub direction: &'static str,
    pub ssrc: Ssrc,
    pub payload_type: u8,
    pub marker: u8,
    pub seq: u16,
    pub ext_seq: i64,
    pub rtp_timestamp: u32,
    pub ext_rtp_timestamp: i64,
    pub payload_bytes: usize,
    pub delta_ms: Option<Millis>,
    pub jitter_ms: Option<Millis>,
    pub skew_ms: Option<Millis>,
    pub gap: u16,
    pub status: &'static str,
}

/// One frame. docs/metrics.md defines each column.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the columns are defined in docs/metrics.md")]
pub struct FrameRow<'a> {
    pub capture: &'a str,
    pub frame_number: Option<u64>,
    pub time_utc: Utc,
    pub time_s: Seconds,
    pub session: usize,
    pub track: Option<usize>,
    pub channel: u16,
    pub direction: &'static str,
    pub ssrc: Ssrc,
    pub frame: u64,
    #[serde(rename = "type")]
    pub kind: Option<&'static str>,
    pub key: Option<u8>,
    pub complete: u8,
    pub packets: u32,
    pub missing: i64,
    pub units: u32,
    pub bytes: u64,
    pub first_frame_number: Option<u64>,
    pub first_time_s: Seconds,
    pub transmit_ms: Millis,
    pub first_ext_seq: i64,
    pub last_ext_seq: i64,
    pub rtp_timestamp: u32,
    pub media_s: Option<Seconds>,
    pub interval_ms: Option<Millis>,
    pub timestamp_interval_ms: Option<Millis>,
}

/// One report block. docs/metrics.md defines each column.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the columns are defined in docs/metrics.md")]
pub struct ReportBlockRow<'a> {
    pub capture: &'a str,
    pub frame_number: Option<u64>,
    pub time_utc: Utc,
    pub time_s: Seconds,
    pub session: usize,
    pub track: Option<usize>,
    pub channel: u16,
    pub direction: &'static str,
    pub reporter_ssrc: Ssrc,
    pub source_ssrc: Ssrc,
    pub fraction_lost: u8,
    pub cumulative_lost: i32,
    pub ext_highest_seq: u32,
    pub jitter_ticks: u32,
    pub jitter_ms: Option<Millis>,
    pub lsr: u32,
    pub dlsr_s: Seconds,
    pub rtt_ms: Option<Millis>,
}

/// Something odd. docs/findings.md lists the codes.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the columns are defined in docs/metrics.md")]
pub struct FindingRow<'a> {
    pub capture: &'a str,
    pub frame_number: Option<u64>,
    pub time_utc: Utc,
    pub time_s: Seconds,
    pub session: Option<usize>,
    pub track: Option<usize>,
    pub direction: Option<&'static str>,
    pub severity: &'static str,
    pub code: &'static str,
    pub detail: &'a str,
    pub stream_offset: Option<u64>,
}

/// What a viewer may notice, and what the evidence says of its cause. docs/verdicts.md has the rules.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the columns are defined in docs/metrics.md")]
pub struct VerdictRow<'a> {
    pub capture: &'a str,
    pub frame_number: Option<u64>,
    pub time_utc: Utc,
    pub time_s: Seconds,
    pub session: usize,
    pub track: Option<usize>,
    pub channel: Option<u16>,
    pub direction: Option<&'static str>,
    pub ssrc: Option<Ssrc>,
    pub event: &'static str,
    pub verdict: &'static str,
    pub count: u64,
    pub last_frame_number: Option<u64>,
    pub last_time_s: Seconds,
    pub duration_ms: Option<Millis>,
    pub detail: &'a str,
}
