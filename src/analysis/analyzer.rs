//! The analyzer: a tap that turns what passes into rows.

use std::io;

use crate::analysis::cell::{Fixed, Millis, Seconds, Ssrc, Utc, millis};
use crate::analysis::messages::MessageParts;
use crate::analysis::rows::{MessageRow, SenderReportRow, Sink, StreamRow};
use crate::analysis::session::Session;
use crate::rtp::packet::{RtpPacket, is_rtcp};
use crate::rtp::rtcp::{Compound, RtcpPacket, SenderReport};
use crate::rtsp::demux::PduKind;
use crate::rtsp::message::Message;
use crate::time::Timestamp;
use crate::trace::{Payload, Tap, TraceEvent};

/// What to compute.
#[derive(Clone, Debug, Default)]
pub struct AnalyzerOptions {
    /// What the column `capture` says.
    pub capture: String,
    /// Collect what quantiles need, which takes up to 1 MB a stream.
    pub quantiles: bool,
}

/// Analyzes trace events, one capture at a time.
#[derive(Debug)]
pub struct Analyzer<S> {
    options: AnalyzerOptions,
    sink: S,
    /// By flow number.
    sessions: Vec<Option<Session>>,
    /// Time of the first packet.
    first: Option<Timestamp>,
}

impl<S: Sink> Analyzer<S> {
    /// An analyzer that hands its rows to `sink`.
    pub fn new(options: AnalyzerOptions, sink: S) -> Self {
        Self { options, sink, sessions: Vec::new(), first: None }
    }

    /// The rows of the streams as they stand now, in the order in which sessions and streams appeared.
    pub fn streams(&self) -> impl Iterator<Item = StreamRow<'_>> {
        self.sessions.iter().flatten().flat_map(|session| session.rows(&self.options.capture))
    }

    /// The capture is over: hands the streams to the sink and gives it back.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn finish(mut self) -> io::Result<S> {
        let Self { options, sink, sessions, .. } = &mut self;
        for row in sessions.iter().flatten().flat_map(|session| session.rows(&options.capture)) {
            sink.stream(&row)?;
        }
        Ok(self.sink)
    }

    fn message(&mut self, event: &TraceEvent<'_>, message: &Message<'_>) -> io::Result<()> {
        let Some(Some(session)) = self.sessions.get_mut(event.flow.id) else { return Ok(()) };
        let request = session.message(event.at, event.direction, message);
        let parts = MessageParts::new(event.at, message, request);
        self.sink.message(&MessageRow {
            capture: &self.options.capture,
            frame_number: event.frame_number,
            time_utc: Utc(event.at),
            time_s: seconds_since(self.first, event.at),
            session: event.flow.id + 1,
            direction: event.direction.as_str(),
            kind: parts.kind,
            method: parts.method.as_deref(),
            url: parts.url.as_deref(),
            status: parts.status,
            reason: parts.reason.as_deref(),
            cseq: message.cseq(),
            rtsp_session: message
                .header("Session")
                .as_deref()
                .map(|value| value.split(';').next().unwrap_or(value).trim()),
            latency_ms: parts.latency.map(|nanos| Fixed(millis(nanos)) as Millis),
            head_bytes: message.head().len(),
            body_bytes: message.body().len(),
        })
    }

    fn frame(&mut self, event: &TraceEvent<'_>, channel: u8, payload: &[u8]) -> io::Result<()> {
        if is_rtcp(payload) {
            return self.rtcp(event, channel, payload);
        }
        if let (Ok(packet), Some(Some(session))) = (RtpPacket::parse(payload), self.sessions.get_mut(event.flow.id)) {
            session.rtp(event.at, event.direction, channel, &packet);
        }
        Ok(())
    }

    /// Names first, so that a report's row has the one that came with it.
    fn rtcp(&mut self, event: &TraceEvent<'_>, channel: u8, payload: &[u8]) -> io::Result<()> {
        for packet in Compound::new(payload).flatten() {
            if let RtcpPacket::SenderReport(report) = packet {
                self.sender_report(event, channel, payload, &report)?;
            }
        }
        if let Some(Some(session)) = self.sessions.get_mut(event.flow.id) {
            Compound::new(payload).flatten().for_each(|packet| session.names(event.direction, channel, &packet));
        }
        Ok(())
    }

    fn sender_report(
        &mut self,
        event: &TraceEvent<'_>,
        channel: u8,
        compound: &[u8],
        report: &SenderReport<'_>,
    ) -> io::Result<()> {
        let Some(Some(session)) = self.sessions.get_mut(event.flow.id) else { return Ok(()) };
        let Some((stream, interval_s, offset_ms)) = session.sender_report(event.at, event.direction, channel, report)
        else {
            return Ok(());
        };
        let cname = cname_of(compound, report.ssrc()).or_else(|| stream.cname.clone());
        self.sink.sender_report(&SenderReportRow {
            capture: &self.options.capture,
            frame_number: event.frame_number,
            time_utc: Utc(event.at),
            time_s: seconds_since(self.first, event.at),
            session: event.flow.id + 1,
            track: stream.key.track,
            channel,
            direction: event.direction.as_str(),
            ssrc: Ssrc(report.ssrc()),
            ntp_seconds: report.ntp().seconds,
            ntp_fraction: report.ntp().fraction,
            ntp_utc: report.ntp().to_timestamp().map(Utc),
            rtp_timestamp: report.rtp_timestamp(),
            sender_packets: report.packet_count(),
            sender_octets: report.octet_count(),
            interval_s: interval_s.map(Fixed),
            received_packets: stream.sequence.packets,
            received_octets: stream.payload_bytes,
            offset_ms: offset_ms.map(Fixed),
            cname: cname.as_deref(),
        })
    }
}

impl<S: Sink> Tap for Analyzer<S> {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        if self.sessions.len() <= event.flow.id {
            self.sessions.resize_with(event.flow.id + 1, || None);
        }
        if let Some(session @ None) = self.sessions.get_mut(event.flow.id) {
            *session = Some(Session::new(event.flow, self.options.quantiles));
        }
        match event.payload {
            Payload::Opened { started } => {
                self.first.get_or_insert(started);
                Ok(())
            }
            Payload::Pdu(pdu) => {
                self.first.get_or_insert(event.at);
                match pdu.kind {
                    PduKind::Message { head, body } => self.message(event, &Message::new(head, body)),
                    PduKind::Interleaved { channel, payload } => self.frame(event, channel, payload),
                    PduKind::Junk | PduKind::Gap { .. } => Ok(()),
                }
            }
            Payload::ReadEnd | Payload::Closed(_) => Ok(()),
        }
    }
}

fn seconds_since(first: Option<Timestamp>, at: Timestamp) -> Seconds {
    Fixed(first.map_or(0.0, |first| at.seconds_since(first)))
}

/// The name that a source has in the same compound packet.
fn cname_of(compound: &[u8], ssrc: u32) -> Option<String> {
    Compound::new(compound).flatten().find_map(|packet| match packet {
        RtcpPacket::SourceDescription(description) => {
            description.cname_of(ssrc).map(|cname| String::from_utf8_lossy(cname).into_owned())
        }
        _ => None,
    })
}
