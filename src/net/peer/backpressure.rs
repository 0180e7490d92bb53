//! Reading waits while the tap takes nothing: the peer's window closes, and nothing is lost.

use log::debug;

use super::state::Reading;
use super::{Peer, PeerContext, READ_BUDGET};
use crate::session::{Input, Machine};
use crate::time::Timestamp;
use crate::trace::{Direction, Note, Payload, Readiness, TraceEvent};

impl<M: Machine> Peer<M> {
    /// Whether the tap takes what would be read. Of one that takes nothing any more the session is ended.
    pub(super) fn may_read(&mut self, turn: &mut PeerContext<'_, '_>) -> bool {
        let readiness = turn.tap.readiness(self.session);
        if matches!((readiness, self.reading), (_, Reading::Unwanted) | (Readiness::More, Reading::Wanted)) {
            return true;
        }
        let now = turn.clock.now();
        match (readiness, self.reading) {
            (Readiness::More, Reading::Wanted | Reading::Unwanted) => {}
            (Readiness::More, Reading::Held(since)) => {
                self.reading = Reading::Wanted;
                debug!("session {}: is read again, after {:?}", self.session, now.duration_since(since));
                self.machine.handle(now, Input::Unread);
                self.tell_of_pause(now, since, turn);
            }
            (Readiness::Wait, Reading::Held(_)) => return false,
            (Readiness::Wait, _) => {
                debug!("session {}: is not read, as the recording takes no more for now", self.session);
                self.reading = Reading::Held(now);
                return false;
            }
            (Readiness::Stop, _) => {
                debug!("session {}: is to end, as its recording failed", self.session);
                self.reading = Reading::Unwanted;
                self.machine.handle(now, Input::Stop);
                self.pump(turn);
            }
        }
        true
    }

    /// The session ends before it was read on, which the tap is told. It gets what waits, as far as it takes that again; the
    /// rest is missing.
    pub(super) fn end_pause(&mut self, turn: &mut PeerContext<'_, '_>) {
        let Reading::Held(since) = self.reading else { return };
        self.reading = Reading::Wanted;
        let now = turn.clock.now();
        self.tell_of_pause(now, since, turn);
        let mut budget = READ_BUDGET;
        while budget > 0 && turn.tap.readiness(self.session) == Readiness::More {
            let Some(connection) = self.connection.as_mut().filter(|connection| !connection.is_connecting()) else {
                return;
            };
            // Its end, if that comes first, is this side's as well.
            let Some(Ok(len)) = connection.read(turn.buffer) else { return };
            connection.received_last(now, turn.buffer.get(..len).unwrap_or_default(), turn.tap);
            budget = budget.saturating_sub(len);
        }
    }

    /// What is read now may have come long ago, which the tap is told.
    fn tell_of_pause(&self, at: Timestamp, since: Timestamp, turn: &mut PeerContext<'_, '_>) {
        let Some(connection) = &self.connection else { return };
        let note = Note::Paused { pause: at.duration_since(since) };
        let direction = if connection.is_client() { Direction::ServerToClient } else { Direction::ClientToServer };
        let payload = Payload::Note(&note);
        turn.tap.event(&TraceEvent { at, flow: connection.flow(), direction, frame_number: None, payload });
    }
}
