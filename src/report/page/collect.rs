//! The rows of a capture, as they come, to what the page shows of it.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use crate::analysis::AnalyzerOptions;
use crate::analysis::cell::{Seconds, Utc};
use crate::analysis::rows::{MessageRow, PacketRow, Row, Sink, StreamRow, Table};
use crate::report::page::charts::StreamCharts;
use crate::report::page::dialogue::Session;
use crate::report::page::findings::{Findings, Verdicts};
use crate::report::page::limits;
use crate::report::page::streams::Streams;
use crate::report::page::words::{SectionPlace, nanos};

/// What the page needs; report blocks have no place on it.
const WANTED: [Table; 7] = [
    Table::Streams,
    Table::Packets,
    Table::Frames,
    Table::SenderReports,
    Table::Messages,
    Table::Findings,
    Table::Verdicts,
];
/// The section of the page about a capture, and those that follow it: a [`Sink`] for its rows.
#[derive(Debug)]
pub struct CaptureReport {
    /// Another place than the others on the page.
    pub(super) number: usize,
    pub(super) span: Span,
    pub(super) charts: StreamCharts,
    pub(super) streams: Streams,
    pub(super) sessions: BTreeMap<usize, Session>,
    /// Those that there was no room for.
    pub(super) more_sessions: usize,
    pub(super) findings: Findings,
    pub(super) verdicts: Verdicts,
    /// What a player holds back.
    pub(super) buffer: Duration,
}

/// From when to when, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    /// The first packet, since 1970.
    pub(super) start: Option<i64>,
    /// The latest row, since the first packet.
    pub(super) end: i64,
}

impl CaptureReport {
    /// The section at this place of the page.
    pub fn new(number: usize) -> Self {
        Self {
            number,
            span: Span::default(),
            charts: StreamCharts::new(),
            streams: Streams::default(),
            sessions: BTreeMap::new(),
            more_sessions: 0,
            findings: Findings::default(),
            verdicts: Verdicts::default(),
            buffer: AnalyzerOptions::BUFFER,
        }
    }

    /// With the buffer of the player whose stalls the rows tell of.
    #[must_use]
    pub fn with_buffer(self, buffer: Duration) -> Self {
        Self { buffer, ..self }
    }

    /// What all parts of the section need to know.
    pub(super) fn place(&self) -> SectionPlace {
        let has_sessions = !self.sessions.is_empty();
        SectionPlace { number: self.number, start: self.span.start, has_sessions }
    }

    fn message(&mut self, row: &MessageRow<'_>) {
        let room = self.sessions.len() < limits::SESSIONS;
        match self.sessions.get_mut(&row.session) {
            Some(session) => session.message(row),
            None if room => self.sessions.entry(row.session).or_default().message(row),
            // Sessions are numbered, but not all need to have messages.
            None => self.more_sessions = self.more_sessions.max(row.session.saturating_sub(limits::SESSIONS)),
        }
    }

    fn stream(&mut self, row: &StreamRow<'_>) -> io::Result<()> {
        let room = self.sessions.len() < limits::SESSIONS;
        match self.sessions.get_mut(&row.session) {
            Some(session) => session.stream(row),
            None if room => self.sessions.entry(row.session).or_default().stream(row),
            None => {}
        }
        self.streams.add(row)
    }
}

impl Sink for CaptureReport {
    #[inline]
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            Row::Packet(row) => self.packet(row.clone())?,
            Row::Frame(row) => {
                let at = self.span.at(row.time_utc, row.time_s);
                self.charts.frame(at, row);
            }
            Row::SenderReport(row) => {
                let at = self.span.at(row.time_utc, row.time_s);
                self.charts.sender_report(at, row);
            }
            Row::Message(row) => {
                self.span.at(row.time_utc, row.time_s);
                self.message(row);
            }
            Row::Finding(row) => {
                self.span.at(row.time_utc, row.time_s);
                self.findings.add(row);
            }
            Row::Verdict(row) => self.verdicts.add(row),
            Row::Stream(row) => self.stream(row)?,
            Row::ReportBlock(_) | Row::Tcp(_) => {}
        }
        Ok(())
    }

    #[expect(clippy::inline_always, reason = "a row of 200 bytes need not be made for the few columns that are taken")]
    #[inline(always)]
    fn packet(&mut self, row: PacketRow<'_>) -> io::Result<()> {
        let at = self.span.at(row.time_utc, row.time_s);
        self.charts.packet(at, &row);
        Ok(())
    }

    fn wants(&self, table: Table) -> bool {
        WANTED.contains(&table)
    }
}

impl Span {
    /// Nanoseconds since the first packet. What a damaged capture dates before it happened at its beginning.
    #[inline]
    fn at(&mut self, utc: Utc, since: Seconds) -> i64 {
        let start = self.start.unwrap_or_else(|| self.begin(utc, since));
        let at = utc.0.as_nanos().saturating_sub(start).max(0);
        self.end = self.end.max(at);
        at
    }

    #[cold]
    #[inline(never)]
    fn begin(&mut self, utc: Utc, since: Seconds) -> i64 {
        *self.start.insert(utc.0.as_nanos().saturating_sub(nanos(since.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::cell::{Fixed, Ssrc};
    use crate::report::page::series::SeriesKey;
    use crate::time::Timestamp;

    fn packet(ssrc: u32, nanos: i64) -> Row<'static> {
        let time_utc = Utc(Timestamp::from_nanos(nanos));
        Row::Packet(PacketRow { ssrc: Ssrc(ssrc), time_utc, ..<_>::default() })
    }

    fn key(ssrc: u32) -> SeriesKey {
        SeriesKey { session: 0, channel: 0, ssrc, from_client: false }
    }

    #[test]
    fn packets_find_their_stream() {
        let mut section = CaptureReport::new(0);
        for ssrc in [1, 2, 1, 3, 1] {
            section.row(&packet(ssrc, 5)).unwrap();
        }
        let counts = [1, 2, 3].map(|ssrc| section.charts.of(key(ssrc)).unwrap().count);
        assert_eq!(counts, [3, 1, 1]);
    }

    #[test]
    fn thousands_of_streams_stay_small() {
        let mut section = CaptureReport::new(0);
        for round in 0..100 {
            for ssrc in 0..10_000 {
                section.row(&packet(ssrc, i64::from(round) * 1_000_000)).unwrap();
            }
        }
        assert_eq!(section.charts.series.len(), limits::SERIES);
        let kept = section.charts.series.iter().map(|(_, series)| series.packets.buckets().len()).max();
        assert!(kept.is_some_and(|kept| kept <= 64), "{kept:?}");
    }

    #[test]
    fn times_count_from_the_first_packet() {
        let mut span = Span::default();
        let at = |span: &mut Span, nanos, seconds| span.at(Utc(Timestamp::from_nanos(nanos)), Fixed(seconds));
        assert_eq!(at(&mut span, 5_000_000_000, 2.0), 2_000_000_000);
        assert_eq!(at(&mut span, 6_000_000_000, 3.0), 3_000_000_000);
        assert_eq!(at(&mut span, 1_000_000_000, -2.0), 0);
        assert_eq!(at(&mut span, i64::MAX, f64::INFINITY), i64::MAX - 3_000_000_000);
        assert_eq!((span.start, span.end), (Some(3_000_000_000), i64::MAX - 3_000_000_000));
    }
}
