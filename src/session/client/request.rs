//! The requests of a client: what each says, and which one waits for its answer.

use std::borrow::Cow;
use std::time::Duration;

use crate::rtsp::message::{Message, MessageBuilder};
use crate::session::client::pending::{PendingRequest, SessionMethod};
use crate::session::{Client, Output};
use crate::time::Timestamp;
use crate::trace::Direction;

/// How much longer the answer to TEARDOWN may wait because nothing is read: the user has wanted an end.
const UNREAD_TEARDOWN: Duration = Duration::from_secs(3);

impl Client {
    /// Sends a request of this method and waits for its answer.
    pub(super) fn send(&mut self, now: Timestamp, method: SessionMethod) {
        let url = self.url_of(method);
        let pending =
            PendingRequest { method, url, cseq: 0, deadline: now, latest: None, attempts: 0, challenged: false };
        self.send_again(now, pending);
    }

    /// Sends it once more, with the authorization that is known by now.
    pub(super) fn send_again(&mut self, now: Timestamp, mut pending: PendingRequest) {
        pending.deadline = now + self.patience(pending.method);
        pending.latest = (pending.method == SessionMethod::Teardown).then(|| pending.deadline + UNREAD_TEARDOWN);
        let session = self.session_of(pending.method.name());
        let request = self.request(pending.method.name(), &pending.url).header_opt("Session", session);
        pending.attempts += u8::from(self.authorization.is_known());
        let request = match pending.method {
            SessionMethod::Describe => request.header("Accept", "application/sdp"),
            SessionMethod::Setup => request.header("Transport", self.transports.header(self.planned(), self.profile())),
            SessionMethod::Play => request.header("Range", "npt=0.000-"),
            SessionMethod::Options | SessionMethod::Teardown => request,
        };
        pending.cseq = self.cseq;
        self.await_answer(pending);
        self.emit(now, request);
    }

    /// Remembers a request until its answer comes. Only phases that keep a request send one that expects
    /// an answer.
    pub(super) fn await_answer(&mut self, pending: PendingRequest) {
        let slot = self.phase.pending_mut();
        debug_assert!(slot.is_some(), "{} is sent while no answer is waited for", pending.method.name());
        if let Some(slot) = slot {
            *slot = Some(pending);
        }
    }

    /// Media, and the answer, may have come, and wait to be read.
    pub(super) fn excuse(&mut self, now: Timestamp) {
        self.media.excuse(now);
        let Some(method) = self.phase.pending().map(|pending| pending.method) else { return };
        let deadline = now + self.patience(method);
        if let Some(Some(pending)) = self.phase.pending_mut() {
            let deadline = pending.latest.map_or(deadline, |latest| deadline.min(latest));
            pending.deadline = pending.deadline.max(deadline);
        }
    }

    /// How long an answer is waited for.
    fn patience(&self, method: SessionMethod) -> Duration {
        match method {
            SessionMethod::Teardown => self.config.timeouts.teardown.min(self.config.timeouts.response),
            _ => self.config.timeouts.response,
        }
    }

    /// A sign of life; nobody waits for its answer.
    pub(super) fn send_keep_alive(&mut self, now: Timestamp) {
        let Some(method) = self.phase.playback().map(|playback| playback.keep_alive.method()) else { return };
        for (url, session) in self.living() {
            let request = self.request(method, &url).header_opt("Session", session);
            self.emit(now, request);
        }
        if let Some(playback) = self.phase.playback_mut() {
            playback.keep_alive.sent(now, self.cseq);
        }
    }

    /// The same with this method, now and from now on.
    pub fn keep_alive_with(&mut self, now: Timestamp, method: &'static str) {
        if let Some(playback) = self.phase.playback_mut() {
            playback.keep_alive.use_only(method);
        }
        self.send_keep_alive(now);
    }

    /// What the login goes by, once the server asked for one, and whether it was accepted.
    pub fn login(&self) -> Option<(&'static str, bool)> {
        self.authorization.login()
    }

    /// What every request begins with.
    fn request(&mut self, method: &str, url: &str) -> MessageBuilder {
        self.cseq = self.cseq.wrapping_add(1);
        MessageBuilder::request(method, url)
            .header("CSeq", self.cseq)
            .header("User-Agent", &self.config.user_agent)
            .authorization(self.authorization.header(method, url))
    }

    fn emit(&mut self, now: Timestamp, request: MessageBuilder) {
        let bytes = request.finish();
        self.dialog.observe(now, Direction::ClientToServer, &Message::new(&bytes, &[]));
        self.outputs.push_back(Output::Send(Cow::Owned(bytes)));
    }

    fn url_of(&self, method: SessionMethod) -> String {
        match method {
            SessionMethod::Options | SessionMethod::Describe => self.url.as_str().to_owned(),
            SessionMethod::Setup => self.planned_setup().map(|(_, url)| url.clone()).unwrap_or_default(),
            SessionMethod::Play | SessionMethod::Teardown => self.controlled_url(),
        }
    }
}
