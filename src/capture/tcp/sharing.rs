//! Several sessions on one connection, or in one tunnel: whose a PDU is, and what concerns all of them.

use std::io;
use std::sync::Arc;

use crate::capture::tcp::event_context::{EventContext, tell};
use crate::capture::tcp::reassembly::Arrival;
use crate::capture::tcp::sessions::ConnectionSessions;
use crate::capture::udp::datagrams;
use crate::capture::udp::setups::SetupWatch;
use crate::rtsp::demux::{Pdu, PduKind};
use crate::rtsp::message::{Message, StartLine};
use crate::trace::{Direction, Encapsulation, Flow, Payload, Tap};

/// What is told of a connection or tunnel when another session begins there.
#[derive(Clone, Copy, Debug)]
pub(in crate::capture) struct SharedConnection {
    /// What carries RTSP on it.
    pub(in crate::capture) carrier: Encapsulation<'static>,
    /// Who sends all that is there of a connection that begins in the capture.
    pub(in crate::capture) only_side: Option<Direction>,
    /// Its beginning is not in the capture.
    pub(in crate::capture) mid_stream: bool,
}

impl SharedConnection {
    /// Whose a message is, and what it does to the UDP ports of its session. A session that begins with it is told of.
    #[cold]
    pub(in crate::capture) fn assign<T: Tap>(
        self,
        sessions: &mut ConnectionSessions,
        sender: Direction,
        message: &Message<'_>,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        // Some servers answer RTSP with HTTP; that has the number of its request.
        let answers_rtsp = matches!(message.start_line(), StartLine::Response { .. }) && message.cseq().is_some();
        if message.is_http() && !answers_rtsp {
            sessions.http(sender);
            return Ok(());
        }
        let id = if sessions.is_another(sender, message) { context.next_session(arrival)? } else { None };
        if let Some(id) = id {
            let flow = Flow { id, session: id, url: String::new(), ..(**sessions.flow(sender)).clone() };
            let flow = Arc::new(flow);
            sessions.begin(Arc::clone(&flow));
            self.tell_begun(&flow, arrival, context.tap)?;
        }
        sessions.message(sender, message);
        let (flow, setups) = sessions.setups(sender);
        // The first SETUP of a session has no identifier (RFC 2326, section 12.37).
        if self.mid_stream && SetupWatch::asks(message) && message.header("Session").is_none() {
            context.ports.unclaimed.begins(flow);
        }
        setups.message(flow, (arrival.at, sender), message, context.ports);
        if self.only_side == Some(Direction::ClientToServer) {
            SetupWatch::unanswered(flow, message, context.ports);
        }
        // What came to other ports is told before the message that ends the media.
        let ends = !context.ports.silent.is_empty() && context.ports.silent.message(flow, message, arrival.at);
        if ends { end_play(flow, arrival, context) } else { Ok(()) }
    }

    /// Another session begins.
    fn tell_begun(&self, flow: &Flow, arrival: Arrival, tap: &mut impl Tap) -> io::Result<()> {
        let opened = Payload::Opened { started: arrival.at, carrier: self.carrier };
        tell(flow, Direction::ClientToServer, arrival, opened, tap)?;
        self.only_side.map_or(Ok(()), |side| tell(flow, side, arrival, Payload::OneDirection, tap))
    }
}

/// Hands an event of a connection over: to the session whose it is, or to all.
#[inline]
pub(in crate::capture) fn tell_shared(
    sessions: &ConnectionSessions,
    sender: Direction,
    arrival: Arrival,
    payload: Payload<'_>,
    tap: &mut impl Tap,
) -> io::Result<()> {
    if sessions.are_several() {
        return tell_several(sessions, sender, arrival, payload, tap);
    }
    tell(sessions.flow(sender), sender, arrival, payload, tap)
}

/// What concerns all sessions is told to each: the end of their connection, and bytes that are missing of it.
#[cold]
fn tell_several(
    sessions: &ConnectionSessions,
    sender: Direction,
    arrival: Arrival,
    payload: Payload<'_>,
    tap: &mut impl Tap,
) -> io::Result<()> {
    match payload {
        Payload::Closed(_) => sessions.flows().try_for_each(|flow| tell(flow, sender, arrival, payload, tap)),
        Payload::Pdu(Pdu { kind: PduKind::Gap { .. }, .. }) => {
            sessions.live().try_for_each(|flow| tell(flow, sender, arrival, payload, tap))
        }
        _ => tell(sessions.flow(sender), sender, arrival, payload, tap),
    }
}

/// What may have set up media lacks in the capture: gives a session what came between its hosts.
pub(in crate::capture) fn claim_media<T: Tap>(
    flow: &Arc<Flow>,
    arrival: Arrival,
    context: &mut EventContext<'_, T>,
) -> io::Result<()> {
    let media = context.ports.begins_late(flow);
    datagrams::remark(&media, flow, context.ports, arrival, context.tap)?;
    let EventContext { ports, rewrite_map, tap, .. } = context;
    media.datagrams.iter().try_for_each(|kept| datagrams::tell_kept(kept, ports, rewrite_map, *tap))
}

/// The connection of these sessions ends.
pub(in crate::capture) fn end_all<T: Tap>(
    sessions: &ConnectionSessions,
    arrival: Arrival,
    context: &mut EventContext<'_, T>,
) -> io::Result<()> {
    sessions.flows().try_for_each(|flow| end_play(flow, arrival, context))?;
    sessions.leave_groups(arrival.at, context.ports);
    Ok(())
}

/// Media is no longer due.
fn end_play<T: Tap>(flow: &Flow, arrival: Arrival, context: &mut EventContext<'_, T>) -> io::Result<()> {
    datagrams::tell_unnamed(context.ports, arrival, context.rewrite_map, context.tap)?;
    context.ports.silent.ends(flow, arrival.at);
    Ok(())
}
