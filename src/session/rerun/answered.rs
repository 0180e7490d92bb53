//! What the live server says, and what is learned of it.

use std::borrow::Cow;

use crate::rtsp::message::{Message, StartLine};
use crate::session::Output;
use crate::session::authorization::{AuthAction, Authorization};
use crate::session::rerun::log::{Fate, Performed};
use crate::session::rerun::{PendingRequest, Rerun};
use crate::session::server_requests::{self, MAX_ANSWERS};
use crate::time::Timestamp;
use crate::trace::Direction;

impl Rerun {
    pub(super) fn message(&mut self, now: Timestamp, message: &Message<'_>) {
        let request = self.dialog.observe(now, Direction::ServerToClient, message);
        match message.start_line() {
            StartLine::Request { method, .. } => {
                if self.outputs.len() < MAX_ANSWERS {
                    self.outputs.push_back(Output::Send(Cow::Owned(server_requests::answer(&method, message))));
                }
            }
            StartLine::Response { .. } => {
                let cseq = request.and_then(|request| request.cseq);
                let place = self.pending.iter().position(|pending| Some(pending.cseq) == cseq);
                if let Some(place) = place {
                    let pending = self.pending.remove(place);
                    self.answered(now, pending, message);
                }
            }
        }
    }

    fn answered(&mut self, now: Timestamp, pending: PendingRequest, response: &Message<'_>) {
        if !self.log.answered(pending.place, now.nanos_since(pending.sent), response) {
            self.note("the answers are too large to keep: of later ones only the status is compared");
        }
        match response.status() {
            Some(401 | 407) => return self.unauthorized(now, pending, response),
            Some(200..=299) => {
                self.authorization.succeeded(pending.attempts);
                self.learn(now, &pending, response);
            }
            Some(300..=399) => self.note("a redirect is not followed: the recorded requests go on here"),
            _ => {}
        }
        self.settled(&pending);
    }

    fn settled(&mut self, pending: &PendingRequest) {
        self.settle(pending);
        if pending.exchange.is_none() {
            self.end("the session was torn down");
        }
    }

    /// A 401 that the recorded client did not see, or not to this request, is answered with credentials.
    fn unauthorized(&mut self, now: Timestamp, pending: PendingRequest, response: &Message<'_>) {
        if self.locked_out {
            return self.settled(&pending);
        }
        let expected = pending.exchange.is_some_and(|index| {
            let then = self.script.exchanges().get(index).and_then(crate::session::script::Exchange::status);
            matches!(then, Some(401 | 407)) && self.plan.is_tried_again(index)
        });
        let url = self.log.get_mut(pending.place).map(|request| request.url.clone()).unwrap_or_default();
        if expected {
            self.authorization.renew(&url, response);
            return self.settled(&pending);
        }
        match self.authorization.challenged(pending.attempts, &url, response) {
            AuthAction::Try => self.repeat(now, pending),
            AuthAction::GiveUp(error) => {
                self.note(&error.to_string());
                self.locked_out = true;
                self.authorization = Authorization::default();
                self.settled(&pending);
            }
        }
    }

    fn repeat(&mut self, now: Timestamp, mut pending: PendingRequest) {
        let at = self.since_opened(now);
        let Some(first) = self.log.get_mut(pending.place) else { return };
        first.challenged = true;
        let again = Performed { at, fate: Fate::NoAnswer, challenged: false, repeated: true, ..first.clone() };
        pending.place = self.log.push(again);
        self.transmit(now, pending);
    }

    fn learn(&mut self, now: Timestamp, pending: &PendingRequest, response: &Message<'_>) {
        let Some(exchange) = pending.exchange.and_then(|index| self.script.exchanges().get(index)) else { return };
        match exchange.method.as_str() {
            "PLAY" => {
                self.played.get_or_insert(now);
            }
            "SETUP" => {
                self.live.set_up(exchange.answer(), response);
                let moved = self.log.entries().get(pending.place).is_some_and(|entry| entry.moved);
                if let Some(track) = self.script.track_at(&exchange.url) {
                    self.live.deliver(track, response, pending.transport.as_deref(), moved);
                }
            }
            "TEARDOWN" => self.live.torn_down(),
            _ => {}
        }
    }
}
