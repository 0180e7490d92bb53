//! How a connection ends: a client first gets all that waits for it.

use std::time::Duration;

use super::state::PeerShutdown;
use super::{Peer, PeerContext};
use crate::session::Machine;
use crate::time::Timestamp;

/// How long a client may do nothing to fetch what waits for it when its connection is to end, or to end it too.
/// Chosen, not measured: players that pause fetch nothing for a while.
const LINGER: Duration = Duration::from_mins(1);
/// The same when the user wants an end.
const LINGER_AT_STOP: Duration = Duration::from_secs(1);

impl<M: Machine> Peer<M> {
    /// Ctrl-C: the client has a moment to fetch what waits for it.
    pub(super) fn hurry(&mut self, now: Timestamp) {
        if let Some(leaving) = &mut self.leaving {
            leaving.hurried = true;
            leaving.until = leaving.until.min(now + LINGER_AT_STOP);
        }
    }

    /// Ends the connection. A server's client first gets all that waits for it.
    pub(super) fn disconnect(&mut self, turn: &mut PeerContext<'_, '_>) {
        self.end_pause(turn);
        let now = turn.clock.now();
        let Some(connection) = &mut self.connection else { return };
        connection.send(now, turn.tap);
        if connection.is_client() {
            connection.close(now, turn.tap);
            self.connection = None;
        } else {
            self.leaving = Some(PeerShutdown { until: now + LINGER, shut_down: false, hurried: false });
        }
    }

    pub(super) fn abort(&mut self, turn: &mut PeerContext<'_, '_>) {
        self.end_pause(turn);
        if let Some(mut connection) = self.connection.take() {
            connection.abort(turn.clock.now(), turn.tap);
        }
    }

    /// Goes on with ending the connection.
    pub(super) fn drain(&mut self, turn: &mut PeerContext<'_, '_>) {
        let now = turn.clock.now();
        let (Some(connection), Some(leaving)) = (&mut self.connection, &mut self.leaving) else {
            self.leaving = None;
            return;
        };
        let waiting = connection.waiting();
        connection.send(now, turn.tap);
        let progress = connection.waiting() < waiting;
        if connection.is_drained() && !leaving.shut_down {
            connection.shut_down(now, turn.tap);
            leaving.shut_down = true;
            leaving.until = if leaving.hurried { leaving.until } else { now + LINGER };
        } else if progress && !leaving.hurried {
            leaving.until = now + LINGER;
        }
    }

    /// The connection ends now, whatever waits.
    pub(super) fn leave(&mut self, turn: &mut PeerContext<'_, '_>) {
        self.end_pause(turn);
        let said = self.leaving.take().is_some_and(|leaving| leaving.shut_down);
        if let Some(mut connection) = self.connection.take()
            && !said
        {
            connection.abort(turn.clock.now(), turn.tap);
        }
    }
}
