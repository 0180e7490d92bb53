//! One RTP stream: everything about it that one pass can tell in bounded memory.

mod figures;
mod format;
mod parts;
mod row;
mod stop;
mod timing;

pub(super) use figures::PacketFigures;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::analysis::budget::Budget;
use crate::analysis::frames::{Arrival, Frames};
use crate::analysis::jitter::Jitter;
use crate::analysis::location::Location;
use crate::analysis::media_clock::MediaClock;
use crate::analysis::playout::FrameArrivals;
use crate::analysis::quantiles::Quantiles;
use crate::analysis::resent::ResentPackets;
use crate::analysis::rows::{InferredColumns, StreamTransport};
use crate::analysis::sender_reports::SenderReports;
use crate::analysis::sequence::{Sequence, Status};
use crate::analysis::skew::Skew;
use crate::analysis::undescribed::Undescribed;
use crate::rtp::packet::RtpPacket;
use crate::rtp::rtcp::SenderReport;
use crate::rtp::unwrap::Unwrapper;
use crate::session::dialog::announced::AnnouncedParts;
use crate::session::dialog::{Encoding, MediaPath, PayloadRole};
use crate::time::Timestamp;
use crate::trace::Direction;

/// What tells a stream apart within its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct StreamKey {
    pub(super) track: Option<usize>,
    /// The channel of its RTP packets.
    pub(super) channel: u16,
    pub(super) direction: Direction,
    pub(super) ssrc: u32,
    /// The payload type, where it is not the track's media: retransmission, error correction, what nobody described.
    pub(super) beside: Option<u8>,
    /// Who sends, where that is not the server.
    pub(super) stranger: Option<IpAddr>,
}

/// How much of a stream somebody wants to know.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DetailLevel {
    /// Percentiles and frames. Without them a stream is small, for thousands of live ones.
    pub(super) closely: bool,
    /// Each frame.
    pub(super) frame_rows: bool,
    /// There are so many streams that each must be small.
    pub(super) crowded: bool,
    /// What a player would hold back.
    pub(super) buffer: Duration,
}

/// Whether payloads can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PayloadAccess {
    Clear,
    /// SRTP: what stands behind the header tells nothing.
    Encrypted,
    /// Most payloads are not of the format: they may be encrypted without a word of it.
    Unreadable,
    /// The snap length of the capture cut some of them.
    Cut,
}

/// When the path of a stream was agreed upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SetupTime {
    /// Within the capture, as far as is known.
    Heard,
    /// Before it began.
    Before,
}

/// A stream and its statistics.
#[derive(Clone, Debug)]
pub(super) struct StreamState {
    /// The capture in which it begins.
    capture: Arc<str>,
    pub(super) key: StreamKey,
    /// On what its latest packet came.
    pub(super) path: Option<MediaPath>,
    pub(super) role: PayloadRole,
    /// The place of the stream whose numbers it shares.
    pub(super) media: Option<usize>,
    /// What it brought of the media, if it sends that again.
    pub(super) resent: Option<Box<ResentPackets>>,
    /// Payload type and encoding of the first packet.
    payload_type: Option<u8>,
    encoding: Option<Encoding>,
    /// Payload type and clock rate of the latest packet.
    clock: Option<(u8, Option<u32>)>,
    /// The clock rate of the first payload type, where that was inferred; and what else was.
    inferred_rate: Option<u32>,
    inferred: Option<InferredColumns>,
    /// The packets, while it is not known what they carry.
    undescribed: Option<Box<Undescribed>>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    pub(super) sequence: Sequence,
    /// `None` where the capture cut off what tells the length of one of them.
    pub(super) payload_bytes: Option<u64>,
    marker_packets: u64,
    delta_min: i64,
    delta_max: i64,
    /// `None` where nobody will ask for it.
    deltas: Option<Quantiles>,
    jitter: Jitter,
    frame_jitter: Jitter,
    timestamps: Unwrapper<u32>,
    skew: Skew,
    /// `None` where nobody will ask for them.
    arrivals: Option<Box<FrameArrivals>>,
    pub(super) transport: StreamTransport,
    pub(super) reports: SenderReports,
    pub(super) cname: Option<String>,
    /// `None` where nobody will ask for them, and where payloads can't be read.
    pub(super) frames: Option<Box<Frames>>,
    /// Where PLAY has it go on.
    pub(super) announced: AnnouncedParts,
    /// When the client asked for its end, until a packet comes behind that.
    given_up_from: Option<Timestamp>,
    /// Its timestamps run as time does.
    paced: bool,
    pub(super) payloads: PayloadAccess,
    media_clock: MediaClock,
    /// They run at another rate than the description says.
    wrong_clock: bool,
    /// The media has an end.
    on_demand: bool,
    pub(super) set_up: SetupTime,
    /// When its source said BYE.
    pub(super) goodbye: Option<Timestamp>,
    /// The highest number that its receiver reports.
    pub(super) heard_highest: Option<u32>,
}

impl StreamState {
    /// A stream of which nothing has come yet.
    pub(super) fn new(capture: Arc<str>, key: StreamKey, depth: DetailLevel) -> Self {
        Self {
            capture,
            key,
            path: None,
            role: PayloadRole::Media,
            media: None,
            payload_type: None,
            encoding: None,
            clock: None,
            inferred_rate: None,
            inferred: None,
            undescribed: None,
            first: None,
            last: None,
            sequence: Sequence::default(),
            payload_bytes: Some(0),
            marker_packets: 0,
            delta_min: i64::MAX,
            delta_max: i64::MIN,
            deltas: depth.closely.then(Quantiles::default),
            jitter: Jitter::default(),
            frame_jitter: Jitter::default(),
            timestamps: Unwrapper::default(),
            skew: Skew::default(),
            arrivals: (depth.closely && !depth.crowded).then(|| Box::new(FrameArrivals::new(depth.buffer))),
            transport: StreamTransport::Tcp,
            reports: SenderReports::default(),
            cname: None,
            frames: depth.closely.then(|| Box::new(Frames::new(depth.frame_rows, depth.crowded))),
            announced: AnnouncedParts::default(),
            given_up_from: None,
            paced: true,
            payloads: PayloadAccess::Clear,
            media_clock: MediaClock::default(),
            resent: None,
            wrong_clock: false,
            on_demand: false,
            set_up: SetupTime::Heard,
            goodbye: None,
            heard_highest: None,
        }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.payloads == PayloadAccess::Encrypted
    }

    /// Encoding of the first packet.
    pub(super) fn encoding(&self) -> Option<&Encoding> {
        self.encoding.as_ref()
    }

    /// The payload type of the first packet.
    pub(super) const fn first_payload_type(&self) -> Option<u8> {
        self.payload_type
    }

    /// The payload type of the latest packet.
    pub(super) fn payload_type(&self) -> Option<u8> {
        self.clock.map(|(payload_type, _)| payload_type)
    }

    /// The clock rate by which times are told; `None` also where it is wrong, or media does not come as time passes.
    #[inline]
    pub(super) fn time_rate_hz(&self) -> Option<u32> {
        self.clock_rate_hz().filter(|_| self.paced && !self.wrong_clock)
    }

    /// The clock rate of the latest packet.
    pub(super) fn clock_rate_hz(&self) -> Option<u32> {
        self.clock.and_then(|(_, clock_rate_hz)| clock_rate_hz)
    }

    /// Its payloads are encrypted: no frames can be told from them.
    pub(super) fn encrypt(&mut self) {
        self.payloads = PayloadAccess::Encrypted;
        self.frames = None;
    }

    /// Bytes of a payload. Of an encrypted one nobody can tell the padding, nor the authentication tag.
    #[inline]
    pub(super) fn payload_len(&self, packet: &RtpPacket<'_>) -> Option<usize> {
        Some(packet.payload_len()? + if self.is_encrypted() { packet.padding_len() } else { 0 })
    }

    /// Takes the next packet in order of arrival.
    #[inline]
    pub(super) fn packet(&mut self, at: Timestamp, packet: &RtpPacket<'_>, budget: &mut Budget) -> PacketFigures {
        // Behind a hole of the capture packets are told later than the TEARDOWN that they came before.
        if self.given_up_from.is_some_and(|from| at >= from) {
            self.given_up_from = None;
            self.sequence.give_up(true);
        }
        let begins = !self.announced.is_empty() && self.begins(at, packet, budget);
        let (status, ext_seq) = self.sequence.packet(packet.sequence());
        let len = self.payload_len(packet);
        self.payload_bytes = self.payload_bytes.zip(len).map(|(all, len)| all + len as u64);
        self.marker_packets += u64::from(packet.marker());
        let delta = self.delta(at, budget);
        let mut figures = PacketFigures {
            status,
            ext_seq,
            ext_rtp_timestamp: self.timestamps.peek(packet.timestamp()),
            delta,
            jitter_ms: None,
            skew_ms: None,
            difference_ms: None,
            begins,
        };
        // What is sent beside the media has its times, and none of its own.
        if status != Status::Duplicate && self.role == PayloadRole::Media {
            self.timing(at, packet.timestamp(), &mut figures, budget);
        }
        figures
    }

    /// Adds a packet, whose figures are known, to its frame.
    #[inline]
    pub(super) fn frame(
        &mut self,
        place: &Location,
        packet: &RtpPacket<'_>,
        figures: &PacketFigures,
        budget: &mut Budget,
    ) {
        if self.undescribed.is_some() {
            self.wait(place, packet, figures, budget);
        } else {
            self.add_to_frame(place, packet, figures);
        }
    }

    #[inline]
    fn add_to_frame(&mut self, place: &Location, packet: &RtpPacket<'_>, figures: &PacketFigures) {
        let Location { at, frame_number, capture, .. } = *place;
        let PacketFigures { status, ext_seq, ext_rtp_timestamp: ext_timestamp, .. } = *figures;
        let ext_seq = self.sequence.without_foreign(ext_seq);
        if packet.is_cut() {
            return self.cut_payload();
        }
        if let Some(frames) = &mut self.frames {
            frames.packet(Arrival { at, frame_number, capture, status, ext_seq, ext_timestamp }, packet);
            if frames.are_unreadable() {
                (self.frames, self.payloads) = (None, PayloadAccess::Unreadable);
            }
        }
    }

    /// Of a payload that the capture has a part of nobody can tell what units were in it: frames are not told.
    #[cold]
    fn cut_payload(&mut self) {
        self.frames = None;
        if self.payloads == PayloadAccess::Clear {
            self.payloads = PayloadAccess::Cut;
        }
    }

    /// Takes a sender report; `announced` is the clock rate where no packet has told it. Gives the seconds since the one
    /// before, and the offset in milliseconds.
    pub(super) fn report(
        &mut self,
        at: Timestamp,
        report: &SenderReport<'_>,
        announced: Option<u32>,
    ) -> (Option<f64>, Option<f64>) {
        let packet = self.jitter.latest().map(|(_, timestamp)| timestamp);
        self.reports.counts.report(at, report.packet_count(), self.sequence.expected());
        self.reports.report(at, report, announced.filter(|_| self.paced && !self.wrong_clock), packet)
    }

    /// Whether its timestamps run as time does, as far as is known.
    pub(super) fn is_paced(&self) -> bool {
        self.paced && !self.wrong_clock
    }

    /// Whether TCP carries it, which loses nothing.
    pub(super) fn is_over_tcp(&self) -> bool {
        self.transport.is_over_tcp()
    }

    /// How much later the media comes than it was sampled, by the report just taken; with how the clocks differ.
    pub(super) fn delay_ms(&mut self) -> Option<f64> {
        let rate = self.time_rate_hz();
        self.reports.delay(self.jitter.latest(), rate)
    }

    /// How much faster the capture's clock runs than the media clock.
    pub(super) fn drift_ppm(&self) -> Option<f64> {
        self.skew.drift_ppm()
    }

    /// Frames that came later than the buffer of a player allows.
    pub(super) fn late_frames(&self) -> u64 {
        self.arrivals.as_ref().map_or(0, |arrivals| arrivals.late_frames())
    }

    /// Whether one came since.
    pub(super) fn has_late_frame_since(&self, from: Timestamp) -> bool {
        self.arrivals.as_ref().is_some_and(|arrivals| arrivals.has_late_since(from))
    }

    /// When its latest packet came.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// Packets with the marker bit.
    pub(super) fn marker_packets(&self) -> u64 {
        self.marker_packets
    }

    /// Nanoseconds from the first to the last packet, once there are two.
    pub(super) fn duration(&self) -> Option<i64> {
        (self.sequence.packets > 1).then(|| self.last.zip(self.first).map(|(last, first)| last.nanos_since(first)))?
    }
}
