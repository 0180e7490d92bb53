//! The streams: an overview, and for each its figures and the places of its charts.

use std::io;

use maud::{Markup, html};

use crate::analysis::cell::{Fixed, Millis, Ratio, Ssrc};
use crate::analysis::rows::{InferredColumns, StreamRow};
use crate::report::cells::{Cell, each_cell};
use crate::report::page::charts::StreamCharts;
use crate::report::page::decimate::Span;
use crate::report::page::limits::{STREAMS, clipped};
use crate::report::page::series::{Packets, Series, SeriesKey};
use crate::report::page::words::{SectionPlace, file_name, grouped, left_out, many, stream_of};
use crate::report::summary::bitrate;

/// The streams of a capture.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) kept: Vec<StreamView>,
    pub(super) total: Total,
}

/// All of them together.
#[derive(Debug, Default)]
pub(super) struct Total {
    pub(super) streams: usize,
    pub(super) packets: u64,
    pub(super) missing: i64,
    pub(super) freezes: u64,
    pub(super) incomplete_frames: u64,
    pub(super) damaged_frames: u64,
}

/// One of them.
#[derive(Debug)]
pub(super) struct StreamView {
    /// From 1, in the order of the table `streams`; of the page, once all are there.
    pub(super) number: usize,
    pub(super) key: SeriesKey,
    track: Option<usize>,
    pub(super) packets: u64,
    missing: i64,
    freezes: Option<u64>,
    /// What it is, in a few words.
    name: String,
    media: String,
    encoding: String,
    bitrate: String,
    longest_delta: Option<Millis>,
    frame_jitter: Option<Millis>,
    pub(super) buffer_needed: Option<Millis>,
    /// How often a player stands still, and how long.
    stalls: Option<(u64, Millis)>,
    pub(super) drift: Option<Ratio>,
    /// Columns and cells as in the CSV.
    figures: Vec<(&'static str, String)>,
}

impl Total {
    /// Whether all that was expected came, and in time.
    pub(super) const fn is_clean(&self) -> bool {
        self.missing <= 0 && self.freezes == 0 && self.incomplete_frames == 0 && self.damaged_frames == 0
    }
}

impl Streams {
    pub(super) fn add(&mut self, row: &StreamRow<'_>) -> io::Result<()> {
        self.total.streams += 1;
        self.total.packets += row.packets;
        self.total.missing = self.total.missing.saturating_add(row.missing);
        self.total.freezes += row.freezes.unwrap_or(0);
        self.total.incomplete_frames += row.incomplete_frames.unwrap_or(0);
        self.total.damaged_frames += row.damaged_frames.unwrap_or(0);
        self.kept.push(StreamView::new(self.total.streams, row)?);
        if self.kept.len() >= 2 * STREAMS {
            self.keep_largest();
        }
        Ok(())
    }

    /// Those with the most packets, in their order.
    fn keep_largest(&mut self) {
        self.kept.sort_by_key(|stream| (std::cmp::Reverse(stream.packets), stream.number));
        self.kept.truncate(STREAMS);
        self.kept.sort_by_key(|stream| stream.number);
    }

    /// Nothing more comes: puts them into the order of sessions and tracks, those without a track last. Which have charts,
    /// at most so many.
    pub(super) fn finish(&mut self, charted: usize) -> Vec<usize> {
        self.keep_largest();
        self.kept.sort_by_key(|stream| (stream.key.session, stream.track.is_none(), stream.track, stream.number));
        for (number, stream) in (1..).zip(&mut self.kept) {
            stream.number = number;
        }
        let mut largest: Vec<&StreamView> = self.kept.iter().collect();
        largest.sort_by_key(|stream| (std::cmp::Reverse(stream.packets), stream.number));
        let mut charted: Vec<usize> = largest.into_iter().take(charted).map(|stream| stream.number).collect();
        charted.sort_unstable();
        charted
    }
}

impl StreamView {
    fn new(number: usize, row: &StreamRow<'_>) -> io::Result<Self> {
        let mut figures = Vec::new();
        let inferred = row.inferred.map_or(&[][..], InferredColumns::columns);
        // Folders are nobody's business but the sender's.
        let shown = StreamRow { capture: file_name(row.capture), ..row.clone() };
        each_cell(&shown, |name, cell| {
            let text = match cell {
                Cell::Empty => String::new(),
                Cell::Number(text) | Cell::Text(text) if inferred.contains(&name) => {
                    clipped(&format!("{text} (inferred)"))
                }
                Cell::Number(text) | Cell::Text(text) => clipped(text),
            };
            figures.push((name, text));
            Ok(())
        })?;
        let key = SeriesKey::new(row.session, row.channel, row.ssrc, row.direction);
        let is_inferred = row.inferred.is_some_and(InferredColumns::has_encoding);
        let encoding =
            row.encoding.map(|name| if is_inferred { format!("{name} (inferred)") } else { name.to_owned() });
        let codec = encoding.as_ref().map(|encoding| format!(" {encoding}")).unwrap_or_default();
        let track = row.track.map(|track| format!(", track {track}")).unwrap_or_default();
        let name = format!(
            "{}{codec}, session {}{track}, {} {}",
            row.media.unwrap_or("media"),
            row.session,
            if key.from_client { "to the server," } else { "SSRC" },
            row.ssrc
        );
        Ok(Self {
            number,
            key,
            track: row.track,
            packets: row.packets,
            missing: row.missing,
            freezes: row.freezes,
            name: clipped(&name),
            media: clipped(row.media.unwrap_or_default()),
            encoding: clipped(&encoding.unwrap_or_default()),
            bitrate: row.bitrate_bps.map(bitrate).unwrap_or_default(),
            longest_delta: row.delta_max_ms.filter(|delta| !delta.0.is_nan()),
            frame_jitter: row.frame_jitter_max_ms.filter(|jitter| !jitter.0.is_nan()),
            buffer_needed: row.buffer_needed_ms.filter(|needed| !needed.0.is_nan()),
            stalls: row.stalls.zip(row.stalled_ms),
            drift: row.drift_ppm,
            figures,
        })
    }

    /// Whether lateness follows from skew: where timestamps jumped, skew goes on elsewhere.
    fn shows_lateness(&self, series: &Series) -> bool {
        self.buffer_needed.is_some_and(|needed| (0.0..=needed.0 + PARTS_MS).contains(&series.skew_spread()))
    }

    /// Its line of the overview: a cell below each of [`OVERVIEW`].
    fn overview(&self) -> [String; OVERVIEW.len()] {
        let one_decimal = |jitter: Millis| format!("{} ms", Fixed::<1>(jitter.0));
        [
            self.key.session.to_string(),
            self.track.map(|track| track.to_string()).unwrap_or_default(),
            self.media.clone(),
            self.encoding.clone(),
            Ssrc(self.key.ssrc).to_string(),
            self.packets.to_string(),
            self.missing.to_string(),
            self.freezes.map(|freezes| freezes.to_string()).unwrap_or_default(),
            self.frame_jitter.map(one_decimal).unwrap_or_default(),
            self.buffer_needed.map(one_decimal).unwrap_or_default(),
            self.bitrate.clone(),
        ]
    }
}

/// Skew spans more than the lateness of a part by what one frame takes on its way, and by what clocks drift apart.
const PARTS_MS: f64 = 2000.0;

/// Columns of the overview, and whether they hold numbers.
const OVERVIEW: [(&str, bool); 11] = [
    ("session", true),
    ("track", true),
    ("media", false),
    ("encoding", false),
    ("ssrc", false),
    ("packets", true),
    ("missing", true),
    ("freezes", true),
    ("max frame jitter", true),
    ("buffer", true),
    ("bitrate", true),
];

/// A line for each stream.
pub(super) fn overview(section: SectionPlace, streams: &Streams, charted: &[usize]) -> Markup {
    html! {
        @if section.has_sessions || !streams.kept.is_empty() { h3 { "Streams" } }
        @if streams.kept.is_empty() && section.has_sessions { p { "There is no RTP stream in the capture." } }
        @if !streams.kept.is_empty() { div.scroll { table {
            thead { tr {
                th scope="col" { "stream" }
                @for (name, is_number) in OVERVIEW { th.number[is_number] scope="col" { (name) } }
            } }
            tbody { @for stream in &streams.kept { tr {
                th scope="row" {
                    @if charted.contains(&stream.number) {
                        a href={ "#" (id(section.number, stream.number)) } { (stream.number) }
                    } @else { (stream.number) }
                }
                @for ((_, is_number), cell) in OVERVIEW.into_iter().zip(stream.overview()) {
                    td.number[is_number] { (cell) }
                }
            } } }
        } } }
        @if streams.total.streams > streams.kept.len() {
            @let more = many(streams.total.streams - streams.kept.len(), "stream");
            p.omitted { (left_out(&format!("{more} with fewer packets"), "streams")) }
        }
        @if streams.kept.len() > charted.len() {
            p.omitted { "Figures and charts follow for the " (charted.len()) " streams with the most packets." }
        }
    }
}

/// The figures of a stream in groups, each with the column that begins the next one.
const GROUPS: [(&str, &str); 6] = [
    ("Identity", "first_packet_utc"),
    ("Packets and loss", "delta_min_ms"),
    ("Timing", "marker_packets"),
    ("Sender reports", "frames"),
    ("Frames", "play_to_first_packet_ms"),
    ("Further figures", ""),
];

/// The figures and the charts of one stream.
pub(super) fn stream(section: usize, stream: &StreamView, charts: &StreamCharts) -> Markup {
    let id = id(section, stream.number);
    html! {
        section.stream id=(id) aria-labelledby={ (id) "-name" } {
            h3 id={ (id) "-name" } { "Stream " (stream.number) ": " (stream.name) }
            p.digest {
                span { b { (grouped(stream.packets)) } " packets" }
                @if !stream.bitrate.is_empty() { span { b { (stream.bitrate) } } }
                span { b { (stream.missing) } " missing" }
                @for (value, what) in
                    [
                        (stream.longest_delta, "longest delta"),
                        (stream.frame_jitter, "most frame jitter"),
                        (stream.buffer_needed, "of buffer needed"),
                    ]
                {
                    @if let Some(value) = value { span { b { (Fixed::<1>(value.0)) " ms" } " " (what) } }
                }
                @if let Some((stalls, stalled)) = stream.stalls.filter(|(stalls, _)| *stalls > 0) {
                    span { b { (many(usize::try_from(stalls).unwrap_or(usize::MAX), "stall")) }
                        " of a player, " (Fixed::<1>(stalled.0)) " ms" }
                }
            }
            (drawings(section, stream, charts))
            details.figures open { summary { "Figures, as in the table streams of analyze" }
                div.groups { @for (title, columns) in groups(&stream.figures) {
                    table {
                        caption { (title) }
                        tbody { @for (name, text) in columns {
                            tr { th scope="row" { (name) } td data-column=(name) { (text) } }
                        } }
                    }
                } }
            }
        }
    }
}

fn groups<'a>(figures: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a [(&'static str, String)])> {
    let mut rest = figures;
    let take = |(title, next)| {
        let end = rest.iter().position(|(name, _)| *name == next).unwrap_or(rest.len());
        let (columns, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        rest = after;
        (title, columns)
    };
    GROUPS.into_iter().map(take).collect()
}

/// Nanoseconds. What a point stands for is worth a word where it is longer.
const FINE: i64 = 10_000_000;

#[expect(clippy::cast_precision_loss, reason = "three decimals are shown")]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

/// What there is to draw, and what it shows.
fn drawings(section: usize, stream: &StreamView, charts: &StreamCharts) -> Markup {
    let Some(series) = charts.of(stream.key) else { return html! {} };
    let drawn = drawn(series, charts.offsets_of(stream.key).is_some(), stream.shows_lateness(series));
    html! {
        @let of = stream_of(Some(stream.key.session), stream.track);
        div.charts data-section=(section) data-stream=(stream.number) data-of=[of] {
            @for (kind, (title, unit), _) in drawn.into_iter().filter(|(.., some)| *some) {
                figure.chart {
                    figcaption { b { (title) } " " span.unit { (unit) } }
                    div.plot data-chart=(kind) role="group" aria-label={ (title) ": " (unit) } {}
                }
            }
        }
        @if series.packets.width() > FINE {
            p.hint {
                "Each point stands for " (Fixed::<3>(seconds(series.packets.width())))
                " s, with the highest and the lowest value of that time."
            }
        }
        @if series.gaps.buckets().is_empty() && series.count > 0 {
            p.hint { "Sequence numbers: each came in order, none is missing." }
        }
    }
}

/// Each chart with its title and unit, and whether there is anything to draw.
fn drawn(
    series: &Series,
    has_offsets: bool,
    has_playout: bool,
) -> [(&'static str, (&'static str, &'static str), bool); 8] {
    let any = |span: fn(&Packets) -> Span| series.packets.buckets().iter().any(|(_, bucket)| span(bucket).is_some());
    let (frames, gaps) = (!series.frames.buckets().is_empty(), !series.gaps.buckets().is_empty());
    [
        ("delta", ("Delta", "ms between two packets"), any(|bucket| bucket.delta)),
        ("jitter", ("Jitter", "ms, RFC 3550"), any(|bucket| bucket.jitter)),
        ("skew", ("Skew", "ms; above 0 is later than the media clock says"), any(|bucket| bucket.skew)),
        ("playout", ("Lateness", "ms after the earliest; above the line, the buffer, a player stalls"), has_playout),
        ("bitrate", ("Bitrate", "of RTP payload"), series.count > 0),
        ("frames", ("Frame sizes", "bytes, by type"), frames),
        ("gaps", ("Sequence", "numbers that were skipped, and what came out of order"), gaps),
        ("offset", ("Sender report offset", "ms between NTP and RTP clock"), has_offsets),
    ]
}

fn id(section: usize, number: usize) -> String {
    format!("s{section}-stream-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: SectionPlace = SectionPlace { number: 0, start: None, has_sessions: false };
    use crate::analysis::cell::Ssrc;

    #[test]
    fn every_figure_is_in_one_group() {
        let stream = StreamView::new(1, &StreamRow::default()).unwrap();
        let groups = groups(&stream.figures);
        assert!(groups.iter().all(|(_, columns)| !columns.is_empty()), "{groups:?}");
        assert_eq!(groups.iter().map(|(_, columns)| columns.len()).sum::<usize>(), stream.figures.len());
    }

    #[test]
    fn streams_stand_in_the_order_of_their_tracks() {
        let mut streams = Streams::default();
        for (session, track, ssrc) in [(2, Some(0), 1), (1, None, 2), (1, Some(1), 3), (1, Some(0), 4), (1, Some(1), 5)]
        {
            streams.add(&StreamRow { session, track, ssrc: Ssrc(ssrc), packets: 9, ..<_>::default() }).unwrap();
        }
        let charted = streams.finish(2);
        let order: Vec<_> = streams.kept.iter().map(|stream| (stream.number, stream.key.ssrc)).collect();
        assert_eq!(order, [(1, 4), (2, 3), (3, 5), (4, 2), (5, 1)]);
        assert_eq!(charted, [1, 2]);
    }

    #[test]
    fn the_overview_speaks_in_words() {
        let mut streams = Streams::default();
        let row = StreamRow { frame_jitter_max_ms: Some(Fixed(3.21)), ..<_>::default() };
        streams.add(&row).unwrap();
        streams.finish(0);
        let text = overview(PLACE, &streams, &[]).into_string();
        assert!(text.contains(">max frame jitter</th>") && text.contains(">3.2 ms</td>"), "{text}");
        assert!(!text.contains('_'), "{text}");
    }

    #[test]
    fn the_largest_stay_in_their_order() {
        let mut streams = Streams::default();
        for packets in 0..2000 {
            streams.add(&StreamRow { packets: packets % 1000, ..<_>::default() }).unwrap();
        }
        let charted = streams.finish(3);
        let shown = streams.kept.iter().filter(|stream| charted.contains(&stream.number));
        assert_eq!(shown.map(|stream| stream.packets).collect::<Vec<_>>(), [998, 999, 999]);
        assert_eq!((streams.kept.len(), streams.total.streams), (STREAMS, 2000));
        assert!(streams.kept.is_sorted_by_key(|stream| stream.number));
        assert!(streams.kept.iter().all(|stream| stream.packets >= 1000 - STREAMS as u64 / 2));
    }
}
