//! What RTCP says of the streams of a session.

use std::cmp::Reverse;

use crate::analysis::budget::Budget;
use crate::analysis::findings::Finding;
use crate::analysis::location::Location;
use crate::analysis::session::Session;
use crate::analysis::stream::{PayloadAccess, StreamKey, StreamState};
use crate::rtp::rtcp::{Compound, ReportBlock, RtcpPacket, SenderReport, packet_type};
use crate::session::Dialog;
use crate::session::dialog::{MediaPath, PacketSigns};
use crate::time::Timestamp;
use crate::trace::Direction;

/// Streams of a session that are looked through for the first track.
const MAX_COMPARED: usize = 64;

impl Session {
    /// RTCP on a channel of RTP.
    pub(in crate::analysis) fn rtcp_channel_finding(&mut self, path: MediaPath) -> Option<Finding> {
        let Self { dialog, watch, .. } = self;
        let MediaPath::Channel(channel) = path else { return None };
        watch.rtcp_channel(channel, dialog.channel(channel).map(|(setup, _)| setup))
    }

    /// A receiver's report on what the other side sends.
    pub(in crate::analysis) fn reported(
        &mut self,
        place: &Location,
        path: MediaPath,
        reporter: u32,
        block: &ReportBlock,
    ) {
        let signs = PacketSigns::of_report(path, place.direction.reverse(), block.source_ssrc);
        if let Some(setup) = self.dialog.setup_of(&signs) {
            self.wait.reported(setup, place, reporter, block);
        }
        if let Some(stream) = self.known(&signs).and_then(|index| self.streams.get_mut(index)) {
            stream.heard_highest = Some(block.ext_highest_seq);
        }
    }

    /// A receiver's report on nobody: nothing came to it (RFC 3550, section 6.4.2).
    pub(in crate::analysis) fn reported_nothing(&mut self, place: &Location, path: MediaPath, reporter: u32) {
        let signs =
            PacketSigns { path, direction: place.direction.reverse(), payload_type: None, ssrc: None, number: None };
        if let Some(setup) = self.dialog.setup_of(&signs) {
            self.wait.reported(setup, place, reporter, &ReportBlock::default());
        }
    }

    /// The clock rate of a source, for a report on it.
    pub(in crate::analysis) fn clock_rate_of(&mut self, signs: &PacketSigns) -> Option<u32> {
        let stream = self.known(signs).and_then(|index| self.streams.get(index));
        if stream.is_some_and(|stream| stream.wrong_clock_hz().is_some()) {
            return None;
        }
        if let Some(rate) = stream.and_then(StreamState::clock_rate_hz) {
            return Some(rate);
        }
        let track = self.track_of(signs);
        announced_rate(&self.dialog, track)
    }

    /// Takes a sender report; gives its stream, the seconds since the one before and the offset in milliseconds.
    pub(in crate::analysis) fn sender_report(
        &mut self,
        at: Timestamp,
        direction: Direction,
        path: MediaPath,
        report: &SenderReport<'_>,
        budget: &mut Budget,
    ) -> Option<(&mut StreamState, Option<f64>, Option<f64>)> {
        let index = self.other_stream(PacketSigns::of_report(path, direction, report.ssrc()), None, budget)?;
        let Self { dialog, streams, .. } = self;
        let stream = streams.get_mut(index)?;
        let rate = stream.clock_rate_hz().or_else(|| announced_rate(dialog, stream.key.track));
        let (interval_s, offset_ms) = stream.report(at, report, rate);
        Some((stream, interval_s, offset_ms))
    }

    /// How much later a stream comes than the one of the session's first track that reports, by the reports of both; of
    /// the same source, where they say so.
    pub(in crate::analysis) fn track_skew_ms(
        &self,
        key: StreamKey,
        delay_ms: Option<f64>,
        cname: Option<&str>,
    ) -> Option<f64> {
        let of_same_source = |other: &&StreamState| {
            let same = other.cname.as_deref().zip(cname).is_none_or(|(other, own)| other == own);
            other.key.direction == key.direction
                && other.reports.delay_ms.is_some()
                && other.key.track.is_some()
                && same
        };
        let latest = |other: &&StreamState| (other.key.track, Reverse(other.reports.last.map(|report| report.at)));
        let first = self.streams.iter().take(MAX_COMPARED).filter(of_same_source).min_by_key(latest)?;
        if first.key.track == key.track {
            return None;
        }
        Some(delay_ms? - first.reports.delay_ms?)
    }

    /// A compound packet of SRTCP (RFC 3711, section 3.4). Of its first packet the header and the source are in clear, and so
    /// that it is a report; nothing else is.
    pub(in crate::analysis) fn encrypted_report(&mut self, at: Timestamp, signs: &PacketSigns, compound: &[u8]) {
        self.watch.hidden_word = Some(at);
        let is_report = compound.get(1) == Some(&packet_type::SENDER_REPORT);
        let index = self.known(signs).filter(|_| is_report);
        if let Some(stream) = index.and_then(|index| self.streams.get_mut(index)) {
            stream.reports.count += 1;
        }
    }

    /// Whether a compound packet breaks off where media can't be read either: then both are encrypted, and what its first
    /// report seems to say is no figure.
    pub(in crate::analysis) fn seems_encrypted(&mut self, signs: &PacketSigns, compound: &[u8]) -> bool {
        let stream = self.known(signs).and_then(|index| self.streams.get(index));
        stream.is_some_and(|stream| stream.payloads == PayloadAccess::Unreadable)
            && Compound::new(compound).any(|packet| packet.is_err())
    }

    /// The names of sources, from the source descriptions of a compound packet.
    pub(in crate::analysis) fn names(&mut self, direction: Direction, path: MediaPath, packet: &RtcpPacket<'_>) {
        let RtcpPacket::SourceDescription(description) = packet else { return };
        for chunk in description.chunks() {
            let Some(cname) = chunk.cname() else { continue };
            let index = self.known(&PacketSigns::of_report(path, direction, chunk.ssrc()));
            let stream = index.and_then(|index| self.streams.get_mut(index));
            if let Some(stream) = stream.filter(|stream| stream.cname.is_none()) {
                stream.cname = Some(String::from_utf8_lossy(cname).into_owned());
            }
        }
    }
}

/// The clock rate of a track before its first packet came.
fn announced_rate(dialog: &Dialog, track: Option<usize>) -> Option<u32> {
    let payload_type = dialog.media(track)?.formats.first()?.payload_type;
    dialog.encoding(track, payload_type)?.clock_rate_hz
}
