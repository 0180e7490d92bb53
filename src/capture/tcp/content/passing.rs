//! What comes next in the streams of a connection: PDUs as they stand, or out of a layer above TCP.

use std::io;
use std::ops::ControlFlow;

use crate::capture::rewrite::StreamId;
use crate::capture::tcp::content::{Content, State};
use crate::capture::tcp::event_context::{EventContext, tell};
use crate::capture::tcp::layer::{Carried, ChunkedBody, Coding, Layer, WebSocketFrames, unmask};
use crate::capture::tcp::reassembly::{Arrival, Piece};
use crate::capture::tcp::timed_demuxer::{Step, TimedDemuxer};
use crate::rtsp::demux::{CaptureGap, Pdu, PduKind};
use crate::rtsp::message::Message;
use crate::trace::{Direction, Encapsulation, Payload, Tap};

impl Content {
    /// What comes next in a stream.
    #[inline]
    pub(in crate::capture) fn piece<T: Tap>(
        &mut self,
        framed: &mut TimedDemuxer,
        direction: Direction,
        piece: Piece<'_>,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        if self.layers.iter().any(Option::is_some)
            || matches!(self.state, State::Undecided(_)) && framed.is_mid_stream()
        {
            return self.layered(framed, direction, piece, arrival, context);
        }
        self.bare(framed, direction, piece, arrival, context)
    }

    /// What comes next in a stream without a layer.
    #[inline]
    fn bare<T: Tap>(
        &mut self,
        framed: &mut TimedDemuxer,
        direction: Direction,
        piece: Piece<'_>,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        if let (State::Post(body), Direction::ClientToServer) = (&mut self.state, direction) {
            return body.piece(piece, arrival, context);
        }
        match piece {
            Piece::Data(bytes) => {
                self.pass(framed, Step::Feed(bytes), direction, arrival, context)?;
                self.give_up(bytes.len(), arrival, context)
            }
            Piece::Gap(gap) => self.pass(framed, Step::Skip(gap), direction, arrival, context),
        }
    }

    /// What comes next in a stream that may have a layer.
    #[cold]
    fn layered<T: Tap>(
        &mut self,
        framed: &mut TimedDemuxer,
        direction: Direction,
        piece: Piece<'_>,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        let place = direction.index();
        let known = self.layers.get_mut(place).and_then(Option::take);
        let Some(mut layer) = known.or_else(|| self.found(framed, direction, piece)) else {
            return self.bare(framed, direction, piece, arrival, context);
        };
        let foreign =
            layer.piece(piece, |at, carried| self.carried(framed, direction, at, carried, arrival, context))?;
        if let Some(rest) = foreign {
            *framed = TimedDemuxer::behind_head(layer.at(), false);
            return self.bare(framed, direction, Piece::Data(rest), arrival, context);
        }
        if let Some(known) = self.layers.get_mut(place) {
            *known = Some(layer);
        }
        Ok(())
    }

    /// A WebSocket, or a body in chunks, whose beginning is not in the capture.
    fn found(&mut self, framed: &mut TimedDemuxer, direction: Direction, piece: Piece<'_>) -> Option<Layer> {
        let Piece::Data(bytes) = piece else { return None };
        let undecided = matches!(self.state, State::Undecided(_));
        // Where one direction was found to be a WebSocket, the other is.
        if !framed.is_mid_stream() || !undecided && self.carrier != Encapsulation::WEB_SOCKET {
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
        if self.carrier == Encapsulation::WEB_SOCKET || self.turned {
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
        framed: &mut TimedDemuxer,
        direction: Direction,
        at: u64,
        carried: Carried<'_>,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        if let (State::Post(body), Direction::ClientToServer) = (&mut self.state, direction) {
            return body.carried(at, carried, arrival, context);
        }
        match carried {
            Carried::Framing(bytes) => {
                if let Some(rewrite_map) = context.rewrite_map {
                    rewrite_map.keep_bytes(self.number, direction, at, bytes);
                }
                Ok(())
            }
            Carried::Payload(bytes, mask) => {
                if let Some(rewrite_map) = context.rewrite_map {
                    rewrite_map.carried_bytes((self.number, direction), at, bytes.len(), framed.fed(), mask);
                }
                let clear = mask.map(|mask| unmask(bytes, mask));
                let step = Step::Feed(clear.as_deref().unwrap_or(bytes));
                self.pass(framed, step, direction, arrival, context)?;
                self.give_up(bytes.len(), arrival, context)
            }
            Carried::Gap(gap) => self.pass(framed, Step::Skip(gap), direction, arrival, context),
            Carried::Compressed => {
                let told = self.compressed.get_mut(direction.index()).map(|told| std::mem::replace(told, true));
                if told == Some(false) { self.tell(direction, arrival, Payload::Compressed, context) } else { Ok(()) }
            }
        }
    }

    /// A stream ends.
    pub(in crate::capture) fn end<T: Tap>(
        &mut self,
        framed: &mut TimedDemuxer,
        direction: Direction,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        if let (State::Post(body), Direction::ClientToServer) = (&mut self.state, direction) {
            return body.finish(arrival, context);
        }
        let layer = self.layers.get_mut(direction.index()).and_then(Option::as_mut);
        let missing = layer.map_or(0, Layer::finish);
        self.pass(framed, Step::Skip(CaptureGap::not_captured(missing)), direction, arrival, context)?;
        self.conclude(arrival, context)?;
        self.pass(framed, Step::Close, direction, arrival, context)
    }

    /// Whose a PDU is.
    #[inline]
    pub(super) fn assign<T: Tap>(
        &mut self,
        direction: Direction,
        pdu: &Pdu<'_>,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        let sender = self.sender(direction);
        match (pdu.kind, &mut self.state) {
            (PduKind::Interleaved { channel, .. } | PduKind::CutFrame { channel, .. }, State::Rtsp(sessions)) => {
                sessions.frame(sender, channel);
            }
            (PduKind::Interleaved { channel, .. } | PduKind::CutFrame { channel, .. }, State::Get(place)) => {
                if let Some(tunnel) = context.tunnels.get_mut(*place) {
                    tunnel.sessions.frame(sender, channel);
                }
            }
            (PduKind::Message { head, body }, _) => {
                let (shared, message) = (self.shared(), Message::new(head, body));
                return self.on_sessions(context, |sessions, context| {
                    shared.assign(sessions, sender, &message, arrival, context)
                });
            }
            _ => {}
        }
        Ok(())
    }

    #[inline]
    pub(in crate::capture) fn pass<T: Tap>(
        &mut self,
        framed: &mut TimedDemuxer,
        step: Step<'_>,
        direction: Direction,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        let mid_stream = framed.is_mid_stream();
        let carried = framed.is_carried();
        let mut head_end = None;
        framed.step(step, arrival, |pdu, arrival| {
            if let PduKind::Message { head, body } = pdu.kind {
                self.lacks_awaited(direction.reverse(), arrival, context)?;
                self.message(self.sender(direction), &Message::new(head, body), arrival, context)?;
            }
            if let State::Undecided(trial) = &mut self.state
                // What opens a WebSocket does not tell what it carries.
                && !matches!(self.announced, Some(Coding::WebSocket(_)))
                && trial.take(direction, pdu, arrival, mid_stream)
            {
                self.decide(None, arrival, context)?;
            }
            if let PduKind::Gap { len, cause, in_frame: false } = pdu.kind {
                self.lacks_messages(direction, CaptureGap { len, cause }, arrival, context)?;
            }
            self.assign(direction, pdu, arrival, context)?;
            if context.rewrite_map.is_some() {
                let stream = if carried { StreamId::Carried } else { StreamId::Tcp };
                self.plan(stream(self.number, direction), direction, pdu, arrival, context);
            }
            self.tell_pdu(direction, arrival, pdu, context)?;
            if self.ends_with_head(direction) {
                head_end = Some((pdu.offset + pdu.raw.len() as u64, arrival));
                return Ok::<_, io::Error>(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        match head_end {
            Some((end, arrival)) => self.begin_body(framed, direction, step, end, arrival, context),
            None => Ok(()),
        }
    }

    /// Hands a PDU over. Of nearly all connections of RTSP the event is made where it is told: to hand its payload on by
    /// value would copy the room of the largest one with each frame.
    #[inline]
    fn tell_pdu<T: Tap>(
        &self,
        direction: Direction,
        arrival: Arrival,
        pdu: &Pdu<'_>,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        if let State::Rtsp(sessions) = &self.state
            && !sessions.are_several()
        {
            let sender = self.sender(direction);
            return tell(sessions.flow(sender), sender, arrival, Payload::Pdu(pdu), context.tap);
        }
        self.tell(direction, arrival, Payload::Pdu(pdu), context)
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
        context: &mut EventContext<'_, T>,
    ) {
        let session = match &self.state {
            State::Post(body) => Some(body.flow().id),
            _ => self.sessions(context.tunnels).map(|sessions| sessions.flow(self.sender(direction)).id),
        };
        if let Some(rewrite_map) = context.rewrite_map {
            rewrite_map.pdu(stream, session, self.sender(direction), pdu, arrival.at);
        }
    }

    /// What stands behind a head is the text of a POST, or has a layer.
    fn begin_body<T: Tap>(
        &mut self,
        framed: &mut TimedDemuxer,
        direction: Direction,
        step: Step<'_>,
        head_end: u64,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        let behind = usize::try_from(framed.fed().saturating_sub(head_end)).unwrap_or(usize::MAX);
        let coding = self.announced.take();
        if let (State::Post(body), Direction::ClientToServer) = (&mut self.state, direction) {
            body.begin(self.number, head_end, context.rewrite_map);
        }
        *framed = TimedDemuxer::behind_head(head_end, coding.is_some());
        if let Some(layer) = self.layers.get_mut(direction.index()) {
            *layer = coding.map(|coding| Layer::new(coding, head_end));
        }
        let Step::Feed(bytes) = step else { return Ok(()) };
        let rest = bytes.get(bytes.len().saturating_sub(behind)..).unwrap_or_default();
        self.piece(framed, direction, Piece::Data(rest), arrival, context)
    }
}
