//! What a TCP connection carries: RTSP, the POST of an HTTP tunnel, or something else.

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::capture::framed::{Framed, Step, shows_rtsp};
use crate::capture::ports::MediaPorts;
use crate::capture::reassembly::{Arrival, Piece};
use crate::capture::rewrite::{Ledger, StreamId};
use crate::capture::tunnel::{PostBody, TunnelKey, Tunnels};
use crate::rtsp::demux::{Pdu, PduKind};
use crate::rtsp::headers::Transport;
use crate::rtsp::message::{Message, StartLine};
use crate::rtsp::tunnel::{self, Half};
use crate::time::Timestamp;
use crate::trace::{Carrier, Direction, Flow, Payload, Remark, Tap, TraceEvent};

/// A connection that has shown so many bytes and no RTSP does not speak it.
const MAX_PROBE: u64 = 256 << 10;
/// RTSP connections of one capture; further ones are passed over.
const MAX_SESSIONS: usize = 10_000;
/// The longest Transport header that is remembered.
const MAX_TRANSPORT: usize = 1024;

/// What both directions of a connection share.
#[derive(Debug)]
pub(super) struct Content {
    number: u64,
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    /// URL and real server address, where the capture is one of ours; until it is known what it carries.
    described: Option<(String, SocketAddr)>,
    pub(super) state: State,
    /// When its first packet was seen.
    pub(super) started: Timestamp,
    /// The Transport header of the latest SETUP.
    asked: Option<String>,
}

#[derive(Debug)]
pub(super) enum State {
    /// Nothing has shown what it speaks; so many bytes have passed.
    Undecided(u64),
    /// RTSP, under this number; the GET of an HTTP tunnel among it.
    Rtsp(Arc<Flow>),
    /// The POST of an HTTP tunnel, whose body has begun.
    Post(PostBody),
    /// Something else.
    Other,
}

/// Where events of a connection go, and what numbers it.
pub(super) struct Outlet<'a, T> {
    /// RTSP connections so far; one more once some were passed over.
    pub(super) sessions: &'a mut usize,
    pub(super) ports: &'a mut MediaPorts,
    pub(super) tunnels: &'a mut Tunnels,
    /// Where a plan is made of it.
    pub(super) ledger: &'a mut Option<Box<Ledger>>,
    pub(super) tap: &'a mut T,
}

impl Content {
    /// That of a new connection.
    pub(super) fn new(
        number: u64,
        client: SocketAddr,
        server: SocketAddr,
        described: Option<(&str, SocketAddr)>,
        started: Timestamp,
    ) -> Self {
        let described = described.map(|(url, server)| (url.to_owned(), server));
        Self { number, client, server, described, state: State::Undecided(0), started, asked: None }
    }

    /// An interface of ours tells that it is RTSP before its content does.
    #[inline]
    pub(super) fn is_only_described(&self) -> bool {
        matches!(self.state, State::Undecided(_)) && self.described.is_some()
    }

    /// What comes next in a stream.
    #[inline]
    pub(super) fn piece<T: Tap>(
        &mut self,
        framed: &mut Framed,
        direction: Direction,
        piece: Piece<'_>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        if let (State::Post(body), Direction::ClientToServer) = (&mut self.state, direction) {
            return body.piece(piece, arrival, outlet);
        }
        match piece {
            Piece::Data(bytes) => {
                self.pass(framed, Step::Feed(bytes), direction, arrival, outlet)?;
                self.give_up(bytes.len());
                Ok(())
            }
            Piece::Gap(len) => self.pass(framed, Step::Skip(len), direction, arrival, outlet),
        }
    }

    /// A stream ends.
    pub(super) fn end<T: Tap>(
        &mut self,
        framed: &mut Framed,
        direction: Direction,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        match (&mut self.state, direction) {
            (State::Post(body), Direction::ClientToServer) => body.finish(arrival, outlet),
            _ => self.pass(framed, Step::Close, direction, arrival, outlet),
        }
    }

    #[inline]
    pub(super) fn pass<T: Tap>(
        &mut self,
        framed: &mut Framed,
        step: Step<'_>,
        direction: Direction,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        let mid_stream = framed.is_mid_stream();
        let mut post_head = None;
        framed.step(step, arrival, |pdu, arrival| {
            if let PduKind::Message { head, body } = pdu.kind {
                self.message(direction, &Message::new(head, body), arrival, outlet)?;
            }
            if matches!(self.state, State::Undecided(_)) && shows_rtsp(pdu, mid_stream) {
                self.decide(None, arrival, outlet)?;
            }
            if outlet.ledger.is_some() {
                self.plan(direction, pdu, arrival, outlet);
            }
            self.tell(direction, arrival, Payload::Pdu(pdu), outlet)?;
            if let (State::Post(_), Direction::ClientToServer) = (&self.state, direction) {
                post_head = Some((pdu.offset + pdu.raw.len() as u64, arrival));
                return Ok::<_, io::Error>(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        match post_head {
            Some((end, arrival)) => self.begin_body(framed, step, end, arrival, outlet),
            None => Ok(()),
        }
    }

    /// The bytes of a PDU may have to be replaced, whether it is known by now that this is RTSP or not.
    #[cold]
    fn plan<T: Tap>(&self, direction: Direction, pdu: &Pdu<'_>, arrival: Arrival, outlet: &mut Outlet<'_, T>) {
        let session = match &self.state {
            State::Rtsp(flow) => Some(flow.id),
            State::Post(body) => Some(body.flow().id),
            State::Undecided(_) | State::Other => None,
        };
        if let Some(ledger) = outlet.ledger {
            ledger.pdu(StreamId::Tcp(self.number, direction), session, direction, pdu, arrival.at);
        }
    }

    /// What stands behind the head of a POST is no stream of PDUs.
    fn begin_body<T: Tap>(
        &mut self,
        framed: &mut Framed,
        step: Step<'_>,
        head_end: u64,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        let behind = usize::try_from(framed.fed().saturating_sub(head_end)).unwrap_or(usize::MAX);
        *framed = Framed::new();
        let State::Post(body) = &mut self.state else { return Ok(()) };
        body.begin(self.number, head_end, outlet.ledger);
        let Step::Feed(bytes) = step else { return Ok(()) };
        let text = bytes.get(bytes.len().saturating_sub(behind)..).unwrap_or_default();
        body.piece(Piece::Data(text), arrival, outlet)
    }

    /// What a message tells about connections and ports.
    fn message<T: Tap>(
        &mut self,
        direction: Direction,
        message: &Message<'_>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        if direction == Direction::ClientToServer
            && let Some((half, cookie)) = tunnel::half_of(message)
        {
            return self.tunnel_half(half, TunnelKey::new(self.client.ip(), &cookie), arrival, outlet);
        }
        if matches!(self.state, State::Undecided(_)) && tunnel::is_answer(message) {
            return self.decide(None, arrival, outlet);
        }
        self.follow_setup(message, outlet);
        Ok(())
    }

    /// It is one of the two connections of an HTTP tunnel.
    fn tunnel_half<T: Tap>(
        &mut self,
        half: Half,
        key: TunnelKey,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        let known = outlet.tunnels.session(&key, half);
        match (half, &self.state) {
            (Half::Get, State::Undecided(_)) => self.decide(known, arrival, outlet)?,
            (Half::Post, State::Undecided(_)) => {
                self.shown(outlet);
                let Some(flow) = self.flow(known, arrival, outlet)? else { return Ok(()) };
                let Some(body) = outlet.tunnels.post(key, &flow) else { return Ok(()) };
                self.becomes(State::Post(body));
                return if known.is_none() { self.tell_opened(&flow, arrival, outlet) } else { Ok(()) };
            }
            _ => {}
        }
        if let (Half::Get, State::Rtsp(flow)) = (half, &self.state) {
            outlet.tunnels.get(key, flow.session);
        }
        Ok(())
    }

    /// It speaks RTSP: it gets its number, or that of the `known` session that it is the other half of. Where there are
    /// too many it stays undecided, and so can be forgotten.
    pub(super) fn decide<T: Tap>(
        &mut self,
        known: Option<usize>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        self.shown(outlet);
        let Some(flow) = self.flow(known, arrival, outlet)? else { return Ok(()) };
        self.becomes(State::Rtsp(Arc::clone(&flow)));
        self.tell_opened(&flow, arrival, outlet)
    }

    fn shown<T: Tap>(&self, outlet: &mut Outlet<'_, T>) {
        if let Some(ledger) = outlet.ledger {
            ledger.shown(self.number);
        }
    }

    /// It is known what it carries.
    fn becomes(&mut self, state: State) {
        self.state = state;
        self.described = None;
    }

    /// What names the connection from now on. `None` where there are too many sessions.
    fn flow<T: Tap>(
        &self,
        known: Option<usize>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<Option<Arc<Flow>>> {
        let id = match known {
            Some(session) => session,
            None if *outlet.sessions >= MAX_SESSIONS => return too_many(arrival, outlet).map(|()| None),
            None => {
                *outlet.sessions += 1;
                *outlet.sessions - 1
            }
        };
        let (url, server) = self.described.clone().unwrap_or((String::new(), self.server));
        Ok(Some(Arc::new(Flow { id, session: id, url, client: self.client, server })))
    }

    /// So many bytes more have shown nothing.
    fn give_up(&mut self, len: usize) {
        if let State::Undecided(seen) = &mut self.state {
            *seen += len as u64;
            if *seen > MAX_PROBE {
                self.state = State::Other;
            }
        }
    }

    /// Notes the UDP ports that a SETUP exchange agrees upon.
    fn follow_setup<T: Tap>(&mut self, message: &Message<'_>, outlet: &mut Outlet<'_, T>) {
        let State::Rtsp(flow) = &self.state else { return };
        match message.start_line() {
            StartLine::Request { method, .. } if method == "SETUP" => {
                let asked = message.header("Transport").filter(|asked| asked.len() <= MAX_TRANSPORT);
                self.asked = asked.map(String::from);
            }
            StartLine::Response { status: Some(200..=299), .. } => {
                if let Some(answered) = message.header("Transport") {
                    outlet.ports.set_up(flow, &Transport::agreed(&answered, self.asked.as_deref()));
                }
            }
            _ => {}
        }
    }

    fn tell_opened<T: Tap>(&self, flow: &Flow, arrival: Arrival, outlet: &mut Outlet<'_, T>) -> io::Result<()> {
        let opened = Payload::Opened { started: self.started, carrier: Carrier::default() };
        tell(flow, Direction::ClientToServer, arrival, opened, outlet)
    }

    /// Hands an event over, once it is known that this is RTSP.
    #[inline]
    pub(super) fn tell<T: Tap>(
        &self,
        direction: Direction,
        arrival: Arrival,
        payload: Payload<'_>,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        match &self.state {
            State::Rtsp(flow) => tell(flow, direction, arrival, payload, outlet),
            State::Post(body) => tell(body.flow(), direction, arrival, payload, outlet),
            State::Undecided(_) | State::Other => Ok(()),
        }
    }
}

/// The first connection that is passed over is told of.
fn too_many<T: Tap>(arrival: Arrival, outlet: &mut Outlet<'_, T>) -> io::Result<()> {
    if *outlet.sessions > MAX_SESSIONS {
        return Ok(());
    }
    *outlet.sessions += 1;
    let detail = &format!("RTSP connections from the {}th on are passed over", *outlet.sessions);
    outlet.tap.remark(&Remark { at: arrival.at, frame_number: arrival.number, code: "too-many-sessions", detail })
}

#[inline]
fn tell<T: Tap>(
    flow: &Flow,
    direction: Direction,
    arrival: Arrival,
    payload: Payload<'_>,
    outlet: &mut Outlet<'_, T>,
) -> io::Result<()> {
    let Arrival { at, number } = arrival;
    let frame_number = (number > 0).then_some(number);
    outlet.tap.event(&TraceEvent { at, flow, direction, frame_number, payload })
}
