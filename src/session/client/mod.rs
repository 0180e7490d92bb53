//! The client's side of a recording session (RFC 2326): OPTIONS, DESCRIBE, a SETUP for each track, PLAY, signs of
//! life, TEARDOWN. It asks for one transport after the other and follows the server in everything else.

mod config;
mod connecting;
mod ending;
mod media;
mod media_setup;
mod moving;
mod pending;
mod phase;
mod reception;
mod reporter;
mod request;
mod scope;
mod senders;
mod told;
mod transport_choice;

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::rtsp::auth::LoginScheme;
use crate::rtsp::demux::PduKind;
use crate::rtsp::mask::masked_text;
use crate::rtsp::message::{Message, StartLine};
use crate::rtsp::url::RtspUrl;
use crate::session::authorization::{AuthAction, Authorization};
use crate::session::dialer::Dialer;
use crate::session::dialog::MediaPath;
use crate::session::server_requests::{self, MAX_ANSWERS};
use crate::session::{Dialog, Input, Machine, Output};
use crate::time::Timestamp;
use crate::trace::Direction;

pub(in crate::session) use config::silence_hint;
pub use config::{ClientConfig, Ending, Limits, MediaTransport, SessionError, Timeouts};
pub use media::Progress;

use media::{MediaState, MediaWatch};
use pending::{PendingRequest, SessionMethod, refusal};
use phase::{ClientPhase, ControlScope, PendingRedirect, PhaseName, PlayState};
use reporter::Reporter;
use transport_choice::Transports;

/// Two channels for each of so many tracks.
const MAX_TRACKS: usize = 128;

/// The client machine.
///
/// [`session`](crate::session) has an example.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    /// Where the session is to be had; a redirect changes it.
    url: RtspUrl,
    /// The URL as it may be shown.
    shown: String,
    phase: ClientPhase,
    outputs: VecDeque<Output<'static>>,
    dialer: Dialer,
    dialog: Dialog,
    cseq: u32,
    authorization: Authorization,
    /// The same for HTTP, which may ask by itself, and how often that has been answered.
    tunnel_authorization: Authorization,
    tunnel_attempts: u8,
    redirects: u8,
    /// The server has sent this client elsewhere.
    departure: Option<PendingRedirect>,
    /// What login the server of the configured URL has asked for.
    original_login: Option<LoginScheme>,
    refusals: Vec<SessionError>,
    /// What else the user should know.
    notes: Vec<String>,
    scope: ControlScope,
    transports: Transports,
    media: MediaWatch,
    reporter: Reporter,
    /// How it ends, as soon as that is known; it is told when the session is [`ClientPhase::Done`].
    outcome: Option<Result<Ending, SessionError>>,
}

impl Client {
    /// A client that starts at `now` by looking up its server.
    pub fn new(config: ClientConfig, now: Timestamp) -> Self {
        Self::resume(config, Progress::default(), now)
    }

    /// One that takes up a session which another one has lost: what that had received counts for the limits.
    pub fn resume(config: ClientConfig, progress: Progress, now: Timestamp) -> Self {
        let mut client = Self {
            url: config.url.clone(),
            shown: masked_text(config.url.as_str()),
            phase: ClientPhase::Resolving,
            outputs: VecDeque::new(),
            dialer: transport_choice::dialer(
                &config,
                &config.url,
                config.transports.first().copied().unwrap_or_default(),
            ),
            dialog: Dialog::new(),
            cseq: 0,
            authorization: Authorization::new(config.credentials.clone()),
            tunnel_authorization: Authorization::new(config.credentials.clone()),
            tunnel_attempts: 0,
            redirects: 0,
            departure: None,
            original_login: progress.login,
            refusals: Vec::new(),
            notes: Vec::new(),
            scope: ControlScope::default(),
            transports: Transports::new(&config.transports),
            media: MediaWatch::new(config.limits, config.timeouts.idle, progress),
            reporter: Reporter::new(config.seed),
            outcome: None,
            config,
        };
        client.authorization.raise(progress.login);
        client.resolve(now);
        client
    }

    /// The next thing to do.
    pub(super) fn next_output(&mut self) -> Option<Output<'static>> {
        self.outputs.pop_front()
    }

    fn message(&mut self, now: Timestamp, message: &Message<'_>) {
        let request = self.dialog.observe(now, Direction::ServerToClient, message);
        match message.start_line() {
            StartLine::Request { method, .. } => {
                self.answer(&method, message);
                if method == "REDIRECT" {
                    self.sent_away(now, message);
                }
            }
            StartLine::Response { .. } => {
                let Some(cseq) = request.and_then(|request| request.cseq) else { return };
                let waiting = |playback: &PlayState| playback.keep_alive.waiting == Some(cseq);
                if self.phase.pending().is_some_and(|pending| pending.cseq == cseq) {
                    self.answered(now, message);
                } else if self.phase.playback().is_some_and(waiting) {
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
        self.outputs.push_back(Output::Send(Cow::Owned(server_requests::answer(method, request))));
    }

    fn answered(&mut self, now: Timestamp, response: &Message<'_>) {
        let Some(pending) = self.phase.pending_mut().and_then(Option::take) else { return };
        match response.status() {
            Some(401 | 407) => self.unauthorized(now, pending, response),
            Some(300..=303 | 305 | 307 | 308) if self.phase.is(PhaseName::SettingUp) => self.redirected(now, response),
            Some(200..=299) => {
                self.authorization.succeeded(pending.attempts);
                if pending.method == SessionMethod::Describe && self.dialog.awaits_description() {
                    return self.await_answer(pending);
                }
                self.succeeded(now, pending.method);
            }
            _ => self.refused(now, &pending, response),
        }
    }

    fn succeeded(&mut self, now: Timestamp, method: SessionMethod) {
        match method {
            SessionMethod::Options => self.send(now, SessionMethod::Describe),
            SessionMethod::Describe => self.described(now),
            SessionMethod::Setup => self.setup_answered(now),
            SessionMethod::Play => self.play_granted(now),
            SessionMethod::Teardown => self.torn_down(now),
        }
    }

    pub(super) fn described(&mut self, now: Timestamp) {
        let media = self.dialog.description().map(|description| description.media.as_slice()).unwrap_or_default();
        let wanted = |kind: &str| self.config.media.is_empty() || self.config.media.iter().any(|name| name == kind);
        let plan: Vec<_> = media
            .iter()
            .enumerate()
            .filter(|(_, media)| wanted(&media.kind))
            .filter_map(|(track, media)| Some((track, self.dialog.control_url(media)?)))
            .take(MAX_TRACKS)
            .collect();
        if plan.is_empty() {
            let kinds = media.iter().map(|media| media.kind.clone()).collect();
            let wanted = self.config.media.join(" or ");
            return self.fail(now, SessionError::NoTracks { wanted, kinds });
        }
        if let Some(negotiation) = self.phase.negotiation_mut() {
            (negotiation.plan, negotiation.planned) = (plan, 0);
        }
        self.set_up(now);
    }

    fn set_up_next(&mut self, now: Timestamp) {
        let Some(negotiation) = self.phase.negotiation_mut() else { return };
        negotiation.planned += 1;
        if negotiation.planned_setup().is_some() {
            self.set_up(now);
        } else if self.dialog.setups().is_empty() && !self.refusals.is_empty() {
            let first = self.refusals.remove(0);
            self.fail(now, first);
        } else {
            self.send(now, SessionMethod::Play);
        }
    }

    /// Some servers refuse OPTIONS, and some a track; the rest may work.
    fn refused(&mut self, now: Timestamp, pending: &PendingRequest, response: &Message<'_>) {
        let error = refusal(pending.method.name(), &pending.url, response, self.transports.current());
        match pending.method {
            SessionMethod::Setup | SessionMethod::Play if response.status() == Some(454) => self.forgotten(now),
            SessionMethod::Options => self.send(now, SessionMethod::Describe),
            SessionMethod::Play | SessionMethod::Teardown if self.rescoped(now, pending, response) => {}
            SessionMethod::Setup if self.profile_refused(response.status()) => self.send(now, SessionMethod::Setup),
            SessionMethod::Setup if self.is_about_transport(response.status()) => self.transport_refused(now, error),
            SessionMethod::Setup => {
                self.refusals.push(error);
                self.set_up_next(now);
            }
            SessionMethod::Describe => self.fail(now, error),
            SessionMethod::Play => self.play_refused(now, error),
            SessionMethod::Teardown => self.torn_down(now),
        }
    }

    fn unauthorized(&mut self, now: Timestamp, pending: PendingRequest, response: &Message<'_>) {
        self.authorization.raise(self.tunnel_authorization.strongest());
        match self.authorization.challenged(pending.attempts, &pending.url, response) {
            AuthAction::Try => self.send_again(now, PendingRequest { challenged: true, ..pending }),
            AuthAction::GiveUp(_) if pending.method == SessionMethod::Teardown => self.done(now),
            AuthAction::GiveUp(error) => self.fail(now, error),
        }
    }

    fn keep_alive_answered(&mut self, now: Timestamp, response: &Message<'_>) {
        let Some(PlayState { keep_alive, .. }) = self.phase.playback_mut() else { return };
        keep_alive.waiting = None;
        match response.status() {
            Some(401 | 407) => {
                self.authorization.renew(self.url.as_str(), response);
                // Without this sign of life the session may end before the next one is due.
                if self.authorization.is_known() && !std::mem::replace(&mut keep_alive.challenged, true) {
                    self.send_keep_alive(now);
                }
            }
            Some(454) => self.forgotten(now),
            Some(status) if status >= 400 => keep_alive.refused(),
            _ => keep_alive.challenged = false,
        }
    }

    /// What the media that came, or did not come, means for the session.
    fn judge_media(&mut self, now: Timestamp) {
        if !self.phase.is(PhaseName::Playing) {
            return;
        }
        match self.media.state(now, &self.dialog) {
            MediaState::GoOn => {}
            MediaState::Ended(ending) => self.end(now, ending),
            MediaState::Silent => self.silent(now),
        }
    }

    fn wake(&mut self, now: Timestamp) {
        if let Some(dial) = self.dialer.wake(now) {
            return self.dial(now, dial);
        }
        let overdue = |slot: &mut Option<PendingRequest>| slot.take_if(|pending| pending.deadline <= now);
        if let Some(pending) = self.phase.pending_mut().and_then(overdue) {
            return self.unanswered(now, &pending);
        }
        if self.phase.playback().and_then(|playback| playback.keep_alive.due()).is_some_and(|due| due <= now) {
            self.send_keep_alive(now);
        }
        if self.phase.is(PhaseName::Playing) {
            self.send_reports(now);
        }
        self.depart(now);
    }
}

impl Machine for Client {
    fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        match input {
            Input::Resolved(addresses) if self.phase.is(PhaseName::Resolving) => {
                let dial = self.dialer.resolved(now, addresses);
                self.dial(now, dial);
            }
            Input::ResolveFailed(why) if self.phase.is(PhaseName::Resolving) => {
                let dial = self.dialer.unresolved(why);
                self.dial(now, dial);
            }
            Input::Connected if self.phase.is(PhaseName::Connecting) => self.connected(now),
            Input::ConnectFailed(why) if self.phase.is(PhaseName::Connecting) => {
                let dial = self.dialer.next(now, why);
                self.dial(now, dial);
            }
            Input::TunnelRefused(response) if self.phase.is(PhaseName::Connecting) => {
                self.tunnel_refused(now, response);
            }
            Input::Pdu(pdu) => {
                self.media.received(pdu.raw.len());
                match pdu.kind {
                    PduKind::Interleaved { channel, payload } => {
                        self.packet(now, MediaPath::Channel(channel), self.dialog.place(channel), payload);
                    }
                    PduKind::Message { head, body } => self.message(now, &Message::new(head, body)),
                    PduKind::Junk => self.dialog.junk(pdu.raw),
                    PduKind::CutFrame { .. } | PduKind::Gap { .. } => {}
                }
            }
            Input::MediaOpened { rtp, rtcp } => self.media_opened(now, (rtp, rtcp)),
            Input::MediaFailed(why) => self.media_failed(now, why),
            Input::Datagram { track, path, payload } => self.datagram(now, track, path, payload),
            Input::Closed(close) => self.closed(now, close),
            Input::Stop => self.stop(now),
            Input::Wake => self.wake(now),
            Input::Unread => self.excuse(now),
            Input::Resolved(_)
            | Input::ResolveFailed(_)
            | Input::Connected
            | Input::ConnectFailed(_)
            | Input::TunnelRefused(_) => {}
        }
        self.judge_media(now);
    }

    fn poll_output(&mut self, _: Timestamp) -> Option<Output<'_>> {
        self.next_output()
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        let playback = self.phase.playback();
        let media = playback.and_then(|_| self.media.next_deadline());
        let keep_alive = playback.and_then(|playback| playback.keep_alive.due());
        let reports = playback.and_then(|_| self.reporter.due());
        let pending = self.phase.pending().map(|pending| pending.deadline);
        [self.dialer.deadline(), pending, keep_alive, media, reports, self.departs_at()].into_iter().flatten().min()
    }

    fn is_over(&self) -> bool {
        self.phase.is(PhaseName::Done)
    }

    fn url(&self) -> &str {
        &self.shown
    }
}
