//! Link layers: what a captured packet begins with.

use crate::capture::encapsulation::header::{Header, Inside, KeptHeader, Unreadable};
use crate::capture::encapsulation::{ethernet, ppp, wireless};
use crate::capture::link::{LinkType, is_loopback};
use crate::fields::{be16, be32, le16};

/// The header of a link layer.
pub(super) fn header(link: LinkType, data: &[u8]) -> Option<Header> {
    match link {
        LinkType::ETHERNET => ethernet::frame(data),
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD | LinkType::IPV4 | LinkType::IPV6 => {
            Some(Header::plain(0, Inside::Ip))
        }
        LinkType::NULL | LinkType::LOOP => is_loopback(data).then_some(Header::plain(4, Inside::Ip)),
        LinkType::LINUX_SLL => {
            Some(Header::new(16, KeptHeader::Cooked { len: 5, at: 6 }, Inside::of_ether_type(be16(data, 14)?)))
        }
        LinkType::LINUX_SLL2 => {
            data.first_chunk::<20>()?;
            Some(Header::new(20, KeptHeader::Cooked { len: 11, at: 12 }, Inside::of_ether_type(be16(data, 0)?)))
        }
        LinkType::PPP => ppp::frame(data),
        LinkType::PPP_HDLC => ppp::hdlc(data),
        LinkType::PPP_ETHER => ethernet::pppoe(data),
        LinkType::IEEE802_11 => wireless::frame(data, false),
        LinkType::RADIOTAP => wireless::radiotap(data),
        LinkType::PRISM => wireless::prism(data),
        LinkType::AVS => wireless::avs(data),
        LinkType::PPI => wireless::ppi(data),
        // 149 is what Apple's tools wrote before they had a number of their own.
        LinkType::PKTAP | LinkType::USER2 => wireless::pktap(data),
        LinkType::NFLOG => Some(Header::plain(4, Inside::Nflog)),
        _ => other(link, data),
    }
}

/// Those that are seldom met.
fn other(link: LinkType, data: &[u8]) -> Option<Header> {
    match link.0 {
        // IEEE 802.5: access and frame control, addresses, and a route if the sender's address says so.
        6 => token_ring(data),
        // SLIP: direction, and a compressed header.
        8 => Some(Header::new(16, KeptHeader::First(1), Inside::Ip)),
        // FDDI: frame control, addresses.
        10 => Some(Header::new(13, KeptHeader::Addresses(&[7, 1]), Inside::Llc)),
        // Classical IP over ATM.
        100 => Some(Header::plain(0, Inside::Llc)),
        104 => ppp::cisco_hdlc(data),
        107 => ppp::frame_relay(data),
        // OpenBSD's encapsulated IP: an address family, an index, flags.
        109 => Some(Header::new(12, KeptHeader::First(4), Inside::Ip)),
        // The log of OpenBSD's packet filter: its length without padding.
        117 => Some(Header::new(usize::from(*data.first()?).next_multiple_of(4), KeptHeader::First(4), Inside::Ip)),
        // IP over IEEE 1394: two addresses of eight bytes, an Ethernet type.
        138 => Some(Header::new(18, KeptHeader::Last(2), Inside::of_ether_type(be16(data, 16)?))),
        // PPP, HDLC and Frame Relay behind the direction.
        166 => Some(Header::plain(if data.get(1) == Some(&0x03) { 2 } else { 0 }, Inside::Ppp)),
        204 => Some(Header::plain(1, Inside::Ppp)),
        205 => Some(Header::plain(1, Inside::Link(LinkType(104)))),
        206 => Some(Header::plain(1, Inside::Link(LinkType(107)))),
        197 => endace(data),
        // Solaris: version, family, and numbers of interfaces and zones.
        226 => Some(Header::new(24, KeptHeader::First(2), Inside::Ip)),
        // Hilscher netANALYZER: a header of four bytes, and in its transparent mode a preamble.
        // And a tag of Broadcom's switches that stands before all.
        240 | 282 => Some(Header::plain(4, Inside::Link(LinkType::ETHERNET))),
        241 => Some(Header::plain(12, Inside::Link(LinkType::ETHERNET))),
        // A preamble of eight bytes.
        274 => Some(Header::plain(8, Inside::Link(LinkType::ETHERNET))),
        // Tags of switches behind the addresses: Broadcom's and Marvell's.
        281 | 283 => Some(Header::new(18, KeptHeader::Addresses(&[6, 0]), Inside::of_ether_type(be16(data, 16)?))),
        284 => Some(Header::new(22, KeptHeader::Addresses(&[6, 0]), Inside::of_ether_type(be16(data, 20)?))),
        number => Some(Header::plain(0, Inside::Unreadable(Unreadable::LinkType(number)))),
    }
}

fn token_ring(data: &[u8]) -> Option<Header> {
    let route = if data.get(8)? & 0x80 == 0 { 0 } else { usize::from(data.get(14)? & 0x1f) };
    Some(Header::new(14 + route, KeptHeader::RoutedAddresses(&[8, 2]), Inside::Llc))
}

/// Endace's extensible record format: 16 bytes, extension headers, and for Ethernet two bytes more.
fn endace(data: &[u8]) -> Option<Header> {
    let kind = *data.get(8)?;
    let (extensions, _) = data.get(16..)?.as_chunks::<8>();
    let more = extensions.iter().take_while(|[first, ..]| first & 0x80 != 0).count() + 1;
    let len = 16 + if kind & 0x80 == 0 { 0 } else { more * 8 };
    match kind & 0x7f {
        1 | 10 => Some(Header::plain(len, Inside::Link(LinkType::PPP_HDLC))),
        2 | 11 | 16 | 20 => Some(Header::plain(len + 2, Inside::Link(LinkType::ETHERNET))),
        22 | 23 => Some(Header::plain(len, Inside::Ip)),
        _ => None,
    }
}

/// A field of NFLOG: its length, its type, both in the order of the machine; 9 is the packet.
pub(super) fn nflog(data: &[u8]) -> Option<Header> {
    let little = [le16(data, 0)?, le16(data, 2)?];
    let [length, kind] = if little.iter().all(|number| *number < 0x0100) || be16(data, 2)? > 0xff {
        little
    } else {
        [be16(data, 0)?, be16(data, 2)?]
    };
    if kind == 9 {
        return Some(Header::plain(4, Inside::Ip));
    }
    let len = usize::from(length).next_multiple_of(4);
    (length >= 4).then_some(Header::new(len, KeptHeader::First(4), Inside::Nflog))
}

/// What a number of TZSP or a tag of it leads to.
pub(super) fn tzsp_tag(protocol: u16, data: &[u8]) -> Option<Header> {
    let inside = match protocol {
        1 => Inside::Link(LinkType::ETHERNET),
        18 => Inside::Wifi { padded: false },
        119 => Inside::Link(LinkType::PRISM),
        127 => Inside::Link(LinkType::AVS),
        _ => return None,
    };
    match *data {
        [0, ..] => Some(Header::plain(1, Inside::TzspTag(protocol))),
        [1, ..] => Some(Header::plain(1, inside)),
        [_, len, ..] => Some(Header::new(2 + usize::from(len), KeptHeader::First(2), Inside::TzspTag(protocol))),
        _ => None,
    }
}

/// What may come before a packet of Teredo: who is asked for authentication, and where a packet came from.
pub(super) fn teredo(data: &[u8]) -> Option<Header> {
    match *data {
        [0, 0, ..] => Some(Header::new(8, KeptHeader::First(2), Inside::Teredo)),
        [0, 1, id, value, ..] => {
            Some(Header::new(13 + usize::from(id) + usize::from(value), KeptHeader::First(4), Inside::Teredo))
        }
        _ => Some(Header::plain(0, Inside::Ip)).filter(|_| be32(data, 0).is_some_and(|word| word >> 28 == 6)),
    }
}
