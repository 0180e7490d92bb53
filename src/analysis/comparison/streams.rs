//! The media of two sessions, track by track.

use crate::analysis::StreamRow;
use crate::time::Timestamp;

/// What came of a track, then and now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamPair {
    /// Place of the track in the recorded description.
    pub track: usize,
    /// Then; `None` where nothing came.
    pub then: Option<Figures>,
    /// Now.
    pub now: Option<Figures>,
}

/// Figures of a track. Where it changed its SSRC, counts are those of all its streams, and rates those of the longest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Encoding name.
    pub encoding: Option<String>,
    /// RTP packets.
    pub packets: u64,
    /// Payload bits a second.
    pub bitrate_bps: Option<u64>,
    /// Lost by RFC 3550.
    pub lost: i64,
    /// Sequence numbers that never came.
    pub missing: i64,
    /// The largest jitter of frames.
    pub frame_jitter_max_ms: Option<f64>,
    /// The largest distance between packets.
    pub delta_max_ms: Option<f64>,
    /// Milliseconds from the answer to PLAY to the first packet.
    pub first_packet_ms: Option<f64>,
}

impl StreamPair {
    /// Media that came then and does not now.
    pub(super) fn difference(&self) -> Option<String> {
        let packets = |figures: &Option<Figures>| figures.as_ref().map_or(0, |figures| figures.packets);
        let (then, now) = (packets(&self.then), packets(&self.now));
        (then > 0 && now == 0).then(|| format!("track {}: {then} packets then, none now", self.track))
    }
}

/// The figures of a track, from the rows of its streams.
pub fn figures<'a>(rows: impl Iterator<Item = StreamRow<'a>>, played: Option<Timestamp>) -> Option<Figures> {
    let rows: Vec<StreamRow<'_>> = rows.filter(|row| row.packets > 0).collect();
    let longest = rows.iter().max_by_key(|row| row.packets)?;
    let most = |figure: fn(&StreamRow<'_>) -> Option<f64>| rows.iter().filter_map(figure).reduce(f64::max);
    let first = rows.iter().filter_map(|row| row.first_packet_utc).map(|first| first.0).min();
    Some(Figures {
        encoding: longest.encoding.map(str::to_owned),
        packets: rows.iter().map(|row| row.packets).sum(),
        bitrate_bps: longest.bitrate_bps,
        lost: rows.iter().map(|row| row.lost).fold(0, i64::saturating_add),
        missing: rows.iter().map(|row| row.missing).fold(0, i64::saturating_add),
        frame_jitter_max_ms: most(|row| row.frame_jitter_max_ms.map(|jitter| jitter.0)),
        delta_max_ms: most(|row| row.delta_max_ms.map(|delta| delta.0)),
        first_packet_ms: played.zip(first).map(|(played, first)| first.seconds_since(played) * 1e3),
    })
}
