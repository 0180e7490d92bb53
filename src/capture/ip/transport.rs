//! What IP packets carry: TCP segments, UDP datagrams, ICMP errors about them (RFC 9293, 768, 792, 4443).

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use byteorder::{ByteOrder, NetworkEndian};

use crate::capture::control_bits as flags;
use crate::capture::encapsulation::NetworkId;
use crate::capture::ip::header::{Body, Datagram};
use crate::capture::ip_protocol::{ICMP, ICMP_V6, UDP};
use crate::trace::UnreachableReason;

/// Without options.
const TCP_HEADER: usize = 20;
/// Where the window stands in it.
const WINDOW: Range<usize> = 14..16;
pub(super) const UDP_HEADER: usize = 8;
/// Type, code, checksum, and four bytes that depend on the type.
pub(in crate::capture) const ICMP_HEADER: usize = 8;

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) enum Decoded<'a> {
    Tcp(TcpSegment<'a>),
    Udp(UdpDatagram<'a>),
    Icmp(IcmpError),
}

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) struct TcpSegment<'a> {
    pub(in crate::capture) from: SocketAddr,
    pub(in crate::capture) to: SocketAddr,
    pub(in crate::capture) seq: u32,
    pub(in crate::capture) ack: u32,
    /// Control bits, as in `control_bits`.
    pub(in crate::capture) flags: u8,
    pub(in crate::capture) payload: &'a [u8],
    /// Bytes of payload behind `payload` that were on the wire and not captured.
    pub(in crate::capture) missing: u32,
    /// Bytes before `payload` in what the IP header announced.
    pub(in crate::capture) header: u16,
    /// Where it was seen.
    pub(in crate::capture) network: NetworkId,
    /// How many routers the packet may still pass.
    pub(in crate::capture) hop_limit: u8,
    /// The identification of IP; 0 where it has none.
    pub(in crate::capture) id: u16,
    /// The header with its options, as far as it was captured: at least what is in each.
    pub(in crate::capture) head: &'a [u8],
}

impl<'a> TcpSegment<'a> {
    /// The window as it is written.
    pub(in crate::capture) fn window(&self) -> u16 {
        self.head.get(WINDOW).map_or(0, NetworkEndian::read_u16)
    }

    /// The options, as far as they were captured.
    pub(in crate::capture) fn options(&self) -> &'a [u8] {
        self.head.get(TCP_HEADER..).unwrap_or_default()
    }

    /// With SYN.
    pub(in crate::capture) fn is_opening(&self) -> bool {
        self.flags & flags::SYN != 0
    }

    /// With ACK.
    pub(in crate::capture) fn is_answer(&self) -> bool {
        self.flags & flags::ACK != 0
    }

    /// With FIN.
    pub(in crate::capture) fn is_final(&self) -> bool {
        self.flags & flags::FIN != 0
    }

    /// With RST.
    pub(in crate::capture) fn is_reset(&self) -> bool {
        self.flags & flags::RST != 0
    }
}

/// A UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) struct UdpDatagram<'a> {
    pub(in crate::capture) from: SocketAddr,
    pub(in crate::capture) to: SocketAddr,
    pub(in crate::capture) payload: &'a [u8],
    /// Bytes of payload behind `payload` that were on the wire and not captured.
    pub(in crate::capture) missing: u32,
    /// Bytes before `payload` in what the IP header announced.
    pub(in crate::capture) header: u16,
    /// Where it was seen.
    pub(in crate::capture) network: NetworkId,
    /// The identification of IP; 0 where it has none.
    pub(in crate::capture) id: u16,
    /// How many routers the packet may still pass.
    pub(in crate::capture) hop_limit: u8,
    /// As it is written; 0 where there is none.
    pub(in crate::capture) checksum: u16,
}

impl<'a> UdpDatagram<'a> {
    /// A whole one, of whose packet nothing else is known.
    pub(in crate::capture) fn new(from: SocketAddr, to: SocketAddr, payload: &'a [u8]) -> Self {
        let (missing, header, network) = (0, 0, NetworkId::default());
        let (id, hop_limit, checksum) = (0, 0, 0);
        Self { from, to, payload, missing, header, network, id, hop_limit, checksum }
    }
}

/// A UDP datagram with bytes of its own, for what waits. Copies of it have been looked for before, so it does without what
/// tells them.
#[derive(Debug)]
pub(in crate::capture) struct OwnedDatagram {
    from: SocketAddr,
    to: SocketAddr,
    payload: Box<[u8]>,
    missing: u32,
    header: u16,
    network: NetworkId,
}

impl OwnedDatagram {
    pub(in crate::capture) fn as_datagram(&self) -> UdpDatagram<'_> {
        let Self { from, to, ref payload, missing, header, network } = *self;
        UdpDatagram { missing, header, network, ..UdpDatagram::new(from, to, payload) }
    }

    /// Bytes of its payload.
    pub(in crate::capture) fn len(&self) -> usize {
        self.payload.len()
    }
}

impl From<&UdpDatagram<'_>> for OwnedDatagram {
    fn from(datagram: &UdpDatagram<'_>) -> Self {
        let UdpDatagram { from, to, payload, missing, header, network, .. } = *datagram;
        Self { from, to, payload: payload.into(), missing, header, network }
    }
}

/// An ICMP error about a UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) struct IcmpError {
    /// Who says it.
    pub(in crate::capture) by: IpAddr,
    /// Who had sent the datagram, and where it did not get.
    pub(in crate::capture) from: SocketAddr,
    pub(in crate::capture) to: SocketAddr,
    pub(in crate::capture) reason: UnreachableReason,
}

#[inline]
pub(super) fn tcp(from: IpAddr, to: IpAddr, body: Body<'_>) -> Option<TcpSegment<'_>> {
    let head: &[u8; TCP_HEADER] = body.bytes.first_chunk()?;
    let words = head[12] >> 4;
    let header = usize::from(words) * 4;
    if header < TCP_HEADER {
        return None;
    }
    let (payload, missing) = behind(body, header)?;
    Some(TcpSegment {
        from: SocketAddr::new(from, NetworkEndian::read_u16(&head[0..2])),
        to: SocketAddr::new(to, NetworkEndian::read_u16(&head[2..4])),
        seq: NetworkEndian::read_u32(&head[4..8]),
        ack: NetworkEndian::read_u32(&head[8..12]),
        flags: head[13],
        payload,
        missing,
        header: body.skipped.saturating_add(u16::from(words) * 4),
        network: NetworkId::default(),
        hop_limit: 0,
        id: 0,
        head: body.bytes.get(..header).unwrap_or(body.bytes),
    })
}

/// An error that quotes the beginning of a datagram.
#[cold]
pub(super) fn icmp(by: IpAddr, body: Body<'_>) -> Option<IcmpError> {
    let reason = icmp_reason(body.protocol, body.bytes)?;
    let quoted = quoted(body.bytes)?;
    let UdpDatagram { from, to, .. } = udp(&quoted, quoted.body)?;
    Some(IcmpError { by, from, to, reason })
}

/// What a message of ICMP says of the packet that it quotes.
pub(in crate::capture) fn icmp_reason(protocol: u8, message: &[u8]) -> Option<UnreachableReason> {
    let ([kind, code, _, _, rest @ ..], _) = message.split_first_chunk::<ICMP_HEADER>()?;
    match protocol {
        ICMP => UnreachableReason::of_icmp(*kind, *code, *rest),
        ICMP_V6 => UnreachableReason::of_icmp_v6(*kind, *code, *rest),
        _ => None,
    }
}

/// The UDP packet that a message of ICMP quotes, or as much as it quotes of it.
pub(super) fn quoted(message: &[u8]) -> Option<Datagram<'_>> {
    let ip = message.get(ICMP_HEADER..)?;
    let datagram = Datagram::parse(ip, 0)?;
    let begins = datagram.fragment.is_none_or(|fragment| fragment.start == 0);
    (begins && datagram.body.protocol == UDP).then_some(datagram)
}

/// What follows a header, which need not be captured as a whole.
#[inline]
fn behind(body: Body<'_>, header: usize) -> Option<(&[u8], u32)> {
    if let Some(payload) = body.bytes.get(header..) {
        return Some((payload, body.missing));
    }
    let cut = u32::try_from(header - body.bytes.len()).ok()?;
    Some((&[], body.missing.checked_sub(cut)?))
}

#[inline]
pub(super) fn udp<'a>(datagram: &Datagram<'a>, body: Body<'a>) -> Option<UdpDatagram<'a>> {
    let (head, rest) = body.bytes.split_first_chunk::<UDP_HEADER>()?;
    let length = usize::from(NetworkEndian::read_u16(&head[4..6]));
    // 0 stands for one too long for the field, as in IP.
    if (1..UDP_HEADER).contains(&length) {
        return None;
    }
    let (payload, missing) = match length {
        0 => (rest, body.missing),
        _ => cut_udp(rest, length - UDP_HEADER, body.missing),
    };
    Some(UdpDatagram {
        from: SocketAddr::new(datagram.from, NetworkEndian::read_u16(&head[0..2])),
        to: SocketAddr::new(datagram.to, NetworkEndian::read_u16(&head[2..4])),
        payload,
        missing,
        header: body.skipped.saturating_add(8),
        network: NetworkId::default(),
        id: datagram.id,
        hop_limit: datagram.hop_limit,
        checksum: NetworkEndian::read_u16(&head[6..8]),
    })
}

/// A datagram may be shorter than its packet, not longer.
fn cut_udp(bytes: &[u8], length: usize, missing: u32) -> (&[u8], u32) {
    match bytes.get(..length) {
        Some(payload) => (payload, 0),
        None => (bytes, missing.min(u32::try_from(length - bytes.len()).unwrap_or(u32::MAX))),
    }
}
