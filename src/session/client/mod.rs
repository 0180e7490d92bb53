//! The client's side of a recording session (RFC 2326): OPTIONS, DESCRIBE, a SETUP for each track, PLAY, signs of
//! life, TEARDOWN. It asks for interleaved transport and follows the server in everything else.

mod config;
mod connecting;
mod ending;
mod media;
mod request;

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::rtsp::demux::PduKind;
use crate::rtsp::mask::masked_urls;
use crate::rtsp::message::{Message, StartLine};
use crate::rtsp::url::RtspUrl;
use crate::session::authorization::{Authorization, Verdict};
use crate::session::courtesy::{self, MAX_ANSWERS};
use crate::session::dialer::Dialer;
use crate::session::keep_alive::KeepAlive;
use crate::session::{Dialog, Input, Machine, Output};
use crate::time::Timestamp;
use crate::trace::Direction;

pub use config::{ClientConfig, Ending, Limits, SessionError, Timeouts};

use media::{MediaWatch, Verdict as MediaVerdict};
use request::{Method, Pending};

/// Two channels for each of so many tracks.
const MAX_TRACKS: usize = 128;

/// The client machine.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    /// Where the session is to be had; a redirect changes it.
    url: RtspUrl,
    /// The URL as it may be shown.
    shown: String,
    phase: Phase,
    outputs: VecDeque<Output<'static>>,
    dialer: Dialer,
    dialog: Dialog,
    cseq: u32,
    pending: Option<Pending>,
    authorization: Authorization,
    redirects: u8,
    /// Track and URL of each SETUP, and how far they have got.
    plan: Vec<(usize, String)>,
    planned: usize,
    refusals: Vec<SessionError>,
    keep_alive: KeepAlive,
    media: MediaWatch,
    outcome: Option<Result<Ending, SessionError>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Resolving,
    Connecting,
    /// Requests go back and forth.
    SettingUp,
    Playing,
    TearingDown,
    Done,
}

impl Client {
    /// A client that starts at `now` by looking up its server.
    pub fn new(config: ClientConfig, now: Timestamp) -> Self {
        let mut client = Self {
            url: config.url.clone(),
            shown: masked_urls(config.url.as_str()),
            phase: Phase::Resolving,
            outputs: VecDeque::new(),
            dialer: Dialer::new(&config.url, config.timeouts.connect),
            dialog: Dialog::new(),
            cseq: 0,
            pending: None,
            authorization: Authorization::new(config.credentials.clone()),
            redirects: 0,
            plan: Vec::new(),
            planned: 0,
            refusals: Vec::new(),
            keep_alive: KeepAlive::default(),
            media: MediaWatch::new(config.limits, config.timeouts.idle),
            outcome: None,
            config,
        };
        client.resolve(now);
        client
    }

    /// How it ended; `None` before it has.
    pub fn outcome(&self) -> Option<&Result<Ending, SessionError>> {
        self.outcome.as_ref().filter(|_| self.phase == Phase::Done)
    }

    /// Tracks that the server refused to set up while it took others.
    pub fn refusals(&self) -> &[SessionError] {
        &self.refusals
    }

    /// What was learned of the session.
    pub fn dialog(&self) -> &Dialog {
        &self.dialog
    }

    /// Whether media is awaited or comes.
    pub fn is_playing(&self) -> bool {
        self.phase == Phase::Playing
    }

    fn message(&mut self, now: Timestamp, message: &Message<'_>) {
        let request = self.dialog.observe(now, Direction::ServerToClient, message);
        match message.start_line() {
            StartLine::Request { method, .. } => self.answer(&method, message),
            StartLine::Response { .. } => {
                let Some(cseq) = request.and_then(|request| request.cseq) else { return };
                if self.pending.as_ref().is_some_and(|pending| pending.cseq == cseq) {
                    self.answered(now, message);
                } else if self.keep_alive.waiting == Some(cseq) {
                    self.keep_alive_answered(now, message);
                }
            }
        }
    }

    /// A request of the server's: it must not be left waiting.
    fn answer(&mut self, method: &str, request: &Message<'_>) {
        // Who asks without reading the answers gets no more of them.
        if self.outputs.len() >= MAX_ANSWERS {
            return;
        }
        self.outputs.push_back(Output::Send(Cow::Owned(courtesy::answer(method, request))));
    }

    fn answered(&mut self, now: Timestamp, response: &Message<'_>) {
        let Some(pending) = self.pending.take() else { return };
        match response.status() {
            Some(401 | 407) => self.unauthorized(now, pending, response),
            Some(301 | 302 | 303 | 305 | 307) if self.phase == Phase::SettingUp => self.redirected(now, response),
            Some(200..=299) => {
                self.authorization.succeeded(pending.attempts);
                self.succeeded(now, pending.method);
            }
            _ => self.refused(now, &pending, response),
        }
    }

    fn succeeded(&mut self, now: Timestamp, method: Method) {
        match method {
            Method::Options => self.send(now, Method::Describe),
            Method::Describe => self.described(now),
            Method::Setup => self.set_up_next(now),
            Method::Play => {
                self.phase = Phase::Playing;
                let timeout = self.dialog.session_timeout();
                self.keep_alive = KeepAlive::new(now, timeout, self.dialog.public());
                self.media.play(now);
            }
            Method::Teardown => self.done(),
        }
    }

    fn described(&mut self, now: Timestamp) {
        let media = self.dialog.description().map(|description| description.media.as_slice()).unwrap_or_default();
        let wanted = |kind: &str| self.config.media.is_empty() || self.config.media.iter().any(|name| name == kind);
        self.plan = media
            .iter()
            .enumerate()
            .filter(|(_, media)| wanted(&media.kind))
            .filter_map(|(track, media)| Some((track, self.dialog.control_url(media)?)))
            .take(MAX_TRACKS)
            .collect();
        if self.plan.is_empty() {
            let kinds = media.iter().map(|media| media.kind.clone()).collect();
            let wanted = self.config.media.join(" or ");
            return self.fail(now, SessionError::NoTracks { wanted, kinds });
        }
        self.planned = 0;
        self.send(now, Method::Setup);
    }

    fn set_up_next(&mut self, now: Timestamp) {
        self.planned += 1;
        if self.planned < self.plan.len() {
            self.send(now, Method::Setup);
        } else if self.dialog.setups().is_empty() && !self.refusals.is_empty() {
            let first = self.refusals.remove(0);
            self.fail(now, first);
        } else {
            self.send(now, Method::Play);
        }
    }

    /// Some servers refuse OPTIONS, and some a track; the rest may work.
    fn refused(&mut self, now: Timestamp, pending: &Pending, response: &Message<'_>) {
        let error = refusal(pending, response);
        match pending.method {
            Method::Options => self.send(now, Method::Describe),
            Method::Setup => {
                self.refusals.push(error);
                self.set_up_next(now);
            }
            Method::Describe | Method::Play => self.fail(now, error),
            Method::Teardown => self.done(),
        }
    }

    fn unauthorized(&mut self, now: Timestamp, pending: Pending, response: &Message<'_>) {
        match self.authorization.challenged(pending.attempts, response) {
            Verdict::Try => self.send_again(now, Pending { challenged: true, ..pending }),
            Verdict::GiveUp(_) if pending.method == Method::Teardown => self.done(),
            Verdict::GiveUp(error) => self.fail(now, error),
        }
    }

    fn keep_alive_answered(&mut self, now: Timestamp, response: &Message<'_>) {
        self.keep_alive.waiting = None;
        match response.status() {
            Some(401 | 407) => self.authorization.renew(response),
            Some(454) => self.fail(now, SessionError::SessionLost),
            Some(status) if status >= 400 => self.keep_alive.refused(),
            _ => {}
        }
    }

    fn frame(&mut self, now: Timestamp, channel: u8, payload: &[u8]) {
        let track = self.dialog.channel(channel).map(|(setup, _)| setup.channels);
        self.media.frame(now, track.flatten().map(|(rtp, _)| rtp), payload);
    }

    /// What the media that came, or did not come, means for the session.
    fn judge_media(&mut self, now: Timestamp) {
        if self.phase != Phase::Playing {
            return;
        }
        match self.media.verdict(now, &self.dialog) {
            MediaVerdict::GoOn => {}
            MediaVerdict::Ended(ending) => self.end(now, ending),
            MediaVerdict::Silent => {
                let after = self.config.timeouts.idle;
                self.fail(now, SessionError::Idle { after });
            }
        }
    }

    fn wake(&mut self, now: Timestamp) {
        if let Some(dial) = self.dialer.wake(now) {
            return self.dial(now, dial);
        }
        if let Some(pending) = self.pending.take_if(|pending| pending.deadline <= now) {
            return self.unanswered(now, &pending);
        }
        if self.phase == Phase::Playing && self.keep_alive.due().is_some_and(|due| due <= now) {
            self.send_keep_alive(now);
        }
    }
}

impl Machine for Client {
    fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        match input {
            Input::Resolved(addresses) if self.phase == Phase::Resolving => {
                let dial = self.dialer.resolved(now, addresses);
                self.dial(now, dial);
            }
            Input::ResolveFailed(why) if self.phase == Phase::Resolving => {
                let dial = self.dialer.unresolved(why);
                self.dial(now, dial);
            }
            Input::Connected if self.phase == Phase::Connecting => self.connected(now),
            Input::ConnectFailed(why) if self.phase == Phase::Connecting => {
                let dial = self.dialer.next(now, why);
                self.dial(now, dial);
            }
            Input::Pdu(pdu) => {
                self.media.received(pdu.raw.len());
                match pdu.kind {
                    PduKind::Interleaved { channel, payload } => self.frame(now, channel, payload),
                    PduKind::Message { head, body } => self.message(now, &Message::new(head, body)),
                    PduKind::Junk | PduKind::Gap { .. } => {}
                }
            }
            Input::Closed(close) => self.closed(now, close),
            Input::Stop => self.stop(now),
            Input::Wake => self.wake(now),
            Input::Unread => self.media.excuse(now),
            Input::Resolved(_) | Input::ResolveFailed(_) | Input::Connected | Input::ConnectFailed(_) => {}
        }
        self.judge_media(now);
    }

    fn poll_output(&mut self, _: Timestamp) -> Option<Output<'_>> {
        self.outputs.pop_front()
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        let playing = self.phase == Phase::Playing;
        let media = self.media.next_deadline().filter(|_| playing);
        let keep_alive = self.keep_alive.due().filter(|_| playing);
        let pending = self.pending.as_ref().map(|pending| pending.deadline);
        [self.dialer.deadline(), pending, keep_alive, media].into_iter().flatten().min()
    }

    fn is_over(&self) -> bool {
        self.phase == Phase::Done
    }

    fn url(&self) -> &str {
        &self.shown
    }
}

fn refusal(pending: &Pending, response: &Message<'_>) -> SessionError {
    let (status, reason) = match response.start_line() {
        StartLine::Response { status, reason } => (status.unwrap_or(0), reason.into_owned()),
        StartLine::Request { .. } => (0, String::new()),
    };
    let url = masked_urls(&pending.url);
    SessionError::Refused { method: pending.method.name().to_owned(), url, status, reason }
}
