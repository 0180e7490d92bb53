//! What stands behind Ethernet types: tags, labels, and what providers and switches put before a packet.

use crate::capture::encapsulation::header::{Header, Inside, KeptHeader, Unreadable};
use crate::capture::encapsulation::network::NetworkField;
use crate::capture::link::{LinkType, is_tag};
use crate::fields::{be16, be32};

/// How many labels an MPLS stack has.
const MAX_LABELS: usize = 16;
/// No field tells what a label leads to: IP, or a frame of Ethernet with or without a control word (RFC 4385, RFC 4448).
const BEHIND_LABELS: &[(usize, Inside)] =
    &[(0, Inside::Ip), (4, Inside::Link(LinkType::ETHERNET)), (0, Inside::Link(LinkType::ETHERNET)), (4, Inside::Ip)];

/// A frame of Ethernet.
pub(super) fn frame(data: &[u8]) -> Option<Header> {
    Some(Header::new(14, KeptHeader::Addresses(&[6, 0]), Inside::of_ether_type(be16(data, 12)?)))
}

/// What stands behind an Ethernet type.
pub(super) fn behind_type(kind: u16, data: &[u8]) -> Option<Header> {
    match kind {
        kind if is_tag(kind) => vlan_tag(data),
        0x8864 => pppoe(data),
        // 802.1ah: the tag of the provider's backbone, then the customer's frame.
        0x88e7 => {
            let service = be32(data, 0)? & 0x00ff_ffff;
            Some(Header::plain(4, Inside::Link(LinkType::ETHERNET)).of_network(NetworkField::Tag(service)))
        }
        // VN-Tag, and high-availability seamless redundancy (IEC 62439-3).
        0x8926 | 0x892f => Some(Header::plain(6, Inside::of_ether_type(be16(data, 4)?))),
        0x22f3 => trill(data),
        0x8909 => cisco_metadata(data),
        0x88e5 => macsec(data),
        _ => switch_tag(kind, data),
    }
}

/// Version 0, the length of options in fours, hops, two nicknames of switches; then the frame (RFC 6325, section 3.2).
fn trill(data: &[u8]) -> Option<Header> {
    let word = be16(data, 0).filter(|word| word >> 14 == 0)?;
    let options = usize::from(word >> 6 & 0x1f) * 4;
    Some(Header::plain(6 + options, Inside::Link(LinkType::ETHERNET)))
}

/// A tag of a VLAN; number 0 has a priority alone (IEEE 802.1Q, section 9.6).
fn vlan_tag(data: &[u8]) -> Option<Header> {
    let header = Header::plain(4, Inside::of_ether_type(be16(data, 2)?));
    match be16(data, 0)? & 0x0fff {
        0 => Some(header),
        number => Some(header.of_network(NetworkField::Tag(number.into()))),
    }
}

/// Version and type, code 0 for session data, session, length (RFC 2516, section 4).
pub(super) fn pppoe(data: &[u8]) -> Option<Header> {
    let [0x11, 0, _, _, _, _, ..] = *data else { return None };
    let session = NetworkField::Tag(be16(data, 2)?.into());
    Some(Header::plain(6, Inside::Ppp).of_network(session))
}

/// Version 1, how many options of four bytes, the options, and an Ethernet type.
fn cisco_metadata(data: &[u8]) -> Option<Header> {
    let [1, options, ..] = *data else { return None };
    let len = 4 + usize::from(options) * 4;
    Some(Header::plain(len, Inside::of_ether_type(be16(data, len - 2)?)))
}

/// A security tag of IEEE 802.1AE. Only what is encrypted or changed can't be read.
fn macsec(data: &[u8]) -> Option<Header> {
    let control = *data.first()?;
    let len = if control & 0x20 == 0 { 6 } else { 14 };
    if control & 0x0c != 0 {
        return Some(Header::new(len, KeptHeader::First(6), Inside::Unreadable(Unreadable::MacSec)));
    }
    let inside = Inside::of_ether_type(be16(data, len)?);
    // The identifier of a channel is an address of the link layer.
    Some(Header::new(len + 2, if len == 6 { KeptHeader::All } else { KeptHeader::SecureChannel }, inside))
}

/// The tag of a Marvell switch, four bytes behind the addresses, in a capture that does not announce it.
fn switch_tag(kind: u16, data: &[u8]) -> Option<Header> {
    let [_, _, a, b, ..] = *data else { return None };
    let ip = [[0x08, 0x00], [0x86, 0xdd]].contains(&[a, b]);
    (kind & 0xc000 != 0 && ip).then_some(Header::plain(4, Inside::Ip))
}

/// Service access points and control; or a SNAP header (RFC 1042; RFC 2684, section 5.1).
pub(super) fn llc(data: &[u8]) -> Option<Header> {
    match *data {
        [0xaa, 0xaa, 0x03, 0, 0, 0 | 0xf8, ..] => Some(Header::plain(8, Inside::of_ether_type(be16(data, 6)?))),
        [0xaa, 0xaa, 0x03, 0x00, 0x80, 0xc2, 0, 1 | 7, ..] => Some(Header::plain(8, Inside::Link(LinkType::ETHERNET))),
        [0x06, 0x06, 0x03, ..] => Some(Header::plain(3, Inside::Ip)),
        _ => None,
    }
}

/// Labels, of which the last has the bottom bit (RFC 3032).
pub(super) fn mpls(data: &[u8]) -> Option<Header> {
    let is_bottom = |label: &&[u8; 4]| label.get(2).is_some_and(|byte| byte & 1 == 1);
    let (labels, _) = data.as_chunks::<4>();
    let above = labels.iter().take(MAX_LABELS).take_while(|label| !is_bottom(label)).count();
    let bottom = labels.get(above).filter(is_bottom)?;
    let label = NetworkField::Tag(be32(bottom, 0)? >> 12);
    Some(Header::plain((above + 1) * 4, Inside::OneOf(BEHIND_LABELS)).of_network(label))
}

/// A network service header: its length, and what follows (RFC 8300, section 2.2).
pub(super) fn nsh(data: &[u8]) -> Option<Header> {
    let [first, second, _, next, ..] = *data else { return None };
    let len = usize::from(second & 0x3f) * 4;
    if first >> 6 != 0 || len < 8 {
        return None;
    }
    Some(Header::new(len, KeptHeader::First(8), behind_next_protocol(next)?))
}

/// The numbers that NSH and VXLAN-GPE share.
pub(super) const fn behind_next_protocol(next: u8) -> Option<Inside> {
    match next {
        1 | 2 => Some(Inside::Ip),
        3 => Some(Inside::Link(LinkType::ETHERNET)),
        4 => Some(Inside::Nsh),
        5 => Some(Inside::Mpls),
        _ => None,
    }
}
