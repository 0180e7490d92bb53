//! Packets within packets: what IP protocols and UDP ports carry on.
//!
//! A port proves nothing: media may be on any. Each header is held to what its protocol demands, and what is in it has to
//! lead to an IP packet. RTP begins with version 2, which none of these has there.

use crate::capture::encapsulation::ethernet::behind_next_protocol;
use crate::capture::encapsulation::header::{Header, Inside, KeptHeader, Unreadable};
use crate::capture::encapsulation::network::NetworkField;
use crate::capture::ip_protocol;
use crate::capture::link::LinkType;
use crate::fields::{be16, be32};

const ETHERNET: Inside = Inside::Link(LinkType::ETHERNET);
const VXLAN: u16 = 4789;
/// The port of VXLAN before it had one, still that of Linux.
const VXLAN_OLD: u16 = 8472;
const VXLAN_GPE: u16 = 4790;
const GENEVE: u16 = 6081;
const TZSP: u16 = 37_008;
const GTP_USER: u16 = 2152;
const TEREDO: u16 = 3544;
const L2TP: u16 = 1701;
const CAPWAP_DATA: u16 = 5247;
const LISP_DATA: u16 = 4341;
const MPLS: u16 = 6635;
const IPSEC_NAT: u16 = 4500;
/// Cookies of L2TP, version 3, are agreed upon beforehand: none, four or eight bytes; then there may be four bytes of a sublayer
/// (RFC 3931, sections 4.1 and 4.6).
const BEHIND_SESSION: &[(usize, Inside)] =
    &[(0, ETHERNET), (4, ETHERNET), (8, ETHERNET), (12, ETHERNET), (0, Inside::Ip), (4, Inside::Ip), (8, Inside::Ip)];
/// Access points send frames as they were in the air, or as Ethernet.
const BEHIND_CAPWAP: &[(usize, Inside)] = &[(0, ETHERNET), (0, Inside::Wifi { padded: false })];

/// Whether a port may be that of a tunnel.
#[inline]
pub(in crate::capture) const fn is_port(port: u16) -> bool {
    matches!(
        port,
        L2TP | GTP_USER
            | TEREDO
            | LISP_DATA
            | IPSEC_NAT
            | VXLAN
            | VXLAN_GPE
            | CAPWAP_DATA
            | GENEVE
            | MPLS
            | VXLAN_OLD
            | TZSP
    )
}

/// What an IP protocol carries.
pub(in crate::capture) fn behind_ip(protocol: u8, body: &[u8]) -> Option<Header> {
    match protocol {
        ip_protocol::IPV4 | ip_protocol::IPV6 => Some(Header::plain(0, Inside::Ip)),
        ip_protocol::GRE => gre(body),
        ip_protocol::ESP => Some(Header::plain(0, Inside::Unreadable(Unreadable::Esp))),
        // Version 3 (RFC 3378).
        ip_protocol::ETHER_IP => body.starts_with(&[0x30, 0]).then_some(Header::plain(2, ETHERNET)),
        // A register that is not empty (RFC 7761, section 4.9.3).
        ip_protocol::PIM => match *body {
            [0x21, _, _, _, flags, ..] if flags & 0x40 == 0 => Some(Header::plain(8, Inside::Ip)),
            _ => None,
        },
        ip_protocol::L2TP => l2tp_session(body, 0),
        ip_protocol::MPLS => Some(Header::plain(0, Inside::Mpls)),
        _ => None,
    }
}

/// What a datagram between these ports carries.
pub(in crate::capture) fn behind_udp(ports: [u16; 2], payload: &[u8]) -> Option<Header> {
    let [from, to] = ports;
    match if is_port(to) { to } else { from } {
        VXLAN | VXLAN_OLD => vxlan(payload),
        VXLAN_GPE => vxlan_gpe(payload),
        GENEVE => geneve(payload),
        TZSP => match *payload {
            [1, 0 | 1, ..] => Some(Header::plain(4, Inside::TzspTag(be16(payload, 2)?))),
            _ => None,
        },
        GTP_USER => gtp(payload),
        TEREDO => Some(Header::plain(0, Inside::Teredo)),
        L2TP => l2tp(payload),
        CAPWAP_DATA => capwap(payload),
        LISP_DATA => Some(Header::plain(8, Inside::Ip)),
        MPLS => Some(Header::plain(0, Inside::Mpls)),
        // Zeros stand for a message of the key exchange, one byte for a keep-alive (RFC 3948, section 2). RTP has its version.
        IPSEC_NAT => match *payload {
            [0, 0, 0, 0, ..] => None,
            [first, _, _, _, 0, 0, ..] if first >> 6 != 2 => {
                Some(Header::plain(0, Inside::Unreadable(Unreadable::Esp)))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The 24 bits that number a network, in the second word of a header (RFC 7348, RFC 8926).
fn overlay(payload: &[u8]) -> NetworkField {
    be32(payload, 4).map_or(NetworkField::Nothing, |word| NetworkField::Overlay(word >> 8))
}

/// RFC 7348, section 5; with a group policy as Cisco has it, or without. All other bits are zero.
fn vxlan(payload: &[u8]) -> Option<Header> {
    match *payload {
        [0x08, 0, 0, 0, _, _, _, 0, ..] => {}
        [0x88, policy, _, _, _, _, _, 0, ..] if policy & 0xb7 == 0 => {}
        _ => return None,
    }
    Some(Header::plain(8, ETHERNET).of_network(overlay(payload)))
}

/// Version 0, and what follows (draft-ietf-nvo3-vxlan-gpe).
fn vxlan_gpe(payload: &[u8]) -> Option<Header> {
    let [flags, 0, 0, next, _, _, _, 0, ..] = *payload else { return None };
    (flags & 0xfc == 0x0c).then_some(())?;
    Some(Header::plain(8, behind_next_protocol(next)?).of_network(overlay(payload)))
}

/// RFC 8926, section 3.4.
fn geneve(payload: &[u8]) -> Option<Header> {
    let [first, flags, _, _, _, _, _, 0, ..] = *payload else { return None };
    if first >> 6 != 0 || flags & 0x3f != 0 {
        return None;
    }
    let len = 8 + usize::from(first) * 4;
    let inside = Inside::of_ether_type(be16(payload, 2)?);
    Some(Header::new(len, KeptHeader::First(8), inside).of_network(overlay(payload)))
}

/// A user's packet of GTP, version 1, with a sequence number and extension headers or without (3GPP TS 29.281, section 5).
fn gtp(payload: &[u8]) -> Option<Header> {
    let [flags, 255, _, _, _, _, _, _, ..] = *payload else { return None };
    if flags & 0xf0 != 0x30 || usize::from(be16(payload, 2)?) + 8 < payload.len() {
        return None;
    }
    let (mut len, mut next) = (8, 0);
    if flags & 0x07 != 0 {
        (len, next) = (12, if flags & 0x04 == 0 { 0 } else { *payload.get(11)? });
    }
    while next != 0 {
        let words = usize::from(*payload.get(len)?);
        if words == 0 {
            return None;
        }
        len += words * 4;
        next = *payload.get(len - 1)?;
    }
    let endpoint = NetworkField::Tag(be32(payload, 4)?);
    Some(Header::plain(len, Inside::Ip).of_network(endpoint))
}

/// Data of L2TP, version 2 (RFC 2661, section 3.1) or 3 (RFC 3931, section 4.1.2).
fn l2tp(payload: &[u8]) -> Option<Header> {
    let flags = be16(payload, 0)?;
    // Length, sequence, offset and priority may be there.
    match flags & !0x4b00 {
        2 => {}
        3 => return l2tp_session(payload, 4),
        _ => return None,
    }
    let has = |bit: u16, len: usize| if flags & bit == 0 { 0 } else { len };
    let mut len = 6 + has(0x4000, 2) + has(0x0800, 4);
    if flags & 0x0200 != 0 {
        len += 2 + usize::from(be16(payload, len)?);
    }
    Some(Header::plain(len, Inside::Ppp))
}

/// A session identifier behind so many bytes; 0 is of a control message.
fn l2tp_session(payload: &[u8], at: usize) -> Option<Header> {
    let session = payload.get(at..at + 4)?;
    (session != [0; 4]).then_some(Header::plain(at + 4, Inside::OneOf(BEHIND_SESSION)))
}

/// Version 0, no fragment; encrypted ones are DTLS (RFC 5415, section 4).
fn capwap(payload: &[u8]) -> Option<Header> {
    match *payload {
        // The record of DTLS that carries data.
        [1, _, _, _, 23, 0xfe, 0xfd | 0xff, ..] => Some(Header::plain(4, Inside::Unreadable(Unreadable::Capwap))),
        [0, length, _, flags, ..] if flags & 0x80 == 0 => {
            let len = usize::from(length >> 3) * 4;
            (len >= 8).then_some(Header::new(len, KeptHeader::First(8), Inside::OneOf(BEHIND_CAPWAP)))
        }
        _ => None,
    }
}

/// RFC 2784 and 2890; version 1 as PPTP has it (RFC 2637, section 4.1).
fn gre(body: &[u8]) -> Option<Header> {
    let (flags, kind) = (be16(body, 0)?, be16(body, 2)?);
    let has = |bit: u16| if flags & bit == 0 { 0 } else { 4 };
    let len = 4 + has(0x8000) + has(0x2000) + has(0x1000);
    match flags & 0x4007 {
        0 => Some(behind_gre(flags, kind, len, body)?.of_network(gre_network(flags, kind, body))),
        1 if kind == 0x880b => Some(Header::plain(len + has(0x0080), Inside::Ppp)),
        _ => None,
    }
}

/// The key tells a network of NVGRE apart in all but its last byte (RFC 7637, section 3.2); of other tunnels their ends agree upon it.
fn gre_network(flags: u16, kind: u16, body: &[u8]) -> NetworkField {
    let at = if flags & 0x8000 == 0 { 4 } else { 8 };
    match be32(body, at).filter(|_| flags & 0x2000 != 0) {
        Some(key) if kind == 0x6558 => NetworkField::Overlay(key >> 8),
        Some(key) => NetworkField::Tag(key),
        None => NetworkField::Nothing,
    }
}

/// What GRE carries: an Ethernet type, or what switches mirror with it (draft-foschiano-erspan).
fn behind_gre(flags: u16, kind: u16, len: usize, body: &[u8]) -> Option<Header> {
    match kind {
        // ERSPAN I has neither a header nor a sequence number.
        0x88be if flags & 0x1000 == 0 => Some(Header::plain(len, ETHERNET)),
        0x88be if body.get(len)? >> 4 == 1 => Some(Header::plain(len + 8, ETHERNET)),
        0x22eb if body.get(len)? >> 4 == 2 => {
            // A subheader follows where the last bit says so; what is in it the type of frame tells.
            let [kind, last] = *body.get(len + 10..)?.first_chunk()?;
            let inside = if (kind >> 2) & 0x1f == 2 { Inside::Ip } else { ETHERNET };
            Some(Header::plain(len + if last & 1 == 0 { 12 } else { 20 }, inside))
        }
        // Web cache redirection, with a header of four bytes or without.
        0x883e => Some(Header::plain(len, Inside::OneOf(&[(0, Inside::Ip), (4, Inside::Ip)]))),
        0x88be | 0x22eb => None,
        _ => Some(Header::plain(len, Inside::of_ether_type(kind))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_that_are_reserved_make_no_tunnel() {
        let geneve = |flags: u8| behind_udp([40_000, GENEVE], &[0, flags, 0x65, 0x58, 0, 0, 42, 0]).is_some();
        assert!(geneve(0) && geneve(0x80) && geneve(0x40), "messages of control, and critical options");
        assert!((0..6).all(|bit| !geneve(1 << bit)));
        let vxlan = |flags: u8, policy: u8| behind_udp([40_000, VXLAN], &[flags, policy, 0, 0, 0, 0, 1, 0]).is_some();
        assert!(vxlan(8, 0) && vxlan(0x88, 0x48) && !vxlan(8, 1) && !vxlan(0x88, 1) && !vxlan(0, 0));
    }

    #[test]
    fn rtp_on_a_port_of_a_tunnel_stays_rtp() {
        // The low half of its timestamp is zero, as sequence numbers of ESP begin.
        let rtp = [0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7];
        assert!(behind_udp([6000, IPSEC_NAT], &rtp).is_none());
        assert!(behind_udp([6000, IPSEC_NAT], &[0x10, 1, 2, 3, 0, 0, 0, 1, 9, 9]).is_some());
    }
}
