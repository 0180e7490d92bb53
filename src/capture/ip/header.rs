//! Headers of IP, version 4 and 6, up to what they announce (RFC 791, RFC 8200).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use byteorder::{ByteOrder, NetworkEndian};

use crate::capture::fragments::{Fragment, Key};
use crate::capture::ip_protocol::{
    AUTHENTICATION, DESTINATION, FRAGMENT, HOP_BY_HOP, HOST_IDENTITY, MOBILITY, ROUTING, SHIM6,
};

/// Extension headers that are laid out as those of RFC 8200.
const OTHER_EXTENSIONS: [u8; 3] = [MOBILITY, HOST_IDENTITY, SHIM6];
/// How many extension headers are followed.
const MAX_EXTENSIONS: usize = 10;
const IPV4_HEADER: usize = 20;
pub(super) const IPV6_HEADER: usize = 40;

/// An IP packet without its header.
#[derive(Clone, Copy)]
pub(super) struct Datagram<'a> {
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
    pub(super) body: Body<'a>,
    /// The identification of version 4; 0 where it has none.
    pub(super) id: u16,
    /// How many routers it may still pass.
    pub(super) hop_limit: u8,
    pub(super) fragment: Option<Fragment>,
}

/// What a header announced: captured bytes, and how many more there were.
#[derive(Clone, Copy)]
pub(super) struct Body<'a> {
    pub(super) protocol: u8,
    pub(super) bytes: &'a [u8],
    pub(super) missing: u32,
    /// Bytes of extension headers before them; in a tunnel also of all headers behind those of the packet around it.
    pub(super) skipped: u16,
}

impl<'a> Datagram<'a> {
    /// The IP packet that `ip` begins with; `uncaptured` bytes followed on the wire.
    #[inline]
    pub(super) fn parse(ip: &'a [u8], uncaptured: u32) -> Option<Self> {
        match ip.first()? >> 4 {
            4 => ipv4(ip, uncaptured),
            6 => ipv6(ip, uncaptured),
            _ => None,
        }
    }

    /// Bytes of the header that a packet begins with, without extensions.
    pub(super) fn header_len(ip: &[u8]) -> usize {
        match ip.first() {
            Some(first) if first >> 4 == 4 => usize::from(first & 0x0f) * 4,
            _ => IPV6_HEADER,
        }
    }

    /// What its fragments have in common. Those of an IPv6 packet may differ in their next header: the first one's counts.
    pub(super) fn key(&self, fragment: Fragment) -> Key {
        let protocol = if self.from.is_ipv4() { self.body.protocol } else { 0 };
        Key { from: self.from, to: self.to, id: fragment.id, protocol }
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
pub(super) fn ipv4(ip: &[u8], uncaptured: u32) -> Option<Datagram<'_>> {
    let head: &[u8; IPV4_HEADER] = ip.first_chunk()?;
    let (total, id) = (NetworkEndian::read_u16(&head[2..4]), NetworkEndian::read_u16(&head[4..6]));
    let (place, hop_limit, protocol) = (NetworkEndian::read_u16(&head[6..8]), head[8], head[9]);
    let from = Ipv4Addr::from_bits(NetworkEndian::read_u32(&head[12..16]));
    let to = Ipv4Addr::from_bits(NetworkEndian::read_u32(&head[16..20]));
    let (total, header) = (usize::from(total), usize::from(head[0] & 0x0f) * 4);
    if header < IPV4_HEADER || (total != 0 && total < header) {
        return None;
    }
    let (bytes, missing) = cut(ip, total, uncaptured);
    let body = Body { protocol, bytes: bytes.get(header..)?, missing, skipped: 0 };
    let fragment = (place & 0x3fff != 0).then(|| Fragment {
        id: u32::from(id),
        start: u32::from(place & 0x1fff) * 8,
        last: place & 0x2000 == 0,
    });
    let body = if fragment.is_none() { skip_authentication(body)? } else { body };
    Some(Datagram { from: from.into(), to: to.into(), body, id, hop_limit, fragment })
}

#[inline]
pub(super) fn ipv6(ip: &[u8], uncaptured: u32) -> Option<Datagram<'_>> {
    let (head, rest) = ip.split_first_chunk::<IPV6_HEADER>()?;
    let (length, protocol, hop_limit) = (NetworkEndian::read_u16(&head[4..6]), head[6], head[7]);
    let from = Ipv6Addr::from_bits(NetworkEndian::read_u128(&head[8..24]));
    let to = Ipv6Addr::from_bits(NetworkEndian::read_u128(&head[24..40]));
    let (bytes, missing) = cut(rest, usize::from(length), uncaptured);
    let (body, fragment) = extensions(Body { protocol, bytes, missing, skipped: 0 })?;
    Some(Datagram { from: from.into(), to: to.into(), body, id: 0, hop_limit, fragment })
}

/// Passes over IPv6 extension headers, up to a fragment of something.
#[inline]
pub(super) fn extensions(mut body: Body<'_>) -> Option<(Body<'_>, Option<Fragment>)> {
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
pub(super) fn skip_authentication(body: Body<'_>) -> Option<Body<'_>> {
    if body.protocol != AUTHENTICATION {
        return Some(body);
    }
    let [protocol, length, ..] = *body.bytes else { return None };
    body.behind(protocol, (u16::from(length) + 2) * 4)
}

/// Takes off a fragment header. A fragment that is the whole packet is none.
fn fragment(body: Body<'_>) -> Option<(Body<'_>, Option<Fragment>)> {
    let (head, bytes) = body.bytes.split_first_chunk::<8>()?;
    let place = NetworkEndian::read_u16(&head[2..4]);
    let fragment = (place & 0xfff9 != 0).then(|| Fragment {
        id: NetworkEndian::read_u32(&head[4..8]),
        start: u32::from(place & 0xfff8),
        last: place & 1 == 0,
    });
    let skipped = body.skipped + 8;
    Some((Body { protocol: head[0], bytes, skipped, ..body }, fragment))
}
