//! How a session ends: by the user, by a failure, or by the server; with a TEARDOWN where there is something to end.

use humantime::format_duration;

use crate::session::client::pending::{PendingRequest, SessionMethod};
use crate::session::client::phase::{ClientPhase, PhaseName, PlayState};
use crate::session::client::{Ending, SessionError};
use crate::session::keep_alive::KeepAlive;
use crate::session::{Client, Output};
use crate::time::Timestamp;
use crate::trace::Close;

impl Client {
    pub(super) fn closed(&mut self, now: Timestamp, close: Close) {
        if self.goes_on_elsewhere(now) {
            return;
        }
        let how = if close == Close::Reset { " (reset)" } else { "" };
        match self.phase.name() {
            // The server has said where the session goes on, and does not wait.
            PhaseName::SettingUp | PhaseName::Playing if self.departure.is_some() => return self.done(now),
            PhaseName::TearingDown | PhaseName::Done => return self.done(now),
            // Some servers close after a 401; the answer to it goes out on a new connection.
            PhaseName::SettingUp if self.phase.pending().is_some_and(|pending| pending.challenged) => {
                if let Some(connect) = self.dialer.again(now) {
                    if let Some(Some(pending)) = self.phase.pending_mut() {
                        pending.challenged = false;
                    }
                    self.phase.enter_connecting();
                    self.outputs.push_back(connect);
                    return;
                }
            }
            PhaseName::Playing if self.media.is_over(now, &self.dialog) => {
                self.conclude(now, Ending::EndOfStream);
            }
            PhaseName::Playing if self.transports.has_datagrams() => return self.orphan(now),
            PhaseName::Playing => {
                let error = self.closed_in_stream(now, how);
                self.outcome.get_or_insert(Err(error));
            }
            _ => {
                let method = self.phase.pending().map_or("a request", |pending| pending.method.name());
                let error = SessionError::Closed { during: format!("instead of answering {method}{how}") };
                if self.phase.pending().is_some_and(|pending| self.is_through_nothing(pending)) {
                    return self.tunnel_failed(now, error);
                }
                self.outcome.get_or_insert(Err(error));
            }
        }
        self.done(now);
    }

    /// A tunnel was opened, but nobody answers the first request behind it.
    fn is_through_nothing(&self, pending: &PendingRequest) -> bool {
        self.transports.current().tunnel().is_some() && pending.method == SessionMethod::Options
    }

    fn closed_in_stream(&self, now: Timestamp, how: &str) -> SessionError {
        let seconds = self.media.playing_for(now).as_secs_f64();
        SessionError::Closed { during: format!("{seconds:.1} s into the stream, without BYE{how}") }
    }

    /// The connection is gone. What comes in datagrams may go on, and is recorded as long as it does.
    fn orphan(&mut self, now: Timestamp) {
        if let Some(playback) = self.phase.playback_mut() {
            *playback = PlayState { keep_alive: KeepAlive::default(), orphaned: true };
        }
        self.media.orphan(now);
    }

    /// No media came for too long.
    pub(super) fn silent(&mut self, now: Timestamp) {
        if self.phase.is_orphaned() {
            let error = self.closed_in_stream(now, "");
            return self.fail(now, error);
        }
        let (after, heard) = (self.config.timeouts.idle, self.media.has_heard());
        let transport = self.transports.current();
        if !heard && let Some(next) = self.transports.untried() {
            return self.start_over(now, next, &format!("no media over {transport} for {}", format_duration(after)));
        }
        let unheard = Some(transport).filter(|_| !heard);
        self.fail(now, SessionError::Idle { after, unheard });
    }

    pub(super) fn unanswered(&mut self, now: Timestamp, pending: &PendingRequest) {
        if pending.method == SessionMethod::Teardown {
            return self.done(now);
        }
        // Neither its length nor the end of the connection has told where the description ends.
        if self.dialog.end_description() {
            return self.described(now);
        }
        let after = self.config.timeouts.response;
        let error = SessionError::NoAnswer { method: pending.method.name().to_owned(), after };
        if self.is_through_nothing(pending) { self.tunnel_failed(now, error) } else { self.fail(now, error) }
    }

    pub(super) fn stop(&mut self, now: Timestamp) {
        if self.phase.is(PhaseName::TearingDown) {
            self.outcome.get_or_insert(Ok(Ending::Stopped));
            return self.done(now);
        }
        self.end(now, Ending::Stopped);
    }

    pub(in crate::session) fn end(&mut self, now: Timestamp, ending: Ending) {
        self.conclude(now, ending);
        self.tear_down(now);
    }

    /// It ends as it should; but a PLAY that brought nothing has failed.
    fn conclude(&mut self, now: Timestamp, ending: Ending) {
        let transport = self.transports.current();
        let missed = self.media.missed(now, ending).map(|after| SessionError::NoMedia { after, transport });
        self.outcome.get_or_insert(missed.map_or(Ok(ending), Err));
    }

    pub(super) fn fail(&mut self, now: Timestamp, error: SessionError) {
        self.outcome.get_or_insert(Err(error));
        self.tear_down(now);
    }

    /// The server has no such session any more: nothing is left that could be torn down.
    pub(super) fn forgotten(&mut self, now: Timestamp) {
        self.outcome.get_or_insert(Err(SessionError::SessionLost));
        self.done(now);
    }

    /// Leaves no session behind on the server, if there is one.
    pub(super) fn tear_down(&mut self, now: Timestamp) {
        let connected = match &self.phase {
            ClientPhase::SettingUp(_) => true,
            ClientPhase::Playing(playback) => !playback.orphaned,
            _ => false,
        };
        if self.phase.is(PhaseName::Playing) {
            self.say_goodbye(now);
        }
        if connected && self.dialog.session_id().is_some() {
            self.begin_teardown(now);
        } else if !self.phase.is(PhaseName::TearingDown) {
            self.done(now);
        }
    }

    pub(super) fn done(&mut self, now: Timestamp) {
        if self.outcome.is_none() && (self.move_on(now) || self.begin_again(now)) {
            return;
        }
        if !self.phase.is(PhaseName::Done) {
            self.phase.enter(ClientPhase::Done);
            self.dialer.connected();
            // A last report may go out without the connection.
            self.outputs.retain(|output| matches!(output, Output::Datagram { .. }));
            self.outputs.extend([Output::CloseMedia { track: None }, Output::Disconnect, Output::Done]);
        }
    }
}
