//! Captured packets to trace events: finds the TCP connections, puts each direction through a demuxer.
//!
//! Segments are expected in order, as our own captures hold them. A hole is passed on as a gap, a repeated byte is
//! left out.

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};

use etherparse::{NetSlice, SlicedPacket, TcpSlice, TransportSlice};
use pcap_file::DataLink;

use crate::capture::interface;
use crate::capture::reader::{CaptureError, FileEnd, Packet, read_packets};
use crate::rtsp::demux::{Demuxer, Pdus};
use crate::time::Timestamp;
use crate::trace::{Close, Direction, Flow, Payload, Tap, TraceEvent};

/// Turns packets into trace events.
#[derive(Debug, Default)]
pub struct Source {
    /// By sender and receiver as written: number of the connection and direction.
    ends: HashMap<(SocketAddr, SocketAddr), (usize, Direction)>,
    connections: Vec<Connection>,
    /// Session numbers by interface.
    sessions: HashMap<u32, usize>,
    /// Time and number of the latest packet.
    latest: (Timestamp, u64),
}

#[derive(Debug)]
struct Connection {
    flow: Flow,
    /// When its SYN was seen, until it is told that it opened.
    started: Option<Timestamp>,
    /// By [`Direction::index`].
    streams: [Stream; 2],
}

#[derive(Debug, Default)]
struct Stream {
    demuxer: Demuxer,
    /// Sequence number of the next byte, once one is known.
    next: Option<u32>,
    closed: bool,
}

/// A segment taken out of its packet.
struct TcpSegment<'a> {
    from: SocketAddr,
    to: SocketAddr,
    tcp: TcpSlice<'a>,
}

impl Source {
    /// Reads a capture to its end and hands every event to the tap.
    ///
    /// # Errors
    /// If the capture can't be read, is no pcapng file, or is damaged; or if the tap fails.
    pub fn read<R: Read>(input: R, tap: &mut impl Tap) -> Result<FileEnd, CaptureError> {
        let mut source = Self::default();
        let end = read_packets(input, |packet| source.packet(packet, tap))?;
        source.finish(tap).map_err(CaptureError::Tap)?;
        Ok(end)
    }

    /// Takes a packet. What is not TCP over IP over Ethernet is passed over.
    fn packet(&mut self, packet: &Packet<'_>, tap: &mut impl Tap) -> io::Result<()> {
        self.latest = (packet.at, packet.number);
        let Some(segment) = tcp_segment(packet) else { return Ok(()) };
        let opening = segment.tcp.syn() && !segment.tcp.ack();
        let known = self.ends.get(&(segment.from, segment.to)).copied().filter(|_| !opening);
        let (index, direction) = match known {
            Some(known) => known,
            None => self.connect(packet, &segment, tap)?,
        };
        match self.connections.get_mut(index) {
            Some(connection) => connection.segment(packet, direction, &segment.tcp, tap),
            None => Ok(()),
        }
    }

    /// A connection that was not seen before, or anew between the same ends.
    fn connect(
        &mut self,
        packet: &Packet<'_>,
        segment: &TcpSegment<'_>,
        tap: &mut impl Tap,
    ) -> io::Result<(usize, Direction)> {
        if let Some((index, _)) = self.ends.get(&(segment.from, segment.to)).copied() {
            self.close(index, tap)?;
        }
        let direction = direction_of(segment);
        let (client, server) = match direction {
            Direction::ClientToServer => (segment.from, segment.to),
            Direction::ServerToClient => (segment.to, segment.from),
        };
        let described = interface::parse(packet.description);
        let sessions = self.sessions.len();
        let flow = Flow {
            id: self.connections.len(),
            session: *self.sessions.entry(packet.interface).or_insert(sessions),
            url: described.map_or_else(String::new, |(url, _)| url.to_owned()),
            client,
            server: described.map_or(server, |(_, server)| server),
        };
        let index = flow.id;
        self.ends.insert((client, server), (index, Direction::ClientToServer));
        self.ends.insert((server, client), (index, Direction::ServerToClient));
        let started = Some(packet.at);
        self.connections.push(Connection { flow, started, streams: [Stream::default(), Stream::default()] });
        Ok((index, direction))
    }

    fn close(&mut self, index: usize, tap: &mut impl Tap) -> io::Result<()> {
        let (at, number) = self.latest;
        let Some(connection) = self.connections.get_mut(index) else { return Ok(()) };
        connection.drain(Direction::ClientToServer, at, number, tap)?;
        connection.drain(Direction::ServerToClient, at, number, tap)
    }

    /// The capture ends here: hands over what no packet completed.
    fn finish(&mut self, tap: &mut impl Tap) -> io::Result<()> {
        (0..self.connections.len()).try_for_each(|index| self.close(index, tap))
    }
}

impl Connection {
    fn segment(
        &mut self,
        packet: &Packet<'_>,
        direction: Direction,
        tcp: &TcpSlice<'_>,
        tap: &mut impl Tap,
    ) -> io::Result<()> {
        let Self { flow, started, streams } = self;
        let Some(stream) = streams.get_mut(direction.index()) else { return Ok(()) };
        let events = Events { at: packet.at, number: packet.number, flow, direction };
        if !tcp.syn()
            && let Some(started) = started.take()
        {
            events.send(Payload::Opened { started }, tap)?;
        }
        let first = tcp.sequence_number().wrapping_add(u32::from(tcp.syn()));
        let next = *stream.next.get_or_insert(first);
        let (payload, gap) = unseen(tcp.payload(), first, next);
        if gap > 0 {
            events.send_all(stream.demuxer.skip(u64::from(gap)), tap)?;
        }
        if !payload.is_empty() {
            let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            stream.next = Some(next.wrapping_add(gap).wrapping_add(length));
            events.send_all(stream.demuxer.feed(payload), tap)?;
            events.send(Payload::ReadEnd, tap)?;
        }
        if (tcp.fin() || tcp.rst()) && !stream.closed {
            stream.closed = true;
            events.send_all(stream.demuxer.close(), tap)?;
            events.send(Payload::Closed(if tcp.rst() { Close::Reset } else { Close::Fin }), tap)?;
        }
        Ok(())
    }

    fn drain(&mut self, direction: Direction, at: Timestamp, number: u64, tap: &mut impl Tap) -> io::Result<()> {
        let Some(stream) = self.streams.get_mut(direction.index()) else { return Ok(()) };
        Events { at, number, flow: &self.flow, direction }.send_all(stream.demuxer.close(), tap)
    }
}

/// What all events of a packet have in common.
struct Events<'a> {
    at: Timestamp,
    number: u64,
    flow: &'a Flow,
    direction: Direction,
}

impl Events<'_> {
    fn send(&self, payload: Payload<'_>, tap: &mut impl Tap) -> io::Result<()> {
        let Self { at, number, flow, direction } = *self;
        tap.event(&TraceEvent { at, flow, direction, frame_number: Some(number), payload })
    }

    fn send_all(&self, mut pdus: Pdus<'_>, tap: &mut impl Tap) -> io::Result<()> {
        while let Some(pdu) = pdus.next_pdu() {
            self.send(Payload::Pdu(pdu), tap)?;
        }
        Ok(())
    }
}

/// The part of a payload that begins at or behind `next`, and how many bytes lack before it. Sequence numbers
/// count modulo 2^32 (RFC 9293, section 3.4).
fn unseen(payload: &[u8], first: u32, next: u32) -> (&[u8], u32) {
    let distance = first.wrapping_sub(next).cast_signed();
    match u32::try_from(distance) {
        Ok(_) if payload.is_empty() => (payload, 0),
        Ok(gap) => (payload, gap),
        Err(_) => (payload.get(distance.unsigned_abs() as usize..).unwrap_or_default(), 0),
    }
}

/// Who sends: a SYN tells; else what a server says first is a response or a frame; else the higher port is the client.
fn direction_of(segment: &TcpSegment<'_>) -> Direction {
    let payload = segment.tcp.payload();
    let from_server = match (segment.tcp.syn(), segment.tcp.ack()) {
        (true, answered) => answered,
        _ if payload.starts_with(b"RTSP/") || payload.starts_with(b"$") => true,
        _ if payload.first().is_some_and(u8::is_ascii_uppercase) => false,
        _ => segment.from.port() < segment.to.port(),
    };
    if from_server { Direction::ServerToClient } else { Direction::ClientToServer }
}

fn tcp_segment<'a>(packet: &Packet<'a>) -> Option<TcpSegment<'a>> {
    if packet.link != DataLink::ETHERNET {
        return None;
    }
    let sliced = SlicedPacket::from_ethernet(packet.data).ok()?;
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else { return None };
    let (from, to): (IpAddr, IpAddr) = match sliced.net? {
        NetSlice::Ipv4(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        NetSlice::Ipv6(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        NetSlice::Arp(_) => return None,
    };
    let from = SocketAddr::new(from, tcp.source_port());
    let to = SocketAddr::new(to, tcp.destination_port());
    Some(TcpSegment { from, to, tcp })
}
