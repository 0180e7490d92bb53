//! The rows of a capture, as they come, to what the page shows of it.

use std::collections::{BTreeMap, HashMap};
use std::io;

use crate::analysis::cell::{Seconds, Utc};
use crate::analysis::rows::{FrameRow, MessageRow, PacketRow, Row, SenderReportRow, Sink, StreamRow, Table};
use crate::report::page::decimate::Decimator;
use crate::report::page::dialogue::Session;
use crate::report::page::findings::{Findings, Verdicts};
use crate::report::page::limits;
use crate::report::page::series::{Offsets, Series, SeriesKey};
use crate::report::page::streams::Streams;
use crate::report::page::words::nanos;

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
/// The latest streams that are found without searching.
const RECENT: usize = 64;

/// The section of the page about a capture, and those that follow it: a [`Sink`] for its rows.
#[derive(Debug)]
pub struct CaptureReport {
    /// Another place than the others on the page.
    pub(super) number: usize,
    pub(super) span: Span,
    pub(super) charts: Charts,
    pub(super) streams: Streams,
    pub(super) sessions: BTreeMap<usize, Session>,
    /// Those that there was no room for.
    pub(super) more_sessions: usize,
    pub(super) findings: Findings,
    pub(super) verdicts: Verdicts,
}

/// From when to when, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    /// The first packet, since 1970.
    pub(super) start: Option<i64>,
    /// The latest row, since the first packet.
    pub(super) end: i64,
}

/// The charts of all streams in the making.
#[derive(Debug)]
pub(super) struct Charts {
    series: Vec<(SeriesKey, Series)>,
    by_key: HashMap<SeriesKey, usize>,
    recent: [usize; RECENT],
    offsets: HashMap<OffsetKey, Decimator<Offsets>>,
    limit: usize,
}

/// Reports come on another channel than their stream.
pub(super) type OffsetKey = (usize, u32, bool);

impl CaptureReport {
    /// The section at this place of the page.
    pub fn new(number: usize) -> Self {
        Self {
            number,
            span: Span::default(),
            charts: Charts::new(),
            streams: Streams::default(),
            sessions: BTreeMap::new(),
            more_sessions: 0,
            findings: Findings::default(),
            verdicts: Verdicts::default(),
        }
    }

    /// Whether RTSP was spoken: without, nothing else was looked at.
    pub(super) fn has_sessions(&self) -> bool {
        !self.sessions.is_empty()
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
            Row::ReportBlock(_) => {}
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

impl Charts {
    fn new() -> Self {
        Self {
            series: Vec::new(),
            by_key: HashMap::new(),
            recent: [0; RECENT],
            offsets: HashMap::new(),
            limit: limits::kept_buckets(1),
        }
    }

    #[expect(clippy::inline_always, reason = "a row of 200 bytes need not be made for the few columns that are taken")]
    #[inline(always)]
    fn packet(&mut self, at: i64, row: &PacketRow<'_>) {
        let key = SeriesKey::new(row.session, row.channel, row.ssrc, row.direction);
        if let Some(series) = self.series(key) {
            series.packet(at, row);
        }
    }

    fn frame(&mut self, at: i64, row: &FrameRow<'_>) {
        let key = SeriesKey::new(row.session, row.channel, row.ssrc, row.direction);
        if let Some(series) = self.series(key) {
            series.frame(at, row);
        }
    }

    fn sender_report(&mut self, at: i64, row: &SenderReportRow<'_>) {
        let key = (row.session, row.ssrc.0, row.direction == "c2s");
        if row.offset_ms.is_none() || (self.offsets.len() >= limits::SERIES && !self.offsets.contains_key(&key)) {
            return;
        }
        let offsets = self.offsets.entry(key).or_insert_with(|| Decimator::new(1_000, 256));
        offsets.add(at, &Offsets::of(row));
    }

    /// The charts of a stream; none if there are too many streams.
    #[inline]
    fn series(&mut self, key: SeriesKey) -> Option<&mut Series> {
        let place = usize::from(key.channel) % RECENT;
        let recent = self.recent.get(place).copied().unwrap_or_default();
        if self.series.get(recent).is_some_and(|(known, _)| *known == key) {
            return self.series.get_mut(recent).map(|(_, series)| series);
        }
        let index = self.find_or_add(key)?;
        if let Some(recent) = self.recent.get_mut(place) {
            *recent = index;
        }
        self.series.get_mut(index).map(|(_, series)| series)
    }

    #[inline(never)]
    fn find_or_add(&mut self, key: SeriesKey) -> Option<usize> {
        let index = self.series.len();
        if let Some(known) = self.by_key.get(&key) {
            return Some(*known);
        }
        if index >= limits::SERIES {
            return None;
        }
        // Each time that there are twice as many, each has half the room.
        if index.is_power_of_two() {
            self.limit = limits::kept_buckets(index * 2);
            self.series.iter_mut().for_each(|(_, series)| series.limit_to(self.limit));
        }
        self.series.push((key, Series::new(self.limit)));
        self.by_key.insert(key, index);
        Some(index)
    }

    /// The charts of a stream.
    pub(super) fn of(&self, key: SeriesKey) -> Option<&Series> {
        self.by_key.get(&key).and_then(|index| self.series.get(*index)).map(|(_, series)| series)
    }

    /// Its reports.
    pub(super) fn offsets_of(&self, key: SeriesKey) -> Option<&Decimator<Offsets>> {
        self.offsets.get(&(key.session, key.ssrc, key.from_client))
    }

    /// From now on each has so many buckets at most.
    pub(super) fn limit_to(&mut self, limit: usize) {
        self.series.iter_mut().for_each(|(_, series)| series.limit_to(limit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::cell::{Fixed, Ssrc};
    use crate::time::Timestamp;

    fn packet(ssrc: u32, nanos: i64) -> Row<'static> {
        let time_utc = Utc(Timestamp::from_nanos(nanos));
        Row::Packet(PacketRow { ssrc: Ssrc(ssrc), time_utc, status: "ok", ..<_>::default() })
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
