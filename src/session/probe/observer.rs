//! Watches what passes between a client and its server: what was asked, what was answered, and when.

use std::net::SocketAddr;
use std::time::Duration;

use crate::rtp::packet::is_rtcp;
use crate::rtp::rtcp::{Compound, RtcpPacket};
use crate::rtsp::auth::{OfferedLogin, offered_logins};
use crate::rtsp::demux::{Pdu, PduKind};
use crate::rtsp::message::{Message, StartLine};
use crate::session::{Input, Output};
use crate::time::Timestamp;

/// Requests that are remembered.
const MAX_EXCHANGES: usize = 64;
/// Characters of a server's words that are kept.
const MAX_TEXT: usize = 200;
/// Logins that are kept.
const MAX_LOGINS: usize = 16;

/// A request, and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) method: String,
    cseq: Option<u32>,
    sent: Timestamp,
    /// The Transport header of the request.
    pub(super) asked: Option<String>,
    pub(super) answer: Option<ObservedResponse>,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub(super) struct ObservedResponse {
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) took: Duration,
    /// Its Transport header.
    pub(super) transport: Option<String>,
}

impl ObservedResponse {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct ProbeObserver {
    /// The address that was tried last, and when.
    dialed: Option<(SocketAddr, Timestamp)>,
    /// How long the connection took.
    pub(super) connected: Option<Duration>,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) server: Option<String>,
    pub(super) logins: Vec<OfferedLogin>,
    /// Bytes of the description.
    pub(super) description: Option<usize>,
    /// When the first RTP packet came.
    first_rtp: Option<Timestamp>,
    pub(super) rtp: u64,
    pub(super) rtp_bytes: u64,
    pub(super) sender_reports: u64,
    /// The server ended the connection.
    pub(super) closed: bool,
}

impl ProbeObserver {
    /// What happens to the client.
    pub(super) fn input(&mut self, now: Timestamp, input: &Input<'_>) {
        match input {
            Input::Connected => {
                let took = self.dialed.map(|(_, at)| now.duration_since(at));
                self.connected = self.connected.or(took);
            }
            Input::Pdu(pdu) => self.pdu(now, pdu),
            Input::Datagram { payload, .. } => self.packet(now, payload),
            Input::TunnelRefused(response) => self.learn(response),
            Input::Closed(_) => self.closed = true,
            _ => {}
        }
    }

    /// What the client wants done.
    pub(super) fn output(&mut self, now: Timestamp, output: &Output<'_>) {
        match output {
            Output::Connect { address, .. } => {
                self.dialed = Some((*address, now));
                self.closed = false;
            }
            Output::Send(bytes) => self.request(now, bytes),
            _ => {}
        }
    }

    /// The address that was tried last.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.dialed.map(|(address, _)| address)
    }

    /// From the latest PLAY to the first RTP packet; none where that came before.
    pub(super) fn first_rtp_after(&self) -> Option<Duration> {
        let play = self.exchanges.iter().rev().find(|exchange| exchange.method == "PLAY")?;
        Some(self.first_rtp?.duration_since(play.sent))
    }

    /// When the first RTP packet came.
    pub(super) fn first_rtp(&self) -> Option<Timestamp> {
        self.first_rtp
    }

    /// The answers to requests of a method.
    pub(super) fn answers<'a>(&'a self, method: &'a str) -> impl DoubleEndedIterator<Item = &'a ObservedResponse> {
        self.exchanges.iter().filter(move |exchange| exchange.method == method).filter_map(|own| own.answer.as_ref())
    }

    fn request(&mut self, now: Timestamp, bytes: &[u8]) {
        let message = Message::new(bytes, &[]);
        // Reports of the receiver go the same way.
        let (Some(b'A'..=b'Z'), StartLine::Request { method, .. }) = (bytes.first(), message.start_line()) else {
            return;
        };
        if self.exchanges.len() < MAX_EXCHANGES {
            let asked = message.header("Transport").map(|value| shortened(&value));
            let (method, cseq) = (method.into_owned(), message.cseq());
            self.exchanges.push(Exchange { method, cseq, sent: now, asked, answer: None });
        }
    }

    fn pdu(&mut self, now: Timestamp, pdu: &Pdu<'_>) {
        match pdu.kind {
            PduKind::Message { head, body } => self.response(now, &Message::new(head, body)),
            PduKind::Interleaved { payload, .. } => self.packet(now, payload),
            PduKind::CutFrame { .. } | PduKind::Junk | PduKind::Gap { .. } => {}
        }
    }

    fn response(&mut self, now: Timestamp, message: &Message<'_>) {
        let StartLine::Response { status, reason } = message.start_line() else { return };
        if status.is_some_and(|status| (100..200).contains(&status)) {
            return;
        }
        self.learn(message);
        let mut waiting = self.exchanges.iter_mut().rev().filter(|exchange| exchange.answer.is_none());
        // As the dialogue has it: one without a number answers the latest request.
        let exchange = match message.cseq() {
            Some(cseq) => waiting.find(|exchange| exchange.cseq == Some(cseq)),
            None => waiting.next(),
        };
        let Some(exchange) = exchange else { return };
        let answer = ObservedResponse {
            status: status.unwrap_or(0),
            reason: shortened(&reason),
            took: now.duration_since(exchange.sent),
            transport: message.header("Transport").map(|value| shortened(&value)),
        };
        if exchange.method == "DESCRIBE" && answer.is_success() {
            self.description = Some(message.body().len());
        }
        exchange.answer = Some(answer);
    }

    /// What a server says of itself.
    fn learn(&mut self, message: &Message<'_>) {
        if self.server.is_none() {
            self.server = message.header("Server").map(|value| shortened(&value));
        }
        let fields = ["WWW-Authenticate", "Proxy-Authenticate"];
        let challenges: Vec<_> = fields.iter().flat_map(|name| message.raw_headers(name)).collect();
        for login in offered_logins(challenges.iter()) {
            if self.logins.len() < MAX_LOGINS && !self.logins.contains(&login) {
                self.logins.push(login);
            }
        }
    }

    fn packet(&mut self, now: Timestamp, payload: &[u8]) {
        if is_rtcp(payload) {
            let report = Compound::new(payload).any(|packet| matches!(packet, Ok(RtcpPacket::SenderReport(_))));
            self.sender_reports += u64::from(report);
            return;
        }
        self.first_rtp.get_or_insert(now);
        self.rtp += 1;
        self.rtp_bytes = self.rtp_bytes.saturating_add(payload.len() as u64);
    }
}

/// As much of a text as is worth showing.
fn shortened(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(MAX_TEXT).collect()
}
