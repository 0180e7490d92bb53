//! How a session ends: by the user, by a failure, or by the server; with a TEARDOWN where there is something to end.

use crate::session::client::request::{Method, Pending};
use crate::session::client::{Ending, Phase, SessionError};
use crate::session::{Client, Output};
use crate::time::Timestamp;
use crate::trace::Close;

impl Client {
    pub(super) fn closed(&mut self, now: Timestamp, close: Close) {
        if self.goes_on_elsewhere(now) {
            return;
        }
        let how = if close == Close::Reset { " (reset)" } else { "" };
        match self.phase {
            Phase::TearingDown | Phase::Done => return self.done(),
            // Some servers close after a 401; the answer to it goes out on a new connection.
            Phase::SettingUp if self.pending.as_ref().is_some_and(|pending| pending.challenged) => {
                if let (Some(pending), Some(connect)) = (&mut self.pending, self.dialer.again(now)) {
                    pending.challenged = false;
                    self.phase = Phase::Connecting;
                    self.outputs.push_back(connect);
                    return;
                }
            }
            Phase::Playing if self.media.is_over(now, &self.dialog) => {
                self.outcome.get_or_insert(Ok(Ending::EndOfStream));
            }
            Phase::Playing => {
                let seconds = self.media.playing_for(now).as_secs_f64();
                let during = format!("{seconds:.1} s into the stream, without BYE{how}");
                self.outcome.get_or_insert(Err(SessionError::Closed { during }));
            }
            _ => {
                let method = self.pending.as_ref().map_or("a request", |pending| pending.method.name());
                let during = format!("instead of answering {method}{how}");
                self.outcome.get_or_insert(Err(SessionError::Closed { during }));
            }
        }
        self.done();
    }

    pub(super) fn unanswered(&mut self, now: Timestamp, pending: &Pending) {
        if pending.method == Method::Teardown {
            return self.done();
        }
        // Neither its length nor the end of the connection has told where the description ends.
        if self.dialog.end_description() {
            return self.described(now);
        }
        let after = self.config.timeouts.response;
        self.fail(now, SessionError::NoAnswer { method: pending.method.name().to_owned(), after });
    }

    pub(super) fn stop(&mut self, now: Timestamp) {
        if self.phase == Phase::TearingDown {
            return self.done();
        }
        self.end(now, Ending::Stopped);
    }

    pub(super) fn end(&mut self, now: Timestamp, ending: Ending) {
        self.outcome.get_or_insert(Ok(ending));
        self.tear_down(now);
    }

    pub(super) fn fail(&mut self, now: Timestamp, error: SessionError) {
        self.outcome.get_or_insert(Err(error));
        self.tear_down(now);
    }

    /// The server has no such session any more: nothing is left that could be torn down.
    pub(super) fn forgotten(&mut self) {
        self.outcome.get_or_insert(Err(SessionError::SessionLost));
        self.done();
    }

    /// Leaves no session behind on the server, if there is one.
    pub(super) fn tear_down(&mut self, now: Timestamp) {
        let connected = matches!(self.phase, Phase::SettingUp | Phase::Playing);
        if connected && self.dialog.session_id().is_some() {
            self.phase = Phase::TearingDown;
            self.send(now, Method::Teardown);
        } else if self.phase != Phase::TearingDown {
            self.done();
        }
    }

    pub(super) fn done(&mut self) {
        if self.phase != Phase::Done {
            self.phase = Phase::Done;
            self.pending = None;
            self.dialer.connected();
            self.outputs.clear();
            self.outputs.extend([Output::Disconnect, Output::Done]);
        }
    }
}
