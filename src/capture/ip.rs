//! IP: from a captured packet to the TCP segment or UDP datagram in it (RFC 791, 8200, 9293, 768).
//!
//! Checksums are not looked at: captures made where a packet is sent hold it before the network card fills them in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::capture::fragments::{Fragment, Fragments, Key};
use crate::capture::link;
use crate::capture::packet::flags;
use crate::capture::reader::Packet;
use crate::trace::UnreachableReason;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const ICMP_V6: u8 = 58;
const DESTINATION: u8 = 60;
/// Mobility, host identity, shim6: laid out as the others.
const OTHER_EXTENSIONS: [u8; 3] = [135, 139, 140];
/// How many extension headers are followed.
const MAX_EXTENSIONS: usize = 10;
const IPV6_HEADER: usize = 40;
/// Type, code, checksum, and four bytes that depend on the type.
pub(super) const ICMP_HEADER: usize = 8;

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decoded<'a> {
    Tcp(TcpSegment<'a>),
    Udp(UdpDatagram<'a>),
    Icmp(IcmpError),
}

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TcpSegment<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) seq: u32,
    pub(super) ack: u32,
    /// Control bits, as in `packet::flags`.
    pub(super) flags: u8,
    pub(super) payload: &'a [u8],
    /// Bytes of payload behind `payload` that were on the wire and not captured.
    pub(super) missing: u32,
    /// Bytes before `payload` in what the IP header announced.
    pub(super) header: u16,
}

impl TcpSegment<'_> {
    /// With SYN.
    pub(super) fn is_opening(&self) -> bool {
        self.flags & flags::SYN != 0
    }

    /// With ACK.
    pub(super) fn is_answer(&self) -> bool {
        self.flags & flags::ACK != 0
    }

    /// With FIN.
    pub(super) fn is_final(&self) -> bool {
        self.flags & flags::FIN != 0
    }

    /// With RST.
    pub(super) fn is_reset(&self) -> bool {
        self.flags & flags::RST != 0
    }
}

/// A UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UdpDatagram<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) payload: &'a [u8],
    /// Bytes of payload behind `payload` that were on the wire and not captured.
    pub(super) missing: u32,
    /// Bytes before `payload` in what the IP header announced.
    pub(super) header: u16,
}

/// An ICMP error about a UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IcmpError {
    /// Who says it.
    pub(super) by: IpAddr,
    /// Who had sent the datagram, and where it did not get.
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) reason: UnreachableReason,
}

/// Takes packets apart, and keeps fragments until their packet is complete.
#[derive(Debug, Default)]
pub(super) struct IpLayer {
    fragments: Fragments,
}

/// An IP packet without its header.
struct Datagram<'a> {
    from: IpAddr,
    to: IpAddr,
    body: Body<'a>,
    fragment: Option<Fragment>,
}

/// What a header announced: captured bytes, and how many more there were.
#[derive(Clone, Copy)]
struct Body<'a> {
    protocol: u8,
    bytes: &'a [u8],
    missing: u32,
    /// Bytes of extension headers before them.
    skipped: u16,
}

impl IpLayer {
    /// The TCP segment or UDP datagram of a packet, or the one that it completes. `None` if it is neither, or
    /// damaged, or a fragment that waits for others.
    #[inline]
    pub(super) fn decode<'a>(&'a mut self, packet: &Packet<'a>) -> Option<Decoded<'a>> {
        let ip = link::ip_packet(packet.link, packet.data)?;
        let uncaptured = packet.original_len.saturating_sub(u32::try_from(packet.data.len()).unwrap_or(u32::MAX));
        // Two calls: of one, the compiler would carry the addresses of both versions through memory.
        match ip.first()? >> 4 {
            4 => self.finish(packet, &ipv4(ip, uncaptured)?),
            6 => self.finish(packet, &ipv6(ip, uncaptured)?),
            _ => None,
        }
    }

    /// Which of all fragmented packets a packet belongs to, before it is decoded.
    pub(super) fn assembly(&mut self, packet: &Packet<'_>) -> Option<u32> {
        let datagram = datagram(packet)?;
        let fragment = datagram.fragment?;
        Some(self.fragments.assembly(datagram.key(fragment), packet.at))
    }

    #[inline]
    fn finish<'a>(&'a mut self, packet: &Packet<'a>, datagram: &Datagram<'a>) -> Option<Decoded<'a>> {
        match datagram.fragment {
            None => transport(datagram.from, datagram.to, datagram.body),
            Some(fragment) => self.reassemble(packet, datagram, fragment),
        }
    }

    #[cold]
    fn reassemble<'a>(
        &'a mut self,
        packet: &Packet<'_>,
        datagram: &Datagram<'_>,
        fragment: Fragment,
    ) -> Option<Decoded<'a>> {
        let Datagram { from, to, body, .. } = *datagram;
        let key = datagram.key(fragment);
        let (protocol, bytes) = self.fragments.add(key, packet.at, fragment, body.protocol, body.bytes)?;
        let body = Body { protocol, bytes, missing: 0, skipped: 0 };
        let (body, nested) = if from.is_ipv4() { (skip_authentication(body)?, None) } else { extensions(body)? };
        if nested.is_some() { None } else { transport(from, to, body) }
    }
}

impl Datagram<'_> {
    /// What its fragments have in common. Those of an IPv6 packet may differ in their next header: the first one's counts.
    fn key(&self, fragment: Fragment) -> Key {
        let protocol = if self.from.is_ipv4() { self.body.protocol } else { 0 };
        Key { from: self.from, to: self.to, id: fragment.id, protocol }
    }
}

fn datagram<'a>(packet: &Packet<'a>) -> Option<Datagram<'a>> {
    let ip = link::ip_packet(packet.link, packet.data)?;
    let uncaptured = packet.original_len.saturating_sub(u32::try_from(packet.data.len()).unwrap_or(u32::MAX));
    match ip.first()? >> 4 {
        4 => ipv4(ip, uncaptured),
        6 => ipv6(ip, uncaptured),
        _ => None,
    }
}

/// Where in a captured packet its parts lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Where the IP packet begins.
    pub(super) ip: usize,
    pub(super) is_v6: bool,
    pub(super) protocol: u8,
    /// Where that begins which the IP header, or the last of its extensions, announced; and where it ends.
    pub(super) body: usize,
    pub(super) end: usize,
    /// Bytes of extension headers before it.
    pub(super) skipped: usize,
    /// Bytes behind it that were not captured.
    pub(super) missing: u32,
    /// Where it belongs in a packet of fragments.
    pub(super) fragment: Option<u32>,
}

/// Where the parts of a packet lie; `None` if it is no IP packet, or damaged.
pub(super) fn layout(packet: &Packet<'_>) -> Option<Layout> {
    // The IP packet reaches to the end of what was captured; its header tells where it ends itself.
    let ip = packet.data.len() - link::ip_packet(packet.link, packet.data)?.len();
    Layout::new(packet.data, ip, &datagram(packet)?)
}

/// Where the parts of a UDP packet lie that a message of ICMP quotes.
pub(super) fn quoted_layout(message: &[u8]) -> Option<Layout> {
    Layout::new(message, ICMP_HEADER, &quoted(message)?)
}

impl Layout {
    /// Of a packet that begins at `ip`.
    fn new(data: &[u8], ip: usize, datagram: &Datagram<'_>) -> Option<Self> {
        let Datagram { from, body, fragment, .. } = datagram;
        let header = match data.get(ip)? {
            first if from.is_ipv4() => usize::from(first & 0x0f) * 4,
            _ => IPV6_HEADER,
        };
        let begin = ip + header + usize::from(body.skipped);
        Some(Self {
            ip,
            is_v6: from.is_ipv6(),
            protocol: body.protocol,
            body: begin,
            end: begin + body.bytes.len(),
            skipped: usize::from(body.skipped),
            missing: body.missing,
            fragment: fragment.map(|fragment| fragment.start),
        })
    }
}

/// Cuts a packet to the length its header tells, which leaves out padding. A length of 0 stands for one too long for
/// the field, as where the network card cuts segments: then all that was captured belongs to it.
#[inline]
fn cut(bytes: &[u8], length: usize, uncaptured: u32) -> (&[u8], u32) {
    if length == 0 {
        return (bytes, uncaptured);
    }
    match bytes.get(..length) {
        Some(bytes) => (bytes, 0),
        None => (bytes, u32::try_from(length - bytes.len()).unwrap_or(u32::MAX)),
    }
}

#[inline]
fn ipv4(ip: &[u8], uncaptured: u32) -> Option<Datagram<'_>> {
    let (head, addresses) = ip.split_first_chunk::<12>()?;
    let [version, _, l0, l1, id0, id1, f0, f1, _, protocol, _, _] = *head;
    let (from, addresses) = addresses.split_first_chunk::<4>()?;
    let to = *addresses.first_chunk::<4>()?;
    let total = usize::from(u16::from_be_bytes([l0, l1]));
    let header = usize::from(version & 0x0f) * 4;
    if header < 20 || (total != 0 && total < header) {
        return None;
    }
    let (bytes, missing) = cut(ip, total, uncaptured);
    let body = Body { protocol, bytes: bytes.get(header..)?, missing, skipped: 0 };
    let place = u16::from_be_bytes([f0, f1]);
    let fragment = (place & 0x3fff != 0).then(|| Fragment {
        id: u32::from(u16::from_be_bytes([id0, id1])),
        start: u32::from(place & 0x1fff) * 8,
        last: place & 0x2000 == 0,
    });
    let body = if fragment.is_none() { skip_authentication(body)? } else { body };
    Some(Datagram { from: Ipv4Addr::from(*from).into(), to: Ipv4Addr::from(to).into(), body, fragment })
}

#[inline]
fn ipv6(ip: &[u8], uncaptured: u32) -> Option<Datagram<'_>> {
    let (head, rest) = ip.split_first_chunk::<IPV6_HEADER>()?;
    let ([_, _, _, _, l0, l1, protocol, _], addresses) = head.split_first_chunk::<8>()?;
    let (from, to) = addresses.split_first_chunk::<16>()?;
    let (bytes, missing) = cut(rest, usize::from(u16::from_be_bytes([*l0, *l1])), uncaptured);
    let (body, fragment) = extensions(Body { protocol: *protocol, bytes, missing, skipped: 0 })?;
    let to = Ipv6Addr::from(*to.first_chunk::<16>()?);
    Some(Datagram { from: Ipv6Addr::from(*from).into(), to: to.into(), body, fragment })
}

/// Passes over IPv6 extension headers, up to a fragment of something.
#[inline]
fn extensions(mut body: Body<'_>) -> Option<(Body<'_>, Option<Fragment>)> {
    for _ in 0..MAX_EXTENSIONS {
        body = match body.protocol {
            HOP_BY_HOP | ROUTING | DESTINATION => skip_extension(body)?,
            AUTHENTICATION => skip_authentication(body)?,
            FRAGMENT => match fragment(body)? {
                (body, None) => body,
                fragment => return Some(fragment),
            },
            other if OTHER_EXTENSIONS.contains(&other) => skip_extension(body)?,
            _ => return Some((body, None)),
        };
    }
    None
}

impl Body<'_> {
    /// What stands behind an extension header of so many bytes.
    fn behind(self, protocol: u8, len: u16) -> Option<Self> {
        let bytes = self.bytes.get(usize::from(len)..)?;
        Some(Body { protocol, bytes, skipped: self.skipped.saturating_add(len), ..self })
    }
}

/// Next header, and length in units of eight bytes less one (RFC 8200, section 4.3).
fn skip_extension(body: Body<'_>) -> Option<Body<'_>> {
    let [protocol, length, ..] = *body.bytes else { return None };
    body.behind(protocol, (u16::from(length) + 1) * 8)
}

/// Passes over an authentication header if there is one: next header, and length in units of four bytes less two
/// (RFC 4302, section 2).
#[inline]
fn skip_authentication(body: Body<'_>) -> Option<Body<'_>> {
    if body.protocol != AUTHENTICATION {
        return Some(body);
    }
    let [protocol, length, ..] = *body.bytes else { return None };
    body.behind(protocol, (u16::from(length) + 2) * 4)
}

/// Takes off a fragment header. A fragment that is the whole packet is none.
fn fragment(body: Body<'_>) -> Option<(Body<'_>, Option<Fragment>)> {
    let ([protocol, _, p0, p1, id @ ..], bytes) = body.bytes.split_first_chunk::<8>()?;
    let place = u16::from_be_bytes([*p0, *p1]);
    let fragment = (place & 0xfff9 != 0).then(|| Fragment {
        id: u32::from_be_bytes(*id),
        start: u32::from(place & 0xfff8),
        last: place & 1 == 0,
    });
    let skipped = body.skipped + 8;
    Some((Body { protocol: *protocol, bytes, skipped, ..body }, fragment))
}

#[inline]
fn transport(from: IpAddr, to: IpAddr, body: Body<'_>) -> Option<Decoded<'_>> {
    match body.protocol {
        TCP => tcp(from, to, body).map(Decoded::Tcp),
        UDP => udp(from, to, body).map(Decoded::Udp),
        ICMP | ICMP_V6 => icmp(from, body).map(Decoded::Icmp),
        _ => None,
    }
}

#[inline]
fn tcp(from: IpAddr, to: IpAddr, body: Body<'_>) -> Option<TcpSegment<'_>> {
    let ([f0, f1, t0, t1, s0, s1, s2, s3, a0, a1, a2, a3, offset, flags, ..], _) =
        body.bytes.split_first_chunk::<20>()?;
    let header = usize::from(offset >> 4) * 4;
    if header < 20 {
        return None;
    }
    let (payload, missing) = behind(body, header)?;
    Some(TcpSegment {
        from: SocketAddr::new(from, u16::from_be_bytes([*f0, *f1])),
        to: SocketAddr::new(to, u16::from_be_bytes([*t0, *t1])),
        seq: u32::from_be_bytes([*s0, *s1, *s2, *s3]),
        ack: u32::from_be_bytes([*a0, *a1, *a2, *a3]),
        flags: *flags,
        payload,
        missing,
        header: body.skipped + u16::from(offset >> 4) * 4,
    })
}

/// An error that quotes the beginning of a datagram.
#[cold]
fn icmp(by: IpAddr, body: Body<'_>) -> Option<IcmpError> {
    let reason = icmp_reason(body.protocol, body.bytes)?;
    let quoted = quoted(body.bytes)?;
    let UdpDatagram { from, to, .. } = udp(quoted.from, quoted.to, quoted.body)?;
    Some(IcmpError { by, from, to, reason })
}

/// What a message of ICMP says of the packet that it quotes.
pub(super) fn icmp_reason(protocol: u8, message: &[u8]) -> Option<UnreachableReason> {
    let ([kind, code, _, _, rest @ ..], _) = message.split_first_chunk::<ICMP_HEADER>()?;
    match protocol {
        ICMP => UnreachableReason::of_icmp(*kind, *code, *rest),
        ICMP_V6 => UnreachableReason::of_icmp_v6(*kind, *code, *rest),
        _ => None,
    }
}

/// The UDP packet that a message of ICMP quotes, or as much as it quotes of it.
fn quoted(message: &[u8]) -> Option<Datagram<'_>> {
    let ip = message.get(ICMP_HEADER..)?;
    let datagram = match ip.first()? >> 4 {
        4 => ipv4(ip, 0),
        6 => ipv6(ip, 0),
        _ => None,
    }?;
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

fn udp(from: IpAddr, to: IpAddr, body: Body<'_>) -> Option<UdpDatagram<'_>> {
    let ([f0, f1, t0, t1, l0, l1, _, _], rest) = body.bytes.split_first_chunk::<8>()?;
    let length = usize::from(u16::from_be_bytes([*l0, *l1]));
    // 0 stands for one too long for the field, as in IP.
    if (1..8).contains(&length) {
        return None;
    }
    let (payload, missing) = match length {
        0 => (rest, body.missing),
        _ => cut_udp(rest, length - 8, body.missing),
    };
    Some(UdpDatagram {
        from: SocketAddr::new(from, u16::from_be_bytes([*f0, *f1])),
        to: SocketAddr::new(to, u16::from_be_bytes([*t0, *t1])),
        payload,
        missing,
        header: body.skipped + 8,
    })
}

/// A datagram may be shorter than its packet, not longer.
fn cut_udp(bytes: &[u8], length: usize, missing: u32) -> (&[u8], u32) {
    match bytes.get(..length) {
        Some(payload) => (payload, 0),
        None => (bytes, missing.min(u32::try_from(length - bytes.len()).unwrap_or(u32::MAX))),
    }
}

#[cfg(test)]
mod tests;
