//! Several sessions on one connection: whose a PDU is, and what concerns all of them.

use std::io;
use std::sync::Arc;

use crate::capture::content::{Content, State, end_play};
use crate::capture::outlet::{Outlet, tell};
use crate::capture::reassembly::Arrival;
use crate::capture::sessions::ConnectionSessions;
use crate::capture::setups::SetupWatch;
use crate::rtsp::demux::{Pdu, PduKind};
use crate::rtsp::message::Message;
use crate::rtsp::tunnel;
use crate::trace::{Direction, Flow, Payload, Tap};

impl Content {
    /// Whose a PDU is. A session that begins with it is told of.
    #[inline]
    pub(super) fn assign<T: Tap>(
        &mut self,
        direction: Direction,
        pdu: &Pdu<'_>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        let sender = self.sender(direction);
        let State::Rtsp(sessions) = &mut self.state else { return Ok(()) };
        match pdu.kind {
            PduKind::Interleaved { channel, .. } => sessions.frame(sender, channel),
            PduKind::Message { head, body } => {
                return self.assign_message(sender, &Message::new(head, body), arrival, outlet);
            }
            PduKind::Junk | PduKind::Gap { .. } => {}
        }
        Ok(())
    }

    /// Whose a message is, and what it does to the UDP ports of its session.
    #[cold]
    fn assign_message<T: Tap>(
        &mut self,
        sender: Direction,
        message: &Message<'_>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        let mid_stream = self.mid_stream;
        let State::Rtsp(sessions) = &mut self.state else { return Ok(()) };
        if tunnel::is_http(message) {
            return Ok(());
        }
        let id = if sessions.is_another(sender, message) { outlet.next_session(arrival)? } else { None };
        if let Some(id) = id {
            let flow = Flow { id, session: id, url: String::new(), ..(**sessions.flow(sender)).clone() };
            let flow = Arc::new(flow);
            sessions.begin(Arc::clone(&flow));
            self.tell_begun(&flow, arrival, outlet)?;
        }
        let State::Rtsp(sessions) = &mut self.state else { return Ok(()) };
        sessions.message(sender, message);
        let (flow, setups) = sessions.setups(sender);
        // The first SETUP of a session has no identifier (RFC 2326, section 12.37).
        if mid_stream && SetupWatch::asks(message) && message.header("Session").is_none() {
            outlet.ports.unclaimed.begins(flow);
        }
        setups.message(flow, sender, message, outlet.ports);
        // What came to other ports is told before the message that ends the media.
        let ends = !outlet.ports.silent.is_empty() && outlet.ports.silent.message(flow, message, arrival.at);
        if ends { end_play(flow, arrival, outlet) } else { Ok(()) }
    }

    /// What concerns all sessions is told to each: the end of their connection, and bytes that are missing of it.
    #[cold]
    pub(super) fn tell_several<T: Tap>(
        sessions: &ConnectionSessions,
        sender: Direction,
        arrival: Arrival,
        payload: Payload<'_>,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        match payload {
            Payload::Closed(_) => sessions.flows().try_for_each(|flow| tell(flow, sender, arrival, payload, outlet)),
            Payload::Pdu(Pdu { kind: PduKind::Gap { .. }, .. }) => {
                sessions.live().try_for_each(|flow| tell(flow, sender, arrival, payload, outlet))
            }
            _ => tell(sessions.flow(sender), sender, arrival, payload, outlet),
        }
    }
}
