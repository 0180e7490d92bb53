//! What is told of how a connection fares.

use std::io;

use crate::capture::ip::TcpSegment;
use crate::capture::tcp::connection::Connection;
use crate::capture::tcp::content::{Content, State};
use crate::capture::tcp::event_context::{EventContext, tell};
use crate::capture::tcp::reassembly::Arrival;
use crate::capture::tcp::watch::WatchedSecond;
use crate::trace::{ConnectionSecond, ConnectionStall, Direction, Payload, Tap};

impl Connection {
    /// Looks at the header of a segment.
    #[cold]
    pub(super) fn watch_segment<T: Tap>(
        &mut self,
        direction: Direction,
        segment: &TcpSegment<'_>,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        let Self { watch: Some(watch), content, .. } = self else { return Ok(()) };
        watch.segment(direction, segment, arrival);
        if watch.has_stalls() {
            let stalls = watch.take_stalls();
            stalls.iter().try_for_each(|(direction, stall)| content.tell_stall(*direction, stall, arrival, context))?;
        }
        if !watch.has_done() || matches!(content.state, State::Undecided(_)) {
            return Ok(());
        }
        watch.take_done().iter().try_for_each(|second| content.tell_second(second, context))
    }

    /// Nothing more comes: tells what was seen since the latest whole second.
    pub(super) fn end_watch<T: Tap>(&mut self, context: &mut EventContext<'_, T>) -> io::Result<()> {
        let Self { watch: Some(watch), content, .. } = self else { return Ok(()) };
        watch.finish().iter().try_for_each(|second| content.tell_second(second, context))
    }
}

impl Content {
    /// A time is over in which the bytes of a direction did not move on: it concerns all sessions.
    #[cold]
    fn tell_stall<T: Tap>(
        &self,
        direction: Direction,
        stall: &ConnectionStall,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        let (sender, payload) = (self.sender(direction), Payload::Stall(stall));
        match self.sessions(context.tunnels) {
            Some(sessions) => sessions.live().try_for_each(|flow| tell(flow, sender, arrival, payload, context.tap)),
            None => Ok(()),
        }
    }

    /// A second of the connection is over. Of several sessions on it the first is told: it is one connection.
    fn tell_second<T: Tap>(&self, second: &WatchedSecond, context: &mut EventContext<'_, T>) -> io::Result<()> {
        let WatchedSecond { direction, first, counts } = *second;
        let flow = match &self.state {
            State::Post(body) => body.flow(),
            _ => match self.sessions(context.tunnels) {
                Some(sessions) => sessions.first(),
                None => return Ok(()),
            },
        };
        let told = ConnectionSecond { client: self.client, server: self.server, counts };
        tell(flow, self.sender(direction), first, Payload::Second(&told), context.tap)
    }
}
