//! The client's side of a tunnel, out of the bodies of its POSTs.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::capture::rewrite::{RewriteMap, StreamId};
use crate::capture::tcp::base64::Decoder;
use crate::capture::tcp::event_context::{EventContext, tell};
use crate::capture::tcp::layer::Carried;
use crate::capture::tcp::reassembly::{Arrival, Piece};
use crate::capture::tcp::sharing::{SharedConnection, tell_shared};
use crate::capture::tcp::timed_demuxer::Step;
use crate::capture::tcp::tunnel::{HttpTunnel, TunnelKey, Tunnels};
use crate::rtsp::demux::{CaptureGap, Pdu, PduKind};
use crate::rtsp::message::Message;
use crate::trace::{Direction, Encapsulation, Flow, Payload, Tap};

const CLIENT: Direction = Direction::ClientToServer;

/// The body of a POST, up to the end of its connection.
#[derive(Debug)]
pub(in crate::capture) struct PostBody {
    /// What names its connection; of the tunnel's sessions the first.
    flow: Arc<Flow>,
    /// The place of its tunnel.
    tunnel: usize,
    decoder: Decoder,
    /// The number of its connection, and where in its stream it is.
    connection: u64,
    at: u64,
}

impl PostBody {
    /// That of a POST which belongs to the tunnel with this key. `None` where there are too many.
    pub(in crate::capture) fn open(tunnels: &mut Tunnels, key: TunnelKey, flow: Arc<Flow>) -> Option<Self> {
        let tunnel = tunnels.open_post(key, &flow)?;
        Some(Self { flow, tunnel, decoder: Decoder::default(), connection: 0, at: 0 })
    }

    pub(in crate::capture) fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// It begins at this place of its connection's stream.
    pub(in crate::capture) fn begin(&mut self, connection: u64, at: u64, rewrite_map: &mut Option<Box<RewriteMap>>) {
        (self.connection, self.at) = (connection, at);
        if let Some(rewrite_map) = rewrite_map {
            rewrite_map.post_body(connection, at);
        }
    }

    /// A part of it, where it comes in chunks.
    pub(in crate::capture) fn carried<T: Tap>(
        &mut self,
        at: u64,
        carried: Carried<'_>,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        self.at = at;
        match carried {
            Carried::Framing(bytes) => {
                if let Some(rewrite_map) = context.rewrite_map {
                    rewrite_map.keep_bytes(self.connection, CLIENT, at, bytes);
                }
                Ok(())
            }
            Carried::Payload(text, _) => self.piece(Piece::Data(text), arrival, context),
            Carried::Gap(gap) => self.piece(Piece::Gap(gap), arrival, context),
            Carried::Compressed => Ok(()),
        }
    }

    /// What comes next of it.
    pub(in crate::capture) fn piece<T: Tap>(
        &mut self,
        piece: Piece<'_>,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        context.on_tunnel(self.tunnel, |tunnel, context| self.decode(piece, tunnel, arrival, context))
    }

    fn decode<T: Tap>(
        &mut self,
        piece: Piece<'_>,
        tunnel: &mut HttpTunnel,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        let Self { flow, tunnel: place, decoder, connection, at } = self;
        let pass = |tunnel: &mut HttpTunnel, step: Step<'_>, context: &mut EventContext<'_, T>| {
            tunnel.pass(*place, step, arrival, context)
        };
        let text = match piece {
            Piece::Gap(gap) => {
                *at += gap.len;
                return pass(tunnel, Step::Skip(CaptureGap { len: decoder.skip(gap.len), ..gap }), context);
            }
            Piece::Data(text) => text,
        };
        let begin = *at;
        *at += text.len() as u64;
        if let Some(rewrite_map) = context.rewrite_map {
            rewrite_map.letters(*connection, begin, *place, &decoder.runs(text, tunnel.framed.fed()));
        }
        let mut bytes = Vec::with_capacity(text.len());
        let decoded = decoder.decode(text, &mut bytes);
        pass(tunnel, Step::Skip(CaptureGap::not_captured(decoded.gap)), context)?;
        if let Some((byte, place)) = decoded.invalid {
            let offset = tunnel.framed.fed() + place as u64;
            keep_invalid(context.rewrite_map, *connection, begin, text, byte);
            tell(flow, CLIENT, arrival, Payload::NotBase64 { byte, offset }, context.tap)?;
        }
        pass(tunnel, Step::Feed(&bytes), context)
    }

    /// Its connection ends. The stream may go on in another one.
    pub(in crate::capture) fn finish<T: Tap>(
        &mut self,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        let (place, gap) = (self.tunnel, self.decoder.finish());
        context.on_tunnel(place, |tunnel, context| {
            tunnel.pass(place, Step::Skip(CaptureGap::not_captured(gap)), arrival, context)
        })
    }
}

impl HttpTunnel {
    /// Hands over what a step completes, each PDU to the session whose it is.
    fn pass<T: Tap>(
        &mut self,
        place: usize,
        step: Step<'_>,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        let Self { sessions, framed, only_side, .. } = self;
        let shared = SharedConnection { carrier: Encapsulation::HTTP, only_side: *only_side, mid_stream: false };
        framed.step(step, arrival, |pdu: &Pdu<'_>, arrival| {
            match pdu.kind {
                PduKind::Interleaved { channel, .. } | PduKind::CutFrame { channel, .. } => {
                    sessions.frame(CLIENT, channel);
                }
                PduKind::Message { head, body } => {
                    shared.assign(sessions, CLIENT, &Message::new(head, body), arrival, context)?;
                }
                PduKind::Junk | PduKind::Gap { .. } => {}
            }
            if let Some(rewrite_map) = context.rewrite_map {
                rewrite_map.pdu(StreamId::Tunnel(place), Some(sessions.flow(CLIENT).id), CLIENT, pdu, arrival.at);
            }
            tell_shared(sessions, CLIENT, arrival, Payload::Pdu(pdu), context.tap)?;
            Ok(ControlFlow::Continue(()))
        })
    }
}

/// Hands over what waits where most of it does, as if nothing more came. How many bytes that frees.
pub(in crate::capture) fn relieve<T: Tap>(latest: Arrival, context: &mut EventContext<'_, T>) -> io::Result<usize> {
    let held = |place: &usize| context.tunnels.get(*place).map_or(0, |tunnel| tunnel.framed.held());
    let Some(place) = (0..context.tunnels.all.len()).max_by_key(held) else { return Ok(0) };
    let before = context.tunnels.held;
    context.on_tunnel(place, |tunnel, context| {
        tunnel.pass(place, Step::Close, latest, context)?;
        tunnel.framed.release();
        Ok(())
    })?;
    Ok(before.saturating_sub(context.tunnels.held))
}

/// The capture ends: hands over what no POST completed.
pub(in crate::capture) fn finish<T: Tap>(latest: Arrival, context: &mut EventContext<'_, T>) -> io::Result<()> {
    (0..context.tunnels.all.len()).try_for_each(|place| {
        context.on_tunnel(place, |tunnel, context| tunnel.pass(place, Step::Close, latest, context))
    })
}

/// The character that is no base64 is told of: it has to stay. It is the first such one.
fn keep_invalid(rewrite_map: &mut Option<Box<RewriteMap>>, connection: u64, begin: u64, text: &[u8], byte: u8) {
    if let (Some(rewrite_map), Some(at)) = (rewrite_map, memchr::memchr(byte, text)) {
        rewrite_map.keep_bytes(connection, CLIENT, begin + at as u64, &[byte]);
    }
}
