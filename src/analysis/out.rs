//! From what passes to rows: what each message, packet and report adds to the tables.

mod connections;
mod dialogue;
mod rtcp;

use std::io;
use std::sync::Arc;

use crate::analysis::budget::Budget;
use crate::analysis::cell::{Fixed, Seconds, Ssrc, Utc, millis};
use crate::analysis::findings::{Finding, FindingCode};
use crate::analysis::location::Location;
use crate::analysis::rows::{FindingRow, PacketRow, PacketStatus, Row, Sink, Table};
use crate::analysis::sequence::Status;
use crate::analysis::session::{Session, TakenPacket};
use crate::analysis::stream::{PacketFigures, StreamState};
use crate::analysis::verdicts::{Diagnosis, Judges};
use crate::rtp::foreign::ForeignPacket;
use crate::rtp::packet::{RtpPacket, is_rtcp};
use crate::session::dialog::{MediaPath, PacketSigns};
use crate::time::Timestamp;
use crate::trace::{CaptureEnd, Direction, TraceEvent};

/// Where rows go, and what they have in common.
#[derive(Debug)]
pub(super) struct RowEmitter<S> {
    /// The capture that is being read.
    pub(super) capture: Arc<str>,
    /// All that were read, that one last.
    pub(super) captures: Vec<Arc<str>>,
    pub(super) sink: S,
    /// Time of the first packet.
    pub(super) first: Option<Timestamp>,
    /// Time and number of the latest.
    pub(super) latest: (Timestamp, Option<u64>),
    /// The last packet of the capture, once it was read.
    pub(super) capture_end: Option<CaptureEnd>,
    pub(super) findings: bool,
    pub(super) packets: bool,
    pub(super) frames: bool,
    /// `None` where nobody asks for verdicts.
    pub(super) judges: Option<Judges>,
    pub(super) budget: Budget,
}

impl<S: Sink> RowEmitter<S> {
    /// The place of an event.
    #[inline]
    pub(super) fn place(&self, event: &TraceEvent<'_>, offset: Option<u64>) -> Location {
        let TraceEvent { at, frame_number, direction, .. } = *event;
        Location { at, frame_number, capture: self.capture_place(), session: event.flow.id + 1, direction, offset }
    }

    /// The end of all that was read, for a session.
    pub(super) fn end_of(&self, session: &Session, direction: Direction) -> Location {
        let (at, frame_number) = self.latest;
        Location {
            at,
            frame_number,
            capture: self.capture_place(),
            session: session.flow.id + 1,
            direction,
            offset: None,
        }
    }

    #[inline]
    fn capture_place(&self) -> u32 {
        u32::try_from(self.captures.len()).unwrap_or(u32::MAX).saturating_sub(1)
    }

    #[inline]
    pub(super) fn time_s(&self, at: Timestamp) -> Seconds {
        if !at.is_known() {
            return Fixed(f64::NAN);
        }
        Fixed(self.first.map_or(0.0, |first| at.seconds_since(first)))
    }

    /// Who judges this session, if anybody does.
    #[inline]
    pub(super) fn judge(&mut self, session: usize) -> Option<&mut Diagnosis> {
        self.judges.as_mut()?.of(session)
    }

    pub(super) fn finding(&mut self, place: Location, finding: &Finding) -> io::Result<()> {
        let session = Some(place.session);
        self.found(place.at, place.frame_number, session, Some(place.direction), place.offset, finding)
    }

    pub(super) fn found(
        &mut self,
        at: Timestamp,
        frame_number: Option<u64>,
        session: Option<usize>,
        direction: Option<Direction>,
        stream_offset: Option<u64>,
        finding: &Finding,
    ) -> io::Result<()> {
        if !self.findings {
            return Ok(());
        }
        let capture = self.capture_place();
        let place = session.zip(direction).map(|(session, direction)| Location {
            at,
            frame_number,
            capture,
            session,
            direction,
            offset: None,
        });
        if let Some(place) = place
            && let Some(judge) = self.judge(place.session)
        {
            judge.finding(place, finding);
        }
        if !self.sink.wants(Table::Findings) {
            return Ok(());
        }
        self.sink.row(&Row::Finding(FindingRow {
            capture: &self.capture,
            frame_number,
            time_utc: Utc(at),
            time_s: self.time_s(at),
            session,
            track: finding.track,
            direction,
            severity: finding.code.severity(),
            code: finding.code,
            detail: &finding.detail,
            stream_offset,
        }))
    }

    #[inline]
    pub(super) fn frame(
        &mut self,
        session: &mut Session,
        place: Location,
        path: MediaPath,
        payload: &[u8],
        missing: usize,
    ) -> io::Result<()> {
        if missing > 0 {
            session.cut_packets = true;
        } else if session.dialog.is_punch(path, place.direction, payload) {
            let track = session.track_of(&PacketSigns::new(path, place.direction, payload));
            return session.watch.punch(track).map_or(Ok(()), |finding| self.finding(place, &finding));
        }
        if is_rtcp(payload) {
            return self.rtcp(session, place, path, payload, missing > 0);
        }
        let packet = match RtpPacket::parse_cut(payload, missing) {
            Ok(packet) => packet,
            Err(error) => {
                let track = session.track_of(&PacketSigns::new(path, place.direction, payload));
                session.wait.unreadable(track, place.direction);
                let found = match ForeignPacket::of(payload) {
                    // What it was the capture does not tell.
                    _ if missing > 0 => None,
                    Some(kind) => session.watch.foreign(kind, path, track),
                    None => Some(Finding::new(FindingCode::RtpMalformed, track, error.to_string())),
                };
                return found.map_or(Ok(()), |finding| self.finding(place, &finding));
            }
        };
        let Some(taken) = session.rtp(place, path, &packet, &mut self.budget) else {
            let track = session.track_of(&PacketSigns::new(path, place.direction, payload));
            session.wait.unreadable(track, place.direction);
            return self.finding(place, &Finding::new(FindingCode::TooManyStreams, None, "this source is not counted"));
        };
        self.taken(place, &packet, taken)
    }

    /// The rows of a packet that was taken.
    #[inline]
    fn taken(&mut self, place: Location, packet: &RtpPacket<'_>, mut taken: TakenPacket<'_>) -> io::Result<()> {
        if self.packets {
            self.packet(&place, taken.stream, packet, &taken.figures)?;
        }
        if self.judges.is_some() {
            self.judge_packet(&place, &mut taken, packet.marker());
        }
        if self.frames {
            self.ended_frames(place.session, taken.stream)?;
        }
        if self.findings { self.packet_findings(place, packet, taken) } else { Ok(()) }
    }

    /// What is odd about the packet just taken; of a stranger's nothing but that it came.
    #[inline]
    fn packet_findings(&mut self, place: Location, packet: &RtpPacket<'_>, taken: TakenPacket<'_>) -> io::Result<()> {
        let TakenPacket { stream, figures, begun, checks, .. } = taken;
        let mut found = Vec::new();
        if let Some(begun) = begun {
            found = begun.findings;
            if let Some(change) = begun.change {
                self.source_changed(place, change);
            }
        }
        if stream.key.stranger.is_none() {
            checks.packet(place.at, packet, &figures, stream, place.direction, &mut found);
        }
        if found.is_empty() { Ok(()) } else { found.iter().try_for_each(|finding| self.finding(place, finding)) }
    }

    fn packet(
        &mut self,
        place: &Location,
        stream: &StreamState,
        packet: &RtpPacket<'_>,
        figures: &PacketFigures,
    ) -> io::Result<()> {
        let (status, gap) = match figures.status {
            Status::InOrder { gap: 0 } | Status::Restart => (PacketStatus::Ok, 0),
            Status::InOrder { gap } => (PacketStatus::Gap, gap),
            Status::Reordered => (PacketStatus::Reordered, 0),
            Status::Duplicate => (PacketStatus::Duplicate, 0),
            // Where the numbers start over is seen here; the next packet only confirms it.
            Status::Jump => (PacketStatus::Restart, 0),
        };
        self.sink.packet(PacketRow {
            capture: &self.capture,
            frame_number: place.frame_number,
            time_utc: Utc(place.at),
            time_s: self.time_s(place.at),
            session: place.session,
            track: stream.key.track,
            channel: stream.key.channel,
            direction: place.direction,
            ssrc: Ssrc(packet.ssrc()),
            payload_type: packet.payload_type(),
            marker: u8::from(packet.marker()),
            seq: packet.sequence(),
            ext_seq: figures.ext_seq,
            rtp_timestamp: packet.timestamp(),
            ext_rtp_timestamp: figures.ext_rtp_timestamp,
            payload_bytes: stream.payload_len(packet),
            delta_ms: figures.delta.map(|nanos| Fixed(millis(nanos))),
            jitter_ms: figures.jitter_ms.map(Fixed),
            skew_ms: figures.skew_ms.map(Fixed),
            gap,
            status,
        })
    }
}

/// The name of the capture at this place; of the latest if there is none.
pub(super) fn capture_at(captures: &[Arc<str>], place: u32) -> &str {
    let place = usize::try_from(place).ok();
    place.and_then(|place| captures.get(place)).or(captures.last()).map_or("", |capture| capture)
}
