//! `--loop`: what makes the script one endless stream. Each round goes on where the one before ended: sequence
//! numbers, RTP timestamps, and what sender reports count.

use std::collections::HashMap;

use crate::rtp::packet::{RtpPacket, is_rtcp};
use crate::rtp::rtcp::{Compound, RtcpPacket};
use crate::rtp::unwrap::Unwrapper;
use crate::session::Script;
use crate::session::script::{Frame, Route};
use crate::time::NANOS_PER_SECOND;

/// The distance of frames where nothing tells it: 40 ms, as of 25 pictures a second.
const FRAME_DISTANCE: i64 = 40_000_000;

/// How the rounds of a script follow each other.
#[derive(Debug)]
pub(super) struct LoopOffsets {
    /// Nanoseconds from the start of a round to that of the next.
    length: i64,
    sources: HashMap<(Route, u32), Source>,
}

/// What one round moves a source on by.
#[derive(Clone, Copy, Debug, Default)]
struct Source {
    sequences: u16,
    clock_rate_hz: Option<u32>,
    /// Where the clock rate is not known.
    ticks: u32,
    packets: u32,
    octets: u32,
}

/// What to add to the fields of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) nanos: i64,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) packets: u32,
    pub(super) octets: u32,
}

impl LoopOffsets {
    pub(super) fn new(script: &Script) -> Self {
        let mut counts: HashMap<(Route, u32), Count> = HashMap::new();
        for frame in (0..).map_while(|index| script.frame(index)) {
            let Some(packet) = RtpPacket::parse(frame.payload).ok().filter(|_| !is_rtcp(frame.payload)) else {
                continue;
            };
            let Some(lane) = lane_of_source(frame.lane) else { continue };
            let count = counts.entry((lane, packet.ssrc())).or_insert_with(|| Count::new(frame.after));
            count.packet(&frame, &packet, rate(script, lane, packet.payload_type()));
        }
        let first = counts.values().map(|count| count.first_at).min().unwrap_or(0);
        let last = counts.values().map(|count| count.last_at).max().unwrap_or(0);
        let distance = counts.values().map(Count::distance).max().unwrap_or(FRAME_DISTANCE);
        let length = last.saturating_sub(first).saturating_add(distance).max(1);
        let sources = counts.into_iter().map(|(key, count)| (key, count.source())).collect();
        Self { length, sources }
    }

    /// Script time at which a round begins.
    pub(super) fn start(&self, round: u64) -> i64 {
        self.length.saturating_mul(i64::try_from(round).unwrap_or(i64::MAX))
    }

    /// What makes a packet of the first round one of this round.
    pub(super) fn shift(&self, frame: &Frame<'_>, round: u64) -> Shift {
        let Some(source) = self.source(frame) else { return Shift { nanos: self.start(round), ..Shift::default() } };
        // All of these fields wrap.
        let times = |count: u32| (u64::from(count).wrapping_mul(round) & 0xffff_ffff) as u32;
        let nanos = self.start(round);
        let ticks = source.clock_rate_hz.map_or(times(source.ticks), |rate| ticks(nanos, rate));
        let sequence = (u64::from(source.sequences).wrapping_mul(round) & 0xffff) as u16;
        Shift { nanos, sequence, timestamp: ticks, packets: times(source.packets), octets: times(source.octets) }
    }

    fn source(&self, frame: &Frame<'_>) -> Option<&Source> {
        let ssrc =
            if is_rtcp(frame.payload) { reporter(frame.payload) } else { RtpPacket::parse(frame.payload).ok()?.ssrc() };
        self.sources.get(&(lane_of_source(frame.lane)?, ssrc))
    }
}

/// Who sends a compound: the source of its sender report.
fn reporter(compound: &[u8]) -> u32 {
    let mut packets = Compound::new(compound).flatten();
    packets
        .find_map(|packet| if let RtcpPacket::SenderReport(report) = packet { Some(report.ssrc()) } else { None })
        .unwrap_or(0)
}

/// RTP and RTCP of a track are one source's.
const fn lane_of_source(lane: Route) -> Option<Route> {
    match lane {
        Route::Track { index, .. } => Some(Route::Track { index, rtcp: false }),
        Route::Stray { channel } => Some(Route::Stray { channel: channel & !1 }),
        Route::Raw => None,
    }
}

fn rate(script: &Script, lane: Route, payload_type: u8) -> Option<u32> {
    let Route::Track { index, .. } = lane else { return None };
    script.tracks().get(index)?.clock_rate_hz(payload_type)
}

/// Ticks of a clock in so many nanoseconds, to the nearest, modulo 2^32.
fn ticks(nanos: i64, rate: u32) -> u32 {
    let second = i128::from(NANOS_PER_SECOND);
    let ticks = (i128::from(nanos) * i128::from(rate) + second / 2) / second;
    u32::try_from(ticks.rem_euclid(1 << 32)).unwrap_or(0)
}

/// A source while the script is gone through.
#[derive(Debug)]
struct Count {
    first_at: i64,
    last_at: i64,
    sequences: Unwrapper<u16>,
    lowest: i64,
    highest: i64,
    timestamps: Unwrapper<u32>,
    first_timestamp: i64,
    last_timestamp: i64,
    /// Timestamps that differ from the one before.
    pictures: i64,
    rate: Option<u32>,
    packets: u32,
    octets: u32,
}

impl Count {
    fn new(at: i64) -> Self {
        Self {
            first_at: at,
            last_at: at,
            sequences: Unwrapper::default(),
            lowest: i64::MAX,
            highest: i64::MIN,
            timestamps: Unwrapper::default(),
            first_timestamp: i64::MAX,
            last_timestamp: i64::MIN,
            pictures: 0,
            rate: None,
            packets: 0,
            octets: 0,
        }
    }

    fn packet(&mut self, frame: &Frame<'_>, packet: &RtpPacket<'_>, rate: Option<u32>) {
        self.last_at = self.last_at.max(frame.after);
        let sequence = self.sequences.extend(packet.sequence());
        (self.lowest, self.highest) = (self.lowest.min(sequence), self.highest.max(sequence));
        let before = self.timestamps.last();
        let timestamp = self.timestamps.extend(packet.timestamp());
        self.pictures += i64::from(before.is_some_and(|before| before != timestamp));
        self.first_timestamp = self.first_timestamp.min(timestamp);
        self.last_timestamp = self.last_timestamp.max(timestamp);
        self.rate = self.rate.or(rate);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(u32::try_from(packet.payload().len()).unwrap_or(0));
    }

    /// Ticks from one picture to the next.
    fn picture_ticks(&self) -> i64 {
        self.last_timestamp.saturating_sub(self.first_timestamp).checked_div(self.pictures).unwrap_or(0)
    }

    /// Nanoseconds from one picture to the next.
    fn distance(&self) -> i64 {
        let by_clock = self.rate.filter(|_| self.pictures > 0).map(|rate| {
            let nanos = i128::from(self.picture_ticks()) * i128::from(NANOS_PER_SECOND) / i128::from(rate.max(1));
            i64::try_from(nanos).unwrap_or(FRAME_DISTANCE)
        });
        let by_arrival = || self.last_at.saturating_sub(self.first_at).checked_div(self.pictures);
        // A timestamp that was reset says nothing.
        by_clock
            .or_else(by_arrival)
            .filter(|distance| (1..=10 * NANOS_PER_SECOND).contains(distance))
            .unwrap_or(FRAME_DISTANCE)
    }

    fn source(&self) -> Source {
        let sequences = self.highest.saturating_sub(self.lowest).saturating_add(1);
        let ticks = self.last_timestamp.saturating_sub(self.first_timestamp).saturating_add(self.picture_ticks());
        Source {
            sequences: u16::try_from(sequences & 0xffff).unwrap_or(0),
            clock_rate_hz: self.rate,
            ticks: u32::try_from(ticks & 0xffff_ffff).unwrap_or(0),
            packets: self.packets,
            octets: self.octets,
        }
    }
}
