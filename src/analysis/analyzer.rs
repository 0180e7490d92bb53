//! The analyzer: a tap that turns what passes into rows.

use std::io;

use crate::analysis::budget::Budget;
use crate::analysis::findings::Finding;
use crate::analysis::out::{Out, Place};
use crate::analysis::rows::{Row, Sink, StreamRow, Table};
use crate::analysis::session::{Carrier, Session};
use crate::rtsp::demux::{Pdu, PduKind};
use crate::rtsp::message::Message;
use crate::time::Timestamp;
use crate::trace::{Payload, Remark, Tap, TraceEvent};

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
    sessions: Vec<Option<Session>>,
    out: Out<S>,
}

impl<S: Sink> Analyzer<S> {
    /// An analyzer that hands its rows to `sink`.
    pub fn new(options: AnalyzerOptions, sink: S) -> Self {
        let (findings, packets) = (sink.wants(Table::Findings), sink.wants(Table::Packets));
        let latest = (Timestamp::default(), None);
        let budget = Budget::default();
        Self { sessions: Vec::new(), out: Out { options, sink, first: None, latest, findings, packets, budget } }
    }

    /// The rows of the streams as they stand now, in the order in which sessions and streams appeared.
    pub fn streams(&self) -> impl Iterator<Item = StreamRow<'_>> {
        self.sessions.iter().flatten().flat_map(|session| session.rows(&self.out.options.capture))
    }

    /// Another capture that goes on where this one ended: its rows name it.
    pub fn next_capture(&mut self, capture: String) {
        self.out.options.capture = capture;
    }

    /// The capture is over: hands over what was left unanswered and the streams, and gives the sink back.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn finish(mut self) -> io::Result<S> {
        let Self { sessions, out } = &mut self;
        let (at, frame_number) = out.latest;
        for session in sessions.iter().flatten() {
            for (direction, request) in session.dialog.unanswered() {
                let place = Place { at, frame_number, session: session.flow.id + 1, direction, offset: None };
                let detail = format!("{} sent at {} was never answered", request.method, request.at);
                out.finding(place, &Finding::new("response-missing", None, detail))?;
            }
        }
        for session in sessions.iter().flatten() {
            for row in session.rows(&out.options.capture) {
                out.sink.row(&Row::Stream(Box::new(row)))?;
            }
        }
        Ok(self.out.sink)
    }

    #[inline]
    fn pdu(&mut self, event: &TraceEvent<'_>, pdu: &Pdu<'_>) -> io::Result<()> {
        let Self { sessions, out } = self;
        let Some(Some(session)) = sessions.get_mut(event.flow.id) else { return Ok(()) };
        let place = Place::of(event, Some(pdu.offset));
        match pdu.kind {
            PduKind::Interleaved { channel, payload } => out.frame(session, place, Carrier::Channel(channel), payload),
            PduKind::Message { head, body } => out.message(session, place, &Message::new(head, body)),
            // Empty lines between messages are allowed (RFC 2326, section 4.1).
            PduKind::Junk if pdu.raw.iter().all(|byte| matches!(byte, b'\r' | b'\n')) => Ok(()),
            PduKind::Junk => {
                let detail = format!("{} bytes that are neither a message nor a frame", pdu.raw.len());
                out.finding(place, &Finding::new("junk", None, detail))
            }
            PduKind::Gap { len } => {
                let detail = format!("{len} bytes are not in the capture");
                out.finding(place, &Finding::new("capture-gap", None, detail))
            }
        }
    }
}

impl<S: Sink> Tap for Analyzer<S> {
    #[inline]
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        if matches!(event.payload, Payload::ReadEnd) {
            return Ok(());
        }
        let begin = match event.payload {
            Payload::Opened { started } => started,
            _ => event.at,
        };
        self.out.first.get_or_insert(begin);
        self.out.latest = (event.at, event.frame_number);
        if self.sessions.len() <= event.flow.id {
            self.sessions.resize_with(event.flow.id + 1, || None);
        }
        if let Some(session @ None) = self.sessions.get_mut(event.flow.id) {
            *session = Some(Session::new(event.flow, self.out.options.quantiles));
        }
        match event.payload {
            Payload::Pdu(pdu) => self.pdu(event, &pdu),
            Payload::Datagram { port, payload } => {
                let Self { sessions, out } = self;
                let Some(Some(session)) = sessions.get_mut(event.flow.id) else { return Ok(()) };
                out.frame(session, Place::of(event, None), Carrier::Port(port), payload)
            }
            Payload::Opened { .. } | Payload::ReadEnd | Payload::Closed(_) => Ok(()),
        }
    }

    fn remark(&mut self, remark: &Remark<'_>) -> io::Result<()> {
        let finding = Finding::new(remark.code, None, remark.detail);
        self.out.found(remark.at, Some(remark.frame_number), None, None, None, &finding)
    }
}
