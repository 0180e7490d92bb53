//! How a capture begins, and whether it goes on where another one ended.
//!
//! Rotation (`tcpdump -C`, `-G`, ring buffers, `editcap -c`) cuts one capture into files. What they are called says
//! little; what they hold says it all: TCP connections whose sequence numbers go on, and RTP over UDP whose do. A file
//! that repeats what the one before it ended with, as one that opens with the dialogue again, goes on as well, if the
//! repetition has the sequence numbers right before those that follow: of bytes that come twice the first copy counts.

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::SocketAddr;

use crate::capture::ip::{Decoded, IpLayer, TcpSegment, UdpDatagram};
use crate::capture::reader::{CaptureError, Packet, read_packets};
use crate::rtp::packet::rtp_source_by_shape;
use crate::time::Timestamp;

/// A capture's beginning: so many packets, and bytes in them.
const MAX_PACKETS: u32 = 1000;
const MAX_BYTES: usize = 1 << 20;
/// Numbers of a repetition may lie so far behind, as may acknowledgements.
const MAX_BEHIND: i64 = 16 << 20;
/// Numbers may skip so much, besides what a lost file may have held.
const MAX_AHEAD: i64 = 1 << 20;
/// A lost file held no more than so many times what the connection carried before, in the same time.
const MAX_RATE: u128 = 4;

/// Sender and receiver.
type AddressPair = (SocketAddr, SocketAddr);

/// The first packets of a capture.
#[derive(Debug, Default)]
pub struct Beginning {
    first: Timestamp,
    /// The first segment of each direction of each connection.
    segments: HashMap<AddressPair, First>,
    /// Source and sequence number of the first RTP packet over UDP between two ports.
    datagrams: HashMap<AddressPair, (u32, u16)>,
    packets: u32,
    bytes: usize,
}

/// The first segment of a direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct First {
    pub(super) seq: u32,
    pub(super) ack: Option<u32>,
    /// A SYN without ACK: the connection begins here.
    opening: bool,
}

impl Beginning {
    /// Reads the first packets of a capture; `None` if it has none.
    ///
    /// # Errors
    /// If it can't be read or is damaged right there.
    pub fn read<R: Read>(input: R) -> Result<Option<Self>, CaptureError> {
        let (mut beginning, mut ip) = (Self::default(), IpLayer::default());
        let read = read_packets(input, |packet| beginning.packet(packet, &mut ip));
        match read {
            // The end of what is to be read.
            Err(CaptureError::Tap(_)) => Ok(Some(beginning)),
            Err(_) if beginning.packets > 0 => Ok(Some(beginning)),
            Err(error) => Err(error),
            Ok(_) => Ok((beginning.packets > 0).then_some(beginning)),
        }
    }

    /// The time of the first packet.
    pub const fn first(&self) -> Timestamp {
        self.first
    }

    /// Whether something was under way already, so that another capture may come before.
    pub fn is_under_way(&self) -> bool {
        let begins = |ends: &AddressPair| self.segments.get(ends).is_some_and(|first| first.opening);
        !self.datagrams.is_empty()
            || self.segments.keys().any(|(from, to)| !begins(&(*from, *to)) && !begins(&(*to, *from)))
    }

    /// Whether it comes before one that has the same time, by the sequence numbers of what both hold.
    pub fn is_before(&self, other: &Self) -> bool {
        let later = |number: u32, than: u32| number.wrapping_sub(than).cast_signed() > 0;
        self.segments.iter().any(|((from, to), first)| {
            let sent = other.segments.get(&(*from, *to)).filter(|second| !second.opening);
            let acknowledged = other.segments.get(&(*to, *from)).and_then(|second| second.ack);
            sent.is_some_and(|second| later(second.seq, first.seq))
                || acknowledged.is_some_and(|ack| later(ack, first.seq))
        })
    }

    fn packet(&mut self, packet: &Packet<'_>, ip: &mut IpLayer) -> io::Result<()> {
        if self.packets == 0 {
            self.first = packet.at;
        }
        match ip.decode(packet) {
            Some(Decoded::Tcp(segment)) => self.segment(&segment),
            Some(Decoded::Udp(datagram)) => self.datagram(&datagram),
            Some(Decoded::Icmp(_)) | None => {}
        }
        self.packets += 1;
        self.bytes += packet.data.len();
        if self.packets < MAX_PACKETS && self.bytes < MAX_BYTES { Ok(()) } else { Err(io::Error::other("enough")) }
    }

    fn segment(&mut self, segment: &TcpSegment<'_>) {
        let ack = segment.is_answer().then_some(segment.ack);
        let opening = segment.is_opening() && !segment.is_answer();
        self.segments.entry((segment.from, segment.to)).or_insert(First { seq: segment.seq, ack, opening });
    }

    fn datagram(&mut self, datagram: &UdpDatagram<'_>) {
        if let Some(source) = rtp_source_by_shape(datagram.payload) {
            self.datagrams.entry((datagram.from, datagram.to)).or_insert(source);
        }
    }

    /// The first segments of connections that were under way.
    pub(super) fn segments(&self) -> impl Iterator<Item = (&AddressPair, &First)> {
        self.segments.iter().filter(|(_, first)| !first.opening)
    }

    /// The first RTP packets over UDP: between which ports, source and sequence number.
    pub(super) fn datagrams(&self) -> impl Iterator<Item = (&AddressPair, (u32, u16))> {
        self.datagrams.iter().map(|(ends, source)| (ends, *source))
    }
}

/// How far a direction's sequence numbers may have moved on in `pause` nanoseconds, after `received` bytes in `elapsed`.
pub(super) fn reach(received: u64, pause: i64, elapsed: i64) -> i64 {
    let [pause, elapsed] = [pause, elapsed].map(|nanos| u128::try_from(nanos.max(0)).unwrap_or(0));
    let lost = (u128::from(received) * MAX_RATE).saturating_mul(pause) / elapsed.max(1);
    MAX_AHEAD.saturating_add(i64::try_from(lost).unwrap_or(i64::MAX)).min(i64::from(i32::MAX))
}

/// Whether a sequence number can be the next where `front` was expected.
pub(super) fn is_near(number: u32, front: u32, reach: i64) -> bool {
    (-MAX_BEHIND..=reach).contains(&i64::from(number.wrapping_sub(front).cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_file_may_have_held_as_much_as_the_connection_carries() {
        assert_eq!(reach(0, 10, 10), MAX_AHEAD);
        assert_eq!(reach(1000, 30, 10), MAX_AHEAD + 12_000);
        assert_eq!(reach(1000, -5, 10), MAX_AHEAD);
        assert_eq!(reach(u64::MAX, i64::MAX, 0), i64::from(i32::MAX));
    }

    #[test]
    fn sequence_numbers_that_go_on() {
        let front = u32::MAX - 5;
        assert!(is_near(front, front, 100) && is_near(front.wrapping_add(100), front, 100));
        assert!(!is_near(front.wrapping_add(101), front, 100));
        assert!(is_near(front - (16 << 20), front, 100) && !is_near(front - (16 << 20) - 1, front, 100));
    }
}
