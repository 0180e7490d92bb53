//! What comes next in the streams of a connection: PDUs as they stand, or out of a layer above TCP.

use std::io;
use std::ops::ControlFlow;

use crate::capture::content::{Content, State};
use crate::capture::framed::{Framed, Step};
use crate::capture::layer::{Carried, ChunkedBody, Coding, Layer, WebSocketFrames, unmask};
use crate::capture::outlet::Outlet;
use crate::capture::reassembly::{Arrival, Piece};
use crate::capture::rewrite::StreamId;
use crate::rtsp::demux::{Pdu, PduKind};
use crate::rtsp::message::Message;
use crate::trace::{Carrier, Direction, Payload, Tap};

impl Content {
    /// What comes next in a stream.
    #[inline]
    pub(in crate::capture) fn piece<T: Tap>(
        &mut self,
        framed: &mut Framed,
        direction: Direction,
        piece: Piece<'_>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        if self.layers.iter().any(Option::is_some)
            || matches!(self.state, State::Undecided(_)) && framed.is_mid_stream()
        {
            return self.layered(framed, direction, piece, arrival, outlet);
        }
        self.bare(framed, direction, piece, arrival, outlet)
    }

    /// What comes next in a stream without a layer.
    #[inline]
    fn bare<T: Tap>(
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
                self.give_up(bytes.len(), arrival, outlet)
            }
            Piece::Gap(len) => self.pass(framed, Step::Skip(len), direction, arrival, outlet),
        }
    }

    /// What comes next in a stream that may have a layer.
    #[cold]
    fn layered<T: Tap>(
        &mut self,
        framed: &mut Framed,
        direction: Direction,
        piece: Piece<'_>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        let place = direction.index();
        let known = self.layers.get_mut(place).and_then(Option::take);
        let Some(mut layer) = known.or_else(|| self.found(framed, direction, piece)) else {
            return self.bare(framed, direction, piece, arrival, outlet);
        };
        let foreign =
            layer.piece(piece, |at, carried| self.carried(framed, direction, at, carried, arrival, outlet))?;
        if let Some(rest) = foreign {
            *framed = Framed::behind_head(layer.at(), false);
            return self.bare(framed, direction, Piece::Data(rest), arrival, outlet);
        }
        if let Some(known) = self.layers.get_mut(place) {
            *known = Some(layer);
        }
        Ok(())
    }

    /// A WebSocket, or a body in chunks, whose beginning is not in the capture.
    fn found(&mut self, framed: &mut Framed, direction: Direction, piece: Piece<'_>) -> Option<Layer> {
        let Piece::Data(bytes) = piece else { return None };
        let undecided = matches!(self.state, State::Undecided(_));
        // Where one direction was found to be a WebSocket, the other is.
        if !framed.is_mid_stream() || !undecided && self.carrier != Carrier::WEB_SOCKET {
            return None;
        }
        let from_client = self.sender(direction) == Direction::ClientToServer;
        let frames = WebSocketFrames::found_in(bytes, from_client).map(Coding::WebSocket);
        let frames = frames.or_else(|| if undecided { self.turned_by_mask(bytes, !from_client) } else { None });
        // The client of a tunnel sends no chunks on this connection.
        let chunks = || ChunkedBody::found_in(bytes).map(Coding::Chunked).filter(|_| undecided);
        let coding = frames.or_else(chunks)?;
        framed.set_carried();
        self.carrier = coding.carrier();
        Some(Layer::new(coding, framed.fed()))
    }

    /// The same, if the sender was taken for the other side: the client's frames alone are masked (RFC 6455, section 5.1).
    fn turned_by_mask(&mut self, bytes: &[u8], from_client: bool) -> Option<Coding> {
        if self.carrier == Carrier::WEB_SOCKET || self.turned {
            return None;
        }
        let frames = WebSocketFrames::found_in(bytes, from_client)?;
        self.turned = true;
        std::mem::swap(&mut self.client, &mut self.server);
        Some(Coding::WebSocket(frames))
    }

    /// A part of what a layer carries.
    fn carried<T: Tap>(
        &mut self,
        framed: &mut Framed,
        direction: Direction,
        at: u64,
        carried: Carried<'_>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        if let (State::Post(body), Direction::ClientToServer) = (&mut self.state, direction) {
            return body.carried(at, carried, arrival, outlet);
        }
        match carried {
            Carried::Framing(bytes) => {
                if let Some(ledger) = outlet.ledger {
                    ledger.keep_bytes(self.number, direction, at, bytes);
                }
                Ok(())
            }
            Carried::Payload(bytes, mask) => {
                if let Some(ledger) = outlet.ledger {
                    ledger.carried_bytes((self.number, direction), at, bytes.len(), framed.fed(), mask);
                }
                let clear = mask.map(|mask| unmask(bytes, mask));
                let step = Step::Feed(clear.as_deref().unwrap_or(bytes));
                self.pass(framed, step, direction, arrival, outlet)?;
                self.give_up(bytes.len(), arrival, outlet)
            }
            Carried::Gap(len) => self.pass(framed, Step::Skip(len), direction, arrival, outlet),
            Carried::Compressed => {
                let told = self.compressed.get_mut(direction.index()).map(|told| std::mem::replace(told, true));
                if told == Some(false) { self.tell(direction, arrival, Payload::Compressed, outlet) } else { Ok(()) }
            }
        }
    }

    /// A stream ends.
    pub(in crate::capture) fn end<T: Tap>(
        &mut self,
        framed: &mut Framed,
        direction: Direction,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        if let (State::Post(body), Direction::ClientToServer) = (&mut self.state, direction) {
            return body.finish(arrival, outlet);
        }
        let layer = self.layers.get_mut(direction.index()).and_then(Option::as_mut);
        let missing = layer.map_or(0, Layer::finish);
        self.pass(framed, Step::Skip(missing), direction, arrival, outlet)?;
        self.conclude(arrival, outlet)?;
        self.pass(framed, Step::Close, direction, arrival, outlet)
    }

    /// Whose a PDU is.
    #[inline]
    pub(super) fn assign<T: Tap>(
        &mut self,
        direction: Direction,
        pdu: &Pdu<'_>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        let sender = self.sender(direction);
        match (pdu.kind, &mut self.state) {
            (PduKind::Interleaved { channel, .. }, State::Rtsp(sessions)) => sessions.frame(sender, channel),
            (PduKind::Interleaved { channel, .. }, State::Get(place)) => {
                if let Some(tunnel) = outlet.tunnels.get_mut(*place) {
                    tunnel.sessions.frame(sender, channel);
                }
            }
            (PduKind::Message { head, body }, _) => {
                let (shared, message) = (self.shared(), Message::new(head, body));
                return self.on_sessions(outlet, |sessions, outlet| {
                    shared.assign(sessions, sender, &message, arrival, outlet)
                });
            }
            _ => {}
        }
        Ok(())
    }

    #[inline]
    pub(in crate::capture) fn pass<T: Tap>(
        &mut self,
        framed: &mut Framed,
        step: Step<'_>,
        direction: Direction,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        let mid_stream = framed.is_mid_stream();
        let carried = framed.is_carried();
        let mut head_end = None;
        framed.step(step, arrival, |pdu, arrival| {
            if let PduKind::Message { head, body } = pdu.kind {
                self.message(self.sender(direction), &Message::new(head, body), arrival, outlet)?;
            }
            if let State::Undecided(trial) = &mut self.state
                // What opens a WebSocket does not tell what it carries.
                && !matches!(self.announced, Some(Coding::WebSocket(_)))
                && trial.take(direction, pdu, arrival, mid_stream)
            {
                self.decide(None, arrival, outlet)?;
            }
            self.assign(direction, pdu, arrival, outlet)?;
            if outlet.ledger.is_some() {
                let stream = if carried { StreamId::Carried } else { StreamId::Tcp };
                self.plan(stream(self.number, direction), direction, pdu, arrival, outlet);
            }
            self.tell(direction, arrival, Payload::Pdu(pdu), outlet)?;
            if self.ends_with_head(direction) {
                head_end = Some((pdu.offset + pdu.raw.len() as u64, arrival));
                return Ok::<_, io::Error>(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        match head_end {
            Some((end, arrival)) => self.begin_body(framed, direction, step, end, arrival, outlet),
            None => Ok(()),
        }
    }

    /// What follows the message just read is no stream of PDUs as it stands.
    #[inline]
    fn ends_with_head(&self, direction: Direction) -> bool {
        self.announced.is_some() || matches!((&self.state, direction), (State::Post(_), Direction::ClientToServer))
    }

    /// The bytes of a PDU may have to be replaced, whether it is known by now that this is RTSP or not.
    #[cold]
    pub(super) fn plan<T: Tap>(
        &self,
        stream: StreamId,
        direction: Direction,
        pdu: &Pdu<'_>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) {
        let session = match &self.state {
            State::Post(body) => Some(body.flow().id),
            _ => self.sessions(outlet.tunnels).map(|sessions| sessions.flow(self.sender(direction)).id),
        };
        if let Some(ledger) = outlet.ledger {
            ledger.pdu(stream, session, self.sender(direction), pdu, arrival.at);
        }
    }

    /// What stands behind a head is the text of a POST, or has a layer.
    fn begin_body<T: Tap>(
        &mut self,
        framed: &mut Framed,
        direction: Direction,
        step: Step<'_>,
        head_end: u64,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        let behind = usize::try_from(framed.fed().saturating_sub(head_end)).unwrap_or(usize::MAX);
        let coding = self.announced.take();
        if let (State::Post(body), Direction::ClientToServer) = (&mut self.state, direction) {
            body.begin(self.number, head_end, outlet.ledger);
        }
        *framed = Framed::behind_head(head_end, coding.is_some());
        if let Some(layer) = self.layers.get_mut(direction.index()) {
            *layer = coding.map(|coding| Layer::new(coding, head_end));
        }
        let Step::Feed(bytes) = step else { return Ok(()) };
        let rest = bytes.get(bytes.len().saturating_sub(behind)..).unwrap_or_default();
        self.piece(framed, direction, Piece::Data(rest), arrival, outlet)
    }
}
