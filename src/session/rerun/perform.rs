//! Sending: the recorded requests, and the reports between them.

use std::borrow::Cow;

use crate::rtp::packet::is_rtcp;
use crate::rtsp::head_end::split_head;
use crate::rtsp::interleaved::append_frame;
use crate::rtsp::mask::masked_text;
use crate::rtsp::message::{Message, MessageBuilder};
use crate::session::Output;
use crate::session::rerun::live::Delivery;
use crate::session::rerun::log::{Fate, Performed};
use crate::session::rerun::request_rewrite::Changes;
use crate::session::rerun::{PendingRequest, Rerun, RerunPhase, transport};
use crate::session::script::track::authority;
use crate::session::script::{Frame, Route};
use crate::time::Timestamp;
use crate::trace::Direction;

/// Stands in the first line of a request that opens a tunnel through HTTP.
const TUNNEL: &[u8] = b" HTTP/1.";

impl Rerun {
    /// Sends a recorded request, unless there is no need to.
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
        self.transmit(now, PendingRequest { awaited, ..PendingRequest::new(Some(index), place, now) });
    }

    /// Why a request is not needed: it opened a tunnel, or tries again what worked.
    fn needless(&self, index: usize) -> Option<&'static str> {
        let request = self.script.exchanges().get(index)?.request();
        let start = request.head().split(|byte| *byte == b'\n').next().unwrap_or_default();
        if start.windows(TUNNEL.len()).any(|window| window == TUNNEL) {
            return Some("no tunnel is needed");
        }
        let first = self.plan.tries_again(index)?;
        let first = self.log.entries().iter().rev().find(|entry| entry.exchange == Some(first))?;
        let Fate::Answered(reply) = &first.fate else { return None };
        let then = self.script.exchanges().get(first.exchange?)?.status()?;
        let why = if then == 461 { "the transport was taken at once" } else { "no login was asked for" };
        matches!(reply.status, Some(200..=299)).then_some(why)
    }

    /// Sends a request of the log, with the authorization that is known by now.
    pub(super) fn transmit(&mut self, now: Timestamp, mut pending: PendingRequest) {
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
        let (head, body) = split_head(bytes);
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
    fn authorization(&mut self, pending: &PendingRequest, method: &str, url: &str) -> Option<Vec<u8>> {
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
    fn fitted(
        &mut self,
        pending: &mut PendingRequest,
        index: usize,
        url: &str,
        authorization: Option<Vec<u8>>,
    ) -> Vec<u8> {
        let transport = self.transport(index);
        if let (Some(_), Some(entry)) = (&transport, self.log.get_mut(pending.place)) {
            entry.moved = true;
            self.note("UDP then, TCP now: the recorded client asked for another transport than this one has");
        }
        let Some(exchange) = self.script.exchanges().get(index) else { return Vec::new() };
        let request = exchange.request();
        pending.transport = transport.clone().or_else(|| request.header("Transport").map(Cow::into_owned));
        Changes {
            url,
            root: authority(self.config.url.as_str()),
            cseq: pending.cseq,
            session: self.live.session_for(request.header("Session").as_deref()),
            transport,
            authorization,
        }
        .apply(&request)
    }

    /// A request that was not recorded.
    fn own(&self, method: &str, url: &str, cseq: u32, authorization: Option<Vec<u8>>) -> Vec<u8> {
        let mut recorded = self.script.exchanges().iter().rev();
        let agent = recorded.find_map(|exchange| exchange.request().header("User-Agent").map(Cow::into_owned));
        MessageBuilder::request(method, url)
            .header("CSeq", cseq)
            .header_opt("User-Agent", agent)
            .authorization(authorization)
            .header_opt("Session", self.live.session())
            .finish()
    }

    /// What a SETUP asks for in the place of UDP.
    fn transport(&self, index: usize) -> Option<String> {
        let exchange = self.script.exchanges().get(index).filter(|exchange| exchange.method == "SETUP")?;
        transport::over_tcp(
            &exchange.request().header("Transport")?,
            self.live.free_channels(self.script.track_at(&exchange.url)),
        )
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
        while self.phase == RerunPhase::Running && self.next_report().is_some_and(|due| due <= now) {
            let frame = self.script.client_frame(self.next_frame);
            self.next_frame += 1;
            if let Some(bytes) = frame.and_then(|frame| self.framed(&frame)) {
                self.outputs.push_back(Output::Send(Cow::Owned(bytes)));
            }
        }
    }

    fn framed(&self, frame: &Frame<'_>) -> Option<Vec<u8>> {
        let channel = match frame.lane {
            Route::Raw => return Some(frame.payload.to_vec()),
            Route::Stray { channel } => channel,
            Route::Track { index, rtcp } => {
                let Delivery { rtp, rtcp: own, moved } = self.live.delivery(index)?;
                // Over UDP a client opens the way for the media with packets that mean nothing.
                if moved && !is_rtcp(frame.payload) {
                    return None;
                }
                if rtcp { own } else { rtp }
            }
        };
        let mut framed = Vec::new();
        append_frame(&mut framed, channel, frame.payload);
        Some(framed)
    }

    /// Ends the session with a request of our own.
    pub(super) fn send_own(&mut self, now: Timestamp, method: &str) {
        let url = self.dialog.aggregate_url().unwrap_or_else(|| self.config.url.as_str().to_owned());
        let place = self.log.push(Performed {
            exchange: None,
            method: method.to_owned(),
            url: masked_text(&url),
            at: self.since_opened(now),
            fate: Fate::NoAnswer,
            challenged: false,
            repeated: false,
            moved: false,
        });
        self.transmit(now, PendingRequest { awaited: true, ..PendingRequest::new(None, place, now) });
    }
}

impl PendingRequest {
    pub(super) fn new(exchange: Option<usize>, place: usize, now: Timestamp) -> Self {
        Self { exchange, place, cseq: 0, sent: now, deadline: now, attempts: 0, transport: None, awaited: false }
    }
}
