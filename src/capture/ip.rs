//! IP: from a captured packet to the TCP segment or UDP datagram in it, through all that may be around it.
//!
//! Checksums are not looked at: captures made where a packet is sent hold it before the network card fills them in.
//!
//! Own code: etherparse 0.21, against which the tests hold what we write, knows VLANs and `MACsec` around IP, but neither MPLS
//! nor any of the ten tunnels that are read here, and tells no places for `redact` to rewrite. Its speed is
//! no reason: 335 instructions for Ethernet, IPv4 and TCP (callgrind).

mod header;
mod layout;
mod transport;
mod tunnel;

use crate::capture::encapsulation::{Inside, NetworkId, find_ip};
use crate::capture::fragments::{Fragments, Key};
use crate::capture::ip::header::{Body, Datagram, extensions, skip_authentication};
use crate::capture::ip::tunnel::{MAX_TUNNELS, enter, may_carry};
use crate::capture::ip_protocol::{ICMP, ICMP_V6, TCP, UDP};
use crate::capture::link;
use crate::capture::reader::Packet;
use crate::capture::unreadable::UnreadableCounts;

pub(super) use layout::{Layer, Layout, layers, quoted_layout};
pub(super) use transport::{Decoded, ICMP_HEADER, IcmpError, OwnedDatagram, TcpSegment, UdpDatagram, icmp_reason};

/// Takes packets apart, and keeps fragments until their packet is complete.
#[derive(Debug, Default)]
pub(super) struct IpLayer {
    /// Those that were captured, or stood in a tunnel; and those that stand in a packet that came in fragments itself.
    fragments: [Fragments; 2],
    /// What can't be read.
    pub(super) unreadable: UnreadableCounts,
}

impl IpLayer {
    /// The TCP segment or UDP datagram of a packet, or the one that it completes. `None` if it is neither, or
    /// damaged, or a fragment that waits for others.
    #[inline]
    pub(super) fn decode<'a>(&'a mut self, packet: &Packet<'a>) -> Option<Decoded<'a>> {
        let Some(ip) = link::ip_packet(packet.link, packet.data) else { return self.encapsulated(packet) };
        let network = if link::is_bare(packet.link, packet.data) { NetworkId::default() } else { network_of(packet) };
        // Two calls: of one, the compiler would carry the addresses of both versions through memory.
        match ip.first()? >> 4 {
            4 => self.finish(packet, header::ipv4(ip, packet.uncaptured())?, network),
            6 => self.finish(packet, header::ipv6(ip, packet.uncaptured())?, network),
            _ => None,
        }
    }

    /// Which of all fragmented packets a packet belongs to, before it is decoded.
    pub(super) fn assembly(&mut self, packet: &Packet<'_>) -> Option<u32> {
        let key = fragment_key(packet)?;
        let [outer, _] = &mut self.fragments;
        Some(outer.assembly(key, packet.at))
    }

    /// Twice in one function: a call would carry all that is known of the packet through memory.
    #[expect(clippy::inline_always, reason = "measured: a call is a thirtieth of the time for a packet")]
    #[inline(always)]
    fn finish<'a>(
        &'a mut self,
        packet: &Packet<'a>,
        datagram: Datagram<'a>,
        network: NetworkId,
    ) -> Option<Decoded<'a>> {
        let Datagram { from, to, body, fragment, hop_limit, id, .. } = datagram;
        match body.protocol {
            TCP if fragment.is_none() => transport::tcp(from, to, body)
                .map(|segment| Decoded::Tcp(TcpSegment { network, hop_limit, id, ..segment })),
            UDP if fragment.is_none() => {
                let udp = transport::udp(&datagram, body)?;
                if may_carry(udp.from.port(), udp.to.port()) {
                    return self.unwrap(packet, datagram, network);
                }
                Some(Decoded::Udp(UdpDatagram { network, ..udp }))
            }
            _ => self.unwrap(packet, datagram, network),
        }
    }

    /// The packet behind other headers than the usual ones.
    #[cold]
    fn encapsulated<'a>(&'a mut self, packet: &Packet<'a>) -> Option<Decoded<'a>> {
        let mut network = NetworkId::default();
        let found =
            find_ip(Inside::Link(packet.link), packet.data, 0, None, &mut |_, header| network.enter(header.network));
        match found {
            Ok(at) => {
                let datagram = Datagram::parse(packet.data.get(at..)?, packet.uncaptured())?;
                self.unwrap(packet, datagram, network)
            }
            Err(why) => {
                self.unreadable.add(why, packet);
                None
            }
        }
    }

    #[cold]
    fn unwrap<'a>(
        &'a mut self,
        packet: &Packet<'a>,
        datagram: Datagram<'a>,
        network: NetworkId,
    ) -> Option<Decoded<'a>> {
        let Self { fragments, unreadable } = self;
        unwrap(fragments, unreadable, packet, datagram, (MAX_TUNNELS, network))
    }
}

/// The network of a packet with tags.
#[cold]
fn network_of(packet: &Packet<'_>) -> NetworkId {
    let mut network = NetworkId::default();
    let _ = find_ip(Inside::Link(packet.link), packet.data, 0, None, &mut |_, header| network.enter(header.network));
    network
}

/// What a packet carries, at last. It may still be in so many tunnels, and is in this network.
fn unwrap<'a>(
    fragments: &'a mut [Fragments],
    unreadable: &mut UnreadableCounts,
    packet: &Packet<'_>,
    datagram: Datagram<'a>,
    (tunnels, network): (usize, NetworkId),
) -> Option<Decoded<'a>> {
    let Datagram { from, to, body, fragment, hop_limit, id, .. } = datagram;
    let (fragments, body) = if fragment.is_none() {
        (fragments, body)
    } else {
        let (own, inner) = fragments.split_first_mut()?;
        (inner, reassembled(own, packet, &datagram)?)
    };
    if tunnels > 0 {
        let mut within = network;
        match enter(&body, true, &mut |_, header| within.enter(header.network)) {
            Ok(at) => return unwrap(fragments, unreadable, packet, inner(body, at)?, (tunnels - 1, within)),
            Err(why) => unreadable.add(why, packet),
        }
    }
    match body.protocol {
        TCP => {
            transport::tcp(from, to, body).map(|segment| Decoded::Tcp(TcpSegment { network, hop_limit, id, ..segment }))
        }
        UDP => transport::udp(&datagram, body).map(|datagram| Decoded::Udp(UdpDatagram { network, ..datagram })),
        ICMP | ICMP_V6 => transport::icmp(from, body).map(Decoded::Icmp),
        _ => None,
    }
}

/// The body of a packet that came in fragments, if this one completes it.
fn reassembled<'a>(own: &'a mut Fragments, packet: &Packet<'_>, datagram: &Datagram<'_>) -> Option<Body<'a>> {
    let fragment = datagram.fragment?;
    let key = datagram.key(fragment);
    let (protocol, bytes) = own.add(key, packet.at, fragment, datagram.body.protocol, datagram.body.bytes)?;
    let body = Body { protocol, bytes, missing: 0, skipped: 0 };
    if datagram.from.is_ipv4() {
        return skip_authentication(body);
    }
    match extensions(body)? {
        (body, None) => Some(body),
        _ => None,
    }
}

/// The packet that begins at a place of a body.
fn inner(body: Body<'_>, at: usize) -> Option<Datagram<'_>> {
    let ip = body.bytes.get(at..)?;
    let mut inner = Datagram::parse(ip, body.missing)?;
    let before = u16::try_from(at + Datagram::header_len(ip)).unwrap_or(u16::MAX);
    inner.body.skipped = inner.body.skipped.saturating_add(before).saturating_add(body.skipped);
    Some(inner)
}

/// What the fragments have in common of which a packet is one.
fn fragment_key(packet: &Packet<'_>) -> Option<Key> {
    if let Some(ip) = link::ip_packet(packet.link, packet.data) {
        let datagram = Datagram::parse(ip, packet.uncaptured())?;
        if let Some(fragment) = datagram.fragment {
            return Some(datagram.key(fragment));
        }
        let udp = || transport::udp(&datagram, datagram.body);
        let plain = |udp: UdpDatagram<'_>| !may_carry(udp.from.port(), udp.to.port());
        if datagram.body.protocol == TCP || datagram.body.protocol == UDP && udp().is_none_or(plain) {
            return None;
        }
    }
    let mut parts = Vec::new();
    layers(packet, &mut parts);
    parts.into_iter().find_map(|layer| match layer {
        Layer::Ip(Layout { ip, fragment: Some(_), .. }) => {
            let datagram = Datagram::parse(packet.data.get(ip..)?, 0)?;
            Some(datagram.key(datagram.fragment?))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests;
