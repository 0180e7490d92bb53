//! Captured packets to trace events: finds the RTSP connections by their content, puts each direction together and
//! through a demuxer, and gives UDP packets to the session that set up their ports.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};
use std::net::SocketAddr;

use crate::capture::beginning::Beginning;
use crate::capture::connection::{Connection, Outlet};
use crate::capture::interface;
use crate::capture::ip::{Decoded, IpLayer, TcpSegment, UdpDatagram};
use crate::capture::ports::MediaPorts;
use crate::capture::reader::{CaptureError, FileEnd, Packet, read_packets};
use crate::capture::reassembly::Arrival;
use crate::capture::tunnel::Tunnels;
use crate::time::Timestamp;
use crate::trace::{Direction, Payload, Remark, Tap, TraceEvent};

/// TCP connections that are looked into at once; of those that have shown no RTSP the oldest is forgotten.
const MAX_UNDECIDED: usize = 8192;

/// Packets of several interfaces need not be in order: a file may begin so long before the one before it ends.
const MAX_DISORDER_NS: i64 = 100_000_000;

/// Sender and receiver.
type Ends = (SocketAddr, SocketAddr);

/// Turns packets into trace events.
#[derive(Debug, Default)]
pub struct Source {
    ip: IpLayer,
    /// By sender and receiver as written: number of the connection and direction.
    ends: HashMap<Ends, (u64, Direction)>,
    /// What was looked up last there: packets of one sender come in rows.
    last: Option<(Ends, (u64, Direction))>,
    /// By number, in the order of their first packet.
    connections: BTreeMap<u64, Connection>,
    next_connection: u64,
    /// The lowest number that may still be undecided.
    oldest: u64,
    undecided: usize,
    /// RTSP connections so far.
    sessions: usize,
    ports: MediaPorts,
    tunnels: Tunnels,
    latest: Option<Arrival>,
}

impl Source {
    /// A source that has seen nothing yet.
    pub fn new() -> Self {
        Self { ip: IpLayer::new(), ..Self::default() }
    }

    /// Reads one capture to its end and hands every event to the tap.
    ///
    /// # Errors
    /// If the capture can't be read or is damaged; or if the tap fails.
    pub fn read<R: Read>(input: R, tap: &mut impl Tap) -> Result<FileEnd, CaptureError> {
        let mut source = Self::new();
        let end = source.read_part(input, tap)?;
        source.finish(tap).map_err(CaptureError::Tap)?;
        Ok(end)
    }

    /// Reads one of several captures that follow each other, as rotation leaves them. [`Source::finish`] comes after
    /// the last. Events have the numbers that packets have in their own file; what was completed by a packet of an
    /// earlier one has none.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn read_part<R: Read>(&mut self, input: R, tap: &mut impl Tap) -> Result<FileEnd, CaptureError> {
        self.connections.values_mut().for_each(Connection::next_part);
        self.tunnels.next_part();
        let end = read_packets(input, |packet| self.packet(packet, tap))?;
        if end.cut {
            let Arrival { at, number } = self.latest();
            let detail = "the file ends in the middle of a packet";
            let remark = Remark { at, frame_number: number, code: "capture-cut", detail };
            tap.remark(&remark).map_err(CaptureError::Tap)?;
        }
        Ok(end)
    }

    /// Whether a capture goes on where what was read ends: it begins no earlier, and with a connection that may speak
    /// RTSP, or the media of one, whose sequence numbers go on. A file between them may be lost.
    pub fn is_continued_by(&self, next: &Beginning) -> bool {
        let Some(Arrival { at: latest, .. }) = self.latest else { return false };
        let pause = next.first().nanos_since(latest);
        let mut segments = next.segments().filter_map(|(ends, first)| Some((self.ends.get(ends)?, first)));
        let goes_on = |(number, direction): (u64, Direction), first| {
            let connection = self.connections.get(&number);
            connection.is_some_and(|connection| connection.goes_on(direction, first, pause, latest))
        };
        let media = |(from, to), source| self.ports.find(from, to).is_some_and(|media| media.goes_on(source));
        pause >= -MAX_DISORDER_NS
            && (segments.any(|(known, first)| goes_on(*known, first))
                || next.datagrams().any(|(ends, source)| media(*ends, source)))
    }

    /// The capture ends here: hands over what no packet completed.
    ///
    /// # Errors
    /// Those of the tap.
    pub fn finish(mut self, tap: &mut impl Tap) -> io::Result<()> {
        let numbers: Vec<u64> = self.connections.keys().copied().collect();
        numbers.into_iter().try_for_each(|number| self.drain(number, tap))?;
        self.tunnels.finish(self.latest(), tap)
    }

    fn latest(&self) -> Arrival {
        self.latest.unwrap_or(Arrival { at: Timestamp::default(), number: 0 })
    }

    fn packet(&mut self, packet: &Packet<'_>, tap: &mut impl Tap) -> io::Result<()> {
        let arrival = Arrival { at: packet.at, number: packet.number };
        self.latest = Some(arrival);
        let mut ip = std::mem::take(&mut self.ip);
        let result = match ip.decode(packet) {
            Some(Decoded::Tcp(segment)) => self.segment(packet, &segment, arrival, tap),
            Some(Decoded::Udp(datagram)) => self.datagram(&datagram, arrival, tap),
            None => Ok(()),
        };
        self.ip = ip;
        result
    }

    fn segment(
        &mut self,
        packet: &Packet<'_>,
        segment: &TcpSegment<'_>,
        arrival: Arrival,
        tap: &mut impl Tap,
    ) -> io::Result<()> {
        let known = self.look_up((segment.from, segment.to));
        let (number, direction) = match known {
            Some((number, direction)) if !self.is_reopened(number, direction, segment) => (number, direction),
            Some((number, _)) => {
                self.drain(number, tap)?;
                self.connect(packet, segment, arrival)
            }
            None => self.connect(packet, segment, arrival),
        };
        let Self { connections, sessions, ports, tunnels, .. } = self;
        let Some(connection) = connections.get_mut(&number) else { return Ok(()) };
        let undecided = connection.is_undecided();
        connection.segment(direction, segment, arrival, &mut Outlet { sessions, ports, tunnels, tap })?;
        if undecided && !connection.is_undecided() {
            self.undecided = self.undecided.saturating_sub(1);
        }
        Ok(())
    }

    fn look_up(&mut self, ends: Ends) -> Option<(u64, Direction)> {
        if let Some((_, known)) = self.last.filter(|(last, _)| *last == ends) {
            return Some(known);
        }
        let known = self.ends.get(&ends).copied()?;
        self.last = Some((ends, known));
        Some(known)
    }

    /// A SYN that does not belong to the connection that these ends had before.
    fn is_reopened(&self, number: u64, direction: Direction, segment: &TcpSegment<'_>) -> bool {
        let connection = self.connections.get(&number);
        segment.is_opening() && connection.is_some_and(|connection| !connection.is_repeated(direction, segment.seq))
    }

    /// A connection that was not seen before.
    fn connect(&mut self, packet: &Packet<'_>, segment: &TcpSegment<'_>, arrival: Arrival) -> (u64, Direction) {
        self.forget_oldest();
        let direction = direction_of(segment);
        let (client, server) = match direction {
            Direction::ClientToServer => (segment.from, segment.to),
            Direction::ServerToClient => (segment.to, segment.from),
        };
        let number = self.next_connection;
        self.next_connection += 1;
        self.undecided += 1;
        self.ends.insert((client, server), (number, Direction::ClientToServer));
        self.ends.insert((server, client), (number, Direction::ServerToClient));
        let described = interface::parse(packet.description);
        self.connections.insert(number, Connection::new(client, server, described, segment.is_opening(), arrival));
        (number, direction)
    }

    /// Makes room for a new connection.
    fn forget_oldest(&mut self) {
        while self.undecided >= MAX_UNDECIDED && self.oldest < self.next_connection {
            let number = self.oldest;
            self.oldest += 1;
            if self.connections.get(&number).is_some_and(Connection::is_undecided)
                && let Some(connection) = self.connections.remove(&number)
            {
                self.undecided -= 1;
                self.forget_ends(number, &connection);
            }
        }
    }

    fn forget_ends(&mut self, number: u64, connection: &Connection) {
        self.last = None;
        let (client, server) = connection.ends();
        for ends in [(client, server), (server, client)] {
            if self.ends.get(&ends).is_some_and(|(known, _)| *known == number) {
                self.ends.remove(&ends);
            }
        }
    }

    /// Hands over what is left of a connection and forgets it.
    fn drain(&mut self, number: u64, tap: &mut impl Tap) -> io::Result<()> {
        let latest = self.latest();
        let Some(mut connection) = self.connections.remove(&number) else { return Ok(()) };
        if connection.is_undecided() {
            self.undecided = self.undecided.saturating_sub(1);
        }
        self.forget_ends(number, &connection);
        let Self { sessions, ports, tunnels, .. } = self;
        connection.drain(latest, &mut Outlet { sessions, ports, tunnels, tap })
    }

    fn datagram(&mut self, datagram: &UdpDatagram<'_>, arrival: Arrival, tap: &mut impl Tap) -> io::Result<()> {
        let Some(media) = self.ports.find(datagram.from, datagram.to) else { return Ok(()) };
        media.note(datagram.payload);
        let Arrival { at, number } = arrival;
        let payload =
            Payload::Datagram { port: media.port, from: datagram.from, to: datagram.to, payload: datagram.payload };
        let (flow, direction) = (&*media.flow, media.direction);
        tap.event(&TraceEvent { at, flow, direction, frame_number: Some(number), payload })
    }
}

/// Who sends: a SYN tells; else what a server says first is a response or a frame; else the higher port is the client.
fn direction_of(segment: &TcpSegment<'_>) -> Direction {
    let from_server = match segment.payload {
        _ if segment.is_opening() => segment.is_answer(),
        [b'R', b'T', b'S', b'P', b'/', ..] | [b'H', b'T', b'T', b'P', b'/', ..] | [b'$', ..] => true,
        [first, ..] if first.is_ascii_uppercase() => false,
        _ => segment.from.port() < segment.to.port(),
    };
    if from_server { Direction::ServerToClient } else { Direction::ClientToServer }
}
