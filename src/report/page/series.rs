//! What the charts of a stream are drawn from.

use crate::analysis::cell::{Millis, Ssrc};
use crate::analysis::rows::{FrameRow, PacketRow, SenderReportRow};
use crate::analysis::rows::{PacketStatus, PictureKind};
use crate::report::page::decimate::{Bucket, Decimator, Span};
use crate::trace::Direction;

const MICROSECOND: i64 = 1_000;
/// Bitrates are counted over a quarter of a second, or more.
const RATE_WINDOW: i64 = 250_000_000;

/// What tells streams apart whose track is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SeriesKey {
    pub(super) session: usize,
    pub(super) channel: u16,
    pub(super) ssrc: u32,
    pub(super) from_client: bool,
}

impl SeriesKey {
    /// Of a stream as the tables name it.
    #[inline]
    pub(super) fn new(session: usize, channel: u16, ssrc: Ssrc, direction: Direction) -> Self {
        Self { session, channel, ssrc: ssrc.0, from_client: direction == Direction::ClientToServer }
    }
}

/// The charts of one stream in the making. Times are nanoseconds since the beginning of the capture.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) packets: Decimator<Packets>,
    pub(super) rate: Decimator<Bytes>,
    pub(super) gaps: Decimator<Gaps>,
    pub(super) frames: Decimator<Frames>,
    pub(super) count: u64,
    pub(super) latest: i64,
}

impl Series {
    /// So many buckets for each chart.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            packets: Decimator::new(MICROSECOND, limit),
            rate: Decimator::new(RATE_WINDOW, limit / 2),
            gaps: Decimator::new(MICROSECOND, limit / 4),
            frames: Decimator::new(MICROSECOND, limit),
            count: 0,
            latest: 0,
        }
    }

    pub(super) fn limit_to(&mut self, limit: usize) {
        self.packets.limit_to(limit);
        self.rate.limit_to(limit / 2);
        self.gaps.limit_to(limit / 4);
        self.frames.limit_to(limit);
    }

    #[expect(clippy::inline_always, reason = "a row of 200 bytes need not be made for the few columns that are taken")]
    #[inline(always)]
    pub(super) fn packet(&mut self, at: i64, row: &PacketRow<'_>) {
        self.count += 1;
        self.latest = self.latest.max(at);
        self.packets.add(at, &Packets::of(row));
        self.rate.add(at, &Bytes(row.payload_bytes.unwrap_or(0) as u64));
        if row.status != PacketStatus::Ok {
            self.gaps.add(at, &Gaps::of(row));
        }
    }

    /// From the lowest to the highest skew; below 0 where there is none.
    pub(super) fn skew_spread(&self) -> f64 {
        let skews = self.packets.buckets().iter().map(|(_, bucket)| bucket.skew);
        let all = skews.fold(Span::NONE, |mut all, skew| {
            all.join(&skew);
            all
        });
        all.max - all.min
    }

    pub(super) fn frame(&mut self, at: i64, row: &FrameRow<'_>) {
        self.frames.add(at, &Frames::of(row));
    }
}

fn ms(value: Option<Millis>) -> Option<f64> {
    value.map(|value| value.0)
}

/// Packets of a stretch of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packets {
    pub(super) delta: Span,
    pub(super) jitter: Span,
    pub(super) skew: Span,
    /// The packet with the longest delta, as Wireshark numbers it; 0 is none.
    pub(super) frame_number: u64,
}

impl Packets {
    #[inline]
    fn of(row: &PacketRow<'_>) -> Self {
        Self {
            delta: Span::of(ms(row.delta_ms)),
            jitter: Span::of(ms(row.jitter_ms)),
            skew: Span::of(ms(row.skew_ms)),
            frame_number: row.frame_number.unwrap_or(0),
        }
    }
}

impl Bucket for Packets {
    #[inline]
    fn join(&mut self, later: &Self) {
        if later.delta.max > self.delta.max {
            self.frame_number = later.frame_number;
        }
        self.delta.join(&later.delta);
        self.jitter.join(&later.jitter);
        self.skew.join(&later.skew);
    }
}

/// Payload of a stretch of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes(pub(super) u64);

impl Bucket for Bytes {
    #[inline]
    fn join(&mut self, later: &Self) {
        self.0 = self.0.saturating_add(later.0);
    }
}

/// What is wrong with the sequence numbers of a stretch of time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gaps {
    /// Numbers that were skipped.
    pub(super) skipped: u64,
    pub(super) reordered: u64,
    pub(super) duplicates: u64,
    pub(super) restarts: u64,
    /// The longest gap, and the packet behind it.
    longest: u16,
    pub(super) frame_number: u64,
}

impl Gaps {
    fn of(row: &PacketRow<'_>) -> Self {
        let is = |status| u64::from(row.status == status);
        Self {
            skipped: row.gap.into(),
            reordered: is(PacketStatus::Reordered),
            duplicates: is(PacketStatus::Duplicate),
            restarts: is(PacketStatus::Restart),
            longest: row.gap,
            frame_number: row.frame_number.unwrap_or(0),
        }
    }
}

impl Bucket for Gaps {
    fn join(&mut self, later: &Self) {
        self.skipped = self.skipped.saturating_add(later.skipped);
        self.reordered += later.reordered;
        self.duplicates += later.duplicates;
        self.restarts += later.restarts;
        if later.longest > self.longest {
            (self.longest, self.frame_number) = (later.longest, later.frame_number);
        }
    }
}

/// Frames by what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Key,
    I,
    P,
    B,
    Other,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::Key, Self::I, Self::P, Self::B, Self::Other];

    fn of(row: &FrameRow<'_>) -> Self {
        match row.kind {
            _ if row.key == Some(1) => Self::Key,
            Some(PictureKind::I | PictureKind::Idr) => Self::I,
            Some(PictureKind::P) => Self::P,
            Some(PictureKind::B) => Self::B,
            _ => Self::Other,
        }
    }
}

/// The size of no frame.
const NONE: i64 = -1;

/// Frames of a stretch of time: the largest of each kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frames {
    /// Bytes by [`Kind`], or [`NONE`]; and of all kinds.
    largest: [i64; Kind::ALL.len()],
    largest_of_all: i64,
    pub(super) incomplete: u64,
    /// The largest frame of all, as Wireshark numbers its last packet.
    pub(super) frame_number: u64,
}

impl Frames {
    fn of(row: &FrameRow<'_>) -> Self {
        let (kind, bytes) = (Kind::of(row), i64::try_from(row.bytes).unwrap_or(i64::MAX));
        Self {
            largest: Kind::ALL.map(|each| if each == kind { bytes } else { NONE }),
            largest_of_all: bytes,
            incomplete: u64::from(row.complete == 0),
            frame_number: row.frame_number.unwrap_or(0),
        }
    }

    /// Bytes of the largest frame of a kind.
    pub(super) fn largest(&self, kind: Kind) -> Option<u64> {
        self.largest.get(kind as usize).and_then(|bytes| u64::try_from(*bytes).ok())
    }
}

impl Bucket for Frames {
    fn join(&mut self, later: &Self) {
        if later.largest_of_all > self.largest_of_all {
            (self.largest_of_all, self.frame_number) = (later.largest_of_all, later.frame_number);
        }
        for (largest, later) in self.largest.iter_mut().zip(later.largest) {
            *largest = (*largest).max(later);
        }
        self.incomplete += later.incomplete;
    }
}

/// Sender reports of a stretch of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offsets {
    pub(super) offset: Span,
    pub(super) frame_number: u64,
}

impl Offsets {
    pub(super) fn of(row: &SenderReportRow<'_>) -> Self {
        Self { offset: Span::of(ms(row.offset_ms)), frame_number: row.frame_number.unwrap_or(0) }
    }
}

impl Bucket for Offsets {
    fn join(&mut self, later: &Self) {
        if later.offset.max > self.offset.max {
            self.frame_number = later.frame_number;
        }
        self.offset.join(&later.offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::cell::Fixed;

    #[test]
    fn the_place_is_that_of_the_extreme() {
        let row = |frame_number, delta: f64| PacketRow {
            frame_number: Some(frame_number),
            delta_ms: Some(Fixed(delta)),
            status: PacketStatus::Ok,
            ..<_>::default()
        };
        let mut series = Series::new(64);
        for (at, frame_number, delta) in [(0, 1, 1.0), (10, 2, 9.0), (20, 3, 0.5)] {
            series.packet(at, &row(frame_number, delta));
        }
        let [(0, bucket)] = series.packets.buckets() else { panic!("{series:?}") };
        assert_eq!((bucket.frame_number, bucket.delta), (2, Span { min: 0.5, max: 9.0 }));
        assert!(!bucket.jitter.is_some());
        assert!(series.gaps.buckets().is_empty());
    }

    #[test]
    fn frames_of_each_kind() {
        let row = |kind, key, bytes| FrameRow { kind, key, bytes, frame_number: Some(bytes), ..<_>::default() };
        let mut series = Series::new(64);
        for (kind, key, bytes) in [
            (Some(PictureKind::Idr), Some(1), 900),
            (Some(PictureKind::P), None, 20),
            (Some(PictureKind::P), None, 30),
            (Some(PictureKind::B), None, 5),
            (None, None, 7),
        ] {
            series.frame(0, &row(kind, key, bytes));
        }
        let [(0, bucket)] = series.frames.buckets() else { panic!("{series:?}") };
        assert_eq!(Kind::ALL.map(|kind| bucket.largest(kind)), [Some(900), None, Some(30), Some(5), Some(7)]);
        assert_eq!((bucket.incomplete, bucket.frame_number), (5, 900));
    }

    #[test]
    fn gaps_are_added_up() {
        let row = |status, gap, number| PacketRow { status, gap, frame_number: Some(number), ..<_>::default() };
        let mut series = Series::new(64);
        for row in [
            row(PacketStatus::Gap, 2, 1),
            row(PacketStatus::Gap, 5, 2),
            row(PacketStatus::Ok, 0, 3),
            row(PacketStatus::Reordered, 0, 4),
            row(PacketStatus::Restart, 0, 5),
        ] {
            series.packet(0, &row);
        }
        let [(0, bucket)] = series.gaps.buckets() else { panic!("{series:?}") };
        assert_eq!((bucket.skipped, bucket.reordered, bucket.restarts, bucket.frame_number), (7, 1, 1, 2));
    }
}
