//! Which short session comes next. The first has the server to itself and tells whether there is anything to ask at
//! all; the others go two at a time, as cameras allow few; who was turned away for that is tried again alone.

use std::time::Duration;

use crate::rtsp::mask::masked_text;
use crate::rtsp::url::{Credentials, RTSPS_PORT, RtspUrl};
use crate::session::client::{Limits, Timeouts};
use crate::session::probe::{Patience, Probe, SAMPLE, Step};
use crate::session::{ClientConfig, MediaTransport, SessionError};
use crate::time::Timestamp;

/// Sessions at once: cameras allow a few, and somebody may be watching. Chosen, not measured.
const SIDE_BY_SIDE: usize = 2;
/// The signs of life, the harmless one first.
const KEEP_ALIVE: [&str; 3] = ["OPTIONS", "GET_PARAMETER", "SET_PARAMETER"];
/// The longest wait for the answer to a sign of life, and for the first packet.
const KEEP_ALIVE_PATIENCE: Duration = Duration::from_secs(2);
const MEDIA_PATIENCE: Duration = Duration::from_millis(2500);

/// What is to be probed.
#[derive(Clone, Debug)]
pub struct ProbeConfig {
    /// The server, and what to ask it for.
    pub url: RtspUrl,
    /// Name and password.
    pub credentials: Option<Credentials>,
    /// The User-Agent header.
    pub user_agent: String,
    /// How long all of it may take.
    pub timeout: Duration,
    /// What has to be random is drawn from this.
    pub seed: u64,
    /// Options that a recording needs as well.
    pub record_options: Vec<String>,
}

/// The order of things.
#[derive(Debug)]
pub struct Plan {
    pub(super) config: ProbeConfig,
    pub(super) began: Timestamp,
    pub(super) steps: Vec<Step>,
}

/// Whether a step may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Go,
    Wait,
    /// There is no use in it, and why.
    Skip(&'static str),
}

/// How far the first session got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    NoAddress,
    NoConnection,
    /// What stands there does not answer as RTSP would.
    NoAnswer,
    /// There is no login, or not the right one.
    LoggedOut,
    /// There is no description of this URL.
    NotServed,
    Described,
}

impl Plan {
    /// What is to be done from `now` on.
    pub fn new(config: ProbeConfig, now: Timestamp) -> Self {
        let steps = steps(&config.url);
        Self { config, began: now, steps }
    }

    /// The URL, fit to be shown.
    pub fn url(&self) -> String {
        masked_text(self.config.url.as_str())
    }

    /// The next session to begin, after these; none as long as others have to end first, and when all is done.
    pub fn next<'a>(&self, now: Timestamp, probes: impl Iterator<Item = &'a Probe>) -> Option<Probe> {
        let probes: Vec<&Probe> = probes.collect();
        let running = probes.iter().filter(|probe| !probe.is_done()).count();
        let may_go_on = now < self.until() && !probes.iter().any(|probe| probe.is_interrupted());
        if !may_go_on || running >= self.width(&probes) {
            return None;
        }
        // A password that is good for RTSP may be wrong for HTTP or at another port, and wrong twice is once too often.
        let logs_in_elsewhere = self.config.credentials.is_some()
            && probes.iter().any(|probe| !probe.is_done() && self.is_below(&probe.step));
        let fresh = |step: &&Step| {
            latest(&probes, step).is_none()
                && self.fate(step, &probes) == Fate::Go
                && !(logs_in_elsewhere && self.is_below(step) && step.keep_alive.is_none())
        };
        if let Some(step) = self.steps.iter().find(fresh) {
            return Some(self.start(step, &probes, probes.is_empty(), now));
        }
        let turned_away = |step: &&Step| latest(&probes, step).is_some_and(|probe| probe.is_busy() && !probe.alone);
        let step = self.steps.iter().find(turned_away).filter(|_| running == 0)?;
        Some(self.start(step, &probes, true, now))
    }

    /// How many sessions there may be at once. A password that has not been taken yet is tried by one at a time.
    fn width(&self, probes: &[&Probe]) -> usize {
        let is_sure = self.config.credentials.is_none() || probes.iter().any(|probe| probe.is_proven());
        if probes.iter().any(|probe| !probe.is_done() && probe.alone) || !(is_sure || rejected(probes)) {
            1
        } else {
            SIDE_BY_SIDE
        }
    }

    fn start(&self, step: &Step, probes: &[&Probe], alone: bool, now: Timestamp) -> Probe {
        let share = if probes.is_empty() { 0.5 } else { 0.3 };
        let patience = Patience {
            answer: self.config.timeout.mul_f64(share),
            media: MEDIA_PATIENCE.min(self.config.timeout.mul_f64(0.3)),
            keep_alive: KEEP_ALIVE_PATIENCE.min(self.config.timeout.mul_f64(0.2)),
            until: self.until(),
        };
        let step = self.carried(step, probes);
        // A wrong password is tried once, as cameras lock; where it was right it stays so.
        let may_log_in = !rejected(probes) || probes.iter().any(|probe| probe.is_proven() && same_login(probe, &step));
        let credentials = self.config.credentials.clone().filter(|_| may_log_in);
        let config = client_config(&self.config, &step, credentials, patience);
        Probe::new(step, config, patience, alone, now)
    }

    /// A sign of life is tried over what works.
    fn carried(&self, step: &Step, probes: &[&Probe]) -> Step {
        let played = self.carriers().find(|carrier| latest(probes, carrier).is_some_and(Probe::has_played));
        let carrier = played.filter(|_| step.keep_alive.is_some()).unwrap_or(step);
        Step { keep_alive: step.keep_alive, ..carrier.clone() }
    }

    fn until(&self) -> Timestamp {
        self.began + self.config.timeout
    }

    /// The steps that are about media.
    pub(super) fn media_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.keep_alive.is_none())
    }

    /// What a session may be had over, the best first.
    fn carriers(&self) -> impl Iterator<Item = &Step> {
        self.media_steps().filter(|step| step.transport != MediaTransport::Multicast)
    }

    /// Whether a step makes sense, after what is known.
    pub(super) fn fate(&self, step: &Step, probes: &[&Probe]) -> Fate {
        let Some(first) = self.steps.first() else { return Fate::Wait };
        if step == first {
            return Fate::Go;
        }
        if step.keep_alive.is_some() {
            return self.fate_of_keep_alive(probes);
        }
        let Some(reached) = latest(probes, first).and_then(reached) else { return Fate::Wait };
        // Other ports, and other protocols below RTSP, are worth a look whatever this one says.
        let (elsewhere, below) = (step.port != first.port, self.is_below(step));
        match reached {
            Reached::NoAddress => Fate::Skip("the name has no address"),
            Reached::NoConnection if !elsewhere => Fate::Skip("no connection"),
            Reached::NoAnswer if !below => Fate::Skip("no RTSP there"),
            Reached::LoggedOut if !below => Fate::Skip("login needed"),
            Reached::NotServed if !below => Fate::Skip("no such stream"),
            _ => Fate::Go,
        }
    }

    /// Whether a step is about what lies below RTSP: it has a login of its own.
    fn is_below(&self, step: &Step) -> bool {
        let own = self.steps.first().is_some_and(|first| first.url == step.url);
        step.transport == MediaTransport::Http || !own
    }

    fn fate_of_keep_alive(&self, probes: &[&Probe]) -> Fate {
        let mut open = false;
        for carrier in self.carriers() {
            match latest(probes, carrier) {
                Some(probe) if probe.has_played() => return Fate::Go,
                Some(probe) => open |= !probe.is_done(),
                None => open |= self.fate(carrier, probes) == Fate::Go,
            }
        }
        if open { Fate::Wait } else { Fate::Skip("there is no session to keep alive") }
    }
}

/// What is to be found out of a URL, in this order.
fn steps(url: &RtspUrl) -> Vec<Step> {
    let is_secure = url.is_secure();
    let media = |transport, url: RtspUrl, port| Step { transport, url, port, keep_alive: None };
    let own = |transport| media(transport, url.clone(), url.port());
    let at = |transport, is_secure, port| media(transport, url.at(is_secure, port), port);
    let mut steps = vec![own(MediaTransport::Tcp), own(MediaTransport::Udp)];
    // Without a port in the URL a tunnel would go to that of HTTP.
    let http_port = url.http_port();
    let own_http =
        if url.port_or(0) == 0 { at(MediaTransport::Http, is_secure, url.port()) } else { own(MediaTransport::Http) };
    steps.push(own_http);
    steps.extend(KEEP_ALIVE.map(|method| Step { keep_alive: Some(method), ..own(MediaTransport::Tcp) }));
    steps.push(own(MediaTransport::Multicast));
    if url.port() != http_port {
        steps.push(at(MediaTransport::Http, is_secure, http_port));
    }
    if !is_secure && url.port() != RTSPS_PORT {
        steps.push(at(MediaTransport::Tcp, true, RTSPS_PORT));
    }
    if !is_secure {
        steps.push(at(MediaTransport::Tcp, true, url.port()));
    }
    steps
}

/// The latest session of a step.
pub(super) fn latest<'a>(probes: &[&'a Probe], step: &Step) -> Option<&'a Probe> {
    // A sign of life may go by any carrier.
    let is_of = |own: &Step| own.keep_alive == step.keep_alive && (own.keep_alive.is_some() || own == step);
    probes.iter().rev().find(|probe| is_of(&probe.step)).copied()
}

/// Whether both log in at the same place: the same URL, by RTSP or by HTTP.
fn same_login(probe: &Probe, step: &Step) -> bool {
    let is_tunnel = |step: &Step| step.transport == MediaTransport::Http;
    probe.step.url == step.url && is_tunnel(&probe.step) == is_tunnel(step)
}

/// The password was found to be wrong.
fn rejected(probes: &[&Probe]) -> bool {
    probes.iter().any(|probe| probe.is_rejected())
}

/// How far a session got that is over.
fn reached(probe: &Probe) -> Option<Reached> {
    Some(match probe.client.outcome()? {
        Ok(_) if probe.client.dialog().description().is_none() => Reached::NoAnswer,
        Ok(_) => Reached::Described,
        Err(SessionError::Resolve { .. }) => Reached::NoAddress,
        Err(SessionError::Connect { .. }) => Reached::NoConnection,
        Err(
            SessionError::CredentialsNeeded { .. }
            | SessionError::CredentialsRefused { .. }
            | SessionError::Authentication(_),
        ) => Reached::LoggedOut,
        Err(_) if probe.watch.description.is_some() => Reached::Described,
        Err(SessionError::Closed { .. } | SessionError::NoAnswer { .. })
            if probe.watch.exchanges.iter().all(|exchange| exchange.answer.is_none()) =>
        {
            Reached::NoAnswer
        }
        Err(_) => Reached::NotServed,
    })
}

/// What the client of a step is told.
fn client_config(
    config: &ProbeConfig,
    step: &Step,
    credentials: Option<Credentials>,
    patience: Patience,
) -> ClientConfig {
    ClientConfig {
        url: step.url.clone(),
        credentials,
        user_agent: config.user_agent.clone(),
        media: Vec::new(),
        transports: vec![step.transport],
        seed: config.seed,
        limits: Limits::default(),
        timeouts: Timeouts {
            connect: patience.answer,
            response: patience.answer,
            teardown: SAMPLE,
            ..Timeouts::default()
        },
    }
}
