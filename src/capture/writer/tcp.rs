//! A TCP connection in the making: sequence numbers, acknowledgements and handshakes of its packets (RFC 9293).

use std::net::SocketAddr;

use crate::capture::control_bits as flags;
use crate::capture::writer::block::{Stamp, append_packet};
use crate::capture::writer::packet::{Headers, MAX_SEGMENT, SYN_OPTIONS, Segment, set_push};
use crate::capture::writer::repeat::WrittenMessage;
use crate::time::Timestamp;
use crate::trace::{Close, Direction, Note};

/// The other side acknowledges at least every so many packets: Wireshark's analysis walks over all that is not.
const ACK_EVERY: u32 = 64;

/// One TCP connection in the making.
#[derive(Debug)]
pub(in crate::capture) struct WrittenConnection {
    interface: u32,
    /// Whose packets are outbound.
    taken_at: Direction,
    /// The comment of the next packet.
    comment: String,
    /// By [`Direction::index`].
    sides: [Side; 2],
}

/// One sender.
#[derive(Debug)]
struct Side {
    headers: Headers,
    /// Sequence number of the next byte.
    next: u32,
    /// Counts reads.
    ip_id: u16,
    /// Packets that the other side has not acknowledged.
    unacknowledged: u32,
    /// Where in the buffer the last data packet of this read begins.
    last_packet: Option<usize>,
    closed: bool,
}

impl WrittenConnection {
    /// A connection, with its handshake: the SYN at `started`, the rest at `at`.
    pub(in crate::capture) fn open(
        out: &mut Vec<u8>,
        interface: u32,
        taken_at: Direction,
        (client, server): (SocketAddr, SocketAddr),
        (started, at): (Timestamp, Timestamp),
    ) -> Self {
        let side = |headers| Side { headers, next: 0, ip_id: 0, unacknowledged: 0, last_packet: None, closed: false };
        let sides = [side(Headers::new(client, server, true)), side(Headers::new(server, client, false))];
        let mut connection = Self { interface, taken_at, comment: String::new(), sides };
        let options = &SYN_OPTIONS;
        let syn = Segment { flags: flags::SYN, options, ..Segment::default() };
        connection.append(out, started, Direction::ClientToServer, syn);
        let syn_ack = Segment { flags: flags::SYN | flags::ACK, options, ..Segment::default() };
        connection.append(out, at, Direction::ServerToClient, syn_ack);
        connection.acknowledge(out, at, Direction::ClientToServer);
        connection
    }

    /// The interface's number, which is another one in each file.
    pub(in crate::capture) fn set_interface(&mut self, interface: u32) {
        self.interface = interface;
    }

    /// Whether either side has ended it.
    pub(in crate::capture) fn is_closing(&self) -> bool {
        self.sides.iter().any(|side| side.closed)
    }

    /// Whether nothing more can come.
    pub(in crate::capture) fn is_closed(&self) -> bool {
        self.sides.iter().all(|side| side.closed)
    }

    /// Writes messages once more, right before what comes next in their directions: of bytes that come twice a reader
    /// of both files takes the first, and to a reader of this file alone it is the stream's beginning.
    pub(in crate::capture) fn repeat(&mut self, out: &mut Vec<u8>, at: Timestamp, messages: &[WrittenMessage]) {
        for WrittenMessage { direction, bytes, .. } in messages {
            if let Some(side) = self.sides.get_mut(direction.index()) {
                // Sequence numbers count modulo 2^32.
                side.next = side.next.wrapping_sub(u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or(0));
            }
        }
        for WrittenMessage { at: then, direction, bytes, .. } in messages {
            for payload in bytes.chunks(MAX_SEGMENT) {
                self.comment(Note::Repeated { at: *then }.to_string());
                self.data(out, at, *direction, payload);
            }
            self.read_end(out, *direction);
        }
    }

    /// The next packet has this comment.
    pub(in crate::capture) fn comment(&mut self, text: String) {
        self.comment = text;
    }

    /// What was gathered has been written: its packets can't be changed any more.
    pub(in crate::capture) fn forget_packets(&mut self) {
        self.sides.iter_mut().for_each(|side| side.last_packet = None);
    }

    /// Writes a segment of this direction at its place in the stream.
    fn append(&mut self, out: &mut Vec<u8>, at: Timestamp, direction: Direction, segment: Segment<'_>) -> usize {
        let [client, server] = &mut self.sides;
        let (from, to) = match direction {
            Direction::ClientToServer => (client, server),
            Direction::ServerToClient => (server, client),
        };
        let ack = if segment.flags & flags::ACK == 0 { 0 } else { to.next };
        let segment = Segment { seq: from.next, ack, ip_id: from.ip_id, ..segment };
        to.unacknowledged = 0;
        // SYN and FIN take a number each (RFC 9293, section 3.4).
        let controls = u32::from(segment.flags & (flags::SYN | flags::FIN) != 0);
        let length = u32::try_from(segment.payload.len()).unwrap_or(0);
        from.next = from.next.wrapping_add(length).wrapping_add(controls);
        let comment = std::mem::take(&mut self.comment);
        let outbound = direction == self.taken_at;
        let stamp = Stamp { interface: self.interface, at, outbound, comment: &comment };
        append_packet(out, stamp, &from.headers, &segment)
    }

    /// Writes a segment with payload.
    pub(in crate::capture) fn data(&mut self, out: &mut Vec<u8>, at: Timestamp, direction: Direction, payload: &[u8]) {
        let start = self.append(out, at, direction, Segment { flags: flags::ACK, payload, ..Segment::default() });
        let Some(side) = self.sides.get_mut(direction.index()) else { return };
        side.last_packet = Some(start);
        side.unacknowledged += 1;
        if side.unacknowledged >= ACK_EVERY {
            self.acknowledge(out, at, direction.reverse());
        }
    }

    fn acknowledge(&mut self, out: &mut Vec<u8>, at: Timestamp, direction: Direction) {
        self.append(out, at, direction, Segment { flags: flags::ACK, ..Segment::default() });
    }

    /// Bytes that nobody saw.
    pub(in crate::capture) fn skip(&mut self, direction: Direction, len: u64) {
        if let Some(side) = self.sides.get_mut(direction.index()) {
            // Sequence numbers count modulo 2^32.
            side.next = side.next.wrapping_add(u32::try_from(len & 0xffff_ffff).unwrap_or(0));
        }
    }

    /// PSH marks the last packet of a read; the next read has another IP ID.
    pub(in crate::capture) fn read_end(&mut self, out: &mut [u8], direction: Direction) {
        let Some(side) = self.sides.get_mut(direction.index()) else { return };
        side.ip_id = side.ip_id.wrapping_add(1);
        if let Some(packet) = side.last_packet.take().and_then(|start| out.get_mut(start..)) {
            set_push(packet, side.headers.flags_at());
        }
    }

    /// Ends a direction.
    pub(in crate::capture) fn close(&mut self, out: &mut Vec<u8>, at: Timestamp, direction: Direction, close: Close) {
        for (index, side) in self.sides.iter_mut().enumerate() {
            side.closed |= close == Close::Reset || index == direction.index();
        }
        match close {
            Close::Fin => {
                let fin = Segment { flags: flags::FIN | flags::ACK, ..Segment::default() };
                self.append(out, at, direction, fin);
                self.acknowledge(out, at, direction.reverse());
            }
            Close::Reset => {
                self.append(out, at, direction, Segment { flags: flags::RST | flags::ACK, ..Segment::default() });
            }
        }
    }
}
