//! Rows of captures that tell no times, or not of all packets: what would have to be reckoned from them is not known.
//!
//! A simple packet block of pcapng has no time (pcapng, section 4.4).

use std::io;

use crate::analysis::cell::{Fixed, Utc};
use crate::analysis::findings::FindingCode;
use crate::analysis::rows::{
    FindingRow, FrameRow, MessageRow, PacketRow, ReportBlockRow, Row, SenderReportRow, Sink, StreamRow, Table, TcpRow,
    VerdictRow,
};

/// Findings that come from a difference of times.
const OF_TIME: [FindingCode; 8] = [
    FindingCode::ResponseLate,
    FindingCode::TimestampJump,
    FindingCode::ClockRateWrong,
    FindingCode::SrWrongClock,
    FindingCode::SrMissing,
    FindingCode::SrStopped,
    FindingCode::MediaStopped,
    FindingCode::NoMedia,
];

/// Leaves cells empty once a packet came without a time.
#[derive(Debug)]
pub(super) struct UntimedSink<S> {
    pub(super) inner: S,
    /// A packet came without a time.
    pub(super) untimed: bool,
}

impl<S: Sink> Sink for UntimedSink<S> {
    #[inline]
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            _ if !self.untimed => self.inner.row(row),
            Row::Finding(finding) if OF_TIME.contains(&finding.code) => Ok(()),
            row => self.inner.row(&without_times(row.clone())),
        }
    }

    #[inline]
    fn packet(&mut self, row: PacketRow<'_>) -> io::Result<()> {
        self.inner.packet(if self.untimed { packet(row) } else { row })
    }

    fn wants(&self, table: Table) -> bool {
        self.inner.wants(table)
    }
}

/// A time since the beginning, of a row that has this time.
fn seconds(seconds: Fixed<9>, at: Utc) -> Fixed<9> {
    if at.0.is_known() { seconds } else { Fixed(f64::NAN) }
}

fn packet(mut row: PacketRow<'_>) -> PacketRow<'_> {
    row.time_s = seconds(row.time_s, row.time_utc);
    (row.delta_ms, row.jitter_ms, row.skew_ms) = (None, None, None);
    row
}

#[cold]
fn without_times(row: Row<'_>) -> Row<'_> {
    match row {
        Row::Stream(row) => Row::Stream(Box::new(stream(*row))),
        Row::Packet(row) => Row::Packet(packet(row)),
        Row::Frame(row) => Row::Frame(FrameRow {
            time_s: seconds(row.time_s, row.time_utc),
            first_time_s: seconds(row.first_time_s, row.time_utc),
            transmit_ms: Fixed(f64::NAN),
            interval_ms: None,
            ..row
        }),
        Row::SenderReport(row) => Row::SenderReport(SenderReportRow {
            time_s: seconds(row.time_s, row.time_utc),
            interval_s: None,
            delay_ms: None,
            track_skew_ms: None,
            ..row
        }),
        Row::ReportBlock(row) => {
            Row::ReportBlock(ReportBlockRow { time_s: seconds(row.time_s, row.time_utc), rtt_ms: None, ..row })
        }
        Row::Message(row) => {
            Row::Message(MessageRow { time_s: seconds(row.time_s, row.time_utc), latency_ms: None, ..row })
        }
        Row::Finding(row) => Row::Finding(FindingRow { time_s: seconds(row.time_s, row.time_utc), ..row }),
        Row::Verdict(row) => Row::Verdict(VerdictRow {
            time_s: seconds(row.time_s, row.time_utc),
            last_time_s: seconds(row.last_time_s, row.time_utc),
            duration_ms: None,
            ..row
        }),
        Row::Tcp(row) => {
            Row::Tcp(TcpRow { time_s: seconds(row.time_s, row.time_utc), rtt_min_ms: None, rtt_mean_ms: None, ..row })
        }
    }
}

fn stream(row: StreamRow<'_>) -> StreamRow<'_> {
    StreamRow {
        first_packet_utc: None,
        last_packet_utc: None,
        duration_s: None,
        bitrate_bps: None,
        delta_min_ms: None,
        delta_mean_ms: None,
        delta_max_ms: None,
        delta_p50_ms: None,
        delta_p99_ms: None,
        jitter_mean_ms: None,
        jitter_max_ms: None,
        jitter_last_ms: None,
        frame_jitter_mean_ms: None,
        frame_jitter_max_ms: None,
        skew_min_ms: None,
        skew_max_ms: None,
        drift_ppm: None,
        sr_last_utc: None,
        sr_interval_mean_s: None,
        freezes: None,
        longest_freeze_ms: None,
        damaged_ms: None,
        play_to_first_packet_ms: None,
        play_to_key_frame_ms: None,
        ntp_drift_ppm: None,
        buffer_needed_ms: None,
        buffer_needed_p99_ms: None,
        late_frames: None,
        stalls: None,
        stalled_ms: None,
        dropped_frames: None,
        ..row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    /// Keeps what it is told.
    #[derive(Default)]
    struct Kept(Vec<String>);

    impl Sink for Kept {
        fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
            self.0.push(serde_json::to_string(row).map_err(io::Error::other)?);
            Ok(())
        }

        fn wants(&self, _: Table) -> bool {
            true
        }
    }

    #[test]
    fn what_comes_from_times_is_no_finding() {
        let mut sink = UntimedSink { inner: Kept::default(), untimed: true };
        for code in [FindingCode::ResponseLate, FindingCode::SequenceGap] {
            sink.row(&Row::Finding(FindingRow { code, ..FindingRow::default() })).unwrap();
        }
        let [told] = sink.inner.0.as_slice() else { panic!("one finding") };
        assert!(told.contains("sequence-gap"), "{told}");
    }

    #[test]
    fn cells_that_need_a_time_are_empty() {
        let mut sink = UntimedSink { inner: Kept::default(), untimed: true };
        let known = Utc(Timestamp::from_nanos(5));
        for time_utc in [Utc(Timestamp::UNKNOWN), known] {
            let delta_ms = Some(Fixed(1.0));
            sink.packet(PacketRow { time_utc, delta_ms, ..PacketRow::default() }).unwrap();
        }
        let [unknown, known] = sink.inner.0.as_slice() else { panic!("two rows") };
        assert!(unknown.contains(r#""time_utc":null,"time_s":null"#), "{unknown}");
        assert!(known.contains(r#""time_utc":"1970-01-01T00:00:00.000000005Z","time_s":"0.000000000""#), "{known}");
        assert!(unknown.contains(r#""delta_ms":null"#) && known.contains(r#""delta_ms":null"#));
        let duration_s = Some(Fixed(1.0));
        sink.row(&Row::Stream(Box::new(StreamRow { duration_s, packets: 9, ..StreamRow::default() }))).unwrap();
        let stream = sink.inner.0.last().unwrap();
        assert!(stream.contains(r#""duration_s":null"#) && stream.contains(r#""packets":9"#), "{stream}");
    }
}
