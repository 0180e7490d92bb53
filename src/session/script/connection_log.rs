//! One connection of a capture, as it is heard.

use crate::rtsp::demux::{Pdu, PduKind};
use crate::rtsp::message::{Message, StartLine};
use crate::session::Dialog;
use crate::session::dialog::{MediaPath, Request};
use crate::session::script::frame::{ByteSpan, Bytes};
use crate::session::script::{Exchange, Recorded, ScriptError, ScriptResponse};
use crate::time::Timestamp;
use crate::trace::{Close, Direction, Payload, TraceEvent};

/// Requests that are kept: keep-alives of weeks.
const MAX_EXCHANGES: usize = 100_000;
/// Channels and UDP ports that are told apart: more than there are channels.
const MAX_PATHS: usize = 1024;

/// What was heard of a connection.
#[derive(Debug, Default)]
pub(super) struct ConnectionLog {
    pub(super) dialog: Dialog,
    pub(super) opened: Option<Timestamp>,
    pub(super) exchanges: Vec<Exchange>,
    /// When PLAY (or RECORD) was first answered with success.
    pub(super) play: Option<Timestamp>,
    /// The client publishes: the media are its own (RFC 2326, section 10.11).
    pub(super) publishes: bool,
    /// What each side sent besides messages.
    pub(super) sides: [Side; 2],
    /// On what frames came.
    pub(super) paths: Vec<MediaPath>,
    pub(super) bytes: Bytes,
}

/// What one side sent besides messages.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub(super) frames: Vec<RecordedFrame>,
    pub(super) closed: Option<(Timestamp, Close)>,
    /// A whole message or frame was the last thing that came, so that junk behind it is the sender's and not the
    /// remains of what the capture lacks.
    in_sync: bool,
    /// Junk that may turn out to be such remains.
    junk: Option<(Timestamp, ByteSpan)>,
}

/// A frame that was heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordedFrame {
    pub(super) at: Timestamp,
    /// Its place in [`ConnectionLog::paths`]; `None` where it is bytes that are no frame.
    pub(super) path: Option<u16>,
    pub(super) place: ByteSpan,
}

impl ConnectionLog {
    pub(super) fn has_description(&self) -> bool {
        self.dialog.description().is_some_and(|description| !description.media.is_empty())
    }

    pub(super) fn has_media(&self) -> bool {
        self.sides.iter().any(|side| side.frames.iter().any(|frame| frame.path.is_some()))
    }

    pub(super) fn asks_to_play(&self) -> bool {
        self.exchanges.iter().any(|exchange| exchange.method == "PLAY")
    }

    pub(super) fn event(&mut self, event: &TraceEvent<'_>) -> Result<(), ScriptError> {
        let direction = event.direction;
        match event.payload {
            Payload::Opened { .. } => {
                self.opened.get_or_insert(event.at);
            }
            Payload::Pdu(pdu) => {
                self.opened.get_or_insert(event.at);
                self.pdu(event.at, direction, pdu)?;
            }
            Payload::Datagram { path, payload, missing: 0, .. } => {
                self.frame(event.at, direction, MediaPath::Udp(path), payload)?;
            }
            // Half a packet is not played.
            Payload::Datagram { .. }
            | Payload::BeginningMissing
            | Payload::MessagesMissing(_)
            | Payload::OneDirection
            | Payload::Compressed
            | Payload::Second(_)
            | Payload::Stall(_)
            | Payload::ReadEnd
            | Payload::Described(_)
            | Payload::Note(_)
            | Payload::NotBase64 { .. }
            | Payload::Unreachable { .. } => {}
            Payload::Closed(close) => {
                self.settle_junk(direction, true);
                self.side(direction).closed.get_or_insert((event.at, close));
            }
        }
        Ok(())
    }

    fn pdu(&mut self, at: Timestamp, direction: Direction, pdu: &Pdu<'_>) -> Result<(), ScriptError> {
        self.settle_junk(direction, !matches!(pdu.kind, PduKind::Gap { .. }));
        match pdu.kind {
            PduKind::Message { head, body } => {
                self.side(direction).in_sync = true;
                self.message(at, direction, &Message::new(head, body), pdu.raw)?;
            }
            PduKind::Interleaved { channel, payload } => {
                self.side(direction).in_sync = true;
                self.frame(at, direction, MediaPath::Channel(channel), payload)?;
            }
            PduKind::Junk => {
                let blank = pdu.raw.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
                if self.side(direction).in_sync && !blank {
                    let place = self.bytes.push(pdu.raw)?;
                    self.side(direction).junk = Some((at, place));
                }
            }
            PduKind::CutFrame { .. } | PduKind::Gap { .. } => self.side(direction).in_sync = false,
        }
        Ok(())
    }

    /// What came behind junk tells whether it was the sender's.
    fn settle_junk(&mut self, direction: Direction, genuine: bool) {
        let side = self.side(direction);
        if let Some((at, place)) = side.junk.take().filter(|_| genuine) {
            side.frames.push(RecordedFrame { at, path: None, place });
        }
    }

    fn message(
        &mut self,
        at: Timestamp,
        direction: Direction,
        message: &Message<'_>,
        raw: &[u8],
    ) -> Result<(), ScriptError> {
        let answered = self.dialog.observe(at, direction, message);
        match message.start_line() {
            StartLine::Request { method, url } if direction == Direction::ClientToServer => {
                if self.exchanges.len() < MAX_EXCHANGES {
                    let at = self.opened.map_or(0, |opened| at.nanos_since(opened));
                    let (method, url) = (method.into_owned(), url.into_owned());
                    self.exchanges.push(Exchange { method, url, at, request: Recorded::new(message), answer: None });
                }
            }
            // The server asks: it does so again.
            StartLine::Request { .. } => self.raw(at, direction, raw)?,
            StartLine::Response { .. } => {
                if let Some(request) = answered.filter(|_| direction == Direction::ServerToClient) {
                    self.answered(at, &request, message);
                }
            }
        }
        Ok(())
    }

    fn answered(&mut self, at: Timestamp, request: &Request, message: &Message<'_>) {
        let since_opened = self.opened.map_or(0, |opened| request.at.nanos_since(opened));
        // Several requests may have come at once.
        let open = |exchange: &&mut Exchange| {
            exchange.answer.is_none()
                && exchange.method == request.method
                && exchange.at == since_opened
                && exchange.request().cseq() == request.cseq
        };
        let Some(exchange) = self.exchanges.iter_mut().rev().find(open) else { return };
        exchange.answer = Some(ScriptResponse { message: Recorded::new(message), latency: at.nanos_since(request.at) });
        if exchange.succeeded() && matches!(exchange.method.as_str(), "PLAY" | "RECORD") {
            self.play.get_or_insert(at);
            self.publishes |= request.method == "RECORD";
        }
    }

    fn frame(
        &mut self,
        at: Timestamp,
        direction: Direction,
        path: MediaPath,
        payload: &[u8],
    ) -> Result<(), ScriptError> {
        let place = self.bytes.push(payload)?;
        let number = match self.paths.iter().rposition(|known| *known == path) {
            Some(number) => number,
            None if self.paths.len() < MAX_PATHS => {
                self.paths.push(path);
                self.paths.len() - 1
            }
            None => return Ok(()),
        };
        self.side(direction).frames.push(RecordedFrame { at, path: u16::try_from(number).ok(), place });
        Ok(())
    }

    /// Bytes that are no frame.
    fn raw(&mut self, at: Timestamp, direction: Direction, bytes: &[u8]) -> Result<(), ScriptError> {
        let place = self.bytes.push(bytes)?;
        self.side(direction).frames.push(RecordedFrame { at, path: None, place });
        Ok(())
    }

    fn side(&mut self, direction: Direction) -> &mut Side {
        let [client, server] = &mut self.sides;
        match direction {
            Direction::ClientToServer => client,
            Direction::ServerToClient => server,
        }
    }
}
