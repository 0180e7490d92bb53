//! What a peer sends and gets over UDP.

use std::net::SocketAddr;

use super::{Datagram, Peer, Turn};
use crate::net::connection::Connection;
use crate::session::{Input, Machine, MediaRoute};
use crate::trace::{Direction, Note, Payload, TraceEvent};

/// After so many bytes the others have their turn.
const BUDGET: usize = 1 << 20;

impl<M: Machine> Peer<M> {
    /// Binds sockets for a track, on the address that the connection has.
    pub(super) fn open_media(&mut self, track: usize, turn: &mut Turn<'_, '_>) {
        let Some(local) = self.connection.as_ref().map(|connection| connection.flow().client) else { return };
        let bound = turn.ports.bind_pair(local).and_then(|pair| self.datagrams.add(track, pair));
        let now = turn.clock.now();
        match bound {
            Ok((rtp, rtcp)) => self.machine.handle(now, Input::MediaOpened { rtp, rtcp }),
            Err(error) => self.machine.handle(now, Input::MediaFailed(&error.to_string())),
        }
    }

    /// Begins to read what comes for a track.
    pub(super) fn take_media(&mut self, route: MediaRoute, turn: &mut Turn<'_, '_>) {
        let Some(flow) = self.connection.as_ref().map(|connection| connection.flow().clone()) else { return };
        let joined = route.group.map_or(Ok(()), |group| self.datagrams.join(route.track, group, flow.client));
        let taken = joined.and_then(|()| self.datagrams.take(turn.registry, turn.datagram_token, route, flow));
        if let Err(error) = taken {
            self.machine.handle(turn.clock.now(), Input::MediaFailed(&error.to_string()));
        }
    }

    /// Reads datagrams until none is left, or others should have their turn: whether there may be more.
    pub(super) fn receive_datagrams(&mut self, turn: &mut Turn<'_, '_>) -> bool {
        let mut budget = BUDGET;
        while self.datagrams.is_ready && !self.done {
            for datagram in &self.datagrams.read(turn.clock, turn.buffer) {
                let payload = datagram.bytes.as_slice();
                let Some((flow, port)) = self.datagrams.owner(datagram) else { continue };
                let (at, direction) = (datagram.at, Direction::ServerToClient);
                if datagram.dropped > 0 {
                    let note = Note::KernelDrops { datagrams: datagram.dropped.into() };
                    let payload = Payload::Note(&note);
                    turn.tap.event(&TraceEvent { at, flow, direction, frame_number: None, payload });
                }
                let event = Payload::Datagram { port, from: datagram.from, to: datagram.to, payload };
                turn.tap.event(&TraceEvent { at, flow, direction, frame_number: None, payload: event });
                self.machine.handle(at, Input::Datagram { track: datagram.track, payload });
                budget = budget.saturating_sub(payload.len());
            }
            self.pump(turn);
            if budget == 0 {
                break;
            }
        }
        self.datagrams.is_ready && !self.done
    }

    /// Sends a packet over UDP, and records it once the system took it.
    pub(super) fn send_datagram(
        &mut self,
        track: usize,
        rtcp: bool,
        port: u16,
        payload: &[u8],
        turn: &mut Turn<'_, '_>,
    ) {
        if !self.datagrams.has(track) {
            return self.send_from_shared(track, rtcp, port, payload, turn);
        }
        let Some((flow, number, from, to)) = self.datagrams.send(track, rtcp, port, payload) else { return };
        let payload = Payload::Datagram { port: number, from, to, payload };
        let (at, direction) = (turn.clock.now(), Direction::ClientToServer);
        turn.tap.event(&TraceEvent { at, flow, direction, frame_number: None, payload });
    }

    /// The same for a server, whose clients share its sockets.
    fn send_from_shared(&mut self, track: usize, rtcp: bool, port: u16, payload: &[u8], turn: &mut Turn<'_, '_>) {
        let Some(flow) = self.connection.as_ref().map(Connection::flow) else { return };
        let Some((own_rtp, own_rtcp)) = turn.media.ports().get(track).copied() else { return };
        if !self.client_ports.contains(&port) {
            self.client_ports.extend([port, port ^ 1]);
        }
        let to = SocketAddr::new(flow.client.ip(), port);
        match turn.media.send(track, rtcp, to, payload) {
            None => self.parked = Some(Datagram { track, rtcp, port, payload: payload.to_vec() }),
            Some(false) => {}
            Some(true) => {
                let from = SocketAddr::new(flow.server.ip(), if rtcp { own_rtcp } else { own_rtp });
                let payload = Payload::Datagram { port: own_rtp, from, to, payload };
                let at = turn.clock.now();
                let direction = Direction::ServerToClient;
                turn.tap.event(&TraceEvent { at, flow, direction, frame_number: None, payload });
            }
        }
    }
}
