//! What a server can do, found out by short sessions: a [`Probe`] is one of them, performed by the [`Client`] that
//! records, so that what works here works there. A [`Plan`] says which comes next, and what all of them mean.

mod conclusion;
mod observer;
mod plan;
mod results;

use std::time::Duration;

use crate::rtsp::url::RtspUrl;
use crate::session::{Client, ClientConfig, Input, Machine, MediaTransport, Output, SessionError};
use crate::time::Timestamp;

pub use plan::{Plan, ProbeConfig};
pub use results::{
    CarrierFound, DescriptionFound, KeepAliveFound, LoginFound, LoginState, Millis, Outcome, Results, ServerFound,
    SessionFound, TrackFound, TransportFound,
};

use observer::ProbeObserver;

/// How long media is looked at. Chosen, not measured.
const SAMPLE: Duration = Duration::from_secs(1);
/// After the time is up the answer to TEARDOWN may take so long.
const GRACE: Duration = Duration::from_millis(300);

/// What one short session is to find out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// How media shall travel.
    pub transport: MediaTransport,
    /// Where to.
    pub url: RtspUrl,
    /// The port that this means.
    pub port: u16,
    /// The sign of life to be tried; without one it is about the media.
    pub keep_alive: Option<&'static str>,
}

/// How long a step waits for what.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// For the connection, and for each answer.
    answer: Duration,
    /// For the first packet.
    media: Duration,
    /// For the answer to a sign of life.
    keep_alive: Duration,
    /// When all has to be over.
    until: Timestamp,
}

/// Why a session was ended by this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// All is known that was asked.
    Known,
    /// No media, or no answer to the sign of life.
    Silent,
    TimeIsUp,
    Interrupted,
}

/// One short session.
#[derive(Debug)]
pub struct Probe {
    step: Step,
    patience: Patience,
    client: Client,
    watch: ProbeObserver,
    /// It had the server to itself.
    alone: bool,
    /// PLAY was answered.
    playing_since: Option<Timestamp>,
    /// How many requests there were when the sign of life was sent.
    asked: Option<(usize, Timestamp)>,
    cut: Option<Cut>,
    /// The user is asked twice only by himself.
    hurried: bool,
}

impl Probe {
    fn new(step: Step, config: ClientConfig, patience: Patience, alone: bool, now: Timestamp) -> Self {
        Self {
            step,
            patience,
            client: Client::new(config, now),
            watch: ProbeObserver::default(),
            alone,
            playing_since: None,
            asked: None,
            cut: None,
            hurried: false,
        }
    }

    /// What it is to find out.
    pub fn step(&self) -> &Step {
        &self.step
    }

    /// Whether it is over.
    pub fn is_done(&self) -> bool {
        self.client.outcome().is_some()
    }

    fn error(&self) -> Option<&SessionError> {
        self.client.outcome()?.as_ref().err()
    }

    /// PLAY was answered with success.
    fn has_played(&self) -> bool {
        self.playing_since.is_some()
    }

    /// The server had no room for another session.
    fn is_busy(&self) -> bool {
        matches!(self.error(), Some(SessionError::Refused { status: 453 | 503, .. }))
    }

    /// The server has taken the password.
    fn is_proven(&self) -> bool {
        self.client.login().is_some_and(|(_, accepted)| accepted)
    }

    /// The user does not want to wait.
    fn is_interrupted(&self) -> bool {
        self.cut == Some(Cut::Interrupted)
    }

    /// The login was not accepted.
    fn is_rejected(&self) -> bool {
        matches!(self.error(), Some(SessionError::CredentialsRefused { .. }))
    }

    /// Looks whether what is to be found out is known.
    fn judge(&mut self, now: Timestamp) {
        if self.client.is_playing() {
            self.playing_since.get_or_insert(now);
            self.ask(now);
        }
        if self.cut.is_none()
            && let Some(cut) = self.verdict(now)
        {
            self.cut = Some(cut);
            self.client.handle(now, Input::Stop);
        }
        // Who does not answer TEARDOWN is not waited for.
        if self.cut.is_some() && self.patience.until + GRACE <= now && !std::mem::replace(&mut self.hurried, true) {
            self.client.handle(now, Input::Stop);
        }
    }

    /// Sends the sign of life that is to be tried.
    fn ask(&mut self, now: Timestamp) {
        if let Some(method) = self.step.keep_alive.filter(|_| self.asked.is_none() && self.cut.is_none()) {
            self.asked = Some((self.watch.exchanges.len(), now));
            self.client.keep_alive_with(now, method);
        }
    }

    fn verdict(&self, now: Timestamp) -> Option<Cut> {
        if self.patience.until <= now {
            return Some(Cut::TimeIsUp);
        }
        let since = self.playing_since.filter(|_| self.client.is_playing())?;
        let due = |deadline: Timestamp| deadline <= now;
        if self.step.keep_alive.is_some() {
            let silent = self.asked.is_some_and(|(_, at)| due(at + self.patience.keep_alive));
            return if self.is_answered() { Some(Cut::Known) } else { silent.then_some(Cut::Silent) };
        }
        match self.watch.first_rtp() {
            Some(first) => due(first.max(since) + SAMPLE).then_some(Cut::Known),
            None => due(since + self.patience.media).then_some(Cut::Silent),
        }
    }

    /// The sign of life, as it was sent last.
    fn tried_keep_alive(&self) -> Option<&observer::Exchange> {
        let (before, _) = self.asked?;
        let sent = self.watch.exchanges.get(before..)?;
        sent.iter().rev().find(|exchange| Some(exchange.method.as_str()) == self.step.keep_alive)
    }

    /// A first 401 is none where there is a login: the client sends it once more.
    fn is_answered(&self) -> bool {
        let Some(answer) = self.tried_keep_alive().and_then(|exchange| exchange.answer.as_ref()) else { return false };
        let sent = self.asked.map_or(0, |(before, _)| self.watch.exchanges.len().saturating_sub(before));
        !(matches!(answer.status, 401 | 407) && sent < 2 && self.client.login().is_some())
    }

    fn deadline(&self) -> Timestamp {
        let until = self.patience.until;
        let known = self.playing_since.filter(|_| self.client.is_playing()).map(|since| {
            match (self.asked, self.watch.first_rtp()) {
                (Some((_, at)), _) => at + self.patience.keep_alive,
                (None, Some(first)) => first.max(since) + SAMPLE,
                (None, None) => since + self.patience.media,
            }
        });
        if self.cut.is_some() { until + GRACE } else { known.map_or(until, |known| known.min(until)) }
    }
}

impl Machine for Probe {
    fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        self.watch.input(now, &input);
        if matches!(input, Input::Stop) {
            self.cut = Some(Cut::Interrupted);
        }
        self.client.handle(now, input);
        self.judge(now);
    }

    fn poll_output(&mut self, now: Timestamp) -> Option<Output<'_>> {
        let output = self.client.next_output()?;
        self.watch.output(now, &output);
        Some(output)
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        if self.is_done() {
            return None;
        }
        let own = Some(self.deadline()).filter(|_| !self.hurried);
        [own, self.client.next_deadline()].into_iter().flatten().min()
    }

    fn is_over(&self) -> bool {
        self.client.is_over()
    }

    fn url(&self) -> &str {
        self.client.url()
    }
}
