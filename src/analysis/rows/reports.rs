//! The columns of `sender_reports` and `report_blocks`: what RTCP says.

use crate::analysis::cell::{Millis, Seconds, Ssrc, Utc};
use crate::analysis::rows::column::row;

row! {
    /// One RTCP sender report (RFC 3550, section 6.4.1).
    SenderReportRow {
        capture,
        frame_number,
        /// Arrival of the report, in UTC.
        time_utc: Utc,
        /// Arrival of the report, since the capture's first packet.
        time_s ["s"]: Seconds,
        session,
        track,
        /// The channel that the report came on.
        channel: u16,
        direction,
        /// SSRC of the sender.
        ssrc: Ssrc,
        /// Upper half of the NTP timestamp.
        ntp_seconds ["s"]: u32,
        /// Lower half of the NTP timestamp.
        ntp_fraction ["2^-32 s"]: u32,
        /// NTP timestamp as UTC, rounded to the nanosecond; empty if it is 0. Seconds below 2^31 lie after 2036 (RFC
        /// 4330, section 3).
        ntp_utc: Option<Utc>,
        /// RTP timestamp of the report.
        rtp_timestamp ["ticks"]: u32,
        /// Packet count of the sender, modulo 2^32.
        sender_packets: u32,
        /// Octet count of the sender, modulo 2^32.
        sender_octets ["bytes"]: u32,
        /// Since the report before in this stream, by arrival.
        interval_s ["s"]: Option<Seconds>,
        /// RTP packets of this stream that came before this report.
        received_packets: u64,
        /// Payload of these packets.
        received_octets ["bytes"]: Option<u64>,
        /// (NTP - first NTP) - (RTP - first RTP) / clock rate: how steadily the sender couples its two clocks.
        offset_ms ["ms"]: Option<Millis>,
        /// CNAME of the same compound packet; else the one known for the stream.
        cname: Option<&'a str>,
        /// How much later the latest packet came than it was sampled, if the clocks of server and capture were the
        /// same.
        delay_ms ["ms"]: Option<Millis>,
        /// `delay_ms` - that of the session's first track with the same CNAME.
        track_skew_ms ["ms"]: Option<Millis>,
    }
}

row! {
    /// One block of an RTCP sender or receiver report (RFC 3550, sections 6.4.1 and 6.4.2).
    ReportBlockRow {
        capture,
        frame_number,
        time_utc,
        time_s,
        session,
        track,
        channel,
        direction,
        /// SSRC of who reports.
        reporter_ssrc: Ssrc,
        /// SSRC of the source that the block is about.
        source_ssrc: Ssrc,
        /// Fraction lost since the reporter's last report.
        fraction_lost ["1/256"]: u8,
        /// Cumulative number of packets lost; signed.
        cumulative_lost: i32,
        /// Extended highest sequence number, with cycles in the upper half.
        ext_highest_seq: u32,
        /// Interarrival jitter, as reported.
        jitter_ticks ["ticks"]: u32,
        /// The same by the clock rate of the source.
        jitter_ms ["ms"]: Option<Millis>,
        /// Last SR: middle of the NTP time of the last sender report that the reporter had.
        lsr ["2^-16 s"]: u32,
        /// Delay since last SR.
        dlsr_s ["s"]: Seconds,
        /// Arrival of this report - arrival of the sender report with that NTP time in the other direction -
        /// `dlsr_s`; empty where the capture holds none. Both are timed where the capture was taken: it is the round
        /// trip from there to the reporter.
        rtt_ms ["ms"]: Option<Millis>,
    }
}
