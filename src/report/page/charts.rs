//! The charts of all streams, as the rows come: a few buckets for each, found by the stream's key.

use std::collections::HashMap;

use crate::analysis::rows::{FrameRow, PacketRow, SenderReportRow};
use crate::report::page::decimate::Decimator;
use crate::report::page::limits;
use crate::report::page::series::{Offsets, Series, SeriesKey};
use crate::trace::Direction;

/// The latest streams that are found without searching.
const RECENT: usize = 64;

/// The charts of all streams in the making.
#[derive(Debug)]
pub(super) struct StreamCharts {
    pub(super) series: Vec<(SeriesKey, Series)>,
    by_key: HashMap<SeriesKey, usize>,
    recent: [usize; RECENT],
    offsets: HashMap<OffsetKey, Decimator<Offsets>>,
    limit: usize,
}

/// Reports come on another channel than their stream.
type OffsetKey = (usize, u32, bool);

impl StreamCharts {
    pub(super) fn new() -> Self {
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
    pub(super) fn packet(&mut self, at: i64, row: &PacketRow<'_>) {
        let key = SeriesKey::new(row.session, row.channel, row.ssrc, row.direction);
        if let Some(series) = self.series(key) {
            series.packet(at, row);
        }
    }

    pub(super) fn frame(&mut self, at: i64, row: &FrameRow<'_>) {
        let key = SeriesKey::new(row.session, row.channel, row.ssrc, row.direction);
        if let Some(series) = self.series(key) {
            series.frame(at, row);
        }
    }

    pub(super) fn sender_report(&mut self, at: i64, row: &SenderReportRow<'_>) {
        let key = (row.session, row.ssrc.0, row.direction == Direction::ClientToServer);
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
