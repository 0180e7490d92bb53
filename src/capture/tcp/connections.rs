//! The TCP connections of a capture: which one a segment belongs to, and which of them are worth their memory.

use std::collections::BTreeMap;
use std::io;

use crate::capture::beginning::Beginning;
use crate::capture::encapsulation::NetworkId;
use crate::capture::interface;
use crate::capture::ip::{Decoded, IcmpError, TcpSegment, UdpDatagram};
use crate::capture::rewrite::RewriteMap;
use crate::capture::tcp::connection::Connection;
use crate::capture::tcp::event_context::EventContext;
use crate::capture::tcp::known_ends::{FoundConnection, KnownEnds, NumberedDirection};
use crate::capture::tcp::reassembly::Arrival;
use crate::capture::tcp::tunnel::{Tunnels, post};
use crate::capture::udp::bare::BareFlows;
use crate::capture::udp::datagrams;
use crate::capture::udp::named::NamedSessions;
use crate::capture::udp::ports::MediaPorts;
use crate::time::Timestamp;
use crate::trace::{Direction, Note, Payload, Tap, TraceEvent};

/// TCP connections without RTSP that are remembered at once; the oldest is forgotten.
const MAX_OTHERS: usize = 8192;
/// Bytes that all connections together keep of segments and PDUs that are not complete.
const MAX_HELD: usize = 64 << 20;

/// Where servers of RTSP listen: 554 is IANA's, 8554 that of most of the others.
const RTSP_PORTS: [u16; 2] = [554, 8554];
/// A client's port is hardly below (RFC 6335, section 6).
const FIRST_USER_PORT: u16 = 1024;
/// Packets of several interfaces need not be in order: a file may begin so long before the one before it ends.
const MAX_DISORDER_NS: i64 = 100_000_000;

/// All that are known.
#[derive(Debug, Default)]
pub(in crate::capture) struct Connections {
    ends: KnownEnds,
    /// By number, in the order of their first packet.
    by_number: BTreeMap<u64, Connection>,
    next_number: u64,
    /// The lowest number that may be of one without RTSP.
    oldest: u64,
    /// How many of them have shown no RTSP.
    others: usize,
    /// What they keep of [`MAX_HELD`].
    held: usize,
    /// RTSP connections so far.
    sessions: usize,
    ports: MediaPorts,
    tunnels: Tunnels,
    /// Media without RTSP: what is named, and what could be.
    pub(in crate::capture) named: NamedSessions,
    pub(in crate::capture) bare: BareFlows,
    /// Where a plan is made of the capture.
    pub(in crate::capture) rewrite_map: Option<Box<RewriteMap>>,
}

impl Connections {
    /// Takes a segment, from an interface with this description.
    #[inline]
    pub(in crate::capture) fn segment(
        &mut self,
        description: &str,
        segment: &TcpSegment<'_>,
        arrival: Arrival,
        tap: &mut impl Tap,
    ) -> io::Result<()> {
        let (number, direction) = match self.find(segment, arrival.at) {
            FoundConnection::Known((number, direction)) if self.is_reopened(number, direction, segment, arrival.at) => {
                self.drain(number, arrival, tap)?;
                // It may have been seen in another network before.
                match self.find(segment, arrival.at) {
                    FoundConnection::Known(place) | FoundConnection::Elsewhere(place) => place,
                    FoundConnection::New => self.connect(description, segment, arrival, tap)?,
                }
            }
            FoundConnection::Known(place) | FoundConnection::Elsewhere(place) => place,
            FoundConnection::New => self.connect(description, segment, arrival, tap)?,
        };
        self.ports.network = segment.network;
        let Self { by_number, sessions, ports, tunnels, rewrite_map, .. } = self;
        let Some(connection) = by_number.get_mut(&number) else { return Ok(()) };
        let (other, held) = (!connection.is_rtsp(), connection.held());
        connection.segment(
            direction,
            segment,
            arrival,
            &mut EventContext { sessions, ports, tunnels, rewrite_map, tap },
        )?;
        self.held = (self.held + connection.held()).saturating_sub(held);
        self.others = self.others.saturating_sub(usize::from(other && connection.is_rtsp()));
        if self.held + self.tunnels.held() > MAX_HELD { self.give_up(arrival, tap) } else { Ok(()) }
    }

    /// The connection of a segment, if it is known.
    #[inline]
    fn find(&mut self, segment: &TcpSegment<'_>, at: Timestamp) -> FoundConnection {
        let Self { ends, by_number, .. } = self;
        let fits = |(number, direction): NumberedDirection, network: Option<NetworkId>| {
            by_number.get(&number).is_none_or(|connection| connection.fits(direction, segment, network, at))
        };
        ends.find((&segment.from, &segment.to), segment.network, fits)
    }

    /// A SYN that does not belong to the connection that these ends had before.
    fn is_reopened(&self, number: u64, direction: Direction, segment: &TcpSegment<'_>, at: Timestamp) -> bool {
        segment.is_opening()
            && self.by_number.get(&number).is_some_and(|connection| !connection.is_repeated(direction, segment.seq, at))
    }

    /// A connection that was not seen before.
    fn connect(
        &mut self,
        description: &str,
        segment: &TcpSegment<'_>,
        arrival: Arrival,
        tap: &mut impl Tap,
    ) -> io::Result<(u64, Direction)> {
        self.forget_oldest(arrival, tap)?;
        let direction = direction_of(segment);
        let (client, server) = match direction {
            Direction::ClientToServer => (segment.from, segment.to),
            Direction::ServerToClient => (segment.to, segment.from),
        };
        let number = self.next_number;
        self.next_number += 1;
        self.others += 1;
        self.ends.add((segment.from, segment.to), segment.network, (number, direction));
        let described = interface::parse(description);
        let connection = Connection::new(number, client, server, described, segment.is_opening(), arrival);
        // Headers in recordings of our own are none of the wire.
        let is_watched = described.is_none() && tap.wants_segments();
        self.by_number.insert(number, if is_watched { connection.watched() } else { connection });
        Ok((number, direction))
    }

    /// Makes room for a new connection. What has shown enough of RTSP to be one that ends here is none to forget.
    fn forget_oldest(&mut self, arrival: Arrival, tap: &mut impl Tap) -> io::Result<()> {
        while self.others >= MAX_OTHERS && self.oldest < self.next_number {
            let number = self.oldest;
            self.oldest += 1;
            let Self { by_number, sessions, ports, tunnels, rewrite_map, .. } = self;
            let Some(connection) = by_number.get_mut(&number).filter(|connection| !connection.is_rtsp()) else {
                continue;
            };
            let held = connection.held();
            connection.conclude(arrival, &mut EventContext { sessions, ports, tunnels, rewrite_map, tap })?;
            if connection.is_rtsp() {
                self.held = (self.held + connection.held()).saturating_sub(held);
                self.others = self.others.saturating_sub(1);
            } else {
                self.remove(number);
            }
        }
        Ok(())
    }

    fn remove(&mut self, number: u64) -> Option<Connection> {
        let connection = self.by_number.remove(&number)?;
        self.held = self.held.saturating_sub(connection.held());
        self.others = self.others.saturating_sub(usize::from(!connection.is_rtsp()));
        self.ends.remove(number, connection.ends());
        Some(connection)
    }

    /// All together keep too much: those that keep the most wait no longer.
    #[cold]
    fn give_up(&mut self, arrival: Arrival, tap: &mut impl Tap) -> io::Result<()> {
        let Self { by_number, held, sessions, ports, tunnels, rewrite_map, .. } = self;
        while *held + tunnels.held() > MAX_HELD / 2 {
            let most = by_number.values_mut().max_by_key(|connection| connection.held());
            // What is kept of one that waits for nothing is next to nothing.
            let freed = match most.filter(|connection| connection.held() > tunnels.most_held()) {
                Some(connection) => {
                    let before = connection.held();
                    connection.relieve(arrival, &mut EventContext { sessions, ports, tunnels, rewrite_map, tap })?;
                    let freed = before.saturating_sub(connection.held());
                    *held = held.saturating_sub(freed);
                    freed
                }
                None => post::relieve(arrival, &mut EventContext { sessions, ports, tunnels, rewrite_map, tap })?,
            };
            if freed == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Hands over what is left of a connection and forgets it.
    fn drain(&mut self, number: u64, arrival: Arrival, tap: &mut impl Tap) -> io::Result<()> {
        let Some(mut connection) = self.remove(number) else { return Ok(()) };
        let Self { sessions, ports, tunnels, rewrite_map, .. } = self;
        connection.drain(arrival, &mut EventContext { sessions, ports, tunnels, rewrite_map, tap })
    }

    /// Another file begins, with numbers of its own.
    pub(in crate::capture) fn next_part(&mut self) {
        self.by_number.values_mut().for_each(Connection::next_part);
        self.tunnels.next_part();
        self.ports.unclaimed.forget_numbers();
    }

    /// Whether a capture goes on where what was read ends, with its `latest` packet.
    pub(in crate::capture) fn is_continued_by(&self, next: &Beginning, latest: Timestamp) -> bool {
        let pause = next.first().nanos_since(latest);
        let mut segments =
            next.segments().flat_map(|(ends, first)| self.ends.all_of(ends).map(move |place| (place, first)));
        let goes_on = |(number, direction): (u64, Direction), first| {
            let connection = self.by_number.get(&number);
            connection.is_some_and(|connection| connection.goes_on(direction, first, pause, latest))
        };
        let media = |(from, to), source| match self.ports.find(from, to) {
            [] => self.ports.unclaimed.goes_on((from, to), source),
            all => all.iter().any(|media| media.goes_on(source)),
        };
        pause >= -MAX_DISORDER_NS
            && (segments.any(|(known, first)| goes_on(known, first))
                || next.datagrams().any(|(ends, source)| media(*ends, source)))
    }

    /// The capture ends: hands over what no packet completed.
    pub(in crate::capture) fn finish(&mut self, latest: Arrival, tap: &mut impl Tap) -> io::Result<()> {
        let Self { by_number, sessions, ports, tunnels, rewrite_map, .. } = self;
        datagrams::tell_unnamed(ports, latest, rewrite_map, tap)?;
        let mut connections = by_number.values_mut();
        connections.try_for_each(|connection| {
            connection.drain(latest, &mut EventContext { sessions, ports, tunnels, rewrite_map, tap })
        })?;
        post::finish(latest, &mut EventContext { sessions, ports, tunnels, rewrite_map, tap })
    }

    /// Passes on what the recorder of a packet says of its own work. `false` where it is not known whose packet it is.
    #[cold]
    pub(in crate::capture) fn notes(
        &self,
        packet: Option<&Decoded<'_>>,
        notes: &str,
        Arrival { at, number }: Arrival,
        tap: &mut impl Tap,
    ) -> io::Result<bool> {
        let whose = match packet {
            Some(Decoded::Tcp(segment)) => self
                .ends
                .get(&(segment.from, segment.to), segment.network)
                .and_then(|(number, direction)| self.by_number.get(&number)?.flow(direction, &self.tunnels)),
            Some(Decoded::Udp(datagram)) => {
                self.ports.find(datagram.from, datagram.to).first().map(|media| (&*media.flow, media.direction))
            }
            Some(Decoded::Icmp(_)) | None => None,
        };
        let Some((flow, direction)) = whose else { return Ok(false) };
        for note in Note::all_in(notes) {
            let payload = Payload::Note(&note);
            tap.event(&TraceEvent { at, flow, direction, frame_number: Some(number), payload })?;
        }
        Ok(true)
    }

    /// Takes a datagram.
    pub(in crate::capture) fn datagram(
        &mut self,
        datagram: &UdpDatagram<'_>,
        arrival: Arrival,
        tap: &mut impl Tap,
    ) -> io::Result<()> {
        let Self { ports, rewrite_map, named, .. } = self;
        let members = ports.find_next(datagram);
        if let Some(media) = members.first()
            && !media.is_left(arrival.at, datagram.payload)
            && (named.is_empty() || !named.is_another(datagram, &media.flow))
        {
            return datagrams::tell(members, datagram, arrival, rewrite_map, tap);
        }
        if self.begin_named(datagram, arrival, tap)? {
            return self.datagram(datagram, arrival, tap);
        }
        self.unclaimed(datagram, arrival, tap)
    }

    /// Takes a datagram that is nobody's: it may be of a session that began before the capture.
    fn unclaimed(&mut self, datagram: &UdpDatagram<'_>, arrival: Arrival, tap: &mut impl Tap) -> io::Result<()> {
        let Self { ports, rewrite_map, .. } = self;
        let place = rewrite_map.as_ref().map(|rewrite_map| rewrite_map.current());
        let claimed = if let Some((session, ends)) = ports.unclaimed.take(datagram, arrival, place) {
            let claimed = ports.claim(&session, ends);
            datagrams::remark(&claimed, &session, ports, arrival, tap)?;
            claimed
        } else if let Some(claimed) = ports.claim_unnamed((datagram.from, datagram.to), arrival.at) {
            claimed
        } else {
            return Ok(());
        };
        claimed.datagrams.iter().try_for_each(|kept| datagrams::tell_kept(kept, ports, rewrite_map, tap))
    }

    /// Takes a datagram that is nobody's. Whether it begins a flow that is named, and so is somebody's now.
    #[cold]
    fn begin_named(&mut self, datagram: &UdpDatagram<'_>, arrival: Arrival, tap: &mut impl Tap) -> io::Result<bool> {
        let Self { named, bare, sessions, ports, .. } = self;
        let Some((flow, given)) = named.begin(datagram, sessions) else {
            bare.datagram(datagram, arrival);
            return Ok(false);
        };
        if let Some((_, transport)) = given.transports.last() {
            ports.set_up(flow, transport);
        }
        let (direction, payload) = (Direction::ServerToClient, Payload::Described(given));
        tap.event(&TraceEvent { at: arrival.at, flow, direction, frame_number: Some(arrival.number), payload })?;
        Ok(!ports.find(datagram.from, datagram.to).is_empty())
    }

    /// Whether sessions of other networks have the same ends as a datagram.
    #[inline]
    pub(in crate::capture) fn is_apart(&self, datagram: &UdpDatagram<'_>) -> bool {
        self.ports.is_apart(datagram)
    }

    /// Whether a datagram belongs to a session.
    pub(in crate::capture) fn is_media(&self, datagram: &UdpDatagram<'_>) -> bool {
        !self.ports.find(datagram.from, datagram.to).is_empty()
    }

    /// Takes an error about a datagram.
    #[cold]
    pub(in crate::capture) fn unreachable(
        &self,
        error: &IcmpError,
        arrival: Arrival,
        tap: &mut impl Tap,
    ) -> io::Result<()> {
        let IcmpError { by, from, to, reason } = *error;
        let Some(media) = self.ports.find(from, to).first() else { return Ok(()) };
        let payload = Payload::Unreachable { path: media.path_from(from), from, to, by, reason };
        let (flow, direction, Arrival { at, number }) = (&*media.flow, media.direction.reverse(), arrival);
        tap.event(&TraceEvent { at, flow, direction, frame_number: Some(number), payload })
    }
}

/// Who sends: a SYN tells; else the port of one end; else what a server says first is a response or a frame; else the
/// higher port is the client.
fn direction_of(segment: &TcpSegment<'_>) -> Direction {
    let (from, to) = (segment.from.port(), segment.to.port());
    let from_server = match segment.payload {
        _ if segment.is_opening() => segment.is_answer(),
        _ if RTSP_PORTS.contains(&from) != RTSP_PORTS.contains(&to) => RTSP_PORTS.contains(&from),
        [b'R', b'T', b'S', b'P', b'/', ..] | [b'H', b'T', b'T', b'P', b'/', ..] => true,
        [b'$', ..] if (from < FIRST_USER_PORT) == (to < FIRST_USER_PORT) => true,
        [first, ..] if first.is_ascii_uppercase() => false,
        _ => from < to,
    };
    if from_server { Direction::ServerToClient } else { Direction::ClientToServer }
}
