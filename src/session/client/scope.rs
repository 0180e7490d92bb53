//! What PLAY and TEARDOWN name: all tracks at once, or one after the other where the server wants that.
//!
//! 459 says that no aggregate operation is allowed, 460 that only those are (RFC 2326, sections 11.3.10 and 11.3.11).

use crate::rtsp::message::Message;
use crate::session::Client;
use crate::session::client::SessionError;
use crate::session::client::pending::{PendingRequest, SessionMethod};
use crate::session::client::phase::{ClientPhase, PlayState};
use crate::session::keep_alive::KeepAlive;
use crate::time::Timestamp;

/// A server may answer 459 and 460 in turn for ever.
const MAX_CHANGES: u8 = 8;

impl Client {
    /// The URL that PLAY or TEARDOWN names now.
    pub(super) fn controlled_url(&self) -> String {
        let track = self.dialog.setups().get(self.scope.turn).filter(|_| self.scope.by_track);
        track.map_or_else(|| self.aggregate_url(), |setup| setup.url.clone())
    }

    /// The session that a request of this method belongs to: with each track by itself, some servers give each another.
    pub(super) fn session_of(&self, method: &str) -> Option<String> {
        let by_track = self.scope.by_track && matches!(method, "PLAY" | "TEARDOWN");
        let track = self.dialog.setups().get(self.scope.turn).filter(|_| by_track);
        let own = track.and_then(|setup| setup.session.as_deref());
        own.or(self.dialog.session_id()).map(str::to_owned)
    }

    /// The sessions that need signs of life, by the URL of each.
    pub(super) fn living(&self) -> Vec<(String, Option<String>)> {
        let mut living: Vec<(String, Option<String>)> = Vec::new();
        if self.scope.by_track {
            for setup in self.dialog.setups() {
                if !living.iter().any(|(_, session)| *session == setup.session) {
                    living.push((setup.url.clone(), setup.session.clone()));
                }
            }
        }
        if living.len() < 2 {
            return vec![(self.aggregate_url(), self.dialog.session_id().map(str::to_owned))];
        }
        living
    }

    pub(super) fn aggregate_url(&self) -> String {
        self.aggregates().find(|url| !self.scope.refused.contains(url)).unwrap_or_else(|| self.url.as_str().to_owned())
    }

    /// What may be the URL of all tracks: what the description says, then what was asked for.
    fn aggregates(&self) -> impl Iterator<Item = String> {
        let asked = self.url.as_str().trim_end_matches('/');
        self.dialog.aggregate_url().into_iter().chain([
            self.url.as_str().to_owned(),
            asked.to_owned(),
            format!("{asked}/"),
        ])
    }

    /// PLAY was granted, of all tracks or of the one whose turn it was.
    pub(super) fn play_granted(&mut self, now: Timestamp) {
        self.scope.granted += 1;
        self.play_next(now);
    }

    /// The next track's PLAY; behind the last, the session plays.
    fn play_next(&mut self, now: Timestamp) {
        self.scope.turn += 1;
        if self.scope.by_track && self.scope.turn < self.dialog.setups().len() {
            return self.send(now, SessionMethod::Play);
        }
        if self.scope.granted == 0 && !self.refusals.is_empty() {
            let first = self.refusals.remove(0);
            return self.fail(now, first);
        }
        let keep_alive = KeepAlive::new(now, self.dialog.session_timeout(), self.dialog.public());
        self.phase.enter(ClientPhase::Playing(PlayState { keep_alive, orphaned: false }));
        self.dialog.trim();
        self.media.play(now);
        self.reporter.play(now);
    }

    /// PLAY or TEARDOWN was refused: whether it goes out once more, for each track or for all.
    pub(super) fn rescoped(&mut self, now: Timestamp, pending: &PendingRequest, response: &Message<'_>) -> bool {
        if self.scope.changes >= MAX_CHANGES {
            return false;
        }
        match response.status() {
            Some(459) if !self.scope.by_track && !self.dialog.setups().is_empty() => {
                (self.scope.by_track, self.scope.turn) = (true, 0);
            }
            Some(460) => {
                self.scope.refused.push(pending.url.clone());
                let left = self.aggregates().any(|url| !self.scope.refused.contains(&url));
                if !left || self.scope.granted > 0 && pending.method == SessionMethod::Play {
                    return false;
                }
                (self.scope.by_track, self.scope.turn) = (false, 0);
            }
            _ => return false,
        }
        self.scope.changes += 1;
        self.send(now, pending.method);
        true
    }

    /// PLAY was refused for good: of one track, the others may play.
    pub(super) fn play_refused(&mut self, now: Timestamp, error: SessionError) {
        if self.scope.by_track {
            self.refusals.push(error);
            return self.play_next(now);
        }
        self.fail(now, error);
    }

    /// A TEARDOWN is over, whatever became of it: that of the next track follows, if each has one.
    pub(super) fn torn_down(&mut self, now: Timestamp) {
        self.scope.turn += 1;
        if self.scope.by_track && self.scope.turn < self.dialog.setups().len() {
            return self.send(now, SessionMethod::Teardown);
        }
        self.done(now);
    }

    /// TEARDOWN begins with the first track.
    pub(super) fn begin_teardown(&mut self, now: Timestamp) {
        self.scope.turn = 0;
        self.phase.enter(ClientPhase::TearingDown(None));
        self.send(now, SessionMethod::Teardown);
    }
}
