//! What a replaying server offers to all its clients.

use std::net::SocketAddr;

use crate::rtsp::url::Credentials;
use crate::session::Script;
use crate::session::faults::{self, Fault, FaultError, Faults, TrackInfo};
use crate::session::script::ScriptTrack;
use crate::session::script::track::path;
use crate::session::server::loop_offsets::LoopOffsets;

/// How fast the script is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times as fast as recorded; above 0.
    Times(f64),
    /// As fast as the client reads.
    Max,
}

/// What becomes of a client that does not read as fast as the script is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlowClient {
    /// It gets everything, later.
    #[default]
    Wait,
    /// What is more than a second late is left out.
    Drop,
    /// Its connection is closed when it is more than a second behind.
    Close,
}

/// What the NTP times of sender reports are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReportClock {
    /// They stay as recorded.
    #[default]
    Recorded,
    /// They are shifted so that the recorded start is the start of the replay.
    Now,
}

/// A script and how it is played, shared by all clients.
#[derive(Debug)]
pub struct ReplayConfig {
    pub(super) script: Script,
    /// Another path than the recorded one under which it is served too.
    path: Option<String>,
    pub(super) speed: Speed,
    pub(super) slow_client: SlowClient,
    pub(super) reports: ReportClock,
    /// How it goes on at the end; `None` if it ends.
    pub(super) rounds: Option<LoopOffsets>,
    /// The server's RTP and RTCP ports of each track; empty if there is no UDP.
    pub(super) udp_ports: Vec<(u16, u16)>,
    /// What is added to it, as it was asked for and as it fits.
    asked_faults: Vec<Fault>,
    seed: u64,
    credentials: Option<Credentials>,
    pub(super) faults: Faults,
}

impl ReplayConfig {
    /// Plays a script once, at the recorded speed, over TCP, and waits for slow clients.
    pub fn new(script: Script) -> Self {
        Self {
            script,
            path: None,
            speed: Speed::Times(1.0),
            slow_client: SlowClient::default(),
            reports: ReportClock::default(),
            rounds: None,
            udp_ports: Vec::new(),
            asked_faults: Vec::new(),
            seed: 0,
            credentials: None,
            faults: Faults::default(),
        }
    }

    /// Serves it under this path as well: `/live`.
    #[must_use]
    pub fn at_path(mut self, path: &str) -> Self {
        self.path = Some(format!("/{}", path.trim_matches('/')));
        self
    }

    /// Plays it at this speed.
    #[must_use]
    pub const fn at_speed(mut self, speed: Speed) -> Self {
        self.speed = speed;
        self
    }

    /// Begins anew at the end, without a jump in sequence numbers, timestamps and reports.
    #[must_use]
    pub fn looped(mut self) -> Self {
        self.rounds = Some(LoopOffsets::new(&self.script));
        self
    }

    /// What to do with slow clients.
    #[must_use]
    pub const fn with_slow_client(mut self, slow_client: SlowClient) -> Self {
        self.slow_client = slow_client;
        self
    }

    /// What to do with the NTP times of sender reports.
    #[must_use]
    pub const fn with_reports(mut self, reports: ReportClock) -> Self {
        self.reports = reports;
        self
    }

    /// Offers UDP from these pairs of ports, one for each track.
    #[must_use]
    pub fn with_udp(mut self, ports: Vec<(u16, u16)>) -> Self {
        self.udp_ports = ports;
        self
    }

    /// Adds faults. What is left to chance is drawn from `seed`; `credentials` are those of `digest` and `basic` where
    /// these bring none.
    ///
    /// # Errors
    /// If a fault does not fit the script, or another fault.
    pub fn with_faults(
        mut self,
        faults: Vec<Fault>,
        seed: u64,
        credentials: Option<Credentials>,
    ) -> Result<Self, FaultError> {
        (self.asked_faults, self.seed, self.credentials) = (faults, seed, credentials);
        self.faults = self.faults_at("")?;
        Ok(self)
    }

    /// The faults for who asks for this URL: those of all clients, and those that its query names.
    ///
    /// # Errors
    /// As [`ReplayConfig::with_faults`].
    pub(super) fn faults_at(&self, url: &str) -> Result<Faults, FaultError> {
        let (own, seed) = faults::from_query(url)?;
        let all: Vec<Fault> = self.asked_faults.iter().cloned().chain(own).collect();
        let tracks: Vec<TrackInfo> = self.script.tracks().iter().map(info).collect();
        Faults::new(&all, &tracks, seed.unwrap_or(self.seed), self.credentials.as_ref())
    }

    /// What is played.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// The path that clients are told: the one given, else the recorded one.
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or_else(|| path(self.script.url()))
    }

    /// The URL under which a server at this address serves it.
    pub fn url_at(&self, server: SocketAddr) -> String {
        format!("rtsp://{server}{}", self.path())
    }

    /// Whether a description of this URL can be had.
    pub(super) fn serves(&self, url: &str) -> bool {
        let url = faults::without_faults(url);
        // Clients add parameters of their own.
        let is = |own: &str| {
            let asked = if own.contains('?') { path(&url) } else { path(url.split('?').next().unwrap_or_default()) };
            asked == own
        };
        is(path(self.script.url())) || self.path.as_deref().is_some_and(|own| is(path(own)))
    }
}

fn info(track: &ScriptTrack) -> TrackInfo {
    let rated = track.formats.iter().filter_map(|(payload_type, rate)| Some((*payload_type, (*rate)?)));
    TrackInfo { kind: track.kind.clone(), clock_rates: rated.collect() }
}
