//! Sending: the recorded requests, and the reports between them.

use std::borrow::Cow;

use crate::rtp::packet::is_rtcp;
use crate::rtsp::headers::Session;
use crate::rtsp::mask::masked_urls;
use crate::rtsp::message::{Message, MessageBuilder};
use crate::rtsp::relocate::relocated;
use crate::session::Output;
use crate::session::rerun::fit::{Field, fitted};
use crate::session::rerun::log::{Fate, Performed};
use crate::session::rerun::{Delivery, Pending, Phase, Rerun, transport};
use crate::session::script::{Frame, Lane, authority};
use crate::time::Timestamp;
use crate::trace::Direction;

impl Rerun {
    /// Sends a recorded request, unless it tries again what has worked at once now.
    pub(super) fn perform(&mut self, now: Timestamp, index: usize) {
        let Some(exchange) = self.script.exchanges().get(index) else { return };
        let (method, recorded) = (exchange.method.clone(), exchange.url.clone());
        let url = self.names.live(&method, &recorded, &self.script, &self.dialog, &self.config.url);
        let fate = self.needless(index).map_or(Fate::NoAnswer, Fate::LeftOut);
        let left_out = matches!(fate, Fate::LeftOut(_));
        let place = self.log.push(Performed {
            exchange: Some(index),
            method,
            url,
            at: self.since_opened(now),
            fate,
            challenged: false,
            repeated: false,
            moved: false,
        });
        if left_out {
            if let Some(settled) = self.settled.get_mut(index) {
                *settled = true;
            }
            return;
        }
        let awaited = self.script.exchanges().get(index).is_some_and(|exchange| exchange.status().is_some());
        self.transmit(now, Pending { awaited, ..Pending::new(Some(index), place, now) });
    }

    /// Why a second try is not needed: the first one worked.
    fn needless(&self, index: usize) -> Option<&'static str> {
        let first = self.plan.tries_again(index)?;
        let first = self.log.entries().iter().rev().find(|entry| entry.exchange == Some(first))?;
        let Fate::Answered(reply) = &first.fate else { return None };
        let then = self.script.exchanges().get(first.exchange?)?.status()?;
        let why = if then == 461 { "the transport was taken at once" } else { "no login was asked for" };
        matches!(reply.status, Some(200..=299)).then_some(why)
    }

    /// Sends a request of the log, with the authorization that is known by now.
    pub(super) fn transmit(&mut self, now: Timestamp, mut pending: Pending) {
        let Some((method, url)) =
            self.log.entries().get(pending.place).map(|entry| (entry.method.clone(), entry.url.clone()))
        else {
            return;
        };
        pending.cseq = self.next_cseq(pending.exchange);
        pending.sent = now;
        pending.deadline = now + self.config.timeouts.response;
        let authorization = self.authorization(&pending, &method, &url);
        pending.attempts += u8::from(authorization.is_some());
        let bytes = match pending.exchange {
            Some(index) => self.fitted(&mut pending, index, &url, authorization),
            None => self.own(&method, &url, pending.cseq, authorization),
        };
        self.observe_own(now, &bytes);
        self.outputs.push_back(Output::Send(Cow::Owned(bytes)));
        self.pending.push(pending);
    }

    fn observe_own(&mut self, now: Timestamp, bytes: &[u8]) {
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        let (head, body) = bytes.split_at_checked(head).unwrap_or((bytes, &[]));
        self.dialog.observe(now, Direction::ClientToServer, &Message::new(head, body));
    }

    /// The recorded number where it is higher than all before, so that answers find their requests.
    fn next_cseq(&mut self, exchange: Option<usize>) -> u32 {
        let fresh = self.cseq.map_or(1, |cseq| cseq.wrapping_add(1));
        let recorded = exchange.and_then(|index| self.script.exchanges().get(index)?.request().cseq());
        let cseq = recorded.filter(|recorded| self.cseq.is_none_or(|cseq| *recorded > cseq)).unwrap_or(fresh);
        self.cseq = Some(cseq);
        cseq
    }

    /// Once the server has asked for a login every request carries it, but for one that was refused then for lack of
    /// it.
    fn authorization(&mut self, pending: &Pending, method: &str, url: &str) -> Option<String> {
        let repeated = self.log.entries().get(pending.place).is_some_and(|entry| entry.repeated);
        let refused = pending.exchange.is_some_and(|index| {
            let exchange = self.script.exchanges().get(index);
            exchange.is_some_and(|exchange| {
                matches!(exchange.status(), Some(401 | 407)) && exchange.request().header("Authorization").is_none()
            })
        });
        if refused && !repeated { None } else { self.authorization.header(method, url) }
    }

    /// The recorded request as this server has to see it.
    fn fitted(&mut self, pending: &mut Pending, index: usize, url: &str, authorization: Option<String>) -> Vec<u8> {
        let transport = self.transport(index);
        let Some(exchange) = self.script.exchanges().get(index) else { return Vec::new() };
        let request = exchange.request();
        if let (Some(_), Some(entry)) = (&transport, self.log.get_mut(pending.place)) {
            entry.moved = true;
            let note = "UDP then, TCP now: the recorded client asked for another transport than this one has";
            self.notes.extend((!self.notes.iter().any(|other| other == note)).then(|| note.to_owned()));
        }
        pending.transport = transport.clone().or_else(|| request.header("Transport").map(Cow::into_owned));
        let cseq = pending.cseq;
        let session = self.live_session(request.header("Session").as_deref());
        let root = authority(self.config.url.as_str());
        let mut authorization = authorization;
        let decide = |name: &str| {
            let value = request.header(name).unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "cseq" if request.cseq() == Some(cseq) => Field::Keep,
                "cseq" => Field::Set(cseq.to_string()),
                "session" => session.clone().map_or(Field::Drop, Field::Set),
                "transport" => transport.clone().map_or(Field::Keep, Field::Set),
                "authorization" => authorization.take().map_or(Field::Drop, Field::Set),
                "proxy-authorization" => Field::Drop,
                _ => match relocated(&value, root) {
                    Cow::Borrowed(_) => Field::Keep,
                    Cow::Owned(value) => Field::Set(value),
                },
            }
        };
        let mut bytes = fitted(request.head(), url, decide, &[]);
        let mut more = Vec::new();
        if request.header("CSeq").is_none() {
            more.push(("CSeq", cseq.to_string()));
        }
        more.extend(authorization.map(|value| ("Authorization", value)));
        if !more.is_empty() {
            bytes = fitted(&bytes, url, |_| Field::Keep, &more);
        }
        bytes.extend_from_slice(request.body());
        bytes
    }

    /// A request that was not recorded.
    fn own(&self, method: &str, url: &str, cseq: u32, authorization: Option<String>) -> Vec<u8> {
        let mut recorded = self.script.exchanges().iter().rev();
        let agent = recorded.find_map(|exchange| exchange.request().header("User-Agent").map(Cow::into_owned));
        MessageBuilder::request(method, url)
            .header("CSeq", cseq)
            .header_opt("User-Agent", agent)
            .header_opt("Authorization", authorization)
            .header_opt("Session", self.session.as_deref())
            .finish()
    }

    /// The live session that stands for the recorded one; the latest where that is not known.
    fn live_session(&self, recorded: Option<&str>) -> Option<String> {
        let recorded = recorded.and_then(Session::parse);
        let known = recorded.and_then(|recorded| self.sessions.get(&recorded.id));
        known.or(self.session.as_ref()).cloned()
    }

    /// What a SETUP asks for in the place of UDP.
    fn transport(&self, index: usize) -> Option<String> {
        let exchange = self.script.exchanges().get(index).filter(|exchange| exchange.method == "SETUP")?;
        transport::over_tcp(&exchange.request().header("Transport")?, self.free_channels(&exchange.url))
    }

    /// The first of a pair of channels that no track has; by custom that of the track itself.
    fn free_channels(&self, url: &str) -> u8 {
        let track = self.script.track_at(url);
        let own = track.and_then(|track| u8::try_from(2 * track).ok());
        let others = self.channels.iter().enumerate().filter(|(index, _)| Some(*index) != track);
        let taken: Vec<u8> = others.filter_map(|(_, delivery)| *delivery).flat_map(|own| [own.rtp, own.rtcp]).collect();
        let free = |first: &u8| !taken.contains(first) && !taken.contains(&first.saturating_add(1));
        own.into_iter().chain((0..=254).step_by(2)).find(free).unwrap_or(0)
    }

    /// Nanoseconds since the connection opened.
    pub(super) fn since_opened(&self, now: Timestamp) -> i64 {
        self.opened.map_or(0, |opened| now.nanos_since(opened))
    }

    /// When the next report is due.
    pub(super) fn next_report(&self) -> Option<Timestamp> {
        self.time_of(self.script.client_frame(self.next_frame)?.after)
    }

    /// Sends what the recorded client sent between its requests. What has no channel yet is left out.
    pub(super) fn send_reports(&mut self, now: Timestamp) {
        while self.phase == Phase::Running && self.next_report().is_some_and(|due| due <= now) {
            let frame = self.script.client_frame(self.next_frame);
            self.next_frame += 1;
            if let Some(bytes) = frame.and_then(|frame| self.framed(&frame)) {
                self.outputs.push_back(Output::Send(Cow::Owned(bytes)));
            }
        }
    }

    fn framed(&self, frame: &Frame<'_>) -> Option<Vec<u8>> {
        let channel = match frame.lane {
            Lane::Raw => return Some(frame.payload.to_vec()),
            Lane::Stray { channel } => channel,
            Lane::Track { index, rtcp } => {
                let Delivery { rtp, rtcp: own, moved } = (*self.channels.get(index)?)?;
                // Over UDP a client opens the way for the media with packets that mean nothing.
                if moved && !is_rtcp(frame.payload) {
                    return None;
                }
                if rtcp { own } else { rtp }
            }
        };
        let len = u16::try_from(frame.payload.len()).ok()?.to_be_bytes();
        Some([&[b'$', channel], &len[..], frame.payload].concat())
    }

    /// Ends the session with a request of our own.
    pub(super) fn send_own(&mut self, now: Timestamp, method: &str) {
        let url = self.dialog.aggregate_url().unwrap_or_else(|| self.config.url.as_str().to_owned());
        let place = self.log.push(Performed {
            exchange: None,
            method: method.to_owned(),
            url: masked_urls(&url),
            at: self.since_opened(now),
            fate: Fate::NoAnswer,
            challenged: false,
            repeated: false,
            moved: false,
        });
        self.transmit(now, Pending { awaited: true, ..Pending::new(None, place, now) });
    }
}

impl Pending {
    pub(super) fn new(exchange: Option<usize>, place: usize, now: Timestamp) -> Self {
        Self { exchange, place, cseq: 0, sent: now, deadline: now, attempts: 0, transport: None, awaited: false }
    }
}
