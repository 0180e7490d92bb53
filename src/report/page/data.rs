//! What the charts are drawn from, as JSON: numbers alone, nothing that a capture could have written.

use std::time::Duration;

use serde::Serialize;

use crate::report::page::collect::CaptureReport;
use crate::report::page::decimate::{Decimator, Span};
use crate::report::page::series::{Frames, Gaps, Kind, Offsets, Packets, Series};
use crate::report::page::streams::StreamView;

const NANOS_PER_MICRO: i64 = 1_000;

/// All of a section.
#[derive(Debug, Serialize)]
pub(super) struct Data {
    /// Milliseconds since 1970.
    start: f64,
    /// Seconds from there to the end.
    end: f64,
    streams: Vec<StreamData>,
}

/// Times and frame numbers are written as differences. Times are microseconds, measures thousandths.
#[derive(Debug, Serialize)]
struct StreamData {
    number: usize,
    packets: PacketData,
    rate: RateData,
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<FrameData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gaps: Option<GapData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offsets: Option<OffsetData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    playout: Option<PlayoutData>,
}

/// How lateness follows from skew: the highest, without the drift, is what is needed above the earliest frame.
#[derive(Debug, Serialize)]
struct PlayoutData {
    /// Milliseconds.
    buffer: f64,
    needed: f64,
    /// Parts per million.
    drift: f64,
}

#[derive(Debug, Serialize)]
struct PacketData {
    width: f64,
    t: Vec<i64>,
    n: Vec<i64>,
    delta: Measure,
    jitter: Measure,
    skew: Measure,
}

/// The highest of each bucket, and the lowest where it is another.
#[derive(Debug, Serialize)]
struct Measure {
    hi: Vec<Option<i64>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lo: Vec<Option<i64>>,
}

#[derive(Debug, Serialize)]
struct RateData {
    /// Seconds.
    width: f64,
    t: Vec<i64>,
    bits: Vec<Option<u64>>,
}

#[derive(Debug, Serialize)]
struct FrameData {
    width: f64,
    t: Vec<i64>,
    n: Vec<i64>,
    /// By [`Kind`]; empty where there is none.
    bytes: Vec<Vec<Option<u64>>>,
    incomplete: Vec<u64>,
}

#[derive(Debug, Serialize)]
struct GapData {
    t: Vec<i64>,
    n: Vec<i64>,
    skipped: Vec<u64>,
    reordered: Vec<u64>,
    duplicates: Vec<u64>,
    restarts: Vec<u64>,
}

#[derive(Debug, Serialize)]
struct OffsetData {
    t: Vec<i64>,
    n: Vec<i64>,
    offset: Measure,
}

impl Data {
    pub(super) fn of<'a>(section: &CaptureReport, streams: impl Iterator<Item = &'a StreamView>) -> Self {
        let of_stream = |stream: &StreamView| {
            let offsets = section.charts.offsets_of(stream.key);
            section.charts.of(stream.key).map(|series| StreamData {
                playout: PlayoutData::of(stream, section.buffer),
                ..StreamData::new(stream.number, series, offsets)
            })
        };
        Self {
            start: float(section.span.start.unwrap_or(0)) / 1e6,
            end: float(section.span.end) / 1e9,
            streams: streams.filter_map(of_stream).collect(),
        }
    }

    /// For a script element, which `<` could end.
    pub(super) fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self).map(|json| json.replace('<', "\\u003c"))
    }
}

impl StreamData {
    fn new(number: usize, series: &Series, offsets: Option<&Decimator<Offsets>>) -> Self {
        Self {
            number,
            packets: PacketData::new(&series.packets),
            rate: RateData::new(series),
            frames: (!series.frames.buckets().is_empty()).then(|| FrameData::new(&series.frames)),
            gaps: (!series.gaps.buckets().is_empty()).then(|| GapData::new(&series.gaps)),
            offsets: offsets.map(OffsetData::new),
            playout: None,
        }
    }
}

impl PlayoutData {
    fn of(stream: &StreamView, buffer: Duration) -> Option<Self> {
        let (needed, drift) = (stream.buffer_needed?.0, stream.drift.map_or(0.0, |drift| drift.0));
        Some(Self { buffer: buffer.as_secs_f64() * 1e3, needed, drift })
    }
}

impl PacketData {
    fn new(packets: &Decimator<Packets>) -> Self {
        let buckets = packets.buckets();
        Self {
            width: float(packets.width()) / 1e9,
            t: times(buckets),
            n: differences(buckets.iter().map(|(_, bucket)| bucket.frame_number)),
            delta: Measure::new(buckets, |bucket| bucket.delta),
            jitter: Measure::new(buckets, |bucket| bucket.jitter),
            skew: Measure::new(buckets, |bucket| bucket.skew),
        }
    }
}

impl Measure {
    fn new<B>(buckets: &[(i64, B)], span: impl Fn(&B) -> Span) -> Self {
        let of = |value: fn(&Span) -> f64| {
            let spans = buckets.iter().map(|(_, bucket)| span(bucket));
            spans.map(|span| span.is_some().then(|| thousandths(value(&span)))).collect::<Vec<_>>()
        };
        let (hi, lo) = (of(|span| span.max), of(|span| span.min));
        if hi.iter().all(Option::is_none) {
            return Self { hi: Vec::new(), lo: Vec::new() };
        }
        Self { lo: if lo == hi { Vec::new() } else { lo }, hi }
    }
}

impl RateData {
    /// Windows side by side, those without packets too, as zero. At either end a window that is covered by less than a
    /// half says nothing.
    fn new(series: &Series) -> Self {
        let width = series.rate.width();
        let buckets = series.rate.buckets();
        let first = buckets.first().map_or(0, |(at, _)| *at);
        let (mut starts, mut bits) = (Vec::new(), Vec::new());
        let mut next = None;
        for (at, bytes) in buckets {
            let start = at.div_euclid(width).saturating_mul(width);
            if let Some(after) = next.filter(|after| *after < start) {
                starts.push(after);
                bits.push(Some(0));
            }
            let covered = start.saturating_add(width).min(series.latest.max(first)) - start.max(first);
            starts.push(start);
            bits.push((covered * 2 >= width).then(|| per_second(bytes.0, covered)));
            next = Some(start.saturating_add(width));
        }
        if let Some(end) = next {
            starts.push(end);
            bits.push(bits.last().copied().flatten());
        }
        let t = differences_of(starts.into_iter().map(|start| start / NANOS_PER_MICRO));
        Self { width: float(width) / 1e9, t, bits }
    }
}

impl FrameData {
    fn new(frames: &Decimator<Frames>) -> Self {
        let buckets = frames.buckets();
        let bytes = |kind: Kind| {
            let sizes: Vec<Option<u64>> = buckets.iter().map(|(_, bucket)| bucket.largest(kind)).collect();
            if sizes.iter().all(Option::is_none) { Vec::new() } else { sizes }
        };
        let incomplete: Vec<u64> = buckets.iter().map(|(_, bucket)| bucket.incomplete).collect();
        Self {
            width: float(frames.width()) / 1e9,
            t: times(buckets),
            n: differences(buckets.iter().map(|(_, bucket)| bucket.frame_number)),
            bytes: Kind::ALL.into_iter().map(bytes).collect(),
            incomplete: if incomplete.iter().all(|count| *count == 0) { Vec::new() } else { incomplete },
        }
    }
}

impl GapData {
    fn new(gaps: &Decimator<Gaps>) -> Self {
        let buckets = gaps.buckets();
        let of = |value: fn(&Gaps) -> u64| buckets.iter().map(|(_, bucket)| value(bucket)).collect();
        Self {
            t: times(buckets),
            n: differences(buckets.iter().map(|(_, bucket)| bucket.frame_number)),
            skipped: of(|gaps| gaps.skipped),
            reordered: of(|gaps| gaps.reordered),
            duplicates: of(|gaps| gaps.duplicates),
            restarts: of(|gaps| gaps.restarts),
        }
    }
}

impl OffsetData {
    fn new(offsets: &Decimator<Offsets>) -> Self {
        let buckets = offsets.buckets();
        Self {
            t: times(buckets),
            n: differences(buckets.iter().map(|(_, bucket)| bucket.frame_number)),
            offset: Measure::new(buckets, |bucket| bucket.offset),
        }
    }
}

fn times<B>(buckets: &[(i64, B)]) -> Vec<i64> {
    differences_of(buckets.iter().map(|(at, _)| at / NANOS_PER_MICRO))
}

fn differences(values: impl Iterator<Item = u64>) -> Vec<i64> {
    differences_of(values.map(|value| i64::try_from(value).unwrap_or(i64::MAX)))
}

/// The first, and of each other how much it is above the one before.
fn differences_of(values: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut before = 0;
    let difference = |value: i64| value.saturating_sub(std::mem::replace(&mut before, value));
    values.map(difference).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a float becomes the nearest integer that there is")]
fn thousandths(value: f64) -> i64 {
    (value * 1e3).round() as i64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a bitrate")]
fn per_second(bytes: u64, nanos: i64) -> u64 {
    (bytes as f64 * 8e9 / nanos.max(1) as f64).round() as u64
}

#[expect(clippy::cast_precision_loss, reason = "a chart has fewer pixels than 2^53")]
fn float(value: i64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::rows::PacketRow;

    #[test]
    fn differences_add_up() {
        assert_eq!(differences_of([5, 7, 7, 4].into_iter()), [5, 2, 0, -3]);
    }

    #[test]
    fn a_single_value_is_written_once() {
        let measure = |spans: &[(i64, Span)]| Measure::new(spans, |span| *span);
        let single = measure(&[(0, Span::of(Some(1.5))), (1, Span::of(None))]);
        assert_eq!((single.hi, single.lo), (vec![Some(1500), None], vec![]));
        let pair = measure(&[(0, Span { min: -1.0, max: 0.0004 })]);
        assert_eq!((pair.hi, pair.lo), (vec![Some(0)], vec![Some(-1000)]));
        assert!(measure(&[(0, Span::NONE)]).hi.is_empty());
    }

    #[test]
    fn bitrates_fall_to_zero_in_a_pause() {
        let mut series = Series::new(64);
        for at in [0, 100, 200, 300, 400, 1_100, 1_200, 1_250, 1_260] {
            series.packet(at * 1_000_000, &PacketRow { payload_bytes: Some(1000), ..<_>::default() });
        }
        let rate = RateData::new(&series);
        assert_eq!(rate.t, [0, 250_000, 250_000, 500_000, 250_000, 250_000]);
        assert_eq!(rate.bits, [Some(96_000), Some(64_000), Some(0), Some(64_000), None, None]);
    }
}
