//! The sender reports of one stream (RFC 3550, section 6.4.1).

use crate::analysis::cell::{float, millis, ticks_ms};
use crate::analysis::report_counts::ReportCounts;
use crate::analysis::skew::Skew;
use crate::rtp::rtcp::SenderReport;
use crate::rtp::unwrap::Unwrapper;
use crate::time::{NANOS_PER_SECOND, NtpTime, Timestamp};

/// The rate of a clock that counts nanoseconds.
const NANOSECONDS_HZ: u32 = 1_000_000_000;
/// Reports tell a rate if they are so many seconds apart: servers round their times to milliseconds or worse.
const RATE_S: f64 = 4.0;

/// What the reports of a stream said so far.
#[derive(Clone, Debug, Default)]
pub(super) struct SenderReports {
    pub(super) count: u64,
    pub(super) last: Option<Report>,
    /// Arrival and packet count of the first one.
    pub(super) first: Option<(Timestamp, u32)>,
    /// Against the packets that came.
    pub(super) counts: ReportCounts,
    timestamps: Unwrapper<u32>,
    /// NTP time and extended RTP timestamp of the first report with a wall clock.
    reference: Option<(Timestamp, i64)>,
    /// Those of the latest one.
    latest: Option<(Timestamp, i64)>,
    /// The media clock against the server's clock, and the server's against the capture's.
    media: Skew,
    server: Skew,
    /// How much later the media comes than it was sampled, by the latest report; with how the clocks differ.
    pub(super) delay_ms: Option<f64>,
    /// The media has gone on elsewhere, and no report has told of it yet.
    elsewhere: bool,
    /// Lowest and highest offset in milliseconds.
    offsets: Option<(f64, f64)>,
}

/// The latest report.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    pub(super) at: Timestamp,
    pub(super) ntp: NtpTime,
    pub(super) rtp_timestamp: u32,
    pub(super) packets: u32,
    pub(super) octets: u32,
}

impl SenderReports {
    /// The media goes on elsewhere, with other timestamps: offsets count from the next report that tells of them.
    pub(super) fn begin_part(&mut self) {
        self.elsewhere = self.count > 0;
    }

    /// Takes a report, and the timestamp of the packet before it; gives the seconds since the one before, and the offset in milliseconds.
    pub(super) fn report(
        &mut self,
        at: Timestamp,
        report: &SenderReport<'_>,
        clock_rate_hz: Option<u32>,
        packet: Option<u32>,
    ) -> (Option<f64>, Option<f64>) {
        if self.elsewhere && is_near(report.rtp_timestamp(), packet, clock_rate_hz) {
            self.elsewhere = false;
            (self.reference, self.timestamps) = (None, Unwrapper::default());
            self.media.begin_part();
        }
        let interval_s = self.last.map(|last| at.seconds_since(last.at));
        self.count += 1;
        self.first.get_or_insert((at, report.packet_count()));
        self.last = Some(Report {
            at,
            ntp: report.ntp(),
            rtp_timestamp: report.rtp_timestamp(),
            packets: report.packet_count(),
            octets: report.octet_count(),
        });
        let offset_ms = self.offset(at, report, clock_rate_hz);
        if let Some(offset) = offset_ms {
            let (min, max) = self.offsets.unwrap_or((offset, offset));
            self.offsets = Some((min.min(offset), max.max(offset)));
        }
        (interval_s, offset_ms)
    }

    /// (NTP - RTP / rate), relative to the first report. Without a wall clock (NTP 0) there is none.
    fn offset(&mut self, at: Timestamp, report: &SenderReport<'_>, clock_rate_hz: Option<u32>) -> Option<f64> {
        let ntp = report.ntp().to_timestamp()?;
        let extended = self.timestamps.extend(report.rtp_timestamp());
        let (first_ntp, first) = *self.reference.get_or_insert((ntp, extended));
        self.latest = Some((ntp, extended));
        let media_ms = ticks_ms(float(extended.saturating_sub(first)), clock_rate_hz?);
        self.media.packet(ntp, extended, clock_rate_hz);
        self.server.packet(at, ntp.as_nanos(), Some(NANOSECONDS_HZ));
        Some(millis(ntp.nanos_since(first_ntp)) - media_ms)
    }

    /// Ticks of the media clock for each second of the server's clock; `None` where the reports are not 4 s apart.
    pub(super) fn rate_hz(&self) -> Option<f64> {
        let ((first_at, first), (at, extended)) = self.reference.zip(self.latest)?;
        let seconds = at.seconds_since(first_at);
        (seconds >= RATE_S).then(|| float(extended.saturating_sub(first)) / seconds)
    }

    /// How much faster the server's clock runs than its media clock, in parts per million; `None` below 60 s.
    pub(super) fn media_drift_ppm(&self) -> Option<f64> {
        self.media.drift_ppm()
    }

    /// How much faster the capture's clock runs than the server's, in parts per million; `None` below 60 s.
    pub(super) fn server_drift_ppm(&self) -> Option<f64> {
        self.server.drift_ppm()
    }

    /// Takes arrival and RTP timestamp of the packet before the latest report: how much later it came than it was
    /// sampled, by the report.
    pub(super) fn delay(&mut self, packet: Option<(Timestamp, u32)>, clock_rate_hz: Option<u32>) -> Option<f64> {
        let ((at, rtp_timestamp), report) = packet.zip(self.last).filter(|_| !self.elsewhere)?;
        let ticks = rtp_timestamp.wrapping_sub(report.rtp_timestamp).cast_signed();
        let sampled_ms = ticks_ms(f64::from(ticks), clock_rate_hz?);
        self.delay_ms = report.ntp.to_timestamp().map(|ntp| millis(at.nanos_since(ntp)) - sampled_ms);
        self.delay_ms
    }

    /// Highest minus lowest offset, in milliseconds.
    pub(super) fn offset_spread_ms(&self) -> Option<f64> {
        self.offsets.map(|(min, max)| max - min)
    }

    /// Mean distance of the reports, in seconds; `None` before the second.
    pub(super) fn interval_mean_s(&self) -> Option<f64> {
        let (first_at, _) = self.first?;
        let span = self.last?.at.nanos_since(first_at);
        let intervals = i64::try_from(self.count).ok()? - 1;
        (intervals > 0).then(|| float(span) / float(intervals) / float(NANOS_PER_SECOND))
    }
}

/// Whether a report speaks of the part that the latest packet is of: in a part that was sought the timestamps of another
/// one are seldom within ten seconds.
fn is_near(rtp_timestamp: u32, packet: Option<u32>, clock_rate_hz: Option<u32>) -> bool {
    let Some((packet, rate)) = packet.zip(clock_rate_hz) else { return true };
    let ticks = rtp_timestamp.wrapping_sub(packet).cast_signed();
    i64::from(ticks).abs() < 10 * i64::from(rate)
}
