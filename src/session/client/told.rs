//! What a client tells of itself.

use std::time::Duration;

use crate::rtp::media_kind::MediaKind;
use crate::rtsp::auth::LoginScheme;
use crate::session::client::phase::PhaseName;
use crate::session::client::{Ending, MediaTransport, Progress, SessionError};
use crate::session::{Client, Dialog};

/// More is not told of one session.
const MAX_NOTES: usize = 16;

impl Client {
    /// How it ended; `None` before it has.
    pub fn outcome(&self) -> Option<&Result<Ending, SessionError>> {
        self.outcome.as_ref().filter(|_| self.phase.is(PhaseName::Done))
    }

    /// Tracks that the server refused to set up while it took others.
    pub fn refusals(&self) -> &[SessionError] {
        &self.refusals
    }

    /// Tracks of sound or pictures of which nothing came while others played: number and kind.
    pub fn silent_tracks(&self) -> impl Iterator<Item = (usize, &str)> {
        let setups = self.media.silent().filter_map(|place| self.dialog.setups().get(place)?.track);
        let named = setups.filter_map(|track| Some((track, self.dialog.media(Some(track))?.kind.as_str())));
        // What speaks of events may be silent.
        named.filter(|(_, kind)| matches!(MediaKind::named(kind), Some(MediaKind::Audio | MediaKind::Video)))
    }

    /// Each change to another transport, and why.
    pub fn fallbacks(&self) -> &[String] {
        self.transports.changes()
    }

    /// Each change to another transport or server and why, and what else was not as asked for.
    pub fn changes(&self) -> impl Iterator<Item = &String> {
        self.transports.changes().iter().chain(&self.notes)
    }

    pub(super) fn note(&mut self, text: String) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(text);
        }
    }

    /// The strongest login that the server of the configured URL has asked for, in RTSP or in HTTP.
    pub(super) fn login_asked(&self) -> Option<LoginScheme> {
        let is_original = self.url.plain_host() == self.config.url.plain_host();
        let asked = self.authorization.strongest().max(self.tunnel_authorization.strongest());
        if is_original { asked.max(self.original_login) } else { self.original_login }
    }

    /// The transport that is asked for.
    pub fn transport(&self) -> MediaTransport {
        self.transports.current()
    }

    /// Whether it is on its way to an answer to PLAY.
    pub(in crate::session) fn is_starting(&self) -> bool {
        matches!(self.phase.name(), PhaseName::Resolving | PhaseName::Connecting | PhaseName::SettingUp)
    }

    /// What was learned of the session.
    pub fn dialog(&self) -> &Dialog {
        &self.dialog
    }

    /// Whether media is awaited or comes.
    pub fn is_playing(&self) -> bool {
        self.phase.is(PhaseName::Playing)
    }

    /// What has come so far, with that of the clients before.
    pub fn progress(&self) -> Progress {
        Progress { login: self.login_asked(), ..self.media.progress() }
    }

    /// Whether PLAY was answered.
    pub fn has_played(&self) -> bool {
        self.media.lasted().is_some()
    }

    /// From the answer to PLAY to the latest media.
    pub fn media_lasted(&self) -> Duration {
        self.media.lasted().unwrap_or_default()
    }
}
