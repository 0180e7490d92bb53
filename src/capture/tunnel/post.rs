//! The client's side of a tunnel, out of the bodies of its POSTs.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::capture::base64::Decoder;
use crate::capture::framed::Step;
use crate::capture::layer::Carried;
use crate::capture::outlet::{Outlet, tell};
use crate::capture::reassembly::{Arrival, Piece};
use crate::capture::rewrite::{Ledger, StreamId};
use crate::capture::sharing::{SharedConnection, tell_shared};
use crate::capture::tunnel::{Tunnel, TunnelKey, Tunnels};
use crate::rtsp::demux::{Pdu, PduKind};
use crate::rtsp::message::Message;
use crate::trace::{Carrier, Direction, Flow, Payload, Tap};

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
    pub(in crate::capture) fn begin(&mut self, connection: u64, at: u64, ledger: &mut Option<Box<Ledger>>) {
        (self.connection, self.at) = (connection, at);
        if let Some(ledger) = ledger {
            ledger.post_body(connection, at);
        }
    }

    /// A part of it, where it comes in chunks.
    pub(in crate::capture) fn carried<T: Tap>(
        &mut self,
        at: u64,
        carried: Carried<'_>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        self.at = at;
        match carried {
            Carried::Framing(bytes) => {
                if let Some(ledger) = outlet.ledger {
                    ledger.keep_bytes(self.connection, CLIENT, at, bytes);
                }
                Ok(())
            }
            Carried::Payload(text, _) => self.piece(Piece::Data(text), arrival, outlet),
            Carried::Gap(len) => self.piece(Piece::Gap(len), arrival, outlet),
            Carried::Compressed => Ok(()),
        }
    }

    /// What comes next of it.
    pub(in crate::capture) fn piece<T: Tap>(
        &mut self,
        piece: Piece<'_>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        on_tunnel(self.tunnel, outlet, |tunnel, outlet| self.decode(piece, tunnel, arrival, outlet))
    }

    fn decode<T: Tap>(
        &mut self,
        piece: Piece<'_>,
        tunnel: &mut Tunnel,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        let Self { flow, tunnel: place, decoder, connection, at } = self;
        let pass = |tunnel: &mut Tunnel, step: Step<'_>, outlet: &mut Outlet<'_, T>| {
            tunnel.pass(*place, step, arrival, outlet)
        };
        let text = match piece {
            Piece::Gap(len) => {
                *at += len;
                return pass(tunnel, Step::Skip(decoder.skip(len)), outlet);
            }
            Piece::Data(text) => text,
        };
        let begin = *at;
        *at += text.len() as u64;
        if let Some(ledger) = outlet.ledger {
            ledger.letters(*connection, begin, *place, &decoder.runs(text, tunnel.framed.fed()));
        }
        let mut bytes = Vec::with_capacity(text.len());
        let decoded = decoder.decode(text, &mut bytes);
        pass(tunnel, Step::Skip(decoded.gap), outlet)?;
        if let Some((byte, place)) = decoded.invalid {
            let offset = tunnel.framed.fed() + place as u64;
            keep_invalid(outlet.ledger, *connection, begin, text, byte);
            tell(flow, CLIENT, arrival, Payload::NotBase64 { byte, offset }, outlet.tap)?;
        }
        pass(tunnel, Step::Feed(&bytes), outlet)
    }

    /// Its connection ends. The stream may go on in another one.
    pub(in crate::capture) fn finish<T: Tap>(
        &mut self,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        let (place, gap) = (self.tunnel, self.decoder.finish());
        on_tunnel(place, outlet, |tunnel, outlet| tunnel.pass(place, Step::Skip(gap), arrival, outlet))
    }
}

impl Tunnel {
    /// Hands over what a step completes, each PDU to the session whose it is.
    fn pass<T: Tap>(
        &mut self,
        place: usize,
        step: Step<'_>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        let Self { sessions, framed, only_side, .. } = self;
        let shared = SharedConnection { carrier: Carrier::HTTP, only_side: *only_side, mid_stream: false };
        framed.step(step, arrival, |pdu: &Pdu<'_>, arrival| {
            match pdu.kind {
                PduKind::Interleaved { channel, .. } => sessions.frame(CLIENT, channel),
                PduKind::Message { head, body } => {
                    shared.assign(sessions, CLIENT, &Message::new(head, body), arrival, outlet)?;
                }
                PduKind::Junk | PduKind::Gap { .. } => {}
            }
            if let Some(ledger) = outlet.ledger {
                ledger.pdu(StreamId::Tunnel(place), Some(sessions.flow(CLIENT).id), CLIENT, pdu, arrival.at);
            }
            tell_shared(sessions, CLIENT, arrival, Payload::Pdu(pdu), outlet.tap)?;
            Ok(ControlFlow::Continue(()))
        })
    }
}

/// Does something with a tunnel that needs the others as well, and counts what waits in it from then on.
fn on_tunnel<T: Tap>(
    place: usize,
    outlet: &mut Outlet<'_, T>,
    act: impl FnOnce(&mut Tunnel, &mut Outlet<'_, T>) -> io::Result<()>,
) -> io::Result<()> {
    let Some(mut tunnel) = outlet.tunnels.take(place) else { return Ok(()) };
    let before = tunnel.framed.held();
    let done = act(&mut tunnel, outlet);
    let Tunnels { held, .. } = outlet.tunnels;
    *held = (*held + tunnel.framed.held()).saturating_sub(before);
    outlet.tunnels.put(place, tunnel);
    done
}

/// Hands over what waits where most of it does, as if nothing more came. How many bytes that frees.
pub(in crate::capture) fn relieve<T: Tap>(latest: Arrival, outlet: &mut Outlet<'_, T>) -> io::Result<usize> {
    let held = |place: &usize| outlet.tunnels.get(*place).map_or(0, |tunnel| tunnel.framed.held());
    let Some(place) = (0..outlet.tunnels.all.len()).max_by_key(held) else { return Ok(0) };
    let before = outlet.tunnels.held;
    on_tunnel(place, outlet, |tunnel, outlet| {
        tunnel.pass(place, Step::Close, latest, outlet)?;
        tunnel.framed.release();
        Ok(())
    })?;
    Ok(before.saturating_sub(outlet.tunnels.held))
}

/// The capture ends: hands over what no POST completed.
pub(in crate::capture) fn finish<T: Tap>(latest: Arrival, outlet: &mut Outlet<'_, T>) -> io::Result<()> {
    (0..outlet.tunnels.all.len()).try_for_each(|place| {
        on_tunnel(place, outlet, |tunnel, outlet| tunnel.pass(place, Step::Close, latest, outlet))
    })
}

/// The character that is no base64 is told of: it has to stay. It is the first such one.
fn keep_invalid(ledger: &mut Option<Box<Ledger>>, connection: u64, begin: u64, text: &[u8], byte: u8) {
    if let (Some(ledger), Some(at)) = (ledger, memchr::memchr(byte, text)) {
        ledger.keep_bytes(connection, CLIENT, begin + at as u64, &[byte]);
    }
}
