//! How it ends: as the recorded session did, or because the server or the user wants it.

use crate::session::rerun::log::{Fate, Performed};
use crate::session::rerun::{Rerun, RerunPhase};
use crate::session::{Ending, Output};
use crate::time::Timestamp;
use crate::trace::Close;

impl Rerun {
    /// The recorded client's last moment has come.
    pub(super) fn leave(&mut self, now: Timestamp) {
        match self.script.left().close {
            // The capture ended before the session did: no session is left behind.
            None if self.live.session().is_some() => self.tear_down(now),
            Some(Close::Reset) => self.finish(Output::Abort, ""),
            Some(Close::Fin) | None => self.end(""),
        }
    }

    fn tear_down(&mut self, now: Timestamp) {
        self.phase = RerunPhase::TearingDown;
        self.deadline_of_teardown = Some(now + self.config.timeouts.teardown.min(self.config.timeouts.response));
        self.send_own(now, "TEARDOWN");
    }

    /// The user wants it to end; the second time at once.
    pub(super) fn stop(&mut self, now: Timestamp) {
        self.outcome.get_or_insert(Ok(Ending::Stopped));
        self.give_up("stopped");
        if self.phase == RerunPhase::Running && self.live.session().is_some() {
            self.tear_down(now);
        } else {
            self.end("stopped");
        }
    }

    /// The server ended the connection. One that does so after a 401 gets the answer to it on a new one.
    pub(super) fn closed(&mut self, now: Timestamp) {
        let repeated = |place: usize| self.log.entries().get(place).is_some_and(|entry| entry.repeated);
        let place = self.pending.iter().position(|pending| repeated(pending.place) && pending.attempts == 1);
        let again =
            place.filter(|_| self.phase == RerunPhase::Running && self.resumable).map(|at| self.pending.remove(at));
        if let Some(pending) = again
            && let Some(connect) = self.dialer.again(now)
        {
            self.resumable = false;
            self.resumed = Some(pending);
            self.phase = RerunPhase::Dialing;
            // What the closed connection did not take any more.
            self.outputs.clear();
            return self.outputs.push_back(connect);
        }
        if self.phase == RerunPhase::Running && self.next < self.script.exchanges().len() {
            let seconds = self.opened.map_or(0.0, |opened| now.seconds_since(opened));
            self.note(&format!("the server closed the connection after {seconds:.1} s"));
        }
        self.end("the server had closed the connection");
    }

    /// The connection ends, after what is in line; what was not sent never is.
    pub(super) fn end(&mut self, why: &'static str) {
        self.finish(Output::Disconnect, why);
    }

    fn finish(&mut self, how: Output<'static>, why: &'static str) {
        if self.phase == RerunPhase::Done {
            return;
        }
        self.give_up(why);
        self.phase = RerunPhase::Done;
        self.pending.clear();
        self.outcome.get_or_insert(Ok(Ending::EndOfStream));
        self.outputs.extend([how, Output::Done]);
    }

    /// The requests that are left are not sent.
    fn give_up(&mut self, why: &'static str) {
        while let Some(exchange) = self.script.exchanges().get(self.next) {
            let (method, recorded) = (exchange.method.clone(), &exchange.url);
            let url = self.names.live(&method, recorded, &self.script, &self.dialog, &self.config.url);
            self.log.push(Performed {
                exchange: Some(self.next),
                method,
                url,
                at: exchange.at,
                fate: Fate::NotSent(why),
                challenged: false,
                repeated: false,
                moved: false,
            });
            self.next += 1;
        }
    }
}
