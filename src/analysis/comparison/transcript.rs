//! A capture's dialogues, kept as they pass, so that they can be held against those of another.

use std::collections::BTreeMap;
use std::io;

use crate::rtsp::demux::PduKind;
use crate::rtsp::message::{Message, StartLine};
use crate::session::Dialog;
use crate::session::dialog::Request;
use crate::time::Timestamp;
use crate::trace::{Direction, Payload, Tap, TraceEvent};

/// Bytes of messages of a capture that are looked at; they are kept.
const MAX_KEPT: usize = 32 << 20;
/// Requests that are kept of a session: keep-alives of days.
const MAX_EXCHANGES: usize = 20_000;

/// A tap that keeps the dialogues of a capture.
#[derive(Debug, Default)]
pub struct Transcript {
    sessions: BTreeMap<usize, HeardSession>,
    kept: usize,
}

/// What was said on one connection.
#[derive(Debug, Default)]
pub struct HeardSession {
    /// Its number, from 1, as `analyze` gives it.
    pub number: usize,
    url: String,
    dialog: Dialog,
    began: Option<Timestamp>,
    exchanges: Vec<Exchange>,
    /// Requests that were not kept.
    pub(super) left_out: u64,
}

/// A request of the client, and its answer.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) method: String,
    pub(super) url: String,
    /// Nanoseconds since the connection began.
    pub(super) at: i64,
    sent: Timestamp,
    request: RecordedMessage,
    pub(super) answer: Option<ResponseRecord>,
}

#[derive(Debug)]
pub(super) struct ResponseRecord {
    pub(super) status: Option<u16>,
    /// Nanoseconds since the request.
    pub(super) latency: i64,
    message: RecordedMessage,
}

#[derive(Debug)]
struct RecordedMessage {
    head: Vec<u8>,
    body: Vec<u8>,
}

impl RecordedMessage {
    fn new(message: &Message<'_>) -> Self {
        Self { head: message.head().to_vec(), body: message.body().to_vec() }
    }

    fn message(&self) -> Message<'_> {
        Message::new(&self.head, &self.body)
    }
}

impl Exchange {
    fn status(&self) -> Option<u16> {
        self.answer.as_ref()?.status
    }

    pub(super) fn request(&self) -> Message<'_> {
        self.request.message()
    }
}

impl ResponseRecord {
    pub(super) fn message(&self) -> Message<'_> {
        self.message.message()
    }
}

impl Transcript {
    /// The sessions, in the order of their numbers.
    pub fn sessions(&self) -> impl Iterator<Item = &HeardSession> {
        self.sessions.values()
    }
}

impl HeardSession {
    /// The URL that the client asked for, without credentials.
    pub fn url(&self) -> &str {
        self.dialog.url().unwrap_or(&self.url)
    }

    /// The session identifier of the server.
    pub(super) fn id(&self) -> Option<&str> {
        self.dialog.session_id()
    }

    /// Whether media was granted.
    pub(super) fn has_played(&self) -> bool {
        let granted = |exchange: &Exchange| exchange.status().is_some_and(|status| status < 300);
        self.exchanges.iter().any(|exchange| matches!(&*exchange.method, "PLAY" | "RECORD") && granted(exchange))
    }

    /// Whether media was asked for, or would have been: what was refused, but for a login, ended the session before.
    pub(super) fn wants_media(&self) -> bool {
        let refused = |exchange: &Exchange| exchange.status().is_some_and(|status| status >= 400 && status != 401);
        let asked = |exchange: &Exchange| matches!(&*exchange.method, "SETUP" | "PLAY" | "RECORD" | "ANNOUNCE");
        let described = |exchange: &Exchange| exchange.method == "DESCRIBE" && refused(exchange);
        self.exchanges.iter().any(|exchange| asked(exchange) || described(exchange))
    }

    pub(super) fn exchanges(&self) -> &[Exchange] {
        &self.exchanges
    }

    fn message(&mut self, at: Timestamp, direction: Direction, message: &Message<'_>) {
        let answered = self.dialog.observe(at, direction, message);
        match (message.start_line(), direction) {
            (StartLine::Request { .. }, Direction::ClientToServer) if self.exchanges.len() >= MAX_EXCHANGES => {
                self.left_out += 1;
            }
            (StartLine::Request { method, url }, Direction::ClientToServer) => {
                let (method, url) = (method.into_owned(), url.into_owned());
                let since = self.began.map_or(0, |began| at.nanos_since(began));
                let request = RecordedMessage::new(message);
                self.exchanges.push(Exchange { method, url, at: since, sent: at, request, answer: None });
            }
            (StartLine::Response { .. }, Direction::ServerToClient) => {
                if let Some(request) = answered {
                    self.answered(at, &request, message);
                }
            }
            _ => {}
        }
    }

    fn answered(&mut self, at: Timestamp, request: &Request, message: &Message<'_>) {
        let open = |exchange: &&mut Exchange| {
            exchange.answer.is_none()
                && exchange.sent == request.at
                && exchange.method == request.method
                && exchange.request().cseq() == request.cseq
        };
        let Some(exchange) = self.exchanges.iter_mut().rev().find(open) else { return };
        let latency = at.nanos_since(request.at);
        exchange.answer =
            Some(ResponseRecord { status: message.status(), latency, message: RecordedMessage::new(message) });
    }
}

/// About how many bytes a kept message takes.
fn size(message: &Message<'_>) -> usize {
    size_of::<Exchange>() + message.head().len() + message.body().len()
}

impl Tap for Transcript {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        let Self { sessions, kept } = self;
        let number = event.flow.id.saturating_add(1);
        let session = sessions.entry(number).or_insert_with(|| HeardSession {
            number,
            url: event.flow.url.clone(),
            ..HeardSession::default()
        });
        session.began.get_or_insert(match event.payload {
            Payload::Opened { started, .. } => started,
            _ => event.at,
        });
        if let Payload::Described(given) = event.payload {
            session.dialog.given(given);
        }
        if let Payload::Pdu(pdu) = event.payload
            && let PduKind::Message { head, body } = pdu.kind
        {
            let message = Message::new(head, body);
            if *kept < MAX_KEPT {
                *kept += size(&message);
                session.message(event.at, event.direction, &message);
            } else if event.direction == Direction::ClientToServer {
                session.left_out += 1;
            }
        }
        Ok(())
    }
}
