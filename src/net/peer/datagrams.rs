//! What a peer sends and gets over UDP.

use std::net::SocketAddr;

use super::{Datagram, Peer, PeerContext};
use crate::net::connection::Connection;
use crate::net::datagrams::{Arrived, Datagrams, RECEIVE_BUFFER};
use crate::net::fused::FusedTap;
use crate::session::{Input, Machine, MediaRoute};
use crate::time::Timestamp;
use crate::trace::{Direction, Flow, Note, Payload, Readiness, TraceEvent, UdpPath};

/// After so many bytes the others have their turn.
const BUDGET: usize = 1 << 20;
/// At most so much is read of sockets that are to be closed: more than they hold came behind that.
const LAST_BUDGET: usize = 2 * RECEIVE_BUFFER;

impl<M: Machine> Peer<M> {
    /// Binds sockets for a track, on the address that the connection has.
    pub(super) fn open_media(&mut self, track: usize, turn: &mut PeerContext<'_, '_>) {
        let Some(local) = self.connection.as_ref().map(|connection| connection.flow().client) else { return };
        let bound = turn.ports.bind_pair(local).and_then(|pair| self.datagrams.add(track, pair));
        let now = turn.clock.now();
        match bound {
            Ok((rtp, rtcp)) => self.machine.handle(now, Input::MediaOpened { rtp, rtcp }),
            Err(error) => self.machine.handle(now, Input::MediaFailed(&error.to_string())),
        }
    }

    /// Begins to read what comes for a track.
    pub(super) fn take_media(&mut self, route: MediaRoute, turn: &mut PeerContext<'_, '_>) {
        let Some(flow) = self.connection.as_ref().map(|connection| connection.flow().clone()) else { return };
        let joined = route.group.map_or(Ok(()), |group| self.datagrams.join(route.track, group, flow.client));
        let taken = joined.and_then(|()| self.datagrams.take(turn.registry, self.datagram_token, route, flow));
        if let Err(error) = taken {
            self.machine.handle(turn.clock.now(), Input::MediaFailed(&error.to_string()));
        }
    }

    /// Reads datagrams until none is left, or others should have their turn: whether there may be more.
    pub(super) fn receive_datagrams(&mut self, turn: &mut PeerContext<'_, '_>) -> bool {
        let mut budget = BUDGET;
        while self.datagrams.is_ready && !self.done {
            for datagram in &self.datagrams.read(turn.clock, turn.room) {
                let Some(path) = record(&self.datagrams, datagram, turn.tap) else { continue };
                let payload = datagram.bytes.as_slice();
                self.machine.handle(datagram.at, Input::Datagram { track: datagram.track, path, payload });
                budget = budget.saturating_sub(payload.len());
            }
            self.pump(turn);
            if budget == 0 {
                break;
            }
        }
        self.datagrams.is_ready && !self.done
    }

    /// Closes the sockets of a track, or of all. What they hold came while they were wanted: it is recorded, though no
    /// machine waits for it.
    pub(super) fn close_media(&mut self, track: Option<usize>, turn: &mut PeerContext<'_, '_>) {
        self.end_pause(turn);
        if self.datagrams.takes(track) {
            // First, so that the packets to come can say it.
            self.tell_drops(turn);
            self.record_datagrams(turn);
        }
        self.datagrams.remove(track);
    }

    /// Records what the sockets hold, as far as the tap takes it.
    pub(super) fn record_datagrams(&mut self, turn: &mut PeerContext<'_, '_>) {
        let mut budget = LAST_BUDGET;
        while budget > 0 && turn.tap.readiness(self.session) == Readiness::More {
            let arrived = self.datagrams.read(turn.clock, turn.room);
            if arrived.is_empty() {
                break;
            }
            for datagram in &arrived {
                record(&self.datagrams, datagram, turn.tap);
                budget = budget.saturating_sub(datagram.bytes.len().max(1));
            }
        }
    }

    /// Tells what the system has dropped by now, which no datagram may come to tell of.
    pub(super) fn tell_drops(&mut self, turn: &mut PeerContext<'_, '_>) {
        let at = turn.clock.now();
        for (flow, datagrams) in self.datagrams.drops() {
            dropped(at, flow, datagrams, turn.tap);
        }
    }

    /// Sends a packet over UDP, and records it once the system took it.
    pub(super) fn send_datagram(
        &mut self,
        track: usize,
        rtcp: bool,
        port: u16,
        payload: &[u8],
        turn: &mut PeerContext<'_, '_>,
    ) {
        if !self.datagrams.has(track) {
            return self.send_from_shared(track, rtcp, port, payload, turn);
        }
        // Without the connection no other packet may come to say it.
        if self.connection.is_none() {
            self.tell_drops(turn);
        }
        let Some((flow, path, from, to)) = self.datagrams.send(track, rtcp, port, payload) else { return };
        let payload = Payload::Datagram { path, from, to, payload, missing: 0 };
        let (at, direction) = (turn.clock.now(), Direction::ClientToServer);
        turn.tap.event(&TraceEvent { at, flow, direction, frame_number: None, payload });
    }

    /// The same for a server, whose clients share its sockets.
    fn send_from_shared(
        &mut self,
        track: usize,
        rtcp: bool,
        port: u16,
        payload: &[u8],
        turn: &mut PeerContext<'_, '_>,
    ) {
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
                let path = UdpPath::of_server(own_rtp);
                let payload = Payload::Datagram { path, from, to, payload, missing: 0 };
                let at = turn.clock.now();
                let direction = Direction::ServerToClient;
                turn.tap.event(&TraceEvent { at, flow, direction, frame_number: None, payload });
            }
        }
    }
}

/// Hands a datagram to the tap, unless nobody takes its media. Gives its path.
fn record(datagrams: &Datagrams, datagram: &Arrived, tap: &mut FusedTap<'_>) -> Option<UdpPath> {
    let (flow, path) = datagrams.owner(datagram)?;
    let (at, direction) = (datagram.at, Direction::ServerToClient);
    if datagram.dropped > 0 {
        dropped(at, flow, datagram.dropped.into(), tap);
    }
    let (from, to, payload) = (datagram.from, datagram.to, &*datagram.bytes);
    let payload = Payload::Datagram { path, from, to, payload, missing: 0 };
    tap.event(&TraceEvent { at, flow, direction, frame_number: None, payload });
    Some(path)
}

fn dropped(at: Timestamp, flow: &Flow, datagrams: u64, tap: &mut FusedTap<'_>) {
    let note = Note::KernelDrops { datagrams };
    let direction = Direction::ServerToClient;
    tap.event(&TraceEvent { at, flow, direction, frame_number: None, payload: Payload::Note(&note) });
}
